//! Kinds of repositories that a person may have: each works, or is refused with what to do.

use crate::course::{Lands, ROW, Row};
use crate::ground::{self, FILES, Ground};
use crate::support::*;
use monban::git::Repository;

/// The repositories, each with a trap in it.
pub const ROWS: &[Row] = &[
    Row {
        name: "references in tables",
        person: || Ground::made(&["--ref-format=reftable"], &[]),
        play: |g| {
            trapped(g);
            g.agent(&["tag", "v1"]);
            g.agent(&["update-ref", "refs/tags/main", "HEAD"]);
        },
        told: &["refs/tags/main new", "refs/tags/v1 new", "config changed"],
        ..ROW
    },
    Row {
        name: "configuration of each worktree",
        person: || {
            let world = Ground::person(&[]);
            world.git(&["config", "extensions.worktreeConfig", "true"]);
            world.git(&["config", "--worktree", "core.quotePath", "false"]);
            world
        },
        play: |g| {
            trapped(g);
            g.agent(&["config", "--worktree", "core.fsmonitor", &g.trap()]);
        },
        bites: |g| g.springs(g.work(), &["status"]),
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "a checkout of a part, with an index of a part",
        person: || {
            let world = Ground::person(&[]);
            world.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "dir"]);
            assert!(!world.root.join("far").exists());
            world
        },
        play: |g| trapped(g),
        told: &["config changed"],
        bites: |g| {
            assert!(!g.world.root.join("far").exists(), "what is not checked out stays so");
            assert_eq!(g.world.git(&["-c", "core.fsmonitor=", "status", "--porcelain"]), "");
        },
        lands: Lands::Part,
        ..ROW
    },
    Row {
        name: "an index in two files",
        person: || {
            let world = Ground::person(&[]);
            world.git(&["update-index", "--split-index"]);
            world
        },
        play: |g| trapped(g),
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "line endings of another system",
        person: || {
            let world = World::made_in(ground::folder(), &[]);
            world.git(&["config", "core.autocrlf", "true"]);
            for (path, text) in FILES {
                world.write(path, text.replace('\n', "\r\n").as_bytes());
            }
            world.commit("first");
            world
        },
        play: |g| trapped(g),
        told: &["config changed"],
        lands: Lands::Waits("line endings"),
        ..ROW
    },
];

fn trapped(g: &Ground) {
    g.agent(&["config", "core.fsmonitor", &g.trap()]);
}

#[test]
fn a_repository_of_longer_ids_is_refused_with_what_can_be_done() {
    let folder = tempfile::tempdir().unwrap();
    git_in(folder.path(), &["init", "-q", "--object-format=sha256", "."]);
    git_in(folder.path(), &["commit", "-q", "--allow-empty", "-m", "first"]);
    let said = Repository::open(folder.path()).unwrap_err().to_string();
    assert!(said.contains("uses the object format sha256"), "{said}");
    assert!(said.contains("only SHA-1 repositories can be supervised"), "{said}");
}

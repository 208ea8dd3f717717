//! The agent's own commits, and references of the person that it makes, moves or removes.

use crate::course::{Lands, ROW, Row};
use crate::ground::{Ground, LINES};
use crate::support::*;
use std::fs;

/// The tricks.
pub const ROWS: &[Row] = &[
    Row {
        name: "commits, amends and resets",
        play: |g| {
            g.agent(&["commit", "-q", "-a", "-m", "hidden"]);
            g.agent(&["commit", "-q", "--amend", "-m", "amended"]);
            g.put("dir/b", "also\n");
            g.agent(&["commit", "-q", "-a", "-m", "more"]);
            g.agent(&["reset", "-q", "--soft", "HEAD~1"]);
            g.agent(&["checkout", "-q", "--orphan", "alone"]);
            g.agent(&["rm", "-r", "-q", "--cached", "."]);
        },
        ..ROW
    },
    Row {
        name: "its own branch gone, its worktree on none",
        play: |g| {
            g.agent(&["checkout", "-q", "--detach"]);
            g.agent(&["branch", "-q", "-D", "monban/1-1"]);
        },
        ..ROW
    },
    Row {
        name: "its worktree on the base branch, with a change of its own there",
        play: |g| {
            g.agent(&["checkout", "-q", "--ignore-other-worktrees", "main"]);
        },
        ..ROW
    },
    Row {
        name: "a stash",
        play: |g| {
            g.agent(&["stash", "-q"]);
            g.agent(&["stash", "apply", "-q"]);
        },
        told: &["refs/stash new"],
        ..ROW
    },
    Row {
        name: "the base moved to its own commit",
        play: |g| {
            g.agent(&["commit", "-q", "-a", "-m", "landed by itself"]);
            g.agent(&["update-ref", "refs/heads/main", "HEAD"]);
        },
        told: &["refs/heads/main changed"],
        lands: Lands::BaseMoved,
        ..ROW
    },
    Row {
        name: "the base moved to where it never was",
        play: |g| {
            g.agent(&["update-ref", "refs/heads/main", &orphan(g)]);
        },
        told: &["refs/heads/main changed"],
        lands: Lands::BaseMoved,
        ..ROW
    },
    Row {
        name: "branches and tags of the person, moved and removed",
        person: || {
            let world = Ground::person(&[]);
            world.git(&["branch", "gone"]);
            world.git(&["branch", "moved"]);
            world.git(&["tag", "v1"]);
            world.git(&["tag", "-a", "-m", "two", "v2"]);
            world.git(&["pack-refs", "--all"]);
            world
        },
        play: |g| {
            let evil = orphan(g);
            g.agent(&["branch", "-q", "-D", "gone"]);
            g.agent(&["branch", "-q", "-f", "moved", &evil]);
            g.agent(&["tag", "-f", "v1", &evil]);
            g.agent(&["tag", "-d", "v2"]);
        },
        told: &[
            "refs/heads/gone removed",
            "refs/heads/moved changed",
            "refs/tags/v1 changed",
            "refs/tags/v2 removed",
        ],
        ..ROW
    },
    Row {
        name: "a tag and a branch that git reads in the place of the base",
        play: |g| {
            let evil = orphan(g);
            g.agent(&["tag", "main", &evil]);
            g.agent(&["update-ref", "refs/heads/refs/heads/main", &evil]);
        },
        bites: |g| assert_ne!(g.agent(&["rev-parse", "main"]), g.agent(&["rev-parse", MAIN])),
        told: &["refs/heads/refs/heads/main new", "refs/tags/main new"],
        ..ROW
    },
    Row {
        name: "an alias of the base",
        play: |g| {
            g.agent(&["symbolic-ref", "refs/heads/alias", MAIN]);
        },
        told: &["refs/heads/alias new"],
        ..ROW
    },
    Row {
        name: "the person's checkout on another branch",
        person: || {
            let world = Ground::person(&[]);
            world.git(&["branch", "keep"]);
            world
        },
        play: |g| {
            g.world.git(&["symbolic-ref", "HEAD", "refs/heads/keep"]);
        },
        told: &["HEAD changed"],
        lands: Lands::Alone,
        ..ROW
    },
    Row {
        name: "a commit of its own where results wait for the person",
        play: |g| {
            g.agent(&["commit", "-q", "-a", "-m", "approve me"]);
            g.agent(&["update-ref", "refs/monban/ready/9-9", "HEAD"]);
        },
        told: &["refs/monban/ready/9-9 new"],
        ..ROW
    },
    Row {
        name: "hooks that would run when the rest is taken back",
        play: |g| {
            g.agent(&["tag", "t"]);
            g.trap_at(&g.common().join("hooks/reference-transaction"));
        },
        bites: |g| g.springs(&g.world.root, &["update-ref", "refs/heads/monban/x", "HEAD"]),
        told: &["refs/tags/t new", "hooks/reference-transaction new"],
        ..ROW
    },
    Row {
        name: "names of branches and tags that are no words",
        play: |g| {
            for bytes in NAMES {
                for space in ["refs/heads", "refs/tags"] {
                    let at = g.common().join(space).join(name(bytes));
                    write(&at, format!("{}\n", g.base).as_bytes());
                }
            }
            // Git itself takes no notice of this one.
            let lines = g.common().join("refs/heads").join(name(b"new\nline"));
            fs::write(lines, format!("{}\n", g.base)).unwrap();
        },
        told: &["refs/"; 2 * NAMES.len()],
        ..ROW
    },
];

const NAMES: &[&[u8]] = &[
    b";rm",
    b"-option",
    b"$(touch${IFS}canary)",
    b"'quoted'",
    b"a%s%n",
    "\u{202e}niam".as_bytes(),
    "\u{200b}main".as_bytes(),
    b"\xff\xfe",
    b"\xff\xfd",
    &[b'n'; 250],
];

/// A commit of the agent's that has nothing to do with the base.
fn orphan(g: &Ground) -> String {
    g.put("a", "evil\n");
    g.agent(&["add", "a"]);
    let tree = g.agent(&["write-tree"]);
    g.put("a", format!("mine\n{LINES}"));
    g.agent(&["commit-tree", "-m", "evil", &tree])
}

//! What git keeps beside the files: pointers, indexes, excludes, and objects that are not what they
//! are said to be.

use crate::course::{Lands, ROW, Row};
use crate::ground::{Ground, LINES};
use crate::independent::unhex;
use crate::support::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// The tricks.
pub const ROWS: &[Row] = &[
    Row {
        name: "a .git file that leads to a repository of the agent's own",
        play: |g| g.put(".git", format!("gitdir: {}\n", g.own_git().display())),
        bites: |g| g.springs(g.work(), &["status"]),
        ..ROW
    },
    Row {
        name: "a .git folder of the agent's own",
        play: |g| {
            fs::remove_file(g.work().join(".git")).unwrap();
            fs::rename(g.own_git(), g.work().join(".git")).unwrap();
        },
        bites: |g| g.springs(g.work(), &["status"]),
        ..ROW
    },
    Row {
        name: "a link in the place of the .git file",
        play: |g| {
            fs::remove_file(g.work().join(".git")).unwrap();
            symlink(g.own_git(), g.work().join(".git")).unwrap();
        },
        bites: |g| g.springs(g.work(), &["status"]),
        ..ROW
    },
    Row {
        name: "a rewritten commondir",
        play: |g| {
            let own = format!("{}\n", g.own_git().display());
            write(&g.worktree.git_dir.join("commondir"), own.as_bytes());
        },
        bites: |g| g.springs(g.work(), &["status"]),
        ..ROW
    },
    Row {
        name: "a worktree that says it is the person's checkout",
        play: |g| {
            let theirs = format!("{}/.git\n", g.world.root.display());
            write(&g.worktree.git_dir.join("gitdir"), theirs.as_bytes());
        },
        ..ROW
    },
    Row {
        name: "a link to the person's git folder in the place of the worktree's own",
        play: |g| {
            fs::remove_dir_all(&g.worktree.git_dir).unwrap();
            symlink("..", &g.worktree.git_dir).unwrap();
        },
        bites: |g| assert_eq!(g.world.git(&["rev-parse", "HEAD"]), g.base.to_string()),
        lands: Lands::Waits("checked out in several places"),
        ..ROW
    },
    Row {
        name: "a git folder that is gone",
        play: |g| fs::remove_dir_all(&g.worktree.git_dir).unwrap(),
        ..ROW
    },
    Row {
        name: "flags in the index that hide changes",
        play: |g| {
            g.put("dir/b", "changed\n");
            g.agent(&["update-index", "--assume-unchanged", "a"]);
            g.agent(&["update-index", "--skip-worktree", "dir/b"]);
        },
        bites: |g| assert_eq!(g.agent(&["status", "--porcelain"]), ""),
        ..ROW
    },
    Row {
        name: "flags in the person's index that hide changes",
        play: |g| {
            g.world.git(&["update-index", "--assume-unchanged", "far/c"]);
            g.world.git(&["update-index", "--skip-worktree", "dir/b"]);
        },
        ..ROW
    },
    Row {
        name: "excludes that hide new files",
        play: |g| {
            g.put("hidden", "x");
            g.put(".gitignore", "*\n");
            g.plant("info/exclude", "*\n");
            g.plant("excludes", "*\n");
            let excludes = g.common().join("excludes");
            g.agent(&["config", "core.excludesFile", excludes.to_str().unwrap()]);
        },
        bites: |g| assert!(!g.agent(&["status", "--porcelain"]).contains("hidden")),
        told: &["config changed", "info/exclude changed"],
        ..ROW
    },
    Row {
        name: "another commit in the place of the base",
        play: |g| {
            let evil = evil(g);
            g.agent(&["replace", &g.base.to_string(), &evil]);
        },
        bites: |g| assert_eq!(g.agent(&["show", &format!("{}:a", g.base)]), "evil"),
        told: &["refs/replace/"],
        ..ROW
    },
    Row {
        name: "another history by grafts",
        play: |g| {
            let evil = evil(g);
            g.plant("info/grafts", format!("{} {evil}\n", g.base));
        },
        bites: |g| assert_eq!(g.agent(&["rev-list", "--count", &g.base.to_string()]), "2"),
        told: &["info/grafts new"],
        ..ROW
    },
    Row {
        name: "a history that is cut off",
        person: || {
            let world = Ground::person(&[]);
            world.commit("second");
            world
        },
        play: |g| g.plant("shallow", format!("{}\n", g.base)),
        bites: |g| assert_eq!(g.agent(&["rev-list", "--count", &g.base.to_string()]), "1"),
        told: &["shallow new"],
        ..ROW
    },
    Row {
        name: "a forged commit graph",
        play: |g| {
            let evil = g.agent(&["rev-parse", &format!("{}^{{tree}}", evil(g))]);
            let good = g.agent(&["rev-parse", &format!("{}^{{tree}}", g.base)]);
            g.agent(&["update-ref", "refs/heads/monban/x", &g.base.to_string()]);
            g.agent(&["commit-graph", "write", "--reachable"]);
            let path = g.common().join("objects/info/commit-graph");
            let mut graph = fs::read(&path).unwrap();
            let (evil, good) = (unhex(&evil), unhex(&good));
            let at = graph.windows(20).position(|window| window == good).unwrap();
            graph[at..at + 20].copy_from_slice(&evil);
            fs::remove_file(&path).unwrap();
            fs::write(path, graph).unwrap();
        },
        bites: |g| {
            let shown = g.agent(&["log", "-1", "--format=%T", &g.base.to_string()]);
            assert_ne!(shown, g.store.tree_of(g.base).unwrap().to_string());
        },
        ..ROW
    },
    Row {
        name: "a planted object with the id of an approved one",
        play: |g| {
            let (folder, file) = planted(g);
            g.plant(&format!("objects/{folder}/{file}"), fs::read(forged(g)).unwrap());
        },
        lands: Lands::Refused("forged object"),
        ..ROW
    },
    Row {
        name: "a planted object in a repository that objects are borrowed from",
        play: |g| {
            let (folder, file) = planted(g);
            let own = g.own_git().join("objects");
            write(&own.join(folder).join(file), &fs::read(forged(g)).unwrap());
            g.plant("objects/info/alternates", format!("{}\n", own.display()));
        },
        told: &["objects/info/alternates new"],
        lands: Lands::Refused("forged object"),
        ..ROW
    },
];

/// A commit of other content than the base, in the person's repository.
fn evil(g: &Ground) -> String {
    g.put("a", "evil\n");
    g.agent(&["commit", "-q", "-a", "-m", "evil"]);
    g.put("a", format!("mine\n{LINES}"));
    g.agent(&["rev-parse", "HEAD"])
}

/// Where the object of the agent's change will be.
fn planted(g: &Ground) -> (String, String) {
    let id = g.agent(&["hash-object", "a"]);
    let (folder, file) = id.split_at(2);
    (folder.to_string(), file.to_string())
}

/// The file of an object with other content.
fn forged(g: &Ground) -> PathBuf {
    g.put("forged", "something else\n");
    let id = g.agent(&["hash-object", "-w", "forged"]);
    fs::remove_file(g.work().join("forged")).unwrap();
    g.common().join("objects").join(&id[..2]).join(&id[2..])
}

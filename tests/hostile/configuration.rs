//! Programs that configuration, attributes and hooks name. Ordinary git runs what the agent writes
//! there, and monban does not.

use crate::course::{Lands, ROW, Row};
use crate::ground::Ground;
use crate::support::*;

/// The tricks.
pub const ROWS: &[Row] = &[
    Row {
        name: "a file system monitor",
        play: |g| {
            g.agent(&["config", "core.fsmonitor", &g.trap()]);
        },
        bites: |g| g.springs(&g.world.root, &["status"]),
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "hooks",
        play: |g| {
            for hook in HOOKS {
                g.trap_at(&g.common().join("hooks").join(hook));
            }
        },
        bites: |g| g.springs(&g.world.root, &["update-ref", "refs/heads/monban/x", "HEAD"]),
        told: &[
            "hooks/fsmonitor-watchman new",
            "hooks/post-checkout new",
            "hooks/post-commit new",
            "hooks/post-index-change new",
            "hooks/post-merge new",
            "hooks/post-rewrite new",
            "hooks/pre-auto-gc new",
            "hooks/pre-commit new",
            "hooks/reference-transaction new",
        ],
        ..ROW
    },
    Row {
        name: "hooks in a folder of the worktree",
        play: |g| {
            g.trap_at(&g.work().join(".hooks/reference-transaction"));
            g.agent(&["config", "core.hooksPath", g.work().join(".hooks").to_str().unwrap()]);
        },
        bites: |g| g.springs(&g.world.root, &["update-ref", "refs/heads/monban/x", "HEAD"]),
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "filters by an attributes file of the worktree",
        play: |g| filters(g, &g.work().join(".gitattributes")),
        bites: |g| g.springs(g.work(), &["add", "-A"]),
        told: &["config changed"],
        lands: Lands::Waits("goes through a filter (filter)"),
        ..ROW
    },
    Row {
        name: "filters by info/attributes",
        play: |g| filters(g, &g.common().join("info/attributes")),
        bites: |g| g.springs(g.work(), &["add", "-A"]),
        told: &["config changed", "info/attributes new"],
        lands: Lands::Waits("info/attributes sets filter"),
        ..ROW
    },
    Row {
        name: "an external diff",
        play: |g| {
            g.agent(&["config", "diff.external", &g.trap()]);
        },
        bites: |g| g.springs(g.work(), &["diff"]),
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "a text conversion",
        play: |g| {
            g.put(".gitattributes", "* diff=x\n");
            g.agent(&["config", "diff.x.textconv", &g.trap()]);
        },
        bites: |g| g.springs(g.work(), &["diff"]),
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "a merge driver",
        play: |g| {
            g.put(".gitattributes", "* merge=x\n");
            g.agent(&["config", "merge.x.driver", &g.trap()]);
        },
        bites: |g| {
            let tree = |text: &str| {
                g.put("a", text);
                g.agent(&["add", "-A"]);
                let tree = g.agent(&["write-tree"]);
                g.agent(&["commit-tree", "-p", &g.base.to_string(), "-m", "side", &tree])
            };
            let (one, two) = (tree("one\n"), tree("two\n"));
            g.springs(g.work(), &["merge-tree", "--write-tree", &one, &two]);
        },
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "a signing program",
        play: |g| {
            g.agent(&["config", "gpg.program", &g.trap()]);
            g.agent(&["config", "commit.gpgSign", "true"]);
            g.agent(&["config", "user.signingKey", "x"]);
        },
        bites: |g| g.springs(g.work(), &["commit", "-q", "--allow-empty", "-m", "x"]),
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "an editor",
        play: |g| {
            g.agent(&["config", "core.editor", &g.trap()]);
        },
        bites: |g| g.springs(g.work(), &["commit", "-q", "--allow-empty"]),
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "a way to the server",
        play: |g| {
            g.agent(&["config", "core.sshCommand", &g.silent_trap()]);
            g.agent(&["config", "remote.origin.url", "ssh://localhost/x"]);
        },
        bites: |g| g.springs(g.work(), &["ls-remote", "origin"]),
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "a protocol that is a program, for objects that are missing",
        play: |g| {
            for (key, value) in [
                ("core.repositoryFormatVersion", "1"),
                ("extensions.partialClone", "origin"),
                ("remote.origin.promisor", "true"),
                ("remote.origin.url", &format!("ext::{}", g.silent_trap())),
                ("protocol.ext.allow", "always"),
            ] {
                g.agent(&["config", key, value]);
            }
            let id = g.agent(&["rev-parse", "HEAD:far/c"]);
            let (folder, file) = id.split_at(2);
            std::fs::remove_file(g.common().join("objects").join(folder).join(file)).unwrap();
        },
        bites: |g| g.springs(g.work(), &["cat-file", "-p", &format!("{}:far/c", g.base)]),
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "the references of a repository that objects are borrowed from",
        play: |g| {
            let own = g.own_git();
            g.plant("objects/info/alternates", format!("{}/objects\n", own.display()));
            g.agent(&["config", "core.alternateRefsCommand", &g.trap()]);
        },
        bites: |g| g.springs(g.work(), &["rev-list", "--alternate-refs"]),
        told: &["config changed", "objects/info/alternates new"],
        ..ROW
    },
    Row {
        name: "configuration included from the worktree",
        play: |g| {
            g.put("included", format!("[core]\n\tfsmonitor = {}\n", g.trap()));
            let included = g.work().join("included");
            g.agent(&["config", "include.path", included.to_str().unwrap()]);
        },
        bites: |g| g.springs(&g.world.root, &["status"]),
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "configuration of the worktree alone",
        play: |g| {
            g.agent(&["config", "extensions.worktreeConfig", "true"]);
            g.agent(&["config", "--worktree", "core.fsmonitor", &g.trap()]);
        },
        bites: |g| g.springs(g.work(), &["status"]),
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "configuration of the person's checkout alone",
        play: |g| {
            g.agent(&["config", "extensions.worktreeConfig", "true"]);
            g.plant("config.worktree", format!("[core]\n\tfsmonitor = {}\n", g.trap()));
        },
        bites: |g| g.springs(&g.world.root, &["status"]),
        told: &["config changed", "config.worktree new"],
        ..ROW
    },
    Row {
        name: "a checkout that is said to be elsewhere",
        play: |g| {
            g.agent(&["config", "core.worktree", g.work().to_str().unwrap()]);
            g.agent(&["config", "core.fsmonitor", &g.trap()]);
        },
        bites: |g| g.springs(&g.world.root, &["status"]),
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "an endless wait for a lock",
        play: |g| {
            g.agent(&["config", "core.filesRefLockTimeout", "-1"]);
            g.agent(&["config", "core.packedRefsTimeout", "-1"]);
        },
        told: &["config changed"],
        ..ROW
    },
];

const HOOKS: &[&str] = &[
    "fsmonitor-watchman",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-rewrite",
    "pre-auto-gc",
    "pre-commit",
    "reference-transaction",
];

fn filters(g: &Ground, attributes: &std::path::Path) {
    for key in ["filter.x.clean", "filter.x.smudge", "filter.x.process"] {
        g.agent(&["config", key, &g.trap()]);
    }
    g.agent(&["config", "filter.x.required", "true"]);
    write(attributes, b"* filter=x\n");
}

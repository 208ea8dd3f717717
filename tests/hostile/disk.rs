//! What can be on a disk: names, links, repositories in the repository, pipes.

use crate::course::{Lands, ROW, Row};
use crate::ground::Ground;
use crate::support::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

/// The tricks.
pub const ROWS: &[Row] = &[
    Row {
        name: "names that are no words",
        play: |g| {
            for bytes in NAMES {
                write(&g.work().join(name(bytes)), bytes);
                write(&g.work().join("dir").join(name(bytes)).join(name(bytes)), bytes);
            }
        },
        ..ROW
    },
    Row {
        name: "pairs that are one name on other disks",
        play: |g| {
            for path in ["A", "Dir/b", "DIR", "\u{e9}", "e\u{301}", "\u{fb01}", "fi", ".GITignore"]
            {
                g.put(path, path);
            }
        },
        ..ROW
    },
    Row {
        name: "names that other disks take for .git",
        play: |g| {
            for path in [".GIT/config", "x/.git::$INDEX", "x/git~1/hooks", ".g\u{200c}it/config"] {
                g.put(path, "[core]\n\tfsmonitor = /bin/false\n");
            }
        },
        left: &[
            (b".GIT", "git's own name"),
            (b".g\xe2\x80\x8cit", "git's own name"),
            (b"x/.git::$INDEX", "git's own name"),
            (b"x/git~1", "git's own name"),
        ],
        ..ROW
    },
    Row {
        name: "links out of the worktree, to nowhere and in a circle",
        play: |g| {
            for (target, link) in [
                ("/etc/passwd", "absolute"),
                ("../../../..", "up"),
                ("round", "round"),
                ("gone", "dangling"),
                (".git", "pointer"),
                (".monban/home", "home"),
            ] {
                symlink(target, g.work().join(link)).unwrap();
            }
        },
        ..ROW
    },
    Row {
        name: "a folder that became a link to the person's checkout",
        play: |g| {
            fs::remove_dir_all(g.work().join("dir")).unwrap();
            symlink(g.world.root.join("dir"), g.work().join("dir")).unwrap();
        },
        lands: Lands::Waits("an untracked file is where dir goes"),
        ..ROW
    },
    Row {
        name: "files that became folders, and programs",
        play: |g| {
            fs::remove_file(g.work().join("far/c")).unwrap();
            g.put("far/c/d/e", "deep");
            for mode in [0o4755, 0o2711, 0o1777, 0o100, 0o600] {
                let path = g.work().join(format!("mode-{mode:o}"));
                fs::write(&path, "#!/bin/sh\n").unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
        },
        ..ROW
    },
    Row {
        name: "a home that is a link",
        play: |g| {
            let home = g.world.folder.path().join("elsewhere");
            fs::rename(g.work().join(".monban"), &home).unwrap();
            symlink(&home, g.work().join(".monban")).unwrap();
        },
        ..ROW
    },
    Row {
        name: "what the base ignores, and what only the agent does",
        play: |g| {
            g.put("target/debug/poison", "x");
            g.put("sub/target/poison", "x");
            g.put(".gitignore", "*\n");
            g.put("dir/.gitignore", "*\n");
            g.put("dir/new", "x");
        },
        left: &[(b"sub/target", "ignored by the base"), (b"target", "ignored by the base")],
        ..ROW
    },
    Row {
        name: "a repository in the repository",
        play: |g| {
            let inside = g.work().join("nested");
            nested(g, &inside);
            git_in(&inside, &["-c", "core.fsmonitor=", "commit", "-q", "--allow-empty", "-m", "x"]);
            g.agent(&["-c", "core.fsmonitor=", "add", "nested"]);
            g.put("dir/.git/HEAD", "ref: refs/heads/main\n");
        },
        bites: |g| g.springs(&g.work().join("nested"), &["status"]),
        left: &[(b"dir/.git", "git's own name"), (b"nested", "another git repository")],
        ..ROW
    },
    Row {
        name: "a submodule with files of the agent's",
        person: || {
            let world = Ground::person(&[(".gitmodules", MODULES)]);
            let id = world.head().to_string();
            world.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},sub")]);
            world.git(&["commit", "-q", "-m", "submodule"]);
            fs::create_dir(world.root.join("sub")).unwrap();
            world
        },
        play: |g| {
            nested(g, &g.work().join("sub"));
            g.put("sub/code", "x");
            g.agent(&["config", "submodule.sub.update", &format!("!{}", g.trap())]);
        },
        bites: |g| g.springs(&g.work().join("sub"), &["status"]),
        left: &[(b"sub", "a submodule with files")],
        told: &["config changed"],
        ..ROW
    },
    Row {
        name: "pipes and sockets",
        play: |g| {
            pipe(&g.work().join("pipe"));
            fs::remove_file(g.work().join(".gitignore")).unwrap();
            pipe(&g.work().join(".gitignore"));
            fs::remove_file(g.work().join("dir/b")).unwrap();
            UnixListener::bind(g.work().join("dir/b")).unwrap();
            pipe(&g.worktree.git_dir.join("MERGE_HEAD"));
        },
        left: &[(b".gitignore", "a FIFO"), (b"dir/b", "a socket"), (b"pipe", "a FIFO")],
        ..ROW
    },
    Row {
        name: "files that only point to where they are",
        person: || {
            let world = Ground::person(&[(".gitattributes", "*.bin filter=lfs\n")]);
            world.write("big.bin", POINTER);
            world.commit("second");
            world
        },
        play: |g| {
            for key in ["filter.lfs.clean", "filter.lfs.smudge", "filter.lfs.process"] {
                g.agent(&["config", key, &g.trap()]);
            }
            g.put("new.bin", POINTER);
        },
        bites: |g| g.springs(g.work(), &["add", "-A"]),
        told: &["config changed"],
        lands: Lands::Waits("new.bin goes through a filter"),
        ..ROW
    },
];

const NAMES: &[&[u8]] = &[
    b"new\nline",
    b"tab\tand\rreturn",
    "\u{202e}txt.exe".as_bytes(),
    "\u{200b}".as_bytes(),
    b"-option",
    b"--",
    b";rm -rf ~",
    b"$(touch canary)",
    b":(exclude)*",
    b"*",
    b"a:b",
    b"back\\slash",
    b"\"quoted\"",
    b"\xff\xfe",
    b"\x1b[31m",
    b" ",
    b"HEAD",
    b"COM1",
    &[b'n'; 255],
];

const MODULES: &str = "[submodule \"sub\"]\n\tpath = sub\n\turl = ext::false\n";

const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n\
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

/// Makes a repository of the agent's with a trap in it.
fn nested(g: &Ground, path: &Path) {
    git_in(g.work(), &["init", "-q", path.to_str().unwrap()]);
    git_in(path, &["config", "core.fsmonitor", &g.trap()]);
}

pub fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

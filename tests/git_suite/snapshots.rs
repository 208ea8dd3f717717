//! What a snapshot holds and what it names as left over.

use crate::support::*;
use monban::git::{GitError, Limits};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::time::SystemTime;

fn why(snapshot: &monban::git::Snapshot, path: &str) -> String {
    let found = snapshot.leftovers.iter().find(|leftover| leftover.path.shown() == path);
    found.unwrap_or_else(|| panic!("{path} is no leftover: {snapshot:?}")).why.clone()
}

#[test]
fn an_untouched_worktree_is_the_base_tree() {
    let world = World::new(&[("a", "1"), ("b/c", "2"), ("b.txt", "3"), ("b-d", "4")]);
    let (store, work) = world.started();
    let snapshot = world.snapshot(&store, &work);
    assert_eq!(snapshot.tree, store.tree_of(world.head()).unwrap());
    assert!(snapshot.leftovers.is_empty());
    assert_eq!(world.snapshot(&store, &work), snapshot, "the same input gives the same commit");
    git_in(store.folder(), &["fsck", "--strict", "--no-dangling"]);
}

#[test]
fn a_snapshot_equals_an_independent_hash_of_the_bytes() {
    let world = World::new(&[("keep", "1"), ("drop", "2"), ("become/a/link", "3"), ("x", "4")]);
    let (store, work) = world.started();
    fs::remove_file(work.join("drop")).unwrap();
    fs::remove_dir_all(work.join("become")).unwrap();
    symlink("/etc", work.join("become")).unwrap();
    fs::remove_file(work.join("x")).unwrap();
    write(&work.join("x/y/z"), b"a file that became a folder\r\n");
    write(&work.join(".monban/home/secret"), b"s");
    write(&work.join("tool"), b"#!/bin/sh");
    executable(&work.join("tool"));
    let odd: [&[u8]; 6] =
        [b"new\nline", b"\xff\xfe", "\u{202e}txt".as_bytes(), b"-option", b";rm -rf", b" "];
    for bytes in odd.iter().copied().chain([[b'n'; 255].as_slice()]) {
        write(&work.join(name(bytes)), bytes);
    }
    let snapshot = world.snapshot(&store, &work);
    assert_eq!(snapshot.tree, independent_tree(&work));
    assert!(snapshot.leftovers.is_empty(), "{:?}", snapshot.leftovers);
    let listed = names(&store, snapshot.tree);
    for bytes in odd {
        assert!(listed.iter().any(|name| name == bytes), "{bytes:?}");
    }
}

#[test]
fn ignore_rules_come_from_the_base_and_not_from_the_run() {
    let world =
        World::new(&[(".gitignore", "target/\n*.log\n"), ("sub/.gitignore", "!keep.log\n")]);
    world.write("forced.log", b"tracked although ignored");
    world.git(&["add", "-f", "forced.log"]);
    world.git(&["commit", "-q", "-m", "forced"]);
    let (store, work) = world.started();
    write(&work.join(".gitignore"), b"*\n");
    write(&work.join("sub/.gitignore"), b"*\n");
    write(&work.join("hidden/.gitignore"), b"*\n");
    write(&work.join("hidden/backdoor"), b"x");
    write(&work.join("target/debug/out"), b"x");
    write(&work.join("a.log"), b"x");
    write(&work.join("sub/keep.log"), b"x");
    write(&work.join("forced.log"), b"changed");
    let snapshot = world.snapshot(&store, &work);
    let listed = names(&store, snapshot.tree);
    for wanted in ["hidden/backdoor", "sub/keep.log", "forced.log"] {
        assert!(listed.iter().any(|name| name == wanted.as_bytes()), "{wanted}");
    }
    assert_eq!(snapshot.leftover_count, 2);
    assert_eq!(why(&snapshot, "target"), "ignored by the base");
    assert_eq!(why(&snapshot, "a.log"), "ignored by the base");
    assert_eq!(store.file_at(snapshot.commit, b"forced.log", 99).unwrap().unwrap(), b"changed");
}

#[test]
fn what_is_neither_file_nor_link_is_named_and_never_opened() {
    let world = World::new(&[("a", "1"), ("tracked/file", "2")]);
    let (store, work) = world.started();
    let mkfifo = std::process::Command::new("mkfifo").arg(work.join("pipe")).status().unwrap();
    assert!(mkfifo.success());
    let _socket = UnixListener::bind(work.join("socket")).unwrap();
    write(&work.join("nested/.git/HEAD"), b"ref: refs/heads/main\n");
    write(&work.join("nested/code"), b"x");
    write(&work.join("tracked/.git/config"), b"[core]");
    write(&work.join("tracked/file"), b"still judged");
    write(&work.join("odd/.GIT/config"), b"[core]");
    let snapshot = world.snapshot(&store, &work);
    assert_eq!(why(&snapshot, "pipe"), "a FIFO");
    assert_eq!(why(&snapshot, "socket"), "a socket");
    assert_eq!(why(&snapshot, "nested"), "another git repository");
    assert!(why(&snapshot, "tracked/.git").contains("git's own name"));
    assert!(why(&snapshot, "odd/.GIT").contains("git's own name"));
    let judged = store.file_at(snapshot.commit, b"tracked/file", 99).unwrap().unwrap();
    assert_eq!(judged, b"still judged");
}

#[test]
fn an_unreadable_file_is_named() {
    let world = World::new(&[("a", "1")]);
    let (store, work) = world.started();
    write(&work.join("locked"), b"x");
    fs::set_permissions(work.join("locked"), fs::Permissions::from_mode(0o0)).unwrap();
    if fs::read(work.join("locked")).is_ok() {
        return; // The superuser reads everything.
    }
    assert!(why(&world.snapshot(&store, &work), "locked").contains("unreadable"));
}

#[test]
fn a_link_to_a_folder_outside_is_a_link() {
    let world = World::new(&[("dir/file", "inside")]);
    let (store, work) = world.started();
    let outside = world.folder.path().join("outside");
    write(&outside.join("file"), b"not ours");
    fs::remove_dir_all(work.join("dir")).unwrap();
    symlink(&outside, work.join("dir")).unwrap();
    let snapshot = world.snapshot(&store, &work);
    assert_eq!(names(&store, snapshot.tree), [b"dir".to_vec()]);
}

#[test]
fn a_change_with_the_old_time_and_size_is_seen() {
    let world = World::new(&[("a", "one"), ("b", "two")]);
    let (store, work) = world.started();
    world.snapshot(&store, &work);
    let before = fs::metadata(work.join("a")).unwrap().modified().unwrap();
    fs::write(work.join("a"), "eno").unwrap();
    let file = fs::File::options().write(true).open(work.join("a")).unwrap();
    file.set_times(fs::FileTimes::new().set_modified(before).set_accessed(SystemTime::now()))
        .unwrap();
    let snapshot = world.snapshot(&store, &work);
    assert_eq!(store.file_at(snapshot.commit, b"a", 9).unwrap().unwrap(), b"eno");
}

#[test]
fn many_quick_changes_of_the_same_size_are_all_seen() {
    let world = World::new(&[("a", "000")]);
    let (store, work) = world.started();
    for round in 0..200 {
        let text = format!("{round:03}");
        fs::write(work.join("a"), &text).unwrap();
        let snapshot = world.snapshot(&store, &work);
        let read = store.file_at(snapshot.commit, b"a", 9).unwrap().unwrap();
        assert_eq!(String::from_utf8(read).unwrap(), text);
    }
}

#[test]
fn a_lost_or_damaged_cache_changes_nothing() {
    let world = World::new(&[("a", "1"), ("b/c", "2")]);
    let (store, work) = world.started();
    write(&work.join("b/c"), b"new");
    let snapshot = world.snapshot(&store, &work);
    for cache in [b"".as_slice(), b"rubbish", &[0; 5000]] {
        fs::write(world.cache(), cache).unwrap();
        assert_eq!(world.snapshot(&store, &work), snapshot);
    }
}

#[test]
fn over_a_bound_is_an_error_that_says_which() {
    let world = World::new(&[("a", "1")]);
    let (store, work) = world.started();
    let sparse = fs::File::create(work.join("huge")).unwrap();
    sparse.set_len(10 << 30).unwrap();
    let error = world.try_snapshot(&store, &work, Limits::default()).unwrap_err().to_string();
    assert!(error.contains("huge (10737418240 bytes)"), "{error}");
    fs::remove_file(work.join("huge")).unwrap();
    for number in 0..20 {
        fs::write(work.join(format!("f{number}")), [b'x'; 100]).unwrap();
    }
    let entries = Limits { entries: 10, ..Limits::default() };
    let error = world.try_snapshot(&store, &work, entries).unwrap_err();
    assert!(matches!(error, GitError::TooLarge { limit: 10, .. }), "{error}");
    let total = Limits { total_bytes: 1000, ..Limits::default() };
    let error = world.try_snapshot(&store, &work, total).unwrap_err();
    assert!(matches!(error, GitError::TooLarge { limit: 1000, .. }), "{error}");
}

#[test]
fn folders_far_too_deep_are_a_leftover() {
    let world = World::new(&[("a", "1")]);
    let (store, work) = world.started();
    let deep = vec!["d"; 300].join("/");
    write(&work.join(&deep).join("file"), b"x");
    let snapshot = world.snapshot(&store, &work);
    assert_eq!(snapshot.leftover_count, 1);
    assert_eq!(snapshot.leftovers[0].why, "too many folders deep");
}

#[test]
fn a_submodule_stays_as_the_base_has_it() {
    let world = World::new(&[("a", "1")]);
    let id = world.head().to_string();
    world.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},sub")]);
    world.git(&["commit", "-q", "-m", "submodule"]);
    let (store, work) = world.started();
    assert!(work.join("sub").is_dir());
    assert_eq!(world.snapshot(&store, &work).tree, store.tree_of(world.head()).unwrap());
    write(&work.join("sub/code"), b"x");
    let snapshot = world.snapshot(&store, &work);
    assert_eq!(snapshot.tree, store.tree_of(world.head()).unwrap());
    assert!(why(&snapshot, "sub").contains("submodule"));
}

//! Opening a person's repository, fetching a base, reading files of commits, diffs, gate checkouts.

use crate::support::*;
use monban::git::{self, GitError, ObjectId, Repository, Status};
use std::fs;
use std::time::SystemTime;

#[test]
fn what_is_no_usable_repository_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = Repository::open(folder.path()).unwrap_err();
    assert!(matches!(nothing, GitError::NoRepository(_)), "{nothing}");
    git_in(folder.path(), &["init", "-q", "--bare", "bare"]);
    let bare = Repository::open(&folder.path().join("bare")).unwrap_err();
    assert!(matches!(bare, GitError::Bare(_)), "{bare}");
    git_in(folder.path(), &["init", "-q", "-b", "main", "unborn"]);
    let unborn = Repository::open(&folder.path().join("unborn")).unwrap_err();
    assert!(unborn.to_string().contains("branch main"), "{unborn}");
    git_in(folder.path(), &["init", "-q", "--object-format=sha256", "long"]);
    let long = Repository::open(&folder.path().join("long")).unwrap_err();
    assert!(long.to_string().contains("sha256"), "{long}");
}

#[test]
fn a_detached_head_is_refused_only_where_the_base_follows_from_it() {
    let world = World::new(&[("a", "1")]);
    world.git(&["checkout", "-q", "--detach"]);
    let repository = world.repository();
    assert_eq!(repository.current_branch().unwrap(), None);
    assert!(matches!(repository.default_base(), Err(GitError::Detached(_))));
    assert_eq!(repository.head_of(MAIN).unwrap(), world.head());
}

#[test]
fn a_linked_worktree_is_the_same_repository() {
    let world = World::new(&[("a", "1")]);
    let linked = world.folder.path().join("linked");
    world.git(&["worktree", "add", "-q", "-b", "side", linked.to_str().unwrap()]);
    fs::create_dir(linked.join("below")).unwrap();
    let repository = Repository::open(&linked.join("below")).unwrap();
    assert_eq!(repository.common_dir(), world.repository().common_dir());
    assert_eq!(Repository::identity(&linked.join("below")).unwrap(), repository.common_dir());
    assert_eq!(repository.toplevel(), fs::canonicalize(&linked).unwrap());
    assert_eq!(repository.default_base().unwrap(), "refs/heads/side");
}

#[test]
fn a_repository_with_reftable_or_worktree_configuration_works() {
    let folder = tempfile::tempdir().unwrap();
    git_in(folder.path(), &["init", "-q", "-b", "main", "--ref-format=reftable", "."]);
    git_in(folder.path(), &["config", "extensions.worktreeConfig", "true"]);
    write(&folder.path().join("a"), b"1");
    git_in(folder.path(), &["add", "-A"]);
    git_in(folder.path(), &["commit", "-q", "-m", "first"]);
    let repository = Repository::open(folder.path()).unwrap();
    let head = repository.head_of(&repository.default_base().unwrap()).unwrap();
    assert_eq!(repository.file_at(head, b"a", 10).unwrap().unwrap(), b"1");
    let store = git::Store::open(&folder.path().join(".git/s")).unwrap();
    store.fetch_base(&repository, head, &mut quiet).unwrap();
    assert!(store.has_base(head));
}

#[test]
fn a_file_of_a_commit_is_read_within_its_bound() {
    let world = World::new(&[("monban.toml", "x = 1"), ("sub/deep", "y")]);
    let (repository, head) = (world.repository(), world.head());
    let (store, _) = world.started();
    for at in
        [&|path: &[u8], limit| repository.file_at(head, path, limit), &|path: &[u8], limit| {
            store.file_at(head, path, limit)
        }] as [&dyn Fn(&[u8], u64) -> Result<Option<Vec<u8>>, GitError>; 2]
    {
        assert_eq!(at(b"monban.toml", 5).unwrap().unwrap(), b"x = 1");
        assert_eq!(at(b"sub/deep", 5).unwrap().unwrap(), b"y");
        for missing in [b"nothing".as_slice(), b"sub", b"sub/deep/er", b""] {
            assert_eq!(at(missing, 5).unwrap(), None);
        }
        let error = at(b"monban.toml", 4).unwrap_err().to_string();
        assert!(error.contains("monban.toml") && error.contains("limit of 4"), "{error}");
    }
}

#[test]
fn a_base_is_fetched_once_and_a_later_one_brings_only_what_is_new() {
    let world = World::new(&[("a", "1"), ("b", "2")]);
    let store = world.store();
    let first = world.head();
    store.fetch_base(&world.repository(), first, &mut quiet).unwrap();
    let packs = || fs::read_dir(store.folder().join("objects/pack")).unwrap().count();
    let before = packs();
    store.fetch_base(&world.repository(), first, &mut quiet).unwrap();
    assert_eq!(packs(), before);
    world.write("a", b"changed");
    let second = world.commit("second");
    store.fetch_base(&world.repository(), second, &mut quiet).unwrap();
    assert_eq!(store.file_at(second, b"b", 9).unwrap().unwrap(), b"2");
    let objects = git_in(store.folder(), &["count-objects", "-v"]);
    assert!(objects.contains("in-pack: 7"), "{objects}");
    git_in(store.folder(), &["fsck", "--strict", "--no-dangling"]);
    assert!(!store.folder().join("objects/info/alternates").exists());
}

#[test]
fn a_store_left_half_fetched_is_completed() {
    let world = World::new(&[("a", "1")]);
    let store = world.store();
    write(&store.folder().join("shallow"), format!("{}\n", world.head()).as_bytes());
    write(&store.folder().join("objects/pack/tmp_pack_x"), b"half");
    assert!(!store.has_base(world.head()));
    store.fetch_base(&world.repository(), world.head(), &mut quiet).unwrap();
    assert_eq!(store.file_at(world.head(), b"a", 9).unwrap().unwrap(), b"1");
}

#[test]
fn a_diff_counts_lines_and_its_digest_follows_every_byte_name_and_mode() {
    let world =
        World::new(&[("text", "1\n2\n3\n"), ("gone", "x\n"), ("bin", "a\0b"), ("tool", "t")]);
    let (store, work) = world.started();
    let base = world.head();
    write(&work.join("text"), b"1\nzwei\n3\n4\n");
    write(&work.join("bin"), b"a\0c");
    write(&work.join("new/er"), b"n\n");
    fs::remove_file(work.join("gone")).unwrap();
    executable(&work.join("tool"));
    let snapshot = world.snapshot(&store, &work);
    let diff = git::diff(&store, base, snapshot.commit).unwrap();
    let files: Vec<_> = diff
        .files
        .iter()
        .map(|f| (f.path.shown(), f.status, f.added, f.deleted, f.binary))
        .collect();
    let expected = [
        ("bin", Status::Changed, 1, 1, true),
        ("gone", Status::Deleted, 0, 1, false),
        ("new/er", Status::Added, 1, 0, false),
        ("text", Status::Changed, 2, 1, false),
        ("tool", Status::Changed, 0, 0, false),
    ];
    assert_eq!(files, expected.map(|(p, s, a, d, b)| (p.to_string(), s, a, d, b)));
    assert_eq!((diff.added, diff.deleted), (4, 3));
    assert_eq!(git::diff(&store, base, snapshot.tree).unwrap().sha256, diff.sha256);
    write(&work.join("bin"), b"a\0d");
    let other = world.snapshot(&store, &work);
    assert_ne!(git::diff(&store, base, other.commit).unwrap().sha256, diff.sha256);
    assert!(git::diff(&store, base, base).unwrap().files.is_empty());
}

/// A NUL byte, or more lines than are compared, makes no change a small one.
#[test]
fn what_is_not_compared_by_lines_counts_with_all_its_lines() {
    let world = World::new(&[("a.py", "1\n2\n3\n"), ("mode", "\0\n"), ("many", "x\n")]);
    let (store, work) = world.started();
    write(&work.join("a.py"), b"1\n2\n# \0\n4\n");
    write(&work.join("many"), &vec![b'\n'; 1 << 20]);
    write(&work.join("most"), &vec![b'\n'; 1 << 20]);
    executable(&work.join("mode"));
    let snapshot = world.snapshot(&store, &work);
    let diff = git::diff(&store, world.head(), snapshot.tree).unwrap();
    let counted: Vec<_> =
        diff.files.iter().map(|f| (f.path.shown(), f.added, f.deleted, f.binary)).collect();
    let expected = [
        ("a.py", 4, 3, true),
        ("many", 1 << 20, 1, true),
        ("mode", 0, 0, true),
        ("most", 1 << 20, 0, false),
    ];
    assert_eq!(counted, expected.map(|(path, a, d, b)| (path.to_string(), a, d, b)));
    let files = git::changed_files(&store, world.head(), snapshot.tree).unwrap().files;
    let of = |name: &str| files.iter().find(|file| file.path.shown() == name).unwrap();
    assert!(of("many").binary && of("many").added.is_empty());
    assert_eq!(of("most").added.len(), 1 << 20);
}

#[test]
fn what_is_looked_into_are_the_lines_that_are_shown_and_signed() {
    let long = (1..=400).map(|n| format!("line {n}\n")).collect::<String>();
    let world = World::new(&[("text", &long), ("gone", "x\ny"), ("bin", "a\0b"), ("mode", "t")]);
    let (store, work) = world.started();
    let new = long.replace("line 7\n", "").replace("line 300\n", "zwei\r\ndrei\n") + "end";
    write(&work.join("text"), new.as_bytes());
    write(&work.join("bin"), b"a\0c");
    write(&work.join("new"), b"one\ntwo\n");
    let large = vec![b'x'; (16 << 20) + 1];
    write(&work.join("large"), &large);
    fs::remove_file(work.join("gone")).unwrap();
    executable(&work.join("mode"));
    let snapshot = world.snapshot(&store, &work);
    let files = git::changed_files(&store, world.head(), snapshot.commit).unwrap().files;
    let diff = git::diff(&store, world.head(), snapshot.tree).unwrap();
    assert_eq!(files.len(), diff.files.len());
    for (file, shown) in files.iter().zip(&diff.files) {
        assert_eq!((&file.path, file.binary), (&shown.path, shown.binary));
        let counted = if file.binary { (0, 0) } else { (shown.added, shown.deleted) };
        let numbered = (file.added.len() as u64, file.removed.len() as u64);
        assert_eq!(numbered, counted, "{:?}", file.path);
        assert_eq!(file.old.as_ref().map_or(0, |side| side.mode), shown.old_mode);
        assert_eq!(file.new.as_ref().map_or(0, |side| side.mode), shown.new_mode);
    }
    let of = |name: &str| files.iter().find(|file| file.path.shown() == name).unwrap();
    assert_eq!((&of("text").added, &of("text").removed), (&vec![299, 300, 401], &vec![7, 300]));
    assert_eq!(of("gone").removed, [1, 2]);
    assert_eq!(of("new").new.as_ref().unwrap().bytes, b"one\ntwo\n");
    assert_eq!(of("bin").new.as_ref().unwrap().bytes, b"a\0c");
    let large = of("large").new.as_ref().unwrap();
    assert_eq!((large.size, large.bytes.len()), ((16 << 20) + 1, 0), "not held in memory");
}

#[test]
fn manifests_are_those_around_changed_files_of_rust_as_they_are_afterwards() {
    let files = [
        ("Cargo.toml", "root"),
        ("crates/a/Cargo.toml", "a, before"),
        ("crates/a/src/lib.rs", "1"),
        ("crates/b/Cargo.toml", "b"),
        ("crates/b/notes", "1"),
        ("crates/c/Cargo.toml", "c"),
        ("crates/c/src/lib.rs", "1"),
        ("gone/Cargo.toml", "gone"),
        ("gone/lib.rs", "1"),
    ];
    let world = World::new(&files);
    let (store, work) = world.started();
    for (path, text) in [
        ("crates/a/Cargo.toml", "a, after"),
        ("crates/a/src/lib.rs", "2"),
        ("crates/b/notes", "2"),
        ("new/Cargo.toml", "new"),
        ("new/src/deep/main.RS", "1"),
    ] {
        fs::create_dir_all(work.join(path).parent().unwrap()).unwrap();
        write(&work.join(path), text.as_bytes());
    }
    fs::remove_dir_all(work.join("gone")).unwrap();
    let snapshot = world.snapshot(&store, &work);
    let changed = git::changed_files(&store, world.head(), snapshot.tree).unwrap();
    let manifests = changed.manifests.iter().map(|(folder, text)| (&folder[..], &text[..]));
    let expected: [(&[u8], &[u8]); 3] =
        [(b"", b"root"), (b"crates/a", b"a, after"), (b"new", b"new")];
    assert_eq!(manifests.collect::<Vec<_>>(), expected);
    let none = git::changed_files(&store, world.head(), world.head()).unwrap();
    assert_eq!((none.files.len(), none.manifests.len()), (0, 0));
}

#[test]
fn the_messages_of_an_agents_commits_are_read_as_bytes_and_within_their_bounds() {
    let world = World::new(&[("a", "1")]);
    let base = world.head();
    let branch = "refs/heads/monban/1-1";
    let messages = || world.repository().messages(branch, base);
    assert!(messages().unwrap().is_empty(), "no such branch");
    world.git(&["checkout", "-q", "-b", "monban/1-1"]);
    assert!(messages().unwrap().is_empty(), "nothing committed");
    world.commit("first line\n\nbody: sk-\u{202e}1\n");
    world.git(&["-c", "i18n.commitEncoding=latin1", "commit", "-q", "--allow-empty", "-m", "two"]);
    // What a repository's configuration says about showing commits runs nothing.
    let trap = world.trap();
    world.git(&["config", "log.showSignature", "true"]);
    world.git(&["config", "gpg.program", trap.to_str().unwrap()]);
    let found = messages().unwrap();
    let found: Vec<&str> = found.iter().map(|message| message.raw().trim_end()).collect();
    assert_eq!(found, ["two", "first line\n\nbody: sk-\u{202e}1"]);
    assert!(!world.canary().exists());
    let long = "x".repeat(5 << 20);
    write(&world.folder.path().join("long"), long.as_bytes());
    world.git(&["commit", "-q", "--allow-empty", "-F", "../long"]);
    assert!(messages().unwrap_err().to_string().contains("messages on the agent's branch"));
}

#[test]
fn a_patch_can_be_applied_by_git_and_is_cut_at_its_bound() {
    let world = World::new(&[("text", "1\n2\n3\n"), ("gone", "x\n"), ("to be link", "old")]);
    let (store, work) = world.started();
    write(&work.join("text"), b"1\nzwei\n3");
    write(&work.join("new\n\"er"), b"n\n");
    fs::remove_file(work.join("gone")).unwrap();
    let snapshot = world.snapshot(&store, &work);
    let patch = git::patch(&store, world.head(), snapshot.commit, 1 << 20, <[u8]>::len).unwrap();
    assert!(!patch.is_cut);
    write(&world.folder.path().join("p"), &patch.text);
    world.git(&["apply", "--index", "../p"]);
    assert_eq!(world.git(&["write-tree"]), snapshot.tree.to_string());
    let cut = git::patch(&store, world.head(), snapshot.commit, 100, <[u8]>::len).unwrap();
    assert!(cut.is_cut && cut.text.len() < 200);
    assert!(cut.text.ends_with(b"\n[cut: the difference is longer than can be shown]\n"));
}

#[test]
fn a_gate_checkout_has_the_exact_bytes_whatever_attributes_say() {
    let world = World::empty();
    world.write("a.txt", b"one\ntwo\n");
    world.write("tool", b"#!/bin/sh\n");
    executable(&world.root.join("tool"));
    std::os::unix::fs::symlink("../outside", world.root.join("link")).unwrap();
    world.commit("first");
    world.write(".gitattributes", b"* text eol=crlf ident filter=x\n");
    world.git(&["add", ".gitattributes"]);
    world.git(&["commit", "-q", "-m", "attributes"]);
    let (store, work) = world.started();
    assert_eq!(fs::read(work.join("a.txt")).unwrap(), b"one\ntwo\n");
    assert_eq!(fs::read_link(work.join("link")).unwrap().to_str(), Some("../outside"));
    assert_eq!(independent_tree(&work), store.tree_of(world.head()).unwrap());
    let taken = git::materialise(&store, world.head(), &work, &mut quiet).unwrap_err();
    assert!(matches!(taken, GitError::PathTaken(_)));
}

#[test]
fn a_tree_with_gits_own_name_is_not_written_to_disk() {
    let world = World::new(&[("a", "1")]);
    let (store, _) = world.started();
    let blob = git_in(store.folder(), &["hash-object", "-w", "HEAD"]);
    for name in [".GIT", "git~1", ".g\u{200c}it"] {
        let listing = format!("100644 blob {blob}\t{name}\n");
        let list = world.folder.path().join("list");
        write(&list, listing.as_bytes());
        let mut command = git_command(store.folder(), &["mktree"]);
        let output = command.stdin(fs::File::open(&list).unwrap()).output().unwrap();
        let tree = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        let folder = world.folder.path().join("checkout");
        let error = git::materialise(&store, tree, &folder, &mut quiet).unwrap_err();
        assert!(matches!(error, GitError::Unsafe(_)), "{error}");
        assert!(!folder.exists());
    }
}

#[test]
fn a_step_that_is_asked_to_stop_stops() {
    let world = World::new(&[("a", "1")]);
    let (store, _) = world.started();
    let folder = world.folder.path().join("checkout");
    let mut stop = |_| std::ops::ControlFlow::Break(());
    let stopped = git::materialise(&store, world.head(), &folder, &mut stop).unwrap_err();
    assert!(matches!(stopped, GitError::Cancelled));
}

/// The packs of a store.
fn packs(store: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(store.join("objects/pack")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".pack")).collect();
    names.sort();
    names
}

#[test]
fn a_pack_of_a_base_goes_as_a_whole_when_nothing_in_it_is_needed() {
    let world = World::new(&[("a", "one"), ("b", "the same")]);
    let (store, _) = world.started();
    let first = world.head();
    let folder = store.folder().to_path_buf();
    let later = |store: &git::Store, text: &str| {
        write(&world.root.join("a"), text.as_bytes());
        world.git(&["commit", "-q", "-a", "-m", text]);
        let head = world.head();
        store.fetch_base(&world.repository(), head, &mut quiet).unwrap();
        (head, packs(&folder))
    };
    let of_first = packs(&folder);
    let (second, _) = later(&store, "two");
    let (last, all) = later(&store, "three");
    assert_eq!((of_first.len(), all.len()), (1, 3));
    drop(store);
    let swept = |needed: &[ObjectId], before: SystemTime| {
        let mut sweep = alone(&folder);
        sweep.find(needed, before).unwrap();
        let found = (sweep.count() > 0, sweep.bytes() > 0);
        sweep.remove().unwrap();
        assert_eq!(found.0, found.1);
        packs(&folder)
    };
    assert_eq!(swept(&[], SystemTime::UNIX_EPOCH), all, "young ones stay");
    let left = swept(&[first], SystemTime::now());
    assert_eq!(left.len(), 2, "the second base's goes; what the first has the last needs too");
    assert!(left.contains(&of_first[0]), "{left:?} {of_first:?}");
    assert_eq!(swept(&[first], SystemTime::now()), left, "once");
    let store = git::Store::open(&folder).unwrap();
    for base in [first, last] {
        let target = world.folder.path().join(base.to_string());
        git::materialise(&store, base, &target, &mut quiet).unwrap();
        assert_eq!(fs::read(target.join("b")).unwrap(), b"the same");
    }
    // One that went comes again, and so does the next.
    let (next, _) = later(&store, "four");
    for (name, base) in [("again", second), ("next", next)] {
        store.fetch_base(&world.repository(), base, &mut quiet).unwrap();
        let target = world.folder.path().join(name);
        git::materialise(&store, base, &target, &mut quiet).unwrap();
        assert_eq!(fs::read(target.join("b")).unwrap(), b"the same");
    }
}

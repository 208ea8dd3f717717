//! Landing: the four cases of the base checkout, a base that moved, crashes at every step, merges.

use crate::support::*;
use monban::git::{
    self, CheckoutState, GitError, Identity, Landed, Landing, Merged, ObjectId, Store, land,
};
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

const FILES: &[(&str, &str)] =
    &[("edit", "1\n"), ("gone/deep", "2\n"), ("same", "3\n"), ("turn", "4\n"), ("mode", "5\n")];

/// A world with an approved result that edits, adds, deletes, and turns a file into a folder.
struct Ready {
    world: World,
    store: Store,
    landing: Landing,
}

fn ready() -> Ready {
    approved(World::new(FILES))
}

fn approved(world: World) -> Ready {
    let (store, work) = world.started();
    write(&work.join("edit"), b"one\n");
    write(&work.join("new/er"), b"n\n");
    fs::remove_dir_all(work.join("gone")).ok();
    fs::remove_file(work.join("turn")).ok();
    write(&work.join("turn/inner"), b"t\n");
    executable(&work.join("mode"));
    let tree = world.snapshot(&store, &work).tree;
    let landing = landing(world.head(), tree);
    Ready { world, store, landing }
}

fn landing(base: ObjectId, tree: ObjectId) -> Landing {
    let person = Identity { name: "Per <Son>\n".into(), email: "p@example.com".into() };
    Landing {
        id: "op7".into(),
        branch: MAIN.into(),
        expected_base: base,
        tree,
        message: "Fix the parser\n\nLonger.".into(),
        trailers: vec![("Co-authored-by".into(), "claude@node\n <x>".into())],
        author: person.clone(),
        committer: person,
        at: AT,
    }
}

impl Ready {
    fn land(&self) -> Landed {
        land(&self.store, &self.world.repository(), &self.landing, &mut quiet).unwrap()
    }

    /// The branch and the checkout are the commit, and git agrees.
    fn assert_landed(&self, commit: ObjectId) {
        assert_eq!(self.world.head(), commit);
        assert_eq!(self.world.git(&["status", "--porcelain"]), "");
        assert_eq!(self.world.git(&["diff", "--stat", "HEAD"]), "");
        let tree = self.world.git(&["rev-parse", "HEAD^{tree}"]);
        assert_eq!(tree, self.landing.tree.to_string());
        assert_eq!(self.world.git(&["rev-parse", "HEAD^"]), self.landing.expected_base.to_string());
        assert_eq!(self.world.git(&["for-each-ref", "refs/monban/"]), "");
        self.assert_tidy();
        self.world.git(&["fsck", "--strict", "--no-dangling"]);
    }

    fn assert_tidy(&self) {
        let litter = fs::read_dir(self.world.root.join(".git")).unwrap().filter(|entry| {
            let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
            name.contains("monban-") || name.ends_with(".lock")
        });
        assert_eq!(litter.count(), 0);
    }

    /// Nothing moved, and the result waits.
    fn assert_waits(&self, landed: &Landed, because: &str) {
        let Landed::Ready { commit, reference, why } = landed else { panic!("{landed:?}") };
        assert!(why.contains(because), "{why}");
        assert_eq!(reference, "refs/monban/ready/op7");
        assert_eq!(self.world.git(&["rev-parse", reference]), commit.to_string());
        assert_eq!(self.world.git(&["rev-parse", MAIN]), self.landing.expected_base.to_string());
        self.assert_tidy();
    }
}

#[test]
fn a_branch_that_no_checkout_has_moves_alone() {
    let ready = ready();
    ready.world.git(&["checkout", "-q", "-b", "elsewhere"]);
    let Landed::Moved { commit, checkout: None, .. } = ready.land() else { panic!() };
    assert_eq!(ready.world.git(&["rev-parse", MAIN]), commit.to_string());
    assert_eq!(fs::read_to_string(ready.world.root.join("edit")).unwrap(), "1\n");
    assert_eq!(ready.world.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_clean_checkout_moves_along_and_untracked_files_stay() {
    let ready = ready();
    ready.world.write(".git/info/exclude", b"notes\n");
    ready.world.write("notes", b"mine");
    ready.world.write("gone/untracked", b"mine too");
    ready.world.write(".git/info/exclude", b"notes\nuntracked\n");
    let Landed::Moved { commit, checkout, untouched } = ready.land() else { panic!() };
    assert_eq!(checkout, Some(fs::canonicalize(&ready.world.root).unwrap()));
    assert!(untouched.is_empty());
    ready.assert_landed(commit);
    assert_eq!(fs::read_to_string(ready.world.root.join("notes")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(ready.world.root.join("gone/untracked")).unwrap(), "mine too");
    let message = ready.world.git(&["log", "-1", "--format=%an|%ae|%cI|%B"]);
    let expected = "Per Son|p@example.com|2026-11-21T05:58:50Z|Fix the parser\n\nLonger.\n\n\
                    Co-authored-by: claude@node  <x>";
    assert_eq!(message, expected);
    assert_eq!(ready.land(), Landed::Already { commit });
}

#[test]
fn a_linked_worktree_that_has_the_base_moves_along() {
    let ready = ready();
    ready.world.git(&["checkout", "-q", "-b", "elsewhere"]);
    let linked = ready.world.folder.path().join("linked");
    ready.world.git(&["worktree", "add", "-q", linked.to_str().unwrap(), "main"]);
    let Landed::Moved { checkout: Some(checkout), .. } = ready.land() else { panic!() };
    assert_eq!(checkout, fs::canonicalize(&linked).unwrap());
    assert_eq!(git_in(&linked, &["status", "--porcelain"]), "");
    assert_eq!(fs::read_to_string(linked.join("edit")).unwrap(), "one\n");
}

#[test]
fn a_dirty_checkout_is_left_alone_and_the_result_waits() {
    type Change<'a> = (&'a str, &'a dyn Fn(&World));
    let changes: [Change<'_>; 3] = [
        ("same", &|world| world.write("same", b"3\nmine\n")),
        ("edit", &|world| world.write("edit", b"mine\n")),
        ("same", &|world| {
            world.write("same", b"staged\n");
            world.git(&["add", "same"]);
            world.write("same", b"3\n");
        }),
    ];
    for (name, change) in changes {
        let ready = ready();
        change(&ready.world);
        let before = ready.world.git(&["status", "--porcelain"]);
        ready.assert_waits(&ready.land(), name);
        assert_eq!(ready.world.git(&["status", "--porcelain"]), before);
        let state = ready.world.repository().base_checkout(&ready.store, MAIN).unwrap();
        let CheckoutState::Dirty { files } = state.state else { panic!("{state:?}") };
        assert_eq!(files[0].shown(), name);
        ready.world.git(&["reset", "-q", "--hard"]);
        let Landed::Moved { commit, .. } = ready.land() else { panic!("it lands once clean") };
        ready.assert_landed(commit);
    }
}

#[test]
fn an_untracked_file_in_the_way_is_never_overwritten() {
    for path in ["new/er", "new"] {
        let ready = ready();
        ready.world.write(path, b"mine");
        ready.assert_waits(&ready.land(), "untracked");
        assert_eq!(fs::read_to_string(ready.world.root.join(path)).unwrap(), "mine");
    }
}

#[test]
fn a_link_put_where_a_folder_goes_is_not_followed() {
    let ready = ready();
    let outside = ready.world.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, ready.world.root.join("new")).unwrap();
    ready.assert_waits(&ready.land(), "untracked");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn a_rebase_merge_or_foreign_lock_is_not_disturbed() {
    let ready = ready();
    ready.world.write(".git/MERGE_HEAD", ready.landing.expected_base.to_string().as_bytes());
    ready.assert_waits(&ready.land(), "a merge is unfinished");
    fs::remove_file(ready.world.root.join(".git/MERGE_HEAD")).unwrap();
    ready.world.git(&["checkout", "-q", "--detach"]);
    ready.world.write(".git/rebase-merge/head-name", b"refs/heads/main\n");
    ready.assert_waits(&ready.land(), "a rebase is unfinished");
    fs::remove_dir_all(ready.world.root.join(".git/rebase-merge")).unwrap();
    ready.world.git(&["checkout", "-q", "main"]);
    ready.world.write(".git/index.lock", b"");
    let Landed::Ready { why, .. } = ready.land() else { panic!() };
    assert!(why.contains("another git command"), "{why}");
    assert!(ready.world.root.join(".git/index.lock").exists());
}

#[test]
fn files_under_a_filter_wait_and_the_filter_does_not_run() {
    let world = World::new(FILES);
    world.write(".gitattributes", b"new/* filter=x\n");
    world.commit("attributes");
    let ready = approved(world);
    let trap = ready.world.trap();
    for key in ["filter.x.clean", "filter.x.smudge", "filter.x.process"] {
        ready.world.git(&["config", key, trap.to_str().unwrap()]);
    }
    ready.assert_waits(&ready.land(), "new/er goes through a filter");
    assert!(!ready.world.canary().exists());
}

#[test]
fn converted_line_endings_in_the_checkout_wait() {
    let world = World::empty();
    world.git(&["config", "core.autocrlf", "true"]);
    for (path, text) in FILES {
        world.write(path, text.replace('\n', "\r\n").as_bytes());
    }
    world.commit("first");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    let ready = approved(world);
    let Landed::Ready { why, .. } = ready.land() else { panic!() };
    assert!(why.contains("line endings"), "{why}");
}

#[test]
fn an_agents_worktree_on_the_base_branch_is_not_the_persons_checkout() {
    let ready = ready();
    let path = ready.world.folder.path().join("attempt");
    let (repository, base) = (ready.world.repository(), ready.landing.expected_base);
    let branch = "refs/heads/monban/1-1";
    git::Worktree::add(&ready.store, &repository, &path, branch, base, &mut quiet).unwrap();
    ready.world.git(&["checkout", "-q", "-b", "elsewhere"]);
    git_in(&path, &["checkout", "-q", "main"]);
    let Landed::Moved { checkout: None, .. } = ready.land() else { panic!() };
    assert_eq!(fs::read_to_string(path.join("edit")).unwrap(), "1\n");
}

/// Otherwise a file that a run writes next to the person's folder would move the branch under it.
#[test]
fn a_marker_forged_beside_the_persons_checkout_does_not_hide_it() {
    let ready = ready();
    let path = ready.world.folder.path().join("attempt");
    let (repository, base) = (ready.world.repository(), ready.landing.expected_base);
    let branch = "refs/heads/monban/1-1";
    git::Worktree::add(&ready.store, &repository, &path, branch, base, &mut quiet).unwrap();
    let name = ready.world.root.file_name().unwrap().to_str().unwrap();
    let forged = ready.world.root.with_file_name(format!("{name}.worktree.json"));
    fs::copy(path.with_file_name("attempt.worktree.json"), &forged).unwrap();
    assert!(matches!(ready.land(), Landed::Moved { checkout: Some(_), .. }));
    assert_eq!(ready.world.git(&["status", "--porcelain"]), "");
}

/// A landing that failed must not leave the person's git locked.
#[test]
fn a_branch_that_cannot_be_moved_leaves_no_lock_behind() {
    let ready = ready();
    let held = ready.world.root.join(".git/refs/heads/main.lock");
    write(&held, b"");
    let repository = ready.world.repository();
    assert!(land(&ready.store, &repository, &ready.landing, &mut quiet).is_err());
    fs::remove_file(&held).unwrap();
    ready.assert_tidy();
    assert_eq!(ready.world.git(&["status", "--porcelain"]), "");
    assert!(matches!(ready.land(), Landed::Moved { .. }));
}

/// What a run puts where monban keeps its copy of the index must not be written through.
#[test]
fn a_link_planted_where_the_index_is_copied_is_not_followed() {
    let ready = ready();
    let bystander = ready.world.folder.path().join("bystander");
    write(&bystander, b"precious");
    let planted = ready.world.root.join(".git/monban-index-op7");
    std::os::unix::fs::symlink(&bystander, &planted).unwrap();
    let Landed::Moved { commit, .. } = ready.land() else { panic!() };
    ready.assert_landed(commit);
    assert_eq!(fs::read(&bystander).unwrap(), b"precious");
}

#[test]
fn uncommon_index_formats_land_or_wait_and_are_never_damaged() {
    let formats: [&[&str]; 4] = [
        &["update-index", "--split-index"],
        &["update-index", "--untracked-cache"],
        &["update-index", "--index-version", "4"],
        &["sparse-checkout", "set", "--cone", "--sparse-index", "gone"],
    ];
    for format in formats {
        let world = World::empty();
        for (path, text) in FILES {
            world.write(path, text.as_bytes());
        }
        world.write("far/away", b"x");
        world.commit("first");
        let ready = approved(world);
        ready.world.git(format);
        match ready.land() {
            Landed::Moved { commit, .. } => ready.assert_landed(commit),
            waits => ready.assert_waits(&waits, ""),
        }
        assert_eq!(ready.world.git(&["status", "--porcelain"]), "", "{format:?}");
        assert!(ready.world.git(&["ls-files"]).contains("far/away"), "{format:?}");
    }
}

#[test]
fn a_pipe_where_git_keeps_its_index_blocks_nothing() {
    let ready = ready();
    let index = ready.world.root.join(".git/index");
    fs::remove_file(&index).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&index).status().unwrap().success());
    let outcome = land(&ready.store, &ready.world.repository(), &ready.landing, &mut quiet);
    assert!(outcome.is_err(), "{outcome:?}");
    assert_eq!(ready.world.head(), ready.landing.expected_base);
}

#[test]
fn traps_in_the_repository_are_not_sprung_by_landing() {
    let ready = ready();
    let trap = ready.world.trap();
    for hook in ["reference-transaction", "post-index-change", "post-checkout", "post-merge"] {
        let path = ready.world.root.join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(&trap, &path).unwrap();
        executable(&path);
    }
    ready.world.git(&["config", "filter.y.clean", trap.to_str().unwrap()]);
    ready.world.git(&["config", "core.fsmonitor", trap.to_str().unwrap()]);
    fs::remove_file(ready.world.canary()).ok();
    let landed = ready.land();
    assert!(matches!(landed, Landed::Moved { .. }), "{landed:?}");
    assert!(!ready.world.canary().exists());
}

#[test]
fn a_base_that_moved_is_reported_and_nothing_changes() {
    let ready = ready();
    ready.world.write("other", b"x");
    let now = ready.world.commit("meanwhile");
    assert_eq!(ready.land(), Landed::BaseMoved { now });
    assert_eq!(ready.world.head(), now);
    assert_eq!(ready.world.git(&["for-each-ref", "refs/monban/"]), "");
    ready.assert_tidy();
}

#[test]
fn a_forged_object_in_the_repository_stops_the_landing() {
    let ready = ready();
    let id = git_in(ready.store.folder(), &["rev-parse", &format!("{}:edit", ready.landing.tree)]);
    ready.world.write("../evil", b"evil\n");
    let evil = ready.world.git(&["hash-object", "-w", "../evil"]);
    let path = |id: &str| ready.world.root.join(".git/objects").join(&id[..2]).join(&id[2..]);
    fs::create_dir_all(path(&id).parent().unwrap()).unwrap();
    fs::copy(path(&evil), path(&id)).unwrap();
    let error =
        land(&ready.store, &ready.world.repository(), &ready.landing, &mut quiet).unwrap_err();
    assert!(matches!(error, GitError::Planted(_)), "{error}");
    assert_eq!(ready.world.head(), ready.landing.expected_base);
}

#[test]
fn a_landing_stopped_at_any_step_is_finished_by_the_same_call() {
    let mut stops = 0;
    loop {
        let ready = ready();
        let mut left = stops;
        let mut stop = |_| {
            left -= 1;
            if left < 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let repository = ready.world.repository();
        let outcome = land(&ready.store, &repository, &ready.landing, &mut stop);
        if outcome.is_ok() {
            break;
        }
        let commit = match ready.land() {
            Landed::Moved { commit, .. } | Landed::Already { commit } => commit,
            other => panic!("stopped at {stops}: {other:?}"),
        };
        ready.assert_landed(commit);
        stops += 1;
    }
    assert!(stops >= 10, "only {stops} steps were tried");
}

#[test]
fn edits_made_after_a_crash_in_the_middle_are_kept() {
    let ready = ready();
    let mut stop = |progress: git::Progress| match progress.what {
        "moving the checkout" => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    land(&ready.store, &ready.world.repository(), &ready.landing, &mut stop).unwrap_err();
    ready.world.write("edit", b"mine, meanwhile");
    assert!(matches!(ready.land(), Landed::Already { .. }));
    assert_eq!(fs::read_to_string(ready.world.root.join("edit")).unwrap(), "mine, meanwhile");
    assert_eq!(ready.world.git(&["status", "--porcelain"]), " M edit");
}

#[test]
fn a_commit_that_landed_before_later_commits_has_landed() {
    let ready = ready();
    let Landed::Moved { commit, .. } = ready.land() else { panic!() };
    ready.world.write("later", b"x");
    let later = ready.world.commit("later");
    assert_eq!(ready.land(), Landed::Already { commit });
    assert_eq!(ready.world.head(), later);
}

fn tree_with(world: &World, store: &Store, work: &PathBuf, files: &[(&str, &str)]) -> ObjectId {
    fs::remove_dir_all(work).unwrap();
    git::materialise(store, world.head(), work, &mut quiet).unwrap();
    for (path, text) in files {
        write(&work.join(path), text.as_bytes());
    }
    world.snapshot(store, work).tree
}

#[test]
fn a_merge_keeps_both_sides_and_a_conflict_names_the_files() {
    let lines = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    let world = World::new(&[("both", lines), ("clash", "a\n"), ("theirs", "t\n"), ("bin", "\0")]);
    let (store, work) = world.started();
    let base = world.head();
    let theirs = [("both", &*lines.replace('9', "nine")), ("theirs", "T\n"), ("clash", "x\n")];
    let theirs = tree_with(&world, &store, &work, &theirs);
    let ours = [("both", &*lines.replace('1', "one")), ("our/new", "o\n")];
    let ours = tree_with(&world, &store, &work, &ours);
    let Merged::Tree(tree) = git::merge(&store, base, theirs, ours).unwrap() else { panic!() };
    let read =
        |path: &[u8]| String::from_utf8(store.file_at(tree, path, 999).unwrap().unwrap()).unwrap();
    assert_eq!(read(b"both"), lines.replace('1', "one").replace('9', "nine"));
    assert_eq!((&*read(b"our/new"), &*read(b"theirs"), &*read(b"clash")), ("o\n", "T\n", "x\n"));
    let clash = [("clash", "y\n"), ("our", "o\n"), ("bin", "\0\0")];
    let clash = tree_with(&world, &store, &work, &clash);
    let Merged::Conflict(files) = git::merge(&store, base, theirs, clash).unwrap() else {
        panic!()
    };
    assert_eq!(files.iter().map(|file| file.shown()).collect::<Vec<_>>(), ["clash"]);
    let folder = tree_with(&world, &store, &work, &[("our", "a file\n")]);
    let Merged::Conflict(files) = git::merge(&store, base, folder, ours).unwrap() else { panic!() };
    assert_eq!(files.iter().map(|file| file.shown()).collect::<Vec<_>>(), ["our"]);
}

#[test]
fn a_base_that_only_stands_for_another_branch_is_refused_and_stays() {
    let ready = ready();
    let world = &ready.world;
    world.git(&["branch", "real"]);
    world.git(&["symbolic-ref", MAIN, "refs/heads/real"]);
    let refused = land(&ready.store, &world.repository(), &ready.landing, &mut quiet);
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("stands for refs/heads/real"), "{why}");
    assert_eq!(world.git(&["symbolic-ref", MAIN]).trim(), "refs/heads/real");
}

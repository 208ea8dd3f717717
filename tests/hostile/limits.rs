//! Tricks that no result can come of: each is refused at once with what to do, and taken back.

use crate::ground::Ground;
use crate::independent::differing;
use crate::support::*;
use monban::git::{self, GitError, RollbackPlan, WatchedState, Worktree, steps};
use rustix::fs::{Mode, OFlags, mkdirat, openat};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

fn ground() -> Ground {
    Ground::new(Ground::person(&[]))
}

fn plan(ground: &Ground) -> RollbackPlan {
    RollbackPlan::new(ground.worktree.clone(), "op1", ".monban", ground.base).unwrap()
}

/// Rolls back to the base.
#[track_caller]
fn roll_back(ground: &Ground) -> RollbackPlan {
    let plan = plan(ground);
    steps::finish(&plan, &ground.store, &mut quiet).unwrap();
    assert_eq!(ground.agent(&["status", "--porcelain"]), "");
    assert_eq!(ground.agent(&["symbolic-ref", "HEAD"]), crate::ground::OWN);
    plan
}

fn sh(command: &str) {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command}: {said}");
}

#[test]
fn a_worktree_that_the_agent_removed_is_refused_and_comes_back() {
    let ground = ground();
    let path = ground.work().to_str().unwrap();
    git_in(&ground.world.root, &["worktree", "remove", "--force", path]);
    assert!(!ground.work().exists() && !ground.worktree.git_dir.exists());
    let said = ground.try_snapshot().unwrap_err().to_string();
    assert!(said.contains("is not a folder any more") && said.contains("rollback"), "{said}");
    let plan = roll_back(&ground);
    steps::undo(&plan, &mut quiet).unwrap();
    assert_eq!(fs::read_dir(ground.work()).unwrap().count(), 0);
    Worktree::remove(&ground.repository(), ground.work()).unwrap();
}

#[test]
fn a_link_in_the_place_of_the_worktree_is_not_followed() {
    let ground = ground();
    let other = ground.world.folder.path().join("other");
    write(&other.join("private"), b"the person's");
    write(&other.join(".monban/home"), b"another attempt's");
    fs::rename(ground.work(), ground.world.folder.path().join("moved")).unwrap();
    symlink(&other, ground.work()).unwrap();
    let said = ground.try_snapshot().unwrap_err().to_string();
    assert!(said.contains("replaced by a link"), "{said}");
    let plan = roll_back(&ground);
    assert!(!ground.work().join(".monban").exists(), "another's home is not carried over");
    steps::undo(&plan, &mut quiet).unwrap();
    assert_eq!(fs::read_link(ground.work()).unwrap(), other);
    Worktree::remove(&ground.repository(), ground.work()).unwrap();
    assert_eq!(fs::read(other.join("private")).unwrap(), b"the person's");
    assert_eq!(fs::read(other.join(".monban/home")).unwrap(), b"another attempt's");
}

#[test]
fn a_huge_sparse_file_is_named_and_set_aside_unread() {
    let ground = ground();
    fs::File::create(ground.work().join("huge")).unwrap().set_len(10 << 30).unwrap();
    let before = ground.listing();
    let said = ground.try_snapshot().unwrap_err().to_string();
    assert!(said.contains("huge (10737418240 bytes) is over the limit of"), "{said}");
    assert!(said.contains("remove the file, or ignore it in the base branch"), "{said}");
    let plan = roll_back(&ground);
    steps::undo(&plan, &mut quiet).unwrap();
    assert_eq!(differing(&before, &ground.listing()), [""; 0]);
}

#[test]
fn a_hundred_thousand_files_are_judged_and_removed() {
    let ground = ground();
    for folder in 0..100 {
        let path = ground.work().join(format!("many/{folder}"));
        fs::create_dir_all(&path).unwrap();
        for file in 0..1000 {
            fs::write(path.join(file.to_string()), [b'0' + file as u8 % 10]).unwrap();
        }
    }
    let snapshot = ground.try_snapshot().unwrap();
    assert_eq!(snapshot.leftovers, []);
    let except = crate::independent::Except::own();
    assert_eq!(snapshot.tree, crate::independent::tree(ground.work(), &except));
    let diff = git::diff(&ground.store, ground.base, snapshot.commit).unwrap();
    assert_eq!(diff.files.len(), 100_000);
    Worktree::remove(&ground.repository(), ground.work()).unwrap();
    assert!(!ground.work().exists());
}

#[test]
fn five_thousand_folders_deep_are_named_set_aside_and_removed() {
    // The usual limit: nothing may need an open folder for each one.
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(1024), maximum: hard }).unwrap();
    let ground = ground();
    dig(ground.work(), 5000);
    let snapshot = ground.try_snapshot().unwrap();
    assert_eq!((snapshot.leftover_count, snapshot.leftovers.len()), (1, 1));
    assert_eq!(snapshot.leftovers[0].why, "too many folders deep");
    assert_eq!(snapshot.tree, ground.store.tree_of(ground.base).unwrap());
    let plan = roll_back(&ground);
    assert!(!ground.work().join("d").exists());
    steps::undo(&plan, &mut quiet).unwrap();
    assert!(ground.work().join("d/d/d").exists());
    // A name that is used while such a tree is removed may be taken.
    write(&ground.work().join("moved-up-0"), b"x");
    Worktree::remove(&ground.repository(), ground.work()).unwrap();
    assert!(!ground.work().exists());
}

/// Makes folders in folders, with a file in the last and no rights to enter some.
fn dig(root: &Path, depth: u32) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut folder = openat(rustix::fs::CWD, root, flags, Mode::empty()).unwrap();
    for level in 0..depth {
        mkdirat(&folder, "d", Mode::RWXU).unwrap();
        let below = openat(&folder, "d", flags, Mode::empty()).unwrap();
        if level % 100 == 99 {
            rustix::fs::fchmod(&below, Mode::RUSR | Mode::WUSR | Mode::XUSR).unwrap();
        }
        folder = below;
    }
    openat(&folder, "file", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
}

#[test]
fn a_pipe_in_the_place_of_the_configuration_is_refused_at_once() {
    let ground = ground();
    let config = ground.common().join("config");
    fs::remove_file(&config).unwrap();
    crate::disk::pipe(&config);
    let said = git::Repository::open(&ground.world.root).unwrap_err().to_string();
    assert!(said.contains("a `config` in its git folder that is no file"), "{said}");
    assert!(said.contains("put the file back"), "{said}");
    unreadable_and_back(&ground);
}

#[test]
fn configuration_that_git_cannot_read_is_told_and_taken_back() {
    let ground = ground();
    ground.plant("config", "[core\n");
    assert!(git::Repository::open(&ground.world.root).is_err());
    unreadable_and_back(&ground);
    // The same for what only a later git can read.
    let extension = "[core]\n\trepositoryFormatVersion = 1\n[extensions]\n\tnone = 1\n";
    ground.plant("config", extension);
    assert!(git::Repository::open(&ground.world.root).is_err());
    unreadable_and_back(&ground);
}

/// What made the repository unreadable is told with the way back, which is gone.
#[track_caller]
fn unreadable_and_back(ground: &Ground) {
    let (root, common) = (&ground.world.root, ground.common());
    let repository = git::Repository::find_known(root, common).unwrap();
    let after = ground.before.note_files(&repository, &ground.store).unwrap();
    let differences = ground.before.differences(&after);
    let shown: Vec<String> = differences.iter().map(git::Difference::shown).collect();
    assert_eq!(shown, ["config changed"]);
    sh(&differences[0].way_back(&repository, &ground.store).unwrap());
    assert_eq!(ground.differences(), []);
}

#[test]
fn another_repository_in_the_place_of_the_persons_is_refused() {
    let ground = ground();
    let own = ground.own_git();
    let (root, common) = (&ground.world.root, ground.common());
    let open = || git::Repository::open_known(root, common);
    assert!(open().is_ok());
    ground.plant("commondir", format!("{}\n", own.display()));
    let said = open().unwrap_err().to_string();
    assert!(said.contains(&format!("than the one monban knows ({})", common.display())), "{said}");
    assert!(said.contains(&format!("remove {}/commondir", common.display())), "{said}");
    fs::remove_file(common.join("commondir")).unwrap();
    assert!(open().is_ok());
    fs::rename(common, root.join("moved")).unwrap();
    fs::write(common, format!("gitdir: {}\n", own.display())).unwrap();
    let error = open().unwrap_err();
    assert!(matches!(error, GitError::OtherRepository { .. }), "{error}");
    assert!(error.to_string().contains(&format!("put {} right", common.display())), "{error}");
    assert!(!ground.sprung());
}

/// A person may keep hooks elsewhere than in the git folder.
#[test]
fn hooks_in_the_folder_that_the_configuration_names_are_watched() {
    let world = Ground::person(&[(".husky/pre-commit", "#!/bin/sh\n")]);
    write(&world.root.join(".husky/_/pre-push"), b"#!/bin/sh\n");
    world.git(&["config", "core.hooksPath", ".husky/_"]);
    let ground = Ground::new(world);
    let hooks = ground.world.root.join(".husky/_");
    ground.trap_at(&hooks.join("reference-transaction"));
    write(&hooks.join("pre-push"), b"#!/bin/evil\n");
    ground.agent(&["config", "core.hooksPath", "/nowhere"]);
    let shown: Vec<String> = ground.differences().iter().map(git::Difference::shown).collect();
    assert_eq!(shown.len(), 3, "{shown:#?}");
    assert!(shown[0].ends_with(".husky/_/pre-push changed"), "{shown:#?}");
    assert!(shown[1].ends_with(".husky/_/reference-transaction new"), "{shown:#?}");
    assert_eq!(shown[2], "config changed");
    let repository = ground.repository();
    for difference in ground.differences() {
        sh(&difference.way_back(&repository, &ground.store).unwrap());
    }
    assert_eq!(ground.differences(), []);
    assert_eq!(fs::read(hooks.join("pre-push")).unwrap(), b"#!/bin/sh\n");
    assert!(!ground.sprung());
}

/// Notes of an earlier version, or of one that knew fewer things, are read.
#[test]
fn notes_of_an_earlier_version_are_read() {
    let notes = r#"{"refs":{},"files":[]}"#;
    let before: WatchedState = serde_json::from_str(notes).unwrap();
    assert_eq!(before, WatchedState::default());
}

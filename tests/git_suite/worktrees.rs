//! Worktrees, rollback with its undo, and what a run changed in the repository.

use crate::support::*;
use monban::git::steps;
use monban::git::{
    Added, GitError, Manifest, RollbackPlan, Step, Store, WatchedState, Worktree, manifest,
};
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const BRANCH: &str = "refs/heads/monban/1-1";
const FILES: &[(&str, &str)] = &[("a", "1\n"), ("dir/b", "2\n"), (".gitignore", "target/\n")];

struct Attempt {
    world: World,
    store: Store,
    path: PathBuf,
}

fn attempt() -> Attempt {
    let world = World::new(FILES);
    let (store, _) = world.started();
    let path = world.folder.path().join("state/1-1");
    fs::create_dir(path.parent().unwrap()).unwrap();
    Attempt { world, store, path }
}

impl Attempt {
    fn add(&self) -> Result<Added, GitError> {
        let repository = self.world.repository();
        Worktree::add(&self.store, &repository, &self.path, BRANCH, self.world.head(), &mut quiet)
    }

    fn added(&self) -> Worktree {
        match self.add().unwrap() {
            Added::New(worktree) | Added::Already(worktree) => worktree,
        }
    }

    fn assert_fresh(&self) {
        assert_eq!(git_in(&self.path, &["status", "--porcelain"]), "");
        assert_eq!(git_in(&self.path, &["symbolic-ref", "HEAD"]), BRANCH);
        assert_eq!(git_in(&self.path, &["rev-parse", "HEAD"]), self.world.head().to_string());
        assert_eq!(fs::read_to_string(self.path.join("dir/b")).unwrap(), "2\n");
    }
}

#[test]
fn a_worktree_is_a_linked_one_on_its_branch_and_adding_it_again_changes_nothing() {
    let attempt = attempt();
    assert!(matches!(attempt.add().unwrap(), Added::New(_)));
    attempt.assert_fresh();
    assert!(attempt.world.git(&["worktree", "list"]).contains("[monban/1-1]"));
    write(&attempt.path.join("a"), b"the agent's");
    assert!(matches!(attempt.add().unwrap(), Added::Already(_)));
    assert_eq!(fs::read(attempt.path.join("a")).unwrap(), b"the agent's");
}

#[test]
fn what_is_not_ours_is_never_taken_nor_removed() {
    let attempt = attempt();
    write(&attempt.path.join("precious"), b"x");
    assert!(matches!(attempt.add(), Err(GitError::PathTaken(_))));
    let repository = attempt.world.repository();
    let removed = Worktree::remove(&repository, &attempt.path);
    assert!(matches!(removed, Err(GitError::NotOurs(_))));
    assert!(attempt.path.join("precious").exists());
    fs::remove_dir_all(&attempt.path).unwrap();
    attempt.world.git(&["branch", "monban/1-1"]);
    assert!(matches!(attempt.add(), Err(GitError::BranchTaken(_))));
    let head = attempt.world.head();
    let public =
        Worktree::add(&attempt.store, &repository, &attempt.path, "refs/heads/x", head, &mut quiet);
    assert!(matches!(public, Err(GitError::BadName(_))));
}

#[test]
fn adding_stopped_at_any_step_is_finished_by_the_same_call() {
    for stops in 0.. {
        let attempt = attempt();
        let mut left = stops;
        let mut stop = |_| {
            left -= 1;
            if left < 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let (repository, head) = (attempt.world.repository(), attempt.world.head());
        let added =
            Worktree::add(&attempt.store, &repository, &attempt.path, BRANCH, head, &mut stop);
        if added.is_ok() {
            assert!(stops >= 4, "only {stops} steps were tried");
            return;
        }
        assert!(matches!(attempt.add().unwrap(), Added::New(_)), "stopped at {stops}");
        attempt.assert_fresh();
        assert_eq!(attempt.world.git(&["worktree", "list"]).lines().count(), 2);
    }
}

#[test]
fn removing_takes_folder_registration_and_branch_and_can_be_repeated() {
    let attempt = attempt();
    attempt.added();
    write(&attempt.path.join("locked/file"), b"x");
    fs::set_permissions(attempt.path.join("locked"), fs::Permissions::from_mode(0o500)).unwrap();
    let repository = attempt.world.repository();
    Worktree::remove(&repository, &attempt.path).unwrap();
    assert!(!attempt.path.exists());
    assert_eq!(attempt.world.git(&["worktree", "list"]).lines().count(), 1);
    assert_eq!(attempt.world.git(&["branch", "--list", "monban/*"]), "");
    Worktree::remove(&repository, &attempt.path).unwrap();
    assert!(matches!(attempt.add().unwrap(), Added::New(_)));
}

#[test]
fn hooks_and_filters_do_not_run_when_a_worktree_is_made() {
    let world = World::new(&[("a", "1"), (".gitattributes", "* filter=x\n")]);
    let (store, _) = world.started();
    let trap = world.trap();
    for key in ["filter.x.clean", "filter.x.smudge", "filter.x.process", "core.fsmonitor"] {
        world.git(&["config", key, trap.to_str().unwrap()]);
    }
    for hook in ["post-checkout", "reference-transaction", "post-index-change"] {
        let path = world.root.join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(&trap, &path).unwrap();
        executable(&path);
    }
    fs::remove_file(world.canary()).ok();
    let path = world.folder.path().join("attempt");
    let repository = world.repository();
    Worktree::add(&store, &repository, &path, BRANCH, world.head(), &mut quiet).unwrap();
    assert_eq!(fs::read(path.join("a")).unwrap(), b"1");
    Worktree::remove(&repository, &path).unwrap();
    assert!(!world.canary().exists());
}

/// What an agent may leave behind: everything a manifest knows.
fn mess(path: &std::path::Path) {
    write(&path.join("a"), b"changed");
    fs::remove_dir_all(path.join("dir")).unwrap();
    symlink("/nowhere", path.join("dir")).unwrap();
    write(&path.join("target/out"), b"ignored");
    write(&path.join("nested/.git/HEAD"), b"ref: refs/heads/x\n");
    write(&path.join("nested/code"), b"x");
    fs::create_dir(path.join("empty")).unwrap();
    write(&path.join(name(b"odd\n\xff")), b"x");
    write(&path.join(".monban/home/.config"), b"session");
    write(&path.join(".monban/.gitignore"), b"*\n");
    fs::set_permissions(path.join("a"), fs::Permissions::from_mode(0o640)).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(path.join("pipe")).status().unwrap();
    assert!(fifo.success());
}

struct Messy {
    attempt: Attempt,
    plan: RollbackPlan,
    before: Manifest,
    head: String,
    status: String,
}

fn messy() -> Messy {
    let attempt = attempt();
    let worktree = attempt.added();
    write(&attempt.path.join("committed"), b"by the agent");
    git_in(&attempt.path, &["add", "committed"]);
    git_in(&attempt.path, &["commit", "-q", "-m", "own"]);
    mess(&attempt.path);
    git_in(&attempt.path, &["add", "a"]);
    let before = manifest(&attempt.path, &[]).unwrap();
    let (head, status) = seen_by_git(&attempt);
    let plan = RollbackPlan::new(worktree, "op3", ".monban", attempt.world.head()).unwrap();
    Messy { attempt, plan, before, head, status }
}

fn seen_by_git(attempt: &Attempt) -> (String, String) {
    let status = git_in(&attempt.path, &["status", "--porcelain", "-z", "--no-renames"]);
    (git_in(&attempt.path, &["rev-parse", "HEAD"]), status)
}

impl Messy {
    fn assert_rolled_back(&self) {
        assert_eq!(steps::probe(&self.plan).unwrap(), Step::HomeCarried);
        self.attempt.assert_fresh();
        let home = self.attempt.path.join(".monban/home/.config");
        assert_eq!(fs::read(home).unwrap(), b"session");
        let left: Vec<String> = manifest(&self.attempt.path, &[".git", ".monban"])
            .unwrap()
            .0
            .keys()
            .map(|path| path.shown())
            .collect();
        assert_eq!(left, [".gitignore", "a", "dir", "dir/b"]);
    }

    fn assert_undone(&self) {
        let after = manifest(&self.attempt.path, &[]).unwrap();
        assert_eq!(self.before.differences(&after), []);
        assert_eq!(seen_by_git(&self.attempt), (self.head.clone(), self.status.clone()));
        assert_eq!(steps::probe(&self.plan).unwrap(), Step::Prepared);
    }
}

#[test]
fn a_rollback_restores_the_base_keeps_home_and_can_be_undone() {
    let messy = messy();
    let store = &messy.attempt.store;
    steps::finish(&messy.plan, store, &mut quiet).unwrap();
    messy.assert_rolled_back();
    steps::finish(&messy.plan, store, &mut quiet).unwrap();
    messy.assert_rolled_back();
    steps::undo(&messy.plan, &mut quiet).unwrap();
    messy.assert_undone();
    steps::discard_fresh(&messy.plan).unwrap();
    assert_eq!(steps::probe(&messy.plan).unwrap(), Step::Untouched);
}

#[test]
fn a_rollback_to_a_snapshot_restores_exactly_its_tree() {
    let attempt = attempt();
    let worktree = attempt.added();
    write(&attempt.path.join("a"), b"kept work");
    write(&attempt.path.join("tool"), b"#!/bin/sh");
    executable(&attempt.path.join("tool"));
    let snapshot = attempt.world.snapshot(&attempt.store, &attempt.path);
    mess(&attempt.path);
    let plan = RollbackPlan::new(worktree, "op4", ".monban", snapshot.commit).unwrap();
    steps::finish(&plan, &attempt.store, &mut quiet).unwrap();
    assert_eq!(attempt.world.snapshot(&attempt.store, &attempt.path).tree, snapshot.tree);
    assert_eq!(git_in(&attempt.path, &["status", "--porcelain"]), " M a\n?? tool");
}

#[test]
fn a_rollback_stopped_at_any_step_is_finished_or_undone() {
    for (forward, least) in [(true, 7), (false, 7)] {
        let mut stops = 0;
        loop {
            let messy = messy();
            let mut left = stops;
            let mut stop = |_| {
                left -= 1;
                if left < 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            if steps::finish(&messy.plan, &messy.attempt.store, &mut stop).is_ok() {
                break;
            }
            if forward {
                steps::finish(&messy.plan, &messy.attempt.store, &mut quiet).unwrap();
                messy.assert_rolled_back();
            } else {
                steps::undo(&messy.plan, &mut quiet).unwrap();
                let after = manifest(&messy.attempt.path, &[]).unwrap();
                assert_eq!(messy.before.differences(&after), [], "stopped at {stops}");
                assert_eq!(seen_by_git(&messy.attempt), (messy.head.clone(), messy.status.clone()));
            }
            stops += 1;
        }
        assert!(stops >= least, "only {stops} steps were tried");
    }
}

#[test]
fn an_undo_stopped_at_any_step_is_finished_by_the_same_call() {
    for stops in 0.. {
        let messy = messy();
        steps::finish(&messy.plan, &messy.attempt.store, &mut quiet).unwrap();
        write(&messy.attempt.path.join("later"), b"made after the rollback");
        let mut left = stops;
        let mut stop = |_| {
            left -= 1;
            if left < 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let stopped = steps::undo(&messy.plan, &mut stop).is_err();
        steps::undo(&messy.plan, &mut quiet).unwrap();
        messy.assert_undone();
        assert!(messy.plan.fresh.join("later").exists(), "what undo replaced is kept");
        if !stopped {
            assert_eq!(stops, 4);
            return;
        }
    }
}

/// An isolated agent can write its worktree's git folder; undo runs outside its sandbox.
#[test]
fn an_undo_does_not_write_through_a_link_in_the_worktrees_git_folder() {
    let messy = messy();
    let git_dir = &messy.plan.worktree.git_dir;
    write(&git_dir.join("logs/rc"), b"evil");
    symlink("rc", git_dir.join("logs/alias")).unwrap();
    steps::finish(&messy.plan, &messy.attempt.store, &mut quiet).unwrap();
    let outside = messy.attempt.world.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    write(&outside.join("rc"), b"precious");
    fs::rename(git_dir.join("logs"), git_dir.join("logs-before")).unwrap();
    symlink(&outside, git_dir.join("logs")).unwrap();
    steps::undo(&messy.plan, &mut quiet).unwrap();
    assert_eq!(fs::read(outside.join("rc")).unwrap(), b"precious");
    assert_eq!(fs::read(git_dir.join("logs/rc")).unwrap(), b"evil");
    assert!(fs::symlink_metadata(git_dir.join("logs/alias")).unwrap().is_symlink());
}

/// What cannot be kept is not thrown away in silence.
#[test]
fn a_git_folder_that_cannot_be_kept_whole_stops_the_rollback_before_anything_moves() {
    let messy = messy();
    let file = fs::File::create(messy.plan.worktree.git_dir.join("huge")).unwrap();
    file.set_len(2 << 30).unwrap();
    let stopped = steps::finish(&messy.plan, &messy.attempt.store, &mut quiet);
    assert!(matches!(stopped, Err(GitError::TooLarge { .. })), "{stopped:?}");
    assert_eq!(steps::probe(&messy.plan).unwrap(), Step::Prepared);
    assert_eq!(manifest(&messy.attempt.path, &[]).unwrap(), messy.before);
}

#[test]
fn a_rollback_that_did_not_restore_says_so() {
    let messy = messy();
    let store = &messy.attempt.store;
    steps::build_fresh(&messy.plan, store, &mut quiet).unwrap();
    write(&messy.plan.fresh.join("a"), b"tampered");
    write(&messy.plan.fresh.join("extra"), b"tampered");
    let error = steps::finish(&messy.plan, store, &mut quiet).unwrap_err();
    assert!(matches!(error, GitError::Mismatch { .. }));
    assert!(error.to_string().contains("2 paths differ: a, extra"), "{error}");
    steps::undo(&messy.plan, &mut quiet).unwrap();
    messy.assert_undone();
}

#[test]
fn what_a_run_changed_in_the_repository_is_listed_with_the_command_that_takes_it_back() {
    let world = World::new(FILES);
    let (repository, store) = (world.repository(), world.store());
    let head = world.head();
    world.git(&["branch", "keep"]);
    world.git(&["tag", "v1"]);
    write(&world.root.join(".git/hooks/mine"), b"#!/bin/sh\n");
    executable(&world.root.join(".git/hooks/mine"));
    write(&world.root.join(".git/info/exclude"), b"# mine\n");
    let before = WatchedState::note(&repository, &store).unwrap();
    assert_eq!(before.differences(&WatchedState::note(&repository, &store).unwrap()), []);

    world.write("a", b"evil");
    world.commit("moved main");
    world.git(&["config", "core.fsmonitor", "/bin/evil"]);
    world.git(&["tag", "-d", "v1"]);
    world.git(&["replace", &head.to_string(), "HEAD"]);
    world.git(&["symbolic-ref", "HEAD", "refs/heads/keep"]);
    write(&world.root.join(".git/info/attributes"), b"* binary\n");
    write(&world.root.join(".git/hooks/pre-commit"), b"evil");
    fs::remove_file(world.root.join(".git/hooks/mine")).unwrap();
    symlink("/bin/evil", world.root.join(".git/hooks/mine")).unwrap();
    world.git(&["update-ref", "refs/heads/monban/1-1", "HEAD"]);
    let after = WatchedState::note(&repository, &store).unwrap();
    let json = serde_json::to_string(&before).unwrap();
    let before: WatchedState = serde_json::from_str(&json).unwrap();
    let differences = before.differences(&after);
    let shown: Vec<String> = differences.iter().map(|difference| difference.shown()).collect();
    let starts = [
        "HEAD changed",
        "refs/heads/main changed",
        "refs/replace/",
        "refs/tags/v1 removed",
        "config changed",
        "hooks/mine changed",
        "hooks/pre-commit new",
        "info/attributes new",
    ];
    assert_eq!(shown.len(), starts.len(), "{shown:#?}");
    for (line, start) in shown.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    for difference in &differences {
        let command = difference.way_back(&repository, &store).unwrap();
        let done = std::process::Command::new("sh").args(["-c", &command]).status().unwrap();
        assert!(done.success(), "{command}");
    }
    let restored = WatchedState::note(&repository, &store).unwrap();
    assert_eq!(before.differences(&restored), []);
    assert_eq!(world.head(), head);
}

/// Several agents work at once: what monban makes for one is no alarm about another.
#[test]
fn an_attempt_that_comes_during_a_run_is_no_difference_and_a_worktree_of_the_agent_is() {
    let attempt = attempt();
    let (repository, store) = (attempt.world.repository(), &attempt.store);
    let before = WatchedState::note(&repository, store).unwrap();
    attempt.added();
    let after = WatchedState::note(&repository, store).unwrap();
    assert_eq!(before.differences(&after), []);
    let own = attempt.world.folder.path().join("own");
    attempt.world.git(&["worktree", "add", "-q", "--detach", own.to_str().unwrap()]);
    let after = WatchedState::note(&repository, store).unwrap();
    assert_eq!(before.differences(&after).len(), 2);
}

/// A person pastes the command: a name must not become another one.
#[test]
fn a_name_in_the_way_back_cannot_run_anything() {
    let world = World::new(FILES);
    let (repository, store) = (world.repository(), world.store());
    let before = WatchedState::note(&repository, &store).unwrap();
    let name = "refs/heads/x';touch${IFS}evil;'";
    world.git(&["update-ref", name, "HEAD"]);
    let after = WatchedState::note(&repository, &store).unwrap();
    let command = before.differences(&after)[0].way_back(&repository, &store).unwrap();
    let mut shell = std::process::Command::new("sh");
    assert!(shell.args(["-c", &command]).current_dir(&world.root).status().unwrap().success());
    assert!(!world.root.join("evil").exists());
    assert_eq!(before.differences(&WatchedState::note(&repository, &store).unwrap()), []);
}

#[test]
fn worktrees_of_one_repository_are_made_and_removed_at_once() {
    const AT_ONCE: usize = 8;
    let attempt = attempt();
    let (store, head) = (&attempt.store, attempt.world.head());
    std::thread::scope(|scope| {
        for number in 0..AT_ONCE {
            let repository = attempt.world.repository();
            let path = attempt.path.with_file_name(number.to_string());
            scope.spawn(move || {
                for round in 0..4 {
                    let branch = format!("refs/heads/monban/{number}-{round}");
                    Worktree::add(store, &repository, &path, &branch, head, &mut quiet).unwrap();
                    Worktree::remove(&repository, &path).unwrap();
                }
            });
        }
    });
    assert_eq!(attempt.world.git(&["worktree", "list"]).lines().count(), 1);
}

/// Somebody put the branch elsewhere after it was looked at: it is theirs now, and nothing goes.
#[test]
fn a_worktree_whose_branch_moved_since_it_was_looked_at_stays() {
    let attempt = attempt();
    attempt.added();
    let repository = attempt.world.repository();
    let seen = Worktree::find(&attempt.path).unwrap().unwrap().branch_at(&repository).unwrap();
    write(&attempt.world.root.join("later"), b"x");
    attempt.world.git(&["add", "-A"]);
    attempt.world.git(&["commit", "-q", "-m", "later"]);
    attempt.world.git(&["update-ref", BRANCH, "main"]);
    Worktree::remove_seen(&repository, &attempt.path, seen).unwrap_err();
    Worktree::remove_seen(&repository, &attempt.path, None).unwrap_err();
    assert!(attempt.path.join("a").exists());
    assert_eq!(repository.find_ref(BRANCH).unwrap(), Some(attempt.world.head()));
    let now = repository.find_ref(BRANCH).unwrap();
    Worktree::remove_seen(&repository, &attempt.path, now).unwrap();
    assert!(!attempt.path.exists() && repository.find_ref(BRANCH).unwrap().is_none());
    Worktree::remove_seen(&repository, &attempt.path, now).unwrap();
}

/// Git fails while another program makes a worktree; it is told by git's own words, which are
/// English in every person's language, and waited for.
#[test]
fn a_worktree_that_another_program_has_half_made_is_waited_for() {
    let attempt = attempt();
    let half = attempt.world.root.join(".git/worktrees/other");
    write(&half.join("gitdir"), b"/nowhere/.git\n");
    write(&half.join("HEAD"), b"ref: refs/heads/other\n");
    write(&half.join("commondir"), b"");
    let began = Instant::now();
    let error = attempt.add().unwrap_err().to_string();
    assert!(error.contains("commondir"), "{error}");
    assert!(began.elapsed() >= Duration::from_millis(19 * 20), "it was given up at once: {error}");
    write(&half.join("commondir"), b"../..\n");
    assert!(matches!(attempt.add().unwrap(), Added::New(_)));
    attempt.assert_fresh();
}

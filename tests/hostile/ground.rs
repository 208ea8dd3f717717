//! Where a trick is played: a person's repository, monban's store, and a worktree of an attempt
//! that monban's own git module made.

use crate::independent::{self, Listing};
use crate::support::*;
use monban::git::{self, Added, Limits, ObjectId, Repository, Snapshot, Store, WatchedState};
use monban::git::{Label, Worktree, WorktreeFiles};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The private branch of the attempt.
pub const OWN: &str = "refs/heads/monban/1-1";
/// A text with room for a change at both ends.
pub const LINES: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
/// What every base has.
pub const FILES: &[(&str, &str)] =
    &[("a", LINES), ("dir/b", "b\n"), ("far/c", "c\n"), (".gitignore", "target/\n")];

/// The place of a trick.
pub struct Ground {
    pub world: World,
    pub store: Store,
    pub worktree: Worktree,
    pub base: ObjectId,
    /// The person's repository before the run.
    pub before: WatchedState,
}

impl Ground {
    /// An attempt that begins in this repository, which is on `main`.
    pub fn new(world: World) -> Ground {
        let (repository, store, base) = (world.repository(), world.store(), world.head());
        store.fetch_base(&repository, base, &mut quiet).unwrap();
        fs::create_dir(world.folder.path().join("worktrees")).unwrap();
        let path = world.folder.path().canonicalize().unwrap().join("worktrees/1-1");
        let added = Worktree::add(&store, &repository, &path, OWN, base, &mut quiet).unwrap();
        let Added::New(worktree) = added else { panic!("{added:?}") };
        write(&path.join(".monban/home/.session"), b"the agent's own");
        write(&path.join(".monban/.gitignore"), b"*\n");
        let before = WatchedState::note(&repository, &store).unwrap();
        Ground { world, store, worktree, base, before }
    }

    /// The person's repository with everything that every base has.
    pub fn person(more: &[(&str, &str)]) -> World {
        Ground::made(&[], more)
    }

    /// The same, by `git init` with these options.
    pub fn made(options: &[&str], more: &[(&str, &str)]) -> World {
        let world = World::made_in(folder(), options);
        for (path, text) in FILES.iter().chain(more) {
            world.write(path, text.as_bytes());
        }
        world.commit("first");
        world
    }

    /// The worktree's folder.
    pub fn work(&self) -> &Path {
        &self.worktree.path
    }

    /// The person's git folder.
    pub fn common(&self) -> &Path {
        &self.worktree.common_dir
    }

    /// Git as the agent runs it in its worktree.
    pub fn agent(&self, arguments: &[&str]) -> String {
        git_in(self.work(), arguments)
    }

    /// The agent writes a file of its worktree.
    pub fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        write(&self.work().join(path), bytes.as_ref());
    }

    /// The agent writes into the person's git folder.
    pub fn plant(&self, path: &str, bytes: impl AsRef<[u8]>) {
        write(&self.common().join(path), bytes.as_ref());
    }

    /// A program that leaves the canary.
    pub fn trap(&self) -> String {
        self.world.trap().to_str().unwrap().to_string()
    }

    /// The same for where git talks to the program and waits for its answers.
    pub fn silent_trap(&self) -> String {
        let path = self.world.folder.path().join("silent.sh");
        write(&path, format!("#!/bin/sh\n: > '{}'\n", self.world.canary().display()).as_bytes());
        program(&path);
        path.to_str().unwrap().to_string()
    }

    /// Puts a program that leaves the canary at `path`.
    pub fn trap_at(&self, path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(self.world.trap(), path).unwrap();
        program(path);
    }

    /// A git folder of the agent's own, full of traps.
    pub fn own_git(&self) -> PathBuf {
        let own = self.world.folder.path().join("own");
        git_in(self.world.folder.path(), &["init", "-q", "-b", "main", own.to_str().unwrap()]);
        git_in(&own, &["commit", "-q", "--allow-empty", "-m", "own"]);
        git_in(&own, &["config", "core.fsmonitor", &self.trap()]);
        for hook in ["reference-transaction", "post-index-change", "post-checkout"] {
            self.trap_at(&own.join(".git/hooks").join(hook));
        }
        own.join(".git").canonicalize().unwrap()
    }

    /// Whether something of the agent's ran since the last look.
    pub fn sprung(&self) -> bool {
        fs::remove_file(self.world.canary()).is_ok()
    }

    /// Runs ordinary git in `folder`, whatever comes of it, and checks that the trap springs.
    #[track_caller]
    pub fn springs(&self, folder: &Path, arguments: &[&str]) {
        let output = git_command(folder, arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(self.sprung(), "the trap is none: git {arguments:?}: {said}");
    }

    pub fn repository(&self) -> Repository {
        self.world.repository()
    }

    pub fn try_snapshot(&self) -> Result<Snapshot, git::GitError> {
        let work = self.work();
        let limits = Limits::default();
        let files = WorktreeFiles { root: work, excludes: &[".monban"], limits };
        let label = Label { base: self.base, parent: self.base, message: "work", at: AT };
        git::take(&self.store, &files, &self.world.cache(), &label, &mut quiet)
    }

    /// Everything in the worktree, git's and monban's own files too.
    pub fn listing(&self) -> Listing {
        independent::list(self.work(), &BTreeSet::new())
    }

    /// Everything in the person's checkout.
    pub fn checkout(&self) -> Listing {
        independent::list(&self.world.root, &[b".git".to_vec()].into())
    }

    /// What changed in the person's repository since the run began.
    pub fn differences(&self) -> Vec<git::Difference> {
        let after = self.before.note_again(&self.repository(), &self.store).unwrap();
        self.before.differences(&after)
    }

    /// A result of somebody else on the same base: a new file and a change at the end of `a`.
    pub fn theirs(&self) -> ObjectId {
        let folder = self.world.folder.path().join("theirs");
        git::materialise(&self.store, self.base, &folder, &mut quiet).unwrap();
        write(&folder.join("theirs"), b"theirs\n");
        write(&folder.join("a"), format!("{LINES}theirs\n").as_bytes());
        let files = WorktreeFiles { root: &folder, excludes: &[], limits: Limits::default() };
        let label = Label { base: self.base, parent: self.base, message: "theirs", at: AT };
        let cache = self.world.folder.path().join("their-cache");
        git::take(&self.store, &files, &cache, &label, &mut quiet).unwrap().commit
    }
}

/// A folder for one test, in memory where the system has such a place that runs programs: the
/// tricks write much, and what a disk does is not what is tested here.
pub fn folder() -> TempDir {
    let in_memory = || {
        let folder = tempfile::Builder::new().tempdir_in("/dev/shm").ok()?;
        let program = folder.path().join("program");
        write(&program, b"#!/bin/sh\n");
        crate::support::program(&program);
        let runs = Command::new(&program).status().is_ok_and(|status| status.success());
        fs::remove_file(program).ok()?;
        runs.then_some(folder)
    };
    in_memory().unwrap_or_else(|| tempfile::tempdir().unwrap())
}

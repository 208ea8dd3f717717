//! A person's repository, a store and a worktree folder for one test.

use monban::base::clock::Timestamp;
use monban::git::{
    self, Label, Limits, ObjectId, Progress, Repository, Snapshot, Store, Sweep, WorktreeFiles,
};
use std::ffi::OsStr;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const AT: Timestamp = Timestamp::from_millis(1_795_240_730_123);
pub const MAIN: &str = "refs/heads/main";

pub fn quiet(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The store in `folder`, with nobody else at it. A process that another test is just starting
/// holds what this one has open, its locks too, until it has become another program.
pub fn alone(folder: &Path) -> Sweep {
    let began = Instant::now();
    loop {
        if let Some(sweep) = Sweep::begin(folder).unwrap() {
            return sweep;
        }
        assert!(began.elapsed() < Duration::from_secs(300), "the store stays in use");
        std::thread::yield_now();
    }
}

/// Everything a test needs, removed when it ends.
pub struct World {
    pub folder: TempDir,
    pub root: PathBuf,
}

impl World {
    /// A repository on `main` with one commit of `files`.
    pub fn new(files: &[(&str, &str)]) -> World {
        let world = World::empty();
        for (path, text) in files {
            world.write(path, text.as_bytes());
        }
        world.commit("first");
        world
    }

    pub fn empty() -> World {
        World::made_in(tempfile::tempdir().unwrap(), &[])
    }

    /// One in memory, where the system has that: for what would wait for the disk most of its time.
    pub fn in_memory() -> World {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        World::made_in(folder.unwrap(), &[])
    }

    /// An empty repository in `folder`, by `git init` with these options.
    pub fn made_in(folder: TempDir, options: &[&str]) -> World {
        let root = folder.path().join("person");
        fs::create_dir(&root).unwrap();
        let world = World { folder, root };
        world.git(&[&["init", "-q", "-b", "main"], options].concat());
        world
    }

    /// Runs git as the person does in their checkout.
    pub fn git(&self, arguments: &[&str]) -> String {
        git_in(&self.root, arguments)
    }

    pub fn write(&self, path: &str, bytes: &[u8]) {
        write(&self.root.join(path), bytes);
    }

    pub fn commit(&self, message: &str) -> ObjectId {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.head()
    }

    pub fn head(&self) -> ObjectId {
        self.git(&["rev-parse", "HEAD"]).parse().unwrap()
    }

    pub fn repository(&self) -> Repository {
        Repository::open(&self.root).unwrap()
    }

    pub fn store(&self) -> Store {
        Store::open(&self.folder.path().join("store.git")).unwrap()
    }

    /// The store with the current head as a base, and a folder with that base's files.
    pub fn started(&self) -> (Store, PathBuf) {
        let store = self.store();
        store.fetch_base(&self.repository(), self.head(), &mut quiet).unwrap();
        let work = self.folder.path().join("work");
        git::materialise(&store, self.head(), &work, &mut quiet).unwrap();
        (store, work)
    }

    pub fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    pub fn snapshot(&self, store: &Store, work: &Path) -> Snapshot {
        self.try_snapshot(store, work, Limits::default()).unwrap()
    }

    pub fn try_snapshot(
        &self,
        store: &Store,
        work: &Path,
        limits: Limits,
    ) -> Result<Snapshot, git::GitError> {
        let files = WorktreeFiles { root: work, excludes: &[".monban"], limits };
        let base = self.head();
        let label = Label { base, parent: base, message: "work", at: AT };
        git::take(store, &files, &self.cache(), &label, &mut quiet)
    }

    /// A file in this world's folder that only a trick of the agent would make.
    pub fn canary(&self) -> PathBuf {
        self.folder.path().join("canary")
    }

    /// A program that leaves the canary.
    pub fn trap(&self) -> PathBuf {
        let path = self.folder.path().join("trap.sh");
        if !path.exists() {
            let text = format!("#!/bin/sh\necho sprung >> '{}'\ncat\n", self.canary().display());
            fs::write(&path, text).unwrap();
            program(&path);
        }
        path
    }
}

pub fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Makes a program of a file. It becomes another file by another process: what was open for writing
/// here still is so, for a moment, in each process that another test is just starting, and as long
/// as it is no system runs it.
pub fn program(path: &Path) {
    let line = "cp \"$0\" \"$0.new\" && chmod 755 \"$0.new\" && mv \"$0.new\" \"$0\"";
    let made = Command::new("sh").args(["-c", line]).arg(path).status();
    assert!(made.unwrap().success(), "{} cannot be made a program", path.display());
}

pub fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

pub fn git_in(folder: &Path, arguments: &[&str]) -> String {
    let output = git_command(folder, arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "git {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_string()
}

pub fn git_command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap());
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "Person")
            .env(format!("GIT_{who}_EMAIL"), "p@example.com");
        command.env(format!("GIT_{who}_DATE"), "2026-11-21T05:58:50Z");
    }
    command
}

/// The tree that git itself, in a repository of its own, makes of the files of a folder: the
/// independent hash. Ignore files do not count, `.monban` and `.git` are left out.
pub fn independent_tree(work: &Path) -> ObjectId {
    let scratch = tempfile::tempdir().unwrap();
    let git_dir = scratch.path().join("git");
    git_in(scratch.path(), &["init", "-q", "--bare", git_dir.to_str().unwrap()]);
    write(&git_dir.join("info/exclude"), b".monban\n");
    write(&git_dir.join("info/attributes"), b"* -text -filter -ident\n");
    let git = |arguments: &[&str]| {
        let mut command = git_command(work, arguments);
        command.env("GIT_DIR", &git_dir).env("GIT_WORK_TREE", work);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_string()
    };
    git(&["add", "-A", "--force", "--", ".", ":!.monban"]);
    git(&["write-tree"]).parse().unwrap()
}

/// The names in a tree of the store.
pub fn names(store: &Store, tree: ObjectId) -> Vec<Vec<u8>> {
    let output =
        git_command(store.folder(), &["ls-tree", "-r", "-z", "--name-only", &tree.to_string()])
            .output()
            .unwrap();
    assert!(output.status.success());
    let names = output.stdout.split(|b| *b == 0).filter(|name| !name.is_empty());
    names.map(<[u8]>::to_vec).collect()
}

pub fn name(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

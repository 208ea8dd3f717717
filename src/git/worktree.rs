//! The worktree of an attempt: a linked git worktree of the person's repository on a private
//! branch.
//!
//! Git registers it; its files and its index are written by us from the store, so no hook and no
//! filter of the repository runs. Files under a filter (LFS) are there as git stores them, which
//! for LFS means pointer files. A marker beside the folder, never inside it, says that it is ours
//! and how far we are.

use super::checkouts::linked;
use super::command::{Dirs, Git, LONG};
use super::error::GitError;
use super::files::remove_tree;
use super::materialise::materialise;
use super::object::{ObjectId, Report, full_name, tell};
use super::repository::{Repository, pointer};
use super::store::Store;
use crate::base::durable;
use crate::base::foreign::Foreign;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Private branches are below this.
const PRIVATE: &str = "refs/heads/monban/";
const MARKER_BYTES: u64 = 64 << 10;

/// A worktree that monban made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Worktree {
    /// Its folder.
    pub path: PathBuf,
    /// Its private branch, as a full name.
    pub branch: String,
    /// The recorded base commit.
    pub commit: ObjectId,
    /// The common git directory of the repository it belongs to.
    pub common_dir: PathBuf,
    /// Its own git directory inside the repository; empty until git has made it.
    pub git_dir: PathBuf,
    ready: bool,
}

/// Held while a worktree is registered or its registration removed: git reads those of all others,
/// and fails where one is half made.
static REGISTRATIONS: Mutex<()> = Mutex::new(());
/// How often a registration is tried when another program (an agent's git) makes or removes one at
/// the same time, and the pause between.
const REGISTER_ATTEMPTS: u32 = 20;
const REGISTER_PAUSE: Duration = Duration::from_millis(20);

/// The outcome of [`Worktree::add`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Added {
    /// It was made now.
    New(Worktree),
    /// It was there, made by an earlier call with the same arguments; its files were not touched.
    Already(Worktree),
}

impl Worktree {
    /// Makes a worktree at `path` on `branch` (`refs/heads/monban/…`) with the files of `commit`,
    /// which must be a base in the store. After a crash at any point the same call finishes.
    pub fn add(
        store: &Store,
        repository: &Repository,
        path: &Path,
        branch: &str,
        commit: ObjectId,
        report: &mut Report<'_>,
    ) -> Result<Added, GitError> {
        let mut worktree = Worktree {
            path: absolute(path)?,
            branch: private(branch)?.to_string(),
            commit,
            common_dir: repository.common_dir().to_path_buf(),
            git_dir: PathBuf::new(),
            ready: false,
        };
        match Worktree::find(path)? {
            Some(found) if !found.is_for(&worktree) => {
                return Err(GitError::PathTaken(worktree.path));
            }
            Some(found) if found.ready => return Ok(Added::Already(found)),
            Some(_) => worktree.clear(repository)?,
            None => worktree.check_free(repository)?,
        }
        worktree.write_marker()?;
        tell(report, "registering the worktree", 0, None)?;
        worktree.register(repository)?;
        tell(report, "registering the worktree", 1, None)?;
        materialise(store, commit, &worktree.path, report)?;
        worktree.write_pointer()?;
        worktree.build_index(store, report)?;
        worktree.ready = true;
        worktree.write_marker()?;
        Ok(Added::New(worktree))
    }

    /// The worktree that monban made at `path`, finished or not.
    pub fn find(path: &Path) -> Result<Option<Worktree>, GitError> {
        let marker = marker(path);
        match durable::read(&marker, MARKER_BYTES) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| GitError::io(&marker, io::Error::from(error))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(GitError::io(&marker, error)),
        }
    }

    /// Where its private branch is, if it is there.
    pub fn branch_at(&self, repository: &Repository) -> Result<Option<ObjectId>, GitError> {
        repository.find_ref(&self.branch)
    }

    /// Removes the worktree at `path`, its registration and its private branch. Only one that
    /// monban made; one that is gone already is fine.
    pub fn remove(repository: &Repository, path: &Path) -> Result<(), GitError> {
        let found = Worktree::find(path)?;
        let seen = found.map(|found| found.branch_at(repository)).transpose()?.flatten();
        Worktree::remove_seen(repository, path, seen)
    }

    /// The same for one whose branch was looked at before: it goes only from there, and where it
    /// moved since, nothing goes.
    pub fn remove_seen(
        repository: &Repository,
        path: &Path,
        seen: Option<ObjectId>,
    ) -> Result<(), GitError> {
        let Some(worktree) = Worktree::find(path)? else {
            return match fs::symlink_metadata(path) {
                Ok(_) => Err(GitError::NotOurs(path.to_path_buf())),
                Err(_) => Ok(()),
            };
        };
        if worktree.common_dir != repository.common_dir() {
            return Err(GitError::NotOurs(path.to_path_buf()));
        }
        worktree.delete_branch(repository, seen)?;
        {
            let _alone = REGISTRATIONS.lock().unwrap_or_else(PoisonError::into_inner);
            worktree.remove_files()?;
        }
        let marker = marker(path);
        fs::remove_file(&marker).map_err(|error| GitError::io(&marker, error))
    }

    /// The directories for git processes on this worktree's own references.
    pub(crate) fn dirs(&self) -> Dirs {
        Dirs {
            git_dir: self.git_dir.clone(),
            common_dir: self.common_dir.clone(),
            ..Dirs::default()
        }
    }

    /// Writes the `.git` file. Nothing of ours ever reads it; it is for the agent.
    pub(crate) fn write_pointer(&self) -> Result<(), GitError> {
        let path = self.path.join(".git");
        let text = [b"gitdir: ", self.git_dir.as_os_str().as_bytes(), b"\n"].concat();
        durable::write(&path, &text).map_err(|error| GitError::io(&path, error))
    }

    /// Writes the agent's index for the base, with the store's configuration.
    pub(crate) fn build_index(
        &self,
        store: &Store,
        report: &mut Report<'_>,
    ) -> Result<(), GitError> {
        tell(report, "writing the index", 0, None)?;
        let dirs = Dirs {
            work_tree: Some(self.path.clone()),
            index: Some(self.git_dir.join("index")),
            ..store.dirs()
        };
        let commit = self.commit.to_string();
        Git::new(&dirs, "read-tree").arg(commit).limit(LONG).run()?;
        let refresh = Git::new(&dirs, "update-index").args(["-q", "--refresh"]);
        refresh.accept(&[0, 1]).limit(LONG).run()?;
        Ok(())
    }

    fn is_for(&self, other: &Worktree) -> bool {
        self.path == other.path
            && self.branch == other.branch
            && self.commit == other.commit
            && self.common_dir == other.common_dir
    }

    fn check_free(&self, repository: &Repository) -> Result<(), GitError> {
        if fs::symlink_metadata(&self.path).is_ok() {
            return Err(GitError::PathTaken(self.path.clone()));
        }
        if repository.find_ref(&self.branch)?.is_some() {
            return Err(GitError::BranchTaken(Foreign::new(&self.branch)));
        }
        Ok(())
    }

    /// Lets git register the worktree without files, then empties the folder.
    fn register(&mut self, repository: &Repository) -> Result<(), GitError> {
        let _alone = REGISTRATIONS.lock().unwrap_or_else(PoisonError::into_inner);
        for attempt in 1.. {
            match self.register_once(repository) {
                Err(error) if attempt < REGISTER_ATTEMPTS && is_half_made(&error) => {
                    std::thread::sleep(REGISTER_PAUSE);
                    self.unregister(repository)?;
                }
                ended => {
                    ended?;
                    break;
                }
            }
        }
        self.git_dir = self.registration()?.ok_or_else(|| GitError::NotOurs(self.path.clone()))?;
        let dot_git = self.path.join(".git");
        fs::remove_file(&dot_git).map_err(|error| GitError::io(&dot_git, error))
    }

    fn register_once(&self, repository: &Repository) -> Result<(), GitError> {
        let short = self.branch.trim_start_matches("refs/heads/");
        let add = repository.git("worktree");
        let add = add.args(["add", "--no-checkout", "--no-track", "-b", short, "--"]);
        add.arg(&self.path).arg(self.commit.to_string()).run().map(|_| ())
    }

    /// The git directory that is registered for our path.
    fn registration(&self) -> Result<Option<PathBuf>, GitError> {
        let wanted = self.path.join(".git");
        for git_dir in linked(&self.common_dir)? {
            let names = pointer(&git_dir.join("gitdir"), b"")?;
            if names.is_some_and(|path| git_dir.join(path) == wanted) {
                return Ok(Some(git_dir));
            }
        }
        Ok(None)
    }

    /// Removes folder, registration and branch; each may be gone already.
    fn clear(&self, repository: &Repository) -> Result<(), GitError> {
        let _alone = REGISTRATIONS.lock().unwrap_or_else(PoisonError::into_inner);
        self.unregister(repository)
    }

    fn unregister(&self, repository: &Repository) -> Result<(), GitError> {
        self.remove_files()?;
        self.delete_branch(repository, self.branch_at(repository)?)
    }

    /// Removes the branch from where it was seen, unless it is gone.
    fn delete_branch(
        &self,
        repository: &Repository,
        seen: Option<ObjectId>,
    ) -> Result<(), GitError> {
        let branch = private(&self.branch)?;
        if self.branch_at(repository)?.is_none() {
            return Ok(());
        }
        // One that was not there then has no value that it could go from.
        let seen = seen.ok_or_else(|| GitError::BranchTaken(Foreign::new(branch)))?;
        let arguments = ["--no-deref", "-d", branch, &seen.to_string()];
        repository.git("update-ref").args(arguments).run().map(|_| ())
    }

    /// Removes folder and registration.
    fn remove_files(&self) -> Result<(), GitError> {
        remove_tree(&self.path)?;
        let recorded = Some(self.git_dir.clone()).filter(|path| !path.as_os_str().is_empty());
        for git_dir in [self.registration()?, recorded].into_iter().flatten() {
            if git_dir.parent() == Some(&self.common_dir.join("worktrees")) {
                remove_tree(&git_dir)?;
            }
        }
        Ok(())
    }

    fn write_marker(&self) -> Result<(), GitError> {
        let marker = marker(&self.path);
        durable::write_json(&marker, self).map_err(|error| GitError::io(&marker, error))
    }
}

/// Whether git met a worktree that somebody else was making or removing in that moment. Git speaks
/// English here whatever the person's language is: every process of it gets `LC_ALL=C` and nothing
/// else of their environment. A second look at the files could not tell: by then it is whole.
fn is_half_made(error: &GitError) -> bool {
    let text = error.to_string();
    text.contains("failed to read") && text.contains("commondir")
}

fn private(branch: &str) -> Result<&str, GitError> {
    match full_name(branch)?.starts_with(PRIVATE) {
        true => Ok(branch),
        false => Err(GitError::BadName(Foreign::new(branch))),
    }
}

/// `path` with `ending` after its last part.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(ending);
    path.with_file_name(name)
}

fn marker(path: &Path) -> PathBuf {
    beside(path, ".worktree.json")
}

/// The path with its upper folder resolved, as git records it.
fn absolute(path: &Path) -> Result<PathBuf, GitError> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let parent = fs::canonicalize(parent).map_err(|error| GitError::io(parent, error))?;
    Ok(parent.join(path.file_name().unwrap_or_default()))
}

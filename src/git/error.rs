//! What can go wrong with git, each with what failed, why and what to do.

use super::object::{ObjectId, RepoPath};
use crate::base::foreign::Foreign;
use std::io;
use std::path::{Path, PathBuf};

/// An error of the git module.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No repository at or above the folder.
    #[error("{0} is not in a git repository; run this inside one, or make one with `git init`")]
    NoRepository(PathBuf),
    /// A repository without a checkout.
    #[error(
        "{0} is a bare repository; run this in a checkout of it (`git worktree add` makes one)"
    )]
    Bare(PathBuf),
    /// The current branch has no commit yet.
    #[error("branch {branch} of {path} has no commit yet; make a first commit, then try again")]
    Unborn {
        /// The checkout.
        path: PathBuf,
        /// The branch, without `refs/heads/`.
        branch: Foreign,
    },
    /// HEAD is detached, so no base branch follows from it.
    #[error("{0} is on no branch (detached HEAD); switch to one, or set `base` in monban.toml")]
    Detached(PathBuf),
    /// The repository uses something monban cannot read safely.
    #[error("{path} uses {what}, which monban cannot work with; {cure}")]
    Unsupported {
        /// The repository.
        path: PathBuf,
        /// The extension or format.
        what: Foreign,
        /// What the person can do.
        cure: &'static str,
    },
    /// No such branch.
    #[error("there is no branch {0}; check the name with `git branch`")]
    NoBranch(Foreign),
    /// A branch that only stands for another one.
    #[error("{name} only stands for {target} (a symbolic reference); name that branch as the base")]
    Symbolic {
        /// Its full name.
        name: Foreign,
        /// What it stands for.
        target: Foreign,
    },
    /// A reference name that is not one.
    #[error("{0} is not a full reference name that git accepts")]
    BadName(Foreign),
    /// The object is not there, or is not what its id says.
    #[error("object {id} cannot be read ({why}); `git fsck` in the repository may say more")]
    BadObject {
        /// The object.
        id: ObjectId,
        /// What is wrong.
        why: Foreign,
    },
    /// Somebody planted an object with the id of another.
    #[error(
        "the repository holds a forged object where an approved one belongs ({0}); run `git fsck` \
         there: nothing was landed"
    )]
    Planted(Foreign),
    /// Something is where monban wants to write.
    #[error("{0} already exists and is not monban's; move it away, then try again")]
    PathTaken(PathBuf),
    /// A branch monban wants to make exists.
    #[error("branch {0} already exists and is not of this attempt; rename it, then try again")]
    BranchTaken(Foreign),
    /// A path monban did not make was to be removed or rolled back.
    #[error("{0} is not a worktree that monban made; nothing was touched")]
    NotOurs(PathBuf),
    /// A folder was taken away.
    #[error(
        "{0} is not a folder any more: it was removed, or replaced by a link or a file; put it \
         back (a rollback does that for a worktree), then try again"
    )]
    NoFolder(PathBuf),
    /// The repository in a folder is another one than before.
    #[error(
        "git finds another repository in {path} than the one monban knows ({was}): something was \
         put in its place; {cure}, then try again"
    )]
    OtherRepository {
        /// The checkout.
        path: PathBuf,
        /// The common git directory that is known.
        was: PathBuf,
        /// What the person can do.
        cure: String,
    },
    /// Over a bound.
    #[error("{what} is over the limit of {limit}; {cure}")]
    TooLarge {
        /// What was measured, with the actual figure where it is known.
        what: Foreign,
        /// The bound.
        limit: u64,
        /// What the person can do.
        cure: &'static str,
    },
    /// A name in a tree that must not be written to a disk.
    #[error("the tree holds the unsafe name {}; it is not written to a disk", .0.shown())]
    Unsafe(RepoPath),
    /// A file did not hold still while it was read.
    #[error("{} kept changing while it was read; stop what writes it, then try again", .0.shown())]
    Restless(RepoPath),
    /// A restored or written tree is not what it should be.
    #[error("{path} is not what it should be: {what}; what was there before is kept")]
    Mismatch {
        /// The folder.
        path: PathBuf,
        /// The first differences.
        what: Foreign,
    },
    /// A rollback's folders are in no state that its steps leave behind.
    #[error("the folders of the rollback of {0} are in no known state; look at them by hand")]
    Unknown(PathBuf),
    /// Another git process holds a checkout.
    #[error("git is at work in {0}; wait until it has finished, then try again")]
    Busy(PathBuf),
    /// Git failed.
    #[error("git {what} failed (exit {code}): {stderr}")]
    Failed {
        /// The subcommand.
        what: String,
        /// Its exit code; -1 when a signal ended it.
        code: i32,
        /// The end of what it wrote to standard error.
        stderr: Foreign,
    },
    /// Git took too long and was killed.
    #[error("git {what} took over {seconds} s and was ended; the disk may be slow or hanging")]
    TimedOut {
        /// The subcommand.
        what: String,
        /// Its limit.
        seconds: u64,
    },
    /// Git is missing or too old.
    #[error("{0}; install git 2.31 or later and make sure that it is on the PATH")]
    NoGit(String),
    /// The caller asked to stop.
    #[error("stopped on request; nothing is half done that a repetition would not finish")]
    Cancelled,
    /// The disk is full.
    #[error("the disk is full while writing {0}; make room, then try again")]
    DiskFull(PathBuf),
    /// The system refused a file operation.
    #[error("cannot use {path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl GitError {
    /// A file error, with a full disk kept apart from all others.
    pub(crate) fn io(path: &Path, source: impl Into<io::Error>) -> Self {
        let source = source.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull(path.to_path_buf())
            }
            _ => Self::Io { path: path.to_path_buf(), source },
        }
    }

    /// A failed git process. `place` is where it was writing.
    pub(crate) fn failed(what: &str, code: i32, stderr: &[u8], place: &Path) -> Self {
        let text = String::from_utf8_lossy(stderr);
        if text.contains("No space left on device") || text.contains("Disk quota exceeded") {
            return Self::DiskFull(place.to_path_buf());
        }
        let stderr = Foreign::from_bytes(stderr.trim_ascii());
        if text.contains("SHA1 COLLISION") || text.contains("cannot read existing object") {
            return Self::Planted(stderr);
        }
        Self::Failed { what: what.to_string(), code, stderr }
    }

    /// A failure of libgit2 on object `id`.
    pub(crate) fn object(id: ObjectId, error: &git2::Error) -> Self {
        Self::BadObject { id, why: Foreign::new(error.message()) }
    }
}

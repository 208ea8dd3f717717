//! Everything monban does with git: the person's repository, the store (the supervisor's own bare
//! repository), snapshots, diffs, worktrees, landing and rollback. The only user of git2.
//!
//! A worktree is only ever read as files. Every git process runs through [`command`]. Functions
//! block; the daemon calls them from threads of its own. `docs/decisions/0004-git.md` says why.

mod checkouts;
mod command;
mod diff;
mod error;
mod files;
mod ignore;
mod materialise;
mod object;
mod objects;
mod repository;
mod snapshot;
mod stat_cache;
mod store;
mod walk;

pub use checkouts::{BaseCheckout, CheckoutState};
pub use diff::{Diff, FileChange, Status, diff, patch};
pub use error::GitError;
pub use materialise::materialise;
pub use object::{ObjectId, Progress, RepoPath, Report};
pub use repository::Repository;
pub use snapshot::{Label, Leftover, Limits, Snapshot, WorktreeFiles, take};
pub use store::Store;

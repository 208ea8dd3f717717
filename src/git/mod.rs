//! Everything monban does with git: the person's repository, the store (the supervisor's own bare
//! repository), snapshots, diffs, worktrees, landing and rollback. The only user of git2.
//!
//! A worktree is only ever read as files. Every git process runs through [`command`]. Functions
//! block; the daemon calls them from threads of its own. `docs/decisions/0004-git.md` says why.

mod changed;
mod checkouts;
mod command;
mod compare;
mod diff;
mod error;
mod files;
mod harmless;
mod identity;
mod ignore;
mod landing;
mod landing_checkout;
mod manifest;
mod materialise;
mod merge;
mod object;
mod objects;
mod pack;
mod pictures;
mod process;
mod repository;
mod rollback;
mod rollback_git;
mod snapshot;
mod stat_cache;
mod store;
mod sweep;
mod usage;
mod walk;
mod watched;
mod worktree;

pub use changed::{Changed, ChangedFile, Side, changed_files};
pub use checkouts::{BaseCheckout, CheckoutState};
pub use compare::differing;
pub use diff::{Diff, FileChange, Patch, Status, diff, patch};
pub use error::GitError;
pub use files::remove_tree;
pub use identity::identity;
pub use landing::{Identity, Landed, Landing, land};
pub use manifest::{Kind, Manifest, ManifestEntry, manifest, manifest_of_tree};
pub use materialise::materialise;
pub use merge::{Merged, merge};
pub use object::{ObjectId, Progress, RepoPath, Report};
pub use repository::Repository;
pub use rollback::{RollbackPlan, Step};
pub use snapshot::{Label, Leftover, Limits, Snapshot, WorktreeFiles, commit, take};
pub use store::Store;
pub use sweep::{Sweep, discard, kept_branch};
pub use watched::{Difference, WatchedFile, WatchedState};
pub use worktree::{Added, Worktree};

/// The steps of a rollback and its undo, each of which may be the last before a crash.
pub mod steps {
    pub use super::rollback::{
        build_fresh, carry_home, carry_home_back, discard_fresh, finish, probe, put_in_place,
        restore_git, return_aside, set_aside, take_out, undo, verify,
    };
    pub use super::rollback_git::{keep_git, reset_git};
}

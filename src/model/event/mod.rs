//! Events: facts that happened, kept for ever.
//!
//! Each is one record of the event log: its kind is `area.fact`, its payload the fields below. Fields
//! are only ever added, with a default; a kind is never used for something else.

mod daemon;
mod judge;
mod landing;
mod repo;
mod rollback;
mod run;
mod task;

pub use daemon::DaemonEvent;
pub use judge::JudgeEvent;
pub use landing::LandingEvent;
pub use repo::RepoEvent;
pub use rollback::RollbackEvent;
pub use run::RunEvent;
pub use task::{FinalEnd, FinalResult, TaskEvent};

use serde::{Deserialize, Serialize};

/// A fact, by area.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// About the daemon and the people at it.
    Daemon(DaemonEvent),
    /// About a repository.
    Repo(RepoEvent),
    /// About a task.
    Task(TaskEvent),
    /// About an agent's run.
    Run(RunEvent),
    /// About judging a result.
    Judge(JudgeEvent),
    /// About landing a result.
    Landing(LandingEvent),
    /// About rolling a worktree back.
    Rollback(RollbackEvent),
}

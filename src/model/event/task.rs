//! Tasks and the inbox.

use crate::base::foreign::Foreign;
use crate::base::id::{ItemId, RepoId, TaskId};
use crate::model::attempt::{Place, Snapshot};
use crate::model::item::{Closed, Item};
use crate::model::task::{GatePin, Kind, Origin, Reverts, TaskSpec};
use crate::policy::Level;
use serde::{Deserialize, Serialize};

/// About a task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum TaskEvent {
    /// A person wrote a task down.
    #[serde(rename = "task.added")]
    Added {
        /// The task.
        task: TaskId,
        /// Its repository.
        repo: RepoId,
        /// What is asked.
        spec: TaskSpec,
        /// Whether it is a person's work.
        #[serde(default)]
        origin: Origin,
    },
    /// A person changed a task that had not started.
    #[serde(rename = "task.edited")]
    Edited {
        /// The task.
        task: TaskId,
        /// What is asked now.
        spec: TaskSpec,
    },
    /// A person removed a task.
    #[serde(rename = "task.removed")]
    Removed {
        /// The task.
        task: TaskId,
    },
    /// A person asked for a task to run.
    #[serde(rename = "task.queued")]
    Queued {
        /// The task.
        task: TaskId,
        /// The gate it will be judged by.
        gate: GatePin,
        /// It goes on with the last attempt's conversation.
        #[serde(default)]
        resume: bool,
        /// Who.
        by: String,
    },
    /// A person wants landed work taken back: a task of its own, with a result from the store.
    #[serde(rename = "task.revert-made")]
    RevertMade {
        /// The new task.
        task: TaskId,
        /// Its repository.
        repo: RepoId,
        /// What it is, in words.
        spec: TaskSpec,
        /// What it takes back.
        reverts: Reverts,
        /// The gate it will be judged by.
        gate: GatePin,
        /// The base without that work.
        snapshot: Box<Snapshot>,
        /// Who.
        by: String,
    },
    /// An attempt began; its worktree is being made.
    #[serde(rename = "task.attempted")]
    Attempted {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        attempt: u32,
        /// It goes on in the place of the attempt before.
        #[serde(default)]
        resumed: bool,
        /// A person's own command directly started it.
        #[serde(default)]
        vouched: bool,
    },
    /// The attempt's worktree and HOME are ready.
    #[serde(rename = "task.prepared")]
    Prepared {
        /// The task.
        task: TaskId,
        /// Where it works.
        place: Place,
    },
    /// Work for the task that takes over a second is so far.
    #[serde(rename = "task.progress")]
    Progress {
        /// The task.
        task: TaskId,
        /// What is being done.
        what: String,
        /// How much of it is done.
        done: u64,
        /// Of how much, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total: Option<u64>,
    },
    /// A person ended the task; its process tree is being ended.
    #[serde(rename = "task.aborted")]
    Aborted {
        /// The task.
        task: TaskId,
        /// Who.
        by: String,
    },
    /// The task is ended by a person's word.
    #[serde(rename = "task.stopped")]
    Stopped {
        /// The task.
        task: TaskId,
    },
    /// The task failed.
    #[serde(rename = "task.failed")]
    Failed {
        /// The task.
        task: TaskId,
        /// Why.
        why: Foreign,
    },
    /// The final result of an attempt, with what a promotion counts.
    #[serde(rename = "task.finished")]
    Finished {
        /// The task.
        task: TaskId,
        /// The result.
        result: FinalResult,
    },
    /// Something waits for a person.
    #[serde(rename = "task.asked")]
    Asked {
        /// What.
        item: Item,
    },
    /// It waits no longer.
    #[serde(rename = "task.answered")]
    Answered {
        /// What.
        item: ItemId,
        /// How it was settled.
        how: Closed,
        /// By whom, if a person settled it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
}

/// The final result of a task's attempt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FinalResult {
    /// How it ended.
    pub end: FinalEnd,
    /// The level it ran at.
    pub level: Level,
    /// The hash of the policy in force.
    pub policy: String,
    /// Whether it was a person's work.
    pub origin: Origin,
    /// The kind of work.
    pub kind: Kind,
    /// The attempt's number.
    pub attempt: u32,
    /// From the attempt's start to its end.
    pub duration_ms: u64,
    /// The agent program's own version, if known.
    pub agent_version: Option<Foreign>,
    /// The limit that was exceeded, if one was.
    pub breach: Option<String>,
    /// The agent ended unasked in the middle of a turn, or without an exit status.
    pub abnormal_end: bool,
    /// Whether a rollback succeeded, if there was one.
    pub rollback: Option<bool>,
}

/// How a task's attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinalEnd {
    /// It landed, or the base held it already.
    Success,
    /// It failed.
    Failed,
    /// A person stopped it.
    Stopped,
}

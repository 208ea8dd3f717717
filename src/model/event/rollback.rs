//! Rollbacks and their undo.

use crate::base::foreign::Foreign;
use crate::base::id::{OpId, TaskId};
use crate::model::task::Ending;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// About rolling a worktree back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum RollbackEvent {
    /// A worktree is to return to a commit.
    #[serde(rename = "rollback.wanted")]
    Wanted {
        /// The task.
        task: TaskId,
        /// The rollback.
        op: OpId,
        /// The commit it returns to.
        target: String,
        /// Where the task stands afterwards.
        then: Ending,
        /// Why.
        why: Foreign,
    },
    /// It did, verified; what was there is kept.
    #[serde(rename = "rollback.done")]
    Done {
        /// The task.
        task: TaskId,
        /// The rollback.
        op: OpId,
        /// Where the old worktree is kept.
        aside: PathBuf,
    },
    /// It could not; nothing was lost.
    #[serde(rename = "rollback.failed")]
    Failed {
        /// The task.
        task: TaskId,
        /// The rollback.
        op: OpId,
        /// Why.
        why: Foreign,
    },
    /// A person wants the old worktree back.
    #[serde(rename = "rollback.undo-wanted")]
    UndoWanted {
        /// The task.
        task: TaskId,
        /// The rollback.
        op: OpId,
        /// Who.
        by: String,
    },
    /// What was there is kept no longer: a person had what is old removed.
    #[serde(rename = "rollback.forgotten")]
    Forgotten {
        /// The task.
        task: TaskId,
        /// The rollback.
        op: OpId,
        /// Who.
        by: String,
    },
    /// The old worktree is back.
    #[serde(rename = "rollback.undone")]
    Undone {
        /// The task.
        task: TaskId,
        /// The rollback.
        op: OpId,
    },
}

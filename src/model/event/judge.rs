//! Snapshots and gates.

use crate::base::id::{RunId, TaskId};
use crate::model::attempt::Snapshot;
use crate::model::verdict::{Tool, Verdict};
use serde::{Deserialize, Serialize};

/// About judging a result.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum JudgeEvent {
    /// A snapshot of the worktree is in the store.
    #[serde(rename = "judge.snapshot")]
    Snapshot {
        /// The task.
        task: TaskId,
        /// The snapshot.
        snapshot: Snapshot,
    },
    /// The snapshot equals the base: there is nothing to judge.
    #[serde(rename = "judge.unchanged")]
    Unchanged {
        /// The task.
        task: TaskId,
    },
    /// A limit was passed in the middle of a turn: the check of it failed there and then.
    #[serde(rename = "judge.breached")]
    Breached {
        /// The task.
        task: TaskId,
        /// The agent's run.
        run: RunId,
        /// The verdict of the check.
        verdict: Box<Verdict>,
    },
    /// A person wants the last snapshot judged once more.
    #[serde(rename = "judge.again")]
    Again {
        /// The task.
        task: TaskId,
        /// Who.
        by: String,
    },
    /// The gate began to judge a snapshot.
    #[serde(rename = "judge.started")]
    Started {
        /// The task.
        task: TaskId,
        /// The run of its commands.
        run: RunId,
        /// The snapshot's number.
        snapshot: u32,
        /// The tree it judges.
        tree: String,
        /// The base branch that the result is for, full name.
        #[serde(default)]
        branch: String,
        /// The hash of the gate configuration.
        gate_hash: String,
        /// The hash of the policy in force.
        policy: String,
    },
    /// The gate gave its verdicts.
    #[serde(rename = "judge.finished")]
    Finished {
        /// The task.
        task: TaskId,
        /// The run of its commands.
        run: RunId,
        /// The verdicts, in the gate's order.
        verdicts: Vec<Verdict>,
        /// The versions of the tools that its commands name.
        #[serde(default)]
        toolchain: Vec<Tool>,
    },
}

//! Landings.

use crate::base::foreign::Foreign;
use crate::base::id::{OpId, TaskId};
use crate::model::attempt::Snapshot;
use serde::{Deserialize, Serialize};

/// About landing a result.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum LandingEvent {
    /// A person signed a digest; the result is on its way.
    #[serde(rename = "landing.approved")]
    Approved {
        /// The task.
        task: TaskId,
        /// The landing.
        op: OpId,
        /// What was signed.
        digest: String,
        /// Who signed.
        by: String,
        /// What they attested with it, word by word.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attested: Vec<Foreign>,
    },
    /// The base branch holds the result.
    #[serde(rename = "landing.landed")]
    Landed {
        /// The task.
        task: TaskId,
        /// The commit on the base branch.
        commit: String,
    },
    /// The result could not be put on the base branch yet and is kept under a ref.
    #[serde(rename = "landing.kept")]
    Kept {
        /// The task.
        task: TaskId,
        /// The ref that keeps it.
        reference: String,
        /// Why.
        why: Foreign,
    },
    /// The base moved since the result was judged: a landing found that, or it was known when a
    /// person approved.
    #[serde(rename = "landing.base-moved")]
    BaseMoved {
        /// The task.
        task: TaskId,
        /// The landing.
        op: OpId,
        /// The base now.
        base: String,
    },
    /// The result was merged with the new base; it is to be judged again.
    #[serde(rename = "landing.merged")]
    Merged {
        /// The task.
        task: TaskId,
        /// The merged result, compared with the new base.
        snapshot: Snapshot,
    },
    /// The new base holds all of the result already: the task is done, and nothing lands.
    #[serde(rename = "landing.nothing-left")]
    NothingLeft {
        /// The task.
        task: TaskId,
        /// The new base.
        base: String,
    },
    /// The result conflicts with the new base.
    #[serde(rename = "landing.conflict")]
    Conflict {
        /// The task.
        task: TaskId,
        /// The new base.
        base: String,
        /// The files in conflict.
        files: Vec<Foreign>,
    },
}

//! The inbox: what waits for a person.

use super::verdict::Binds;
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use crate::base::id::{ItemId, TaskId};
use serde::{Deserialize, Serialize};

/// Something that waits for a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// The task it is about.
    pub task: TaskId,
    /// What is wanted of the person.
    pub kind: ItemKind,
    /// What it is about, in words.
    pub note: Foreign,
    /// What it names one by one, each with the command that takes it back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Foreign>,
    /// What an approval would sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binds: Option<Binds>,
    /// Since when it waits.
    pub since: Timestamp,
}

impl Item {
    /// The digest an approval of it must carry; empty for items that are not approvals.
    pub fn digest(&self) -> String {
        self.binds.as_ref().map(Binds::digest).unwrap_or_default()
    }
}

/// What is wanted of the person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemKind {
    /// Approve or reject a judged result.
    Approval,
    /// The agent asks to be allowed something; answer it in its pane.
    Permission,
    /// The agent asks something; answer it in its pane.
    Question,
    /// The agent reports a failure.
    AgentError,
    /// What the agent does has been unknown for a while; look at its screen.
    Unknown,
    /// The agent finished without changing anything.
    NothingChanged,
    /// It cannot be told whether a prompt reached the agent.
    Delivery,
    /// Work of the supervisor itself failed; the person can retry or abort.
    Trouble,
    /// The repository changed while the agent ran, and not by monban. Whatever becomes of the task,
    /// it waits for a person's word: the change is outside of the worktree.
    Alarm,
}

impl ItemKind {
    /// Items for which the agent has to be there; they close when it ends.
    pub fn needs_agent(self) -> bool {
        self.is_live() || self == ItemKind::Delivery
    }

    /// Items about what the agent is showing right now; they close when it shows something else.
    pub fn is_live(self) -> bool {
        matches!(
            self,
            ItemKind::Permission | ItemKind::Question | ItemKind::AgentError | ItemKind::Unknown
        )
    }

    /// Items that say that the agent's turn is over although nothing could be judged.
    pub fn ends_turn(self) -> bool {
        matches!(self, ItemKind::NothingChanged | ItemKind::Trouble)
    }
}

/// How an item was settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closed {
    /// A person approved it.
    Approved,
    /// A person rejected it.
    Rejected,
    /// A person has seen it.
    Acknowledged,
    /// What it was about is no longer so.
    Stale,
}

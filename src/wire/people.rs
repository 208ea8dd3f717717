//! What people's programs and the daemon say to each other: a hello both ways, then requests, each
//! answered by any number of progress lines and exactly one result.

use crate::base::foreign::Foreign;
use crate::base::id::{OpId, TaskId};
use crate::base::size::Size;
use crate::model::command::TaskChange;
use crate::model::rejection::Rejection;
use crate::model::task::{Origin, TaskSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// What the first message must carry, so that a stray program is told apart from an old monban.
pub const MAGIC: &str = "monban";
/// The protocol's version: 2 can attach, 3 is told cursors apart from heads.
pub const PROTOCOL: u32 = 3;
/// The oldest protocol of a client that the daemon still serves.
pub const PROTOCOL_OLDEST: u32 = 1;

/// The first message of a client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// [`MAGIC`].
    pub magic: String,
    /// The protocol the client speaks.
    pub protocol: u32,
    /// The client's version, for messages.
    pub version: String,
    /// Who the person is.
    pub person: String,
}

/// The daemon's answer to a hello.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// [`MAGIC`].
    pub magic: String,
    /// The protocol the daemon speaks with this client: the client's, if it serves that one.
    pub protocol: u32,
    /// The daemon's version.
    pub version: String,
    /// The daemon's process.
    pub pid: u32,
    /// Where the event log is damaged, since which the daemon only shows what was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
    /// Why the daemon will not serve this client, if it will not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Rejection>,
}

/// A request with the folder its person stands in, which says what repository is meant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The folder.
    pub at: PathBuf,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// About the plan.
    Plan(PlanAsk),
    /// About one task's course.
    Task(TaskId, TaskAsk),
    /// About what waits for a person.
    Inbox(InboxAsk),
    /// To be shown something.
    Show(ShowAsk),
    /// About the daemon itself.
    Daemon(DaemonAsk),
    /// To stay and look: once this is answered with [`Answer::Done`], both sides send messages of
    /// [`super::view`] until the connection ends.
    Attach {
        /// Only to watch: the daemon takes nothing from this client that changes anything.
        watch: bool,
        /// Wherever the person stands; without it they must stand in a repository.
        all: bool,
        /// The size of their terminal.
        #[serde(default)]
        size: Option<Size>,
    },
}

/// About the plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanAsk {
    /// Write a task down.
    Add {
        /// What is asked.
        spec: TaskSpec,
        /// Whether it is a person's work.
        origin: Origin,
    },
    /// The gate configuration that would be used now, and whether it is trusted.
    Check,
    /// Trust a gate configuration by its hash.
    Trust {
        /// The hash.
        hash: String,
    },
    /// Run tasks; none named means every draft of the repository.
    Run {
        /// The tasks.
        tasks: Vec<TaskId>,
        /// The hash of the gate configuration the person trusts.
        trust: Option<String>,
        /// Vouch for being there for so many milliseconds, if the run is not refused.
        #[serde(default)]
        attend_ms: Option<u64>,
    },
    /// Vouch for being there for so many milliseconds.
    Vouch {
        /// How long.
        for_ms: u64,
    },
    /// Lift a halt or hold of the repository.
    Resume,
    /// End every task of the repository.
    AbortAll,
}

/// About one task's course.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskAsk {
    /// Change it before it starts.
    Edit(TaskChange),
    /// Remove it before it starts.
    Remove,
    /// Try it again.
    Retry {
        /// Resume the last conversation, or start over; none if the person has not said.
        resume: Option<bool>,
        /// The hash of the gate configuration the person trusts.
        trust: Option<String>,
    },
    /// Take back what it landed, by a task of its own.
    Revert {
        /// The hash of the gate configuration the person trusts.
        trust: Option<String>,
    },
    /// Judge what is there now.
    Judge,
    /// Paste text into the agent's terminal.
    Paste {
        /// The text.
        text: String,
    },
    /// Give the agent a prompt.
    Say {
        /// The text.
        text: String,
    },
    /// Press keys in the agent's terminal.
    Keys {
        /// Their names.
        keys: Vec<String>,
    },
    /// End its process tree.
    Abort,
    /// Make its agent stand still.
    Pause,
    /// Let its agent go on.
    GoOn,
    /// Return its worktree to a commit.
    RollBack {
        /// The checkpoint's number; none is the base.
        checkpoint: Option<u32>,
        /// The commit the person looked at; another one is refused.
        #[serde(default)]
        commit: Option<String>,
    },
}

/// About what waits for a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InboxAsk {
    /// Approve.
    Approve {
        /// The inbox id or the task's id.
        item: String,
        /// The digest the person looked at.
        digest: String,
        /// The statements of its gate that they attest, word by word.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attested: Vec<Foreign>,
    },
    /// Reject.
    Reject {
        /// The inbox id or the task's id.
        item: String,
        /// Why.
        reason: String,
    },
    /// Undo a rollback.
    Undo {
        /// The rollback.
        op: OpId,
    },
}

/// To be shown something.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShowAsk {
    /// The tasks.
    List {
        /// Of all repositories.
        all: bool,
    },
    /// One task.
    Task(TaskId),
    /// How agents are logged in.
    Auth,
    /// The names of the agents there are.
    Agents,
    /// What waits for a person.
    Inbox {
        /// In all repositories.
        all: bool,
    },
    /// A task's diff against its base.
    Diff(TaskId),
    /// A task's verdicts.
    Gates(TaskId),
    /// The screen of a task's agent.
    Screen {
        /// The task.
        task: TaskId,
        /// With colours.
        ansi: bool,
    },
    /// Wait until each task needs a person or ended; the person is there meanwhile.
    Wait {
        /// The tasks.
        tasks: Vec<TaskId>,
    },
    /// The event log from a record on.
    Events {
        /// The first record.
        from: u64,
        /// Go on as events come.
        follow: bool,
    },
}

/// About the daemon itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DaemonAsk {
    /// How it is.
    Status,
    /// End.
    Stop {
        /// End the agents first.
        kill_agents: bool,
    },
    /// Compare the state with a replay of the log.
    Verify,
    /// Remove what ended work left and nobody needs any more.
    Gc {
        /// How long ago the work must have ended, in milliseconds.
        older_than_ms: u64,
        /// Only say what would be removed.
        dry_run: bool,
    },
}

/// One message of the daemon after the hello.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Work goes on; more follows.
    Progress {
        /// What.
        what: String,
        /// How far.
        done: u64,
        /// Of how much, if known.
        total: Option<u64>,
    },
    /// One row of a listing that may go on for ever; more follows.
    Row(Value),
    /// Done.
    Done(Value),
    /// Refused.
    Refused(Rejection),
}

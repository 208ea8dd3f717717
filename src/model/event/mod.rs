//! Events: facts that happened, kept for ever.
//!
//! Each is one record of the event log: its kind is `area.fact`, its payload the fields below.
//! Fields are only ever added, with a default; a kind is never used for something else.

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

use serde::ser::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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

impl Event {
    /// The kind and payload under which the event is logged.
    ///
    /// # Errors
    /// A value that JSON cannot hold, such as a path that is not UTF-8.
    pub fn to_record(&self) -> Result<(String, Value), serde_json::Error> {
        match serde_json::to_value(self)? {
            Value::Object(mut fields) => match (fields.remove("type"), fields.remove("payload")) {
                (Some(Value::String(kind)), Some(payload)) => Ok((kind, payload)),
                _ => Err(serde_json::Error::custom("an event without type and payload")),
            },
            _ => Err(serde_json::Error::custom("an event that is not an object")),
        }
    }

    /// The event a record stands for; `None` for a kind this version does not know.
    pub fn from_record(kind: &str, payload: &Value) -> Option<Self> {
        let record = json!({ "type": kind, "payload": payload });
        // By its area, and not by trying one after the other: every start reads the whole log.
        match kind.split_once('.')?.0 {
            "daemon" => serde_json::from_value(record).ok().map(Self::Daemon),
            "repo" => serde_json::from_value(record).ok().map(Self::Repo),
            "task" => serde_json::from_value(record).ok().map(Self::Task),
            "run" => serde_json::from_value(record).ok().map(Self::Run),
            "judge" => serde_json::from_value(record).ok().map(Self::Judge),
            "landing" => serde_json::from_value(record).ok().map(Self::Landing),
            "rollback" => serde_json::from_value(record).ok().map(Self::Rollback),
            _ => None,
        }
    }
}

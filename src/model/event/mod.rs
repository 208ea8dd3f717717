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
use serde_json::Value;

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
    ///
    /// # Errors
    /// A kind it knows with a payload it cannot read: to leave it out would be another history.
    pub fn from_record(kind: String, payload: Value) -> Result<Option<Self>, String> {
        let (unknown, name) = (format!("unknown variant `{kind}`"), kind.clone());
        let area = kind.split_once('.').map_or("", |(area, _)| area).to_string();
        let fields = [("type".to_string(), Value::String(kind)), ("payload".to_string(), payload)];
        let record = Value::Object(fields.into_iter().collect());
        // By its area, and not by trying one after the other: every start reads the whole log.
        let read = match area.as_str() {
            "daemon" => serde_json::from_value(record).map(Self::Daemon),
            "repo" => serde_json::from_value(record).map(Self::Repo),
            "task" => serde_json::from_value(record).map(Self::Task),
            "run" => serde_json::from_value(record).map(Self::Run),
            "judge" => serde_json::from_value(record).map(Self::Judge),
            "landing" => serde_json::from_value(record).map(Self::Landing),
            "rollback" => serde_json::from_value(record).map(Self::Rollback),
            _ => return Ok(None),
        };
        match read.map_err(|error| error.to_string()) {
            Ok(event) => Ok(Some(event)),
            Err(why) if why.starts_with(&unknown) => Ok(None),
            Err(why) => Err(format!(
                "this version of monban cannot read this `{name}`; it may be of a later one ({why})"
            )),
        }
    }
}

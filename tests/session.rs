//! Attached clients of a daemon in this process: what they see, what they may do, and that none of
//! them harms another or an agent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code)]
#[path = "support/attached.rs"]
mod attached;
#[allow(dead_code)]
#[path = "support/desk.rs"]
mod desk;
#[path = "session/harm.rs"]
mod harm;
#[allow(dead_code)]
#[path = "support/instance.rs"]
mod instance;
#[path = "session/panes.rs"]
mod panes;
#[allow(dead_code)]
#[path = "support/people.rs"]
mod people;
#[path = "session/tables.rs"]
mod tables;
#[path = "session/upgrade.rs"]
mod upgrade;

use attached::Attached;
use desk::Desk;
use instance::Instance;
use monban::base::id::{RunId, TaskId};
use monban::wire::people::{Ask, ShowAsk};
use people::{Person, add};
use std::time::Duration;

/// Longer than anything that was started takes to show.
const QUIET: Duration = Duration::from_millis(400);

/// What attached clients do at the desk.
impl Desk {
    fn attach(&self, name: &str) -> Attached {
        let at = self.instance.repository.clone();
        Attached::attach(&self.daemon.places, name, at, false)
    }

    fn watch(&self, name: &str) -> Attached {
        let at = self.instance.repository.clone();
        Attached::attach(&self.daemon.places, name, at, true)
    }

    fn watch_all(&self, name: &str) -> Attached {
        let at = self.instance.repository.clone();
        let attach = Ask::Attach { watch: true, all: true, size: None };
        Attached::attach_by(&self.daemon.places, name, at, attach)
    }

    /// A task whose agent runs `script`; returns it with its run once the agent is at work.
    fn agent(&self, script: &str) -> (TaskId, RunId) {
        let mut ann = self.person("ann");
        let task = add(&mut ann, "T", script);
        desk::run(&mut ann, &[task]);
        let run = ann.until(&ShowAsk::Task(task), |task| {
            let state = task["status"]["state"].as_str()?;
            ["working", "blocked", "done"].contains(&state).then(|| task["run"].as_u64())?
        });
        (task, RunId(run))
    }
}

//! A desk: a generated repository and a daemon for it in this process, by a clock moved by hand.

use super::instance::Instance;
use super::people::{InProcess, Person};
use monban::base::id::TaskId;
use monban::base::paths::Places;
use monban::wire::people::{Ask, PlanAsk, ShowAsk};
use serde_json::Value;
use std::fs;

/// The desk; the daemon is stopped first.
pub struct Desk {
    pub daemon: InProcess,
    pub instance: Instance,
}

impl Desk {
    pub fn new() -> Self {
        Self::at(Instance::new())
    }

    /// With these settings before the agents of the person's configuration.
    pub fn with(settings: &str) -> Self {
        let instance = Instance::new();
        let agents = fs::read_to_string(instance.home.join("config.toml")).unwrap();
        instance.configure(&format!("{settings}\n{agents}"));
        Self::at(instance)
    }

    pub fn at(instance: Instance) -> Self {
        Self { daemon: InProcess::start(Places::under(&instance.home)).listening(), instance }
    }

    /// Another daemon takes over, at the time to which the clock was moved meanwhile.
    pub fn begin_again(&mut self) {
        let clock = self.daemon.clock.clone();
        self.daemon = InProcess::start_at(self.daemon.places.clone(), clock).listening();
    }

    pub fn person(&self, name: &str) -> Person {
        Person::connect(&self.daemon.places, name, self.instance.repository.clone())
    }
}

/// Trusts the gate and runs the tasks.
pub fn run(person: &mut Person, tasks: &[TaskId]) {
    let trust = Some(gate(person));
    person.ask(Ask::Plan(PlanAsk::Run { tasks: tasks.to_vec(), trust, attend_ms: None })).unwrap();
}

/// The hash of the gate configuration.
pub fn gate(person: &mut Person) -> String {
    let gate = person.ask(Ask::Plan(PlanAsk::Check)).unwrap();
    gate["hash"].as_str().unwrap().to_string()
}

/// Looks until the task is in this state.
#[track_caller]
pub fn until_state(person: &mut Person, id: TaskId, state: &str) -> Value {
    person.until(&ShowAsk::Task(id), |task| (task["state"] == state).then(|| task.clone()))
}

/// Looks until something of this kind waits about the task.
#[track_caller]
pub fn until_waits(person: &mut Person, id: TaskId, kind: &str) -> Value {
    person.until(&ShowAsk::Task(id), |task| {
        let waits = task["waits_for"].as_array()?;
        waits.iter().any(|waits| waits == kind).then(|| task.clone())
    })
}

//! Somebody who does what a person would, and looks at what came of it.

use super::super::client::Client;
use super::super::exit::Failure;
use super::ground::Ground;
use crate::base::foreign::Foreign;
use crate::base::id::TaskId;
use crate::model::rejection::Rejection;
use crate::model::task::{Kind, Origin, TaskSpec};
use crate::wire::people::{Ask, InboxAsk, PlanAsk, ShowAsk, TaskAsk};
use serde_json::Value;
use std::time::Duration;

/// How often and how many times a task is looked at: for a minute.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS_MAX: u32 = 3000;

/// A client that plays the person.
pub(in crate::cli) struct Player<'a> {
    /// The connection to the ground's daemon.
    pub client: Client,
    /// Where it plays.
    pub ground: &'a Ground,
    /// What its tasks are for.
    pub origin: Origin,
}

impl Player<'_> {
    /// Trusts the gate configuration; gives its hash and its commands.
    pub fn trust(&mut self) -> Result<(String, String), Failure> {
        let gate = self.client.ask(Ask::Plan(PlanAsk::Check))?;
        let hash = gate["hash"].as_str().unwrap_or_default().to_string();
        self.client.ask(Ask::Plan(PlanAsk::Trust { hash: hash.clone() }))?;
        Ok((hash, gate["runs"].to_string()))
    }

    /// Writes a task down.
    pub fn add(
        &mut self,
        agent: &str,
        title: &str,
        kind: Kind,
        prompt: &str,
    ) -> Result<TaskId, Failure> {
        let spec = TaskSpec {
            title: Foreign::new(title),
            kind,
            agent: agent.into(),
            prompt: prompt.into(),
            after: Vec::new(),
            files: Vec::new(),
        };
        let added = self.client.ask(Ask::Plan(PlanAsk::Add { spec, origin: self.origin }))?;
        Ok(TaskId(added["id"].as_u64().unwrap_or(0)))
    }

    /// Starts tasks.
    pub fn run(&mut self, tasks: Vec<TaskId>) -> Result<(), Failure> {
        let ask = Ask::Plan(PlanAsk::Run { tasks, trust: None, attend_ms: None });
        self.client.ask(ask).map(|_| ())
    }

    /// Presses keys in an agent's terminal.
    pub fn keys(&mut self, task: TaskId, keys: &[&str]) -> Result<(), Failure> {
        let keys = keys.iter().map(ToString::to_string).collect();
        self.client.ask(Ask::Task(task, TaskAsk::Keys { keys })).map(|_| ())
    }

    /// What is known of a task.
    pub fn look(&mut self, task: TaskId) -> Result<Value, Failure> {
        self.client.ask(Ask::Show(ShowAsk::Task(task)))
    }

    /// Looks at a task until `done`, or gives up.
    pub fn until(
        &mut self,
        task: TaskId,
        what: &str,
        done: impl Fn(&Value) -> bool,
    ) -> Result<Value, Failure> {
        let mut row = Value::Null;
        for _ in 0..LOOKS_MAX {
            row = self.look(task)?;
            if done(&row) {
                return Ok(row);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Err(missing(task, what, &row))
    }

    /// Waits for a task to want `kind` of the person.
    pub fn wait_for(&mut self, task: TaskId, kind: &str) -> Result<Value, Failure> {
        let find = |row: &Value| {
            let mut items = row["inbox"].as_array().into_iter().flatten();
            items.find(|item| item["kind"] == kind).cloned()
        };
        let row = self.until(task, kind, |row| find(row).is_some() || row["state"] == "failed")?;
        find(&row).ok_or_else(|| missing(task, kind, &row))
    }

    /// Approves what a task made, and waits until exactly that is on the base branch; gives the
    /// digest that was signed and the new head.
    pub fn approve(&mut self, task: TaskId) -> Result<(String, String), Failure> {
        let item = self.wait_for(task, "approval")?;
        let digest = item["digest"].as_str().unwrap_or_default().to_string();
        let (item, attested) = (task.to_string(), Vec::new());
        let ask = InboxAsk::Approve { item, digest: digest.clone(), attested };
        self.client.ask(Ask::Inbox(ask))?;
        let row = self.until(task, "landing", |row| row["state"] == "done")?;
        let base = self.base()?;
        if row["landed"].as_str() != Some(base.as_str()) {
            return Err(missing(task, "the landed commit on main", &row));
        }
        Ok((digest, base))
    }

    /// The head of the base branch.
    pub fn base(&self) -> Result<String, Failure> {
        let read = self.ground.git(&["rev-parse", "refs/heads/main"]);
        read.map_err(|e| Failure::environment(format!("git failed: {e}"), "is git installed?"))
    }

    /// Waits until a task has failed, everything halts and the base branch is where it was; gives
    /// what is known of it.
    pub fn halted(&mut self, task: TaskId, before: &str) -> Result<Value, Failure> {
        let row = self.until(task, "a failure", |row| row["stage"]["is"] == "failed")?;
        if row["repository"]["halted"].is_null() || self.base()? != before {
            return Err(missing(task, "a halt with main unmoved", &row));
        }
        Ok(row)
    }

    /// Lifts the halt.
    pub fn resume(&mut self) -> Result<(), Failure> {
        self.client.ask(Ask::Plan(PlanAsk::Resume)).map(|_| ())
    }
}

/// What a task should show and does not.
pub(in crate::cli) fn missing(task: TaskId, what: &str, row: &Value) -> Failure {
    let why = format!("task {task} shows no {what}; it is {}: {}", row["state"], row["failure"]);
    Failure::Refused(Rejection::refused(why, "this is a defect of monban"))
}

//! The demo's story, step by step, each with its evidence from the event log or the repository.

use super::super::client::Client;
use super::super::exit::Failure;
use super::ground::Ground;
use super::stage;
use crate::base::foreign::Foreign;
use crate::base::id::TaskId;
use crate::model::rejection::Rejection;
use crate::model::task::Kind;
use crate::wire::people::{Answer, Ask, InboxAsk, PlanAsk, ShowAsk, TaskAsk};
use serde_json::Value;
use std::io::Write;
use std::time::Duration;

/// How often and how many times the demo looks at a task: for a minute.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS_MAX: u32 = 3000;

/// Tells the whole story.
pub(super) fn tell(ground: &Ground, client: Client, out: &mut dyn Write) -> Result<(), Failure> {
    let mut story = Story { client, ground, out, step: 0 };
    let gate = story.trust()?;
    let good = story.add("Greet people by name", Kind::Add, "good", "Let greet.sh take a name.")?;
    let asks = story.add("Configure the port", Kind::Add, "asks", "Write port.conf.")?;
    let harm = story.add("Tidy up", Kind::Refactor, "harm", "Tidy the repository.")?;
    story.good_change(good, &gate)?;
    story.question(asks)?;
    story.harm(harm)?;
    story.evidence()
}

struct Story<'a> {
    client: Client,
    ground: &'a Ground,
    out: &'a mut dyn Write,
    step: u32,
}

impl Story<'_> {
    fn say(&mut self, what: &str, evidence: &str) -> Result<(), Failure> {
        self.step += 1;
        Ok(writeln!(self.out, "{:2}. {what}\n      {evidence}", self.step)?)
    }

    fn trust(&mut self) -> Result<String, Failure> {
        let (hash, runs) = stage::trust(&mut self.client)?;
        self.say("you read the gate configuration and trust it", &format!("{runs} as {hash:.12}"))?;
        Ok(hash)
    }

    fn add(
        &mut self,
        title: &str,
        kind: Kind,
        agent: &str,
        prompt: &str,
    ) -> Result<TaskId, Failure> {
        let id = stage::add(&mut self.client, agent, title, kind, prompt)?;
        self.say(
            &format!("you write down task {id}: {title}"),
            &format!("for the agent `{agent}`"),
        )?;
        Ok(id)
    }

    fn run(&mut self, task: TaskId) -> Result<(), Failure> {
        let ask = Ask::Plan(PlanAsk::Run { tasks: vec![task], trust: None, attend_ms: None });
        self.client.ask(ask).map(|_| ())
    }

    /// Looks at the task until `done`, or gives up.
    fn until(
        &mut self,
        task: TaskId,
        what: &str,
        done: impl Fn(&Value) -> bool,
    ) -> Result<Value, Failure> {
        let mut row = Value::Null;
        for _ in 0..LOOKS_MAX {
            row = self.client.ask(Ask::Show(ShowAsk::Task(task)))?;
            if done(&row) {
                return Ok(row);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Err(missing(task, what, &row))
    }

    /// Waits for the task to want `kind` of the person.
    fn wait_for(&mut self, task: TaskId, kind: &str) -> Result<Value, Failure> {
        let find = |row: &Value| {
            let mut items = row["inbox"].as_array().into_iter().flatten();
            items.find(|item| item["kind"] == kind).cloned()
        };
        let row = self.until(task, kind, |row| find(row).is_some() || row["state"] == "failed")?;
        find(&row).ok_or_else(|| missing(task, kind, &row))
    }

    fn keys(&mut self, task: TaskId, keys: &[&str]) -> Result<(), Failure> {
        let keys = keys.iter().map(ToString::to_string).collect();
        self.client.ask(Ask::Task(task, TaskAsk::Keys { keys })).map(|_| ())
    }

    fn approve(&mut self, task: TaskId) -> Result<String, Failure> {
        let item = self.wait_for(task, "approval")?;
        let digest = item["digest"].as_str().unwrap_or_default().to_string();
        let ask = InboxAsk::Approve { item: task.to_string(), digest: digest.clone() };
        self.client.ask(Ask::Inbox(ask))?;
        let row = self.until(task, "landing", |row| row["state"] == "done")?;
        let base = self.base()?;
        if row["landed"].as_str() != Some(base.as_str()) {
            return Err(missing(task, "the landed commit on main", &row));
        }
        self.say(
            &format!("you approve digest {digest:.12}; task {task} lands"),
            &format!("main is {base:.12} now"),
        )?;
        Ok(base)
    }

    fn base(&self) -> Result<String, Failure> {
        let read = self.ground.git(&["rev-parse", "refs/heads/main"]);
        read.map_err(|e| Failure::environment(format!("git failed: {e}"), "is git installed?"))
    }

    fn good_change(&mut self, task: TaskId, _gate: &str) -> Result<(), Failure> {
        self.run(task)?;
        let item = self.wait_for(task, "permission")?;
        let asked = item["note"].as_str().unwrap_or_default();
        self.say("the agent asks for permission", &format!("inbox: {}", Foreign::new(asked)))?;
        self.keys(task, &["y"])?;
        self.approve(task).map(|_| ())
    }

    fn question(&mut self, task: TaskId) -> Result<(), Failure> {
        self.run(task)?;
        let item = self.wait_for(task, "question")?;
        let asked = item["note"].as_str().unwrap_or_default();
        self.say("another agent asks a question", &format!("inbox: {}", Foreign::new(asked)))?;
        self.keys(task, &["8", "0", "8", "0", "enter"])?;
        self.approve(task)?;
        let shown = self.ground.git(&["show", "main:port.conf"]);
        match shown.as_deref() {
            Ok("port = 8080") => self.say("your answer is on main", "port.conf: port = 8080"),
            other => {
                let why = format!("port.conf on main is {other:?}");
                Err(Failure::Refused(Rejection::refused(why, "this is a defect of monban")))
            }
        }
    }

    fn harm(&mut self, task: TaskId) -> Result<(), Failure> {
        let before = self.base()?;
        self.run(task)?;
        let row = self.until(task, "a failure", |row| row["stage"]["is"] == "failed")?;
        let failure = Foreign::new(row["failure"].as_str().unwrap_or_default());
        self.say("a third agent breaks the greeting and deletes the README", &failure.shown())?;
        let halted = &row["repository"]["halted"];
        if halted.is_null() || self.base()? != before {
            return Err(missing(task, "a halt with main unmoved", &row));
        }
        self.say(
            "everything of the repository halts; main has not moved",
            &format!("main is {before:.12}"),
        )?;
        self.rolled_back(task)?;
        self.client.ask(Ask::Plan(PlanAsk::Resume))?;
        self.say("you look at it and lift the halt", "monban resume")
    }

    fn rolled_back(&mut self, task: TaskId) -> Result<(), Failure> {
        let row = self.client.ask(Ask::Show(ShowAsk::Task(task)))?;
        let rollback = &row["attempts"][0]["rollbacks"][0];
        let aside = rollback["progress"]["done"]["aside"].as_str().map(std::path::PathBuf::from);
        let worktree = row["worktree"].as_str().map(std::path::PathBuf::from);
        let (Some(aside), Some(worktree)) = (aside, worktree) else {
            return Err(missing(task, "a finished rollback", &row));
        };
        let restored = worktree.join("README.md").is_file() && !aside.join("README.md").exists();
        if !restored {
            return Err(missing(task, "a restored worktree", &row));
        }
        let op = rollback["op"].as_str().unwrap_or_default().to_string();
        self.say(
            "its worktree is rolled back and verified; what it did is kept aside",
            &format!("{op}, undo with `monban rollback --undo {op}`"),
        )
    }

    /// Every step must be in the event log, in this order.
    fn evidence(&mut self) -> Result<(), Failure> {
        const STEPS: [&str; 16] = [
            "repo.opened",
            "repo.trusted",
            "task.added",
            "task.queued",
            "task.prepared",
            "run.started",
            "run.delivery",
            "task.asked",
            "run.turned",
            "judge.snapshot",
            "judge.finished",
            "landing.approved",
            "landing.landed",
            "repo.halted",
            "rollback.done",
            "repo.resumed",
        ];
        let mut kinds = Vec::new();
        let mut row = |answer: Answer| {
            if let Answer::Row(record) = answer {
                kinds.push(record["type"].as_str().unwrap_or_default().to_string());
            }
            Ok(())
        };
        let ask = Ask::Show(ShowAsk::Events { from: 1, follow: false });
        self.client.ask_with(ask, &mut row)?;
        let mut rest = kinds.iter();
        for step in STEPS {
            if !rest.any(|kind| kind == step) {
                let why = format!("the event log has no `{step}` where it should be");
                return Err(Failure::Refused(Rejection::refused(
                    why,
                    "this is a defect of monban",
                )));
            }
        }
        self.say("every step is in the event log", &format!("{} records", kinds.len()))
    }
}

fn missing(task: TaskId, what: &str, row: &Value) -> Failure {
    let why = format!("task {task} shows no {what}; it is {}: {}", row["state"], row["failure"]);
    Failure::Refused(Rejection::refused(why, "this is a defect of monban"))
}

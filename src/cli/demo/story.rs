//! The demo's story, step by step, each with its evidence from the event log or the repository.

use super::super::client::Client;
use super::super::exit::Failure;
use super::super::play::{Ground, Player, missing};
use crate::base::foreign::Foreign;
use crate::base::id::TaskId;
use crate::model::rejection::Rejection;
use crate::model::task::{Kind, Origin};
use crate::wire::people::{Answer, Ask, ShowAsk};
use std::io::Write;

/// Tells the whole story.
pub(super) fn tell(ground: &Ground, client: Client, out: &mut dyn Write) -> Result<(), Failure> {
    let player = Player { client, ground, origin: Origin::Demo };
    let mut story = Story { player, out, step: 0 };
    story.trust()?;
    let good = story.add("Greet people by name", Kind::Add, "good", "Let greet.sh take a name.")?;
    let asks = story.add("Configure the port", Kind::Add, "asks", "Write port.conf.")?;
    let harm = story.add("Tidy up", Kind::Refactor, "harm", "Tidy the repository.")?;
    story.good_change(good)?;
    story.question(asks)?;
    story.harm(harm)?;
    story.evidence()
}

struct Story<'a> {
    player: Player<'a>,
    out: &'a mut dyn Write,
    step: u32,
}

impl Story<'_> {
    fn say(&mut self, what: &str, evidence: &str) -> Result<(), Failure> {
        self.step += 1;
        Ok(writeln!(self.out, "{:2}. {what}\n      {evidence}", self.step)?)
    }

    fn trust(&mut self) -> Result<(), Failure> {
        let (hash, runs) = self.player.trust()?;
        self.say("you read the gate configuration and trust it", &format!("{runs} as {hash:.12}"))
    }

    fn add(
        &mut self,
        title: &str,
        kind: Kind,
        agent: &str,
        prompt: &str,
    ) -> Result<TaskId, Failure> {
        let id = self.player.add(agent, title, kind, prompt)?;
        let evidence = format!("for the agent `{agent}`");
        self.say(&format!("you write down task {id}: {title}"), &evidence)?;
        Ok(id)
    }

    fn approve(&mut self, task: TaskId) -> Result<(), Failure> {
        let (digest, base) = self.player.approve(task)?;
        let evidence = format!("main is {base:.12} now");
        self.say(&format!("you approve digest {digest:.12}; task {task} lands"), &evidence)
    }

    fn good_change(&mut self, task: TaskId) -> Result<(), Failure> {
        self.player.run(vec![task])?;
        let item = self.player.wait_for(task, "permission")?;
        let asked = item["note"].as_str().unwrap_or_default();
        self.say("the agent asks for permission", &format!("inbox: {}", Foreign::new(asked)))?;
        self.player.keys(task, &["y"])?;
        self.approve(task)
    }

    fn question(&mut self, task: TaskId) -> Result<(), Failure> {
        self.player.run(vec![task])?;
        let item = self.player.wait_for(task, "question")?;
        let asked = item["note"].as_str().unwrap_or_default();
        self.say("another agent asks a question", &format!("inbox: {}", Foreign::new(asked)))?;
        self.player.keys(task, &["8", "0", "8", "0", "enter"])?;
        self.approve(task)?;
        let shown = self.player.ground.git(&["show", "main:port.conf"]);
        match shown.as_deref() {
            Ok("port = 8080") => self.say("your answer is on main", "port.conf: port = 8080"),
            other => {
                let why = format!("port.conf on main is {other:?}");
                Err(Failure::Refused(Rejection::refused(why, "this is a defect of monban")))
            }
        }
    }

    fn harm(&mut self, task: TaskId) -> Result<(), Failure> {
        let before = self.player.base()?;
        self.player.run(vec![task])?;
        let row = self.player.halted(task, &before)?;
        let failure = Foreign::new(row["failure"].as_str().unwrap_or_default());
        self.say(
            "a third agent adds a script that starts programs, and deletes the README",
            &failure.shown(),
        )?;
        self.say(
            "everything of the repository halts; main has not moved",
            &format!("main is {before:.12}"),
        )?;
        self.rolled_back(task)?;
        self.player.resume()?;
        self.say("you look at it and lift the halt", "monban resume")
    }

    fn rolled_back(&mut self, task: TaskId) -> Result<(), Failure> {
        let row = self.player.look(task)?;
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
        self.player.client.ask_with(ask, &mut row)?;
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

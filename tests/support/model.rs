//! The language of the model tests: a [`World`] in which people ask and work reports, and what is
//! expected of the events that follow. Every world is replayed from its log, through JSON, at its
//! end.
#![allow(dead_code, reason = "each test file uses its own part of the language")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says so")]

use monban::base::clock::Timestamp;
use monban::base::foreign::Foreign;
use monban::base::id::{OpId, RepoId, RunId, TaskId};
use monban::model::attempt::{AgentState, AgentStatus, Attempt, Delivery, Snapshot, Usage};
use monban::model::checkpoint::{Kept, Moment};
use monban::model::command::{Command, LandingOutcome, MergeOutcome, Notice, Report, Request};
use monban::model::core::Core;
use monban::model::decide::Settings;
use monban::model::effect::Effect;
use monban::model::event::{Event, FinalResult, TaskEvent};
use monban::model::item::{Item, ItemKind};
use monban::model::rejection::Rejection;
use monban::model::state::State;
use monban::model::task::{Task, TaskState};
use monban::model::verdict::Verdict;
use monban::policy::{Level, Limits};
use std::path::PathBuf;
use std::time::Duration;

#[path = "model_words.rs"]
mod words;
pub use words::*;

/// The gate that the person trusts.
pub const GATE: &str = "gate-1";

/// One daemon's core with a log, one repository and a person named dj who is there.
pub struct World {
    pub core: Core,
    pub log: Vec<(Timestamp, Event)>,
    pub now: Timestamp,
    pub repo: RepoId,
}

impl World {
    /// A repository with a trusted gate, two places for agents, and dj at the dashboard.
    pub fn new() -> Self {
        let mut world = Self::empty();
        world.dj(open("/r"));
        world.dj(Request::Trust { repo: world.repo, hash: GATE.into() });
        world.notice(Notice::Arrived { person: "dj".into() });
        world
    }

    /// The same with nobody there.
    pub fn deserted() -> Self {
        let mut world = Self::new();
        world.notice(Notice::Left { person: "dj".into() });
        world
    }

    /// A core that knows nothing.
    pub fn empty() -> Self {
        let settings = Settings {
            level: Level::L1,
            policy: "policy-1".into(),
            limits: Limits::DEFAULT,
            max_agents: 2,
        };
        let now = Timestamp::from_millis(1_795_240_730_000);
        Self { core: Core::new(settings), log: Vec::new(), now, repo: RepoId(1) }
    }

    /// dj asks; the kinds of the events that follow.
    #[track_caller]
    pub fn dj(&mut self, request: Request) -> Vec<String> {
        self.person("dj", request)
    }

    /// Somebody asks; the kinds of the events that follow.
    #[track_caller]
    pub fn person(&mut self, who: &str, request: Request) -> Vec<String> {
        let command = Command::Person { who: who.into(), request };
        self.handle(&command).unwrap_or_else(|refusal| panic!("refused: {refusal}"))
    }

    /// dj asks in vain: the refusal, which says why and what to do and changes nothing.
    #[track_caller]
    pub fn refused(&mut self, request: Request) -> Rejection {
        let before = self.core.clone();
        let command = Command::Person { who: "dj".into(), request };
        let refusal = self.handle(&command).expect_err("this should be refused");
        assert!(!refusal.why.is_empty() && !refusal.cure.is_empty(), "{refusal:?}");
        assert_eq!(self.core, before, "a refusal changes nothing");
        refusal
    }

    /// Work under way reports; the kinds of the events that follow.
    pub fn report(&mut self, report: Report) -> Vec<String> {
        self.handle(&Command::Report(report)).expect("reports are never refused")
    }

    /// The daemon has something to say.
    pub fn notice(&mut self, notice: Notice) -> Vec<String> {
        self.handle(&Command::Daemon(notice)).expect("notices are never refused")
    }

    fn handle(&mut self, command: &Command) -> Result<Vec<String>, Rejection> {
        let events = self.core.handle(command, self.now)?;
        let kinds = events.iter().map(kind).collect();
        self.log.extend(events.into_iter().map(|event| (self.now, event)));
        Ok(kinds)
    }

    /// Time passes.
    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    pub fn state(&self) -> &State {
        &self.core.state
    }

    #[track_caller]
    pub fn task(&self, id: TaskId) -> &Task {
        self.state().task(id).expect("the task")
    }

    #[track_caller]
    pub fn attempt(&self, id: TaskId) -> &Attempt {
        self.task(id).attempt().expect("an attempt")
    }

    /// The word a person sees for the task.
    #[track_caller]
    pub fn sees(&self, id: TaskId) -> TaskState {
        self.task(id).state()
    }

    /// The agent's run of the latest attempt.
    #[track_caller]
    pub fn run_of(&self, id: TaskId) -> RunId {
        self.attempt(id).run.as_ref().expect("a run").id
    }

    /// The kinds of what waits for a person about a task, oldest first.
    pub fn inbox(&self, id: TaskId) -> Vec<ItemKind> {
        self.state().items_of(id).map(|item| item.kind).collect()
    }

    /// What waits for a person about a task, where that is one thing.
    #[track_caller]
    pub fn item(&self, id: TaskId) -> Item {
        let items: Vec<&Item> = self.state().items_of(id).collect();
        assert_eq!(items.len(), 1, "{items:?}");
        items[0].clone()
    }

    pub fn effects(&self) -> Vec<Effect> {
        self.core.outstanding()
    }

    /// Why the repository is halted.
    pub fn halt(&self) -> Option<String> {
        self.state().repos[&self.repo].halt.as_ref().map(|halt| halt.cause.raw().to_string())
    }

    /// What the repository is held for.
    pub fn hold(&self) -> Option<String> {
        self.state().repos[&self.repo].hold.clone()
    }

    /// The operation of the last rollback of a task.
    #[track_caller]
    pub fn rollback(&self, id: TaskId) -> OpId {
        self.attempt(id).rollbacks.last().expect("a rollback").op
    }

    /// The final results on record for a task.
    pub fn results(&self, id: TaskId) -> Vec<FinalResult> {
        let result = |event: &Event| match event {
            Event::Task(TaskEvent::Finished { task, result }) if *task == id => {
                Some(result.clone())
            }
            _ => None,
        };
        self.log.iter().filter_map(|(_, event)| result(event)).collect()
    }

    /// The log, after it was seen to give the state.
    pub fn into_log(mut self) -> Vec<(Timestamp, Event)> {
        assert_eq!(self.replayed(), self.core.state, "the log gives the state");
        self.core.state = State::default();
        std::mem::take(&mut self.log)
    }

    /// A state folded from the log after a way through JSON.
    pub fn replayed(&self) -> State {
        let mut core = Core::new(self.core.settings.clone());
        for (at, event) in &self.log {
            let line = serde_json::to_string(&(at, event)).expect("an event is written");
            let (at, event): (Timestamp, Event) =
                serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            core.replay(&event, at);
        }
        core.state
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.replayed(), self.core.state, "the log gives the state");
        }
    }
}

/// The steps of the usual way, each one thing that happens.
impl World {
    /// dj writes a task down.
    pub fn add(&mut self, title: &str) -> TaskId {
        let id = self.state().next_task();
        self.dj(add(self.repo, spec(title)));
        id
    }

    /// A task that dj asked to run.
    pub fn started(&mut self) -> TaskId {
        let id = self.add("fix the parser");
        self.dj(run(id));
        id
    }

    /// A task whose agent is at work on its prompt.
    pub fn running(&mut self) -> TaskId {
        let id = self.started();
        self.prepare(id);
        self.deliver_all(id);
        id
    }

    /// A task whose agent finished its turn.
    pub fn turned(&mut self) -> TaskId {
        let id = self.running();
        self.turn(id);
        id
    }

    /// A task whose snapshot waits because a peer's failure halted the repository.
    pub fn taken(&mut self) -> TaskId {
        let (peer, id) = (self.checking(), self.turned());
        self.gate(peer, vec![fail("test")]);
        self.end(peer);
        self.rolled_back(peer);
        self.snapshot(id, "tree-2");
        id
    }

    /// A task that is being judged.
    pub fn checking(&mut self) -> TaskId {
        let id = self.turned();
        self.snapshot(id, "tree-1");
        id
    }

    /// A task whose green result waits for approval.
    pub fn waiting(&mut self) -> TaskId {
        let id = self.checking();
        self.gate(id, vec![pass("test")]);
        id
    }

    /// A task whose approved result is being landed.
    pub fn landing(&mut self) -> TaskId {
        let id = self.waiting();
        self.approve(id);
        id
    }

    /// A task whose red result is being rolled back.
    pub fn rolling_back(&mut self) -> TaskId {
        let id = self.checking();
        self.gate(id, vec![fail("test")]);
        id
    }

    /// A task whose landing found the base moved.
    pub fn merging(&mut self) -> TaskId {
        let id = self.landing();
        self.land(id, LandingOutcome::BaseMoved { base: "base-2".into() });
        id
    }

    /// A task whose process tree is being ended by a person's word.
    pub fn stopping(&mut self) -> TaskId {
        let id = self.running();
        self.dj(Request::Abort { task: id });
        id
    }

    /// A task that a person ended.
    pub fn stopped(&mut self) -> TaskId {
        let id = self.stopping();
        self.end(id);
        id
    }

    /// A landed task.
    pub fn done(&mut self) -> TaskId {
        let id = self.landing();
        self.land(id, LandingOutcome::Landed { commit: "squash".into() });
        self.end(id);
        id
    }

    /// A failed task, rolled back.
    pub fn failed(&mut self) -> TaskId {
        let id = self.rolling_back();
        self.end(id);
        self.rolled_back(id);
        id
    }

    pub fn prepare(&mut self, id: TaskId) -> Vec<String> {
        let attempt = self.attempt(id).number;
        let place = self.attempt(id).place.clone().unwrap_or_else(|| place(id, attempt));
        let kinds = self.report(Report::Prepared { task: id, attempt, result: Ok(place) });
        if self.attempt(id).kept == Kept::Due {
            self.checkpoint(id, Moment::Run(attempt), Ok(None));
        }
        if let Some(run) = self.attempt(id).run.as_ref().map(|run| run.id) {
            self.report(Report::Started { run });
        }
        kinds
    }

    /// Every prompt that is to be typed is typed and taken.
    pub fn deliver_all(&mut self, id: TaskId) {
        let run = self.run_of(id);
        let open = |p: &&monban::model::attempt::Prompt| p.delivery == Delivery::Wanted;
        let numbers: Vec<u32> =
            self.attempt(id).prompts.iter().filter(open).map(|prompt| prompt.number).collect();
        for prompt in numbers {
            self.delivery(id, prompt, Delivery::Typing);
            self.report(Report::Delivery { run, prompt, delivery: Delivery::Delivered });
        }
    }

    /// The agent takes a prompt, or no longer does.
    pub fn ready(&mut self, id: TaskId, prompt: u32, ready: bool) -> Vec<String> {
        let run = self.run_of(id);
        self.report(Report::Ready { run, prompt, ready })
    }

    /// The worktree was read before a run or a prompt.
    pub fn checkpoint(
        &mut self,
        id: TaskId,
        moment: Moment,
        result: Result<Option<Snapshot>, String>,
    ) -> Vec<String> {
        let (attempt, number) = (self.attempt(id).number, self.attempt(id).next_snapshot);
        self.report(Report::Checkpoint { task: id, attempt, moment, number, result })
    }

    /// A prompt that is typed was kept for before, in a worktree where nothing had changed.
    pub fn delivery(&mut self, id: TaskId, prompt: u32, delivery: Delivery) -> Vec<String> {
        let run = self.run_of(id);
        if delivery == Delivery::Typing {
            self.ready(id, prompt, true);
            self.checkpoint(id, Moment::Prompt(prompt), Ok(None));
        }
        self.report(Report::Delivery { run, prompt, delivery })
    }

    /// The agent is found to work for longer than it may.
    pub fn overtime(&mut self, id: TaskId) -> Vec<String> {
        let (run, since) = (self.run_of(id), self.attempt(id).worked.since.unwrap_or_default());
        self.report(Report::Overtime { run, since, verdict: Box::new(over("seconds")) })
    }

    pub fn turn(&mut self, id: TaskId) -> Vec<String> {
        let run = self.run_of(id);
        let prompt = self.attempt(id).prompts.last().map_or(0, |prompt| prompt.number);
        self.report(Report::Turned { run, prompt })
    }

    pub fn status(&mut self, id: TaskId, state: AgentState, detail: &str) -> Vec<String> {
        let run = self.run_of(id);
        let detail = Foreign::new(detail);
        let status = AgentStatus { state, source: "hook".into(), since: self.now, detail };
        self.report(Report::Status { run, status })
    }

    /// The agent's conversation gets a name.
    pub fn session(&mut self, id: TaskId, session: &str) -> Vec<String> {
        let run = self.run_of(id);
        self.report(Report::Session { run, session: session.into() })
    }

    /// The agent says what it used.
    pub fn used(&mut self, id: TaskId, output_tokens: u64) -> Vec<String> {
        let run = self.run_of(id);
        let usage = Usage { output_tokens, ..Usage::default() };
        self.report(Report::Usage { run, usage })
    }

    pub fn end(&mut self, id: TaskId) -> Vec<String> {
        let run = self.run_of(id);
        self.report(Report::Ended { run, end: exit(0) })
    }

    pub fn snapshot(&mut self, id: TaskId, tree: &str) -> Vec<String> {
        let base = self.attempt(id).place.as_ref().expect("a place").base.clone();
        let number = self.next_snapshot(id);
        self.snapshot_result(id, Ok(Some(snapshot(number, &base, tree))))
    }

    pub fn snapshot_result(
        &mut self,
        id: TaskId,
        result: Result<Option<Snapshot>, String>,
    ) -> Vec<String> {
        let (attempt, number) = (self.attempt(id).number, self.attempt(id).next_snapshot);
        self.report(Report::Snapshot { task: id, attempt, number, result })
    }

    pub fn next_snapshot(&self, id: TaskId) -> u32 {
        self.attempt(id).next_snapshot
    }

    pub fn gate(&mut self, id: TaskId, verdicts: Vec<Verdict>) -> Vec<String> {
        let run = self.attempt(id).gates.last().expect("a gate").run;
        self.report(Report::Gate { task: id, run, verdicts, toolchain: Vec::new() })
    }

    /// dj approves what waits.
    #[track_caller]
    pub fn approve(&mut self, id: TaskId) -> Vec<String> {
        let item = self.item(id);
        self.dj(approve(&item))
    }

    /// The landing under way of a task.
    #[track_caller]
    pub fn landing_op(&self, id: TaskId) -> OpId {
        use monban::model::task::Stage;
        match self.task(id).stage {
            Stage::Landing { op } | Stage::Merging { op, .. } => op,
            ref other => panic!("not landing but {other:?}"),
        }
    }

    pub fn land(&mut self, id: TaskId, outcome: LandingOutcome) -> Vec<String> {
        let op = self.landing_op(id);
        self.report(Report::Landing { task: id, op, outcome })
    }

    pub fn merge(&mut self, id: TaskId, outcome: MergeOutcome) -> Vec<String> {
        let op = self.landing_op(id);
        self.report(Report::Merge { task: id, op, outcome })
    }

    pub fn rolled_back(&mut self, id: TaskId) -> Vec<String> {
        let (op, result) = (self.rollback(id), Ok(PathBuf::from("/aside")));
        self.report(Report::RolledBack { task: id, op, result })
    }
}

/// A stage, how a task gets there, and whether it can be aborted there.
pub struct StageCase {
    pub name: &'static str,
    pub reach: fn(&mut World) -> TaskId,
    pub aborts: bool,
}

/// Every stage a task with an attempt can be at.
pub const STAGES: [StageCase; 13] = [
    StageCase { name: "preparing", reach: World::started, aborts: true },
    StageCase { name: "running", reach: World::running, aborts: true },
    StageCase { name: "turned", reach: World::turned, aborts: true },
    StageCase { name: "taken", reach: World::taken, aborts: true },
    StageCase { name: "checking", reach: World::checking, aborts: true },
    StageCase { name: "waiting", reach: World::waiting, aborts: true },
    StageCase { name: "landing", reach: World::landing, aborts: false },
    StageCase { name: "merging", reach: World::merging, aborts: true },
    StageCase { name: "rolling back", reach: World::rolling_back, aborts: false },
    StageCase { name: "stopping", reach: World::stopping, aborts: false },
    StageCase { name: "done", reach: World::done, aborts: false },
    StageCase { name: "failed", reach: World::failed, aborts: false },
    StageCase { name: "stopped", reach: World::stopped, aborts: false },
];

/// The kind of an event as the log names it.
pub fn kind(event: &Event) -> String {
    let value = serde_json::to_value(event).expect("an event is written");
    value["type"].as_str().expect("a kind").to_string()
}

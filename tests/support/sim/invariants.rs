//! What must be true after every step, whatever people, agents, git and crashes do.

use super::outside::tree_id;
use super::{Simulation, read};
use monban::base::clock::Timestamp;
use monban::base::id::{ItemId, OpId, TaskId};
use monban::model::attempt::{Attempt, Delivery, PromptWhy, RollbackProgress, Run};
use monban::model::checkpoint::Moment;
use monban::model::command::{Command, Request};
use monban::model::decide::Settings;
use monban::model::effect::Effect;
use monban::model::event::{
    DaemonEvent, Event, JudgeEvent, LandingEvent, RepoEvent, RollbackEvent, RunEvent, TaskEvent,
};
use monban::model::item::{Closed, Item, ItemKind};
use monban::model::state::{Repo, State};
use monban::model::task::{Stage, Task};
use monban::model::verdict::{Binds, GateRun, Outcome, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// Somebody who reads the log as it is written and folds it for themselves.
#[derive(Default)]
pub struct Witness {
    state: State,
    /// Ids that were given out, each with its kind's prefix.
    ids: BTreeSet<String>,
    items: BTreeMap<ItemId, Item>,
    results: BTreeSet<(TaskId, u32)>,
    approvals: BTreeMap<OpId, (TaskId, String)>,
    conflicts: BTreeSet<TaskId>,
    /// What can be returned to before a run or a prompt of a task, and is not void.
    kept: BTreeSet<(TaskId, Moment)>,
    /// How often that became void.
    voids: BTreeMap<TaskId, u32>,
}

impl Witness {
    /// A witness who read the log after a crash.
    pub fn replayed(log: &[String]) -> Self {
        let mut witness = Self::default();
        for line in log {
            let (at, event) = read(line);
            witness.notes(at, &event);
        }
        witness
    }

    /// Whether what is there before a run can be returned to.
    pub fn is_kept(&self, task: TaskId, moment: Moment) -> bool {
        self.kept.contains(&(task, moment))
    }

    /// How often what was kept of a task became void.
    pub fn voids(&self, task: TaskId) -> u32 {
        self.voids.get(&task).copied().unwrap_or_default()
    }

    /// Notes what is kept, and what is void from now on: who held a run or a prompt up may have
    /// changed what is there. Of a fresh attempt its base is kept.
    fn keeps(&mut self, event: &Event) {
        match event {
            Event::Task(TaskEvent::Attempted { task, attempt, resumed, .. }) => {
                self.kept.retain(|(of, _)| of != task);
                if !resumed {
                    self.kept.insert((*task, Moment::Run(*attempt)));
                }
            }
            Event::Run(RunEvent::Kept { task, moment, .. }) => {
                self.kept.insert((*task, *moment));
            }
            Event::Run(RunEvent::PromptDelivery { task, prompt, delivery: Delivery::Typing }) => {
                let is_kept = self.is_kept(*task, Moment::Prompt(*prompt));
                assert!(is_kept, "{event:?}: it could not be returned to");
            }
            _ => {}
        }
        let concerned = |task: &Task| match event {
            Event::Daemon(DaemonEvent::Started { .. }) => true,
            Event::Repo(RepoEvent::Resumed { repo, .. }) => task.repo == *repo,
            Event::Run(RunEvent::PauseWanted { run, .. }) => {
                let current = task.attempt().and_then(|attempt| attempt.run.as_ref());
                current.is_some_and(|current| current.id == *run)
            }
            Event::Run(RunEvent::PromptReady { task: of, ready: false, .. }) => task.id == *of,
            _ => false,
        };
        let tasks = self.state.tasks.values().filter(|task| concerned(task));
        for task in tasks.map(|task| task.id).collect::<Vec<_>>() {
            *self.voids.entry(task).or_default() += 1;
            self.kept.retain(|(of, _)| *of != task);
        }
    }

    /// An event is about to follow from a command.
    pub fn sees(&mut self, line: &str, command: &Command, settings: &Settings) {
        let (at, event) = read(line);
        self.permits_start(at, &event, command, settings);
        self.permits_approval(&event, command, settings);
        self.notes(at, &event);
    }

    /// Nothing starts under a halt or with nobody there, or without room.
    fn permits_start(&self, at: Timestamp, event: &Event, command: &Command, settings: &Settings) {
        let task = match event {
            Event::Task(TaskEvent::Attempted { task, .. } | TaskEvent::Queued { task, .. })
            | Event::Run(RunEvent::Wanted { task, .. })
            | Event::Run(RunEvent::PromptDelivery { task, delivery: Delivery::Typing, .. })
            | Event::Run(RunEvent::PromptWanted { task, why: PromptWhy::Conflict, .. })
            | Event::Judge(JudgeEvent::Started { task, .. } | JudgeEvent::Again { task, .. })
            | Event::Landing(LandingEvent::Approved { task, .. }) => *task,
            _ => return,
        };
        let task = self.state.task(task).expect("what starts is known");
        let repo = &self.state.repos[&task.repo];
        let is_conflict =
            matches!(event, Event::Run(RunEvent::PromptWanted { why: PromptWhy::Conflict, .. }));
        // A prompt about a conflict may be asked for under a halt: it is not typed then.
        assert!(repo.halt.is_none() || is_conflict, "{event:?} under a halt");
        let is_attempt = matches!(event, Event::Task(TaskEvent::Attempted { .. }));
        if is_attempt {
            assert!(self.state.active_count() < settings.max_agents, "no room for {event:?}");
            assert!(self.state.is_ready(&task.spec), "{event:?} before its prerequisites");
        }
        if let Event::Task(TaskEvent::Attempted { vouched, .. }) = event {
            assert_eq!(*vouched, self.is_vouched(task, command), "{event:?} by {command:?}");
        }
        if is_attempt || is_conflict || self.begins_alone(task, event) {
            let vouched = !is_conflict && self.is_vouched(task, command);
            assert!(vouched || self.is_attended(repo, at), "{event:?} with nobody there");
        }
    }

    /// Whether an agent starts, or is told something, that no person directly asked for.
    fn begins_alone(&self, task: &Task, event: &Event) -> bool {
        let Some(attempt) = task.attempt() else { return false };
        match event {
            Event::Run(RunEvent::Wanted { .. }) => !attempt.vouched,
            Event::Run(RunEvent::PromptDelivery { prompt, .. }) => {
                let prompt = attempt.prompts.iter().find(|other| other.number == *prompt);
                let prompt = prompt.expect("a prompt that was wanted");
                prompt.why == PromptWhy::Conflict && !prompt.resumed
            }
            _ => false,
        }
    }

    /// Whether a person's own command directly starts the task.
    fn is_vouched(&self, task: &Task, command: &Command) -> bool {
        let Command::Person { request, .. } = command else { return false };
        match request {
            Request::Run { tasks, .. } => tasks.iter().any(|(id, _)| *id == task.id),
            Request::Retry { task: id, .. } => *id == task.id,
            Request::Reject { item, .. } => {
                self.items.get(item).is_some_and(|item| item.task == task.id)
            }
            Request::Resume { repo } => *repo == task.repo,
            _ => false,
        }
    }

    fn is_attended(&self, repo: &Repo, at: Timestamp) -> bool {
        let presence = &self.state.presence;
        let back = Duration::from_secs(60);
        let word = presence.vouched.as_ref();
        let word = word.is_some_and(|word| at < word.until && at.plus(back) >= word.seen);
        (word || !presence.people.is_empty()) && repo.hold.is_none()
    }

    /// An approval is a person's, of exactly what they were shown, under the policy in force.
    fn permits_approval(&self, event: &Event, command: &Command, settings: &Settings) {
        let Event::Landing(approved) = event else { return };
        let LandingEvent::Approved { task, digest, by, attested, .. } = approved else { return };
        let Command::Person { who, request: Request::Approve { item, digest: signed, .. } } =
            command
        else {
            panic!("{event:?} by {command:?}");
        };
        let item = &self.items[item];
        assert_eq!((by, digest, task), (who, signed, &item.task));
        assert_eq!(*digest, item.digest());
        let gate = self.state.task(*task).and_then(|task| task.attempt()?.gates.last());
        let asked: Vec<_> = gate.into_iter().flat_map(GateRun::statements).collect();
        assert_eq!(attested.iter().collect::<Vec<_>>(), asked, "not all is attested");
        let mut others = self.state.items_of(*task);
        assert_eq!(others.find(|item| item.kind == ItemKind::Alarm), None, "{event:?}");
        assert_eq!(item.binds.as_ref().map(|binds| &binds.policy), Some(&settings.policy));
    }

    /// Takes the event in; ids are given once, items open and close once, results come once.
    fn notes(&mut self, at: Timestamp, event: &Event) {
        let id = match event {
            Event::Task(TaskEvent::Added { task, .. }) => Some(format!("task{task}")),
            Event::Task(TaskEvent::Asked { item }) => Some(item.id.to_string()),
            Event::Run(RunEvent::Wanted { run, .. })
            | Event::Judge(JudgeEvent::Started { run, .. }) => Some(run.to_string()),
            Event::Landing(LandingEvent::Approved { op, .. })
            | Event::Rollback(RollbackEvent::Wanted { op, .. }) => Some(op.to_string()),
            _ => None,
        };
        if let Some(id) = id {
            assert!(self.ids.insert(id), "an id is given twice: {event:?}");
        }
        match event {
            Event::Task(TaskEvent::Asked { item }) => {
                drop(self.items.insert(item.id, item.clone()))
            }
            Event::Task(TaskEvent::Answered { item, how, by }) => {
                let item = self.state.items.get(item).expect("what is answered is open");
                let is_alarm = item.kind == ItemKind::Alarm;
                assert_eq!(is_alarm, *how == Closed::Acknowledged, "{event:?}");
                assert!(!is_alarm || by.is_some(), "an alarm stops by itself: {event:?}");
            }
            Event::Task(TaskEvent::Finished { task, result }) => {
                assert!(self.results.insert((*task, result.attempt)), "two results: {event:?}");
            }
            Event::Landing(LandingEvent::Approved { task, op, digest, .. }) => {
                self.approvals.insert(*op, (*task, digest.clone()));
            }
            Event::Landing(LandingEvent::Conflict { task, .. }) => {
                self.conflicts.insert(*task);
            }
            _ => {}
        }
        self.keeps(event);
        self.state.apply(event, at);
    }
}

/// After every step.
pub fn check(simulation: &Simulation) {
    let state = &simulation.core.state;
    assert_eq!(simulation.witness.state, *state, "the log gives the state");
    assert!(state.active_count() <= simulation.core.settings.max_agents);
    let outstanding = simulation.core.outstanding();
    let mut worktrees: BTreeSet<&PathBuf> = BTreeSet::new();
    for task in state.tasks.values() {
        for attempt in task.attempts.iter().filter(|attempt| live_run(attempt).is_some()) {
            let place = attempt.place.as_ref().expect("a run has a place");
            assert!(worktrees.insert(&place.worktree), "two runs in {:?}", place.worktree);
        }
        check_places(task);
        task.attempts.iter().for_each(check_numbers);
        let undos = task.attempts.iter().flat_map(|attempt| &attempt.rollbacks);
        for undo in undos.filter(|r| matches!(r.progress, RollbackProgress::UndoWanted { .. })) {
            let effect = Effect::Undo { task: task.id, op: undo.op };
            assert!(outstanding.contains(&effect), "{} is forgotten", undo.op);
        }
        assert!(has_hope(state, task, &outstanding, simulation), "stuck: {}", told(task));
        check_end(state, task, &simulation.witness);
    }
    check_outside(simulation);
    for item in state.items.values().filter(|item| item.kind == ItemKind::Approval) {
        let task = state.task(item.task).expect("an item's task");
        assert_eq!(task.stage, Stage::Waiting, "{item:?}");
    }
}

/// No process of a run outlives what the state says of it; a rollback that is said to be done left
/// exactly its target, and everything that was there aside, until it is undone.
fn check_outside(simulation: &Simulation) {
    let (state, outside) = (&simulation.core.state, &simulation.outside);
    for (run, _) in outside.agents.iter().filter(|(_, agent)| agent.is_up()) {
        assert!(state.run(*run).is_some_and(|(_, _, run)| run.is_live()), "{run} is a ghost");
    }
    for task in state.tasks.values().filter(|task| task.is_final()) {
        let Some(attempt) = task.attempt().filter(|attempt| attempt.place.is_some()) else {
            continue;
        };
        let worktree = attempt.place.as_ref().map(|place| &place.worktree);
        let worktree = worktree.and_then(|path| outside.worktrees.get(path));
        let (Some(worktree), Some(last)) = (worktree, attempt.rollbacks.last()) else { continue };
        match &last.progress {
            RollbackProgress::Done { .. } => {
                assert_eq!(
                    worktree.tree.as_ref(),
                    outside.commits.get(&last.target),
                    "{}",
                    last.op
                );
                assert!(worktree.aside.contains_key(&last.op), "{} kept nothing", last.op);
            }
            RollbackProgress::Undone => assert!(worktree.tree.is_some(), "{}", last.op),
            _ => {}
        }
    }
}

fn live_run(attempt: &Attempt) -> Option<&Run> {
    attempt.run.as_ref().filter(|run| run.is_live())
}

/// Every attempt has its own worktree, unless it goes on with the one before it.
fn check_places(task: &Task) {
    let fresh = task.attempts.iter().filter(|attempt| !attempt.resumed);
    let places = fresh.filter_map(|attempt| attempt.place.as_ref());
    let worktrees: Vec<&PathBuf> = places.map(|place| &place.worktree).collect();
    let distinct: BTreeSet<&&PathBuf> = worktrees.iter().collect();
    assert_eq!(distinct.len(), worktrees.len(), "attempts share a worktree: {worktrees:?}");
}

/// A checkpoint is named by its number, and so is one that is still to come.
fn check_numbers(attempt: &Attempt) {
    let numbers: Vec<u32> = attempt.snapshots.iter().map(|snapshot| snapshot.number).collect();
    let distinct: BTreeSet<&u32> = numbers.iter().collect();
    assert_eq!(distinct.len(), numbers.len(), "two checkpoints have one number: {numbers:?}");
    assert!(numbers.iter().all(|number| *number < attempt.next_snapshot), "{numbers:?}");
}

/// What ended leaves nothing running, nothing waiting, and one result.
fn check_end(state: &State, task: &Task, witness: &Witness) {
    let Some(attempt) = task.attempt().filter(|_| task.is_final()) else { return };
    assert!(witness.results.contains(&(task.id, attempt.number)), "no result: {}", told(task));
    match live_run(attempt) {
        Some(run) => assert!(run.stop.is_some(), "it outlives {}", told(task)),
        None => assert_eq!(asks(state, task), None, "task {} ended", task.id),
    }
}

/// What waits for an answer about a task. An alarm outlasts it and moves nothing.
fn asks<'a>(state: &'a State, task: &Task) -> Option<&'a Item> {
    state.items_of(task.id).find(|item| item.kind != ItemKind::Alarm)
}

/// A task in a few words.
fn told(task: &Task) -> String {
    let attempt = task.attempt();
    let run = attempt.and_then(|attempt| attempt.run.as_ref());
    let prompts = attempt.map(|attempt| attempt.prompts.iter().map(|p| p.delivery));
    let prompts: Vec<_> = prompts.into_iter().flatten().collect();
    format!("task {} at {:?}, {run:?}, prompts {prompts:?}", task.id, task.stage)
}

/// Whether there is something or somebody that will move a task on, or a stated reason why not.
fn has_hope(state: &State, task: &Task, effects: &[Effect], simulation: &Simulation) -> bool {
    let halted = state.is_halted(task);
    let run = task.attempt().and_then(live_run);
    let works = |wanted: &dyn Fn(&Effect) -> bool| effects.iter().any(wanted);
    let id = task.id;
    match &task.stage {
        Stage::Draft | Stage::Done | Stage::Failed | Stage::Stopped => true,
        Stage::Queued => {
            let full = state.active_count() >= simulation.core.settings.max_agents;
            let held = state.repo_of(task).is_some_and(|repo| repo.hold.is_some());
            halted || held || full || !state.is_ready(&task.spec)
        }
        Stage::Preparing => works(&|e| matches!(e, Effect::Prepare { task, .. } if *task == id)),
        Stage::Turned => {
            halted || works(&|e| matches!(e, Effect::Snapshot { task, .. } if *task == id))
        }
        Stage::Taken => halted,
        Stage::Checking => works(&|e| matches!(e, Effect::Check { task, .. } if *task == id)),
        Stage::Landing { op } => works(&|e| *e == Effect::Land { task: id, op: *op }),
        Stage::Merging { op, .. } => works(&|e| *e == Effect::Merge { task: id, op: *op }),
        Stage::RollingBack { op, .. } => {
            run.is_some_and(|run| run.stop.is_some())
                || works(&|e| *e == Effect::RollBack { task: id, op: *op })
        }
        Stage::Stopping => run.is_some_and(|run| run.stop.is_some()),
        Stage::Running => {
            let not_yet = task.attempt().is_some_and(|attempt| attempt.run.is_none());
            let stands = halted || is_held(state, task);
            run.is_some() || (not_yet && stands) || asks(state, task).is_some()
        }
        Stage::Waiting => state.items_of(id).any(|item| item.kind == ItemKind::Approval),
    }
}

fn is_held(state: &State, task: &Task) -> bool {
    state.repo_of(task).is_some_and(|repo| repo.hold.is_some())
}

/// When nothing moves any more: whatever is not over waits for a person, and says so.
pub fn check_rest(simulation: &Simulation) {
    let state = &simulation.core.state;
    for task in state.tasks.values() {
        let run = task.attempt().and_then(live_run);
        let asks = asks(state, task).is_some();
        let halted = state.is_halted(task);
        let at_rest = match &task.stage {
            Stage::Done | Stage::Failed | Stage::Stopped => run.is_none(),
            Stage::Draft | Stage::Queued | Stage::Waiting => true,
            Stage::Turned | Stage::Taken => halted,
            Stage::Running => {
                let stands = halted || is_held(state, task);
                asks || stands || run.is_some_and(|run| run.pause_wanted)
            }
            _ => false,
        };
        assert!(at_rest, "nothing moves {}", told(task));
    }
    for (run, agent) in &simulation.outside.agents {
        let known = state.run(*run).is_some_and(|(_, _, run)| run.is_live());
        assert_eq!(known, agent.is_up(), "{run}");
    }
}

/// Just before the base moves: exactly what a person signed, judged green, and nobody else's work
/// lost.
pub fn check_landing(simulation: &Simulation, task: TaskId, op: OpId) {
    let (witness, outside) = (&simulation.witness, &simulation.outside);
    let durable = Witness::replayed(&simulation.log[..simulation.durable]);
    let (of, digest) = &durable.approvals[&op];
    assert_eq!(*of, task);
    let task = simulation.task(task);
    let attempt = task.attempt().expect("an attempt");
    let gate = attempt.gates.last().expect("a gate run");
    let snapshot = attempt.result().expect("a snapshot");
    assert_eq!(gate.snapshot, snapshot.number, "the last snapshot was not judged");
    let binds = Binds {
        branch: gate.branch.clone(),
        base: outside.tip(task.repo).id.clone(),
        head: snapshot.commit.clone(),
        tree: tree_id(&outside.commits[&snapshot.commit]),
        diff_sha256: snapshot.diff_sha256.clone(),
        gate_runs: vec![gate.run],
        gate_hash: gate.gate_hash.clone(),
        policy: gate.policy.clone(),
    };
    assert_eq!(binds.digest(), *digest, "another thing was signed than {binds:?}");
    let verdicts = &outside.gates[&gate.run];
    let passed = |v: &Verdict| matches!(v.outcome, Outcome::Pass | Outcome::Waiting);
    assert!(!verdicts.is_empty() && verdicts.iter().all(passed));
    let shown = gate.verdicts.iter().flatten();
    assert!({ shown }.all(|v| v.outcome == Outcome::Pass), "a person's word is missing");
    let same = |other: &&GateRun| other.tree == gate.tree && other.gate_hash == gate.gate_hash;
    for other in task.attempts.iter().flat_map(|a| &a.gates).filter(same) {
        let failed = outside.gates.get(&other.run).into_iter().flatten();
        let failed: Vec<_> = failed.filter(|v| v.outcome == Outcome::Fail).collect();
        let judged = |check: &str| verdicts.iter().any(|v| v.check == check);
        assert!(!failed.iter().any(|v| judged(&v.check)), "flaky: {failed:?}");
    }
    let before = &outside.commits[&outside.tip(task.repo).id];
    let kept = before.is_subset(&outside.commits[&snapshot.commit]);
    assert!(kept || witness.conflicts.contains(&task.id), "work of others is lost");
    let made = outside.bases[&task.repo].iter().filter_map(|commit| commit.op);
    let twice = made.filter(|op| witness.approvals.get(op).is_some_and(|(id, _)| *id == task.id));
    assert_eq!(twice.count(), 0, "task {} lands twice", task.id);
}

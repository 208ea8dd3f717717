//! A simulated night from a seed: people, agents, git and crashes around the real core.
//!
//! One [`Simulation`] is one seed. What survives a crash is in [`outside`] and in the durable part
//! of the log; the daemon's memory does not. After every step the [`invariants`] are checked.
#![allow(clippy::expect_used, clippy::panic, reason = "a simulation that fails says so")]
#![allow(clippy::print_stdout, reason = "a traced seed tells what happens")]

mod effects;
mod git;
mod invariants;
mod outside;
mod people;
mod rng;
mod runs;

use invariants::Witness;
use monban::base::clock::Timestamp;
use monban::base::id::TaskId;
use monban::model::attempt::Snapshot;
use monban::model::command::{Command, Notice, Report};
use monban::model::core::Core;
use monban::model::decide::Settings;
use monban::model::effect::Effect;
use monban::model::event::Event;
use monban::model::state::State;
use monban::model::task::{Stage, Task};
use monban::policy::{Level, Limits};
use outside::Outside;
use rng::Rng;
use std::collections::BTreeMap;
use std::time::Duration;

/// Rounds in which everything must have come to rest once people and accidents stop.
const REST_MAX: usize = 5_000;

/// One daemon, its surroundings, and those who watch it.
pub struct Simulation {
    rng: Rng,
    core: Core,
    /// The log as it would be on the disk, one line for each event.
    log: Vec<String>,
    /// How many of the lines are durable.
    durable: usize,
    /// Where the events of a command end: they become durable together or not at all.
    ends: Vec<usize>,
    works: Vec<Work>,
    /// How many turns of each agent the daemon knows to be counted.
    turns: BTreeMap<monban::base::id::RunId, u32>,
    /// Worktrees that were read for a checkpoint which is still to be reported.
    read: BTreeMap<Effect, Reading>,
    now: Timestamp,
    temper: Temper,
    outside: Outside,
    witness: Witness,
    /// What happened, for the person who reads a failing seed.
    trace: Option<Vec<String>>,
}

/// What kind of night it is: each seed stresses other things.
struct Temper {
    /// How often each kind of step is taken, in the order of [`Simulation::step`].
    chances: [usize; 8],
    /// How much goes wrong, in percent of the usual; 0 is a calm night.
    mishaps: usize,
}

impl Temper {
    fn new(rng: &mut Rng) -> Self {
        let chances = [
            rng.pick(&[2, 5, 15]),
            rng.pick(&[1, 2, 6]),
            rng.pick(&[0, 1, 1, 2]),
            rng.pick(&[0, 1, 3]),
            rng.pick(&[10, 15, 20]),
            rng.pick(&[20, 40]),
            rng.pick(&[1, 3]),
            rng.pick(&[30, 50]),
        ];
        let mishaps = rng.pick(&[10, 30, 100, 200]).unwrap_or(100);
        Self { chances: chances.map(Option::unwrap_or_default), mishaps }
    }
}

/// An effect under way in the daemon's memory.
#[derive(Clone)]
struct Work {
    effect: Effect,
    step: u8,
}

/// A worktree as it was read for a checkpoint.
struct Reading {
    result: Result<Option<Snapshot>, String>,
    /// How often what was kept of its task had become void by then.
    voids: u32,
}

/// What became of a step of an effect.
#[derive(PartialEq)]
enum Progress {
    /// It took a step; there are more.
    Next,
    /// It has to wait for something.
    Waits,
    /// It is over.
    Over,
}

impl Simulation {
    /// Runs a seed to its end; panics where something is wrong.
    pub fn run(seed: u64, traced: bool) -> usize {
        let mut simulation = Self::new(seed, traced);
        let steps = 50 + simulation.rng.below(850);
        for _ in 0..steps {
            simulation.step();
            invariants::check(&simulation);
        }
        simulation.come_to_rest();
        invariants::check(&simulation);
        invariants::check_rest(&simulation);
        assert_eq!(replayed(&simulation.log), simulation.core.state, "the log gives the state");
        simulation.log.len()
    }

    fn new(seed: u64, traced: bool) -> Self {
        let mut rng = Rng::new(seed);
        let (max_agents, temper) = (1 + rng.below(3), Temper::new(&mut rng));
        let settings = Settings {
            level: Level::L1,
            policy: "policy-1".into(),
            limits: Limits::DEFAULT,
            max_agents,
        };
        let mut simulation = Self {
            rng,
            core: Core::new(settings),
            log: Vec::new(),
            durable: 0,
            ends: Vec::new(),
            works: Vec::new(),
            turns: BTreeMap::new(),
            read: BTreeMap::new(),
            now: Timestamp::from_millis(1_795_240_730_000),
            temper,
            outside: Outside::default(),
            witness: Witness::default(),
            trace: traced.then(Vec::new),
        };
        simulation.begin();
        simulation
    }

    /// A daemon starts, a person opens a repository and writes two tasks down.
    fn begin(&mut self) {
        self.notice(Notice::Started { version: "0.1.0".into(), pid: 1 });
        for request in people::opening(&mut self.rng) {
            self.ask("dj", request);
        }
        if self.rng.chance(70) {
            self.notice(Notice::Arrived { person: "dj".into() });
        }
    }

    fn step(&mut self) {
        let chances = self.temper.chances;
        let mut roll = self.rng.below(chances.iter().sum());
        let kind = chances.iter().position(|chance| {
            let hit = roll < *chance;
            roll = roll.saturating_sub(*chance);
            hit
        });
        match kind {
            Some(0) => {
                let request = people::request(&mut self.rng, &self.core.state, self.now);
                let who = self.rng.pick(&people::PEOPLE).unwrap_or("dj");
                self.ask(who, request);
            }
            Some(1) => self.people_come_and_go(),
            Some(2) => self.crash(),
            Some(3) => self.accident(),
            Some(4) => {
                let mishaps = self.temper.mishaps;
                if let Some(what) = self.outside.agent_lives(&mut self.rng, mishaps) {
                    self.note(|| what);
                }
            }
            Some(5) => self.flush(),
            Some(6) => self.time_passes(),
            _ => self.work(),
        }
    }

    /// Mostly forward; now and then somebody sets the clock.
    fn time_passes(&mut self) {
        let seconds = self.rng.below(600) as u64;
        let back = self.rng.chance(3).then(|| self.rng.below(7200) as i64 * 1000);
        self.now = match back {
            Some(back) => Timestamp::from_millis(self.now.millis() - back),
            None => self.now.plus(Duration::from_secs(seconds)),
        };
    }

    /// People and accidents stop; what is under way goes on until nothing moves any more.
    fn come_to_rest(&mut self) {
        self.temper.mishaps = 0;
        self.outside.dirty.clear();
        let mut quiet = 0;
        for _ in 0..REST_MAX {
            let before = (self.log.len(), self.outside.fingerprint());
            self.durable = self.log.len();
            self.start_work();
            for chosen in (0..self.works.len()).rev() {
                self.advance(chosen);
                self.durable = self.log.len();
            }
            self.outside.agents_finish(&mut self.rng);
            self.now = self.now.plus(Duration::from_secs(600));
            let busy = self.works.iter().any(|work| work.step > 0);
            let moved = before != (self.log.len(), self.outside.fingerprint());
            // Once may be an agent that went back and forth and is not heard for a while.
            quiet = if busy || moved { 0 } else { quiet + 1 };
            if quiet == 2 {
                return;
            }
        }
        panic!("it does not come to rest in {REST_MAX} rounds");
    }

    fn people_come_and_go(&mut self) {
        let person = self.rng.pick(&people::PEOPLE).unwrap_or("dj").to_string();
        let notice =
            if self.rng.chance(50) { Notice::Arrived { person } } else { Notice::Left { person } };
        self.notice(notice);
    }

    /// A person changes what they find in a worktree whose agent has not begun: while no daemon
    /// runs, or under a halt.
    fn somebody_writes(&mut self, is_down: bool) {
        let state = &self.core.state;
        let is_open = |task: &&Task| {
            let begins = matches!(task.stage, Stage::Preparing | Stage::Running);
            begins && (is_down || state.is_halted(task))
        };
        let tasks = state.tasks.values().map(|task| &**task).filter(is_open);
        let tasks: Vec<(TaskId, u32)> =
            tasks.filter_map(|task| Some((task.id, task.attempt()?.number))).collect();
        let Some((task, attempt)) = self.rng.pick(&tasks).filter(|_| self.rng.chance(50)) else {
            return;
        };
        let known = self.attempt(task).place.clone().map(|place| place.worktree);
        let worktree = known.unwrap_or_else(|| effects::worktree(task, attempt));
        if self.outside.person_writes(&worktree) {
            self.note(|| format!("somebody writes in {}", worktree.display()));
        }
    }

    /// Something of the outside goes its own way.
    fn accident(&mut self) {
        self.somebody_writes(false);
        let repos: Vec<_> = self.outside.bases.keys().copied().collect();
        let Some(repo) = self.rng.pick(&repos) else { return };
        if self.rng.chance(60) {
            self.outside.upstream(repo);
            self.note(|| format!("the base of {repo} moves"));
        } else if self.rng.chance(30) {
            self.outside.dirty.insert(repo);
        } else {
            self.outside.dirty.remove(&repo);
        }
    }

    /// The log's waiting lines reach the disk, or those of the first few commands do.
    fn flush(&mut self) {
        self.ends.retain(|end| *end > self.durable);
        let some = self.rng.pick(&self.ends).unwrap_or(self.durable);
        self.durable = if self.rng.chance(80) { self.log.len() } else { some };
    }

    /// The daemon dies and is started again: what was not durable is lost, the outside is as it
    /// was.
    fn crash(&mut self) {
        let lost = self.log.len() - self.durable;
        self.note(|| format!("CRASH, {lost} events lost"));
        self.log.truncate(self.durable);
        self.now = self.now.plus(Duration::from_secs(self.rng.below(3000) as u64));
        self.ends.clear();
        self.works.clear();
        self.turns.clear();
        self.read.clear();
        let mut settings = self.core.settings.clone();
        if self.rng.chance(10) {
            settings.policy = format!("policy-{}", self.rng.below(3));
        }
        self.core = Core { state: replayed(&self.log), settings };
        self.witness = Witness::replayed(&self.log);
        self.somebody_writes(true);
        self.notice(Notice::Started { version: "0.1.0".into(), pid: 1 });
        self.durable = self.log.len();
    }

    fn ask(&mut self, who: &str, request: monban::model::command::Request) {
        let command = Command::Person { who: who.into(), request };
        self.handle(&command);
        for repo in self.core.state.repos.keys() {
            self.outside.found(*repo);
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.handle(&Command::Daemon(notice));
    }

    /// Whether the report led to anything.
    fn report(&mut self, report: Report) -> bool {
        self.handle(&Command::Report(report))
    }

    fn handle(&mut self, command: &Command) -> bool {
        self.note(|| format!("{command:?}"));
        let events = match self.core.handle(command, self.now) {
            Ok(events) => events,
            Err(refusal) => {
                assert!(!refusal.why.is_empty() && !refusal.cure.is_empty());
                self.note(|| format!("  refused: {refusal}"));
                return false;
            }
        };
        for event in &events {
            self.note(|| format!("  {event:?}"));
            let line = serde_json::to_string(&(self.now, event)).expect("an event is written");
            let settings = &self.core.settings;
            self.witness.sees(&line, command, settings);
            self.log.push(line);
        }
        self.ends.push(self.log.len());
        !events.is_empty()
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(what());
            let line = trace.last().map(String::as_str).unwrap_or_default();
            println!("{:>5} {line}", trace.len());
        }
    }

    /// No more mishaps: what is under way succeeds.
    fn is_calm(&self) -> bool {
        self.temper.mishaps == 0
    }

    fn is_durable(&self) -> bool {
        self.durable == self.log.len()
    }

    /// The daemon starts what its state implies and is not under way; only what is durable counts.
    fn start_work(&mut self) {
        if !self.is_durable() {
            return;
        }
        for effect in self.core.outstanding() {
            if !self.works.iter().any(|work| work.effect == effect) {
                self.works.push(Work { effect, step: 0 });
            }
        }
    }

    /// The daemon gets on with something.
    fn work(&mut self) {
        self.start_work();
        for _ in 0..self.works.len().min(4) {
            let chosen = self.rng.below(self.works.len());
            if self.advance(chosen) {
                return;
            }
        }
    }

    /// One step of an effect under way, if it can be taken. One that the state no longer implies is
    /// dropped, sooner or later.
    fn advance(&mut self, chosen: usize) -> bool {
        let Some(work) = self.works.get(chosen).cloned() else { return false };
        let events = self.log.len();
        if work.task().is_some_and(|task| self.core.state.task(task).is_none()) {
            self.works.remove(chosen);
            return true;
        }
        let stale = !self.core.outstanding().contains(&work.effect);
        if stale && (self.is_calm() || self.rng.chance(10) || !work.is_patient()) {
            self.works.remove(chosen);
            return true;
        }
        match self.do_step(&work) {
            Progress::Next => self.works[chosen].step += 1,
            Progress::Waits => return self.log.len() > events,
            Progress::Over => drop(self.works.remove(chosen)),
        }
        true
    }
}

impl Work {
    /// The task it is for, where the work asks the state about it.
    fn task(&self) -> Option<TaskId> {
        match self.effect {
            Effect::Prepare { task, .. }
            | Effect::Snapshot { task, .. }
            | Effect::Checkpoint { task, .. }
            | Effect::Check { task, .. }
            | Effect::Merge { task, .. }
            | Effect::Deliver { task, .. } => Some(task),
            _ => None,
        }
    }

    /// Whether going on with it for a while, although the state no longer implies it, is harmless
    /// because nothing outside is changed for good by it.
    fn is_patient(&self) -> bool {
        self.task().is_some()
    }
}

/// An event of the log.
fn read(line: &str) -> (Timestamp, Event) {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn replayed(log: &[String]) -> State {
    let mut state = State::default();
    for line in log {
        let (at, event) = read(line);
        state.apply(&event, at);
    }
    state
}

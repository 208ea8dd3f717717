//! How the simulated daemon carries out effects: step by step, each step checked before it is done,
//! so that a crash between any two repeats nothing.

use super::{Progress, Simulation, Work};
use monban::base::foreign::Foreign;
use monban::base::id::{RunId, TaskId};
use monban::model::attempt::{Attempt, Place};
use monban::model::command::{Notice, Report};
use monban::model::effect::Effect;
use monban::model::task::Task;
use monban::model::verdict::{Outcome, Verdict};
use std::path::PathBuf;
use std::time::Duration;

/// How long an agent may work.
const WORK_MS_MAX: u64 = 3 * 3_600_000;

impl Simulation {
    pub(super) fn do_step(&mut self, work: &Work) -> Progress {
        let step = work.step;
        match work.effect.clone() {
            Effect::Prepare { task, attempt } => self.prepare(task, attempt, step),
            Effect::Supervise { task, run } => self.supervise(task, run),
            Effect::Stop { run } => self.stop(run),
            Effect::SetPaused { run, paused } => self.set_paused(run, paused),
            Effect::Deliver { task, run, prompt } => self.deliver(task, run, prompt, step),
            Effect::Snapshot { task, attempt, number } => self.snapshot(task, attempt, number),
            Effect::Checkpoint { .. } => self.checkpoint(&work.effect, step),
            Effect::Check { task, run } => self.check(task, run, step),
            Effect::Land { task, op } => self.land(task, op, step),
            Effect::Merge { task, op } => self.merge(task, op),
            Effect::RollBack { task, op } => self.roll_back(task, op, step),
            Effect::Undo { task, op } => self.undo(task, op, step),
            Effect::Overtime { run, since, before_ms, .. } => {
                let most = Duration::from_millis(WORK_MS_MAX.saturating_sub(before_ms));
                if self.now < since.plus(most) {
                    return Progress::Waits;
                }
                let verdict = Box::new(verdict("limits", Outcome::Fail));
                self.report(Report::Overtime { run, since, verdict });
                Progress::Over
            }
            Effect::Doubt { run, at } if self.now >= at => {
                self.report(Report::StillUnknown { run });
                Progress::Over
            }
            Effect::Doubt { .. } => Progress::Waits,
            Effect::Wake { at } if self.now >= at => {
                self.notice(Notice::VouchEnded);
                Progress::Over
            }
            Effect::Wake { .. } => Progress::Waits,
        }
    }

    pub(super) fn fails(&mut self, percent: usize) -> bool {
        self.rng.below(10_000) < percent * self.temper.mishaps
    }

    pub(super) fn task(&self, id: TaskId) -> &Task {
        self.core.state.task(id).expect("a task with work is not removed")
    }

    pub(super) fn attempt(&self, id: TaskId) -> &Attempt {
        self.task(id).attempt().expect("a task with work has an attempt")
    }

    /// The attempt's worktree and place, if it got that far.
    pub(super) fn place(&self, id: TaskId) -> Place {
        self.attempt(id).place.clone().expect("an attempt at work has a place")
    }

    fn prepare(&mut self, task: TaskId, attempt: u32, step: u8) -> Progress {
        let of_attempt = self.task(task).attempts.iter().find(|other| other.number == attempt);
        let known = of_attempt.and_then(|attempt| attempt.place.clone());
        let place = known.unwrap_or_else(|| self.new_place(task, attempt));
        if step == 0 {
            if self.fails(5) {
                let result = Err("no disk space".into());
                self.report(Report::Prepared { task, attempt, result });
                return Progress::Over;
            }
            return Progress::Next;
        }
        let result = Ok(place);
        self.report(Report::Prepared { task, attempt, result });
        Progress::Over
    }

    /// The worktree of a fresh attempt, made unless it is there already.
    fn new_place(&mut self, task: TaskId, attempt: u32) -> Place {
        let path = worktree(task, attempt);
        let repo = self.task(task).repo;
        let tip = self.outside.tip(repo).id.clone();
        let tree = self.outside.commits[&tip].clone();
        let worktree = self.outside.worktrees.entry(path.clone()).or_default();
        if worktree.base.is_empty() {
            (worktree.base, worktree.tree) = (tip, Some(tree));
        }
        Place {
            base: worktree.base.clone(),
            branch: format!("refs/heads/monban/{task}-{attempt}"),
            home: path.join(".monban/home"),
            worktree: path,
            agent_version: None,
            instructions: Vec::new(),
            environment: Default::default(),
        }
    }

    fn check(&mut self, task: TaskId, run: RunId, step: u8) -> Progress {
        if step == 0 {
            return Progress::Next;
        }
        if !self.outside.gates.contains_key(&run) {
            let verdicts = self.judge();
            self.outside.gates.insert(run, verdicts);
            return Progress::Next;
        }
        let verdicts = self.outside.gates[&run].clone();
        self.report(Report::Gate { task, run, verdicts, toolchain: Vec::new() });
        Progress::Over
    }

    /// What a gate says; the same tree may well get another answer.
    fn judge(&mut self) -> Vec<Verdict> {
        let count = self.rng.below(40);
        let checks = if count == 0 && !self.is_calm() { 0 } else { 1 + count % 2 };
        let names = ["lint", "test"];
        let mut verdicts = Vec::new();
        for name in names.iter().take(checks) {
            let outcome = match (self.fails(10), self.rng.chance(70)) {
                (false, _) => Outcome::Pass,
                (true, true) => Outcome::Fail,
                (true, false) => Outcome::NotRun,
            };
            verdicts.push(verdict(name, outcome));
        }
        let is_green = verdicts.iter().all(|verdict| verdict.outcome == Outcome::Pass);
        if is_green && self.rng.chance(30) {
            let asked = ["it runs", "it is read"].into_iter().take(self.rng.below(3));
            verdicts.push(Verdict::waiting("human", asked.map(Foreign::new).collect()));
        }
        verdicts
    }
}

/// Where a fresh attempt works.
pub(super) fn worktree(task: TaskId, attempt: u32) -> PathBuf {
    PathBuf::from(format!("/w/{task}-{attempt}"))
}

fn verdict(check: &str, outcome: Outcome) -> Verdict {
    let command = Some("make check".into());
    Verdict { command, duration_ms: 1, ..Verdict::bare(check, outcome) }
}

//! Simulated holders: starting, watching, typing to, pausing and ending agents.

use super::{Progress, Simulation, outside};
use monban::base::foreign::Foreign;
use monban::base::id::{RunId, TaskId};
use monban::model::attempt::{AgentState, AgentStatus, Delivery, Life, PromptWhy, Run};
use monban::model::checkpoint::{Kept, Moment};
use monban::model::command::Report;
use monban::model::item::{Item, ItemKind};
use monban::model::task::Stage;

impl Simulation {
    fn known(&self, run: RunId) -> Run {
        self.core.state.run(run).expect("a run under way is known").2.clone()
    }

    pub(super) fn supervise(&mut self, task: TaskId, run: RunId) -> Progress {
        let known = self.known(run);
        if !self.outside.agents.contains_key(&run) {
            assert_eq!(known.life, Life::Wanted, "{run} is said to be up and has no holder");
            if known.stop.is_some() {
                let end = outside::end("never started");
                self.report(Report::Ended { run, end });
                return Progress::Over;
            }
            if !self.core.state.may_start(run) {
                return Progress::Waits;
            }
            let worktree = self.place(task).worktree;
            let moment = Moment::Run(self.attempt(task).number);
            assert!(self.witness.is_kept(task, moment), "{run} starts and nothing is kept");
            let kept = self.kept(task, self.attempt(task).kept);
            let is = &self.outside.worktrees[&worktree].tree;
            assert_eq!(Some(&kept), is.as_ref(), "{run} starts in what cannot be returned to");
            self.outside.start_agent(run, task, worktree);
            return Progress::Waits;
        }
        let agent = &self.outside.agents[&run];
        if known.life == Life::Wanted {
            self.report(Report::Started { run });
        } else if let Some(end) = agent.end.clone() {
            self.compare(run);
            self.report(Report::Ended { run, end });
            return Progress::Over;
        } else if agent.session != known.session && agent.session.is_some() {
            let session = agent.session.clone().unwrap_or_default();
            self.report(Report::Session { run, session });
        } else if agent.state != known.status.state {
            let (state, since) = (agent.state, self.now);
            let (source, detail) = ("hook".into(), Foreign::new("asks"));
            let status = AgentStatus { state, source, since, detail };
            self.report(Report::Status { run, status });
        } else {
            self.watch_turns(task, run);
        }
        Progress::Waits
    }

    /// Now and then the agent changed the repository behind the supervisor's back; more than once
    /// is the same.
    pub(super) fn compare(&mut self, run: RunId) {
        if self.fails(15) {
            let what = vec![Foreign::new(format!("hooks/{}", self.rng.below(3)))];
            self.report(Report::Tampered { run, what });
        }
    }

    /// Tells when a turn ended or the agent went on. After a restart it is not known which turns
    /// were counted: an idle agent that nothing waits for has finished one.
    fn watch_turns(&mut self, task: TaskId, run: RunId) {
        let agent = &self.outside.agents[&run];
        let (state, turns, stage) = (agent.state, agent.turns, self.task(task).stage.clone());
        let lost = |item: &Item| item.kind == ItemKind::Delivery;
        let taken =
            self.attempt(task).next_prompt().is_none() && !self.core.state.items_of(task).any(lost);
        let counted = match self.turns.get(&run) {
            Some(counted) => *counted >= turns,
            None => self.core.state.items_of(task).any(|item| item.kind != ItemKind::Alarm),
        };
        let after_a_turn = match stage {
            Stage::Waiting => true,
            Stage::Turned | Stage::Taken | Stage::Checking | Stage::Merging { .. } => {
                // Not what a person wanted judged in the middle of a turn.
                self.turns.get(&run) == Some(&turns)
            }
            _ => false,
        };
        let prompts = &self.attempt(task).prompts;
        let typed = prompts.iter().rev().find(|prompt| prompt.delivery != Delivery::Wanted);
        let waiting = typed.filter(|_| prompts.last() != typed).map(|prompt| prompt.number);
        let prompt = prompts.last().map_or(0, |prompt| prompt.number);
        if state == AgentState::Idle && stage == Stage::Running && taken && !counted {
            self.turns.insert(run, turns);
            self.report(Report::Turned { run, prompt });
        } else if let (AgentState::Idle, Stage::Running, Some(prompt)) = (state, &stage, waiting) {
            // The next prompt waits: the turn is over all the same.
            self.report(Report::Turned { run, prompt });
        } else if state == AgentState::Working && after_a_turn {
            self.report(Report::WentOn { run });
        }
    }

    pub(super) fn stop(&mut self, run: RunId) -> Progress {
        self.outside.end_agent(run, "killed by signal 15");
        Progress::Over
    }

    pub(super) fn set_paused(&mut self, run: RunId, paused: bool) -> Progress {
        let Some(agent) = self.outside.agents.get_mut(&run) else { return Progress::Waits };
        agent.paused = paused;
        self.report(Report::Paused { run, paused });
        Progress::Over
    }

    /// A prompt is announced, and typed only when its announcement was accepted and is durable. One
    /// that is found announced was perhaps typed: it is never typed again.
    pub(super) fn deliver(&mut self, task: TaskId, run: RunId, prompt: u32, step: u8) -> Progress {
        let attempt = self.attempt(task);
        if attempt.run.as_ref().is_none_or(|current| current.id != run) {
            return Progress::Over;
        }
        let Some(wanted) = attempt.prompts.iter().find(|p| p.number == prompt).cloned() else {
            return Progress::Over;
        };
        let base = self.place(task).base;
        match (step, wanted.delivery) {
            (0, Delivery::Wanted) => {
                if !self.outside.agents.get(&run).is_some_and(outside::Agent::is_ready) {
                    if wanted.kept != Kept::NotYet {
                        self.report(Report::Ready { run, prompt, ready: false });
                    }
                    return Progress::Waits;
                }
                let is_kept = matches!(wanted.kept, Kept::At(_));
                if !is_kept {
                    self.report(Report::Ready { run, prompt, ready: true });
                    return Progress::Over;
                }
                let delivery = Delivery::Typing;
                let accepted = self.report(Report::Delivery { run, prompt, delivery });
                if accepted { Progress::Next } else { Progress::Over }
            }
            (0, Delivery::Typing) => {
                let seen = self.outside.typed.contains_key(&(run, prompt)) && self.rng.chance(50);
                let delivery = if seen { Delivery::Delivered } else { Delivery::Uncertain };
                self.report(Report::Delivery { run, prompt, delivery });
                Progress::Over
            }
            (1, Delivery::Typing) if !self.is_durable() => Progress::Waits,
            (1, Delivery::Typing) => {
                self.kept(task, wanted.kept);
                let to_merge = (wanted.why == PromptWhy::Conflict).then_some(base);
                self.outside.type_prompt(run, prompt, to_merge);
                Progress::Next
            }
            (_, Delivery::Typing) => {
                let lost = self.fails(15);
                let delivery = if lost { Delivery::Uncertain } else { Delivery::Delivered };
                self.report(Report::Delivery { run, prompt, delivery });
                Progress::Over
            }
            _ => Progress::Over,
        }
    }
}

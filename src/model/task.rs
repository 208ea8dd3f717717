//! Tasks: units of work in the plan.

use super::attempt::{Attempt, Rollback, RollbackProgress, Run};
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use crate::base::id::{ItemId, OpId, RepoId, TaskId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The five kinds of work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Fix something that exists.
    Fix,
    /// Add something new.
    Add,
    /// Add tests.
    Test,
    /// Update dependencies.
    Deps,
    /// Change the shape, not the behaviour.
    Refactor,
}

/// Where a task came from. Only real ones count towards a promotion.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A person's own work.
    #[default]
    Real,
    /// The built-in tests of monban itself.
    Selftest,
    /// The built-in demonstration.
    Demo,
}

/// What a person wrote down for a task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TaskSpec {
    /// One line for lists and commit subjects.
    pub title: Foreign,
    /// The kind of work.
    pub kind: Kind,
    /// The name of the agent in the person's configuration, or a built-in kind.
    pub agent: String,
    /// What the agent is asked to do.
    pub prompt: String,
    /// Tasks that must be done first.
    #[serde(default)]
    pub after: Vec<TaskId>,
    /// Path globs the task is about; shown to the person.
    #[serde(default)]
    pub files: Vec<String>,
}

/// The gate configuration a task is judged by, pinned when it was queued.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GatePin {
    /// The hash of its content.
    pub hash: String,
    /// Where it was read from.
    pub source: GateSource,
}

/// Where a gate configuration was read from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateSource {
    /// The base commit: a change cannot edit its own judge.
    Base,
    /// The person's checkout, because the base commit has none yet.
    Checkout,
}

/// The landed work that a task takes back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reverts {
    /// The task that landed it.
    pub task: TaskId,
    /// The commit it landed as.
    pub commit: String,
}

/// Where a task stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Stage {
    /// Written down, not asked to run.
    Draft,
    /// Asked to run; starts when its prerequisites are done and there is room.
    Queued,
    /// The worktree is being made.
    Preparing,
    /// An agent is at work, or about to be.
    Running,
    /// The agent's turn ended; a snapshot of its worktree is being taken.
    Turned,
    /// The snapshot is there; its gate may start.
    Taken,
    /// The gate is running.
    Checking,
    /// The result waits for a person's decision.
    Waiting,
    /// The approved result is on its way to the base branch.
    Landing {
        /// The landing.
        op: OpId,
    },
    /// The base moved; the result is being merged with it.
    Merging {
        /// The landing that found the base moved.
        op: OpId,
        /// The new base.
        base: String,
    },
    /// The worktree is being taken back.
    RollingBack {
        /// The rollback.
        op: OpId,
        /// Where the task stands afterwards.
        then: Ending,
    },
    /// The process tree is being ended.
    Stopping,
    /// Landed.
    Done,
    /// Judged and refused, or broken.
    Failed,
    /// Ended by a person.
    Stopped,
}

/// How a task ends after a rollback.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// As failed.
    Failed,
    /// As stopped by a person.
    Stopped,
}

/// The word a person sees for a task's stage (the interface's task states).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// Not asked to run.
    Draft,
    /// Waits for its turn.
    Queued,
    /// An agent is at work.
    Running,
    /// Being judged.
    Checking,
    /// Waits for a person.
    Waiting,
    /// Being landed.
    Landing,
    /// Its worktree is being taken back; only then is it failed or stopped.
    #[serde(rename = "rolling-back")]
    RollingBack,
    /// On the base branch.
    Done,
    /// Refused or broken.
    Failed,
    /// Ended by a person.
    Stopped,
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            TaskState::Draft => "draft",
            TaskState::Queued => "queued",
            TaskState::Running => "running",
            TaskState::Checking => "checking",
            TaskState::Waiting => "waiting",
            TaskState::Landing => "landing",
            TaskState::RollingBack => "rolling-back",
            TaskState::Done => "done",
            TaskState::Failed => "failed",
            TaskState::Stopped => "stopped",
        };
        f.write_str(word)
    }
}

/// A unit of work and everything that was tried for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The repository it belongs to.
    pub repo: RepoId,
    /// What was asked.
    pub spec: TaskSpec,
    /// Whether it is a person's work.
    pub origin: Origin,
    /// What it takes back. Such a task has no agent: monban made its one snapshot.
    pub reverts: Option<Reverts>,
    /// Where it stands.
    pub stage: Stage,
    /// The gate it is judged by.
    pub gate: Option<GatePin>,
    /// What was tried, in order.
    pub attempts: Vec<Attempt>,
    /// The next start goes on in the last attempt's worktree, with its conversation if it has one.
    pub resume_next: bool,
    /// Why it failed, in one line.
    pub failure: Option<Foreign>,
    /// The commit it landed as.
    pub landed: Option<String>,
    /// The commit of the base that held all of it already, so that nothing was left to land.
    pub already_in: Option<String>,
    /// The last item that was approved.
    pub approved: Option<ItemId>,
    /// When it was added.
    pub added_at: Timestamp,
    /// When it last changed its stage.
    pub since: Timestamp,
}

impl Task {
    /// The word for where it stands.
    pub fn state(&self) -> TaskState {
        match &self.stage {
            Stage::Draft => TaskState::Draft,
            Stage::Queued => TaskState::Queued,
            // Nothing is shown as running that is not.
            Stage::Running if self.is_left() => TaskState::Waiting,
            Stage::Preparing | Stage::Running | Stage::Stopping => TaskState::Running,
            Stage::Turned | Stage::Taken | Stage::Checking | Stage::Merging { .. } => {
                TaskState::Checking
            }
            Stage::Waiting => TaskState::Waiting,
            Stage::Landing { .. } => TaskState::Landing,
            Stage::RollingBack { .. } => TaskState::RollingBack,
            Stage::Failed => TaskState::Failed,
            Stage::Stopped => TaskState::Stopped,
            Stage::Done => TaskState::Done,
        }
    }

    /// Whether nothing more happens by itself.
    pub fn is_final(&self) -> bool {
        matches!(self.stage, Stage::Done | Stage::Failed | Stage::Stopped)
    }

    /// Whether it occupies one of the places for agents: its agent is there, or about to be.
    pub fn is_active(&self) -> bool {
        let run = self.attempt().and_then(|attempt| attempt.run.as_ref());
        let will_have_one = matches!(self.stage, Stage::Preparing | Stage::Running);
        run.map_or(will_have_one, Run::is_live)
    }

    /// Whether its agent left after a turn that brought nothing to judge: nobody works on it, and a
    /// person says what next.
    pub fn is_left(&self) -> bool {
        let run = self.attempt().and_then(|attempt| attempt.run.as_ref());
        self.stage == Stage::Running && run.is_some_and(|run| !run.is_live())
    }

    /// The conversation that a resumed attempt goes on with. An attempt that never got an agent
    /// passes on the one before it.
    pub fn conversation(&self) -> Option<String> {
        for attempt in self.attempts.iter().rev() {
            if let Some(run) = &attempt.run {
                return run.session.clone();
            }
            if !attempt.resumed {
                return None;
            }
        }
        None
    }

    /// Whether the latest attempt has this number.
    pub fn is_at_attempt(&self, number: u32) -> bool {
        self.attempt().is_some_and(|attempt| attempt.number == number)
    }

    /// The rollback that can be undone now: the last one of an ended task that is done, once those
    /// after it are undone.
    pub fn undoable(&self) -> Option<&Rollback> {
        let ended = matches!(self.stage, Stage::Failed | Stage::Stopped);
        let last = self.attempt()?.last_rollback()?;
        let done = matches!(last.progress, RollbackProgress::Done { .. });
        (ended && done).then_some(last)
    }

    /// Whether it ended and its worktree is as its agent, or a checkpoint, left it.
    pub fn left_work(&self) -> bool {
        let ended = matches!(self.stage, Stage::Failed | Stage::Stopped);
        let place = self.attempt().and_then(|attempt| Some((attempt, attempt.place.as_ref()?)));
        ended
            && place.is_some_and(|(attempt, place)| match attempt.last_rollback() {
                None => true,
                Some(Rollback { progress, target, .. }) => {
                    use RollbackProgress::{Done, Forgotten};
                    matches!(progress, Done { .. } | Forgotten) && *target != place.base
                }
            })
    }

    /// Whether its agent may be told something now, which makes a result that waits an old one.
    pub fn may_go_on(&self) -> bool {
        matches!(self.stage, Stage::Running | Stage::Taken | Stage::Checking | Stage::Waiting)
    }

    /// Whether its agent may be at work, also beside what is made of an earlier result. What a
    /// person signed lands whatever the agent does.
    pub fn agent_works_on(&self) -> bool {
        self.may_go_on() || matches!(self.stage, Stage::Turned | Stage::Merging { .. })
    }

    /// The latest attempt.
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }
}

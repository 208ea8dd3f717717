//! Effects: the work a state implies.
//!
//! One function serves running and recovery: whatever [`outstanding`] lists and is not under way is
//! to be started. Every effect checks before it does, so that starting it a second time after a
//! crash repeats nothing.

use super::attempt::{Attempt, Delivery, Life, Prompt, RollbackProgress, Run};
use super::checkpoint::{Kept, Moment};
use super::item::ItemKind;
use super::state::State;
use super::task::{Stage, Task};
use crate::base::clock::Timestamp;
use crate::base::id::{OpId, RunId, TaskId};

/// A piece of work for the daemon.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Effect {
    /// Make the attempt's worktree and HOME.
    Prepare {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        attempt: u32,
    },
    /// See that the run's holder is there, and follow it to its end.
    Supervise {
        /// The task.
        task: TaskId,
        /// The run.
        run: RunId,
    },
    /// End the run's process tree.
    Stop {
        /// The run.
        run: RunId,
    },
    /// Make the run stand still, or go on.
    SetPaused {
        /// The run.
        run: RunId,
        /// Whether it is to stand still.
        paused: bool,
    },
    /// Type a prompt once the agent is ready for it.
    Deliver {
        /// The task.
        task: TaskId,
        /// The run.
        run: RunId,
        /// The prompt's number.
        prompt: u32,
    },
    /// Take a snapshot of the worktree.
    Snapshot {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        attempt: u32,
        /// The snapshot's number.
        number: u32,
    },
    /// Make sure that the worktree as it is before a run or a prompt can be returned to.
    Checkpoint {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        attempt: u32,
        /// Before what.
        moment: Moment,
        /// The number of the snapshot, if one is taken.
        number: u32,
    },
    /// Judge the snapshot.
    Check {
        /// The task.
        task: TaskId,
        /// The run of the gate's commands.
        run: RunId,
    },
    /// Move the base branch to the approved result.
    Land {
        /// The task.
        task: TaskId,
        /// The landing.
        op: OpId,
    },
    /// Merge the result with the base that moved.
    Merge {
        /// The task.
        task: TaskId,
        /// The landing.
        op: OpId,
    },
    /// Return the worktree to a commit.
    RollBack {
        /// The task.
        task: TaskId,
        /// The rollback.
        op: OpId,
    },
    /// Bring the old worktree back.
    Undo {
        /// The task.
        task: TaskId,
        /// The rollback.
        op: OpId,
    },
    /// Stop the agent when it has worked for longer than it may.
    Overtime {
        /// The task.
        task: TaskId,
        /// The run.
        run: RunId,
        /// Since when it is at work.
        since: Timestamp,
        /// How long it had worked before, in milliseconds.
        before_ms: u64,
    },
    /// Say so when what an agent does is still unknown then.
    Doubt {
        /// The run.
        run: RunId,
        /// When.
        at: Timestamp,
    },
    /// Wake up when a person's word on being there ends.
    Wake {
        /// When.
        at: Timestamp,
    },
}

/// The work that `state` implies, in a stable order.
pub fn outstanding(state: &State) -> Vec<Effect> {
    let mut effects = Vec::new();
    for task in state.tasks.values() {
        if let Some(effect) = of_stage(state, task) {
            effects.push(effect);
        }
        of_runs(state, task, &mut effects);
        of_undos(task, &mut effects);
    }
    if let Some(word) = &state.presence.vouched {
        effects.push(Effect::Wake { at: word.until });
    }
    effects
}

fn of_stage(state: &State, task: &Task) -> Option<Effect> {
    let id = task.id;
    let attempt = task.attempt()?;
    let run_is_live = attempt.run.as_ref().is_some_and(Run::is_live);
    match &task.stage {
        Stage::Preparing => Some(Effect::Prepare { task: id, attempt: attempt.number }),
        // A finished turn may be looked at, but not while the repository is halted.
        Stage::Turned if !state.is_halted(task) => {
            let number = attempt.next_snapshot;
            Some(Effect::Snapshot { task: id, attempt: attempt.number, number })
        }
        Stage::Checking => Some(Effect::Check { task: id, run: attempt.gates.last()?.run }),
        Stage::Landing { op } => Some(Effect::Land { task: id, op: *op }),
        Stage::Merging { op, .. } => Some(Effect::Merge { task: id, op: *op }),
        // Nothing of the agent may be running in a worktree that is being replaced.
        Stage::RollingBack { op, .. } if !run_is_live => {
            Some(Effect::RollBack { task: id, op: *op })
        }
        _ => None,
    }
}

fn of_runs(state: &State, task: &Task, effects: &mut Vec<Effect>) {
    for attempt in &task.attempts {
        let Some(run) = attempt.run.as_ref().filter(|run| run.is_live()) else { continue };
        if is_unkept(attempt, run) {
            effects.extend(checkpoint(state, task, attempt, Moment::Run(attempt.number)));
            continue;
        }
        effects.push(Effect::Supervise { task: task.id, run: run.id });
        if run.stop.is_some() {
            effects.push(Effect::Stop { run: run.id });
            continue;
        }
        if run.pause_wanted != run.paused {
            effects.push(Effect::SetPaused { run: run.id, paused: run.pause_wanted });
        }
        let held = state.repo_of(task).is_some_and(|repo| repo.hold.is_some());
        let waits = state.is_halted(task) || run.pause_wanted;
        let may_type = |prompt: &&Prompt| !(waits || (held && prompt.needs_somebody()));
        effects.extend(attempt.next_prompt().filter(may_type).and_then(|prompt| {
            let number = prompt.number;
            let wanted = prompt.delivery == Delivery::Wanted;
            if wanted && prompt.kept == Kept::Due {
                return checkpoint(state, task, attempt, Moment::Prompt(number));
            }
            let may = !(wanted && is_troubled(state, task));
            may.then_some(Effect::Deliver { task: task.id, run: run.id, prompt: number })
        }));
        if let Some(since) = attempt.worked.since.filter(|_| task.agent_works_on()) {
            let (task, run, before_ms) = (task.id, run.id, attempt.worked.ms);
            effects.push(Effect::Overtime { task, run, since, before_ms });
        }
        let asked = state.items_of(task.id).any(|item| item.kind == ItemKind::Unknown);
        if let Some(at) = run.doubtful_at().filter(|_| !asked) {
            effects.push(Effect::Doubt { run: run.id, at });
        }
    }
}

/// Whether a run that is to start finds a worktree that cannot be returned to yet.
fn is_unkept(attempt: &Attempt, run: &Run) -> bool {
    run.life == Life::Wanted && run.stop.is_none() && attempt.kept == Kept::Due
}

/// The checkpoint that is to be taken first. A finished turn is looked at before, what was signed
/// lands before, and where none could be taken a person has to say what next.
fn checkpoint(state: &State, task: &Task, attempt: &Attempt, moment: Moment) -> Option<Effect> {
    let waits = !task.may_go_on() || state.is_halted(task) || is_troubled(state, task);
    let (task, number) = (task.id, attempt.next_snapshot);
    (!waits).then_some(Effect::Checkpoint { task, attempt: attempt.number, moment, number })
}

/// Whether work of monban's own failed and waits for a person.
fn is_troubled(state: &State, task: &Task) -> bool {
    state.items_of(task.id).any(|item| item.kind == ItemKind::Trouble)
}

fn of_undos(task: &Task, effects: &mut Vec<Effect>) {
    let rollbacks = task.attempt().into_iter().flat_map(|attempt| &attempt.rollbacks);
    for rollback in rollbacks {
        if matches!(rollback.progress, RollbackProgress::UndoWanted { .. }) {
            effects.push(Effect::Undo { task: task.id, op: rollback.op });
        }
    }
}

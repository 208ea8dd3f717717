//! Rollbacks and their undo.

use super::task::enter;
use crate::base::clock::Timestamp;
use crate::base::id::{OpId, TaskId};
use crate::model::attempt::{Rollback, RollbackProgress};
use crate::model::event::RollbackEvent;
use crate::model::state::State;
use crate::model::task::Stage;
use std::path::PathBuf;

pub(super) fn apply(state: &mut State, event: &RollbackEvent, at: Timestamp) {
    match event {
        RollbackEvent::Wanted { task, op, target, then, why } => {
            state.last.op = state.last.op.max(op.0);
            let (op, target) = (*op, target.clone());
            if let Some(attempt) = state.attempt_mut(*task) {
                let progress = RollbackProgress::Wanted;
                attempt.rollbacks.push(Rollback { op, target, progress });
            }
            if let Some(task) = state.task_mut(*task) {
                task.failure = Some(why.clone());
            }
            enter(state, *task, Stage::RollingBack { op, then: *then }, at);
        }
        RollbackEvent::Done { task, op, aside } => {
            let aside = aside.clone();
            progress(state, *task, *op, RollbackProgress::Done { aside });
        }
        RollbackEvent::Failed { task, op, why } => {
            let aside = kept(state, *task, *op, |progress| match progress {
                RollbackProgress::UndoWanted { aside } => Some(aside),
                _ => None,
            });
            // After an undo that failed, the old worktree is still aside and can be asked for
            // again.
            let failed = RollbackProgress::Failed { why: why.clone() };
            let now = aside.map_or(failed, |aside| RollbackProgress::Done { aside });
            progress(state, *task, *op, now);
        }
        RollbackEvent::UndoWanted { task, op, .. } => {
            let aside = kept(state, *task, *op, |progress| match progress {
                RollbackProgress::Done { aside } => Some(aside),
                _ => None,
            });
            if let Some(aside) = aside {
                progress(state, *task, *op, RollbackProgress::UndoWanted { aside });
            }
        }
        RollbackEvent::Forgotten { task, op, .. } => {
            progress(state, *task, *op, RollbackProgress::Forgotten);
        }
        RollbackEvent::Undone { task, op } => {
            progress(state, *task, *op, RollbackProgress::Undone);
        }
    }
}

fn find(state: &mut State, task: TaskId, op: OpId) -> Option<&mut Rollback> {
    state.attempt_mut(task)?.rollbacks.iter_mut().find(|rollback| rollback.op == op)
}

fn kept(
    state: &mut State,
    task: TaskId,
    op: OpId,
    aside: impl FnOnce(&RollbackProgress) -> Option<&PathBuf>,
) -> Option<PathBuf> {
    aside(&find(state, task, op)?.progress).cloned()
}

fn progress(state: &mut State, task: TaskId, op: OpId, progress: RollbackProgress) {
    if let Some(rollback) = find(state, task, op) {
        rollback.progress = progress;
    }
}

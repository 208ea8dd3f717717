//! Landings.

use super::judge::taken;
use super::task::enter;
use crate::base::clock::Timestamp;
use crate::model::event::LandingEvent;
use crate::model::state::State;
use crate::model::task::Stage;

pub(super) fn apply(state: &mut State, event: &LandingEvent, at: Timestamp) {
    match event {
        LandingEvent::Approved { task, op, .. } => {
            state.last.op = state.last.op.max(op.0);
            enter(state, *task, Stage::Landing { op: *op }, at);
        }
        LandingEvent::Landed { task, commit } => {
            let repo = state.task_mut(*task).map(|task| {
                task.landed = Some(commit.clone());
                task.repo
            });
            if let Some(repo) = repo.and_then(|repo| state.repos.get_mut(&repo)) {
                repo.landed.insert(commit.clone());
            }
            enter(state, *task, Stage::Done, at);
        }
        LandingEvent::Kept { task, .. } => enter(state, *task, Stage::Waiting, at),
        LandingEvent::BaseMoved { task, op, base } => {
            enter(state, *task, Stage::Merging { op: *op, base: base.clone() }, at);
        }
        LandingEvent::Merged { task, snapshot } => taken(state, *task, snapshot, at),
        LandingEvent::NothingLeft { task, base } => {
            if let Some(task) = state.task_mut(*task) {
                task.already_in = Some(base.clone());
            }
            enter(state, *task, Stage::Done, at);
        }
        LandingEvent::Conflict { task, base, .. } => {
            if let Some(place) = state.attempt_mut(*task).and_then(|a| a.place.as_mut()) {
                place.base.clone_from(base);
            }
            enter(state, *task, Stage::Running, at);
        }
    }
}

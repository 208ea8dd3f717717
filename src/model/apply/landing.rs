//! Landings.

use super::judge::taken;
use super::task::enter;
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use crate::base::id::TaskId;
use crate::model::event::LandingEvent;
use crate::model::state::State;
use crate::model::task::Stage;
use crate::model::trail::Trail;
use crate::model::verdict::Given;

pub(super) fn apply(state: &mut State, event: &LandingEvent, at: Timestamp) {
    match event {
        LandingEvent::Approved { task, op, digest, by, .. } => {
            state.last.op = state.last.op.max(op.0);
            let (by, digest) = (Foreign::new(by.as_str()), digest.clone());
            attest(state, *task, Some(&Given { by, at, digest }));
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
            base_is_at(state, *task, commit, at);
            enter(state, *task, Stage::Done, at);
        }
        LandingEvent::Kept { task, .. } => {
            // It has to be approved again, and what was attested is part of the approval.
            attest(state, *task, None);
            enter(state, *task, Stage::Waiting, at);
        }
        LandingEvent::BaseMoved { task, op, base } => {
            state.last.op = state.last.op.max(op.0);
            base_was_at(state, *task, base, at);
            enter(state, *task, Stage::Merging { op: *op, base: base.clone() }, at);
        }
        LandingEvent::Merged { task, snapshot } => {
            base_was_at(state, *task, &snapshot.base, at);
            taken(state, *task, snapshot, at);
        }
        LandingEvent::NothingLeft { task, base } => {
            base_was_at(state, *task, base, at);
            if let Some(task) = state.task_mut(*task) {
                task.already_in = Some(base.clone());
            }
            enter(state, *task, Stage::Done, at);
        }
        LandingEvent::Conflict { task, base, .. } => {
            base_was_at(state, *task, base, at);
            if let Some(attempt) = state.attempt_mut(*task) {
                attempt.conflicts_after = attempt.prompts.last().map(|prompt| prompt.number);
                if let Some(place) = &mut attempt.place {
                    place.base.clone_from(base);
                }
            }
            enter(state, *task, Stage::Running, at);
        }
    }
}

/// The branch that a task's result was judged for is at `commit`.
fn base_is_at(state: &mut State, task: TaskId, commit: &str, at: Timestamp) {
    if let Some(trail) = trail_of(state, task) {
        trail.is_at(commit, at);
    }
}

/// That branch was at `commit` when it was looked at for what the task stands at.
fn base_was_at(state: &mut State, task: TaskId, commit: &str, at: Timestamp) {
    let Some(asked) = state.task(task).map(|task| task.since) else { return };
    if let Some(trail) = trail_of(state, task) {
        trail.was_at(commit, asked, at);
    }
}

fn trail_of(state: &mut State, task: TaskId) -> Option<&mut Trail> {
    let branch = state.task(task)?.attempt()?.gates.last()?.branch.clone();
    state.repo_with_base(task, &branch).map(|repo| &mut repo.trail)
}

/// What a person vouched for in the gate run that was approved, or that they have to do so again.
fn attest(state: &mut State, task: TaskId, given: Option<&Given>) {
    if let Some(gate) = state.attempt_mut(task).and_then(|attempt| attempt.gates.last_mut()) {
        gate.attest(given);
    }
}

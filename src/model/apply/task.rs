//! Tasks and the inbox.

use super::run::count_work;
use crate::base::clock::Timestamp;
use crate::base::id::{ItemId, RepoId, TaskId};
use crate::model::attempt::Attempt;
use crate::model::checkpoint::{Kept, Point};
use crate::model::event::TaskEvent;
use crate::model::item::Closed;
use crate::model::state::State;
use crate::model::task::{Origin, Stage, Task, TaskSpec};
use crate::model::worked::Worked;
use std::sync::Arc;

pub(super) fn apply(state: &mut State, event: &TaskEvent, at: Timestamp) {
    match event {
        TaskEvent::Added { task, repo, spec, origin } => {
            state.last.task = state.last.task.max(task.0);
            let draft = draft(*task, *repo, spec.clone(), *origin, at);
            state.tasks.insert(*task, Arc::new(draft));
        }
        TaskEvent::Edited { task, spec } => {
            if let Some(task) = state.task_mut(*task) {
                task.spec = spec.clone();
            }
        }
        TaskEvent::Removed { task } => {
            state.tasks.remove(task);
        }
        TaskEvent::Queued { task, gate, resume, .. } => {
            if let Some(task) = state.task_mut(*task) {
                task.gate = Some(gate.clone());
                task.resume_next = *resume;
                task.failure = None;
            }
            enter(state, *task, Stage::Queued, at);
        }
        TaskEvent::RevertMade { task, repo, spec, reverts, gate, snapshot, .. } => {
            state.last.task = state.last.task.max(task.0);
            let mut made = draft(*task, *repo, spec.clone(), Origin::Real, at);
            made.reverts = Some(reverts.clone());
            made.gate = Some(gate.clone());
            state.tasks.insert(*task, Arc::new(made));
            if let Some(repo) = state.repos.get_mut(repo) {
                repo.trail.was_at(&snapshot.base, Timestamp::default(), at);
            }
            attempted(state, *task, 1, (false, true), at);
            super::judge::taken(state, *task, snapshot, at);
        }
        TaskEvent::Attempted { task, attempt, resumed, vouched } => {
            attempted(state, *task, *attempt, (*resumed, *vouched), at);
        }
        TaskEvent::Prepared { task, place } => {
            if let Some(attempt) = state.attempt_mut(*task) {
                attempt.place = Some(place.clone());
            }
            base_was_read(state, *task, &place.base, at);
            enter(state, *task, Stage::Running, at);
        }
        TaskEvent::Aborted { task, .. } => enter(state, *task, Stage::Stopping, at),
        TaskEvent::Stopped { task } => enter(state, *task, Stage::Stopped, at),
        TaskEvent::Failed { task, why } => {
            if let Some(task) = state.task_mut(*task) {
                task.failure = Some(why.clone());
            }
            enter(state, *task, Stage::Failed, at);
        }
        TaskEvent::Progress { .. } => {}
        TaskEvent::Finished { task, .. } => {
            if let Some(attempt) = state.attempt_mut(*task) {
                attempt.is_finished = true;
            }
        }
        TaskEvent::Asked { item } => {
            state.last.item = state.last.item.max(item.id.0);
            state.items.insert(item.id, item.clone());
            count_work(state, item.task, at);
        }
        TaskEvent::Answered { item, how, .. } => answered(state, *item, *how, at),
    }
}

fn answered(state: &mut State, item: ItemId, how: Closed, at: Timestamp) {
    let Some(closed) = state.items.remove(&item) else { return };
    if let Some(task) = state.task_mut(closed.task).filter(|_| how == Closed::Approved) {
        task.approved = Some(item);
    }
    count_work(state, closed.task, at);
}

/// A fresh attempt starts from where the base was some time after it began.
fn base_was_read(state: &mut State, task: TaskId, base: &str, at: Timestamp) {
    let attempt = state.task(task).and_then(|task| Some((task.repo, task.attempt()?)));
    let Some((repo, attempt)) = attempt.filter(|(_, attempt)| !attempt.resumed) else { return };
    let began = attempt.started_at;
    if let Some(repo) = state.repos.get_mut(&repo) {
        repo.trail.was_at(base, began, at);
    }
}

/// Moves a task to a stage.
pub(super) fn enter(state: &mut State, task: TaskId, stage: Stage, at: Timestamp) {
    if let Some(task) = state.task_mut(task) {
        task.stage = stage;
        task.since = at;
    }
}

fn draft(id: TaskId, repo: RepoId, spec: TaskSpec, origin: Origin, at: Timestamp) -> Task {
    Task {
        id,
        repo,
        spec,
        origin,
        reverts: None,
        stage: Stage::Draft,
        gate: None,
        attempts: Vec::new(),
        resume_next: false,
        failure: None,
        landed: None,
        already_in: None,
        approved: None,
        added_at: at,
        since: at,
    }
}

fn attempted(
    state: &mut State,
    id: TaskId,
    number: u32,
    (resumed, vouched): (bool, bool),
    at: Timestamp,
) {
    let Some(task) = state.task_mut(id) else { return };
    let place = task.attempt().filter(|_| resumed).and_then(|last| last.place.clone());
    task.attempts.push(Attempt {
        number,
        resumed,
        vouched,
        place,
        run: None,
        prompts: Vec::new(),
        snapshots: Vec::new(),
        next_snapshot: 1,
        gates: Vec::new(),
        rollbacks: Vec::new(),
        started_at: at,
        worked: Worked::default(),
        kept: if resumed { Kept::Due } else { Kept::At(Point::Base) },
        breach: None,
        conflicts_after: None,
        is_finished: false,
    });
    enter(state, id, Stage::Preparing, at);
}

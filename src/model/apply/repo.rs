//! Repositories.

use crate::base::clock::Timestamp;
use crate::model::attempt::Delivery;
use crate::model::event::RepoEvent;
use crate::model::state::{Halt, Repo, State};
use crate::model::task::Task;
use crate::model::trail::Trail;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn apply(state: &mut State, event: &RepoEvent, at: Timestamp) {
    if let RepoEvent::Opened { repo, path, common, base } = event {
        state.last.repo = state.last.repo.max(repo.0);
        let opened = Repo {
            id: *repo,
            path: path.clone(),
            common: common.clone(),
            base: base.clone(),
            trusted: BTreeSet::new(),
            halt: None,
            hold: None,
            landed: BTreeSet::new(),
            trail: Trail::default(),
        };
        state.repos.insert(*repo, opened);
        return;
    }
    if let RepoEvent::Tampered { run, .. }
    | RepoEvent::Advanced { run, .. }
    | RepoEvent::Noted { run, .. } = event
        && let Some(run) = state.run_mut(*run)
    {
        match event {
            RepoEvent::Tampered { what, .. } => run.repository_changes.extend_from_slice(what),
            RepoEvent::Advanced { what, .. } => run.repository_changes.push(what.clone()),
            RepoEvent::Noted { what, .. } => run.noted_changes.extend_from_slice(what),
            _ => {}
        }
    }
    let (RepoEvent::BaseChanged { repo: id, .. }
    | RepoEvent::Trusted { repo: id, .. }
    | RepoEvent::Halted { repo: id, .. }
    | RepoEvent::Held { repo: id, .. }
    | RepoEvent::Resumed { repo: id, .. }
    | RepoEvent::Tampered { repo: id, .. }
    | RepoEvent::Advanced { repo: id, .. }
    | RepoEvent::Noted { repo: id, .. }
    | RepoEvent::Opened { repo: id, .. }) = event;
    let Some(repo) = state.repos.get_mut(id) else { return };
    match event {
        RepoEvent::BaseChanged { base, .. } => {
            repo.base.clone_from(base);
            repo.trail = Trail::default();
        }
        RepoEvent::Advanced { to, .. } => {
            // Where it went back to since, it did not go forward.
            to.iter().for_each(|to| repo.trail.was_at(to, Timestamp::default(), at));
        }
        RepoEvent::Trusted { hash, .. } => {
            repo.trusted.insert(hash.clone());
        }
        RepoEvent::Halted { task, cause, .. } => {
            repo.halt = Some(Halt { task: *task, cause: cause.clone(), at });
        }
        RepoEvent::Held { what, .. } => repo.hold = Some(what.clone()),
        RepoEvent::Resumed { .. } => {
            repo.halt = None;
            repo.hold = None;
            let goes_on = |task: &&mut Arc<Task>| task.repo == *id && !task.is_final();
            let of_repo = state.tasks.values_mut().filter(goes_on);
            for attempt in of_repo.filter_map(|task| Arc::make_mut(task).attempts.last_mut()) {
                attempt.was_held_up();
                for prompt in &mut attempt.prompts {
                    prompt.resumed |= prompt.delivery == Delivery::Wanted;
                }
            }
        }
        RepoEvent::Opened { .. } | RepoEvent::Tampered { .. } | RepoEvent::Noted { .. } => {}
    }
}

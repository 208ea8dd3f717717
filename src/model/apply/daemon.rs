//! The daemon and the people at it.

use crate::base::clock::Timestamp;
use crate::model::attempt::Attempt;
use crate::model::event::DaemonEvent;
use crate::model::state::{Presence, State, Word};
use crate::model::task::Task;
use std::sync::Arc;

/// `last` is when the event before this one happened.
pub(super) fn apply(state: &mut State, event: &DaemonEvent, last: Timestamp, at: Timestamp) {
    let presence = &mut state.presence;
    match event {
        // Connections ended with the last daemon; a person's word on when they leave stands.
        DaemonEvent::Started { .. } => {
            *presence = Presence { vouched: presence.vouched.take(), ..Presence::default() };
            let waits = |of: &Attempt| {
                of.worked.since.is_some() || of.is_to_begin() || of.next_prompt().is_some()
            };
            let concerned =
                |task: &&mut Arc<Task>| !task.is_final() && task.attempt().is_some_and(waits);
            for task in state.tasks.values_mut().filter(concerned) {
                if let Some(attempt) = Arc::make_mut(task).attempts.last_mut() {
                    nobody_looked(attempt, last, at);
                }
            }
        }
        DaemonEvent::Arrived { person } => {
            *presence.people.entry(person.clone()).or_insert(0) += 1;
        }
        DaemonEvent::Left { person } => {
            if let Some(count) = presence.people.get_mut(person) {
                *count -= 1;
                if *count == 0 {
                    presence.people.remove(person);
                }
            }
        }
        DaemonEvent::Vouched { person, until } => {
            presence.vouched = Some(Word { person: person.clone(), until: *until, seen: at });
        }
        DaemonEvent::VouchEnded {} => presence.vouched = None,
    }
}

/// Between the last record and a daemon's start nobody looked: at the worktree, nor at whether the
/// agent was at work. A turn that ended meanwhile would else have lasted until now.
fn nobody_looked(attempt: &mut Attempt, last: Timestamp, now: Timestamp) {
    attempt.was_held_up();
    if attempt.worked.since.is_some() {
        attempt.worked.is_at_work(false, last);
        attempt.worked.is_at_work(true, now);
    }
}

//! The daemon and the people at it.

use crate::base::clock::Timestamp;
use crate::model::attempt::Prompt;
use crate::model::event::DaemonEvent;
use crate::model::state::{Presence, State, Word};
use std::sync::Arc;

pub(super) fn apply(state: &mut State, event: &DaemonEvent, at: Timestamp) {
    let presence = &mut state.presence;
    match event {
        // Connections ended with the last daemon; a person's word on when they leave stands.
        DaemonEvent::Started { .. } => {
            *presence = Presence { vouched: presence.vouched.take(), ..Presence::default() };
            // Nobody looked at the worktrees since.
            for task in state.tasks.values_mut().filter(|task| task.waits_to_be_typed()) {
                let attempt = Arc::make_mut(task).attempts.last_mut();
                attempt.into_iter().flat_map(|of| &mut of.prompts).for_each(Prompt::was_held_up);
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

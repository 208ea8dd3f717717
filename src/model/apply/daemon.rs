//! The daemon and the people at it.

use crate::base::clock::Timestamp;
use crate::model::event::DaemonEvent;
use crate::model::state::{Presence, State, Word};

pub(super) fn apply(state: &mut State, event: &DaemonEvent, at: Timestamp) {
    let presence = &mut state.presence;
    match event {
        // Connections ended with the last daemon; a person's word on when they leave stands.
        DaemonEvent::Started { .. } => {
            *presence = Presence { vouched: presence.vouched.take(), ..Presence::default() };
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

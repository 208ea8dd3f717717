//! Events into state. Total: every event can be applied to every state; one that does not fit
//! (which no decision produces) changes nothing.

mod daemon;
mod judge;
mod landing;
mod repo;
mod rollback;
mod run;
mod task;

use super::event::Event;
use super::state::State;
use crate::base::clock::Timestamp;

impl State {
    /// Takes in an event that happened at `at`.
    pub fn apply(&mut self, event: &Event, at: Timestamp) {
        let last = self.at;
        self.at = self.at.max(at);
        self.applied += 1;
        if let Some(word) = &mut self.presence.vouched {
            word.seen = word.seen.max(at);
        }
        match event {
            Event::Daemon(event) => daemon::apply(self, event, last, at),
            Event::Repo(event) => repo::apply(self, event, at),
            Event::Task(event) => task::apply(self, event, at),
            Event::Run(event) => run::apply(self, event, at),
            Event::Judge(event) => judge::apply(self, event, at),
            Event::Landing(event) => landing::apply(self, event, at),
            Event::Rollback(event) => rollback::apply(self, event, at),
        }
    }
}

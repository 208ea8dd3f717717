//! The core: a command in, the events that follow out, the state moved on. Used alike by the
//! daemon, the tests and the simulation.

use super::command::Command;
use super::decide::{Context, Settings, decide};
use super::effect::{Effect, outstanding};
use super::event::Event;
use super::rejection::Rejection;
use super::settle;
use super::state::State;
use crate::base::clock::Timestamp;

/// The most events that can follow from one command by themselves: every task may start once, be
/// judged once and lose its run once.
const SETTLE_MAX: usize = 40_000;

/// State and settings together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Core {
    /// The state.
    pub state: State,
    /// The settings.
    pub settings: Settings,
}

impl Core {
    /// A core that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self { state: State::default(), settings }
    }

    /// Takes in an event that was logged before.
    pub fn replay(&mut self, event: &Event, at: Timestamp) {
        self.state.apply(event, at);
    }

    /// Decides a command, applies what follows, and returns it for the log. A refusal changes
    /// nothing.
    pub fn handle(&mut self, command: &Command, now: Timestamp) -> Result<Vec<Event>, Rejection> {
        let context = Context { state: &self.state, settings: &self.settings, now };
        let mut events = decide(context, command)?;
        for event in &events {
            self.state.apply(event, now);
        }
        let vouched = settle::vouched_for(&self.state, command, &events);
        for _ in 0..SETTLE_MAX {
            let context = Context { state: &self.state, settings: &self.settings, now };
            let Some(event) = settle::next(context, &vouched) else { break };
            self.state.apply(&event, now);
            events.push(event);
        }
        Ok(events)
    }

    /// The work that is to be done now.
    pub fn outstanding(&self) -> Vec<Effect> {
        outstanding(&self.state)
    }
}

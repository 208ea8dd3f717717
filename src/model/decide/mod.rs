//! Decisions: a command against the state gives events or a refusal. Pure.

mod checkpoint;
mod end;
mod judge;
mod landing;
mod person;
mod report;
mod revert;
mod run;
mod tasks;

pub use revert::{NO_AGENT, revertible};
pub use tasks::PROMPT_BYTES_MAX;

use super::command::{Command, Notice};
use super::event::{DaemonEvent, Event};
use super::rejection::Rejection;
use super::state::{Repo, State};
use crate::base::clock::Timestamp;
use crate::policy::{Level, Limits};

/// What decisions depend on besides the state: the person's settings, and the time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The level in force.
    pub level: Level,
    /// The hash of the policy in force.
    pub policy: String,
    /// The limits of attempts, which repositories may tighten.
    pub limits: Limits,
    /// How many tasks may have an agent at once.
    pub max_agents: usize,
}

/// What a decision looks at.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The state.
    pub state: &'a State,
    /// The settings.
    pub settings: &'a Settings,
    /// The time.
    pub now: Timestamp,
}

impl Context<'_> {
    /// Whether work of a repository may start by itself: somebody is there and nothing is on hold
    ///
    pub fn is_attended(&self, repo: &Repo) -> bool {
        let somebody = self.state.presence.anybody(self.now) && repo.hold.is_none();
        somebody || !self.settings.level.rules().is_attended_only
    }
}

/// Events that follow from a command, or why it is refused.
pub type Decision = Result<Vec<Event>, Rejection>;

/// Decides a command.
pub fn decide(context: Context<'_>, command: &Command) -> Decision {
    match command {
        Command::Person { who, request } => person::decide(context, who, request),
        Command::Report(report) => Ok(report::decide(context, report)),
        Command::Daemon(notice) => Ok(notice_event(context, notice).into_iter().collect()),
    }
}

fn notice_event(context: Context<'_>, notice: &Notice) -> Option<Event> {
    let event = match notice.clone() {
        Notice::Started { version, pid } => DaemonEvent::Started { version, pid },
        Notice::Arrived { person } => DaemonEvent::Arrived { person },
        Notice::Left { person } => DaemonEvent::Left { person },
        Notice::VouchEnded => {
            // The person may have given a later word in the meantime.
            let word = context.state.presence.vouched.as_ref()?;
            let is_over = word.until <= context.now;
            return is_over.then_some(Event::Daemon(DaemonEvent::VouchEnded {}));
        }
    };
    Some(Event::Daemon(event))
}

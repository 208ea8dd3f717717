//! A hook for crash tests, in debug builds only: at one record of the event log, before it is
//! written or once it is durable, a shell command runs, such as `kill -9 $PPID` for the daemon
//! itself.
//!
//! `MONBAN_FAULT_AT` is `before X` or `after X`, where X is the number of a record, or a kind: then
//! it is the first of that kind that this daemon writes. `MONBAN_FAULT_DO` is the command.

use crate::model::event::Event;
use std::process::{Command, Stdio};

/// When relative to the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// The command that leads to it is about to be decided: an effect's work is done, its report
    /// lost.
    Before,
    /// It is durable, and nothing has followed from it yet.
    After,
}

/// Which record.
#[derive(Debug)]
enum Which {
    /// The one with this number, or the next that is looked at.
    Number(u64),
    /// The first of this kind.
    Kind(String),
}

/// What is to happen, and when.
#[derive(Debug, Default)]
pub struct Fault {
    planned: Option<(When, Which, String)>,
}

impl Fault {
    /// The fault that the environment asks for.
    pub fn from_environment() -> Self {
        let variable = |name| std::env::var(name).ok();
        let planned = variable("MONBAN_FAULT_AT").zip(variable("MONBAN_FAULT_DO"));
        let planned = planned.and_then(|(at, command)| {
            let (when, which) = at.split_once(' ')?;
            let when = if when == "before" { When::Before } else { When::After };
            let which = which.parse().map_or_else(|_| Which::Kind(which.into()), Which::Number);
            Some((when, which, command))
        });
        Self { planned }
    }

    /// These events are about to be written, the first as record `first`.
    pub fn decided(&mut self, first: u64, events: &[Event]) {
        let Some((_, which, _)) = &mut self.planned else { return };
        let Which::Kind(kind) = which else { return };
        let is_it = |event: &Event| event.to_record().is_ok_and(|(of, _)| of == *kind);
        let Some((number, _)) = (first..).zip(events).find(|(_, event)| is_it(event)) else {
            return;
        };
        *which = Which::Number(number);
        self.reached(When::Before, number);
    }

    /// Lets it happen if this is the moment; it happens once.
    pub fn reached(&mut self, when: When, record: u64) {
        let due = |(at, which, _): &mut (When, Which, String)| {
            *at == when && matches!(which, Which::Number(number) if record >= *number)
        };
        let Some((_, _, command)) = self.planned.take_if(due) else { return };
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &command]).stdin(Stdio::null()).stdout(Stdio::null());
        let _ = shell.stderr(Stdio::null()).status();
    }
}

//! A hook for crash tests, in debug builds only: at one record of the event log, before it is
//! written or once it is durable, a shell command runs, such as `kill -9 $PPID` for the daemon
//! itself.
//!
//! `MONBAN_FAULT_AT` is `before N` or `after N`, `MONBAN_FAULT_DO` the command.

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

/// What is to happen, and when.
#[derive(Debug, Default)]
pub struct Fault {
    planned: Option<(When, u64, String)>,
}

impl Fault {
    /// The fault that the environment asks for.
    pub fn from_environment() -> Self {
        let variable = |name| std::env::var(name).ok();
        let planned = variable("MONBAN_FAULT_AT").zip(variable("MONBAN_FAULT_DO"));
        let planned = planned.and_then(|(at, command)| {
            let (when, number) = at.split_once(' ')?;
            let when = if when == "before" { When::Before } else { When::After };
            Some((when, number.parse().ok()?, command))
        });
        Self { planned }
    }

    /// Lets it happen if this is the moment; it happens once.
    pub fn reached(&mut self, when: When, record: u64) {
        let due = |(at, number, _): &mut (When, u64, String)| *at == when && record >= *number;
        let Some((_, _, command)) = self.planned.take_if(due) else { return };
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &command]).stdin(Stdio::null()).stdout(Stdio::null());
        let _ = shell.stderr(Stdio::null()).status();
    }
}

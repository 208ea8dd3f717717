//! How a command ends: exit status and words.

use super::layout;
use crate::base::foreign::Foreign;
use crate::model::rejection::{Class, Rejection};
use std::process::ExitCode;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub enum Failure {
    /// A refusal, with its exit status, reason and cure.
    Refused(Rejection),
    /// Standard output is gone (a closed pipe): nothing is left to say.
    Silent,
}

impl Failure {
    /// The machine lacks something (exit status 3).
    pub fn environment(why: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::Refused(Rejection::new(Class::Environment, why, cure))
    }

    /// The request is wrong (exit status 2).
    pub fn input(why: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::Refused(Rejection::input(why, cure))
    }

    /// Says it on standard error and gives the exit status.
    pub fn report(self) -> ExitCode {
        match self {
            Failure::Refused(rejection) => {
                complain(&format!("monban: {rejection}"));
                ExitCode::from(rejection.class.exit_status())
            }
            Failure::Silent => ExitCode::SUCCESS,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Refused(rejection) => rejection.fmt(f),
            Failure::Silent => Ok(()),
        }
    }
}

impl From<std::io::Error> for Failure {
    /// Writing to standard output failed.
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::Silent,
            _ => Failure::environment(format!("cannot write the output: {error}"), "free space?"),
        }
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Failure::Refused(rejection)
    }
}

/// Writes a line to standard error, as far as it can be written. A message may name what somebody
/// else chose (a path, a branch, an agent's words), so it is shown escaped.
pub fn complain(line: &str) {
    use std::io::Write as _;
    let shown = Foreign::new(line).shown_lines();
    let width = layout::width_of(std::io::stderr());
    let _ = writeln!(std::io::stderr(), "{}", layout::hang("", &shown, width));
}

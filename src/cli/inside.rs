//! Commands that are not a client's: the holder, the hook, the daemon itself, a demo agent.

use super::args::{Command, DaemonCommand};
use super::exit::Failure;
use super::play::PlayCommand;
use crate::base::paths::Places;
use crate::{daemon, runner};
use std::process::ExitCode;

/// Runs `command` if it is one of these.
pub(super) fn run(command: &Command) -> Result<Option<ExitCode>, Failure> {
    match command {
        Command::Hold { folder } => match runner::hold::run(folder) {
            Ok(()) => Ok(Some(ExitCode::SUCCESS)),
            Err(error) => {
                let cure = "the daemon says more";
                Err(Failure::environment(format!("the holder failed: {error}"), cure))
            }
        },
        // A hook must never disturb its agent: whatever happens, it succeeds in silence.
        Command::Hook { kind, rest } => {
            super::hook::send(kind, rest);
            Ok(Some(ExitCode::SUCCESS))
        }
        Command::Play(PlayCommand::Agent { script }) => match super::play::agent::run(script) {
            Ok(()) => Ok(Some(ExitCode::SUCCESS)),
            Err(error) => Err(Failure::input(error.to_string(), "it is started by `monban demo`")),
        },
        Command::Play(PlayCommand::Guard { root }) => match super::play::guard::run(root) {
            Ok(()) => Ok(Some(ExitCode::SUCCESS)),
            Err(error) => Err(Failure::input(error.to_string(), "a play starts it over its own")),
        },
        Command::Daemon(DaemonCommand::Start { foreground: true }) => {
            super::client::refuse_inside_run()?;
            let user = rustix::process::getuid().as_raw();
            let variable = |name: &str| std::env::var_os(name);
            let places = Places::from_environment(variable, user)
                .map_err(|error| Failure::environment(error.to_string(), "then start it again"))?;
            daemon::run(places).map_err(|error| {
                Failure::environment(
                    format!("the daemon cannot run: {error:#}"),
                    "`monban doctor` says more",
                )
            })?;
            Ok(Some(ExitCode::SUCCESS))
        }
        _ => Ok(None),
    }
}

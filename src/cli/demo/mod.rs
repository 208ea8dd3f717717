//! `monban demo`: the whole job on a throw-away repository with scripted agents, no account and no
//! network. On a terminal the person does it at the dashboard; without one the demo plays the
//! person too, and every step must be in the event log.

pub(super) mod agent;
mod ground;
mod stage;
mod story;

use super::Here;
use super::exit::{Failure, complain};
use std::io::{IsTerminal, Write};

/// Opens the dashboard on the demo; `headless`, or without a terminal, tells its story and fails at
/// the first step whose evidence is missing.
pub(super) fn run(here: &Here, headless: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let has_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let ground = ground::Ground::make()?;
    let told = match headless || !has_terminal {
        true => story::tell(&ground, out),
        false => stage::open(here, &ground, out),
    };
    // Whatever happened, nothing stays: no process, no folder.
    let left = ground.clear();
    told?;
    match left {
        Ok(()) => Ok(writeln!(out, "nothing is left running, nothing is left behind")?),
        Err(why) => {
            complain(&format!("monban: the demo could not clean up: {why}"));
            Err(Failure::environment(why, "look at the folder named"))
        }
    }
}

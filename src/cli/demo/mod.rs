//! `monban demo`: the whole job on a throw-away repository with scripted agents, no account and no
//! network. On a terminal the person does it at the dashboard; without one the demo plays the
//! person too, and every step must be in the event log.

pub(super) mod agent;
mod ended;
mod ground;
mod stage;
mod story;

use super::Here;
use super::exit::{Failure, complain};
use ended::Ended;
use ground::Ground;
use std::io::{IsTerminal, Write};

/// The last words.
const CLEAN: &str = "nothing is left running, nothing is left behind";

/// Opens the dashboard on the demo; `headless`, or without a terminal, tells its story and fails at
/// the first step whose evidence is missing.
pub(super) fn run(here: &Here, headless: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let has_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let headless = headless || !has_terminal;
    let ended = Ended::watch()
        .map_err(|error| Failure::environment(error.to_string(), "run the command again"))?;
    if !headless {
        writeln!(out, "a throw-away repository, and agents that start to work in it ...")?;
        out.flush()?;
    }
    let mut abandoned = ended.hold();
    let ground = Ground::make()?;
    let started = ground.client();
    *abandoned = Some(ground.clone());
    drop(abandoned);
    let told = started.and_then(|client| match headless {
        true => story::tell(&ground, client, out),
        false => {
            let client = stage::set_going(client)?;
            // For the dashboard a signal is the person leaving.
            *ended.hold() = None;
            stage::open(here, &ground, client)
        }
    });
    // Whatever happened, nothing stays: no process, no folder.
    let _nobody_else = ended.hold();
    let left = ground.clear();
    told?;
    match left {
        Ok(()) => Ok(writeln!(out, "{CLEAN}")?),
        Err(why) => {
            complain(&unclean(&why));
            Err(Failure::environment(why, "look at the folder named"))
        }
    }
}

fn unclean(why: &str) -> String {
    format!("monban: the demo could not clean up: {why}")
}

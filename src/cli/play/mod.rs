//! A play: a throw-away repository, scripted agents in it, and somebody who does what a person
//! would. The demo and the selftest are plays.

pub(super) mod agent;
mod ended;
mod ground;
pub(super) mod guard;
mod player;
mod scripts;

pub(super) use ground::{Ground, Plot};
pub(super) use player::{Player, missing};

use super::client::Client;
use super::exit::{Failure, complain};
use clap::Subcommand;
use ended::Ended;
use guard::Guard;
use std::io::Write;
use std::path::PathBuf;

/// The processes of a play beside the one that plays.
#[derive(Subcommand, Debug)]
pub(super) enum PlayCommand {
    /// Clears what a play left that was killed
    #[command(hide = true, name = "play-guard")]
    Guard {
        /// Its folder
        root: PathBuf,
    },
    /// One of its scripted agents
    #[command(hide = true, name = "demo-agent")]
    Agent {
        /// Which
        script: String,
    },
}

/// The last words.
const CLEAN: &str = "nothing is left running, nothing is left behind";

/// A ground that somebody plays on.
pub(super) struct Stage {
    ended: Ended,
    /// The repository and the instance.
    pub ground: Ground,
}

impl Stage {
    /// From now on a signal no longer ends the play: whoever plays takes it for the person leaving.
    pub fn take_signals(&self) {
        *self.ended.hold() = None;
    }
}

/// Plays on a new ground. Whatever happens, nothing stays: no process, no folder.
pub(super) fn on(
    plot: &Plot,
    out: &mut dyn Write,
    play: impl FnOnce(&Stage, Client, &mut dyn Write) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let ended = Ended::watch()
        .map_err(|error| Failure::environment(error.to_string(), "run the command again"))?;
    let mut abandoned = ended.hold();
    let ground = Ground::make(plot)?;
    let guard = match Guard::over(&ground) {
        Ok(guard) => guard,
        Err(error) => {
            let _ = ground.clear();
            return Err(Failure::environment(error.to_string(), "run the command again"));
        }
    };
    let client = ground.client();
    *abandoned = Some(ground.clone());
    drop(abandoned);
    let stage = Stage { ended, ground };
    let played = client.and_then(|client| play(&stage, client, out));
    let _nobody_else = stage.ended.hold();
    let left = stage.ground.clear();
    drop(guard);
    played?;
    match left {
        Ok(()) => Ok(writeln!(out, "{CLEAN}")?),
        Err(why) => {
            complain(&unclean(&why));
            Err(Failure::environment(why, "look at the folder named"))
        }
    }
}

fn unclean(why: &str) -> String {
    format!("monban: not everything could be cleaned up: {why}")
}

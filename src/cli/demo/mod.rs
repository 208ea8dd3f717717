//! `monban demo`: the whole job on a throw-away repository with scripted agents, no account and no
//! network. It plays the person too, and every step must be in the event log.

pub(super) mod agent;
mod ground;
mod story;

use super::exit::{Failure, complain};
use std::io::Write;

/// Tells the story; fails at the first step whose evidence is missing.
pub(super) fn run(out: &mut dyn Write) -> Result<(), Failure> {
    let ground = ground::Ground::make()?;
    let told = story::tell(&ground, out);
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

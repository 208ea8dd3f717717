//! Typing a prompt: when the agent takes one, once, and never into a question.

use super::facts::Facts;
use crate::agent::prompt::{Paste, prompt_input};
use crate::base::id::{RunId, TaskId};
use crate::daemon::driver::Cancel;
use crate::daemon::runs::Attached;
use crate::daemon::world::World;
use crate::model::attempt::{Delivery, Prompt};
use crate::model::command::Report;
use std::time::Duration;

/// How often an agent that reports nothing is looked at again.
const POLL: Duration = Duration::from_millis(250);
/// How long an agent has to show that it took a prompt.
const TAKEN_LIMIT: Duration = Duration::from_secs(20);

pub(super) fn run(world: &World, id: TaskId, run_id: RunId, number: u32, cancel: &Cancel) {
    let Some(facts) = Facts::of(world, id) else { return };
    let prompt = facts.attempt.prompts.iter().find(|prompt| prompt.number == number);
    let (Some(prompt), Some(run)) = (prompt, world.runs.get(run_id)) else { return };
    let went_on = |delivery| {
        let report = Report::Delivery { run: run_id, prompt: number, delivery };
        !world.report(report, &|| cancel.is_set()).is_empty()
    };
    {
        let run = std::sync::Arc::clone(&run);
        cancel.on_set(move || run.live.wake());
    }
    let gave_up = || cancel.is_set() || !run.is_up();
    if prompt.delivery == Delivery::Wanted {
        if !run.live.wait_ready(|| world.clock.now(), POLL, gave_up) {
            return;
        }
        // From here a crash leaves "typing" in the log: whoever finds it does not type again. Nothing is
        // typed when the core did not take it up: the repository may have been halted meanwhile.
        if !went_on(Delivery::Typing) {
            return;
        }
        run.live.prompt_begins();
        super::supervise::keep_frame(world, &run);
        if type_prompt(&run, prompt).is_err() {
            went_on(Delivery::Uncertain);
            return;
        }
    }
    if run.live.wait_taken(|| world.clock.now(), TAKEN_LIMIT, POLL, gave_up) {
        went_on(Delivery::Delivered);
        run.live.tell_turn_again();
        super::supervise::tell(world, &run, cancel);
    } else if !gave_up() {
        went_on(Delivery::Uncertain);
    }
}

fn type_prompt(run: &Attached, prompt: &Prompt) -> Result<(), String> {
    let paste = if run.live.modes().bracketed_paste { Paste::Bracketed } else { Paste::Typed };
    let input = prompt_input(&prompt.text, paste).map_err(|refusal| refusal.to_string())?;
    run.input(input.text)?;
    run.input(input.enter)
}

//! Typing a prompt: when the agent takes one, once, and never into a question.

use super::facts::Facts;
use crate::agent::prompt::{Paste, prompt_input};
use crate::base::id::{RunId, TaskId};
use crate::base::ticks::now;
use crate::daemon::driver::Cancel;
use crate::daemon::live::Taken;
use crate::daemon::runs::Attached;
use crate::daemon::world::World;
use crate::model::attempt::{Attempt, Delivery, Prompt, PromptWhy};
use crate::model::checkpoint::Kept;
use crate::model::command::Report;
use crate::model::core::Core;
use crate::model::effect::Effect;
use crate::model::task::Task;
use crate::runner::InputError;
use std::time::Duration;

/// How often an agent that reports nothing is looked at again.
const POLL: Duration = Duration::from_millis(250);
/// How long an agent that took prompts a moment ago may be busy redrawing its screen.
const STILL_READY: Duration = Duration::from_secs(2);
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
        cancel.on_set(move |_| run.live.wake());
    }
    let gave_up = || cancel.is_set() || !run.is_up();
    let is_ready = |ready| {
        let report = Report::Ready { run: run_id, prompt: number, ready };
        world.report(report, &|| cancel.is_set());
    };
    if prompt.why == PromptWhy::Conflict && prompt.delivery == Delivery::Wanted {
        // A program that says nothing may be asking something, and no person writes this.
        run.live.wait_while_mute(gave_up);
    }
    if prompt.delivery == Delivery::Wanted && prompt.kept == Kept::NotYet {
        // What the agent made so far is kept first, which the state asks for now.
        if run.live.wait_ready(|| world.clock.now(), POLL, gave_up) {
            is_ready(true);
        }
        return;
    }
    // Typing that is on record but had not begun was never typed.
    let is_typed_now = prompt.delivery == Delivery::Wanted || !run.live.has_begun(number);
    if is_typed_now {
        // Where it is busy again, it changes what was kept.
        let until = now() + STILL_READY;
        let is_late = || prompt.delivery == Delivery::Wanted && now() >= until;
        if !run.live.wait_ready(|| world.clock.now(), POLL, || gave_up() || is_late()) {
            if is_late() {
                is_ready(false);
            }
            return;
        }
        // On record before the first byte, in the log and beside the transcript: a later daemon
        // that finds it begun does not type again.
        went_on(Delivery::Typing);
        let keep = || super::supervise::keep_frame(world, &run.live);
        let begins = || run.live.prompt_begins(number, world.clock.now(), keep);
        if !may_type(world, id, run_id, number) || begins().is_err() {
            return;
        }
        match type_prompt(&run, prompt) {
            Ok(()) => {}
            // The run is over, which is told as its end; or its connection was lost, and made
            // again.
            Err(InputError::Closed) => return,
            Err(InputError::Full(_)) => {
                went_on(Delivery::Uncertain);
                return;
            }
        }
    }
    match run.live.wait_taken(|| world.clock.now(), TAKEN_LIMIT, POLL, gave_up) {
        Taken::Shown => went_on(Delivery::Delivered),
        Taken::Silent if is_typed_now => went_on(Delivery::Delivered),
        // An earlier daemon may have ended between its note and the typing.
        Taken::Silent => went_on(Delivery::Uncertain),
        Taken::No => !gave_up() && went_on(Delivery::Uncertain),
    };
}

/// Whether the prompt counts as being typed: a halt, a pause or an abort may have come first
///
fn may_type(world: &World, task: TaskId, run: RunId, prompt: u32) -> bool {
    let look = move |core: &Core| {
        let attempt = core.state.task(task).and_then(Task::attempt);
        let next = attempt.and_then(Attempt::next_prompt);
        next.is_some_and(|next| next.number == prompt && next.delivery == Delivery::Typing)
            && core.outstanding().contains(&Effect::Deliver { task, run, prompt })
    };
    world.engine.look_blocking(look).unwrap_or(false)
}

fn type_prompt(run: &Attached, prompt: &Prompt) -> Result<(), InputError> {
    let paste = if run.live.modes().bracketed_paste { Paste::Bracketed } else { Paste::Typed };
    // Refused where it was asked for already: an empty prompt, or one too long to type.
    let Ok(input) = prompt_input(&prompt.text, paste) else { return Ok(()) };
    run.input(input.text)?;
    run.input(input.enter)
}

//! Runs of agents and what is typed to them.

use super::task::enter;
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use crate::base::id::{RunId, TaskId};
use crate::model::attempt::{
    AgentState, AgentStatus, Attempt, Delivery, Life, Prompt, Run, Snapshot,
};
use crate::model::checkpoint::{Kept, Moment, Point, Wavers};
use crate::model::event::RunEvent;
use crate::model::item::ItemKind;
use crate::model::state::State;
use crate::model::task::Stage;

pub(super) fn apply(state: &mut State, event: &RunEvent, at: Timestamp) {
    take_in(state, event, at);
    if let Some(task) = task_of(state, event) {
        count_work(state, task, at);
    }
}

/// The task that an event is about.
fn task_of(state: &State, event: &RunEvent) -> Option<TaskId> {
    match event {
        RunEvent::Wanted { task, .. }
        | RunEvent::PromptWanted { task, .. }
        | RunEvent::PromptReady { task, .. }
        | RunEvent::Kept { task, .. }
        | RunEvent::PromptDelivery { task, .. }
        | RunEvent::PromptTurned { task, .. }
        | RunEvent::Turned { task, .. }
        | RunEvent::WentOn { task } => Some(*task),
        RunEvent::Started { run }
        | RunEvent::Status { run, .. }
        | RunEvent::Session { run, .. }
        | RunEvent::Usage { run, .. }
        | RunEvent::PauseWanted { run, .. }
        | RunEvent::Paused { run, .. }
        | RunEvent::StopWanted { run, .. }
        | RunEvent::Ended { run, .. } => state.run(*run).map(|(task, ..)| task.id),
    }
}

/// Counts the time in which an agent works: in a turn, not standing still, and not waiting for a
/// person. Where a person had a turn judged in its middle it counts as long as the agent
/// itself says that it works: many are judged so that never say that they are done. Who was asked
/// to look at an agent of which nothing is known is waited for too.
pub(super) fn count_work(state: &mut State, id: TaskId, at: Timestamp) {
    let Some(task) = state.task(id) else { return };
    let is_looked_for = state.items_of(id).any(|item| item.kind == ItemKind::Unknown);
    let in_turn = state.is_in_turn(task) && !is_looked_for;
    let works_on = task.agent_works_on();
    let Some(attempt) = task.attempt() else { return };
    let is_asked = |prompt: &Prompt| prompt.delivery == Delivery::Delivered && !prompt.is_turned;
    let is_at_work = |run: &Run| {
        let says_so = run.status.state == AgentState::Working;
        let is_up = run.life == Life::Up && !run.paused && !run.status.state.waits();
        is_up && (in_turn || (works_on && says_so))
    };
    let working =
        attempt.run.as_ref().is_some_and(is_at_work) && attempt.prompts.iter().any(is_asked);
    if working != attempt.worked.since.is_some()
        && let Some(attempt) = state.attempt_mut(id)
    {
        attempt.worked.is_at_work(working, at);
    }
}

fn take_in(state: &mut State, event: &RunEvent, at: Timestamp) {
    match event {
        RunEvent::Wanted { task, run, session } => {
            state.last.run = state.last.run.max(run.0);
            if let Some(attempt) = state.attempt_mut(*task) {
                attempt.run = Some(wanted(*run, session.clone(), at));
            }
        }
        RunEvent::Started { run } => change(state, *run, |run| run.life = Life::Up),
        RunEvent::Status { run, status } => {
            change(state, *run, |run| run.status = status.clone());
        }
        RunEvent::Session { run, session } => {
            change(state, *run, |run| run.session = Some(session.clone()));
        }
        RunEvent::Usage { run, usage } => change(state, *run, |run| run.usage = Some(*usage)),
        RunEvent::PauseWanted { run, paused, .. } => {
            change(state, *run, |run| run.pause_wanted = *paused);
            held_up(state, *run);
        }
        RunEvent::Paused { run, paused } => change(state, *run, |run| run.paused = *paused),
        RunEvent::PromptWanted { task, prompt, text, why } => {
            let prompt = Prompt {
                number: *prompt,
                text: text.clone(),
                why: *why,
                delivery: Delivery::Wanted,
                resumed: false,
                is_turned: false,
                kept: Kept::NotYet,
                wavers: Wavers::default(),
            };
            state.attempt_mut(*task).into_iter().for_each(|of| of.is_told(prompt.clone()));
            enter(state, *task, Stage::Running, at);
        }
        RunEvent::PromptReady { task, prompt, ready } => {
            state.attempt_mut(*task).into_iter().for_each(|of| of.takes(*prompt, *ready, at));
        }
        RunEvent::Kept { task, moment, point, snapshot } => {
            kept(state, *task, *moment, *point, snapshot.as_deref());
        }
        RunEvent::PromptDelivery { task, prompt, delivery } => {
            of_prompt(state, *task, *prompt, |prompt| prompt.delivery = *delivery);
        }
        RunEvent::PromptTurned { task, prompt } => turned(state, *task, Some(*prompt)),
        RunEvent::Turned { task, by } => {
            match by {
                None => turned(state, *task, None),
                // The agent may go on: what it worked until now is of what is judged.
                Some(_) => state.attempt_mut(*task).into_iter().for_each(|of| of.worked.stops(at)),
            }
            if let Some(task) = state.task_mut(*task) {
                // An ended task that is judged again.
                task.failure = None;
            }
            enter(state, *task, Stage::Turned, at);
        }
        RunEvent::WentOn { task } => {
            went_on(state, *task);
            enter(state, *task, Stage::Running, at);
        }
        RunEvent::StopWanted { run, why } => change(state, *run, |run| run.stop = Some(*why)),
        RunEvent::Ended { run, end } => {
            let cut_short = state.run(*run).is_some_and(|(task, ..)| state.is_in_turn(task));
            change(state, *run, |run| {
                run.life = Life::Ended(end.clone());
                run.cut_short = cut_short;
                run.paused = false;
                run.status = status(AgentState::Exited, "process", end.how.clone(), at);
            });
        }
    }
}

fn change(state: &mut State, run: RunId, change: impl FnOnce(&mut Run)) {
    if let Some(run) = state.run_mut(run) {
        change(run);
    }
}

/// The worktree as it is before something can be returned to.
fn kept(state: &mut State, task: TaskId, moment: Moment, point: Point, taken: Option<&Snapshot>) {
    let Some(attempt) = state.attempt_mut(task) else { return };
    if let Some(snapshot) = taken {
        attempt.has_taken(snapshot.clone());
    }
    let kept = Kept::At(point);
    match moment {
        Moment::Run(_) => attempt.kept = kept,
        Moment::Prompt(number) => of_prompt(state, task, number, |prompt| prompt.kept = kept),
        Moment::Turn | Moment::Decision => {}
    }
}

/// What a run waits for was kept from it.
fn held_up(state: &mut State, run: RunId) {
    let Some(task) = state.run(run).map(|(task, ..)| task.id) else { return };
    state.attempt_mut(task).into_iter().for_each(Attempt::was_held_up);
}

fn of_prompt(state: &mut State, task: TaskId, number: u32, change: impl FnOnce(&mut Prompt)) {
    let prompts = state.attempt_mut(task).map(|attempt| attempt.prompts.iter_mut());
    if let Some(prompt) = prompts.into_iter().flatten().find(|prompt| prompt.number == number) {
        change(prompt);
    }
}

/// The turn of this prompt, or of the last one that was typed, is over.
fn turned(state: &mut State, task: TaskId, number: Option<u32>) {
    let Some(attempt) = state.attempt_mut(task) else { return };
    let mut typed = attempt.prompts.iter_mut().rev().filter(|prompt| {
        number.map_or(prompt.delivery != Delivery::Wanted, |number| prompt.number == number)
    });
    if let Some(prompt) = typed.next() {
        prompt.is_turned = true;
    }
}

/// No turn is over any more, and a snapshot that is being taken is not the next one.
fn went_on(state: &mut State, id: TaskId) {
    let is_taken = state.task(id).is_some_and(|task| task.stage == Stage::Turned);
    let Some(attempt) = state.attempt_mut(id) else { return };
    attempt.next_snapshot += u32::from(is_taken);
    attempt.prompts.iter_mut().for_each(|prompt| prompt.is_turned = false);
}

fn wanted(id: RunId, session: Option<String>, at: Timestamp) -> Run {
    Run {
        id,
        life: Life::Wanted,
        stop: None,
        pause_wanted: false,
        paused: false,
        session,
        status: status(AgentState::Starting, "process", Foreign::default(), at),
        usage: None,
        cut_short: false,
        repository_changes: Vec::new(),
        noted_changes: Vec::new(),
    }
}

fn status(state: AgentState, source: &str, detail: Foreign, since: Timestamp) -> AgentStatus {
    AgentStatus { state, source: source.into(), since, detail }
}

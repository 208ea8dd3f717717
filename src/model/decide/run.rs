//! What people ask of a running task.

use super::person::task;
use super::tasks::PROMPT_BYTES_MAX;
use super::{Context, Decision, end};
use crate::base::foreign::Foreign;
use crate::base::id::{OpId, TaskId};
use crate::model::attempt::{Attempt, PromptWhy, Rollback, RollbackProgress, Run, StopWhy};
use crate::model::event::{Event, FinalEnd, RollbackEvent, RunEvent, TaskEvent};
use crate::model::keep::Keep;
use crate::model::rejection::Rejection;
use crate::model::task::{Ending, Stage, Task};
use std::time::Duration;

/// The task's live run, or the refusal that it has none.
pub(super) fn live_run(task: &Task) -> Result<&Run, Rejection> {
    let run = task.attempt().and_then(|attempt| attempt.run.as_ref());
    run.filter(|run| run.is_live() && run.stop.is_none()).ok_or_else(|| {
        let why = format!("task {} has no running agent; it is {}", task.id, task.state());
        Rejection::refused(why, how_to_get_one(task))
    })
}

/// What goes on with a task: a word to its agent, or what gives it one.
pub(super) fn way_on(task: &Task) -> String {
    let id = task.id;
    match live_run(task) {
        Ok(_) => format!("`monban send {id} TEXT --submit` says to its agent what to do"),
        Err(refused) => refused.cure,
    }
}

/// What gives a task without a running agent one.
fn how_to_get_one(task: &Task) -> String {
    let id = task.id;
    if task.reverts.is_some() {
        return format!("it takes landed work back, without an agent; `monban diff {id}` shows it");
    }
    match task.stage {
        Stage::Draft => format!("`monban run {id}` starts it"),
        Stage::Running | Stage::Failed | Stage::Stopped => {
            format!("`monban task retry {id}` starts it again")
        }
        Stage::Waiting => {
            format!("`monban reject {id} --reason TEXT` starts it again with what is to change")
        }
        Stage::Done => "add a new task instead".into(),
        Stage::Queued | Stage::Preparing | Stage::RollingBack { .. } | Stage::Stopping => {
            format!("wait a moment; `monban show {id}` says where it stands")
        }
        _ => format!("`monban abort {id}`, then `monban task retry {id}` starts it again"),
    }
}

pub(super) fn say(context: Context<'_>, id: TaskId, text: &str) -> Decision {
    let task = task(context, id)?;
    live_run(task)?;
    prompt(context, task, text, PromptWhy::Person)
}

/// Text becomes the agent's next prompt; what waited about the task's work is settled by it.
pub(super) fn prompt(context: Context<'_>, task: &Task, text: &str, why: PromptWhy) -> Decision {
    if text.trim().is_empty() || text.len() > PROMPT_BYTES_MAX {
        let why = format!("a prompt has 1 to {PROMPT_BYTES_MAX} bytes, this one {}", text.len());
        return Err(Rejection::input(why, "say what the agent is to do"));
    }
    if !matches!(task.stage, Stage::Running | Stage::Waiting) {
        return Err(Rejection::refused(
            format!(
                "task {} is {}; text can be sent while it runs or waits",
                task.id,
                task.state()
            ),
            format!("`monban show {}` says where it stands", task.id),
        ));
    }
    let mut events = end::close_items(context, task.id, end::of_work);
    events.push(wanted(task, text, why));
    Ok(events)
}

/// The event that asks for a prompt.
pub(super) fn wanted(task: &Task, text: &str, why: PromptWhy) -> Event {
    let last = task.attempt().and_then(|attempt| attempt.prompts.last());
    let prompt = last.map_or(1, |prompt| prompt.number + 1);
    Event::Run(RunEvent::PromptWanted { task: task.id, prompt, text: text.into(), why })
}

pub(super) fn abort(context: Context<'_>, id: TaskId, who: &str) -> Decision {
    let task = task(context, id)?;
    if task.is_final() || matches!(task.stage, Stage::Draft) {
        return Err(Rejection::refused(
            format!("task {id} is {}; there is nothing to abort", task.state()),
            "`monban ls` shows what runs",
        ));
    }
    if let Stage::RollingBack { .. } | Stage::Stopping | Stage::Landing { .. } = task.stage {
        return Err(Rejection::refused(
            format!("task {id} is being {} right now", doing(task)),
            "wait a moment and look again",
        ));
    }
    let mut events = end::close_items(context, id, |_| true);
    let stop = end::stop_run(task, StopWhy::Aborted);
    let by = who.to_string();
    events.push(Event::Task(TaskEvent::Aborted { task: id, by }));
    if stop.is_empty() {
        events.push(Event::Task(TaskEvent::Stopped { task: id }));
        events.extend(end::finished(context, task, FinalEnd::Stopped));
    }
    events.extend(stop);
    Ok(events)
}

fn doing(task: &Task) -> &'static str {
    match task.stage {
        Stage::RollingBack { .. } => "rolled back",
        Stage::Landing { .. } => "landed",
        _ => "stopped",
    }
}

pub(super) fn pause(context: Context<'_>, id: TaskId, paused: bool, who: &str) -> Decision {
    let task = task(context, id)?;
    let run = live_run(task)?;
    if run.pause_wanted == paused {
        let word = if paused { "paused already" } else { "not paused" };
        let why = format!("task {id} is {word}");
        return Err(Rejection::refused(why, "nothing to do"));
    }
    let (run, by) = (run.id, who.to_string());
    Ok(vec![Event::Run(RunEvent::PauseWanted { run, paused, by })])
}

pub(super) fn roll_back(
    context: Context<'_>,
    id: TaskId,
    checkpoint: Option<u32>,
    commit: Option<&str>,
    who: &str,
) -> Decision {
    let task = task(context, id)?;
    let attempt = task.attempt().filter(|attempt| attempt.place.is_some());
    let settled = matches!(
        task.stage,
        Stage::Running
            | Stage::Turned
            | Stage::Taken
            | Stage::Waiting
            | Stage::Stopped
            | Stage::Failed
    );
    let Some(attempt) = attempt.filter(|_| settled) else {
        return Err(Rejection::refused(
            format!("task {id} is {}; there is no worktree to roll back now", task.state()),
            format!("`monban show {id}` says where it stands"),
        ));
    };
    no_undo_under_way(task)?;
    let target = match checkpoint {
        None => attempt.place.as_ref().map(|place| place.base.clone()),
        Some(number) => {
            let snapshot = attempt.snapshots.iter().find(|snapshot| snapshot.number == number);
            snapshot.map(|snapshot| snapshot.commit.clone())
        }
    };
    let target = target.ok_or_else(|| {
        let wanted = checkpoint.map_or("base".into(), |number| format!("checkpoint cp{number}"));
        let known: Vec<String> =
            attempt.snapshots.iter().map(|snapshot| format!("cp{}", snapshot.number)).collect();
        let known = if known.is_empty() { "none".into() } else { known.join(" ") };
        Rejection::input(
            format!("task {id} has no {wanted}; its checkpoints: {known}"),
            format!("see `monban show {id}`; without `--to` it returns to its base"),
        )
    })?;
    if commit.is_some_and(|commit| commit != target) {
        return Err(Rejection::refused(
            format!("what task {id} would return to is another commit by now: {target:.7}"),
            format!("look again: `monban show {id}`"),
        ));
    }
    if let Some(rollback) = task.undoable().filter(|rollback| rollback.target == target) {
        let op = rollback.op;
        return Err(Rejection::refused(
            format!("the worktree of task {id} was returned there by {op} already"),
            format!("`monban rollback --undo {op}` brings back what was there before"),
        ));
    }
    let mut events = end::close_items(context, id, |_| true);
    // A failed task stays failed, for the reason it has.
    let (then, why) = match &task.failure {
        Some(failure) if task.stage == Stage::Failed => (Ending::Failed, failure.clone()),
        _ => (Ending::Stopped, Foreign::new(format!("rolled back by {who}"))),
    };
    events.extend(end::roll_back(context, task, target, then, why));
    Ok(events)
}

/// The refusal of a start of what is just being taken back.
pub(super) fn no_rollback_under_way(task: &Task) -> Result<(), Rejection> {
    let Stage::RollingBack { then, .. } = task.stage else { return Ok(()) };
    let word = match then {
        Ending::Failed => "failed",
        Ending::Stopped => "stopped",
    };
    let id = task.id;
    Err(Rejection::refused(
        format!("the worktree of task {id} is still being rolled back"),
        format!("wait until `monban show {id}` says {word}, then `monban task retry {id}`"),
    ))
}

/// The refusal of anything that needs a worktree which is just being brought back.
pub(super) fn no_undo_under_way(task: &Task) -> Result<(), Rejection> {
    let last = task.attempt().and_then(Attempt::last_rollback);
    let undo = last.filter(|r| matches!(r.progress, RollbackProgress::UndoWanted { .. }));
    undo.map_or(Ok(()), |rollback| {
        let why = format!("{} of task {} is being undone right now", rollback.op, task.id);
        Err(Rejection::refused(why, "wait a moment and look again"))
    })
}

pub(super) fn undo(context: Context<'_>, op: OpId, who: &str) -> Decision {
    let found = context.state.tasks.values().find_map(|task| {
        let attempt = task.attempt()?;
        attempt.rollbacks.iter().any(|rollback| rollback.op == op).then_some((task, attempt))
    });
    let Some((task, attempt)) = found else {
        return Err(Rejection::input(
            format!("{op} is not a rollback of any task's last attempt"),
            "`monban show ID` lists a task's rollbacks",
        ));
    };
    let is_undone = |rollback: &Rollback| rollback.progress == RollbackProgress::Undone;
    if attempt.rollbacks.iter().any(|rollback| rollback.op == op && is_undone(rollback)) {
        return Err(Rejection::refused(
            format!("{op} was undone already"),
            format!("`monban show {}` says how its worktree stands", task.id),
        ));
    }
    if let Some(last) = attempt.last_rollback().filter(|last| last.op.0 > op.0) {
        let last = last.op;
        return Err(Rejection::refused(
            format!("{op} is not the last rollback of task {}", task.id),
            format!("undo the later one first: `monban rollback --undo {last}`"),
        ));
    }
    let last = attempt.last_rollback().map(|last| &last.progress);
    if last == Some(&RollbackProgress::Forgotten) {
        return Err(Rejection::refused(
            format!("what {op} set aside was removed by `monban gc`"),
            format!("`monban show {}` lists the checkpoints that are there", task.id),
        ));
    }
    if task.undoable().is_none_or(|rollback| rollback.op != op) {
        return Err(Rejection::refused(
            format!("{op} cannot be undone: task {} is {}", task.id, task.state()),
            "only a finished rollback of a failed or stopped task can be undone",
        ));
    }
    let undo = RollbackEvent::UndoWanted { task: task.id, op, by: who.into() };
    Ok(vec![Event::Rollback(undo)])
}

pub(super) fn forget(context: Context<'_>, op: OpId, age: Duration, who: &str) -> Decision {
    let forgets = Keep::new(context.state, context.now, age).forgets();
    let Some((task, _)) = forgets.into_iter().find(|(_, known)| *known == op) else {
        return Err(Rejection::refused(
            format!("what {op} set aside is needed"),
            "only what a rollback of a task that ended long ago set aside can go",
        ));
    };
    Ok(vec![Event::Rollback(RollbackEvent::Forgotten { task, op, by: who.into() })])
}

//! What work under way reports. A report about something that is no longer so changes nothing.

use super::judge::{at_stage, gate_finished, item, snapshot_taken};
use super::run::wanted;
use super::{Context, end, landing};
use crate::base::foreign::Foreign;
use crate::base::id::{OpId, RunId, TaskId};
use crate::model::attempt::{
    AgentState, AgentStatus, Delivery, End, Life, Place, PromptWhy, RollbackProgress,
};
use crate::model::command::Report;
use crate::model::event::{Event, FinalEnd, RepoEvent, RollbackEvent, RunEvent, TaskEvent};
use crate::model::item::{Closed, ItemKind};
use crate::model::task::{Ending, Stage, Task};

/// What a resumed conversation is told when the person says nothing else.
const GO_ON: &str = "Please go on with the task.";

pub(super) fn decide(context: Context<'_>, report: &Report) -> Vec<Event> {
    match report {
        Report::Prepared { task, result } => prepared(context, *task, result),
        Report::Snapshot { task, result } => snapshot_taken(context, *task, result),
        Report::Gate { task, run, verdicts } => gate_finished(context, *task, *run, verdicts),
        Report::Landing { task, op, outcome } => landing::outcome(context, *task, *op, outcome),
        Report::Merge { task, op, outcome } => landing::merge(context, *task, *op, outcome),
        Report::RolledBack { task, op, result } => rolled_back(context, *task, *op, result),
        Report::Undone { task, op, result } => undone(context, *task, *op, result),
        Report::Delivery { task, prompt, delivery } => {
            delivery_went_on(context, *task, *prompt, *delivery)
        }
        Report::Started { run }
        | Report::Status { run, .. }
        | Report::Session { run, .. }
        | Report::Turned { run }
        | Report::Interrupted { run }
        | Report::WentOn { run }
        | Report::Paused { run, .. }
        | Report::Ended { run, .. }
        | Report::Tampered { run, .. } => of_run(context, *run, report),
    }
}

fn of_run(context: Context<'_>, id: RunId, report: &Report) -> Vec<Event> {
    let Some((task, _, run)) = context.state.run(id) else { return Vec::new() };
    let current = task.attempt().and_then(|a| a.run.as_ref()).is_some_and(|r| r.id == id);
    if let Report::Tampered { what, .. } = report {
        let (repo, what) = (task.repo, what.clone());
        return vec![Event::Repo(RepoEvent::Tampered { repo, run: id, what })];
    }
    if !run.is_live() {
        return Vec::new();
    }
    match report {
        Report::Started { .. } if run.life == Life::Wanted => {
            vec![Event::Run(RunEvent::Started { run: id })]
        }
        Report::Session { session, .. } if run.session.as_ref() != Some(session) => {
            vec![Event::Run(RunEvent::Session { run: id, session: session.clone() })]
        }
        Report::Paused { paused, .. } if run.paused != *paused => {
            vec![Event::Run(RunEvent::Paused { run: id, paused: *paused })]
        }
        Report::Status { status, .. } => status_settled(context, task, id, status),
        Report::Turned { .. } if current && task.stage == Stage::Running => turned(task),
        Report::Interrupted { .. } if current && task.stage == Stage::Running => {
            let note = "its turn was interrupted: send a prompt, judge what is there, or abort";
            vec![item(context, task, ItemKind::Question, note, None)]
        }
        Report::WentOn { .. } if current && task.stage == Stage::Waiting => {
            let mut events = end::close_items(context, task.id, Closed::Stale, None);
            events.push(Event::Run(RunEvent::WentOn { task: task.id }));
            events
        }
        Report::Ended { end, .. } => ended(context, task, id, end, current),
        _ => Vec::new(),
    }
}

/// A turn is over only when everything that was to be typed has been taken.
fn turned(task: &Task) -> Vec<Event> {
    let all_taken = task.attempt().is_some_and(|attempt| {
        attempt.prompts.iter().all(|prompt| prompt.delivery == Delivery::Delivered)
    });
    if !all_taken {
        return Vec::new();
    }
    vec![Event::Run(RunEvent::Turned { task: task.id, by: None })]
}

fn prepared(context: Context<'_>, id: TaskId, result: &Result<Place, String>) -> Vec<Event> {
    let Some(task) = at_stage(context, id, |stage| *stage == Stage::Preparing) else {
        return Vec::new();
    };
    let place = match result {
        Ok(place) => place.clone(),
        Err(why) => {
            let why = Foreign::new(format!("the attempt could not be prepared: {why}"));
            return vec![Event::Task(TaskEvent::Failed { task: id, why })];
        }
    };
    let resumed = task.attempt().is_some_and(|attempt| attempt.resumed);
    let session = task.attempts.iter().rev().nth(1).filter(|_| resumed);
    let session = session.and_then(|before| before.run.as_ref()?.session.clone());
    let text = if session.is_some() { GO_ON } else { task.spec.prompt.as_str() };
    let run = context.state.next_run();
    vec![
        Event::Task(TaskEvent::Prepared { task: id, place }),
        Event::Run(RunEvent::Wanted { task: id, run, session }),
        wanted(task, text, PromptWhy::Task),
    ]
}

/// A settled status; what the agent asks of a person goes into the inbox, and out of it when the agent
/// shows something else.
fn status_settled(
    context: Context<'_>,
    task: &Task,
    run: RunId,
    status: &AgentStatus,
) -> Vec<Event> {
    let live = context.state.items_of(task.id).filter(|item| item.kind.is_live());
    let close = |item| Event::Task(TaskEvent::Answered { item, how: Closed::Stale, by: None });
    let mut events: Vec<Event> = live.map(|item| close(item.id)).collect();
    events.push(Event::Run(RunEvent::Status { run, status: status.clone() }));
    let kind = match status.state {
        AgentState::BlockedPermission => Some(ItemKind::Permission),
        AgentState::BlockedQuestion => Some(ItemKind::Question),
        AgentState::Error => Some(ItemKind::AgentError),
        _ => None,
    };
    events.extend(kind.map(|kind| item(context, task, kind, status.detail.raw(), None)));
    events
}

fn delivery_went_on(
    context: Context<'_>,
    id: TaskId,
    number: u32,
    delivery: Delivery,
) -> Vec<Event> {
    let Some(task) = context.state.task(id) else { return Vec::new() };
    let prompt = task
        .attempt()
        .and_then(|attempt| attempt.prompts.iter().find(|prompt| prompt.number == number));
    let open = [Delivery::Wanted, Delivery::Typing];
    let still_open = prompt.is_some_and(|p| open.contains(&p.delivery) && p.delivery != delivery);
    if !still_open {
        return Vec::new();
    }
    let went_on = RunEvent::PromptDelivery { task: id, prompt: number, delivery };
    let mut events = vec![Event::Run(went_on)];
    if delivery == Delivery::Uncertain {
        let note = "it cannot be told whether the agent got its prompt; look at its screen";
        events.push(item(context, task, ItemKind::Delivery, note, None));
    }
    events
}

fn ended(context: Context<'_>, task: &Task, run: RunId, end: &End, current: bool) -> Vec<Event> {
    let mut events = vec![Event::Run(RunEvent::Ended { run, end: end.clone() })];
    if !current {
        return events;
    }
    let live = context.state.items_of(task.id).filter(|item| item.kind.is_live());
    events.extend(live.map(|item| {
        Event::Task(TaskEvent::Answered { item: item.id, how: Closed::Stale, by: None })
    }));
    match task.stage {
        Stage::Stopping => {
            events.push(Event::Task(TaskEvent::Stopped { task: task.id }));
            events.extend(end::finished(context, task, FinalEnd::Stopped));
        }
        // Nobody asked it to end, and its turn was not over.
        Stage::Running => {
            let why = format!("the agent ended before its turn was over: {}", end.how.raw());
            let closed = |event: &Event| matches!(event, Event::Task(TaskEvent::Answered { .. }));
            let failed = end::fail(context, task, why);
            // The inbox items were closed above already.
            let extra: Vec<Event> =
                failed.into_iter().filter(|e| !(closed(e) && events.contains(e))).collect();
            let stop = |e: &Event| matches!(e, Event::Run(RunEvent::StopWanted { .. }));
            events.extend(extra.into_iter().filter(|e| !stop(e)));
        }
        _ => {}
    }
    events
}

fn rolled_back(
    context: Context<'_>,
    id: TaskId,
    op: OpId,
    result: &Result<std::path::PathBuf, String>,
) -> Vec<Event> {
    let Some(task) = context.state.task(id) else { return Vec::new() };
    let Stage::RollingBack { op: current, then } = task.stage else { return Vec::new() };
    if current != op {
        return Vec::new();
    }
    let mut events = match result {
        Ok(aside) => {
            vec![Event::Rollback(RollbackEvent::Done { task: id, op, aside: aside.clone() })]
        }
        Err(why) => {
            let why = Foreign::new(why.clone());
            vec![Event::Rollback(RollbackEvent::Failed { task: id, op, why })]
        }
    };
    let end = match then {
        Ending::Failed => {
            let why = task.failure.clone().unwrap_or_default();
            events.push(Event::Task(TaskEvent::Failed { task: id, why }));
            FinalEnd::Failed
        }
        Ending::Stopped => {
            events.push(Event::Task(TaskEvent::Stopped { task: id }));
            FinalEnd::Stopped
        }
    };
    let mut with_rollback = task.clone();
    let last = with_rollback.attempts.last_mut().and_then(|a| a.rollbacks.last_mut());
    if let (Some(rollback), Err(why)) = (last, result) {
        rollback.progress = RollbackProgress::Failed { why: Foreign::new(why.clone()) };
    }
    events.extend(end::finished(context, &with_rollback, end));
    events
}

fn undone(context: Context<'_>, id: TaskId, op: OpId, result: &Result<(), String>) -> Vec<Event> {
    let Some(task) = context.state.task(id) else { return Vec::new() };
    let wanted = task.attempt().is_some_and(|attempt| {
        attempt.rollbacks.iter().any(|rollback| {
            rollback.op == op && matches!(rollback.progress, RollbackProgress::UndoWanted { .. })
        })
    });
    if !wanted {
        return Vec::new();
    }
    let event = match result {
        Ok(()) => RollbackEvent::Undone { task: id, op },
        Err(why) => RollbackEvent::Failed { task: id, op, why: Foreign::new(why.clone()) },
    };
    vec![Event::Rollback(event)]
}

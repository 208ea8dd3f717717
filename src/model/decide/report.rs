//! What work under way reports. A report about something that is no longer so changes nothing.

use super::judge::{at_stage, gate_finished, item, overtime, snapshot_taken};
use super::{Context, checkpoint, end, landing};
use crate::base::foreign::Foreign;
use crate::base::id::{OpId, RunId, TaskId};
use crate::model::attempt::{
    AgentState, AgentStatus, Delivery, End, Life, Place, Prompt, PromptWhy, RollbackProgress, Run,
};
use crate::model::checkpoint::Kept;
use crate::model::command::Report;
use crate::model::event::{Event, FinalEnd, RepoEvent, RollbackEvent, RunEvent, TaskEvent};
use crate::model::item::{Item, ItemKind};
use crate::model::task::{Ending, Stage, Task};

pub(super) fn decide(context: Context<'_>, report: &Report) -> Vec<Event> {
    match report {
        Report::Prepared { task, attempt, result } => prepared(context, *task, *attempt, result),
        Report::Snapshot { task, attempt, number, result } => {
            snapshot_taken(context, *task, (*attempt, *number), result)
        }
        Report::Checkpoint { task, attempt, moment, number, result } => {
            checkpoint::taken(context, *task, (*attempt, *number), *moment, result)
        }
        Report::Gate { task, run, verdicts, toolchain } => {
            gate_finished(context, *task, *run, (verdicts, toolchain))
        }
        Report::Landing { task, op, outcome } => landing::outcome(context, *task, *op, outcome),
        Report::Merge { task, op, outcome } => landing::merge(context, *task, *op, outcome),
        Report::RolledBack { task, op, result } => rolled_back(context, *task, *op, result),
        Report::Undone { task, op, result } => undone(context, *task, *op, result),
        Report::Progress { task, what, done, total } => {
            let (what, done, total) = (what.clone(), *done, *total);
            let known = context.state.task(*task).is_some_and(|task| !task.is_final());
            let progress = TaskEvent::Progress { task: *task, what, done, total };
            known.then_some(Event::Task(progress)).into_iter().collect()
        }
        Report::Started { run }
        | Report::Status { run, .. }
        | Report::Session { run, .. }
        | Report::Usage { run, .. }
        | Report::Turned { run, .. }
        | Report::Interrupted { run }
        | Report::StillUnknown { run }
        | Report::WentOn { run }
        | Report::Paused { run, .. }
        | Report::Ended { run, .. }
        | Report::Ready { run, .. }
        | Report::Overtime { run, .. }
        | Report::Delivery { run, .. }
        | Report::Tampered { run, .. }
        | Report::Advanced { run, .. }
        | Report::Noted { run, .. } => of_run(context, *run, report),
    }
}

fn of_run(context: Context<'_>, id: RunId, report: &Report) -> Vec<Event> {
    let Some((task, _, run)) = context.state.run(id) else { return Vec::new() };
    let current = task.attempt().and_then(|a| a.run.as_ref()).is_some_and(|r| r.id == id);
    if let Report::Tampered { what, .. } = report {
        return tampered(context, task, run, what);
    }
    if let Report::Advanced { what, to, .. } = report {
        if run.repository_changes.contains(what) {
            return Vec::new();
        }
        let (repo, what, to) = (task.repo, what.clone(), Some(to.clone()));
        return vec![Event::Repo(RepoEvent::Advanced { repo, run: id, what, to })];
    }
    if let Report::Noted { what, .. } = report {
        let is_new = |one: &&Foreign| !run.noted_changes.contains(one);
        let what: Vec<Foreign> = what.iter().filter(is_new).cloned().collect();
        let noted = RepoEvent::Noted { repo: task.repo, run: id, what };
        let is_any = matches!(&noted, RepoEvent::Noted { what, .. } if !what.is_empty());
        return if is_any { vec![Event::Repo(noted)] } else { Vec::new() };
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
        Report::Usage { usage, .. } if run.usage != Some(*usage) => {
            vec![Event::Run(RunEvent::Usage { run: id, usage: *usage })]
        }
        Report::Paused { paused, .. } if run.paused != *paused => {
            vec![Event::Run(RunEvent::Paused { run: id, paused: *paused })]
        }
        Report::Status { status, .. } => status_settled(context, task, run, status),
        Report::Turned { prompt, .. } if current && task.stage == Stage::Running => {
            turned(context, task, *prompt)
        }
        Report::Interrupted { .. } if current && task.stage == Stage::Running => {
            interrupted(context, task)
        }
        Report::StillUnknown { .. } if current => still_unknown(context, task, run),
        Report::WentOn { .. } if current && is_after_a_turn(task) => {
            let mut events = end::close_items(context, task.id, end::of_work);
            events.push(Event::Run(RunEvent::WentOn { task: task.id }));
            events
        }
        Report::Ready { prompt, ready, .. } if current => {
            checkpoint::ready(context, task, *prompt, *ready)
        }
        Report::Overtime { since, verdict, .. } if current => {
            overtime(context, task, *since, verdict)
        }
        Report::Delivery { prompt, delivery, .. } if current => {
            delivery_went_on(context, task, run, *prompt, *delivery)
        }
        Report::Ended { end, .. } => ended(context, task, id, end, current),
        _ => Vec::new(),
    }
}

/// The repository is compared at the end of every turn and of the run: what was told is not told
/// again.
fn tampered(context: Context<'_>, task: &Task, run: &Run, what: &[Foreign]) -> Vec<Event> {
    let is_new = |change: &&Foreign| !run.repository_changes.contains(change);
    let what: Vec<Foreign> = what.iter().filter(is_new).cloned().collect();
    if what.is_empty() {
        return Vec::new();
    }
    let note = "the repository changed while the agent ran, and not by monban";
    let alarm = Item {
        id: context.state.next_item(),
        task: task.id,
        kind: ItemKind::Alarm,
        note: Foreign::new(note),
        details: what.clone(),
        binds: None,
        since: context.now,
    };
    vec![
        Event::Repo(RepoEvent::Tampered { repo: task.repo, run: run.id, what }),
        Event::Task(TaskEvent::Asked { item: alarm }),
    ]
}

/// Whether the agent's last turn counts as over, and what follows from it can still be taken back:
/// a landing cannot, what a person signed lands.
fn is_after_a_turn(task: &Task) -> bool {
    let prompts = task.attempt().map(|attempt| attempt.prompts.as_slice()).unwrap_or_default();
    match task.stage {
        Stage::Turned | Stage::Taken | Stage::Checking | Stage::Waiting | Stage::Merging { .. } => {
            true
        }
        Stage::Running => prompts.iter().any(|prompt| prompt.is_turned),
        _ => false,
    }
}

/// What a person is asked after somebody stopped a turn. A later daemon reports it once more: who
/// has been asked, or has answered with a prompt, is not asked again.
fn interrupted(context: Context<'_>, task: &Task) -> Vec<Event> {
    let note = "its turn was interrupted: send a prompt, judge what is there, or abort";
    let is_asked = context.state.items_of(task.id).any(|item| item.note.raw() == note);
    let is_answered = task.attempt().is_some_and(|attempt| attempt.next_prompt().is_some());
    let ask = !is_asked && !is_answered;
    ask.then(|| item(context, task, ItemKind::Question, note, None)).into_iter().collect()
}

/// The agent's turn is over for the task only when nothing is left to be typed, and no person is
/// still to see whether the agent got its prompt. That the turn of one prompt is over while the
/// next one waits is noted: the agent may leave now.
fn turned(context: Context<'_>, task: &Task, number: u32) -> Vec<Event> {
    let prompts = task.attempt().map(|attempt| attempt.prompts.as_slice()).unwrap_or_default();
    let Some(at) = prompts.iter().position(|prompt| prompt.number == number) else {
        return Vec::new();
    };
    let (last, after) = (&prompts[at], &prompts[at + 1..]);
    let open = |prompt: &Prompt| matches!(prompt.delivery, Delivery::Wanted | Delivery::Typing);
    let mut items = context.state.items_of(task.id);
    if last.delivery == Delivery::Wanted
        || prompts[..at].iter().any(open)
        || after.iter().any(|prompt| prompt.delivery != Delivery::Wanted)
        || items.any(|item| item.kind == ItemKind::Delivery)
        || (last.is_turned && !after.is_empty())
    {
        return Vec::new();
    }
    let mut events = Vec::new();
    if last.delivery == Delivery::Typing {
        let (prompt, delivery) = (number, Delivery::Delivered);
        events.push(Event::Run(RunEvent::PromptDelivery { task: task.id, prompt, delivery }));
    }
    // Compared with the new base, what was made without knowing of a conflict takes the work of
    // others back: no result.
    let knows_no_conflict = task.attempt().and_then(|attempt| attempt.conflicts_after);
    if after.is_empty() && knows_no_conflict.is_none_or(|last| number > last) {
        events.extend(end::close_items(context, task.id, end::of_work));
        events.push(Event::Run(RunEvent::Turned { task: task.id, by: None }));
    } else if !last.is_turned {
        events.push(Event::Run(RunEvent::PromptTurned { task: task.id, prompt: number }));
    }
    events
}

/// What the agent does has been unknown for long enough to ask a person to look.
fn still_unknown(context: Context<'_>, task: &Task, run: &Run) -> Vec<Event> {
    let is_due = run.doubtful_at().is_some_and(|at| at <= context.now) && run.stop.is_none();
    let known = context.state.items_of(task.id).any(|item| item.kind == ItemKind::Unknown);
    if !is_due || known {
        return Vec::new();
    }
    let note = "what it does has been unknown for a while; look at its screen";
    vec![item(context, task, ItemKind::Unknown, note, None)]
}

fn prepared(
    context: Context<'_>,
    id: TaskId,
    attempt: u32,
    result: &Result<Place, String>,
) -> Vec<Event> {
    let task = at_stage(context, id, |stage| *stage == Stage::Preparing);
    let Some(task) = task.filter(|task| task.is_at_attempt(attempt)) else {
        return Vec::new();
    };
    let place = match result {
        Ok(place) => place.clone(),
        Err(why) => {
            let why = Foreign::new(format!("the attempt could not be prepared: {why}"));
            return end::fail_untouched(context, task, why);
        }
    };
    vec![Event::Task(TaskEvent::Prepared { task: id, place })]
}

/// A settled status; what the agent asks of a person goes into the inbox, and out of it when the
/// agent shows something else.
fn status_settled(
    context: Context<'_>,
    task: &Task,
    run: &Run,
    status: &AgentStatus,
) -> Vec<Event> {
    let settled = Event::Run(RunEvent::Status { run: run.id, status: status.clone() });
    if (run.status.state, &run.status.detail) == (status.state, &status.detail) {
        let known_otherwise = run.status.source != status.source;
        return known_otherwise.then_some(settled).into_iter().collect();
    }
    let mut events = end::close_items(context, task.id, ItemKind::is_live);
    events.push(settled);
    let kind = match status.state {
        AgentState::BlockedPermission => Some(ItemKind::Permission),
        AgentState::BlockedQuestion => Some(ItemKind::Question),
        AgentState::Error => Some(ItemKind::AgentError),
        _ => None,
    };
    // An agent that is being ended need not be answered.
    let kind = kind.filter(|_| run.stop.is_none());
    let note = match status.detail.raw() {
        "" => "it does not say what about; look at its screen",
        detail => detail,
    };
    events.extend(kind.map(|kind| item(context, task, kind, note, None)));
    events
}

fn delivery_went_on(
    context: Context<'_>,
    task: &Task,
    run: &Run,
    number: u32,
    delivery: Delivery,
) -> Vec<Event> {
    let prompt = task
        .attempt()
        .and_then(|attempt| attempt.prompts.iter().find(|prompt| prompt.number == number));
    let may_begin = !context.state.is_halted(task) && !run.pause_wanted && run.stop.is_none();
    if let (true, Delivery::Typing) = (may_begin, delivery)
        && prompt.is_some_and(Prompt::needs_somebody)
        && let Some(repo) = context.state.repo_of(task).filter(|repo| !context.is_attended(repo))
    {
        // Whoever was there when it was wanted has left since.
        let what = format!("the agent of task {} would be told of a conflict", task.id);
        let held = Event::Repo(RepoEvent::Held { repo: repo.id, what });
        return repo.hold.is_none().then_some(held).into_iter().collect();
    }
    let goes_on = match (prompt.map(|prompt| prompt.delivery), delivery) {
        (Some(Delivery::Wanted), Delivery::Typing) => {
            may_begin && prompt.is_some_and(|prompt| matches!(prompt.kept, Kept::At(_)))
        }
        (Some(Delivery::Wanted | Delivery::Typing), Delivery::Delivered | Delivery::Uncertain) => {
            true
        }
        _ => false,
    };
    if !goes_on {
        return Vec::new();
    }
    let went_on = RunEvent::PromptDelivery { task: task.id, prompt: number, delivery };
    let mut events = vec![Event::Run(went_on)];
    if delivery == Delivery::Uncertain && run.stop.is_none() {
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
    match task.stage {
        Stage::Running if context.state.is_in_turn(task) && is_left_untaken(task) => {
            let mut before = left_untaken(context, task);
            before.append(&mut events);
            events = before;
        }
        // Nobody asked it to end, and its turn was not over.
        Stage::Running if context.state.is_in_turn(task) => {
            let before = match task.attempt().is_some_and(|attempt| attempt.was_given_nothing()) {
                true => "it was given its prompt",
                false => "its turn was over",
            };
            let why = format!("the agent ended before {before}: {}", end.how.raw());
            let stop = |e: &Event| matches!(e, Event::Run(RunEvent::StopWanted { .. }));
            events.extend(end::fail(context, task, why).into_iter().filter(|e| !stop(e)));
        }
        Stage::Stopping => {
            events.push(Event::Task(TaskEvent::Stopped { task: task.id }));
            events.extend(end::finished(context, task, FinalEnd::Stopped));
        }
        _ => events.extend(end::close_items(context, task.id, ItemKind::needs_agent)),
    }
    events
}

fn is_left_untaken(task: &Task) -> bool {
    task.attempt().is_some_and(|attempt| !attempt.untaken().is_empty())
}

/// The agent ended after its turn, with prompts that it never took: what it made is judged. Not so
/// after a conflict: compared with the new base, what it made takes the work of others back.
fn left_untaken(context: Context<'_>, task: &Task) -> Vec<Event> {
    let prompts = task.attempt().map(|attempt| attempt.untaken()).unwrap_or_default();
    let delivery = Delivery::Missed;
    let missed = prompts.iter().map(|prompt| {
        let prompt = prompt.number;
        Event::Run(RunEvent::PromptDelivery { task: task.id, prompt, delivery })
    });
    let mut events: Vec<Event> = end::close_items(context, task.id, |_| true);
    events.extend(missed);
    events.push(match prompts.iter().find(|prompt| prompt.why == PromptWhy::Conflict) {
        Some(conflict) => item(context, task, ItemKind::Trouble, &conflict.text, None),
        None => Event::Run(RunEvent::Turned { task: task.id, by: None }),
    });
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

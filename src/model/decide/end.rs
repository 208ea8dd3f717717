//! How attempts end: the events that every way of ending shares.

use super::Context;
use crate::base::foreign::Foreign;
use crate::base::id::TaskId;
use crate::model::attempt::{Life, RollbackProgress, Run, StopWhy};
use crate::model::event::{
    Event, FinalEnd, FinalResult, RepoEvent, RollbackEvent, RunEvent, TaskEvent,
};
use crate::model::item::{Closed, ItemKind};
use crate::model::task::{Ending, Reverts, Task};
use crate::policy::OnFailure;

/// The task failed: at L1 everything of its repository stops and the worktree is rolled back
///
pub(super) fn fail(context: Context<'_>, task: &Task, why: impl Into<String>) -> Vec<Event> {
    let why = Foreign::new(why);
    let mut events = close_items(context, task.id, |_| true);
    let base = task.attempt().and_then(|attempt| Some(attempt.place.as_ref()?.base.clone()));
    match base {
        Some(target) => {
            events.extend(halt(context, task, &why));
            events.extend(roll_back(context, task, target, Ending::Failed, why));
        }
        None => events.extend(fail_untouched(context, task, what_now(task, why))),
    }
    events
}

/// Why taking landed work back failed, and what to do: there is no agent to try again.
fn what_now(task: &Task, why: Foreign) -> Foreign {
    let Some(Reverts { task: landed, .. }) = &task.reverts else { return why };
    Foreign::new(format!(
        "{}; nothing was changed, task {landed} is still in the base: mend what failed, lift the \
         halt (`monban resume`), then `monban revert {landed}` makes it anew",
        why.raw()
    ))
}

/// The task failed before its attempt touched anything: there is nothing to take back. It halts as
/// every failure does, for what kept it from starting (a full disk, a missing program) mostly stops
/// the next one too.
pub(super) fn fail_untouched(context: Context<'_>, task: &Task, why: Foreign) -> Vec<Event> {
    let mut events: Vec<Event> = halt(context, task, &why).into_iter().collect();
    events.push(Event::Task(TaskEvent::Failed { task: task.id, why }));
    events.extend(finished(context, task, FinalEnd::Failed));
    events
}

/// A failure halts the task's repository where the level says so; the first cause stands.
fn halt(context: Context<'_>, task: &Task, why: &Foreign) -> Option<Event> {
    let stops = context.settings.level.rules().on_failure == OnFailure::Stop;
    let (repo, cause) = (task.repo, why.clone());
    let halted = Event::Repo(RepoEvent::Halted { repo, task: task.id, cause });
    (stops && !context.state.is_halted(task)).then_some(halted)
}

/// The worktree is to return to `target`; its run ends first.
pub(super) fn roll_back(
    context: Context<'_>,
    task: &Task,
    target: String,
    then: Ending,
    why: Foreign,
) -> Vec<Event> {
    let mut events = stop_run(task, StopWhy::RollingBack);
    let op = context.state.next_op();
    let wanted = RollbackEvent::Wanted { task: task.id, op, target, then, why };
    events.push(Event::Rollback(wanted));
    events
}

/// The task's run, if it is alive and not being ended, is to be ended.
pub(super) fn stop_run(task: &Task, why: StopWhy) -> Vec<Event> {
    let run = task.attempt().and_then(|attempt| attempt.run.as_ref());
    match run.filter(|run| run.is_live() && run.stop.is_none()) {
        Some(run) => vec![Event::Run(RunEvent::StopWanted { run: run.id, why })],
        None => Vec::new(),
    }
}

/// What waits about a task's work; what its agent asks in its pane is not of it.
pub(super) fn of_work(kind: ItemKind) -> bool {
    !kind.is_live()
}

/// Everything of these kinds that waits about the task waits no longer. An alarm does not stop by
/// itself.
pub(super) fn close_items(
    context: Context<'_>,
    task: TaskId,
    which: impl Fn(ItemKind) -> bool,
) -> Vec<Event> {
    let items = context
        .state
        .items_of(task)
        .filter(|item| which(item.kind) && item.kind != ItemKind::Alarm);
    let close = |item| Event::Task(TaskEvent::Answered { item, how: Closed::Stale, by: None });
    items.map(|item| close(item.id)).collect()
}

/// Whether the run ended without being asked to, in the middle of a turn or with nobody knowing how
/// (C-13). An agent that leaves after its turn is not abnormal.
fn ended_abnormally(run: &Run) -> bool {
    let Life::Ended(end) = &run.life else { return false };
    let is_known = end.code.is_some() || end.signal.is_some();
    run.stop.is_none() && (run.cut_short || !is_known)
}

/// The record by which a promotion counts: one for each attempt of an agent.
pub(super) fn finished(context: Context<'_>, task: &Task, end: FinalEnd) -> Option<Event> {
    let counts = task.reverts.is_none();
    let attempt = task.attempt().filter(|attempt| counts && !attempt.is_finished)?;
    let run = attempt.run.as_ref();
    let duration = context.now.since(attempt.started_at).as_millis();
    let last_rollback = attempt
        .rollbacks
        .last()
        .map(|rollback| !matches!(rollback.progress, RollbackProgress::Failed { .. }));
    let result = FinalResult {
        end,
        level: context.settings.level,
        policy: context.settings.policy.clone(),
        origin: task.origin,
        kind: task.spec.kind,
        attempt: attempt.number,
        duration_ms: u64::try_from(duration).unwrap_or(u64::MAX),
        agent_version: attempt.place.as_ref().and_then(|place| place.agent_version.clone()),
        breach: attempt.exceeded(),
        abnormal_end: run.is_some_and(ended_abnormally),
        rollback: last_rollback,
    };
    Some(Event::Task(TaskEvent::Finished { task: task.id, result }))
}

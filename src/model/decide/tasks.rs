//! Writing tasks down and asking for them to run.

use super::judge::refuse_halted;
use super::person::{repo, task, vouch};
use super::run::{no_rollback_under_way, no_undo_under_way, way_on};
use super::{Context, Decision, end};
use crate::base::clock::Timestamp;
use crate::base::id::{RepoId, TaskId};
use crate::model::attempt::Run;
use crate::model::command::TaskChange;
use crate::model::event::{Event, FinalEnd, TaskEvent};
use crate::model::rejection::{Class, Rejection};
use crate::model::state::State;
use crate::model::task::{GatePin, Origin, Reverts, Stage, Task, TaskSpec};
use std::collections::BTreeSet;

/// The longest prompt, in bytes: what a terminal paste can carry in good time.
pub const PROMPT_BYTES_MAX: usize = 256 * 1024;
/// The longest title, in bytes.
const TITLE_BYTES_MAX: usize = 300;
/// The most tasks that are kept.
const TASKS_MAX: usize = 10_000;

pub(super) fn add(context: Context<'_>, id: RepoId, spec: &TaskSpec, origin: Origin) -> Decision {
    repo(context, id)?;
    has_room(context)?;
    let task = context.state.next_task();
    check_spec(context.state, task, id, spec)?;
    let added = TaskEvent::Added { task, repo: id, spec: spec.clone(), origin };
    Ok(vec![Event::Task(added)])
}

/// Refuses one more task than can be kept.
pub(super) fn has_room(context: Context<'_>) -> Result<(), Rejection> {
    if context.state.tasks.len() < TASKS_MAX {
        return Ok(());
    }
    Err(Rejection::refused(
        format!("there are {TASKS_MAX} tasks already"),
        "remove drafts, or tasks that have ended, with `monban task rm`",
    ))
}

pub(super) fn edit(context: Context<'_>, id: TaskId, change: &TaskChange) -> Decision {
    let task = task(context, id)?;
    if task.stage != Stage::Draft {
        return Err(Rejection::refused(
            format!("task {id} is {} and can no longer be edited", task.state()),
            "add a new task instead",
        ));
    }
    let mut spec = task.spec.clone();
    let change = change.clone();
    spec.title = change.title.unwrap_or(spec.title);
    spec.prompt = change.prompt.unwrap_or(spec.prompt);
    spec.kind = change.kind.unwrap_or(spec.kind);
    spec.agent = change.agent.unwrap_or(spec.agent);
    spec.after = change.after.unwrap_or(spec.after);
    spec.files = change.files.unwrap_or(spec.files);
    check_spec(context.state, id, task.repo, &spec)?;
    Ok(vec![Event::Task(TaskEvent::Edited { task: id, spec })])
}

/// Removes a draft, or a task that is over. What happened to it stays in the event log.
pub(super) fn remove(context: Context<'_>, id: TaskId) -> Decision {
    let task = task(context, id)?;
    no_undo_under_way(task)?;
    let has_agent =
        task.attempts.iter().filter_map(|attempt| attempt.run.as_ref()).any(Run::is_live);
    if !(task.stage == Stage::Draft || task.is_final()) || has_agent {
        return Err(Rejection::refused(
            format!("task {id} is {} and cannot be removed", task.state()),
            format!("end it first: `monban abort {id}`"),
        ));
    }
    let follower = context.state.tasks.values().find(|other| other.spec.after.contains(&id));
    if let Some(follower) = follower {
        return Err(Rejection::refused(
            format!("task {} comes after task {id}", follower.id),
            format!("change or remove it first: `monban task edit {}` or `rm`", follower.id),
        ));
    }
    Ok(vec![Event::Task(TaskEvent::Removed { task: id })])
}

pub(super) fn run(
    context: Context<'_>,
    tasks: &[(TaskId, GatePin)],
    attend: Option<Timestamp>,
    who: &str,
) -> Decision {
    // A run that is refused vouches for nothing.
    let mut events = attend.map_or(Ok(Vec::new()), |until| vouch(context, until, who))?;
    let mut seen = BTreeSet::new();
    for (id, gate) in tasks.iter().filter(|(id, _)| seen.insert(*id)) {
        let task = task(context, *id)?;
        no_rollback_under_way(task)?;
        match task.stage {
            Stage::Draft => {}
            Stage::Failed | Stage::Stopped => {
                let again = match &task.reverts {
                    Some(Reverts { task: landed, .. }) => anew(*landed),
                    None => format!("try it again with `monban task retry {id}`"),
                };
                return Err(Rejection::refused(format!("task {id} is {}", task.state()), again));
            }
            _ => {
                let show = format!("`monban show {id}` says more");
                let why = format!("task {id} is {} already", task.state());
                return Err(Rejection::refused(why, show));
            }
        }
        events.push(queue(context, task, gate, false, who)?);
    }
    Ok(events)
}

pub(super) fn retry(
    context: Context<'_>,
    id: TaskId,
    gate: &GatePin,
    resume: bool,
    who: &str,
) -> Decision {
    let task = task(context, id)?;
    no_rollback_under_way(task)?;
    let is_left = task.is_left();
    if !matches!(task.stage, Stage::Failed | Stage::Stopped) && !is_left {
        return Err(Rejection::refused(
            format!(
                "task {id} is {}; only a failed or stopped task can be tried again",
                task.state()
            ),
            way_on(task),
        ));
    }
    no_undo_under_way(task)?;
    if let Some(Reverts { task: landed, .. }) = &task.reverts {
        return Err(Rejection::refused(
            format!("task {id} has no agent that could try again: it takes task {landed} back"),
            anew(*landed),
        ));
    }
    if resume && task.conversation().is_none() {
        return Err(Rejection::refused(
            format!("the agent of task {id} never named a conversation that could be resumed"),
            format!("start over: `monban task retry {id} --fresh`"),
        ));
    }
    let queued = queue(context, task, gate, resume, who)?;
    let mut events = Vec::new();
    if is_left {
        events.extend(end::close_items(context, id, |_| true));
        events.extend(end::finished(context, task, FinalEnd::Stopped));
    }
    events.push(queued);
    Ok(events)
}

/// How landed work is taken back once more.
fn anew(landed: TaskId) -> String {
    format!("`monban revert {landed}` makes it anew")
}

pub(super) fn queue(
    context: Context<'_>,
    task: &Task,
    gate: &GatePin,
    resume: bool,
    who: &str,
) -> Result<Event, Rejection> {
    may_judge(context, task, gate)?;
    let by = who.to_string();
    Ok(Event::Task(TaskEvent::Queued { task: task.id, gate: gate.clone(), resume, by }))
}

/// Refuses to judge anything while the repository is halted, or by a gate that nobody trusted.
pub(super) fn may_judge(
    context: Context<'_>,
    task: &Task,
    gate: &GatePin,
) -> Result<(), Rejection> {
    refuse_halted(context, task)?;
    let repo = repo(context, task.repo)?;
    if !repo.trusted.contains(&gate.hash) {
        return Err(Rejection::new(
            Class::NeedsPerson,
            "the commands of monban.toml would run on this machine and nobody has trusted this content yet",
            format!("read it (`monban plan check`), then add `--trust {}`", gate.hash),
        ));
    }
    Ok(())
}

fn check_spec(state: &State, id: TaskId, repo: RepoId, spec: &TaskSpec) -> Result<(), Rejection> {
    if spec.title.raw().trim().is_empty() || spec.title.raw().len() > TITLE_BYTES_MAX {
        let why = format!("a title has 1 to {TITLE_BYTES_MAX} bytes");
        return Err(Rejection::input(why, "give a short `--title`"));
    }
    if spec.prompt.trim().is_empty() {
        return Err(Rejection::input("the prompt is empty", "say what the agent is to do"));
    }
    if spec.prompt.len() > PROMPT_BYTES_MAX {
        return Err(Rejection::input(
            format!("the prompt has {} bytes, more than {PROMPT_BYTES_MAX}", spec.prompt.len()),
            "put the long part into a file of the repository and name it in the prompt",
        ));
    }
    for before in &spec.after {
        if state.task(*before).is_none_or(|task| task.repo != repo) {
            let why = format!("`after` names task {before}, which is not in this repository");
            return Err(Rejection::input(why, "`monban ls` lists the tasks"));
        }
    }
    if comes_after_itself(state, id, &spec.after) {
        let why = format!("task {id} would come after itself");
        return Err(Rejection::input(why, "take one of the `--after` out"));
    }
    Ok(())
}

/// Whether following `after` from `start` ever reaches `id`.
fn comes_after_itself(state: &State, id: TaskId, start: &[TaskId]) -> bool {
    let mut open: Vec<TaskId> = start.to_vec();
    let mut seen = BTreeSet::new();
    while let Some(next) = open.pop() {
        if next == id {
            return true;
        }
        if seen.insert(next) {
            open.extend(state.task(next).into_iter().flat_map(|task| &task.spec.after));
        }
    }
    false
}

//! Taking landed work back.

use super::person::task;
use super::tasks::{has_room, may_judge};
use super::{Context, Decision, person};
use crate::base::foreign::Foreign;
use crate::base::id::TaskId;
use crate::model::attempt::Snapshot;
use crate::model::checkpoint::Moment;
use crate::model::event::{Event, TaskEvent};
use crate::model::rejection::Rejection;
use crate::model::state::State;
use crate::model::task::{GatePin, Reverts, Task, TaskSpec};

/// The name that stands where a task names its agent: nobody but monban made this result.
pub const NO_AGENT: &str = "monban";

/// The commit that taking `task` back reverts, or the refusal.
pub fn revertible(state: &State, task: &Task) -> Result<String, Rejection> {
    let id = task.id;
    let Some(commit) = &task.landed else {
        return Err(match &task.already_in {
            Some(base) => Rejection::refused(
                format!("nothing of task {id} landed: {base} of the base held all of it already"),
                "revert that commit yourself, with `git revert`",
            ),
            None => Rejection::refused(
                format!("task {id} is {}; nothing of it landed", task.state()),
                "only landed work can be reverted; `monban rollback` takes a worktree back",
            ),
        });
    };
    let takes_back = |other: &&Task| {
        other.reverts.as_ref().is_some_and(|reverts| reverts.commit == *commit) && !other.is_final()
    };
    match state.tasks.values().map(AsRef::as_ref).find(takes_back) {
        None => Ok(commit.clone()),
        Some(other) => Err(Rejection::refused(
            format!("task {} takes task {id} back already; it is {}", other.id, other.state()),
            format!("`monban show {}` says where it stands", other.id),
        )),
    }
}

pub(super) fn decide(
    context: Context<'_>,
    id: TaskId,
    gate: &GatePin,
    snapshot: &Snapshot,
    who: &str,
) -> Decision {
    let landed = task(context, id)?;
    let commit = revertible(context.state, landed)?;
    has_room(context)?;
    may_judge(context, landed, gate)?;
    let repo = person::repo(context, landed.repo)?.id;
    let spec = TaskSpec {
        title: Foreign::new(format!("Revert \"{}\"", landed.spec.title.raw())),
        kind: landed.spec.kind,
        agent: NO_AGENT.into(),
        prompt: format!("Take back what task {id} landed as {commit}."),
        after: Vec::new(),
        files: Vec::new(),
    };
    Ok(vec![Event::Task(TaskEvent::RevertMade {
        task: context.state.next_task(),
        repo,
        spec,
        reverts: Reverts { task: id, commit },
        gate: gate.clone(),
        snapshot: Box::new(Snapshot { taken: Moment::Decision, ..snapshot.clone() }),
        by: who.into(),
    })])
}

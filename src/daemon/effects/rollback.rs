//! Rolling a worktree back, and undoing that. Each rename is a step of its own that a crash may
//! follow: the plan is written down first, and a second try goes on from wherever the first one
//! was.

use super::facts::Facts;
use super::prepare::telling;
use super::snapshot::PRIVATE;
use crate::base::durable;
use crate::base::id::{OpId, TaskId};
use crate::daemon::driver::Cancel;
use crate::daemon::world::World;
use crate::git::{GitError, RollbackPlan, Worktree, steps};
use crate::model::command::Report;
use std::path::PathBuf;

const PLAN_BYTES_MAX: u64 = 1 << 20;

pub(super) fn run(world: &World, id: TaskId, op: OpId, cancel: &Cancel) {
    let Some(facts) = Facts::of(world, id) else { return };
    let result = roll_back(world, &facts, op);
    world.report(Report::RolledBack { task: id, op, result }, &|| cancel.is_set());
}

fn roll_back(world: &World, facts: &Facts, op: OpId) -> Result<PathBuf, String> {
    let text = |error: GitError| error.to_string();
    let plan = plan(world, facts, op)?;
    let store = world.store(facts.repo).map_err(text)?;
    let mut progress = telling(world, facts.id);
    steps::finish(&plan, &store, &mut progress).map_err(text)?;
    Ok(plan.aside)
}

pub(super) fn undo(world: &World, id: TaskId, op: OpId, cancel: &Cancel) {
    let Some(facts) = Facts::of(world, id) else { return };
    let result = plan(world, &facts, op).and_then(|plan| {
        let mut progress = telling(world, id);
        steps::undo(&plan, &mut progress).map_err(|error| error.to_string())
    });
    world.report(Report::Undone { task: id, op, result }, &|| cancel.is_set());
}

/// The plan of a rollback: as it was written down, or made and written down now.
fn plan(world: &World, facts: &Facts, op: OpId) -> Result<RollbackPlan, String> {
    let path = world.places.state.join("attempts").join(format!("{}-{op}.json", facts.name()));
    match durable::read(&path, PLAN_BYTES_MAX) {
        Ok(bytes) => {
            return serde_json::from_slice(&bytes)
                .map_err(|error| format!("{} cannot be read: {error}", path.display()));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    }
    let text = |error: GitError| error.to_string();
    let rollback = facts.attempt.rollbacks.iter().find(|rollback| rollback.op == op);
    let target = &rollback.ok_or_else(|| format!("there is no {op}"))?.target;
    let place = &facts.place()?.worktree;
    let worktree = Worktree::find(place).map_err(text)?;
    let worktree = worktree.ok_or_else(|| format!("{} is not monban's", place.display()))?;
    let target = target.parse().map_err(text)?;
    let plan = RollbackPlan::new(worktree, &op.to_string(), PRIVATE, target).map_err(text)?;
    durable::write_json(&path, &plan)
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(plan)
}

//! What of the files, references and objects that monban keeps is still needed. Pure: the same
//! state gives the same answer, before anything is removed and when a removal is decided.

use super::attempt::{Attempt, Rollback, RollbackProgress, Run};
use super::state::State;
use super::task::{Stage, Task};
use crate::base::clock::Timestamp;
use crate::base::id::{OpId, RepoId, RunId, TaskId};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// What is still needed of a state, where what ended this long ago may go.
#[derive(Clone, Copy, Debug)]
pub struct Keep<'a> {
    state: &'a State,
    now: Timestamp,
    age: Duration,
}

impl<'a> Keep<'a> {
    /// What is needed at `now` by people who may still come back to work that ended less than `age`
    /// ago.
    pub fn new(state: &'a State, now: Timestamp, age: Duration) -> Self {
        Self { state, now, age }
    }

    /// Whether a task ended long enough ago, and nothing of it waits, runs or is being moved.
    fn is_over(&self, task: &Task) -> bool {
        let runs = task.attempts.iter().filter_map(|attempt| attempt.run.as_ref());
        let moves = |rollback: &Rollback| {
            use RollbackProgress::{UndoWanted, Wanted};
            matches!(rollback.progress, Wanted | UndoWanted { .. })
        };
        task.is_final()
            && task.since.plus(self.age) <= self.now
            && self.state.items_of(task.id).next().is_none()
            && !{ runs }.any(Run::is_live)
            && !rollbacks(task).any(moves)
    }

    /// A task that is gone from the plan needs nothing; one that was never there is not ours.
    fn is_removed(&self, id: TaskId) -> bool {
        self.state.task(id).is_none() && id.0 <= self.state.last.task
    }

    /// Whether anything of a task is needed beyond what it shows.
    pub fn task(&self, id: TaskId) -> bool {
        match self.state.task(id) {
            Some(task) => !(self.is_over(task) && task.stage == Stage::Done),
            None => !self.is_removed(id),
        }
    }

    /// Whether a result of a task that waits under a reference can still land.
    pub fn task_lands(&self, id: TaskId) -> bool {
        self.state.task(id).map_or(!self.is_removed(id), |task| !self.is_over(task))
    }

    /// Whether a task's worktree at `path` is needed: where the task did not land, its last attempt
    /// can be resumed and judged there.
    pub fn worktree(&self, id: TaskId, path: &Path) -> bool {
        let Some(task) = self.state.task(id) else { return !self.is_removed(id) };
        let last = task.attempt().and_then(|attempt| attempt.place.as_ref());
        let is_last = last.is_none_or(|place| place.worktree == path);
        !self.is_over(task) || (is_last && task.stage != Stage::Done)
    }

    /// Whether what a rollback set aside is needed: to undo it, or as long as it is not known where
    /// everything is.
    pub fn aside(&self, id: TaskId, op: OpId) -> bool {
        let Some(task) = self.state.task(id) else { return !self.is_removed(id) };
        let rollback = rollbacks(task).find(|rollback| rollback.op == op);
        let is_lost =
            |rollback: &Rollback| matches!(rollback.progress, RollbackProgress::Failed { .. });
        !self.is_over(task) || rollback.is_none_or(is_lost)
    }

    /// The rollbacks that could still be undone, and will not be once what they set aside is gone.
    pub fn forgets(&self) -> Vec<(TaskId, OpId)> {
        let over = self.state.tasks.values().filter(|task| self.is_over(task));
        let done = over.flat_map(|task| {
            let done = |of: &&Rollback| matches!(of.progress, RollbackProgress::Done { .. });
            let last = task.attempt().into_iter().flat_map(|attempt| &attempt.rollbacks);
            last.filter(done).map(|rollback| (task.id, rollback.op))
        });
        done.collect()
    }

    /// Whether the folder of a run, of an agent or of a gate, is needed. Where the task did not
    /// land, what was noted before its last agent ran is compared again when its work is judged.
    pub fn run(&self, run: RunId) -> bool {
        let agents = |attempt: &Attempt| attempt.run.as_ref().is_some_and(|of| of.id == run);
        let has =
            |attempt: &Attempt| agents(attempt) || attempt.gates.iter().any(|gate| gate.run == run);
        match self.state.tasks.values().find(|task| task.attempts.iter().any(has)) {
            Some(task) if task.stage != Stage::Done && task.attempt().is_some_and(agents) => true,
            Some(task) => !self.is_over(task),
            None => run.0 > self.state.last.run,
        }
    }

    /// The commits of a repository's store that something still names: all of what is under way,
    /// what an ended task can be returned to, and of what landed its result and base.
    pub fn commits(&self, repo: RepoId) -> BTreeSet<String> {
        let of_repo = self.state.tasks.values().filter(|task| task.repo == repo);
        let mut commits = BTreeSet::new();
        for task in of_repo {
            // Nothing returns to an attempt before the last.
            let Some(attempt) = task.attempt() else { continue };
            let landed = self.is_over(task) && task.stage == Stage::Done;
            let lands = attempt.gates.last().map(|gate| gate.snapshot);
            let snapshots = attempt.snapshots.iter();
            for one in snapshots.filter(|one| !landed || lands == Some(one.number)) {
                commits.extend([one.commit.clone(), one.base.clone()]);
            }
            commits.extend(attempt.place.iter().map(|place| place.base.clone()));
            commits.extend(attempt.rollbacks.iter().map(|rollback| rollback.target.clone()));
        }
        commits
    }
}

/// All rollbacks of a task, whichever attempt they were of.
fn rollbacks(task: &Task) -> impl Iterator<Item = &Rollback> {
    task.attempts.iter().flat_map(|attempt| &attempt.rollbacks)
}

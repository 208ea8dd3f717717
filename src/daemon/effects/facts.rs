//! What an effect needs to know of its task, taken from the core in one look.

use crate::base::clock::Timestamp;
use crate::base::id::{RepoId, TaskId};
use crate::daemon::world::World;
use crate::git::{GitError, Repository};
use crate::model::attempt::{Attempt, Place};
use crate::model::core::Core;
use crate::model::task::{GatePin, Reverts, Stage, Task, TaskSpec};
use std::path::PathBuf;

/// A task with its repository, as it is now.
pub(super) struct Facts {
    /// The task.
    pub id: TaskId,
    /// What was asked.
    pub spec: TaskSpec,
    /// What it takes back.
    pub reverts: Option<Reverts>,
    /// Where it stands.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// The gate it is judged by.
    pub gate: Option<GatePin>,
    /// Its last attempt.
    pub attempt: Attempt,
    /// The repository.
    pub repo: RepoId,
    /// The repository's top folder.
    pub path: PathBuf,
    /// Its common git folder.
    common: PathBuf,
    /// The base branch, full name.
    pub base_branch: String,
}

impl Facts {
    /// The facts, or `None` when the task is gone or never had an attempt.
    pub fn of(world: &World, id: TaskId) -> Option<Self> {
        world.engine.look_blocking(move |core| Self::take(core, id)).ok()?
    }

    fn take(core: &Core, id: TaskId) -> Option<Self> {
        let task: &Task = core.state.task(id)?;
        let repo = core.state.repo_of(task)?;
        Some(Self {
            id,
            spec: task.spec.clone(),
            reverts: task.reverts.clone(),
            stage: task.stage.clone(),
            since: task.since,
            gate: task.gate.clone(),
            attempt: task.attempt()?.clone(),
            repo: repo.id,
            path: repo.path.clone(),
            common: repo.common.clone(),
            base_branch: repo.base.clone(),
        })
    }

    /// Opens the repository, and no other that was put in its place.
    pub fn repository(&self) -> Result<Repository, GitError> {
        Repository::open_known(&self.path, &self.common)
    }

    /// The same for one that git may not be able to read any more.
    pub fn found_repository(&self) -> Result<Repository, GitError> {
        Repository::find_known(&self.path, &self.common)
    }

    /// The place of the attempt, or why it cannot be worked in.
    pub fn place(&self) -> Result<&Place, String> {
        self.attempt.place.as_ref().ok_or_else(|| "the attempt has no worktree yet".into())
    }

    /// The attempt's name, for files and branches.
    pub fn name(&self) -> String {
        format!("{}-{}", self.id, self.attempt.number)
    }
}

//! The state: what all events add up to.

use super::attempt::{Attempt, Run};
use super::checkpoint::Kept;
use super::item::Item;
use super::task::{Stage, Task, TaskSpec};
use super::trail::Trail;
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use crate::base::id::{ItemId, OpId, RepoId, RunId, TaskId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Everything the daemon knows for good. Rebuilt from the event log at every start.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// Repositories.
    pub repos: BTreeMap<RepoId, Repo>,
    /// Tasks. Shared between copies of the state: every command is decided on a copy, and changes
    /// few of them.
    pub tasks: BTreeMap<TaskId, Arc<Task>>,
    /// What waits for a person.
    pub items: BTreeMap<ItemId, Item>,
    /// Who is there.
    pub presence: Presence,
    /// The last ids given out.
    pub last: LastIds,
    /// When the last event happened.
    pub at: Timestamp,
    /// How many events it adds up.
    pub applied: u64,
}

/// The last id of each kind that was given out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LastIds {
    /// Repositories.
    pub repo: u64,
    /// Tasks.
    pub task: u64,
    /// Runs.
    pub run: u64,
    /// Items.
    pub item: u64,
    /// Operations.
    pub op: u64,
}

/// Who is there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Presence {
    /// People with an open dashboard or a waiting command, and how many of those each has.
    pub people: BTreeMap<String, u32>,
    /// Somebody vouched for being there for a while.
    pub vouched: Option<Word>,
}

/// A person's word on being there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// Who gave it.
    pub person: String,
    /// Until when it counts.
    pub until: Timestamp,
    /// When the last event since it was given happened.
    pub seen: Timestamp,
}

/// How far the clock may be set back without a person's word becoming void.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

impl Word {
    /// Whether it counts at `now`. A clock that was set back would make it last longer than the
    /// person said: then it is void.
    pub fn counts(&self, now: Timestamp) -> bool {
        now < self.until && now.plus(CLOCK_SLACK) >= self.seen
    }
}

impl Presence {
    /// Whether anybody is there at `now`.
    pub fn anybody(&self, now: Timestamp) -> bool {
        !self.people.is_empty() || self.vouched.as_ref().is_some_and(|word| word.counts(now))
    }
}

/// A repository monban works for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repo {
    /// Its id.
    pub id: RepoId,
    /// Its top folder.
    pub path: PathBuf,
    /// Its common git folder, by which it is known.
    pub common: PathBuf,
    /// The base branch, full name.
    pub base: String,
    /// Gate configurations a person trusted, by hash.
    pub trusted: BTreeSet<String>,
    /// A failure stopped everything.
    pub halt: Option<Halt>,
    /// Something waits for somebody to be there.
    pub hold: Option<String>,
    /// The commits that landed on its base, also of tasks that were removed since.
    pub landed: BTreeSet<String>,
    /// Where its base is known to have been.
    pub trail: Trail,
}

/// Why a repository stands still.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Halt {
    /// The task that failed.
    pub task: TaskId,
    /// Why.
    pub cause: Foreign,
    /// Since when.
    pub at: Timestamp,
}

impl State {
    /// A task by id.
    pub fn task(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get(&id).map(Arc::as_ref)
    }

    /// The repository of a task.
    pub fn repo_of(&self, task: &Task) -> Option<&Repo> {
        self.repos.get(&task.repo)
    }

    /// The repository with this common git folder.
    pub fn repo_by_common(&self, common: &std::path::Path) -> Option<&Repo> {
        self.repos.values().find(|repo| repo.common == common)
    }

    /// Whether a failure halted a task's repository.
    pub fn is_halted(&self, task: &Task) -> bool {
        self.repo_of(task).is_none_or(|repo| repo.halt.is_some())
    }

    /// The task and attempt a run belongs to.
    pub fn run(&self, id: RunId) -> Option<(&Task, &Attempt, &Run)> {
        self.tasks.values().rev().find_map(|task| {
            task.attempts.iter().rev().find_map(|attempt| {
                let run = attempt.run.as_ref().filter(|run| run.id == id)?;
                Some((task.as_ref(), attempt, run))
            })
        })
    }

    /// The items that wait about a task.
    pub fn items_of(&self, task: TaskId) -> impl Iterator<Item = &Item> {
        self.items.values().filter(move |item| item.task == task)
    }

    /// Where the base is now, if it is known to have gone on since the result that waits as `item`
    /// was judged.
    pub fn moved_base(&self, item: &Item) -> Option<&str> {
        let binds = item.binds.as_ref()?;
        let repo = self.task(item.task).and_then(|task| self.repo_of(task))?;
        let is_base = repo.base == binds.branch;
        is_base.then(|| repo.trail.left(&binds.base)).flatten()
    }

    /// Whether a task's agent has something to do. When its turn brought nothing that could be
    /// judged, the task stands at [`Stage::Running`] with that in the inbox, and a person decides.
    pub fn is_in_turn(&self, task: &Task) -> bool {
        task.stage == Stage::Running && !self.items_of(task.id).any(|item| item.kind.ends_turn())
    }

    /// Whether a run that has no process yet may get one, in a worktree that can be
    /// returned to.
    pub fn may_start(&self, run: RunId) -> bool {
        self.run(run).is_some_and(|(task, attempt, run)| {
            let is_kept = matches!(attempt.kept, Kept::At(_));
            run.stop.is_none() && is_kept && !self.is_halted(task)
        })
    }

    /// How many tasks hold a place for an agent.
    pub fn active_count(&self) -> usize {
        self.tasks.values().filter(|task| task.is_active()).count()
    }

    /// Whether everything a task comes after is done.
    pub fn is_ready(&self, spec: &TaskSpec) -> bool {
        spec.after.iter().all(|id| self.task(*id).is_some_and(|task| task.stage == Stage::Done))
    }

    pub(super) fn task_mut(&mut self, id: TaskId) -> Option<&mut Task> {
        self.tasks.get_mut(&id).map(Arc::make_mut)
    }

    /// The repository of a task, if `branch` is its base.
    pub(super) fn repo_with_base(&mut self, id: TaskId, branch: &str) -> Option<&mut Repo> {
        let repo = self.task(id)?.repo;
        self.repos.get_mut(&repo).filter(|repo| repo.base == branch)
    }

    pub(super) fn attempt_mut(&mut self, id: TaskId) -> Option<&mut Attempt> {
        self.task_mut(id)?.attempts.last_mut()
    }

    pub(super) fn run_mut(&mut self, id: RunId) -> Option<&mut Run> {
        let task = self.run(id)?.0.id;
        let attempts = self.task_mut(task)?.attempts.iter_mut().rev();
        attempts.filter_map(|attempt| attempt.run.as_mut()).find(|run| run.id == id)
    }

    /// The next free ids. Nothing is given out until the event that carries it is applied.
    pub fn next_repo(&self) -> RepoId {
        RepoId(self.last.repo + 1)
    }

    /// The next free task id.
    pub fn next_task(&self) -> TaskId {
        TaskId(self.last.task + 1)
    }

    /// The next free run id.
    pub fn next_run(&self) -> RunId {
        RunId(self.last.run + 1)
    }

    /// The next free item id.
    pub fn next_item(&self) -> ItemId {
        ItemId(self.last.item + 1)
    }

    /// The next free operation id.
    pub fn next_op(&self) -> OpId {
        OpId(self.last.op + 1)
    }
}

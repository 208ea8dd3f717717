//! Snapshots of worktrees into the store, and the diffs between them.

use super::facts::Facts;
use super::prepare::telling;
use super::to_end;
use crate::base::foreign::Foreign;
use crate::base::id::TaskId;
use crate::daemon::driver::Cancel;
use crate::daemon::gates;
use crate::daemon::show::no_task;
use crate::daemon::world::{World, git_refusal};
use crate::git::{self, GitError, Label, ObjectId, Status, Store, WorktreeFiles};
use crate::model::attempt::{Attempt, Run, Snapshot, Used};
use crate::model::checkpoint::Moment;
use crate::model::command::Report;
use crate::model::core::Core;
use crate::model::rejection::{Class, Rejection};
use serde_json::{Value, json};

/// The folder of a worktree that is monban's own: HOME and what belongs to it.
pub(super) const PRIVATE: &str = ".monban";
/// The most of a patch that is shown, and of the list of its files: both fit into one message.
const PATCH_BYTES_MAX: usize = 4 << 20;
const FILES_BYTES_MAX: usize = 2 << 20;
/// How many leftovers are named.
const LEFTOVERS_MAX: usize = 50;

pub(super) fn run(world: &World, id: TaskId, number: u32, cancel: &Cancel) {
    let Some(facts) = Facts::of(world, id) else { return };
    let attempt = facts.attempt.number;
    super::used::report(world, id, cancel);
    if let Some(run) = &facts.attempt.run {
        super::watch::compare(world, &facts, run.id, cancel);
    }
    let result = result(world, &facts, number);
    world.report(Report::Snapshot { task: id, attempt, number, result }, &|| cancel.is_set());
}

/// The worktree as it is before something, unless the last checkpoint, or the base, is the same.
/// Nothing is compared or measured: it is no result. A run that a daemon began which then ended was
/// kept for by then, and its agent is at work.
pub(super) fn before(world: &World, id: TaskId, moment: Moment, number: u32, cancel: &Cancel) {
    let Some(facts) = Facts::of(world, id) else { return };
    let attempt = facts.attempt.number;
    let run = facts.attempt.run.as_ref().filter(|_| matches!(moment, Moment::Run(_)));
    let is_begun = |run: &Run| to_end::is_begun(&world.run_folder(run.id)).unwrap_or(false);
    let read = || {
        let taken = take(world, &facts, number)?;
        let last = facts.attempt.snapshots.last().map(|last| &last.tree);
        let tree = taken.taken.tree.to_string();
        let is_same = match last {
            Some(last) => *last == tree,
            None => taken.is_base()?,
        };
        if is_same { Ok(None) } else { taken.described(number).map(Some) }
    };
    let result = if run.is_some_and(is_begun) { Ok(None) } else { read() };
    let report = Report::Checkpoint { task: id, attempt, moment, number, result };
    world.report(report, &|| cancel.is_set());
}

/// The result of a turn; `None` when it equals the base.
fn result(world: &World, facts: &Facts, number: u32) -> Result<Option<Snapshot>, String> {
    let taken = take(world, facts, number)?;
    if taken.is_base()? {
        return Ok(None);
    }
    let used = Used {
        leftovers: taken.taken.leftover_count.saturating_sub(copied(world, facts, &taken.taken)),
        disk_bytes: taken.taken.disk_bytes,
        seconds: facts.attempt.worked.ms / 1000,
    };
    Ok(Some(Snapshot { used: Some(used), ..taken.described(number)? }))
}

/// A worktree in the store.
struct Taken {
    store: Store,
    base: ObjectId,
    taken: git::Snapshot,
}

impl Taken {
    fn is_base(&self) -> Result<bool, String> {
        let base = self.store.tree_of(self.base).map_err(|error| error.to_string())?;
        Ok(self.taken.tree == base)
    }

    fn described(&self, number: u32) -> Result<Snapshot, String> {
        let leftovers = self.taken.leftovers.iter().take(LEFTOVERS_MAX);
        let leftovers = leftovers.map(|l| Foreign::new(format!("{}: {}", l.path.shown(), l.why)));
        let (commit, tree) = (self.taken.commit, self.taken.tree);
        described(&self.store, self.base, commit, tree, number, leftovers.collect())
    }
}

fn take(world: &World, facts: &Facts, number: u32) -> Result<Taken, String> {
    let text = |error: GitError| error.to_string();
    let place = facts.place()?;
    let store = world.store(facts.repo).map_err(text)?;
    let base: ObjectId = place.base.parse().map_err(text)?;
    let files = WorktreeFiles {
        root: &place.worktree,
        excludes: &[PRIVATE],
        limits: git::Limits::default(),
    };
    let caches = world.places.state.join("attempts");
    let cache = caches.join(format!("{}.stat-cache", facts.name()));
    let label = Label {
        base,
        parent: base,
        message: &format!("task {} attempt {} cp{number}", facts.id, facts.attempt.number),
        at: world.clock.now(),
    };
    let mut progress = telling(world, facts.id);
    let taken = git::take(&store, &files, &cache, &label, &mut progress).map_err(text)?;
    Ok(Taken { store, base, taken })
}

/// How many of the leftovers monban itself put there.
fn copied(world: &World, facts: &Facts, taken: &git::Snapshot) -> u64 {
    let pin = facts.gate.as_ref();
    let config = pin.and_then(|pin| gates::kept(&world.places.state, &pin.hash).ok());
    let names = config.map(|config| config.copy).unwrap_or_default();
    let is_ours = |path: &[u8]| names.iter().any(|name| name.as_bytes() == path);
    taken.leftovers.iter().filter(|left| is_ours(&left.path.0)).count() as u64
}

/// A snapshot with its measures against the base.
pub(in crate::daemon) fn described(
    store: &Store,
    base: ObjectId,
    commit: ObjectId,
    tree: ObjectId,
    number: u32,
    leftovers: Vec<Foreign>,
) -> Result<Snapshot, String> {
    let diff = git::diff(store, base, commit).map_err(|error| error.to_string())?;
    Ok(Snapshot {
        number,
        base: base.to_string(),
        commit: commit.to_string(),
        tree: tree.to_string(),
        diff_sha256: diff.sha256,
        files: diff.files.len() as u64,
        added: diff.added,
        deleted: diff.deleted,
        leftovers,
        pictures: diff.files.iter().filter(|file| file.picture).count() as u64,
        created: diff.files.iter().filter(|file| file.status == Status::Added).count() as u64,
        used: None,
        taken: Moment::default(),
    })
}

/// The diff of a task's last snapshot against its base, for people.
pub async fn diff_of(world: &World, id: TaskId) -> Result<Value, Rejection> {
    let look = move |core: &Core| {
        let task = core.state.task(id)?;
        let snapshot = task.attempt().and_then(Attempt::result);
        Some((task.repo, snapshot.cloned()))
    };
    let found = world.engine.look(look).await?.ok_or_else(|| no_task(id))?;
    let (repo, snapshot) = found;
    let snapshot = snapshot.ok_or_else(|| {
        let why = format!("task {id} has no snapshot yet");
        Rejection::refused(why, "it gets one when its agent finishes, or by `gates ID --rerun`")
    })?;
    let folder = world.store_folder(repo);
    crate::daemon::world::blocking(move || {
        let store = Store::open(&folder).map_err(|error| git_refusal(&error))?;
        show(&store, id, &snapshot)
    })
    .await
}

fn show(store: &Store, id: TaskId, snapshot: &Snapshot) -> Result<Value, Rejection> {
    let failed = |error: GitError| {
        Rejection::new(Class::Environment, error.to_string(), "the store may be damaged")
    };
    let base: ObjectId = snapshot.base.parse().map_err(failed)?;
    let head: ObjectId = snapshot.commit.parse().map_err(failed)?;
    let diff = git::diff(store, base, head).map_err(failed)?;
    let patch = git::patch(store, base, head, PATCH_BYTES_MAX, cost).map_err(failed)?;
    let mut left = FILES_BYTES_MAX;
    let listed = diff.files.iter().map(|file| {
        let path = file.path.shown();
        json!({ "path": path, "added": file.added, "deleted": file.deleted, "binary": file.binary })
    });
    let listed = listed.take_while(|file| {
        let rest = left.checked_sub(file.to_string().len());
        left = rest.unwrap_or(0);
        rest.is_some()
    });
    let listed: Vec<Value> = listed.collect();
    Ok(json!({
        "task": id,
        "base": snapshot.base,
        "head": snapshot.commit,
        "diff_sha256": diff.sha256,
        "changes": { "files": diff.files.len(), "added": diff.added, "deleted": diff.deleted },
        "is_cut": patch.is_cut || listed.len() < diff.files.len(),
        "files": listed,
        "patch": Foreign::from_bytes(&patch.text),
    }))
}

/// How many bytes a line of a patch takes in a message: an agent's file may hold anything.
fn cost(line: &[u8]) -> usize {
    json!(Foreign::from_bytes(line)).to_string().len()
}

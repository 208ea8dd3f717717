//! Taking landed work back: the base without it is made here, in the store, and is then judged and
//! approved like what an agent made. What cannot be taken back is refused, and leaves no trace.

use super::effects::described;
use super::plan;
use super::requests::Asked;
use super::show::no_task;
use super::world::{World, blocking, git_refusal};
use crate::base::count::count;
use crate::base::id::{RepoId, TaskId};
use crate::git::{self, GitError, Label, Merged, ObjectId, Repository, Store};
use crate::model::attempt::{Snapshot, Used};
use crate::model::command::Request as Wanted;
use crate::model::core::Core;
use crate::model::decide::revertible;
use crate::model::event::{Event, TaskEvent};
use crate::model::rejection::{Class, Rejection};
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

/// How many files in conflict are named.
const FILES_NAMED_MAX: usize = 20;

/// Asks for what task `id` landed to be taken back.
pub(super) async fn handle(
    asked: &Asked,
    id: TaskId,
    trusted: Option<String>,
) -> Result<Value, Rejection> {
    let ground = plan::ground(asked).await?;
    plan::stand_in_their_repository(asked, ground.repo, &[id]).await?;
    let landed = asked.world.engine.look(move |core| Landed::of(core, id)).await??;
    let gate = plan::ready_to_start(asked, trusted.as_deref()).await?;
    let (world, commit) = (Arc::clone(&asked.world), landed.commit.clone());
    // The store stays open, and its objects in use, until what was made of them is on record.
    let (snapshot, _store) = blocking(move || without(&world, &landed)).await?;
    let wanted = Wanted::Revert { task: id, gate, snapshot };
    let events = asked.events(plan::trusting(&ground, trusted, wanted)).await?;
    let made = events.iter().find_map(|event| match event {
        Event::Task(TaskEvent::RevertMade { task, .. }) => Some(*task),
        _ => None,
    });
    Ok(json!({ "id": made, "commit": commit }))
}

/// What landed, and where.
struct Landed {
    task: TaskId,
    commit: String,
    /// The base before it.
    before: String,
    repo: RepoId,
    path: PathBuf,
    branch: String,
}

impl Landed {
    fn of(core: &Core, id: TaskId) -> Result<Self, Rejection> {
        let task = core.state.task(id).ok_or_else(|| no_task(id))?;
        let commit = revertible(&core.state, task)?;
        let attempt = task.attempt();
        let approved = attempt.and_then(|attempt| {
            let number = attempt.gates.last()?.snapshot;
            attempt.snapshots.iter().find(|snapshot| snapshot.number == number)
        });
        let repo = core.state.repo_of(task);
        let (approved, repo) = approved.zip(repo).ok_or_else(|| no_task(id))?;
        Ok(Self {
            task: id,
            commit,
            before: approved.base.clone(),
            repo: repo.id,
            path: repo.path.clone(),
            branch: repo.base.clone(),
        })
    }
}

/// The base as it is now, without what landed.
fn without(world: &World, landed: &Landed) -> Result<(Snapshot, Store), Rejection> {
    let failed = |error: GitError| git_refusal(&error);
    let (id, commit) = (landed.task, &landed.commit);
    let repository = Repository::open(&landed.path).map_err(failed)?;
    let store = world.store(landed.repo).map_err(failed)?;
    let base = repository.head_of(&landed.branch).map_err(failed)?;
    let after: ObjectId = commit.parse().map_err(failed)?;
    let before: ObjectId = landed.before.parse().map_err(failed)?;
    if !repository.is_ancestor(after, base).map_err(failed)? {
        return Err(Rejection::refused(
            format!("{commit}, as which task {id} landed, is not in {} any more", landed.branch),
            "its history was changed since; there is nothing to take back",
        ));
    }
    for commit in [base, after, before] {
        let mut silent = |_: git::Progress| ControlFlow::Continue(());
        store.fetch_base(&repository, commit, &mut silent).map_err(failed)?;
    }
    let tree = match git::merge(&store, after, base, before).map_err(failed)? {
        Merged::Tree(tree) => tree,
        Merged::Conflict(files) => {
            let named = files.iter().take(FILES_NAMED_MAX);
            let named: Vec<String> = named.map(|path| path.shown()).collect();
            let all = count(files.len() as u64, "file");
            return Err(Rejection::refused(
                format!(
                    "what task {id} landed conflicts with later changes in {all}: {}",
                    named.join(", ")
                ),
                format!("nothing was changed; take it back by hand: `git revert {commit}`"),
            ));
        }
    };
    if tree == store.tree_of(base).map_err(failed)? {
        return Err(Rejection::refused(
            format!("{} holds nothing of task {id} any more", landed.branch),
            "nothing to do: somebody took it back already",
        ));
    }
    let message = format!("task {id} taken back");
    let at = world.clock.now();
    let label = Label { base, parent: base, message: &message, at };
    let made = git::commit(&store, tree, &label).map_err(failed)?;
    let snapshot = described(&store, base, made, tree, 1, Vec::new())
        .map_err(|why| Rejection::new(Class::Environment, why, "nothing was changed"))?;
    // No agent works for it, and no worktree holds anything.
    let used = Used { disk_bytes: Some(0), ..Used::default() };
    Ok((Snapshot { used: Some(used), ..snapshot }, store))
}

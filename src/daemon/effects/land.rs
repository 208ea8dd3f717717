//! Landing an approved result, and merging one whose base moved.

use super::facts::Facts;
use super::prepare::telling;
use super::snapshot::described;
use crate::base::durable;
use crate::base::foreign::Foreign;
use crate::base::id::{OpId, TaskId};
use crate::daemon::driver::Cancel;
use crate::daemon::world::World;
use crate::git::{self, GitError, Identity, Label, Landed, Landing, Merged, ObjectId, Repository};
use crate::model::attempt::Snapshot;
use crate::model::command::{LandingOutcome, MergeOutcome, Report};
use crate::model::task::{Reverts, Stage};
use crate::model::verdict::GateRun;
use serde::{Deserialize, Serialize};

const NAMES_BYTES_MAX: u64 = 1 << 20;

pub(super) fn run(world: &World, id: TaskId, op: OpId, cancel: &Cancel) {
    let Some(facts) = Facts::of(world, id) else { return };
    let outcome = land(world, &facts, op).unwrap_or_else(|why| LandingOutcome::Failed { why });
    world.report(Report::Landing { task: id, op, outcome }, &|| cancel.is_set());
}

/// What was approved: the last gate run and the snapshot that it judged.
fn approved(facts: &Facts) -> Result<(&GateRun, &Snapshot), String> {
    let gate = facts.attempt.gates.last().ok_or("no gate has judged it")?;
    let snapshot = facts.attempt.snapshots.iter().find(|s| s.number == gate.snapshot);
    let found = snapshot.map(|snapshot| (gate, snapshot));
    found.ok_or_else(|| format!("there is no snapshot {}", gate.snapshot))
}

fn land(world: &World, facts: &Facts, op: OpId) -> Result<LandingOutcome, String> {
    let text = |error: GitError| error.to_string();
    let (gate, snapshot) = approved(facts)?;
    let store = world.store(facts.repo).map_err(text)?;
    let repository = facts.repository().map_err(text)?;
    let Names { person, agent } = names(world, facts, op, &repository)?;
    let landing = Landing {
        // One for all landings of the attempt: what waits under it is replaced, and gone once it
        // landed.
        id: facts.name(),
        // The branch that was signed, whatever the repository's base is by now.
        branch: gate.branch.clone(),
        expected_base: snapshot.base.parse().map_err(text)?,
        tree: snapshot.tree.parse().map_err(text)?,
        message: message(facts),
        trailers: trailers(facts, op, &agent),
        author: person.clone(),
        committer: person,
        // The same commit however often it is tried.
        at: facts.since,
    };
    let landed =
        git::land(&store, &repository, &landing, &mut telling(world, facts.id)).map_err(text)?;
    Ok(match landed {
        Landed::Moved { commit, .. } | Landed::Already { commit } => {
            LandingOutcome::Landed { commit: commit.to_string() }
        }
        Landed::Ready { reference, why, .. } => LandingOutcome::Kept { reference, why },
        Landed::BaseMoved { now } => LandingOutcome::BaseMoved { base: now.to_string() },
    })
}

/// Titles are foreign text; a commit message shows what hides in them.
fn message(facts: &Facts) -> String {
    let title = facts.spec.title.shown();
    match &facts.reverts {
        Some(Reverts { commit, .. }) => format!("{title}\n\nThis reverts commit {commit}."),
        None => title,
    }
}

/// No agent had a part in what monban took back.
fn trailers(facts: &Facts, op: OpId, agent: &str) -> Vec<(String, String)> {
    let task = ("Monban-Task".into(), format!("{} ({op})", facts.id));
    let author = ("Co-Authored-By".into(), format!("{agent} <{agent}>"));
    if facts.reverts.is_some() { vec![task] } else { vec![task, author] }
}

/// Who a landing names.
#[derive(Serialize, Deserialize)]
struct Names {
    person: Identity,
    agent: String,
}

/// The names of a landing, as they were written down before its first try: a second try that named
/// anybody else would make another commit, and land twice.
fn names(world: &World, facts: &Facts, op: OpId, repository: &Repository) -> Result<Names, String> {
    let file = format!("{}-{op}.landing.json", facts.name());
    let path = world.places.state.join("attempts").join(file);
    match durable::read(&path, NAMES_BYTES_MAX) {
        Ok(bytes) => {
            return serde_json::from_slice(&bytes)
                .map_err(|error| format!("{} cannot be read: {error}", path.display()));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    }
    let agent = format!("{}@{}", facts.spec.agent, world.node);
    let names = Names { person: git::identity(repository), agent };
    durable::write_json(&path, &names)
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(names)
}

pub(super) fn merge(world: &World, id: TaskId, op: OpId, cancel: &Cancel) {
    let Some(facts) = Facts::of(world, id) else { return };
    let outcome = merged(world, &facts).unwrap_or_else(|why| MergeOutcome::Failed { why });
    world.report(Report::Merge { task: id, op, outcome }, &|| cancel.is_set());
}

fn merged(world: &World, facts: &Facts) -> Result<MergeOutcome, String> {
    let text = |error: GitError| error.to_string();
    if !matches!(facts.stage, Stage::Merging { .. }) {
        return Err("the task is not being merged".into());
    }
    let (gate, snapshot) = approved(facts)?;
    let store = world.store(facts.repo).map_err(text)?;
    let repository = facts.repository().map_err(text)?;
    // Where it landed is where the branch is now: what was known of that may be over, as when
    // somebody took a commit back, and is not what an agent should be told to merge.
    let new_base = repository.head_of(&gate.branch).map_err(text)?;
    let base = new_base.to_string();
    let old_base: ObjectId = snapshot.base.parse().map_err(text)?;
    let tree: ObjectId = snapshot.tree.parse().map_err(text)?;
    let mut progress = telling(world, facts.id);
    store.fetch_base(&repository, new_base, &mut progress).map_err(text)?;
    let merged = git::merge(&store, old_base, new_base, tree).map_err(text)?;
    match merged {
        Merged::Conflict(files) => {
            let files = files.iter().map(|path| Foreign::new(path.shown())).collect();
            Ok(MergeOutcome::Conflict { base, files })
        }
        // Nobody wants an empty commit.
        Merged::Tree(tree) if tree == store.tree_of(new_base).map_err(text)? => {
            Ok(MergeOutcome::Nothing { base })
        }
        Merged::Tree(tree) => {
            let number = facts.attempt.next_snapshot;
            let message = format!("task {} merged with its base", facts.id);
            let label =
                Label { base: new_base, parent: new_base, message: &message, at: facts.since };
            let commit = git::commit(&store, tree, &label).map_err(text)?;
            let merged = described(&store, new_base, commit, tree, number, Vec::new())?;
            // What the attempt used has not changed by it.
            Ok(MergeOutcome::Merged(Snapshot { used: snapshot.used, ..merged }))
        }
    }
}

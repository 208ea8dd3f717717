//! `monban gc`: removes what ended work left and nobody needs any more (`model::keep` says what
//! that is), and says what and how much by kind.
//!
//! Everything is found first, and a dry run ends there. Each removal can be repeated: what a crash
//! left over is found by the next run. A rollback is forgotten in the log before what it set aside
//! goes, and a reference in the person's repository goes only from where monban left it.

mod find;

use super::requests::{Asked, only_watches};
use super::world::{World, blocking};
use crate::base::clock::Timestamp;
use crate::base::id::OpId;
use crate::base::lock;
use crate::git::{self, GitError, ObjectId, Repository, Sweep, Worktree};
use crate::model::command::{Command, Request as Wanted};
use crate::model::rejection::{Class, Rejection};
use crate::model::state::State;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What can be removed, in the order of removal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
enum Kind {
    /// In the person's repository, below `refs/monban/`.
    #[serde(rename = "references")]
    Reference,
    /// Of attempts to which nobody can return, with their private branches.
    #[serde(rename = "worktrees")]
    Worktree,
    /// What rollbacks set aside.
    #[serde(rename = "worktrees aside")]
    Aside,
    /// Of agents' runs.
    #[serde(rename = "transcripts")]
    Transcript,
    /// Of gate runs: their logs and what they built.
    #[serde(rename = "gate folders")]
    Gate,
    /// By which interrupted work would go on.
    #[serde(rename = "notes")]
    Note,
    /// Of snapshots that nothing names.
    #[serde(rename = "store objects")]
    Objects,
}

/// One thing to be removed.
#[derive(Debug)]
struct Waste {
    kind: Kind,
    what: String,
    count: u64,
    bytes: u64,
    thing: Thing,
}

#[derive(Debug)]
enum Thing {
    Path(PathBuf),
    Aside { path: PathBuf, op: OpId },
    Worktree { path: PathBuf, repository: Repository, branch: Option<ObjectId> },
    Reference { repository: Repository, name: String, at: ObjectId },
    Objects(Sweep),
}

/// What was found, and why more could not be looked at.
#[derive(Debug, Default)]
struct Found {
    waste: Vec<Waste>,
    left: Vec<String>,
}

pub(super) async fn handle(
    asked: &Asked,
    age: Duration,
    dry_run: bool,
) -> Result<Value, Rejection> {
    if asked.watch && !dry_run {
        return Err(only_watches());
    }
    if let Some(damage) = asked.world.engine.damage() {
        let why = format!("the event log is damaged at {damage}; it may not tell what is needed");
        return Err(Rejection::new(Class::Environment, why, "mend the log first"));
    }
    let (world, who) = (Arc::clone(&asked.world), asked.person.clone());
    blocking(move || collect(&world, &who, age, dry_run)).await
}

fn collect(world: &World, who: &str, age: Duration, dry_run: bool) -> Result<Value, Rejection> {
    let _alone = alone(world)?;
    let state = world.engine.look_blocking(|core| core.state.clone())?;
    let now = world.clock.now();
    let mut found = find::all(world, &state, (now, age));
    found.waste.sort_by(|a, b| (a.kind, &a.what).cmp(&(b.kind, &b.what)));
    if !dry_run {
        remove(world, who, (&state, now, age), &mut found);
    }
    Ok(shown(&found, age, dry_run))
}

/// One at a time; the lock ends with the daemon.
fn alone(world: &World) -> Result<File, Rejection> {
    let path = world.places.state.join("gc.lock");
    let refused = |why: &dyn std::fmt::Display| {
        let why = format!("{} cannot be locked: {why}", path.display());
        Rejection::new(Class::Environment, why, "wait until the other `monban gc` is done")
    };
    let file = File::create(&path).map_err(|error| refused(&error))?;
    match lock::take(&file) {
        Ok(true) => Ok(file),
        Ok(false) => Err(refused(&"somebody has it")),
        Err(error) => Err(refused(&error)),
    }
}

fn remove(world: &World, who: &str, at: (&State, Timestamp, Duration), found: &mut Found) {
    let (state, now, age) = at;
    let mut needed = Vec::new();
    for (_, op) in crate::model::keep::Keep::new(state, now, age).forgets() {
        let request = Wanted::Forget { op, age };
        let command = Command::Person { who: who.into(), request };
        if let Err(refused) = world.engine.command_blocking(command) {
            // Somebody asked for it in this very moment.
            needed.push(op);
            found.left.push(format!("{op}: {}", refused.why));
        }
    }
    let all = std::mem::take(&mut found.waste);
    for waste in all {
        let Waste { kind, what, count, bytes, thing } = waste;
        if matches!(&thing, Thing::Aside { op, .. } if needed.contains(op)) {
            continue;
        }
        let removed = match &thing {
            Thing::Path(path) | Thing::Aside { path, .. } => git::discard(path),
            Thing::Worktree { path, repository, branch } => {
                Worktree::remove_seen(repository, path, *branch)
            }
            Thing::Reference { repository, name, at } => repository.remove_ref(name, *at),
            Thing::Objects(sweep) => forget_known(world).and_then(|()| sweep.remove()),
        };
        match removed {
            Ok(()) => found.waste.push(Waste { kind, what, count, bytes, thing }),
            Err(error) => found.left.push(format!("{what}: {error}")),
        }
    }
}

/// What snapshots know of unchanged files names objects; they look at the files anew.
fn forget_known(world: &World) -> Result<(), GitError> {
    let folder = world.places.state.join("attempts");
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let caches = entries.map(|entry| entry.path());
    caches
        .filter(|path| path.extension().is_some_and(|ending| ending == "stat-cache"))
        .try_for_each(|path| git::discard(&path))
}

fn shown(found: &Found, age: Duration, dry_run: bool) -> Value {
    let mut kinds: BTreeMap<Kind, (u64, u64)> = BTreeMap::new();
    for waste in &found.waste {
        let (count, bytes) = kinds.entry(waste.kind).or_default();
        *count += waste.count;
        *bytes += waste.bytes;
    }
    let of_kind = |(kind, sums): (Kind, (u64, u64))| {
        let (count, bytes) = sums;
        json!({ "kind": kind, "count": count, "bytes": bytes })
    };
    let thing = |waste: &Waste| {
        json!({
            "kind": waste.kind, "what": waste.what, "count": waste.count, "bytes": waste.bytes,
        })
    };
    json!({
        "dry_run": dry_run,
        "older_than_s": age.as_secs(),
        "bytes": found.waste.iter().map(|waste| waste.bytes).sum::<u64>(),
        "kinds": kinds.into_iter().map(of_kind).collect::<Vec<_>>(),
        "things": found.waste.iter().map(thing).collect::<Vec<_>>(),
        "left": found.left,
    })
}

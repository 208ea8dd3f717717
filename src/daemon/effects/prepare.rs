//! Making an attempt's place: its base in the store, its worktree, what the person wants copied in.
//!
//! The base is written down before anything is made, so that a second try after a crash finishes
//! the same place even when the base branch has moved meanwhile.

use super::facts::Facts;
use super::to_end;
use crate::base::clock::Timestamp;
use crate::base::durable;
use crate::base::foreign::Foreign;
use crate::base::id::{RunId, TaskId};
use crate::base::size::Size;
use crate::daemon::agents::{self, Agent};
use crate::daemon::driver::Cancel;
use crate::daemon::gates;
use crate::daemon::world::World;
use crate::git::{self, ObjectId, Repository};
use crate::model::attempt::{Environment, EnvironmentEntry, Place};
use crate::model::command::Report;
use crate::runner::{MARKER_VARIABLE, RunSpec, Transcript};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Work that takes longer than this is told, at most so often.
const LONG: Duration = Duration::from_secs(1);
const TELL_EVERY: Duration = Duration::from_millis(500);
/// It is also logged, at most this often.
const LOG_EVERY: Duration = Duration::from_secs(5);
/// How long an agent program may take to say its version.
const VERSION_LIMIT_MS: u64 = 15_000;
const VERSION_OUTPUT_BYTES: usize = 64 << 10;
const PLAN_BYTES_MAX: u64 = 1 << 20;

pub(super) fn run(world: &World, id: TaskId, cancel: &Cancel) {
    let Some(facts) = Facts::of(world, id) else { return };
    let attempt = facts.attempt.number;
    let result = prepare(world, &facts, cancel);
    world.report(Report::Prepared { task: id, attempt, result }, &|| cancel.is_set());
}

/// What was decided about a place before it was made.
#[derive(Serialize, Deserialize)]
struct Plan {
    base: String,
    branch: String,
    worktree: PathBuf,
}

fn prepare(world: &World, facts: &Facts, cancel: &Cancel) -> Result<Place, String> {
    let agent = world.agent_named(&facts.spec.agent).map_err(|rejection| rejection.to_string())?;
    let (base, branch, worktree) = match resumed_place(facts)? {
        Some(place) => (place.base, place.branch, place.worktree),
        None => {
            let plan = make(world, facts)?;
            (plan.base, plan.branch, plan.worktree)
        }
    };
    describe(world, facts, &agent, base, branch, worktree, cancel)
}

/// The place of the attempt that is resumed, if it is still there.
fn resumed_place(facts: &Facts) -> Result<Option<Place>, String> {
    let Some(place) = facts.attempt.place.clone().filter(|_| facts.attempt.resumed) else {
        return Ok(None);
    };
    if place.worktree.is_dir() {
        return Ok(Some(place));
    }
    let gone = place.worktree.display();
    Err(format!("its worktree {gone} is gone; start over with `task retry --fresh`"))
}

fn make(world: &World, facts: &Facts) -> Result<Plan, String> {
    let text = |error: git::GitError| error.to_string();
    let repository = facts.repository().map_err(text)?;
    let plan = plan(world, facts, &repository)?;
    let base: ObjectId = plan.base.parse().map_err(text)?;
    let mut progress = telling(world, facts.id);
    let store = world.store(facts.repo).map_err(text)?;
    store.fetch_base(&repository, base, &mut progress).map_err(text)?;
    git::Worktree::add(&store, &repository, &plan.worktree, &plan.branch, base, &mut progress)
        .map_err(text)?;
    copy_in(world, facts, &plan.worktree)?;
    Ok(plan)
}

fn plan(world: &World, facts: &Facts, repository: &Repository) -> Result<Plan, String> {
    let folder = world.places.state.join("attempts");
    let path = folder.join(format!("{}.json", facts.name()));
    if let Ok(bytes) = durable::read(&path, PLAN_BYTES_MAX) {
        return serde_json::from_slice(&bytes)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()));
    }
    let base = repository.head_of(&facts.base_branch).map_err(|error| error.to_string())?;
    let worktrees = world.places.state.join("worktrees").join(facts.repo.to_string());
    let plan = Plan {
        base: base.to_string(),
        branch: format!("refs/heads/monban/{}", facts.name()),
        worktree: worktrees.join(facts.name()),
    };
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::create_dir_all(&worktrees))
        .and_then(|()| durable::write_json(&path, &plan))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(plan)
}

/// Copies the untracked files that `[worktree] copy` names from the person's checkout.
fn copy_in(world: &World, facts: &Facts, worktree: &Path) -> Result<(), String> {
    let Some(pin) = &facts.gate else { return Ok(()) };
    let config = gates::kept(&world.places.state, &pin.hash)?;
    for name in &config.copy {
        let (from, to) = (facts.path.join(name), worktree.join(name));
        if to.exists() || !from.is_file() {
            continue;
        }
        let folder = to.parent().unwrap_or(worktree);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::copy(&from, &to))
            .map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
    }
    Ok(())
}

fn describe(
    world: &World,
    facts: &Facts,
    agent: &Agent,
    base: String,
    branch: String,
    worktree: PathBuf,
    cancel: &Cancel,
) -> Result<Place, String> {
    let attempt = agents::attempt(world, RunId(0), &worktree, &facts.path, String::new(), None)
        .map_err(|rejection| rejection.to_string())?;
    let home = attempt.home_path();
    let prepared = agents::plan(agent, &attempt, &world.host).map_err(|r| r.to_string())?;
    crate::agent::prepare::write_files(&prepared, &worktree).map_err(|e| e.to_string())?;
    let agent_version = version(world, facts, agent, &prepared, &worktree, cancel);
    let instructions = crate::agent::instructions::instruction_files(&agent.kind, &worktree);
    let report = &prepared.report;
    let entries = report.entries.iter().map(|entry| EnvironmentEntry {
        name: entry.name.clone(),
        shown: match entry.name.as_str() {
            // The place is made before the run has its name.
            MARKER_VARIABLE => Foreign::new("(each run's own)"),
            _ => Foreign::new(entry.shown.clone()),
        },
        why: serde_json::to_value(entry.why)
            .ok()
            .and_then(|w| w.as_str().map(String::from))
            .unwrap_or_default(),
    });
    Ok(Place {
        base,
        branch,
        worktree,
        home,
        agent_version,
        instructions: instructions
            .iter()
            .map(|path| Foreign::from_bytes(path.as_os_str().as_encoded_bytes()))
            .collect(),
        environment: Environment {
            entries: entries.collect(),
            kept: report.kept,
            dropped: report.dropped,
        },
    })
}

/// What the agent program says its version is. It runs as everything of an agent does: under a
/// holder, in the run's environment.
fn version(
    world: &World,
    facts: &Facts,
    agent: &Agent,
    prepared: &crate::agent::prepare::Prepared,
    worktree: &Path,
    cancel: &Cancel,
) -> Option<Foreign> {
    let rule = agent.kind.version.as_ref()?;
    let folder = world.places.state.join("attempts").join(format!("{}-version", facts.name()));
    let spec = RunSpec {
        program: prepared.program.display().to_string(),
        args: rule.args.clone(),
        env: prepared.env.clone(),
        cwd: worktree.into(),
        size: Size::UNATTENDED,
        transcript_limit: VERSION_OUTPUT_BYTES as u64,
        marker: format!("version-{}", world.marker(RunId(facts.id.0))),
        socket: world.places.run.join(format!("v{}.sock", facts.name())),
        stop_grace_ms: 500,
        time_limit_ms: Some(VERSION_LIMIT_MS),
    };
    to_end::run(world, &folder, &spec, cancel).ok()?;
    let mut transcript = Transcript::open(&folder).ok()?;
    let output = transcript.read_at(0, VERSION_OUTPUT_BYTES).ok()?.bytes;
    rule.read(&String::from_utf8_lossy(&output)).map(Foreign::new)
}

/// A progress callback for git's long steps that tells whoever waits for the task.
pub(super) fn telling(
    world: &World,
    task: TaskId,
) -> impl FnMut(git::Progress) -> ControlFlow<()> + '_ {
    let (mut began, mut told, mut logged) = (None, None, None);
    move |progress| {
        let now = world.clock.now();
        let began = *began.get_or_insert(now);
        let is_due = |last: Option<Timestamp>, every| last.is_none_or(|at| now.since(at) >= every);
        if now.since(began) < LONG {
            return ControlFlow::Continue(());
        }
        if is_due(told, TELL_EVERY) {
            told = Some(now);
            world.tell_progress(task, progress.what, progress.done, progress.total);
        }
        if is_due(logged, LOG_EVERY) {
            logged = Some(now);
            let (what, done, total) = (progress.what.to_string(), progress.done, progress.total);
            world.report(Report::Progress { task, what, done, total }, &|| true);
        }
        ControlFlow::Continue(())
    }
}

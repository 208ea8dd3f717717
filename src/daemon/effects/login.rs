//! Login files of runs: waiting for one that only one run at a time may hold, noting what went in,
//! taking it back at the end.

use super::facts::Facts;
use crate::agent::carry::{Carried, CarryBack};
use crate::agent::login::Holder;
use crate::agent::prepare::{self, Prepared};
use crate::base::clock::Timestamp;
use crate::base::durable;
use crate::base::foreign::Foreign;
use crate::base::id::{RunId, TaskId};
use crate::daemon::agents;
use crate::daemon::driver::Cancel;
use crate::daemon::world::World;
use crate::model::attempt::{AgentState, AgentStatus};
use crate::model::command::Report;
use crate::model::core::Core;
use crate::model::effect::Effect;
use crate::model::task::Task;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which login went into a run, in the run's folder. Holds no secret.
const NOTE_FILE: &str = "login.json";
const NOTE_BYTES_MAX: u64 = 1 << 20;
/// How often it is looked whether a login is free.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
struct Note {
    /// The run's copy, relative to its worktree.
    file: PathBuf,
    /// How a refreshed one is carried back; done, or not needed, when absent.
    carry: Option<CarryBack>,
}

/// Waits until the run may start: no halt came in between, and its login is free. One that
/// only one run at a time may hold is free when no live run has it, and then goes to the oldest
/// that wants it. False when the daemon stops first; an error when the run is to be ended.
pub(super) fn wait(
    world: &World,
    run: RunId,
    wanted: &Prepared,
    cancel: &Cancel,
) -> Result<bool, String> {
    let mut told = None;
    while !cancel.is_set() {
        let look = move |core: &Core| {
            let may_start = core.state.may_start(run);
            (other_agents(core, run), is_stopped(core, run), may_start)
        };
        let Ok((others, is_stopped, may_start)) = world.engine.look_blocking(look) else {
            return Ok(false);
        };
        if is_stopped {
            return Err("it was ended before it began".into());
        }
        let holds = |other: &&Other| {
            let is_first = other.comes && other.run < run;
            has(world, other.run, wanted)
                || (is_first && wants(world, other.run, &other.agent, wanted))
        };
        let detail = match others.iter().find(holds) {
            Some(Other { run: holder, .. }) => {
                format!("waits for its login, which {holder} has: one run at a time")
            }
            None if may_start => return Ok(true),
            None => "waits until a halt is lifted, or its worktree kept".into(),
        };
        if told.as_ref() != Some(&detail) {
            let report = waits(run, detail.clone(), world.clock.now());
            world.report(report, &|| cancel.is_set());
            told = Some(detail);
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
    Ok(false)
}

/// Whether a copy of the person's login file went into the other run, whatever is configured now.
fn has(world: &World, other: RunId, wanted: &Prepared) -> bool {
    let note = read_note(&world.run_folder(other)).and_then(|note| note.carry);
    let files = note.zip(wanted.carry_back.as_ref());
    files.is_some_and(|(theirs, ours)| theirs.person_file == ours.person_file)
}

/// Whether the other run, which may not have begun, is to get the same login.
fn wants(world: &World, other: RunId, agent: &str, wanted: &Prepared) -> bool {
    let Some(login) = wanted.exclusive_login.as_deref() else { return false };
    let agent = agents::named(world, agent).ok();
    let nowhere = Path::new("/");
    let attempt = agents::attempt(world, other, nowhere, nowhere, String::new(), None).ok();
    let plan =
        agent.zip(attempt).map(|(agent, attempt)| agents::plan(&agent, &attempt, &world.host));
    plan.is_some_and(|plan| plan.is_ok_and(|p| p.exclusive_login.as_deref() == Some(login)))
}

fn is_stopped(core: &Core, run: RunId) -> bool {
    core.state.run(run).is_none_or(|(_, _, run)| run.stop.is_some())
}

fn waits(run: RunId, detail: String, since: Timestamp) -> Report {
    let (state, detail) = (AgentState::Starting, Foreign::new(detail));
    Report::Status { run, status: AgentStatus { state, source: "start".into(), since, detail } }
}

/// Another run that is there, or is to be.
struct Other {
    run: RunId,
    agent: String,
    /// It is there or starts by itself; not so while a person has to say something first.
    comes: bool,
}

fn other_agents(core: &Core, run: RunId) -> Vec<Other> {
    let effects = core.outstanding();
    let comes = |run: RunId, of: TaskId| {
        effects.iter().any(|effect| match effect {
            Effect::Supervise { run: other, .. } => *other == run,
            Effect::Checkpoint { task, .. } => *task == of,
            _ => false,
        })
    };
    let others = live(core).filter(|(other, _)| *other != run);
    let other = |(run, task): (RunId, &Task)| {
        let agent = task.spec.agent.clone();
        Other { run, agent, comes: comes(run, task.id) }
    };
    others.map(other).collect()
}

fn live(core: &Core) -> impl Iterator<Item = (RunId, &Task)> {
    core.state.tasks.values().flat_map(|task| {
        let runs = task.attempts.iter().filter_map(|attempt| attempt.run.as_ref());
        runs.filter(|run| run.is_live()).map(move |run| (run.id, task.as_ref()))
    })
}

/// The runs that may have a login.
pub(in crate::daemon) fn live_runs(core: &Core) -> Vec<Holder> {
    live(core).map(|(run, task)| Holder { run, task: task.id }).collect()
}

/// Which of the runs has a copy of the person's login file, where one run at a time may.
pub(in crate::daemon) fn login_holder(
    world: &World,
    runs: &[Holder],
    person_file: &Path,
) -> Option<Holder> {
    let has = |holder: &&Holder| {
        let note = read_note(&world.run_folder(holder.run)).and_then(|note| note.carry);
        note.is_some_and(|carry| carry.person_file == person_file)
    };
    runs.iter().find(has).copied()
}

/// Notes which login goes into the run, to take it back even when the person's file, or this
/// daemon, is another one by then.
pub(super) fn note(prepared: &Prepared, folder: &Path) -> Result<(), String> {
    let Some(file) = &prepared.login_file else { return Ok(()) };
    let note = Note { file: file.path.clone(), carry: prepared.carry_back.clone() };
    write_note(&note, folder).map_err(|error| error.to_string())
}

fn read_note(folder: &Path) -> Option<Note> {
    let bytes = durable::read(&folder.join(NOTE_FILE), NOTE_BYTES_MAX).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn write_note(note: &Note, folder: &Path) -> std::io::Result<()> {
    durable::write_json(&folder.join(NOTE_FILE), note)
}

/// Takes the login back from a run that has ended: what the agent refreshed goes to the person, and
/// the copy is removed. What could not be carried back stays, since it may be the only one that
/// still works. Says what a person should know.
pub(super) fn take_back(facts: &Facts, folder: &Path) -> Option<String> {
    let note = read_note(folder)?;
    let place = facts.place().ok()?;
    if let Some(carry) = &note.carry {
        let why = match carry.carry(&place.home) {
            Ok(Carried::Unchanged | Carried::Back) => None,
            Ok(Carried::Left(why)) => Some(why),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = why {
            let file = carry.person_file.display();
            return Some(format!("its login was not carried back to {file}: {why}"));
        }
    }
    // On the disk before the copy goes: a later daemon must not look for it again.
    let carried = Note { carry: None, ..note };
    let removed = write_note(&carried, folder)
        .map_err(|error| error.to_string())
        .and_then(|()| {
            prepare::remove_login(&carried.file, &place.worktree).map_err(|e| e.to_string())
        })
        .inspect(|()| drop(std::fs::remove_file(folder.join(NOTE_FILE))));
    let file = place.worktree.join(&carried.file);
    removed.err().map(|why| format!("its login is still in {}: {why}", file.display()))
}

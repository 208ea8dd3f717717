//! Login files that only one run at a time may hold: waiting for one, noting what went in, carrying
//! a refreshed one back.

use super::facts::Facts;
use crate::agent::carry::{Carried, CarryBack};
use crate::agent::prepare::Prepared;
use crate::base::clock::Timestamp;
use crate::base::durable;
use crate::base::foreign::Foreign;
use crate::base::id::RunId;
use crate::daemon::agents;
use crate::daemon::driver::Cancel;
use crate::daemon::world::World;
use crate::model::attempt::{AgentState, AgentStatus};
use crate::model::command::Report;
use crate::model::core::Core;
use std::path::Path;
use std::time::Duration;

/// What login went into the run, in its folder. Holds no secret.
const CARRY_FILE: &str = "carry.json";
const CARRY_BYTES_MAX: u64 = 1 << 20;
/// How often it is looked whether a login is free.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Waits until the run may start: no halt came in between, and its login is free, since one
/// that only one run at a time may hold goes to the oldest live run that wants it. False when the
/// daemon stops first; an error when the run is to be ended.
pub(super) fn wait(
    world: &World,
    run: RunId,
    login: Option<&str>,
    cancel: &Cancel,
) -> Result<bool, String> {
    let mut told = None;
    while !cancel.is_set() {
        let look = move |core: &Core| {
            let may_start = core.state.may_start(run);
            (older_agents(core, run), is_stopped(core, run), may_start)
        };
        let Ok((older, is_stopped, may_start)) = world.engine.look_blocking(look) else {
            return Ok(false);
        };
        if is_stopped {
            return Err("it was ended before it started".into());
        }
        let of_login = |login| older.iter().find(|(o, agent)| holds(world, *o, agent, login));
        let detail = match login.and_then(of_login) {
            Some((holder, _)) => {
                format!("waits for its login, which {holder} has: one run at a time")
            }
            None if may_start => return Ok(true),
            None => "waits until the halt is lifted".into(),
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

fn holds(world: &World, other: RunId, agent: &str, login: &str) -> bool {
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

fn older_agents(core: &Core, run: RunId) -> Vec<(RunId, String)> {
    let attempts = core
        .state
        .tasks
        .values()
        .flat_map(|task| task.attempts.iter().map(move |attempt| (task, attempt)));
    let live = attempts.filter_map(|(task, attempt)| {
        let other = attempt.run.as_ref().filter(|other| other.is_live() && other.id < run)?;
        Some((other.id, task.spec.agent.clone()))
    });
    live.collect()
}

/// Notes which login goes into the run, to carry it back even when the person's file, or this
/// daemon, is another one by then.
pub(super) fn note(prepared: &Prepared, folder: &Path) -> Result<(), String> {
    let Some(carry) = &prepared.carry_back else { return Ok(()) };
    durable::write_json(&folder.join(CARRY_FILE), carry).map_err(|error| error.to_string())
}

/// A login file that the agent refreshed goes back to the person; what to know when it does not.
pub(super) fn carry_back(facts: &Facts, folder: &Path) -> Option<String> {
    let notes = durable::read(&folder.join(CARRY_FILE), CARRY_BYTES_MAX).ok()?;
    let carry: CarryBack = serde_json::from_slice(&notes).ok()?;
    let why = match carry.carry(&facts.place().ok()?.home) {
        Ok(Carried::Unchanged | Carried::Back) => return None,
        Ok(Carried::Left(why)) => why,
        Err(error) => error.to_string(),
    };
    Some(format!("its login was not carried back to {}: {why}", carry.person_file.display()))
}

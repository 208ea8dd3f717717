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

/// A login that only one run at a time may hold goes to the oldest live run that wants it.
pub(super) fn wait(world: &World, run: RunId, login: Option<&str>, cancel: &Cancel) -> bool {
    let Some(login) = login else { return true };
    let mut told = None;
    loop {
        let older = world.engine.look_blocking(move |core: &Core| older_agents(core, run));
        let Ok(older) = older else { return false };
        let holds = |(other, agent): &(RunId, String)| {
            let agent = agents::named(world, agent).ok();
            let attempt =
                agents::attempt(world, *other, Path::new("/"), Path::new("/"), String::new(), None);
            let plan = agent.zip(attempt.ok());
            let plan = plan.and_then(|(a, attempt)| agents::plan(&a, &attempt, &world.host).ok());
            plan.is_some_and(|plan| plan.exclusive_login.as_deref() == Some(login))
        };
        let Some((holder, _)) = older.iter().find(|older| holds(older)) else { return true };
        if told.replace(*holder) != Some(*holder) {
            let detail = format!("waits for its login, which {holder} has: one run at a time");
            world.report(waits(run, detail, world.clock.now()), &|| cancel.is_set());
        }
        if cancel.is_set() {
            return false;
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
}

fn waits(run: RunId, detail: String, since: Timestamp) -> Report {
    let (state, detail) = (AgentState::Starting, Foreign::new(detail));
    Report::Status { run, status: AgentStatus { state, source: "login".into(), since, detail } }
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

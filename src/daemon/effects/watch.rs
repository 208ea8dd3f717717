//! The person's repository before and after a run: branches, configuration and hooks. At L1 an
//! agent has the person's own rights; what it did behind monban's back is detected, not prevented.

use super::facts::Facts;
use crate::base::durable;
use crate::base::foreign::Foreign;
use crate::base::id::RunId;
use crate::daemon::driver::Cancel;
use crate::daemon::world::World;
use crate::git::{Difference, GitError, Repository, WatchedState};
use crate::model::command::Report;
use crate::model::core::Core;
use std::collections::BTreeSet;

const NOTES_BYTES_MAX: u64 = 64 << 20;
/// How many differences are named.
const NAMED_MAX: usize = 100;

fn note(world: &World, facts: &Facts) -> Result<WatchedState, GitError> {
    WatchedState::note(&Repository::open(&facts.path)?, &world.store(facts.repo)?)
}

/// Notes how the repository is before the run starts.
pub(super) fn before(world: &World, facts: &Facts, run: RunId) {
    if let Ok(state) = note(world, facts) {
        let _ = durable::write_json(&world.run_folder(run).join("watched.json"), &state);
    }
}

/// Compares, and reports what changed and was not monban's own landing.
pub(super) fn after(world: &World, facts: &Facts, run: RunId, cancel: &Cancel) {
    let notes = durable::read(&world.run_folder(run).join("watched.json"), NOTES_BYTES_MAX);
    let before = notes.ok().and_then(|n| serde_json::from_slice::<WatchedState>(&n).ok());
    let (Some(before), Ok(after)) = (before, note(world, facts)) else { return };
    let repo = facts.repo;
    let landed = world.engine.look_blocking(move |core: &Core| {
        core.state.repos.get(&repo).map(|repo| repo.landed.clone()).unwrap_or_default()
    });
    let landed: BTreeSet<String> = landed.unwrap_or_default();
    let ours = |difference: &Difference| match difference {
        Difference::Ref { name, after: Some(after), .. } => {
            *name == facts.base_branch && landed.contains(after)
        }
        _ => false,
    };
    let differences = before.differences(&after);
    let what: Vec<Foreign> = differences
        .iter()
        .filter(|difference| !ours(difference))
        .take(NAMED_MAX)
        .map(|difference| Foreign::new(difference.shown()))
        .collect();
    if !what.is_empty() {
        world.report(Report::Tampered { run, what }, &|| cancel.is_set());
    }
}

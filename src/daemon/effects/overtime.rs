//! The limit on the time of work, while an agent works: the same check as at the end of its turn.

use super::check::limits;
use super::{facts::Facts, sleep};
use crate::base::clock::Timestamp;
use crate::base::id::{RunId, TaskId};
use crate::daemon::driver::Cancel;
use crate::daemon::gates;
use crate::daemon::world::World;
use crate::gate::{self, Work, scans};
use crate::model::command::Report;
use crate::policy::Limit;
use crate::scan::limits::overtime;
use std::time::Duration;

/// Nothing is waited for but that nobody wants it any more.
const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// Waits until the agent, at work since then and for so many milliseconds before, has worked for
/// longer than it may. Nothing is looked at until that moment.
pub(super) fn run(
    world: &World,
    id: TaskId,
    run: RunId,
    (since, before_ms): (Timestamp, u64),
    cancel: &Cancel,
) {
    let Some(facts) = Facts::of(world, id) else { return };
    loop {
        let Some(limit) = limit_of(world, &facts) else {
            sleep(world, NEVER, cancel);
            return;
        };
        // Whole seconds are compared: the first that is over.
        let most_ms = limit.value.saturating_add(1).saturating_mul(1000);
        let at = since.plus(Duration::from_millis(most_ms.saturating_sub(before_ms)));
        if !sleep(world, at, cancel) {
            return;
        }
        // A person may have raised it meanwhile.
        let now_ms = world.clock.now().since(since).as_millis();
        let worked_ms = before_ms.saturating_add(u64::try_from(now_ms).unwrap_or(u64::MAX));
        let limit = limit_of(world, &facts);
        let Some(seen) = limit.and_then(|limit| overtime(worked_ms / 1000, limit)) else {
            continue;
        };
        let verdict = Box::new(scans::seen("limits", seen, &[], 0));
        world.report(Report::Overtime { run, since, verdict }, &|| cancel.is_set());
        return;
    }
}

/// The limit in force, where the gate has the check of it.
fn limit_of(world: &World, facts: &Facts) -> Option<Limit> {
    let config = gates::kept(&world.places.state, &facts.gate.as_ref()?.hash).ok()?;
    let is_judged = gate::steps(&config).iter().any(|step| matches!(step.work, Work::Limits));
    let limits = is_judged.then(|| limits(world, &config).ok());
    limits.flatten().map(|limits| limits.seconds)
}

//! What an agent says of itself in the files of its HOME: what it used, and under which name its
//! conversation can go on. Only read here; an agent that says nothing costs nothing.

use super::facts::Facts;
use crate::agent::usage;
use crate::base::id::TaskId;
use crate::daemon::agents;
use crate::daemon::driver::Cancel;
use crate::daemon::world::World;
use crate::model::command::Report;

/// Reports both for the task's run, as far as they can be read. Some agents name their conversation
/// in-band only at the end of a turn: one that was cut off in its first turn can still be resumed.
pub(super) fn report(world: &World, id: TaskId, cancel: &Cancel) {
    let Some(facts) = Facts::of(world, id) else { return };
    let (Some(run), Some(place)) = (&facts.attempt.run, &facts.attempt.place) else { return };
    let Ok(agent) = agents::named(world, &facts.spec.agent) else { return };
    let gave_up = || cancel.is_set();
    if run.session.is_none()
        && let Ok(Some(session)) = usage::last_session(&agent.kind, &place.home)
    {
        world.report(Report::Session { run: run.id, session }, &gave_up);
    }
    if let Ok(Some(usage)) = usage::usage(&agent.kind, &place.home) {
        world.report(Report::Usage { run: run.id, usage }, &gave_up);
    }
}

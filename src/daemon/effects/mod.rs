//! The work behind each effect. Every one checks before it does: it may be started a second time
//! after a crash, and must repeat nothing.

mod check;
mod checkout;
mod deliver;
mod facts;
mod flood;
mod land;
mod login;
mod output;
mod overtime;
mod prepare;
mod rollback;
mod secret;
mod snapshot;
mod supervise;
mod to_end;
mod used;
mod watch;

pub(super) use check::end_strays;
pub(super) use login::{live_runs, login_holder};
pub(super) use snapshot::described;
pub use snapshot::diff_of;

use super::driver::Cancel;
use super::world::World;
use crate::model::command::{Command, Notice, Report};
use crate::model::effect::Effect;
use std::time::Duration;

/// Whether an effect's work is given up when the effect is no longer outstanding. What follows a
/// process to its end, or is in the middle of changing something, is not.
pub fn is_cancellable(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Deliver { .. }
            | Effect::Check { .. }
            | Effect::Overtime { .. }
            | Effect::Doubt { .. }
            | Effect::Wake { .. }
    )
}

/// Does the work of an effect and reports what came of it.
pub fn run(world: &World, effect: &Effect, cancel: &Cancel) {
    match effect {
        Effect::Prepare { task, .. } => prepare::run(world, *task, cancel),
        Effect::Supervise { task, run } => supervise::run(world, *task, *run, cancel),
        Effect::Stop { run } => stop(world, *run),
        Effect::SetPaused { run, paused } => set_paused(world, *run, *paused, cancel),
        Effect::Deliver { task, run, prompt } => deliver::run(world, *task, *run, *prompt, cancel),
        Effect::Snapshot { task, number, .. } => snapshot::run(world, *task, *number, cancel),
        Effect::Checkpoint { task, moment, number, .. } => {
            snapshot::before(world, *task, *moment, *number, cancel);
        }
        Effect::Check { task, run } => check::run(world, *task, *run, cancel),
        Effect::Land { task, op } => land::run(world, *task, *op, cancel),
        Effect::Merge { task, op } => land::merge(world, *task, *op, cancel),
        Effect::RollBack { task, op } => rollback::run(world, *task, *op, cancel),
        Effect::Undo { task, op } => rollback::undo(world, *task, *op, cancel),
        Effect::Overtime { task, run, since, before_ms } => {
            overtime::run(world, *task, *run, (*since, *before_ms), cancel);
        }
        Effect::Doubt { run, at } => {
            if sleep(world, *at, cancel) {
                world.report(Report::StillUnknown { run: *run }, &|| cancel.is_set());
            }
        }
        Effect::Wake { at } => {
            if sleep(world, *at, cancel) {
                let _ = world.engine.command_blocking(Command::Daemon(Notice::VouchEnded));
            }
        }
    }
}

/// How long an agent has between being asked to end and being killed (C-04).
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Asks the run's holder to end the tree. That it ended is reported by whoever follows the run;
/// when the holder is not there yet, the driver asks again.
fn stop(world: &World, run: crate::base::id::RunId) {
    if let Some(run) = world.runs.get(run).filter(|run| run.is_up()) {
        let _ = run.handle().stop(STOP_GRACE);
    }
}

fn set_paused(world: &World, id: crate::base::id::RunId, paused: bool, cancel: &Cancel) {
    let Some(run) = world.runs.get(id).filter(|run| run.is_up()) else { return };
    let done = if paused { run.handle().pause() } else { run.handle().resume() };
    if done.is_ok() {
        world.report(Report::Paused { run: id, paused }, &|| cancel.is_set());
    }
}

/// Sleeps until `at`; false when nobody wants to be woken any more.
fn sleep(world: &World, at: crate::base::clock::Timestamp, cancel: &Cancel) -> bool {
    let thread = std::thread::current();
    cancel.on_set(move |_| thread.unpark());
    while !cancel.is_set() {
        if world.clock.now() >= at {
            return true;
        }
        world.clock.park_towards(at);
    }
    false
}

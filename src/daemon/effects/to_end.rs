//! A command that runs under a holder until it ends, and is found again after a crash of the
//! daemon.

use crate::daemon::driver::{Cancel, GivenUp};
use crate::daemon::world::World;
use crate::runner::{self, Found, Notice, RunSpec};
use crate::wire::hold::ExitRecord;
use std::path::Path;
use std::time::Duration;

/// How long one wait for a notice lasts; cancelling ends the run and so the wait.
const WAIT: Duration = Duration::from_secs(600);

/// How often a connection to a holder that lives is made anew.
const CONNECTIONS_MAX: u32 = 20;

/// Runs `spec` in `folder` to its end, or follows the run that is there. `Err` says why there is no
/// exit status: that is never a pass.
pub(super) fn run(
    world: &World,
    folder: &Path,
    spec: &RunSpec,
    cancel: &Cancel,
) -> Result<ExitRecord, String> {
    let found = runner::find(folder, 0).map_err(|error| error.to_string())?;
    let connection = match found {
        Found::NeverStarted => {
            std::fs::create_dir_all(folder)
                .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
            runner::start(folder, spec, &world.program).map_err(|error| error.to_string())?
        }
        Found::Alive(connection) => connection,
        Found::Ended(record) => return Ok(record),
        Found::Lost { .. } => {
            let _ = runner::end_survivors(folder, &spec.marker, Duration::from_secs(2));
            return Err("its holder was lost; the exit status is unknown".into());
        }
    };
    let name = folder.strip_prefix(world.places.state.join("runs")).unwrap_or(folder);
    let _followed = world.runs.follow(name.display().to_string());
    follow(connection, folder, cancel)
}

/// Whether a run was ever started in `folder`.
pub(super) fn is_begun(folder: &Path) -> Result<bool, String> {
    let found = runner::find(folder, 0).map_err(|error| error.to_string())?;
    Ok(!matches!(found, Found::NeverStarted))
}

/// Ends the run in `folder`, if one is alive, and waits until it is gone.
pub(super) fn end(folder: &Path, cancel: &Cancel) -> Result<(), String> {
    match runner::find(folder, 0).map_err(|error| error.to_string())? {
        Found::Alive(connection) => {
            connection.handle().kill().map_err(|error| error.to_string())?;
            follow(connection, folder, cancel).map(drop)
        }
        Found::Lost { marker } => {
            let _ = runner::end_survivors(folder, &marker, Duration::from_secs(2));
            Ok(())
        }
        Found::NeverStarted | Found::Ended(_) => Ok(()),
    }
}

/// Giving the work up ends the run, unless only the daemon stops.
fn heed(cancel: &Cancel, connection: &runner::Connection) {
    let handle = connection.handle().clone();
    cancel.on_set(move |why| match why {
        GivenUp::Unwanted => {
            let _ = handle.kill();
        }
        GivenUp::Stopping => handle.hang_up(),
    });
}

fn follow(
    mut connection: runner::Connection,
    folder: &Path,
    cancel: &Cancel,
) -> Result<ExitRecord, String> {
    for _ in 0..CONNECTIONS_MAX {
        heed(cancel, &connection);
        if let Some(record) = to_hang_up(&mut connection) {
            return Ok(record);
        }
        if cancel.is_set() {
            return Err("it was given up".into());
        }
        connection = match runner::find(folder, 0) {
            Ok(Found::Ended(record)) => return Ok(record),
            // Only the connection was lost.
            Ok(Found::Alive(again)) => again,
            _ => return Err("its holder was lost; the exit status is unknown".into()),
        };
    }
    let _ = connection.handle().kill();
    Err("its holder hung up again and again; the exit status is unknown".into())
}

/// Follows the run until it ends, or until the holder hangs up (`None`).
fn to_hang_up(connection: &mut runner::Connection) -> Option<ExitRecord> {
    loop {
        match connection.next_notice(WAIT) {
            Some(Notice::Output { offset, .. }) => {
                // The output is read from the transcript at the end.
                let _ = connection.handle().ack(offset);
            }
            Some(Notice::Exited(record)) => {
                let _ = connection.handle().seen();
                return Some(record);
            }
            Some(Notice::Live { .. } | Notice::Resized { .. }) | None => {}
            Some(Notice::Gone) => return None,
        }
    }
}

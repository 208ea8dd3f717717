//! A command that runs under a holder until it ends, and is found again after a crash of the
//! daemon.

use crate::daemon::driver::Cancel;
use crate::daemon::world::World;
use crate::runner::{self, Found, Notice, RunSpec};
use crate::wire::hold::ExitRecord;
use std::path::Path;
use std::time::Duration;

/// How long one wait for a notice lasts; cancelling ends the run and so the wait.
const WAIT: Duration = Duration::from_secs(600);

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
    let handle = connection.handle().clone();
    cancel.on_set(move || {
        let _ = handle.kill();
    });
    follow(connection, folder)
}

fn follow(mut connection: runner::Connection, folder: &Path) -> Result<ExitRecord, String> {
    loop {
        match connection.next_notice(WAIT) {
            Some(Notice::Output { offset, .. }) => {
                // The output is read from the transcript at the end.
                let _ = connection.handle().ack(offset);
            }
            Some(Notice::Exited(record)) => {
                let _ = connection.handle().seen();
                return Ok(record);
            }
            Some(Notice::Live { .. }) | None => {}
            Some(Notice::Gone) => return gone(folder),
        }
    }
}

/// The holder hung up: it may have written how the run ended, or been killed.
fn gone(folder: &Path) -> Result<ExitRecord, String> {
    match runner::find(folder, 0) {
        Ok(Found::Ended(record)) => Ok(record),
        _ => Err("its holder was lost; the exit status is unknown".into()),
    }
}

//! Starting a holder, and finding the one of a run after the daemon was away.

use super::connection::Connection;
use super::files::{self, HOLDER_VARIABLE, MARKER_VARIABLE, RunSpec};
use super::hold::Report;
use super::passing::SOCKET_PATH_BYTES_MAX;
use crate::base::durable;
use crate::base::ticks::now;
use crate::base::waiting::is_readable;
use crate::wire::frame;
use crate::wire::hold::ExitRecord;
use std::io::{self, PipeReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A holder that has not started the program after this time is broken.
const START_WITHIN: Duration = Duration::from_secs(20);
/// A holder that is starting or ending is looked for again for this long.
const FIND_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Why a run could not be started, found or commanded.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The socket's path is longer than the system takes.
    #[error(
        "the socket path {0} is longer than {SOCKET_PATH_BYTES_MAX} bytes; set MONBAN_HOME or \
         XDG_RUNTIME_DIR to a shorter folder"
    )]
    SocketPath(PathBuf),
    /// The run was started before, perhaps by a daemon that then crashed: [`find`] it.
    #[error("the run in {0} was started before; a run is started once")]
    AlreadyStarted(PathBuf),
    /// The program could not be executed; nothing ran. The text says why and what to do.
    #[error("{0}")]
    NotStarted(String),
    /// The holder itself did not come up.
    #[error("the holder for {folder} did not start: {reason}")]
    Holder {
        /// The run's folder.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
    /// A holder lives, but does not answer.
    #[error("the holder at {socket} does not answer: {source}")]
    Unreachable {
        /// Its socket.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A holder does not want to talk to this daemon.
    #[error("the holder refuses this daemon: {0}")]
    Refused(String),
    /// The connection to the holder is closed.
    #[error("the holder cannot be reached any more: {0}")]
    Gone(#[source] io::Error),
    /// A file of the run cannot be read or written.
    #[error("cannot use the run's folder {folder}: {source}")]
    Folder {
        /// The run's folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What became of a run while nobody was connected to its holder.
#[derive(Debug)]
pub enum Found {
    /// No holder ever took it: it may be started.
    NeverStarted,
    /// Its holder lives.
    Alive(Connection),
    /// It is over. With [`crate::wire::hold::Tree::Unknown`] there may be survivors.
    Ended(ExitRecord),
    /// Its holder is gone and left no exit status: that is unknown, and there may be survivors.
    Lost {
        /// The run's marker, for [`super::end_survivors`].
        marker: String,
    },
}

/// Starts the run `spec` in `folder`, which belongs to it alone, under a new holder: the program
/// `monban_program` called with `hold` and the folder. Returns when the agent's program runs.
pub fn start(folder: &Path, spec: &RunSpec, monban_program: &Path) -> Result<Connection, RunError> {
    if spec.socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        return Err(RunError::SocketPath(spec.socket.clone()));
    }
    let failed = |source| RunError::Folder { folder: folder.to_path_buf(), source };
    if files::claim_path(folder).exists() {
        return Err(RunError::AlreadyStarted(folder.to_path_buf()));
    }
    durable::write_json(&files::spec_path(folder), spec).map_err(failed)?;
    let report = spawn(folder, spec, monban_program).and_then(|mut pipe| {
        if !is_readable(&pipe, START_WITHIN)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        frame::read(&mut pipe).map_err(io::Error::other)
    });
    if !matches!(report, Ok(Some(Report::Ready))) {
        // It holds the environment, secrets included: a holder that did not come up left it there.
        let _ = std::fs::remove_file(files::spec_path(folder));
    }
    let broken = |reason: String| RunError::Holder { folder: folder.to_path_buf(), reason };
    match report.map_err(|error| broken(error.to_string()))? {
        Some(Report::Ready) => Connection::open(&spec.socket, &spec.marker, 0),
        Some(Report::AlreadyStarted) => Err(RunError::AlreadyStarted(folder.to_path_buf())),
        Some(Report::NotStarted(reason)) => Err(RunError::NotStarted(reason)),
        Some(Report::Failed(reason)) => Err(broken(reason)),
        None => Err(broken("it ended without a word".to_string())),
    }
}

/// Looks for the run in `folder`; `offset` is the output this daemon has already dealt with, in
/// bytes.
pub fn find(folder: &Path, offset: u64) -> Result<Found, RunError> {
    let failed = |source| RunError::Folder { folder: folder.to_path_buf(), source };
    let until = now() + FIND_WITHIN;
    loop {
        let Some((claim, is_alive)) = files::read_claim(folder).map_err(failed)? else {
            return Ok(Found::NeverStarted);
        };
        if !is_alive {
            return match files::read_exit(folder).map_err(failed)? {
                Some(record) => Ok(Found::Ended(record)),
                None => Ok(Found::Lost { marker: claim.marker }),
            };
        }
        match Connection::open(&claim.socket, &claim.marker, offset) {
            Ok(connection) => return Ok(Found::Alive(connection)),
            Err(RunError::Unreachable { .. }) if now() < until => std::thread::sleep(LOOK_EVERY),
            Err(error) => return Err(error),
        }
    }
}

/// Starts the holder; what it reports comes out of the returned pipe.
fn spawn(folder: &Path, spec: &RunSpec, monban_program: &Path) -> io::Result<PipeReader> {
    let (read, write) = io::pipe()?;
    let mut command = Command::new(monban_program);
    command.arg("hold").arg(folder).current_dir("/");
    // Nothing of the daemon's environment: it may hold secrets no agent is given. The marker stays,
    // so that a monban that itself runs under monban is found as part of that run.
    command.env_clear();
    command.env(HOLDER_VARIABLE, &spec.marker);
    command.envs(std::env::var_os(MARKER_VARIABLE).map(|value| (MARKER_VARIABLE, value)));
    command.stdin(Stdio::null()).stdout(Stdio::from(write)).stderr(Stdio::null());
    fork_away(&mut command);
    let mut between = command.spawn()?;
    between.wait()?;
    Ok(read)
}

/// Makes the command a grandchild in another session: it never becomes a zombie of this process,
/// and no signal to this process's terminal or group reaches it.
#[expect(unsafe_code, reason = "between fork and exec there is no safe interface")]
fn fork_away(command: &mut Command) {
    let fork = || {
        rustix::process::setsid()?;
        // SAFETY: async-signal-safe; the parent ends at once, the child goes on to exec.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => Ok(()),
            // SAFETY: async-signal-safe, and nothing of this copy needs to be dropped.
            _ => unsafe { libc::_exit(0) },
        }
    };
    // SAFETY: `fork` makes system calls only; it neither allocates nor locks.
    unsafe { command.pre_exec(fork) };
}

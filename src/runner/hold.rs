//! The body of `monban hold FOLDER`: detaching, taking the run, starting the program.
//!
//! No async runtime, little memory: there is one of these for every agent.

use super::course::Course;
use super::family::Family;
use super::files;
use super::holder::Holder;
use super::link::Listener;
use super::reaper::Reaper;
use super::transcript::Writer;
use crate::base::clock::{Clock, Timestamp};
use crate::pty::{self, Program, PtyError};
use crate::wire::frame;
use crate::wire::hold::{ExitRecord, How, Status, Tree};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a holder did not hold.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// Somebody took this run before.
    #[error("the run in {0} was started before; a run is started once")]
    AlreadyStarted(PathBuf),
    /// The program could not be started; the run is over and its `exit.json` says so.
    #[error(transparent)]
    NotStarted(#[from] PtyError),
    /// A file, socket or descriptor could not be had.
    #[error("the holder cannot {doing}: {source}")]
    Io {
        /// What it was doing.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// What the holder tells whoever started it, once, on its standard output.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    Ready,
    AlreadyStarted,
    NotStarted(String),
    Failed(String),
}

/// Holds the run in `folder` until it is over. Meant for a process of its own, which it changes for
/// good: its session, its folder, its standard streams.
pub fn run(folder: &Path) -> Result<(), HoldError> {
    let folder = folder.canonicalize().map_err(io_error("enter its folder"))?;
    close_inherited();
    let mut starter = detach().map_err(io_error("detach"))?;
    let (taken, report) = match take(&folder) {
        Ok(taken) => (Ok(taken), Report::Ready),
        Err(error) => {
            let report = match &error {
                HoldError::AlreadyStarted(_) => Report::AlreadyStarted,
                HoldError::NotStarted(reason) => Report::NotStarted(reason.to_string()),
                HoldError::Io { .. } => Report::Failed(error.to_string()),
            };
            (Err(error), report)
        }
    };
    // Nobody may be listening any more; the run goes on all the same.
    let _ = frame::write(&mut starter, &report);
    drop(starter);
    let (holder, claim) = taken?;
    let served = holder.serve().map_err(io_error("go on"));
    drop(claim);
    served
}

/// Takes the run and starts its program. The file returned is the claim, locked.
fn take(folder: &Path) -> Result<(Holder, File), HoldError> {
    let already = files::claim_path(folder).exists();
    if already {
        return Err(HoldError::AlreadyStarted(folder.to_path_buf()));
    }
    let spec = files::read_spec(folder).map_err(io_error("read spec.json"))?;
    let claim = files::take_claim(folder, &spec).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => HoldError::AlreadyStarted(folder.to_path_buf()),
        _ => HoldError::Io { doing: "write claim.json", source },
    })?;
    std::fs::remove_file(files::spec_path(folder)).map_err(io_error("remove spec.json"))?;
    files::reserve(folder).map_err(io_error("reserve disk space"))?;
    let listener = Listener::bind(&spec.socket).map_err(io_error("listen on its socket"))?;
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|error| HoldError::Io { doing: "adopt orphans", source: error.into() })?;
    let clock = Clock::System;
    let mut transcript = Writer::create(folder, spec.transcript_limit, spec.size, clock.clone());
    transcript.begin();
    let (terminal, pid) = start(folder, &spec, clock.now())?;
    let mut family = Family::new(folder, &spec.marker);
    family.begin(pid);
    let reaper = Reaper::start().map_err(io_error("start a thread"))?;
    let course = Course::new(spec.time_limit_ms.map(Duration::from_millis));
    let holder = Holder {
        folder: folder.to_path_buf(),
        spec,
        clock,
        pid,
        pty: terminal,
        reaper,
        family,
        transcript,
        listener,
        course,
        strangers: Vec::new(),
        daemon: None,
    };
    Ok((holder, claim))
}

fn start(
    folder: &Path,
    spec: &files::RunSpec,
    at: Timestamp,
) -> Result<(pty::Pty, u32), HoldError> {
    let mut env = spec.env.clone();
    env.insert(files::MARKER_VARIABLE.to_string(), spec.marker.clone());
    let program = Program { program: &spec.program, args: &spec.args, env: &env, cwd: &spec.cwd };
    pty::start(&program, spec.size).map_err(|error| {
        let record = ExitRecord {
            status: Status::NotStarted(error.to_string()),
            how: How::Exited,
            at,
            output_bytes: 0,
            survivors: 0,
            tree: Tree::Empty { known_by: "nothing was started".into() },
        };
        // Whoever started the holder is told as well; without either, the run counts as lost.
        let _ = files::write_exit(folder, &record);
        error.into()
    })
}

/// Leaves the session, folder and standard streams of whoever started this process; returns what
/// was the standard output.
fn detach() -> io::Result<File> {
    ignore_polite_signals();
    // Refused to a group leader only, which is in a session of its own making already.
    let _ = rustix::process::setsid();
    std::env::set_current_dir("/")?;
    let output = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(File::from(output))
}

/// A logout or a shutdown asks every process to end. The agent may; the holder stays to record how.
#[expect(unsafe_code, reason = "std has no interface to signal dispositions")]
fn ignore_polite_signals() {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
        // SAFETY: sets a disposition and runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Closes what was inherited beside the standard streams: it would otherwise stay open for as long
/// as the agent lives, and reach it.
#[expect(unsafe_code, reason = "inherited descriptors exist only as numbers")]
fn close_inherited() {
    let Ok(entries) = std::fs::read_dir("/dev/fd") else { return };
    let numbers: Vec<RawFd> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // SAFETY: first thing in this process: nothing in it owns a descriptor above 2 yet. The one
        // that listed the folder is closed by now, and closing it again is only refused.
        unsafe { libc::close(number) };
    }
}

fn io_error(doing: &'static str) -> impl Fn(io::Error) -> HoldError {
    move |source| HoldError::Io { doing, source }
}

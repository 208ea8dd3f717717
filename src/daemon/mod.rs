//! The daemon: one per user. Owns the state and the event log, starts the work the state implies,
//! and serves people and hooks. May be killed at any moment.

mod agents;
mod driver;
mod effects;
mod engine;
#[cfg(debug_assertions)]
mod fault;
mod gates;
mod gc;
mod hooks;
mod inbox;
mod live;
mod plan;
mod presence;
mod requests;
mod revert;
mod runs;
mod server;
mod session;
mod show;
mod status_words;
mod terminal;
mod told;
mod view;
mod world;

use crate::agent::prepare::Host;
use crate::base::clock::Clock;
use crate::base::id::RunId;
use crate::base::paths::{self, PathError, Places};
use crate::model::command::{Command, Notice};
use crate::model::core::Core;
use crate::model::event::Event;
use crate::store::{
    Disk, EventLog, LockGuard, OpenReport, Options as LogOptions, Record, StoreError, SystemDisk,
};
use driver::Driver;
use engine::{Channel, Engine, nudging};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast;
use world::World;

pub use agents::{Agent, all as agents_of, named_in as agent_of};
pub use runs::replayed;

/// How much progress may wait for those who follow it; the rest is dropped, it is only progress.
const PROGRESS_MAX: usize = 256;

/// Why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// A folder is not private or cannot be made.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The event log cannot be opened.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// The person's configuration cannot be used.
    #[error("{0}")]
    Config(String),
    /// A daemon with another state folder listens there.
    #[error(
        "another daemon, with another state folder, listens in {}; stop it, or set MONBAN_HOME to \
         have a place of its own for this one",
        folder.display()
    )]
    Sockets {
        /// The folder of the sockets.
        folder: PathBuf,
    },
    /// The system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> DaemonError {
    let what = what.into();
    move |source| DaemonError::Io { what, source }
}

/// What a daemon works with; tests give their own.
pub struct Options {
    /// Where monban keeps its files.
    pub places: Places,
    /// The time.
    pub clock: Clock,
    /// The monban program, for holders and hooks.
    pub program: PathBuf,
    /// The person's environment.
    pub host: Host,
}

/// Runs the daemon of `places` in this process until it is told to stop.
///
/// # Errors
/// It cannot start: another one runs, or its files cannot be used.
pub fn run(places: Places) -> Result<(), DaemonError> {
    // A session of its own: closing the terminal it was started from means nothing to it.
    let _ = rustix::process::setsid();
    let program = std::env::current_exe().map_err(io_error("cannot find this program"))?;
    let host = Host::here(std::env::vars_os());
    let options = Options { places, clock: Clock::System, program, host };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(io_error("cannot start the daemon's threads"))?;
    let ended = runtime.block_on(async {
        let told = told_to_stop().map_err(io_error("cannot watch for signals"))?;
        serve(options, told).await
    });
    // Threads that follow runs may be waiting for output; the runs go on without this process.
    runtime.shutdown_background();
    ended
}

fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                _ = hangup.recv() => {}
            }
        }
    })
}

/// Serves until `stop` or a person's word.
///
/// # Errors
/// It cannot start: another one runs, or its files cannot be used.
pub async fn serve(options: Options, stop: impl Future<Output = ()>) -> Result<(), DaemonError> {
    let user = rustix::process::getuid().as_raw();
    paths::private_folder(&options.places.state, user)?;
    paths::private_folder(&options.places.run, user)?;
    let channel = Channel::new();
    let handle = channel.handle();
    let (log, report, core) = open_log(&options, &handle)?;
    let problems = report.damage.iter().map(ToString::to_string);
    let torn = report.torn.iter().map(|torn| {
        format!("an unfinished end of {} bytes was cut: {}", torn.cut_bytes, torn.problem)
    });
    // The log's lock makes this the only daemon of this state, and that of the run folder the only
    // one at these sockets: one that is there is nobody's.
    let _sockets = lock_sockets(&options.places)?;
    let people = bind(&options.places.socket())?;
    let reports = bind(&options.places.report_socket())?;
    let world = Arc::new(World {
        started_at: options.clock.now(),
        last_run_before: RunId(core.state.last.run),
        clock: options.clock.clone(),
        program: options.program,
        node: node(),
        user,
        host: options.host,
        engine: handle.clone(),
        runs: runs::Runs::default(),
        clients: Arc::default(),
        replays: session::replays::Replays::default(),
        progress: broadcast::channel(PROGRESS_MAX).0,
        log_problems: problems.chain(torn).collect(),
        places: options.places,
    });
    let started =
        Notice::Started { version: env!("CARGO_PKG_VERSION").into(), pid: std::process::id() };
    let driver = Driver::new(Arc::clone(&world));
    let engine = Engine::new(channel, core, log, options.clock, driver, Command::Daemon(started));
    let engine = tokio::spawn(engine.run());
    let strays = Arc::clone(&world);
    tokio::task::spawn_blocking(move || effects::end_strays(&strays));
    let people = tokio::spawn(server::serve(people, Arc::clone(&world)));
    let reports = tokio::spawn(hooks::serve(reports, Arc::clone(&world)));
    tokio::pin!(engine);
    let log = tokio::select! {
        () = stop => {
            handle.stop().await;
            engine.await
        }
        log = &mut engine => log,
    };
    people.abort();
    reports.abort();
    // While the log is held no other daemon can have made them.
    let _ = std::fs::remove_file(world.places.socket());
    let _ = std::fs::remove_file(world.places.report_socket());
    drop(log);
    Ok(())
}

/// What is wrong with the meaning of a record, for whoever checks a log.
///
/// # Errors
/// Its kind is known and what it says cannot be read.
pub fn understand(record: Record) -> Result<(), String> {
    Event::from_record(record.kind, record.payload).map(drop)
}

fn open_log(
    options: &Options,
    handle: &engine::Handle,
) -> Result<(EventLog, OpenReport, Core), DaemonError> {
    let person = crate::config::person::load(&options.places.config_file)
        .map_err(|diagnostics| DaemonError::Config(diagnostics.to_string()))?;
    let mut core = Core::new(world::settings(&person));
    let folder = options.places.state.join("events");
    let log_options = LogOptions { on_progress: nudging(handle.clone()), ..LogOptions::default() };
    // Of one append all is replayed or nothing: half of a decision is a state that never was.
    let mut append = Vec::new();
    let opened = EventLog::open(&folder, Arc::new(SystemDisk), log_options, &mut |record| {
        // A kind of a later version is kept in the log and left out of the state.
        let event = Event::from_record(record.kind, record.payload)?;
        append.extend(event.map(|event| (event, record.at)));
        if !record.more {
            append.drain(..).for_each(|(event, at)| core.replay(&event, at));
        }
        Ok(())
    })?;
    Ok((opened.log, opened.report, core))
}

/// Keeps a daemon with another state folder from taking over the sockets of this one.
fn lock_sockets(places: &Places) -> Result<Box<dyn LockGuard>, DaemonError> {
    let path = places.run.join("lock");
    let lock =
        SystemDisk.lock(&path).map_err(io_error(format!("cannot lock {}", path.display())))?;
    lock.ok_or_else(|| DaemonError::Sockets { folder: places.run.clone() })
}

fn bind(path: &Path) -> Result<UnixListener, DaemonError> {
    use std::os::unix::fs::PermissionsExt;
    let what = || format!("cannot listen at {}", path.display());
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error(what())(error));
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(io_error(what()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(io_error(what()))?;
    Ok(listener)
}

/// The name of this machine.
fn node() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let short = name.split('.').next().unwrap_or_default();
    if short.is_empty() { "localhost".into() } else { short.into() }
}

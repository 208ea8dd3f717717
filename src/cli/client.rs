//! The client side of the people's socket: finding or starting the daemon, the hello, requests.

use super::exit::Failure;
use crate::base::foreign::Foreign;
use crate::base::paths::{self, PathError, Places};
use crate::config::person;
use crate::model::rejection::{Class, Rejection};
use crate::store::StoreError;
use crate::wire::frame::{self, FrameError};
use crate::wire::people::{Answer, Ask, Hello, MAGIC, PROTOCOL, Request, Welcome};
use rustix::process::Pid;
use serde_json::Value;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a daemon may take to answer a hello before it counts as hung: on a machine with much
/// else to do one was seen to take more than two seconds.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a starting daemon is looked for, and how many times at most: 10 s.
const START_POLL: Duration = Duration::from_millis(20);
const START_POLLS: u32 = 500;
/// How many times a daemon that hangs up before it says hello is looked at: one that is just ending
/// is gone after a moment.
const ENDING_POLLS: u32 = 50;
/// What mends a damaged event log.
pub const LOG_CURE: &str = "`monban daemon stop` (agents go on), restore that file of the event log \
    from a backup, then run any command";
/// How much of what a failed daemon wrote is told.
const SAID_BYTES_MAX: u64 = 16 << 10;
/// Set inside every run; a command inside a run never starts a daemon.
pub const RUN_VARIABLE: &str = "MONBAN_RUN";

/// A connection to the daemon.
pub struct Client {
    stream: UnixStream,
    at: PathBuf,
    daemon: u32,
    /// Where the event log of the daemon is damaged.
    pub damage: Option<String>,
}

impl Client {
    /// Connects to the daemon of `places`, starting one if none runs.
    pub fn connect(places: &Places, at: &Path) -> Result<Self, Failure> {
        if let Some(client) = Self::connect_running(places, at)? {
            return Ok(client);
        }
        refuse_inside_run()?;
        let mut starting = start_daemon(places)?;
        for _ in 0..START_POLLS {
            if let Some(client) = Self::connect_running(places, at)? {
                return Ok(client);
            }
            starting.check(places)?;
            std::thread::sleep(START_POLL);
        }
        Err(Failure::environment("the daemon was started but does not answer", starting.cure()))
    }

    /// Connects to the daemon of `places`, if one runs.
    pub fn connect_running(places: &Places, at: &Path) -> Result<Option<Self>, Failure> {
        let mut polls = ENDING_POLLS;
        let (stream, welcome) = loop {
            let Some(mut stream) = reach(places)? else { return Ok(None) };
            match greet(&mut stream)? {
                Some(welcome) => break (stream, welcome),
                None if polls == 0 => return Err(silent(&"it hung up")),
                None => polls -= 1,
            }
            std::thread::sleep(START_POLL);
        };
        Self::accepted(stream, at, welcome).map(Some)
    }

    /// Asks for one result.
    pub fn ask(&mut self, ask: Ask) -> Result<Value, Failure> {
        self.ask_with(ask, &mut |_| Ok(()))
    }

    /// Asks for one result; `row` gets what comes before it.
    pub fn ask_with(
        &mut self,
        ask: Ask,
        row: &mut dyn FnMut(Answer) -> std::io::Result<()>,
    ) -> Result<Value, Failure> {
        let lost = |error: &dyn std::fmt::Display| {
            Failure::environment(
                format!("the connection to the daemon was lost: {error}"),
                "run the command again; nothing that was acknowledged is lost",
            )
        };
        let request = Request { at: self.at.clone(), ask };
        frame::write(&mut self.stream, &request).map_err(|e| lost(&e))?;
        loop {
            match frame::read(&mut self.stream).map_err(|e| lost(&e))? {
                Some(Answer::Done(value)) => return Ok(value),
                Some(Answer::Refused(rejection)) => return Err(Failure::Refused(rejection)),
                Some(other) => row(other)?,
                None => return Err(lost(&"it hung up")),
            }
        }
    }
}

/// A connection to the daemon of `places` on which nothing was said yet, starting one if none runs.
pub fn stream(places: &Places, at: &Path) -> Result<UnixStream, Failure> {
    Client::connect(places, at)?;
    reach(places)?.ok_or_else(|| silent(&"it ended"))
}

impl Client {
    /// Says hello on a stream that leads to a daemon, and checks what it answers.
    pub fn over(mut stream: UnixStream, at: &Path) -> Result<Self, Failure> {
        let welcome = greet(&mut stream)?.ok_or_else(|| silent(&"it hung up"))?;
        Self::accepted(stream, at, welcome)
    }

    /// The connection to a daemon that takes this client.
    fn accepted(stream: UnixStream, at: &Path, welcome: Welcome) -> Result<Self, Failure> {
        let (at, daemon, damage) = (at.to_path_buf(), welcome.pid, welcome.damage.clone());
        accepted(welcome)?;
        Ok(Self { stream, at, daemon, damage })
    }

    /// The connection, on which both have said hello.
    pub fn into_stream(self) -> UnixStream {
        self.stream
    }

    /// Waits until the daemon of this connection is gone, for 10 s at most.
    pub fn wait_for_end(self) {
        if let Some(pid) = process(self.daemon) {
            wait_for_end(pid);
        }
    }
}

/// A daemon of whatever version.
pub struct Running {
    /// Its version, as it says.
    pub version: String,
    /// Its process, where that is known.
    pub pid: Option<Pid>,
}

/// The daemon that runs, if one does; one that does not answer runs all the same.
pub fn running(places: &Places) -> Result<Option<Running>, Failure> {
    let Some(mut stream) = reach(places)? else { return Ok(None) };
    Ok(Some(match greet(&mut stream) {
        Ok(Some(welcome)) => Running { version: welcome.version, pid: process(welcome.pid) },
        Ok(None) | Err(_) => Running { version: "of unknown version".into(), pid: peer(&stream) },
    }))
}

/// Ends a daemon that speaks another version or does not answer, by a signal; agents go on. False
/// when there is none such, or for a command inside a run.
///
/// # Errors
/// It is there and does not end.
pub fn stop_stranger(places: &Places) -> Result<bool, Failure> {
    if refuse_inside_run().is_err() {
        return Ok(false);
    }
    let Some(mut stream) = reach(places)? else { return Ok(false) };
    let pid = match greet(&mut stream) {
        Ok(Some(welcome)) if other_version(&welcome).is_none() => return Ok(false),
        Ok(Some(welcome)) => process(welcome.pid),
        Ok(None) | Err(_) => peer(&stream),
    };
    let stays = |what: String| Failure::environment(what, "end that process by hand (kill)");
    let pid = pid.ok_or_else(|| stays("the daemon's process is not known".into()))?;
    let asked = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    if asked.is_err() || !wait_for_end(pid) {
        return Err(stays(format!("the daemon, process {}, does not end", pid.as_raw_pid())));
    }
    Ok(true)
}

fn process(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

/// The process that listens at the other end, where the system tells.
fn peer(stream: &UnixStream) -> Option<Pid> {
    #[cfg(target_os = "linux")]
    return rustix::net::sockopt::socket_peercred(stream).ok().map(|peer| peer.pid);
    #[cfg(not(target_os = "linux"))]
    return Some(stream).and(None);
}

/// Waits until a process is gone, for 10 s at most.
fn wait_for_end(pid: Pid) -> bool {
    for _ in 0..START_POLLS {
        // A daemon that this very process started stays a zombie until it is waited for.
        let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG);
        if rustix::process::test_kill_process(pid).is_err() {
            return true;
        }
        std::thread::sleep(START_POLL);
    }
    false
}

/// A command inside a run never starts, stops or becomes a daemon.
pub fn refuse_inside_run() -> Result<(), Failure> {
    if std::env::var_os(RUN_VARIABLE).is_none() {
        return Ok(());
    }
    Err(Failure::environment(
        "no daemon runs that would take this, and a command inside a run never starts one",
        "start it outside: `monban daemon start`",
    ))
}

/// The daemon's socket, if somebody listens there. Whoever could replace it is not spoken to.
fn reach(places: &Places) -> Result<Option<UnixStream>, Failure> {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};
    match paths::is_private(&places.run, rustix::process::getuid().as_raw()) {
        Ok(()) => {}
        Err(PathError::Io { source, .. }) if source.kind() == NotFound => return Ok(None),
        Err(error) => {
            return Err(Failure::environment(error.to_string(), "then run the command again"));
        }
    }
    match UnixStream::connect(places.socket()) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), NotFound | ConnectionRefused) => Ok(None),
        Err(error) => {
            let socket = places.socket();
            Err(Failure::environment(
                format!("cannot reach the daemon at {}: {error}", socket.display()),
                "`monban doctor` says more",
            ))
        }
    }
}

/// The failure that somebody listens there who does not say hello.
fn silent(error: &dyn std::fmt::Display) -> Failure {
    Failure::environment(
        format!(
            "the daemon does not answer as monban {} (protocol {PROTOCOL}): {error}",
            env!("CARGO_PKG_VERSION")
        ),
        "it may be another version or hang: `monban daemon stop`, then run the command again",
    )
}

/// Says hello; returns what the daemon says, `None` when it hangs up instead.
fn greet(stream: &mut UnixStream) -> Result<Option<Welcome>, Failure> {
    let hello = Hello {
        magic: MAGIC.into(),
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").into(),
        person: person_here(),
    };
    stream.set_read_timeout(Some(HELLO_TIMEOUT)).map_err(|e| silent(&e))?;
    let welcome = frame::write(stream, &hello).and_then(|()| frame::read(stream));
    let welcome = match welcome {
        Err(FrameError::Io(error)) if is_hang_up(&error) => return Ok(None),
        welcome => welcome.map_err(|e| silent(&e))?,
    };
    stream.set_read_timeout(None).map_err(|e| silent(&e))?;
    Ok(welcome)
}

fn is_hang_up(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionReset)
}

fn accepted(welcome: Welcome) -> Result<(), Failure> {
    match other_version(&welcome) {
        Some(failure) => Err(failure),
        None => welcome.refused.map_or(Ok(()), |rejection| Err(Failure::Refused(rejection))),
    }
}

/// What is said of a daemon of another version.
fn other_version(welcome: &Welcome) -> Option<Failure> {
    if welcome.magic == MAGIC && welcome.protocol == PROTOCOL {
        return None;
    }
    let (theirs, ours) = (Foreign::new(&welcome.version), env!("CARGO_PKG_VERSION"));
    Some(Failure::environment(
        format!(
            "the daemon is monban {theirs} (protocol {}), this command is monban {ours} \
             (protocol {PROTOCOL})",
            welcome.protocol
        ),
        if welcome.protocol < PROTOCOL {
            "`monban daemon upgrade`, then run the command again; agents go on meanwhile"
        } else {
            "run the monban of the daemon's version, or `monban daemon upgrade` to put this one in \
             its place; agents go on meanwhile"
        },
    ))
}

/// Who the person is, as far as the system says.
fn person_here() -> String {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    name.ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()))
}

/// A daemon that was started and has not answered yet.
struct Starting {
    process: Child,
    log: PathBuf,
    /// Where in the log its words begin.
    from: u64,
}

impl Starting {
    fn cure(&self) -> String {
        format!("look at the end of {}", self.log.display())
    }

    /// Fails with the daemon's own words when it ended; another that was faster is waited for.
    fn check(&mut self, places: &Places) -> Result<(), Failure> {
        if !matches!(self.process.try_wait(), Ok(Some(_))) {
            return Ok(());
        }
        let mut said = Vec::new();
        let read = std::fs::File::open(&self.log).and_then(|mut log| {
            log.seek(SeekFrom::Start(self.from))?;
            log.take(SAID_BYTES_MAX).read_to_end(&mut said)
        });
        let said = Foreign::from_bytes(said.trim_ascii()).shown_lines();
        let in_use = StoreError::InUse { folder: places.state.join("events") };
        if read.is_ok() && said.contains(&in_use.to_string()) {
            return Ok(());
        }
        let said = said.strip_prefix("monban: ").unwrap_or(&said);
        Err(Failure::environment(format!("the daemon did not start: {said}"), self.cure()))
    }
}

/// Whether a daemon could use the person's file: it says the same itself, but only into its log.
pub fn check_config(places: &Places) -> Result<(), Failure> {
    let loaded = person::load(&places.config_file).map(drop);
    loaded.map_err(|diagnostics| {
        Failure::input(diagnostics.to_string(), "mend the file and run the command again")
    })
}

/// Starts a daemon that outlives this command.
fn start_daemon(places: &Places) -> Result<Starting, Failure> {
    let failed = |what: String| Failure::environment(what, "`monban doctor` says more");
    check_config(places)?;
    let user = rustix::process::getuid().as_raw();
    for folder in [&places.state, &places.run] {
        paths::private_folder(folder, user).map_err(|e| failed(e.to_string()))?;
    }
    let program =
        std::env::current_exe().map_err(|e| failed(format!("cannot find this program: {e}")))?;
    let path = places.state.join("daemon.log");
    let open = || {
        let log = std::fs::File::options().create(true).append(true).open(&path)?;
        let from = log.metadata()?.len();
        Ok((log, from))
    };
    let (log, from) = open()
        .map_err(|e: std::io::Error| failed(format!("cannot write {}: {e}", path.display())))?;
    let mut command = Command::new(program);
    // All under one folder means MONBAN_HOME, also when it is not in our own environment (the
    // demo).
    if let Some(root) = places.state.parent().filter(|root| Places::under(root) == *places) {
        command.env("MONBAN_HOME", root);
    }
    // The daemon makes itself a session of its own before it does anything else.
    command
        .args(["daemon", "start", "--foreground"])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map(|process| Starting { process, log: path, from })
        .map_err(|e| failed(format!("cannot start the daemon: {e}")))
}

/// The refusal of a request whose answer was not understood.
pub fn not_understood(what: &str) -> Failure {
    Failure::Refused(Rejection::new(
        Class::Environment,
        format!("the daemon's answer has no {what}"),
        "client and daemon differ: `monban daemon stop`, then run the command again",
    ))
}

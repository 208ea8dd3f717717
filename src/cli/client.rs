//! The client side of the people's socket: finding or starting the daemon, the hello, requests.

use super::exit::Failure;
use crate::base::paths::{self, Places};
use crate::model::rejection::{Class, Rejection};
use crate::wire::frame;
use crate::wire::people::{Answer, Ask, Hello, MAGIC, PROTOCOL, Request, Welcome};
use serde_json::Value;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a daemon may take to answer a hello before it counts as hung.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a starting daemon is looked for, and how many times at most: 10 s.
const START_POLL: Duration = Duration::from_millis(20);
const START_POLLS: u32 = 500;
/// Set inside every run; a command inside a run never starts a daemon.
pub const RUN_VARIABLE: &str = "MONBAN_RUN";

/// A connection to the daemon.
pub struct Client {
    stream: UnixStream,
    at: PathBuf,
    daemon: u32,
}

impl Client {
    /// Connects to the daemon of `places`, starting one if none runs.
    pub fn connect(places: &Places, at: &Path) -> Result<Self, Failure> {
        if let Some(client) = Self::connect_running(places, at)? {
            return Ok(client);
        }
        if std::env::var_os(RUN_VARIABLE).is_some() {
            return Err(Failure::environment(
                "no daemon runs, and a command inside a run never starts one",
                "start it outside: `monban daemon start`",
            ));
        }
        start_daemon(places)?;
        for _ in 0..START_POLLS {
            if let Some(client) = Self::connect_running(places, at)? {
                return Ok(client);
            }
            std::thread::sleep(START_POLL);
        }
        let log = places.state.join("daemon.log");
        Err(Failure::environment(
            "the daemon was started but does not answer",
            format!("look at the end of {}", log.display()),
        ))
    }

    /// Connects to the daemon of `places`, if one runs.
    pub fn connect_running(places: &Places, at: &Path) -> Result<Option<Self>, Failure> {
        use std::io::ErrorKind::{ConnectionRefused, NotFound};
        let stream = match UnixStream::connect(places.socket()) {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), NotFound | ConnectionRefused) => return Ok(None),
            Err(error) => {
                let socket = places.socket();
                return Err(Failure::environment(
                    format!("cannot reach the daemon at {}: {error}", socket.display()),
                    "`monban doctor` says more",
                ));
            }
        };
        let mut client = Self { stream, at: at.to_path_buf(), daemon: 0 };
        client.greet()?;
        Ok(Some(client))
    }

    fn greet(&mut self) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::environment(
                format!(
                    "the daemon does not answer as monban {}: {error}",
                    env!("CARGO_PKG_VERSION")
                ),
                "it may be another version or hang: `monban daemon stop`, then run the command again",
            )
        };
        let hello = Hello {
            magic: MAGIC.into(),
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").into(),
            person: person(),
        };
        self.stream.set_read_timeout(Some(HELLO_TIMEOUT)).map_err(|e| failed(&e))?;
        frame::write(&mut self.stream, &hello).map_err(|e| failed(&e))?;
        let welcome: Option<Welcome> = frame::read(&mut self.stream).map_err(|e| failed(&e))?;
        let welcome = welcome.ok_or_else(|| failed(&"it hung up"))?;
        self.daemon = welcome.pid;
        self.stream.set_read_timeout(None).map_err(|e| failed(&e))?;
        match welcome.refused {
            Some(rejection) => Err(Failure::Refused(rejection)),
            None => Ok(()),
        }
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

impl Client {
    /// Waits until the daemon of this connection is gone, for 10 s at most.
    pub fn wait_for_end(self) {
        let pid = i32::try_from(self.daemon).ok().and_then(rustix::process::Pid::from_raw);
        let Some(pid) = pid else { return };
        for _ in 0..START_POLLS {
            if rustix::process::test_kill_process(pid).is_err() {
                return;
            }
            std::thread::sleep(START_POLL);
        }
    }
}

/// Who the person is, as far as the system says.
fn person() -> String {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    name.ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()))
}

/// Starts a daemon that outlives this command.
fn start_daemon(places: &Places) -> Result<(), Failure> {
    let failed = |what: String| Failure::environment(what, "`monban doctor` says more");
    let user = rustix::process::getuid().as_raw();
    paths::private_folder(&places.state, user).map_err(|e| failed(e.to_string()))?;
    let program =
        std::env::current_exe().map_err(|e| failed(format!("cannot find this program: {e}")))?;
    let log = places.state.join("daemon.log");
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(&log)
        .map_err(|e| failed(format!("cannot write {}: {e}", log.display())))?;
    let mut command = Command::new(program);
    // All under one folder means MONBAN_HOME, also when it is not in our own environment (the demo).
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
        .map(|_| ())
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

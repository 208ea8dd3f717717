//! A small client of the people's socket, and a daemon in this very process with a clock moved by
//! hand.

use monban::agent::prepare::Host;
use monban::base::clock::{Clock, ManualClock, Timestamp};
use monban::base::foreign::Foreign;
use monban::base::id::TaskId;
use monban::base::paths::Places;
use monban::daemon::{self, Options};
use monban::model::rejection::Rejection;
use monban::model::task::{Kind, Origin, TaskSpec};
use monban::wire::frame;
use monban::wire::people::{
    Answer, Ask, Hello, MAGIC, PROTOCOL, PlanAsk, Request, ShowAsk, Welcome,
};
use serde_json::Value;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(300);

/// Looks every 5 ms until `found` gives something, for as long as there is patience.
pub fn wait_for<T>(mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        match found() {
            Some(value) => return Some(value),
            None if began.elapsed() >= PATIENCE => return None,
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// A connection of a person.
pub struct Person {
    /// The connection.
    pub stream: UnixStream,
    at: PathBuf,
}

impl Person {
    /// Connects as `name`, standing in `at`.
    pub fn connect(places: &Places, name: &str, at: PathBuf) -> Self {
        let connected = || UnixStream::connect(places.socket()).ok();
        let mut stream = wait_for(connected).expect("the daemon listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (magic, version) = (MAGIC.to_string(), "test".to_string());
        let hello = Hello { magic, protocol: PROTOCOL, version, person: name.into() };
        frame::write(&mut stream, &hello).unwrap();
        let welcome: Welcome = frame::read(&mut stream).unwrap().unwrap();
        assert_eq!(welcome.refused, None);
        Self { stream, at }
    }

    /// Sends a request without waiting for its answers.
    pub fn send(&mut self, ask: Ask) {
        frame::write(&mut self.stream, &Request { at: self.at.clone(), ask }).unwrap();
    }

    /// The next answer.
    pub fn next(&mut self) -> Answer {
        frame::read(&mut self.stream).unwrap().expect("the daemon stays")
    }

    /// Asks for one result.
    pub fn ask(&mut self, ask: Ask) -> Result<Value, Rejection> {
        self.send(ask);
        loop {
            match self.next() {
                Answer::Done(value) => return Ok(value),
                Answer::Refused(rejection) => return Err(rejection),
                Answer::Progress { .. } | Answer::Row(_) => {}
            }
        }
    }

    /// Looks.
    #[track_caller]
    pub fn show(&mut self, ask: ShowAsk) -> Value {
        self.ask(Ask::Show(ask)).unwrap()
    }

    /// Looks again and again until `found` gives something.
    #[track_caller]
    pub fn until<T>(&mut self, ask: &ShowAsk, found: impl Fn(&Value) -> Option<T>) -> T {
        let mut last = Value::Null;
        let wanted = wait_for(|| {
            last = self.show(ask.clone());
            found(&last)
        });
        wanted.unwrap_or_else(|| panic!("it never came: {last:#}"))
    }
}

/// The daemon.
pub struct InProcess {
    /// Its clock.
    pub clock: ManualClock,
    /// Its places.
    pub places: Places,
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<Result<(), daemon::DaemonError>>>,
}

impl InProcess {
    /// Serves `places` with a clock that stands at a moment of its own.
    pub fn start(places: Places) -> Self {
        Self::start_at(places, ManualClock::at(Timestamp::from_millis(1_800_000_000_000)))
    }

    /// Serves `places` with this clock.
    pub fn start_at(places: Places, clock: ManualClock) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(2).enable_all().build().unwrap();
        let options = Options {
            places: places.clone(),
            clock: Clock::Manual(clock.clone()),
            program: PathBuf::from(env!("CARGO_BIN_EXE_monban")),
            host: Host::here(std::env::vars_os()),
        };
        let (stop, stopped) = oneshot::channel();
        let served = runtime.spawn(daemon::serve(options, async {
            let _ = stopped.await;
        }));
        let (runtime, stop, served) = (Some(runtime), Some(stop), Some(served));
        Self { clock, places, runtime, stop, served }
    }

    /// Waits until it can be asked: a command that comes earlier starts a daemon of its own.
    pub fn listening(self) -> Self {
        let connected = || UnixStream::connect(self.places.socket()).ok();
        wait_for(connected).expect("the daemon listens");
        self
    }

    /// Why a daemon of `places` does not start.
    pub fn refused(places: Places) -> String {
        let mut refused = Self::start(places);
        let (served, runtime) = (refused.served.take(), refused.runtime.take());
        let (served, runtime) = (served.unwrap(), runtime.unwrap());
        let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, served).await });
        runtime.shutdown_background();
        ended.expect("it does not start").unwrap().unwrap_err().to_string()
    }

    /// Stops it as a signal would; agents go on.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let (Some(served), Some(runtime)) = (self.served.take(), self.runtime.take()) {
            let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, served).await });
            ended.expect("the daemon stops").unwrap().unwrap();
            // Work that it has given up and that is not at its end yet would make folders again
            // that a test has removed.
            runtime.shutdown_timeout(PATIENCE);
        }
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        } else if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Writes down a task for the scripted agent.
pub fn add(person: &mut Person, title: &str, prompt: &str) -> TaskId {
    let spec = TaskSpec {
        title: Foreign::new(title),
        kind: Kind::Fix,
        agent: "script".into(),
        prompt: prompt.into(),
        after: Vec::new(),
        files: Vec::new(),
    };
    let added = person.ask(Ask::Plan(PlanAsk::Add { spec, origin: Origin::Real })).unwrap();
    TaskId(added["id"].as_u64().unwrap())
}

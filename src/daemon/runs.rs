//! The runs that are alive, by id, for everybody who looks at them or types to them.

use super::live::LiveRun;
use crate::base::id::{RunId, TaskId};
use crate::base::size::Size;
use crate::runner::{Entry, Handle, InputError, Transcript};
use crate::term::Terminal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many ended runs are kept for looking at; earlier ones are replayed from their transcripts.
const ENDED_MAX: usize = 8;
/// The largest size a person's terminal gives a run's: a screen of it fits into one frame.
const ROOM_MAX: Size = Size { cols: 480, rows: 130 };

/// A run with the way to its holder.
pub struct Attached {
    /// What is known of it.
    pub live: LiveRun,
    handle: Handle,
    up: AtomicBool,
    driver: Mutex<Option<Driver>>,
}

/// Who typed last, and so gives the terminal its size.
struct Driver {
    client: u64,
    person: String,
    /// The size that was asked of the holder for them.
    room: Option<Size>,
}

impl Attached {
    /// A run whose holder answers.
    pub fn new(live: LiveRun, handle: Handle) -> Self {
        Self { live, handle, up: AtomicBool::new(true), driver: Mutex::default() }
    }

    /// Whether its process tree is there.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::SeqCst)
    }

    /// Notes that it ended.
    pub fn is_gone(&self) {
        self.up.store(false, Ordering::SeqCst);
        self.live.wake();
    }

    /// Types into its terminal.
    pub fn input(&self, bytes: Vec<u8>) -> Result<(), InputError> {
        self.handle.input(&bytes)
    }

    fn driver(&self) -> MutexGuard<'_, Option<Driver>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client that typed last, and its person.
    pub fn driven_by(&self) -> Option<(u64, String)> {
        self.driver().as_ref().map(|driver| (driver.client, driver.person.clone()))
    }

    /// A client types: its room is the terminal's size from now on. Gives the size the terminal is
    /// about to take.
    pub fn drive(&self, client: u64, person: &str, room: Option<Size>) -> Option<Size> {
        let mut driver = self.driver();
        let is_news = driver.as_ref().is_none_or(|driver| driver.client != client);
        if is_news {
            *driver = Some(Driver { client, person: person.into(), room: None });
        }
        let fitted = room.and_then(|room| self.fit(driver.as_mut()?, room));
        drop(driver);
        if is_news {
            // Those who look ask who drives.
            self.live.watchers.changed();
        }
        fitted
    }

    /// A client has this much room: the terminal takes it if that client typed last.
    pub fn room(&self, client: u64, room: Size) {
        if let Some(driver) = self.driver().as_mut().filter(|driver| driver.client == client) {
            self.fit(driver, room);
        }
    }

    fn fit(&self, driver: &mut Driver, room: Size) -> Option<Size> {
        let room = room.bounded();
        let room = Size { cols: room.cols.min(ROOM_MAX.cols), rows: room.rows.min(ROOM_MAX.rows) };
        // Without word of where in the output the new size begins, the screen would go wrong.
        if driver.room == Some(room) || !self.handle.tells_sizes() {
            return None;
        }
        driver.room = Some(room);
        // A holder that is gone is noticed by whoever follows the run.
        self.handle.resize(room).ok().map(|()| room)
    }

    /// The way to its holder.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends its process tree at once.
    pub fn kill(&self) {
        let _ = self.handle.kill();
    }
}

/// All of them.
pub struct Runs {
    all: Mutex<BTreeMap<RunId, Arc<Attached>>>,
    added: watch::Sender<()>,
    checks: Mutex<BTreeSet<String>>,
}

impl Default for Runs {
    fn default() -> Self {
        Self { all: Mutex::default(), added: watch::channel(()).0, checks: Mutex::default() }
    }
}

/// A gate's command that is being followed.
pub struct Followed<'a> {
    runs: &'a Runs,
    name: String,
}

impl Drop for Followed<'_> {
    fn drop(&mut self) {
        self.runs.checks().remove(&self.name);
    }
}

impl Runs {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RunId, Arc<Attached>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a run; the oldest ended ones make room.
    pub fn add(&self, run: Arc<Attached>) {
        let mut all = self.lock();
        all.insert(run.live.id, run);
        let ended: Vec<RunId> =
            all.iter().filter(|(_, run)| !run.is_up()).map(|(id, _)| *id).collect();
        for id in ended.iter().take(ended.len().saturating_sub(ENDED_MAX)) {
            all.remove(id);
        }
        self.added.send_replace(());
    }

    /// Word of every run that is added.
    pub fn added(&self) -> watch::Receiver<()> {
        self.added.subscribe()
    }

    fn checks(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a gate's command is followed, by its folder under `runs`.
    pub fn follow(&self, name: String) -> Followed<'_> {
        self.checks().insert(name.clone());
        Followed { runs: self, name }
    }

    /// The gates' commands that are followed, for people.
    pub fn list_checks(&self) -> Vec<String> {
        self.checks().iter().cloned().collect()
    }

    /// A run by id.
    pub fn get(&self, id: RunId) -> Option<Arc<Attached>> {
        self.lock().get(&id).cloned()
    }

    /// The live runs of a task.
    pub fn of_task(&self, task: TaskId) -> Vec<Arc<Attached>> {
        self.lock().values().filter(|run| run.live.task == task && run.is_up()).cloned().collect()
    }

    /// The run whose hook reports carry `token`. A run whose secret could not be read has none.
    pub fn by_token(&self, token: &str) -> Option<Arc<Attached>> {
        if token.is_empty() {
            return None;
        }
        self.lock().values().find(|run| run.live.token == token).cloned()
    }

    /// The live runs, for people.
    pub fn list(&self) -> Value {
        let all = self.lock();
        let live = all.values().filter(|run| run.is_up());
        live.map(|run| json!({ "run": run.live.id.to_string(), "task": run.live.task })).collect()
    }
}

/// Looks at the terminal of an ended run.
pub fn replayed<T>(folder: &Path, look: impl FnOnce(&Terminal) -> T) -> Option<T> {
    replay(folder).as_ref().map(look)
}

/// The terminal of an ended run as its transcript leaves it.
pub fn replay(folder: &Path) -> Option<Terminal> {
    let transcript = Transcript::open(folder).ok()?;
    let mut terminal = Terminal::new(Size::UNATTENDED, 5_000);
    for entry in transcript.entries().ok()? {
        match entry.ok()? {
            Entry::Output { bytes, .. } => {
                terminal.feed(&bytes);
            }
            Entry::Resize { size, .. } => {
                terminal.resize(size);
            }
            Entry::Gap { from, to, .. } => terminal.skip(to.saturating_sub(from)),
            Entry::Exit(_) => terminal.reset_modes(),
        }
    }
    Some(terminal)
}

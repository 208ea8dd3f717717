//! The runs that are alive, by id, for everybody who looks at them or types to them.

use super::live::LiveRun;
use crate::base::id::{RunId, TaskId};
use crate::base::size::Size;
use crate::runner::{Entry, Handle, InputError, Transcript};
use crate::term::Terminal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many ended runs are kept for looking at.
const ENDED_MAX: usize = 32;

/// A run with the way to its holder.
pub struct Attached {
    /// What is known of it.
    pub live: LiveRun,
    handle: Handle,
    up: AtomicBool,
}

impl Attached {
    /// A run whose holder answers.
    pub fn new(live: LiveRun, handle: Handle) -> Self {
        Self { live, handle, up: AtomicBool::new(true) }
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
#[derive(Default)]
pub struct Runs {
    all: Mutex<BTreeMap<RunId, Arc<Attached>>>,
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

/// The terminal of an ended run as its transcript leaves it.
pub fn replayed<T>(folder: &Path, look: impl FnOnce(&Terminal) -> T) -> Option<T> {
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
            Entry::Exit(_) => {}
        }
    }
    Some(look(&terminal))
}

//! What the log, its writer thread and everybody who waits have in common: what is to be written,
//! and how far the log is on the disk.

use super::StoreError;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Waiting bytes above which an append waits for the disk.
const PENDING_BYTES_MAX: usize = 32 << 20;

/// Why the log stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What was tried and what the system said.
    pub why: String,
    /// The disk or the quota is full: free some space, then open the log again.
    pub is_disk_full: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cure = if self.is_disk_full {
            "the disk is full; free some space, what was acknowledged is safe"
        } else {
            "what was acknowledged is safe; check the disk, then restart the daemon"
        };
        write!(f, "{} ({cure})", self.why)
    }
}

/// What the writer tells the daemon, from its own thread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Every record up to this one is on the disk.
    Durable(u64),
    /// Nothing more is acknowledged until the log is opened again.
    Failed(Failure),
}

/// Whether the log accepts records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Status {
    /// It does.
    Running,
    /// A write or flush failed.
    Failed(Failure),
    /// It was closed.
    Closed,
}

/// How far the log is on the disk; a handle for those who wait. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Durability(Arc<Shared>);

impl Durability {
    /// The last record that is on the disk; 0 while there is none.
    pub fn durable(&self) -> u64 {
        self.0.lock().durable.seq
    }

    /// Whether the log accepts records.
    pub fn status(&self) -> Status {
        self.0.lock().status.clone()
    }

    /// Waits until record `seq` is on the disk.
    ///
    /// # Errors
    /// The log failed or was closed before.
    pub fn wait_durable(&self, seq: u64) -> Result<(), StoreError> {
        let mut state = self.0.lock();
        while state.durable.seq < seq {
            match &state.status {
                Status::Running => state = self.0.wait(state),
                Status::Failed(failure) => return Err(StoreError::Failed(failure.clone())),
                Status::Closed => return Err(StoreError::Closed),
            }
        }
        Ok(())
    }
}

/// The end of what is on the disk.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) seq: u64,
    pub(super) sum: String,
    /// The newest segment and how many bytes of it are on the disk.
    pub(super) segment: Option<(String, u64)>,
}

/// Whole appends that wait to be written together.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) sum: String,
    pub(super) bytes: Vec<u8>,
}

impl Chunk {
    fn join(mut self, later: Option<Chunk>) -> Chunk {
        if let Some(later) = later {
            self.bytes.extend_from_slice(&later.bytes);
            self.last = later.last;
            self.sum = later.sum;
        }
        self
    }
}

/// What the log, its writer thread and everybody who waits share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    pending: Option<Chunk>,
    durable: Mark,
    status: Status,
    is_closing: bool,
}

impl Shared {
    pub(super) fn new(durable: Mark) -> Arc<Self> {
        let state = State { pending: None, durable, status: Status::Running, is_closing: false };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new() })
    }

    pub(super) fn durability(self: &Arc<Self>) -> Durability {
        Durability(Arc::clone(self))
    }

    pub(super) fn mark(&self) -> Mark {
        self.lock().durable.clone()
    }

    /// Hands a chunk to the writer; waits while too much is waiting already.
    pub(super) fn push(&self, chunk: Chunk) -> Result<(), StoreError> {
        let mut state = self.lock();
        loop {
            match &state.status {
                Status::Failed(failure) => return Err(StoreError::Failed(failure.clone())),
                Status::Closed => return Err(StoreError::Closed),
                Status::Running => {}
            }
            let waiting = state.pending.as_ref().map_or(0, |pending| pending.bytes.len());
            if waiting < PENDING_BYTES_MAX {
                break;
            }
            state = self.wait(state);
        }
        let pending = state.pending.take();
        state.pending = Some(match pending {
            Some(earlier) => earlier.join(Some(chunk)),
            None => chunk,
        });
        self.changed.notify_all();
        Ok(())
    }

    /// Accepts records again after a failure.
    pub(super) fn resume(&self) {
        self.lock().status = Status::Running;
    }

    /// Stops accepting records.
    pub(super) fn stop(&self, failure: Failure) {
        self.lock().status = Status::Failed(failure);
        self.changed.notify_all();
    }

    /// After the writer ended without having been asked to, for instance because the daemon's
    /// callback panicked: nobody may wait for it for ever.
    pub(super) fn writer_ended(&self) {
        let state = self.lock();
        let is_unexpected = state.status == Status::Running && !state.is_closing;
        drop(state);
        if is_unexpected {
            self.stop(Failure { why: "its writer ended".into(), is_disk_full: false });
        }
    }

    /// Asks the writer to write what waits and to end.
    pub(super) fn close(&self) {
        self.lock().is_closing = true;
        self.changed.notify_all();
    }

    /// After the writer ended: nobody waits any longer.
    pub(super) fn closed(&self) {
        self.lock().status = Status::Closed;
        self.changed.notify_all();
    }

    /// A segment that nothing is durable of was begun.
    pub(super) fn begin_segment(&self, name: &str) {
        self.lock().durable.segment = Some((name.into(), 0));
    }

    /// Everything up to `mark` is on the disk.
    pub(super) fn publish(&self, mark: Mark) {
        self.lock().durable = mark;
        self.changed.notify_all();
    }

    /// Takes back a chunk that could not be written.
    pub(super) fn put_back(&self, chunk: Chunk) {
        let mut state = self.lock();
        state.pending = Some(chunk.join(state.pending.take()));
    }

    /// The next chunk to write; `None` once the log is closed and all is written.
    pub(super) fn next(&self) -> Option<Chunk> {
        let mut state = self.lock();
        loop {
            if let Some(chunk) = state.pending.take() {
                return Some(chunk);
            }
            if state.is_closing {
                return None;
            }
            state = self.wait(state);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

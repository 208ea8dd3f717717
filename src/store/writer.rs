//! Group commit: one thread writes everything that waits, flushes once, then says how far the log is
//! durable. After any failure it never touches that file again.

use super::disk::{self, Disk, DiskFile};
use super::{StoreError, scan};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
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

    fn next(&self) -> Option<Chunk> {
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

/// The segment being written.
pub(super) struct OpenSegment {
    pub(super) name: String,
    pub(super) length: u64,
    pub(super) file: Box<dyn DiskFile>,
    /// Its name may not survive power loss yet.
    pub(super) is_new: bool,
}

/// The writer thread's side.
pub(super) struct Writer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: PathBuf,
    pub(super) rotate_at: u64,
    pub(super) shared: Arc<Shared>,
    pub(super) segment: Option<OpenSegment>,
    pub(super) on_progress: Arc<dyn Fn(Progress) + Send + Sync>,
}

impl Writer {
    /// Writes until the log is closed or a write fails.
    pub(super) fn run(mut self) {
        while let Some(chunk) = self.shared.next() {
            match self.write(&chunk) {
                Ok(segment) => self.succeed(chunk, segment),
                Err(error) => return self.fail(chunk, &error),
            }
        }
    }

    /// On failure the file is dropped with everything that is not certain about it.
    fn write(&mut self, chunk: &Chunk) -> io::Result<OpenSegment> {
        let mut segment = match self.segment.take() {
            Some(segment) if segment.length < self.rotate_at => segment,
            _ => self.create(chunk.first)?,
        };
        disk::write_all(segment.file.as_mut(), &chunk.bytes)?;
        segment.file.sync()?;
        if segment.is_new {
            self.disk.sync_folder(&self.folder)?;
            segment.is_new = false;
        }
        segment.length += chunk.bytes.len() as u64;
        Ok(segment)
    }

    fn create(&self, first: u64) -> io::Result<OpenSegment> {
        let name = scan::segment_name(first);
        self.shared.lock().durable.segment = Some((name.clone(), 0));
        let file = self.disk.create(&self.folder.join(&name))?;
        Ok(OpenSegment { name, length: 0, file, is_new: true })
    }

    fn succeed(&mut self, chunk: Chunk, segment: OpenSegment) {
        let position = Some((segment.name.clone(), segment.length));
        self.segment = Some(segment);
        let seq = chunk.last;
        self.shared.lock().durable = Mark { seq, sum: chunk.sum, segment: position };
        self.shared.changed.notify_all();
        (self.on_progress)(Progress::Durable(seq));
    }

    /// Keeps what was not written for when the log is opened again, and tries to remove its traces, so
    /// that a restarted daemon does not find records that nobody was told of.
    fn fail(self, chunk: Chunk, error: &io::Error) {
        let failure = Failure {
            why: format!("cannot write to {}: {error}", self.folder.display()),
            is_disk_full: disk::is_full(error),
        };
        let mark = self.shared.mark();
        let _ = cut_to(self.disk.as_ref(), &self.folder, &mark);
        let mut state = self.shared.lock();
        state.pending = Some(chunk.join(state.pending.take()));
        drop(state);
        self.shared.stop(failure.clone());
        (self.on_progress)(Progress::Failed(failure));
    }
}

/// Removes what lies in the newest segment behind `mark`.
pub(super) fn cut_to(disk: &dyn Disk, folder: &Path, mark: &Mark) -> io::Result<()> {
    let Some((name, length)) = &mark.segment else { return Ok(()) };
    let path = folder.join(name);
    if *length > 0 {
        return disk.truncate(&path, *length);
    }
    match disk.remove(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => disk.sync_folder(folder),
    }
}

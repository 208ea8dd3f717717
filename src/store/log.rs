//! The log that a daemon holds open: opening with repair, appending, and going on after a failure.

use super::StoreError;
use super::disk::{self, Disk, LockGuard};
use super::record::{self, NewRecord, Place, Record};
use super::repair::{self, TornTail};
use super::scan::{self, Problem};
use super::shared::{Chunk, Durability, Failure, Mark, Progress, Shared, Status};
use super::writer::{self, OpenSegment, Writer};
use std::io;
use std::ops::{ControlFlow, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Bytes kept aside, so that "the disk is full" can itself be recorded.
pub const RESERVE_BYTES: usize = 64 << 10;

/// Records that one append may have: more than follow from any one command.
pub(super) const APPEND_RECORDS_MAX: usize = 1 << 16;

/// The reserve is set aside again once so much is free.
const ROOM_FOR_RESERVE: u64 = 4 * RESERVE_BYTES as u64;

const LOCK_NAME: &str = "lock";
const RESERVE_NAME: &str = "reserve";

/// How a log is kept.
#[derive(Clone)]
pub struct Options {
    /// A segment of at least so many bytes is followed by a new one.
    pub rotate_at: u64,
    /// Called from the writer thread after each flush and after a failure. It must not block.
    pub on_progress: Arc<dyn Fn(Progress) + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self { rotate_at: 64 << 20, on_progress: Arc::new(|_| {}) }
    }
}

/// A log and what was found when it was opened.
#[derive(Debug)]
pub struct Opened {
    /// The log.
    pub log: EventLog,
    /// What was found.
    pub report: OpenReport,
}

/// What was found when a log was opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenReport {
    /// How many records were given to the visitor.
    pub records: u64,
    /// The last of them; 0 when there was none.
    pub last_seq: u64,
    /// A tail that was cut.
    pub torn: Option<TornTail>,
    /// Damage before the end. When there is any, the log is read-only.
    pub damage: Vec<Problem>,
    /// Whether [`RESERVE_BYTES`] are set aside.
    pub has_reserve: bool,
}

/// The one writer of a log.
pub struct EventLog {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    options: Options,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    next_seq: u64,
    last_sum: String,
    damage: Option<Problem>,
    has_reserve: bool,
    _lock: Box<dyn LockGuard>,
}

impl std::fmt::Debug for EventLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventLog").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl EventLog {
    /// Opens the log in `folder` (made when missing) and gives every record to `visit`, in order. A
    /// torn tail is cut and reported; a log with damage before its end, or with a record that
    /// `visit` cannot make sense of, is opened read-only. Every record given to `visit` is on the
    /// disk when this returns.
    ///
    /// # Errors
    /// Another process writes this log, or the disk refuses.
    pub fn open(
        folder: &Path,
        disk: Arc<dyn Disk>,
        options: Options,
        visit: &mut dyn FnMut(Record) -> Result<(), String>,
    ) -> Result<Opened, StoreError> {
        disk.create_folder(folder).map_err(StoreError::io("make", folder))?;
        let lock_path = folder.join(LOCK_NAME);
        let lock = disk.lock(&lock_path).map_err(StoreError::io("lock", &lock_path))?;
        let lock = lock.ok_or_else(|| StoreError::InUse { folder: folder.into() })?;
        let scan = scan::scan(disk.as_ref(), folder, 1, &mut |record| {
            visit(record).map(ControlFlow::Continue)
        })?;
        let (torn, damage) = match scan.is_torn {
            true => (repair::cut_torn_tail(disk.as_ref(), folder, &scan)?, Vec::new()),
            false => (None, scan.problems.clone()),
        };
        let segment = match damage.is_empty() {
            true => repair::open_last_segment(disk.as_ref(), folder, &scan)?,
            false => None,
        };
        let position = segment.as_ref().map(|segment| (segment.name.clone(), segment.length));
        let mark = Mark { seq: scan.last_seq, sum: scan.last_sum.clone(), segment: position };
        let mut log = EventLog {
            folder: folder.into(),
            shared: Shared::new(mark),
            disk,
            options,
            writer: None,
            next_seq: scan.last_seq + 1,
            last_sum: scan.last_sum,
            damage: damage.first().cloned(),
            has_reserve: false,
            _lock: lock,
        };
        if log.damage.is_none() {
            log.start_writer(segment)?;
        }
        if log.damage.is_none() {
            log.restore_reserve();
        }
        let has_reserve = log.has_reserve;
        let (records, last_seq) = (scan.records, scan.last_seq);
        Ok(Opened { log, report: OpenReport { records, last_seq, torn, damage, has_reserve } })
    }

    /// Adds records that belong together: after a crash all of them are there or none. They are in
    /// order and numbered when this returns, and acknowledged when they are durable. Waits only
    /// while the disk is far behind.
    ///
    /// # Errors
    /// Nothing was added: the log is read-only or has failed, or a record cannot be kept.
    pub fn append(&mut self, records: Vec<NewRecord>) -> Result<RangeInclusive<u64>, StoreError> {
        if let Some(problem) = &self.damage {
            return Err(StoreError::ReadOnly(problem.clone()));
        }
        let first = self.next_seq;
        let last = first - 1 + records.len() as u64;
        if records.is_empty() {
            return Ok(first..=last);
        }
        if !self.has_reserve && self.is_well() && self.has_room() {
            self.restore_reserve();
        }
        let mut bytes = Vec::new();
        let mut sum = self.last_sum.clone();
        for (seq, record) in (first..).zip(&records) {
            let place = Place { seq, previous_sum: &sum, more: seq < last };
            let refused = |why| StoreError::Unwritable { kind: record.kind.clone(), why };
            if records.len() > APPEND_RECORDS_MAX {
                return Err(refused(format!("one append holds at most {APPEND_RECORDS_MAX}")));
            }
            sum = record::encode(record, &place, &mut bytes).map_err(refused)?;
        }
        self.shared.push(Chunk { first, last, sum: sum.clone(), bytes })?;
        self.next_seq = last + 1;
        self.last_sum = sum;
        Ok(first..=last)
    }

    /// The sequence number the next record gets.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// How far the log is on the disk, for those who wait.
    pub fn durability(&self) -> Durability {
        self.shared.durability()
    }

    /// The damage that makes this log read-only.
    pub fn damage(&self) -> Option<&Problem> {
        self.damage.as_ref()
    }

    /// Goes on after a failure: cuts what was not acknowledged off the disk, checks the whole log
    /// again, and writes in a new segment what was accepted but never acknowledged. On a full disk
    /// the reserve makes room for that.
    ///
    /// # Errors
    /// The log is as it was: still failed, or damaged and from now on read-only.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        if let Some(problem) = &self.damage {
            return Err(StoreError::ReadOnly(problem.clone()));
        }
        let Status::Failed(failure) = self.durability().status() else { return Ok(()) };
        if failure.is_disk_full {
            self.release_reserve();
        }
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
        let mark = self.shared.mark();
        writer::cut_to(self.disk.as_ref(), &self.folder, &mark)
            .map_err(StoreError::io("cut the unfinished end of", &self.folder))?;
        let scan = scan::scan(self.disk.as_ref(), &self.folder, 1, &mut |_| {
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some(problem) = scan.problems.into_iter().next() {
            self.damage = Some(problem.clone());
            return Err(StoreError::ReadOnly(problem));
        }
        if (scan.last_seq, &scan.last_sum) != (mark.seq, &mark.sum) {
            let why = format!("it ends with record {} instead of {}", scan.last_seq, mark.seq);
            return Err(StoreError::Failed(Failure { why, is_disk_full: false }));
        }
        self.shared.resume();
        self.start_writer(None).inspect_err(|error| {
            self.shared.stop(Failure { why: error.to_string(), is_disk_full: false });
        })
    }

    /// Gives the reserved space back to the disk, so that a few more records fit.
    fn release_reserve(&mut self) {
        let _ = self.disk.remove(&self.folder.join(RESERVE_NAME));
        self.has_reserve = false;
    }

    fn is_well(&self) -> bool {
        matches!(self.durability().status(), Status::Running)
    }

    fn has_room(&self) -> bool {
        self.disk.free_bytes(&self.folder).is_ok_and(|free| free >= ROOM_FOR_RESERVE)
    }

    /// Sets the reserved space aside, if it is not yet and there is room for it.
    fn restore_reserve(&mut self) {
        let path = self.folder.join(RESERVE_NAME);
        let made = match self.disk.create(&path) {
            Ok(mut file) => {
                let filled = disk::write_all(file.as_mut(), &vec![b'.'; RESERVE_BYTES]);
                filled.and_then(|()| file.sync())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        };
        self.has_reserve = made.is_ok();
        if made.is_err() {
            let _ = self.disk.remove(&path);
        }
    }

    fn start_writer(&mut self, segment: Option<OpenSegment>) -> Result<(), StoreError> {
        let writer = Writer {
            disk: Arc::clone(&self.disk),
            folder: self.folder.clone(),
            rotate_at: self.options.rotate_at,
            shared: Arc::clone(&self.shared),
            segment,
            on_progress: Arc::clone(&self.options.on_progress),
        };
        let thread = std::thread::Builder::new().name("event-log".into());
        let started = thread.spawn(move || writer.run());
        self.writer = Some(started.map_err(StoreError::io("start the writer of", &self.folder))?);
        Ok(())
    }
}

impl Drop for EventLog {
    /// Writes what still waits, then lets others open the log.
    fn drop(&mut self) {
        self.shared.close();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
        self.shared.closed();
    }
}

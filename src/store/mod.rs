//! The event log: append-only checksummed JSONL segments with group commit.
//!
//! Knows records, not their meaning. One writer per folder, guarded by a file lock. A record is
//! acknowledged only after its bytes were flushed to the disk. The checksum chain detects damage,
//! not tampering: whoever can write the files can also write matching checksums.

mod disk;
mod log;
mod reader;
mod record;
mod repair;
mod scan;
mod shared;
mod writer;

pub use disk::{Disk, DiskFile, LockGuard, SystemDisk};
pub use log::{EventLog, OpenReport, Opened, Options, RESERVE_BYTES};
pub use reader::{VerifyReport, read_range, verify};
pub use record::{NewRecord, RECORD_BYTES_MAX, Record};
pub use repair::TornTail;
pub use scan::Problem;
pub use shared::{Durability, Failure, Progress, Status};

use std::io;
use std::path::{Path, PathBuf};

/// Why the event log could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process writes this log.
    #[error(
        "the event log in {folder} is in use by another monban daemon; stop that one first \
         (monban daemon stop)"
    )]
    InUse {
        /// The log's folder.
        folder: PathBuf,
    },
    /// A file of the log could not be read, written or made.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log is damaged before its end, so nothing may be added.
    #[error(
        "the event log is read-only because it is damaged at {0}; stop the daemon and restore that \
         file from a backup"
    )]
    ReadOnly(Problem),
    /// What was to be read is damaged.
    #[error("the event log is damaged at {0}")]
    Damaged(Problem),
    /// A write or a flush failed; nothing is accepted until the log is opened again.
    #[error("the event log stopped: {0}")]
    Failed(Failure),
    /// The log was closed while somebody waited for it.
    #[error("the event log was closed before the record was on disk")]
    Closed,
    /// A record that could be written but not read back.
    #[error("record of type {kind} cannot be kept: {why}")]
    Unwritable {
        /// The record's type.
        kind: String,
        /// What is wrong with it.
        why: String,
    },
}

impl StoreError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_path_buf(), source }
    }
}

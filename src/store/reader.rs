//! Looking at a log without writing to it, also while a daemon does.

use super::StoreError;
use super::disk::Disk;
use super::record::Record;
use super::scan::{self, Problem};
use serde::Serialize;
use std::ops::{ControlFlow, RangeInclusive};
use std::path::Path;

/// What `verify` found. Serialised as it is shown with `--json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct VerifyReport {
    /// How many segment files there are.
    pub segments: usize,
    /// How many records are good, up to the first problem.
    pub records: u64,
    /// The first good record.
    pub first_seq: Option<u64>,
    /// The last good record; 0 when there is none.
    pub last_seq: u64,
    /// The sum of the last good record: two logs with the same one hold the same records.
    pub chain_head: String,
    /// A write that a crash cut short at the very end, or one that a running daemon is in the
    /// middle of. The next start of the daemon cuts it.
    pub torn: Option<Problem>,
    /// Damage. At most 100 places are listed.
    pub problems: Vec<Problem>,
}

impl VerifyReport {
    /// Nothing that was acknowledged is damaged.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Checks every record of the log in `folder`; `check` says what is wrong with the meaning of one.
/// It detects damage, not tampering.
///
/// # Errors
/// A file cannot be read. What is wrong inside the files is in the report.
pub fn verify(
    folder: &Path,
    disk: &dyn Disk,
    check: &mut dyn FnMut(Record) -> Result<(), String>,
) -> Result<VerifyReport, StoreError> {
    let mut visit = |record| check(record).map(ControlFlow::Continue);
    let scan = scan::scan(disk, folder, 1, &mut visit)?;
    let (torn, problems) = match scan.is_torn {
        true => (scan.problems.into_iter().next(), Vec::new()),
        false => (None, scan.problems),
    };
    Ok(VerifyReport {
        segments: scan.segments.len(),
        records: scan.records,
        first_seq: scan.first_seq,
        last_seq: scan.last_seq,
        chain_head: scan.last_sum,
        torn,
        problems,
    })
}

/// Gives the records of `range` to `visit`, in order and in one pass, until it breaks. The caller
/// bounds the range by what is durable.
///
/// # Errors
/// A file cannot be read, or is damaged before the end of the range.
pub fn read_range(
    folder: &Path,
    disk: &dyn Disk,
    range: RangeInclusive<u64>,
    visit: &mut dyn FnMut(Record) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let scan = scan::scan(disk, folder, *range.start(), &mut |record| {
        let is_behind = record.seq >= *range.end();
        if range.contains(&record.seq) {
            let next = visit(record);
            if next.is_break() {
                return Ok(next);
            }
        }
        Ok(if is_behind { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    match scan.problems.into_iter().next() {
        Some(problem) => Err(StoreError::Damaged(problem)),
        None => Ok(()),
    }
}

//! Collects the exit statuses of all children, the adopted ones too, on a thread of its own, and
//! says so through a pipe that can be polled.

use crate::wire::hold::Status;
use rustix::io::Errno;
use rustix::process::{WaitOptions, WaitStatus, wait};
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

const STACK_BYTES: usize = 64 * 1024;
const RECORD_BYTES: usize = 12;

/// What the reaper saw.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reaped {
    /// A child ended.
    Child(u32, Status),
    /// There are no children any more. For a subreaper that means no descendants.
    Nobody,
}

/// The polled end of the reaper.
#[derive(Debug)]
pub(super) struct Reaper {
    pipe: PipeReader,
}

impl Reaper {
    /// Starts collecting. Only once there is a child, and the only one in this process to wait for
    /// any.
    pub(super) fn start() -> io::Result<Self> {
        let (pipe, mut write) = io::pipe()?;
        std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            // Ends with the last child, or when the holder no longer listens.
            while let Some(record) = next_record() {
                if write.write_all(&record).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { pipe })
    }

    /// The next event; blocks unless the descriptor polled as readable.
    pub(super) fn next(&mut self) -> io::Result<Reaped> {
        let mut record = [0; RECORD_BYTES];
        match self.pipe.read_exact(&mut record) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(Reaped::Nobody);
            }
            read => read?,
        }
        let number = |at: usize| {
            i32::from_ne_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
        };
        let status =
            if number(4) == 0 { Status::Code(number(8)) } else { Status::Signal(number(8)) };
        Ok(Reaped::Child(number(0).unsigned_abs(), status))
    }
}

impl AsFd for Reaper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// Process id, kind (0 code, 1 signal) and value of the next child that ends; `None` without
/// children.
fn next_record() -> Option<[u8; RECORD_BYTES]> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => {
                if let Some((kind, value)) = kind_and_value(status) {
                    let mut record = [0; RECORD_BYTES];
                    record[..4].copy_from_slice(&pid.as_raw_nonzero().get().to_ne_bytes());
                    record[4..8].copy_from_slice(&kind.to_ne_bytes());
                    record[8..].copy_from_slice(&value.to_ne_bytes());
                    return Some(record);
                }
            }
            Ok(None) | Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

fn kind_and_value(status: WaitStatus) -> Option<(i32, i32)> {
    let code = status.exit_status().map(|code| (0, code));
    code.or_else(|| status.terminating_signal().map(|signal| (1, signal)))
}

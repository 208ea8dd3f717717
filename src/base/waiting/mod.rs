//! Waiting until one of several descriptors can be used.
//!
//! poll(2), except on macOS, where poll does not work on terminals and select(2) is used instead.

#[cfg(not(target_os = "macos"))]
mod poll;
#[cfg(target_os = "macos")]
mod select;

#[cfg(not(target_os = "macos"))]
use poll as system;
#[cfg(target_os = "macos")]
use select as system;

use super::ticks::now;
use rustix::event::Timespec;
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// A descriptor to wait for, and what came of it.
#[derive(Debug)]
pub struct Watch<'a> {
    fd: BorrowedFd<'a>,
    wants: Wants,
    /// It can be used, or has failed, which using it will show.
    pub is_ready: bool,
    /// The other end is gone, as far as this system says.
    pub is_hung_up: bool,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Whichever comes first.
    Either,
}

impl<'a> Watch<'a> {
    /// Waits for `fd`.
    pub fn new(fd: &'a impl AsFd, wants: Wants) -> Self {
        Self { fd: fd.as_fd(), wants, is_ready: false, is_hung_up: false }
    }
}

/// Waits until one of `watches` is ready, for ever without a `timeout`. Returns how many are.
/// May return early with none.
pub fn wait(watches: &mut [Watch<'_>], timeout: Option<Duration>) -> io::Result<usize> {
    match system::wait(watches, timeout.map(round_up).as_ref()) {
        Ok(()) => Ok(watches.iter().filter(|watch| watch.is_ready).count()),
        Err(Errno::INTR) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Whether `fd` can be read within `timeout`.
pub fn is_readable(fd: &impl AsFd, timeout: Duration) -> io::Result<bool> {
    let until = now() + timeout;
    loop {
        let left = until.saturating_duration_since(now());
        let is_ready = wait(&mut [Watch::new(fd, Wants::Read)], Some(left))? > 0;
        if is_ready || left.is_zero() {
            return Ok(is_ready);
        }
    }
}

/// Whole milliseconds, so that a deadline is never waited for in a spin just before it.
fn round_up(time: Duration) -> Timespec {
    let ms = i64::from(time.subsec_nanos().div_ceil(1_000_000));
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX - 1);
    Timespec { tv_sec: seconds + ms / 1000, tv_nsec: ms % 1000 * 1_000_000 }
}

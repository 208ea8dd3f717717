//! Waking the dashboard's loop, which waits for descriptors, from elsewhere: another thread, or the
//! handler of a signal.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;

/// What wakes; the other side is [`Woken`].
#[derive(Debug)]
pub struct Waker(UnixStream);

/// What can be read once it was woken.
#[derive(Debug)]
pub struct Woken(UnixStream);

/// Both sides of one.
///
/// # Errors
/// There is no room for more descriptors.
pub fn pair() -> io::Result<(Waker, Woken)> {
    let (waker, woken) = UnixStream::pair()?;
    waker.set_nonblocking(true)?;
    woken.set_nonblocking(true)?;
    Ok((Waker(waker), Woken(woken)))
}

impl Waker {
    /// Wakes, and returns at once.
    pub fn wake(&self) {
        // One that is full wakes already.
        let _ = (&self.0).write(&[0]);
    }

    /// For a signal's handler, which may do little else than write.
    pub(super) fn number(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Woken {
    /// Whether it was woken since the last call.
    pub fn take(&self) -> bool {
        let mut buffer = [0; 64];
        let mut was_woken = false;
        while let Ok(1..) = (&self.0).read(&mut buffer) {
            was_woken = true;
        }
        was_woken
    }
}

impl AsFd for Woken {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

//! Waking the dashboard's loop, which waits for descriptors, from elsewhere: another thread, or the
//! handler of a signal.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;

/// What wakes; the other side is [`Woken`].
#[derive(Debug)]
pub struct Waker(UnixStream);

/// What can be read once it was woken.
#[derive(Debug)]
pub struct Woken {
    stream: UnixStream,
    is_over: Cell<bool>,
}

/// Both sides of one.
///
/// # Errors
/// There is no room for more descriptors.
pub fn pair() -> io::Result<(Waker, Woken)> {
    let (waker, woken) = UnixStream::pair()?;
    waker.set_nonblocking(true)?;
    woken.set_nonblocking(true)?;
    Ok((Waker(waker), Woken { stream: woken, is_over: Cell::new(false) }))
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
        loop {
            match (&self.stream).read(&mut buffer) {
                Ok(0) => self.is_over.set(true),
                Ok(_) => {
                    was_woken = true;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => {}
            }
            return was_woken;
        }
    }

    /// Whether [`Self::take`] found that what wakes is gone: from then on this is ready for ever,
    /// and not to be waited for.
    pub fn is_over(&self) -> bool {
        self.is_over.get()
    }
}

impl AsFd for Woken {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::waiting::is_readable;
    use std::time::Duration;

    #[test]
    fn what_wakes_may_end_and_that_is_told_once_it_was_looked_at() {
        let (waker, woken) = pair().unwrap();
        assert!(!woken.take() && !woken.is_over());
        waker.wake();
        assert!(woken.take() && !woken.is_over());
        waker.wake();
        drop(waker);
        assert!(woken.take() && woken.is_over());
        assert!(is_readable(&woken, Duration::ZERO).unwrap(), "for ever");
    }
}

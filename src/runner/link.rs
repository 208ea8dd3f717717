//! The holder's end of the socket: who may talk to it, and frames in and out without ever blocking.
//!
//! One daemon at a time; the one that said hello last is it. It knows nothing of what requests
//! mean.

use super::passing;
use crate::wire::frame::{self, Decoder};
use crate::wire::hold::{Notice, Request};
use rustix::fs::Mode;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

const READ_BYTES: usize = 16 * 1024;
/// Requests are small: whoever announces more could only fill the holder's memory.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// A connected process, non-blocking.
#[derive(Debug)]
pub(super) struct Peer {
    stream: UnixStream,
    decoder: Decoder,
    out: Vec<u8>,
    /// Its process id when it connected.
    pub(super) pid: u32,
}

/// The listening socket; its path goes with it.
#[derive(Debug)]
pub(super) struct Listener {
    listener: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Listens at `path` for the owner alone. The path is the run's: what lies there is removed.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        let _ = std::fs::remove_file(path);
        let before = rustix::process::umask(Mode::from_raw_mode(0o177));
        let bound = UnixListener::bind(path);
        rustix::process::umask(before);
        let listener = bound?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path: path.to_path_buf() })
    }

    /// The process that waits to be let in, if it is the owner's.
    pub(super) fn accept(&self) -> io::Result<Peer> {
        let (stream, _) = self.listener.accept()?;
        let peer = passing::peer(&stream)?;
        if peer.user != rustix::process::getuid().as_raw() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        stream.set_nonblocking(true)?;
        let decoder = Decoder::bounded(REQUEST_BYTES_MAX);
        Ok(Peer { stream, decoder, out: Vec::new(), pid: peer.pid })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Peer {
    /// The requests that have arrived; an error means that it is gone or not to be talked to.
    pub(super) fn requests(&mut self) -> io::Result<Vec<Request>> {
        let mut buffer = [0; READ_BYTES];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.decoder.push(&buffer[..count]),
            Err(error) if is_later(&error) => {}
            Err(error) => return Err(error),
        }
        let mut requests = Vec::new();
        while let Some(request) = self.decoder.next_frame().map_err(io::Error::other)? {
            requests.push(request);
        }
        Ok(requests)
    }

    /// Whether something still waits to be sent.
    pub(super) fn is_sending(&self) -> bool {
        !self.out.is_empty()
    }

    /// Queues a notice and sends what the socket takes.
    pub(super) fn send(&mut self, notice: &Notice) -> io::Result<()> {
        self.out.extend(frame::encode(notice).map_err(io::Error::other)?);
        self.flush()
    }

    /// Sends a notice with a duplicate of `descriptor`. Only as the first of all.
    pub(super) fn send_with(
        &mut self,
        notice: &Notice,
        descriptor: BorrowedFd<'_>,
    ) -> io::Result<()> {
        let bytes = frame::encode(notice).map_err(io::Error::other)?;
        let sent = passing::send(&self.stream, &bytes, descriptor)?;
        self.out.extend(&bytes[sent..]);
        Ok(())
    }

    /// Sends what the socket takes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(count) => drop(self.out.drain(..count)),
                Err(error) if is_later(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

//! The connection of a dashboard: what it says goes out in order and at once, what it is told comes
//! in. Neither side waits for the other, and nothing stands between the loop and the socket.

use crate::model::rejection::Rejection;
use crate::wire::frame::{self, Decoder, FrameError};
use crate::wire::people::{Answer, Request};
use crate::wire::view::{Said, Told};
use crate::wire::watched::{duplicate, watched};
use rustix::io::Errno;
use serde::de::DeserializeOwned;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// With more than this waiting to go out, in bytes, nothing more is typed: the line takes less than
/// a person types.
const TYPED_BYTES_MAX: usize = 2 << 20;
/// With more than this nothing at all is said any more: it is stuck.
const WAITING_BYTES_MAX: usize = 4 << 20;
/// How much of what is told is read at once: most frames are smaller.
const READ_BYTES: usize = 64 << 10;
/// How long the daemon may take to answer the request to attach.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The daemon refuses.
    #[error("{0}")]
    Refused(Rejection),
    /// The line broke, or the other side is not monban.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The daemon says nothing.
    #[error("the daemon does not answer")]
    Silent,
}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        Self::Frame(error.into())
    }
}

/// A connection that is attached.
pub struct Link {
    /// Watched for reading alone: a socket that is watched for writing too wakes its owner whenever
    /// the other side reads.
    stream: AsyncFd<Arc<OwnedFd>>,
    decoder: Decoder,
    buffer: Vec<u8>,
    /// What the socket has not taken yet.
    waiting: Vec<u8>,
    /// The same socket watched for writing, while something waits.
    writable: Option<AsyncFd<Arc<OwnedFd>>>,
}

impl Link {
    /// Attaches over a stream on which both have said hello; `attach` is the request to.
    ///
    /// # Errors
    /// The daemon refuses or is gone.
    pub async fn attach(stream: UnixStream, attach: &Request) -> Result<Self, LinkError> {
        stream.set_nonblocking(true)?;
        let mut link = Self {
            stream: watched(Arc::new(stream.into()), Interest::READABLE)?,
            decoder: Decoder::default(),
            buffer: vec![0; READ_BYTES],
            waiting: frame::encode(attach)?,
            writable: None,
        };
        link.flush()?;
        match tokio::time::timeout(ATTACH_TIMEOUT, link.next::<Answer>()).await {
            Err(_) => Err(LinkError::Silent),
            Ok(answer) => match answer? {
                Some(Answer::Done(_)) => Ok(link),
                Some(Answer::Refused(rejection)) => Err(LinkError::Refused(rejection)),
                Some(_) | None => Err(LinkError::Silent),
            },
        }
    }

    /// Sends a message; false when the line takes no more, or is gone.
    pub fn say(&mut self, said: &Said) -> bool {
        let Ok(bytes) = frame::encode(said) else { return false };
        let most = match said {
            Said::Press { .. } | Said::Paste { .. } => TYPED_BYTES_MAX,
            // Credit that is lost would be waited for.
            _ => WAITING_BYTES_MAX,
        };
        if self.waiting.len() > most {
            return false;
        }
        self.waiting.extend(bytes);
        self.flush().is_ok()
    }

    /// The next message; `None` when the connection is gone. Cancel-safe.
    pub async fn told(&mut self) -> Option<Told> {
        self.next().await.ok().flatten()
    }

    /// The next message, while what waits goes out; `None` at the end. May be dropped and called
    /// again.
    async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        loop {
            if let Some(message) = self.decoder.next_frame()? {
                return Ok(Some(message));
            }
            tokio::select! {
                ready = self.stream.readable() => {
                    let mut ready = ready?;
                    match rustix::io::read(ready.get_inner(), &mut self.buffer) {
                        Ok(0) => return Ok(None),
                        Ok(count) => {
                            if count < self.buffer.len() {
                                ready.clear_ready();
                            }
                            self.decoder.push(&self.buffer[..count]);
                        }
                        Err(Errno::AGAIN | Errno::INTR) => ready.clear_ready(),
                        Err(error) => return Err(io::Error::from(error).into()),
                    }
                }
                taken = taken(&self.writable) => {
                    taken?;
                    self.flush()?;
                }
            }
        }
    }

    /// Writes what the socket takes.
    fn flush(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            match rustix::io::write(self.stream.get_ref(), &self.waiting) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(Errno::AGAIN | Errno::INTR) => {
                    if self.writable.is_none() {
                        let writable = duplicate(self.stream.get_ref(), Interest::WRITABLE)?;
                        self.writable = Some(writable);
                    }
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.writable = None;
        Ok(())
    }
}

/// Returns when the socket takes more of what waits.
async fn taken(writable: &Option<AsyncFd<Arc<OwnedFd>>>) -> io::Result<()> {
    match writable {
        Some(socket) => {
            socket.writable().await?.clear_ready();
            Ok(())
        }
        None => std::future::pending().await,
    }
}

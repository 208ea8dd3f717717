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
    /// There is nobody to attach to.
    #[error("{0}")]
    Unreachable(String),
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
    /// It takes nothing any more.
    is_broken: bool,
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
            is_broken: false,
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

    /// Sends a message; false when it is too long, the line takes no more, or is gone.
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
        self.is_broken |= self.flush().is_err();
        !self.is_broken
    }

    /// The next message; `None` when the connection is gone, in either direction. Cancel-safe.
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
            if self.is_broken {
                return Ok(None);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::RunId;
    use crate::wire::people::{Ask, DaemonAsk};

    #[tokio::test]
    async fn what_is_too_long_to_be_sent_is_refused_and_the_line_goes_on() {
        let (near, far) = UnixStream::pair().unwrap();
        let daemon = std::thread::spawn(move || {
            let mut far = far;
            frame::read::<Request>(&mut far).unwrap();
            frame::write(&mut far, &Answer::Done(serde_json::Value::Null)).unwrap();
            frame::read::<Said>(&mut far).unwrap()
        });
        let attach = Request { at: "/".into(), ask: Ask::Daemon(DaemonAsk::Status) };
        let mut link = Link::attach(near, &attach).await.unwrap();
        let text = "x".repeat(frame::FRAME_BYTES_MAX);
        assert!(!link.say(&Said::Paste { run: RunId(1), text }));
        assert!(link.say(&Said::Ping { at: 7 }));
        assert_eq!(link.told().await, None, "the daemon has hung up");
        assert_eq!(daemon.join().unwrap(), Some(Said::Ping { at: 7 }));
    }
}

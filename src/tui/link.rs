//! The connection of a dashboard: what it says goes out in order and at once, what it is told comes
//! in. Neither side waits for the other, and nothing stands between the loop and the socket.

use crate::base::waiting::{Wants, Watch};
use crate::model::rejection::Rejection;
use crate::wire::frame::{self, Decoder, FrameError};
use crate::wire::people::{Answer, Request};
use crate::wire::view::{self, Said, Told};
use rustix::io::Errno;
use std::io;
use std::os::unix::net::UnixStream;

/// With more than this waiting to go out, in bytes, nothing more is typed: the line takes less than
/// a person types.
const TYPED_BYTES_MAX: usize = 2 << 20;
/// With more than this nothing at all is said any more: it is stuck.
const WAITING_BYTES_MAX: usize = 4 << 20;
/// How much of what is told is read at once: most frames are smaller.
const READ_BYTES: usize = 64 << 10;

/// Why there is no connection any more, or none came to be.
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
    /// It ended.
    #[error("the connection ended")]
    Ended,
    /// The daemon says nothing, or nothing that makes sense.
    #[error("the daemon does not answer")]
    Silent,
}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        Self::Frame(error.into())
    }
}

/// A connection.
pub struct Link {
    stream: UnixStream,
    decoder: Decoder,
    buffer: Vec<u8>,
    /// What the socket has not taken yet.
    waiting: Vec<u8>,
    /// It takes nothing any more.
    is_broken: bool,
}

impl Link {
    /// Asks to attach over a stream on which both have said hello.
    ///
    /// # Errors
    /// The daemon is gone.
    pub fn ask(stream: UnixStream, attach: &Request) -> Result<Self, LinkError> {
        stream.set_nonblocking(true)?;
        let mut link = Self {
            stream,
            decoder: Decoder::default(),
            buffer: vec![0; READ_BYTES],
            waiting: frame::encode(attach)?,
            is_broken: false,
        };
        link.flush()?;
        Ok(link)
    }

    /// Whether the daemon lets this client in, once it said so.
    ///
    /// # Errors
    /// The daemon refuses or is gone.
    pub fn is_attached(&mut self) -> Result<bool, LinkError> {
        match self.next(Decoder::next_frame)? {
            None => Ok(false),
            Some(Answer::Done(_)) => Ok(true),
            Some(Answer::Refused(rejection)) => Err(LinkError::Refused(rejection)),
            Some(_) => Err(LinkError::Silent),
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

    /// The next message, if there is one.
    ///
    /// # Errors
    /// The connection is gone, in either direction.
    pub fn told(&mut self) -> Result<Option<Told>, LinkError> {
        self.next(Decoder::next_mostly::<view::Frame, Told>)
    }

    /// When this is ready there may be a message, or what waits goes out: call [`Self::told`].
    pub fn watch(&self) -> Watch<'_> {
        // One that is watched for writing too is ready whenever the other side reads.
        Watch::new(&self.stream, if self.waiting.is_empty() { Wants::Read } else { Wants::Either })
    }

    /// Whether there may be a message although nothing more comes.
    pub fn has_more(&self) -> bool {
        self.is_broken || self.decoder.has_frame()
    }

    fn next<T>(
        &mut self,
        decoded: impl Fn(&mut Decoder) -> Result<Option<T>, FrameError>,
    ) -> Result<Option<T>, LinkError> {
        if let Some(message) = decoded(&mut self.decoder)? {
            return Ok(Some(message));
        }
        self.flush()?;
        if self.is_broken {
            return Err(LinkError::Ended);
        }
        match rustix::io::read(&self.stream, &mut self.buffer) {
            Ok(0) => Err(LinkError::Ended),
            Ok(count) => {
                self.decoder.push(&self.buffer[..count]);
                Ok(decoded(&mut self.decoder)?)
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }

    /// Writes what the socket takes.
    fn flush(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            match rustix::io::write(&self.stream, &self.waiting) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::RunId;
    use crate::base::waiting::wait;
    use crate::wire::people::{Ask, DaemonAsk};

    #[test]
    fn what_is_too_long_to_be_sent_is_refused_and_the_line_goes_on() {
        let (near, far) = UnixStream::pair().unwrap();
        let daemon = std::thread::spawn(move || {
            let mut far = far;
            frame::read::<Request>(&mut far).unwrap();
            frame::write(&mut far, &Answer::Done(serde_json::Value::Null)).unwrap();
            frame::read::<Said>(&mut far).unwrap()
        });
        let attach = Request { at: "/".into(), ask: Ask::Daemon(DaemonAsk::Status) };
        let mut link = Link::ask(near, &attach).unwrap();
        while !link.is_attached().unwrap() {
            wait(&mut [link.watch()], None).unwrap();
        }
        let text = "x".repeat(frame::FRAME_BYTES_MAX);
        assert!(!link.say(&Said::Paste { run: RunId(1), text }));
        assert!(link.say(&Said::Ping { at: 7 }));
        let ended = loop {
            wait(&mut [link.watch()], None).unwrap();
            if let Err(ended) = link.told() {
                break ended;
            }
        };
        assert!(matches!(ended, LinkError::Ended), "the daemon has hung up");
        assert_eq!(daemon.join().unwrap(), Some(Said::Ping { at: 7 }));
    }
}

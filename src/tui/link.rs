//! The connection of a dashboard: what it says goes out in order, what it is told comes in. Neither
//! side waits for the other.

use crate::model::rejection::Rejection;
use crate::wire::frame::{self, FrameError};
use crate::wire::people::{Answer, Request};
use crate::wire::view::{Said, Told};
use std::os::unix::net::UnixStream as StdStream;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How much may wait to go out: a line that takes less than a person types is stuck.
const SAID_MAX: usize = 1024;
/// How much may wait to be shown; credit bounds frames already.
const TOLD_MAX: usize = 64;
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

impl From<std::io::Error> for LinkError {
    fn from(error: std::io::Error) -> Self {
        Self::Frame(error.into())
    }
}

/// A connection that is attached.
pub struct Link {
    /// Frames, encoded when they are said: what cannot be sent is refused then.
    said: mpsc::Sender<Vec<u8>>,
    told: mpsc::Receiver<Told>,
    tasks: [JoinHandle<()>; 2],
}

impl Link {
    /// Attaches over a stream on which both have said hello; `attach` is the request to.
    ///
    /// # Errors
    /// The daemon refuses or is gone.
    pub async fn attach(stream: StdStream, attach: &Request) -> Result<Self, LinkError> {
        stream.set_nonblocking(true)?;
        let (mut reader, mut writer) = UnixStream::from_std(stream)?.into_split();
        frame::write_async(&mut writer, attach).await?;
        let answer = frame::read_async::<Answer>(&mut reader);
        match tokio::time::timeout(ATTACH_TIMEOUT, answer).await {
            Err(_) => return Err(LinkError::Silent),
            Ok(answer) => match answer? {
                Some(Answer::Done(_)) => {}
                Some(Answer::Refused(rejection)) => return Err(LinkError::Refused(rejection)),
                Some(_) | None => return Err(LinkError::Silent),
            },
        }
        let (said, to_send) = mpsc::channel(SAID_MAX);
        let (arrived, told) = mpsc::channel(TOLD_MAX);
        let tasks = [tokio::spawn(send(writer, to_send)), tokio::spawn(receive(reader, arrived))];
        Ok(Self { said, told, tasks })
    }

    /// Sends a message; false when it is too long, the line takes no more, or is gone.
    pub fn say(&self, said: &Said) -> bool {
        frame::encode(said).is_ok_and(|frame| self.said.try_send(frame).is_ok())
    }

    /// The next message; `None` when the connection is gone, in either direction. Cancel-safe.
    pub async fn told(&mut self) -> Option<Told> {
        tokio::select! {
            biased;
            told = self.told.recv() => told,
            () = self.said.closed() => None,
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn send(mut writer: OwnedWriteHalf, mut to_send: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = to_send.recv().await {
        if writer.write_all(&frame).await.is_err() {
            return;
        }
    }
}

async fn receive(reader: OwnedReadHalf, arrived: mpsc::Sender<Told>) {
    let mut reader = BufReader::with_capacity(READ_BYTES, reader);
    while let Ok(Some(told)) = frame::read_async(&mut reader).await {
        if arrived.send(told).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::RunId;
    use crate::wire::people::{Ask, DaemonAsk};

    #[tokio::test]
    async fn what_is_too_long_to_be_sent_is_refused_and_the_line_goes_on() {
        let (near, far) = StdStream::pair().unwrap();
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

//! The connection of a dashboard: what it says goes out in order, what it is told comes in. Neither
//! side waits for the other.

use crate::model::rejection::Rejection;
use crate::wire::frame::{self, FrameError};
use crate::wire::people::{Answer, Request};
use crate::wire::view::{Said, Told};
use std::os::unix::net::UnixStream as StdStream;
use std::time::Duration;
use tokio::io::BufReader;
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
    said: mpsc::Sender<Said>,
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

    /// Sends a message; false when the line takes no more, or is gone.
    pub fn say(&self, said: Said) -> bool {
        self.said.try_send(said).is_ok()
    }

    /// The next message; `None` when the connection is gone. Cancel-safe.
    pub async fn told(&mut self) -> Option<Told> {
        self.told.recv().await
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn send(mut writer: OwnedWriteHalf, mut to_send: mpsc::Receiver<Said>) {
    while let Some(said) = to_send.recv().await {
        if frame::write_async(&mut writer, &said).await.is_err() {
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

//! The daemon's end of a holder's socket.
//!
//! [`Connection`] belongs to the one blocking thread that waits for notices; its [`Handle`]s give
//! commands from anywhere and never wait for the agent.

use super::input::{Input, InputError};
use super::passing;
use super::start::RunError;
use crate::base::size::Size;
use crate::base::ticks::now;
use crate::base::waiting::is_readable;
use crate::wire::frame::{self, Decoder};
use crate::wire::hold::{self, ExitRecord, Request, UNANSWERED_BYTES, VERSIONS};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A holder that does not answer within this time is not going to.
const HELLO_WITHIN: Duration = Duration::from_secs(5);
const READ_BYTES: usize = 16 * 1024;

/// What a holder has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// There is output up to `offset`; read it from the transcript and [`Handle::ack`] it. While
    /// the disk is full only `stored` of it is there, and [`Handle::live`] asks for the rest.
    Output {
        /// Bytes of output so far.
        offset: u64,
        /// Bytes of output the transcript has taken.
        stored: u64,
    },
    /// Output from the holder's memory, the answer to [`Handle::live`].
    Live {
        /// Where it begins; later than asked for when memory no longer has it.
        offset: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The terminal has this size from `offset` of its output on.
    Resized {
        /// Bytes of output before it.
        offset: u64,
        /// The size.
        size: Size,
    },
    /// The run is over. Record it, then [`Handle::seen`].
    Exited(ExitRecord),
    /// The holder is gone without a word: see what [`super::find`] says.
    Gone,
}

/// A connection to a living holder. Dropping it lets go of the holder, which goes on alone.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    decoder: Decoder,
    buffer: Vec<u8>,
    notices: VecDeque<Notice>,
    handle: Handle,
    pid: u32,
    size: Size,
    is_paused: bool,
}

/// Gives commands to a holder; clones serve other threads.
#[derive(Clone, Debug)]
pub struct Handle {
    stream: Arc<Mutex<UnixStream>>,
    input: Arc<Input>,
    version: u32,
    /// Up to where output has been answered.
    answered: Arc<AtomicU64>,
}

impl Connection {
    /// Says hello to the holder at `socket`; `offset` is the output already dealt with, in bytes.
    pub(super) fn open(socket: &Path, marker: &str, offset: u64) -> Result<Self, RunError> {
        let failed = |source| RunError::Unreachable { socket: socket.to_path_buf(), source };
        let mut stream = UnixStream::connect(socket).map_err(failed)?;
        stream.set_write_timeout(Some(HELLO_WITHIN)).map_err(failed)?;
        let hello = Request::Hello { versions: VERSIONS.to_vec(), offset };
        frame::write(&mut stream, &hello).map_err(|error| failed(io::Error::other(error)))?;
        let mut decoder = Decoder::default();
        let (welcome, terminal) = welcome(&stream, &mut decoder).map_err(failed)?;
        let hold::Notice::Welcome { version, marker: found, pid, size, is_paused } = welcome else {
            let reason = match welcome {
                hold::Notice::Refused { reason } => reason,
                _ => "its answer to the hello is not one".to_string(),
            };
            return Err(RunError::Refused(reason));
        };
        if found != marker {
            return Err(RunError::Refused(format!("it holds the run {found}, not {marker}")));
        }
        let terminal =
            terminal.ok_or_else(|| failed(io::Error::other("no terminal came along")))?;
        let input = Arc::new(Input::start(terminal).map_err(failed)?);
        let writer = stream.try_clone().map_err(failed)?;
        let (stream_of, answered) =
            (Arc::new(Mutex::new(writer)), Arc::new(AtomicU64::new(offset)));
        let handle = Handle { stream: stream_of, input, version, answered };
        let notices = VecDeque::new();
        let buffer = vec![0; READ_BYTES];
        Ok(Self { stream, decoder, buffer, notices, handle, pid, size, is_paused })
    }

    /// For giving commands, here or on another thread.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The process id of the agent's own process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The terminal's size when the connection was made.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Whether the tree was frozen when the connection was made.
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Waits for the next notice, at most `timeout`. Output notices that were not fetched in time
    /// become one. After [`Notice::Gone`] there is nothing else.
    pub fn next_notice(&mut self, timeout: Duration) -> Option<Notice> {
        let until = now() + timeout;
        loop {
            if let Some(notice) = self.notices.pop_front() {
                return Some(notice);
            }
            let left = until.saturating_duration_since(now());
            match is_readable(&self.stream, left) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(_) => return Some(self.gone()),
            }
            if self.receive().is_err() {
                let gone = self.gone();
                self.notices.push_back(gone);
            }
        }
    }

    fn gone(&self) -> Notice {
        self.handle.input.close();
        Notice::Gone
    }

    fn receive(&mut self) -> io::Result<()> {
        let (count, _) = passing::receive(&self.stream, &mut self.buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.decoder.push(&self.buffer[..count]);
        while let Some(notice) =
            self.decoder.next_mostly::<hold::Output, _>().map_err(io::Error::other)?
        {
            self.take(notice);
        }
        Ok(())
    }

    fn take(&mut self, notice: hold::Notice) {
        let notice = match notice {
            hold::Notice::Output { offset, stored } => Notice::Output { offset, stored },
            hold::Notice::Live { offset, hex } => match from_hex(&hex) {
                Some(bytes) => Notice::Live { offset, bytes },
                None => return,
            },
            hold::Notice::Resized { offset, size } => Notice::Resized { offset, size },
            hold::Notice::Exited { record } => Notice::Exited(record),
            hold::Notice::Welcome { .. } | hold::Notice::Refused { .. } | hold::Notice::Unknown => {
                return;
            }
        };
        if let (Some(last @ Notice::Output { .. }), Notice::Output { .. }) =
            (self.notices.back_mut(), &notice)
        {
            *last = notice;
        } else {
            self.notices.push_back(notice);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Handles share the socket: without this they would keep it open.
        let _ = self.stream.shutdown(Shutdown::Both);
        self.handle.input.close();
    }
}

impl Handle {
    /// Types `bytes` into the terminal, exactly these. Returns at once.
    pub fn input(&self, bytes: &[u8]) -> Result<(), InputError> {
        self.input.send(bytes)
    }

    /// Says that output up to `offset` has been dealt with. Answer every [`Notice::Output`] with
    /// it: a holder whose daemon lags by more than 32 MiB stops reading the agent's output.
    /// One that leaves little unanswered is kept back: the holder goes on without.
    pub fn ack(&self, offset: u64) -> Result<(), RunError> {
        let open = offset.saturating_sub(self.answered.load(Ordering::Relaxed));
        if self.version >= 3 && open <= UNANSWERED_BYTES / 2 {
            return Ok(());
        }
        self.answered.store(offset, Ordering::Relaxed);
        self.send(&Request::Ack { offset })
    }

    /// Whether the holder tells where in the output a new size begins ([`Notice::Resized`]): one
    /// that an earlier monban started does not.
    pub fn tells_sizes(&self) -> bool {
        self.version >= 2
    }

    /// Gives the terminal another size, within [`Size::bounded`].
    pub fn resize(&self, size: Size) -> Result<(), RunError> {
        self.send(&Request::Resize { size })
    }

    /// Asks the whole tree to end, and kills what is left after `grace`.
    pub fn stop(&self, grace: Duration) -> Result<(), RunError> {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.send(&Request::Stop { grace_ms })
    }

    /// Kills the whole tree.
    pub fn kill(&self) -> Result<(), RunError> {
        self.send(&Request::Kill)
    }

    /// Freezes the whole tree; its time limit stands still meanwhile.
    pub fn pause(&self) -> Result<(), RunError> {
        self.send(&Request::Pause)
    }

    /// Lets a frozen tree go on.
    pub fn resume(&self) -> Result<(), RunError> {
        self.send(&Request::Resume)
    }

    /// Asks for output from `offset` on that a full disk kept out of the transcript; a
    /// [`Notice::Live`] answers.
    pub fn live(&self, offset: u64) -> Result<(), RunError> {
        self.send(&Request::Live { offset })
    }

    /// Says that the end is recorded, so that the holder may go.
    pub fn seen(&self) -> Result<(), RunError> {
        self.send(&Request::Seen)
    }

    /// Ends the connection and nothing else: whoever waits for a notice gets [`Notice::Gone`].
    pub fn hang_up(&self) {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = stream.shutdown(Shutdown::Both);
    }

    fn send(&self, request: &Request) -> Result<(), RunError> {
        let bytes =
            frame::encode(request).map_err(|error| RunError::Gone(io::Error::other(error)))?;
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.write_all(&bytes).map_err(|source| {
            // Half a frame may have gone: nothing sensible can follow it.
            let _ = stream.shutdown(Shutdown::Both);
            RunError::Gone(source)
        })
    }
}

fn welcome(
    stream: &UnixStream,
    decoder: &mut Decoder,
) -> io::Result<(hold::Notice, Option<OwnedFd>)> {
    let until = now() + HELLO_WITHIN;
    let mut terminal = None;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        if let Some(notice) = decoder.next_frame().map_err(io::Error::other)? {
            return Ok((notice, terminal));
        }
        if !is_readable(stream, until.saturating_duration_since(now()))? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let (count, descriptor) = passing::receive(stream, &mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        terminal = descriptor.or(terminal);
        decoder.push(&buffer[..count]);
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_comes_back_as_the_bytes_it_was() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(from_hex(&crate::base::hash::hex(&bytes)), Some(bytes));
        assert_eq!(from_hex("abc"), None);
        assert_eq!(from_hex("zz"), None);
    }
}

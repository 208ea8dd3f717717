//! Keys and pasted text on their way into a run's terminal. What an agent reads goes there at once;
//! what it does not read yet goes through a thread of its own: it must not block anybody else.
//!
//! Writes to a duplicate of the terminal's master. The holder made it non-blocking; that flag is
//! shared with the holder and never touched here. Nothing is written into it when it is closed.

use crate::base::waiting::{Wants, Watch, wait};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Input that may wait for the agent to read it, in bytes.
const WAITING_BYTES_MAX: usize = 1024 * 1024;
const WRITE_BYTES: usize = 4096;
/// How often a writer that waits for the agent looks whether it is still wanted.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const FULL_FOR: Duration = Duration::from_millis(5);
const STACK_BYTES: usize = 64 * 1024;

/// Why input was not taken. None of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The agent does not read.
    #[error("the agent has not read {0} bytes of earlier input; wait, or interrupt it")]
    Full(usize),
    /// The run is over or the connection closed.
    #[error("the run's terminal is closed; nothing can be typed into it any more")]
    Closed,
}

/// The queue and its writer.
#[derive(Debug)]
pub(super) struct Input {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Each in writes of its own: Enter must not arrive as the end of a pasted text.
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: usize,
    /// The thread is writing a piece that was taken out of `waiting`.
    is_writing: bool,
    /// `None` once closed.
    terminal: Option<Arc<OwnedFd>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece to write, and where; waits for one. `None` when closed.
    fn take(&self) -> Option<(Arc<OwnedFd>, Vec<u8>)> {
        let mut state = self.state();
        state.is_writing = false;
        while state.waiting.is_empty() && state.terminal.is_some() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let terminal = state.terminal.clone()?;
        let mut piece = state.waiting.pop_front()?;
        let rest = piece.split_off(piece.len().min(WRITE_BYTES));
        if !rest.is_empty() {
            state.waiting.push_front(rest);
        }
        state.waiting_bytes -= piece.len();
        state.is_writing = true;
        Some((terminal, piece))
    }

    fn close(&self) {
        let mut state = self.state();
        state.terminal = None;
        state.waiting = VecDeque::new();
        state.waiting_bytes = 0;
        self.changed.notify_all();
    }
}

impl Input {
    /// Starts the writer for `terminal`, a run's master descriptor.
    pub(super) fn start(terminal: OwnedFd) -> io::Result<Self> {
        let terminal = Some(Arc::new(terminal));
        let state =
            State { waiting: VecDeque::new(), waiting_bytes: 0, is_writing: false, terminal };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let of_thread = shared.clone();
        std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            while let Some((terminal, piece)) = of_thread.take() {
                if write_all(&of_thread, &terminal, &piece).is_err() {
                    break;
                }
            }
            of_thread.close();
        })?;
        Ok(Self { shared })
    }

    /// Writes or queues `bytes`, all or none, and returns at once.
    pub(super) fn send(&self, bytes: &[u8]) -> Result<(), InputError> {
        let mut state = self.shared.state();
        let Some(terminal) = &state.terminal else { return Err(InputError::Closed) };
        if state.waiting_bytes + bytes.len() > WAITING_BYTES_MAX {
            return Err(InputError::Full(state.waiting_bytes));
        }
        let mut written = 0;
        if state.waiting.is_empty() && !state.is_writing {
            // Never blocks; what is not taken now, or fails, is the thread's.
            let first = &bytes[..bytes.len().min(WRITE_BYTES)];
            written = rustix::io::write(terminal, first).unwrap_or(0);
        }
        if written == bytes.len() {
            return Ok(());
        }
        state.waiting.push_back(bytes[written..].to_vec());
        state.waiting_bytes += bytes.len() - written;
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Forgets what still waits and lets go of the terminal.
    pub(super) fn close(&self) {
        self.shared.close();
    }
}

fn write_all(shared: &Shared, terminal: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        if shared.state().terminal.is_none() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut watch = [Watch::new(terminal, Wants::Write)];
        if wait(&mut watch, Some(LOOK_EVERY))? == 0 {
            continue;
        }
        if watch[0].is_hung_up {
            // The holder keeps the terminal open as long as the agent lives.
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match rustix::io::write(terminal, bytes) {
            Ok(count) => bytes = &bytes[count..],
            // Where a full terminal counts as writable, trying at once again would be a spin.
            Err(Errno::AGAIN) => std::thread::sleep(FULL_FOR),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn what_is_sent_apart_is_written_apart() {
        // A datagram socket in the terminal's place keeps what was one write apart from the next.
        let (terminal, agent) = UnixDatagram::pair().unwrap();
        let state = State {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            // Nothing goes past the queue.
            is_writing: true,
            terminal: Some(Arc::new(OwnedFd::from(terminal))),
        };
        let shared = Shared { state: Mutex::new(state), changed: Condvar::new() };
        let input = Input { shared: Arc::new(shared) };
        input.send(b"a prompt").unwrap();
        input.send(b"\r").unwrap();
        let large = [b'x'; 3 * WRITE_BYTES / 2];
        input.send(&large).unwrap();
        for _ in 0..4 {
            let (terminal, piece) = input.shared.take().unwrap();
            write_all(&input.shared, &terminal, &piece).unwrap();
        }
        let mut buffer = [0; 2 * WRITE_BYTES];
        let mut next = || agent.recv(&mut buffer).map(|count| buffer[..count].to_vec()).unwrap();
        assert_eq!((next(), next()), (b"a prompt".to_vec(), b"\r".to_vec()));
        assert_eq!([next(), next()].concat(), large);
        assert_eq!(input.shared.state().waiting_bytes, 0);
    }
}

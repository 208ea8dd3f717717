//! Keys and pasted text on their way into a run's terminal, through a thread of their own: an agent
//! that does not read must not block anybody else.
//!
//! Writes to a duplicate of the terminal's master. The holder made it non-blocking; that flag is
//! shared with the holder and never touched here. Nothing is written into it when it is closed.

use super::waiting::{Wants, Watch, wait};
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

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<u8>,
    is_closed: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece to write; waits for one. `None` when closed.
    fn take(&self) -> Option<Vec<u8>> {
        let mut state = self.state();
        while state.waiting.is_empty() && !state.is_closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let count = state.waiting.len().min(WRITE_BYTES);
        (!state.is_closed).then(|| state.waiting.drain(..count).collect())
    }

    fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.waiting = VecDeque::new();
        self.changed.notify_all();
    }
}

impl Input {
    /// Starts the writer for `terminal`, a run's master descriptor.
    pub(super) fn start(terminal: OwnedFd) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            while let Some(piece) = of_thread.take() {
                if write_all(&of_thread, &terminal, &piece).is_err() {
                    break;
                }
            }
            of_thread.close();
        })?;
        Ok(Self { shared })
    }

    /// Queues `bytes`, all or none, and returns at once.
    pub(super) fn send(&self, bytes: &[u8]) -> Result<(), InputError> {
        let mut state = self.shared.state();
        if state.is_closed {
            return Err(InputError::Closed);
        }
        if state.waiting.len() + bytes.len() > WAITING_BYTES_MAX {
            return Err(InputError::Full(state.waiting.len()));
        }
        state.waiting.extend(bytes);
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
        if shared.state().is_closed {
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

//! The signals a client in a terminal lives by.

use std::io;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What somebody wants of the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// The terminal has another size.
    Resize,
    /// Stop with the terminal in order: [`super::Outer::stop`].
    Stop,
    /// It was stopped and goes on: [`super::Outer::renew`].
    Continue,
    /// End with the terminal in order.
    End,
}

/// Watches for signals.
#[derive(Debug)]
pub struct Signals {
    resize: Stream,
    stop: Stream,
    continued: Stream,
    terminate: Stream,
    interrupt: Stream,
    hangup: Stream,
}

impl Signals {
    /// From now on they are told instead of doing what they do by themselves. Must be called in a
    /// tokio runtime.
    ///
    /// # Errors
    /// The system refuses.
    pub fn watch() -> io::Result<Self> {
        let of = |number| signal(SignalKind::from_raw(number));
        Ok(Self {
            resize: signal(SignalKind::window_change())?,
            stop: of(libc::SIGTSTP)?,
            continued: of(libc::SIGCONT)?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one. May be dropped and called again.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::End,
            _ = self.interrupt.recv() => Signal::End,
            _ = self.hangup.recv() => Signal::End,
            _ = self.stop.recv() => Signal::Stop,
            _ = self.continued.recv() => Signal::Continue,
            _ = self.resize.recv() => Signal::Resize,
        }
    }
}

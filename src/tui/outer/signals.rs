//! The signals a client in a terminal lives by.

use super::stop::{restore_action, set_action};
use crate::tui::wake::{self, Waker, Woken};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

#[cfg(not(target_os = "macos"))]
use libc::__errno_location as error_number;
#[cfg(target_os = "macos")]
use libc::__error as error_number;

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

/// What each means; of several that came the first is told first.
const MEANINGS: [(libc::c_int, Signal); 6] = [
    (libc::SIGTERM, Signal::End),
    (libc::SIGINT, Signal::End),
    (libc::SIGHUP, Signal::End),
    (libc::SIGTSTP, Signal::Stop),
    (libc::SIGCONT, Signal::Continue),
    (libc::SIGWINCH, Signal::Resize),
];

/// Which came and were not told yet.
static CAME: [AtomicBool; MEANINGS.len()] = [const { AtomicBool::new(false) }; MEANINGS.len()];
/// The descriptor that wakes whoever watches, or a negative number.
static WAKER: AtomicI32 = AtomicI32::new(-1);

/// Watches for signals; there is one at a time.
pub struct Signals {
    /// Written to by number.
    _waker: Waker,
    woken: Woken,
    before: Vec<(libc::c_int, libc::sigaction)>,
}

impl Signals {
    /// From now on they are told instead of doing what they do by themselves.
    ///
    /// # Errors
    /// The system refuses.
    pub fn watch() -> io::Result<Self> {
        let (waker, woken) = wake::pair()?;
        WAKER.store(waker.number(), Ordering::SeqCst);
        let handler = came as *const () as libc::sighandler_t;
        let mut signals = Self { _waker: waker, woken, before: Vec::new() };
        for (signal, meaning) in MEANINGS {
            let before = set_action(signal, handler, libc::SA_RESTART)?;
            // Whoever started the client so that it outlives one, as `nohup` does, wants that.
            match meaning == Signal::End && before.sa_sigaction == libc::SIG_IGN {
                true => restore_action(signal, &before)?,
                false => signals.before.push((signal, before)),
            }
        }
        Ok(signals)
    }

    /// The next one, if one came.
    pub fn next(&self) -> Option<Signal> {
        Self::first().or_else(|| {
            // Looked for again: one that came before this would wake nobody.
            self.woken.take();
            Self::first()
        })
    }

    /// Whether one came. A signal that was sent before something was typed has come when that can
    /// be read.
    pub fn is_any() -> bool {
        CAME.iter().any(|came| came.load(Ordering::SeqCst))
    }

    fn first() -> Option<Signal> {
        let mut all = MEANINGS.iter().zip(&CAME);
        let ((_, signal), _) = all.find(|(_, came)| came.swap(false, Ordering::SeqCst))?;
        Some(*signal)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for (signal, before) in &self.before {
            let _ = restore_action(*signal, before);
        }
        WAKER.store(-1, Ordering::SeqCst);
    }
}

/// Ends the client as a signal would, from whatever thread.
pub(super) fn end() {
    came(libc::SIGTERM);
}

/// Runs in the middle of anything: notes and wakes, which is all that may be done there.
#[expect(unsafe_code, reason = "the handler of a signal cannot borrow a descriptor")]
extern "C" fn came(signal: libc::c_int) {
    let of = MEANINGS.iter().zip(&CAME).find(|((number, _), _)| *number == signal);
    if let Some((_, came)) = of {
        came.store(true, Ordering::SeqCst);
    }
    // SAFETY: the place is this thread's. What is written is one byte of a constant, to the
    // descriptor of a `Signals` that lives, or to none. Whoever was interrupted finds its error.
    unsafe {
        let place = error_number();
        let before = *place;
        libc::write(WAKER.load(Ordering::SeqCst), [0_u8].as_ptr().cast(), 1);
        *place = before;
    }
}

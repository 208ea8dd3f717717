//! What is switched on in a terminal, and how it is switched off.

use super::OuterError;
use crate::base::ticks;
use crate::base::waiting::{self, Wants, Watch};
use crate::tui::input::{Event, Input, Reply};
use crossterm::Command;
use crossterm::cursor::{SetCursorStyle, Show};
use crossterm::terminal::{
    DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen,
};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, QueueSelector, Termios, isatty, tcgetattr, tcsetattr};
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Whole screen scrolls, pastes marked, focus told; text from right to left stays in its cells: one
/// row of it would otherwise carry along what stands beside it.
const ENTER: &[u8] = b"\x1b[r\x1b[m\x1b[?2004h\x1b[?1004h\x1b[8l";
const MOUSE: &[u8] = b"\x1b[?1002h\x1b[?1006h";
/// Keys that look alike are told apart.
const KEYBOARD: &[u8] = b"\x1b[>1u";
const KEYBOARD_OFF: &[u8] = b"\x1b[<u";
/// Everything off, whether it was on or not. An unfinished frame or sequence is ended by it.
const LEAVE: &[u8] = b"\x1b\\\x1b[?2026l\x1b[r\x1b[m\x1b[?1006l\x1b[?1003l\x1b[?1002l\x1b[?1000l\
    \x1b[?1004l\x1b[?2004l\x1b[8h";
/// How long a terminal that takes nothing is waited for.
const WRITE_PATIENCE: Duration = Duration::from_millis(500);
/// How long answers to our questions are waited for.
const ANSWER_PATIENCE: Duration = Duration::from_millis(300);

/// A terminal and the state it is put back to.
#[derive(Debug)]
pub(super) struct Care {
    input: Arc<OwnedFd>,
    output: Arc<OwnedFd>,
    mouse: bool,
    keyboard: AtomicBool,
    /// A side thread panicked: nothing is written any more.
    broken: AtomicBool,
    /// What to put back, while the terminal is ours.
    before: Mutex<Option<Before>>,
}

#[derive(Debug)]
struct Before {
    modes: Termios,
    flags: [OFlags; 2],
}

impl Care {
    pub fn new(
        input: BorrowedFd<'_>,
        output: BorrowedFd<'_>,
        mouse: bool,
    ) -> Result<Self, OuterError> {
        if !isatty(input) || !isatty(output) {
            return Err(OuterError::NotATerminal);
        }
        Ok(Self {
            input: Arc::new(own(input, OFlags::RDONLY)?),
            output: Arc::new(own(output, OFlags::WRONLY)?),
            mouse,
            keyboard: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            before: Mutex::default(),
        })
    }

    /// The two ends; both are non-blocking while the terminal is entered.
    pub fn ends(&self) -> (Arc<OwnedFd>, Arc<OwnedFd>) {
        (Arc::clone(&self.input), Arc::clone(&self.output))
    }

    /// What switches the keyboard protocol on, unless it is.
    pub fn use_keyboard(&self) -> &'static [u8] {
        if self.keyboard.swap(true, Ordering::Relaxed) { b"" } else { KEYBOARD }
    }

    /// The client is to end, whatever its loop does at the moment.
    pub fn breaks(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    pub fn enter(&self) -> Result<(), OuterError> {
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        if before.is_some() {
            return Ok(());
        }
        let modes = tcgetattr(&self.input).map_err(io::Error::from)?;
        let mut raw = modes.clone();
        raw.make_raw();
        tcsetattr(&self.input, OptionalActions::Now, &raw).map_err(io::Error::from)?;
        let flags = [&self.input, &self.output].map(|end| {
            let flags = rustix::fs::fcntl_getfl(end).unwrap_or(OFlags::empty());
            let _ = rustix::fs::fcntl_setfl(end, flags | OFlags::NONBLOCK);
            flags
        });
        *before = Some(Before { modes, flags });
        let mut bytes = sequence(&[&EnterAlternateScreen, &DisableLineWrap]);
        bytes.extend_from_slice(ENTER);
        bytes.extend_from_slice(if self.mouse { MOUSE } else { b"" });
        let has_keyboard = self.keyboard.load(Ordering::Relaxed);
        bytes.extend_from_slice(if has_keyboard { KEYBOARD } else { b"" });
        self.write(&bytes);
        Ok(())
    }

    /// Puts everything back; what fails is left: there is nobody to tell. Does nothing when that
    /// was done.
    pub fn leave(&self, outstanding: usize) {
        // A panic while this is held leaves nothing half done.
        let mut before = match self.before.try_lock() {
            Ok(before) => before,
            Err(std::sync::TryLockError::Poisoned(before)) => before.into_inner(),
            Err(std::sync::TryLockError::WouldBlock) => return,
        };
        let Some(Before { modes, flags }) = before.take() else {
            return;
        };
        if self.keyboard.load(Ordering::Relaxed) {
            self.write(KEYBOARD_OFF);
        }
        self.write(LEAVE);
        let shape = SetCursorStyle::DefaultUserShape;
        self.write(&sequence(&[&shape, &Show, &EnableLineWrap, &LeaveAlternateScreen]));
        self.take_answers(outstanding);
        for (end, flags) in [&self.input, &self.output].into_iter().zip(flags) {
            let _ = rustix::fs::fcntl_setfl(end, flags);
        }
        // Not after the output drained: a terminal that stands still would hold us here.
        let _ = rustix::termios::tcflush(&self.input, QueueSelector::IFlush);
        let _ = tcsetattr(&self.input, OptionalActions::Now, &modes);
    }

    /// Writes now, for as long as the terminal takes something.
    fn write(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match rustix::io::write(&self.output, bytes) {
                Ok(0) => return,
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if wait(&self.output, Wants::Write, WRITE_PATIENCE) => {}
                Err(_) => return,
            }
        }
    }

    /// Reads what the terminal still answers. What a person typed meanwhile was typed at us.
    fn take_answers(&self, outstanding: usize) {
        let (mut input, mut events, mut buffer) = (Input::default(), Vec::new(), [0; 1024]);
        let is_answer = |event: &&Event| match event {
            // The width of a character is told by one in the first columns.
            Event::Reply(Reply::Cursor { x, .. }) => *x > 2,
            Event::Reply(Reply::Ready | Reply::Attributes) => true,
            _ => false,
        };
        while events.iter().filter(is_answer).count() < outstanding {
            if !wait(&self.input, Wants::Read, ANSWER_PATIENCE) {
                return;
            }
            match rustix::io::read(&self.input, &mut buffer) {
                Ok(count @ 1..) => input.feed(&buffer[..count], &mut events),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Ok(0) | Err(_) => return,
            }
        }
    }
}

/// What a terminal is told, as bytes.
fn sequence(commands: &[&dyn Told]) -> Vec<u8> {
    let mut out = String::new();
    for command in commands {
        // Writing to a String cannot fail.
        let _ = command.tell(&mut out);
    }
    out.into_bytes()
}

/// A command of crossterm of whatever type.
trait Told {
    fn tell(&self, out: &mut dyn fmt::Write) -> fmt::Result;
}

impl<C: Command> Told for C {
    fn tell(&self, mut out: &mut dyn fmt::Write) -> fmt::Result {
        self.write_ansi(&mut out)
    }
}

/// An own description of the same terminal, so that being non-blocking is nobody else's concern;
/// where it cannot be opened, as after `su`, a duplicate.
fn own(end: BorrowedFd<'_>, access: OFlags) -> Result<OwnedFd, OuterError> {
    let flags = access | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::termios::ttyname(end, Vec::new()).ok().and_then(|name| {
        rustix::fs::open(OsStr::from_bytes(name.as_bytes()), flags, Mode::empty()).ok()
    });
    match opened {
        Some(opened) => Ok(opened),
        None => Ok(end.try_clone_to_owned()?),
    }
}

/// Whether the descriptor becomes ready in time.
fn wait(end: &impl AsFd, wants: Wants, patience: Duration) -> bool {
    let until = ticks::now() + patience;
    loop {
        let left = until.saturating_duration_since(ticks::now());
        match waiting::wait(&mut [Watch::new(end, wants)], Some(left)) {
            Ok(0) if !left.is_zero() => {}
            ready => return ready.is_ok_and(|count| count > 0),
        }
    }
}

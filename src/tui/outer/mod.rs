//! Care for the person's terminal: what is switched on is switched off again, however the client
//! ends.
//!
//! [`Outer`] holds the terminal. It is put in order when it is left, when it is dropped and when
//! the program panics; [`signals`] tells of the signals that end, stop and continue a client.
//! Reading and writing never block; a terminal that is gone is an error, never a spin.

mod care;
pub mod signals;
mod stop;

use crate::base::size::Size;
use care::Care;
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::thread;

/// The size of a terminal that does not know its own.
const UNKNOWN_SIZE: Size = Size { cols: 80, rows: 24 };

/// The most of a terminal that is used.
const SIZE_MAX: Size = Size { cols: 1000, rows: 500 };

/// What to ask a terminal before the first frame, to be written in front of it: the frame wipes
/// what the questions draw. Asked are the kitty keyboard, synchronized output, the background, and
/// the width of `─` in the second row: an answer in column 1 means one. The last question is one
/// that every terminal answers.
pub const QUESTIONS: &[u8] =
    b"\x1b[?u\x1b[?2026$p\x1b]11;?\x1b\\\x1b[2;1H\xe2\x94\x80\x1b[6n\x1b[c";
/// The same for a terminal that is told nothing but ASCII.
pub const QUESTIONS_ASCII: &[u8] = b"\x1b[?u\x1b[?2026$p\x1b]11;?\x1b\\\x1b[c";

/// The terminal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OuterError {
    /// Input or output is something else.
    #[error("this is not a terminal; run it in one, or use the commands that print")]
    NotATerminal,
    /// The system refuses.
    #[error("cannot use the terminal: {0}")]
    Io(#[from] io::Error),
}

/// The terminal is gone: closed, or its line was cut. The client ends.
#[derive(Debug, thiserror::Error)]
#[error("the terminal is gone")]
pub struct Gone;

/// A frame on its way to the terminal.
#[derive(Debug, Default)]
pub struct Frame {
    bytes: Vec<u8>,
    written: usize,
}

impl Frame {
    /// Where to append; what is appended while some of it is on its way follows that.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Whether everything was taken.
    pub fn is_drained(&self) -> bool {
        self.written == self.bytes.len()
    }
}

/// A person's terminal.
#[derive(Debug)]
pub struct Outer {
    care: Arc<Care>,
    input: Arc<OwnedFd>,
    output: Arc<OwnedFd>,
}

impl Outer {
    /// Takes the terminal behind two descriptors and enters it: raw, on the alternate screen.
    ///
    /// # Errors
    /// They are no terminal, or it cannot be set.
    pub fn enter(input: impl AsFd, output: impl AsFd, mouse: bool) -> Result<Self, OuterError> {
        let care = Arc::new(Care::new(input.as_fd(), output.as_fd(), mouse)?);
        let (input, output) = care.ends();
        restored_on_panic(Arc::downgrade(&care));
        let outer = Self { care, input, output };
        outer.care.enter()?;
        Ok(outer)
    }

    /// Columns and rows. Of a terminal larger than any screen the upper left is used: both buffers
    /// of a frame grow with it.
    pub fn size(&self) -> Size {
        let known = rustix::termios::tcgetwinsize(&self.output).ok();
        let known = known.filter(|size| size.ws_col > 0 && size.ws_row > 0);
        known.map_or(UNKNOWN_SIZE, |size| Size {
            cols: size.ws_col.min(SIZE_MAX.cols),
            rows: size.ws_row.min(SIZE_MAX.rows),
        })
    }

    /// The terminal said that it knows the kitty keyboard protocol: appends what makes it tell
    /// keys apart, once.
    pub fn use_keyboard(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.care.use_keyboard());
    }

    /// Reads what was typed, if anything was.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn read(&self, buffer: &mut [u8]) -> Result<Option<usize>, Gone> {
        match rustix::io::read(&self.input, buffer) {
            Ok(0) => Err(Gone),
            Ok(count) => Ok(Some(count)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(_) => Err(Gone),
        }
    }

    /// Writes what the terminal takes of a frame; whether that was all. It goes on where it was.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn write(&self, frame: &mut Frame) -> Result<bool, Gone> {
        if self.is_broken() {
            return Err(Gone);
        }
        while !frame.is_drained() {
            match rustix::io::write(&self.output, &frame.bytes[frame.written..]) {
                Ok(0) => return Err(Gone),
                Ok(count) => frame.written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(_) => return Err(Gone),
            }
        }
        frame.bytes.clear();
        frame.written = 0;
        Ok(true)
    }

    /// Whether a side thread panicked: the terminal was put back, and the client is to end.
    pub fn is_broken(&self) -> bool {
        self.care.is_broken()
    }

    /// Where what is typed comes from.
    pub fn input(&self) -> &impl AsFd {
        &self.input
    }

    /// Where frames go.
    pub fn output(&self) -> &impl AsFd {
        &self.output
    }

    /// Puts the terminal back as it was. `outstanding` answers to our questions are waited for, a
    /// moment: they would be typed into the shell.
    pub fn leave(&self, outstanding: usize) {
        self.care.leave(outstanding);
    }

    /// Leaves the terminal to something else, an editor, and enters it again. The next frame is
    /// drawn anew, without what was left of the last.
    ///
    /// # Errors
    /// The terminal cannot be set.
    pub fn outside<T>(&self, frame: &mut Frame, run: impl FnOnce() -> T) -> Result<T, OuterError> {
        *frame = Frame::default();
        self.care.leave(0);
        let result = run();
        self.care.enter()?;
        Ok(result)
    }

    /// The same for a program that a person works with in the meantime: they may stop and interrupt
    /// it as any job.
    ///
    /// # Errors
    /// The terminal cannot be set.
    pub fn lend<T>(&self, frame: &mut Frame, run: impl FnOnce() -> T) -> Result<T, OuterError> {
        Ok(self.outside(frame, || stop::beside(run))??)
    }

    /// Stops the client with its job, as Ctrl-Z does, with the terminal in order meanwhile.
    /// Returns when it was continued.
    ///
    /// # Errors
    /// The terminal cannot be set.
    pub fn stop(&self, frame: &mut Frame) -> Result<(), OuterError> {
        Ok(self.outside(frame, stop::stop_job)??)
    }

    /// Something else had the terminal while this client was stopped from outside: enters anew.
    ///
    /// # Errors
    /// The terminal cannot be set.
    pub fn renew(&self, frame: &mut Frame) -> Result<(), OuterError> {
        self.outside(frame, || ())
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        self.care.leave(0);
    }
}

/// A panic's message is printed after the terminal was put in order, where it can be read. One of a
/// side thread ends the client too, which would otherwise draw on in a terminal that was put back.
fn restored_on_panic(care: Weak<Care>) {
    let owner = thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let is_aside = thread::current().id() != owner;
        let care = care.upgrade();
        if let Some(care) = &care {
            if is_aside {
                care.breaks();
            }
            care.leave(0);
        }
        before(panic);
        if is_aside && care.is_some() {
            signals::end();
        }
    }));
}

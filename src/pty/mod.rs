//! Pseudo-terminals: opening one, starting a program in it, reading it. The only user of
//! portable-pty.
//!
//! portable-pty opens the terminal and nothing else. Its way of starting a program hides why an
//! exec failed, its writer types "\n" and ^D when dropped, and its kill reaches one process
//! (decision 0006); the few lines here do without those.

use crate::base::size::Size;
use portable_pty::{PtyPair, PtySize, native_pty_system};
use rustix::fs::{Access, Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{Winsize, tcsetwinsize};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a terminal or a program in it could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PtyError {
    /// No terminal could be opened.
    #[error("cannot open a pseudo-terminal: {0}; close other programs that use many")]
    Open(String),
    /// The folder to start in is not there.
    #[error("cannot start {program}: its folder {cwd} cannot be entered: {source}")]
    Folder {
        /// The program.
        program: String,
        /// The folder.
        cwd: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The program cannot be executed: missing, not executable, or its interpreter is missing.
    #[error("cannot start {program}: {source}{hint}")]
    Exec {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
        /// What the likely cause is.
        hint: &'static str,
    },
}

/// A program to start, with nothing inherited.
#[derive(Debug)]
pub struct Program<'a> {
    /// A path, or a name to be found in the `PATH` of `env`.
    pub program: &'a str,
    /// Its arguments.
    pub args: &'a [String],
    /// Its whole environment.
    pub env: &'a BTreeMap<String, String>,
    /// The folder it starts in.
    pub cwd: &'a Path,
}

/// The master side of a pseudo-terminal. It is non-blocking from the first moment, and so is every
/// duplicate: the flag belongs to all of them together, and nobody may change it later.
#[derive(Debug)]
pub struct Pty {
    master: OwnedFd,
    slave: Option<OwnedFd>,
}

/// What reading a terminal gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// This many bytes.
    Bytes(usize),
    /// Nothing at the moment.
    NotYet,
    /// The terminal was released, no process has it open, and everything was read.
    End,
}

/// Opens a terminal of `size` and starts `program` in it as leader of a new session.
/// Returns the terminal and the program's process id; whoever calls reaps it.
pub fn start(program: &Program<'_>, size: Size) -> Result<(Pty, u32), PtyError> {
    let pair = native_pty_system()
        .openpty(PtySize { rows: size.rows, cols: size.cols, pixel_width: 0, pixel_height: 0 })
        .map_err(|error| PtyError::Open(error.to_string()))?;
    let (master, slave) = descriptors(&pair).map_err(|error| PtyError::Open(error.to_string()))?;
    let pid = spawn(program, &slave)?;
    Ok((Pty { master, slave: Some(slave) }, pid))
}

impl Pty {
    /// Lets go of the slave side. Until then there is no end of file, so that a program that closes
    /// its terminal and opens it again is not taken for one that ended; call it when the program is
    /// gone.
    pub fn release(&mut self) {
        self.slave = None;
    }

    /// Reads what the terminal has.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Output> {
        loop {
            match rustix::io::read(&self.master, &mut *buffer) {
                Ok(0) | Err(Errno::IO) => return Ok(Output::End),
                Ok(count) => return Ok(Output::Bytes(count)),
                Err(Errno::AGAIN) => return Ok(Output::NotYet),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Gives the terminal another size; its foreground programs are told by the system.
    pub fn resize(&self, size: Size) -> io::Result<()> {
        let cells = Winsize { ws_row: size.rows, ws_col: size.cols, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(tcsetwinsize(&self.master, cells)?)
    }
}

impl AsFd for Pty {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }
}

fn descriptors(pair: &PtyPair) -> io::Result<(OwnedFd, OwnedFd)> {
    let missing = || io::Error::other("the system gave a terminal without a name");
    let master = duplicate(pair.master.as_raw_fd().ok_or_else(missing)?)?;
    let name = pair.master.tty_name().ok_or_else(missing)?;
    rustix::fs::fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK)?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok((master, rustix::fs::open(name, flags, Mode::empty())?))
}

#[expect(unsafe_code, reason = "portable-pty names its descriptor only as a number")]
fn duplicate(descriptor: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the caller's `PtyPair` owns the descriptor and outlives this call.
    unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned()
}

fn spawn(program: &Program<'_>, slave: &OwnedFd) -> Result<u32, PtyError> {
    let name = || program.program.to_string();
    let plain = |source| PtyError::Exec { program: name(), source, hint: "" };
    enterable(program.cwd).map_err(|source| PtyError::Folder {
        program: name(),
        cwd: program.cwd.to_path_buf(),
        source,
    })?;
    let stdio = || slave.try_clone().map(Stdio::from).map_err(plain);
    let mut command = Command::new(program.program);
    command.args(program.args).env_clear().envs(program.env).current_dir(program.cwd);
    command.stdin(stdio()?).stdout(stdio()?).stderr(stdio()?);
    in_new_session(&mut command);
    let failed = |source: io::Error| {
        let hint = match source.kind() {
            io::ErrorKind::NotFound => {
                "; it is not on the PATH, or the interpreter its first line names is missing"
            }
            io::ErrorKind::PermissionDenied => "; make it executable",
            _ => "",
        };
        PtyError::Exec { program: name(), source, hint }
    };
    // The handle neither kills nor reaps when it is dropped.
    Ok(command.spawn().map_err(failed)?.id())
}

fn enterable(folder: &Path) -> io::Result<()> {
    match std::fs::metadata(folder)?.is_dir() {
        true => Ok(rustix::fs::access(folder, Access::EXEC_OK)?),
        false => Err(io::ErrorKind::NotADirectory.into()),
    }
}

/// Makes the child a session leader with its standard input as controlling terminal, without the
/// signal dispositions of this process. Unlike portable-pty it leaves std's error pipe open, so a
/// failed exec is reported with its reason.
#[expect(unsafe_code, reason = "between fork and exec there is no safe interface")]
fn in_new_session(command: &mut Command) {
    let prepare = || {
        for signal in 1..32 {
            // SAFETY: async-signal-safe; fails harmlessly for KILL and STOP.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        rustix::process::setsid()?;
        rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
        Ok(())
    };
    // SAFETY: `prepare` makes system calls only; it neither allocates nor locks.
    unsafe { command.pre_exec(prepare) };
}

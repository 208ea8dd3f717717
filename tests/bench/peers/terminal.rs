//! The person's terminal: starts a program in a PTY, answers what terminals are asked, counts every
//! byte. It reads only while it is told to, so what it sees is timed at the moment it came.

use crate::Failure;
use monban::base::size::Size;
use monban::pty::{self, Output, Program, Pty};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

const READ_BYTES: usize = 256 << 10;
/// The longest question in [`ANSWERS`], less one: that much may be cut off at the end of a read.
const CUT_BYTES: usize = 15;
/// How much of the output is searched for a text.
const SEARCHED_BYTES: usize = 64 << 10;
/// How long a program may take to end after its terminal hung up.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// What a terminal of today says when it is asked.
const ANSWERS: [(&[u8], &[u8]); 12] = [
    (b"\x1b[c", b"\x1b[?62;22c"),
    (b"\x1b[0c", b"\x1b[?62;22c"),
    (b"\x1b[>c", b"\x1b[>0;276;0c"),
    (b"\x1b[>0c", b"\x1b[>0;276;0c"),
    (b"\x1b[5n", b"\x1b[0n"),
    (b"\x1b[6n", b"\x1b[2;2R"),
    (b"\x1b[?u", b"\x1b[?0u"),
    (b"\x1b[?2026$p", b"\x1b[?2026;2$y"),
    (b"\x1b[14t", b"\x1b[4;480;640t"),
    (b"\x1b]10;?", b"\x1b]10;rgb:dddd/dddd/dddd\x1b\\"),
    (b"\x1b]11;?", b"\x1b]11;rgb:1111/1111/1111\x1b\\"),
    (b"\x1b[>q", b"\x1bP>|peers 1\x1b\\"),
];

/// A terminal with a program in it, which is killed when this is dropped.
pub struct Terminal {
    pty: Pty,
    pid: u32,
    /// When the program was started.
    pub began: Instant,
    /// Bytes that came out so far.
    pub bytes: u64,
    /// The end of the last read, which may be the beginning of a question.
    cut: Vec<u8>,
    buffer: Vec<u8>,
}

impl Terminal {
    /// Starts `argv` in a terminal of `size`, with the environment of this process and `env`.
    pub fn start(argv: &[String], env: &[(&str, String)], size: Size) -> Result<Self, Failure> {
        let mut all: BTreeMap<String, String> = std::env::vars().collect();
        for name in ["TMUX", "SSH_CONNECTION", "SSH_TTY", "MONBAN_RUN"] {
            all.remove(name);
        }
        all.insert("TERM".into(), "xterm-256color".into());
        all.extend(env.iter().map(|(name, value)| ((*name).to_string(), value.clone())));
        let (program, args) = argv.split_first().ok_or("no program to start")?;
        let program = Program { program, args, env: &all, cwd: Path::new("/") };
        let began = Instant::now();
        let (mut pty, pid) = pty::start(&program, size)?;
        pty.release();
        let (cut, buffer) = (Vec::new(), vec![0; READ_BYTES]);
        Ok(Self { pty, pid, began, bytes: 0, cut, buffer })
    }

    /// What comes next within `limit`, the terminal's own answers given; nothing when nothing came.
    pub fn read(&mut self, limit: Duration) -> Result<Vec<u8>, Failure> {
        if !is_readable(self.pty.as_fd(), limit)? {
            return Ok(Vec::new());
        }
        match self.pty.read(&mut self.buffer)? {
            Output::Bytes(count) => {
                self.bytes += count as u64;
                let came = self.buffer[..count].to_vec();
                self.answer(&came)?;
                Ok(came)
            }
            Output::NotYet => Ok(Vec::new()),
            Output::End => Err("the program in the terminal ended".into()),
        }
    }

    fn answer(&mut self, came: &[u8]) -> Result<(), Failure> {
        if self.cut.is_empty() && !came.contains(&0x1b) {
            return Ok(());
        }
        self.cut.extend_from_slice(came);
        let mut at = 0;
        let mut answers = Vec::new();
        while let Some(next) = self.cut[at..].iter().position(|byte| *byte == 0x1b) {
            at += next;
            let rest = &self.cut[at..];
            if let Some((question, answer)) =
                ANSWERS.iter().find(|(question, _)| rest.starts_with(question))
            {
                answers.extend_from_slice(answer);
                at += question.len();
            } else if rest.len() < CUT_BYTES {
                break;
            } else {
                at += 1;
            }
        }
        let is_cut = self.cut[at..].first() == Some(&0x1b) && self.cut.len() - at < CUT_BYTES;
        let keep = if is_cut { at } else { self.cut.len() };
        self.cut.drain(..keep);
        if answers.is_empty() { Ok(()) } else { self.press(&answers) }
    }

    /// Types.
    pub fn press(&mut self, keys: &[u8]) -> Result<(), Failure> {
        let mut rest = keys;
        while !rest.is_empty() {
            match rustix::io::write(&self.pty, rest) {
                Ok(count) => rest = &rest[count..],
                Err(rustix::io::Errno::AGAIN) => {
                    let mut fds = [PollFd::new(&self.pty, PollFlags::OUT)];
                    poll(&mut fds, Some(&timespec(Duration::from_secs(1))))?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Is a terminal for so long.
    pub fn play(&mut self, time: Duration) -> Result<(), Failure> {
        let until = Instant::now() + time;
        while let left @ 1.. = until.saturating_duration_since(Instant::now()).as_micros() {
            self.read(Duration::from_micros(u64::try_from(left)?))?;
        }
        Ok(())
    }

    /// Is a terminal until nothing came for `quiet`, for at most `limit`.
    pub fn settle(&mut self, quiet: Duration, limit: Duration) -> Result<(), Failure> {
        let until = Instant::now() + limit;
        while !self.read(quiet)?.is_empty() && Instant::now() < until {}
        Ok(())
    }

    /// Is a terminal until `text` came out in one piece; gives when.
    pub fn until(&mut self, text: &str, limit: Duration) -> Result<Instant, Failure> {
        let (mut seen, until) = (Vec::new(), Instant::now() + limit);
        while Instant::now() < until {
            let came = self.read(Duration::from_millis(500))?;
            let now = Instant::now();
            seen.extend(came);
            if seen.windows(text.len()).any(|window| window == text.as_bytes()) {
                return Ok(now);
            }
            let keep = seen.len().saturating_sub(SEARCHED_BYTES);
            seen.drain(..keep);
        }
        Err(format!("`{text}` never came to the terminal in {limit:?}").into())
    }

    /// Is a terminal until `other` can be read; gives false when `limit` passed before.
    pub fn until_readable(
        &mut self,
        other: BorrowedFd<'_>,
        limit: Duration,
    ) -> Result<bool, Failure> {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let mut fds =
                [PollFd::new(&self.pty, PollFlags::IN), PollFd::new(&other, PollFlags::IN)];
            poll(&mut fds, Some(&timespec(left)))?;
            if !fds[1].revents().is_empty() {
                return Ok(true);
            }
            // A raw terminal ends with its program.
            if self.read(Duration::ZERO).is_err() {
                return is_readable(other, left);
            }
        }
    }

    /// The program ends as when a person closes the window.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return };
        let _ = rustix::process::kill_process(pid, Signal::HUP);
        let until = Instant::now() + ENDS_WITHIN;
        while Instant::now() < until {
            match rustix::process::waitpid(Some(pid), WaitOptions::NOHANG) {
                Ok(None) => {
                    // It may have more to say before it goes.
                    let _ = is_readable(self.pty.as_fd(), Duration::from_millis(5));
                    let _ = self.pty.read(&mut self.buffer);
                }
                Ok(Some(_)) | Err(_) => return,
            }
        }
        let _ = rustix::process::kill_process(pid, Signal::KILL);
        let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
    }
}

/// Whether something can be read within `limit`.
pub fn is_readable(from: BorrowedFd<'_>, limit: Duration) -> Result<bool, Failure> {
    let mut fds = [PollFd::new(&from, PollFlags::IN)];
    Ok(poll(&mut fds, Some(&timespec(limit)))? > 0)
}

/// Waits without a terminal.
pub fn pause(time: Duration) -> Result<(), Failure> {
    poll(&mut [], Some(&timespec(time)))?;
    Ok(())
}

fn timespec(time: Duration) -> Timespec {
    Timespec::try_from(time).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 })
}

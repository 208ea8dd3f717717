//! A line to the daemon of another machine: `ssh -T HOST monban proxy`, with ssh's own
//! configuration, keys and prompts. Its end here is a socket, as of a local daemon.

use super::exit::Failure;
use super::proxy::PREAMBLE;
use super::pump;
use crate::base::foreign::Foreign;
use crate::base::ticks;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much a login shell may print before the proxy speaks.
const NOISE_BYTES_MAX: usize = 64 << 10;
/// How much of what ssh wrote is told when it fails.
const SAID_BYTES_MAX: usize = 4 << 10;
/// How long the end of that is waited for.
const ENDS_WITHIN: Duration = Duration::from_millis(500);

/// The other machine, and where its person stands there.
#[derive(Clone, Debug)]
pub struct Far {
    /// As ssh names it: a host of its configuration, or `user@host`.
    pub host: String,
    /// The folder there; the home folder if none was given.
    pub at: Option<String>,
}

/// Whether ssh may ask the person something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prompts {
    /// The terminal is free: it may.
    May,
    /// The dashboard is on the screen: it fails instead.
    Never,
}

/// Connects; returns this end of the line. The ssh process ends when that is closed.
pub fn connect(far: &Far, prompts: Prompts) -> Result<UnixStream, Failure> {
    let mut command = Command::new("ssh");
    // A line that died in silence is known to be dead after half a minute, not after hours.
    command.args(["-T", "-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3"]);
    if prompts == Prompts::Never {
        command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]);
    }
    // The other machine's shell reads the words after the host again.
    command.arg("--").arg(&far.host).arg("monban");
    if let Some(at) = &far.at {
        command.arg("-C").arg(quoted(at));
    }
    command.arg("proxy").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut ssh = command.spawn().map_err(|error| {
        Failure::environment(format!("ssh cannot be started: {error}"), "install OpenSSH")
    })?;
    let (Some(to_far), Some(mut from_far)) = (ssh.stdin.take(), ssh.stdout.take()) else {
        return Err(Failure::environment("ssh was started without pipes", "attach again"));
    };
    let aside = Aside::of(ssh.stderr.take(), prompts == Prompts::May);
    match skip_noise(&mut from_far) {
        Ok(true) => {
            aside.hide();
            join(ssh, to_far, from_far).map_err(|error| {
                Failure::environment(format!("the line broke: {error}"), "attach again")
            })
        }
        Ok(false) | Err(_) => Err(refused(ssh, &far.host, &aside)),
    }
}

/// What ssh, and anything on the other machine, writes beside the line. It is always read, so that
/// it stops nobody. Before the line is there a person is shown it, in safe characters; from then on
/// the terminal belongs to the dashboard.
struct Aside {
    heard: Arc<Mutex<Heard>>,
    /// Hangs up when nothing more comes.
    ended: Receiver<()>,
}

#[derive(Default)]
struct Heard {
    is_shown: bool,
    /// The beginning of what was not shown.
    kept: Vec<u8>,
}

impl Aside {
    fn of(stderr: Option<ChildStderr>, is_shown: bool) -> Self {
        let heard = Arc::new(Mutex::new(Heard { is_shown, ..Heard::default() }));
        let (ends, ended) = mpsc::channel();
        let of_thread = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            let mut stderr = stderr;
            while let Some(Ok(count @ 1..)) = stderr.as_mut().map(|from| from.read(&mut piece)) {
                let mut heard = of_thread.lock().unwrap_or_else(PoisonError::into_inner);
                heard.take(&piece[..count]);
            }
            drop::<Sender<()>>(ends);
        });
        Self { heard, ended }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hide(&self) {
        self.heard().is_shown = false;
    }

    /// What was not shown, once all of it came; a program in the background may hold it open.
    fn kept(&self) -> Vec<u8> {
        let _ = self.ended.recv_timeout(ENDS_WITHIN);
        std::mem::take(&mut self.heard().kept)
    }
}

impl Heard {
    fn take(&mut self, piece: &[u8]) {
        if self.is_shown {
            let shown = Foreign::from_bytes(piece).shown_lines();
            let _ = io::stderr().write_all(shown.as_bytes());
            return;
        }
        let room = SAID_BYTES_MAX.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}

/// Reads up to the end of the preamble; false when it does not come.
fn skip_noise(from: &mut impl Read) -> io::Result<bool> {
    let mut seen = Vec::new();
    let mut byte = [0];
    // Byte by byte: what follows the preamble belongs to the connection.
    while seen.len() < NOISE_BYTES_MAX {
        match from.read(&mut byte) {
            Ok(0) => return Ok(false),
            Ok(_) => seen.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if seen.ends_with(PREAMBLE) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Joins the pipes of ssh to a socket, whose other end is returned.
fn join(mut ssh: Child, to_far: ChildStdin, from_far: ChildStdout) -> io::Result<UnixStream> {
    let (near, inner) = UnixStream::pair()?;
    let inner_out = inner.try_clone()?;
    std::thread::spawn(move || {
        let _ = pump::expand(from_far, &inner);
        let _ = inner.shutdown(Shutdown::Both);
    });
    std::thread::spawn(move || {
        let _ = pump::squeeze(&inner_out, to_far);
        let _ = inner_out.shutdown(Shutdown::Both);
        let _ = ssh.kill();
        let _ = ssh.wait();
    });
    Ok(near)
}

fn refused(mut ssh: Child, host: &str, aside: &Aside) -> Failure {
    let said = aside.kept();
    let ended = ends(&mut ssh);
    if ended.is_none() {
        let _ = ssh.kill();
        let _ = ssh.wait();
    }
    let host = Foreign::new(host);
    let said = Foreign::from_bytes(said.trim_ascii_end());
    let status = ended.map_or("it went on without a word".into(), |status| status.to_string());
    let (why, cure) = match ended.and_then(|status| status.code()) {
        Some(126 | 127) => (
            format!("{host} has no monban that its shell finds (ssh: {status})"),
            format!("install it there, in a folder of the PATH that `ssh {host} env` shows"),
        ),
        // What the proxy itself refuses, as every command of monban does.
        Some(code @ (1..=9)) => (
            format!("monban at {host} gave no line (exit {code})"),
            "what it said before is why; mend that, then attach again".into(),
        ),
        _ => (
            format!("no monban answers at {host} (ssh: {status})"),
            format!("see that `ssh {host} monban --version` works, then attach again"),
        ),
    };
    Failure::environment(format!("{why} {said}").trim_end().to_string(), cure)
}

/// How it ended, once it closed all it wrote to; none if it goes on.
fn ends(ssh: &mut Child) -> Option<ExitStatus> {
    let until = ticks::now() + ENDS_WITHIN;
    loop {
        match ssh.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if ticks::now() < until => std::thread::sleep(Duration::from_millis(10)),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// One word for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_there_is_no_line_is_told_by_how_the_other_end_left() {
        for (script, why) in [
            ("exit 127", "h has no monban that its shell finds (ssh: exit status: 127) no such"),
            ("exit 3", "monban at h gave no line (exit 3) no such"),
            ("exit 255", "no monban answers at h (ssh: exit status: 255) no such"),
            (
                "exec sleep 60 2>/dev/null",
                "no monban answers at h (ssh: it went on without a word)",
            ),
        ] {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", &format!("echo no such >&2; {script}")]).stderr(Stdio::piped());
            let mut ssh = command.spawn().unwrap();
            let aside = Aside::of(ssh.stderr.take(), false);
            let told = refused(ssh, "h", &aside).to_string();
            assert!(told.contains(why), "{told}");
        }
    }

    #[test]
    fn what_a_shell_printed_is_skipped_and_nothing_behind_the_preamble() {
        let mut stream = b"Last login: today\r\n\x01\x02monban\nWelcome\n".to_vec();
        stream.extend_from_slice(PREAMBLE);
        stream.extend_from_slice(b"rest");
        let mut from = stream.as_slice();
        assert!(skip_noise(&mut from).unwrap());
        assert_eq!(from, b"rest");
    }

    #[test]
    fn endless_noise_or_a_silent_end_is_no_proxy() {
        assert!(!skip_noise(&mut std::io::repeat(b'x')).unwrap());
        assert!(!skip_noise(&mut &b"command not found"[..]).unwrap());
    }

    #[test]
    fn a_folder_is_one_word_for_the_other_shell() {
        assert_eq!(quoted("it's; rm"), r"'it'\''s; rm'");
    }
}

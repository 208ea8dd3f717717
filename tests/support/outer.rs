//! A terminal for tests of what is done to one: both its sides, and what came out of it.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::fs::{Mode, OFlags};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const INSIDE: &str = "MONBAN_TEST_INSIDE";
const LIMIT: Duration = Duration::from_secs(180);

/// Whether this process is the client that a test started.
pub fn runs_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    /// When these came out, those go in.
    answer: Option<(Vec<u8>, Vec<u8>)>,
}

/// A terminal.
pub struct Pty {
    /// The side of the client.
    pub slave: OwnedFd,
    master: Mutex<Option<Box<dyn MasterPty + Send>>>,
    writer: Arc<Mutex<Option<Box<dyn Write + Send>>>>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    child: Mutex<Option<Box<dyn Child + Send + Sync>>>,
    first_modes: Vec<String>,
}

impl Pty {
    /// A terminal whose output is read.
    pub fn open() -> Self {
        let pty = Self::open_slow();
        pty.start_reading();
        pty
    }

    /// A terminal whose output is not read yet.
    pub fn open_slow() -> Self {
        Self::with(|_| None)
    }

    fn with(
        start: impl FnOnce(&portable_pty::PtyPair) -> Option<Box<dyn Child + Send + Sync>>,
    ) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let name = pair.master.tty_name().unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(name, flags, Mode::empty()).unwrap();
        let modes = tcgetattr(&slave).unwrap();
        tcsetattr(&slave, OptionalActions::Now, &modes).unwrap();
        let writer = pair.master.take_writer().unwrap();
        let child = start(&pair);
        Self {
            first_modes: described(&modes),
            slave,
            master: Mutex::new(Some(pair.master)),
            writer: Arc::new(Mutex::new(Some(writer))),
            seen: Arc::default(),
            child: Mutex::new(child),
        }
    }

    /// Reads its output from now on.
    pub fn start_reading(&self) {
        let mut reader = self.master.lock().unwrap().as_ref().unwrap().try_clone_reader().unwrap();
        let (seen, writer) = (Arc::clone(&self.seen), Arc::clone(&self.writer));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let mut seen_now = seen.0.lock().unwrap();
                seen_now.bytes.extend_from_slice(&buffer[..count]);
                let is_due =
                    |(after, _): &mut (Vec<u8>, Vec<u8>)| occurrences(&seen_now.bytes, after) > 0;
                let mut answer = seen_now.answer.clone();
                if answer.as_mut().is_some_and(is_due) {
                    seen_now.answer = None;
                    if let (Some((_, bytes)), Some(writer)) =
                        (answer, writer.lock().unwrap().as_mut())
                    {
                        writer.write_all(&bytes).unwrap();
                    }
                }
                seen.1.notify_all();
            }
        });
    }

    /// Types `bytes` as soon as `after` came out.
    pub fn answer_after(&self, after: &[u8], bytes: &[u8]) {
        self.seen.0.lock().unwrap().answer = Some((after.to_vec(), bytes.to_vec()));
    }

    /// The modes of the terminal.
    pub fn modes(&self) -> Vec<String> {
        described(&tcgetattr(&self.slave).unwrap())
    }

    /// The modes before anything ran in it.
    pub fn first_modes(&self) -> Vec<String> {
        self.first_modes.clone()
    }

    /// Whether the descriptor that was given away was changed.
    pub fn slave_is_nonblocking(&self) -> bool {
        rustix::fs::fcntl_getfl(&self.slave).unwrap().contains(OFlags::NONBLOCK)
    }

    /// How often something came out.
    pub fn count(&self, bytes: &[u8]) -> usize {
        occurrences(&self.seen.0.lock().unwrap().bytes, bytes)
    }

    /// Waits for what came out to be something.
    pub fn until(&self, what: &str, is_there: impl Fn(&[u8]) -> bool) {
        let (lock, changed) = &*self.seen;
        let mut seen = lock.lock().unwrap();
        let end = Instant::now() + LIMIT;
        while !is_there(&seen.bytes) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what}: {}", String::from_utf8_lossy(&seen.bytes));
            seen = changed.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Waits for text in the output.
    pub fn until_text(&self, text: &str) {
        self.until(text, |seen| occurrences(seen, text.as_bytes()) > 0);
    }

    /// The screen, once it is as it is waited for.
    pub fn screen(&self, is_so: impl Fn(&vt100::Screen) -> bool) -> vt100::Screen {
        let shown = |bytes: &[u8]| {
            let [rows, cols] = [24, 80].map(|count| NonZero::new(count).unwrap());
            let mut parser = vt100::Parser::new(rows, cols, 0);
            parser.process(bytes);
            parser.screen().clone()
        };
        self.until("such screen", |bytes| is_so(&shown(bytes)));
        shown(&self.seen.0.lock().unwrap().bytes)
    }

    /// Types.
    pub fn type_in(&self, bytes: &[u8]) {
        self.writer.lock().unwrap().as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Reads a line as a shell would.
    pub fn read_line(&self) -> Vec<u8> {
        let mut file = File::from(self.slave.try_clone().unwrap());
        let mut buffer = [0; 256];
        let count = file.read(&mut buffer).unwrap();
        buffer[..count].to_vec()
    }

    /// Takes the terminal away.
    pub fn hang_up(&self) {
        *self.writer.lock().unwrap() = None;
        *self.master.lock().unwrap() = None;
    }

    /// Sends a signal to the job in the foreground.
    pub fn signal_client(&self, name: &str) {
        let master = self.master.lock().unwrap();
        let group = master.as_ref().unwrap().process_group_leader().unwrap();
        let client = self.clients(group);
        let sent = std::process::Command::new("kill").args(["-s", name, &client]).status();
        assert!(sent.unwrap().success());
    }

    /// The client's process in a group: the one that is not the shell.
    fn clients(&self, group: i32) -> String {
        let listed = std::process::Command::new("ps")
            .args(["-A", "-o", "pid=,pgid=,args="])
            .output()
            .unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let group = group.to_string();
        let mut found = listed.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let (pid, of) = (words.next()?, words.next()?);
            let is_shell = words.next()? == "bash";
            let is_client = of == group && !is_shell && words.any(|word| word == "--exact");
            is_client.then(|| pid.to_owned())
        });
        found.next().unwrap()
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if let Some(child) = self.child.lock().unwrap().as_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts a line of shell in a terminal; `CLIENT` in it is this program's test `client`.
pub fn in_terminal(line: &str) -> Pty {
    let own = std::env::current_exe().unwrap();
    let client = format!("'{}' --exact client --nocapture --test-threads=1", own.display());
    let pty = Pty::with(|pair| {
        let mut command = CommandBuilder::new("bash");
        command.args(["-c", &line.replace("CLIENT", &client)]);
        command.env(INSIDE, "1");
        command.env("RUST_BACKTRACE", "0");
        Some(pair.slave.spawn_command(command).unwrap())
    });
    pty.start_reading();
    pty
}

fn described(modes: &Termios) -> Vec<String> {
    vec![
        format!("{:?}", modes.input_modes),
        format!("{:?}", modes.output_modes),
        format!("{:?}", modes.local_modes),
    ]
}

/// How often `of` is in `bytes`.
pub fn occurrences(bytes: &[u8], of: &[u8]) -> usize {
    bytes.windows(of.len().max(1)).filter(|window| *window == of).count()
}

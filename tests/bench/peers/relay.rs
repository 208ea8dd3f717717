//! The way of a key through monban's processes with nobody doing anything on it: client, daemon
//! and holder that copy bytes. What it takes is what the boundaries between the processes cost,
//! whatever runs inside them: no program with these boundaries is faster.
//!
//! As in monban the holder alone reads the pane's terminal, the daemon writes what is typed to it,
//! and the client has the person's.

use crate::Failure;
use crate::terminal::pause;
use rustix::io::Errno;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The first argument of a process of this peer.
pub const FLAG: &str = "--relay";
const BYTES: usize = 64 << 10;
const LISTENS_WITHIN: Duration = Duration::from_secs(10);

/// The processes behind the client; they end when this is dropped.
pub struct Relays(Vec<Child>);

impl Relays {
    /// Daemon and holder of the pane whose terminal has this master; clients connect at `socket`.
    pub fn start(master: OwnedFd, socket: &Path) -> Result<Self, Failure> {
        // The end of the pane's terminal that waits: a relay has nothing else to do.
        let flags = rustix::fs::fcntl_getfl(&master)? - rustix::fs::OFlags::NONBLOCK;
        rustix::fs::fcntl_setfl(&master, flags)?;
        let (of_holder, of_daemon) = UnixStream::pair()?;
        let mut relays = Self(Vec::new());
        relays.add("holder", &[], master.try_clone()?, of_holder.into())?;
        let path = socket.to_str().ok_or("the folder's name is not UTF-8")?;
        relays.add("daemon", &[path], of_daemon.into(), master)?;
        Ok(relays)
    }

    fn add(
        &mut self,
        role: &str,
        args: &[&str],
        input: OwnedFd,
        output: OwnedFd,
    ) -> Result<(), Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([FLAG, role]).args(args).stdin(input).stdout(output).stderr(Stdio::null());
        self.0.push(command.spawn()?);
        Ok(())
    }
}

impl Drop for Relays {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The command of a client of the daemon at `socket`.
pub fn client(socket: &Path) -> Result<Vec<String>, Failure> {
    let program = std::env::current_exe()?;
    let words = [program.display().to_string(), FLAG.into(), "client".into()];
    Ok(words.into_iter().chain([socket.display().to_string()]).collect())
}

/// Is one of the processes, until its other ends are gone.
pub fn run(args: &[String]) -> Result<(), Failure> {
    let end = |fd: rustix::fd::BorrowedFd<'_>| fd.try_clone_to_owned().map(File::from);
    let (input, output) = (end(std::io::stdin().as_fd())?, end(std::io::stdout().as_fd())?);
    match args {
        [role] if role == "holder" => copy(&input, &output),
        [role, socket] if role == "daemon" => {
            let (client, _) = UnixListener::bind(socket)?.accept()?;
            let typed = client.try_clone()?;
            thread::spawn(move || copy(&typed, &output));
            copy(&input, &client);
        }
        [role, socket] if role == "client" => {
            let mut raw = tcgetattr(&input)?;
            raw.make_raw();
            tcsetattr(&input, OptionalActions::Now, &raw)?;
            let daemon = connected(socket)?;
            let typed = daemon.try_clone()?;
            thread::spawn(move || copy(&input, &typed));
            copy(&daemon, &output);
        }
        other => return Err(format!("{other:?} is no part of the relay").into()),
    }
    Ok(())
}

/// A connection to the daemon, which may not listen yet.
fn connected(socket: &str) -> Result<UnixStream, Failure> {
    let until = Instant::now() + LISTENS_WITHIN;
    loop {
        match UnixStream::connect(socket) {
            Err(_) if Instant::now() < until => pause(Duration::from_millis(1))?,
            connected => return Ok(connected?),
        }
    }
}

/// Copies until one of the ends is gone.
fn copy(from: &impl AsFd, to: &impl AsFd) {
    let mut buffer = vec![0; BYTES];
    loop {
        let count = match rustix::io::read(from, &mut buffer) {
            Ok(0) => return,
            Ok(count) => count,
            Err(Errno::INTR) => continue,
            Err(_) => return,
        };
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            match rustix::io::write(to, rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }
}

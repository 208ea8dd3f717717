//! Running a git process, or two connected ones: output bounded, progress told, killed at the time
//! limit and on request. Only [`super::command`] starts any.

use super::command::{Git, Input, Output};
use super::error::GitError;
use super::object::{Progress, Report};
use crate::base::foreign::Foreign;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

/// How much of the end of standard error is kept.
const ERROR_BYTES: usize = 16 << 10;

enum Message {
    Progress(Progress),
    Stdout(io::Result<Vec<u8>>),
    Stderr(usize, Vec<u8>),
    Expired,
}

/// One or two connected processes; dropping it kills what is left of them.
pub(crate) struct Running {
    children: Vec<(String, Child)>,
    messages: mpsc::Receiver<Message>,
    /// Closes when the processes are done, which ends the timer.
    _timer: SyncSender<()>,
    limit: Duration,
    output_bytes: u64,
    accepted: &'static [i32],
    place: PathBuf,
}

impl Running {
    pub fn start(git: Git) -> Result<Self, GitError> {
        let (sender, messages) = mpsc::sync_channel(64);
        let (timer, done) = mpsc::sync_channel::<()>(0);
        let place = git.dirs.objects.clone().unwrap_or_else(|| git.dirs.git_dir.clone());
        let mut running = Self {
            children: Vec::new(),
            messages,
            _timer: timer,
            limit: git.limit,
            output_bytes: git.output_bytes,
            accepted: git.accepted,
            place,
        };
        running.spawn(git, &sender)?;
        let limit = running.limit;
        thread::spawn(move || {
            if done.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                let _ = sender.send(Message::Expired);
            }
        });
        Ok(running)
    }

    fn spawn(&mut self, git: Git, sender: &SyncSender<Message>) -> Result<(), GitError> {
        let mut command = git.command();
        let last = git.output_bytes;
        match git.input {
            Input::Bytes(bytes) => {
                let child = self.spawn_one(&git.what, command.stdin(Stdio::piped()))?;
                if let Some(mut stdin) = child.stdin.take() {
                    thread::spawn(move || stdin.write_all(&bytes));
                }
            }
            Input::From(feeder) => {
                self.spawn_feeder(*feeder, sender)?;
                let feeding = self.children.last_mut().and_then(|(_, child)| child.stdout.take());
                let stdin = feeding.map_or_else(Stdio::null, Stdio::from);
                self.spawn_one(&git.what, command.stdin(stdin))?;
            }
        }
        drop(command);
        let at = self.children.len() - 1;
        self.watch_errors(at, git.progress, sender);
        if let Some(stdout) = self.children[at].1.stdout.take() {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut bytes = Vec::new();
                let read = stdout.take(last + 1).read_to_end(&mut bytes);
                let _ = sender.send(Message::Stdout(read.map(|_| bytes)));
            });
        }
        Ok(())
    }

    fn spawn_feeder(&mut self, feeder: Git, sender: &SyncSender<Message>) -> Result<(), GitError> {
        let mut command = feeder.command();
        let child = self.spawn_one(&feeder.what, command.stdin(Stdio::piped()))?;
        if let (Some(mut stdin), Input::Bytes(bytes)) = (child.stdin.take(), feeder.input) {
            thread::spawn(move || stdin.write_all(&bytes));
        }
        self.watch_errors(self.children.len() - 1, feeder.progress, sender);
        Ok(())
    }

    fn spawn_one(&mut self, what: &str, command: &mut Command) -> Result<&mut Child, GitError> {
        let child = command
            .spawn()
            .map_err(|error| GitError::NoGit(format!("git {what} cannot be started: {error}")))?;
        self.children.push((what.to_string(), child));
        let at = self.children.len() - 1;
        Ok(&mut self.children[at].1)
    }

    fn watch_errors(
        &mut self,
        at: usize,
        what: Option<&'static str>,
        sender: &SyncSender<Message>,
    ) {
        if let Some(stderr) = self.children[at].1.stderr.take() {
            let sender = sender.clone();
            thread::spawn(move || {
                let kept = read_errors(stderr, what, &sender);
                let _ = sender.send(Message::Stderr(at, kept));
            });
        }
    }

    pub fn wait(self, report: &mut Report<'_>) -> Result<Output, GitError> {
        let mut errors: Vec<Option<Vec<u8>>> = self.children.iter().map(|_| None).collect();
        let mut stdout = None;
        while stdout.is_none() || errors.iter().any(Option::is_none) {
            let message = self.messages.recv_timeout(Duration::from_secs(1));
            match message {
                Ok(Message::Progress(progress)) => {
                    if report(progress).is_break() {
                        return Err(GitError::Cancelled);
                    }
                }
                Ok(Message::Stdout(bytes)) => {
                    let bytes = bytes.map_err(|error| GitError::io(&self.place, error))?;
                    if bytes.len() as u64 > self.output_bytes {
                        return Err(self.too_much());
                    }
                    stdout = Some(bytes);
                }
                Ok(Message::Stderr(at, bytes)) => errors[at] = Some(bytes),
                Ok(Message::Expired) => return Err(self.expired()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.finish(stdout.unwrap_or_default(), errors)
    }

    /// Judges the exit codes; the process that reads is blamed first, since a broken pipe of the
    /// one that writes is only a consequence.
    fn finish(mut self, stdout: Vec<u8>, errors: Vec<Option<Vec<u8>>>) -> Result<Output, GitError> {
        let mut codes = Vec::new();
        for (_, child) in &mut self.children {
            let status = child.wait().map_err(|error| GitError::io(&self.place, error))?;
            codes.push(status.code().unwrap_or(-1));
        }
        let feeder_failed = self.children.len() > 1 && codes[0] > 0;
        let order: Vec<usize> = if feeder_failed {
            (0..codes.len()).collect()
        } else {
            (0..codes.len()).rev().collect()
        };
        for at in order {
            let accepted = if at + 1 == codes.len() { self.accepted } else { &[0] };
            if !accepted.contains(&codes[at]) {
                let stderr = errors[at].as_deref().unwrap_or_default();
                return Err(GitError::failed(&self.children[at].0, codes[at], stderr, &self.place));
            }
        }
        Ok(Output { code: codes.last().copied().unwrap_or(-1), stdout })
    }

    fn name(&self) -> String {
        self.children.last().map(|(what, _)| what.clone()).unwrap_or_default()
    }

    fn expired(&self) -> GitError {
        GitError::TimedOut { what: self.name(), seconds: self.limit.as_secs() }
    }

    fn too_much(&self) -> GitError {
        GitError::TooLarge {
            what: Foreign::new(format!("the output of git {}", self.name())),
            limit: self.output_bytes,
            cure: "the repository may be damaged or hostile",
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for (_, child) in &mut self.children {
            if matches!(child.try_wait(), Ok(None)) {
                if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                    let _ = kill_process_group(pid, Signal::KILL);
                }
                let _ = child.wait();
            }
        }
    }
}

/// Reads standard error, keeps its end, and turns git's counters into progress.
fn read_errors(
    mut stderr: impl Read,
    what: Option<&'static str>,
    sender: &SyncSender<Message>,
) -> Vec<u8> {
    let mut kept: Vec<u8> = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count) = stderr.read(&mut buffer) {
        if count == 0 {
            break;
        }
        let chunk = &buffer[..count];
        if let Some((what, (done, total))) = what.zip(counters(chunk)) {
            let progress = Progress { what, done, total: Some(total) };
            if sender.send(Message::Progress(progress)).is_err() {
                break;
            }
        }
        kept.extend_from_slice(chunk);
        let over = kept.len().saturating_sub(ERROR_BYTES);
        kept.drain(..over);
    }
    kept
}

/// The last "(done/total)" in a chunk of git's progress lines.
fn counters(chunk: &[u8]) -> Option<(u64, u64)> {
    let text = std::str::from_utf8(chunk).ok()?;
    let inside = text.rsplit_once('(')?.1.split_once(')')?.0;
    let (done, total) = inside.split_once('/')?;
    Some((done.parse().ok()?, total.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_from_progress_lines() {
        assert_eq!(counters(b"Receiving objects:  12% (6/50)\r"), Some((6, 50)));
        assert_eq!(counters(b"fatal: (nothing)"), None);
    }
}

//! The holder's view of the tree under it: looking, signalling, freezing, and knowing that none is
//! left.

use super::files::{self, MARKER_VARIABLE, Seen};
use super::processes::{self, Process, descendants, signal};
use crate::wire::hold::Tree;
use rustix::process::Signal;
use std::path::{Path, PathBuf};

/// Rounds of freezing: a process may start another between the look and the signal.
const FREEZE_ROUNDS_MAX: usize = 50;
/// Rounds of killing children before the whole table is looked at.
const KILL_ROUNDS_MAX: usize = 50;
/// Processes written down per look; a fork bomb must not fill the disk.
const SEEN_MAX: usize = 2000;

/// The processes under this holder. On Linux it adopts every orphan among them, so that having no
/// child means that nobody is left; elsewhere they are followed by what was seen and by the marker.
#[derive(Debug)]
pub(super) struct Family {
    folder: PathBuf,
    marker: String,
    seen: Seen,
    /// The reaper found no children any more.
    pub(super) is_childless: bool,
}

impl Family {
    pub(super) fn new(folder: &Path, marker: &str) -> Self {
        let seen = Seen { boot: processes::boot(), processes: Vec::new() };
        let marker = format!("{MARKER_VARIABLE}={marker}");
        Self { folder: folder.to_path_buf(), marker, seen, is_childless: false }
    }

    /// Everybody alive now; writes down who they are when that changed.
    pub(super) fn look(&mut self) -> Vec<Process> {
        let Ok(table) = processes::all() else { return Vec::new() };
        let me = std::process::id();
        let mut roots = vec![me];
        if !cfg!(target_os = "linux") {
            let is_root = |process: &&Process| {
                self.seen.processes.iter().any(|seen| seen.is(process))
                    || processes::environment(process.pid).has(&self.marker)
            };
            roots.extend(table.iter().filter(is_root).map(|process| process.pid));
        }
        let mut living: Vec<Process> = descendants(&table, &roots).into_iter().cloned().collect();
        living.extend(table.into_iter().filter(|p| p.pid != me && roots.contains(&p.pid)));
        self.write_down(&living);
        living
    }

    /// Sends each of `signals` to everybody.
    pub(super) fn signal(&mut self, signals: &[Signal]) {
        for process in self.look() {
            for each in signals {
                signal(&process, *each);
            }
        }
    }

    /// Kills everybody. First, again and again, those whom this holder has adopted: of a process
    /// that is always another one, which forks and ends, a look at the table comes too late.
    pub(super) fn kill(&mut self) {
        for _ in 0..KILL_ROUNDS_MAX {
            let children = processes::children();
            if children.is_empty() {
                break;
            }
            children.iter().for_each(|process| signal(process, Signal::KILL));
        }
        self.signal(&[Signal::KILL]);
    }

    /// Stops everybody where they are, however fast they multiply.
    pub(super) fn freeze(&mut self) {
        for _ in 0..FREEZE_ROUNDS_MAX {
            let living = self.look();
            let mut running = living.iter().filter(|process| !process.is_stopped).peekable();
            if running.peek().is_none() {
                return;
            }
            running.for_each(|process| signal(process, Signal::STOP));
        }
    }

    /// Whether nobody is left, as far as this system can tell.
    pub(super) fn is_gone(&mut self) -> bool {
        if cfg!(target_os = "linux") { self.is_childless } else { self.look().is_empty() }
    }

    /// What is known at the end.
    pub(super) fn verdict(&mut self) -> Tree {
        if !self.is_gone() {
            let left = self.look();
            let names: Vec<String> =
                left.iter().take(5).map(|p| format!("{} {}", p.pid, p.name)).collect();
            let why = format!("{} processes would not die: {}", left.len(), names.join(", "));
            return Tree::Unknown { why };
        }
        if cfg!(target_os = "linux") {
            let known_by = "the holder adopts orphans and has no child left".to_string();
            return Tree::Empty { known_by };
        }
        let why = "none was found, but this system does not show a process that cleared its \
                   environment and left its parents between two looks";
        Tree::Unknown { why: why.to_string() }
    }

    fn write_down(&mut self, living: &[Process]) {
        // The agent's own process stays listed: its session outlives it.
        let agent = self.seen.processes.first().cloned();
        let others = living.iter().filter(|p| !agent.as_ref().is_some_and(|a| a.is(p))).cloned();
        let now: Vec<Process> = agent.iter().cloned().chain(others).take(SEEN_MAX).collect();
        let is_same = now.len() == self.seen.processes.len()
            && now.iter().zip(&self.seen.processes).all(|(a, b)| a.is(b) && a.session == b.session);
        if !is_same {
            self.seen.processes = now;
            // On a full disk the marker and the session still find most of them.
            let _ = files::write_seen(&self.folder, &self.seen);
        }
    }

    /// Writes down the agent's own process, the first of all.
    pub(super) fn begin(&mut self, pid: u32) {
        self.seen.processes = processes::one(pid).into_iter().collect();
        let _ = files::write_seen(&self.folder, &self.seen);
    }
}

//! The process table: who runs, who descends from whom, who carries a marker.
//!
//! A process is its id and its start time together: ids are used again.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
use macos as system;

pub(super) use system::{all, boot, children, environment, one};

use crate::base::foreign::Foreign;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// A living process. Zombies are not listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it started, in the system's own unit; with the id it names the process until a reboot.
    pub started: u64,
    /// Its parent's id.
    pub parent: u32,
    /// Its session's id.
    pub session: u32,
    /// The user it runs as.
    pub user: u32,
    /// Whether it is frozen by a signal.
    pub is_stopped: bool,
    /// Its program's short name.
    pub name: Foreign,
}

impl Process {
    /// Whether `other` is the same process, whatever became of it meanwhile.
    pub fn is(&self, other: &Process) -> bool {
        self.pid == other.pid && self.started == other.started
    }
}

/// What a look at a process's environment gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Environment {
    /// The variables it was started with.
    Of(Vec<u8>),
    /// The system does not show it to us.
    Hidden,
}

impl Environment {
    /// Whether it has the variable `entry` (`NAME=value`).
    pub(super) fn has(&self, entry: &str) -> bool {
        match self {
            Environment::Of(bytes) => {
                bytes.split(|byte| *byte == 0).any(|variable| variable == entry.as_bytes())
            }
            Environment::Hidden => false,
        }
    }
}

/// Those of `table` that descend from one of `roots`; the roots themselves are not included.
pub(super) fn descendants<'a>(table: &'a [Process], roots: &[u32]) -> Vec<&'a Process> {
    let mut known: HashSet<u32> = roots.iter().copied().collect();
    let mut found = Vec::new();
    loop {
        let before = found.len();
        for process in table {
            if known.contains(&process.parent) && known.insert(process.pid) {
                found.push(process);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// Sends `signal` if the process is still the same one.
pub(super) fn signal(process: &Process, signal: Signal) {
    let is_same = one(process.pid).is_some_and(|now| now.is(process));
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
    if let (true, Some(pid)) = (is_same, pid) {
        // It may have ended just now, which is what was wanted or no matter.
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32) -> Process {
        let name = Foreign::default();
        Process { pid, started: 1, parent, session: 0, user: 0, is_stopped: false, name }
    }

    #[test]
    fn descendants_are_found_whatever_the_order_and_without_the_rest() {
        let table = [process(9, 7), process(7, 5), process(5, 1), process(6, 1)];
        let found: Vec<u32> = descendants(&table, &[5]).iter().map(|p| p.pid).collect();
        assert_eq!(found, [7, 9]);
    }

    #[test]
    fn this_process_is_in_the_table_with_its_environment() {
        let me = one(std::process::id()).unwrap();
        assert!(all().unwrap().iter().any(|process| process.is(&me)));
        assert_eq!(me.user, rustix::process::getuid().as_raw());
        let path = format!("PATH={}", std::env::var("PATH").unwrap());
        assert!(environment(me.pid).has(&path));
        assert!(!environment(me.pid).has("PATH=elsewhere"));
    }

    #[test]
    fn a_process_that_took_over_an_id_is_not_signalled() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let mut former = one(child.id()).unwrap();
        former.started += 1;
        signal(&former, Signal::KILL);
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

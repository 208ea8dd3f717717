//! Processes of a run whose holder was killed: finding and ending them (promise 2).
//!
//! Found by the marker in their environment, by the holder's list of processes, by session, and by
//! descent from any of these. A process that cleaned its environment, left its session and lost its
//! parent between two looks of the holder cannot be found; that is said, not hidden.

use super::files::{self, MARKER_VARIABLE, Seen};
use super::processes::{self, Environment, Process};
use crate::base::ticks::{Instant, now};
use rustix::process::Signal;
use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How long killed processes may take to vanish.
const KILL_FOR: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What is left of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survivors {
    /// The processes that are known to be the run's.
    pub processes: Vec<Process>,
    /// What could not be ascertained, in words for a person; empty never happens without a holder.
    pub unknown: Vec<String>,
}

/// What [`end_survivors`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The processes that were there and are not any more.
    pub ended: Vec<Process>,
    /// Those that would not die, and what could not be ascertained.
    pub left: Survivors,
}

/// The living processes of the run in `folder` with this marker. Only for a run without a holder.
pub fn survivors(folder: &Path, marker: &str) -> io::Result<Survivors> {
    let seen = files::read_seen(folder)?;
    let mine = rustix::process::getuid().as_raw();
    let table: Vec<Process> =
        processes::all()?.into_iter().filter(|process| process.user == mine).collect();
    let entry = format!("{MARKER_VARIABLE}={marker}");
    let mut hidden = 0;
    let mut roots = Vec::new();
    for process in &table {
        let environment = processes::environment(process.pid);
        let is_hidden = environment == Environment::Hidden && processes::one(process.pid).is_some();
        hidden += usize::from(is_hidden);
        if environment.has(&entry) || is_seen(&seen, &table, process) {
            roots.push(process.pid);
        }
    }
    let below = processes::descendants(&table, &roots);
    let found: HashSet<u32> =
        roots.iter().copied().chain(below.iter().map(|process| process.pid)).collect();
    let me = std::process::id();
    let processes = table.into_iter().filter(|p| found.contains(&p.pid) && p.pid != me).collect();
    Ok(Survivors { processes, unknown: unknown(&seen, hidden) })
}

/// Ends what [`survivors`] finds: asks, waits `grace`, kills, and looks again until nothing is
/// found. Blocks for at most the grace and ten seconds.
pub fn end_survivors(folder: &Path, marker: &str, grace: Duration) -> io::Result<Ended> {
    let mut all: Vec<Process> = Vec::new();
    let asked_at = now();
    let mut asked = HashSet::new();
    loop {
        let left = survivors(folder, marker)?;
        for process in &left.processes {
            if !all.iter().any(|known| known.is(process)) {
                all.push(process.clone());
            }
        }
        let waited = now().duration_since(asked_at);
        if left.processes.is_empty() || waited > grace + KILL_FOR {
            let is_left = |process: &Process| left.processes.iter().any(|p| p.is(process));
            return Ok(Ended { ended: all.into_iter().filter(|p| !is_left(p)).collect(), left });
        }
        for process in &left.processes {
            if waited >= grace {
                processes::signal(process, Signal::KILL);
            } else if asked.insert((process.pid, process.started)) {
                processes::signal(process, Signal::TERM);
                processes::signal(process, Signal::CONT);
            }
        }
        pause_until(now() + LOOK_EVERY);
    }
}

fn pause_until(at: Instant) {
    std::thread::sleep(at.saturating_duration_since(now()));
}

/// Whether the holder listed this process, or it is in the session of one that was listed and whose
/// id nobody else has taken since.
fn is_seen(seen: &Seen, table: &[Process], process: &Process) -> bool {
    if seen.boot != processes::boot() {
        return false;
    }
    seen.processes.iter().any(|listed| {
        let is_session = listed.pid == listed.session && listed.session == process.session;
        let is_taken = table.iter().any(|other| other.pid == listed.pid && !other.is(listed));
        listed.is(process) || (is_session && !is_taken && process.started >= listed.started)
    })
}

fn unknown(seen: &Seen, hidden: usize) -> Vec<String> {
    let mut unknown = vec![
        "a process that cleared its environment and left its parents shortly before the holder was \
         killed cannot be told from others"
            .to_string(),
    ];
    if hidden > 0 {
        unknown.push(format!("the environment of {hidden} of your processes cannot be read"));
    }
    if seen.processes.is_empty() {
        unknown.push("the holder had not listed any process yet".to_string());
    }
    unknown
}

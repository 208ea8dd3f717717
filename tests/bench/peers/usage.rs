//! What processes use: time on a processor, how often they woke, memory that is theirs.

use crate::Failure;
use std::fs;
use std::ops::{AddAssign, Sub};

/// Processor time and wake-ups since a process began.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Work {
    /// Seconds on a processor.
    pub seconds: f64,
    /// How often a thread went to sleep by itself, which is how often it had been woken.
    pub wakes: f64,
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.wakes += other.wakes;
    }
}

impl Sub for Work {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { seconds: self.seconds - other.seconds, wakes: self.wakes - other.wakes }
    }
}

/// Memory in MiB.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Memory {
    /// What only this process has.
    pub private: f64,
    /// That, and its share of what several have.
    pub pss: f64,
}

impl AddAssign for Memory {
    fn add_assign(&mut self, other: Self) {
        self.private += other.private;
        self.pss += other.pss;
    }
}

/// The work of all threads of these processes, to the nanosecond.
pub fn work(processes: &[(u32, &str)]) -> Result<Work, Failure> {
    let mut sum = Work::default();
    for (pid, _) in processes {
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let task = task?.path();
            // A thread that has just ended took its time with it.
            let (Ok(time), Ok(status)) = (
                fs::read_to_string(task.join("schedstat")),
                fs::read_to_string(task.join("status")),
            ) else {
                continue;
            };
            let nanos: f64 = time.split(' ').next().unwrap_or_default().parse()?;
            let wakes = number_after(&status, "voluntary_ctxt_switches:")?;
            sum += Work { seconds: nanos / 1e9, wakes };
        }
    }
    Ok(sum)
}

/// The memory of a process.
pub fn memory(pid: u32) -> Result<Memory, Failure> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let of = |name: &str| number_after(&text, name).map(|kilobytes| kilobytes / 1024.0);
    Ok(Memory { private: of("Private_Clean:")? + of("Private_Dirty:")?, pss: of("Pss:")? })
}

/// The one-minute load of the machine.
pub fn load() -> Result<f64, Failure> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

fn number_after(text: &str, name: &str) -> Result<f64, Failure> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|line| line.split_whitespace().next());
    Ok(word.ok_or_else(|| format!("the system does not tell {name}"))?.parse()?)
}

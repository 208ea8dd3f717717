//! The process table from /proc.

use super::{Environment, Process};
use crate::base::durable;
use crate::base::foreign::Foreign;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const ENVIRONMENT_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// More than the longest name and fifty numbers take.
const STAT_BYTES_MAX: u64 = 8192;
/// What they take on any system seen.
const STAT_BYTES_USUAL: usize = 1024;

/// All living processes that the system shows.
pub(in crate::runner) fn all() -> io::Result<Vec<Process>> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok());
        processes.extend(pid.and_then(one));
    }
    Ok(processes)
}

/// The living children of this process now, of which the system keeps a list: read much sooner than
/// the whole table. Where it keeps none, nobody.
pub(in crate::runner) fn children() -> Vec<Process> {
    let me = std::process::id();
    let list = fs::read_to_string(format!("/proc/{me}/task/{me}/children")).unwrap_or_default();
    let pids = list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok());
    pids.filter_map(one).filter(|process| process.parent == me).collect()
}

/// The living process with this id. A holder looks at all of them while its agent works, so this
/// asks the system for no more than it needs.
pub(in crate::runner) fn one(pid: u32) -> Option<Process> {
    let folder = format!("/proc/{pid}");
    let user = fs::metadata(&folder).ok()?.uid();
    let mut stat = Vec::with_capacity(STAT_BYTES_USUAL);
    let file = File::open(format!("{folder}/stat")).ok()?;
    file.take(STAT_BYTES_MAX).read_to_end(&mut stat).ok()?;
    parse(&stat, user)
}

/// `pid (name) state parent group session …`; the name may hold anything, a closing bracket too.
fn parse(stat: &[u8], user: u32) -> Option<Process> {
    let open = stat.iter().position(|byte| *byte == b'(')?;
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let pid = std::str::from_utf8(&stat[..open]).ok()?.trim().parse().ok()?;
    let rest = std::str::from_utf8(&stat[close + 1..]).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let state = *fields.first()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        user,
        is_stopped: matches!(state, "T" | "t"),
        name: Foreign::from_bytes(&stat[open + 1..close]),
    })
}

/// The environment the process was started with.
pub(in crate::runner) fn environment(pid: u32) -> Environment {
    match durable::read(Path::new(&format!("/proc/{pid}/environ")), ENVIRONMENT_BYTES_MAX) {
        Ok(bytes) => Environment::Of(bytes),
        Err(_) => Environment::Hidden,
    }
}

/// Names this boot of the machine.
pub(in crate::runner) fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let stat = b"42 (a) R 1 (b) S 7 42 41 34816 42 4194304 1 0 0 0 0 0 0 0 20 0 1 0 9876 0 0"
            .as_slice();
        let process = parse(stat, 5).unwrap();
        assert_eq!((process.pid, process.parent, process.session), (42, 7, 41));
        assert_eq!((process.started, process.user), (9876, 5));
        assert_eq!(process.name.raw(), "a) R 1 (b");
        assert!(parse(b"42 (a) Z 7 42 41 0 0 0 1 0 0 0 0 0 0 0 20 0 1 0 9876", 5).is_none());
    }
}

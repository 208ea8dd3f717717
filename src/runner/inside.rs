//! Whether a process is part of a run: by a marker in its environment or in that of any ancestor.
//!
//! Whatever a process of a run does to its environment, its session and its parents, it stays below
//! its holder, which adopts orphans where the system can do that and is marked itself.

use super::files::{HOLDER_VARIABLE, MARKER_VARIABLE};
use super::processes::{self, Environment};

/// How many ancestors are followed at most.
const ANCESTORS_MAX: usize = 256;
/// How often the way up is begun anew because somebody on it ended.
const LOOKS_MAX: usize = 100;

/// Where a process comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// It, or one it descends from, carries a run's marker.
    Inside,
    /// None of its ancestors does. One that had its holder killed, or had something outside of the
    /// run start it, is not found: without isolation this is advisory.
    Outside,
    /// It cannot be told: it is gone, or the way up to its ancestors is.
    Unknown,
}

/// Where the process `pid` comes from.
pub fn origin(pid: u32) -> Origin {
    (0..LOOKS_MAX).find_map(|_| climb(pid)).unwrap_or(Origin::Unknown)
}

/// Follows the ancestors; `None` when one of them ended meanwhile: whom it left has another parent
/// now.
fn climb(first: u32) -> Option<Origin> {
    let mut child = processes::one(first);
    for _ in 0..ANCESTORS_MAX {
        let Some(process) = &child else { return Some(Origin::Unknown) };
        if carries_marker(&processes::environment(process.pid)) {
            return Some(Origin::Inside);
        }
        if process.parent <= 1 {
            return Some(Origin::Outside);
        }
        let parent = processes::one(process.parent)?;
        // The id of one that ended may be somebody else's by now.
        if parent.started > process.started {
            return None;
        }
        child = Some(parent);
    }
    Some(Origin::Unknown)
}

fn carries_marker(environment: &Environment) -> bool {
    let Environment::Of(bytes) = environment else { return false };
    let is_mark = |entry: &[u8]| {
        let name = entry.split(|byte| *byte == b'=').next();
        name.is_some_and(|name| {
            [MARKER_VARIABLE, HOLDER_VARIABLE].iter().any(|mark| mark.as_bytes() == name)
        })
    };
    bytes.split(|byte| *byte == 0).any(is_mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// A child that waits, marked by this variable.
    fn marked(variable: &str) -> std::process::Child {
        let mut sleeps = Command::new("sleep");
        sleeps.arg("60").env(variable, "run1-x").stdin(Stdio::null()).spawn().unwrap()
    }

    #[test]
    fn a_child_with_a_marker_is_inside_and_this_test_is_not() {
        assert_eq!(origin(std::process::id()), Origin::Outside);
        for variable in [MARKER_VARIABLE, HOLDER_VARIABLE] {
            let mut child = marked(variable);
            // The system shows a new program's environment a moment after it has started.
            let inside = (0..100_000).any(|_| origin(child.id()) == Origin::Inside);
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(inside);
        }
    }

    /// A program that connected and is gone may have left its connection to anybody.
    #[test]
    fn of_a_process_that_is_gone_or_only_a_shell_of_itself_nothing_is_known() {
        let mut child = marked(MARKER_VARIABLE);
        child.kill().unwrap();
        // Not waited for: a zombie.
        while origin(child.id()) != Origin::Unknown {}
        child.wait().unwrap();
        assert_eq!(origin(child.id()), Origin::Unknown);
        assert_eq!(origin(0), Origin::Unknown);
    }
}

//! Whether a process is part of a run: by the marker in its environment or in that of any ancestor.

use super::MARKER_VARIABLE;
use super::processes::{self, Environment};

/// How many ancestors are followed at most.
const ANCESTORS_MAX: usize = 256;

/// Whether the process `pid`, or one it descends from, carries a run's marker. A process that hides
/// its environment and has left its parents behind is not found: without isolation this is
/// advisory.
pub fn is_inside_run(pid: u32) -> bool {
    let mut pid = pid;
    for _ in 0..ANCESTORS_MAX {
        if carries_marker(&processes::environment(pid)) {
            return true;
        }
        match processes::one(pid) {
            Some(process) if process.parent > 1 && process.parent != pid => pid = process.parent,
            _ => return false,
        }
    }
    false
}

fn carries_marker(environment: &Environment) -> bool {
    let Environment::Of(bytes) = environment else { return false };
    let prefix = format!("{MARKER_VARIABLE}=");
    bytes.split(|byte| *byte == 0).any(|entry| entry.starts_with(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_child_with_the_marker_is_inside_and_this_test_is_not() {
        assert!(!is_inside_run(std::process::id()));
        let mut child = Command::new("sleep")
            .arg("60")
            .env(MARKER_VARIABLE, "run1-x")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        // The system shows a new program's environment a moment after it has started.
        let inside = (0..100_000).any(|_| is_inside_run(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(inside);
    }
}

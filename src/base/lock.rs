//! Locks on files that are not waited for.

use std::fs::{File, TryLockError};
use std::io;
use std::time::Duration;

/// How often a lock that somebody else has is tried, [`PAUSE`] apart: a program that is just being
/// started holds the locks of the process that starts it too, for the moment between fork and exec,
/// also when that process has let go of them.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(5);

/// Takes the exclusive lock on a file; false when somebody else has it and keeps it for half a
/// second.
pub fn take(file: &File) -> io::Result<bool> {
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_let_go_of_in_a_moment_is_taken_and_one_that_is_kept_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let (held, other) = (File::create(&path).unwrap(), File::create(&path).unwrap());
        assert!(take(&held).unwrap());
        assert!(!take(&other).unwrap());
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| take(&other).unwrap());
            held.unlock().unwrap();
            assert!(waits.join().unwrap());
        });
    }
}

//! A play whose process is killed leaves nothing either: a guard, a process beside it, reads a pipe
//! that ends when the play does, however that comes about, and clears what is left.

use super::ground::Ground;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How many times, and how often, a ground is looked at again that was cleared: a daemon that was
/// just being started may come to it late.
const LOOKS: u32 = 5;
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// The guard of a ground, as the play has it.
pub(super) struct Guard(Child);

impl Guard {
    /// Sets one over a ground.
    pub fn over(ground: &Ground) -> io::Result<Self> {
        let mut guard = Command::new(std::env::current_exe()?);
        guard.arg("play-guard").arg(ground.root()).current_dir("/");
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        guard.spawn().map(Self)
    }
}

impl Drop for Guard {
    /// The play is over: the guard finds nothing left, and ends.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The guard's own work: waits until its play has ended, and clears what that left.
pub fn run(root: &Path) -> io::Result<()> {
    let ground = Ground::at(root)?;
    // What ends the play from its terminal is not to end the guard with it.
    let _ = rustix::process::setsid();
    io::stdin().read_to_end(&mut Vec::new())?;
    let looks = if root.exists() { LOOKS } else { 0 };
    for _ in 0..looks {
        if root.exists() {
            let _ = ground.clear();
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

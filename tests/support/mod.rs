//! What integration tests share: a stub model server, a terminal to run real programs in, and the
//! convention for tests that could not run.

#![allow(dead_code)]

pub mod instance;
pub mod job;
pub mod kept;
pub mod machine;
pub mod not_run;
pub mod relay;
pub mod script;
pub mod sshd;
pub mod stub_model;
pub mod svg;
pub mod terminal;
pub mod tmux;

use std::time::{Duration, Instant};

/// Looks every 20 ms until `found` gives something, for at most `limit`.
pub fn wait_for<T>(limit: Duration, mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = found() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

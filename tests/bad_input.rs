//! Bad input, on every side of the program: a clear message with the right exit status, and nothing
//! changed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "bad_input/agents.rs"]
mod agents;
#[path = "bad_input/beginning.rs"]
mod beginning;
#[path = "bad_input/configuration.rs"]
mod configuration;
#[path = "bad_input/daemon.rs"]
mod daemon;
#[path = "bad_input/files.rs"]
mod files;
#[path = "bad_input/gates.rs"]
mod gates;
#[allow(dead_code)]
#[path = "support/instance.rs"]
mod instance;
#[path = "bad_input/log.rs"]
mod log;
#[path = "bad_input/output.rs"]
mod output;
#[path = "bad_input/repository.rs"]
mod repository;
#[path = "bad_input/shown.rs"]
mod shown;
#[path = "bad_input/support.rs"]
mod support;
#[path = "bad_input/words.rs"]
mod words;

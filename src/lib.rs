//! monban (門番, gatekeeper): a supervisor for coding agents.
//!
//! `docs/architecture.md` explains the parts and `tests/architecture.rs` enforces their layers.
//! Every module below says in its first lines what it owns and who may use it.

pub mod agent;
pub mod base;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod formats;
pub mod gate;
pub mod git;
pub mod model;
pub mod policy;
pub mod pty;
pub mod runner;
pub mod scan;
pub mod store;
pub mod term;
pub mod tui;
pub mod view;
pub mod watch;
pub mod wire;

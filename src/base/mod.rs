//! What every layer stands on: ids, time, paths, digests, foreign text, durable files,
//! globs over paths.
//!
//! The only place that reads the clock. Knows nothing of agents, git or terminals.

pub mod clock;
pub mod count;
pub mod durable;
pub mod foreign;
pub mod globs;
pub mod hash;
pub mod id;
pub mod lock;
pub mod parallel;
pub mod paths;
pub mod size;
pub mod ticks;
pub mod waiting;
pub mod zone;

//! The holder with real processes: nothing is lost, nothing outlives a run, nothing is taken for
//! what it is not.

#[path = "holder/ending.rs"]
mod ending;
#[path = "support/holder.rs"]
mod support;
#[path = "holder/terminal.rs"]
mod terminal;
#[path = "holder/transcript.rs"]
mod transcript;

//! Runs: the holder process, its transcript, and the daemon's side of both.
//!
//! Everything that executes untrusted code runs under a holder (`monban hold FOLDER`, [`hold`]).
//! The daemon starts and finds holders ([`start`], [`find`]), talks to them ([`Connection`]), reads
//! their output from the transcript ([`Transcript`]), and ends what a killed holder left
//! ([`end_survivors`]). What each file in a run's folder is stands in `files`. Nothing here knows
//! tasks, git or terminals' contents.

mod connection;
mod course;
mod family;
mod files;
pub mod hold;
mod holder;
mod input;
mod inside;
mod link;
mod passing;
mod processes;
mod reaper;
mod serving;
mod start;
mod survivors;
mod transcript;

pub use connection::{Connection, Handle, Notice};
pub use files::{MARKER_VARIABLE, RunSpec, is_held};
pub use input::InputError;
pub use inside::{Origin, origin};
pub use processes::Process;
pub use start::{Found, RunError, find, start};
pub use survivors::{Ended, Survivors, end_survivors, survivors};
pub use transcript::{Chunk, Entries, Entry, GapReason, Transcript, TranscriptError};

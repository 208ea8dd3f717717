//! The transcript: all output of a run, by byte offset, with the times it came.
//!
//! In the run's folder: `out-OFFSET` holds raw output from that offset, `notes-OFFSET.jsonl` when
//! its parts came and each size of the terminal, `gaps.jsonl` what is missing and why. The holder
//! alone writes; anyone may read at the same time. Both files of a segment go together.

mod cast;
mod read;
mod write;

pub use read::{Chunk, Entries, Entry, Transcript, TranscriptError};
pub(super) use write::Writer;

use crate::base::size::Size;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Why output is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapReason {
    /// The transcript reached its limit; its beginning and its end were kept.
    Limit,
    /// The disk was full for longer than the holder's memory could bridge.
    DiskFull,
    /// Nobody recorded it.
    #[serde(other)]
    Unknown,
}

/// One line of a notes file: output from `offset` on came at `at`, or the terminal changed its
/// size.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Note {
    /// Milliseconds since the Unix epoch.
    at: i64,
    offset: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<Size>,
}

/// One line of the gaps file: output from `from` to before `to` is missing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Gap {
    at: i64,
    from: u64,
    to: u64,
    reason: GapReason,
}

fn output_path(folder: &Path, start: u64) -> PathBuf {
    folder.join(format!("out-{start:020}"))
}

fn notes_path(folder: &Path, start: u64) -> PathBuf {
    folder.join(format!("notes-{start:020}.jsonl"))
}

fn gaps_path(folder: &Path) -> PathBuf {
    folder.join("gaps.jsonl")
}

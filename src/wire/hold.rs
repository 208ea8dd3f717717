//! What the daemon and a holder say to each other, and the record of how a run ended.
//!
//! Holders outlive daemons: every version ever released must stay readable. Fields and kinds are
//! only added; unknown ones are ignored.

use crate::base::clock::Timestamp;
use crate::base::size::Size;
use serde::{Deserialize, Serialize};

/// The protocol versions this program speaks, best first. From 2 on the holder tells resizes; from
/// 3 on it goes on telling while no more than [`UNANSWERED_BYTES`] are unanswered.
pub const VERSIONS: &[u32] = &[3, 2, 1];
/// Output the holder may have told without an answer before it waits for one: an echo needs none,
/// and wakes nobody for it.
pub const UNANSWERED_BYTES: u64 = 4096;

/// From the daemon to the holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// The first frame. `offset` is the output this daemon has already dealt with.
    Hello {
        /// The versions the daemon speaks.
        versions: Vec<u32>,
        /// Bytes of output.
        offset: u64,
    },
    /// Output up to `offset` has been dealt with. Answers every [`Notice::Output`]; from
    /// version 3 on every one that leaves more than half of [`UNANSWERED_BYTES`] unanswered.
    Ack {
        /// Bytes of output.
        offset: u64,
    },
    /// Gives the terminal another size.
    Resize {
        /// The new size.
        size: Size,
    },
    /// Asks the whole tree to end, and ends it when it has not after the grace.
    Stop {
        /// Milliseconds between asking and killing.
        grace_ms: u64,
    },
    /// Ends the whole tree at once.
    Kill,
    /// Freezes the whole tree.
    Pause,
    /// Lets it go on.
    Resume,
    /// Asks for output that a full disk kept out of the transcript.
    Live {
        /// From this byte of output.
        offset: u64,
    },
    /// The end is recorded; the holder may go.
    Seen,
    /// A request of a later version.
    #[serde(other)]
    Unknown,
}

/// From the holder to the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Notice {
    /// The answer to a hello; a duplicate of the terminal's master descriptor travels with it.
    Welcome {
        /// The version both speak from now on.
        version: u32,
        /// The run's marker, so that a reused socket path is noticed.
        marker: String,
        /// The agent's process id.
        pid: u32,
        /// The terminal's size.
        size: Size,
        /// Whether the tree is frozen.
        is_paused: bool,
    },
    /// The hello was not accepted.
    Refused {
        /// Why.
        reason: String,
    },
    /// There is output up to `offset`; `stored` of it is in the transcript.
    Output {
        /// Bytes of output so far.
        offset: u64,
        /// Bytes of output the transcript has taken; less than `offset` while the disk is full.
        stored: u64,
    },
    /// The terminal has this size from here on in its output.
    Resized {
        /// Bytes of output before it.
        offset: u64,
        /// The size.
        size: Size,
    },
    /// Output from the holder's memory, the answer to [`Request::Live`].
    Live {
        /// Where `hex` begins; later than asked for when memory no longer has it.
        offset: u64,
        /// The bytes in hexadecimal.
        hex: String,
    },
    /// The run is over and its tree was dealt with.
    Exited {
        /// How it ended.
        record: ExitRecord,
    },
    /// A notice of a later version.
    #[serde(other)]
    Unknown,
}

/// A [`Notice::Output`] and nothing else, read without a tree in between.
#[derive(Deserialize)]
pub struct Output {
    #[serde(rename = "type")]
    _kind: IsOutput,
    offset: u64,
    stored: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum IsOutput {
    Output,
}

impl From<Output> for Notice {
    fn from(Output { offset, stored, .. }: Output) -> Self {
        Self::Output { offset, stored }
    }
}

/// How a run ended; also the content of its `exit.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// What the system says of the agent's own process.
    pub status: Status,
    /// What made it end.
    pub how: How,
    /// When its own process ended.
    pub at: Timestamp,
    /// How much output there was in all, in bytes.
    pub output_bytes: u64,
    /// Processes of the tree that were still there when the agent's own had ended.
    pub survivors: u32,
    /// What became of them.
    pub tree: Tree,
}

/// The exit status of an agent's own process. A missing one is unknown, never 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It never ran, for this reason.
    NotStarted(String),
}

/// What made a run end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// The agent ended by itself.
    Exited,
    /// It was asked to stop and did.
    Stopped,
    /// It was killed, at once or because it did not stop when asked.
    Killed,
    /// Its time was up.
    TimeLimit,
}

/// What is known of the processes a run has started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tree {
    /// None is left.
    Empty {
        /// How that is known.
        known_by: String,
    },
    /// Whether any is left could not be ascertained, or some are.
    Unknown {
        /// Why.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_version_adds_is_ignored() {
        let later = r#"{"type":"dance","tempo":3}"#;
        assert_eq!(serde_json::from_str::<Request>(later).unwrap(), Request::Unknown);
        assert_eq!(serde_json::from_str::<Notice>(later).unwrap(), Notice::Unknown);
        let longer = r#"{"type":"ack","offset":3,"mood":"good"}"#;
        assert_eq!(serde_json::from_str::<Request>(longer).unwrap(), Request::Ack { offset: 3 });
    }

    #[test]
    fn version_two_stays_as_it_was_released() {
        let resized = Notice::Resized { offset: 7, size: Size { cols: 80, rows: 24 } };
        let text = r#"{"type":"resized","offset":7,"size":{"cols":80,"rows":24}}"#;
        assert_eq!(serde_json::to_string(&resized).unwrap(), text);
    }

    #[test]
    fn version_one_stays_as_it_was_released() {
        let hello = Request::Hello { versions: vec![1], offset: 9 };
        let text = r#"{"type":"hello","versions":[1],"offset":9}"#;
        assert_eq!(serde_json::to_string(&hello).unwrap(), text);
        let stop = serde_json::to_string(&Request::Stop { grace_ms: 5 }).unwrap();
        assert_eq!(stop, r#"{"type":"stop","grace_ms":5}"#);
        let record = ExitRecord {
            status: Status::Signal(9),
            how: How::TimeLimit,
            at: Timestamp::from_millis(0),
            output_bytes: 1,
            survivors: 0,
            tree: Tree::Empty { known_by: "k".into() },
        };
        let text = concat!(
            r#"{"status":{"signal":9},"how":"time-limit","at":"1970-01-01T00:00:00.000Z","#,
            r#""output_bytes":1,"survivors":0,"tree":{"empty":{"known_by":"k"}}}"#
        );
        assert_eq!(serde_json::to_string(&record).unwrap(), text);
    }
}

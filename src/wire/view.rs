//! What an attached client and the daemon say to each other after `Ask::Attach` was answered:
//! messages both ways, none of which waits for another (decision 0013).

use super::people::{Answer, Ask};
use crate::base::id::RunId;
use crate::base::size::Size;
use crate::term::Pointer;
use crate::view::Update;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Something a client looks at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surface {
    /// The tasks of the repository the client stands in, or of all.
    Tasks {
        /// Of all repositories.
        all: bool,
    },
    /// What waits for a person there.
    Inbox {
        /// In all repositories.
        all: bool,
    },
    /// The screen of a run's agent.
    Pane {
        /// The run.
        run: RunId,
        /// How many rows back in its history.
        back: u32,
    },
}

/// From the client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Said {
    /// Look at something from now on under a number of the client's choice, instead of what that
    /// number meant before.
    Look {
        /// The number.
        surface: u32,
        /// What is looked at; none is nothing any more.
        at: Option<Surface>,
        /// The digests of the rows the client still has of it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        kept: Vec<String>,
    },
    /// Frames up to this number may be sent.
    Credit {
        /// The number.
        frame: u64,
    },
    /// Keys for an agent, by name.
    Press {
        /// Its run.
        run: RunId,
        /// The keys.
        keys: Vec<String>,
    },
    /// Text for an agent, as a paste.
    Paste {
        /// Its run.
        run: RunId,
        /// The text.
        text: String,
    },
    /// The mouse over an agent's screen.
    Point {
        /// Its run.
        run: RunId,
        /// What the mouse did, in the agent's cells.
        pointer: Pointer,
    },
    /// How much room the client has for a run's pane. The pane takes this size when the client
    /// types in it.
    Room {
        /// The run.
        run: RunId,
        /// The room.
        size: Size,
    },
    /// The client's terminal has another size, which others see.
    Window {
        /// The size.
        size: Size,
    },
    /// The client decides an item from now on, or none any more. Of several who decide one, the
    /// first may; a client says that it wants to be the first.
    Decide {
        /// The item.
        item: Option<String>,
        /// Before everybody who decides it already.
        first: bool,
    },
    /// A request of the command line; answered under its number.
    Ask {
        /// The number.
        id: u32,
        /// The folder the person stands in.
        at: PathBuf,
        /// What is asked.
        ask: Ask,
    },
    /// Asks for a [`Told::Pong`], to measure the line.
    Ping {
        /// What the pong repeats.
        at: u64,
    },
    /// The client is there, and says something again within this time: otherwise it is gone,
    /// although nothing between has noticed.
    Here {
        /// The time.
        within_ms: u32,
    },
    /// A message of a later version.
    #[serde(other)]
    Unknown,
}

/// To the client.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Told {
    /// What differs since the last frame.
    Frame {
        /// Its number, counted from 1.
        frame: u64,
        /// The surfaces that differ.
        updates: Vec<Update>,
    },
    /// An answer to a request.
    Answer {
        /// The request's number.
        id: u32,
        /// The answer.
        answer: Answer,
    },
    /// The answer to a [`Said::Ping`].
    Pong {
        /// What the ping said.
        at: u64,
    },
    /// A key or paste was not typed, and why.
    NotTyped {
        /// The run.
        run: RunId,
        /// Why.
        why: String,
    },
    /// A message of a later version.
    #[serde(other)]
    Unknown,
}

/// A [`Said::Press`] and nothing else, read without a tree in between.
#[derive(Deserialize)]
pub struct Press {
    #[serde(rename = "type")]
    _kind: IsPress,
    run: RunId,
    keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum IsPress {
    Press,
}

impl From<Press> for Said {
    fn from(Press { run, keys, .. }: Press) -> Self {
        Self::Press { run, keys }
    }
}

/// A [`Told::Frame`] and nothing else, read without a tree in between.
#[derive(Deserialize)]
pub struct Frame {
    #[serde(rename = "type")]
    _kind: IsFrame,
    frame: u64,
    updates: Vec<Update>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum IsFrame {
    Frame,
}

impl From<Frame> for Told {
    fn from(Frame { frame, updates, .. }: Frame) -> Self {
        Self::Frame { frame, updates }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame;

    #[test]
    fn what_is_read_without_a_tree_is_what_was_said() {
        let press = Said::Press { run: RunId(3), keys: vec!["a".into(), "ctrl-c".into()] };
        let update = Update { surface: 7, rows: vec![(2, "[\"x\"]".into())], ..Update::default() };
        let frame = Told::Frame { frame: 9, updates: vec![update] };
        let mut said = frame::Decoder::default();
        for other in [press.clone(), Said::Credit { frame: 4 }, press] {
            said.push(&frame::encode(&other).unwrap());
            assert_eq!(said.next_mostly::<Press, Said>().unwrap(), Some(other));
        }
        let pong = Told::Pong { at: 1 };
        for told in [frame, pong] {
            let bytes = frame::encode(&told).unwrap();
            let read = frame::read_mostly::<Frame, Told>(&mut bytes.as_slice()).unwrap();
            assert_eq!(read, Some(told));
        }
        said.push(&frame::encode(&"neither").unwrap());
        assert!(said.next_mostly::<Press, Said>().is_err());
    }
}

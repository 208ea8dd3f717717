//! Terminals: filter, screen, queries, status protocol, input encoding. Pure: bytes in, state
//! out. The only user of the VT crate.
//!
//! Output of a run flows `filter` -> `screen` -> (`emulator`, `modes`, `query`, `status`); a
//! person's keys and pastes flow through `input`. Nothing an agent wrote leaves here except as a
//! [`cell::Row`], as [`crate::base::foreign::Foreign`] text, or as the fixed answer to a query.

pub mod cell;
mod emulator;
mod filter;
pub mod input;
mod keyframe;
pub mod modes;
mod pointer;
mod query;
#[cfg(test)]
mod robustness;
pub mod screen;
pub mod status;
#[cfg(test)]
mod tests;

pub use cell::{Cell, Color, Row, Style, Underline};
pub use input::{Key, KeyError, encode_key, encode_paste};
pub use keyframe::KeyframeError;
pub use modes::{Modes, Mouse};
pub use pointer::{Pointer, PointerAct, PointerButton, encode_pointer};
pub use screen::{Cursor, CursorShape, TermEvent, Terminal};
pub use status::{BlockedKind, ProgramState, StatusReport};

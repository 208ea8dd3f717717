//! What clients look at: surfaces of rows, the difference between two states of one, and its copy
//! in a client. Pure; the one mechanism for panes and tables (decision 0013).

pub mod copy;
pub mod pane;
pub mod sender;
pub mod shift;

use crate::term::Cursor;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// One row: compact JSON, equal exactly when what it shows is equal.
pub type Row = Arc<str>;

/// A surface as it is at one moment.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Content {
    /// What is not a row: a size, counts, names. An object, or null before anything is known.
    pub head: Arc<Value>,
    /// The cursor, where there is one. It moves with every key; the head seldom changes.
    pub cursor: Option<Cursor>,
    /// The rows from the top.
    pub rows: Vec<Row>,
}

/// Rows that moved: in `top..bottom`, row `i` now shows what row `i + by` showed before. The rows
/// that came from outside the region are among the changed ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shift {
    /// The first row of the region.
    pub top: u32,
    /// The row behind its last.
    pub bottom: u32,
    /// How far, in rows: positive when the content moved up. Never 0.
    pub by: i32,
}

/// What changed in one surface since the last frame this client was sent.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Update {
    /// The surface, by the number the client gave it.
    pub surface: u32,
    /// The new head, if it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Arc<Value>>,
    /// The cursor, if it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// How many rows there are now, if that changed. New rows are empty until they are set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub len: Option<u32>,
    /// The rows that moved; comes before the changed ones and after the new length when that grew,
    /// before it when that shrank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<Shift>,
    /// The rows that differ, by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<(u32, Row)>,
}

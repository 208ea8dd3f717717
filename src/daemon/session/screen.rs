//! A terminal as surfaces show it: its rows encoded once for all who look, and only those that
//! changed.

use crate::term::{Cursor, Terminal};
use crate::view::pane::{self, Head};
use crate::view::{Content, Row};
use serde_json::{Value, json};
use std::sync::Arc;

/// A screen's rows as they were when somebody last looked.
#[derive(Default)]
pub struct Encoded {
    rows: Vec<Row>,
    cols: u16,
}

impl Encoded {
    /// The rows of now.
    fn of(&mut self, terminal: &mut Terminal) -> &[Row] {
        let size = terminal.size();
        let damage = terminal.take_damage();
        let fits = (self.cols, self.rows.len()) == (size.cols, usize::from(size.rows));
        let damage = if fits { damage } else { (0..size.rows).collect() };
        self.cols = size.cols;
        self.rows.resize(usize::from(size.rows), Row::from(""));
        for y in damage {
            if let (Some(row), Some(place)) = (terminal.row(y), self.rows.get_mut(usize::from(y))) {
                *place = pane::encode(&row);
            }
        }
        &self.rows
    }
}

/// How far back in its history a pane is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Back {
    /// So many rows from the screen.
    Rows(u32),
    /// At this row of the history, counted from its beginning: what is being read stays where it is
    /// while more comes below.
    At(usize),
}

/// The head that was told last, encoded: it seldom changes.
#[derive(Default)]
pub struct Told {
    head: Head,
    encoded: Option<Arc<Value>>,
}

impl Told {
    fn of(&mut self, head: Head) -> Arc<Value> {
        match &self.encoded {
            Some(encoded) if self.head == head => Arc::clone(encoded),
            _ => {
                let encoded = Arc::new(json!(head));
                *self = Self { head, encoded: Some(Arc::clone(&encoded)) };
                encoded
            }
        }
    }
}

/// The rows and head of a terminal. `head` says what the terminal does not know.
pub fn content(
    terminal: &mut Terminal,
    encoded: &mut Encoded,
    back: &mut Back,
    told: &mut Told,
    head: Head,
) -> Content {
    let history = terminal.scrollback_len();
    let rows_back = match *back {
        Back::Rows(0) => 0,
        Back::Rows(rows) => {
            let rows = usize::try_from(rows).unwrap_or(usize::MAX).min(history);
            *back = Back::At(history - rows);
            rows
        }
        Back::At(row) => history.saturating_sub(row),
    };
    let size = terminal.size();
    let head = Head {
        size,
        back: count(rows_back),
        history: count(history),
        title: terminal.title().shown(),
        mouse: terminal.modes().mouse != crate::term::Mouse::Off,
        ..head
    };
    let rows = if rows_back == 0 {
        encoded.of(terminal).to_vec()
    } else {
        let screen = usize::from(size.rows);
        let above = (0..rows_back.min(screen))
            .filter_map(|row| terminal.scrollback_row(rows_back - 1 - row));
        let below = (0..screen.saturating_sub(rows_back))
            .filter_map(|y| terminal.row(u16::try_from(y).ok()?));
        above.chain(below).map(|row| pane::encode(&row)).collect()
    };
    Content { head: told.of(head), cursor: Some(terminal.cursor()), rows }
}

/// The content of a pane of which nothing is left.
pub fn nothing() -> Content {
    let (head, cursor) = (Head::default(), Some(Cursor::default()));
    Content { head: Arc::new(json!(head)), cursor, rows: Vec::new() }
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::size::Size;

    const SIZE: Size = Size { cols: 20, rows: 4 };

    fn shown(terminal: &mut Terminal, encoded: &mut Encoded, back: &mut Back) -> Vec<String> {
        let content = content(terminal, encoded, back, &mut Told::default(), Head::default());
        let text = |row: &Row| pane::decode(row).unwrap().trimmed().to_string();
        content.rows.iter().map(text).collect()
    }

    fn numbered(range: std::ops::Range<u32>) -> Vec<u8> {
        range.flat_map(|n| format!("line {n}\r\n").into_bytes()).collect()
    }

    #[test]
    fn rows_encoded_once_are_those_of_a_fresh_look() {
        let mut terminal = Terminal::new(SIZE, 100);
        let mut encoded = Encoded::default();
        let pieces =
            ["one\r\ntwo", "\x1b[1;1Hx", "\x1b[2J", "\r\n\r\n\r\n\r\nfive", "\x1b[?1049h", "日本"];
        for piece in pieces {
            terminal.feed(piece.as_bytes());
            let once = shown(&mut terminal, &mut encoded, &mut Back::Rows(0));
            let fresh = shown(&mut terminal, &mut Encoded::default(), &mut Back::Rows(0));
            assert_eq!(once, fresh, "after {piece:?}");
        }
        terminal.resize(Size { cols: 9, rows: 6 });
        let once = shown(&mut terminal, &mut encoded, &mut Back::Rows(0));
        assert_eq!(once.len(), 6);
    }

    #[test]
    fn what_is_read_in_the_history_stays_where_it_is_while_more_comes() {
        let mut terminal = Terminal::new(SIZE, 100);
        let mut encoded = Encoded::default();
        terminal.feed(&numbered(0..20));
        let mut back = Back::Rows(5);
        let before = shown(&mut terminal, &mut encoded, &mut back);
        assert_eq!(before, ["line 12", "line 13", "line 14", "line 15"]);
        terminal.feed(&numbered(20..40));
        assert_eq!(shown(&mut terminal, &mut encoded, &mut back), before);
        let mut two = Back::Rows(2);
        let mixed = shown(&mut terminal, &mut encoded, &mut two);
        assert_eq!(mixed, ["line 35", "line 36", "line 37", "line 38"]);
        let mut all = Back::Rows(u32::MAX);
        assert_eq!(shown(&mut terminal, &mut encoded, &mut all)[0], "line 0");
    }
}

//! Keyframes: a terminal written down at one offset of its transcript, to go on from there when
//! what came before was cut. Holds modes, visible screen, cursor, title and an unfinished sequence;
//! not the scrollback, nor the screen under the alternate one, nor tab stops.

use super::cell::{Row, Style};
use super::emulator::{Pen, may_join};
use super::filter::Filter;
use super::modes::ModeTracker;
use super::screen::{CursorShape, Terminal};
use crate::base::foreign::Foreign;
use crate::base::size::Size;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

const VERSION: u32 = 1;

/// Why a keyframe cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyframeError {
    /// It is not one, or was damaged.
    #[error("the keyframe cannot be read ({0}); resize the terminal to make its program repaint")]
    Damaged(#[from] serde_json::Error),
    /// A later monban wrote it.
    #[error("the keyframe has version {0}, this monban reads up to {VERSION}; upgrade monban")]
    TooNew(u32),
}

#[derive(Serialize, Deserialize)]
struct Keyframe {
    version: u32,
    size: Size,
    title: Foreign,
    filter: Filter,
    tracker: ModeTracker,
    /// The sequences that draw the screen and set the drawing modes.
    screen: String,
}

impl Terminal {
    /// The terminal as bytes, at [`Terminal::offset`] of its stream.
    pub fn keyframe(&self) -> Vec<u8> {
        let keyframe = Keyframe {
            version: VERSION,
            size: self.size(),
            title: self.title().clone(),
            filter: self.filter.clone(),
            tracker: self.state.tracker.clone(),
            screen: self.drawing(),
        };
        // Plain data with string keys: serialising it cannot fail.
        serde_json::to_vec(&keyframe).unwrap_or_default()
    }

    /// The terminal a keyframe was made of. What follows its offset is fed as if nothing had
    /// happened.
    pub fn from_keyframe(bytes: &[u8], scrollback_rows: usize) -> Result<Self, KeyframeError> {
        let keyframe: Keyframe = serde_json::from_slice(bytes)?;
        if keyframe.version > VERSION {
            return Err(KeyframeError::TooNew(keyframe.version));
        }
        let mut terminal = Self::new(keyframe.size, scrollback_rows);
        terminal.feed(keyframe.screen.as_bytes());
        terminal.filter = keyframe.filter;
        terminal.state.tracker = keyframe.tracker;
        terminal.state.title = keyframe.title;
        Ok(terminal)
    }

    /// Sequences that draw this screen on an empty one.
    fn drawing(&self) -> String {
        let mut out = String::new();
        if self.modes().alt_screen {
            out.push_str("\x1b[?1049h");
        }
        let rows: Vec<Row> = (0..self.size().rows).filter_map(|y| self.row(y)).collect();
        let mut continues = false;
        for (y, row) in rows.iter().enumerate() {
            let backwards = row.iter().skip(1).any(|(text, _)| text.starts_with(may_join));
            if backwards || !continues {
                let _ = write!(out, "\x1b[{};1H", y + 1);
            }
            if backwards {
                draw_backwards(&mut out, row);
            } else {
                draw_row(&mut out, row, usize::from(continues));
            }
            continues = row.wrapped && !backwards;
        }
        let emulator = &self.state.emulator;
        let region = self.state.tracker.region;
        if let Some((top, bottom)) = region {
            let _ = write!(out, "\x1b[{top};{bottom}r");
        }
        let modes = emulator.drawing_modes();
        if modes.origin {
            out.push_str("\x1b[?6h");
        }
        let first_row = region.filter(|_| modes.origin).map_or(1, |(top, _)| top);
        draw_pen(&mut out, emulator.saved_pen(), &rows, first_row, self.size().cols);
        out.push_str("\x1b7");
        draw_pen(&mut out, emulator.pen(), &rows, first_row, self.size().cols);
        let switches = [
            (modes.insert, "\x1b[4h"),
            (modes.newline, "\x1b[20h"),
            (!modes.wrap, "\x1b[?7l"),
            (!modes.cursor_visible, "\x1b[?25l"),
            (self.state.tracker.shifted, "\x0e"),
        ];
        out.extend(switches.iter().filter(|(on, _)| *on).map(|(_, sequence)| *sequence));
        out.push_str(match emulator.cursor().shape {
            CursorShape::Block => "",
            CursorShape::Underline => "\x1b[4 q",
            CursorShape::Beam => "\x1b[6 q",
        });
        out
    }
}

/// Draws a row from the cursor on, at least `min` cells of it. One that wraps is drawn to its end,
/// and one that goes on from it has a cell to make it wrap.
fn draw_row(out: &mut String, row: &Row, min: usize) {
    let is_blank =
        |(text, cell): &(&str, super::cell::Cell)| *text == " " && cell.style == Style::default();
    let cells: Vec<_> = row.iter().collect();
    let end = if row.wrapped {
        cells.len()
    } else {
        cells.iter().rposition(|cell| !is_blank(cell)).map_or(0, |last| last + 1).max(min)
    };
    let mut style = None;
    for (text, cell) in &cells[..end] {
        if style != Some(cell.style) {
            out.push_str(&cell.style.sgr());
            style = Some(cell.style);
        }
        out.push_str(text);
    }
    out.push_str("\x1b[0m");
}

/// Draws a row from its end, so that no cell finds one before it to join.
fn draw_backwards(out: &mut String, row: &Row) {
    let mut col = row.cells.iter().map(|cell| usize::from(cell.width)).sum::<usize>();
    for (text, cell) in row.iter().collect::<Vec<_>>().into_iter().rev() {
        col -= usize::from(cell.width);
        if text != " " || cell.style != Style::default() {
            let _ = write!(out, "\x1b[{}G{}{text}", col + 1, cell.style.sgr());
        }
    }
    out.push_str("\x1b[0m");
}

/// Puts the cursor and what it draws with in place; `first_row` is the one that counts as row 1.
fn draw_pen(out: &mut String, pen: Pen, rows: &[Row], first_row: u16, cols: u16) {
    out.push_str("\x1b(B\x1b)B");
    let place = |out: &mut String, col: u16| {
        let row = (pen.row + 1).saturating_sub(first_row) + 1;
        let _ = write!(out, "\x1b[{row};{}H", col + 1);
    };
    place(out, pen.col);
    let row = rows.get(usize::from(pen.row)).filter(|_| pen.wrap_pending);
    let last =
        row.and_then(|row| row.iter().last()).filter(|(text, _)| !text.starts_with(may_join));
    if let Some((text, cell)) = last.filter(|_| pen.col + 1 == cols) {
        // Only drawing the last column again makes the wrap pending.
        place(out, (pen.col + 1).saturating_sub(u16::from(cell.width)));
        out.push_str(&cell.style.sgr());
        out.push_str(text);
    }
    out.push_str(&pen.style.sgr());
    for (drawing, designator) in pen.line_drawing.iter().zip(["\x1b(0", "\x1b)0"]) {
        if *drawing {
            out.push_str(designator);
        }
    }
}

//! Where a terminal writes next, in which style.

use super::glyph::Glyph;
use super::pen::Pen;
use ratatui::buffer::Cell;
use std::ops::Range;

/// Unchanged cells that are written again rather than jumped over: a jump costs as much.
const GAP_CELLS_MAX: usize = 3;

/// The terminal's cursor, as far as it is known, and the style it draws with.
#[derive(Debug, Default)]
pub(super) struct Tip {
    pub pen: Pen,
    row: Option<u16>,
    /// Unknown too when the last column was written: terminals differ in where that leaves it.
    col: Option<u16>,
    /// The rows that scroll, when they are not all. They stay so from frame to frame: what scrolled
    /// once scrolls again.
    region: Option<Range<u16>>,
}

impl Tip {
    /// The upper left corner of an empty screen.
    pub fn home() -> Self {
        Self { pen: Pen::default(), row: Some(0), col: Some(0), region: None }
    }

    /// The cursor went somewhere.
    pub fn lose(&mut self) {
        (self.row, self.col) = (None, None);
    }

    /// Makes these rows of `height` the ones that scroll.
    pub fn scroll_in(&mut self, rows: Range<u16>, height: u16, out: &mut Vec<u8>) {
        let region = (rows != (0..height)).then_some(rows);
        if region == self.region {
            return;
        }
        out.extend_from_slice(b"\x1b[");
        if let Some(rows) = &region {
            number(u32::from(rows.start) + 1, out);
            out.push(b';');
            number(u32::from(rows.end), out);
        }
        out.push(b'r');
        self.region = region;
        self.lose();
    }

    /// Whether the cursor can be moved from this row by one, up or down, without an edge of the
    /// region in its way: there a line feed scrolls, and a step up does nothing.
    fn steps_freely(&self, row: u16, up: bool) -> bool {
        let edge = |rows: &Range<u16>| if up { rows.start } else { rows.end.saturating_sub(1) };
        self.region.as_ref().is_none_or(|rows| edge(rows) != row)
    }

    /// Moves the cursor in the fewest bytes.
    pub fn move_to(&mut self, x: u16, y: u16, out: &mut Vec<u8>) {
        let sequence = |parts: &[u16], last: u8, out: &mut Vec<u8>| {
            out.extend_from_slice(b"\x1b[");
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    out.push(b';');
                }
                number(u32::from(*part), out);
            }
            out.push(last);
        };
        match (self.row, self.col) {
            (Some(row), Some(col)) if (row, col) == (y, x) => return,
            (Some(row), _) if row == y && x == 0 => out.push(b'\r'),
            (Some(row), _)
                if row.checked_add(1) == Some(y) && x == 0 && self.steps_freely(row, false) =>
            {
                out.extend_from_slice(b"\r\n");
            }
            (Some(row), Some(col))
                if row == y.saturating_add(1) && x == col && self.steps_freely(row, true) =>
            {
                sequence(&[], b'A', out);
            }
            (Some(row), Some(col)) if row == y && x == col + 1 => sequence(&[], b'C', out),
            (Some(row), Some(col)) if row == y && x > col => sequence(&[x - col], b'C', out),
            (Some(row), Some(col)) if row == y && x + 1 == col => out.push(0x08),
            (Some(row), _) if row == y => sequence(&[x + 1], b'G', out),
            _ if (x, y) == (0, 0) => sequence(&[], b'H', out),
            _ if x == 0 => sequence(&[y + 1], b'H', out),
            _ => sequence(&[y + 1, x + 1], b'H', out),
        }
        (self.row, self.col) = (Some(y), Some(x));
    }

    /// Goes a few columns to the right by writing again what is there, where that is no longer
    /// than a move.
    pub fn write_gap(&mut self, x: u16, y: u16, shown: &[Cell], out: &mut Vec<u8>) {
        let Some(col) = self.col.filter(|col| self.row == Some(y) && *col < x) else {
            return;
        };
        let gap = shown.get(usize::from(col)..usize::from(x)).unwrap_or_default();
        let is_plain =
            |cell: &Cell| matches!(cell.symbol().as_bytes(), [_]) && Pen::of(cell) == self.pen;
        if gap.len() <= GAP_CELLS_MAX && gap.iter().all(is_plain) {
            gap.iter().for_each(|cell| out.extend_from_slice(cell.symbol().as_bytes()));
            self.col = Some(x);
        }
    }

    /// Writes a character at the cursor in the style of its cell.
    pub fn draw(&mut self, glyph: &Glyph<'_>, cell: &Cell, cols: usize, out: &mut Vec<u8>) {
        let wanted = Pen::of(cell);
        if glyph.text != " " || !self.pen.is_same_on_blank(&wanted) {
            self.pen.change(wanted, out);
        }
        if !glyph.is_sure && glyph.width > 1 {
            // Where it turns out narrower, nothing old stays beside it.
            out.extend(std::iter::repeat_n(b' ', glyph.width));
            let col = self.col.unwrap_or(0);
            (self.row, self.col) = (self.row, None);
            if let Some(row) = self.row {
                self.move_to(col, row, out);
            }
        }
        out.extend_from_slice(glyph.text.as_bytes());
        let end = usize::from(self.col.unwrap_or(u16::MAX)) + glyph.width;
        if !glyph.is_sure && end + glyph.reach() > cols {
            self.lose();
        } else {
            self.col = u16::try_from(end).ok().filter(|_| glyph.is_sure && end < cols);
        }
    }
}

/// Appends a number.
pub(super) fn number(number: u32, out: &mut Vec<u8>) {
    if number >= 10 {
        self::number(number / 10, out);
    }
    out.push(b'0' + u8::try_from(number % 10).unwrap_or(0));
}

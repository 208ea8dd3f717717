//! The present step: from the screen that is intended to the bytes that make a terminal show it.
//!
//! [`Presenter`] knows what the person's terminal shows and writes the difference: rows that moved
//! by a scroll region, the rest cell by cell, the cursor last. Pure: it writes to a buffer. It is
//! the last barrier as well: no control character leaves here, whatever a cell holds.

mod ascii;
mod blit;
mod glyph;
mod pen;
#[cfg(test)]
mod tests;
mod tip;

pub use ascii::as_ascii;
pub use blit::{blit, cut};
pub use pen::underline;

use crate::term::CursorShape;
use crate::view::{Shift, shift};
use glyph::{Ambiguous, glyph_at, is_blank, looks_same, shown_width};
use pen::Pen;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use std::ops::Range;
use tip::{Tip, number};

/// Begins an update the terminal shows at once, when it knows how.
const UPDATE_BEGIN: &[u8] = b"\x1b[?2026h";
/// Ends it.
const UPDATE_END: &[u8] = b"\x1b[?2026l";
/// No scroll region, no style, nothing on the screen.
const WIPE: &[u8] = b"\x1b[r\x1b[m\x1b[H\x1b[2J";
/// Cells a shift must save: setting a region costs about as many bytes.
const SHIFT_CELLS_MIN: usize = 24;
/// What moving the cursor costs, in cells of a byte.
const MOVE_CELLS: usize = 6;
/// Blank cells at the end of a row that are erased rather than written over.
const ERASED_CELLS_MIN: usize = 4;

/// Where the cursor is to be drawn, and as what.
pub type CursorAt = (u16, u16, CursorShape);

/// What a terminal shows, and how to make it show something else.
#[derive(Debug, Default)]
pub struct Presenter {
    /// What it shows. The cells behind a wide character hold an empty text here.
    shown: Buffer,
    /// Where its cursor stands, with which style.
    tip: Tip,
    is_cursor_visible: Option<bool>,
    shape: Option<CursorShape>,
    ambiguous: Ambiguous,
    /// Room for the hashes of rows, kept from frame to frame.
    hashes: (Vec<u64>, Vec<u64>),
}

impl Presenter {
    /// Says that the terminal draws characters of ambiguous width, such as `─`, in one column.
    /// Until then each is followed by a move of the cursor.
    pub fn ambiguous_is_narrow(&mut self, is_narrow: bool) {
        self.ambiguous = if is_narrow { Ambiguous::Narrow } else { Ambiguous::Unknown };
    }

    /// Appends what makes the terminal show `next` with its cursor at `cursor`. `is_new` says that
    /// nothing is known of what it shows: it was resized, or somebody else wrote to it. When
    /// nothing differs, nothing is appended.
    pub fn present(
        &mut self,
        next: &Buffer,
        cursor: Option<CursorAt>,
        is_new: bool,
        out: &mut Vec<u8>,
    ) {
        self.update(next, 0..next.area.height, cursor, is_new, out);
    }

    /// The same when only some rows of `next` may differ from what was presented last.
    pub fn present_part(
        &mut self,
        next: &Buffer,
        rows: Range<u16>,
        cursor: Option<CursorAt>,
        out: &mut Vec<u8>,
    ) {
        self.update(next, rows, cursor, false, out);
    }

    fn update(
        &mut self,
        next: &Buffer,
        rows: Range<u16>,
        cursor: Option<CursorAt>,
        is_new: bool,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        out.extend_from_slice(UPDATE_BEGIN);
        let drawn_from = out.len();
        let mut rows = rows.start..rows.end.min(next.area.height);
        if is_new || next.area != self.shown.area {
            self.wipe(next.area, out);
            rows = 0..next.area.height;
        }
        let cols = usize::from(next.area.width).max(1);
        let changed = self.changed_rows(next, cols, rows);
        self.move_rows(next, &changed, cols, out);
        let rows = next.content.chunks_exact(cols).zip(self.shown.content.chunks_exact_mut(cols));
        for (y, (wanted, shown)) in (0..).zip(rows).take(changed.end).skip(changed.start) {
            draw_row(y, wanted, shown, &mut self.tip, self.ambiguous, out);
        }
        let is_drawn = out.len() > drawn_from;
        if is_drawn {
            // Terminals fill new cells, and draw what an input method composes, in this style.
            self.tip.pen.change(Pen::default(), out);
            if cursor.is_none() {
                // A shell that gets the terminal back unasked writes here: it has the row's room.
                self.tip.move_to(0, next.area.height.saturating_sub(1), out);
            }
        } else {
            out.truncate(start);
        }
        self.place_cursor(cursor, next.area, out);
        if is_drawn {
            out.extend_from_slice(UPDATE_END);
        }
    }

    fn wipe(&mut self, area: Rect, out: &mut Vec<u8>) {
        out.extend_from_slice(WIPE);
        self.shown.resize(area);
        self.shown.reset();
        self.tip = Tip::home();
        (self.is_cursor_visible, self.shape) = (None, None);
    }

    /// The cursor comes last and is hidden only when there is none: input methods draw at it.
    fn place_cursor(&mut self, cursor: Option<CursorAt>, area: Rect, out: &mut Vec<u8>) {
        let cursor = cursor.filter(|(x, y, _)| *x < area.width && *y < area.height);
        if let Some((x, y, shape)) = cursor {
            self.tip.move_to(x, y, out);
            if self.shape != Some(shape) {
                out.extend_from_slice(match shape {
                    CursorShape::Block => b"\x1b[2 q",
                    CursorShape::Underline => b"\x1b[4 q",
                    CursorShape::Beam => b"\x1b[6 q",
                });
                self.shape = Some(shape);
            }
        }
        if self.is_cursor_visible != Some(cursor.is_some()) {
            out.extend_from_slice(if cursor.is_some() { b"\x1b[?25h" } else { b"\x1b[?25l" });
            self.is_cursor_visible = Some(cursor.is_some());
        }
    }

    /// Of `rows`, those from the first to the last that differ.
    fn changed_rows(&self, next: &Buffer, cols: usize, rows: Range<u16>) -> Range<usize> {
        let is_changed = |y: &usize| {
            let of = |cells| <[Cell]>::get(cells, y * cols..(y + 1) * cols).unwrap_or_default();
            is_changed(of(&self.shown.content), of(&next.content))
        };
        let mut rows = usize::from(rows.start)..usize::from(rows.end);
        let Some(first) = rows.find(is_changed) else { return 0..0 };
        first..rows.rev().find(is_changed).unwrap_or(first) + 1
    }

    /// Lets the terminal move the rows that moved, if that saves anything.
    fn move_rows(&mut self, next: &Buffer, rows: &Range<usize>, cols: usize, out: &mut Vec<u8>) {
        if rows.len() <= 2 {
            return;
        }
        let (shown, wanted) = (&self.shown.content, &next.content);
        let span = rows.start * cols..rows.end * cols;
        let (old, new) = &mut self.hashes;
        let hash = |cells: &[Cell], into: &mut Vec<u64>| {
            into.clear();
            into.extend(cells.chunks_exact(cols).map(glyph::hash));
        };
        hash(&shown[span.clone()], old);
        hash(&wanted[span.clone()], new);
        let Some(found) = shift::find(old, new, |row| *row != glyph::BLANK_ROW) else {
            return;
        };
        let (shown, wanted) = (&mut self.shown.content[span.clone()], &wanted[span]);
        if saved_cells(shown, wanted, &found, cols) < SHIFT_CELLS_MIN {
            return;
        }
        scroll(shown, &found, cols);
        let row = |of: u32| column(rows.start + of as usize);
        self.tip.scroll_in(row(found.top)..row(found.bottom), next.area.height, out);
        write_scroll(found.by, out);
    }
}

/// Whether a row differs. May say so of rows that look the same; such cost time alone.
fn is_changed(shown: &[Cell], wanted: &[Cell]) -> bool {
    shown.iter().zip(wanted).any(|(shown, wanted)| is_changed_cell(shown, wanted))
}

fn is_changed_cell(shown: &Cell, wanted: &Cell) -> bool {
    shown != wanted && !(shown.symbol().is_empty() && wanted.symbol() == " ")
}

/// How many cells fewer are to be drawn after the shift than before it, moves counted as cells.
fn saved_cells(shown: &[Cell], wanted: &[Cell], shift: &Shift, cols: usize) -> usize {
    let row = |cells, y: u32| -> &[Cell] {
        let start = y as usize * cols;
        <[Cell]>::get(cells, start..start + cols).unwrap_or_default()
    };
    let differing = |shown: &[Cell], wanted: &[Cell]| {
        cost(shown.iter().zip(wanted).map(|(shown, wanted)| is_changed_cell(shown, wanted)))
    };
    let (mut before, mut after) = (0, 0);
    for y in shift.top..shift.bottom {
        let wanted = row(wanted, y);
        before += differing(row(shown, y), wanted);
        after += match shift::source(shift, y) {
            Some(from) => differing(row(shown, from), wanted),
            None => cost(wanted.iter().map(|cell| !is_blank(cell))),
        };
    }
    before.saturating_sub(after)
}

/// What drawing some cells of a row costs: them, and what lies between them or a move over it. Of a
/// log whose lines differ in a number only few cells change, but in every row.
fn cost(is_drawn: impl Iterator<Item = bool>) -> usize {
    let mut last = None;
    let drawn = is_drawn.enumerate().filter(|(_, is_drawn)| *is_drawn);
    let costs = drawn.map(|(x, _)| {
        let gap = last.replace(x).map_or(MOVE_CELLS, |last| x - last - 1);
        1 + gap.min(MOVE_CELLS)
    });
    costs.sum()
}

/// Does to the cells what the terminal does.
fn scroll(shown: &mut [Cell], shift: &Shift, cols: usize) {
    let region = &mut shown[shift.top as usize * cols..shift.bottom as usize * cols];
    let distance = (shift.by.unsigned_abs() as usize * cols).min(region.len());
    let emptied = if shift.by > 0 {
        region.rotate_left(distance);
        let kept = region.len() - distance;
        &mut region[kept..]
    } else {
        region.rotate_right(distance);
        &mut region[..distance]
    };
    emptied.iter_mut().for_each(Cell::reset);
}

/// Moves what the region shows up by so many rows, or down; the cursor stays.
fn write_scroll(by: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b[");
    if by.unsigned_abs() > 1 {
        number(by.unsigned_abs(), out);
    }
    out.push(if by > 0 { b'S' } else { b'T' });
}

/// Writes the cells of one row that differ.
///
/// The row is taken in pieces that begin and end where both what is shown and what is wanted have
/// a whole character: half of one cannot be drawn over without losing the other half.
fn draw_row(
    y: u16,
    wanted: &[Cell],
    shown: &mut [Cell],
    tip: &mut Tip,
    ambiguous: Ambiguous,
    out: &mut Vec<u8>,
) {
    let cols = wanted.len().min(shown.len());
    let mut tail = None;
    // Up to here the terminal may show something else than we think.
    let mut unsure_to = 0;
    let mut x = 0;
    while x < cols {
        let is_sure = x >= unsure_to;
        let shown_end = x + shown_width(shown, x);
        if is_sure && wanted[x] == shown[x] && is_free(&wanted[x + 1..shown_end]) {
            x = shown_end;
            continue;
        }
        let first = glyph_at(wanted, x, ambiguous);
        let (mut end, mut old_end) = (x + first.width, shown_end);
        if is_sure && end == old_end && looks_same(&wanted[x], first.text, &shown[x]) {
            first.store(&wanted[x], &mut shown[x..]);
            x = end;
            continue;
        }
        while end != old_end {
            if end < old_end {
                end += glyph_at(wanted, end, ambiguous).width;
            } else {
                old_end += shown_width(shown, old_end);
            }
        }
        let tail = *tail.get_or_insert_with(|| {
            wanted.iter().rposition(|cell| !is_blank(cell)).map_or(0, |last| last + 1)
        });
        if x >= tail.max(unsure_to) && cols - x >= ERASED_CELLS_MIN {
            tip.pen.change(Pen::default(), out);
            tip.move_to(column(x), y, out);
            out.extend_from_slice(b"\x1b[K");
            shown[x..].iter_mut().for_each(Cell::reset);
            return;
        }
        tip.write_gap(column(x), y, shown, out);
        while x < end {
            let glyph = glyph_at(wanted, x, ambiguous);
            tip.move_to(column(x), y, out);
            tip.draw(&glyph, &wanted[x], cols, out);
            if !glyph.is_sure {
                unsure_to = unsure_to.max(x + glyph.reach());
            }
            glyph.store(&wanted[x], &mut shown[x..]);
            x += glyph.width;
        }
    }
}

/// Whether nothing was drawn over the cells behind a wide character.
fn is_free(cells: &[Cell]) -> bool {
    cells.iter().all(|cell| matches!(cell.symbol(), " " | ""))
}

fn column(x: usize) -> u16 {
    u16::try_from(x).unwrap_or(u16::MAX)
}

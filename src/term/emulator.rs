//! The VT crate behind one type: the only file that names it.
//!
//! Takes text and complete sequences, gives rows, cursor and damage in our own types. Bounds what
//! one cell may hold, because the crate copies a cell's marks for every mark that joins it.

use super::cell::{Cell, Color, Row, Style, Underline};
use super::screen::{Cursor, CursorShape};
use crate::base::size::Size;
use rio_vt::ansi::CursorShape as VtShape;
use rio_vt::codepoint_width::codepoint_width;
use rio_vt::config::colors::{AnsiColor, NamedColor};
use rio_vt::crosswords::grid::row::Row as VtRow;
use rio_vt::crosswords::pos::{CharsetIndex, Column, Line, Pos, StandardCharset};
use rio_vt::crosswords::square::{Square, Wide};
use rio_vt::crosswords::style::{Style as VtStyle, StyleFlags, UnderlineKind};
use rio_vt::crosswords::{Crosswords, CrosswordsSize, Mode, TermDamage};
use rio_vt::event::{VoidListener, WindowId};
use rio_vt::grapheme_lut::class_of;
use rio_vt::performer::handler::{Handler, Processor};

/// The most zero-width marks joined to one cell. Real text needs 4; a cell with more is an attack.
const MARKS_MAX: usize = 8;
/// The most characters of any kind joined to one cell. The longest emoji in use needs 9.
const JOINED_MAX: usize = 16;
/// How many marks are left out before room for more is looked for again.
const MARKS_LEFT_OUT_MAX: usize = 4096;
/// The most rows of scrollback a terminal may keep.
const SCROLLBACK_ROWS_MAX: usize = 10_000;

/// The modes of the emulator that change how it draws.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DrawingModes {
    pub origin: bool,
    pub wrap: bool,
    pub insert: bool,
    pub newline: bool,
    pub cursor_visible: bool,
}

/// The cursor with what it draws next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pen {
    pub row: u16,
    pub col: u16,
    pub style: Style,
    /// Whether G0 and G1 are the line drawing set.
    pub line_drawing: [bool; 2],
    /// The last column was written, and the next character goes to the next row.
    pub wrap_pending: bool,
}

/// A screen with scrollback.
pub(super) struct Emulator {
    vt: Crosswords<VoidListener>,
    parser: Processor,
    /// The class of characters that join nothing.
    plain: u8,
    /// What REP repeats: the last character, unless marks may have joined it.
    repeatable: Option<char>,
    /// Marks left out since the crate was last made to look for free room for them.
    pub marks_left_out: usize,
}

impl Emulator {
    pub fn new(size: Size, scrollback_rows: usize) -> Self {
        let vt = Crosswords::new(
            dimensions(size),
            VtShape::Block,
            VoidListener,
            WindowId::from(0),
            0,
            scrollback_rows.min(SCROLLBACK_ROWS_MAX),
        );
        Self {
            vt,
            parser: Processor::default(),
            plain: class_of('\u{4e00}'),
            repeatable: None,
            marks_left_out: MARKS_LEFT_OUT_MAX,
        }
    }

    /// Draws characters, none of which is a control.
    pub fn print(&mut self, text: &str) {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if first.is_ascii() {
                let end = rest.bytes().position(|b| !b.is_ascii()).unwrap_or(rest.len());
                let (run, tail) = rest.split_at(end);
                self.vt.input_ascii_str(run);
                self.repeatable = run.chars().next_back();
                rest = tail;
            } else {
                self.print_character(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }

    fn print_character(&mut self, c: char) {
        if class_of(c) == self.plain {
            self.vt.input(c);
            self.repeatable = Some(c);
            return;
        }
        self.repeatable = None;
        if !self.cell_before_cursor_is_full() && self.has_room_for_marks() {
            self.vt.input(c);
        } else if codepoint_width(u32::from(c)).is_some_and(|width| width > 0) {
            // It would join the cell before it; without clustering it gets its own.
            self.vt.set_grapheme_clustering(false);
            self.vt.input(c);
            self.vt.set_grapheme_clustering(true);
        }
    }

    /// Whether the cell that a mark would join now may take no more. Asked of the screen rather
    /// than counted in the stream: the cursor can be sent back to the same cell any number of
    /// times.
    fn cell_before_cursor_is_full(&self) -> bool {
        let grid = &self.vt.grid;
        let mut pos = grid.cursor.pos;
        if !grid.cursor.should_wrap {
            pos.col.0 = pos.col.0.saturating_sub(1);
        }
        if grid[pos].wide() == Wide::Spacer {
            pos.col.0 = pos.col.0.saturating_sub(1);
        }
        let joined = || grid.cell_text(pos).skip(1);
        let marks = joined().filter(|c| codepoint_width(u32::from(*c)) == Some(0)).count();
        marks >= MARKS_MAX || joined().count() >= JOINED_MAX
    }

    /// Whether the screen and scrollback can hold one more kind of marked cell. The crate has room
    /// for 65,535 kinds, and once it is full would search the whole scrollback at every mark.
    fn has_room_for_marks(&mut self) -> bool {
        if !self.vt.grid.extras_table.under_pressure() {
            return true;
        }
        if self.marks_left_out < MARKS_LEFT_OUT_MAX {
            self.marks_left_out += 1;
            return false;
        }
        self.marks_left_out = 0;
        self.vt.grid.reclaim_extras();
        !self.vt.grid.extras_table.under_pressure()
    }

    /// Repeats the last character, at most for the length of a row.
    pub fn repeat(&mut self, count: u16) {
        let Some(c) = self.repeatable else { return };
        let count = usize::from(count.max(1)).min(self.vt.columns());
        for _ in 0..count {
            self.vt.input(c);
        }
    }

    /// Runs a control or one complete sequence.
    pub fn run(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.vt, bytes);
    }

    /// Blanks the first row: the crate's "erase above" leaves it when the cursor is on the second.
    pub fn erase_first_row(&mut self) {
        self.vt.grid.sync_template_style();
        self.vt.grid.reset_region(Line(0)..Line(1));
        self.vt.damage_line(0);
    }

    /// Deletes characters from the cursor on: past the row's end the crate deletes before the
    /// cursor.
    pub fn delete_characters(&mut self, count: u16) {
        let left = self.vt.columns().saturating_sub(self.vt.grid.cursor.pos.col.0);
        self.vt.delete_chars(usize::from(count.max(1)).min(left));
    }

    /// Changes the size; lines that were wrapped are wrapped anew.
    pub fn resize(&mut self, size: Size) {
        self.vt.resize(dimensions(size));
    }

    /// Row `y` of the screen; negative ones are scrollback, -1 the row just above.
    pub fn row(&self, y: i32) -> Option<Row> {
        let rows = -i32::try_from(self.scrollback_len()).ok()?
            ..i32::try_from(self.vt.screen_lines()).ok()?;
        rows.contains(&y).then(|| self.read(&self.vt.grid[Line(y)], y))
    }

    fn read(&self, source: &VtRow<Square>, y: i32) -> Row {
        let columns = self.vt.columns().min(source.inner.len());
        let mut row = Row {
            text: String::with_capacity(columns),
            cells: Vec::with_capacity(columns),
            wrapped: source.inner.last().is_some_and(|square| square.wrapline()),
        };
        let mut x = 0;
        while x < columns {
            let square = source.inner[x];
            let next_is_spacer =
                source.inner.get(x + 1).is_some_and(|next| next.wide() == Wide::Spacer);
            let width = if square.wide() == Wide::Wide && next_is_spacer { 2 } else { 1 };
            let start = row.text.len();
            match square.wide() {
                // Half of a wide character cannot be drawn.
                Wide::Spacer | Wide::LeadingSpacer => row.text.push(' '),
                Wide::Wide if width == 1 => row.text.push(' '),
                Wide::Narrow | Wide::Wide if square.c() < ' ' => row.text.push(' '),
                Wide::Narrow | Wide::Wide => {
                    row.text.extend(self.vt.grid.cell_text(Pos::new(Line(y), Column(x))));
                }
            }
            let style = style_of(&self.vt.grid.style_of(&square));
            let bytes = u8::try_from(row.text.len() - start).unwrap_or(u8::MAX);
            row.cells.push(Cell { bytes, width, style });
            x += usize::from(width);
        }
        row
    }

    pub fn scrollback_len(&self) -> usize {
        self.vt.history_size()
    }

    pub fn is_alt_screen(&self) -> bool {
        self.vt.mode().contains(Mode::ALT_SCREEN)
    }

    pub fn drawing_modes(&self) -> DrawingModes {
        let mode = self.vt.mode();
        DrawingModes {
            origin: mode.contains(Mode::ORIGIN),
            wrap: mode.contains(Mode::LINE_WRAP),
            insert: mode.contains(Mode::INSERT),
            newline: mode.contains(Mode::LINE_FEED_NEW_LINE),
            cursor_visible: mode.contains(Mode::SHOW_CURSOR),
        }
    }

    pub fn cursor(&self) -> Cursor {
        let Pen { row, col, .. } = self.pen();
        let shape = match self.vt.cursor_shape {
            VtShape::Underline => CursorShape::Underline,
            VtShape::Beam => CursorShape::Beam,
            VtShape::Block | VtShape::Hidden => CursorShape::Block,
        };
        Cursor { row, col, visible: self.drawing_modes().cursor_visible, shape }
    }

    /// The live cursor.
    pub fn pen(&self) -> Pen {
        pen_of(&self.vt.grid.cursor)
    }

    /// The cursor that `ESC 7` saved last.
    pub fn saved_pen(&self) -> Pen {
        pen_of(&self.vt.grid.saved_cursor)
    }

    /// The rows that may have changed since the last call.
    pub fn take_damage(&mut self) -> Vec<u16> {
        let rows = u16::try_from(self.vt.screen_lines()).unwrap_or(u16::MAX);
        let damage = match self.vt.damage() {
            TermDamage::Full => (0..rows).collect(),
            TermDamage::Partial(lines) => {
                lines.filter_map(|line| u16::try_from(line.line).ok()).collect()
            }
        };
        self.vt.reset_damage();
        damage
    }
}

/// Whether a character may join the one before it.
pub(super) fn may_join(c: char) -> bool {
    !c.is_ascii() && class_of(c) != class_of('\u{4e00}')
}

fn dimensions(size: Size) -> CrosswordsSize {
    CrosswordsSize::new(usize::from(size.cols), usize::from(size.rows))
}

fn pen_of(cursor: &rio_vt::crosswords::pos::Cursor<Square>) -> Pen {
    let drawing = |index| cursor.charsets[index] == StandardCharset::SpecialCharacterAndLineDrawing;
    Pen {
        row: u16::try_from(cursor.pos.row.0).unwrap_or(0),
        col: u16::try_from(cursor.pos.col.0).unwrap_or(0),
        style: style_of(&cursor.pending_style),
        line_drawing: [drawing(CharsetIndex::G0), drawing(CharsetIndex::G1)],
        wrap_pending: cursor.should_wrap,
    }
}

fn style_of(style: &VtStyle) -> Style {
    let has = |flags: StyleFlags| style.flags.intersects(flags);
    Style {
        fg: color_of(style.fg),
        bg: color_of(style.bg),
        underline_color: style.underline_color.map(color_of).unwrap_or_default(),
        underline: match style.flags.underline_kind() {
            None => Underline::None,
            Some(UnderlineKind::Single) => Underline::Single,
            Some(UnderlineKind::Double) => Underline::Double,
            Some(UnderlineKind::Curly) => Underline::Curly,
            Some(UnderlineKind::Dotted) => Underline::Dotted,
            Some(UnderlineKind::Dashed) => Underline::Dashed,
        },
        bold: has(StyleFlags::BOLD),
        dim: has(StyleFlags::DIM),
        italic: has(StyleFlags::ITALIC),
        inverse: has(StyleFlags::INVERSE),
        hidden: has(StyleFlags::HIDDEN),
        strikeout: has(StyleFlags::STRIKEOUT),
        blink: has(StyleFlags::ALL_BLINK),
    }
}

fn color_of(color: AnsiColor) -> Color {
    match color {
        AnsiColor::Spec(rgb) => Color::Rgb(rgb.r, rgb.g, rgb.b),
        AnsiColor::Indexed(index) => Color::Indexed(index),
        AnsiColor::Named(NamedColor::Foreground | NamedColor::Background) => Color::Default,
        AnsiColor::Named(named) => match u8::try_from(named as u16) {
            Ok(index) if index < 16 => Color::Indexed(index),
            _ => Color::Default,
        },
    }
}

//! What one cell draws: its text, how many columns that takes, and whether terminals agree.

use super::is_free;
use super::pen::Pen;
use ratatui::buffer::{Cell, CellDiffOption, CellWidth};
use unicode_width::UnicodeWidthChar;

/// What is known of how the terminal draws characters of ambiguous width.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Ambiguous {
    #[default]
    Unknown,
    Narrow,
}

/// A character as it will be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glyph<'a> {
    pub text: &'a str,
    /// Columns, at least 1.
    pub width: usize,
    /// Whether every terminal moves its cursor by `width`.
    pub is_sure: bool,
}

/// Stands in the cells behind a wide character of what is shown.
const BEHIND: Cell = Cell::new("");

impl Glyph<'_> {
    const BLANK: Glyph<'static> = Glyph { text: " ", width: 1, is_sure: true };
    const WRONG: Glyph<'static> = Glyph { text: "?", width: 1, is_sure: true };

    /// Columns it may take on a terminal that thinks otherwise.
    pub fn reach(&self) -> usize {
        let columns = |c: char| c.width_cjk().unwrap_or(1).max(1);
        // A presentation selector makes some narrow characters wide.
        self.text.chars().map(columns).sum::<usize>().max(self.width).max(2)
    }

    /// Notes in what is shown that this was written, drawn as `cell` says.
    pub fn store(&self, cell: &Cell, shown: &mut [Cell]) {
        shown[0].clone_from(cell);
        if cell.symbol() != self.text {
            shown[0].set_symbol(self.text).set_diff_option(CellDiffOption::None);
        }
        shown[1..self.width].fill(BEHIND);
    }
}

/// What is to be drawn at a column of a wanted row.
pub(super) fn glyph_at(row: &[Cell], x: usize, ambiguous: Ambiguous) -> Glyph<'_> {
    let cell = &row[x];
    let text = cell.symbol();
    if let [byte] = text.as_bytes() {
        return match byte {
            b' '..=b'~' => Glyph { text, width: 1, is_sure: true },
            _ => Glyph::WRONG,
        };
    }
    if text.chars().any(is_harmful) {
        return Glyph::WRONG;
    }
    let width = usize::from(cell.cell_width());
    // A wide character without room is not drawn, neither is one that something was drawn over.
    match row.get(x + 1..x + width) {
        Some(behind) if width > 0 && is_free(behind) => {
            let is_forced = matches!(cell.diff_option, CellDiffOption::ForcedWidth(_));
            Glyph { text, width, is_sure: !is_forced && is_sure(text, ambiguous) }
        }
        _ => Glyph::BLANK,
    }
}

/// Columns of what is shown at a column where a character begins.
pub(super) fn shown_width(shown: &[Cell], x: usize) -> usize {
    1 + shown[x + 1..].iter().take_while(|cell| cell.symbol().is_empty()).count()
}

/// A space in no style at all, as an erased cell is.
pub(super) fn is_blank(cell: &Cell) -> bool {
    matches!(cell.symbol(), " " | "") && Pen::of(cell) == Pen::default()
}

/// Whether `text` drawn as `wanted` says looks like what is shown. A space has no colour but its
/// background.
pub(super) fn looks_same(wanted: &Cell, text: &str, shown: &Cell) -> bool {
    let (new, old) = (Pen::of(wanted), Pen::of(shown));
    text == shown.symbol() && (new == old || (text == " " && new.is_same_on_blank(&old)))
}

/// Controls, and what changes the direction of a line: neither is a picture of anything.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}')
}

/// Whether terminals agree on the width of a text of more than one byte. Those that do are few:
/// single characters whose width never changed between versions of Unicode nor by a setting.
fn is_sure(text: &str, ambiguous: Ambiguous) -> bool {
    let mut chars = text.chars();
    let (Some(c), None) = (chars.next(), chars.next()) else {
        return false;
    };
    match c {
        '\u{3001}'..='\u{303e}'
        | '\u{3041}'..='\u{3096}'
        | '\u{309b}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff01}'..='\u{ff9d}' => !matches!(c, '\u{302a}'..='\u{302f}'),
        // Letters, signs and box drawing below the emoji. What is an emoji too may become wide.
        '\u{a1}'..='\u{2e7f}' => {
            let is_narrow = c.width() == Some(1);
            let is_wide_elsewhere = c.width_cjk() != Some(1);
            let may_be_emoji = matches!(c, '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}')
                || matches!(c, '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{a9}')
                || matches!(c, '\u{ae}' | '\u{2194}'..='\u{21aa}' | '\u{2300}'..='\u{23ff}')
                || matches!(c, '\u{24c2}' | '\u{25aa}'..='\u{25fe}' | '\u{2934}' | '\u{2935}');
            is_narrow && (ambiguous == Ambiguous::Narrow || !(is_wide_elsewhere || may_be_emoji))
        }
        _ => false,
    }
}

/// What [`hash`] gives for a row without anything on it.
pub(super) const BLANK_ROW: u64 = 0;

/// A number for a row, equal when what is shown is equal. Two rows may share one: what is made of
/// it is checked cell by cell.
pub(super) fn hash(row: &[Cell]) -> u64 {
    let mix =
        |hash: u64, part: u64| (hash.rotate_left(5) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut hash = BLANK_ROW;
    for (x, cell) in (1_u64..).zip(row) {
        if is_blank(cell) {
            continue;
        }
        let text = cell.symbol().bytes().fold(x, |hash, byte| (hash << 8) ^ u64::from(byte) ^ hash);
        hash = mix(mix(hash, text), Pen::of(cell).bits());
    }
    hash
}

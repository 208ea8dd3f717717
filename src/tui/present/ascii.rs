//! A screen for a terminal that is not known to understand UTF-8: every cell in ASCII. To one of
//! another character set a byte of anything else may be a control character.

use ratatui::buffer::Buffer;
use std::ops::Range;

/// Replaces what is not ASCII in some rows: lines by their like, the rest by `?`.
pub fn as_ascii(buffer: &mut Buffer, rows: Range<u16>) {
    let area = buffer.area;
    for y in rows.start..rows.end.min(area.bottom()) {
        for x in area.left()..area.right() {
            let cell = &mut buffer[(x, y)];
            match cell.symbol().chars().next() {
                Some(_) if cell.symbol().is_ascii() => {}
                Some(c) => drop(cell.set_char(like(c))),
                // Behind a wide character, which is none any more.
                None => drop(cell.set_char(' ')),
            }
        }
    }
}

/// The ASCII character that looks most like another one.
fn like(c: char) -> char {
    match c {
        '─' | '━' | '┄' | '┅' | '┈' | '┉' | '╌' | '╍' | '═' | '–' | '—' => {
            '-'
        }
        '│' | '┃' | '┆' | '┇' | '┊' | '┋' | '╎' | '╏' | '║' | '▏' | '▌' | '▎' => {
            '|'
        }
        '\u{2500}'..='\u{257f}' => '+',
        '\u{2580}'..='\u{259f}' => '#',
        '•' | '·' | '●' | '○' | '◦' | '∙' | '⏺' | '✻' | '✽' | '✶' => '*',
        '→' | '❯' | '›' | '▶' | '⎿' => '>',
        '←' | '❮' | '‹' | '◀' => '<',
        '↑' | '▲' => '^',
        '↓' | '▼' | '✓' | '✔' => 'v',
        '✗' | '✘' | '×' => 'x',
        '“' | '”' => '"',
        '‘' | '’' => '\'',
        '…' => '~',
        '\u{a0}' => ' ',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_ascii_and_stands_where_it_stood() {
        let lines = ["┌─ ページ ─┐", "│● e\u{301}→ …│x"];
        let mut buffer = Buffer::with_lines(lines);
        as_ascii(&mut buffer, 0..2);
        assert_eq!(buffer, Buffer::with_lines(["+- ? ? ?  -+", "|* ?> ~|x"]));
    }
}

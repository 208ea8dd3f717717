//! Small parts of drawing: text by cells, boxes, and room for a dialog. Everything goes straight
//! into the buffer; nothing here knows what it shows.

use super::present::cut;
use crate::base::foreign::Foreign;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

/// What stands for text that was left out.
pub const CUT: &str = "…";

/// Columns of a text.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text in at most `columns`, its end left out when it is longer.
pub fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_string();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = width(c.encode_utf8(&mut [0; 4]));
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        out.push(c);
    }
    if columns > 0 {
        out.push_str(CUT);
    }
    out
}

/// A line of hints, which stand two blanks apart, in at most `columns`: of those at its end that
/// have no room nothing is shown, for half a hint says nothing.
pub fn fit_hints(text: &str, columns: usize) -> String {
    let ends = text.match_indices("  ").map(|(end, _)| end).chain([text.len()]);
    let fits = ends.filter_map(|end| text.get(..end)).filter(|text| width(text) <= columns).last();
    fits.map_or_else(|| fit(text, columns), |text| text.trim_end().to_string())
}

/// The text without its first `columns`; a wide character cut there becomes a blank.
pub fn skip(text: &str, columns: usize) -> String {
    let mut left = columns;
    let mut rest = text.chars();
    while left > 0 {
        let Some(c) = rest.next() else { return String::new() };
        let wide = width(c.encode_utf8(&mut [0; 4]));
        if wide > left {
            return " ".repeat(wide - left) + rest.as_str();
        }
        left -= wide;
    }
    rest.as_str().to_string()
}

/// The text in lines of at most `columns`, broken at blanks where there are some.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    text.split('\n').flat_map(|line| wrap_line(line, columns)).collect()
}

fn wrap_line(line: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split_inclusive(' ') {
        let (last, wide) = (lines.last().map_or(0, |line| width(line)), width(word.trim_end()));
        // One that no line holds is broken anyway, and may as well begin here.
        if last > 0 && last + wide > columns && wide <= columns {
            lines.push(String::new());
        }
        for c in word.chars() {
            let Some(last) = lines.last_mut() else { break };
            let wide = width(c.encode_utf8(&mut [0; 4]));
            match width(last) + wide > columns {
                // A blank at the end of a line is not worth one of its own.
                true if c == ' ' => {}
                true => lines.push(c.to_string()),
                false => last.push(c),
            }
        }
    }
    lines.iter().map(|line| line.trim_end().to_string()).collect()
}

/// Writes a text at a place, at most `columns` wide; gives the column behind it.
pub fn put(buffer: &mut Buffer, (x, y): (u16, u16), text: &str, columns: u16, style: Style) -> u16 {
    let area = buffer.area;
    if x >= area.right() || y < area.top() || y >= area.bottom() || columns == 0 {
        return x;
    }
    let columns = usize::from(columns.min(area.right() - x));
    buffer.set_stringn(x, y, fit(text, columns), columns, style).0
}

/// Writes pieces after each other, each in its style.
pub fn put_all(buffer: &mut Buffer, area: Rect, pieces: &[(&str, Style)]) -> u16 {
    let mut x = area.x;
    for (text, style) in pieces {
        x = put(buffer, (x, area.y), text, area.right().saturating_sub(x), *style);
    }
    x
}

/// One row of an area; below its end, nothing to write in.
pub fn row(area: Rect, y: u16) -> Rect {
    match y < area.height {
        true => Rect { y: area.y + y, height: 1, ..area },
        false => Rect { width: 0, height: 0, ..area },
    }
}

/// Blanks an area. A wide character across one of its sides becomes blank as a whole; half of it
/// would swallow a column of what is drawn here or of what stands beside it.
pub fn clear(buffer: &mut Buffer, area: Rect, style: Style) {
    let area = area.intersection(buffer.area);
    for y in area.top()..area.bottom() {
        for x in [area.left(), area.right()] {
            cut(buffer, x, y);
        }
        for x in area.left()..area.right() {
            buffer[(x, y)].reset();
        }
    }
    buffer.set_style(area, style);
}

/// Shows what hides itself in an area that somebody else's widget drew: what a person pasted may
/// hold characters they cannot see.
pub fn seal(buffer: &mut Buffer, area: Rect) {
    let area = area.intersection(buffer.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            let cell = &mut buffer[(x, y)];
            if cell.symbol().len() > 1 && Foreign::new(cell.symbol()).hidden_count() > 0 {
                cell.set_symbol("?");
            }
        }
    }
}

/// A horizontal line.
const ACROSS: &str = "─";
/// A vertical line.
pub const DOWN: &str = "│";
/// From the top left clockwise.
const CORNERS: [&str; 4] = ["┌", "┐", "┘", "└"];

/// Draws a line across an area's first row, with a title in it.
pub fn rule(buffer: &mut Buffer, area: Rect, title: &str, style: Style) {
    for x in area.left()..area.right() {
        put(buffer, (x, area.y), ACROSS, 1, style);
    }
    if !title.is_empty() && area.width > 4 {
        let title = format!(" {title} ");
        put(buffer, (area.x + 1, area.y), &title, area.width - 2, style);
    }
}

/// Draws a box around an area that was cleared; gives what is inside, with a column to spare left
/// and right.
pub fn frame(buffer: &mut Buffer, area: Rect, title: &str, style: Style) -> Rect {
    if area.width < 4 || area.height < 2 {
        return Rect { width: 0, height: 0, ..area };
    }
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    for y in area.top()..area.bottom() {
        put(buffer, (area.x, y), DOWN, 1, style);
        put(buffer, (right, y), DOWN, 1, style);
    }
    let inner = Rect { x: area.x + 1, width: area.width - 2, ..area };
    rule(buffer, inner, title, style);
    rule(buffer, Rect { y: bottom, ..inner }, "", style);
    let places = [(area.x, area.y), (right, area.y), (right, bottom), (area.x, bottom)];
    for (place, corner) in places.into_iter().zip(CORNERS) {
        put(buffer, place, corner, 1, style);
    }
    Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height - 2,
    }
}

/// Lines below each other in an area, from its top; those below its end are not drawn.
pub struct Below<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    y: u16,
}

impl<'a> Below<'a> {
    /// In this area.
    pub fn new(buffer: &'a mut Buffer, area: Rect) -> Self {
        Self { buffer, area, y: 0 }
    }

    /// A line of pieces, each in its style.
    pub fn line(&mut self, pieces: &[(&str, Style)]) {
        put_all(self.buffer, row(self.area, self.y), pieces);
        self.y = self.y.saturating_add(1);
    }

    /// A text in as many lines as it takes.
    pub fn text(&mut self, text: &str, style: Style) {
        for line in wrap(text, usize::from(self.area.width)) {
            self.line(&[(&line, style)]);
        }
    }
}

/// Says in the line that borders something scrolled, at its right end, how much of that is above
/// and below what is shown; gives the columns that are left of the line.
pub fn put_more(buffer: &mut Buffer, line: Rect, more: (usize, usize), style: Style) -> u16 {
    let text = match more {
        (0, 0) => return line.width,
        (above, 0) => format!(" {above} above "),
        (0, below) => format!(" {below} below "),
        (above, below) => format!(" {above} above, {below} below "),
    };
    let left = line.width.saturating_sub(u16::try_from(width(&text)).unwrap_or(u16::MAX));
    put(buffer, (line.x + left, line.y), &text, line.width - left, style);
    left
}

/// The same in the lower border of the box with this inside.
pub fn put_more_below(buffer: &mut Buffer, inner: Rect, more: (usize, usize), style: Style) {
    let border = Rect { y: inner.bottom(), height: 1, ..inner };
    put_more(buffer, border, more, style);
}

/// How much of `len` is above and below what is shown from `first` on in `height` rows.
pub fn hidden(first: usize, len: usize, height: u16) -> (usize, usize) {
    (first, len.saturating_sub(first + usize::from(height)))
}

/// The first row shown of `len` in `height` rows, so that `at` is among them.
pub fn scrolled(at: usize, len: usize, height: u16) -> usize {
    let height = usize::from(height);
    at.saturating_sub(height / 2).min(len.saturating_sub(height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::buffer::CellWidth;

    #[test]
    fn text_is_cut_by_columns_and_never_inside_a_character() {
        assert_eq!(fit("日本語", 6), "日本語");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("abc", 0), "");
        assert_eq!(skip("日本語", 3), " 語");
        assert_eq!(skip("abc", 9), "");
    }

    #[test]
    fn lines_break_at_blanks_and_inside_words_that_are_too_long() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("ページ番号は1から", 8), ["ページ番", "号は1か", "ら"]);
        assert_eq!(wrap("a\n\nb", 8), ["a", "", "b"]);
        assert_eq!(wrap("abcdefgh i", 4), ["abcd", "efgh", "i"]);
        assert_eq!(wrap("7 ページ番号", 8), ["7 ページ", "番号"]);
    }

    #[test]
    fn half_a_hint_is_not_shown() {
        let hints = "A then y approve  r reject  3 diff";
        assert_eq!(fit_hints(hints, 34), hints);
        assert_eq!(fit_hints(hints, 33), "A then y approve  r reject");
        assert_eq!(fit_hints(hints, 25), "A then y approve");
        assert_eq!(fit_hints(hints, 6), "A the…");
    }

    #[test]
    fn a_box_over_wide_characters_has_all_its_sides() {
        for x in 1..5 {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 5));
            for y in 0..5 {
                buffer.set_string(0, y, "日本語日本語日本語日", Style::new());
            }
            let area = Rect::new(x, 1, 10, 3);
            clear(&mut buffer, area, Style::new());
            frame(&mut buffer, area, "", Style::new());
            for y in 1..4 {
                let covered = |at: u16| at > 0 && buffer[(at - 1, y)].symbol().cell_width() > 1;
                for side in [area.left(), area.right() - 1] {
                    assert!(!covered(side), "column {side} of row {y} is covered");
                    assert!("┌│└┐┘".contains(buffer[(side, y)].symbol()));
                }
                assert_ne!(buffer[(area.right(), y)].symbol(), "");
            }
        }
    }
}

//! Fitting text into a terminal: at words, by cells. What is no terminal gets everything as it is.

use std::os::fd::AsFd;

/// What stands in for the end of a text that was cut.
const CUT: char = '…';
/// A column of text narrower than this begins on a line of its own instead.
const TEXT_MIN: usize = 24;
/// How far text is indented that begins on a line of its own.
const INDENT: usize = 4;

/// How many columns the terminal on standard output has; `None` when it is no terminal.
pub(super) fn width() -> Option<usize> {
    width_of(std::io::stdout())
}

/// How many columns the terminal behind a stream has; `None` when it is no terminal.
pub(super) fn width_of(stream: impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then(|| size.ws_col.into())
}

/// How many columns a text takes on a terminal: East Asian wide characters take two.
pub(super) fn columns(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// The text in at most `width` columns; where its end is missing a mark says so.
pub(super) fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.into();
    }
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        // A whole text may be narrower than its characters one by one.
        if columns(&out) + 1 > width {
            out.pop();
            break;
        }
    }
    out.push(CUT);
    out
}

/// `lead` and `text` behind it, broken at words; further lines begin under the text.
pub(super) fn hang(lead: &str, text: &str, width: Option<usize>) -> String {
    let width = width.unwrap_or(usize::MAX);
    let mut at = columns(lead);
    let indent = if at == 0 || at + TEXT_MIN <= width { at } else { INDENT };
    let mut out = lead.to_string();
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            break_line(&mut out, indent);
            at = indent;
        }
        // Lines that are indented themselves go on under their own beginning.
        let own = indent + line.len() - line.trim_start_matches(' ').len();
        for (gap, piece) in pieces(line) {
            if at > own && at + gap + columns(piece) > width {
                break_line(&mut out, own);
                at = own;
            } else {
                out.push_str(&" ".repeat(gap));
                at += gap;
            }
            out.push_str(piece);
            at += columns(piece);
        }
    }
    out
}

fn break_line(out: &mut String, indent: usize) {
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
    out.push_str(&" ".repeat(indent));
}

/// What a line must not be broken in, each with the spaces before it: a word, or one wide character
/// of a script that has no spaces.
fn pieces(line: &str) -> Vec<(usize, &str)> {
    let is_wide = |c: char| unicode_width::UnicodeWidthChar::width(c) == Some(2);
    let mut pieces = Vec::new();
    let mut rest = line;
    loop {
        let word = rest.trim_start_matches(' ');
        let gap = rest.len() - word.len();
        let Some(first) = word.chars().next() else { return pieces };
        let end = match is_wide(first) {
            true => first.len_utf8(),
            false => word.find(|c| c == ' ' || is_wide(c)).unwrap_or(word.len()),
        };
        let (piece, after) = word.split_at(end);
        pieces.push((gap, piece));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_cells_with_a_mark() {
        assert_eq!(cut("title", 5), "title");
        assert_eq!(cut("a title", 5), "a ti…");
        assert_eq!(cut("修正する", 6), "修正…");
        assert!(columns(&cut("修正する", 6)) <= 6);
    }

    #[test]
    fn lines_break_at_words_and_go_on_under_the_text() {
        let text = "one two three four five six seven";
        let lead = "ok    ";
        assert_eq!(hang(lead, text, None), format!("{lead}{text}"));
        let broken = hang(lead, text, Some(30));
        assert_eq!(broken, "ok    one two three four five\n      six seven");
        // Words that are longer than the line stay whole: a path can still be copied.
        assert_eq!(hang("", "a /a/long/path b", Some(8)), "a\n/a/long/path\nb");
        assert_eq!(hang("", "  tip: it was one", Some(12)), "  tip: it\n  was one");
        assert_eq!(hang("", "一二三四五", Some(6)), "一二三\n四五");
    }

    #[test]
    fn a_text_without_room_beside_its_lead_goes_on_at_the_left() {
        let broken = hang("a long lead  ", "some words", Some(20));
        assert_eq!(broken, "a long lead  some\n    words");
    }
}

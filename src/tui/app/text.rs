//! Text fields: what a person writes, with the cursor where an input method expects it.

use crate::model::decide::PROMPT_BYTES_MAX;
use crate::tui::keys;
use crate::tui::widgets;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;
use ratatui_textarea::{CursorMove, Input, Key, TextArea, WrapMode};

/// The most that a field of one line holds, and one of many: as much as the daemon takes.
const LINE_BYTES_MAX: usize = 4 << 10;
const TEXT_BYTES_MAX: usize = PROMPT_BYTES_MAX;

/// Keys by name, as the text area takes them.
const KEYS: [(&str, Key); 10] = [
    ("backspace", Key::Backspace),
    ("delete", Key::Delete),
    ("left", Key::Left),
    ("right", Key::Right),
    ("up", Key::Up),
    ("down", Key::Down),
    ("home", Key::Home),
    ("end", Key::End),
    ("pageup", Key::PageUp),
    ("pagedown", Key::PageDown),
];

/// Keys with ctrl that move and delete as in a shell: to the line's ends, up to its end, a word.
const EDITING: [&str; 5] = ["a", "e", "k", "w", "d"];

/// How many lines a field has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lines {
    /// One: Enter is not for it.
    One,
    /// Any number: Enter begins the next.
    Many,
}

/// A text field.
#[derive(Clone, Debug)]
pub struct Text {
    area: Box<TextArea<'static>>,
    lines: Lines,
}

impl Text {
    /// A field that holds a text, the cursor behind it.
    pub fn new(lines: Lines, text: &str) -> Self {
        let given = text.split('\n').map(String::from).collect();
        let mut area = TextArea::new(given);
        area.set_cursor_line_style(Style::new());
        area.set_cursor_style(Style::new());
        let wrap = if lines == Lines::Many { WrapMode::WordOrGlyph } else { WrapMode::None };
        area.set_wrap_mode(wrap);
        area.move_cursor(CursorMove::Bottom);
        area.move_cursor(CursorMove::End);
        Self { area: Box::new(area), lines }
    }

    /// What it holds.
    pub fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Whether so many bytes more have room.
    fn has_room(&self, bytes: usize) -> bool {
        let most = if self.lines == Lines::Many { TEXT_BYTES_MAX } else { LINE_BYTES_MAX };
        let held: usize = self.area.lines().iter().map(|line| line.len() + 1).sum();
        held.saturating_add(bytes) <= most
    }

    /// Whether there is nothing in it but blanks.
    pub fn is_blank(&self) -> bool {
        self.area.lines().iter().all(|line| line.trim().is_empty())
    }

    /// Takes a key that no binding wanted.
    pub fn key(&mut self, key: &str) {
        let (ctrl, rest) = match key.strip_prefix("ctrl-") {
            Some(rest) => (true, rest),
            None => (false, key),
        };
        let named = KEYS.iter().find(|(name, _)| *name == rest).map(|(_, key)| *key);
        if key == "enter" && self.lines == Lines::Many {
            if self.has_room(1) {
                self.area.insert_newline();
            }
        } else if key == "ctrl-c" || key == "ctrl-u" {
            *self = Self::new(self.lines, "");
        } else if ctrl && EDITING.contains(&rest) {
            let key = keys::character(rest).map_or(Key::Null, Key::Char);
            self.area.input(Input { key, ctrl, alt: false, shift: false });
        } else if let Some(key) = named {
            self.area.input(Input { key, ctrl, alt: false, shift: false });
        } else if let Some(c) = keys::character(key).filter(|c| self.has_room(c.len_utf8())) {
            self.area.insert_char(c);
        }
    }

    /// Takes a paste; a field of one line takes its lines as one. False when it has no room for all
    /// of it: then nothing is taken.
    #[must_use]
    pub fn paste(&mut self, text: &str) -> bool {
        let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\t', "    ");
        let kept = text.chars().filter(|c| !c.is_control() || *c == '\n');
        let kept: String = match self.lines {
            Lines::Many => kept.collect(),
            Lines::One => kept.map(|c| if c == '\n' { ' ' } else { c }).collect(),
        };
        let fits = self.has_room(kept.len());
        if fits {
            self.area.insert_str(kept);
        }
        fits
    }

    /// Draws it; gives where its cursor stands.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, style: Style) -> (u16, u16) {
        // The widget keeps where it has scrolled to; a copy of it leaves the state untouched.
        let mut shown = TextArea::clone(&self.area);
        shown.set_style(style);
        Widget::render(&shown, area, buffer);
        let cursor = shown.screen_cursor();
        let (top, left) = shown.scroll_offset();
        let at = |cursor: usize, start: u16| {
            u16::try_from(cursor).unwrap_or(u16::MAX).saturating_sub(start)
        };
        let x = area.x + at(cursor.col, left).min(area.width.saturating_sub(1));
        let y = area.y + at(cursor.row, top).min(area.height.saturating_sub(1));
        widgets::seal(buffer, area);
        (x, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(lines: Lines, keys: &[&str]) -> String {
        let mut text = Text::new(lines, "");
        keys.iter().for_each(|key| text.key(key));
        text.text()
    }

    #[test]
    fn keys_write_and_change_a_text() {
        assert_eq!(typed(Lines::Many, &["ペ", "a", "space", "enter", "b"]), "ペa \nb");
        assert_eq!(typed(Lines::One, &["a", "enter", "b", "left", "backspace"]), "b");
        assert_eq!(typed(Lines::Many, &["a", "f5", "alt-x", "ctrl-x", "ctrl-m"]), "a");
        assert_eq!(typed(Lines::One, &["a", "b", "ctrl-a", "c", "ctrl-k"]), "c");
        assert_eq!(typed(Lines::Many, &["a", "enter", "ctrl-c"]), "");
    }

    #[test]
    fn a_paste_brings_no_control_characters() {
        let mut many = Text::new(Lines::Many, "");
        assert!(many.paste("a\r\nb\u{1b}[31m\tc"));
        assert_eq!(many.text(), "a\nb[31m    c");
        let mut one = Text::new(Lines::One, "x");
        assert!(one.paste("a\nb"));
        assert_eq!(one.text(), "xa b");
    }

    #[test]
    fn a_field_holds_no_more_than_the_daemon_takes() {
        let mut many = Text::new(Lines::Many, "");
        assert!(!many.paste(&"x".repeat(TEXT_BYTES_MAX)));
        assert!(many.is_blank(), "not a part of it either");
        assert!(many.paste(&"x".repeat(TEXT_BYTES_MAX - 2)));
        ["y", "enter", "z"].iter().for_each(|key| many.key(key));
        assert!(many.text().ends_with("xy"));
        let mut one = Text::new(Lines::One, &"x".repeat(LINE_BYTES_MAX - 1));
        one.key("y");
        assert!(!one.text().contains('y'));
    }

    #[test]
    fn the_cursor_stands_behind_wide_characters() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 3));
        let text = Text::new(Lines::Many, "日本");
        let cursor = text.draw(&mut buffer, Rect::new(2, 1, 10, 2), Style::new());
        assert_eq!(cursor, (6, 1));
    }
}

//! Foreign text: names, titles, logs and messages that an agent or a repository chose.
//!
//! It reaches a person's terminal only through [`Foreign::shown`], where every character that could
//! move the cursor, reorder the line or hide itself is made visible; inside JSON, through [`json`].

use serde::{Deserialize, Serialize};
use std::fmt;

/// Text from outside, kept as it came and shown escaped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Foreign(String);

impl Foreign {
    /// Wraps text from outside.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Wraps bytes from outside; what is not UTF-8 is kept readable as `\xff`.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                text.push_str(&format!("\\x{byte:02x}"));
            }
        }
        Self(text)
    }

    /// The text as it came. Never print this.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// The text with every hidden or harmful character made visible, on one line.
    pub fn shown(&self) -> String {
        self.0.chars().fold(String::with_capacity(self.0.len()), |mut out, c| {
            push_shown(&mut out, c);
            out
        })
    }

    /// The same, with line breaks kept.
    pub fn shown_lines(&self) -> String {
        let lines = self
            .0
            .split('\n')
            .map(|line| Foreign::new(line.strip_suffix('\r').unwrap_or(line)).shown());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// How many characters a person would not have seen.
    pub fn hidden_count(&self) -> usize {
        self.0.chars().filter(|c| is_hidden(*c)).count()
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

/// A JSON document with the same meaning in which such characters are escapes. They can only stand
/// in its strings, and JSON itself asks for the escape of a few of them alone.
pub fn json(document: &str) -> String {
    document.chars().fold(String::with_capacity(document.len()), |mut out, c| {
        match is_hidden(c) {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                out.push_str(&format!("\\u{unit:04x}"));
            }),
            false => out.push(c),
        }
        out
    })
}

fn push_shown(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("    "),
        c if is_hidden(c) => out.extend(c.escape_unicode()),
        c => out.push(c),
    }
}

/// Characters that draw nothing, move the cursor, change direction, or are drawn like a space
/// without being one. Ranges are used rather than a list of known tricks: lists have always missed
/// some.
fn is_hidden(c: char) -> bool {
    let code = u32::from(c);
    match code {
        0x20..=0x7e => false,
        0..=0x1f => !matches!(c, '\n' | '\t'),
        0x7f..=0xa0 | 0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x1680 | 0x17b4..=0x17b5 => true,
        0x180b..=0x180f | 0x2000..=0x200f | 0x2028..=0x202f | 0x205f..=0x206f => true,
        0x2800 | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb => true,
        0x600..=0x605 | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2 | 0x110bd | 0x110cd => true,
        0x13430..=0x1345f | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a => true,
        0xe000..=0xf8ff | 0xe0000..=0x10ffff => true,
        _ => code & 0xfffe == 0xfffe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bidi_control_and_zero_width_characters_are_shown() {
        let shown = Foreign::new("a\u{202e}b\u{200b}c\u{1b}[2Jd\u{e0101}").shown();
        assert_eq!(shown, "a\\u{202e}b\\u{200b}c\\u{1b}[2Jd\\u{e0101}");
    }

    #[test]
    fn plain_japanese_and_line_breaks_stay_readable() {
        let text = Foreign::new("修正\tok\r\n次");
        assert_eq!(text.shown(), "修正    ok\\r\\n次");
        assert_eq!(text.shown_lines(), "修正    ok\n次");
        assert_eq!(text.hidden_count(), 1);
    }

    #[test]
    fn json_keeps_its_meaning_and_hides_nothing() {
        let text = "修正\u{202e}\u{9b}31m\u{7f}\u{e0101}\n\t\u{1b}\\";
        let document = serde_json::to_string_pretty(&[text]).unwrap();
        let shown = json(&document);
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), [text]);
        assert_eq!(Foreign::new(&shown).hidden_count(), 0, "{shown}");
        assert!(shown.contains("修正\\u202e\\u009b31m\\u007f\\udb40\\udd01"), "{shown}");
    }

    #[test]
    fn bytes_that_are_not_utf8_keep_their_value() {
        assert_eq!(Foreign::from_bytes(b"a\xffb").shown(), "a\\xffb");
    }
}

//! Tables and documents on standard output.

use super::exit::Failure;
use crate::base::foreign::{self, Foreign};
use serde_json::Value;
use std::io::Write;

/// One JSON document.
pub(super) fn json(out: &mut dyn Write, value: &Value) -> Result<(), Failure> {
    Ok(writeln!(out, "{}", foreign::json(&format!("{value:#}")))?)
}

/// One JSON document on one line.
pub(super) fn json_line(out: &mut dyn Write, value: &Value) -> std::io::Result<()> {
    writeln!(out, "{}", foreign::json(&value.to_string()))
}

/// A JSON field as text for a person; what came from outside is shown escaped.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => Foreign::new(text.clone()).shown(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// The first characters of a commit, digest or other long name.
pub(super) fn short(value: &Value) -> String {
    text(value).chars().take(12).collect()
}

/// A table with aligned columns; the last column is not padded.
pub(super) fn table(
    out: &mut dyn Write,
    heads: &[&str],
    rows: &[Vec<String>],
) -> Result<(), Failure> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| columns(cell));
        cells.chain([heads[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let heads: Vec<String> = heads.iter().map(ToString::to_string).collect();
    for row in std::iter::once(&heads).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width.saturating_sub(columns(cell)) + 2));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// How many columns a text takes on a terminal: East Asian wide characters take two.
fn columns(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// Seconds as a short age.
pub(super) fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_with_wide_characters_and_hide_nothing() {
        let mut out = Vec::new();
        let rows = vec![vec!["修正".to_string(), "x".into()], vec!["a".into(), "y".into()]];
        table(&mut out, &["T", "S"], &rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "T     S\n修正  x\na     y\n");
        assert_eq!(text(&Value::from("a\u{202e}b")), "a\\u{202e}b");
    }
}

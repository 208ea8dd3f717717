//! Tables and documents on standard output.

use super::exit::{Failure, complain};
use super::layout::{columns, cut, hang};
use crate::base::foreign::{self, Foreign};
use serde_json::Value;
use std::io::{BufRead, IsTerminal, Write};

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

/// What becomes of a last column that does not fit the terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// Its end is left out, with a mark.
    Cut,
    /// It is broken at words.
    Wrapped,
}

/// The narrowest a last column is cut to.
const LAST_MIN: usize = 8;

/// The columns of all cells but the last ones, each as wide as its widest.
fn padded(heads: &[&str], rows: &[Vec<String>]) -> Vec<usize> {
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| columns(cell));
        cells.chain([heads[column].len()]).max().unwrap_or(0)
    };
    (0..heads.len().saturating_sub(1)).map(widest).collect()
}

/// Where the last column of such a table begins.
pub(super) fn lead_columns(heads: &[&str], rows: &[Vec<String>]) -> usize {
    padded(heads, rows).iter().map(|width| width + 2).sum()
}

/// A table with aligned columns: its head, then a text for each row.
pub(super) fn table(
    heads: &[&str],
    rows: &[Vec<String>],
    last: Last,
    width: Option<usize>,
) -> Vec<String> {
    let padded = padded(heads, rows);
    let line = |row: &Vec<String>| {
        let mut lead = String::new();
        for (cell, width) in row.iter().zip(&padded) {
            lead.push_str(cell);
            lead.push_str(&" ".repeat(width.saturating_sub(columns(cell)) + 2));
        }
        let cell = row.last().map_or("", String::as_str);
        let line = match (last, width) {
            (Last::Cut, Some(width)) => {
                let room = width.saturating_sub(columns(&lead)).max(LAST_MIN);
                lead.clone() + &cut(cell, room)
            }
            _ => hang(&lead, cell, width),
        };
        line.trim_end().to_string()
    };
    let heads = heads.iter().map(ToString::to_string).collect();
    std::iter::once(&heads).chain(rows).map(line).collect()
}

/// Asks the person for a `yes`. False where nobody can be asked.
pub(super) fn is_confirmed(question: &str) -> std::io::Result<bool> {
    if !can_ask() {
        return Ok(false);
    }
    complain(question);
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

/// Whether there is a person at a terminal who could be asked.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
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
        let rows = vec![vec!["修正".to_string(), "x".into()], vec!["a".into(), "y".into()]];
        let lines = table(&["T", "S"], &rows, Last::Cut, None);
        assert_eq!(lines, ["T     S", "修正  x", "a     y"]);
        assert_eq!(text(&Value::from("a\u{202e}b")), "a\\u{202e}b");
    }

    #[test]
    fn on_a_terminal_the_last_column_fits() {
        let long = "a title that is rather long for its line";
        let rows = vec![vec!["1".to_string(), long.into()]];
        let shown = |last, width| table(&["ID", "TITLE"], &rows, last, Some(width)).remove(1);
        assert_eq!(shown(Last::Cut, 30), "1   a title that is rather lo…");
        assert_eq!(shown(Last::Cut, 80), format!("1   {long}"));
        assert_eq!(shown(Last::Wrapped, 30), "1   a title that is rather\n    long for its line");
    }
}

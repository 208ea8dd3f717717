//! Rows, cells and styles as the rest of the program sees them: small types of our own, so that no
//! type of the VT crate leaves this module.

use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// A colour: the reader's own default, one of the palette, or exact.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Color {
    /// Whatever the person's terminal uses.
    #[default]
    Default,
    /// Of the 256-colour palette.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

/// The kind of line under a cell.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Underline {
    #[default]
    None,
    Single,
    Double,
    Curly,
    Dotted,
    Dashed,
}

/// How a cell is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Style {
    pub fg: Color,
    pub bg: Color,
    pub underline_color: Color,
    pub underline: Underline,
    pub bold: bool,
    pub dim: bool,
    pub italic: bool,
    pub inverse: bool,
    pub hidden: bool,
    pub strikeout: bool,
    pub blink: bool,
}

impl Style {
    /// The SGR sequence that sets exactly this style whatever was set before.
    pub fn sgr(&self) -> String {
        let mut out = String::from("\x1b[0");
        let flags = [
            (self.bold, ";1"),
            (self.dim, ";2"),
            (self.italic, ";3"),
            (self.blink, ";5"),
            (self.inverse, ";7"),
            (self.hidden, ";8"),
            (self.strikeout, ";9"),
        ];
        for (_, code) in flags.iter().filter(|(on, _)| *on) {
            out.push_str(code);
        }
        out.push_str(match self.underline {
            Underline::None => "",
            Underline::Single => ";4",
            Underline::Double => ";4:2",
            Underline::Curly => ";4:3",
            Underline::Dotted => ";4:4",
            Underline::Dashed => ";4:5",
        });
        for (code, color) in [(38, self.fg), (48, self.bg), (58, self.underline_color)] {
            // Writing to a String cannot fail.
            let _ = match color {
                Color::Default => Ok(()),
                Color::Indexed(index) => write!(out, ";{code};5;{index}"),
                Color::Rgb(r, g, b) => write!(out, ";{code};2;{r};{g};{b}"),
            };
        }
        out.push('m');
        out
    }
}

/// One character as drawn, one or two columns wide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell {
    /// Bytes of its text in [`Row::text`]: a base character and the marks joined to it.
    pub bytes: u8,
    /// Columns it takes, 1 or 2.
    pub width: u8,
    /// How it is drawn.
    pub style: Style,
}

/// One row of a screen. A cell never written to is a space; the widths add up to the row's columns.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// The text of all cells.
    pub text: String,
    /// The cells from left to right.
    pub cells: Vec<Cell>,
    /// Whether the next row continues this one: the line was too long.
    pub wrapped: bool,
}

impl Row {
    /// Each cell with its text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Cell)> {
        let mut rest = self.text.as_str();
        self.cells.iter().map(move |cell| {
            let (text, tail) = rest.split_at_checked(usize::from(cell.bytes)).unwrap_or((rest, ""));
            rest = tail;
            (text, *cell)
        })
    }

    /// The text without trailing blanks.
    pub fn trimmed(&self) -> &str {
        self.text.trim_end_matches(' ')
    }
}

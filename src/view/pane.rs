//! Rows and head of a pane: an agent's screen as a client sees it.
//!
//! A row is `[text, runs, shapes]`: `runs` are `[cells, flags, foreground, background, underline]`,
//! `shapes` are `[cells, bytes, columns]`; what is not needed at the end is left out. Cells with
//! one byte in one column need no shape, cells in the default style no run, and blank default cells
//! at the end nothing at all.

use super::Row;
use crate::base::size::Size;
use crate::term::{Cell, Color, Cursor, Row as Cells, Style, Underline};
use serde::{Deserialize, Serialize};

/// What a pane's head says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Head {
    /// The size of the agent's terminal.
    pub size: Size,
    /// Its cursor, in the screen; told beside the head.
    #[serde(skip)]
    pub cursor: Cursor,
    /// How many rows back in the history the rows begin; 0 is the screen itself.
    pub back: u32,
    /// How many rows of history there are.
    pub history: u32,
    /// The title the agent gave its terminal, already made safe to show.
    pub title: String,
    /// Whether the agent wants mouse events.
    pub mouse: bool,
    /// Who typed in this pane last, if anybody.
    pub driver: Option<String>,
    /// Whether this client is the driver.
    pub yours: bool,
    /// Whether the agent's process is there.
    pub live: bool,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            size: Size::UNATTENDED,
            cursor: Cursor::default(),
            back: 0,
            history: 0,
            title: String::new(),
            mouse: false,
            driver: None,
            yours: false,
            live: false,
        }
    }
}

#[derive(Deserialize)]
struct Encoded(String, #[serde(default)] Vec<Run>, #[serde(default)] Vec<Shape>);

/// Cells, flags, foreground, background, underline colour.
type Run = [u32; 5];
/// Cells, bytes, columns.
type Shape = [u32; 3];

/// Style flags, lowest bit first; the kind of underline stands above them.
const FLAGS: u32 = 7;

/// A row for the wire.
pub fn encode(row: &Cells) -> Row {
    let blank = |(text, cell): &(&str, Cell)| *text == " " && cell.style == Style::default();
    let cells: Vec<(&str, Cell)> = row.iter().collect();
    let used = cells.iter().rposition(|cell| !blank(cell)).map_or(0, |last| last + 1);
    let (mut text, mut runs, mut shapes) = (String::new(), Vec::<Run>::new(), Vec::<Shape>::new());
    for (piece, cell) in &cells[..used] {
        text.push_str(piece);
        let style = pack(&cell.style);
        match runs.last_mut() {
            Some(run) if run[1..] == style => run[0] += 1,
            _ => runs.push([1, style[0], style[1], style[2], style[3]]),
        }
        let shape = [u32::from(cell.bytes), u32::from(cell.width)];
        match shapes.last_mut() {
            Some(run) if run[1..] == shape => run[0] += 1,
            _ => shapes.push([1, shape[0], shape[1]]),
        }
    }
    let is_plain = runs.iter().all(|run| run[1..] == [0; 4]);
    let is_narrow = shapes.iter().all(|shape| shape[1..] == [1, 1]);
    let encoded = match (is_plain, is_narrow) {
        (true, true) => serde_json::to_string(&(text,)),
        (false, true) => serde_json::to_string(&(text, runs)),
        (_, false) => serde_json::to_string(&(text, runs, shapes)),
    };
    // Strings and numbers always have a JSON form.
    encoded.unwrap_or_default().into()
}

/// A row from the wire; `None` when it is not one. Blank cells at the end are left out.
pub fn decode(row: &str) -> Option<Cells> {
    if row.is_empty() {
        return Some(Cells::default());
    }
    let Encoded(text, runs, shapes) = serde_json::from_str(row).ok()?;
    let mut cells = Vec::new();
    if shapes.is_empty() {
        let plain = Cell { bytes: 1, width: 1, style: Style::default() };
        text.is_ascii().then_some(())?;
        cells.resize(text.len(), plain);
    }
    for [count, bytes, width] in shapes {
        let (bytes, width) = (u8::try_from(bytes).ok()?, u8::try_from(width).ok()?);
        let cell = Cell { bytes, width, style: Style::default() };
        (cells.len() + count as usize <= text.len()).then_some(())?;
        cells.extend(std::iter::repeat_n(cell, count as usize));
    }
    let mut at = 0;
    for [count, flags, fg, bg, underline] in runs {
        let style = unpack([flags, fg, bg, underline]);
        let end = at + count as usize;
        cells.get_mut(at..end)?.iter_mut().for_each(|cell| cell.style = style);
        at = end;
    }
    let mut end = 0;
    for cell in &cells {
        end += usize::from(cell.bytes);
        text.is_char_boundary(end).then_some(())?;
    }
    (end == text.len()).then_some(Cells { text, cells, wrapped: false })
}

fn pack(style: &Style) -> [u32; 4] {
    let flags = [
        style.bold,
        style.dim,
        style.italic,
        style.inverse,
        style.hidden,
        style.strikeout,
        style.blink,
    ];
    let flags = flags.iter().enumerate().map(|(bit, on)| u32::from(*on) << bit).sum::<u32>();
    let underline = (style.underline as u32) << FLAGS;
    [flags | underline, color(style.fg), color(style.bg), color(style.underline_color)]
}

fn unpack([flags, fg, bg, underline_color]: [u32; 4]) -> Style {
    let on = |bit: u32| flags & (1 << bit) != 0;
    Style {
        fg: uncolor(fg),
        bg: uncolor(bg),
        underline_color: uncolor(underline_color),
        underline: match flags >> FLAGS {
            1 => Underline::Single,
            2 => Underline::Double,
            3 => Underline::Curly,
            4 => Underline::Dotted,
            5 => Underline::Dashed,
            _ => Underline::None,
        },
        bold: on(0),
        dim: on(1),
        italic: on(2),
        inverse: on(3),
        hidden: on(4),
        strikeout: on(5),
        blink: on(6),
    }
}

/// 0 is the default, 1 to 256 the palette, above that 24 bits.
fn color(color: Color) -> u32 {
    match color {
        Color::Default => 0,
        Color::Indexed(index) => 1 + u32::from(index),
        Color::Rgb(r, g, b) => 0x0100_0000 | u32::from_be_bytes([0, r, g, b]),
    }
}

fn uncolor(packed: u32) -> Color {
    let [exact, r, g, b] = packed.to_be_bytes();
    match packed {
        0 => Color::Default,
        _ if exact == 1 => Color::Rgb(r, g, b),
        _ => u8::try_from(packed - 1).map_or(Color::Default, Color::Indexed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Terminal;

    fn rows_of(output: &str) -> Vec<Cells> {
        let mut terminal = Terminal::new(Size { cols: 40, rows: 6 }, 0);
        terminal.feed(output.as_bytes());
        (0..6).filter_map(|y| terminal.row(y)).collect()
    }

    /// A row as it comes back, its blank end filled up again.
    fn back(row: &Cells) -> Cells {
        let mut back = decode(&encode(row)).unwrap();
        let columns = |row: &Cells| row.cells.iter().map(|c| usize::from(c.width)).sum::<usize>();
        let missing = columns(row) - columns(&back);
        back.text.push_str(&" ".repeat(missing));
        let blank = Cell { bytes: 1, width: 1, style: Style::default() };
        back.cells.extend(std::iter::repeat_n(blank, missing));
        back.wrapped = row.wrapped;
        back
    }

    #[test]
    fn every_style_and_width_comes_back() {
        let output = "plain\r\n\x1b[1;3;38;5;9mbold\x1b[0m and \x1b[48;2;1;2;3mexact\x1b[0m \r\n\
                      日本語 \u{1f469}\u{200d}\u{1f4bb} e\u{301}x\r\n\x1b[4:3;58;5;4mcurly\x1b[0m\r\n\
                      \x1b[7m   \x1b[0m\r\n\x1b[2;5;8;9mdim\x1b[0m";
        for row in rows_of(output) {
            assert_eq!(back(&row), row);
        }
    }

    #[test]
    fn plain_text_costs_its_length() {
        assert_eq!(&*encode(&rows_of("hello")[0]), r#"["hello"]"#);
        assert_eq!(&*encode(&rows_of("")[0]), r#"[""]"#);
    }

    #[test]
    fn what_is_not_a_row_is_refused() {
        for text in ["7", "[]", r#"["日"]"#, r#"["a",[[9,0,0,0,0]]]"#, r#"["日",[],[[1,1,1]]]"#] {
            assert_eq!(decode(text), None, "{text}");
        }
        let huge = r#"["a",[],[[4294967295,1,1]]]"#;
        assert_eq!(decode(huge), None);
    }
}

//! Cells of an agent's screen straight into a buffer.

use super::pen::underline;
use crate::term::{Color as Shade, Row, Style};
use ratatui::buffer::{Buffer, Cell, CellDiffOption, CellWidth};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use std::num::NonZeroU16;

/// Draws a row of an agent's screen into the first row of `area`, its first `from` columns left
/// out, blank where it ends. A wide character that does not fit as a whole is blank.
pub fn blit(row: &Row, from: u16, buffer: &mut Buffer, area: Rect) {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    cut(buffer, area.left(), area.y);
    cut(buffer, area.right(), area.y);
    let start = buffer.index_of(area.x, area.y);
    let cells = &mut buffer.content[start..start + usize::from(area.width)];
    cells.iter_mut().for_each(Cell::reset);
    // The column of `cells` at which the next character begins; left of 0 while it is cropped.
    let mut x = -i32::from(from);
    for (text, cell) in row.iter() {
        let end = x + i32::from(cell.width);
        let inside = usize::try_from(x.max(0)).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
        let is_whole = x >= 0 && inside.end <= cells.len();
        let inside = inside.start..inside.end.min(cells.len());
        if inside.start >= cells.len() {
            break;
        }
        if let Some(room) = cells.get_mut(inside).filter(|room| !room.is_empty()) {
            draw(if is_whole { text } else { " " }, cell.style, room);
        }
        x = end;
    }
}

/// Draws one character over all of `room`.
fn draw(text: &str, style: Style, room: &mut [Cell]) {
    let styled = |cell: &mut Cell| {
        cell.fg = color(style.fg);
        cell.bg = color(style.bg);
        cell.underline_color = color(style.underline_color);
        cell.modifier = modifier(&style);
    };
    // What an agent hides stays hidden on terminals that cannot: nothing is drawn.
    if style.hidden || text == " " {
        return room.iter_mut().for_each(styled);
    }
    let columns = u16::try_from(room.len()).unwrap_or(1);
    let Some(first) = room.first_mut() else { return };
    first.set_symbol(text);
    styled(first);
    // One byte is one column; asking for the width of a control is a fault.
    if text.len() > 1 && text.cell_width() != columns {
        let columns = NonZeroU16::new(columns).unwrap_or(NonZeroU16::MIN);
        first.set_diff_option(CellDiffOption::ForcedWidth(columns));
    }
}

fn modifier(style: &Style) -> Modifier {
    let flags = [
        (style.bold, Modifier::BOLD),
        (style.dim, Modifier::DIM),
        (style.italic, Modifier::ITALIC),
        (style.inverse, Modifier::REVERSED),
        (style.strikeout, Modifier::CROSSED_OUT),
        (style.blink, Modifier::SLOW_BLINK),
    ];
    let set = flags.iter().filter(|(is_set, _)| *is_set);
    set.fold(underline(style.underline), |all, (_, flag)| all | *flag)
}

fn color(shade: Shade) -> Color {
    match shade {
        Shade::Default => Color::Reset,
        Shade::Indexed(index) => Color::Indexed(index),
        Shade::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}

/// Makes sure that no wide character lies across the left edge of column `x`: one that does
/// becomes blanks in its own style.
pub fn cut(buffer: &mut Buffer, x: u16, y: u16) {
    let area = buffer.area;
    if x <= area.left() || x >= area.right() || y < area.top() || y >= area.bottom() {
        return;
    }
    let at = buffer.index_of(x, y);
    let row = buffer.index_of(area.left(), y);
    // Two columns are the most a character takes, but for widths that were forced.
    let before = (row..at).rev().take(2);
    let width = |cell: &Cell| match cell.symbol().len() {
        1 => 1,
        _ => usize::from(cell.cell_width()),
    };
    let across = before.into_iter().find(|start| start + width(&buffer.content[*start]) > at);
    let Some(start) = across else { return };
    let end = (start + width(&buffer.content[start])).min(row + usize::from(area.width));
    let mut blank = buffer.content[start].clone();
    blank.set_symbol(" ").set_diff_option(CellDiffOption::None);
    let is_hidden = |cell: &Cell| matches!(cell.symbol(), " " | "");
    buffer.content[start].clone_from(&blank);
    for cell in &mut buffer.content[start + 1..end] {
        if is_hidden(cell) {
            cell.clone_from(&blank);
        }
    }
}

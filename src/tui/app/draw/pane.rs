//! An agent's screen, inside the rectangle of its pane and nowhere else.

use super::super::App;
use super::{CursorAt, layout};
use crate::term::Cursor;
use crate::tui::present::blit;
use crate::tui::widgets::{fit, put, put_all, row, rule, width};
use crate::view::pane::{Head, decode};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::ops::Range;

/// Columns that a cropped pane moves at once when its cursor leaves it.
const CROP_COLUMNS: u16 = 16;

/// What of a pane is seen, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seen {
    area: Rect,
    /// The first row and column of the agent's screen that are seen.
    from: (u16, u16),
}

/// The focused pane under a line about it.
pub fn focus(app: &App, buffer: &mut Buffer) -> Option<CursorAt> {
    let theme = app.theme();
    let (head_area, area) = layout::focus(app);
    let task = app.selected()?;
    let pane = app.pane();
    let size = pane.as_ref().map(|(head, _)| about_size(app, head, area)).unwrap_or_default();
    let status = super::about::status(app, task);
    let id = format!("{} ", task.id);
    let room = usize::from(head_area.width).saturating_sub(width(&id) + width(&status.0) + 1);
    let title = fit(&task.title, room.saturating_sub(width(&size)).max(room / 3));
    let pieces = [
        (id.as_str(), theme.strong.style()),
        (title.as_str(), theme.text.style()),
        (" ", theme.text.style()),
        (status.0.as_str(), status.1),
        (size.as_str(), theme.faint.style()),
    ];
    put_all(buffer, head_area, &pieces);
    match pane {
        Some((head, rows)) if !rows.is_empty() => {
            let seen = seen(&head, area);
            blit_all(buffer, seen, rows, &(area.top()..area.bottom()));
            cursor(&head, seen)
        }
        _ => {
            let why = if task.run.is_none() { "no agent has run yet" } else { "no screen yet" };
            put(buffer, (area.x, area.y), why, area.width, theme.faint.style());
            None
        }
    }
}

/// Some rows of the focused pane alone.
pub fn rows(app: &App, rows: &Range<u16>, buffer: &mut Buffer) -> Option<CursorAt> {
    let (_, area) = layout::focus(app);
    let (head, all) = app.pane()?;
    let seen = seen(&head, area);
    blit_all(buffer, seen, all, rows);
    cursor(&head, seen)
}

/// The pane of the selected task, without its blank end.
pub fn preview(app: &App, buffer: &mut Buffer, area: Rect) {
    let theme = app.theme();
    let Some(task) = app.selected() else { return };
    let title = match app.lost_at() {
        Some(_) => format!("{} as it was", task.title),
        None => task.title.clone(),
    };
    rule(buffer, row(area, 0), &title, theme.line.style());
    let area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let Some((_, rows)) = app.pane().filter(|(_, rows)| !rows.is_empty()) else {
        let why = match task.run {
            None => "no agent has run yet",
            Some(_) => "no screen yet",
        };
        put(buffer, (area.x + 1, area.y), why, area.width, theme.faint.style());
        return;
    };
    let is_blank = |row: &crate::view::Row| decode(row).is_none_or(|row| row.trimmed().is_empty());
    let used = rows.iter().rposition(|row| !is_blank(row)).map_or(0, |last| last + 1);
    let first = used.saturating_sub(usize::from(area.height));
    let from = (u16::try_from(first).unwrap_or(0), 0);
    blit_all(buffer, Seen { area, from }, rows, &(area.top()..area.bottom()));
}

/// What is said about a pane's size when it is not this one's, and who drives it.
fn about_size(app: &App, head: &Head, area: Rect) -> String {
    let mut text = String::new();
    if app.lost_at().is_some() {
        return "  as it was".into();
    }
    if head.size.cols != area.width || head.size.rows != area.height {
        text = format!("  {}x{}", head.size.cols, head.size.rows);
        if head.size.cols > area.width || head.size.rows > area.height {
            text += &format!(" shown {}x{}", area.width, area.height);
        }
    }
    match &head.driver {
        _ if head.yours => text += "  driver you",
        Some(driver) => {
            text += &format!("  driver {}", crate::base::foreign::Foreign::new(driver.as_str()));
        }
        None => {}
    }
    if !head.live && app.is_connected {
        text += "  (ended)";
    }
    if app.rows_back() > 0 {
        text += &format!("  {} of {} rows back", app.rows_back(), head.history);
    }
    text
}

/// Of a pane larger than the area, the part with the cursor.
fn seen(head: &Head, area: Rect) -> Seen {
    let Cursor { row, col, .. } = head.cursor;
    let last = head.size.rows.saturating_sub(area.height);
    let top = if head.back > 0 {
        last
    } else {
        row.saturating_add(1).saturating_sub(area.height).min(last)
    };
    let over = col.saturating_add(1).saturating_sub(area.width);
    let left = over.div_ceil(CROP_COLUMNS).saturating_mul(CROP_COLUMNS);
    Seen { area, from: (top, left.min(head.size.cols.saturating_sub(area.width))) }
}

/// The agent's cell under a cell of the focused pane, if the agent wants to know of the mouse.
pub fn cell_at(app: &App, x: u16, y: u16) -> Option<(u16, u16)> {
    let (head, _) = app.pane().filter(|(head, _)| head.mouse && head.live)?;
    let area = layout::pane(app).filter(|area| area.contains((x, y).into()))?;
    let (top, left) = seen(&head, area).from;
    let cell = (x - area.x + left, y - area.y + top);
    (cell.0 < head.size.cols && cell.1 < head.size.rows).then_some(cell)
}

fn cursor(head: &Head, seen: Seen) -> Option<CursorAt> {
    let Cursor { row, col, visible, shape } = head.cursor;
    if !visible || head.back > 0 {
        return None;
    }
    let (y, x) = (row.checked_sub(seen.from.0)?, col.checked_sub(seen.from.1)?);
    let is_inside = x < seen.area.width && y < seen.area.height;
    is_inside.then_some((seen.area.x + x, seen.area.y + y, shape))
}

/// Draws what lies in these rows of the buffer.
fn blit_all(buffer: &mut Buffer, seen: Seen, rows: &[crate::view::Row], within: &Range<u16>) {
    let area = seen.area.intersection(buffer.area);
    let shown = (area.top()..area.bottom()).zip(rows.iter().skip(usize::from(seen.from.0)));
    for (y, encoded) in shown.filter(|(y, _)| within.contains(y)) {
        let cells = decode(encoded).unwrap_or_default();
        blit(&cells, seen.from.1, buffer, Rect { y, height: 1, ..area });
    }
}

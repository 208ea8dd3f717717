//! Where things are on the screen. The same answers serve drawing, the mouse, and what is told of
//! the room for a pane.

use super::super::{App, Screen};
use crate::tui::widgets::scrolled;
use ratatui::layout::Rect;

/// From this size on the list and the pane stand side by side.
const WIDE: (u16, u16) = (160, 48);
/// Below this size an approval does not show all that it signs, and cannot be given.
pub const APPROVAL_MIN: (u16, u16) = (40, 10);
/// How much of the width the list has then, in percent: the pane shows most of an agent's terminal.
const LIST_PERCENT: u16 = 45;
/// Rows from which on the fleet shows more than the list.
const PREVIEW_ROWS_MIN: u16 = 13;

/// The three parts of every screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parts {
    /// The top bar; nothing ever covers it.
    pub bar: Rect,
    /// The screen.
    pub body: Rect,
    /// Hints and messages.
    pub foot: Rect,
}

/// The parts of the fleet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fleet {
    /// The list, with its heading.
    pub list: Rect,
    /// About the selected task.
    pub about: Option<Rect>,
    /// The pane of its agent, with a line over it.
    pub preview: Option<Rect>,
}

/// The parts of a list with something beside or below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Split {
    /// The list.
    pub list: Rect,
    /// What belongs to its selected row.
    pub detail: Rect,
}

/// The parts of the screen.
pub fn parts(app: &App) -> Parts {
    let (width, height) = (app.setup.size.cols, app.setup.size.rows);
    let foot = height.saturating_sub(1);
    Parts {
        bar: Rect::new(0, 0, width, height.min(1)),
        body: Rect::new(0, height.min(1), width, foot.saturating_sub(1)),
        foot: Rect::new(0, foot, width, u16::from(height > 1)),
    }
}

/// Whether everything that an approval signs has room.
pub fn shows_approvals(app: &App) -> bool {
    app.setup.size.cols >= APPROVAL_MIN.0 && app.setup.size.rows >= APPROVAL_MIN.1
}

/// The parts of the fleet.
pub fn fleet(app: &App) -> Fleet {
    let body = parts(app).body;
    let rows = u16::try_from(app.tasks.len()).unwrap_or(u16::MAX).saturating_add(1).max(2);
    if app.setup.size.cols >= WIDE.0 && app.setup.size.rows >= WIDE.1 {
        let width = body.width / 100 * LIST_PERCENT + body.width % 100 * LIST_PERCENT / 100;
        let list = Rect { width, height: rows.min(body.height / 2), ..body };
        let about = below(body, list, width);
        let x = body.x + width + 1;
        let preview = Rect { x, width: body.right() - x, ..body };
        return Fleet { list, about: Some(about), preview: Some(preview) };
    }
    if body.height < PREVIEW_ROWS_MIN {
        return Fleet { list: body, about: None, preview: None };
    }
    let list = Rect { height: rows.min(body.height / 2), ..body };
    let preview = below(body, list, body.width);
    Fleet { list, about: None, preview: Some(preview) }
}

/// A list and what belongs to its selected row: below each other, or beside each other where there
/// is the width for it.
pub fn split(body: Rect, rows: usize, list_columns: u16) -> Split {
    let rows = u16::try_from(rows).unwrap_or(u16::MAX);
    if body.width >= 120 {
        let list = Rect { width: list_columns.min(body.width / 2), ..body };
        let x = list.right() + 1;
        return Split { list, detail: Rect { x, width: body.right() - x, ..body } };
    }
    let most = if body.height < PREVIEW_ROWS_MIN { body.height / 2 } else { body.height / 3 };
    let list = Rect { height: rows.clamp(1, most.max(1)), ..body };
    Split { list, detail: below(body, list, body.width) }
}

fn below(body: Rect, upper: Rect, width: u16) -> Rect {
    Rect { y: upper.bottom(), height: body.bottom().saturating_sub(upper.bottom()), width, ..body }
}

/// Inside of a part about something, below the line with its title.
pub fn inside(part: Rect) -> Rect {
    Rect {
        x: part.x + 1,
        y: part.y + 1,
        width: part.width.saturating_sub(2),
        height: part.height.saturating_sub(1),
    }
}

/// The inbox.
pub fn inbox(app: &App) -> Split {
    split(parts(app).body, app.items.len(), 64)
}

/// The gates; the first row is about the gate run.
pub fn gates(app: &App) -> (Rect, Split) {
    let body = parts(app).body;
    let head = Rect { height: body.height.min(1), ..body };
    let rest = below(body, head, body.width);
    let verdicts = app.shown_gates().map_or(0, |gates| gates.verdicts.len());
    (head, split(rest, verdicts, 64))
}

/// The diff: its heading, its files where there is room, its lines.
pub fn diff(app: &App) -> (Rect, Option<Rect>, Rect) {
    let body = parts(app).body;
    let head = Rect { height: body.height.min(1), ..body };
    let rest = below(body, head, body.width);
    if body.width < 110 {
        return (head, None, rest);
    }
    let files = Rect { width: body.width / 3, ..rest };
    let x = files.right() + 1;
    (head, Some(files), Rect { x, width: rest.right() - x, ..rest })
}

/// The line over a focused pane, and the pane.
pub fn focus(app: &App) -> (Rect, Rect) {
    let body = parts(app).body;
    let head = Rect { height: body.height.min(1), ..body };
    (head, below(body, head, body.width))
}

/// Where an agent's cells are on this screen, if it shows any.
pub fn pane(app: &App) -> Option<Rect> {
    let area = match app.screen {
        Screen::Focus => focus(app).1,
        Screen::Fleet => {
            let preview = fleet(app).preview?;
            Rect { y: preview.y + 1, height: preview.height.saturating_sub(1), ..preview }
        }
        Screen::Diff | Screen::Gates | Screen::Inbox => return None,
    };
    (!area.is_empty()).then_some(area)
}

/// How many rows a page of this screen has.
pub fn page(app: &App) -> u16 {
    match app.screen {
        Screen::Fleet => fleet(app).list.height.saturating_sub(1),
        Screen::Focus => focus(app).1.height,
        Screen::Inbox => inbox(app).list.height,
        Screen::Diff => diff(app).2.height,
        Screen::Gates => gates(app).1.list.height,
    }
}

/// The row of the list under a cell.
pub fn row_at(app: &App, x: u16, y: u16) -> Option<usize> {
    let (list, at, len) = match app.screen {
        Screen::Fleet => {
            let list = fleet(app).list;
            let rows = Rect { y: list.y + 1, height: list.height.saturating_sub(1), ..list };
            let at = app.tasks.iter().position(|task| Some(task.id) == app.task);
            (rows, at, app.tasks.len())
        }
        Screen::Inbox => {
            let at = app.items.iter().position(|item| Some(&item.id) == app.item.as_ref());
            (inbox(app).list, at, app.items.len())
        }
        Screen::Gates => {
            let len = app.shown_gates().map_or(0, |gates| gates.verdicts.len());
            (gates(app).1.list, Some(app.verdict), len)
        }
        Screen::Focus | Screen::Diff => return None,
    };
    if !list.contains((x, y).into()) {
        return None;
    }
    let first = scrolled(at.unwrap_or(0), len, list.height);
    let row = first + usize::from(y - list.y);
    (row < len).then_some(row)
}

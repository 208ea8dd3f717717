//! Where things are on the screen. The same answers serve drawing, the mouse, and what is told of
//! the room for a pane.

use super::super::{App, Screen};
use super::bar;
use crate::tui::widgets::scrolled;
use ratatui::layout::Rect;

/// From this size on the list and the pane stand side by side.
const WIDE: (u16, u16) = (160, 48);
/// Below this size an approval does not show all that it signs, and cannot be given.
pub const APPROVAL_MIN: (u16, u16) = (40, 10);
/// How much of the width the list has then, in percent: the pane shows most of an agent's terminal.
const LIST_PERCENT: u16 = 45;
/// The columns a list has where something stands beside it.
const LIST_COLUMNS_MAX: u16 = 64;
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
    /// The line that says how much of the list is not shown.
    pub more: Rect,
    /// What belongs to its selected row.
    pub detail: Rect,
}

/// The parts of the screen. A message of several lines takes rows of the screen, not what stands in
/// them; a dialog and an agent's screen stay as they are, under it.
pub fn parts(app: &App) -> Parts {
    let whole = whole(app);
    let lies_over = app.dialog.is_some() || app.screen == Screen::Focus;
    let taken = if lies_over { 0 } else { bar::note_rows(app).saturating_sub(1) };
    let body = Rect { height: whole.body.height.saturating_sub(taken), ..whole.body };
    Parts { body, ..whole }
}

/// The same whatever the last line says.
fn whole(app: &App) -> Parts {
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
    let usual = whole(app).body.height;
    if usual < PREVIEW_ROWS_MIN {
        return Fleet { list: body, about: None, preview: None };
    }
    let list = Rect { height: rows.min(usual / 2).min(body.height), ..body };
    let preview = below(body, list, body.width);
    Fleet { list, about: None, preview: Some(preview) }
}

/// A list and what belongs to its selected row: below each other, or beside each other where there
/// is the width for it. The list has half of the rows, and those that the longest that belongs to
/// one of its rows, of so many lines in so many columns, does not need. Of a list that is longer,
/// the line that says so is `over` it, or its last.
fn split(body: Rect, over: Option<Rect>, rows: usize, longest: impl Fn(usize) -> usize) -> Split {
    let rows = u16::try_from(rows).unwrap_or(u16::MAX);
    let (list, detail) = if body.width >= 120 {
        let list = Rect { width: LIST_COLUMNS_MAX.min(body.width / 2), ..body };
        let x = list.right() + 1;
        (list, Rect { x, width: body.right() - x, ..body })
    } else {
        let half = (body.height / 2).max(1);
        let unused = || {
            let lines = u16::try_from(longest(inside(body).width.into())).unwrap_or(u16::MAX);
            body.height.saturating_sub(lines.saturating_add(1))
        };
        let most = if rows > half { half.max(unused()) } else { half };
        let list = Rect { height: rows.clamp(1, most), ..body };
        (list, below(body, list, body.width))
    };
    let is_cut = rows > list.height && over.is_none() && list.height > 1;
    let list = Rect { height: list.height - u16::from(is_cut), ..list };
    let more = over.unwrap_or(Rect { y: list.bottom(), height: u16::from(is_cut), ..list });
    Split { list, more, detail }
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
    split(parts(app).body, None, app.items.len(), |columns| super::inbox::longest(app, columns))
}

/// The gates; the first row is about the gate run.
pub fn gates(app: &App) -> (Rect, Split) {
    let body = parts(app).body;
    let head = Rect { height: body.height.min(1), ..body };
    let rest = below(body, head, body.width);
    let verdicts = app.shown_gates().map_or(0, |gates| gates.verdicts.len());
    let longest = |columns| super::gates::longest(app, columns);
    (head, split(rest, Some(head), verdicts, longest))
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
    let body = whole(app).body;
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

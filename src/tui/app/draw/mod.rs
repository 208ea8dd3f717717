//! Drawing: from the state to a buffer, reading alone. Agents' cells are drawn inside the rectangle
//! of their pane and nowhere else; dialogs never cover the top bar.

mod about;
mod approval;
mod bar;
mod confirm;
mod diff;
mod fleet;
mod gates;
mod inbox;
pub mod layout;
mod overlay;
mod pane;

use super::dialog::Dialog;
use super::{App, Mode, Screen};
use crate::base::clock::Timestamp;
use crate::term::CursorShape;
use crate::tui::widgets::{self, Below, put_more, row, rule};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::ops::Range;

pub use approval::{extent as approval_extent, statement_lines};
pub use confirm::lines as confirm_lines;
pub use overlay::help_lines;
pub use pane::cell_at;

/// Where the cursor is to be drawn, and as what.
pub type CursorAt = (u16, u16, CursorShape);

/// Draws the dashboard over the whole buffer; gives where the cursor stands, if anywhere.
pub fn draw(app: &App, buffer: &mut Buffer) -> Option<CursorAt> {
    let area = buffer.area;
    widgets::clear(buffer, area, app.theme().text.style());
    let parts = layout::parts(app);
    let in_pane = match app.screen {
        Screen::Fleet => fleet::draw(app, buffer),
        Screen::Focus => pane::focus(app, buffer),
        Screen::Diff => diff::draw(app, buffer),
        Screen::Gates => gates::draw(app, buffer),
        Screen::Inbox => inbox::draw(app, buffer),
    };
    bar::top(app, buffer, parts.bar);
    bar::foot(app, buffer, parts.foot);
    let in_dialog = match &app.dialog {
        Some(dialog) => dialog_over(app, dialog, buffer),
        None => overlay::chord(app, buffer),
    };
    match app.mode() {
        Mode::Pane => in_pane,
        Mode::Text => in_dialog,
        Mode::Nav => None,
    }
}

/// Draws some rows of the focused pane, as [`App::changed_part`] gives them, into a buffer that
/// shows the rest; gives where the cursor stands, if anywhere.
pub fn draw_part(app: &App, rows: &Range<u16>, buffer: &mut Buffer) -> Option<CursorAt> {
    let cursor = pane::rows(app, rows, buffer);
    cursor.filter(|_| app.mode() == Mode::Pane)
}

/// A part about something: a line with its title and how much of the part is above and below what
/// is shown, and below it what is known.
fn titled<'a>(
    app: &App,
    buffer: &'a mut Buffer,
    area: Rect,
    title: &str,
    more: (usize, usize),
) -> Below<'a> {
    let line = row(area, 0);
    rule(buffer, line, title, app.theme().line.style());
    let end = Rect { width: line.width.saturating_sub(1), ..line };
    put_more(buffer, end, more, app.theme().faint.style());
    Below::new(buffer, layout::inside(area))
}

fn dialog_over(app: &App, dialog: &Dialog, buffer: &mut Buffer) -> Option<CursorAt> {
    let body = layout::parts(app).body;
    if !matches!(dialog, Dialog::Search(_)) {
        // What lies behind is out of reach: it is dimmed, agents' cells with it.
        let faint = ratatui::style::Style::new().add_modifier(ratatui::style::Modifier::DIM);
        buffer.set_style(body, faint);
    }
    match dialog {
        Dialog::Approval(shown) => approval::draw(app, shown, buffer),
        Dialog::Confirm(shown) => confirm::draw(app, shown, buffer),
        Dialog::Reject(reject) => overlay::reject(app, reject, buffer),
        Dialog::Typed(typed) => overlay::typed(app, typed, buffer),
        Dialog::Checkpoints(picker) => overlay::checkpoints(app, picker, buffer),
        Dialog::Form(form) => overlay::form(app, form, buffer),
        Dialog::Search(search) => overlay::search(app, search, buffer),
        Dialog::Palette(palette) => overlay::palette(app, palette, buffer),
        Dialog::Help { top } => overlay::help(app, *top, buffer),
        Dialog::People => overlay::people(app, buffer),
    }
}

/// How many lines there are about the selected row of the screen's list, and how many are shown at
/// once.
pub fn detail_lines(app: &App) -> (usize, usize) {
    match app.screen {
        Screen::Inbox => inbox::detail_lines(app),
        _ => gates::log_lines(app),
    }
}

impl App {
    /// A time by the person's clock: what is not of today has its date.
    fn clock(&self, at: Timestamp) -> String {
        let zoned = |at: Timestamp| {
            let at = jiff::Timestamp::from_millisecond(at.millis()).ok()?;
            Some(at.to_zoned(self.setup.zone.clone()))
        };
        let (Some(at), Some(now)) = (zoned(at), zoned(self.setup.started.plus(self.now))) else {
            return String::new();
        };
        let format = if at.date() == now.date() { "%H:%M" } else { "%b %-d %H:%M" };
        at.strftime(format).to_string()
    }

    fn since(&self, at: Option<Timestamp>) -> String {
        at.map(|at| format!("since {}", self.clock(at))).unwrap_or_default()
    }
}

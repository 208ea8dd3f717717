//! A dialog that two keys confirm: what a person has to read, and how far it is.

use super::super::App;
use super::super::confirm::Confirm;
use super::super::two_keys::CONFIRM;
use super::{CursorAt, approval, layout};
use crate::tui::action::Action;
use crate::tui::widgets::{clear, fit_hints, frame, hidden, put_all, put_more_below, row, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The widest it gets.
const COLUMNS_MAX: u16 = 100;
/// Rows besides the text: the border and the line with the keys.
const OTHER_ROWS: u16 = 3;

/// The room there is for it; the last line as well where there is none to lose.
fn room(app: &App) -> Rect {
    let body = layout::parts(app).body;
    Rect { height: body.height + u16::from(body.height < 12), ..body }
}

fn text(app: &App, confirm: &Confirm) -> Vec<String> {
    let columns = usize::from(room(app).width.min(COLUMNS_MAX)).saturating_sub(4);
    confirm.says.iter().flat_map(|line| wrap(line, columns)).collect()
}

/// How many lines it says, and how many of them are shown at once.
pub fn lines(app: &App, confirm: &Confirm) -> (usize, usize) {
    let shown = room(app).height.saturating_sub(OTHER_ROWS);
    (text(app, confirm).len(), usize::from(shown))
}

pub fn draw(app: &App, confirm: &Confirm, buffer: &mut Buffer) -> Option<CursorAt> {
    let theme = app.theme();
    let says = text(app, confirm);
    let rows = u16::try_from(says.len()).unwrap_or(u16::MAX).saturating_add(OTHER_ROWS);
    let area = super::overlay::centred(room(app), COLUMNS_MAX, rows);
    let other = confirm.item().and_then(|item| app.other_at(&item.id));
    let is_open = app.may_confirm(confirm) && !confirm.choices.is_empty();
    let armed = is_open && confirm.keys.arming.says_armed();
    let border = if armed { theme.armed } else { theme.line };
    let height = area.height.saturating_sub(OTHER_ROWS);
    let top = confirm.top.min(says.len().saturating_sub(usize::from(height)));
    let below = says.len().saturating_sub(top + usize::from(height));
    clear(buffer, area, theme.text.style());
    let inner = frame(buffer, area, &confirm.title, border.style());
    let word = match other {
        _ if confirm.is_gone => "gone",
        Some(_) => "held",
        None if below > 0 => "read on",
        None => confirm.keys.arming.word(),
    };
    let style = if armed { theme.armed } else { theme.faint };
    approval::title(app, buffer, area, word, style.style());
    for (y, (number, line)) in (0..height).zip(says.iter().enumerate().skip(top)) {
        let look = if number == 0 { theme.strong } else { theme.text };
        put_all(buffer, row(inner, y), &[(line, look.style())]);
    }
    let keys = keys(app, confirm, other.map(|other| other.person.as_str()), below, armed);
    let keys = fit_hints(&keys, inner.width.into());
    put_all(buffer, row(inner, height), &[(&keys, style.style())]);
    put_more_below(buffer, inner, hidden(top, says.len(), height), theme.faint.style());
    None
}

/// What the keys do now.
fn keys(app: &App, confirm: &Confirm, other: Option<&str>, below: usize, armed: bool) -> String {
    let back = app.setup.looks.keymap.of_action(Action::Back).next().map(|b| b.shown());
    let back = back.unwrap_or_default();
    if confirm.is_gone {
        return format!("it is not as it was any more  {back} closes");
    }
    if !app.is_connected {
        return format!("no connection: nothing is decided  {back} closes");
    }
    if let Some(person) = other {
        return approval::held(app, person);
    }
    if confirm.choices.is_empty() {
        return format!("asking what there is to know  {back} later");
    }
    if !layout::shows_approvals(app) {
        let (columns, rows) = layout::APPROVAL_MIN;
        return format!("too small: {columns}x{rows} is needed  {back} closes");
    }
    if below > 0 {
        let down = app.setup.looks.keymap.key_of(Action::Down);
        return format!("{down} shows the rest  {back} later");
    }
    let begun = confirm.keys.begun().and_then(|at| confirm.choices.get(at));
    match begun {
        _ if !armed => format!("{}  {back} later", confirm.keys.arming.waits()),
        Some(choice) => {
            format!("{}: now {CONFIRM} does it  ({})  no other key", choice.key, choice.does)
        }
        None => {
            let choice = |choice: &super::super::confirm::Choice| {
                format!("{} then {CONFIRM} {}", choice.key, choice.does)
            };
            let choices: Vec<String> = confirm.choices.iter().map(choice).collect();
            format!("{}  {back} later", choices.join("  "))
        }
    }
}

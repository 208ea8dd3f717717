//! Dialogs that hold text, and overlays: help, palette, people, the continuations of a chord.

use super::super::dialog::{Checkpoints, Reject, Search};
use super::super::form::{FIELDS, Form};
use super::super::palette::Palette;
use super::super::rows::short;
use super::super::typed::Typed;
use super::super::{App, Screen};
use super::{CursorAt, bar, layout};
use crate::term::CursorShape;
use crate::tui::action::{Action, Place};
use crate::tui::keymap::Table;
use crate::tui::widgets::{
    clear, fit, fit_hints, frame, hidden, put, put_all, put_more_below, row, rule, scrolled, width,
    wrap,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// An area in the middle of another, at most so large.
pub fn centred(room: Rect, columns: u16, rows: u16) -> Rect {
    let (width, height) = (room.width.min(columns), room.height.min(rows));
    Rect {
        x: room.x + (room.width - width) / 2,
        y: room.y + (room.height - height) / 3,
        width,
        height,
    }
}

/// An empty box in the middle of the screen, with the mark of this installation.
fn boxed(app: &App, buffer: &mut Buffer, columns: u16, rows: u16, title: &str) -> Rect {
    let area = centred(layout::parts(app).body, columns, rows);
    clear(buffer, area, app.theme().text.style());
    let mark = format!(" {} ", bar::mark(app));
    let columns = u16::try_from(width(&mark)).unwrap_or(u16::MAX);
    // Of the two the mark says more: who asks.
    let room = usize::from(area.width.saturating_sub(columns).saturating_sub(7));
    let title = fit(title, room);
    let inner = frame(buffer, area, &title, app.theme().line.style());
    let x = area.right().saturating_sub(columns.saturating_add(2));
    if room > 0 {
        let style = app.theme().strong.style().fg(bar::mark_colour(app));
        put(buffer, (x, area.y), &mark, columns, style);
    }
    inner
}

fn beam((x, y): (u16, u16)) -> Option<CursorAt> {
    Some((x, y, CursorShape::Beam))
}

/// What is left of an area above what is wrong with what was written in it.
fn above_problem(app: &App, buffer: &mut Buffer, area: Rect, problem: &str) -> Rect {
    if problem.is_empty() {
        return area;
    }
    let lines = wrap(problem, area.width.into());
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height.saturating_sub(1));
    let height = area.height - rows;
    for (y, line) in (height..area.height).zip(&lines) {
        put_all(buffer, row(area, y), &[(line, app.theme().bad.style())]);
    }
    Rect { height, ..area }
}

/// The keys of actions in a text field.
fn text_keys(app: &App, actions: &[Action]) -> String {
    let key = |action: &Action| {
        let name = action.name();
        format!("{} {name}", app.setup.looks.keymap.key_of(*action))
    };
    actions.iter().map(key).collect::<Vec<_>>().join("  ")
}

pub fn reject(app: &App, reject: &Reject, buffer: &mut Buffer) -> Option<CursorAt> {
    let theme = app.theme();
    let title = format!("REJECT task {}: why?", reject.item.task);
    let inner = boxed(app, buffer, 76, 14, &title);
    put_all(buffer, row(inner, 0), &[(&reject.item.title, theme.strong.style())]);
    let rest = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    let area = above_problem(app, buffer, rest, &reject.problem);
    beam(reject.text.draw(buffer, area, theme.text.style()))
}

pub fn typed(app: &App, typed: &Typed, buffer: &mut Buffer) -> Option<CursorAt> {
    let theme = app.theme();
    let columns = app.setup.size.cols.min(72).saturating_sub(4);
    let columns = usize::from(columns);
    let about = typed.says.iter().take(1).map(|line| fit(line, columns));
    let says = typed.says.iter().skip(1).flat_map(|line| wrap(line, columns));
    let says: Vec<String> = about.chain(says).collect();
    let rows = u16::try_from(says.len()).unwrap_or(0).saturating_add(4);
    let inner = boxed(app, buffer, 72, rows, &typed.title);
    for (y, line) in (0..inner.height.saturating_sub(2)).zip(&says) {
        put_all(buffer, row(inner, y), &[(line, theme.text.style())]);
    }
    let (_, word) = typed.wanted.as_ref()?;
    let line = row(inner, inner.height.saturating_sub(2));
    let arming = if typed.arming.says_armed() { theme.armed } else { theme.faint };
    let pieces = [
        ("type ", theme.faint.style()),
        (word.as_str(), theme.needs_you.style()),
        (" and Enter: ", theme.faint.style()),
        (typed.typed.as_str(), theme.strong.style()),
    ];
    let x = put_all(buffer, line, &pieces);
    let last = row(inner, inner.height.saturating_sub(1));
    let keys = format!("  {}", text_keys(app, &[Action::Cancel]));
    let word = match typed.arming.says_armed() {
        true => typed.arming.word(),
        false => typed.arming.waits(),
    };
    put_all(buffer, last, &[(word, arming.style()), (&keys, theme.faint.style())]);
    beam((x.min(line.right().saturating_sub(1)), line.y))
}

pub fn checkpoints(app: &App, picker: &Checkpoints, buffer: &mut Buffer) -> Option<CursorAt> {
    let theme = app.theme();
    let list = picker.list.as_deref().unwrap_or_default();
    let rows = u16::try_from(list.len()).unwrap_or(u16::MAX).clamp(1, 20) + 2;
    let inner = boxed(app, buffer, 60, rows, &format!("ROLL BACK task {} to", picker.task));
    if picker.list.is_none() {
        put_all(buffer, row(inner, 0), &[("looking for its checkpoints", theme.faint.style())]);
    }
    let height = inner.height;
    let first = scrolled(picker.at, list.len(), height);
    for (y, (number, to)) in (0..height).zip(list.iter().enumerate().skip(first)) {
        let line = row(inner, y);
        let commit = short(&to.commit);
        let name = format!("{:<10} {commit}", to.name);
        let before = format!("  {}", to.before);
        put_all(buffer, line, &[(&name, theme.text.style()), (&before, theme.faint.style())]);
        if number == picker.at {
            buffer.set_style(line, theme.selected.style());
        }
    }
    put_more_below(buffer, inner, hidden(first, list.len(), height), theme.faint.style());
    None
}

pub fn form(app: &App, form: &Form, buffer: &mut Buffer) -> Option<CursorAt> {
    let theme = app.theme();
    let inner = boxed(app, buffer, 84, 18, "NEW TASK");
    let inner = above_problem(app, buffer, inner, &form.problem);
    // The prompt takes what the other fields, one row each, leave.
    let others = u16::try_from(FIELDS.len()).unwrap_or(1) - 1;
    let prompt_rows = inner.height.saturating_sub(others).max(1);
    // Where not all have room, those from the top go that are not written in.
    let all = usize::from(others + prompt_rows);
    let room = usize::from(inner.height);
    let first = if all > room { (form.at + 1).saturating_sub(room) } else { 0 };
    let mut cursor = None;
    let mut y = inner.y;
    for (at, name) in FIELDS.iter().enumerate().skip(first) {
        let rows = if *name == "prompt" { prompt_rows } else { 1 };
        let line = Rect { y, height: rows, ..inner }.intersection(inner);
        let is_here = at == form.at;
        let label = if is_here { theme.strong } else { theme.faint };
        let sign = if is_here { ">" } else { " " };
        put(buffer, (line.x, y), &format!("{sign}{name:<7}"), line.width, label.style());
        let area = Rect { x: line.x + 8, width: line.width.saturating_sub(8), ..line };
        let taken = u16::try_from(width(&form.shown(at))).unwrap_or(u16::MAX);
        let x = area.x.saturating_add(taken).saturating_add(u16::from(is_here));
        let room = area.right().saturating_sub(x);
        let hint = fit_hints(&form.hint(at, &app.agents), room.into());
        let put_hint = |buffer: &mut Buffer| {
            put(buffer, (x, y), &hint, room, theme.faint.style());
        };
        match form.text().filter(|_| is_here) {
            Some(text) => {
                cursor = beam(text.draw(buffer, area, theme.text.style()));
                put_hint(buffer);
            }
            None => {
                for (y, text) in (0..rows).zip(wrap(&form.shown(at), usize::from(area.width))) {
                    let text = crate::base::foreign::Foreign::new(text).shown();
                    put_all(buffer, row(area, y), &[(&text, theme.text.style())]);
                }
                put_hint(buffer);
                if is_here {
                    cursor = beam((area.x, y));
                }
            }
        }
        y += rows;
    }
    cursor
}

/// The line a search is written in: the last of the screen.
pub fn search(app: &App, search: &Search, buffer: &mut Buffer) -> Option<CursorAt> {
    let foot = layout::parts(app).foot;
    clear(buffer, foot, app.theme().text.style());
    let x = put(buffer, (foot.x, foot.y), "search: ", foot.width, app.theme().strong.style());
    let area = Rect { x, width: foot.right().saturating_sub(x), ..foot };
    beam(search.text.draw(buffer, area, app.theme().text.style()))
}

pub fn palette(app: &App, palette: &Palette, buffer: &mut Buffer) -> Option<CursorAt> {
    let theme = app.theme();
    let found = palette.found();
    let rows = layout::parts(app).body.height.min(24);
    let inner = boxed(app, buffer, 84, rows, "every action");
    let x = put(buffer, (inner.x, inner.y), ": ", inner.width, theme.strong.style());
    let field = Rect { x, width: inner.right().saturating_sub(x), ..row(inner, 0) };
    let cursor = palette.text.draw(buffer, field, theme.text.style());
    let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    if found.is_empty() {
        put_all(buffer, row(list, 0), &[("no action is called so", theme.faint.style())]);
    }
    let first = scrolled(palette.at, found.len(), list.height);
    for (y, (number, action)) in (0..list.height).zip(found.iter().enumerate().skip(first)) {
        let line = row(list, y);
        let key = app.setup.looks.keymap.key_of(*action);
        let pieces = [
            (&*format!("{:<13} ", action.name()), theme.strong.style()),
            (&*format!("{key:<9} "), theme.needs_you.style()),
            (action.says(), theme.faint.style()),
        ];
        put_all(buffer, line, &pieces);
        if number == palette.at {
            buffer.set_style(line, theme.selected.style());
        }
    }
    put_more_below(buffer, inner, hidden(first, found.len(), list.height), theme.faint.style());
    beam(cursor)
}

/// A line of the help: keys and what they do, or a heading.
struct HelpLine {
    keys: String,
    says: String,
    is_heading: bool,
}

/// The widest the help gets.
const HELP_COLUMNS_MAX: u16 = 90;

/// The keys that mean something here, from the keymap; then those that do elsewhere.
fn help_text(app: &App) -> Vec<HelpLine> {
    let (here, elsewhere): (Vec<Action>, Vec<Action>) =
        Action::ALL.iter().partition(|action| works_here(app, **action));
    let leader = app.setup.looks.keymap.leader().to_string();
    let mut lines = vec![heading("here")];
    lines.push(line(bar::mark(app), "on every dialog of monban; no agent knows it"));
    lines.push(line(leader, "leave an agent's keys; twice: send it"));
    lines.extend(here.iter().flat_map(|action| of_action(app, *action)));
    let approve = "in an approval that has armed: approve (nothing else does)";
    lines.push(line("A y".into(), approve));
    let mouse = "a click selects, the wheel scrolls; an agent you type to has it if it asked";
    lines.push(line("mouse".into(), mouse));
    lines.push(heading("elsewhere"));
    lines.extend(elsewhere.iter().flat_map(|action| of_action(app, *action)));
    lines
}

fn works_here(app: &App, action: Action) -> bool {
    match action.place() {
        Place::Anywhere => true,
        Place::Task => app.selected().is_some(),
        Place::Waiting => app.selected().is_some_and(|task| task.needs_you),
        Place::Diff => app.screen == Screen::Diff,
        Place::Text => false,
    }
}

fn heading(says: &str) -> HelpLine {
    HelpLine { is_heading: true, ..line(String::new(), says) }
}

fn line(keys: String, says: &str) -> HelpLine {
    HelpLine { keys, says: says.into(), is_heading: false }
}

/// One line for each description that the bindings of an action have.
fn of_action(app: &App, action: Action) -> Vec<HelpLine> {
    let mut lines: Vec<HelpLine> = Vec::new();
    for binding in app.setup.looks.keymap.of_action(action) {
        match lines.iter_mut().find(|line| line.says == binding.says) {
            Some(line) => line.keys += &format!(", {}", binding.shown()),
            None => lines.push(line(binding.shown(), &binding.says)),
        }
    }
    lines
}

/// The room there is for the help, and the columns of the keys in it.
fn help_room(app: &App) -> (u16, usize, usize) {
    let body = layout::parts(app).body;
    let columns = usize::from(body.width.min(HELP_COLUMNS_MAX).saturating_sub(4));
    let of_keys = columns / 3;
    (body.height.saturating_sub(2), of_keys, columns - of_keys)
}

/// The lines of the help, each in the rows it takes.
fn help_rows(app: &App) -> Vec<HelpLine> {
    let (_, of_keys, of_says) = help_room(app);
    let rows = |of: HelpLine| {
        if of.is_heading {
            return vec![of];
        }
        let (keys, says) = (wrap(&of.keys, of_keys.saturating_sub(1)), wrap(&of.says, of_says));
        let at = |lines: &[String], at: usize| lines.get(at).cloned().unwrap_or_default();
        let rows = 0..keys.len().max(says.len());
        rows.map(|y| line(at(&keys, y), &at(&says, y))).collect()
    };
    help_text(app).into_iter().flat_map(rows).collect()
}

/// How many rows the help has, and how many are shown at once.
pub fn help_lines(app: &App) -> (usize, usize) {
    (help_rows(app).len(), help_room(app).0.into())
}

pub fn help(app: &App, top: usize, buffer: &mut Buffer) -> Option<CursorAt> {
    let theme = app.theme();
    let rows = layout::parts(app).body.height;
    let inner = boxed(app, buffer, HELP_COLUMNS_MAX, rows, "keys");
    let keys_columns = inner.width / 3;
    let all = help_rows(app);
    put_more_below(buffer, inner, hidden(top, all.len(), inner.height), theme.faint.style());
    for (y, line) in (0..inner.height).zip(all.iter().skip(top)) {
        let area = row(inner, y);
        if line.is_heading {
            rule(buffer, area, &line.says, theme.strong.style());
            continue;
        }
        let style: Style = theme.needs_you.style();
        put(buffer, (area.x, area.y), &line.keys, keys_columns.saturating_sub(1), style);
        let x = area.x + keys_columns;
        put(buffer, (x, area.y), &line.says, area.right() - x, theme.text.style());
    }
    None
}

pub fn people(app: &App, buffer: &mut Buffer) -> Option<CursorAt> {
    let theme = app.theme();
    let rows = u16::try_from(app.head.clients.len()).unwrap_or(u16::MAX).saturating_add(4);
    let inner = boxed(app, buffer, 72, rows, "who is here");
    let attended = match app.head.attended_by.as_slice() {
        [] => "nobody vouches for being there".to_string(),
        people => format!("ATTENDED by {}", people.join(", ")),
    };
    put_all(buffer, row(inner, 0), &[(&attended, theme.strong.style())]);
    for (y, client) in (1..inner.height).zip(&app.head.clients) {
        let what = if client.watches { "watches" } else { "dashboard" };
        let you = if client.is_you { "  (you)" } else { "" };
        let since = app.since(client.since);
        let text = format!("{}  {what}  {}  {since}{you}", client.person, client.size);
        put_all(buffer, row(inner, y), &[(&text, theme.text.style())]);
    }
    let more = hidden(0, app.head.clients.len() + 1, inner.height);
    put_more_below(buffer, inner, more, theme.faint.style());
    None
}

/// What may follow the keys of a chord, after a pause.
pub fn chord(app: &App, buffer: &mut Buffer) -> Option<CursorAt> {
    let (keys, is_shown) = app.chord();
    if keys.is_empty() || !is_shown {
        return None;
    }
    let theme = app.theme();
    let next = app.setup.looks.keymap.continuations(Table::Nav, keys);
    let rows = u16::try_from(next.len()).unwrap_or(u16::MAX).saturating_add(2);
    let inner = boxed(app, buffer, 60, rows, &format!("{} ...", keys.join(" ")));
    for (y, binding) in (0..inner.height).zip(next) {
        let rest = binding.keys[keys.len()..].join(" ");
        // Half a description says less than the name.
        let is_whole = width(&binding.says) + 4 <= usize::from(inner.width);
        let name = binding.action.map_or("", Action::name);
        let says = if is_whole { binding.says.as_str() } else { name };
        let pieces =
            [(&*format!("{rest:<4}"), theme.needs_you.style()), (says, theme.text.style())];
        put_all(buffer, row(inner, y), &pieces);
    }
    None
}

//! The inbox: what waits for a person, and the selected item in full.

use super::super::App;
use super::super::rows::{ItemRow, short};
use super::{CursorAt, about, layout, titled};
use crate::model::item::ItemKind;
use crate::tui::action::Action;
use crate::tui::widgets::{hidden, put, put_all, put_more, row, scrolled, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// What a person can do about an item.
fn way_out(item: &ItemRow) -> (&'static str, &'static [Action]) {
    match item.kind {
        Some(ItemKind::Approval) => (
            "a result waits for your decision",
            &[Action::Approve, Action::Reject, Action::GotoDiff],
        ),
        Some(ItemKind::Permission) => ("the agent asks to be allowed something", &[Action::Open]),
        Some(ItemKind::Question) => ("the agent asks something", &[Action::Open]),
        Some(ItemKind::AgentError) => ("the agent reports a failure", &[Action::Open]),
        Some(ItemKind::Delivery) => {
            ("it is not known whether a prompt reached the agent", &[Action::Open])
        }
        Some(ItemKind::NothingChanged) => {
            let ways = &[Action::Open, Action::Start, Action::Abort];
            ("the agent finished without changing anything", ways)
        }
        Some(ItemKind::Trouble) => {
            ("work of monban itself failed", &[Action::Judge, Action::Start, Action::Abort])
        }
        Some(ItemKind::Alarm) => {
            ("the repository was changed during a run, and not by monban", &[Action::Approve])
        }
        Some(ItemKind::Unknown) => {
            ("what the agent does has been unknown for a while", &[Action::Open])
        }
        None if item.is_halt => (
            "its failure halts the repository: nothing starts",
            &[Action::Open, Action::GotoGates, Action::Resume],
        ),
        None => ("something this version does not know", &[Action::Open]),
    }
}

pub fn draw(app: &App, buffer: &mut Buffer) -> Option<CursorAt> {
    let theme = app.theme();
    let parts = layout::inbox(app);
    if app.items.is_empty() {
        let (x, y) = (parts.list.x + 1, parts.list.y + 1);
        put(buffer, (x, y), "nothing waits for you", parts.list.width, theme.faint.style());
        return None;
    }
    let at = app.items.iter().position(|item| Some(&item.id) == app.item.as_ref()).unwrap_or(0);
    let first = scrolled(at, app.items.len(), parts.list.height);
    let more = hidden(first, app.items.len(), parts.list.height);
    put_more(buffer, parts.more, more, theme.faint.style());
    for (y, item) in (0..parts.list.height).zip(app.items.iter().skip(first)) {
        let line = row(parts.list, y);
        let since = item.since.map(|at| app.clock(at)).unwrap_or_default();
        let pieces = [
            ("! ", theme.needs_you.style()),
            (&format!("{:<12} ", item.word), theme.needs_you.style()),
            (&format!("{since} "), theme.faint.style()),
            (&format!("{} {}", item.task, item.title), theme.text.style()),
        ];
        put_all(buffer, line, &pieces);
        if Some(&item.id) == app.item.as_ref() {
            buffer.set_style(line, theme.selected.style());
        }
    }
    match app.selected_item() {
        Some(item) => detail(app, buffer, parts.detail, item),
        None => {
            let gone = "what was selected waits no longer";
            titled(app, buffer, parts.detail, "", (0, 0)).line(&[(gone, theme.faint.style())]);
        }
    }
    None
}

/// What the checks of an item found, a line each, and how many more there are.
pub fn found(item: &ItemRow) -> Vec<String> {
    let lines = item.found.iter().map(|found| format!("{} {}", found.weight, found.line()));
    let more = item.found_count.saturating_sub(item.found.len() as u64);
    lines.chain((more > 0).then(|| format!("and {more} more: see the gates"))).collect()
}

/// How many lines the longest item has in so many columns.
pub fn longest(app: &App, columns: usize) -> usize {
    app.items.iter().map(|item| about_item(app, item, columns).len()).max().unwrap_or(0)
}

/// How many lines the selected item has, and how many are shown at once.
pub fn detail_lines(app: &App) -> (usize, usize) {
    let area = layout::inside(layout::inbox(app).detail);
    let lines = |item| about_item(app, item, area.width.into()).len();
    (app.selected_item().map_or(0, lines), area.height.into())
}

fn detail(app: &App, buffer: &mut Buffer, area: Rect, item: &ItemRow) {
    let inside = layout::inside(area);
    let lines = about_item(app, item, inside.width.into());
    let first = app.log_back.min(lines.len().saturating_sub(inside.height.into()));
    let more = hidden(first, lines.len(), inside.height);
    let mut part = titled(app, buffer, area, &item.id, more);
    lines.iter().skip(first).for_each(|(text, style)| part.line(&[(text, *style)]));
}

/// An item in full, in lines of so many columns.
fn about_item(app: &App, item: &ItemRow, columns: usize) -> Vec<(String, Style)> {
    let theme = app.theme();
    let (plain, needs_you) = (theme.text.style(), theme.needs_you.style());
    let (says, actions) = way_out(item);
    // An agent that is there is not started again.
    let may = |action: &&Action| **action != Action::Start || app.is_of_use(**action);
    let keys = actions.iter().filter(may).map(|action| {
        let key = app.setup.looks.keymap.key_of(*action);
        format!("{key} {}", action.name())
    });
    let mut texts = vec![
        (format!("task {} {}", item.task, item.title), theme.strong.style()),
        (format!("{says}, {}", app.since(item.since)), needs_you),
        (keys.collect::<Vec<_>>().join("  "), theme.faint.style()),
        (item.note.shown_lines(), plain),
    ];
    // Only monban's own words name a key: a change is shown with the command that undoes it.
    let shown = |text: &String| if item.is_halt { app.in_keys(text) } else { text.clone() };
    texts.extend(item.details.iter().map(|text| (shown(text), plain)));
    texts.extend(found(item).into_iter().map(|text| (text, theme.warn.style())));
    texts.extend(item.moved_to.as_ref().map(|base| {
        let base = short(base);
        (format!("the base moved to {base}: approving judges it again first"), theme.warn.style())
    }));
    let asked = item.attests.iter();
    texts.extend(asked.map(|it| (format!("you attest: {}", it.shown()), needs_you)));
    if let Some(binds) = &item.binds {
        let (base, head, tree) = (short(&binds.base), short(&binds.head), short(&binds.tree));
        texts.push((format!("base {base}  head {head}  tree {tree}"), plain));
    }
    if let Some(task) = app.tasks.iter().find(|task| task.id == item.task) {
        let gates = about::gates(app, task);
        texts.push((format!("gates {}", gates.0), gates.1));
        texts.extend(task.verdicts.iter().map(|(check, outcome)| {
            let (sign, style) = theme.state(outcome);
            (format!("{sign} {outcome:<8} {check}"), style)
        }));
    }
    let lines = |(text, style): (String, Style)| {
        wrap(&text, columns).into_iter().map(move |line| (line, style))
    };
    texts.into_iter().flat_map(lines).collect()
}

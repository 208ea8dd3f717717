//! The inbox: what waits for a person, and the selected item in full.

use super::super::App;
use super::super::rows::{ItemRow, short};
use super::{CursorAt, about, layout, titled};
use crate::model::item::ItemKind;
use crate::tui::action::Action;
use crate::tui::widgets::{put, put_all, row, scrolled};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

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
            titled(app, buffer, parts.detail, "").line(&[(gone, theme.faint.style())]);
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

fn detail(app: &App, buffer: &mut Buffer, area: Rect, item: &ItemRow) {
    let theme = app.theme();
    let (says, actions) = way_out(item);
    let mut part = titled(app, buffer, area, &item.id);
    part.text(&format!("task {} {}", item.task, item.title), theme.strong.style());
    part.line(&[(&format!("{says}, {}", app.since(item.since)), theme.needs_you.style())]);
    // An agent that is there is not started again.
    let may = |action: &&Action| **action != Action::Start || app.is_of_use(**action);
    let keys = actions.iter().filter(may).map(|action| {
        let key = app.setup.looks.keymap.key_of(*action);
        format!("{key} {}", action.name())
    });
    part.line(&[(&keys.collect::<Vec<_>>().join("   "), theme.faint.style())]);
    part.text(&item.note.shown_lines(), theme.text.style());
    for text in &item.details {
        // Only monban's own words name a key: a change is shown with the command that undoes it.
        let text = if item.is_halt { &app.in_keys(text) } else { text };
        part.text(text, theme.text.style());
    }
    found(item).iter().for_each(|text| part.text(text, theme.warn.style()));
    if let Some(base) = &item.moved_to {
        let text = format!("the base moved to {}: approving judges it again first", short(base));
        part.text(&text, theme.warn.style());
    }
    for statement in &item.attests {
        part.text(&format!("you attest: {}", statement.shown()), theme.needs_you.style());
    }
    if let Some(binds) = &item.binds {
        let (base, head, tree) = (short(&binds.base), short(&binds.head), short(&binds.tree));
        part.line(&[(&format!("base {base}  head {head}  tree {tree}"), theme.text.style())]);
    }
    if let Some(task) = app.selected() {
        let gates = about::gates(app, task);
        part.line(&[(&format!("gates {}", gates.0), gates.1)]);
        for (check, outcome) in &task.verdicts {
            let (sign, style) = theme.state(outcome);
            part.line(&[(&format!("{sign} {outcome:<8} {check}"), style)]);
        }
    }
}

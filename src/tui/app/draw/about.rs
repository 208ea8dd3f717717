//! A task in words: its status, its gates, what it changes.

use super::super::App;
use super::super::rows::{TaskRow, short};
use super::titled;
use crate::base::count::count;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// What the agent of a task does, and how that looks.
pub fn status(app: &App, task: &TaskRow) -> (String, Style) {
    let Some(status) = &task.status else { return (String::new(), app.theme().still.style()) };
    let word = if status.is_paused { "paused" } else { status.state.as_str() };
    let (sign, style) = app.theme().state(word);
    let kind = match status.kind.as_str() {
        "" => String::new(),
        kind => format!(" {kind}"),
    };
    (format!("{sign} {word}{kind}"), style)
}

/// The gates of a task in a few columns: how many passed of how many.
pub fn gates(app: &App, task: &TaskRow) -> (String, Style) {
    let passed = task.verdicts.iter().filter(|(_, outcome)| outcome == "pass").count();
    let all = task.verdicts.len();
    let waits = task.verdicts.iter().filter(|(_, outcome)| outcome == "waiting").count();
    let word = match all - passed {
        0 => "pass",
        left if left == waits => "waiting",
        _ => "fail",
    };
    match all {
        0 => ("-".into(), app.theme().faint.style()),
        _ => {
            let (sign, style) = app.theme().state(word);
            (format!("{sign}{passed}/{all}"), style)
        }
    }
}

/// How much a task changes.
pub fn changed(task: &TaskRow) -> String {
    match task.changed {
        Some((files, lines)) => format!("{files}f {lines}l"),
        None => "-".into(),
    }
}

/// Everything about the selected task that is known here.
pub fn draw(app: &App, buffer: &mut Buffer, area: Rect) {
    let theme = app.theme();
    let Some(task) = app.selected() else { return };
    let (faint, plain) = (theme.faint.style(), theme.text.style());
    let mut part = titled(app, buffer, area, "task", (0, 0));
    part.text(&task.title, theme.strong.style());
    let status = status(app, task);
    let source = task.status.as_ref().map(|status| {
        let since = app.since(status.since);
        format!("{} (says {}) {since}", task.agent, status.source)
    });
    let changes = task
        .changed
        .map(|(files, lines)| format!("{}, {}", count(files, "file"), count(lines, "line")));
    let facts = [
        ("agent  ", source.unwrap_or_else(|| task.agent.clone())),
        ("status ", status.0.clone()),
        ("branch ", task.branch.clone()),
        ("base   ", short(&task.base).to_string()),
        ("head   ", short(&task.head).to_string()),
        ("changes", changes.unwrap_or_default()),
        ("failed ", task.failure.clone()),
    ];
    for (label, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        let style = if *label == "status " { status.1 } else { plain };
        part.line(&[(label, faint), (" ", plain), (fact, style)]);
    }
    part.line(&[]);
    for (check, outcome) in &task.verdicts {
        let (sign, style) = theme.state(outcome);
        part.line(&[(&format!("{sign} {outcome:<8}"), style), (check, plain)]);
    }
}

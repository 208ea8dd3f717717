//! A task's diff: its files, its lines, and how much hides itself in it.

use super::super::diff::{Diff, File, Kind};
use super::super::rows::short;
use super::super::{App, gates::Gates};
use super::{CursorAt, layout};
use crate::base::count::count;
use crate::tui::widgets::{DOWN, fit, hidden, put, put_all, put_more, row, scrolled, skip, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

impl App {
    /// The diff of the selected task, once it is here.
    pub fn shown_diff(&self) -> Option<&Diff> {
        self.diff.of(self.task?)
    }

    /// The verdicts of the selected task, once they are here and something was judged.
    pub fn shown_gates(&self) -> Option<&Gates> {
        self.gates.of(self.task?)?.as_ref()
    }
}

pub fn draw(app: &App, buffer: &mut Buffer) -> Option<CursorAt> {
    let theme = app.theme();
    let (head, files, lines) = layout::diff(app);
    let Some(diff) = app.shown_diff() else {
        let why = match app.diff.problem() {
            "" => "asking for the diff",
            problem => problem,
        };
        put(buffer, (head.x + 1, head.y), why, head.width, theme.faint.style());
        return None;
    };
    let (top, left) = app.diff_at;
    let more = hidden(top, diff.lines.len(), lines.height);
    let room = put_more(buffer, head, more, theme.faint.style());
    heading(app, buffer, Rect { width: room, ..head }, diff);
    if let Some(area) = files {
        list(app, buffer, area, diff);
        for y in area.top()..area.bottom() {
            put(buffer, (area.right(), y), DOWN, 1, theme.line.style());
        }
    }
    for (y, line) in (lines.top()..lines.bottom()).zip(diff.lines.iter().skip(top)) {
        let text = skip(&line.text, left);
        let style = style(app, line.kind);
        put(buffer, (lines.x, y), &text, lines.width, style);
        let is_found =
            !app.search.is_empty() && line.text.to_lowercase().contains(&app.search.to_lowercase());
        if is_found {
            buffer.set_style(Rect { y, height: 1, ..lines }, theme.found.style());
        }
    }
    None
}

fn style(app: &App, kind: Kind) -> Style {
    let theme = app.theme();
    match kind {
        Kind::File => theme.strong.style(),
        Kind::About => theme.faint.style(),
        Kind::Hunk => theme.hunk.style(),
        Kind::Added => theme.added.style(),
        Kind::Deleted => theme.deleted.style(),
        Kind::Same => theme.text.style(),
    }
}

fn heading(app: &App, buffer: &mut Buffer, area: Rect, diff: &Diff) {
    let theme = app.theme();
    let (all, added, deleted) = (diff.changes.files, diff.changes.added, diff.changes.deleted);
    let number = diff.file_at(app.diff_at.0);
    let is_old = app.selected().is_some_and(|task| task.head != diff.head);
    let task = app.task.map(|id| format!("{id} ")).unwrap_or_default();
    let hidden = match diff.hidden {
        0 => String::new(),
        hidden => format!("{}! ", count(hidden as u64, "hidden char")),
    };
    let at = match diff.files.get(number) {
        Some(file) if layout::diff(app).1.is_none() => {
            let path = fit(&file.path, usize::from(area.width / 3));
            format!("{}/{all} {path}  ", number + 1)
        }
        _ => String::new(),
    };
    let cut = if diff.is_cut { "cut! " } else { "" };
    let counts = format!("{} +{added} -{deleted}  ", count(all, "file"));
    let range = format!("{}..{}", short(&diff.base), short(&diff.head));
    let old = if is_old { " (older than the task's head)" } else { "" };
    let pieces = [
        (task.as_str(), theme.strong.style()),
        (cut, theme.bad.style()),
        (hidden.as_str(), theme.bad.style()),
        (at.as_str(), theme.strong.style()),
        (counts.as_str(), theme.text.style()),
        (range.as_str(), theme.faint.style()),
        (old, theme.warn.style()),
    ];
    put_all(buffer, area, &pieces);
}

/// How much a file changes, as far as that can be told in lines.
pub fn about_size(file: &File) -> String {
    match file.is_binary {
        true => " binary".into(),
        false => format!(" +{} -{}", file.added, file.deleted),
    }
}

fn list(app: &App, buffer: &mut Buffer, area: Rect, diff: &Diff) {
    let theme = app.theme();
    let at = diff.file_at(app.diff_at.0);
    // Where they are cut, the last row says so.
    let is_cut = diff.files.len() > usize::from(area.height);
    let area = Rect { height: area.height - u16::from(is_cut), ..area };
    let first = scrolled(at, diff.files.len(), area.height);
    let more = Rect { y: area.bottom(), height: 1, ..area };
    put_more(buffer, more, hidden(first, diff.files.len(), area.height), theme.faint.style());
    for (number, file) in diff.files.iter().enumerate().skip(first).take(area.height.into()) {
        let line = row(area, u16::try_from(number - first).unwrap_or(0));
        let counts = about_size(file);
        let hidden = if file.hidden > 0 { " !" } else { "" };
        let room = usize::from(line.width).saturating_sub(width(&counts) + width(hidden) + 1);
        let pieces = [
            (" ", theme.text.style()),
            (&fit(&file.path, room), theme.text.style()),
            (hidden, theme.bad.style()),
            (&counts, theme.faint.style()),
        ];
        put_all(buffer, line, &pieces);
        if number == at {
            buffer.set_style(line, theme.selected.style());
        }
    }
}

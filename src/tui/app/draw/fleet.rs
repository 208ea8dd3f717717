//! The fleet: all tasks, and the agent of the selected one.

use super::super::App;
use super::super::rows::TaskRow;
use super::{CursorAt, about, layout, pane};
use crate::tui::widgets::{DOWN, fit, hidden, put, put_more, row, scrolled, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// A column of the list.
struct Column {
    title: &'static str,
    columns: u16,
    /// It is there from this width of the list on.
    from: u16,
    text: fn(&App, &TaskRow) -> (String, Style),
}

const AGENT: &str = "agent";
/// Agents' names have so many columns at least and, where the list has this width, at most.
const AGENT_COLUMNS: (u16, u16) = (5, 20);
const AGENT_WHOLE_FROM: u16 = 90;

impl Column {
    /// Its columns in a list of this width: names of agents have what the longest needs.
    fn columns(&self, app: &App, width_of_list: u16) -> u16 {
        if self.title != AGENT {
            return self.columns;
        }
        let most = if width_of_list < AGENT_WHOLE_FROM { self.columns } else { AGENT_COLUMNS.1 };
        let longest = app.tasks.iter().map(|task| width(&task.agent)).max().unwrap_or(0);
        u16::try_from(longest).unwrap_or(most).clamp(AGENT_COLUMNS.0, most)
    }
}

/// From left to right; the title of the task takes what is left.
const COLUMNS: [Column; 7] = [
    Column { title: "", columns: 1, from: 0, text: needs },
    Column { title: "id", columns: 4, from: 0, text: |app, t| plain(app, t.id.to_string()) },
    Column { title: "state", columns: 10, from: 0, text: state },
    Column { title: "agent does", columns: 20, from: 60, text: about::status },
    Column { title: AGENT, columns: 10, from: 74, text: |app, t| plain(app, t.agent.clone()) },
    Column { title: "gates", columns: 6, from: 50, text: about::gates },
    Column {
        title: "changes",
        columns: 10,
        from: 100,
        text: |app, t| plain(app, about::changed(t)),
    },
];
const SINCE: Column = Column { title: "since", columns: 12, from: 110, text: since };

fn needs(app: &App, task: &TaskRow) -> (String, Style) {
    let mark = if task.needs_you { "!" } else { "" };
    (mark.into(), app.theme().needs_you.style())
}

fn state(app: &App, task: &TaskRow) -> (String, Style) {
    let (sign, style) = app.theme().state(&task.state);
    (format!("{sign} {}", task.state), style)
}

fn since(app: &App, task: &TaskRow) -> (String, Style) {
    (task.since.map(|at| app.clock(at)).unwrap_or_default(), app.theme().faint.style())
}

fn plain(app: &App, text: String) -> (String, Style) {
    (text, app.theme().text.style())
}

pub fn draw(app: &App, buffer: &mut Buffer) -> Option<CursorAt> {
    let parts = layout::fleet(app);
    list(app, buffer, parts.list);
    if let Some(area) = parts.about {
        about::draw(app, buffer, area);
    }
    if let Some(area) = parts.preview {
        pane::preview(app, buffer, area);
    }
    if let (Some(_), Some(area)) = (parts.about, parts.preview) {
        for y in area.top()..area.bottom() {
            let line = DOWN;
            put(buffer, (area.x - 1, y), line, 1, app.theme().line.style());
        }
    }
    None
}

fn list(app: &App, buffer: &mut Buffer, area: Rect) {
    let theme = app.theme();
    if app.tasks.is_empty() {
        let text = match (app.is_connected, app.lost_at()) {
            (false, None) => "connecting".to_string(),
            (false, Some((why, _))) => format!("no connection: {why}"),
            (true, _) => {
                let key = app.setup.looks.keymap.key_of(crate::tui::action::Action::NewTask);
                format!("no task yet; {key} writes one down")
            }
        };
        put(buffer, (area.x + 1, area.y + 1), &text, area.width, theme.faint.style());
        return;
    }
    let shown: Vec<&Column> =
        COLUMNS.iter().chain([&SINCE]).filter(|column| area.width >= column.from).collect();
    let height = area.height.saturating_sub(1);
    let at = app.tasks.iter().position(|task| Some(task.id) == app.task).unwrap_or(0);
    let first = scrolled(at, app.tasks.len(), height);
    for (y, task) in (1..=height).zip(app.tasks.iter().skip(first)) {
        let line = row(area, y);
        one(app, buffer, line, task, &shown);
        if Some(task.id) == app.task {
            buffer.set_style(line, theme.selected.style());
        }
    }
    let (above, below) = hidden(first, app.tasks.len(), height);
    let left_out = usize::try_from(app.head.left_out).unwrap_or(0);
    let more = (above, below + left_out);
    let room = put_more(buffer, row(area, 0), more, theme.faint.style());
    heading(app, buffer, row(area, 0), &shown, room);
}

/// The titles of the columns, those that have the room.
fn heading(app: &App, buffer: &mut Buffer, line: Rect, shown: &[&Column], room: u16) {
    let style = app.theme().faint.style();
    let title = |buffer: &mut Buffer, x: u16, title: &str| {
        let columns = u16::try_from(width(title)).unwrap_or(u16::MAX);
        if x.saturating_add(columns) <= line.x + room {
            put(buffer, (x, line.y), title, columns, style);
        }
    };
    let mut x = line.x;
    for column in shown.iter().filter(|column| column.title != "since") {
        let columns = column.columns(app, line.width);
        title(buffer, x, column.title);
        x += columns + 1;
    }
    title(buffer, x, "title");
    if shown.iter().any(|column| column.title == SINCE.title) {
        title(buffer, line.right().saturating_sub(SINCE.columns), SINCE.title);
    }
}

fn one(app: &App, buffer: &mut Buffer, line: Rect, task: &TaskRow, shown: &[&Column]) {
    let theme = app.theme();
    let mut x = line.x;
    for column in shown.iter().filter(|column| column.title != "since") {
        let (text, style) = (column.text)(app, task);
        let columns = column.columns(app, line.width);
        put(buffer, (x, line.y), &text, columns.min(line.right().saturating_sub(x)), style);
        x += columns + 1;
    }
    let has_since = shown.iter().any(|column| column.title == "since");
    let end = if has_since { line.right().saturating_sub(SINCE.columns + 1) } else { line.right() };
    let room = end.saturating_sub(x);
    let (text, style) = match task.failure.as_str() {
        "" => (task.title.clone(), theme.text.style()),
        failure => (format!("{} ({failure})", task.title), theme.text.style()),
    };
    put(buffer, (x, line.y), &fit(&text, usize::from(room)), room, style);
    if has_since {
        let (text, style) = since(app, task);
        put(
            buffer,
            (line.right().saturating_sub(SINCE.columns), line.y),
            &text,
            SINCE.columns,
            style,
        );
    }
}

//! A task's verdicts, and what the selected one rests on: findings, or the end of a log.

use super::super::App;
use super::super::gates::Verdict;
use super::super::rows::short;
use super::{CursorAt, layout, titled};
use crate::tui::widgets::{fit_hints, hidden, put, put_all, put_more, row, scrolled, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

pub fn draw(app: &App, buffer: &mut Buffer) -> Option<CursorAt> {
    let theme = app.theme();
    let (head, parts) = layout::gates(app);
    let Some(gates) = app.shown_gates() else {
        let is_known = app.task.is_some_and(|task| app.gates.of(task).is_some());
        let why = match (is_known, app.gates.problem()) {
            (true, _) => "nothing has been judged yet",
            (false, "") => "asking for the verdicts",
            (false, problem) => problem,
        };
        put(buffer, (head.x + 1, head.y), why, head.width, theme.faint.style());
        return None;
    };
    let started = gates.started_at.map(|at| app.clock(at)).unwrap_or_default();
    let over = if gates.is_over { "" } else { "  running" };
    let task = app.task.map(|id| id.to_string()).unwrap_or_default();
    let (tree, cp) = (short(&gates.tree), gates.snapshot);
    let about = match gates.is_mid_turn {
        true => format!("{task} judged in the middle of a turn, for which the agent was stopped"),
        false => {
            format!("{task} tree {tree} (cp{cp}) judged {started}{over}  in a checkout of its own")
        }
    };
    let first = scrolled(app.verdict, gates.verdicts.len(), parts.list.height);
    let more = hidden(first, gates.verdicts.len(), parts.list.height);
    let room = put_more(buffer, parts.more, more, theme.faint.style());
    let about = fit_hints(&about, room.into());
    put(buffer, (head.x, head.y), &about, room, theme.strong.style());
    for (y, verdict) in (0..parts.list.height).zip(gates.verdicts.iter().skip(first)) {
        let line = row(parts.list, y);
        let (sign, style) = theme.state(&verdict.outcome);
        let reason = if verdict.has_notices() { theme.warn } else { theme.text };
        let pieces = [
            (&*format!("{sign} {:<8} ", verdict.outcome), style),
            (&*format!("{:<10} ", verdict.check), theme.text.style()),
            (&*format!("{:>7}  ", seconds(verdict.ms)), theme.faint.style()),
            (verdict.reason.as_str(), reason.style()),
        ];
        put_all(buffer, line, &pieces);
        if first + usize::from(y) == app.verdict {
            buffer.set_style(line, theme.selected.style());
        }
    }
    if let Some(verdict) = gates.verdicts.get(app.verdict) {
        detail(app, buffer, parts.detail, verdict);
    }
    None
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

/// A verdict in words, and how much of its log there is room for below them.
struct Words {
    lines: Vec<(String, Style)>,
    room: usize,
}

/// How many lines the longest verdict with all its evidence has in so many columns.
pub fn longest(app: &App, columns: usize) -> usize {
    let verdicts = app.shown_gates().map(|gates| gates.verdicts.as_slice()).unwrap_or_default();
    let lines =
        |verdict| about(app, columns, verdict).len() + evidence(app, columns, verdict).len();
    verdicts.iter().map(lines).max().unwrap_or(0)
}

/// A verdict in words.
fn about(app: &App, columns: usize, verdict: &Verdict) -> Vec<(String, Style)> {
    let theme = app.theme();
    let about = [
        (&verdict.reason, theme.strong.style()),
        (&verdict.counts, theme.text.style()),
        (&verdict.command, theme.faint.style()),
    ];
    let mut lines: Vec<(String, Style)> = Vec::new();
    for (text, style) in about.into_iter().filter(|(text, _)| !text.is_empty()) {
        lines.extend(wrap(text, columns).into_iter().map(|line| (line, style)));
    }
    lines
}

fn words(app: &App, area: Rect, verdict: &Verdict) -> Words {
    let mut lines = about(app, area.width.into(), verdict);
    // The log says more than the command: it has at least half of the room.
    lines.truncate(usize::from(area.height / 2).max(1));
    let room = usize::from(area.height).saturating_sub(lines.len());
    Words { lines, room }
}

/// How many lines of evidence the selected verdict has, and how many are shown at once.
pub fn log_lines(app: &App) -> (usize, usize) {
    let area = layout::inside(layout::gates(app).1.detail);
    let verdict = app.shown_gates().and_then(|gates| gates.verdicts.get(app.verdict));
    verdict.map_or((0, 0), |verdict| {
        (evidence(app, area.width.into(), verdict).len(), words(app, area, verdict).room)
    })
}

/// What a verdict rests on: what it found, or the end of its log.
fn evidence(app: &App, columns: usize, verdict: &Verdict) -> Vec<(String, Style)> {
    let theme = app.theme();
    let mut lines: Vec<(String, Style)> = Vec::new();
    for found in &verdict.found {
        let (sign, style) = theme.state(&found.weight);
        let head = format!("{sign} {} {}", found.weight, found.place);
        let below = [(&found.snippet, theme.text.style()), (&found.why, theme.faint.style())];
        lines.extend(wrap(&head, columns).into_iter().map(|line| (line, style)));
        for (text, style) in below.into_iter().filter(|(text, _)| !text.is_empty()) {
            let wrapped = wrap(text, columns.saturating_sub(2).max(1));
            lines.extend(wrapped.into_iter().map(|line| (format!("  {line}"), style)));
        }
    }
    let more = verdict.found_count.saturating_sub(verdict.found.len() as u64);
    if more > 0 {
        lines.push((format!("and {more} more"), theme.faint.style()));
    }
    for (number, statement) in (1..).zip(&verdict.statements) {
        let is_attested = verdict.outcome == "pass";
        let style = if is_attested { theme.good } else { theme.needs_you };
        let lead = format!("{number} [{}] ", if is_attested { 'x' } else { ' ' });
        let leads = std::iter::once(lead).chain(std::iter::repeat(" ".repeat(6)));
        let wrapped = wrap(statement, columns.saturating_sub(6).max(1));
        lines.extend(leads.zip(wrapped).map(|(lead, line)| (lead + &line, style.style())));
    }
    lines.extend(verdict.tail.iter().map(|line| (line.clone(), theme.text.style())));
    lines
}

/// What a verdict says, and as much of its evidence as there is room for: the end of a log, the
/// beginning of findings, unless a person went on in it.
fn detail(app: &App, buffer: &mut Buffer, area: Rect, verdict: &Verdict) {
    let inside = layout::inside(area);
    let Words { lines, room } = words(app, inside, verdict);
    let evidence = evidence(app, inside.width.into(), verdict);
    let all = evidence.len();
    let gone_on = app.log_back.min(all.saturating_sub(room));
    let rest = all.saturating_sub(room + gone_on);
    let (above, below) = if verdict.is_log() { (rest, gone_on) } else { (gone_on, rest) };
    let mut part = titled(app, buffer, area, &verdict.check, (above, below));
    let evidence = evidence.iter().skip(above).take(room);
    lines.iter().chain(evidence).for_each(|(text, style)| part.line(&[(text, *style)]));
}

//! The top bar, which says where a person is and who they are talking to, and the last line.

use super::super::dialog::Dialog;
use super::super::{App, Mode, Screen};
use super::{approval, confirm, overlay};
use crate::tui::action::Action;
use crate::tui::widgets::{clear, fit_hints, put, width, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

/// Below this many columns the top bar uses shorter words.
const NARROW: u16 = 60;

/// The most rows a message takes.
const NOTE_ROWS_MAX: u16 = 4;

/// A piece of the top bar; of two that do not fit, the one of the lower rank goes.
struct Piece {
    rank: u8,
    text: String,
    style: Style,
}

pub fn top(app: &App, buffer: &mut Buffer, area: Rect) {
    let theme = app.theme();
    let bar = theme.bar.style();
    buffer.set_style(area, bar);
    let is_narrow = area.width < NARROW;
    let (mut left, mut right) = (left(app, bar, is_narrow), right(app, bar, is_narrow));
    let columns =
        |pieces: &[Piece]| pieces.iter().map(|piece| width(&piece.text) + 1).sum::<usize>();
    while columns(&left) + columns(&right) > usize::from(area.width) {
        let lowest = left.iter().chain(&right).map(|piece| piece.rank).min();
        let before = left.len() + right.len();
        left.retain(|piece| Some(piece.rank) != lowest || piece.rank == u8::MAX);
        right.retain(|piece| Some(piece.rank) != lowest || piece.rank == u8::MAX);
        if left.len() + right.len() == before {
            break;
        }
    }
    let mut x = area.x;
    for piece in &left {
        x = put(buffer, (x, area.y), &piece.text, area.right().saturating_sub(x), piece.style) + 1;
    }
    let start = area.right().saturating_sub(u16::try_from(columns(&right)).unwrap_or(0));
    let mut x = x.max(start + 1);
    for piece in &right {
        x = put(buffer, (x, area.y), &piece.text, area.right().saturating_sub(x), piece.style) + 1;
    }
}

fn left(app: &App, bar: Style, is_narrow: bool) -> Vec<Piece> {
    let theme = app.theme();
    let (word, mode) = match app.mode() {
        Mode::Nav => (" NAV ", theme.mode_nav),
        Mode::Pane => (" PANE ", theme.mode_pane),
        Mode::Text => (" TEXT ", theme.mode_text),
    };
    let screen = match app.screen {
        Screen::Fleet => "fleet",
        Screen::Focus => "focus",
        Screen::Diff => "diff",
        Screen::Gates => "gates",
        Screen::Inbox => "inbox",
    };
    let alarm = bar.patch(theme.bad.style()).add_modifier(Modifier::BOLD);
    let mut pieces = vec![piece(u8::MAX, word, mode.style()), piece(90, screen, bar)];
    if let Some((_, at)) = app.lost_at() {
        let since = app.clock(app.setup.started.plus(at));
        let word = if is_narrow { "STALE" } else { "STALE since" };
        pieces.push(piece(95, &format!("{word} {since}"), alarm));
    }
    if let Some(silent) = app.silent {
        let word = if is_narrow { "no answer" } else { "no answer for" };
        pieces.push(piece(95, &format!("{word} {} s", silent.as_secs()), alarm));
    }
    if app.head.halted.is_some() {
        pieces.push(piece(94, "HALTED", alarm));
    } else if app.head.held.is_some() {
        pieces.push(piece(94, "HELD", alarm));
    }
    if app.setup.watch {
        pieces.push(piece(60, "watching", bar));
    }
    let level = app.head.level.split(' ').next().filter(|_| is_narrow);
    pieces.push(piece(70, level.unwrap_or(&app.head.level), bar));
    // Who has just come is noted a moment after the first frame.
    let you_come = app.head.clients.iter().any(|client| client.is_you && !client.watches);
    let attended = match app.head.attended_by.as_slice() {
        [] if you_come => String::new(),
        [] => "nobody there".to_string(),
        people => format!("ATTENDED by {}", people.join(", ")),
    };
    if !app.head.node.is_empty() {
        pieces.push(piece(40, &attended, bar));
        pieces.push(piece(30, &format!("node {}", app.head.node), bar));
    }
    pieces.retain(|piece| !piece.text.is_empty());
    pieces
}

fn right(app: &App, bar: Style, is_narrow: bool) -> Vec<Piece> {
    let theme = app.theme();
    let needs = match app.items.len() {
        0 => piece(50, "none waits", bar),
        count => {
            let style = bar.patch(theme.needs_you.style()).add_modifier(Modifier::BOLD);
            let text = if is_narrow { format!("!{count}") } else { format!("!{count} need you") };
            piece(93, &text, style)
        }
    };
    vec![needs, piece(80, &mark(app), bar.fg(mark_colour(app)))]
}

/// The mark of this installation, as it is shown.
pub fn mark(app: &App) -> String {
    format!("[{}]", app.setup.mark.words)
}

pub fn mark_colour(app: &App) -> Color {
    // A theme without colours has none for the bar either; then the words alone are the mark.
    match app.setup.no_colour {
        true => Color::Reset,
        false => Color::Indexed(app.setup.mark.colour),
    }
}

fn piece(rank: u8, text: &str, style: Style) -> Piece {
    Piece { rank, text: text.to_string(), style }
}

/// How many rows the last line takes with what it says.
pub fn note_rows(app: &App) -> u16 {
    let columns = usize::from(app.setup.size.cols);
    let lines = app.note.as_ref().map_or(1, |note| wrap(&note.text, columns).len());
    u16::try_from(lines).unwrap_or(NOTE_ROWS_MAX).min(NOTE_ROWS_MAX)
}

pub fn foot(app: &App, buffer: &mut Buffer, area: Rect) {
    let theme = app.theme();
    if let Some(note) = &app.note {
        let style = if note.is_bad { theme.bad } else { theme.strong };
        // What does not fit into the line takes more of the screen.
        let lines = wrap(&note.text, usize::from(area.width));
        let rows = note_rows(app).min(area.y.max(1));
        let top = area.y + 1 - rows;
        clear(buffer, Rect { y: top, height: rows, ..area }, theme.text.style());
        for (y, line) in (top..=area.y).zip(&lines) {
            put(buffer, (area.x, y), line, area.width, style.style());
        }
        return;
    }
    if app.mode() == Mode::Pane {
        let leader = app.setup.looks.keymap.leader();
        let text = format!("every key is the agent's  {leader} leaves  twice sends it");
        let text = fit_hints(&text, area.width.into());
        put(buffer, (area.x, area.y), &text, area.width, theme.needs_you.style());
        return;
    }
    if let Some(dialog) = &app.dialog {
        return in_dialog(app, dialog, buffer, area);
    }
    let mut x = area.x;
    let halted = app.head.halted.as_ref().map(|why| format!("HALTED {why}"));
    if let Some(why) = halted.or(app.head.held.as_ref().map(|why| format!("HELD: {why}"))) {
        let key = app.setup.looks.keymap.key_of(Action::Resume);
        let room = area.width.saturating_sub(12);
        x = put(buffer, (x, area.y), &why, room, theme.bad.style()) + 2;
        x = put(buffer, (x, area.y), &key, area.width, theme.strong.style()) + 1;
        x = put(buffer, (x, area.y), "resume", area.width, theme.faint.style()) + 2;
    }
    for action in hints(app.screen).iter().filter(|action| app.is_of_use(**action)) {
        let key = app.setup.looks.keymap.key_of(*action);
        let does = match action {
            Action::Leave if !app.is_at_the_top() => Action::Back.name(),
            action => action.name(),
        };
        x = hint(app, buffer, Rect { x, ..area }, area.right(), &key, does);
    }
}

/// A key and what it does, if there is room for both before `end`; gives the column for the next.
fn hint(app: &App, buffer: &mut Buffer, at: Rect, end: u16, key: &str, does: &str) -> u16 {
    let (theme, room) = (app.theme(), usize::from(end.saturating_sub(at.x)));
    if key.is_empty() || width(key) + 1 + width(does) > room {
        return at.x;
    }
    let x = put(buffer, (at.x, at.y), key, at.width, theme.strong.style()) + 1;
    put(buffer, (x, at.y), does, at.width, theme.faint.style()) + 2
}

/// The keys that a dialog takes; what an approval or a start wants stands in it.
fn in_dialog(app: &App, dialog: &Dialog, buffer: &mut Buffer, area: Rect) {
    use Action as A;
    let key = |action: Action| app.setup.looks.keymap.key_of(action);
    let moves = format!("{} {}", key(A::Up), key(A::Down));
    let scroll: &[(&str, &str)] = if scrolls(app, dialog) { &[(&moves, "scroll")] } else { &[] };
    let (actions, more): (&[Action], &[(&str, &str)]) = match dialog {
        Dialog::Reject(_) => (&[A::Send, A::Editor, A::Cancel], &[("enter", "next line")]),
        Dialog::Form(_) => (&[A::Send, A::NextField, A::PrevField, A::Editor, A::Cancel], &[]),
        Dialog::Typed(_) => (&[A::Cancel], &[]),
        Dialog::Palette(_) => (&[A::Cancel], &[("enter", "do it"), ("up down", "select")]),
        Dialog::Approval(_) | Dialog::Confirm(_) => (&[A::Back], scroll),
        Dialog::Checkpoints(_) => (&[A::Open, A::Back], &[(&moves, "select")]),
        Dialog::Help { .. } if scroll.is_empty() => (&[], &[("any key", "closes")]),
        Dialog::Help { .. } => (&[], &[(&moves, "scroll"), ("any other key", "closes")]),
        Dialog::People => (&[], &[("any key", "closes")]),
        Dialog::Search(_) => (&[], &[]),
    };
    let of_actions = actions.iter().map(|action| (key(*action), action.name()));
    let more = more.iter().map(|(key, does)| (key.to_string(), *does));
    let mut x = area.x;
    for (key, does) in of_actions.chain(more) {
        x = hint(app, buffer, Rect { x, ..area }, area.right(), &key, does);
    }
}

/// Whether a dialog says more than it shows at once.
fn scrolls(app: &App, dialog: &Dialog) -> bool {
    let (lines, room) = match dialog {
        Dialog::Approval(shown) => {
            let extent = approval::extent(app, shown);
            (extent.lines, extent.room)
        }
        Dialog::Confirm(shown) => confirm::lines(app, shown),
        Dialog::Help { .. } => overlay::help_lines(app),
        _ => return false,
    };
    lines > room
}

/// What the last line tells about, the most useful first.
fn hints(screen: Screen) -> &'static [Action] {
    use Action as A;
    match screen {
        Screen::Fleet => &[
            A::Help,
            A::NextNeeding,
            A::Open,
            A::StepIn,
            A::Approve,
            A::GotoDiff,
            A::GotoGates,
            A::GotoInbox,
            A::NewTask,
            A::Palette,
            A::Leave,
            A::Start,
            A::Pause,
            A::Abort,
        ],
        Screen::Focus => &[
            A::Help,
            A::StepIn,
            A::Leave,
            A::NextNeeding,
            A::GotoDiff,
            A::Approve,
            A::Pause,
            A::Abort,
            A::RollBack,
            A::Palette,
        ],
        Screen::Diff => &[
            A::Help,
            A::Leave,
            A::Approve,
            A::Reject,
            A::NextFile,
            A::NextHunk,
            A::Search,
            A::GotoGates,
            A::Palette,
        ],
        Screen::Gates => &[
            A::Help,
            A::Leave,
            A::Approve,
            A::Reject,
            A::Judge,
            A::GotoDiff,
            A::Search,
            A::Palette,
        ],
        Screen::Inbox => &[
            A::Help,
            A::Open,
            A::Approve,
            A::Reject,
            A::NextNeeding,
            A::GotoDiff,
            A::GotoGates,
            A::Leave,
            A::Palette,
        ],
    }
}

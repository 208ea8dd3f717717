//! The approval dialog: everything that is signed, and how far it is armed.

use super::super::App;
use super::super::approval::{Approval, KEYS};
use super::super::diff::File;
use super::super::rows::short;
use super::diff::about_size;
use super::{CursorAt, about, bar, inbox, layout};
use crate::base::count::count;
use crate::tui::action::Action;
use crate::tui::widgets::{clear, fit, frame, put, put_all, row, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// The widest it gets.
const COLUMNS_MAX: u16 = 100;

/// The most files it lists.
const FILES_MAX: usize = 12;

/// A line of it: a label and what stands behind.
type Fact = (&'static str, String, Style);

pub fn draw(app: &App, approval: &Approval, buffer: &mut Buffer) -> Option<CursorAt> {
    let theme = app.theme();
    let parts = layout::parts(app);
    // The last line as well where there is no room to lose.
    let room = Rect { height: parts.body.height + u16::from(parts.body.height < 12), ..parts.body };
    let columns = usize::from(room.width.min(COLUMNS_MAX)).saturating_sub(4);
    let lines = usize::from(room.height).saturating_sub(3);
    let mut facts = facts(app, approval, (columns, lines));
    let left = lines.saturating_sub(facts.len());
    facts.extend(files(app, approval, left.min(FILES_MAX)));
    let rows = u16::try_from(facts.len()).unwrap_or(u16::MAX).saturating_add(3);
    let area = super::overlay::centred(room, COLUMNS_MAX, rows);
    let other = app.other_at(&approval.item.id);
    let armed = approval.is_open() && other.is_none() && layout::shows_approvals(app);
    let border = if armed { theme.armed } else { theme.line };
    clear(buffer, area, theme.text.style());
    let inner = frame(buffer, area, "APPROVE", border.style());
    let word = match other {
        _ if approval.is_gone => "gone",
        Some(_) => "held",
        None => approval.keys.arming.word(),
    };
    title(app, buffer, area, word, if armed { theme.armed.style() } else { theme.faint.style() });
    for (y, (label, text, style)) in (0..inner.height.saturating_sub(1)).zip(&facts) {
        let pieces = [(*label, theme.faint.style()), (text.as_str(), *style)];
        put_all(buffer, row(inner, y), &pieces);
    }
    let last = row(inner, inner.height.saturating_sub(1));
    let style = if armed { theme.armed } else { theme.faint };
    put_all(buffer, last, &[(&keys(app, approval), style.style())]);
    None
}

/// The mark of this installation and how far it is armed, in the upper border.
pub fn title(app: &App, buffer: &mut Buffer, area: Rect, word: &str, style: Style) {
    let mark = bar::mark(app);
    let columns = u16::try_from(width(&mark) + width(word) + 4).unwrap_or(u16::MAX);
    let x = area.right().saturating_sub(columns + 1).max(area.x + 1);
    let room = area.right().saturating_sub(x + 1);
    let mark_style = app.theme().strong.style().fg(bar::mark_colour(app));
    let x = put(buffer, (x, area.y), &format!(" {mark} "), room, mark_style);
    let room = area.right().saturating_sub(x + 1);
    put(buffer, (x, area.y), &format!("{word} "), room, style);
}

/// What the last line says while somebody else decides.
pub fn held(app: &App, person: &str) -> String {
    let key = app.setup.looks.keymap.key_of(Action::Approve);
    let back = app.setup.looks.keymap.of_action(Action::Back).next().map(|b| b.shown());
    let back = back.unwrap_or_default();
    format!("{person} decides it elsewhere; {key} takes it over  {back} closes")
}

fn keys(app: &App, approval: &Approval) -> String {
    let key = |action| app.setup.looks.keymap.key_of(action);
    let back = app.setup.looks.keymap.of_action(Action::Back).next().map(|b| b.shown());
    let back = back.unwrap_or_default();
    let [first, second] = KEYS;
    if approval.is_gone {
        return format!("it waits no longer; {back} closes");
    }
    if !app.is_connected {
        return format!("no connection: nothing can be approved; {back} closes");
    }
    if !layout::shows_approvals(app) {
        let (columns, rows) = layout::APPROVAL_MIN;
        return format!("too small: {columns}x{rows} is needed; {back} closes");
    }
    if let Some(other) = app.other_at(&approval.item.id) {
        return held(app, &other.person);
    }
    let (reject, diff) = (key(Action::Reject), key(Action::GotoDiff));
    match (approval.is_open(), approval.keys.begun()) {
        (true, Some(_)) => {
            format!("{first}: now {second} approves, no other key")
        }
        (true, None) => {
            format!("{first} then {second} approve  {reject} reject  {diff} diff  {back} later")
        }
        (false, _) => format!("wait: keys are not taken yet  {back} later"),
    }
}

fn facts(app: &App, approval: &Approval, (columns, lines): (usize, usize)) -> Vec<Fact> {
    let theme = app.theme();
    let (plain, strong) = (theme.text.style(), theme.strong.style());
    let item = &approval.item;
    let task = app.tasks.iter().find(|task| task.id == item.task);
    let mut facts: Vec<Fact> = Vec::new();
    if !approval.changed.is_empty() {
        let text = format!("since you opened it: {}", approval.changed.join(", "));
        facts.push(("CHANGED ", text, theme.warn.style().patch(theme.selected.style())));
    }
    facts.push(("task  ", format!("{} {}", item.task, fit(&item.title, columns)), strong));
    let Some(binds) = &item.binds else {
        facts.push(("", "it says nothing that could be approved".into(), theme.bad.style()));
        return facts;
    };
    // What is signed stays where there is no room for all that it stands for.
    facts.push(("signs ", fit(&item.digest, 16), theme.faint.style()));
    let base = format!("{}  head {}", short(&binds.base), short(&binds.head));
    facts.push(("base  ", base, plain));
    let sha = &binds.diff_sha256;
    let end = sha.get(sha.len().saturating_sub(4)..).unwrap_or_default();
    let tree = format!("{}  diff {}..{end}", short(&binds.tree), short(sha));
    facts.push(("tree  ", tree, plain));
    facts.push(changes(app, approval));
    if let Some(task) = task {
        let (gates, style) = about::gates(app, task);
        let names: Vec<&str> = task.verdicts.iter().map(|(check, _)| check.as_str()).collect();
        let (notices, style) = match item.found_count {
            0 => (String::new(), style),
            found => (format!(", {}!", count(found, "notice")), theme.warn.style()),
        };
        let gates = format!("{gates}{notices} on this tree: {}", names.join(" "));
        facts.push(("gates ", gates, style));
        // That there are more findings is said before the room ends, and what approving does.
        let left = lines.saturating_sub(facts.len() + 1);
        let found = inbox::found(item, left).into_iter();
        facts.extend(found.map(|found| ("      ", fit(&found, columns), theme.warn.style())));
        let branch = format!("one commit onto {}; {} stays", base_branch(app), task.branch);
        facts.push(("does  ", branch, plain));
    }
    facts
}

fn base_branch(app: &App) -> &str {
    match app.head.base.as_str() {
        "" => "the base",
        base => base,
    }
}

/// How much it changes, as soon as the diff is here and is the one that is signed.
fn changes(app: &App, approval: &Approval) -> Fact {
    let theme = app.theme();
    let Some(diff) = signed_diff(app, approval) else {
        if !app.diff.problem().is_empty() {
            return ("diff  ", app.diff.problem().into(), theme.bad.style());
        }
        return ("diff  ", "asking how much it changes".into(), theme.faint.style());
    };
    let all = diff.changes;
    let mut text = format!("{} +{} -{}", count(all.files, "file"), all.added, all.deleted);
    let counts = text.len();
    if diff.is_cut {
        text += ", too long to be shown whole!";
    }
    if diff.hidden > 0 {
        text += &format!(", {} hidden chars!", diff.hidden);
    }
    let style = if text.len() > counts { theme.bad } else { theme.text };
    ("diff  ", text, style.style())
}

/// The files that change, as many as there is room for.
fn files(app: &App, approval: &Approval, room: usize) -> Vec<Fact> {
    let Some(diff) = signed_diff(app, approval) else { return Vec::new() };
    let (files, all) = (&diff.files, diff.changes.files);
    let shown = if files.len() > room { room.saturating_sub(1) } else { files.len() };
    let (plain, faint) = (app.theme().text.style(), app.theme().faint.style());
    let line = |file: &File| {
        let hidden = if file.hidden > 0 { " !" } else { "" };
        ("      ", format!("{}{hidden}{}", file.path, about_size(file)), plain)
    };
    let left = all.saturating_sub(shown as u64);
    let more = (left > 0 && room > 0).then(|| ("      ", format!("and {left} more"), faint));
    files.iter().take(shown).map(line).chain(more).collect()
}

fn signed_diff<'a>(app: &'a App, approval: &Approval) -> Option<&'a super::super::Diff> {
    let binds = approval.item.binds.as_ref()?;
    let diff = app.diff.of(approval.item.task)?;
    (diff.sha256 == binds.diff_sha256).then_some(diff)
}

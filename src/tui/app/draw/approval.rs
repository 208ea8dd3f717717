//! The approval dialog: everything that is signed, and how far it is armed.

use super::super::App;
use super::super::approval::{Approval, Hindrance, KEYS};
use super::super::diff::File;
use super::super::rows::short;
use super::diff::about_size;
use super::{CursorAt, about, bar, inbox, layout};
use crate::base::count::count;
use crate::base::foreign::Foreign;
use crate::tui::action::Action;
use crate::tui::widgets::{
    clear, fit, fit_hints, frame, hidden, put, put_all, put_more_below, row, width, wrap,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::ops::Range;

/// The widest it gets.
const COLUMNS_MAX: u16 = 100;

/// The most files it lists.
const FILES_MAX: usize = 12;

/// In place of a label.
const BESIDE: &str = "      ";

/// A line of it: a label and what stands behind.
type Fact = (&'static str, String, Style);

/// How long it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// All its lines.
    pub lines: usize,
    /// Those, from the first, that have to be read.
    pub must: usize,
    /// How many are shown at once.
    pub room: usize,
}

/// Where it has no room to lose, it takes the last line too, and its keys stand in its border.
fn is_tight(app: &App) -> bool {
    layout::parts(app).body.height < 12
}

fn room(app: &App) -> Rect {
    let body = layout::parts(app).body;
    Rect { height: body.height + u16::from(is_tight(app)), ..body }
}

/// Rows besides the lines: the border, and the keys.
fn other_rows(app: &App) -> u16 {
    if is_tight(app) { 2 } else { 3 }
}

/// How long it is, and how much of it is seen at once.
pub fn extent(app: &App, approval: &Approval) -> Extent {
    let facts = facts(app, approval).len();
    let asked = statements(app, approval);
    let of = |statements: &[Vec<Fact>]| statements.iter().map(Vec::len).sum::<usize>();
    let lines = facts + of(&asked) + files(app, approval).len();
    // All before the next statement that is to be attested, and that one; then everything.
    let next = approval.open_statements().next();
    let must = next.map_or(lines, |next| facts + asked.get(..=next).map_or(0, of));
    Extent { lines, must, room: room(app).height.saturating_sub(other_rows(app)).into() }
}

/// The lines of a statement that is to be attested.
pub fn statement_lines(app: &App, approval: &Approval, number: usize) -> Range<usize> {
    let asked = statements(app, approval);
    let before = asked.iter().take(number).map(Vec::len).sum::<usize>();
    let start = facts(app, approval).len() + before;
    start..start + asked.get(number).map_or(0, Vec::len)
}

pub fn draw(app: &App, approval: &Approval, buffer: &mut Buffer) -> Option<CursorAt> {
    let theme = app.theme();
    let mut facts = facts(app, approval);
    facts.extend(statements(app, approval).into_iter().flatten());
    facts.extend(files(app, approval));
    let rows = u16::try_from(facts.len()).unwrap_or(u16::MAX).saturating_add(other_rows(app));
    let area = super::overlay::centred(room(app), COLUMNS_MAX, rows);
    let armed = approval.is_open();
    let border = if armed { theme.armed } else { theme.line };
    clear(buffer, area, theme.text.style());
    let inner = frame(buffer, area, "APPROVE", border.style());
    let word = match &approval.hindrance {
        _ if approval.is_gone => "gone",
        None => approval.keys.arming.word(),
        Some(Hindrance::Held(_)) => "held",
        Some(Hindrance::More) => "read on",
        Some(_) => "not armed",
    };
    let style = if armed { theme.armed.style() } else { theme.faint.style() };
    title(app, buffer, area, word, style);
    let height = area.height.saturating_sub(other_rows(app));
    let top = approval.top.min(facts.len().saturating_sub(height.into()));
    for (y, (label, text, style)) in (0..height).zip(facts.iter().skip(top)) {
        let pieces = [(*label, theme.faint.style()), (text.as_str(), *style)];
        put_all(buffer, row(inner, y), &pieces);
    }
    let mut keys = keys(app, approval);
    if is_tight(app) {
        keys = format!(" {} ", fit_hints(&keys, usize::from(inner.width).saturating_sub(2)));
    } else {
        put_more_below(buffer, inner, hidden(top, facts.len(), height), theme.faint.style());
        keys = fit_hints(&keys, inner.width.into());
    }
    let last = Rect { y: inner.y.saturating_add(height), height: 1, ..inner };
    put_all(buffer, last.intersection(area), &[(&keys, style)]);
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
    format!("{person} decides it; {key} takes over  {back} closes")
}

fn keys(app: &App, approval: &Approval) -> String {
    let key = |action| app.setup.looks.keymap.key_of(action);
    let back = app.setup.looks.keymap.of_action(Action::Back).next().map(|b| b.shown());
    let back = back.unwrap_or_default();
    let [first, second] = KEYS;
    let why = match &approval.hindrance {
        _ if approval.is_gone => "it waits no longer".into(),
        None => String::new(),
        Some(Hindrance::Cut) => "no connection: nothing is approved".into(),
        Some(Hindrance::Small) => {
            let (columns, rows) = layout::APPROVAL_MIN;
            format!("too small: {columns}x{rows} is needed")
        }
        Some(Hindrance::Held(person)) => return held(app, person),
        Some(Hindrance::Halted) => {
            return format!("HALTED: {back}, then {} resumes", key(Action::Resume));
        }
        Some(Hindrance::Base) => "the base moved".into(),
        Some(Hindrance::Diff) => "it waits for its diff".into(),
        Some(Hindrance::More) => format!("more below: {}", key(Action::Down)),
    };
    if !why.is_empty() {
        return format!("{why}  {back} closes");
    }
    if !approval.refusal.is_empty() {
        return approval.refusal.clone();
    }
    let reject = key(Action::Reject);
    let mut of_diff = app.setup.looks.keymap.of_action(Action::GotoDiff).map(|b| b.shown());
    let diff = of_diff.find(|it| approval.statement(it).is_none()).unwrap_or_default();
    let open = approval.open_keys();
    match (approval.is_open(), approval.keys.begun()) {
        (true, _) if !open.is_empty() => {
            format!(
                "{open} attest, then {first} {second}  {reject} reject  {diff} diff  {back} later"
            )
        }
        (true, Some(_)) if approval.is_moved() => {
            format!("{first}: now {second} has it judged again, no other key")
        }
        (true, Some(_)) => {
            format!("{first}: now {second} approves, no other key")
        }
        (true, None) => {
            let what = if approval.is_moved() { "judge again" } else { "approve" };
            format!("{first} then {second} {what}  {reject} reject  {diff} diff  {back} later")
        }
        (false, _) => format!("{}  {back} later", approval.keys.arming.waits()),
    }
}

/// The columns of its lines.
fn columns(app: &App) -> usize {
    usize::from(room(app).width.min(COLUMNS_MAX)).saturating_sub(4)
}

/// A fact in as many lines as it takes: what is signed unread is not signed.
fn wrapped(app: &App, (label, text, style): Fact) -> Vec<Fact> {
    let lines = wrap(&text, columns(app).saturating_sub(width(label)));
    let labels = std::iter::once(label).chain(std::iter::repeat(BESIDE));
    labels.zip(lines).map(|(label, line)| (label, line, style)).collect()
}

/// What is signed and done, in the lines it takes.
fn facts(app: &App, approval: &Approval) -> Vec<Fact> {
    let all = all_facts(app, approval).into_iter();
    all.flat_map(|fact| wrapped(app, fact)).collect()
}

fn all_facts(app: &App, approval: &Approval) -> Vec<Fact> {
    let theme = app.theme();
    let (plain, strong) = (theme.text.style(), theme.strong.style());
    let item = &approval.item;
    let task = app.tasks.iter().find(|task| task.id == item.task);
    let mut facts: Vec<Fact> = Vec::new();
    if !approval.changed.is_empty() {
        let text = format!("since you opened it: {}", approval.changed.join(", "));
        facts.push(("CHANGED ", text, theme.warn.style().patch(theme.selected.style())));
    }
    if let Some(why) = &app.head.halted {
        facts.push(("HALTED ", why.clone(), theme.bad.style()));
    }
    if let Some(base) = app.other_base(approval) {
        let text = format!("{} by now: it has to be judged anew", short(base));
        facts.push(("MOVED ", text, theme.bad.style()));
    }
    if let Some(base) = &item.moved_to {
        let text = format!("base is {} by now", short(base));
        facts.push(("MOVED ", text, theme.warn.style()));
    }
    facts.push(("task  ", format!("{} {}", item.task, item.title), strong));
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
        let found = inbox::found(item).into_iter();
        facts.extend(found.map(|found| (BESIDE, found, theme.warn.style())));
    }
    let onto = binds.branch.trim_start_matches("refs/heads/");
    let stays = task.map(|task| format!("; {} stays", task.branch)).unwrap_or_default();
    let does = match approval.is_moved() {
        true => format!("judges it again, merged with {onto}; nothing lands yet"),
        false => format!("one commit onto {onto}{stays}"),
    };
    facts.push(("does  ", does, plain));
    if !item.attests.is_empty() {
        let (done, all) = (approval.attested.len(), item.attests.len());
        let text = format!("attest each by its number: {done} of {all}");
        facts.push(("you   ", text, strong));
    }
    facts
}

/// What a person attests with it, each with its lines.
fn statements(app: &App, approval: &Approval) -> Vec<Vec<Fact>> {
    let theme = app.theme();
    let columns = columns(app).saturating_sub(width(BESIDE));
    let lines = |(number, statement): (usize, &Foreign)| {
        let is_attested = approval.attested.contains(&number);
        let style = if is_attested { theme.good } else { theme.needs_you };
        let lead = format!("{} [{}] ", number + 1, if is_attested { 'x' } else { ' ' });
        let leads = std::iter::once(lead).chain(std::iter::repeat(BESIDE.to_string()));
        let lines = wrap(&statement.shown(), columns);
        leads.zip(lines).map(|(lead, line)| ("", lead + &line, style.style())).collect()
    };
    approval.item.attests.iter().enumerate().map(lines).collect()
}

/// How much it changes, as soon as the diff is here and is the one that is signed.
fn changes(app: &App, approval: &Approval) -> Fact {
    let theme = app.theme();
    let Some(diff) = app.signed_diff(approval) else {
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
        text += &format!(", {}!", count(diff.hidden as u64, "hidden char"));
    }
    let style = if text.len() > counts { theme.bad } else { theme.text };
    ("diff  ", text, style.style())
}

/// The files that change, the first of them.
fn files(app: &App, approval: &Approval) -> Vec<Fact> {
    let Some(diff) = app.signed_diff(approval) else { return Vec::new() };
    let (files, all) = (&diff.files, diff.changes.files);
    let shown = if files.len() > FILES_MAX { FILES_MAX - 1 } else { files.len() };
    let (plain, faint) = (app.theme().text.style(), app.theme().faint.style());
    let line = |file: &File| {
        let hidden = if file.hidden > 0 { " !" } else { "" };
        (BESIDE, format!("{}{hidden}{}", file.path, about_size(file)), plain)
    };
    let left = all.saturating_sub(shown as u64);
    let more = (left > 0).then(|| (BESIDE, format!("and {left} more"), faint));
    let all = files.iter().take(shown).map(line).chain(more);
    all.flat_map(|fact| wrapped(app, fact)).collect()
}

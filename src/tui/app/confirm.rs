//! Dialogs that say what will be done and want two keys for it: an alarm that was seen, a start
//! that needs a person's word about the gate or about the conversation to go on with.

use super::answer::Asked;
use super::dialog::{Dialog, TAKEN};
use super::rows::{ItemRow, TaskRow, list, short, text};
use super::two_keys::TwoKeys;
use super::{App, draw, draw::layout};
use crate::base::id::TaskId;
use crate::tui::action::Action;
use crate::tui::keymap::Table;
use crate::wire::people::{Ask, InboxAsk, PlanAsk, ShowAsk, TaskAsk};
use serde_json::Value;

/// Something that two keys confirm.
#[derive(Clone, PartialEq, Debug)]
pub struct Confirm {
    /// What it is.
    pub title: String,
    /// What it is about.
    pub about: About,
    /// What a person has to have read: the first line is the heading.
    pub says: Vec<String>,
    /// What may be done; none until it is known.
    pub choices: Vec<Choice>,
    /// How far it is.
    pub keys: TwoKeys,
    /// The first line that is shown.
    pub top: usize,
    /// What it is about is not there any more.
    pub is_gone: bool,
}

/// What is confirmed.
#[derive(Clone, PartialEq, Debug)]
pub enum About {
    /// An item of the inbox.
    Item(Box<ItemRow>),
    /// The start of a task.
    Start(Start),
}

/// A task that is to start, and what is known for it.
#[derive(Clone, PartialEq, Debug)]
pub struct Start {
    /// The task.
    task: TaskId,
    /// Its state when the dialog opened.
    state: String,
    /// The gate that would judge it.
    gate: Option<Gate>,
    /// The conversation that could go on, and where; `None` until it is known whether there is one.
    session: Option<Option<(String, String)>>,
}

/// A gate configuration.
#[derive(Clone, PartialEq, Debug)]
struct Gate {
    hash: String,
    is_trusted: bool,
    commands: Vec<String>,
    /// What a person attests with each approval.
    statements: Vec<String>,
    /// What the check `danger` lets pass, where, and why.
    allowed: Vec<String>,
}

/// One thing that may be done.
#[derive(Clone, PartialEq, Debug)]
pub struct Choice {
    /// The key that begins it.
    pub key: &'static str,
    /// What it is, in a word or two.
    pub does: &'static str,
    ask: Ask,
    done: String,
}

impl Confirm {
    fn new(title: String, about: About, says: Vec<String>, revision: u64) -> Self {
        let keys = TwoKeys::shown_in(revision);
        Self { title, about, says, choices: Vec::new(), keys, top: 0, is_gone: false }
    }

    /// An alarm, all of it.
    fn alarm(item: ItemRow, revision: u64) -> Self {
        let mut says = vec![format!("task {} {}", item.task, item.title)];
        says.extend(item.note.shown_lines().lines().map(String::from));
        says.extend(item.details.iter().cloned());
        let approve = InboxAsk::Approve {
            item: item.id.clone(),
            digest: String::new(),
            attested: Vec::new(),
        };
        let seen = Choice {
            key: "A",
            does: "acknowledge",
            ask: Ask::Inbox(approve),
            done: format!("{} acknowledged", item.id),
        };
        let mut confirm = Self::new("ALARM".into(), About::Item(Box::new(item)), says, revision);
        confirm.choices.push(seen);
        confirm
    }

    /// The item it is about.
    pub fn item(&self) -> Option<&ItemRow> {
        match &self.about {
            About::Item(item) => Some(item),
            About::Start(_) => None,
        }
    }

    /// What it shows changed: a person has to look again.
    pub fn look_again(&mut self, revision: u64) {
        self.keys.look_again(revision);
    }

    /// The inbox changed.
    pub fn refresh_item(&mut self, items: &[ItemRow], revision: u64) {
        let About::Item(shown) = &self.about else { return };
        let now = items.iter().find(|item| item.id == shown.id);
        let says = |item: &ItemRow| (item.note.clone(), item.details.clone());
        if now.is_some_and(|item| says(item) == says(shown) && !self.is_gone) {
            return;
        }
        match now {
            Some(item) => *self = Self::alarm(item.clone(), revision),
            None => {
                self.is_gone = true;
                self.look_again(revision);
            }
        }
    }

    /// The tasks changed: one that is in another state is not started from here.
    pub fn refresh_task(&mut self, tasks: &[TaskRow], revision: u64) {
        let About::Start(start) = &self.about else { return };
        let is_same = |task: &TaskRow| task.id == start.task && task.state == start.state;
        if !self.is_gone && !tasks.iter().any(is_same) {
            self.is_gone = true;
            self.look_again(revision);
        }
    }

    /// Something about a start came to be known; once all is, it says what may be done.
    fn learned(&mut self, revision: u64) {
        let About::Start(start) = &self.about else { return };
        let (Some(gate), Some(session)) = (&start.gate, &start.session) else { return };
        self.says.truncate(1);
        if gate.is_trusted {
            self.says.push(format!("Its gate is trusted ({}).", short(&gate.hash)));
        } else {
            let why = "These commands of monban.toml would judge it. They run on this machine, and \
                       nobody has trusted this content yet:";
            self.says.push(why.into());
            let parts = [
                ("", &gate.commands),
                ("A person attests with each approval:", &gate.statements),
                ("It lets these dangers pass:", &gate.allowed),
            ];
            for (head, lines) in parts.into_iter().filter(|(_, lines)| !lines.is_empty()) {
                self.says.extend((!head.is_empty()).then(|| head.to_string()));
                self.says.extend(lines.iter().map(|line| format!("  {line}")));
            }
            self.says.push(format!("hash {}", gate.hash));
        }
        if let Some((conversation, worktree)) = session {
            self.says.push(format!(
                "Its agent's conversation {conversation} can go on in {worktree}, or the task starts \
                 over from its base."
            ));
        }
        let trust = (!gate.is_trusted).then(|| gate.hash.clone());
        let id = start.task;
        let retry = |key, does, resume| Choice {
            key,
            does,
            ask: Ask::Task(id, TaskAsk::Retry { resume: Some(resume), trust: trust.clone() }),
            done: format!("task {id} is asked to run"),
        };
        let run = PlanAsk::Run { tasks: vec![id], trust: trust.clone(), attend_ms: None };
        self.choices = match (session, start.state.as_str()) {
            (_, "draft") => {
                let done = format!("task {id} is asked to run");
                let does = if gate.is_trusted { "run" } else { "trust and run" };
                vec![Choice { key: "A", does, ask: Ask::Plan(run), done }]
            }
            (Some(_), _) => vec![retry("R", "resume", true), retry("F", "fresh", false)],
            (None, _) => vec![retry("A", "start over", false)],
        };
        self.look_again(revision);
    }
}

/// What the check `danger` lets pass, in a line.
fn allowance(allowed: &Value) -> String {
    let paths = list(&allowed["paths"]).iter().map(text).collect::<Vec<_>>().join(" ");
    format!("{} in {paths}: {}", text(&allowed["rule"]), text(&allowed["why"]))
}

impl Dialog {
    /// Whether it is the start of this task.
    pub(super) fn starts(&self, id: TaskId) -> bool {
        let Dialog::Confirm(confirm) = self else { return false };
        matches!(&confirm.about, About::Start(start) if start.task == id)
    }
}

impl App {
    pub(super) fn open_alarm(&mut self, item: ItemRow) {
        self.dialog = Some(Dialog::Confirm(Box::new(Confirm::alarm(item, self.revision))));
    }

    /// Asks what a start needs to know, and shows it.
    pub(super) fn open_start(&mut self, id: TaskId) {
        let Some(row) = self.selected() else { return };
        let (says, state) = (vec![format!("{} {}", row.id, row.title)], row.state.clone());
        // A draft has nothing to go on with.
        let is_draft = state == "draft";
        let session = is_draft.then_some(None);
        let about = About::Start(Start { task: id, state, gate: None, session });
        let confirm = Confirm::new(format!("START task {id}"), about, says, self.revision);
        self.dialog = Some(Dialog::Confirm(Box::new(confirm)));
        self.ask(Asked::Gate(id), Ask::Plan(PlanAsk::Check));
        if !is_draft {
            self.ask(Asked::Session(id), Ask::Show(ShowAsk::Task(id)));
        }
    }

    /// The start of this task that is being looked at.
    fn open_start_of(&mut self, id: TaskId) -> Option<&mut Confirm> {
        match self.dialog.as_mut().filter(|open| open.starts(id)) {
            Some(Dialog::Confirm(confirm)) => Some(&mut **confirm),
            _ => None,
        }
    }

    pub(super) fn gate_came(&mut self, id: TaskId, value: &Value) {
        let revision = self.revision;
        let command = |run: &Value| format!("{}: {}", text(&run["check"]), text(&run["command"]));
        let gate = Gate {
            hash: text(&value["hash"]),
            is_trusted: value["trusted"] == true,
            commands: list(&value["runs"]).iter().map(command).collect(),
            statements: list(&value["attests"]).iter().map(text).collect(),
            allowed: list(&value["allowed_danger"]).iter().map(allowance).collect(),
        };
        if let Some(confirm) = self.open_start_of(id) {
            if let About::Start(start) = &mut confirm.about {
                start.gate = Some(gate);
            }
            confirm.learned(revision);
        }
    }

    pub(super) fn session_came(&mut self, id: TaskId, task: &Value) {
        let revision = self.revision;
        let attempt = list(&task["attempts"]).last().unwrap_or(&Value::Null);
        let place = [&attempt["session"], &attempt["place"]["worktree"]].map(text);
        let [conversation, worktree] = place;
        let is_there = !conversation.is_empty() && !worktree.is_empty();
        if let Some(confirm) = self.open_start_of(id) {
            if let About::Start(start) = &mut confirm.about {
                start.session = Some(is_there.then_some((conversation, worktree)));
            }
            confirm.learned(revision);
        }
    }

    /// Whether everything a person has to read was shown to its end, and the keys may confirm.
    pub(super) fn may_confirm(&self, confirm: &Confirm) -> bool {
        let (lines, room) = draw::confirm_lines(self, confirm);
        let is_free = confirm.item().is_none_or(|item| self.other_at(&item.id).is_none());
        let is_read = layout::shows_approvals(self) && confirm.top + room >= lines;
        self.is_connected && is_free && !confirm.is_gone && is_read
    }

    pub(super) fn confirm_key(&mut self, mut confirm: Box<Confirm>, key: &str) {
        let firsts: Vec<&str> = confirm.choices.iter().map(|choice| choice.key).collect();
        let is_own = firsts.contains(&key) || key == super::two_keys::CONFIRM;
        let action = self.meaning(Table::Nav, key).filter(|_| !is_own);
        let (lines, room) = draw::confirm_lines(self, &confirm);
        let page = room.saturating_sub(1).max(1);
        let top = match action {
            Some(Action::Back) => return,
            Some(Action::Up) => Some(confirm.top.saturating_sub(1)),
            Some(Action::Down) => Some(confirm.top + 1),
            Some(Action::PageUp) => Some(confirm.top.saturating_sub(page)),
            Some(Action::PageDown) => Some(confirm.top + page),
            Some(Action::First) => Some(0),
            Some(Action::Last) => Some(lines),
            _ => None,
        };
        if let Some(top) = top {
            confirm.top = top.min(lines.saturating_sub(room));
        } else if action == Some(Action::Approve) && confirm.keys.arming.is_armed() {
            self.take_over(confirm.item().map(|item| item.id.clone()));
        }
        let is_taken = |action| action == Action::Approve || TAKEN.contains(&action);
        if !is_own && !action.is_some_and(is_taken) {
            self.no_meaning(key);
        }
        let chosen = match top.is_none() && self.may_confirm(&confirm) {
            true => confirm.keys.key(key, &firsts, self.revision, self.now),
            false => {
                confirm.keys.refuse(self.now);
                None
            }
        };
        match chosen.and_then(|chosen| confirm.choices.get(chosen)) {
            Some(choice) => {
                let (asked, ask) = (
                    Asked::Decided { done: choice.done.clone(), follows: None },
                    choice.ask.clone(),
                );
                self.ask(asked, ask);
            }
            None => self.dialog = Some(Dialog::Confirm(confirm)),
        }
    }
}

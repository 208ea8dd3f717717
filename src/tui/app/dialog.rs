//! Dialogs and overlays, and what keys do in them. None opens by itself.

use super::answer::Asked;
use super::approval::Approval;
use super::arming::Arming;
use super::confirm::Confirm;
use super::form::Form;
use super::input::TOO_LONG;
use super::palette::Palette;
use super::rows::{ItemRow, TaskRow};
use super::text::Text;
use super::typed::Typed;
use super::{App, Do};
use crate::base::id::{OpId, TaskId};
use crate::tui::action::Action;
use crate::tui::keymap::Table;
use crate::wire::people::{Ask, InboxAsk, TaskAsk};

/// What lies over the screen.
#[derive(Clone, Debug)]
pub enum Dialog {
    /// An approval that is looked at.
    Approval(Box<Approval>),
    /// Something that two keys confirm.
    Confirm(Box<Confirm>),
    /// The reason of a rejection.
    Reject(Reject),
    /// A word that ends or moves work.
    Typed(Typed),
    /// What to roll back to.
    Checkpoints(Checkpoints),
    /// A new task.
    Form(Box<Form>),
    /// What to search for.
    Search(Search),
    /// Every action.
    Palette(Palette),
    /// The keys, from this line on.
    Help {
        /// The line.
        top: usize,
    },
    /// Who is here.
    People,
}

/// A rejection that is being written.
#[derive(Clone, Debug)]
pub struct Reject {
    /// The item.
    pub item: ItemRow,
    /// The reason.
    pub text: Text,
    /// Why it was not sent.
    pub problem: String,
}

/// A search that is being written.
#[derive(Clone, Debug)]
pub struct Search {
    /// What for.
    pub text: Text,
}

/// The choice of what to roll back to.
#[derive(Clone, PartialEq, Debug)]
pub struct Checkpoints {
    /// The task.
    pub task: TaskId,
    /// What there is; `None` until it came.
    pub list: Option<Vec<Checkpoint>>,
    /// Which is selected.
    pub at: usize,
}

/// Something to roll back to.
#[derive(Clone, PartialEq, Debug)]
pub struct Checkpoint {
    /// Its name.
    pub name: String,
    /// Its number; none is the base.
    pub number: Option<u32>,
    /// Its commit.
    pub commit: String,
    /// What it is there for, in words.
    pub before: String,
}

impl Dialog {
    /// Whether letters are text in it.
    pub fn is_text(&self) -> bool {
        match self {
            Dialog::Reject(_)
            | Dialog::Typed(_)
            | Dialog::Form(_)
            | Dialog::Search(_)
            | Dialog::Palette(_) => true,
            Dialog::Approval(_)
            | Dialog::Confirm(_)
            | Dialog::Checkpoints(_)
            | Dialog::Help { .. }
            | Dialog::People => false,
        }
    }

    /// The item that is decided in it.
    pub fn item(&self) -> Option<&str> {
        match self {
            Dialog::Approval(approval) => Some(&approval.item.id),
            Dialog::Confirm(confirm) => confirm.item().map(|item| item.id.as_str()),
            Dialog::Reject(reject) => Some(&reject.item.id),
            _ => None,
        }
    }

    /// How far it is from taking the keys that decide.
    pub fn arming_mut(&mut self) -> Option<&mut Arming> {
        match self {
            Dialog::Approval(approval) if !approval.is_gone => Some(&mut approval.keys.arming),
            Dialog::Confirm(confirm) if !confirm.is_gone => Some(&mut confirm.keys.arming),
            Dialog::Typed(typed) => Some(&mut typed.arming),
            _ => None,
        }
    }

    /// The text field a paste goes to.
    pub fn text_mut(&mut self) -> Option<&mut Text> {
        match self {
            Dialog::Reject(reject) => Some(&mut reject.text),
            Dialog::Form(form) => form.text_mut(),
            Dialog::Search(search) => Some(&mut search.text),
            Dialog::Palette(palette) => Some(&mut palette.text),
            _ => None,
        }
    }
}

impl App {
    /// Hands a key to the dialog that was taken out; it is put back unless the key closed it.
    pub(super) fn dialog_key(&mut self, dialog: Dialog, key: &str) {
        match dialog {
            Dialog::Approval(approval) => self.approval_key(approval, key),
            Dialog::Confirm(confirm) => self.confirm_key(confirm, key),
            Dialog::Typed(typed) => self.typed_key(typed, key),
            Dialog::Checkpoints(picker) => self.checkpoints_key(picker, key),
            Dialog::Help { top } => self.help_key(top, key),
            Dialog::People => {}
            text => match self.meaning(Table::Text, key) {
                Some(action) => self.text_action(text, action),
                None => self.text_key(text, key),
            },
        }
    }

    fn typed_key(&mut self, mut typed: Typed, key: &str) {
        if self.meaning(Table::Text, key) == Some(Action::Cancel) {
            return;
        }
        match typed.key(key, self.now) {
            Some(ask) => {
                let has = |row: &TaskRow, op: &str| row.rollbacks.iter().any(|it| it.op == op);
                let of_op = |op: OpId| self.tasks.iter().find(|row| has(row, &op.to_string()));
                let asked = match &ask {
                    Ask::Task(task, TaskAsk::RollBack { .. }) => {
                        let row = self.tasks.iter().find(|row| row.id == *task);
                        self.rolls_back(typed.done, row)
                    }
                    Ask::Inbox(InboxAsk::Undo { op }) => self.rolls_back(typed.done, of_op(*op)),
                    Ask::Task(task, _) => self.under_way(typed.done, *task),
                    _ => Asked::Decided { done: typed.done, follows: None },
                };
                self.ask(asked, ask);
            }
            None => {
                if let Some(word) = typed.other_word(key) {
                    self.say_bad(format!("\"{}\" is not {word}: nothing was done", typed.typed));
                }
                self.dialog = Some(Dialog::Typed(typed));
            }
        }
    }

    fn checkpoints_key(&mut self, mut picker: Checkpoints, key: &str) {
        let action = self.meaning(Table::Nav, key);
        if matches!(action, Some(Action::Back | Action::Leave)) {
            return;
        }
        let list = picker.list.as_deref().unwrap_or_default();
        match action {
            Some(Action::Up) => picker.at = picker.at.saturating_sub(1),
            Some(Action::Down) => picker.at = (picker.at + 1).min(list.len().saturating_sub(1)),
            Some(Action::Open) => {
                if let Some(to) = list.get(picker.at) {
                    return self.open_roll_back(picker.task, to);
                }
            }
            _ => self.no_meaning(key),
        }
        self.dialog = Some(Dialog::Checkpoints(picker));
    }

    fn help_key(&mut self, top: usize, key: &str) {
        let (lines, room) = super::draw::help_lines(self);
        let page = room.saturating_sub(1).max(1);
        let top = match self.meaning(Table::Nav, key) {
            Some(Action::Up) => top.saturating_sub(1),
            Some(Action::Down) => top + 1,
            Some(Action::PageUp) => top.saturating_sub(page),
            Some(Action::PageDown) => top + page,
            Some(Action::First) => 0,
            Some(Action::Last) => lines,
            _ => return,
        };
        self.dialog = Some(Dialog::Help { top: top.min(lines.saturating_sub(room)) });
    }

    fn text_action(&mut self, mut dialog: Dialog, action: Action) {
        match (&mut dialog, action) {
            (Dialog::Form(form), Action::NextField) => form.go(true),
            (Dialog::Form(form), Action::PrevField) => form.go(false),
            (Dialog::Reject(_) | Dialog::Form(_), Action::Editor) => {
                if let Some(text) = dialog.text_mut() {
                    let text = text.text();
                    self.out.push(Do::Edit(text));
                }
            }
            (_, Action::Cancel) => return self.keep(dialog),
            (_, Action::Send) => return self.send(dialog),
            _ => {}
        }
        self.dialog = Some(dialog);
    }

    /// A key that writes; Enter runs what the fields of one line are for.
    fn text_key(&mut self, mut dialog: Dialog, key: &str) {
        match &mut dialog {
            Dialog::Search(_) | Dialog::Palette(_) if key == "enter" => return self.send(dialog),
            Dialog::Palette(palette) => palette.key(key),
            Dialog::Form(form) => {
                form.problem.clear();
                form.key(key, &self.agents);
            }
            Dialog::Reject(reject) => {
                reject.problem.clear();
                reject.text.key(key);
            }
            other => {
                if let Some(text) = other.text_mut() {
                    text.key(key);
                }
            }
        }
        self.dialog = Some(dialog);
    }

    fn keep(&mut self, dialog: Dialog) {
        match dialog {
            Dialog::Reject(reject) if reject.text.is_blank() => {
                self.reasons.remove(&reject.item.task);
            }
            Dialog::Reject(reject) => {
                self.reasons.insert(reject.item.task, reject.text.text());
                let key = self.setup.looks.keymap.key_of(Action::Reject);
                self.say(format!("the reason was not sent; {key} goes on with it"));
            }
            Dialog::Form(form) => {
                self.unsent_task = Some(form);
                let key = self.setup.looks.keymap.key_of(Action::NewTask);
                self.say(format!("not sent; {key} goes on with it, until you leave the dashboard"));
            }
            _ => {}
        }
    }

    fn send(&mut self, dialog: Dialog) {
        match dialog {
            Dialog::Reject(reject) => self.send_reason(reject),
            Dialog::Form(form) => self.send_form(form),
            Dialog::Search(search) => self.search_for(search.text.text()),
            Dialog::Palette(palette) => match palette.selected() {
                Some(action) => self.act(action),
                None => {
                    self.say_bad(format!("no action is called {}", palette.text.text()));
                    self.dialog = Some(Dialog::Palette(palette));
                }
            },
            other => self.dialog = Some(other),
        }
    }

    fn send_reason(&mut self, mut reject: Reject) {
        if reject.text.is_blank() {
            reject.problem = "a rejection needs a reason".into();
        } else if !self.is_connected {
            reject.problem = "not connected: nothing was sent".into();
        } else if let Some(other) = self.other_at(&reject.item.id) {
            reject.problem = format!("{} was deciding it; send again to do it here", other.person);
            self.take_over(Some(reject.item.id.clone()));
        } else {
            let (item, task, reason) = (reject.item.id, reject.item.task, reject.text.text());
            // Kept until the daemon has it.
            self.reasons.insert(task, reason.clone());
            let ask = Ask::Inbox(InboxAsk::Reject { item: item.clone(), reason });
            return self.ask(Asked::Reject(item, task), ask);
        }
        self.dialog = Some(Dialog::Reject(reject));
    }

    fn send_form(&mut self, mut form: Box<Form>) {
        match form.ask() {
            Ok(ask) if self.is_connected => {
                // Kept until the daemon has it.
                self.unsent_task = Some(form);
                self.ask(Asked::Add, ask);
            }
            Ok(_) => {
                form.problem = "not connected: nothing was sent".into();
                self.dialog = Some(Dialog::Form(form));
            }
            Err(problem) => {
                form.problem = problem;
                self.dialog = Some(Dialog::Form(form));
            }
        }
    }

    /// What a person wrote in their editor replaces the field it came from.
    pub(super) fn edited(&mut self, text: Option<String>) {
        let field = match &mut self.dialog {
            Some(Dialog::Reject(reject)) => Some(&mut reject.text),
            Some(Dialog::Form(form)) => form.text_mut(),
            _ => None,
        };
        if let (Some(field), Some(text)) = (field, text) {
            let mut edited = field.clone();
            edited.key("ctrl-c");
            match edited.paste(text.trim_end()) {
                true => *field = edited,
                false => self.say_bad(TOO_LONG),
            }
        }
    }
}

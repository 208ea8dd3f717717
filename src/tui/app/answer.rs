//! Requests and what came of them.

use super::diff::Diff;
use super::gates::Gates;
use super::rows::{Rollback, TaskRow};
use super::{App, Screen, decide, dialog::Dialog};
use crate::base::clock::Timestamp;
use crate::base::id::TaskId;
use crate::model::rejection::{Class, Rejection};
use crate::tui::action::Action;
use crate::wire::people::{Answer, Ask, ShowAsk};
use crate::wire::view::Said;
use serde_json::Value;

/// What a request was for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// A diff to look at.
    Diff(TaskId),
    /// Verdicts to look at.
    Gates(TaskId),
    /// The checkpoints to go back to.
    Checkpoints(TaskId),
    /// The rollback to undo.
    Undo(TaskId),
    /// The agents there are.
    Agents,
    /// A task that was written down.
    Add,
    /// An item that was rejected, and its task.
    Reject(String, TaskId),
    /// A draft that is to run.
    Start(TaskId),
    /// The gate that would judge a task.
    Gate(TaskId),
    /// The conversation that a task could go on with.
    Session(TaskId),
    /// Something was decided.
    Decided {
        /// What the footer says then.
        done: String,
        /// What it says that of while it is under way.
        follows: Option<Follows>,
    },
}

/// Something under way that the last line tells of until it is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Follows {
    /// A task, which was in its state since then.
    State(TaskId, Option<Timestamp>),
    /// A rollback of a task, or the undo of one; its rollbacks as they were.
    Rollback(TaskId, Vec<Rollback>),
}

impl Asked {
    /// What was decided, if that is what it was for.
    pub fn decides(self) -> Option<String> {
        match self {
            Asked::Decided { done, .. } => Some(done),
            Asked::Start(task) => Some(format!("task {task} is asked to run")),
            Asked::Add => Some("task added".into()),
            Asked::Reject(item, _) => Some(format!("{item} rejected")),
            _ => None,
        }
    }
}

/// Something that is shown of one task, asked for when it may have changed.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// The task and the state of it that was asked about last.
    key: Option<(TaskId, String)>,
    /// What came.
    value: Option<(TaskId, T)>,
    /// Why nothing came.
    problem: String,
}

impl<T> Default for Loaded<T> {
    fn default() -> Self {
        Self { key: None, value: None, problem: String::new() }
    }
}

impl<T> Loaded<T> {
    /// What is known of a task.
    pub fn of(&self, task: TaskId) -> Option<&T> {
        self.value.as_ref().filter(|(of, _)| *of == task).map(|(_, value)| value)
    }

    /// Why nothing is known of it.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// Asks again, whatever was asked before.
    pub fn forget_request(&mut self) {
        self.key = None;
    }

    /// Whether this has to be asked about; it counts as asked then.
    fn wants(&mut self, key: (TaskId, String)) -> bool {
        let is_new = self.key.as_ref() != Some(&key);
        if is_new {
            self.key = Some(key);
            self.problem.clear();
        }
        is_new
    }

    fn came(&mut self, task: TaskId, value: T) {
        self.value = Some((task, value));
        self.problem.clear();
    }
}

impl App {
    /// Asks something; nothing is asked while there is no connection.
    pub(super) fn ask(&mut self, asked: Asked, ask: Ask) {
        if !self.is_connected {
            return self.say_bad("not connected: nothing was asked");
        }
        let id = self.next_ask;
        self.next_ask = self.next_ask.wrapping_add(1);
        self.asked.insert(id, asked);
        let at = self.setup.at.clone();
        self.tell(Said::Ask { id, at, ask });
    }

    /// Asks for what is shown of a task, when it may have changed.
    pub(super) fn fetch(&mut self) {
        if !self.is_connected {
            return;
        }
        if let Some((task, state)) = self.wanted_diff()
            && self.diff.wants((task, state))
        {
            self.ask(Asked::Diff(task), Ask::Show(ShowAsk::Diff(task)));
        }
        let row = self.selected().filter(|_| self.screen == Screen::Gates);
        let wanted = row.map(|row| (row.id, format!("{} {:?}", row.state, row.verdicts)));
        if let Some((task, state)) = wanted
            && self.gates.wants((task, state))
        {
            self.ask(Asked::Gates(task), Ask::Show(ShowAsk::Gates(task)));
        }
    }

    /// The task whose diff is shown, and what that diff depends on.
    fn wanted_diff(&self) -> Option<(TaskId, String)> {
        if let Some(Dialog::Approval(approval)) = &self.dialog {
            let signed = approval.item.binds.as_ref()?.diff_sha256.clone();
            return Some((approval.item.task, signed));
        }
        let row = self.selected().filter(|_| self.screen == Screen::Diff)?;
        Some((row.id, row.head.clone()))
    }

    pub(super) fn answer(&mut self, id: u32, answer: Answer) {
        match answer {
            Answer::Progress { .. } | Answer::Row(_) => {}
            Answer::Done(value) => {
                if let Some(asked) = self.asked.remove(&id) {
                    self.done(asked, &value);
                }
            }
            Answer::Refused(rejection) => {
                if let Some(asked) = self.asked.remove(&id) {
                    self.refused(asked, &rejection);
                }
            }
        }
    }

    fn done(&mut self, asked: Asked, value: &Value) {
        match asked {
            Asked::Diff(task) => self.diff_came(task, Diff::read(value)),
            Asked::Gates(task) => {
                let gates = Gates::read(value);
                if self.gates.of(task) != Some(&gates) {
                    self.verdict = gates.as_ref().map_or(0, Gates::first_red);
                    self.log_back = 0;
                }
                self.gates.came(task, gates);
            }
            Asked::Checkpoints(task) => {
                if let Some(Dialog::Checkpoints(picker)) = &mut self.dialog
                    && picker.task == task
                {
                    picker.list = Some(decide::checkpoints(value));
                }
            }
            Asked::Undo(task) => self.undo_came(task, value),
            Asked::Start(task) => {
                self.wants_word = None;
                self.say(format!("task {task} is asked to run"));
            }
            Asked::Gate(task) => self.gate_came(task, value),
            Asked::Session(task) => self.session_came(task, value),
            Asked::Agents => self.agents_came(value),
            Asked::Add => {
                self.unsent_task = None;
                let id = value["id"].as_u64().map(|id| format!(" {id}")).unwrap_or_default();
                self.say(format!("task{id} is written down as a draft"));
            }
            Asked::Reject(item, task) => {
                self.reasons.remove(&task);
                self.say(format!("{item} rejected; the reason goes to the agent"));
            }
            Asked::Decided { done, follows } => {
                self.say(done);
                self.note = self.note.take().map(|note| super::Note { follows, ..note });
                self.follow();
            }
        }
    }

    fn refused(&mut self, asked: Asked, rejection: &Rejection) {
        let why = rejection.to_string();
        let why_shown = self.in_keys(why.as_str());
        match asked {
            Asked::Diff(_) => self.diff.problem = why_shown,
            Asked::Gates(_) => self.gates.problem = why_shown,
            // Another dialog may be open by now; what is written in it stays.
            Asked::Checkpoints(task) => {
                self.dialog.take_if(|open| open.waits_for_checkpoints(task));
                self.say_bad(why);
            }
            Asked::Undo(task) => {
                self.dialog.take_if(|open| open.waits_for_undo(task));
                self.say_bad(why);
            }
            Asked::Gate(task) | Asked::Session(task) => {
                self.dialog.take_if(|open| open.starts(task));
                self.say_bad(why);
            }
            Asked::Start(task) if rejection.class == Class::NeedsPerson => {
                self.wants_word = Some(task);
                let key = self.setup.looks.keymap.key_of(Action::Start);
                self.say_bad(format!("{}; {key} again shows what it is about", rejection.why));
            }
            // A name can be typed all the same; what is wrong is said when it is sent.
            Asked::Agents => {}
            Asked::Add => {
                if let Some(form) = &mut self.unsent_task {
                    form.problem = why_shown;
                }
                let key = self.setup.looks.keymap.key_of(Action::NewTask);
                self.say_bad(format!("{why}; {key} goes on with it"));
            }
            Asked::Reject(..) | Asked::Start(_) | Asked::Decided { .. } => {
                self.say_bad(why);
            }
        }
    }

    /// Something is asked that goes on after its answer.
    pub(super) fn under_way(&self, done: String, task: TaskId) -> Asked {
        let row = self.tasks.iter().find(|row| row.id == task);
        Asked::Decided { done, follows: row.map(|row| Follows::State(task, row.since)) }
    }

    /// The same of a rollback of a task, or of the undo of one.
    pub(super) fn rolls_back(&self, done: String, row: Option<&TaskRow>) -> Asked {
        let follows = row.map(|row| Follows::Rollback(row.id, row.rollbacks.clone()));
        Asked::Decided { done, follows }
    }

    /// What the last line tells as under way is over: it says so.
    pub(super) fn follow(&mut self) {
        match self.note.as_ref().and_then(|note| note.follows.clone()) {
            Some(Follows::State(task, since)) => self.follow_state(task, since),
            Some(Follows::Rollback(task, before)) => self.follow_rollback(task, &before),
            None => {}
        }
    }

    fn follow_rollback(&mut self, task: TaskId, before: &[Rollback]) {
        let row = self.tasks.iter().find(|row| row.id == task);
        let Some(all) = row.map(|row| row.rollbacks.clone()) else { return };
        let Some(now) = all.iter().find(|now| !before.contains(now)) else { return };
        let is_undone = |it: &Rollback| it.op == now.op && it.progress == "undo-wanted";
        let was_undone = before.iter().any(is_undone);
        let undo = self.setup.looks.keymap.key_of(Action::Undo);
        let op = &now.op;
        match now.progress.as_str() {
            "done" if was_undone => {
                self.say_bad(format!("{op} could not be undone: task {task} stays rolled back"));
            }
            "done" => self.say(format!("task {task} is rolled back; {undo} undoes that ({op})")),
            "undone" => self.say(format!("{op} is undone: task {task} is as it was before")),
            "failed" => self.say_bad(format!("the rollback {op} failed: {}", now.why)),
            _ => {
                if let Some(note) = &mut self.note {
                    note.follows = Some(Follows::Rollback(task, all));
                }
            }
        }
    }

    fn follow_state(&mut self, task: TaskId, since: Option<Timestamp>) {
        let row = self.tasks.iter().find(|row| row.id == task && row.since != since);
        let Some(state) = row.map(|row| row.state.clone()) else { return };
        match state.as_str() {
            "queued" | "running" | "checking" | "landing" | "rolling-back" => {}
            "failed" => self.say_bad(format!("task {task} is {state}")),
            _ => self.say(format!("task {task} is {state}")),
        }
    }

    fn diff_came(&mut self, task: TaskId, diff: Diff) {
        if self.diff.of(task).is_none_or(|before| before.head != diff.head) {
            self.diff_at = (0, 0);
        }
        let is_new = self.diff.of(task) != Some(&diff);
        self.diff.came(task, diff);
        // An approval shows how much a diff changes.
        if is_new && matches!(&self.dialog, Some(Dialog::Approval(a)) if a.item.task == task) {
            self.look_again();
        }
    }
}

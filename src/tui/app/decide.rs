//! Actions that decide something: most open a dialog. One key alone pauses, starts and judges: what
//! can be taken back.

use super::answer::Asked;
use super::approval::Approval;
use super::arming::Arming;
use super::dialog::{Checkpoint, Checkpoints, Dialog, Reject};
use super::form::Form;
use super::rows::{ItemRow, TaskRow, list, short, typed};
use super::text::{Lines, Text};
use super::typed::{Typed, word};
use super::{App, Screen};
use crate::base::id::{OpId, TaskId};
use crate::model::decide::NO_AGENT;
use crate::model::item::ItemKind;
use crate::tui::action::Action;
use crate::wire::people::{Ask, InboxAsk, PlanAsk, ShowAsk, TaskAsk};
use serde_json::Value;

impl App {
    pub(super) fn decide(&mut self, action: Action) {
        if self.setup.watch {
            return self.say_bad("this dashboard only watches");
        }
        match action {
            Action::NewTask => self.open_form(),
            Action::Resume => self.open_resume(),
            Action::Approve => self.open_approval(),
            Action::Reject => self.open_reject(),
            _ => match self.selected().map(|task| task.id) {
                Some(task) => self.decide_task(action, task),
                None => self.say("there is no task yet"),
            },
        }
    }

    fn decide_task(&mut self, action: Action, task: TaskId) {
        match action {
            Action::Start => self.start(task),
            Action::Pause => self.pause(task),
            Action::Judge => {
                let done = format!("task {task} is being judged");
                self.ask(self.under_way(done, task), Ask::Task(task, TaskAsk::Judge));
            }
            Action::Abort => self.open_abort(task),
            Action::RollBack => {
                self.dialog = Some(Dialog::Checkpoints(Checkpoints { task, list: None, at: 0 }));
                self.ask(Asked::Checkpoints(task), Ask::Show(ShowAsk::Task(task)));
            }
            Action::Undo => self.open_undo(task),
            Action::Revert => self.open_revert(task),
            _ => {}
        }
    }

    /// The approval that is selected, or waits for the selected task.
    fn approval(&self) -> Option<&ItemRow> {
        let is_approval = |item: &&ItemRow| item.kind == Some(ItemKind::Approval);
        match self.screen {
            Screen::Inbox => self.selected_item().filter(is_approval),
            _ => {
                let of_task = |item: &&ItemRow| Some(item.task) == self.task && is_approval(item);
                self.items.iter().find(of_task)
            }
        }
    }

    /// The alarm that is selected, or is about the selected task.
    fn alarm(&self) -> Option<&ItemRow> {
        let is_alarm = |item: &&ItemRow| item.kind == Some(ItemKind::Alarm);
        match self.screen {
            Screen::Inbox => self.selected_item().filter(is_alarm),
            _ => {
                let of_task = |item: &&ItemRow| Some(item.task) == self.task && is_alarm(item);
                self.items.iter().find(of_task)
            }
        }
    }

    /// Whether an action does something here and now.
    pub(super) fn is_of_use(&self, action: Action) -> bool {
        let task = self.selected();
        let state = task.map(|task| task.state.as_str()).unwrap_or_default();
        let is_over = matches!(state, "done" | "failed" | "stopped" | "skipped");
        let agent = task.filter(|task| task.run.is_some() && !is_over);
        let works =
            agent.and_then(|task| task.status.as_ref()).is_some_and(|s| s.state != "exited");
        match action {
            Action::NextNeeding => !self.items.is_empty(),
            Action::GotoFocus | Action::GotoDiff | Action::GotoGates | Action::Open => {
                task.is_some()
            }
            _ if self.setup.watch => !action.decides(),
            Action::Approve => self.approval().is_some() || self.alarm().is_some(),
            Action::Reject => self.approval().is_some(),
            Action::StepIn | Action::Pause => works,
            Action::Abort => task.is_some() && !is_over && !matches!(state, "draft" | "queued"),
            Action::Start => {
                let is_left = task.is_some_and(|task| self.is_left(task));
                is_left || matches!(state, "draft" | "failed" | "stopped" | "skipped")
            }
            Action::Judge | Action::RollBack | Action::Undo => {
                task.is_some_and(|task| !task.base.is_empty())
            }
            _ => true,
        }
    }

    /// Whether its agent left, in whatever way, and what it made cannot be decided about.
    fn is_left(&self, task: &TaskRow) -> bool {
        let is_result =
            |item: &ItemRow| item.task == task.id && item.kind == Some(ItemKind::Approval);
        let status = task.status.as_ref().map(|status| status.state.as_str());
        let is_gone = matches!(status, Some("exited" | "error"));
        task.state == "waiting" && is_gone && !self.items.iter().any(is_result)
    }

    fn no_approval(&mut self) {
        let in_pane = self.selected_item().is_some_and(|item| {
            self.screen == Screen::Inbox && item.kind.is_some_and(ItemKind::needs_agent)
        });
        let is_halt =
            self.screen == Screen::Inbox && self.selected_item().is_some_and(|item| item.is_halt);
        match (in_pane, is_halt) {
            (true, _) => self.say("the agent asks in its pane; Enter goes there"),
            (_, true) => self.say("the repository is halted; `monban resume` lifts that"),
            _ => self.say("no result waits for approval here"),
        }
    }

    /// What the approve action looks at: an alarm of the task comes first, for it holds up the
    /// approval of a result.
    pub(super) fn open_approval(&mut self) {
        if let Some(alarm) = self.alarm().cloned() {
            return self.open_alarm(alarm);
        }
        match self.approval().cloned() {
            Some(item) => {
                let approval = Approval::new(item, self.revision);
                if self.signed_diff(&approval).is_none() {
                    // It may have been refused, or another may have come.
                    self.diff.forget_request();
                }
                self.dialog = Some(Dialog::Approval(Box::new(approval)));
            }
            None => self.no_approval(),
        }
    }

    pub(super) fn open_reject(&mut self) {
        match self.approval().cloned() {
            Some(item) => self.reject(item),
            None => self.no_approval(),
        }
    }

    pub(super) fn reject(&mut self, item: ItemRow) {
        let before = self.reasons.get(&item.task).map_or("", String::as_str);
        let text = Text::new(Lines::Many, before);
        self.dialog = Some(Dialog::Reject(Reject { item, text, problem: String::new() }));
    }

    fn open_form(&mut self) {
        let agent = self.tasks.iter().rev().map(|task| task.agent.as_str());
        let agent = { agent }.find(|agent| *agent != NO_AGENT).unwrap_or("claude");
        let form = self.unsent_task.take().unwrap_or_else(|| Box::new(Form::new(agent)));
        self.dialog = Some(Dialog::Form(form));
        if self.is_connected {
            self.ask(Asked::Agents, Ask::Show(ShowAsk::Agents));
        }
    }

    /// The names of the agents there are: the form offers them.
    pub(super) fn agents_came(&mut self, names: &Value) {
        self.agents = list(names).iter().map(super::rows::text).collect();
        self.agents.sort_unstable();
        self.agents.dedup();
    }

    fn open_typed(
        &mut self,
        title: String,
        says: &[&str],
        wanted: Option<(Ask, String)>,
        done: &str,
    ) {
        self.dialog = Some(Dialog::Typed(Typed {
            title,
            says: says.iter().map(ToString::to_string).collect(),
            wanted,
            typed: String::new(),
            done: done.into(),
            arming: Arming::shown_in(self.revision),
        }));
    }

    fn open_resume(&mut self) {
        let why = match (&self.head.halted, &self.head.held) {
            (Some(halted), _) => format!("It is HALTED {halted}"),
            (None, Some(held)) => format!("It is HELD: {held}"),
            (None, None) if self.setup.all => {
                return self
                    .say("all repositories are shown; monban resume in a halted one lifts it");
            }
            (None, None) => return self.say("the repository is neither halted nor held"),
        };
        let says = [why.as_str(), "What is queued may start again, and agents that stand go on."];
        let wanted = (Ask::Plan(PlanAsk::Resume), "resume".to_string());
        self.open_typed(
            "RESUME the repository".into(),
            &says,
            Some(wanted),
            "the halt or hold is lifted",
        );
    }

    fn start(&mut self, id: TaskId) {
        let state = self.selected().map(|task| task.state.clone()).unwrap_or_default();
        match state.as_str() {
            "draft" if self.wants_word != Some(id) => {
                let run = PlanAsk::Run { tasks: vec![id], trust: None, attend_ms: None };
                self.ask(Asked::Start(id), Ask::Plan(run));
            }
            "draft" | "failed" | "stopped" | "skipped" => self.open_start(id),
            "waiting" if self.selected().is_some_and(|task| self.is_left(task)) => {
                self.open_start(id);
            }
            other => self.say(format!("task {id} is {other}; drafts and ended tasks can start")),
        }
    }

    fn pause(&mut self, id: TaskId) {
        let status = self.selected().and_then(|task| task.status.as_ref());
        let is_paused = status.is_some_and(|status| status.is_paused);
        let (ask, done) = match is_paused {
            true => (TaskAsk::GoOn, format!("task {id} goes on")),
            false => (TaskAsk::Pause, format!("task {id} stands still")),
        };
        self.ask(Asked::Decided { done, follows: None }, Ask::Task(id, ask));
    }

    fn open_abort(&mut self, id: TaskId) {
        let Some(task) = self.selected() else { return };
        let word = word(&[&task.head, &task.base], &id.to_string());
        let title = format!("ABORT task {id}");
        let about = format!("{} ({})", task.title, task.state);
        let commit = match (task.head.as_str(), task.base.as_str()) {
            ("", "") => "It has no worktree yet.".to_string(),
            ("", base) => format!("No snapshot was taken; its base is {}.", short(base)),
            (head, _) => format!("Its last snapshot is {}.", short(head)),
        };
        let what = "Ends the agent and everything it started; the worktree is kept.";
        let wanted = (Ask::Task(id, TaskAsk::Abort), word);
        let done = format!("task {id} is being stopped");
        self.open_typed(title, &[&about, &commit, what], Some(wanted), &done);
    }

    /// Asks for the word that rolls a task back to what was picked.
    pub(super) fn open_roll_back(&mut self, id: TaskId, to: &Checkpoint) {
        let title = format!("ROLL BACK task {id}");
        let target = format!("Its worktree becomes {} ({}).", to.name, short(&to.commit));
        let kept = "What is there now is kept aside; the undo action brings it back.";
        let mut says = vec![target];
        let result =
            self.items.iter().find(|item| item.task == id && item.kind == Some(ItemKind::Approval));
        says.extend(
            result.map(|item| {
                format!("Its result, which waits for you as {}, is withdrawn.", item.id)
            }),
        );
        says.push(kept.into());
        let says: Vec<&str> = says.iter().map(String::as_str).collect();
        let commit = Some(to.commit.clone());
        let ask = Ask::Task(id, TaskAsk::RollBack { checkpoint: to.number, commit });
        let wanted = (ask, word(&[&to.commit], &id.to_string()));
        let done = format!("task {id} is being rolled back to {}", to.name);
        self.open_typed(title, &says, Some(wanted), &done);
    }

    fn open_undo(&mut self, id: TaskId) {
        self.open_typed(undo_title(id), &["Looking for its last rollback."], None, "");
        self.ask(Asked::Undo(id), Ask::Show(ShowAsk::Task(id)));
    }

    fn open_revert(&mut self, id: TaskId) {
        let Some(task) = self.selected().filter(|task| task.state == "done") else {
            return self.say(format!("task {id} has not landed; only landed work can be reverted"));
        };
        let (about, title) = (task.title.clone(), format!("REVERT task {id}"));
        let what = "The base without it is judged, and waits for your approval like any result.";
        let wanted = (Ask::Task(id, TaskAsk::Revert { trust: None }), id.to_string());
        let done = format!("a new task takes task {id} back");
        self.open_typed(title, &[&about, what], Some(wanted), &done);
    }

    pub(super) fn undo_came(&mut self, id: TaskId, task: &Value) {
        let revision = self.revision;
        let Some(Dialog::Typed(dialog)) =
            self.dialog.as_mut().filter(|open| open.waits_for_undo(id))
        else {
            return;
        };
        let attempt = list(&task["attempts"]).last().unwrap_or(&Value::Null);
        let last = list(&attempt["rollbacks"]).iter().rev().find(|one| one["can_undo"] == true);
        let op = last.and_then(|rollback| rollback["op"].as_str()).unwrap_or_default();
        let Some(number) = op.strip_prefix("op").and_then(|number| number.parse().ok()) else {
            self.dialog = None;
            return self.say(format!("task {id} has no rollback that can be undone"));
        };
        dialog.says = vec![
            format!("The rollback {op} is undone: its worktree becomes what it was before."),
            "What is there now is kept aside.".into(),
        ];
        dialog.wanted = Some((Ask::Inbox(InboxAsk::Undo { op: OpId(number) }), op.to_string()));
        dialog.done = format!("asked to undo {op}");
        dialog.look_again(revision);
    }
}

fn undo_title(id: TaskId) -> String {
    format!("UNDO a rollback of task {id}")
}

impl Dialog {
    /// Whether it is to be filled with the rollbacks of this task.
    pub(super) fn waits_for_undo(&self, id: TaskId) -> bool {
        let Dialog::Typed(typed) = self else { return false };
        typed.wanted.is_none() && typed.title == undo_title(id)
    }

    /// Whether it is to be filled with the checkpoints of this task.
    pub(super) fn waits_for_checkpoints(&self, id: TaskId) -> bool {
        matches!(self, Dialog::Checkpoints(picker) if picker.list.is_none() && picker.task == id)
    }
}

/// What a task can go back to: its base and its checkpoints, the newest first.
pub fn checkpoints(task: &Value) -> Vec<Checkpoint> {
    let attempt = list(&task["attempts"]).last().unwrap_or(&Value::Null);
    let one = |row: &Value| {
        let snapshot = &row["snapshot"];
        Some(Checkpoint {
            name: super::rows::text(&row["name"]),
            number: Some(typed(&snapshot["number"])?),
            commit: super::rows::text(&snapshot["commit"]),
            before: words(&row["before"]),
        })
    };
    let made = list(&attempt["checkpoints"]).iter().rev().filter_map(one);
    let commit = super::rows::text(&task["base"]);
    let before = words(&attempt["base_before"]);
    let base = Checkpoint { name: "the base".into(), number: None, commit, before };
    made.chain([base]).collect()
}

/// What a checkpoint is there for.
fn words(before: &Value) -> String {
    list(before).iter().map(super::rows::text).collect::<Vec<_>>().join(", ")
}

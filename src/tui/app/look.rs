//! What the dashboard looks at, and what it makes of frames.

use super::dialog::Dialog;
use super::draw::layout;
use super::rows::{self, Deciding};
use super::{App, Do, Screen};
use crate::base::id::RunId;
use crate::base::size::Size;
use crate::tui::pace::Moment;
use crate::view::Update;
use crate::wire::view::{Said, Surface};
use std::collections::BTreeSet;
use std::time::Duration;

/// The numbers of the tables. Panes have those above, each its own: a frame that is still on its
/// way for the pane before is so told apart.
const TASKS: u32 = 1;
const INBOX: u32 = 2;

/// The pane that is looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Panes {
    last: u32,
    at: Option<(RunId, u32)>,
    /// How many rows back in its history is wanted.
    back: u32,
    /// The room that was told.
    room: Option<(RunId, Size)>,
}

impl Default for Panes {
    fn default() -> Self {
        Self { last: INBOX, at: None, back: 0, room: None }
    }
}

impl Panes {
    /// Its number.
    pub fn surface(&self) -> Option<u32> {
        self.at.map(|_| self.last)
    }
}

impl App {
    pub(super) fn connected(&mut self) {
        if self.lost.take().is_some() {
            self.note = None;
        }
        (self.is_connected, self.silent) = (true, None);
        let tables = [
            (TASKS, Surface::Tasks { all: self.setup.all }),
            (INBOX, Surface::Inbox { all: self.setup.all }),
        ];
        for (surface, at) in tables {
            self.look_at(surface, Some(at));
        }
        if let Some((run, back)) = self.panes.at {
            self.look_at(self.panes.last, Some(Surface::Pane { run, back }));
        }
        self.panes.room = None;
        // What it shows may be old: it is read again with the keys that count again.
        self.look_again();
    }

    pub(super) fn lost(&mut self, why: &str, silent: Duration) {
        (self.is_connected, self.silent) = (false, None);
        (self.held, self.deciding) = (None, Vec::new());
        let why = crate::base::foreign::Foreign::new(why).shown();
        self.lost.get_or_insert((why, self.now.saturating_sub(silent)));
        self.diff.forget_request();
        self.gates.forget_request();
        let open = std::mem::take(&mut self.asked);
        let unsure: Vec<String> = open.into_values().filter_map(|asked| asked.decides()).collect();
        if !unsure.is_empty() {
            self.say_bad(format!("not known whether it was done: {}", unsure.join(", ")));
        }
        self.look_again();
    }

    /// What the open dialog shows changed, or can no longer be relied on.
    pub(super) fn look_again(&mut self) {
        match &mut self.dialog {
            Some(Dialog::Approval(approval)) => approval.look_again(self.revision),
            Some(Dialog::Confirm(confirm)) => confirm.look_again(self.revision),
            Some(Dialog::Typed(typed)) => typed.look_again(self.revision),
            _ => {}
        }
    }

    pub(super) fn frame(&mut self, updates: Vec<Update>) {
        for update in updates {
            let surface = update.surface;
            if surface > INBOX && Some(surface) != self.panes.surface() {
                continue;
            }
            if let Some(head) = update.head.as_ref().filter(|_| surface > INBOX) {
                self.pane_head = rows::typed(head);
            }
            if let Err(broken) = self.copy.apply(update) {
                self.say_bad(broken.to_string());
                self.copy.forget(surface);
                let at = match (surface, self.panes.at) {
                    (TASKS, _) => Some(Surface::Tasks { all: self.setup.all }),
                    (INBOX, _) => Some(Surface::Inbox { all: self.setup.all }),
                    (_, at) => at.map(|(run, back)| Surface::Pane { run, back }),
                };
                self.look_at(surface, at);
            }
            match surface {
                TASKS => self.tasks_changed(),
                INBOX => self.inbox_changed(),
                _ => {}
            }
        }
    }

    fn tasks_changed(&mut self) {
        if let Some(content) = self.copy.get(TASKS) {
            self.tasks = rows::tasks(content);
            self.head = rows::head(&content.head);
            if let Some(id) = self.wanted.take()
                && !self.tasks.iter().any(|task| task.id == id)
            {
                self.say_bad(format!("there is no task {id} among those that are shown here"));
            }
        }
        self.follow();
        if let Some(Dialog::Confirm(confirm)) = &mut self.dialog {
            confirm.refresh_task(&self.tasks, self.revision);
        }
    }

    fn inbox_changed(&mut self) {
        let Some(content) = self.copy.get(INBOX) else { return };
        let before = self.other_here();
        self.items = rows::items(content);
        self.deciding = rows::deciding(&content.head);
        let now: BTreeSet<String> = self.items.iter().map(|item| item.id.clone()).collect();
        if self.seen.as_ref().is_some_and(|seen| !now.is_subset(seen)) {
            self.out.push(Do::Ring);
        }
        self.seen = Some(now);
        match &mut self.dialog {
            Some(Dialog::Approval(approval)) => approval.refresh(&self.items, self.revision),
            Some(Dialog::Confirm(confirm)) => confirm.refresh_item(&self.items, self.revision),
            _ => {}
        }
        if self.other_here() != before {
            self.look_again();
        }
    }

    /// Who decides an item elsewhere, before anybody here may.
    pub(super) fn other_at(&self, item: &str) -> Option<&Deciding> {
        self.deciding.iter().find(|one| one.item == item && !one.is_you)
    }

    /// The same for the item of the open dialog.
    fn other_here(&self) -> Option<Deciding> {
        self.other_at(self.dialog.as_ref()?.item()?).cloned()
    }

    /// Tells the daemon what is being decided here.
    pub(super) fn hold(&mut self) {
        let item = self.dialog.as_ref().and_then(|dialog| dialog.item().map(String::from));
        if self.is_connected && item != self.held {
            self.held.clone_from(&item);
            self.tell(Said::Decide { item, first: false });
        }
    }

    /// Decides an item here that somebody decides elsewhere, who then cannot.
    pub(super) fn take_over(&mut self, item: Option<String>) {
        if item.as_deref().is_some_and(|item| self.other_at(item).is_some()) && self.is_connected {
            self.held.clone_from(&item);
            self.tell(Said::Decide { item, first: true });
        }
    }

    /// Keeps something selected where there is something.
    pub(super) fn select(&mut self) {
        if self.selected().is_none() && self.typing.is_none() && !self.tasks.is_empty() {
            self.task = self.tasks.first().map(|task| task.id);
        }
        // In the inbox one that waits no longer stays selected until a person moves: a key that is
        // on its way must not act on another task.
        let stays = self.screen == Screen::Inbox && self.item.is_some();
        if self.selected_item().is_none() && !stays {
            self.item = self.items.first().map(|item| item.id.clone());
        }
        if self.screen == Screen::Inbox && self.typing.is_none() {
            self.task = self.selected_item().map(|item| item.task).or(self.task);
        }
    }

    /// Looks at the pane that is shown, and tells how much room there is for it.
    pub(super) fn look(&mut self) {
        let is_shown = layout::pane(self).is_some();
        let shown = || self.selected().filter(|_| is_shown).and_then(|task| task.run);
        let run = self.typing.or_else(shown);
        if self.typing.is_some() || run != self.panes.at.map(|(run, _)| run) {
            self.panes.back = 0;
        }
        let wanted = run.map(|run| (run, self.panes.back));
        if wanted != self.panes.at && self.is_connected {
            self.change_pane(wanted);
        }
        // Where it is not focused, the pane has the room that it would have.
        let told = self.panes.room.map(|(run, _)| run);
        let run = if self.screen == Screen::Focus { run } else { told };
        let area = layout::focus(self).1;
        if let Some(run) = run.filter(|_| self.is_connected && !area.is_empty()) {
            let room = (run, Size { cols: area.width, rows: area.height });
            if self.panes.room != Some(room) {
                self.panes.room = Some(room);
                self.tell(Said::Room { run: room.0, size: room.1 });
            }
        }
    }

    fn change_pane(&mut self, wanted: Option<(RunId, u32)>) {
        let is_same_run = self.panes.at.map(|(run, _)| run) == wanted.map(|(run, _)| run);
        if let Some(surface) = self.panes.surface().filter(|_| !is_same_run) {
            self.copy.forget(surface);
            self.tell(Said::Look { surface, at: None, kept: Vec::new() });
        }
        self.panes.at = wanted;
        if let Some((run, back)) = wanted {
            self.panes.last += u32::from(!is_same_run);
            self.look_at(self.panes.last, Some(Surface::Pane { run, back }));
        }
    }

    fn look_at(&mut self, surface: u32, at: Option<Surface>) {
        let kept = self.copy.digests(surface);
        self.tell(Said::Look { surface, at, kept });
    }

    /// Goes back in the history of the pane, or towards its screen.
    pub(super) fn scroll_pane(&mut self, rows: i64) {
        let history = self.pane().map_or(0, |(head, _)| i64::from(head.history));
        let back = (i64::from(self.panes.back) + rows).clamp(0, history);
        self.panes.back = u32::try_from(back).unwrap_or(0);
    }

    /// How many rows back in its history the pane is wanted.
    pub(super) fn rows_back(&self) -> u32 {
        self.panes.back
    }

    /// Since when nothing came, by the clock.
    pub(super) fn lost_at(&self) -> Option<(&str, Moment)> {
        self.lost.as_ref().map(|(why, at)| (why.as_str(), *at))
    }
}

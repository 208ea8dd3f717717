//! Keys, pastes and the mouse: who gets them.

use super::dialog::Dialog;
use super::draw::{self, layout};
use super::{App, Screen};
use crate::base::id::RunId;
use crate::term::{Pointer, PointerAct, PointerButton};
use crate::tui::action::Action;
use crate::tui::keymap::{Meaning, Table};
use crate::tui::keys;
use crate::tui::pace::Moment;
use crate::wire::view::Said;
use std::time::Duration;

/// How long after the first key of a chord its continuations are shown.
const CHORD_PAUSE: Duration = Duration::from_millis(300);
/// What is said of a text that a field has no room for.
pub(super) const TOO_LONG: &str = "that is more than the field takes: nothing of it was taken";
/// Rows the wheel turns at once.
const WHEEL_ROWS: i64 = 3;

impl App {
    pub(super) fn key(&mut self, name: &str) {
        let Some(key) = keys::canonical(name) else { return };
        if let Some(run) = self.typing {
            return self.pane_key(run, key);
        }
        let left = self.left.take();
        self.note = None;
        if let Some(run) = left.filter(|_| key == self.setup.looks.keymap.leader()) {
            self.typing = Some(run);
            return self.press(run, key);
        }
        match self.dialog.take() {
            Some(dialog) => self.dialog_key(dialog, &key),
            None => self.nav_key(key),
        }
    }

    /// Whether a key goes to the agent and changes nothing here: what it does is the agent's to
    /// show, and drawing meanwhile would only be in its way.
    pub(super) fn is_only_passed_on(&self, name: &str) -> bool {
        let is_key =
            keys::canonical(name).is_some_and(|key| key != self.setup.looks.keymap.leader());
        is_key && self.typing.is_some() && self.is_connected && self.note.is_none()
    }

    /// Every key is the agent's, but the leader. It stays so when the agent ends: what a person
    /// goes on typing must not begin to act here.
    fn pane_key(&mut self, run: RunId, key: String) {
        if key == self.setup.looks.keymap.leader() {
            (self.typing, self.left) = (None, Some(run));
            self.note = None;
            return;
        }
        self.press(run, key);
    }

    fn press(&mut self, run: RunId, key: String) {
        match self.is_connected {
            true => {
                self.note = None;
                self.tell(Said::Press { run, keys: vec![key] });
            }
            false => self.say_bad("not connected: not typed"),
        }
    }

    /// A key where letters act.
    fn nav_key(&mut self, key: String) {
        if !self.chord.is_empty() && key == "esc" {
            return self.end_chord();
        }
        self.chord.push(key.clone());
        let mut meaning = self.setup.looks.keymap.meaning(Table::Nav, &self.chord);
        if meaning == Meaning::Nothing
            && let Some(folded) = keys::folded(&key)
        {
            self.chord.pop();
            self.chord.push(folded);
            meaning = self.setup.looks.keymap.meaning(Table::Nav, &self.chord);
        }
        match meaning {
            Meaning::Run(action) => {
                self.end_chord();
                self.act(action);
            }
            Meaning::Begins => self.chord_due = Some(self.now + CHORD_PAUSE),
            Meaning::Nothing => {
                let tried = self.chord.join(" ");
                self.end_chord();
                self.hint(&key, &tried);
            }
        }
    }

    fn hint(&mut self, key: &str, tried: &str) {
        if keys::character(key).is_some_and(|c| !c.is_ascii()) {
            self.say(
                "an input method is on? letters act here; arrows, Enter and F-keys do as well",
            );
        } else if key == "ctrl-c" {
            let detach = self.setup.looks.keymap.key_of(Action::Detach);
            self.say(format!("{detach} leaves the dashboard; agents go on"));
        } else {
            let help = self.setup.looks.keymap.key_of(Action::Help);
            self.say(format!("{tried} does nothing here; {help} shows the keys"));
        }
    }

    /// A dialog does not take this key.
    pub(super) fn no_meaning(&mut self, key: &str) {
        self.say(format!("{key} does nothing here"));
    }

    fn end_chord(&mut self) {
        self.chord.clear();
        (self.chord_due, self.is_chord_shown) = (None, false);
    }

    /// The keys of a chord so far, and whether to show what goes on from there.
    pub(super) fn chord(&self) -> (&[String], bool) {
        (&self.chord, self.is_chord_shown)
    }

    /// What a key means in the table that a dialog uses.
    pub(super) fn meaning(&self, table: Table, key: &str) -> Option<Action> {
        match self.setup.looks.keymap.meaning(table, &[key.to_string()]) {
            Meaning::Run(action) => Some(action),
            Meaning::Begins | Meaning::Nothing => None,
        }
    }

    pub(super) fn paste(&mut self, text: String) {
        if let Some(run) = self.typing {
            match self.is_connected {
                true => self.tell(Said::Paste { run, text }),
                false => self.say_bad("not connected: not pasted"),
            }
            return;
        }
        self.left = None;
        let now: Moment = self.now;
        match &mut self.dialog {
            Some(Dialog::Approval(approval)) => approval.keys.refuse(now),
            Some(Dialog::Confirm(confirm)) => confirm.keys.refuse(now),
            Some(Dialog::Typed(typed)) => typed.arming.absorbed(now),
            Some(dialog) => {
                if let Some(field) = dialog.text_mut() {
                    if !field.paste(&text) {
                        self.say_bad(TOO_LONG);
                    }
                    return;
                }
            }
            None => return self.say("nothing is pasted here; step in to paste to an agent"),
        }
        self.say("nothing is pasted here");
    }

    pub(super) fn mouse(&mut self, pointer: Pointer) {
        if let Some(run) = self.typing {
            return self.point(run, pointer);
        }
        if self.dialog.is_some() {
            return;
        }
        match pointer.act {
            PointerAct::WheelUp => self.turn(-WHEEL_ROWS),
            PointerAct::WheelDown => self.turn(WHEEL_ROWS),
            PointerAct::Down(PointerButton::Left) => {
                if let Some(at) = layout::row_at(self, pointer.x, pointer.y) {
                    self.go_to(at);
                }
            }
            _ => {}
        }
    }

    /// The mouse over the pane of an agent that gets every key: it is the agent's if it asked.
    fn point(&mut self, run: RunId, pointer: Pointer) {
        if let Some((x, y)) = draw::cell_at(self, pointer.x, pointer.y)
            && self.is_connected
        {
            self.tell(Said::Point { run, pointer: Pointer { x, y, ..pointer } });
        }
    }

    fn turn(&mut self, rows: i64) {
        match self.screen {
            Screen::Focus => self.scroll_pane(-rows),
            Screen::Fleet | Screen::Diff | Screen::Gates | Screen::Inbox => self.go_by(rows),
        }
    }
}

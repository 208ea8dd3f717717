//! The approval dialog: what a person signs, and the two keys that sign it. Only the digest that
//! was on the screen when it armed is ever sent.

use super::App;
use super::dialog::Dialog;
use super::diff::Diff;
use super::draw::{self, layout};
use super::rows::ItemRow;
use super::two_keys::{CONFIRM, TwoKeys};
use crate::model::verdict::Binds;
use crate::tui::action::Action;
use crate::tui::keymap::Table;
use crate::tui::pace::Moment;
use crate::wire::people::{Ask, InboxAsk};

/// The key that begins an approval, and the one that gives it.
pub const KEYS: [&str; 2] = ["A", CONFIRM];

/// What a key came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The dialog stays.
    Stays,
    /// It is approved: this item, by this digest.
    Approved {
        /// The item.
        item: String,
        /// The digest the dialog showed.
        digest: String,
    },
}

/// Why it cannot be approved as it stands on the screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hindrance {
    /// There is no connection.
    Cut,
    /// The screen is too small.
    Small,
    /// This person decides it elsewhere.
    Held(String),
    /// The repository is halted: nothing lands.
    Halted,
    /// It was made on another base than the task has now.
    Base,
    /// The diff that is signed is not here.
    Diff,
    /// Not all that has to be read was scrolled to.
    More,
}

/// An approval that is looked at.
#[derive(Clone, PartialEq, Debug)]
pub struct Approval {
    /// The item as it is shown.
    pub item: ItemRow,
    /// How far it is.
    pub keys: TwoKeys,
    /// What changed since it was opened, by name.
    pub changed: Vec<String>,
    /// Whether there is anything to approve any more.
    pub is_gone: bool,
    /// The first line that is shown.
    pub top: usize,
    /// What keeps it from being approved.
    pub hindrance: Option<Hindrance>,
}

impl Approval {
    /// Opens on an item, from this revision of the screen on.
    pub fn new(item: ItemRow, revision: u64) -> Self {
        Self {
            item,
            keys: TwoKeys::shown_in(revision),
            changed: Vec::new(),
            is_gone: false,
            top: 0,
            hindrance: None,
        }
    }

    /// Whether it says that the keys that approve are listened to. They are once that was painted.
    pub fn is_open(&self) -> bool {
        let may = self.hindrance.is_none() && !self.is_gone && !self.item.digest.is_empty();
        may && self.keys.arming.says_armed()
    }

    /// What keeps it from being approved now; when that is another, a person has to look again.
    pub fn hinder(&mut self, hindrance: Option<Hindrance>, revision: u64) {
        if self.hindrance != hindrance {
            self.hindrance = hindrance;
            self.look_again(revision);
        }
    }

    /// Takes a key that nothing else wanted.
    pub fn key(&mut self, key: &str, revision: u64, now: Moment) -> Outcome {
        let firsts: &[&str] = if self.is_open() { &KEYS[..1] } else { &[] };
        match self.keys.key(key, firsts, revision, now) {
            Some(_) => {
                let (item, digest) = (self.item.id.clone(), self.item.digest.clone());
                Outcome::Approved { item, digest }
            }
            None => Outcome::Stays,
        }
    }

    /// What it shows besides the item changed: a person has to look again.
    pub fn look_again(&mut self, revision: u64) {
        self.keys.look_again(revision);
    }

    /// The inbox changed. What differs is kept to be shown, and the dialog disarms.
    pub fn refresh(&mut self, items: &[ItemRow], revision: u64) {
        let found = items.iter().find(|item| item.id == self.item.id);
        let is_gone = found.is_none();
        let same = found.is_none_or(|item| {
            item.digest == self.item.digest
                && item.binds == self.item.binds
                && item.task == self.item.task
        });
        if is_gone == self.is_gone && same {
            return;
        }
        if let Some(item) = found {
            self.changed = changed(self.item.binds.as_ref(), item.binds.as_ref());
            self.item = item.clone();
        }
        self.is_gone = is_gone;
        self.top = 0;
        self.look_again(revision);
    }
}

fn changed(before: Option<&Binds>, after: Option<&Binds>) -> Vec<String> {
    let parts = match (before, after) {
        (Some(before), Some(after)) => before.changed(after),
        _ => Vec::new(),
    };
    match parts.is_empty() {
        true => vec!["what is approved".into()],
        false => parts.into_iter().map(String::from).collect(),
    }
}

impl App {
    pub(super) fn approval_key(&mut self, mut approval: Box<Approval>, key: &str) {
        let may_act = approval.keys.arming.is_armed() || approval.is_gone;
        let is_free = self.other_at(&approval.item.id).is_none();
        // The keys that approve mean nothing else here, whatever a person bound them to.
        let action = self.meaning(Table::Nav, key).filter(|_| !KEYS.contains(&key));
        let extent = draw::approval_extent(self, &approval);
        let (most, page) = (extent.lines.saturating_sub(extent.room), extent.room.max(2) - 1);
        let top = match action {
            Some(Action::Back) => return,
            Some(Action::Reject) if may_act && !approval.is_gone => {
                return self.reject(approval.item);
            }
            Some(Action::Approve) if may_act && !is_free => {
                self.take_over(Some(approval.item.id.clone()));
                None
            }
            Some(Action::GotoDiff) if may_act => {
                self.task = Some(approval.item.task);
                self.item = Some(approval.item.id);
                return self.act(Action::GotoDiff);
            }
            Some(Action::Up) => Some(approval.top.saturating_sub(1)),
            Some(Action::Down) => Some(approval.top + 1),
            Some(Action::PageUp) => Some(approval.top.saturating_sub(page)),
            Some(Action::PageDown) => Some(approval.top + page),
            Some(Action::First) => Some(0),
            Some(Action::Last) => Some(most),
            _ => None,
        };
        approval.top = top.unwrap_or(approval.top).min(most);
        let outcome = match top {
            None => approval.key(key, self.revision, self.now),
            Some(_) => {
                approval.keys.refuse(self.now);
                Outcome::Stays
            }
        };
        match outcome {
            Outcome::Stays => self.dialog = Some(Dialog::Approval(approval)),
            Outcome::Approved { item, digest } => {
                let done = format!("{item} approved; the result is on its way");
                let ask = Ask::Inbox(InboxAsk::Approve { item, digest });
                self.ask(self.under_way(done, approval.item.task), ask);
            }
        }
    }

    /// Looks whether the open approval could be given: what it signs and does is on the screen,
    /// and nothing that is known here would refuse it.
    pub(super) fn weigh_approval(&mut self) {
        let Some(Dialog::Approval(approval)) = &self.dialog else { return };
        let hindrance = self.hindrance(approval);
        if let Some(Dialog::Approval(approval)) = &mut self.dialog {
            approval.hinder(hindrance, self.revision);
        }
    }

    fn hindrance(&self, approval: &Approval) -> Option<Hindrance> {
        let item = &approval.item;
        let extent = draw::approval_extent(self, approval);
        match self.other_at(&item.id) {
            _ if !self.is_connected => Some(Hindrance::Cut),
            _ if !layout::shows_approvals(self) => Some(Hindrance::Small),
            Some(other) => Some(Hindrance::Held(other.person.clone())),
            None if self.head.halted.is_some() => Some(Hindrance::Halted),
            None if self.other_base(approval).is_some() => Some(Hindrance::Base),
            None if self.signed_diff(approval).is_none() => Some(Hindrance::Diff),
            None if approval.top + extent.room < extent.must => Some(Hindrance::More),
            None => None,
        }
    }

    /// The base that the task has now, if it is another than the one that is signed.
    pub(super) fn other_base(&self, approval: &Approval) -> Option<&str> {
        let signed = &approval.item.binds.as_ref()?.base;
        let task = self.tasks.iter().find(|task| task.id == approval.item.task)?;
        let is_other = !task.base.is_empty() && task.base != *signed;
        is_other.then_some(task.base.as_str())
    }

    /// The diff that is here, if it is the one that is signed.
    pub(super) fn signed_diff(&self, approval: &Approval) -> Option<&Diff> {
        let binds = approval.item.binds.as_ref()?;
        let diff = self.diff.of(approval.item.task)?;
        (diff.sha256 == binds.diff_sha256).then_some(diff)
    }
}

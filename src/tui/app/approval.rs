//! The approval dialog: what a person signs, and the two keys that sign it. Only the digest that
//! was on the screen when it armed is ever sent.

use super::App;
use super::dialog::Dialog;
use super::diff::Diff;
use super::draw::{self, layout};
use super::rows::ItemRow;
use super::two_keys::{CONFIRM, TwoKeys};
use crate::base::foreign::Foreign;
use crate::tui::action::Action;
use crate::tui::keymap::Table;
use crate::tui::pace::Moment;
use crate::wire::people::{Ask, InboxAsk};
use std::collections::BTreeSet;

/// The key that begins an approval, and the one that gives it.
pub const KEYS: [&str; 2] = ["A", CONFIRM];
/// How many keys of statements a message names.
const KEYS_NAMED_MAX: usize = 4;

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
        /// What is attested with it.
        attested: Vec<Foreign>,
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
    /// Which of its statements are attested, each by its own key.
    pub attested: BTreeSet<usize>,
    /// Why the last key was not taken, where that needs words.
    pub refusal: String,
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
            attested: BTreeSet::new(),
            refusal: String::new(),
        }
    }

    /// The statement that a key attests: the digits count them, whatever a person bound them to.
    pub fn statement(&self, key: &str) -> Option<usize> {
        let number: usize = key.parse().ok()?;
        (1..=self.item.attests.len()).contains(&number).then(|| number - 1)
    }

    /// The statements that are still to be attested.
    pub fn open_statements(&self) -> impl Iterator<Item = usize> {
        (0..self.item.attests.len()).filter(|number| !self.attested.contains(number))
    }

    /// Their keys, for a message: the first few.
    pub fn open_keys(&self) -> String {
        let keys: Vec<String> = self.open_statements().map(|it| (it + 1).to_string()).collect();
        match keys.get(..KEYS_NAMED_MAX) {
            Some(first) if keys.len() > KEYS_NAMED_MAX => format!("{} ...", first.join(" ")),
            _ => keys.join(" "),
        }
    }

    /// A person attests a statement. Then the dialog shows something else and arms anew: each wants
    /// a key of its own after a silence, so that neither a held key nor a habit runs through them.
    fn attest(&mut self, number: usize, is_seen: bool, revision: u64, now: Moment) {
        if !self.is_open() || !self.keys.arming.is_armed() {
            return self.keys.hurry(now);
        }
        if is_seen && self.attested.insert(number) {
            return self.look_again(revision);
        }
        let why = if is_seen { "attested already" } else { "not on the screen as a whole" };
        self.refusal = format!("{} is {why}", number + 1);
        self.keys.refuse(now);
    }

    /// Whether the base moved since it was judged: then an approval judges it again first.
    pub fn is_moved(&self) -> bool {
        self.item.moved_to.is_some()
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
        let is_open = self.is_open();
        let is_early = self.open_statements().next().is_some();
        if is_open && is_early && key == KEYS[0] {
            self.refusal = format!("{} only after you attest {}", KEYS[0], self.open_keys());
        }
        let firsts: &[&str] = if is_open && !is_early { &KEYS[..1] } else { &[] };
        match self.keys.key(key, firsts, revision, now) {
            Some(_) => {
                let (item, digest) = (self.item.id.clone(), self.item.digest.clone());
                Outcome::Approved { item, digest, attested: self.item.attests.clone() }
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
                && item.attests == self.item.attests
                && item.moved_to == self.item.moved_to
        });
        if is_gone == self.is_gone && same {
            return;
        }
        if let Some(item) = found {
            self.changed = changed(&self.item, item);
            self.item = item.clone();
        }
        self.is_gone = is_gone;
        self.top = 0;
        self.attested.clear();
        self.refusal.clear();
        self.look_again(revision);
    }
}

fn changed(before: &ItemRow, after: &ItemRow) -> Vec<String> {
    let mut parts = match (&before.binds, &after.binds) {
        (Some(before), Some(after)) => before.changed(after),
        _ => Vec::new(),
    };
    if before.moved_to != after.moved_to {
        parts.push("where the base is");
    }
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
        let statement = approval.statement(key);
        let is_own = KEYS.contains(&key) || statement.is_some();
        let action = self.meaning(Table::Nav, key).filter(|_| !is_own);
        approval.refusal.clear();
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
        let outcome = match (top, statement) {
            (None, Some(number)) => {
                let lines = draw::statement_lines(self, &approval, number);
                let shown = approval.top..=approval.top + extent.room;
                let is_seen = shown.contains(&lines.start) && shown.contains(&lines.end);
                approval.attest(number, is_seen, self.revision, self.now);
                self.show_next_statement(&mut approval);
                Outcome::Stays
            }
            (None, None) => {
                if action.is_none() && !is_own {
                    self.no_meaning(key);
                }
                approval.key(key, self.revision, self.now)
            }
            (Some(_), _) => {
                approval.keys.refuse(self.now);
                Outcome::Stays
            }
        };
        match outcome {
            Outcome::Stays => self.dialog = Some(Dialog::Approval(approval)),
            Outcome::Approved { item, digest, attested } => {
                let done = match approval.is_moved() {
                    true => format!("{item}: the base held all of it already"),
                    false => format!("{item} approved; the result is on its way"),
                };
                let ask = Ask::Inbox(InboxAsk::Approve { item, digest, attested });
                self.ask(self.under_way(done, approval.item.task), ask);
            }
        }
    }

    /// Scrolls on to what is to be attested next.
    fn show_next_statement(&self, approval: &mut Approval) {
        let next = approval.open_statements().next();
        if let Some(next) = next {
            let lines = draw::statement_lines(self, approval, next);
            let room = draw::approval_extent(self, approval).room;
            let least = lines.end.saturating_sub(room);
            approval.top = approval.top.clamp(least, lines.start.max(least));
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

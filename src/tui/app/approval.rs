//! The approval dialog: what a person signs, and the two keys that sign it. Only the digest that
//! was on the screen when it armed is ever sent.

use super::rows::ItemRow;
use super::two_keys::{CONFIRM, TwoKeys};
use crate::model::verdict::Binds;
use crate::tui::pace::Moment;

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
}

impl Approval {
    /// Opens on an item, from this revision of the screen on.
    pub fn new(item: ItemRow, revision: u64) -> Self {
        Self { item, keys: TwoKeys::shown_in(revision), changed: Vec::new(), is_gone: false }
    }

    /// Whether it says that the keys that approve are listened to. They are once that was painted.
    pub fn is_open(&self) -> bool {
        self.keys.arming.says_armed() && !self.is_gone && !self.item.digest.is_empty()
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

//! Confirming by two different keys: the first once the dialog armed, the second once what the
//! first came to was painted. Neither is in any keymap, nor folded from another character.

use super::arming::Arming;
use crate::tui::pace::Moment;

/// The key that confirms, after one that begins.
pub const CONFIRM: &str = "y";

/// How far a dialog with two keys is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TwoKeys {
    /// It takes nothing until it armed.
    pub arming: Arming,
    half: Option<Half>,
}

/// The first key was pressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Half {
    /// Which of those that begin.
    first: usize,
    /// The revision of the screen that says so, and whether it was painted.
    revision: u64,
    is_painted: bool,
}

impl TwoKeys {
    /// Those of a dialog that shows from this revision of the screen on.
    pub fn shown_in(revision: u64) -> Self {
        Self { arming: Arming::shown_in(revision), half: None }
    }

    /// Which of the keys that begin was pressed.
    pub fn begun(&self) -> Option<usize> {
        self.half.map(|half| half.first)
    }

    /// A revision of the screen was painted.
    pub fn painted(&mut self, revision: u64) {
        self.arming.painted(revision);
        if let Some(half) = &mut self.half {
            half.is_painted |= revision >= half.revision;
        }
    }

    /// Takes a key that nothing else wanted, where `firsts` may begin; gives which of them was
    /// confirmed. What is not the right key begins the silence anew.
    pub fn key(&mut self, key: &str, firsts: &[&str], revision: u64, now: Moment) -> Option<usize> {
        let was_half = self.half.take();
        if self.arming.is_armed() {
            let first = firsts.iter().position(|first| *first == key);
            match (was_half, first) {
                (None, Some(first)) => {
                    self.half = Some(Half { first, revision, is_painted: false });
                    return None;
                }
                (Some(half), _) if half.is_painted && key == CONFIRM => {
                    return (half.first < firsts.len()).then_some(half.first);
                }
                _ => {}
            }
        }
        self.arming.hurried(now);
        None
    }

    /// A key that decides something else here, which is not for now.
    pub fn hurry(&mut self, now: Moment) {
        self.half = None;
        self.arming.hurried(now);
    }

    /// Something that decides nothing here: a paste, or a key that is not for now.
    pub fn refuse(&mut self, now: Moment) {
        self.half = None;
        self.arming.absorbed(now);
    }

    /// What the dialog shows changed: a person has to look again.
    pub fn look_again(&mut self, revision: u64) {
        *self = Self::shown_in(revision);
    }
}

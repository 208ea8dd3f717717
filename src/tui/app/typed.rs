//! Dialogs that end or move work: they want a word typed that stands in them, so that no stray key
//! does it.

use super::arming::Arming;
use crate::tui::keys;
use crate::tui::pace::Moment;
use crate::wire::people::Ask;

/// How many characters of a hash are to be typed.
const TYPED_CHARS: usize = 4;

/// A dialog that wants a word.
#[derive(Clone, PartialEq, Debug)]
pub struct Typed {
    /// What it is.
    pub title: String,
    /// What it is about, in a line, and what will be done.
    pub says: Vec<String>,
    /// What is done then, and the word to be typed; `None` until it is known.
    pub wanted: Option<(Ask, String)>,
    /// What was typed.
    pub typed: String,
    /// What the footer says when it was done.
    pub done: String,
    /// It takes nothing until it armed.
    pub arming: Arming,
}

impl Typed {
    /// Takes a key; gives what is to be asked when the word stands there and Enter was pressed.
    pub fn key(&mut self, key: &str, now: Moment) -> Option<Ask> {
        if !self.arming.is_armed() {
            self.arming.hurried(now);
            return None;
        }
        let (ask, word) = self.wanted.as_ref()?;
        match key {
            "enter" if self.typed == *word => return Some(ask.clone()),
            "backspace" => drop(self.typed.pop()),
            "ctrl-c" | "ctrl-u" => self.typed.clear(),
            key => {
                let c = keys::character(key).filter(|c| !c.is_whitespace());
                self.typed.extend(c.filter(|_| self.typed.chars().count() < word.len()));
            }
        }
        None
    }

    /// The word that is wanted, after a key that would have done it had that been typed.
    pub fn other_word(&self, key: &str) -> Option<&str> {
        let is_meant = key == "enter" && self.arming.is_armed();
        self.wanted.as_ref().filter(|_| is_meant).map(|(_, word)| word.as_str())
    }

    /// What it shows changed: a person has to look again.
    pub fn look_again(&mut self, revision: u64) {
        self.typed.clear();
        self.arming = Arming::shown_in(revision);
    }
}

/// The beginning of the first hash there is; without any, the words in place of it.
pub fn word(hashes: &[&str], otherwise: &str) -> String {
    let beginning = |hash: &&str| hash.get(..TYPED_CHARS).map(String::from);
    hashes.iter().find_map(beginning).unwrap_or_else(|| otherwise.into())
}

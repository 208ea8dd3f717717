//! The palette: every action, found by letters of its name.

use super::text::{Lines, Text};
use crate::tui::action::Action;

/// The palette.
#[derive(Clone, Debug)]
pub struct Palette {
    /// What is looked for.
    pub text: Text,
    /// Which of the found is selected.
    pub at: usize,
}

impl Palette {
    /// An empty one: it shows all.
    pub fn new() -> Self {
        Self { text: Text::new(Lines::One, ""), at: 0 }
    }

    /// The actions that fit, those first whose name has the letters together.
    pub fn found(&self) -> Vec<Action> {
        let wanted = self.text.text().to_lowercase();
        let mut found: Vec<(u8, Action)> = Action::ALL
            .iter()
            .filter(|action| !action.is_for_text())
            .filter_map(|action| rank(*action, &wanted).map(|rank| (rank, *action)))
            .collect();
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, action)| action).collect()
    }

    /// The selected action.
    pub fn selected(&self) -> Option<Action> {
        self.found().get(self.at).copied()
    }

    /// Takes a key that no binding wanted.
    pub fn key(&mut self, key: &str) {
        let last = self.found().len().saturating_sub(1);
        match key {
            "up" => self.at = self.at.saturating_sub(1),
            "down" => self.at = (self.at + 1).min(last),
            "pageup" | "home" => self.at = 0,
            "pagedown" | "end" => self.at = last,
            key => {
                self.text.key(key);
                self.at = 0;
            }
        }
    }
}

fn rank(action: Action, wanted: &str) -> Option<u8> {
    let name = action.name();
    if name.starts_with(wanted) {
        return Some(0);
    }
    if name.contains(wanted) {
        return Some(1);
    }
    let mut letters = name.chars();
    let has_all = wanted.chars().all(|c| letters.any(|letter| letter == c));
    match has_all {
        true => Some(2),
        false => action.says().to_lowercase().contains(wanted).then_some(3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Action> {
        Palette { text: Text::new(Lines::One, text), at: 0 }.found()
    }

    #[test]
    fn letters_of_a_name_find_it() {
        assert_eq!(found("goto d")[0], Action::GotoDiff);
        assert_eq!(found("rlb")[0], Action::RollBack);
        assert_eq!(found("$EDITOR"), []);
        assert!(found("").len() > 30);
        assert!(found("process tree").contains(&Action::Abort));
    }
}

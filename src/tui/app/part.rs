//! What of the screen has to be drawn anew. An agent's echo changes a row or two of its pane; to
//! draw all for that would take longer than everything else on the way from the key.

use super::draw::layout;
use super::{App, Input, Screen};
use crate::view::Update;
use std::ops::Range;

/// What may differ from what was drawn last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Changed {
    /// Nothing.
    Nothing,
    /// Rows of the focused pane, from the first to before the last, and where its cursor stands.
    Rows(u16, u16),
    /// Anything.
    All,
}

impl Changed {
    /// What may differ after both.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, changed) | (changed, Self::Nothing) => changed,
            (Self::Rows(first, end), Self::Rows(other_first, other_end)) => {
                Self::Rows(first.min(other_first), end.max(other_end))
            }
            (Self::All, _) | (_, Self::All) => Self::All,
        }
    }
}

impl App {
    /// The rows of the screen that differ from what was drawn last, when nothing else does.
    pub fn changed_part(&self) -> Option<Range<u16>> {
        match self.changed {
            Changed::Rows(first, end) => {
                let area = layout::pane(self)?;
                let row = |row: u16| (area.y + row).min(area.bottom());
                Some(row(first)..row(end))
            }
            Changed::Nothing | Changed::All => None,
        }
    }

    /// All that changed was drawn.
    pub fn is_drawn(&mut self) {
        self.changed = Changed::Nothing;
    }

    /// What something that happens will change.
    pub(super) fn part_of(&self, input: &Input) -> Changed {
        match input {
            Input::Painted(_) | Input::Seen(_) | Input::Focus(true) => Changed::Nothing,
            Input::Key(key) if self.is_only_passed_on(key) => Changed::Nothing,
            Input::Frame(updates) => match updates.as_slice() {
                [update] => self.rows_of(update).unwrap_or(Changed::All),
                _ => Changed::All,
            },
            _ => Changed::All,
        }
    }

    /// The rows that an update changes, if it changes some rows of the focused pane, shown whole
    /// and with nothing over it, and at most its cursor beside them.
    fn rows_of(&self, update: &Update) -> Option<Changed> {
        let is_plain = self.screen == Screen::Focus && self.dialog.is_none();
        let is_bare = is_plain && self.chord.is_empty() && self.note.is_none();
        if !is_bare || self.panes.surface() != Some(update.surface) {
            return None;
        }
        if update.head.is_some() || update.shift.is_some() || update.len.is_some() {
            return None;
        }
        let content = self.copy.get(update.surface)?;
        if update.rows.iter().any(|(row, _)| *row as usize >= content.rows.len()) {
            return None;
        }
        let size = self.pane_head.as_ref()?.size;
        let area = layout::pane(self)?;
        if size.cols > area.width || size.rows > area.height {
            return None;
        }
        let rows = update.rows.iter().map(|(row, _)| u16::try_from(*row).unwrap_or(u16::MAX - 1));
        let first = rows.clone().min().unwrap_or(0);
        Some(Changed::Rows(first, rows.max().map_or(0, |last| last + 1)))
    }
}

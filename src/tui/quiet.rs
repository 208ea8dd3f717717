//! Whether the daemon answers who types: a line that fell silent looks as one does on which nothing
//! happens. What a person did wants an answer; where none comes, they are told. Nothing is asked,
//! and no time is kept, while nobody does anything. Pure.

use crate::base::ticks::Instant;
use std::time::Duration;

/// How long an answer may take before a person is told, and between what they are told then.
const PATIENCE: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_secs(1);
/// How often one is asked for while they type.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// What is known of it on one connection.
#[derive(Default)]
pub struct Quiet {
    /// The person did something since an answer was asked for.
    is_wanted: bool,
    /// Since when an answer is outstanding.
    asked: Option<Instant>,
    /// When one was asked for last.
    last: Option<Instant>,
    /// When anything came.
    heard: Option<Instant>,
    /// When a person is to be told, or told again.
    due: Option<Instant>,
    is_told: bool,
}

impl Quiet {
    /// The person did something.
    pub fn wanted(&mut self) {
        self.is_wanted = true;
    }

    /// Whether an answer is to be asked for now. What was done soon after the last time is asked
    /// for when its time has come.
    pub fn asks(&mut self, now: Instant) -> bool {
        let is_soon = self.last.is_some_and(|last| now < last + ASK_EVERY);
        if !self.is_wanted || self.asked.is_some() || is_soon {
            return false;
        }
        self.is_wanted = false;
        (self.asked, self.last, self.due) = (Some(now), Some(now), Some(now + PATIENCE));
        true
    }

    /// Something came.
    pub fn heard(&mut self, now: Instant) {
        self.heard = Some(now);
    }

    /// The answer came; whether a person was told that none did.
    pub fn answered(&mut self) -> bool {
        (self.asked, self.due) = (None, None);
        std::mem::take(&mut self.is_told)
    }

    /// When [`Self::time`] or [`Self::asks`] is due.
    pub fn due(&self) -> Option<Instant> {
        let waits = self.is_wanted && self.asked.is_none();
        let again = self.last.filter(|_| waits).map(|last| last + ASK_EVERY);
        self.due.or(again)
    }

    /// Gives for how long no answer has come, or that something comes again, where a person is to
    /// be told of it.
    pub fn time(&mut self, now: Instant) -> Option<Option<Duration>> {
        if self.due.is_some_and(|due| now > due + AGAIN) {
            // It was this program that stood still: what came meanwhile is still to be read.
            self.heard = Some(now);
        }
        let since = self.asked?.max(self.heard.unwrap_or(self.asked?));
        let silent = now.saturating_duration_since(since);
        if silent < PATIENCE {
            self.due = Some(since + PATIENCE);
            return std::mem::take(&mut self.is_told).then_some(None);
        }
        (self.due, self.is_told) = (Some(now + AGAIN), true);
        Some(Some(silent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ticks;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_types_is_told_when_no_answer_comes_and_when_it_does() {
        let (mut quiet, began) = (Quiet::default(), ticks::now());
        assert!(!quiet.asks(began) && quiet.due().is_none(), "nobody did anything");
        quiet.wanted();
        assert!(quiet.asks(began) && !quiet.asks(began));
        assert_eq!(quiet.due(), Some(began + 2 * SECOND));
        assert_eq!(quiet.time(began + 2 * SECOND), Some(Some(2 * SECOND)));
        assert_eq!(quiet.due(), Some(began + 3 * SECOND), "it goes on counting");
        assert!(quiet.answered() && quiet.due().is_none());
    }

    #[test]
    fn a_program_that_stood_still_does_not_blame_the_line() {
        let (mut quiet, began) = (Quiet::default(), ticks::now());
        quiet.wanted();
        assert!(quiet.asks(began));
        assert_eq!(quiet.time(began + 600 * SECOND), None);
        assert_eq!(quiet.time(began + 602 * SECOND), Some(Some(2 * SECOND)), "now it is the line");
    }

    #[test]
    fn a_busy_line_is_not_silent_and_typing_asks_once_a_second() {
        let (mut quiet, began) = (Quiet::default(), ticks::now());
        quiet.wanted();
        assert!(quiet.asks(began));
        quiet.heard(began + SECOND);
        assert_eq!(quiet.time(began + 2 * SECOND), None, "a frame came, the answer is behind it");
        assert_eq!(quiet.due(), Some(began + 3 * SECOND));
        assert_eq!(quiet.time(began + 3 * SECOND), Some(Some(2 * SECOND)));
        quiet.heard(began + 3 * SECOND);
        assert_eq!(quiet.time(began + 4 * SECOND), Some(None));
        assert!(!quiet.answered());
        quiet.wanted();
        assert!(quiet.asks(began + 4 * SECOND));
        quiet.answered();
        quiet.wanted();
        assert!(!quiet.asks(began + 4 * SECOND + SECOND / 2));
        assert_eq!(quiet.due(), Some(began + 5 * SECOND), "it is not forgotten");
        assert!(quiet.asks(began + 5 * SECOND));
        quiet.wanted();
        assert!(!quiet.asks(began + 6 * SECOND), "one at a time");
        quiet.answered();
        assert!(quiet.asks(began + 6 * SECOND), "what was done meanwhile");
        quiet.answered();
        assert!(!quiet.asks(began + 9 * SECOND), "nothing was done since");
        assert!(quiet.due().is_none());
    }
}

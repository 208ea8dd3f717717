//! Arming: keys that were typed before a person could have read a dialog decide nothing.
//!
//! A dialog waits until the terminal has drawn it, then for silence; every key meanwhile is
//! absorbed and begins the silence anew. That it armed must have been painted too.

use crate::tui::pace::Moment;
use std::time::Duration;

/// How long nothing must be typed.
pub const SILENCE: Duration = Duration::from_millis(400);
/// A timer that comes later than this means that everything stood still meanwhile, keys too: those
/// that were typed then may still be on their way.
const LATE: Duration = Duration::from_millis(300);

/// How far a dialog is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// It is to be drawn, in this revision of the screen.
    Shown(u64),
    /// It was drawn; until then nothing must be typed.
    Quiet(Moment),
    /// It says that it armed, in this revision of the screen.
    Ready(u64),
    /// That was painted: it may be decided.
    Armed,
}

/// The arming of one dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arming(Step);

impl Arming {
    /// A dialog that shows from this revision of the screen on, or shows something else.
    pub fn shown_in(revision: u64) -> Self {
        Self(Step::Shown(revision))
    }

    /// The terminal has drawn a revision of the screen.
    pub fn seen(&mut self, revision: u64, now: Moment) {
        if let Step::Shown(wanted) = self.0
            && revision >= wanted
        {
            self.0 = Step::Quiet(now + SILENCE);
        }
    }

    /// A revision of the screen was painted.
    pub fn painted(&mut self, revision: u64) {
        if let Step::Ready(wanted) = self.0
            && revision >= wanted
        {
            self.0 = Step::Armed;
        }
    }

    /// A key was absorbed.
    pub fn absorbed(&mut self, now: Moment) {
        if !matches!(self.0, Step::Shown(_)) {
            self.0 = Step::Quiet(now + SILENCE);
        }
    }

    /// The timer came; what it says shows in `revision`.
    pub fn due(&mut self, revision: u64, now: Moment) {
        if let Step::Quiet(until) = self.0
            && now >= until
        {
            let is_late = now > until + LATE;
            self.0 = if is_late { Step::Quiet(now + SILENCE) } else { Step::Ready(revision) };
        }
    }

    /// When the timer is needed.
    pub fn deadline(&self) -> Option<Moment> {
        match self.0 {
            Step::Quiet(until) => Some(until),
            _ => None,
        }
    }

    /// Whether the terminal has not drawn yet what a person has to read.
    pub fn is_to_be_seen(&self) -> bool {
        matches!(self.0, Step::Shown(_))
    }

    /// Whether it may be decided.
    pub fn is_armed(&self) -> bool {
        self.0 == Step::Armed
    }

    /// Whether it is to be drawn as armed: it arms once that was painted.
    pub fn says_armed(&self) -> bool {
        matches!(self.0, Step::Ready(_) | Step::Armed)
    }

    /// The word for it.
    pub fn word(&self) -> &'static str {
        if self.says_armed() { "armed" } else { "arming..." }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Moment {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_arms_after_its_frame_and_silence_and_not_before() {
        let mut arming = Arming::shown_in(5);
        arming.seen(4, ms(0));
        assert_eq!(arming.deadline(), None, "an earlier frame");
        arming.painted(5);
        assert_eq!(arming.deadline(), None, "nobody may have seen it yet");
        arming.seen(5, ms(10));
        assert_eq!(arming.deadline(), Some(ms(410)));
        arming.absorbed(ms(300));
        assert_eq!(arming.deadline(), Some(ms(700)), "the silence begins anew");
        arming.due(6, ms(410));
        assert!(!arming.is_armed());
        arming.due(6, ms(700));
        assert!(!arming.is_armed(), "nobody has seen that it armed");
        arming.painted(6);
        assert!(arming.is_armed());
    }

    #[test]
    fn a_late_timer_arms_nothing() {
        let mut arming = Arming::shown_in(1);
        arming.seen(1, ms(0));
        arming.due(2, ms(3000));
        assert_eq!(arming.deadline(), Some(ms(3400)));
    }

    #[test]
    fn a_key_before_the_frame_changes_nothing() {
        let mut arming = Arming::shown_in(1);
        arming.absorbed(ms(5));
        assert_eq!(arming, Arming::shown_in(1));
    }
}

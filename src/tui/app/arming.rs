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
pub struct Arming {
    step: Step,
    /// The last key came before it armed, and was meant to decide.
    is_hurried: bool,
}

impl Arming {
    /// A dialog that shows from this revision of the screen on, or shows something else.
    pub fn shown_in(revision: u64) -> Self {
        Self { step: Step::Shown(revision), is_hurried: false }
    }

    /// The terminal has drawn a revision of the screen.
    pub fn seen(&mut self, revision: u64, now: Moment) {
        if let Step::Shown(wanted) = self.step
            && revision >= wanted
        {
            self.step = Step::Quiet(now + SILENCE);
        }
    }

    /// A revision of the screen was painted.
    pub fn painted(&mut self, revision: u64) {
        if let Step::Ready(wanted) = self.step
            && revision >= wanted
        {
            self.step = Step::Armed;
        }
    }

    /// A key was absorbed.
    pub fn absorbed(&mut self, now: Moment) {
        self.is_hurried = false;
        if !matches!(self.step, Step::Shown(_)) {
            self.step = Step::Quiet(now + SILENCE);
        }
    }

    /// The same of a key that was meant to decide: before it armed, that it was not taken is said.
    pub fn hurried(&mut self, now: Moment) {
        let is_early = !self.is_armed();
        self.absorbed(now);
        self.is_hurried = is_early;
    }

    /// The timer came; what it says shows in `revision`.
    pub fn due(&mut self, revision: u64, now: Moment) {
        if let Step::Quiet(until) = self.step
            && now >= until
        {
            let is_late = now > until + LATE;
            self.step = if is_late { Step::Quiet(now + SILENCE) } else { Step::Ready(revision) };
        }
    }

    /// When the timer is needed.
    pub fn deadline(&self) -> Option<Moment> {
        match self.step {
            Step::Quiet(until) => Some(until),
            _ => None,
        }
    }

    /// Whether the terminal has not drawn yet what a person has to read.
    pub fn is_to_be_seen(&self) -> bool {
        matches!(self.step, Step::Shown(_))
    }

    /// Whether it may be decided.
    pub fn is_armed(&self) -> bool {
        self.step == Step::Armed
    }

    /// Whether it is to be drawn as armed: it arms once that was painted.
    pub fn says_armed(&self) -> bool {
        matches!(self.step, Step::Ready(_) | Step::Armed)
    }

    /// The word for it.
    pub fn word(&self) -> &'static str {
        if self.says_armed() { "armed" } else { "arming..." }
    }

    /// What is said while it takes no key that decides.
    pub fn waits(&self) -> &'static str {
        match self.is_hurried {
            true => "too quick: wait for armed",
            false => "wait: no key counts yet",
        }
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

    #[test]
    fn a_key_that_came_too_early_is_told_and_changes_nothing_else() {
        let (mut quick, mut other) = (Arming::shown_in(1), Arming::shown_in(1));
        for arming in [&mut quick, &mut other] {
            arming.seen(1, ms(0));
        }
        quick.hurried(ms(100));
        other.absorbed(ms(100));
        assert_eq!(quick.deadline(), other.deadline());
        assert!(quick.waits().starts_with("too quick") && other.waits().starts_with("wait"));
        quick.due(2, ms(500));
        quick.painted(2);
        assert!(quick.is_armed());
        quick.hurried(ms(600));
        assert!(quick.waits().starts_with("wait"), "it was not too early");
    }
}

//! How far behind the person's terminal is, by its own replies. Over a network a write returns long
//! before anything is drawn; a terminal answers `CSI 5 n` when it has drawn all before it. Pure;
//! times are handed in.

use super::pace::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// The question; [`super::input::Reply::Ready`] is the answer.
const QUESTION: &[u8] = b"\x1b[5n";
/// The most frames without an answer.
const UNANSWERED_MAX: usize = 2;
/// After so long without one, answers count as lost: better drawn than stuck.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is known of the terminal's answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answers {
    /// Not asked yet.
    Unasked,
    /// Asked once, at that time. Nothing is held back meanwhile.
    Awaited(Moment),
    /// It answers.
    Given,
    /// It never did.
    Never,
}

/// Says whether another frame may be written.
#[derive(Debug)]
pub struct Echo {
    answers: Answers,
    /// The revisions that the frames without an answer show, the oldest first.
    unanswered: VecDeque<u64>,
    /// When the oldest question without an answer was asked, or the last answer came.
    since: Moment,
}

impl Default for Echo {
    fn default() -> Self {
        Self { answers: Answers::Unasked, unanswered: VecDeque::new(), since: Moment::ZERO }
    }
}

impl Echo {
    /// A frame that shows this revision ends: asks, if the terminal answers or this is the first
    /// one.
    pub fn ends_frame(&mut self, now: Moment, revision: u64, out: &mut Vec<u8>) {
        match self.answers {
            Answers::Unasked => self.answers = Answers::Awaited(now),
            Answers::Given => {
                if self.unanswered.is_empty() {
                    self.since = now;
                }
                self.unanswered.push_back(revision);
            }
            Answers::Awaited(_) | Answers::Never => return,
        }
        out.extend_from_slice(QUESTION);
    }

    /// A revision looks as the one before.
    pub fn looks_the_same(&mut self, revision: u64) {
        if let Some(last) = self.unanswered.back_mut() {
            *last = revision;
        }
    }

    /// Something else had the terminal: what was asked before is answered no more.
    pub fn forget(&mut self) {
        self.unanswered.clear();
    }

    /// Whether an answer will tell that this revision was drawn.
    pub fn will_tell(&self, revision: u64) -> bool {
        self.unanswered.contains(&revision)
    }

    /// The terminal answered; gives the revision that it has drawn by now.
    pub fn answered(&mut self, now: Moment) -> Option<u64> {
        self.answers = Answers::Given;
        self.since = now;
        self.unanswered.pop_front()
    }

    /// Whether a frame may be written now; otherwise when at the latest.
    pub fn wait_until(&mut self, now: Moment) -> Option<Moment> {
        if let Answers::Awaited(since) = self.answers
            && now >= since + PATIENCE
        {
            self.answers = Answers::Never;
        }
        if self.unanswered.len() < UNANSWERED_MAX {
            return None;
        }
        let last = self.since + PATIENCE;
        if now >= last {
            // One more may go, and so on: a line that stands still gets little.
            self.unanswered.pop_front();
            self.since = now;
            return None;
        }
        Some(last)
    }

    /// How many answers may still come: whoever leaves the terminal takes them along.
    pub fn outstanding(&self) -> usize {
        match self.answers {
            Answers::Awaited(_) => 1,
            _ => self.unanswered.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Moment {
        Duration::from_millis(millis)
    }

    fn asks(echo: &mut Echo, now: Moment) -> bool {
        let mut out = Vec::new();
        echo.ends_frame(now, 7, &mut out);
        !out.is_empty()
    }

    #[test]
    fn at_most_two_frames_are_without_an_answer() {
        let mut echo = Echo::default();
        assert!(asks(&mut echo, ms(0)));
        echo.answered(ms(100));
        assert!(asks(&mut echo, ms(101)));
        assert_eq!(echo.wait_until(ms(101)), None);
        assert!(asks(&mut echo, ms(102)));
        assert!(echo.wait_until(ms(103)).is_some());
        assert_eq!(echo.outstanding(), 2);
        echo.answered(ms(200));
        assert_eq!(echo.wait_until(ms(200)), None);
    }

    #[test]
    fn an_answer_tells_which_revision_was_drawn() {
        let mut echo = Echo::default();
        assert!(asks(&mut echo, ms(0)));
        assert_eq!(echo.answered(ms(1)), None, "until then nobody knew that it answers");
        echo.ends_frame(ms(2), 3, &mut Vec::new());
        echo.looks_the_same(4);
        echo.ends_frame(ms(3), 5, &mut Vec::new());
        assert_eq!((echo.will_tell(4), echo.will_tell(6)), (true, false));
        assert_eq!([echo.answered(ms(9)), echo.answered(ms(9))], [Some(4), Some(5)]);
    }

    #[test]
    fn a_terminal_that_never_answers_is_not_waited_for() {
        let mut echo = Echo::default();
        assert!(asks(&mut echo, ms(0)));
        for frame in 1..200 {
            assert_eq!(echo.wait_until(ms(frame * 50)), None);
            assert!(!asks(&mut echo, ms(frame * 50)), "asked once");
        }
        assert_eq!(echo.outstanding(), 0);
        echo.answered(ms(20_000));
        assert!(asks(&mut echo, ms(20_001)), "late is not never");
    }

    #[test]
    fn lost_answers_slow_it_down_but_never_stop_it() {
        let mut echo = Echo::default();
        asks(&mut echo, ms(0));
        echo.answered(ms(1));
        let (mut now, mut frames) = (ms(1), 0);
        while now < ms(31_000) {
            match echo.wait_until(now) {
                Some(later) => now = later,
                None => {
                    asks(&mut echo, now);
                    frames += 1;
                }
            }
        }
        assert!((10..=14).contains(&frames), "{frames} frames in 30 s");
        echo.answered(now);
        echo.answered(now);
        echo.answered(now);
        assert_eq!(echo.wait_until(now), None);
    }
}

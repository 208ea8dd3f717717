//! How far behind the person's terminal is, by its own replies. Over a network a write returns long
//! before anything is drawn; a terminal answers `CSI 5 n` when it has drawn all before it. Pure;
//! times are handed in.
//!
//! One such answer looks like another, so they are counted. Where the count may be wrong, since
//! answers are very late or something else had the terminal, the next frame ends with a mark: it
//! asks where the cursor is, in a place of its own. What answers that has drawn all before it,
//! whatever became of earlier answers.

use super::pace::Moment;
use crate::base::size::Size;
use std::collections::VecDeque;
use std::time::Duration;

/// The question; [`super::input::Reply::Ready`] is the answer.
const QUESTION: &[u8] = b"\x1b[5n";
/// The most frames without an answer.
const UNANSWERED_MAX: usize = 2;
/// After so long without one, answers count as lost: better drawn than stuck.
const PATIENCE: Duration = Duration::from_secs(3);
/// The first place of a mark: those before it mean something else.
const MARKS_FROM: (u16, u16) = (3, 1);

/// What is known of the terminal's answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answers {
    /// Nothing yet, and nothing is held back meanwhile.
    Awaited,
    /// It answers.
    Given,
    /// It did not in time.
    Never,
}

/// A frame without an answer.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// The revision it shows.
    revision: u64,
    /// Where the cursor was, if it ended with a mark.
    mark: Option<(u16, u16)>,
}

/// Says whether another frame may be written, and what the terminal has drawn.
#[derive(Debug)]
pub struct Echo {
    answers: Answers,
    /// The frames without an answer, the oldest first. In front of a mark there is none: their
    /// answers tell nothing any more.
    unanswered: VecDeque<Asked>,
    /// How many answers may still come.
    open: usize,
    /// The count may be wrong: the next frame ends with a mark.
    in_doubt: bool,
    marks: u16,
    /// How many frames may be without an answer now.
    room: usize,
    /// When the oldest question without an answer was asked, or the last answer came.
    since: Moment,
}

impl Default for Echo {
    fn default() -> Self {
        Self {
            answers: Answers::Awaited,
            unanswered: VecDeque::new(),
            open: 0,
            in_doubt: false,
            marks: 0,
            room: UNANSWERED_MAX,
            since: Moment::ZERO,
        }
    }
}

impl Echo {
    /// A frame that shows this revision on a terminal of this size ends: asks, unless the terminal
    /// never answers.
    pub fn ends_frame(&mut self, now: Moment, revision: u64, size: Size, out: &mut Vec<u8>) {
        if self.answers == Answers::Never {
            return;
        }
        let mark = std::mem::take(&mut self.in_doubt).then(|| self.next_mark(size));
        match mark {
            Some((x, y)) => {
                self.unanswered.clear();
                self.room = 1;
                let asks = format!("\x1b7\x1b[{};{}H\x1b[6n\x1b8", y + 1, x + 1);
                out.extend_from_slice(asks.as_bytes());
            }
            None => out.extend_from_slice(QUESTION),
        }
        if self.unanswered.is_empty() {
            self.since = now;
        }
        self.unanswered.push_back(Asked { revision, mark });
        self.open += 1;
    }

    /// A place in which no mark was for long.
    fn next_mark(&mut self, size: Size) -> (u16, u16) {
        self.marks = self.marks.wrapping_add(1);
        let (x, y) = MARKS_FROM;
        let cols = size.cols.saturating_sub(x).max(1);
        let rows = size.rows.saturating_sub(y).max(1);
        (x + self.marks % cols, y + self.marks / cols % rows)
    }

    /// A revision looks as the one before.
    pub fn looks_the_same(&mut self, revision: u64) {
        if let Some(last) = self.unanswered.back_mut() {
            last.revision = revision;
        }
    }

    /// Something else had the terminal: what was asked before is answered or not.
    pub fn forget(&mut self) {
        self.unanswered.clear();
        (self.open, self.in_doubt) = (0, true);
    }

    /// Whether an answer will tell that this revision was drawn.
    pub fn will_tell(&self, revision: u64) -> bool {
        self.unanswered.iter().any(|asked| asked.revision == revision)
    }

    /// The terminal answered the question; gives the revision that it has drawn by now.
    pub fn ready(&mut self, now: Moment) -> Option<u64> {
        self.answered(now, None)
    }

    /// The terminal told where the cursor is; gives the revision that it has drawn by now.
    pub fn cursor_at(&mut self, now: Moment, x: u16, y: u16) -> Option<u64> {
        self.answered(now, Some((x, y)))
    }

    fn answered(&mut self, now: Moment, mark: Option<(u16, u16)>) -> Option<u64> {
        self.open = self.open.saturating_sub(1);
        if self.answers == Answers::Never {
            // Late is not never; for what it is the answer, nobody knows.
            self.in_doubt = true;
        }
        (self.answers, self.since) = (Answers::Given, now);
        let asked = self.unanswered.pop_front_if(|asked| asked.mark == mark)?;
        self.room = UNANSWERED_MAX;
        Some(asked.revision)
    }

    /// When a terminal that did not answer yet counts as one that never does.
    pub fn gives_up_at(&self) -> Option<Moment> {
        let waits = self.answers == Answers::Awaited && !self.unanswered.is_empty();
        waits.then_some(self.since + PATIENCE)
    }

    /// Gives up on a terminal that is due; gives the revision that counts as drawn because of it.
    pub fn give_up(&mut self, now: Moment) -> Option<u64> {
        self.gives_up_at().filter(|at| now >= *at)?;
        self.answers = Answers::Never;
        let last = self.unanswered.back().map(|asked| asked.revision);
        self.unanswered.clear();
        last
    }

    /// Whether a frame may be written now; otherwise when at the latest.
    pub fn wait_until(&mut self, now: Moment) -> Option<Moment> {
        if self.answers != Answers::Given || self.unanswered.len() < self.room {
            return None;
        }
        let last = self.since + PATIENCE;
        if now >= last {
            // One more may go, and so on: a line that stands still gets little.
            self.room = self.unanswered.len() + 1;
            (self.in_doubt, self.since) = (true, now);
            return None;
        }
        Some(last)
    }

    /// How many answers may still come: whoever leaves the terminal takes them along.
    pub fn outstanding(&self) -> usize {
        if self.answers == Answers::Never { 0 } else { self.open }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { cols: 80, rows: 24 };

    fn ms(millis: u64) -> Moment {
        Duration::from_millis(millis)
    }

    fn asks(echo: &mut Echo, now: Moment) -> bool {
        let mut out = Vec::new();
        echo.ends_frame(now, 7, SIZE, &mut out);
        !out.is_empty()
    }

    #[test]
    fn at_most_two_frames_are_without_an_answer() {
        let mut echo = Echo::default();
        assert!(asks(&mut echo, ms(0)));
        echo.ready(ms(100));
        assert!(asks(&mut echo, ms(101)));
        assert_eq!(echo.wait_until(ms(101)), None);
        assert!(asks(&mut echo, ms(102)));
        assert!(echo.wait_until(ms(103)).is_some());
        assert_eq!(echo.outstanding(), 2);
        echo.ready(ms(200));
        assert_eq!(echo.wait_until(ms(200)), None);
    }

    #[test]
    fn an_answer_tells_which_revision_was_drawn() {
        let mut echo = Echo::default();
        let frame = |echo: &mut Echo, revision| {
            echo.ends_frame(ms(revision), revision, SIZE, &mut Vec::new());
        };
        frame(&mut echo, 2);
        frame(&mut echo, 3);
        echo.looks_the_same(4);
        assert_eq!((echo.will_tell(4), echo.will_tell(6)), (true, false));
        assert_eq!([echo.ready(ms(9)), echo.ready(ms(9))], [Some(2), Some(4)]);
    }

    #[test]
    fn a_terminal_that_never_answers_is_not_waited_for() {
        let mut echo = Echo::default();
        for frame in 0..60 {
            assert_eq!(echo.wait_until(ms(frame * 50)), None);
            assert_eq!(echo.give_up(ms(frame * 50)), None);
            assert!(asks(&mut echo, ms(frame * 50)));
        }
        assert!(echo.will_tell(7), "it may answer yet");
        assert_eq!(echo.gives_up_at(), Some(ms(3000)));
        assert_eq!(echo.give_up(ms(3000)), Some(7), "what was drawn counts as seen from now on");
        assert!(!asks(&mut echo, ms(3001)));
        assert_eq!((echo.outstanding(), echo.gives_up_at()), (0, None));
        echo.ready(ms(20_000));
        assert!(asks(&mut echo, ms(20_001)), "late is not never");
        assert_eq!(echo.ready(ms(20_002)), None, "one of those that are late");
    }

    #[test]
    fn lost_answers_slow_it_down_but_never_stop_it() {
        let mut echo = Echo::default();
        asks(&mut echo, ms(0));
        echo.ready(ms(1));
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
        assert!(echo.unanswered.len() <= 2, "{echo:?}");
    }

    /// Draws what it is sent when it gets to it, and answers; a question is lost now and then.
    #[derive(Default)]
    struct Slow {
        sent: VecDeque<(u64, Vec<u8>)>,
        drawn: u64,
    }

    impl Slow {
        fn draw_next(&mut self, echo: &mut Echo, now: Moment, is_lost: bool) -> Option<u64> {
            let (revision, asked) = self.sent.pop_front()?;
            self.drawn = revision;
            if is_lost {
                return None;
            }
            match asked.strip_prefix(b"\x1b7\x1b[") {
                None => echo.ready(now),
                Some(place) => {
                    let place = String::from_utf8_lossy(place);
                    let (row, rest) = place.split_once(';').unwrap();
                    let (col, _) = rest.split_once('H').unwrap();
                    let at = |number: &str| number.parse::<u16>().unwrap() - 1;
                    echo.cursor_at(now, at(col), at(row))
                }
            }
        }
    }

    #[test]
    fn no_answer_however_late_or_lost_tells_of_what_was_not_drawn() {
        let mut told = 0;
        for seed in 0..300_u64 {
            let mut random = seed;
            let mut below = |bound: u64| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (random >> 33) % bound
            };
            let (mut echo, mut slow, mut now) = (Echo::default(), Slow::default(), ms(1));
            // What it is sent for a while comes all at once, when it takes something again.
            let mut stands = false;
            for revision in 1..200 {
                now += ms(below(900));
                if echo.wait_until(now).is_none() {
                    let mut asked = Vec::new();
                    echo.ends_frame(now, revision, SIZE, &mut asked);
                    slow.sent.push_back((revision, asked));
                }
                if below(40) == 0 {
                    echo.forget();
                }
                stands = below(12) == 0 || (stands && below(20) != 0);
                while !stands && below(4) != 0 {
                    let lost = below(30) == 0;
                    if let Some(seen) = slow.draw_next(&mut echo, now, lost) {
                        assert!(seen <= slow.drawn, "seed {seed}: {seen}, {}", slow.drawn);
                        told += 1;
                    }
                }
            }
        }
        assert!(told > 5_000, "{told}");
    }

    #[test]
    fn a_frame_that_was_seen_late_is_known_to_be_seen() {
        let mut echo = Echo::default();
        asks(&mut echo, ms(0));
        echo.ready(ms(1));
        let mut slow = Slow::default();
        for second in 0..20 {
            let now = ms(second * 1000);
            if echo.wait_until(now).is_none() {
                let mut asked = Vec::new();
                echo.ends_frame(now, second, SIZE, &mut asked);
                slow.sent.push_back((second, asked));
            }
        }
        let last = slow.sent.back().unwrap().0;
        let mut seen = None;
        while !slow.sent.is_empty() {
            seen = slow.draw_next(&mut echo, ms(21_000), false).or(seen);
        }
        assert_eq!(seen, Some(last));
        assert_eq!(echo.wait_until(ms(21_000)), None);
    }
}

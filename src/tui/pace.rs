//! How fast frames may come: at most so many a second, within a budget of bytes for the person's
//! terminal, at once after a key, and as many under way as the round trip makes necessary. Pure;
//! times are handed in.

use crate::base::size::Size;
use std::time::Duration;

/// The most bytes a second for a terminal of 80x24; larger ones get more by their area.
const BYTES_LOCAL: f64 = 90_000.0;
const BYTES_FAR: f64 = 48_000.0;
/// The most frames a second.
const FRAMES_LOCAL: f64 = 60.0;
const FRAMES_FAR: f64 = 30.0;
/// The most frames that may be under way, however long the line.
const WINDOW_MAX: u64 = 8;
/// How often the line is measured at most, and only while frames come.
const MEASURE_EVERY: Duration = Duration::from_secs(2);
/// What one key exempts from the budget, in frames: its echo, and what the agent draws because of
/// it.
const EXEMPT_FRAMES: u32 = 2;

/// A moment, as the time since the client began.
pub type Moment = Duration;

/// Decides when the next frame may be drawn and how much credit the daemon has.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    bytes_per_second: f64,
    /// Not before then is the next frame drawn.
    next: Moment,
    exempt: u32,
    /// The last frame that came, and the credit the daemon has.
    arrived: u64,
    granted: u64,
    /// When the line was last measured.
    measured: Option<Moment>,
    round_trip: Duration,
}

impl Pace {
    /// For a terminal of this size, on this machine or at the other end of a network (`far`).
    pub fn new(size: Size, far: bool) -> Self {
        let frames = if far { FRAMES_FAR } else { FRAMES_LOCAL };
        let mut pace = Self {
            interval: Duration::from_secs_f64(1.0 / frames),
            bytes_per_second: if far { BYTES_FAR } else { BYTES_LOCAL },
            next: Duration::ZERO,
            exempt: 0,
            arrived: 0,
            granted: 0,
            measured: None,
            round_trip: Duration::ZERO,
        };
        pace.resize(size);
        pace
    }

    /// The terminal has another size.
    pub fn resize(&mut self, size: Size) {
        let base = if self.interval > Duration::from_millis(20) { BYTES_FAR } else { BYTES_LOCAL };
        let area = f64::from(size.cols) * f64::from(size.rows) / (80.0 * 24.0);
        self.bytes_per_second = base * area.max(1.0);
    }

    /// A person pressed a key: what it changes is drawn at once.
    pub fn key(&mut self) {
        self.exempt = EXEMPT_FRAMES;
        self.next = Duration::ZERO;
    }

    /// When the next frame may be drawn; `None` is now.
    pub fn wait_until(&self, now: Moment) -> Option<Moment> {
        (self.next > now).then_some(self.next)
    }

    /// A frame of so many bytes was drawn and drained.
    pub fn drawn(&mut self, now: Moment, bytes: usize) {
        if self.exempt > 0 {
            self.exempt -= 1;
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a frame is far below 2^52 bytes")]
        let cost = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        self.next = now + cost.max(self.interval);
    }

    /// A frame came from the daemon.
    pub fn came(&mut self, frame: u64) {
        self.arrived = self.arrived.max(frame);
    }

    /// The credit to give now that what came was drawn; `None` when the daemon has it already.
    pub fn credit(&mut self) -> Option<u64> {
        let wanted = self.arrived.saturating_add(self.window());
        let more = wanted > self.granted;
        self.granted = self.granted.max(wanted);
        more.then_some(wanted)
    }

    /// Whether the daemon is to get credit as soon as another frame may be drawn.
    pub fn owes_credit(&self) -> bool {
        self.arrived.saturating_add(self.window()) > self.granted
    }

    /// Whether to measure the line now, because something is on its way anyway.
    pub fn measures(&mut self, now: Moment) -> bool {
        let due = self.measured.is_none_or(|last| now.saturating_sub(last) >= MEASURE_EVERY);
        if due {
            self.measured = Some(now);
        }
        due
    }

    /// A message took so long to the daemon and back.
    pub fn measured(&mut self, took: Duration) {
        // Smoothed: one slow message is not a long line.
        self.round_trip = match self.round_trip {
            Duration::ZERO => took,
            before => (before * 3 + took) / 4,
        };
    }

    /// A connection begins: the daemon has no credit and counts frames anew.
    pub fn connected(&mut self) {
        (self.arrived, self.granted, self.measured) = (0, 0, None);
        // The tables come first and say whose pane to look at: both are waited for.
        self.key();
    }

    /// How many frames may be under way: as many as are drawn during one round trip, and one.
    fn window(&self) -> u64 {
        let during = self.round_trip.as_micros() / self.interval.as_micros().max(1);
        u64::try_from(during).unwrap_or(WINDOW_MAX).saturating_add(1).min(WINDOW_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Size = Size { cols: 80, rows: 24 };

    fn ms(millis: u64) -> Moment {
        Duration::from_millis(millis)
    }

    /// Draws as fast as it may for a second, each frame costing `bytes`; returns the bytes.
    fn flood(pace: &mut Pace, bytes: usize) -> usize {
        let (mut now, mut sum) = (Duration::ZERO, 0);
        while now < Duration::from_secs(1) {
            now = pace.wait_until(now).unwrap_or(now);
            pace.drawn(now, bytes);
            sum += bytes;
        }
        sum
    }

    #[test]
    fn a_flood_stays_within_the_budget_of_its_terminal() {
        assert!(flood(&mut Pace::new(SMALL, false), 4_300) <= 100_000);
        assert!(flood(&mut Pace::new(SMALL, true), 4_300) <= 60_000);
        let frames = flood(&mut Pace::new(SMALL, false), 10) / 10;
        assert!((50..=61).contains(&frames), "{frames} frames");
    }

    #[test]
    fn a_key_is_answered_at_once_in_the_middle_of_a_flood() {
        let mut pace = Pace::new(SMALL, true);
        pace.drawn(ms(0), 40_000);
        assert!(pace.wait_until(ms(1)).is_some());
        pace.key();
        assert_eq!(pace.wait_until(ms(1)), None);
        pace.drawn(ms(1), 40_000);
        assert_eq!(pace.wait_until(ms(2)), None, "what the agent draws of it is exempt too");
        pace.drawn(ms(2), 40_000);
        pace.drawn(ms(3), 40_000);
        assert!(pace.wait_until(ms(4)).is_some());
    }

    #[test]
    fn credit_grows_with_the_line_and_is_bounded() {
        let mut near = Pace::new(SMALL, false);
        assert_eq!(near.credit(), Some(1));
        near.came(1);
        assert_eq!(near.credit(), Some(2));
        assert_eq!(near.credit(), None, "it was given");
        let mut far = Pace::new(SMALL, true);
        far.measured(ms(100));
        assert_eq!(far.credit(), Some(4), "100 ms are 3 frames");
        let mut broken = Pace::new(SMALL, true);
        broken.measured(ms(60_000));
        assert_eq!(broken.credit(), Some(WINDOW_MAX));
    }

    #[test]
    fn the_line_is_measured_at_once_and_then_seldom() {
        let mut pace = Pace::new(SMALL, false);
        assert!(pace.measures(ms(0)));
        assert!(!pace.measures(ms(100)));
        assert!(pace.measures(ms(2_100)));
    }

    #[test]
    fn a_new_connection_starts_over() {
        let mut pace = Pace::new(SMALL, false);
        pace.credit();
        pace.came(1);
        pace.credit();
        pace.drawn(ms(0), 40_000);
        pace.connected();
        assert_eq!(pace.credit(), Some(1));
        pace.drawn(ms(1), 4_000);
        assert_eq!(pace.wait_until(ms(2)), None, "the pane follows the tables at once");
    }
}

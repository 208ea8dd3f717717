//! Time: one timestamp type and the only reads of the system clock.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

/// The longest single wait towards a point on the machine's clock, which may be set meanwhile.
const STEP: Duration = Duration::from_secs(60);

/// A point in time in milliseconds since the Unix epoch, written as RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The point `ms` milliseconds after the Unix epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This point moved forward by `duration`, stopping at the end of time.
    pub fn plus(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(ms))
    }

    /// How long after `earlier` this is; zero when it is not later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl std::str::FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>().map(|at| Self(at.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where the time comes from: the system, or a hand that tests move.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's wall clock.
    #[default]
    System,
    /// A clock that stands still until it is set.
    Manual(ManualClock),
}

/// A clock that only moves when told to.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<Hand>);

#[derive(Debug, Default)]
struct Hand {
    at: AtomicI64,
    /// Threads that wait for it to move.
    waiting: Mutex<Vec<Thread>>,
}

impl ManualClock {
    /// A clock that stands at `at`.
    pub fn at(at: Timestamp) -> Self {
        Self(Arc::new(Hand { at: AtomicI64::new(at.millis()), waiting: Mutex::default() }))
    }

    /// Moves the clock forward and wakes whoever waits for it.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.at.fetch_add(ms, Ordering::SeqCst);
        waiting.drain(..).for_each(|thread| thread.unpark());
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.0.at.load(Ordering::SeqCst))
    }

    /// Waits until the clock moved, unless it is at `at` already.
    fn wait(&self, at: Timestamp) {
        {
            let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if self.now() >= at {
                return;
            }
            waiting.push(thread::current());
        }
        thread::park();
    }
}

impl Clock {
    /// The time now.
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => Timestamp(jiff::Timestamp::now().as_millisecond()),
            Clock::Manual(clock) => clock.now(),
        }
    }

    /// Blocks this thread towards `at`. It may return early, and does when the thread is unparked:
    /// look at the time again.
    pub fn park_towards(&self, at: Timestamp) {
        match self {
            Clock::System => thread::park_timeout(at.since(self.now()).min(STEP)),
            Clock::Manual(clock) => clock.wait(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_as_rfc3339_and_read_back() {
        let at = Timestamp::from_millis(1_795_240_730_123);
        assert_eq!(at.to_string(), "2026-11-21T05:58:50.123Z");
        let json = serde_json::to_string(&at).unwrap();
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), at);
    }

    #[test]
    fn moving_a_clock_by_hand_wakes_whoever_waits_for_it() {
        let hand = ManualClock::at(Timestamp::from_millis(5));
        let clock = Clock::Manual(hand.clone());
        let waits = thread::spawn(move || {
            while clock.now() < Timestamp::from_millis(9) {
                clock.park_towards(Timestamp::from_millis(9));
            }
        });
        hand.advance(Duration::from_millis(3));
        hand.advance(Duration::from_millis(1));
        waits.join().unwrap();
    }

    #[test]
    fn a_clock_set_back_gives_no_negative_duration() {
        let early = Timestamp::from_millis(5);
        let late = Timestamp::from_millis(9);
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.since(early), Duration::from_millis(4));
    }
}

//! The time of work, as the limit on it counts.

use crate::base::clock::Timestamp;

/// The time an attempt's agent worked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Worked {
    /// Until it last stopped working, in milliseconds.
    pub ms: u64,
    /// It is at work, since then.
    pub since: Option<Timestamp>,
}

impl Worked {
    /// It is at work from now on, or no longer.
    pub fn is_at_work(&mut self, working: bool, now: Timestamp) {
        self.stops(now);
        self.since = working.then_some(now);
    }

    /// What it worked until now counts.
    pub fn stops(&mut self, now: Timestamp) {
        if let Some(since) = self.since.take() {
            let more = u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX);
            self.ms = self.ms.saturating_add(more);
        }
    }
}

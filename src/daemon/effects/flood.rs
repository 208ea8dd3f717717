//! A flood of output in a pane that nobody looks at: the agent has the processors first, and what
//! it said is read when it pauses. Pure; times are handed in.

use crate::base::ticks::Instant;
use std::time::Duration;

/// So much at once is more than a screen has.
const FLOOD_BYTES: u64 = 32 << 10;
/// So much is read in any case: half of what the holder lets a daemon be behind, since more comes
/// while it is read.
const BEHIND_MAX: u64 = 16 << 20;
/// After this long it is read in any case: it may hold a status or a question.
const BEHIND_FOR: Duration = Duration::from_millis(250);
/// A flood that pauses for this long is over. Longer than the holder takes to tell of more.
pub(super) const PAUSE: Duration = Duration::from_millis(25);

/// Output that was told and is not read yet.
#[derive(Debug, Default)]
pub(super) struct Flood {
    since: Option<Instant>,
    stored: Option<u64>,
}

impl Flood {
    /// Whether output that is stored up to `stored` is left unread for now, `behind` bytes of it.
    pub fn takes(&mut self, stored: u64, behind: u64, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let waits = (FLOOD_BYTES..BEHIND_MAX).contains(&behind) && now < since + BEHIND_FOR;
        *self = match waits {
            true => Self { since: Some(since), stored: Some(stored) },
            false => Self::default(),
        };
        waits
    }

    /// Whether something is left unread.
    pub fn is_on(&self) -> bool {
        self.stored.is_some()
    }

    /// It paused: up to where there is something to read, if anything was left.
    pub fn paused(&mut self) -> Option<u64> {
        std::mem::take(self).stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ticks::now;

    #[test]
    fn what_comes_in_little_pieces_is_read_at_once() {
        let mut flood = Flood::default();
        assert!(!flood.takes(4000, 4000, now()));
        assert_eq!((flood.is_on(), flood.paused()), (false, None));
    }

    #[test]
    fn a_flood_is_read_when_it_pauses_gets_far_ahead_or_lasts() {
        let (mut flood, began) = (Flood::default(), now());
        assert!(flood.takes(100_000, 100_000, began));
        assert!(flood.takes(900_000, 900_000, began + PAUSE));
        assert_eq!(flood.paused(), Some(900_000));
        assert!(!flood.takes(BEHIND_MAX, BEHIND_MAX, began), "far ahead");
        assert!(flood.takes(100_000, 100_000, began));
        let late = began + BEHIND_FOR;
        assert!(!flood.takes(200_000, 200_000, late), "it lasts");
        assert!(flood.takes(300_000, 100_000, late), "the next part of it waits anew");
    }
}

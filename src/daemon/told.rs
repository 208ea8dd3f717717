//! What was told of a run, and how much more may be: an agent may be as noisy as it likes.

use crate::agent::status::State;
use crate::agent::turn::TurnEnd;
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use std::time::Duration;

/// A status is reported at once as long as fewer than so many were in the last [`PACE_SPAN`].
pub const PACE_MAX: usize = 20;
/// What a person is asked has room beyond that: it must not wait behind an agent's noise.
pub const PACE_ASKS_MAX: usize = 40;
/// Ends of turns have room of their own.
pub const PACE_ENDS_MAX: usize = 20;
const PACE_SPAN: Duration = Duration::from_secs(10);

/// The end of a turn, and which one it was.
pub type EndOfTurn = (TurnEnd, Option<u64>);

/// What was reported last.
#[derive(Default)]
pub struct Told {
    /// The status.
    pub status: Option<(State, Option<Foreign>)>,
    /// The last end of a turn.
    pub turn_end: Option<EndOfTurn>,
    /// The agent's name for its conversation.
    pub session: Option<String>,
    recent: Vec<Timestamp>,
    recent_ends: Vec<Timestamp>,
    /// There was no room for something, which is told later.
    pub is_behind: bool,
}

impl Told {
    /// Whether a status may be told now, as one of at most `pace`.
    pub fn may_tell(&mut self, now: Timestamp, pace: usize) -> bool {
        let may = has_room(&mut self.recent, now, pace);
        self.is_behind |= !may;
        may
    }

    /// Whether the end of a turn may be told now.
    pub fn may_end(&mut self, now: Timestamp) -> bool {
        let may = has_room(&mut self.recent_ends, now, PACE_ENDS_MAX);
        self.is_behind |= !may;
        may
    }
}

fn has_room(recent: &mut Vec<Timestamp>, now: Timestamp, pace: usize) -> bool {
    recent.retain(|at| now.since(*at) < PACE_SPAN);
    let has_room = recent.len() < pace;
    recent.extend(has_room.then_some(now));
    has_room
}

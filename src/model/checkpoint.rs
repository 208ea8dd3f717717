//! Checkpoints: what a worktree can be returned to, and what each of them was taken before. None is
//! a result by itself: only what a turn or a person's word ended is judged.

use crate::base::clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What a worktree is kept for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// The agent finished a turn.
    #[default]
    Turn,
    /// A person decides: they asked for judgement, or the result was made in the store.
    Decision,
    /// The run of this attempt is to start.
    Run(u32),
    /// This prompt is to be typed.
    Prompt(u32),
}

impl Moment {
    /// Whether what was there then is a result, to be judged.
    pub fn is_result(&self) -> bool {
        matches!(self, Self::Turn | Self::Decision)
    }

    /// Whether it is the usual one.
    pub fn is_turn(&self) -> bool {
        *self == Self::Turn
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Turn => f.write_str("after turn"),
            Self::Decision => f.write_str("before decision"),
            Self::Run(number) => write!(f, "before run {number}"),
            Self::Prompt(number) => write!(f, "before prompt {number}"),
        }
    }
}

/// What a worktree can be returned to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// The attempt's base.
    Base,
    /// The checkpoint with this number.
    Checkpoint(u32),
}

/// Whether the worktree as it is before something can be returned to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kept {
    /// It is not the moment yet.
    #[default]
    NotYet,
    /// It is the moment: a checkpoint is to be taken first.
    Due,
    /// It can.
    At(Point),
}

/// How often the agent was ready for a prompt and then was not. Each time makes what was kept void;
/// from the second on the next checkpoint waits, twice as long each time, so that an agent that
/// goes back and forth fills neither the log nor the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wavers {
    count: u32,
    last: Timestamp,
}

impl Wavers {
    /// The longest wait.
    const PATIENCE_MAX: Duration = Duration::from_secs(600);

    /// It was ready, and is not any more.
    pub fn again(&mut self, now: Timestamp) {
        *self = Self { count: self.count.saturating_add(1), last: now };
    }

    /// Whether the next checkpoint may be taken. A clock that was set back makes nobody wait.
    pub fn may_keep(&self, now: Timestamp) -> bool {
        now < self.last || now >= self.last.plus(self.patience())
    }

    fn patience(&self) -> Duration {
        let doublings = self.count.saturating_sub(2);
        match self.count {
            0 | 1 => Duration::ZERO,
            _ => Duration::from_secs(1 << doublings.min(10)).min(Self::PATIENCE_MAX),
        }
    }
}

//! Checkpoints: what a worktree can be returned to, and what each of them was taken before. None is
//! a result by itself: only what a turn or a person's word ended is judged.

use serde::{Deserialize, Serialize};
use std::fmt;

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

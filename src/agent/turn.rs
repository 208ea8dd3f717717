//! When the turn of a prompt is over, and how. Pure.

use super::kind::{ExitMeans, IdleMeans, TurnRule};
use super::status::{Claim, Ended, State};
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long "idle" must stand before it ends a turn: Codex was seen to say working, idle, working
/// within 20 ms of taking a prompt.
pub const IDLE_SETTLES: Duration = Duration::from_secs(2);

/// How a turn ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TurnEnd {
    /// The agent says that it is finished. Whether the work is good is for the gates to say.
    Done,
    /// Somebody stopped it (Esc).
    Interrupted,
    /// It failed, with what it said.
    Error(Foreign),
}

/// One turn: from a submitted prompt to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Turn {
    /// Claims up to this change were made before the prompt and say nothing about this turn.
    from_change: u64,
    /// When the prompt was typed.
    #[serde(default)]
    typed_at: Option<Timestamp>,
    seen_working: bool,
    idle_since: Option<Timestamp>,
    end: Option<TurnEnd>,
    /// The change that brought the end, or the idleness that may become one.
    end_change: u64,
}

impl Turn {
    pub(super) fn after(change: u64) -> Self {
        let (idle_since, end, end_change) = (None, None, 0);
        let (seen_working, typed_at) = (false, None);
        Self { from_change: change, typed_at, seen_working, idle_since, end, end_change }
    }

    pub(super) fn typed(change: u64, at: Timestamp) -> Self {
        Self { typed_at: Some(at), ..Self::after(change) }
    }

    /// When its prompt was typed, where that is known.
    pub(super) fn typed_at(&self) -> Option<Timestamp> {
        self.typed_at
    }

    /// Names the end, so that a second one can be told from it.
    pub(super) fn end_change(&self) -> u64 {
        self.end_change
    }

    /// Whether the agent was seen at work in it.
    pub(super) fn has_begun(&self) -> bool {
        self.seen_working
    }

    /// How it had ended by `now`, if it had.
    pub(super) fn end(&self, rule: &TurnRule, now: Timestamp) -> Option<TurnEnd> {
        let settled = self.idle_since.is_some_and(|since| now >= since.plus(IDLE_SETTLES));
        let by_idle = settled.then_some(match rule.idle {
            IdleMeans::Done => TurnEnd::Done,
            IdleMeans::Interrupted => TurnEnd::Interrupted,
        });
        self.end.clone().or(by_idle)
    }

    /// Takes in what governs the status at `at`. The first end stays, unless the agent is then seen
    /// at work again: that was not the end of it.
    pub(super) fn advance(
        &mut self,
        rule: &TurnRule,
        at: Timestamp,
        exit: Option<Ended>,
        governing: Option<&Claim>,
    ) {
        self.end = self.end(rule, at);
        if self.end.is_some() {
            let works =
                |claim: &Claim| claim.state == State::Working && claim.change > self.end_change;
            if exit.is_none() && governing.is_some_and(works) {
                *self = Self { seen_working: true, ..Self::after(self.end_change) };
            }
            return;
        }
        if let Some(ended) = exit {
            self.end = Some(end_by_exit(rule, ended));
            return;
        }
        let Some(claim) = governing.filter(|claim| claim.change > self.from_change) else {
            return;
        };
        self.idle_since = None;
        self.end_change = claim.change;
        match claim.state {
            State::Working | State::Blocked(_) => self.seen_working = true,
            State::Done => self.end = Some(TurnEnd::Done),
            State::Error => {
                let silent = || Foreign::new("the agent reports an error");
                self.end = Some(TurnEnd::Error(claim.detail.clone().unwrap_or_else(silent)));
            }
            // Typing the prompt may itself have been answered by "idle".
            State::Idle if self.seen_working || rule.idle == IdleMeans::Done => {
                self.idle_since = Some(claim.since);
            }
            State::Idle | State::Starting | State::Exited | State::Unknown => {}
        }
    }
}

fn end_by_exit(rule: &TurnRule, ended: Ended) -> TurnEnd {
    match (rule.exit, ended) {
        (ExitMeans::Status, Ended::Status(0)) => TurnEnd::Done,
        (ExitMeans::Status, ended) => TurnEnd::Error(Foreign::new(ended.to_string())),
        (ExitMeans::Unfinished, ended) => {
            TurnEnd::Error(Foreign::new(format!("the agent ended in mid-turn ({ended})")))
        }
    }
}

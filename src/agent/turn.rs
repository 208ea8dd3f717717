//! When the turn of a prompt is over, and how. Pure.

use super::kind::{ExitMeans, IdleMeans, TurnRule};
use super::status::{Claim, Ended, State};
use crate::base::foreign::Foreign;
use serde::{Deserialize, Serialize};

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
pub(super) struct Turn {
    /// Claims up to this change were made before the prompt and say nothing about this turn.
    from_change: u64,
    seen_working: bool,
    pub(super) end: Option<TurnEnd>,
}

impl Turn {
    pub(super) fn after(change: u64) -> Self {
        Self { from_change: change, seen_working: false, end: None }
    }

    /// Takes in what governs the status now. The first end stays.
    pub(super) fn advance(
        &mut self,
        rule: &TurnRule,
        exit: Option<Ended>,
        governing: Option<&Claim>,
    ) {
        if self.end.is_some() {
            return;
        }
        if let Some(ended) = exit {
            self.end = Some(end_by_exit(rule, ended));
            return;
        }
        let Some(claim) = governing.filter(|claim| claim.change > self.from_change) else {
            return;
        };
        self.end = match claim.state {
            State::Working | State::Blocked(_) => {
                self.seen_working = true;
                None
            }
            State::Done => Some(TurnEnd::Done),
            State::Error => Some(TurnEnd::Error(
                claim.detail.clone().unwrap_or_else(|| Foreign::new("the agent reports an error")),
            )),
            State::Idle => self.end_by_idle(rule),
            State::Starting | State::Exited | State::Unknown => None,
        };
    }

    fn end_by_idle(&self, rule: &TurnRule) -> Option<TurnEnd> {
        match rule.idle {
            IdleMeans::Done => Some(TurnEnd::Done),
            // Typing the prompt may itself have been answered by "idle".
            IdleMeans::Interrupted if !self.seen_working => None,
            IdleMeans::Interrupted => Some(TurnEnd::Interrupted),
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

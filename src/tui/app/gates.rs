//! A task's verdicts: what each check of the last gate run said, and the end of its log.

use super::rows::{list, text, typed};
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use serde_json::Value;

/// The verdict of a check.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// The check.
    pub check: String,
    /// What it said, in a word.
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// The command.
    pub command: String,
    /// How long it took.
    pub ms: u64,
    /// Test counts, as far as they are known.
    pub counts: String,
    /// What it found, the first of them.
    pub found: Vec<Found>,
    /// How many there are in all.
    pub found_count: u64,
    /// What a person attests.
    pub statements: Vec<String>,
    /// The last lines of its output, and the names of failing tests before them.
    pub tail: Vec<String>,
}

impl Verdict {
    /// Whether its evidence is a log, which is read from its end.
    pub fn is_log(&self) -> bool {
        self.found.is_empty() && self.statements.is_empty()
    }

    /// Whether it found something that a person should know, although it fails nothing.
    pub fn has_notices(&self) -> bool {
        self.found.iter().any(|found| found.weight == "notice")
    }
}

/// Something a check found.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// How much it weighs, in a word.
    pub weight: String,
    /// The rule, with the file and line if it is at one.
    pub place: String,
    /// What stands there.
    pub snippet: String,
    /// Why it is objected to.
    pub why: String,
}

impl Found {
    /// A finding as a daemon tells it.
    pub fn read(value: &Value) -> Self {
        let (rule, path) = (text(&value["rule"]), text(&value["path"]));
        let place = match (path.as_str(), value["line"].as_u64()) {
            ("", _) => rule,
            (path, None) => format!("{rule} {path}"),
            (path, Some(line)) => format!("{rule} {path}:{line}"),
        };
        Self {
            weight: text(&value["weight"]),
            place,
            snippet: text(&value["snippet"]),
            why: text(&value["why"]),
        }
    }

    /// The same on one line.
    pub fn line(&self) -> String {
        let parts = [&self.place, &self.snippet, &self.why];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.map(String::as_str).collect::<Vec<_>>().join("  ")
    }
}

/// The last gate run of a task.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Gates {
    /// The tree it judged.
    pub tree: String,
    /// The checkpoint it judged.
    pub snapshot: u64,
    /// Whether it judged nothing but that the agent had to be stopped in the middle of its turn.
    pub is_mid_turn: bool,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// Whether it has ended.
    pub is_over: bool,
    /// What the checks said.
    pub verdicts: Vec<Verdict>,
}

impl Gates {
    /// The first verdict that is not a pass: what a person looks for.
    pub fn first_red(&self) -> usize {
        let is_red = |verdict: &Verdict| verdict.outcome != "pass";
        self.verdicts.iter().position(is_red).unwrap_or(0)
    }

    /// The last of the gate runs a daemon answered with; `None` when nothing was judged yet.
    pub fn read(answer: &Value) -> Option<Self> {
        let run = list(answer).last()?;
        Some(Self {
            tree: text(&run["tree"]),
            snapshot: run["snapshot"].as_u64().unwrap_or(0),
            is_mid_turn: run["mid_turn"] == true,
            started_at: typed(&run["started_at"]),
            is_over: run["verdicts"].is_array(),
            verdicts: list(&run["verdicts"]).iter().map(verdict).collect(),
        })
    }
}

fn verdict(value: &Value) -> Verdict {
    let counts = &value["counts"];
    let failing = list(&counts["failing"]).iter().map(|name| format!("failing: {}", text(name)));
    let tail = Foreign::new(value["tail"].as_str().unwrap_or_default()).shown_lines();
    Verdict {
        check: text(&value["check"]),
        outcome: text(&value["outcome"]),
        reason: text(&value["reason"]),
        command: text(&value["command"]),
        ms: value["duration_ms"].as_u64().unwrap_or(0),
        counts: match counts.is_object() {
            true => format!(
                "{} tests, {} failed, {} skipped",
                text(&counts["tests"]),
                text(&counts["failed"]),
                text(&counts["skipped"])
            ),
            false => String::new(),
        },
        found: list(&value["findings"]).iter().map(Found::read).collect(),
        found_count: value["finding_count"].as_u64().unwrap_or(0),
        statements: list(&value["attestation"]["statements"]).iter().map(text).collect(),
        tail: failing.chain(tail.trim_end().lines().map(String::from)).collect(),
    }
}

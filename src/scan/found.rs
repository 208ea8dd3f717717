//! Collects findings of one check, with secrets masked.

use super::change::ChangedFile;
use super::{Seen, mask};
use crate::base::foreign::Foreign;
use crate::model::verdict::{Finding, Weight};

/// How many names a list has.
const NAMES_MAX: usize = 5;

/// Findings of one check.
pub struct Found {
    check: &'static str,
    seen: Seen,
}

impl Found {
    /// For a check.
    pub fn new(check: &'static str) -> Self {
        Self { check, seen: Seen::default() }
    }

    /// Adds a finding.
    pub fn add(
        &mut self,
        file: &ChangedFile,
        rule: &str,
        weight: Weight,
        line: Option<u32>,
        snippet: &[u8],
        why: &str,
    ) {
        self.seen.add(Finding {
            rule: format!("{}/{rule}", self.check),
            weight,
            path: file.shown(),
            line,
            snippet: mask::masked_snippet(snippet),
            why: Foreign::new(why),
        });
    }

    /// What the check saw, with what it looked at and why it could not judge, if so.
    pub fn done(self, looked_at: String, unjudged: Option<String>) -> Seen {
        Seen { looked_at, unjudged, ..self.seen }
    }
}

/// The first of some names, for a message.
pub fn listed(names: &[String]) -> String {
    let first = names.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

//! Collects findings of one check: bounded in number and in length.

use super::change::ChangedFile;
use crate::base::foreign::Foreign;
use crate::model::verdict::{Finding, Weight};

/// How many findings of one check are kept.
const FINDINGS_MAX: usize = 1_000;
/// How much of a line is shown.
const SNIPPET_CHARS_MAX: usize = 160;
/// How many names a list has.
const NAMES_MAX: usize = 5;

/// Findings of one check.
pub struct Found {
    check: &'static str,
    findings: Vec<Finding>,
    dropped: usize,
    /// Whether something that is not kept fails the check.
    is_violated: bool,
}

impl Found {
    /// For a check.
    pub fn new(check: &'static str) -> Self {
        Self { check, findings: Vec::new(), dropped: 0, is_violated: false }
    }

    /// Keeps a finding, if there is room.
    pub fn add(
        &mut self,
        file: &ChangedFile,
        rule: &str,
        weight: Weight,
        line: Option<u32>,
        snippet: &[u8],
        why: &str,
    ) {
        if self.findings.len() == FINDINGS_MAX {
            self.dropped += 1;
            self.is_violated |= weight == Weight::Violation;
            return;
        }
        self.findings.push(Finding {
            rule: format!("{}/{rule}", self.check),
            weight,
            path: file.shown(),
            line,
            snippet: short(snippet),
            why: Foreign::new(why),
        });
    }

    /// What was found, with one more finding that says how many were left out.
    pub fn done(mut self) -> Vec<Finding> {
        if self.dropped > 0 {
            let violated = self.is_violated;
            self.findings.push(Finding {
                rule: format!("{}/more", self.check),
                weight: if violated { Weight::Violation } else { Weight::Notice },
                path: Foreign::default(),
                line: None,
                snippet: Foreign::default(),
                why: Foreign::new(format!("{} more findings are not listed", self.dropped)),
            });
        }
        self.findings
    }
}

/// A line as it is shown: its beginning, without the spaces around it.
fn short(line: &[u8]) -> Foreign {
    let line = line.trim_ascii();
    let end = line.len().min(SNIPPET_CHARS_MAX * 4);
    let text = Foreign::from_bytes(&line[..end]);
    let mut shown: String = text.raw().chars().take(SNIPPET_CHARS_MAX).collect();
    if shown.len() < text.raw().len() || end < line.len() {
        shown.push('…');
    }
    Foreign::new(shown)
}

/// The first of some names, for a message.
pub fn listed(names: &[String]) -> String {
    let first = names.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

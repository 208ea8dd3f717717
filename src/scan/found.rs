//! Collects findings of one check: each with its line, secrets masked.

use super::change::ChangedFile;
use super::syntax::line_of;
use super::{Seen, mask};
use crate::base::foreign::Foreign;
use crate::model::verdict::{Finding, Weight};

/// How many names a list has.
const NAMES_MAX: usize = 5;

/// Where something was found in a file.
#[derive(Clone, Copy, Default)]
pub struct Spot<'a> {
    /// The number of the line, from 1, if it is about one.
    pub line: Option<u32>,
    /// What stands there.
    pub text: &'a [u8],
    /// Where in that it was found, in bytes.
    pub place: usize,
}

impl<'a> Spot<'a> {
    /// A line of a file.
    pub fn line_of(bytes: &'a [u8], line: Option<u32>) -> Self {
        let index = line.and_then(|line| usize::try_from(line).ok()?.checked_sub(1));
        let text = index.and_then(|index| bytes.split(|byte| *byte == b'\n').nth(index));
        Self { line, text: text.unwrap_or_default().trim_ascii_end(), place: 0 }
    }

    /// The line of a file that this byte of it stands in.
    pub fn at(bytes: &'a [u8], at: usize) -> Self {
        let before = &bytes[..at.min(bytes.len())];
        let rows = before.iter().filter(|byte| **byte == b'\n').count();
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let text = bytes[start..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        let place = before.len() - start;
        Self { line: Some(line_of(rows)), text: text.trim_ascii_end(), place }
    }
}

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
        spot: Spot<'_>,
        why: &str,
    ) {
        self.seen.add(Finding {
            rule: format!("{}/{rule}", self.check),
            weight,
            path: file.shown(),
            line: spot.line,
            snippet: mask::snippet(spot.text, spot.place, &[]),
            why: Foreign::new(why),
        });
    }

    /// What the check saw.
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

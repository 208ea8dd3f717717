//! Collects findings of one check: each with its line, secrets masked, as long as there is room.

use super::change::ChangedFile;
use super::syntax::line_of;
use super::{Seen, mask};
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
    /// How much of the file the text is.
    pub part: Part,
}

/// How much of a file the text of a spot is. Which line of a file it is about is looked up for
/// what is kept alone.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// What is to be shown.
    #[default]
    Line,
    /// All of it; the place is one in the line.
    Whole,
    /// All of it; the place is one in the file and tells the line.
    WholeAt,
}

impl<'a> Spot<'a> {
    /// A line of a file.
    pub fn line_of(bytes: &'a [u8], line: Option<u32>) -> Self {
        match line {
            Some(_) => Self { line, text: bytes, place: 0, part: Part::Whole },
            None => Self::default(),
        }
    }

    /// The line of a file that this byte of it stands in.
    pub fn at(bytes: &'a [u8], at: usize) -> Self {
        Self { line: None, text: bytes, place: at, part: Part::WholeAt }
    }
}

/// Where the lines of the file that was last asked for begin.
#[derive(Default)]
struct Lines {
    /// Where its bytes are, which stay there while a check looks at a change, and how many.
    of: (usize, usize),
    starts: Vec<usize>,
}

impl Lines {
    fn look_up<'a>(&mut self, spot: Spot<'a>) -> Spot<'a> {
        let bytes = spot.text;
        if spot.part == Part::Line {
            return spot;
        }
        let of = (bytes.as_ptr().addr(), bytes.len());
        if self.of != of || self.starts.is_empty() {
            let ends = (1..).zip(bytes).filter(|(_, byte)| **byte == b'\n');
            self.starts = std::iter::once(0).chain(ends.map(|(next, _)| next)).collect();
            self.of = of;
        }
        let (row, place) = match spot.part {
            Part::WholeAt => {
                let at = spot.place.min(bytes.len());
                let row = self.starts.partition_point(|start| *start <= at).saturating_sub(1);
                (row, at - self.starts.get(row).copied().unwrap_or_default())
            }
            _ => {
                let row = spot.line.unwrap_or_default().saturating_sub(1);
                (usize::try_from(row).unwrap_or(usize::MAX), spot.place)
            }
        };
        let start = self.starts.get(row).copied().unwrap_or(bytes.len());
        let end = self.starts.get(row.saturating_add(1)).copied().unwrap_or(bytes.len());
        let text = bytes[start..end].trim_ascii_end();
        Spot { line: Some(line_of(row)), text, place, part: Part::Line }
    }
}

/// Findings of one check.
pub struct Found {
    check: &'static str,
    seen: Seen,
    lines: Lines,
}

impl Found {
    /// For a check.
    pub fn new(check: &'static str) -> Self {
        Self { check, seen: Seen::default(), lines: Lines::default() }
    }

    /// Adds a finding, its secrets masked. One for which there is no room is only counted.
    pub fn add(
        &mut self,
        file: &ChangedFile,
        rule: &str,
        weight: Weight,
        spot: Spot<'_>,
        why: &str,
    ) {
        let rule = format!("{}/{rule}", self.check);
        if !self.seen.has_room(&rule, weight) {
            self.seen.left_off += 1;
            return;
        }
        let spot = self.lines.look_up(spot);
        self.seen.add(Finding {
            rule,
            weight,
            path: file.shown(),
            line: spot.line,
            snippet: mask::snippet(spot.text, spot.place, &[]),
            why: mask::masked(why.as_bytes()),
        });
    }

    /// For what another file shows, which joins this later.
    pub fn beside(&self) -> Self {
        Self { check: self.check, seen: self.seen.beside(), lines: Lines::default() }
    }

    /// Adds what was found beside.
    pub fn join(&mut self, other: Self) {
        self.seen.join(other.seen);
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

#[cfg(test)]
mod tests {
    use super::super::FINDINGS_MAX;
    use super::super::change::tests::file;
    use super::*;

    #[test]
    fn a_line_is_found_by_its_number_and_by_any_byte_of_it() {
        let bytes = b"one\r\ntwo\n\nfour";
        let mut lines = Lines::default();
        let mut line = |spot| {
            let Spot { line, text, place, .. } = lines.look_up(spot);
            (line, String::from_utf8_lossy(text).into_owned(), place)
        };
        assert_eq!(line(Spot::line_of(bytes, Some(1))), (Some(1), "one".into(), 0));
        assert_eq!(line(Spot::line_of(bytes, Some(4))), (Some(4), "four".into(), 0));
        assert_eq!(line(Spot::line_of(bytes, Some(9))), (Some(9), "".into(), 0));
        assert_eq!(line(Spot::line_of(bytes, None)), (None, "".into(), 0));
        assert_eq!(line(Spot::at(bytes, 0)), (Some(1), "one".into(), 0));
        assert_eq!(line(Spot::at(bytes, 7)), (Some(2), "two".into(), 2));
        assert_eq!(line(Spot::at(bytes, 9)), (Some(3), "".into(), 0));
        assert_eq!(line(Spot::at(bytes, 99)), (Some(4), "four".into(), 4));
    }

    #[test]
    fn a_file_is_read_once_for_its_lines_and_not_for_what_is_only_counted() {
        let changed = file("a", None, Some("x"));
        let (one, other) = ("x\n".repeat(9), "y\n".repeat(9));
        let mut found = Found::new("a");
        let add = |found: &mut Found, text: &str, rule: &str| {
            let spot = Spot::line_of(text.as_bytes(), Some(2));
            found.add(&changed, rule, Weight::Violation, spot, "why");
        };
        add(&mut found, &one, "b");
        let table = found.lines.starts.as_ptr();
        for _ in 0..FINDINGS_MAX {
            add(&mut found, &one, "b");
        }
        assert_eq!(found.lines.starts.as_ptr(), table);
        add(&mut found, &other, "b");
        assert_eq!(found.lines.of.0, one.as_ptr().addr(), "nothing is looked up any more");
        let seen = found.done(String::new(), None);
        assert_eq!((seen.findings.len(), seen.count()), (FINDINGS_MAX, FINDINGS_MAX as u64 + 2));
    }

    #[test]
    fn what_is_wrong_tells_no_secret() {
        let mut found = Found::new("a");
        let changed = file("a", None, Some("x"));
        let token = format!("ghp_{}", "16C7e42F292c6912E7710c838347Ae178B4a");
        let why = format!("a new package: a@git+https://u:{token}@h/r");
        found.add(&changed, "b", Weight::Violation, Spot::default(), &why);
        let url = "https://u:kV8s-pQ2m9xx@h/r is not allowed";
        found.add(&changed, "b", Weight::Violation, Spot::default(), url);
        for finding in found.done(String::new(), None).findings {
            let why = finding.why.raw();
            assert!(!why.contains("C7e42F") && !why.contains("pQ2m9xx"), "{why}");
        }
    }
}

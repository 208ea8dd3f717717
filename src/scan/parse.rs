//! Parsing files within a budget of work, and keeping what came of it for the next check.

use super::change::Side;
use super::danger::{Test, tests_of};
use super::imports::Facts;
use super::leaves::Leaf;
use super::syntax::{Language, Source, first_fault, line_of};
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tree_sitter::{ParseOptions, Parser, Tree};

/// A file of source larger than this is not parsed.
pub const SOURCE_BYTES_MAX: usize = 1 << 20;
/// What one check parses of one change.
const CHANGE_BYTES_MAX: usize = 32 << 20;
/// The parser reports after each hundred steps. Ordinary source takes up to 14 reports for a KiB;
/// more is a text made to be slow. Steps, not seconds: the same tree is judged the same on any
/// machine. A report can stand for half a millisecond at worst.
const REPORTS_PER_KIB: usize = 16;
/// What all files of a change may take together.
const CHANGE_REPORTS_MAX: usize = 60_000;
/// Reports any file may take besides: deep nesting in a short one takes 50 for a KiB.
const REPORTS_LEAST: usize = 2_000;

/// Why a file has no tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unparsed {
    /// Its bytes are no text in UTF-8, or it says that it is in another encoding.
    NotText,
    /// It is larger than a check reads.
    TooLarge,
    /// Parsing it takes more work than any source should.
    TooMuchWork,
    /// The files before it took all the work there is for one change.
    Exhausted,
    /// A carriage return alone ends this line, from 1, for the language and not for its grammar.
    LoneReturn(u32),
    /// What stands in this line, from 1, is not in the language.
    Fault(u32),
}

impl Unparsed {
    /// The line it is about, if one.
    pub fn line(self) -> Option<u32> {
        match self {
            Unparsed::Fault(line) | Unparsed::LoneReturn(line) => Some(line),
            _ => None,
        }
    }

    /// In words, to stand after the name of the file.
    pub fn words(self) -> &'static str {
        match self {
            Unparsed::NotText => "is not text in UTF-8",
            Unparsed::TooLarge => "is larger than a scan reads",
            Unparsed::TooMuchWork => "takes more work to parse than source should",
            Unparsed::Exhausted => "is not read: the change is larger than a scan reads",
            Unparsed::LoneReturn(_) => "ends a line with a carriage return alone",
            Unparsed::Fault(_) => "does not parse",
        }
    }
}

/// What one check may still parse of one change; shared by the files that are read side by side.
pub struct Budget {
    bytes: AtomicUsize,
    reports: AtomicUsize,
    ran_out: AtomicBool,
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(CHANGE_BYTES_MAX, CHANGE_REPORTS_MAX)
    }
}

impl Clone for Budget {
    fn clone(&self) -> Self {
        let left = |of: &AtomicUsize| of.load(Ordering::Relaxed);
        let copy = Self::of(left(&self.bytes), left(&self.reports));
        copy.ran_out.store(self.has_run_out(), Ordering::Relaxed);
        copy
    }
}

impl Budget {
    fn of(bytes: usize, reports: usize) -> Self {
        Self { bytes: bytes.into(), reports: reports.into(), ran_out: false.into() }
    }

    /// Whether something was not read, or only just: which file it was depends on which came first.
    pub fn has_run_out(&self) -> bool {
        self.ran_out.load(Ordering::Relaxed)
    }

    fn run_out(&self) -> Unparsed {
        self.ran_out.store(true, Ordering::Relaxed);
        Unparsed::Exhausted
    }

    /// Parses a side of a file, if no other check did so and what its tree says was kept.
    ///
    /// # Errors
    /// Why there is no tree that covers all of it.
    pub fn parse<'a>(&self, language: Language, side: &'a Side) -> Result<Code<'a>, Unparsed> {
        let bytes = &side.bytes;
        if bytes.len() > SOURCE_BYTES_MAX {
            return Err(Unparsed::TooLarge);
        }
        let most = self.reports.load(Ordering::Relaxed);
        let take = |left: usize| left.checked_sub(bytes.len()).filter(|_| most > 0);
        if self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            return Err(self.run_out());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Unparsed::NotText)?;
        let parsed = match side.kept.get(language) {
            Some(parsed) => parsed,
            None => match Parsed::of(language, text, most) {
                Some(parsed) => side.kept.keep(parsed),
                None => return Err(self.run_out()),
            },
        };
        let reports = parsed.reports;
        if reports >= most && most < reports_max(bytes.len()) {
            return Err(self.run_out());
        }
        let spend = |left: usize| Some(left.saturating_sub(reports));
        let left = self.reports.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
        if left.is_ok_and(|left| left <= reports) {
            self.run_out();
        }
        parsed.known.map(|known| Code { language, text, known })
    }
}

/// Source, and what its tree says. The tree itself, which is many times its source, is gone.
pub struct Code<'a> {
    /// The language.
    pub language: Language,
    /// The text, as it is.
    pub text: &'a str,
    known: Arc<Known>,
}

impl Code<'_> {
    /// What it says about names from elsewhere.
    pub fn facts(&self) -> &Facts {
        &self.known.facts
    }

    /// The leaves of its tree.
    pub fn leaves(&self) -> &[Leaf] {
        &self.known.leaves
    }

    /// The tests in it.
    pub fn tests(&self) -> &[Test] {
        &self.known.tests
    }
}

/// What was read along a tree.
struct Known {
    facts: Facts,
    leaves: Vec<Leaf>,
    tests: Vec<Test>,
}

impl Known {
    fn of(source: Source<'_>) -> Self {
        let (facts, tests) = (Facts::of(&source), tests_of(&source));
        Self { facts, tests, leaves: source.into_leaves() }
    }
}

/// How many reports a file may take.
fn reports_max(bytes: usize) -> usize {
    REPORTS_LEAST + bytes / 1024 * REPORTS_PER_KIB
}

/// What came of parsing a file, which depends on that file alone.
#[derive(Clone)]
pub struct Parsed {
    pub(super) language: Language,
    known: Result<Arc<Known>, Unparsed>,
    reports: usize,
}

impl Parsed {
    /// Parses a text; `None` if that took as many reports as there were, though it may take more.
    fn of(language: Language, text: &str, most: usize) -> Option<Self> {
        let of_file = reports_max(text.len());
        let most = most.min(of_file);
        let (tree, reports) = match unfit(language, text) {
            Some(unparsed) => (Err(unparsed), 0),
            None => tree(language, text, most),
        };
        if reports >= most && most < of_file {
            return None;
        }
        let known = tree.and_then(|tree| match tree.root_node().has_error() {
            true => Err(Unparsed::Fault(first_fault(&tree))),
            false => Ok(Arc::new(Known::of(Source::of(language, text, tree)))),
        });
        Some(Self { language, known, reports })
    }
}

/// Why a text is no source for its grammar, if it is none.
fn unfit(language: Language, text: &str) -> Option<Unparsed> {
    if language != Language::Python {
        return None;
    }
    match names_another_encoding(text) {
        true => Some(Unparsed::NotText),
        false => lone_return(text).map(Unparsed::LoneReturn),
    }
}

/// The tree of a text, and how many reports it took; the parser stops at the last of them.
fn tree(language: Language, text: &str, most: usize) -> (Result<Tree, Unparsed>, usize) {
    thread_local! {
        static PARSER: RefCell<Parser> = RefCell::new(Parser::new());
    }
    let bytes = text.as_bytes();
    let mut reports = 0;
    let mut report = |_: &tree_sitter::ParseState| {
        reports += 1;
        if reports >= most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = ParseOptions::new().progress_callback(&mut report);
    // The grammar of Go wants the end of the last line.
    let end: &[u8] = if language == Language::Go { b"\n" } else { b"" };
    let mut read = |at: usize, _| match at.checked_sub(bytes.len()) {
        None => &bytes[at..],
        Some(beyond) => end.get(beyond..).unwrap_or_default(),
    };
    let tree = PARSER.with_borrow_mut(|parser| {
        parser.reset();
        parser.set_language(&language.grammar()).ok()?;
        parser.parse_with_options(&mut read, None, Some(options))
    });
    (tree.ok_or(Unparsed::TooMuchWork), reports)
}

/// Whether one of the first two lines says that Python reads the rest in an encoding in which other
/// code may stand than is seen (PEP 263).
fn names_another_encoding(text: &str) -> bool {
    let known = ["utf-8", "utf8", "ascii", "us-ascii", "latin-1", "latin1", "iso-8859-1"];
    // Python takes the first that has a name; more of them are none the better.
    let is_other = |(at, found): (usize, &str), comment: &str| {
        let rest = comment[at + found.len()..].strip_prefix([':', '=']).unwrap_or_default();
        let rest = rest.trim_start();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
        let name = rest[..end.unwrap_or(rest.len())].to_lowercase().replace('_', "-");
        !name.is_empty() && !known.contains(&name.as_str())
    };
    let names_other = |line: &str| {
        let comment = line.trim_start().strip_prefix('#').unwrap_or_default();
        comment.match_indices("coding").any(|found| is_other(found, comment))
    };
    let text = text.trim_start_matches('\u{feff}');
    text.split(['\n', '\r']).take(3).any(names_other)
}

/// The first line that a carriage return ends without a line feed.
fn lone_return(text: &str) -> Option<u32> {
    let bytes = text.as_bytes();
    let is_lone = |at: &usize| bytes[*at] == b'\r' && bytes.get(at + 1) != Some(&b'\n');
    let at = (0..bytes.len()).find(is_lone)?;
    Some(line_of(bytes[..at].iter().filter(|byte| **byte == b'\n').count()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::change::Kept;
    use super::*;

    /// A text, and what its tree says.
    pub(crate) fn code(language: Language, text: &str) -> Result<Code<'_>, Unparsed> {
        let parsed = Parsed::of(language, text, usize::MAX).unwrap();
        parsed.known.map(|known| Code { language, text, known })
    }

    /// What a text says about names from elsewhere.
    pub(crate) fn facts(language: Language, text: &str) -> Facts {
        Arc::into_inner(code(language, text).ok().unwrap().known).unwrap().facts
    }

    #[test]
    fn the_work_for_one_change_has_an_end() {
        for is_kept in [false, true] {
            let mut side = Side::of(0o100_644, "f(a);\n".repeat(1_000).into());
            side.kept = if is_kept { Kept::open() } else { Kept::default() };
            let parse = |budget: &Budget| budget.parse(Language::JavaScript, &side).err();
            let budget = Budget::of(20_000, 400);
            let all = [(); 5].map(|()| parse(&budget));
            assert_eq!((all[0], budget.has_run_out()), (None, true));
            assert_eq!(all.last(), Some(&Some(Unparsed::Exhausted)), "{is_kept}: {all:?}");
            assert_eq!(parse(&Budget::of(1 << 20, 5)), Some(Unparsed::Exhausted));
            assert_eq!(parse(&Budget::default()), None);
        }
    }
}

//! JUnit reports as test runners write them (bun, pytest, nextest, jest, go-junit-report and
//! others).
//!
//! There is no standard: suites nest or not, and the counts in attributes are missing or wrong. So
//! everything is counted from the test cases themselves. What cannot be understood is an error,
//! never a report with fewer failures.

use crate::base::foreign::Foreign;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde::{Deserialize, Serialize};

/// The largest report that is read, in bytes.
pub const BYTES_MAX: u64 = 64 << 20;

/// How many failing names are kept.
pub const NAMES_MAX: usize = 1000;

const DEPTH_MAX: usize = 100;
const NAME_CHARS_MAX: usize = 500;

/// What a report says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Test cases, skipped ones included; 0 is possible and is never a pass.
    pub tests: usize,
    /// Test cases that failed or broke off, and suites that did as a whole.
    pub failed: usize,
    /// Test cases that were not run.
    pub skipped: usize,
    /// Test cases that passed only when they were run again.
    pub flaky: usize,
    /// The names of the failed, in the report's order; at most [`NAMES_MAX`].
    pub failing: Vec<Foreign>,
}

/// Why a report could not be understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JunitError {
    /// It is larger than [`BYTES_MAX`].
    #[error("the JUnit report is larger than {BYTES_MAX} bytes")]
    TooLarge,
    /// It is not what it should be.
    #[error("the JUnit report is malformed at line {line}, column {column}: {why}")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// In bytes, counted from 1.
        column: usize,
        /// What is wrong.
        why: String,
    },
}

/// Reads a report. Entities of its own are not expanded and nothing outside of it is looked up.
///
/// # Errors
/// It is malformed, cut short, or not a JUnit report.
pub fn parse(bytes: &[u8]) -> Result<Report, JunitError> {
    if bytes.len() as u64 > BYTES_MAX {
        return Err(JunitError::TooLarge);
    }
    // Captured output may hold any bytes, and is of no interest here.
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut reader = Reader::from_str(text);
    let mut parser = Parser::default();
    loop {
        let start = reader.buffer_position();
        let event = reader.read_event().map_err(|error| {
            malformed(text, reader.error_position(), Foreign::new(error.to_string()).shown())
        })?;
        let is_end = matches!(event, Event::Eof);
        parser.event(event).map_err(|why| malformed(text, start, why))?;
        if is_end {
            return Ok(parser.report);
        }
    }
}

fn malformed(text: &str, position: u64, why: String) -> JunitError {
    let end = usize::try_from(position).unwrap_or(usize::MAX).min(text.len());
    let before = &text.as_bytes()[..end];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    JunitError::Malformed { line, column: end - line_start + 1, why }
}

#[derive(Default)]
struct Parser {
    report: Report,
    open: Vec<Element>,
    has_ended: bool,
}

/// An element that is not closed yet.
enum Element {
    Suite { name: String, has_failed: bool },
    Case(Case),
    Other,
}

#[derive(Default)]
struct Case {
    name: String,
    has_failed: bool,
    is_skipped: bool,
    is_flaky: bool,
}

impl Parser {
    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::Empty(tag) => {
                self.start(&tag)?;
                self.end();
                Ok(())
            }
            Event::End(_) => {
                self.end();
                Ok(())
            }
            Event::Eof if !self.open.is_empty() => Err("it ends before its last element".into()),
            Event::Eof if !self.has_ended => Err("it is empty".into()),
            _ => Ok(()),
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), String> {
        if self.has_ended {
            return Err("there is a second document behind the first".into());
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("its elements nest deeper than {DEPTH_MAX}"));
        }
        let name = tag.local_name();
        let element = match (name.as_ref(), self.open.last_mut()) {
            ("testsuites" | "testsuite", None | Some(Element::Suite { .. })) => {
                Element::Suite { name: attribute(tag, "name")?, has_failed: false }
            }
            (other, None) => {
                let other = Foreign::new(other).shown();
                return Err(format!("<{other}> is not the root of a JUnit report"));
            }
            ("testcase", Some(Element::Suite { .. })) => Element::Case(case(tag)?),
            ("testsuite" | "testcase", Some(_)) => {
                return Err("a test stands inside a test or its output".into());
            }
            (child, Some(Element::Case(case))) => {
                case.note(child);
                Element::Other
            }
            ("failure" | "error", Some(Element::Suite { has_failed, .. })) => {
                *has_failed = true;
                Element::Other
            }
            (_, Some(_)) => Element::Other,
        };
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(Element::Case(case)) => self.count(case),
            Some(Element::Suite { name, has_failed: true }) => self.fail(name),
            Some(Element::Suite { .. } | Element::Other) | None => {}
        }
        self.has_ended = self.open.is_empty();
    }

    fn count(&mut self, case: Case) {
        self.report.tests += 1;
        if case.has_failed {
            self.fail(case.name);
        } else if case.is_skipped {
            self.report.skipped += 1;
        } else if case.is_flaky {
            self.report.flaky += 1;
        }
    }

    fn fail(&mut self, name: String) {
        self.report.failed += 1;
        if self.report.failing.len() < NAMES_MAX {
            self.report.failing.push(Foreign::new(name));
        }
    }
}

impl Case {
    /// Takes in what a child element says about the outcome.
    fn note(&mut self, child: &str) {
        match child {
            "failure" | "error" => self.has_failed = true,
            "skipped" => self.is_skipped = true,
            "flakyFailure" | "flakyError" => self.is_flaky = true,
            _ => {}
        }
    }
}

fn case(tag: &BytesStart<'_>) -> Result<Case, String> {
    let name = attribute(tag, "name")?;
    let class = attribute(tag, "classname")?;
    let full = match class.is_empty() || class == name {
        true => name,
        false => format!("{class} > {name}"),
    };
    // GoogleTest says so in an attribute alone.
    let is_skipped = attribute(tag, "status")? == "notrun";
    Ok(Case { name: full.chars().take(NAME_CHARS_MAX).collect(), is_skipped, ..Case::default() })
}

/// The value of an attribute; empty when there is none.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<String, String> {
    let found = tag.try_get_attribute(name).map_err(|error| error.to_string())?;
    let Some(found) = found else { return Ok(String::new()) };
    let value = found.normalized_value(quick_xml::XmlVersion::Implicit1_0);
    value.map(|value| value.into_owned()).map_err(|error| Foreign::new(error.to_string()).shown())
}

#[cfg(test)]
mod tests;

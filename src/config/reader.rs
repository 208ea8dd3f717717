//! Walking a TOML document: typed values by key, and a diagnostic with its place for everything
//! that is not as it should be.

use super::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::base::foreign::Foreign;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A document being read, and the mistakes found so far.
pub(super) struct Document<'a> {
    file: &'a str,
    text: &'a str,
    root: Spanned<DeTable<'a>>,
    problems: RefCell<Vec<Diagnostic>>,
}

/// A table of the document; `known` are the only keys it may have.
pub(super) struct Section<'a> {
    document: &'a Document<'a>,
    path: String,
    span: Range<usize>,
    table: &'a DeTable<'a>,
}

/// A value and where it stands.
pub(super) struct Found<'a, T> {
    document: &'a Document<'a>,
    key: String,
    span: Range<usize>,
    pub(super) value: T,
}

impl<'a> Document<'a> {
    /// Parses `bytes`; syntax errors end the reading here.
    pub(super) fn parse(bytes: &'a [u8], file: &'a str) -> Result<Self, Diagnostics> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let problem = at(file, &good, good.len(), "", "the text is not UTF-8".into());
                return Err(Diagnostics(vec![problem]));
            }
        };
        let (root, errors) = DeTable::parse_recoverable(text);
        let describe = |error: &toml::de::Error| {
            let start = error.span().map_or(text.len(), |span| span.start);
            at(file, text, start, "", Foreign::new(error.message()).shown())
        };
        match errors.is_empty() {
            true => Ok(Self { file, text, root, problems: RefCell::default() }),
            false => Err(Diagnostics(errors.iter().map(describe).collect())),
        }
    }

    /// The outermost table.
    pub(super) fn root(&'a self, known: &[&str]) -> Section<'a> {
        let section =
            Section { document: self, path: String::new(), span: 0..0, table: self.root.get_ref() };
        section.refuse_unknown(known);
        section
    }

    /// `value`, unless anything was wrong anywhere in the document.
    pub(super) fn finish<T>(&self, value: T) -> Result<T, Diagnostics> {
        let mut problems = self.problems.borrow().clone();
        problems.sort();
        if problems.is_empty() { Ok(value) } else { Err(Diagnostics(problems)) }
    }

    fn problem(&self, start: usize, key: &str, message: String) {
        let problem = at(self.file, self.text, start, key, message);
        self.problems.borrow_mut().push(problem);
    }
}

fn at(file: &str, text: &str, start: usize, key: &str, message: String) -> Diagnostic {
    let before = text.get(..start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Diagnostic {
        file: Foreign::new(file).shown(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        key: Foreign::new(key).shown(),
        message,
    }
}

impl<'a, T> Found<'a, T> {
    /// Reports what is wrong with this value.
    pub(super) fn problem(&self, message: impl Into<String>) {
        self.document.problem(self.span.start, &self.key, message.into());
    }

    /// The value as `check` makes it; what `check` refuses is reported.
    pub(super) fn check<U>(self, check: impl FnOnce(&T) -> Result<U, String>) -> Option<U> {
        check(&self.value).map_err(|message| self.problem(message)).ok()
    }
}

impl<'a> Section<'a> {
    /// The line on which the table begins, counted from 1.
    pub(super) fn line(&self) -> usize {
        at(self.document.file, self.document.text, self.span.start, "", String::new()).line
    }

    /// Reports something that is wrong with the table as a whole.
    pub(super) fn problem(&self, message: &str) {
        self.document.problem(self.span.start, &self.path, message.into());
    }

    /// The keys of the table.
    pub(super) fn keys(&self) -> impl Iterator<Item = Found<'a, String>> {
        let document = self.document;
        let path = self.path.clone();
        self.table.keys().map(move |key| Found {
            document,
            key: join(&path, key.get_ref()),
            span: key.span(),
            value: key.get_ref().to_string(),
        })
    }

    /// A table in this one.
    pub(super) fn section(&self, key: &str, known: &[&str]) -> Option<Section<'a>> {
        let section = self.free_section(key)?;
        section.refuse_unknown(known);
        Some(section)
    }

    /// A table in this one whose keys are names that somebody chose.
    pub(super) fn free_section(&self, key: &str) -> Option<Section<'a>> {
        self.value(key)?.section()
    }

    /// A string.
    pub(super) fn string(&self, key: &str) -> Option<Found<'a, String>> {
        self.value(key)?.string()
    }

    /// A list of strings.
    pub(super) fn strings(&self, key: &str) -> Option<Vec<Found<'a, String>>> {
        Some(self.values(key)?.into_iter().filter_map(Found::string).collect())
    }

    /// A list of tables.
    pub(super) fn sections(&self, key: &str, known: &[&str]) -> Option<Vec<Section<'a>>> {
        let sections = self.values(key)?.into_iter().filter_map(Found::section);
        Some(sections.inspect(|section| section.refuse_unknown(known)).collect())
    }

    /// A whole number within `range`.
    pub(super) fn integer(&self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let found = self.value(key)?;
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let Some(integer) = found.value.as_integer() else {
            found.wrong_type(&expected);
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let fitting = number.filter(|number| range.contains(number));
        if fitting.is_none() {
            found.problem(format!("{} is not allowed: expected {expected}", integer.as_str()));
        }
        fitting
    }

    /// A table of strings by names that somebody chose.
    pub(super) fn string_map(&self, key: &str) -> Option<BTreeMap<String, Found<'a, String>>> {
        let section = self.free_section(key)?;
        let names = section.table.keys().map(|name| name.get_ref().to_string());
        Some(names.filter_map(|name| Some((name.clone(), section.string(&name)?))).collect())
    }

    fn values(&self, key: &str) -> Option<Vec<Found<'a, &'a DeValue<'a>>>> {
        let found = self.value(key)?;
        let Some(array) = found.value.as_array() else {
            found.wrong_type("a list in [ ]");
            return None;
        };
        let one = |value: &'a Spanned<DeValue<'a>>| Found {
            document: self.document,
            key: found.key.clone(),
            span: value.span(),
            value: value.get_ref(),
        };
        Some(array.iter().map(one).collect())
    }

    fn value(&self, key: &str) -> Option<Found<'a, &'a DeValue<'a>>> {
        let (_, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Found {
            document: self.document,
            key: join(&self.path, key),
            span: value.span(),
            value: value.get_ref(),
        })
    }

    fn refuse_unknown(&self, known: &[&str]) {
        for key in self.keys().filter(|key| !known.contains(&key.value.as_str())) {
            key.problem(format!("unknown key; {}", allowed(&key.value, known)));
        }
    }
}

impl<'a> Found<'a, &'a DeValue<'a>> {
    fn wrong_type(&self, expected: &str) {
        let found = self.value.type_str();
        self.problem(format!("expected {expected}, found a value of type {found}"));
    }

    fn string(self) -> Option<Found<'a, String>> {
        let Some(text) = self.value.as_str() else {
            self.wrong_type("a string in quotes");
            return None;
        };
        let value = text.to_string();
        Some(Found { document: self.document, key: self.key, span: self.span, value })
    }

    fn section(self) -> Option<Section<'a>> {
        let Some(table) = self.value.as_table() else {
            self.wrong_type("a table");
            return None;
        };
        Some(Section { document: self.document, path: self.key, span: self.span, table })
    }
}

/// What may stand instead of `word`, for a message.
pub(super) fn allowed(word: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    match nearest(word, known) {
        Some(meant) => format!("did you mean \"{meant}\"? Allowed: {list}"),
        None => format!("allowed: {list}"),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}

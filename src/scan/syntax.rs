//! Source as syntax trees: what a file is written in, and its tree, within a budget of work.
//! Nothing here judges, and nothing recurses: a file may be nested as deep as its author likes.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use tree_sitter::{Node, ParseOptions, Parser, Tree};

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

/// A language with a grammar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// JavaScript, with JSX.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
    /// Python.
    Python,
    /// Rust.
    Rust,
    /// Go.
    Go,
}

impl Language {
    fn grammar(self) -> tree_sitter::Language {
        match self {
            Language::JavaScript => tree_sitter_javascript::LANGUAGE,
            Language::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
            Language::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
            Language::Python => tree_sitter_python::LANGUAGE,
            Language::Rust => tree_sitter_rust::LANGUAGE,
            Language::Go => tree_sitter_go::LANGUAGE,
        }
        .into()
    }
}

/// What a file is, as far as a scan can read it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// Source in a language with a grammar.
    In(Language),
    /// Commands of a shell, or a file with some in it.
    Shell,
    /// Source without a grammar.
    Unread,
    /// No source.
    Data,
}

/// What a file is written in, by the end of its name, its name, or its first line.
pub fn written(path: &[u8], bytes: &[u8]) -> Written {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let name = String::from_utf8_lossy(name).to_lowercase();
    let table = table();
    let extension = name.rsplit_once('.').and_then(|(_, end)| table.extensions.get(end));
    let found = extension.or_else(|| table.names.get(&name)).copied();
    found.or_else(|| interpreter(bytes)).unwrap_or(Written::Data)
}

/// What the program of a hashbang reads: `#!/usr/bin/env -S node --flag`, `#!/opt/python3.12`.
fn interpreter(bytes: &[u8]) -> Option<Written> {
    let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).strip_prefix(b"#!")?;
    let line = rest.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(&line[..line.len().min(256)]).into_owned();
    line.split(|c: char| c.is_whitespace() || c == '/').find_map(|word| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        table().interpreters.get(word).copied()
    })
}

struct Table {
    extensions: BTreeMap<String, Written>,
    names: BTreeMap<String, Written>,
    interpreters: BTreeMap<String, Written>,
}

#[derive(Deserialize)]
struct Kinds {
    parsed: Vec<Kind>,
    shell: Kind,
    unread: Kind,
}

#[derive(Deserialize)]
struct Kind {
    language: Option<Language>,
    extensions: Vec<String>,
    interpreters: Vec<String>,
    names: Vec<String>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let kinds: Kinds = super::built_in(include_str!("../../assets/scan/languages.toml"));
        let mut table = Table {
            extensions: BTreeMap::new(),
            names: BTreeMap::new(),
            interpreters: BTreeMap::new(),
        };
        let parsed = kinds.parsed.into_iter().filter_map(|kind| {
            let written = Written::In(kind.language?);
            Some((kind, written))
        });
        let others = [(kinds.shell, Written::Shell), (kinds.unread, Written::Unread)];
        for (kind, written) in parsed.chain(others) {
            table.extensions.extend(kind.extensions.into_iter().map(|end| (end, written)));
            table.names.extend(kind.names.into_iter().map(|name| (name, written)));
            table.interpreters.extend(kind.interpreters.into_iter().map(|name| (name, written)));
        }
        table
    })
}

/// Source with its tree. The tree covers all of it without a fault.
pub struct Source<'a> {
    /// The language.
    pub language: Language,
    /// The text, as it is.
    pub text: &'a str,
    /// Its tree.
    pub tree: Tree,
}

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

/// What one check may still parse of one change.
pub struct Budget {
    bytes: usize,
    reports: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: CHANGE_BYTES_MAX, reports: CHANGE_REPORTS_MAX }
    }
}

impl Budget {
    /// Parses a file.
    ///
    /// # Errors
    /// Why there is no tree that covers all of it.
    pub fn parse<'a>(
        &mut self,
        language: Language,
        bytes: &'a [u8],
    ) -> Result<Source<'a>, Unparsed> {
        if bytes.len() > SOURCE_BYTES_MAX {
            return Err(Unparsed::TooLarge);
        }
        if bytes.len() > self.bytes || self.reports == 0 {
            return Err(Unparsed::Exhausted);
        }
        self.bytes -= bytes.len();
        let text = std::str::from_utf8(bytes).map_err(|_| Unparsed::NotText)?;
        if language == Language::Python {
            if names_another_encoding(text) {
                return Err(Unparsed::NotText);
            }
            if let Some(line) = lone_return(text) {
                return Err(Unparsed::LoneReturn(line));
            }
        }
        let mut parser = Parser::new();
        parser.set_language(&language.grammar()).map_err(|_| Unparsed::TooMuchWork)?;
        let of_file = REPORTS_LEAST + bytes.len() / 1024 * REPORTS_PER_KIB;
        let mut left = of_file.min(self.reports);
        let is_last = left < of_file;
        let mut reports = 0;
        let mut report = |_: &tree_sitter::ParseState| {
            reports += 1;
            left = left.saturating_sub(1);
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let options = ParseOptions::new().progress_callback(&mut report);
        // The grammar of Go wants the end of the last line.
        let end: &[u8] = if language == Language::Go { b"\n" } else { b"" };
        let mut read = |at: usize, _| match at.checked_sub(bytes.len()) {
            None => &bytes[at..],
            Some(beyond) => end.get(beyond..).unwrap_or_default(),
        };
        let tree = parser.parse_with_options(&mut read, None, Some(options));
        self.reports = self.reports.saturating_sub(reports);
        let tree = tree.ok_or(match is_last {
            true => Unparsed::Exhausted,
            false => Unparsed::TooMuchWork,
        })?;
        if tree.root_node().has_error() {
            return Err(Unparsed::Fault(first_fault(&tree)));
        }
        Ok(Source { language, text, tree })
    }
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

fn first_fault(tree: &Tree) -> u32 {
    let mut row = None;
    walk(tree, |node| {
        if row.is_none() && (node.is_error() || node.is_missing()) {
            row = Some(node.start_position().row);
        }
        row.is_none() && node.has_error()
    });
    line_of(row.unwrap_or_default())
}

/// Visits every node before its children; those of a node that `visit` says no to are left out.
pub fn walk<'t>(tree: &'t Tree, mut visit: impl FnMut(Node<'t>) -> bool) {
    let mut cursor = tree.walk();
    loop {
        if visit(cursor.node()) && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

/// The number of a line, from 1, by its row from 0.
pub fn line_of(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX).saturating_add(1)
}

impl<'a> Source<'a> {
    /// The text of a node.
    pub fn text_of(&self, node: Node<'_>) -> &'a str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    /// A name, with what is written as an escape in plain letters.
    pub fn name_of(&self, node: Node<'_>) -> String {
        unescaped(self.text_of(node))
    }

    /// What a literal string holds; nothing for one with anything in it that is not plain.
    pub fn literal(&self, node: Node<'_>) -> Option<&'a str> {
        let is_string = ["string", "template_string"].contains(&node.kind())
            || ["string_literal", "raw_string_literal"].contains(&node.kind())
            || node.kind() == "interpreted_string_literal";
        if !is_string {
            return None;
        }
        let mut inner = None;
        let mut parts = 0;
        for child in node.named_children(&mut node.walk()) {
            match child.kind() {
                "string_start" | "string_end" => {}
                kind if kind.ends_with("fragment") || kind.ends_with("content") => {
                    inner = Some(child);
                    parts += 1;
                }
                _ => return None,
            }
        }
        let text = inner.map_or("", |inner| self.text_of(inner));
        // Python's content holds its escapes inside.
        (parts <= 1 && !text.contains('\\')).then_some(text)
    }
}

/// The children of a node that mean something: named, and no comments.
pub fn parts(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    let is_part = |child: &Node<'_>| !is_comment(*child) && child.kind() != "line_continuation";
    node.named_children(&mut cursor).filter(is_part).collect()
}

/// Whether a node is a comment.
pub fn is_comment(node: Node<'_>) -> bool {
    matches!(node.kind(), "comment" | "line_comment" | "block_comment" | "html_comment")
}

/// Text with `\u0065`, `\u{65}` and `\x65` as the letters they stand for, and any other escaped
/// character as itself.
pub fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let (digits, end) = match after.as_bytes() {
            [b'u', b'{', ..] => {
                let end = after.find('}').unwrap_or(after.len());
                (after.get(2..end), (end + 1).min(after.len()))
            }
            [b'u', ..] => (after.get(1..5), 5),
            [b'U', ..] => (after.get(1..9), 9),
            [b'x', ..] => (after.get(1..3), 3),
            _ => (None, 0),
        };
        let letter = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match letter.and_then(char::from_u32) {
            Some(letter) => {
                out.push(letter);
                rest = after.get(end..).unwrap_or_default();
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_for_one_change_has_an_end() {
        let text = "f(a);\n".repeat(1_000);
        let mut budget = Budget { bytes: 20_000, reports: 400 };
        let mut parse = || budget.parse(Language::JavaScript, text.as_bytes()).err();
        assert_eq!([parse(), parse(), parse()][0], None);
        assert_eq!(parse(), Some(Unparsed::Exhausted));
        let mut budget = Budget { reports: 5, ..Budget::default() };
        let mut parse = || budget.parse(Language::JavaScript, text.as_bytes()).err();
        assert_eq!(parse(), Some(Unparsed::Exhausted));
    }
}

//! What rules look at: the code of a file, written so that one pattern finds it however it was
//! written. Made of the leaves of its syntax tree:
//!
//! - no comments, and a space only where two words would run together;
//! - escapes in names and strings as the letters they stand for, every quote as `"`;
//! - names given to what is imported or built in as that: `o.system` is `os.system`. A name that
//!   stands for several things is written once for each, in a view of its own;
//! - strings that are joined as one, and `a["b"]` in a script as `a.b`, also where `"b"` was
//!   put together of parts; `(a).b` as `a.b`, and `__import__("a").b` in Python.
//!
//! Where there is no tree everything counts as code. A view is a few times as large as its source
//! at most: what would be larger is given up.

use crate::scan::imports::Facts;
use crate::scan::syntax::{Language, Source, is_comment, line_of, parts, unescaped, walk};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use tree_sitter::Node;

/// How many bytes of a view there may be for one of the source, and besides.
const GROWTH_MAX: usize = 4;
const TEXT_BYTES_LEAST: usize = 64 << 10;
/// How many tokens a view has, or lines one of a file without a tree.
const SPANS_MAX: usize = 1 << 20;
/// How long the path that a name stands for may be.
const MEANING_BYTES_MAX: usize = 256;
/// How much source all views of a file read together.
const VIEWS_BYTES_MAX: usize = 8 << 20;

/// The code of a file.
#[derive(Default)]
pub(super) struct View {
    pub(super) text: String,
    spans: Vec<Span>,
    /// Comments, and the line each begins in.
    pub(super) comments: Vec<(String, u32)>,
    /// How long the text may become.
    bytes_max: usize,
    is_too_large: bool,
}

/// What the names of a file stand for.
pub(super) struct Names {
    meanings: BTreeMap<String, Vec<String>>,
    /// How many views it takes until each name was written with each of its meanings.
    pub(super) views: usize,
}

impl Names {
    /// The names of a file; `None` if following them takes more than any source should. What is
    /// built in keeps its own meaning whatever else it is a name of: elsewhere in the file it may
    /// be no such name.
    pub(super) fn of(source: &Source<'_>) -> Option<Names> {
        let mut meanings: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let facts = Facts::of(source);
        if facts.lost_at.is_some() {
            return None;
        }
        for (name, all) in facts.meanings {
            if all.iter().any(|meaning| meaning.len() > MEANING_BYTES_MAX) {
                return None;
            }
            let own = built_in(source.language).contains(&name.as_str()) && !all.contains(&name);
            let own = own.then(|| name.clone());
            meanings.insert(name, own.into_iter().chain(all).collect());
        }
        let views = meanings.values().map(Vec::len).max().unwrap_or_default().max(1);
        (views == 1 || views.saturating_mul(source.text.len()) <= VIEWS_BYTES_MAX)
            .then_some(Names { meanings, views })
    }

    fn in_view(&self, name: &str, view: usize) -> Option<&str> {
        let all = self.meanings.get(name)?;
        all.get(view).or_else(|| all.first()).map(String::as_str)
    }
}

/// Names that mean something dangerous, or a test, without being imported.
fn built_in(language: Language) -> &'static [&'static str] {
    match language {
        Language::Python => &[
            "eval",
            "exec",
            "compile",
            "getattr",
            "globals",
            "locals",
            "vars",
            "__import__",
            "__builtins__",
            "__loader__",
        ],
        Language::Rust => &["std", "core", "alloc"],
        Language::Go => &[],
        Language::JavaScript | Language::TypeScript | Language::Tsx => &[
            "eval",
            "Function",
            "require",
            "module",
            "process",
            "globalThis",
            "window",
            "self",
            "global",
            "top",
            "parent",
            "frames",
            "Deno",
            "Bun",
            "Reflect",
            "Object",
            "JSON",
            "console",
            "document",
            "setTimeout",
            "setInterval",
            "setImmediate",
            "describe",
            "it",
            "test",
            "suite",
            "context",
            "specify",
            "xit",
            "xtest",
            "xdescribe",
            "xcontext",
            "xspecify",
            "fit",
            "fdescribe",
            "expect",
            "assert",
        ],
    }
}

/// Functions of Python that import what their first argument names, the longest first.
const IMPORTERS: &[&str] = &[
    "importlib.import_module",
    "importlib.__import__",
    "__builtins__.__import__",
    "builtins.__import__",
    "__import__",
];

/// A token of the view.
struct Span {
    /// Where it begins in the view.
    at: usize,
    mark: Mark,
    is_code: bool,
}

/// Where a token begins in the file.
#[derive(Clone, Copy, Default)]
struct Mark {
    /// In bytes.
    from: usize,
    line: u32,
    /// In bytes from the beginning of the line; 0 where it is not known.
    column: usize,
}

impl Mark {
    fn of(node: Node<'_>) -> Self {
        let start = node.start_position();
        Self { from: node.start_byte(), line: line_of(start.row), column: start.column }
    }

    fn line(line: u32) -> Self {
        Self { line, ..Self::default() }
    }
}

impl View {
    /// The code of a file with a tree, the names in it written as one of their meanings each. Not
    /// all of it if it is too large.
    pub(super) fn of(source: &Source<'_>, names: &Names, view: usize) -> View {
        let mut writer = Writer {
            source,
            names,
            number: view,
            view: View::over(source.text.len()),
            is_opening: false,
            closed_at: None,
            idle: BTreeSet::new(),
        };
        walk(&source.tree, |node| !writer.view.is_too_large && writer.visit(node));
        writer.view
    }

    /// Words and signs of lines of which nothing else is known.
    pub(super) fn rough(bytes: &[u8]) -> View {
        let mut view = View::over(bytes.len());
        for (line, text) in lines(bytes) {
            let text = unescaped(&text).replace(['\'', '`'], "\"");
            let mut rest = text.as_str();
            while let Some(first) = rest.chars().next() {
                let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
                let end = if end == 0 { first.len_utf8() } else { end };
                let (token, after) = rest.split_at(end);
                if !first.is_whitespace() {
                    view.push(token, Mark::line(line), true);
                }
                rest = after;
            }
            if view.is_too_large {
                break;
            }
            view.comments.push((text, line));
        }
        view
    }

    /// Commands of a shell: lines as they are, continued ones in one, without whole-line comments.
    pub(super) fn plain(bytes: &[u8]) -> View {
        let mut view = View::over(bytes.len());
        for (line, text) in lines(bytes) {
            if text.trim_ascii_start().starts_with('#') {
                continue;
            }
            let (text, end) = match text.strip_suffix('\\') {
                Some(text) => (text, " "),
                None => (text.as_str(), "\n"),
            };
            view.put(text, Mark::line(line), true);
            view.text.push_str(end);
            if view.is_too_large {
                break;
            }
        }
        view
    }

    fn over(bytes: usize) -> View {
        let bytes_max = TEXT_BYTES_LEAST.saturating_add(bytes.saturating_mul(GROWTH_MAX));
        View { bytes_max, ..View::default() }
    }

    /// Whether there would be more of it than of any source.
    pub(super) fn is_too_large(&self) -> bool {
        self.is_too_large
    }

    fn push(&mut self, token: &str, mark: Mark, is_code: bool) {
        if self.text.ends_with(is_word) && token.starts_with(is_word) {
            self.text.push(' ');
        }
        self.put(token, mark, is_code);
    }

    fn put(&mut self, token: &str, mark: Mark, is_code: bool) {
        let bytes = self.text.len().saturating_add(token.len());
        self.is_too_large |= bytes > self.bytes_max || self.spans.len() >= SPANS_MAX;
        if !self.is_too_large {
            self.spans.push(Span { at: self.text.len(), mark, is_code });
            self.text.push_str(token);
        }
    }

    fn truncate(&mut self, end: usize) {
        self.text.truncate(end);
        while self.spans.last().is_some_and(|span| span.at >= end) {
            self.spans.pop();
        }
    }

    fn span(&self, at: usize) -> Option<&Span> {
        let after = self.spans.partition_point(|span| span.at <= at);
        self.spans.get(after.checked_sub(1)?)
    }

    /// The first and last line of what stands here and the column it begins in, if that is code.
    pub(super) fn lines(&self, at: std::ops::Range<usize>) -> Option<(u32, u32, usize)> {
        let first = self.span(at.start).filter(|span| span.is_code)?;
        let last = self.span(at.end.saturating_sub(1).max(at.start))?;
        Some((first.mark.line, last.mark.line.max(first.mark.line), first.mark.column))
    }

    /// Where in the file a pattern is found in its code, ascending.
    pub(super) fn places(&self, pattern: &Regex) -> Vec<usize> {
        let spans = pattern.find_iter(&self.text).filter_map(|found| self.span(found.start()));
        spans.filter(|span| span.is_code).map(|span| span.mark.from).collect()
    }
}

/// The lines of a file that are not empty, with their numbers and without NULs, which programs skip
/// in a text.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (u32, String)> + '_ {
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    lines.filter(|(_, line)| !line.trim_ascii().is_empty()).map(|(number, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut text = String::from_utf8_lossy(line).into_owned();
        text.retain(|c| c != '\0');
        (number, text)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

struct Writer<'a, 's> {
    source: &'a Source<'s>,
    names: &'a Names,
    /// Which of the views of the file this is.
    number: usize,
    view: View,
    /// Whether a string has begun and its quote has not.
    is_opening: bool,
    /// Where in the view the last quote that ended a string stands.
    closed_at: Option<usize>,
    /// Where in the file parentheses stand that make no difference.
    idle: BTreeSet<usize>,
}

impl Writer<'_, '_> {
    fn visit(&mut self, node: Node<'_>) -> bool {
        let mark = Mark::of(node);
        if is_comment(node) {
            let text = self.source.text_of(node).to_owned();
            self.view.comments.push((text, mark.line));
            return false;
        }
        match node.kind() {
            "string_fragment"
            | "string_content"
            | "escape_sequence"
            | "regex_pattern"
            | "jsx_text"
            | "char_literal"
            | "interpreted_string_literal_content"
            | "html_character_reference"
            | "hash_bang_line" => {
                let text = unescaped(self.source.text_of(node)).replace('"', "'");
                self.view.put(&text, mark, false);
                return false;
            }
            "raw_string_literal" => {
                let text = self.source.text_of(node);
                let inner = text.trim_start_matches('r').trim_matches(['#', '`', '"']);
                let text = format!("\"{}\"", inner.replace('"', "'"));
                self.view.put(&text, mark, false);
                return false;
            }
            "string" | "template_string" | "string_literal" | "interpreted_string_literal" => {
                self.is_opening = true;
            }
            "\"" | "'" | "`" | "string_start" | "string_end" => self.quote(mark),
            "]" if self.is_script() => self.bracket(mark),
            "(" | ")" if self.idle.remove(&mark.from) => {}
            ")" if self.source.language == Language::Python => self.call(mark),
            "parenthesized_expression" => self.parenthesized(node),
            // A statement that ends by its line alone has an empty end.
            _ if node.child_count() == 0 && !node.byte_range().is_empty() => self.token(node),
            _ => {}
        }
        true
    }

    fn is_script(&self) -> bool {
        let language = self.source.language;
        matches!(language, Language::JavaScript | Language::TypeScript | Language::Tsx)
    }

    fn quote(&mut self, mark: Mark) {
        let end = self.view.text.len();
        if !std::mem::take(&mut self.is_opening) {
            self.closed_at = Some(end);
            return self.view.put("\"", mark, false);
        }
        let is_beside = |gap: usize| self.closed_at.is_some_and(|at| at + gap == end);
        let is_joined = is_beside(2) && self.view.text.ends_with('+');
        let is_adjoined = self.source.language == Language::Python && is_beside(1);
        match self.closed_at {
            Some(closed) if is_joined || is_adjoined => self.view.truncate(closed),
            _ => self.view.put("\"", mark, false),
        }
    }

    /// `a["b"]` as `a.b`, where it ends.
    fn bracket(&mut self, mark: Mark) {
        let text = &self.view.text;
        let member = text.strip_suffix('"').and_then(|text| {
            let (object, member) = text.rsplit_once('"')?;
            let object = object.strip_suffix('[')?;
            let is_member = !member.is_empty() && member.chars().all(is_word);
            let is_object = object.ends_with(|c: char| is_word(c) || c == ')' || c == ']');
            (is_member && is_object).then(|| (object.len(), member.to_owned()))
        });
        match member {
            Some((end, member)) => {
                self.view.truncate(end);
                self.view.put(".", mark, true);
                self.view.put(&member, mark, true);
            }
            None => self.view.push("]", mark, true),
        }
    }

    /// Leaves out the parentheses around a name or what is taken or called from one.
    fn parenthesized(&mut self, node: Node<'_>) {
        let is_plain = |node: &Node<'_>| {
            let kind = node.kind();
            kind == "identifier"
                || kind == "attribute"
                || kind == "call"
                || kind == "parenthesized_expression"
                || ["member_expression", "subscript_expression", "call_expression"].contains(&kind)
        };
        if matches!(parts(node).as_slice(), [one] if is_plain(one)) {
            self.idle.extend([node.start_byte(), node.end_byte().saturating_sub(1)]);
        }
    }

    /// `__import__("a")` as `a`, where it ends.
    fn call(&mut self, mark: Mark) {
        let text = self.view.text.strip_suffix('"').and_then(|text| text.rsplit_once('"'));
        let module = text.and_then(|(before, module)| {
            let before = before.strip_suffix("name=").unwrap_or(before).strip_suffix('(')?;
            let before = IMPORTERS.iter().find_map(|importer| before.strip_suffix(importer))?;
            let is_whole = !before.ends_with(|c: char| is_word(c) || c == '.');
            is_whole.then(|| (before.len(), module.to_owned()))
        });
        match module {
            Some((end, module)) => {
                self.view.truncate(end);
                self.view.push(&module, mark, true);
            }
            None => self.view.push(")", mark, true),
        }
    }

    fn token(&mut self, node: Node<'_>) {
        let mark = Mark::of(node);
        let text = self.source.text_of(node);
        let is_member = self.view.text.ends_with('.') || self.view.text.ends_with("::");
        match node.kind() {
            "line_continuation" => {}
            _ if text == "?." => self.view.push(".", mark, true),
            "." => {
                // `a!.b` in TypeScript is `a.b`.
                if self.is_script() && self.view.text.ends_with('!') {
                    self.view.truncate(self.view.text.len() - 1);
                }
                self.view.push(".", mark, true);
            }
            kind if kind.ends_with("identifier") => {
                let name = if self.is_script() { unescaped(text) } else { text.to_owned() };
                let name = name.strip_prefix("r#").unwrap_or(&name);
                let is_key = kind == "property_identifier" && !is_member;
                let stands_for = self.names.in_view(name, self.number);
                let name = stands_for.filter(|_| !is_member && !is_key).unwrap_or(name);
                self.view.push(name, mark, !is_key);
            }
            _ => self.view.push(text, mark, true),
        }
    }
}

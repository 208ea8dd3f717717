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

use super::names::Names;
use crate::scan::leaves::{Kind, Leaf};
use crate::scan::parse::Code;
use crate::scan::syntax::{Language, unescaped};
use regex::Regex;

/// How many bytes of a view there may be for one of the source, and besides.
const GROWTH_MAX: usize = 4;
const TEXT_BYTES_LEAST: usize = 64 << 10;
/// How many tokens a view has, or lines one of a file without a tree.
const SPANS_MAX: usize = 1 << 20;

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
    fn of(leaf: &Leaf) -> Self {
        Self { from: leaf.from as usize, line: leaf.line, column: leaf.column as usize }
    }

    fn line(line: u32) -> Self {
        Self { line, ..Self::default() }
    }
}

impl View {
    /// The code of a file with a tree, the names in it written as one of their meanings each. Not
    /// all of it if it is too large.
    pub(super) fn of(code: &Code<'_>, names: &Names, view: usize) -> View {
        let mut writer = Writer {
            code,
            names,
            number: view,
            view: View::over(code.text.len()),
            is_opening: false,
            closed_at: None,
        };
        for leaf in code.leaves() {
            if writer.view.is_too_large {
                break;
            }
            writer.leaf(leaf);
        }
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

    /// Where to go on for code behind a place that is none: at the sign before it.
    pub(super) fn code_behind(&self, at: usize) -> usize {
        let after = self.spans.partition_point(|span| span.at <= at);
        let code = self.spans[after..].iter().find(|span| span.is_code);
        let Some(code) = code else { return self.text.len() };
        self.text[..code.at].char_indices().next_back().map_or(code.at, |(before, _)| before)
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
    code: &'a Code<'s>,
    names: &'a Names,
    /// Which of the views of the file this is.
    number: usize,
    view: View,
    /// Whether a string has begun and its quote has not.
    is_opening: bool,
    /// Where in the view the last quote that ended a string stands.
    closed_at: Option<usize>,
}

impl Writer<'_, '_> {
    fn leaf(&mut self, leaf: &Leaf) {
        let mark = Mark::of(leaf);
        let text = self.code.text.get(leaf.from as usize..leaf.to as usize).unwrap_or_default();
        match leaf.kind {
            Kind::Comment => self.view.comments.push((text.to_owned(), leaf.line)),
            Kind::Text => {
                let text = unescaped(text).replace('"', "'");
                self.view.put(&text, mark, false);
            }
            Kind::RawString => {
                let inner = text.trim_start_matches('r').trim_matches(['#', '`', '"']);
                let text = format!("\"{}\"", inner.replace('"', "'"));
                self.view.put(&text, mark, false);
            }
            Kind::String => self.is_opening = true,
            Kind::Quote => self.quote(mark),
            Kind::Bracket if self.is_script() => self.bracket(mark),
            Kind::Close if self.code.language == Language::Python => self.call(mark),
            kind => self.token(text, mark, kind),
        }
    }

    fn is_script(&self) -> bool {
        let language = self.code.language;
        matches!(language, Language::JavaScript | Language::TypeScript | Language::Tsx)
    }

    fn is_behind_dot(&self) -> bool {
        self.view.text.ends_with('.') && !self.view.text.ends_with("...")
    }

    fn quote(&mut self, mark: Mark) {
        let end = self.view.text.len();
        if !std::mem::take(&mut self.is_opening) {
            self.closed_at = Some(end);
            return self.view.put("\"", mark, false);
        }
        let is_beside = |gap: usize| self.closed_at.is_some_and(|at| at + gap == end);
        let is_joined = is_beside(2) && self.view.text.ends_with('+');
        let is_adjoined = self.code.language == Language::Python && is_beside(1);
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

    fn token(&mut self, text: &str, mark: Mark, kind: Kind) {
        match kind {
            Kind::Continuation => {}
            Kind::Dot => {
                // `a!.b` in TypeScript is `a.b`.
                if self.is_script() && self.view.text.ends_with('!') {
                    self.view.truncate(self.view.text.len() - 1);
                }
                self.view.push(".", mark, true);
            }
            Kind::Name | Kind::Property => {
                let is_member = self.view.text.ends_with('.') || self.view.text.ends_with("::");
                let name = if self.is_script() { unescaped(text) } else { text.into() };
                let name = name.strip_prefix("r#").unwrap_or(&name);
                let is_key = kind == Kind::Property && !is_member;
                let stands_for = self.names.in_view(name, self.number);
                let name = stands_for.filter(|_| !is_member && !is_key).unwrap_or(name);
                self.view.push(name, mark, !is_key);
            }
            _ if text == "?." => self.view.push(".", mark, true),
            // `a?.["b"]` and `a?.(b)` are `a["b"]` and `a(b)`.
            _ if ["(", "["].contains(&text) && self.is_script() && self.is_behind_dot() => {
                self.view.truncate(self.view.text.len() - 1);
                self.view.push(text, mark, true);
            }
            _ => self.view.push(text, mark, true),
        }
    }
}

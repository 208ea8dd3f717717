//! What rules look at: the code of a file, written so that one pattern finds it however it was
//! written. Made of the leaves of its syntax tree:
//!
//! - no comments, and a space only where two words would run together;
//! - escapes in names and strings as the letters they stand for, every quote as `"`;
//! - names given to what is imported or built in as that: `o.system` is `os.system`;
//! - strings that are joined as one, and `a["b"]` in a script as `a.b`, also where `"b"` was
//!   put together of parts.
//!
//! Where there is no tree everything counts as code.

use crate::scan::imports::Facts;
use crate::scan::syntax::{Language, Source, is_comment, line_of, unescaped, walk};
use regex::Regex;
use std::collections::BTreeMap;
use tree_sitter::Node;

/// The code of a file.
#[derive(Default)]
pub(super) struct View {
    pub(super) text: String,
    spans: Vec<Span>,
    /// Comments, and the line each begins in.
    pub(super) comments: Vec<(String, u32)>,
}

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
    /// The code of a file with a tree.
    pub(super) fn of(source: &Source<'_>) -> View {
        let facts = Facts::of(source);
        let mut writer = Writer {
            source,
            aliases: &facts.aliases,
            view: View::default(),
            is_opening: false,
            closed_at: None,
        };
        walk(&source.tree, |node| writer.visit(node));
        writer.view
    }

    /// Words and signs of lines of which nothing else is known.
    pub(super) fn rough<'a>(lines: impl Iterator<Item = (u32, &'a [u8])>) -> View {
        let mut view = View::default();
        for (line, bytes) in lines {
            let text = unescaped(&String::from_utf8_lossy(bytes)).replace(['\'', '`'], "\"");
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
            view.comments.push((text, line));
        }
        view
    }

    /// Commands of a shell: lines as they are, continued ones in one, without whole-line comments.
    pub(super) fn plain<'a>(lines: impl Iterator<Item = (u32, &'a [u8])>) -> View {
        let mut view = View::default();
        for (line, bytes) in lines {
            if bytes.trim_ascii_start().starts_with(b"#") {
                continue;
            }
            view.spans.push(Span { at: view.text.len(), mark: Mark::line(line), is_code: true });
            let text = String::from_utf8_lossy(bytes);
            match text.strip_suffix('\\') {
                Some(text) => {
                    view.text.push_str(text);
                    view.text.push(' ');
                }
                None => {
                    view.text.push_str(&text);
                    view.text.push('\n');
                }
            }
        }
        view
    }

    fn push(&mut self, token: &str, mark: Mark, is_code: bool) {
        if self.text.ends_with(is_word) && token.starts_with(is_word) {
            self.text.push(' ');
        }
        self.put(token, mark, is_code);
    }

    fn put(&mut self, token: &str, mark: Mark, is_code: bool) {
        self.spans.push(Span { at: self.text.len(), mark, is_code });
        self.text.push_str(token);
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

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

struct Writer<'a, 's> {
    source: &'a Source<'s>,
    aliases: &'a BTreeMap<String, String>,
    view: View,
    /// Whether a string has begun and its quote has not.
    is_opening: bool,
    /// Where in the view the last quote that ended a string stands.
    closed_at: Option<usize>,
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
            let (object, member) = text.rsplit_once("[\"")?;
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
                let stands_for = self.aliases.get(name).filter(|_| !is_member);
                let is_key = kind == "property_identifier" && !is_member;
                let name = stands_for.filter(|_| !is_key).map_or(name, String::as_str);
                self.view.push(name, mark, !is_key);
            }
            _ => self.view.push(text, mark, true),
        }
    }
}

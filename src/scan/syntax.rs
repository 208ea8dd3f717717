//! Source as syntax trees: what a file is written in, and what its tree says. Nothing here judges,
//! and nothing recurses: a file may be nested as deep as its author likes.

use super::leaves::Leaf;
use serde::Deserialize;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use tree_sitter::{Node, Tree};

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
    pub(super) fn grammar(self) -> tree_sitter::Language {
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
    /// Its leaves, once it was walked along.
    pub(super) leaves: OnceCell<Vec<Leaf>>,
}

/// The line, from 1, of the first place that is not in the language.
pub(super) fn first_fault(tree: &Tree) -> u32 {
    let mut row = None;
    walk(tree, |node| {
        if row.is_none() && (node.is_error() || node.is_missing()) {
            row = Some(node.start_position().row);
        }
        row.is_none() && node.has_error()
    });
    line_of(row.unwrap_or_default())
}

/// What each kind of node is to a reader, by its number: to compare names for every node would take
/// more time than parsing.
pub struct PerKind<T> {
    tell: fn(&str) -> T,
    told: [OnceLock<Vec<T>>; 6],
}

impl<T: Copy + Default> PerKind<T> {
    /// As this function tells by the name of a kind.
    pub const fn new(tell: fn(&str) -> T) -> Self {
        Self { tell, told: [const { OnceLock::new() }; 6] }
    }

    /// For a language.
    pub fn of(&self, language: Language) -> &[T] {
        self.told[language as usize].get_or_init(|| {
            let grammar = language.grammar();
            let kinds = (0..grammar.node_kind_count()).map(|id| u16::try_from(id).ok());
            let names = kinds.map(|id| id.and_then(|id| grammar.node_kind_for_id(id)));
            names.map(|name| name.map(self.tell).unwrap_or_default()).collect()
        })
    }

    /// What a node of that language is.
    pub fn get(told: &[T], node: Node<'_>) -> T {
        told.get(usize::from(node.kind_id())).copied().unwrap_or_default()
    }
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
    /// A text with its tree.
    pub(super) fn of(language: Language, text: &'a str, tree: Tree) -> Self {
        Self { language, text, tree, leaves: OnceCell::new() }
    }

    /// The text of a node.
    pub fn text_of(&self, node: Node<'_>) -> &'a str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    /// A name, with what is written as an escape in plain letters.
    pub fn name_of(&self, node: Node<'_>) -> Cow<'a, str> {
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

/// Whether nodes of a kind are comments.
pub fn is_comment_kind(kind: &str) -> bool {
    matches!(kind, "comment" | "line_comment" | "block_comment" | "html_comment")
}

/// Whether a node is a comment.
pub fn is_comment(node: Node<'_>) -> bool {
    is_comment_kind(node.kind())
}

/// Text with `\u0065`, `\u{65}` and `\x65` as the letters they stand for, and any other escaped
/// character as itself.
pub fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
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
    Cow::Owned(out)
}

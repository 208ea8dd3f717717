//! What macros are given: tokens, of which the macro alone knows what becomes of them.

use super::{From, Reader};
use crate::scan::syntax::{Source, is_comment};
use tree_sitter::Node;

/// What stands before the name of something that paths may begin with.
const ITEMS: &[&str] = &["mod", "struct", "enum", "trait", "type", "union"];
/// Words of the language that may stand before a path.
const WORDS: &[&str] = &[
    "as", "await", "break", "const", "dyn", "else", "for", "if", "impl", "in", "let", "match",
    "move", "mut", "pub", "ref", "return", "static", "unsafe", "where", "while", "yield",
];

impl Reader<'_, '_> {
    /// Inside a macro there are only tokens: a name before `::` begins a path, unless it stands
    /// behind one that goes on; and what `use` gives another name is one. What they declare may
    /// be declared or not: the macro decides.
    pub(super) fn tokens(&mut self, node: Node<'_>) {
        let before = node.prev_sibling().map_or("", |before| before.kind());
        let is_list = node.child(0).is_some_and(|open| open.kind() == "{");
        let is_used_list = is_list && ["use", "::"].contains(&before);
        if ["#", "!"].contains(&before) {
            self.attribute(node);
        }
        let mut is_used = is_used_list;
        let children: Vec<_> =
            node.children(&mut node.walk()).filter(|child| !is_comment(*child)).collect();
        let is_extern = |index: usize| {
            let before = index.checked_sub(2).and_then(|at| children.get(at));
            before.is_some_and(|before| self.source.text_of(*before) == "extern")
        };
        for (index, child) in children.iter().enumerate() {
            let kind_at = |at: Option<usize>| {
                at.and_then(|at| children.get(at)).map_or("", |token| kind(self.source, *token))
            };
            let behind = |count: usize| kind_at(index.checked_sub(count));
            let (next, after) = (kind_at(Some(index + 1)), kind_at(Some(index + 2)));
            match child.kind() {
                "use" => is_used = true,
                ";" => is_used = false,
                "*" if is_used && behind(1) == "::" => self.declare("*".into(), From::Absent),
                _ => {}
            }
            if kind(self.source, *child) != "identifier" {
                continue;
            }
            let at = child.start_byte();
            if next == "!" && after == "token_tree" && self.name(*child) == "include" {
                let tokens = children.get(index + 2).copied();
                let end = tokens.map_or(child.end_byte(), |tokens| tokens.end_byte());
                self.include(tokens, at..end);
                continue;
            }
            if ITEMS.contains(&behind(1)) {
                self.declare(self.name(*child), From::Absent);
                continue;
            }
            // What stands at the end of a path that is used is its name here.
            if is_used && (behind(1) == "as" || [";", ",", "}"].contains(&next)) {
                self.declare(self.name(*child), From::Use(at));
            }
            let is_named = behind(1) == "use" || (behind(1) == "crate" && is_extern(index));
            if next != "::" && (is_named || (before == "use" && next == "as")) {
                match behind(1) {
                    "crate" => self.linked(&self.name(*child), at),
                    _ => self.head(&[self.name(*child)], at),
                }
                continue;
            }
            // No crate has parameters.
            let is_none = after.starts_with('<');
            let is_outer = behind(1) == "::" && !goes_on(behind(2), after);
            if next == "::" && !is_none && (is_outer || behind(1) != "::") {
                let outer = is_outer.then(String::new);
                let names = [Some(*child), children.get(index + 2).copied()].into_iter().flatten();
                let names = names.filter(|name| name.kind() != "token_tree");
                let names = names.map(|name| self.name(name));
                let path: Vec<_> = outer.into_iter().chain(names).collect();
                // Mostly `#a` is no name, and a list goes on with what is before it.
                let is_doubted = behind(1) == "#" || (is_used_list && before == "::");
                match is_doubted && !is_outer {
                    true => self.doubt(&path, at),
                    false => self.push(path, at, false),
                }
            }
        }
    }
}

/// What a token is; words of the language are no names.
fn kind<'t>(source: &Source<'_>, token: Node<'t>) -> &'t str {
    match token.kind() {
        "identifier" if WORDS.contains(&source.text_of(token)) => "word",
        kind => kind,
    }
}

/// Whether `::` behind a token goes on with a path: a type may end with `>`, but so does much else,
/// and behind a type there are no two names.
fn goes_on(before: &str, after: &str) -> bool {
    ["identifier", "crate", "self", "super", "metavariable", "primitive_type"].contains(&before)
        || (before.ends_with('>') && after != "identifier")
}

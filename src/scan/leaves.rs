//! The leaves of a tree, one after the other: walking along a tree takes more time than what is
//! made of it, so they are noted when it is first walked along.

use super::syntax::{PerKind, Source, is_comment_kind, line_of, parts, walk};
use std::collections::BTreeSet;
use tree_sitter::Node;

/// A leaf, or what is read as a whole, and where it stands.
pub struct Leaf {
    /// What it is.
    pub kind: Kind,
    /// Where it begins, in bytes.
    pub from: u32,
    /// Where it ends, in bytes.
    pub to: u32,
    /// The line it begins in, from 1.
    pub line: u32,
    /// Where in that line, in bytes.
    pub column: u32,
}

impl Source<'_> {
    /// The leaves, when nothing else is asked of the tree any more.
    pub(super) fn into_leaves(self) -> Vec<Leaf> {
        if self.leaves.get().is_none() {
            self.walk(|_| false);
        }
        self.leaves.into_inner().unwrap_or_default()
    }

    /// Visits every node before its children; those of a node that `visit` says no to are left out.
    /// The first time leaves are noted on the way.
    pub fn walk<'t>(&'t self, mut visit: impl FnMut(Node<'t>) -> bool) {
        if self.leaves.get().is_some() {
            return walk(&self.tree, visit);
        }
        let mut notes = Notes::of(self);
        let mut cursor = self.tree.walk();
        // How many nodes are still to come at each depth: the cursor takes long to find that there
        // is none.
        let mut to_come: Vec<u32> = Vec::new();
        // How deep the node is whose children are not visited, and the one whose are not noted.
        let (mut unseen, mut unnoted) = (usize::MAX, usize::MAX);
        loop {
            let (node, depth) = (cursor.node(), to_come.len());
            let children = node.child_count();
            if depth <= unseen {
                unseen = if visit(node) { usize::MAX } else { depth };
            }
            if depth <= unnoted {
                unnoted = if notes.visit(node, children) { usize::MAX } else { depth };
            }
            let is_entered = children > 0 && unseen.max(unnoted) == usize::MAX;
            if is_entered && cursor.goto_first_child() {
                to_come.push(children - 1);
                continue;
            }
            loop {
                match to_come.last_mut() {
                    None => {
                        let _ = self.leaves.set(notes.leaves);
                        return;
                    }
                    Some(left) if *left > 0 && cursor.goto_next_sibling() => {
                        *left -= 1;
                        break;
                    }
                    Some(_) => {
                        debug_assert!(!cursor.goto_next_sibling(), "a node is left out");
                        cursor.goto_parent();
                        to_come.pop();
                    }
                }
            }
        }
    }
}

struct Notes {
    kinds: &'static [Kind],
    leaves: Vec<Leaf>,
    /// Where parentheses stand that make no difference.
    idle: BTreeSet<usize>,
}

impl Notes {
    fn of(source: &Source<'_>) -> Self {
        static KINDS: PerKind<Kind> = PerKind::new(Kind::of);
        // A token is three or four bytes with the space behind it.
        let leaves = Vec::with_capacity(source.text.len() / 4);
        Self { kinds: KINDS.of(source.language), leaves, idle: BTreeSet::new() }
    }

    fn visit(&mut self, node: Node<'_>, children: u32) -> bool {
        let kind = PerKind::get(self.kinds, node);
        match kind {
            Kind::Comment | Kind::Text | Kind::RawString => {
                self.note(node, kind);
                return false;
            }
            Kind::String | Kind::Quote => self.note(node, kind),
            Kind::Parenthesized => self.parenthesized(node),
            Kind::Open | Kind::Close if self.idle.remove(&node.start_byte()) => {}
            // A statement that ends by its line alone has an empty end.
            _ if children == 0 && !node.byte_range().is_empty() => self.note(node, kind),
            _ => {}
        }
        true
    }

    fn note(&mut self, node: Node<'_>, kind: Kind) {
        let number = |of: usize| u32::try_from(of).unwrap_or(u32::MAX);
        let start = node.start_position();
        let (from, to) = (number(node.start_byte()), number(node.end_byte()));
        let (line, column) = (line_of(start.row), number(start.column));
        self.leaves.push(Leaf { kind, from, to, line, column });
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
}

/// What a node is to a reader of code.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// A comment.
    Comment,
    /// What stands in a string.
    Text,
    /// A string that is its own text.
    RawString,
    /// A string, before its quote.
    String,
    /// What a string begins or ends with.
    Quote,
    /// `]`
    Bracket,
    /// `(`
    Open,
    /// `)`
    Close,
    /// Something in parentheses.
    Parenthesized,
    /// The mark of a line that goes on.
    Continuation,
    /// `.`
    Dot,
    /// The name of a property.
    Property,
    /// Another name.
    Name,
    /// Any other sign or word.
    #[default]
    Other,
}

impl Kind {
    fn of(kind: &str) -> Self {
        match kind {
            "string_fragment"
            | "string_content"
            | "escape_sequence"
            | "regex_pattern"
            | "jsx_text"
            | "char_literal"
            | "interpreted_string_literal_content"
            | "html_character_reference"
            | "hash_bang_line" => Kind::Text,
            "raw_string_literal" => Kind::RawString,
            "string" | "template_string" | "string_literal" | "interpreted_string_literal" => {
                Kind::String
            }
            "\"" | "'" | "`" | "string_start" | "string_end" => Kind::Quote,
            "]" => Kind::Bracket,
            "(" => Kind::Open,
            ")" => Kind::Close,
            "parenthesized_expression" => Kind::Parenthesized,
            "line_continuation" => Kind::Continuation,
            "." => Kind::Dot,
            "property_identifier" => Kind::Property,
            _ if kind.ends_with("identifier") => Kind::Name,
            _ if is_comment_kind(kind) => Kind::Comment,
            _ => Kind::Other,
        }
    }
}

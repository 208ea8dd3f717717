//! Imports of Rust: crates and modules of std, named by `use`, `extern crate` or in a path, and
//! code that is taken from another file.

mod macros;

use super::facts::{Doubt, Facts, Import, NAME_BYTES_MAX, Way};
use crate::scan::syntax::{PerKind, Source, is_comment, is_comment_kind, parts, unescaped};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;
use std::sync::OnceLock;
use tree_sitter::Node;

/// What no declaration of a file hides.
pub(super) const WORST: &[&str] = &["std", "core"];
/// How many blocks around a name are looked into for what it is declared as.
const BLOCKS_MAX: usize = 64;
/// How many names of a path say what it imports: `::std::fs`.
const IDENTITY_MAX: usize = 3;
/// Paths that begin so stay in the crate, or are no path of a crate.
const INSIDE: &[&str] = &["crate", "self", "super", "Self", "$crate"];
/// Crates that come with the compiler.
const COMPILERS: &[&str] = &["std", "core", "alloc", "proc_macro", "test"];
/// Tools that attributes are for: `#[rustfmt::skip]`.
const TOOLS: &[&str] = &["clippy", "diagnostic", "miri", "rust_analyzer", "rustdoc", "rustfmt"];
/// Built-in types that paths begin with.
const BUILT_IN: &[&str] = &[
    "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64",
    "i128", "isize", "f16", "f32", "f64", "f128",
];

pub(super) fn read(source: &Source<'_>, facts: &mut Facts) {
    let file = Scope { parent: None, module: 0, end: usize::MAX };
    let mut reader = Reader {
        source,
        facts,
        scopes: vec![file],
        around: Vec::new(),
        declared: BTreeMap::new(),
        crates: BTreeSet::new(),
        heads: Vec::new(),
        attribute_until: 0,
    };
    static KINDS: PerKind<bool> = PerKind::new(is_read);
    let is_read = KINDS.of(source.language);
    source.walk(|node| !PerKind::get(is_read, node) || reader.visit(node));
    reader.finish();
}

/// Whether nodes of a kind say something of what is looked for here.
fn is_read(kind: &str) -> bool {
    is_comment_kind(kind)
        || matches!(kind, "use_declaration" | "extern_crate_declaration" | "mod_item" | "enum_item")
        || matches!(kind, "struct_item" | "trait_item" | "type_item" | "union_item" | "block")
        || matches!(kind, "attribute" | "macro_invocation" | "token_tree" | "token_tree_pattern")
        || matches!(kind, "scoped_identifier" | "scoped_type_identifier" | "macro_definition")
}

/// A module or a block.
struct Scope {
    /// What it stands in, within its module.
    parent: Option<usize>,
    /// The module it belongs to: one does not see what is declared around it.
    module: usize,
    /// Where it ends, in bytes.
    end: usize,
}

/// What declares a name, the surest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum From {
    /// Something that paths may begin with.
    Item,
    /// The same, which may not be compiled: then it hides no crate.
    Absent,
    /// `use`, which may bring in a function: that hides no crate. It counts behind this place
    /// alone, so that two of them cannot hide a crate in each other.
    Use(usize),
}

/// A path that may begin with a crate.
struct Head {
    /// Its first names.
    path: Vec<String>,
    scope: usize,
    at: usize,
    /// Whether `use` or `extern crate` names it: in other paths a capital begins a type.
    is_used: bool,
    /// Whether an attribute names it, which may be for a tool.
    is_attribute: bool,
}

struct Reader<'a, 's> {
    source: &'a Source<'s>,
    facts: &'a mut Facts,
    /// The file and its modules and blocks.
    scopes: Vec<Scope>,
    /// Those around the place that is read, by their index, but for the file itself.
    around: Vec<usize>,
    /// Names that are declared in a scope, and from where on they count.
    declared: BTreeMap<(usize, String), From>,
    /// Crates by the names that the file as a whole gives them: those hold in all of it.
    crates: BTreeSet<String>,
    /// Paths that begin with a name that may be a crate.
    heads: Vec<Head>,
    /// Where the last attribute ends, in bytes.
    attribute_until: usize,
}

impl Reader<'_, '_> {
    fn visit(&mut self, node: Node<'_>) -> bool {
        while self.around.last().is_some_and(|at| self.scopes[*at].end <= node.start_byte()) {
            self.around.pop();
        }
        match node.kind() {
            "use_declaration" => {
                self.used(node);
                return false;
            }
            "extern_crate_declaration" => {
                if let Some(name) = node.child_by_field_name("name") {
                    let name = self.name(name);
                    let alias = node.child_by_field_name("alias").map(|alias| self.name(alias));
                    self.linked(&name, node.start_byte());
                    let alias = alias.unwrap_or_else(|| name.clone());
                    self.facts.alias(&alias, &name, node.start_byte());
                    match self.around.is_empty() {
                        true => drop(self.crates.insert(alias)),
                        false => self.declare(alias, From::Item),
                    }
                }
                return false;
            }
            "mod_item" | "enum_item" | "struct_item" | "trait_item" | "type_item"
            | "union_item" => {
                if let Some(name) = node.child_by_field_name("name") {
                    let name = self.name(name);
                    let is_absent = self.may_be_absent(node);
                    self.declare(name, if is_absent { From::Absent } else { From::Item });
                }
                if node.kind() == "mod_item" {
                    self.enter(node, None);
                }
            }
            "macro_definition" => {
                if let Some(name) = node.child_by_field_name("name") {
                    let name = self.name(name);
                    self.declare(name, From::Absent);
                }
            }
            "block" => self.enter(node, Some(self.scope())),
            "attribute" => {
                self.attribute_until = node.end_byte();
                self.attribute(node);
            }
            "macro_invocation" => self.included(node),
            "scoped_identifier" | "scoped_type_identifier" => self.scoped(node),
            "token_tree" | "token_tree_pattern" => self.tokens(node),
            _ => {}
        }
        !is_comment(node)
    }

    fn scope(&self) -> usize {
        self.around.last().copied().unwrap_or(0)
    }

    fn enter(&mut self, node: Node<'_>, parent: Option<usize>) {
        let index = self.scopes.len();
        let module = parent.map_or(index, |parent| self.scopes[parent].module);
        self.scopes.push(Scope { parent, module, end: node.end_byte() });
        self.around.push(index);
    }

    fn declare(&mut self, name: String, from: From) {
        let known = self.declared.entry((self.scope(), name)).or_insert(from);
        *known = from.min(*known);
    }

    /// What declares a name where it stands: in its module, or a block around it.
    fn declared_by(&self, name: &str, scope: usize, at: usize) -> Option<From> {
        let outwards = std::iter::successors(Some(scope), |at| self.scopes[*at].parent);
        let scopes = outwards.take(BLOCKS_MAX).chain([self.scopes[scope].module]);
        if WORST.contains(&name) {
            return None;
        }
        if self.crates.contains(name) {
            return Some(From::Item);
        }
        let from = scopes.filter_map(|scope| self.declared.get(&(scope, name.to_owned())));
        from.copied().filter(|from| !matches!(from, From::Use(place) if *place >= at)).min()
    }

    /// Whether something declared is compiled under a condition, by an attribute before it or at
    /// the beginning of it: where that does not hold, its name is hidden from nobody. A module in
    /// a file of its own may begin with such an attribute there.
    fn may_be_absent(&self, node: Node<'_>) -> bool {
        let is_condition = |node: &Node<'_>| {
            node.kind().ends_with("attribute_item")
                && without_comments(self.source, *node).contains("cfg")
        };
        let mut before = node.prev_sibling();
        while let Some(one) =
            before.filter(|one| one.kind() == "attribute_item" || is_comment(*one))
        {
            if is_condition(&one) {
                return true;
            }
            before = one.prev_sibling();
        }
        match node.child_by_field_name("body") {
            Some(body) => parts(body).iter().any(is_condition),
            None => node.kind() == "mod_item",
        }
    }

    fn name(&self, node: Node<'_>) -> String {
        let text = self.source.text_of(node);
        text.strip_prefix("r#").unwrap_or(text).to_owned()
    }

    fn head(&mut self, path: &[String], at: usize) {
        let path = path.iter().take(IDENTITY_MAX).cloned().collect();
        self.push(path, at, true);
    }

    fn push(&mut self, path: Vec<String>, at: usize, is_used: bool) {
        let (scope, is_attribute) = (self.scope(), at < self.attribute_until);
        self.heads.push(Head { path, scope, at, is_used, is_attribute });
    }

    /// A crate that `extern crate` names: what it declares does not hide it.
    fn linked(&mut self, name: &str, at: usize) {
        if !INSIDE.contains(&name) {
            self.head(&[String::new(), name.to_owned()], at);
        }
    }

    /// A path that begins with a crate only if a manifest names one of that name.
    fn doubt(&mut self, path: &[String], at: usize) {
        let head = path.first().map_or("", String::as_str);
        let is_type = head.starts_with(|c: char| c.is_uppercase());
        if !is_type && !INSIDE.contains(&head) && !BUILT_IN.contains(&head) {
            let import = Import { name: identity(path), way: Way::Named, at };
            self.facts.doubted.push((Doubt::Declared, import));
        }
    }

    /// Every path of a `use`, with lists taken apart.
    fn used(&mut self, node: Node<'_>) {
        let Some(argument) = node.child_by_field_name("argument") else { return };
        let mut waiting = vec![(Rc::new(Vec::new()), argument)];
        while let Some((before, node)) = waiting.pop() {
            let under = |reader: &Self, path: Option<Node<'_>>| {
                let mut whole: Vec<String> = before.to_vec();
                whole.extend(path.map(|path| reader.segments(path)).unwrap_or_default());
                whole
            };
            // A list repeats what stands before it for each of its parts.
            if before.iter().map(|name| name.len() + 2).sum::<usize>() > NAME_BYTES_MAX {
                self.facts.lose(node.start_byte());
                continue;
            }
            match node.kind() {
                "use_list" => {
                    waiting.extend(parts(node).into_iter().map(|part| (Rc::clone(&before), part)));
                }
                "scoped_use_list" => {
                    let whole = under(self, node.child_by_field_name("path"));
                    if let Some(list) = node.child_by_field_name("list") {
                        waiting.push((Rc::new(whole), list));
                    }
                }
                "use_as_clause" => {
                    let whole = under(self, node.child_by_field_name("path"));
                    let alias = node.child_by_field_name("alias").map(|alias| self.name(alias));
                    self.use_one(whole, alias, node);
                }
                "use_wildcard" => {
                    let mut whole = under(self, parts(node).into_iter().next());
                    whole.push("*".into());
                    self.declare("*".into(), From::Absent);
                    self.head(&whole, node.start_byte());
                }
                _ => {
                    let whole = under(self, Some(node));
                    self.use_one(whole, None, node);
                }
            }
        }
    }

    fn use_one(&mut self, mut path: Vec<String>, alias: Option<String>, node: Node<'_>) {
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let whole = path.join("::");
        if let Some(local) = alias.or_else(|| path.last().cloned()) {
            if path.first().is_some_and(|head| !INSIDE.contains(&head.as_str())) {
                self.facts.alias(&local, &whole, node.start_byte());
            }
            if whole.ends_with("::include") && local != "include" {
                self.facts.import(&whole, Way::HandedOn, node.start_byte());
            }
            self.declare(local, From::Use(node.start_byte()));
        }
        self.head(&path, node.start_byte());
    }

    /// The names of a path. A leading `::` gives an empty first one.
    fn segments(&self, node: Node<'_>) -> Vec<String> {
        let text: String = without_comments(self.source, node);
        text.split("::").map(|part| part.strip_prefix("r#").unwrap_or(part).to_owned()).collect()
    }

    fn scoped(&mut self, node: Node<'_>) {
        let name = node.child_by_field_name("name").map(|name| self.name(name));
        let path = node.child_by_field_name("path");
        let first = match path {
            None => String::new(),
            Some(path) if path.kind() == "identifier" => self.name(path),
            Some(_) => return,
        };
        let mut segments = vec![first];
        segments.extend(name);
        self.push(segments, node.start_byte(), false);
    }

    /// Files and libraries that an attribute names, also where a macro is given one in brackets.
    fn attribute(&mut self, node: Node<'_>) {
        static FILES: OnceLock<Option<Regex>> = OnceLock::new();
        let files = FILES.get_or_init(|| Regex::new(r##"\b(?:path|name)=r?#*"([^"]*)""##).ok());
        let Some(files) = files else { return self.facts.lose(node.start_byte()) };
        let whole = without_comments(self.source, node);
        let text = whole.trim_start_matches('[');
        let text = text.strip_prefix("r#").unwrap_or(text);
        if is_bracketed_attribute(node) {
            self.attribute_until = node.end_byte();
        }
        if !["path=", "link(", "cfg_attr("].iter().any(|start| text.starts_with(start)) {
            return;
        }
        let at = node.start_byte();
        for found in files.captures_iter(text) {
            let path = local(&unescaped(&found[1]));
            // Paths of modules in each other add up.
            match path.contains("..") && is_for_inline_module(node) {
                true => self.facts.computed(text, at, &node.byte_range()),
                false => self.facts.import(path, Way::Named, at),
            }
        }
    }

    fn included(&mut self, node: Node<'_>) {
        let Some(name) = node.child_by_field_name("macro") else { return };
        if self.segments(name).last().is_some_and(|last| last == "include") {
            let tokens = parts(node).into_iter().find(|part| part.kind() == "token_tree");
            self.include(tokens, node.byte_range());
        }
    }

    /// An `include!` of these tokens.
    fn include(&mut self, tokens: Option<Node<'_>>, range: Range<usize>) {
        let at = range.start;
        match tokens.map(parts).unwrap_or_default().as_slice() {
            [one] if self.source.literal(*one).is_some() => {
                let path = self.source.literal(*one).unwrap_or_default();
                self.facts.import(local(path), Way::Named, at);
            }
            _ => {
                let text = self.source.text.get(range.clone()).unwrap_or_default();
                self.facts.computed(text, at, &range);
            }
        }
    }

    /// What of the paths leads out of the crate.
    fn finish(mut self) {
        for head in std::mem::take(&mut self.heads) {
            let Head { path, scope, at, is_used, is_attribute } = head;
            let is_outer = path.first().is_some_and(String::is_empty);
            let path = if is_outer { &path[1..] } else { &path[..] };
            let Some(head) = path.first() else { continue };
            let inside = INSIDE.contains(&head.as_str()) || BUILT_IN.contains(&head.as_str());
            let is_type = !is_used && head.starts_with(|c: char| c.is_uppercase());
            if !is_outer && (inside || is_type) {
                continue;
            }
            let import = Import { name: identity(path), way: Way::Named, at };
            // A name that `use` brought in was counted there.
            let until = if is_used { at } else { usize::MAX };
            let by = self.declared_by(head, scope, until).filter(|_| !is_outer);
            let by = by.filter(|by| path.len() > 1 || !matches!(by, From::Use(_)));
            let may_be_star = !is_outer && !COMPILERS.contains(&head.as_str());
            let is_tool = is_attribute && TOOLS.contains(&head.as_str());
            match by {
                Some(From::Item) => {}
                Some(_) => self.facts.doubted.push((Doubt::Declared, import)),
                None if is_tool => self.facts.doubted.push((Doubt::Declared, import)),
                None if may_be_star && self.declared_by("*", scope, usize::MAX).is_some() => {
                    self.facts.doubted.push((Doubt::Star, import));
                }
                None => self.facts.import(import.name, import.way, at),
            }
        }
    }
}

/// Whether tokens are those of an attribute that a macro is given.
fn is_bracketed_attribute(tokens: Node<'_>) -> bool {
    let before = tokens.prev_sibling();
    let sign = before.filter(|before| before.kind() == "!").and_then(|sign| sign.prev_sibling());
    sign.or(before).is_some_and(|sign| sign.kind() == "#")
}

/// Whether an attribute stands before a module that is written where it is declared.
fn is_for_inline_module(attribute: Node<'_>) -> bool {
    let mut next = attribute.parent().and_then(|item| item.next_named_sibling());
    while let Some(one) = next.filter(|one| one.kind() == "attribute_item" || is_comment(*one)) {
        next = one.next_named_sibling();
    }
    next.is_some_and(|item| item.child_by_field_name("body").is_some())
}

/// What a person allows: a crate, or a module of std.
fn identity(path: &[String]) -> String {
    let head = path.first().map_or("", String::as_str);
    match path.get(1) {
        Some(module) if ["std", "core", "alloc"].contains(&head) => format!("{head}::{module}"),
        _ => head.to_owned(),
    }
}

/// A path of a file, as one that is allowed by its beginning.
fn local(path: &str) -> String {
    match path.starts_with(['/', '.']) {
        true => path.to_owned(),
        false => format!("./{path}"),
    }
}

/// The text of a node without its comments and spaces.
fn without_comments(source: &Source<'_>, node: Node<'_>) -> String {
    let mut text = source.text_of(node).to_owned();
    let start = node.start_byte();
    let mut comments = Vec::new();
    if text.contains("/*") || text.contains("//") {
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            match is_comment(node) {
                true => comments.push(node.byte_range()),
                false => waiting.extend(node.children(&mut node.walk())),
            }
        }
    }
    comments.sort_by_key(|range| std::cmp::Reverse(range.start));
    for range in comments {
        text.replace_range(range.start - start..range.end - start, "");
    }
    text.retain(|c| !c.is_whitespace());
    text
}

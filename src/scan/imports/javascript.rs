//! Imports of JavaScript, TypeScript and TSX: `import`, `export ... from`, `import()`, `require` in
//! all its forms, and the comments that import.

use super::facts::{Facts, Way};
use crate::scan::syntax::{Source, is_comment, parts};
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use tree_sitter::Node;

/// How deep a chain `a.b.c` is followed.
const CHAIN_MAX: usize = 16;
/// What the language or its runtime has without an import, and what leads to what imports or runs
/// text. What is built in means the same everywhere in a file.
pub(super) const WORST: &[&str] = &[
    "require",
    "eval",
    "Function",
    "module",
    "process",
    "globalThis",
    "window",
    "global",
    "self",
    "Deno",
    "Bun",
    "importScripts",
    "createRequire",
    "Reflect",
    "require.resolve",
    "module.constructor",
    "module.createRequire",
    "process.mainModule",
];
/// What `require` offers that imports nothing.
const HARMLESS: &[&str] = &["main", "cache", "extensions"];

pub(super) fn read(source: &Source<'_>, facts: &mut Facts) {
    let mut reader = Reader { source, facts, understood: BTreeSet::new() };
    source.walk(|node| {
        reader.visit(node);
        !is_comment(node)
    });
}

struct Reader<'a, 's> {
    source: &'a Source<'s>,
    facts: &'a mut Facts,
    /// Where `require` stands in a way that says what it imports, or that it imports nothing.
    understood: BTreeSet<usize>,
}

impl Reader<'_, '_> {
    fn visit(&mut self, node: Node<'_>) {
        match node.kind() {
            "import_statement" | "export_statement" => self.statement(node),
            "import_require_clause" => self.import_require(node),
            "import_alias" => {
                if let [name, value] = parts(node).as_slice() {
                    self.bind_to(*name, *value);
                }
            }
            "call_expression" => self.call(node),
            "new_expression" => {
                let callee = node.child_by_field_name("constructor");
                let is_worker = |callee: Node<'_>| {
                    self.source.text_of(callee).ends_with("Worker")
                        || self.paths(callee, 0).iter().any(|path| path.ends_with("Worker"))
                };
                if callee.is_some_and(is_worker) {
                    self.argument(node, node);
                }
            }
            "variable_declarator" => {
                self.declares(node);
                self.bind(node, "name", "value");
            }
            "assignment_expression" => self.bind(node, "left", "right"),
            "member_expression" => self.member(node),
            "unary_expression"
            | "formal_parameters"
            | "required_parameter"
            | "optional_parameter"
            | "arrow_function"
            | "function_declaration"
            | "function_signature" => self.declares(node),
            "identifier" | "shorthand_property_identifier" => self.name(node),
            "comment" => self.comment(node),
            _ => {}
        }
    }

    fn statement(&mut self, node: Node<'_>) {
        let Some(from) = node.child_by_field_name("source") else { return };
        let module = self.module(from, from);
        if node.kind() != "import_statement" {
            return;
        }
        let Some(module) = module else { return };
        let clause = parts(node).into_iter().find(|child| child.kind() == "import_clause");
        for part in clause.map(parts).unwrap_or_default() {
            match part.kind() {
                "identifier" => self.alias(part, &module),
                "namespace_import" => {
                    for name in parts(part) {
                        self.alias(name, &module);
                    }
                }
                _ => {
                    for one in parts(part) {
                        let Some(name) = one.child_by_field_name("name") else { continue };
                        let local = one.child_by_field_name("alias").unwrap_or(name);
                        let member = self.key(name);
                        self.alias(local, &format!("{module}.{member}"));
                    }
                }
            }
        }
    }

    fn import_require(&mut self, node: Node<'_>) {
        let Some(from) = node.child_by_field_name("source") else { return };
        let Some(module) = self.module(from, from) else { return };
        if let Some(name) = parts(node).into_iter().find(|child| child.kind() == "identifier") {
            self.alias(name, &module);
        }
    }

    fn alias(&mut self, name: Node<'_>, stands_for: &str) {
        self.understood.insert(name.start_byte());
        self.facts.alias(&self.source.name_of(name), stands_for, name.start_byte());
    }

    /// An import of what a node says, if it says it; the module's name without `node:`.
    fn module(&mut self, said: Node<'_>, at: Node<'_>) -> Option<String> {
        match self.source.literal(said) {
            Some(name) => {
                self.facts.import(name, Way::Named, at.start_byte());
                Some(plain(name))
            }
            None => {
                let text = self.source.text_of(said);
                self.facts.computed(text, at.start_byte(), &said.byte_range());
                None
            }
        }
    }

    fn argument(&mut self, call: Node<'_>, at: Node<'_>) {
        let arguments = call.child_by_field_name("arguments");
        let first = arguments.map(|list| match list.kind() {
            "template_string" => Some(list),
            _ => parts(list).into_iter().next(),
        });
        let first = first.flatten().map(|first| match first.kind() {
            // `new Worker(new URL("./worker.js", import.meta.url))`
            "new_expression" => {
                let inner = first.child_by_field_name("arguments").map(parts).unwrap_or_default();
                inner.first().copied().unwrap_or(first)
            }
            _ => first,
        });
        match first {
            Some(first) => drop(self.module(first, at)),
            None => self.facts.import("nothing", Way::Computed, at.start_byte()),
        }
    }

    fn call(&mut self, node: Node<'_>) {
        let Some(callee) = node.child_by_field_name("function") else { return };
        let paths = self.paths(callee, 0);
        let object = callee.child_by_field_name("object");
        let imports = callee.kind() == "import"
            || object.is_some_and(|object| object.kind() == "import")
            || paths.iter().any(|path| {
                is_require(path) || matches!(path.as_str(), "require.resolve" | "importScripts")
            });
        if imports {
            self.understand(callee);
            self.argument(node, node);
        }
    }

    /// Notes the names in an expression whose path is known.
    fn understand(&mut self, node: Node<'_>) {
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            match node.kind() {
                "member_expression" | "subscript_expression" => {
                    waiting.extend(node.child_by_field_name("object"));
                }
                "call_expression" => {}
                "identifier" => drop(self.understood.insert(node.start_byte())),
                _ => waiting.extend(parts(node)),
            }
        }
    }

    /// `name = value`, where the value is something that has a path.
    fn bind(&mut self, node: Node<'_>, name: &str, value: &str) {
        let (name, value) = (node.child_by_field_name(name), node.child_by_field_name(value));
        if let (Some(name), Some(value)) = (name, value) {
            self.bind_to(name, value);
        }
    }

    fn bind_to(&mut self, name: Node<'_>, value: Node<'_>) {
        let paths = self.paths(value, 0);
        if paths.is_empty() {
            return;
        }
        match name.kind() {
            "identifier" => {
                for path in &paths {
                    self.alias(name, path);
                }
                self.understand(value);
            }
            "object_pattern" => {
                for part in parts(name) {
                    if part.kind() == "rest_pattern" {
                        // What is left of it is as good as all of it.
                        for (local, path) in parts(part).iter().zip([&paths]) {
                            path.iter().for_each(|path| self.alias(*local, path));
                        }
                        continue;
                    }
                    let (key, local) = match part.kind() {
                        "pair_pattern" => {
                            (part.child_by_field_name("key"), part.child_by_field_name("value"))
                        }
                        "object_assignment_pattern" => {
                            let left = part.child_by_field_name("left");
                            (left, left)
                        }
                        _ => (Some(part), Some(part)),
                    };
                    if let (Some(key), Some(local)) = (key, local) {
                        let key = self.key(key);
                        for path in &paths {
                            self.alias(local, &shortened(format!("{path}.{key}")));
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn key(&self, node: Node<'_>) -> String {
        if node.kind() == "computed_property_name"
            && let Some(text) = parts(node).first().and_then(|inner| self.joined(*inner))
        {
            return text;
        }
        let text = self.source.name_of(node);
        text.trim_matches(['"', '\'']).to_owned()
    }

    /// The text of literals that are put together.
    fn joined(&self, node: Node<'_>) -> Option<String> {
        let mut text = String::new();
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            match node.kind() {
                "parenthesized_expression" => waiting.extend(parts(node)),
                "binary_expression" => {
                    let operator = node.child_by_field_name("operator")?;
                    if self.source.text_of(operator) != "+" {
                        return None;
                    }
                    waiting.extend(node.child_by_field_name("right"));
                    waiting.extend(node.child_by_field_name("left"));
                }
                _ => text.push_str(self.source.literal(node)?),
            }
        }
        Some(text)
    }

    /// Whether an expression is a function, or what functions inherit from: what constructs that
    /// makes functions of text.
    fn is_function(&self, node: Node<'_>, depth: usize) -> bool {
        let is_so = |node: Option<Node<'_>>| {
            depth < CHAIN_MAX && node.is_some_and(|node| self.is_function(node, depth + 1))
        };
        match node.kind() {
            "function_expression" | "generator_function" | "arrow_function" => true,
            "parenthesized_expression" => is_so(parts(node).into_iter().next()),
            "member_expression" => is_so(node.child_by_field_name("object")),
            "call_expression" => {
                let callee = node.child_by_field_name("function");
                let name = callee.map(|callee| self.source.text_of(callee)).unwrap_or_default();
                let arguments = node.child_by_field_name("arguments").map(parts);
                name.ends_with("etPrototypeOf")
                    && is_so(arguments.unwrap_or_default().first().copied())
            }
            _ => false,
        }
    }

    /// What an expression may stand for, where it is a chain of names from an import or a built-in.
    fn paths(&self, node: Node<'_>, depth: usize) -> Vec<String> {
        if depth > CHAIN_MAX {
            return Vec::new();
        }
        let follow = |node: Option<Node<'_>>| {
            node.map(|node| self.paths(node, depth + 1)).unwrap_or_default()
        };
        let members = |member: &str| {
            let objects = follow(node.child_by_field_name("object"));
            objects.iter().map(|object| shortened(format!("{object}.{member}"))).collect()
        };
        match node.kind() {
            "identifier" => self.facts.meanings_of(&self.source.name_of(node)),
            "member_expression" | "nested_identifier" => {
                let property = node.child_by_field_name("property");
                let property = property.map(|name| self.source.name_of(name)).unwrap_or_default();
                let object = node.child_by_field_name("object");
                match object.is_some_and(|object| self.is_function(object, depth)) {
                    true if property == "constructor" => vec!["Function".into()],
                    _ => members(&property),
                }
            }
            "subscript_expression" => {
                let index = node.child_by_field_name("index");
                let index = index.and_then(|index| self.joined(index));
                index.map(|index| members(&index)).unwrap_or_default()
            }
            "call_expression" => {
                let Some(callee) = node.child_by_field_name("function") else { return Vec::new() };
                let paths = self.paths(callee, depth + 1);
                if paths.iter().any(|path| path.ends_with("createRequire")) {
                    return vec!["require".into()];
                }
                if callee.kind() != "import" && !paths.iter().any(|path| is_require(path)) {
                    return Vec::new();
                }
                let arguments = node.child_by_field_name("arguments").map(parts);
                let first = arguments.unwrap_or_default().into_iter().next();
                let module = first.and_then(|first| self.source.literal(first)).map(plain);
                module.into_iter().collect()
            }
            "parenthesized_expression"
            | "await_expression"
            | "non_null_expression"
            | "as_expression"
            | "satisfies_expression" => follow(parts(node).into_iter().next()),
            "sequence_expression" => follow(parts(node).into_iter().last()),
            _ => Vec::new(),
        }
    }

    fn member(&mut self, node: Node<'_>) {
        let (Some(object), Some(property)) =
            (node.child_by_field_name("object"), node.child_by_field_name("property"))
        else {
            return;
        };
        let name = self.source.name_of(property);
        let harmless = HARMLESS.contains(&&*name);
        if harmless && self.paths(object, 0).iter().any(|path| is_require(path)) {
            self.understand(object);
        }
    }

    /// `typeof require`, `!require`, and what is declared by that name: nothing is imported so.
    fn declares(&mut self, node: Node<'_>) {
        let is_typeof = node
            .child_by_field_name("operator")
            .is_some_and(|operator| ["typeof", "!"].contains(&self.source.text_of(operator)));
        if node.kind() == "unary_expression" && !is_typeof {
            return;
        }
        for field in ["parameter", "name", "pattern", "argument"] {
            if let Some(named) = node.child_by_field_name(field) {
                self.understood.insert(named.start_byte());
            }
        }
        if node.kind() == "formal_parameters" {
            self.understood.extend(parts(node).iter().map(Node::start_byte));
        }
    }

    fn name(&mut self, node: Node<'_>) {
        let name = self.source.name_of(node);
        let imports = self.facts.meanings_of(&name).iter().any(|path| is_require(path));
        if imports && !self.understood.contains(&node.start_byte()) {
            self.facts.import(name, Way::HandedOn, node.start_byte());
        }
    }

    fn comment(&mut self, node: Node<'_>) {
        static SAID: OnceLock<Option<Regex>> = OnceLock::new();
        let said = SAID.get_or_init(|| {
            let pattern = concat!(
                r#"^///\s*<reference\s+(?:types|path|lib)\s*=\s*["']([^"']+)"#,
                r"|@jsxImportSource\s+(\S+)"
            );
            Regex::new(pattern).ok()
        });
        let Some(said) = said else { return self.facts.lose(node.start_byte()) };
        let text = self.source.text_of(node);
        for found in said.captures_iter(text) {
            if let Some(name) = found.get(1).or_else(|| found.get(2)) {
                self.facts.import(name.as_str(), Way::Named, node.start_byte());
            }
        }
    }
}

fn plain(module: &str) -> String {
    module.strip_prefix("node:").unwrap_or(module).to_owned()
}

/// `module.require` is `require`.
fn shortened(path: String) -> String {
    match is_require(&path) {
        true => "require".into(),
        false => path,
    }
}

fn is_require(path: &str) -> bool {
    let roots = ["require", "module", "process", "globalThis", "global", "window"];
    let is_root = |object: &str| roots.contains(&object.split('.').next().unwrap_or_default());
    matches!(path, "require" | "module.constructor._load" | "process.getBuiltinModule")
        || path == "module._load"
        || path.strip_suffix(".require").is_some_and(is_root)
}

//! Imports of Python: `import`, `from`, and the functions that import.

use super::facts::{Facts, Way};
use crate::scan::syntax::{Source, is_comment, parts};
use std::collections::BTreeSet;
use tree_sitter::Node;

/// How deep a chain `a.b.c` is followed.
const CHAIN_MAX: usize = 16;
/// Functions whose first argument is imported or run as a module.
const IMPORTERS: &[&str] = &[
    "__import__",
    "builtins.__import__",
    "__builtins__.__import__",
    "importlib.import_module",
    "importlib.__import__",
    "importlib.util.find_spec",
    "importlib.util.spec_from_file_location",
    "importlib.machinery.SourceFileLoader",
    "imp.load_module",
    "imp.load_source",
    "runpy.run_module",
    "runpy.run_path",
    "pkgutil.resolve_name",
];
/// Built-in names that import or run text, and what leads to a function that imports. What is
/// built in means the same everywhere in a file.
pub(super) const WORST: &[&str] = &[
    "__import__",
    "builtins",
    "__builtins__",
    "eval",
    "exec",
    "compile",
    "getattr",
    "open",
    "importlib",
    "importlib.util",
    "importlib.machinery",
    "importlib.import_module",
    "importlib.__import__",
    "importlib.util.find_spec",
    "importlib.util.spec_from_file_location",
    "importlib.machinery.SourceFileLoader",
    "builtins.__import__",
    "__builtins__.__import__",
    "imp",
    "imp.load_module",
    "imp.load_source",
    "runpy",
    "runpy.run_module",
    "runpy.run_path",
    "pkgutil",
    "pkgutil.resolve_name",
];

pub(super) fn read(source: &Source<'_>, facts: &mut Facts) {
    let mut understood = BTreeSet::new();
    source.walk(|node| {
        match node.kind() {
            "import_statement" => imported(source, facts, node),
            "import_from_statement" => imported_from(source, facts, node),
            "call" => call(source, facts, node, &mut understood),
            "assignment" | "named_expression" => assigned(source, facts, node, &mut understood),
            "identifier" | "attribute"
                if importer(&paths(source, facts, node, 0)).is_some()
                    && !understood.contains(&node.start_byte()) =>
            {
                understood.insert(node.start_byte());
                facts.import(source.text_of(node), Way::HandedOn, node.start_byte());
            }
            _ => {}
        }
        // The names in a statement that imports call nothing.
        !is_comment(node) && !node.kind().starts_with("import_")
    });
}

fn imported(source: &Source<'_>, facts: &mut Facts, node: Node<'_>) {
    for part in parts(node) {
        let name = part.child_by_field_name("name").unwrap_or(part);
        let module = dotted(source.text_of(name));
        facts.import(&module, Way::Named, part.start_byte());
        match part.child_by_field_name("alias") {
            Some(alias) => facts.alias(source.text_of(alias), &module, part.start_byte()),
            None => {
                let first = module.split('.').next().unwrap_or_default();
                facts.alias(first, first, part.start_byte());
            }
        }
    }
}

fn imported_from(source: &Source<'_>, facts: &mut Facts, node: Node<'_>) {
    let Some(from) = node.child_by_field_name("module_name") else { return };
    let module = dotted(source.text_of(from));
    let at = node.start_byte();
    for part in parts(node) {
        if part.id() == from.id() {
            continue;
        }
        if part.kind() == "wildcard_import" {
            facts.import(relative(&module), Way::Named, at);
            continue;
        }
        let name = part.child_by_field_name("name").unwrap_or(part);
        let member = dotted(source.text_of(name));
        let whole = match module.ends_with('.') {
            true => format!("{module}{member}"),
            false => format!("{module}.{member}"),
        };
        facts.import(relative(&whole), Way::Named, part.start_byte());
        let local = part.child_by_field_name("alias").unwrap_or(name);
        facts.alias(source.text_of(local), &whole, at);
    }
}

/// A dotted name without the spaces, comments and broken lines that may stand in it.
fn dotted(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric() || *c == '.' || *c == '_').collect()
}

/// `.a` as `./a`, `..a` as `../a`: a person allows both by the beginning of the path.
fn relative(module: &str) -> String {
    let name = module.trim_start_matches('.');
    match module.len() - name.len() {
        0 => name.to_owned(),
        1 => format!("./{name}"),
        dots => format!("{}{name}", "../".repeat(dots - 1)),
    }
}

fn call(source: &Source<'_>, facts: &mut Facts, node: Node<'_>, understood: &mut BTreeSet<usize>) {
    let Some(callee) = node.child_by_field_name("function") else { return };
    let paths = paths(source, facts, callee, 0);
    let Some(path) = importer(&paths) else { return };
    understood.insert(callee.start_byte());
    let first = node.child_by_field_name("arguments").map(parts).unwrap_or_default();
    let first = first.first().map(|first| match first.kind() {
        "keyword_argument" => first.child_by_field_name("value").unwrap_or(*first),
        _ => *first,
    });
    let at = node.start_byte();
    match first.map(|first| (first, source.literal(first))) {
        Some((_, Some(name))) if path != "importlib.util.spec_from_file_location" => {
            facts.import(relative(name), Way::Named, at);
        }
        Some((first, _)) => facts.computed(source.text_of(first), at, &first.byte_range()),
        None => facts.import("nothing", Way::Computed, at),
    }
}

fn assigned(
    source: &Source<'_>,
    facts: &mut Facts,
    node: Node<'_>,
    understood: &mut BTreeSet<usize>,
) {
    let name = node.child_by_field_name("left").or_else(|| node.child_by_field_name("name"));
    let value = node.child_by_field_name("right").or_else(|| node.child_by_field_name("value"));
    let (Some(name), Some(value)) = (name, value) else { return };
    if name.kind() != "identifier" {
        return;
    }
    let paths = paths(source, facts, value, 0);
    for path in &paths {
        facts.alias(source.text_of(name), path, name.start_byte());
    }
    if !paths.is_empty() {
        understood.insert(name.start_byte());
        understood.insert(value.start_byte());
    }
}

/// Which of the things that something may stand for imports.
fn importer(paths: &[String]) -> Option<&str> {
    paths.iter().map(String::as_str).find(|path| IMPORTERS.contains(path))
}

/// What an expression may stand for, where it is a chain of names from an import or a built-in.
fn paths(source: &Source<'_>, facts: &Facts, node: Node<'_>, depth: usize) -> Vec<String> {
    let of = |node: Node<'_>| match depth < CHAIN_MAX {
        true => paths(source, facts, node, depth + 1),
        false => Vec::new(),
    };
    let members = |object: Option<Node<'_>>, member: &str| {
        let objects = object.map(of).unwrap_or_default();
        objects.iter().map(|object| format!("{object}.{member}")).collect()
    };
    match node.kind() {
        "identifier" => facts.meanings_of(source.text_of(node)),
        "attribute" => {
            let member = node.child_by_field_name("attribute");
            let member = member.map_or("", |member| source.text_of(member));
            members(node.child_by_field_name("object"), member)
        }
        "call" => {
            let callee = node.child_by_field_name("function").map(of).unwrap_or_default();
            if callee.is_empty() {
                return Vec::new();
            }
            let arguments = node.child_by_field_name("arguments").map(parts).unwrap_or_default();
            let literal = |at: usize| source.literal(*arguments.get(at)?);
            let is = |name: &str| callee.iter().any(|path| path == name);
            if is("__import__") || is("importlib.import_module") {
                return literal(0).map(str::to_owned).into_iter().collect();
            }
            match literal(1) {
                Some(member) if is("getattr") => members(arguments.first().copied(), member),
                _ => Vec::new(),
            }
        }
        "parenthesized_expression" => parts(node).first().copied().map(of).unwrap_or_default(),
        _ => Vec::new(),
    }
}

//! Imports of Python: `import`, `from`, and the functions that import.

use super::facts::{Facts, Way};
use crate::scan::syntax::{Source, is_comment, parts, walk};
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
/// Built-in names worth following by another name.
const BUILT_IN: &[&str] =
    &["__import__", "builtins", "__builtins__", "eval", "exec", "compile", "getattr", "open"];

pub(super) fn read(source: &Source<'_>, facts: &mut Facts) {
    let mut understood = BTreeSet::new();
    walk(&source.tree, |node| {
        match node.kind() {
            "import_statement" => imported(source, facts, node),
            "import_from_statement" => imported_from(source, facts, node),
            "call" => call(source, facts, node, &mut understood),
            "assignment" | "named_expression" => assigned(source, facts, node, &mut understood),
            "identifier" | "attribute" => {
                let path = path(source, facts, node, 0).unwrap_or_default();
                if IMPORTERS.contains(&path.as_str()) && !understood.contains(&node.start_byte()) {
                    understood.insert(node.start_byte());
                    facts.import(source.text_of(node), Way::HandedOn, node.start_byte());
                }
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
            Some(alias) => facts.alias(source.text_of(alias), module),
            None => {
                let first = module.split('.').next().unwrap_or_default();
                facts.alias(first, first);
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
        facts.alias(source.text_of(local), whole);
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
    let path = path(source, facts, callee, 0).unwrap_or_default();
    if !IMPORTERS.contains(&path.as_str()) {
        return;
    }
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
        Some((first, _)) => facts.import(source.text_of(first), Way::Computed, at),
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
    if let Some(path) = path(source, facts, value, 0) {
        facts.alias(source.text_of(name), path);
        understood.insert(name.start_byte());
        understood.insert(value.start_byte());
    }
}

/// What an expression stands for, where it is a chain of names from an import or a built-in.
fn path(source: &Source<'_>, facts: &Facts, node: Node<'_>, depth: usize) -> Option<String> {
    if depth > CHAIN_MAX {
        return None;
    }
    match node.kind() {
        "identifier" => {
            let name = source.text_of(node);
            let known = facts.aliases.get(name).cloned();
            known.or_else(|| BUILT_IN.contains(&name).then(|| name.to_owned()))
        }
        "attribute" => {
            let member = source.text_of(node.child_by_field_name("attribute")?);
            let object = path(source, facts, node.child_by_field_name("object")?, depth + 1)?;
            Some(format!("{object}.{member}"))
        }
        "call" => {
            let callee = node.child_by_field_name("function")?;
            let callee = path(source, facts, callee, depth + 1)?;
            let arguments = parts(node.child_by_field_name("arguments")?);
            let literal = |at: usize| source.literal(*arguments.get(at)?);
            match callee.as_str() {
                "__import__" | "importlib.import_module" => Some(literal(0)?.to_owned()),
                "getattr" => {
                    let object = path(source, facts, *arguments.first()?, depth + 1)?;
                    Some(format!("{object}.{}", literal(1)?))
                }
                _ => None,
            }
        }
        "parenthesized_expression" => path(source, facts, *parts(node).first()?, depth + 1),
        _ => None,
    }
}

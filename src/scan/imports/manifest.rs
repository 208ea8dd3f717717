//! Packages that manifests name, and what they say runs while a package is installed or built.

use crate::scan::names::folded;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use toml::{Table, Value};

/// Scripts of a manifest that run by themselves when somebody installs.
const NPM_SCRIPTS: &[&str] =
    &["preinstall", "install", "postinstall", "prepare", "prepublish", "preprepare", "postprepare"];
const NPM_TABLES: &[&str] =
    &["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"];

/// Whether a file is a manifest, and which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Manifest {
    Npm,
    Cargo,
    PyProject,
    Requirements,
    GoMod,
}

impl Manifest {
    /// By the file's name.
    pub(super) fn of(path: &[u8]) -> Option<Self> {
        let name = path.rsplit(|byte| *byte == b'/').next()?;
        match folded(name).as_slice() {
            b"package.json" => Some(Self::Npm),
            b"cargo.toml" => Some(Self::Cargo),
            b"pyproject.toml" => Some(Self::PyProject),
            b"go.mod" => Some(Self::GoMod),
            name => {
                let is_list = name.starts_with(b"requirements") || name.starts_with(b"constraints");
                (is_list && name.ends_with(b".txt")).then_some(Self::Requirements)
            }
        }
    }

    /// The packages it names. One that does not come from the registry by its own name carries
    /// where it comes from; `None` for what cannot be read.
    pub(super) fn packages(self, bytes: &[u8]) -> Option<BTreeSet<String>> {
        let text = std::str::from_utf8(bytes).ok()?;
        let text = text.trim_start_matches('\u{feff}');
        match self {
            Self::Npm => npm(&serde_json::from_str(text).ok()?),
            Self::Cargo => Some(cargo(&text.parse().ok()?)),
            Self::PyProject => Some(pyproject(&text.parse().ok()?)),
            Self::Requirements => Some(text.lines().filter_map(requirement).collect()),
            Self::GoMod => Some(go_mod(text)),
        }
    }
}

fn npm(manifest: &Json) -> Option<BTreeSet<String>> {
    let manifest = manifest.as_object()?;
    let mut found = BTreeSet::new();
    for table in NPM_TABLES {
        for (name, version) in manifest.get(*table).and_then(Json::as_object).into_iter().flatten()
        {
            let version = version.as_str().unwrap_or("?");
            // A registry's version has no colon and no slash; other places do.
            found.insert(match version.contains([':', '/', '?']) {
                true => format!("{name}@{version}"),
                false => name.clone(),
            });
        }
    }
    let pnpm = manifest.get("pnpm");
    let replaced = ["overrides", "resolutions"].into_iter().filter_map(|table| manifest.get(table));
    let patched = ["overrides", "patchedDependencies"].into_iter();
    let patched = patched.filter_map(|table| pnpm?.get(table));
    for (name, to) in replaced.chain(patched).filter_map(Json::as_object).flatten() {
        found.insert(format!("{name}@{to}"));
    }
    // Names that the package's own source imports: only a file of its own is no package.
    for (name, to) in manifest.get("imports").and_then(Json::as_object).into_iter().flatten() {
        let to = strings(to).into_iter().filter(|to| !to.starts_with("./"));
        found.extend(to.map(|to| format!("{name}@{to}")));
    }
    // Folders that are packages of their own, and packages that come with this one.
    for list in ["workspaces", "bundleDependencies", "bundledDependencies"] {
        let values = manifest.get(list).map(strings).unwrap_or_default();
        found.extend(values.into_iter().map(|value| format!("{list}@{value}")));
    }
    // Commands that others run by their name.
    match manifest.get("bin") {
        Some(Json::Object(commands)) => {
            found.extend(commands.keys().map(|name| format!("bin.{name}")));
        }
        Some(Json::String(_)) => {
            let name = manifest.get("name").and_then(Json::as_str).unwrap_or_default();
            found.insert(format!("bin.{name}"));
        }
        _ => {}
    }
    for script in NPM_SCRIPTS {
        if manifest.get("scripts").is_some_and(|scripts| scripts.get(script).is_some()) {
            found.insert(format!("scripts.{script}"));
        }
    }
    Some(found)
}

/// Every string in a value, and what stands for all of them.
fn strings(value: &Json) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Json::String(text) => found.push(text.clone()),
            Json::Bool(true) => found.push("*".into()),
            Json::Array(values) => waiting.extend(values),
            Json::Object(values) => waiting.extend(values.values()),
            _ => {}
        }
    }
    found
}

/// The names that paths in Rust may begin with, for the crates that this manifest of Cargo names.
pub(super) fn crates(manifest: &[u8]) -> BTreeSet<String> {
    let text = std::str::from_utf8(manifest).unwrap_or_default();
    let manifest = text.trim_start_matches('\u{feff}').parse().unwrap_or_default();
    let names = dependencies(&manifest).into_iter().filter_map(Value::as_table);
    names.flat_map(Table::keys).map(|name| name.replace('-', "_")).collect()
}

/// Every table of dependencies in a manifest of Cargo.
fn dependencies(manifest: &Table) -> Vec<&Value> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(|all| all.values()).filter_map(Value::as_table);
    let workspace = manifest.get("workspace").and_then(Value::as_table);
    let holders = targets.chain(workspace).chain([manifest]);
    let names = ["dependencies", "dev-dependencies", "build-dependencies"];
    holders.flat_map(|holder| names.iter().filter_map(move |name| holder.get(*name))).collect()
}

fn cargo(manifest: &Table) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for table in dependencies(manifest) {
        packages(Some(table), &mut found);
    }
    for registry in manifest.get("patch").and_then(Value::as_table).into_iter().flatten() {
        packages(Some(registry.1), &mut found);
    }
    packages(manifest.get("replace"), &mut found);
    let package = manifest.get("package").and_then(Value::as_table);
    if let Some(script) = package.and_then(|package| package.get("build")?.as_str()) {
        found.insert(script.to_owned());
    }
    found
}

fn packages(table: Option<&Value>, found: &mut BTreeSet<String>) {
    for (name, from) in table.and_then(Value::as_table).into_iter().flatten() {
        let from = from.as_table();
        let said = |key: &str| from.and_then(|from| from.get(key)?.as_str());
        let name = said("package").unwrap_or(name);
        let elsewhere = ["git", "path", "registry"].iter().find_map(|key| said(key));
        found.insert(match elsewhere {
            Some(place) => format!("{name}@{place}"),
            None => name.to_owned(),
        });
    }
}

fn pyproject(manifest: &Table) -> BTreeSet<String> {
    let at = |path: &[&str]| {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(manifest.get(*first)?, |value, key| value.get(*key))
    };
    let mut found = BTreeSet::new();
    // Lists of requirements, and tables of such lists.
    let lists = [&["project", "dependencies"], &["build-system", "requires"]];
    let groups: [&[&str]; 3] =
        [&["project", "optional-dependencies"], &["dependency-groups"], &["tool", "pdm", "dev"]];
    let groups = groups.into_iter().filter_map(at).filter_map(Value::as_table);
    let lists = lists.into_iter().filter_map(|path| at(path));
    for list in lists.chain(groups.flat_map(|table| table.values())).filter_map(Value::as_array) {
        found.extend(list.iter().filter_map(Value::as_str).filter_map(requirement));
    }
    let poetry = at(&["tool", "poetry", "group"]).and_then(Value::as_table);
    let poetry = poetry.into_iter().flat_map(|groups| groups.values());
    let poetry = poetry.filter_map(|group| group.get("dependencies"));
    let old = ["dependencies", "dev-dependencies"];
    let old = old.iter().filter_map(|table| at(&["tool", "poetry", table]));
    for table in poetry.chain(old) {
        packages(Some(table), &mut found);
    }
    for backend in [&["build-system", "backend-path"], &["build-system", "build-backend"]] {
        found.extend(at(backend).map(|value| value.to_string().replace('"', "")));
    }
    found
}

/// The package of a line `name[extra]>=1; python_version > "3"`. A line that names an address or an
/// option of pip stands for itself.
fn requirement(line: &str) -> Option<String> {
    let line = line.split(" #").next().unwrap_or_default().trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    if line.starts_with('-') || line.contains("://") || line.contains('@') {
        return Some(line.to_owned());
    }
    let end = line.find(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)));
    let name = &line[..end.unwrap_or(line.len())];
    Some(match name.is_empty() || line.starts_with('.') || line.contains('/') {
        true => line.to_owned(),
        false => name.to_lowercase().replace(['_', '.'], "-"),
    })
}

/// The modules of `require`, `replace` and `tool` lines, alone or in a block.
fn go_mod(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut block = String::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let mut words = line.split_whitespace();
        if line == ")" {
            block.clear();
            continue;
        }
        if line.ends_with('(') {
            block = words.next().unwrap_or_default().trim_end_matches('(').to_owned();
            continue;
        }
        let directive = if block.is_empty() { words.next().unwrap_or_default() } else { &block };
        let rest: Vec<&str> = words.collect();
        match directive {
            "require" | "tool" => {
                found.extend(rest.first().map(|name| name.trim_matches('"').into()))
            }
            "replace" => {
                found.insert(rest.join(" ").replacen(" => ", "@", 1));
            }
            _ => {}
        }
    }
    found
}

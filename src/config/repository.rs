//! `monban.toml`: how work on a repository is judged. The repository chooses nothing else.

use super::diagnostic::Diagnostics;
use super::reader::{Document, Found, Section, allowed};
use super::{FILE_BYTES_MAX, values};
use crate::base::hash;
use crate::policy::Bounds;
use regex::Regex;
use serde::Serialize;
use std::fmt;

/// The name of the file, at the root of the repository.
pub const FILE_NAME: &str = "monban.toml";

const SECONDS_MAX: u64 = 7 * 86_400;
const COUNT_MAX: u64 = 1_000_000_000;
const LIMITS: [&str; 5] = ["changed_files", "created_files", "changed_lines", "seconds", "disk"];

/// What `monban.toml` says; what it leaves out has its default.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RepositoryConfig {
    /// The branch that work lands on; without one, the repository's default.
    pub base: Option<String>,
    /// What is run to verify.
    pub verify: Verify,
    /// The checks of the gate, in their order.
    pub checks: Vec<Check>,
    /// What is looked for in a change.
    pub scan: Scan,
    /// Limits that are tighter than the level's.
    pub bounds: Bounds,
    /// Files copied from the person's checkout into a new worktree, relative to its root.
    pub copy: Vec<String>,
}

/// The commands of the gate. They run in a shell, in a fresh checkout.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Verify {
    /// Run in order before anything else.
    pub setup: Vec<String>,
    /// The tests. They may write a JUnit file to `$MONBAN_JUNIT`.
    pub test: Option<String>,
    /// The linter.
    pub lint: Option<String>,
}

/// What is looked for in a change.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Scan {
    /// Text that may not appear.
    pub banned_patterns: Vec<BannedPattern>,
    /// Beginnings of imports that may be added; `None` allows any.
    pub allowed_imports: Option<Vec<String>>,
}

/// Text that may not appear.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct BannedPattern {
    /// A regular expression.
    pub pattern: String,
    /// The files it is looked for in, as globs; none means all.
    pub paths: Vec<String>,
    /// Why it is banned, for whoever hits it.
    pub why: String,
}

macro_rules! checks {
    ($($(#[$doc:meta])* $check:ident = $name:literal),+ $(,)?) => {
        /// A kind of test that a gate can have.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
        pub enum Check {
            $($(#[$doc])* #[serde(rename = $name)] $check,)+
        }

        impl Check {
            /// All of them, in the usual order.
            pub const ALL: &[(Check, &str)] = &[$((Check::$check, $name)),+];
        }
    };
}

checks! {
    /// The limits of an attempt.
    Limits = "limits",
    /// Files that no change may touch.
    Forbidden = "forbidden",
    /// Secrets in the change.
    Secrets = "secrets",
    /// Banned patterns.
    Banned = "banned",
    /// New imports.
    Imports = "imports",
    /// Dangerous symbols.
    Danger = "danger",
    /// Test files that are suspiciously short or long.
    TestLines = "test-lines",
    /// The lint command.
    Lint = "lint",
    /// The test command.
    Test = "test",
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Check::ALL.iter().find(|(check, _)| check == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl RepositoryConfig {
    /// What the repository is judged by when it has no file.
    pub fn without_file() -> Self {
        Self {
            base: None,
            verify: Verify::default(),
            checks: vec![Check::Lint, Check::Test],
            scan: Scan::default(),
            bounds: Bounds::default(),
            copy: Vec::new(),
        }
    }

    /// The hash of everything in the file that executes or judges. Comments, spaces and the base do
    /// not change it. A hash the person has not trusted yet asks once, and a task pins it.
    pub fn gate_hash(&self) -> String {
        let judging = serde_json::json!({
            "verify": self.verify,
            "gates": self.checks,
            "scan": self.scan,
            "limits": self.bounds,
            "worktree": self.copy,
        });
        hash::sha256(judging.to_string().as_bytes())
    }
}

/// Reads the file's content; `origin` is how messages name it.
///
/// # Errors
/// Every mistake in it, with its place.
pub fn parse(bytes: &[u8], origin: &str) -> Result<RepositoryConfig, Diagnostics> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let message = format!("the file is larger than {FILE_BYTES_MAX} bytes");
        return Err(Diagnostics::whole_file(origin, message));
    }
    let document = Document::parse(bytes, origin)?;
    let root = document.root(&["project", "verify", "gates", "scan", "limits", "worktree"]);
    let mut config = RepositoryConfig::without_file();
    if let Some(project) = root.section("project", &["base"]) {
        config.base =
            project.string("base").and_then(|base| base.check(|text| values::branch(text)));
    }
    if let Some(verify) = root.section("verify", &["setup", "test", "lint"]) {
        config.verify = read_verify(&verify);
    }
    if let Some(names) =
        root.section("gates", &["checks"]).and_then(|gates| gates.strings("checks"))
    {
        config.checks = read_checks(names);
    }
    if let Some(scan) = root.section("scan", &["banned_patterns", "allowed_imports"]) {
        config.scan = read_scan(&scan, &config.checks);
    }
    if let Some(limits) = root.section("limits", &LIMITS) {
        config.bounds = read_limits(&limits, &config.checks);
    }
    if let Some(worktree) = root.section("worktree", &["copy"]) {
        config.copy = checked(worktree.strings("copy"), below_root);
    }
    document.finish(config)
}

fn read_verify(verify: &Section<'_>) -> Verify {
    // An empty command is how a file says that there is none.
    let command = |key| {
        let found = verify.string(key)?;
        if found.value.trim().is_empty() {
            None
        } else {
            found.check(|text| values::argument(text))
        }
    };
    let step = |text: &str| match text.trim().is_empty() {
        true => Err("an empty command does nothing: leave it out".into()),
        false => values::argument(text),
    };
    Verify {
        setup: checked(verify.strings("setup"), step),
        test: command("test"),
        lint: command("lint"),
    }
}

fn read_checks(names: Vec<Found<'_, String>>) -> Vec<Check> {
    let known: Vec<_> = Check::ALL.iter().map(|(_, name)| *name).collect();
    let mut checks = Vec::new();
    for name in names {
        let check = Check::ALL.iter().find(|(_, known)| *known == name.value);
        match check {
            Some((check, _)) if checks.contains(check) => name.problem("this check stands twice"),
            Some((check, _)) => checks.push(*check),
            None => {
                let given = values::shown(&name.value);
                name.problem(format!("{given} is not a check; {}", allowed(&name.value, &known)));
            }
        }
    }
    checks
}

fn read_limits(limits: &Section<'_>, checks: &[Check]) -> Bounds {
    for key in limits.keys() {
        // The time of a command is limited in any case.
        if key.value != "seconds" && !checks.contains(&Check::Limits) {
            key.problem("nothing looks at it: [gates] checks has no \"limits\"");
        }
    }
    let count = |key| limits.integer(key, 0..=COUNT_MAX);
    let disk = limits.string("disk");
    Bounds {
        changed_files: count("changed_files"),
        created_files: count("created_files"),
        changed_lines: count("changed_lines"),
        seconds: limits.integer("seconds", 1..=SECONDS_MAX),
        disk_bytes: disk.and_then(|disk| disk.check(|text| values::bytes(text))),
    }
}

fn read_scan(scan: &Section<'_>, checks: &[Check]) -> Scan {
    let readers = [("banned_patterns", Check::Banned), ("allowed_imports", Check::Imports)];
    for key in scan.keys() {
        let reader = readers.iter().find(|(name, _)| *name == key.value);
        if let Some((_, check)) = reader.filter(|(_, check)| !checks.contains(check)) {
            key.problem(format!("nothing looks at it: [gates] checks has no \"{check}\""));
        }
    }
    let patterns = scan.sections("banned_patterns", &["pattern", "paths", "why"]);
    let pattern = |section: &Section<'_>| {
        let Some(pattern) = section.string("pattern") else {
            section.problem("a banned pattern needs \"pattern\", a regular expression");
            return None;
        };
        Some(BannedPattern {
            pattern: pattern.check(|text| regular_expression(text))?,
            paths: checked(section.strings("paths"), values::argument),
            why: section.string("why").map(|why| why.value).unwrap_or_default(),
        })
    };
    let imports = scan.strings("allowed_imports");
    Scan {
        banned_patterns: patterns.unwrap_or_default().iter().filter_map(pattern).collect(),
        allowed_imports: imports.map(|found| found.into_iter().map(|one| one.value).collect()),
    }
}

fn regular_expression(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("an empty pattern would be found everywhere".into());
    }
    match Regex::new(text) {
        Ok(_) => Ok(text.into()),
        Err(error) => {
            let message = error.to_string();
            let reason = message.lines().last().unwrap_or_default();
            Err(format!("{} is not a regular expression: {reason}", values::shown(text)))
        }
    }
}

fn below_root(text: &str) -> Result<String, String> {
    match text.trim_end_matches('/') {
        "." => Err("the whole worktree is not meant: name a file or folder in it".into()),
        _ => values::path_inside(text),
    }
}

/// The values of a list that `check` accepts; the others are reported.
pub(super) fn checked(
    list: Option<Vec<Found<'_, String>>>,
    check: impl Fn(&str) -> Result<String, String>,
) -> Vec<String> {
    let list = list.unwrap_or_default().into_iter();
    list.filter_map(|found| found.check(|text| check(text))).collect()
}

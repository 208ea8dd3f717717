//! `monban.toml`: how work on a repository is judged. The repository chooses nothing else.

use super::diagnostic::{Diagnostics, all_near};
use super::reader::{Document, Found, Section, allowed};
use super::{FILE_BYTES_MAX, danger, values};
use crate::base::foreign::Foreign;
use crate::base::globs::Globs;
use crate::base::hash;
use crate::policy::Bounds;
use regex::Regex;
use serde::Serialize;
use std::fmt;

/// The name of the file, at the root of the repository.
pub const FILE_NAME: &str = "monban.toml";

/// How many statements a person is asked for: one for each digit but zero.
pub const STATEMENTS_MAX: usize = 9;
/// How long one is: at the smallest size of an approval it is on the screen as a whole.
pub const STATEMENT_CHARS_MAX: usize = 80;

const SECONDS_MAX: u64 = 7 * 86_400;
const COUNT_MAX: u64 = 1_000_000_000;
const SCAN: [&str; 3] = ["banned_patterns", "allowed_imports", "allowed_danger"];
pub(super) const LIMITS: [&str; 5] =
    ["changed_files", "created_files", "changed_lines", "seconds", "disk"];

/// What `monban.toml` says; what it leaves out has its default.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RepositoryConfig {
    /// The branch that work lands on; without one, the repository's default.
    pub base: Option<String>,
    /// What is run to verify.
    pub verify: Verify,
    /// The checks of the gate, in their order.
    pub checks: Vec<Check>,
    /// What a person attests with an approval, where the gate has the check `human`.
    pub human: Vec<Foreign>,
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
    /// Where something dangerous is what the repository is there for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_danger: Vec<AllowedDanger>,
}

/// Files in which what a rule of `danger` finds is told and stops nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AllowedDanger {
    /// The rule, as findings name it.
    pub rule: String,
    /// The files, as globs.
    pub paths: Vec<String>,
    /// Why, for whoever approves.
    pub why: String,
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
    /// What only a person can say.
    Human = "human",
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
            human: Vec::new(),
            scan: Scan::default(),
            bounds: Bounds::default(),
            copy: Vec::new(),
        }
    }

    /// The hash of everything in the file that executes or judges. Comments, spaces and the base do
    /// not change it. A hash the person has not trusted yet asks once, and a task pins it.
    pub fn gate_hash(&self) -> String {
        let mut judging = serde_json::json!({
            "verify": self.verify,
            "gates": self.checks,
            "scan": self.scan,
            "limits": self.bounds,
            "worktree": self.copy,
        });
        // A gate that says nothing of it has the hash by which it is trusted already.
        if !self.human.is_empty() {
            judging["human"] = serde_json::json!(self.human);
        }
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
    if let Some(gates) = root.section("gates", &["checks", "human"]) {
        if let Some(names) = gates.strings("checks") {
            config.checks = read_checks(names);
        }
        config.human = read_statements(&gates, &config.checks);
    }
    if let Some(scan) = root.section("scan", &SCAN) {
        config.scan = read_scan(&scan, &config.checks);
    }
    if let Some(limits) = root.section("limits", &LIMITS) {
        let is_looked_at = config.checks.contains(&Check::Limits);
        // The time of a command is limited in any case.
        let idle = limits.keys().filter(|key| !is_looked_at && key.value != "seconds");
        idle.for_each(|key| key.problem("nothing looks at it: [gates] checks has no \"limits\""));
        config.bounds = read_limits(&limits);
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
            Some(_) if checks.contains(&Check::Human) => {
                let why = "nothing can be run behind \"human\", which is answered by the approval";
                name.problem(format!("{why}: put \"human\" at the end"));
            }
            Some((check, _)) => checks.push(*check),
            None => {
                let given = values::shown(&name.value);
                name.problem(format!("{given} is not a check; {}", allowed(&name.value, &known)));
            }
        }
    }
    checks
}

/// What a person attests. Each statement has a digit for its key, and is read as it stands.
fn read_statements(gates: &Section<'_>, checks: &[Check]) -> Vec<Foreign> {
    let Some(found) = gates.strings("human") else { return Vec::new() };
    if let Some(first) = found.first().filter(|_| !checks.contains(&Check::Human)) {
        first.problem("nobody is asked: add \"human\" at the end of [gates] checks");
    }
    if let Some(more) = found.get(STATEMENTS_MAX) {
        more.problem(format!("a person is asked for {STATEMENTS_MAX} statements at most"));
    }
    let mut statements = Vec::new();
    for one in found {
        let statement = Foreign::new(one.value.as_str());
        if one.value.trim().is_empty() {
            one.problem("an empty statement says nothing: leave it out");
        } else if one.value.chars().count() > STATEMENT_CHARS_MAX {
            one.problem(format!("a statement has {STATEMENT_CHARS_MAX} characters at most"));
        } else if one.value.contains(['\n', '\t']) || statement.hidden_count() > 0 {
            one.problem("a statement is one line, without tabs or characters that cannot be seen");
        } else if statements.contains(&statement) {
            one.problem("this statement stands twice");
        } else {
            statements.push(statement);
        }
    }
    statements
}

/// The limits that a section states.
pub(super) fn read_limits(limits: &Section<'_>) -> Bounds {
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
    let readers = SCAN.into_iter().zip([Check::Banned, Check::Imports, Check::Danger]);
    let readers: Vec<_> = readers.collect();
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
            paths: checked(section.strings("paths"), glob),
            why: section.string("why").map(|why| why.value).unwrap_or_default(),
        })
    };
    let imports = scan.strings("allowed_imports");
    Scan {
        banned_patterns: patterns.unwrap_or_default().iter().filter_map(pattern).collect(),
        allowed_imports: imports.map(|found| found.into_iter().map(|one| one.value).collect()),
        allowed_danger: read_allowed_danger(scan),
    }
}

fn read_allowed_danger(scan: &Section<'_>) -> Vec<AllowedDanger> {
    let known = danger::rules();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let rule = |rule: &String| match known.contains(&rule.as_str()) {
        true => Ok(rule.clone()),
        false => Err(format!(
            "{} is no rule of danger that can be allowed; the nearest are {}",
            values::shown(rule),
            all_near(rule, &known).join(", ")
        )),
    };
    let allowed = |section: &Section<'_>| {
        let found = section.string("rule");
        let paths = section.strings("paths").unwrap_or_default();
        let why = section.string("why").map(|why| why.value).unwrap_or_default();
        if found.is_none() || paths.is_empty() || why.trim().is_empty() {
            section.problem("an allowance needs \"rule\", \"paths\" and \"why\"");
        }
        let paths = checked(Some(paths), glob);
        Some(AllowedDanger { rule: found?.check(rule)?, paths, why })
    };
    let sections = scan.sections("allowed_danger", &["rule", "paths", "why"]);
    sections.unwrap_or_default().iter().filter_map(allowed).collect()
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

fn glob(text: &str) -> Result<String, String> {
    let text = values::argument(text)?;
    match Globs::new(&[&text]) {
        Ok(_) => Ok(text),
        Err(why) => Err(format!("{} is not a glob: {why}", values::shown(&text))),
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

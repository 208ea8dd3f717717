//! Files that a change may not touch: `assets/scan/forbidden.toml`, submodules, and links that lead
//! out of the tree (U-02). That they were touched is enough, also by deleting them.

use super::change::{Change, ChangedFile, MODE_SUBMODULE};
use super::links::Names;
use super::mask::masked_snippet;
use super::names::folded;
use super::{Seen, Settings};
use crate::base::foreign::Foreign;
use crate::base::globs::Globs;
use crate::model::task::Kind;
use crate::model::verdict::{Finding, Weight};
use serde::Deserialize;
use std::sync::LazyLock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    rule: Vec<Rule>,
}

/// Files of a sort.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    name: String,
    weight: Severity,
    #[serde(default)]
    except: Vec<Kind>,
    #[serde(default)]
    new_asks: Vec<Kind>,
    why: String,
    paths: Globs,
    #[cfg_attr(not(test), expect(dead_code, reason = "holds the rule to what it says"))]
    example: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "holds the rule to what it says"))]
    counterexample: String,
}

/// What the data calls a weight.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Fail,
    Ask,
}

/// The rules, and the files of all of them.
struct Rules {
    rules: Vec<Rule>,
    any: Globs,
}

fn rules() -> Result<&'static Rules, &'static str> {
    static RULES: LazyLock<Result<Rules, String>> = LazyLock::new(|| {
        let data: Data = toml::from_str(include_str!("../../assets/scan/forbidden.toml"))
            .map_err(|error| error.to_string())?;
        let any = Globs::together(data.rule.iter().map(|rule| &rule.paths))?;
        Ok(Rules { rules: data.rule, any })
    });
    RULES.as_ref().map_err(String::as_str)
}

/// Looks for files that may not be touched.
pub fn look(change: &Change, settings: &Settings<'_>) -> Seen {
    let mut seen = Seen::default();
    let rules = match rules() {
        Ok(rules) => rules,
        Err(why) => {
            seen.unjudged = Some(format!("the rules on files cannot be read: {why}"));
            return seen;
        }
    };
    let names = Names::of(change);
    for file in &change.files {
        if (settings.cancel)() {
            return Seen::given_up();
        }
        let name = folded(&file.path);
        for rule in rules.of(&name) {
            if let Some(weight) = rule.weight(file, settings.kind) {
                seen.add(finding(file, &rule.name, weight, &rule.why));
            }
        }
        let has_mode =
            |mode| [&file.old, &file.new].into_iter().flatten().any(|it| it.mode == mode);
        if has_mode(MODE_SUBMODULE) {
            let why = "submodules bring in code that nothing here has judged";
            seen.add(finding(file, "submodule", Weight::Violation, why));
        }
        if let Some(why) = names.fault(file) {
            seen.add(finding(file, "link", Weight::Violation, why));
        }
        if name.rsplit(|byte| *byte == b'/').next() == Some(b"package.json") {
            seen.look_at_scripts(file);
        }
    }
    seen.looked_at = match change.files.len() {
        1 => "1 file".into(),
        count => format!("{count} files"),
    };
    seen
}

impl Rules {
    fn of<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a Rule> {
        let rules = if self.any.matches(name) { self.rules.as_slice() } else { &[] };
        rules.iter().filter(move |rule| rule.paths.matches(name))
    }
}

impl Rule {
    /// How much it weighs that a task of this kind touched the file; `None` where it may.
    fn weight(&self, file: &ChangedFile, kind: Kind) -> Option<Weight> {
        if self.except.contains(&kind) {
            return None;
        }
        let is_asked = file.old.is_none() && self.new_asks.contains(&kind);
        match self.weight {
            Severity::Fail if !is_asked => Some(Weight::Violation),
            Severity::Fail | Severity::Ask => Some(Weight::Notice),
        }
    }
}

impl Seen {
    /// Scripts in a manifest run on installing and testing; whoever may change the manifest for its
    /// dependencies still asks for these.
    fn look_at_scripts(&mut self, file: &ChangedFile) {
        let scripts = |bytes: &[u8]| -> Result<Option<serde_json::Value>, serde_json::Error> {
            let mut manifest: serde_json::Value = serde_json::from_slice(bytes)?;
            Ok(manifest.get_mut("scripts").map(serde_json::Value::take))
        };
        let Some(new) = &file.new else { return };
        let old = file.old.as_ref().map(|old| scripts(&old.bytes));
        let why = match (old, scripts(&new.bytes)) {
            (_, Err(_)) => "it cannot be read, so its scripts are not known",
            (None, Ok(None)) => return,
            (Some(Ok(old)), Ok(new)) if old == new => return,
            _ => "its scripts changed; they run when somebody installs or tests",
        };
        self.add(finding(file, "scripts", Weight::Notice, why));
    }
}

/// A finding about a file, with the first line that differs.
fn finding(file: &ChangedFile, rule: &str, weight: Weight, why: &str) -> Finding {
    let first = file.added_lines().next().or_else(|| file.removed_lines().next());
    let done = match (&file.old, &file.new) {
        (None, _) => "created",
        (_, None) => "deleted",
        _ => "changed",
    };
    Finding {
        rule: format!("forbidden/{rule}"),
        weight,
        path: file.shown(),
        line: first.map(|(number, _)| number),
        snippet: first.map_or_else(Foreign::default, |(_, line)| masked_snippet(line)),
        why: Foreign::new(format!("{done}: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::change::MODE_LINK;
    use super::super::change::tests::file;
    use super::*;
    use crate::config::repository::Scan;

    fn looked(kind: Kind, files: Vec<ChangedFile>) -> Seen {
        let change = Change::of(files, Vec::new());
        look(&change, &Settings { scan: &Scan::default(), kind, cancel: &|| false })
    }

    fn found(kind: Kind, file: ChangedFile) -> Vec<(String, Weight)> {
        let findings = looked(kind, vec![file]).findings;
        findings.into_iter().map(|found| (found.rule, found.weight)).collect()
    }

    fn changed(path: &str) -> ChangedFile {
        file(path, Some("a\n"), Some("b\n"))
    }

    #[test]
    fn every_rule_finds_its_example_and_only_that() {
        let rules = rules().unwrap();
        for rule in &rules.rules {
            let finds = |path: &str| {
                let name = folded(path.as_bytes());
                rules.of(&name).next().map(|rule| rule.name.clone())
            };
            assert_eq!(finds(&rule.example), Some(rule.name.clone()), "{}", rule.example);
            assert_eq!(finds(&rule.counterexample), None, "{}", rule.counterexample);
        }
    }

    #[test]
    fn globs_are_written_as_names_are_compared() {
        let data = include_str!("../../assets/scan/forbidden.toml");
        let data: toml::Table = toml::from_str(data).unwrap();
        for rule in data["rule"].as_array().unwrap() {
            for glob in rule["paths"].as_array().unwrap() {
                let glob = glob.as_str().unwrap();
                assert_eq!(folded(glob.as_bytes()), glob.as_bytes(), "{glob}");
            }
        }
    }

    /// U-02: a violation without a text was none, so that changed lockfiles always passed.
    #[test]
    fn only_a_task_for_dependencies_changes_a_lockfile() {
        for kind in [Kind::Fix, Kind::Add, Kind::Test, Kind::Refactor] {
            let lock = file("Cargo.lock", Some("a = 1\nb = 1\n"), Some("a = 1\nb = 2\n"));
            let seen = looked(kind, vec![lock]);
            assert!(seen.is_violated(), "{kind:?}");
            let found = &seen.findings[0];
            assert_eq!((found.rule.as_str(), found.line), ("forbidden/lockfile", Some(2)));
            assert_eq!(found.snippet.raw(), "b = 2");
            let deleted = file("web/yarn.lock", Some("a"), None);
            assert!(looked(kind, vec![deleted]).is_violated());
        }
        assert_eq!(found(Kind::Deps, changed("Cargo.lock")), []);
        assert_eq!(found(Kind::Deps, changed("sub/pyproject.toml")), []);
    }

    #[test]
    fn a_new_manifest_is_asked_about_and_a_changed_one_is_not_let_through() {
        let new = |kind| found(kind, file("crates/x/Cargo.toml", None, Some("[package]\n")));
        assert_eq!(new(Kind::Add), [("forbidden/manifest".into(), Weight::Notice)]);
        assert_eq!(new(Kind::Fix), [("forbidden/manifest".into(), Weight::Violation)]);
        let changed = found(Kind::Add, changed("crates/x/Cargo.toml"));
        assert_eq!(changed, [("forbidden/manifest".into(), Weight::Violation)]);
    }

    #[test]
    fn no_kind_of_task_changes_its_judge() {
        for path in [
            "monban.toml",
            "MONBAN.TOML",
            ".github/workflows/ci.yml",
            ".GitHub/Work\u{200d}flows/ci.yml",
            "a/.gitattributes",
            ".gitmodules",
            ".husky/pre-commit",
            ".claude/settings.json",
        ] {
            assert!(looked(Kind::Deps, vec![changed(path)]).is_violated(), "{path}");
        }
        assert_eq!(found(Kind::Fix, changed("src/main.rs")), []);
        let asked = found(Kind::Fix, changed("build.rs"));
        assert_eq!(asked, [("forbidden/runs-on-setup".into(), Weight::Notice)]);
    }

    #[test]
    fn configuration_of_what_judges_is_asked_about_in_every_kind_of_task() {
        for path in [
            "pytest.ini",
            ".coveragerc",
            "web/.eslintrc.json",
            ".eslintignore",
            "clippy.toml",
            "rustfmt.toml",
            "ruff.toml",
            ".flake8",
            "mypy.ini",
            ".golangci.yml",
            "tsconfig.json",
            "tsconfig.build.json",
            "phpunit.xml",
            ".rspec",
            ".mocharc.cjs",
            "karma.conf.js",
            "biome.json",
            "jest.config.ts",
            "jest.setup.js",
            "vitest.config.mts",
            "vitest.workspace.ts",
            ".config/nextest.toml",
            "tox.ini",
            "setup.cfg",
        ] {
            let found = found(Kind::Deps, changed(path));
            assert!(matches!(&found[..], [(_, Weight::Notice)]), "{path}: {found:?}");
        }
        assert_eq!(found(Kind::Fix, changed("pytest.ini"))[0].0, "forbidden/judge");
        assert!(looked(Kind::Fix, vec![changed("setup.cfg")]).is_violated());
    }

    #[test]
    fn submodules_and_links_out_of_the_tree_are_refused() {
        let with = |mode, old: Option<&str>, new: Option<&str>| {
            let mut file = file("x", old, new);
            for side in [&mut file.old, &mut file.new].into_iter().flatten() {
                side.mode = mode;
            }
            found(Kind::Add, file)
        };
        assert_eq!(with(MODE_SUBMODULE, None, Some("4b8"))[0].0, "forbidden/submodule");
        assert_eq!(with(MODE_SUBMODULE, Some("4b8"), None)[0].0, "forbidden/submodule");
        assert_eq!(with(MODE_LINK, None, Some("../y"))[0].0, "forbidden/link");
        assert_eq!(with(MODE_LINK, Some("../y"), None), []);
        assert_eq!(with(MODE_LINK, None, Some("y")), []);
    }

    #[test]
    fn scripts_of_a_manifest_are_asked_about_also_where_it_may_change() {
        let manifest =
            |old: &str, new: &str| found(Kind::Deps, file("package.json", Some(old), Some(new)));
        let asked = [("forbidden/scripts".into(), Weight::Notice)];
        let (test, none) = ("{\"scripts\": {\"test\": \"bun test\"}}", "{\"name\": \"x\"}");
        assert_eq!(manifest(test, "{\"scripts\": {\"postinstall\": \"sh x\"}}"), asked);
        assert_eq!(manifest(test, none), asked);
        assert_eq!(manifest(test, "{\"scripts\": {"), asked);
        assert_eq!(manifest("{", test), asked);
        assert_eq!(manifest(none, "{\"name\": \"y\"}"), []);
        assert_eq!(manifest(test, "{\"scripts\":{\"test\":\"bun test\"},\"x\":1}"), []);
    }
}

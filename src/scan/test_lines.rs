//! How much of the tests there is: a test file that is unusually short or long, or
//! tests that got fewer. It only warns; what became of a test is another check's matter.

use super::change::{Change, ChangedFile, Side};
use super::shapes::pattern;
use super::{Seen, Settings};
use crate::base::foreign::Foreign;
use crate::base::globs::Globs;
use crate::model::verdict::{Finding, Weight};
use regex::bytes::Regex;
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::LazyLock;

/// A test file with fewer lines is unusual.
const LINES_FEW: usize = 10;
/// A test file with more lines is unusual.
const LINES_MANY: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    language: Vec<Language>,
}

/// What tests look like in a language.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Language {
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader of the data"))]
    name: String,
    names: Globs,
    holds: Globs,
    #[serde(deserialize_with = "pattern")]
    case: Regex,
    #[serde(deserialize_with = "pattern")]
    assert: Regex,
    #[cfg_attr(not(test), expect(dead_code, reason = "holds the rule to what it says"))]
    example: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "holds the rule to what it says"))]
    counterexample: String,
}

/// The languages, and the files of all of them.
struct Languages {
    languages: Vec<Language>,
    any: Globs,
}

fn languages() -> Result<&'static Languages, &'static str> {
    static LANGUAGES: LazyLock<Result<Languages, String>> = LazyLock::new(|| {
        let data: Data = toml::from_str(include_str!("../../assets/scan/test_files.toml"))
            .map_err(|error| error.to_string())?;
        let globs = data.language.iter().flat_map(|it| [&it.names, &it.holds]);
        let any = Globs::together(globs)?;
        Ok(Languages { languages: data.language, any })
    });
    LANGUAGES.as_ref().map_err(String::as_str)
}

/// How much of the tests a side of a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Amount {
    cases: usize,
    asserts: usize,
}

/// Looks at the test files among the changed ones.
pub fn look(change: &Change, settings: &Settings<'_>) -> Seen {
    let mut seen = Seen::default();
    let languages = match languages() {
        Ok(languages) => languages,
        Err(why) => {
            seen.unjudged = Some(format!("what test files look like cannot be read: {why}"));
            return seen;
        }
    };
    let created = change.files.iter().filter(|file| file.old.is_none());
    let created: HashSet<&[u8]> = created.filter_map(|file| text(&file.new)).collect();
    let mut count = 0_u64;
    for file in &change.files {
        if (settings.cancel)() {
            return Seen::given_up();
        }
        if !languages.any.matches(&file.path) {
            continue;
        }
        let mut all = languages.languages.iter();
        let named = all.clone().find(|language| language.names.matches(&file.path));
        let holding = || all.find(|language| language.holds.matches(&file.path));
        let Some(language) = named.or_else(holding) else { continue };
        let (old, new) = (text(&file.old), text(&file.new));
        let before = old.map_or(Amount::default(), |text| language.amount(text));
        let after = new.map_or(Amount::default(), |text| language.amount(text));
        if named.is_none() && before.cases == 0 && after.cases == 0 {
            continue;
        }
        count += 1;
        if named.is_some()
            && let Some(new) = new
        {
            seen.look_at_length(file, new);
        }
        // What was moved as it is was not taken away.
        if old.is_some_and(|old| new.is_some() || !created.contains(old)) {
            seen.compare(file, before, after);
        }
    }
    seen.looked_at = match count {
        1 => "1 test file".into(),
        count => format!("{count} test files"),
    };
    seen
}

impl Language {
    fn amount(&self, text: &[u8]) -> Amount {
        Amount {
            cases: self.case.find_iter(text).count(),
            asserts: self.assert.find_iter(text).count(),
        }
    }
}

/// The bytes of a file, not of a link or a submodule.
fn text(side: &Option<Side>) -> Option<&[u8]> {
    let side = side.as_ref().filter(|side| side.mode & 0o170_000 == 0o100_000)?;
    Some(&side.bytes)
}

impl Seen {
    fn look_at_length(&mut self, file: &ChangedFile, text: &[u8]) {
        let ends = text.iter().filter(|byte| **byte == b'\n').count();
        let lines = ends + usize::from(text.last().is_some_and(|byte| *byte != b'\n'));
        let (rule, limit) = match lines {
            ..LINES_FEW => ("few-lines", format!("under {LINES_FEW}")),
            LINES_FEW..=LINES_MANY => return,
            _ => ("many-lines", format!("over {LINES_MANY}")),
        };
        self.warn(file, rule, format!("the test file has {lines} lines, {limit}"));
    }

    fn compare(&mut self, file: &ChangedFile, before: Amount, after: Amount) {
        if file.new.is_none() {
            let cases = before.cases;
            return self.warn(
                file,
                "deleted",
                format!("a test file is gone; test cases in it: {cases}"),
            );
        }
        let less = |rule, what, before, after| {
            (after < before).then(|| (rule, format!("{what}: {after}, before: {before}")))
        };
        let found = less("fewer-cases", "test cases", before.cases, after.cases)
            .or_else(|| less("fewer-asserts", "assertions", before.asserts, after.asserts));
        if let Some((rule, why)) = found {
            self.warn(file, rule, why);
        }
    }

    fn warn(&mut self, file: &ChangedFile, rule: &str, why: String) {
        self.add(Finding {
            rule: format!("test-lines/{rule}"),
            weight: Weight::Notice,
            path: file.shown(),
            line: None,
            snippet: Foreign::default(),
            why: Foreign::new(why),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::change::tests::file;
    use super::super::tests::settings;
    use super::*;
    use crate::config::repository::Scan;

    fn found(files: Vec<ChangedFile>) -> Vec<(String, String)> {
        let seen = look(&Change::of(files, Vec::new()), &settings(&Scan::default()));
        assert!(!seen.is_violated(), "it only warns (A-053)");
        let one = |found: Finding| (found.rule, found.why.raw().to_owned());
        seen.findings.into_iter().map(one).collect()
    }

    fn rules(files: Vec<ChangedFile>) -> Vec<String> {
        found(files).into_iter().map(|(rule, _)| rule).collect()
    }

    #[test]
    fn every_language_knows_a_case_when_it_sees_one() {
        for language in &languages().unwrap().languages {
            let name = &language.name;
            assert!(language.case.is_match(language.example.as_bytes()), "{name}");
            assert!(!language.case.is_match(language.counterexample.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_test_file_is_unusual_under_10_and_over_1000_lines() {
        let with = |lines| {
            let text = "expect(1);\n".repeat(lines);
            found(vec![file("a/x.test.ts", None, Some(&text))])
        };
        assert_eq!(with(10), []);
        assert_eq!(with(1000), []);
        let few = ("test-lines/few-lines".into(), "the test file has 9 lines, under 10".into());
        assert_eq!(with(9), [few]);
        let many = "the test file has 1001 lines, over 1000";
        assert_eq!(with(1001), [("test-lines/many-lines".into(), many.into())]);
        assert_eq!(rules(vec![file("test_a.py", None, Some(""))]), ["test-lines/few-lines"]);
        assert_eq!(rules(vec![file("src/a.ts", None, Some("x"))]), [""; 0]);
    }

    #[test]
    fn fewer_cases_or_assertions_are_told() {
        let pad = "# a line\n".repeat(10);
        let (case, check) = ("def test_a():\n", "    assert f() == 1\n");
        let old = format!("{pad}{case}{check}{check}{case}{check}");
        let compare = |new: String| {
            found(vec![file("tests/test_a.py", Some(&old), Some(&(pad.clone() + &new)))])
        };
        let told = |rule: &str, why: &str| [(format!("test-lines/{rule}"), why.to_owned())];
        let fewer = told("fewer-cases", "test cases: 1, before: 2");
        assert_eq!(compare(format!("{case}{check}{check}{check}")), fewer);
        assert_eq!(compare(format!("{case}{check}# {case}{check}{check}")), fewer);
        let fewer = told("fewer-asserts", "assertions: 2, before: 3");
        assert_eq!(compare(format!("{case}{check}{case}{check}")), fewer);
        assert_eq!(compare(format!("{case}{check}{case}{check}{check}{check}")), []);
    }

    #[test]
    fn a_test_file_that_is_gone_is_told_unless_it_was_moved() {
        let text = "#[test]\nfn a() { assert!(true); }\n".repeat(6);
        let gone = || file("tests/a.rs", Some(&text), None);
        assert_eq!(rules(vec![gone()]), ["test-lines/deleted"]);
        assert_eq!(rules(vec![gone(), file("tests/b.rs", None, Some(&text))]), [""; 0]);
    }

    #[test]
    fn tests_among_other_code_are_counted_but_not_measured() {
        let test = "#[cfg(test)]\nmod tests {\n    #[test]\n    fn a() {}\n}\n";
        let new = "fn main() {}\n";
        assert_eq!(rules(vec![file("src/a.rs", None, Some(test))]), [""; 0]);
        let shrunk = file("src/a.rs", Some(&(new.to_owned() + test)), Some(new));
        assert_eq!(rules(vec![shrunk]), ["test-lines/fewer-cases"]);
        assert_eq!(rules(vec![file("src/a.rs", Some(new), Some("x"))]), [""; 0]);
    }

    #[test]
    fn links_and_hostile_bytes_end() {
        let mut link = file("a.test.ts", None, Some("b.test.ts"));
        link.new.as_mut().unwrap().mode = super::super::change::MODE_LINK;
        assert_eq!(rules(vec![link]), [""; 0]);
        let long = " ".repeat(1 << 20) + &"\t\n".repeat(1 << 18) + "\0\u{fffd}";
        assert_eq!(rules(vec![file("x_test.go", None, Some(&long))]), ["test-lines/many-lines"]);
    }
}

//! Text the repository does not want (A-014): its own patterns, in added lines and in the messages
//! of the agent's commits.

use super::change::{Change, ChangedFile};
use super::lines;
use super::mask::snippet;
use super::{Seen, Settings};
use crate::base::foreign::Foreign;
use crate::base::globs::Globs;
use crate::config::repository::BannedPattern;
use crate::model::verdict::{Finding, Weight};
use regex::bytes::{Regex, RegexBuilder};
use std::ops::Range;

/// How large a compiled pattern may be, and the memory its search may use.
const PATTERN_BYTES_MAX: usize = 2 << 20;
/// How many places of a line are masked; a snippet shows few.
const PLACES_MAX: usize = 64;

/// A pattern, ready to look.
struct Banned<'a> {
    rule: String,
    pattern: Regex,
    /// Where it is looked for; `None` is everywhere, messages too.
    files: Option<Globs>,
    why: &'a str,
}

/// Looks for what the repository bans.
pub fn look(change: &Change, settings: &Settings<'_>) -> Seen {
    let mut seen = Seen::default();
    let patterns = settings.scan.banned_patterns.iter().enumerate();
    let banned: Result<Vec<_>, _> = patterns.map(|(at, one)| Banned::new(at, one)).collect();
    let banned = match banned {
        Ok(banned) => banned,
        Err(why) => {
            seen.unjudged = Some(why);
            return seen;
        }
    };
    let mut count = 0_u64;
    for file in &change.files {
        if (settings.cancel)() {
            return Seen::given_up();
        }
        let meant: Vec<_> = banned.iter().filter(|one| one.is_meant_for(&file.path)).collect();
        for line in lines::brought(file) {
            count += 1;
            for one in &meant {
                seen.add_found(one, Some(file), line.number, &line.text);
            }
        }
    }
    for message in &change.messages {
        for line in message.raw().lines() {
            for one in banned.iter().filter(|one| one.files.is_none()) {
                seen.add_found(one, None, 0, line.as_bytes());
            }
        }
    }
    seen.looked_at = lines::looked_at(change, count);
    seen
}

impl<'a> Banned<'a> {
    fn new(at: usize, banned: &'a BannedPattern) -> Result<Self, String> {
        let name = format!("banned_patterns, number {}", at + 1);
        let pattern = RegexBuilder::new(&banned.pattern)
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(max) => {
                    format!("{name}: the pattern takes more than {max} bytes: simplify it")
                }
                _ => format!("{name}: not a regular expression"),
            })?;
        let files = match banned.paths.is_empty() {
            true => None,
            false => Some(Globs::new(&banned.paths).map_err(|why| format!("{name}: {why}"))?),
        };
        Ok(Self { rule: format!("banned/{}", at + 1), pattern, files, why: &banned.why })
    }

    fn is_meant_for(&self, path: &[u8]) -> bool {
        self.files.as_ref().is_none_or(|globs| globs.matches(path))
    }

    fn places(&self, line: &[u8]) -> Vec<Range<usize>> {
        self.pattern.find_iter(line).take(PLACES_MAX).map(|found| found.range()).collect()
    }
}

impl Seen {
    fn add_found(
        &mut self,
        banned: &Banned<'_>,
        file: Option<&ChangedFile>,
        number: u32,
        line: &[u8],
    ) {
        if !banned.pattern.is_match(line) {
            return;
        }
        let places = banned.places(line);
        let why = match banned.why {
            "" => "monban.toml bans it: [scan] banned_patterns",
            why => why,
        };
        self.add(Finding {
            rule: banned.rule.clone(),
            weight: Weight::Violation,
            path: file.map_or_else(Foreign::default, ChangedFile::shown),
            line: file.map(|_| number),
            snippet: shown(line, &places),
            why: Foreign::new(match file {
                Some(_) => why.to_owned(),
                None => format!("{why} (in the message of a commit)"),
            }),
        });
    }
}

/// The line around the first place, all places masked, and nothing behind the last that was looked
/// for.
fn shown(line: &[u8], places: &[Range<usize>]) -> Foreign {
    let end = match places.get(PLACES_MAX - 1) {
        Some(last) => last.end,
        None => line.len(),
    };
    snippet(&line[..end], places.first().map_or(0, |place| place.start), places)
}

#[cfg(test)]
mod tests {
    use super::super::change::tests::file;
    use super::super::tests::settings;
    use super::*;
    use crate::config::repository::Scan;

    fn banned(pattern: &str, paths: &[&str], why: &str) -> BannedPattern {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        BannedPattern { pattern: pattern.into(), paths, why: why.into() }
    }

    fn looked(patterns: Vec<BannedPattern>, change: &Change) -> Seen {
        look(change, &settings(&Scan { banned_patterns: patterns, ..Scan::default() }))
    }

    fn change(files: Vec<ChangedFile>) -> Change {
        Change::of(files, Vec::new())
    }

    #[test]
    fn a_banned_value_is_found_where_it_was_added_and_masked() {
        let change = change(vec![
            file("src/a.rs", Some("x\n"), Some("x\nlet host = \"prod-db-7.internal\";\n")),
            file("docs/a.md", None, Some("prod-db-7.internal\n")),
            file("src/b.rs", Some("prod-db-7.internal\ny\n"), Some("prod-db-7.internal\nz\n")),
        ]);
        let patterns = vec![banned(r"prod-db-\d+\.internal", &["src/**"], "name no machine")];
        let seen = looked(patterns, &change);
        let [found] = &seen.findings[..] else { panic!("{seen:?}") };
        assert_eq!((found.rule.as_str(), found.line), ("banned/1", Some(2)));
        assert_eq!(found.path.raw(), "src/a.rs");
        assert_eq!(found.snippet.raw(), "let host = \"prod…(18)\";");
        assert_eq!(found.why.raw(), "name no machine");
    }

    #[test]
    fn messages_are_looked_at_unless_the_pattern_is_for_some_files() {
        let messages = vec![Foreign::new("fix\n\nhunter2hunter2 works")];
        let change = Change::of(Vec::new(), messages);
        let patterns = vec![banned("hunter2", &["src/**"], ""), banned("hunter2", &[], "")];
        let seen = looked(patterns, &change);
        let [found] = &seen.findings[..] else { panic!("{seen:?}") };
        assert_eq!((found.rule.as_str(), found.line), ("banned/2", None));
        assert_eq!(found.snippet.raw(), "h…(7)h…(7) works");
    }

    #[test]
    fn a_nul_byte_is_no_way_around_it() {
        let mut data = file("a.rs", None, Some("x\n// TODO(ha\0ck)\n"));
        data.is_binary = true;
        data.added.clear();
        let seen = looked(vec![banned(r"TODO\(hack\)", &[], "")], &change(vec![data]));
        assert_eq!(seen.findings[0].line, Some(2));
    }

    #[test]
    fn a_pattern_that_cannot_be_used_is_no_pass() {
        for (pattern, paths, why) in [
            (r"\w{1000}{1000}", &[][..], "number 1: the pattern takes more than"),
            ("(", &[], "number 1: not a regular expression"),
            ("a", &["a["], "number 1: error parsing glob"),
        ] {
            let seen = looked(vec![banned(pattern, paths, "")], &Change::default());
            let unjudged = seen.unjudged.unwrap();
            assert!(unjudged.contains(why), "{unjudged}");
        }
    }

    #[test]
    fn many_places_on_a_line_are_one_finding_that_shows_none_of_them() {
        let line = "hunter2 ".repeat(1 << 16);
        let seen =
            looked(vec![banned("hunter2", &[], "")], &change(vec![file("a", None, Some(&line))]));
        assert_eq!(seen.findings.len(), 1);
        assert!(!seen.findings[0].snippet.raw().contains("hunter2"));
        let empty =
            looked(vec![banned("^$", &[], "")], &change(vec![file("a", None, Some("a\n\nb"))]));
        assert_eq!(empty.findings[0].line, Some(2));
    }
}

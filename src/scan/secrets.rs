//! Secrets in what a change brings in: known shapes and random values, in added lines and in the
//! messages of the agent's commits.
//!
//! Data files are looked at too, for known shapes, and so are the names of new files. What is
//! random in a name is often a digest, and what a program puts together of parts is not looked for.

use super::change::{Change, ChangedFile};
use super::each::portions;
use super::lines::{self, Line};
use super::mask::{masked, snippet};
use super::shapes::{Secrets, secrets};
use super::{Seen, Settings};
use crate::base::foreign::Foreign;
use crate::base::parallel;
use crate::model::verdict::{Finding, Weight};
use std::ops::Range;

/// Looks for secrets.
pub fn look(change: &Change, settings: &Settings<'_>) -> Seen {
    let mut seen = Seen::default();
    let secrets = match secrets() {
        Ok(secrets) => secrets,
        Err(why) => {
            seen.unjudged = Some(format!("the shapes of secrets cannot be read: {why}"));
            return seen;
        }
    };
    let mut count = 0_u64;
    for some in portions(&change.files) {
        let look = |file| (!(settings.cancel)()).then(|| seen.beside().look_into(secrets, file));
        for looked in parallel::map(some, look) {
            let Some((of_file, lines)) = looked else { return Seen::given_up() };
            count += lines;
            seen.join(of_file);
        }
    }
    for message in &change.messages {
        for text in message.raw().lines() {
            let line = Line { number: 0, text: text.as_bytes().into(), is_data: false };
            look_at(secrets, None, false, &line, &mut seen);
        }
    }
    seen.looked_at = lines::looked_at(change, count);
    seen
}

fn look_at(
    secrets: &Secrets,
    file: Option<&ChangedFile>,
    is_quiet: bool,
    line: &Line<'_>,
    seen: &mut Seen,
) {
    let known = secrets.known(&line.text);
    for (shape, place) in &known {
        seen.add(finding(file, line, place, &shape.name, &shape.what));
    }
    if known.is_empty()
        && !is_quiet
        && !line.is_data
        && let Some(place) = secrets.entropy.first(&line.text)
    {
        seen.add(finding(file, line, &place, "random-value", "a random value, as keys are"));
    }
}

impl Seen {
    /// What is seen in a file besides, and of how many lines.
    fn look_into(mut self, secrets: &Secrets, file: &ChangedFile) -> (Self, u64) {
        if file.old.is_none() {
            self.look_at_name(secrets, file);
        }
        let is_quiet = secrets.entropy.quiet.matches(&file.path);
        let mut count = 0;
        for line in lines::brought(file) {
            count += 1;
            look_at(secrets, Some(file), is_quiet, &line, &mut self);
        }
        (self, count)
    }

    /// The name of a file that is new.
    fn look_at_name(&mut self, secrets: &Secrets, file: &ChangedFile) {
        for (shape, _) in secrets.known(&file.path) {
            let what = &shape.what;
            self.add(Finding {
                rule: format!("secrets/{}", shape.name),
                weight: Weight::Violation,
                path: masked(&file.path),
                line: None,
                snippet: Foreign::default(),
                why: Foreign::new(format!(
                    "looks like {what}, in the name of a file; rename it and make it invalid if it \
                     was ever real"
                )),
            });
        }
    }
}

fn finding(
    file: Option<&ChangedFile>,
    line: &Line<'_>,
    place: &Range<usize>,
    rule: &str,
    what: &str,
) -> Finding {
    let hidden = [place.clone()];
    let where_it_is = if file.is_some() { "" } else { ", in the message of a commit" };
    Finding {
        rule: format!("secrets/{rule}"),
        weight: Weight::Violation,
        path: file.map_or_else(Foreign::default, ChangedFile::shown),
        line: file.map(|_| line.number),
        snippet: snippet(&line.text, place.start, &hidden),
        why: Foreign::new(format!(
            "looks like {what}{where_it_is}; take it out and make it invalid if it was ever real"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::change::tests::file;
    use super::super::shapes::tests::plain;
    use super::super::tests::settings;
    use super::*;
    use crate::config::repository::Scan;

    fn looked(files: Vec<ChangedFile>, messages: &[&str]) -> Seen {
        let messages = messages.iter().map(|text| Foreign::new(*text)).collect();
        look(&Change::of(files, messages), &settings(&Scan::default()))
    }

    fn key() -> String {
        plain("AKIA·IOSFODNN7·EXAMPLE")
    }

    #[test]
    fn an_added_key_is_found_with_its_place_and_never_shown() {
        let text = format!("one\nlet key = \"{}\";\n", key());
        let seen = looked(vec![file("src/a.rs", Some("one\n"), Some(&text))], &[]);
        let [found] = &seen.findings[..] else { panic!("{seen:?}") };
        assert_eq!(found.rule, "secrets/aws-access-key");
        assert_eq!((found.path.raw(), found.line), ("src/a.rs", Some(2)));
        assert_eq!(found.snippet.raw(), "let key = \"AKIA…(20)\";");
        assert!(seen.is_violated());
        assert_eq!(seen.looked_at, "1 added line in 1 file");
    }

    #[test]
    fn a_long_value_is_found_where_its_line_names_a_secret_and_never_shown() {
        let long = plain("zR8vKq2LmX·0pWc7YtB4n·HsJ5gD9aFe").repeat(24);
        let rules = |line: &str| -> Vec<String> {
            let seen = looked(vec![file("a.env", None, Some(line))], &[]);
            let shown = |found: &Finding| found.snippet.raw().contains("B4nHsJ5g");
            assert!(!seen.findings.iter().any(shown), "{seen:?}");
            seen.findings.into_iter().map(|found| found.rule).collect()
        };
        assert_eq!(rules(&format!("aws_session_token = \"{long}\"")), ["secrets/random-value"]);
        assert_eq!(rules(&format!("picture = \"{long}\"")), [""; 0]);
        let pem = plain("-----BEGIN ·PRIVATE KEY-----");
        assert_eq!(rules(&format!("k = \"{pem} {long}\"")), ["secrets/private-key"]);
    }

    #[test]
    fn what_was_there_before_is_not_reported() {
        let before = format!("key = {}\n", key());
        let after = format!("key = {}\nmore\n", key());
        let seen = looked(vec![file("a", Some(&before), Some(&after))], &[]);
        assert_eq!(seen.findings, []);
        assert_eq!(looked(vec![file("a", Some(&before), None)], &[]).findings, []);
    }

    #[test]
    fn messages_and_data_are_looked_at() {
        let seen = looked(vec![], &["add key", &format!("try\n\n{}", key())]);
        assert_eq!(seen.findings.len(), 1);
        assert_eq!(seen.findings[0].line, None);
        assert!(seen.findings[0].why.raw().contains("message of a commit"));
        let wide: String = key().chars().flat_map(|c| [c, '\0']).collect();
        for text in [format!("\0\x01{}", key()), wide] {
            let mut data = file("a.bin", None, Some(&text));
            data.is_binary = true;
            data.added.clear();
            assert_eq!(looked(vec![data], &[]).findings.len(), 1);
        }
    }

    #[test]
    fn the_name_of_a_new_file_is_looked_at_and_never_shown() {
        let path = format!("keys/{}.txt", key());
        let seen = looked(vec![file(&path, None, Some("x"))], &[]);
        let [found] = &seen.findings[..] else { panic!("{seen:?}") };
        assert_eq!((found.rule.as_str(), found.line), ("secrets/aws-access-key", None));
        assert_eq!(found.path.raw(), "keys/AKIA…(20).txt");
        assert_eq!(looked(vec![file(&path, Some("x"), Some("y"))], &[]).findings, []);
    }

    #[test]
    fn lockfiles_are_full_of_digests_and_may_still_hold_a_key() {
        let random = plain("x: \"zR8vKq2LmX·0pWc7YtB4n·HsJ5gD9aFe\"");
        let text = format!("{random}\n{}\n", key());
        let rules = |path| -> Vec<String> {
            let seen = looked(vec![file(path, None, Some(&text))], &[]);
            seen.findings.into_iter().map(|found| found.rule).collect()
        };
        assert_eq!(rules("web/yarn.lock"), ["secrets/aws-access-key"]);
        assert_eq!(rules("a.yml"), ["secrets/random-value", "secrets/aws-access-key"]);
    }

    #[test]
    fn hostile_lines_are_read_once() {
        let key = key();
        let long = [
            "a".repeat(1 << 20),
            format!("{key} ").repeat(1 << 15),
            "password=\"".repeat(1 << 16),
            "eyJ".repeat(1 << 18),
            "= \"0x".repeat(1 << 16),
            "://".repeat(1 << 18),
        ];
        let files: Vec<_> = long.iter().map(|text| file("a", None, Some(text))).collect();
        let seen = looked(files, &[]);
        assert_eq!(seen.findings.len(), 1, "one finding of a shape in a line");
    }
}

//! The check `danger`: named rules over what a change brings in (A-013). A rule is data; a place
//! counts when it stands on an added line, or when it was no code before and is now, as when only
//! the marks of a comment around it were taken away.

mod measures;
mod rules;
mod view;

#[cfg(test)]
mod tests;

use super::change::{Change, ChangedFile, MODE_LINK, MODE_SUBMODULE, Side};
use super::found::{Found, Spot};
use super::syntax::{Budget, SOURCE_BYTES_MAX, Unparsed, Written, written};
use super::{Seen, Settings};
use crate::model::verdict::Weight;
use measures::{Case, Cases};
use rules::{Group, Place, Rule, Rules};
use std::collections::BTreeSet;
use view::View;

/// Looks at every file of a change.
pub fn look(change: &Change, _settings: &Settings<'_>) -> Seen {
    let mut scan = Scan {
        budget: Budget::default(),
        found: Found::new("danger"),
        files: 0,
        by_words: 0,
        tests: (0, 0),
        lost: Vec::new(),
        gained: BTreeSet::new(),
    };
    for file in &change.files {
        scan.file(file);
    }
    scan.lost_tests();
    let by_words = match scan.by_words {
        0 => String::new(),
        count => format!(", {count} of them by words alone"),
    };
    let looked_at = format!("{} changed files with code{by_words}", scan.files);
    scan.found.done(looked_at, None)
}

struct Scan<'a> {
    budget: Budget,
    found: Found,
    files: usize,
    /// How many have no tree.
    by_words: usize,
    /// How many tests there are in the changed files, before and after.
    tests: (usize, usize),
    lost: Vec<(&'a ChangedFile, String, Case)>,
    gained: BTreeSet<String>,
}

/// What one side of a file has.
#[derive(Default)]
struct Read {
    hits: Vec<Hit>,
    cases: Cases,
    unparsed: Option<Unparsed>,
}

/// A place that a rule is about.
struct Hit {
    rule: &'static Rule,
    first: u32,
    last: u32,
    /// Where in the first line, in bytes, as far as that is known.
    column: usize,
}

impl<'a> Scan<'a> {
    fn file(&mut self, file: &'a ChangedFile) {
        let is_text = |side: &&Side| side.mode != MODE_LINK && side.mode != MODE_SUBMODULE;
        let new = file.new.as_ref().filter(is_text);
        let old = file.old.as_ref().filter(is_text);
        for eased in measures::eased(file) {
            let bytes = new.map_or(&[][..], |new| &new.bytes);
            let spot = Spot::line_of(bytes, eased.line);
            let rule = format!("lowered-{}", eased.name);
            self.found.add(file, &rule, Weight::Violation, spot, &eased.why);
        }
        let Some(new) = new else {
            let before = old.map(|old| self.read(written(&file.path, &old.bytes), &old.bytes));
            return self.compare(file, &before.unwrap_or_default().cases, &Cases::new());
        };
        let written = written(&file.path, &new.bytes);
        if written == Written::Data {
            return;
        }
        self.files += 1;
        let after = self.read(written, &new.bytes);
        if file.is_binary || matches!(after.unparsed, Some(Unparsed::NotText | Unparsed::TooLarge))
        {
            return self.unreadable(file, written, after.unparsed);
        }
        let is_old = |hit: &Hit| added_in(file, hit).is_none();
        let before = match old {
            Some(old) if after.hits.iter().any(is_old) || has_tests(&old.bytes) => {
                self.read(written, &old.bytes)
            }
            _ => Read::default(),
        };
        self.tell(file, new, &after, &before);
        match after.unparsed {
            None => self.compare(file, &before.cases, &after.cases),
            Some(_) if before.cases.is_empty() => {}
            Some(unparsed) => {
                let why = format!("{}: the tests it had cannot be counted", unparsed.words());
                self.found.add(file, "unread-tests", Weight::Violation, Spot::default(), &why);
            }
        }
    }

    fn read(&mut self, written: Written, bytes: &[u8]) -> Read {
        let mut read = Read::default();
        let groups = Group::of(written);
        let lines = || (1..).zip(bytes.split(|byte| *byte == b'\n').map(without_return));
        let view = match written {
            Written::Data => return read,
            _ if bytes.len() > SOURCE_BYTES_MAX => {
                read.unparsed = Some(Unparsed::TooLarge);
                return read;
            }
            Written::Shell => View::plain(lines()),
            Written::Unread => View::rough(lines()),
            Written::In(language) => match self.budget.parse(language, bytes) {
                Ok(source) => {
                    let view = View::of(&source);
                    for group in groups {
                        read.cases.extend(measures::cases(&source, &view, *group));
                    }
                    view
                }
                Err(unparsed) => {
                    read.unparsed = Some(unparsed);
                    View::rough(lines())
                }
            },
        };
        read.hits = hits(&view, groups);
        read
    }

    fn unreadable(&mut self, file: &ChangedFile, written: Written, why: Option<Unparsed>) {
        let weight = match written {
            Written::In(_) => Weight::Violation,
            _ => Weight::Notice,
        };
        let why = why.map_or("has no lines to compare", Unparsed::words);
        let why = format!("{why}: what it does is not known");
        self.found.add(file, "unreadable", weight, Spot::default(), &why);
    }

    /// The hits that the change brought.
    fn tell(&mut self, file: &ChangedFile, new: &Side, after: &Read, before: &Read) {
        let known: BTreeSet<(&str, u32)> =
            before.hits.iter().map(|hit| (hit.rule.name.as_str(), hit.first)).collect();
        let mut told = BTreeSet::new();
        let mut ordered: Vec<&Hit> = after.hits.iter().collect();
        ordered.sort_by_key(|hit| hit.first);
        let is_by_words = after.unparsed.is_some();
        self.by_words += usize::from(is_by_words);
        for hit in ordered {
            let added = added_in(file, hit);
            let is_known = || known.contains(&(hit.rule.name.as_str(), old_line(file, hit.first)));
            if added.is_none() && is_known() {
                continue;
            }
            let line = added.unwrap_or(hit.first);
            if !told.insert((line, hit.rule.name.as_str())) {
                continue;
            }
            let unconfirmed = match after.unparsed {
                Some(unparsed) => format!("; the file {}, so words count", unparsed.words()),
                None => String::new(),
            };
            let why = format!("{}{unconfirmed}", hit.rule.why);
            let mut spot = Spot::line_of(&new.bytes, Some(line));
            if line == hit.first {
                spot.place = hit.column;
            }
            self.found.add(file, &hit.rule.name, hit.rule.weight, spot, &why);
        }
    }

    /// Tests that assert less than before; those that are gone wait for the whole change.
    fn compare(&mut self, file: &'a ChangedFile, before: &Cases, after: &Cases) {
        self.tests.0 += before.len();
        self.tests.1 += after.len();
        self.gained.extend(after.keys().filter(|name| !before.contains_key(*name)).cloned());
        for (name, was) in before {
            let Some(now) = after.get(name) else {
                self.lost.push((file, name.clone(), was.clone()));
                continue;
            };
            if now.assertions >= was.assertions {
                continue;
            }
            let weight = if now.assertions == 0 { Weight::Violation } else { Weight::Notice };
            let why = format!(
                "the test asserts less: {} places, before the change {}",
                now.assertions, was.assertions
            );
            let spot = Spot { line: Some(now.line), text: name.as_bytes(), place: 0 };
            self.found.add(file, "weakened-test", weight, spot, &why);
        }
    }

    /// Tests that are nowhere in the change any more. As many new ones may stand for them; fewer
    /// may not.
    fn lost_tests(&mut self) {
        let are_fewer = self.tests.1 < self.tests.0;
        let (weight, why) = match are_fewer {
            true => (Weight::Violation, "the test is gone, and there are fewer than before"),
            false => (Weight::Notice, "the test is gone, or has another name"),
        };
        for (file, name, case) in std::mem::take(&mut self.lost) {
            if !self.gained.contains(&name) {
                let spot = Spot { line: Some(case.line), text: name.as_bytes(), place: 0 };
                self.found.add(file, "deleted-test", weight, spot, why);
            }
        }
    }
}

fn hits(view: &View, groups: &'static [Group]) -> Vec<Hit> {
    let mut hits = Vec::new();
    for group in groups {
        for place in [Place::Code, Place::Text] {
            let Some(rules) = Rules::of(*group, place) else { continue };
            for (rule, at) in rules.matches(&view.text) {
                if let Some((first, last, column)) = view.lines(at) {
                    hits.push(Hit { rule, first, last, column });
                }
            }
        }
        let Some(rules) = Rules::of(*group, Place::Comment) else { continue };
        for (text, line) in &view.comments {
            for (rule, at) in rules.matches(text) {
                let above = text[..at.start].bytes().filter(|byte| *byte == b'\n').count();
                let line = line.saturating_add(u32::try_from(above).unwrap_or(u32::MAX));
                hits.push(Hit { rule, first: line, last: line, column: 0 });
            }
        }
    }
    hits
}

/// Whether a file may have tests: then both sides are counted.
fn has_tests(bytes: &[u8]) -> bool {
    let words: [&[u8]; 5] = [b"test", b"Test", b"it(", b"specify", b"bench"];
    words.iter().any(|word| bytes.windows(word.len()).any(|window| window == *word))
}

/// The first added line in a hit.
fn added_in(file: &ChangedFile, hit: &Hit) -> Option<u32> {
    let from = file.added.partition_point(|line| *line < hit.first);
    file.added.get(from).copied().filter(|line| *line <= hit.last)
}

/// The number that a line, which is not an added one, has on the old side.
fn old_line(file: &ChangedFile, line: u32) -> u32 {
    let added = file.added.partition_point(|added| *added < line);
    let mut old = line.saturating_sub(u32::try_from(added).unwrap_or(u32::MAX));
    for removed in &file.removed {
        if *removed > old {
            break;
        }
        old += 1;
    }
    old
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

//! The check `danger`: named rules over what a change brings in. A rule is data; a place
//! counts when it stands on an added line, or when it was no code before and is now, as when only
//! the marks of a comment around it were taken away.

mod measures;
mod names;
mod rules;
mod view;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod trick_tests;

use super::change::{Change, ChangedFile, MODE_LINK, MODE_SUBMODULE, Side};
use super::each::each;
use super::found::{Found, Spot};
use super::parse::{Budget, Code, SOURCE_BYTES_MAX, Unparsed};
use super::syntax::{Language, Written, written};
use super::test_lines::may_hold_tests;
use super::{Seen, Settings, lines};
use crate::base::count::count;
use crate::base::globs::Globs;
use crate::config::repository::AllowedDanger;
use crate::model::verdict::Weight;
use measures::{Case, Cases, has_tests};
use names::Names;
use rules::{Group, Place, Rule, Rules};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use view::View;

pub(super) use measures::{Test, tests_of};

/// Git's mode of a file that runs as a program.
const MODE_PROGRAM: u32 = 0o100_755;

/// Looks at every file of a change.
pub fn look(change: &Change, settings: &Settings<'_>) -> Seen {
    if let Some(why) = Rules::all().err().or(measures::data().err()) {
        let unjudged = Some(format!("what is dangerous cannot be read: {why}"));
        return Seen { unjudged, ..Seen::default() };
    }
    let allowed = (1..).zip(&settings.scan.allowed_danger);
    let allowed = allowed.map(|(number, one)| Allowed::new(number, one)).collect();
    let allowed: Vec<Allowed<'_>> = match allowed {
        Ok(allowed) => allowed,
        Err(why) => return Seen { unjudged: Some(why), ..Seen::default() },
    };
    let mut found = Found::new("danger");
    let mut tally = Tally::default();
    let look = |file, budget: &Budget, found: &mut Found| {
        let mut scan = Scan { budget, found, allowed: &allowed, tally: Tally::default() };
        scan.file(file);
        scan.tally
    };
    if !each(&change.files, settings, &mut found, look, |of_file| tally.add(of_file)) {
        return Seen::given_up();
    }
    let by_words = match tally.by_words {
        0 => String::new(),
        count => format!(", {count} of them by words alone"),
    };
    let looked_at = format!("{} with code{by_words}", count(tally.files as u64, "changed file"));
    tally.dropped_modules(&mut found);
    tally.lost_tests(&mut found);
    found.done(looked_at, None)
}

/// A look at one file.
struct Scan<'a, 'b> {
    budget: &'b Budget,
    found: &'b mut Found,
    allowed: &'b [Allowed<'b>],
    tally: Tally<'a>,
}

/// What is counted over all files.
#[derive(Default)]
struct Tally<'a> {
    files: usize,
    /// How many have no tree.
    by_words: usize,
    /// How many tests there are in the changed files, before and after.
    tests: (usize, usize),
    /// How many places assert something in those, before and after.
    assertions: (usize, usize),
    lost: Vec<(&'a ChangedFile, String, Case)>,
    /// Tests that came, and whether one of that name came to a file in which tests are looked for.
    gained: BTreeMap<String, bool>,
    /// Modules in files of their own that are no longer declared, and those that are now.
    dropped: Vec<(&'a ChangedFile, String)>,
    declared: BTreeSet<String>,
    /// Files that are gone.
    deleted: Vec<&'a [u8]>,
}

/// Files in which the repository allows what a rule finds.
struct Allowed<'a> {
    rule: &'a str,
    files: Globs,
    why: &'a str,
}

impl<'a> Allowed<'a> {
    fn new(number: usize, allowed: &'a AllowedDanger) -> Result<Self, String> {
        let files = Globs::new(&allowed.paths);
        let files = files.map_err(|why| format!("allowed_danger, number {number}: {why}"))?;
        let rule = allowed.rule.strip_prefix("danger/").unwrap_or(&allowed.rule);
        Ok(Self { rule, files, why: &allowed.why })
    }
}

/// What one side of a file has.
#[derive(Default)]
struct Read {
    hits: Vec<Hit>,
    cases: Cases,
    /// Modules of Rust in files of their own.
    modules: BTreeSet<String>,
    unparsed: Option<Unparsed>,
}

impl Read {
    fn code(&mut self, code: &Code<'_>, groups: &'static [Group]) -> Result<(), Unparsed> {
        let names = Names::of(code).ok_or(Unparsed::TooMuchWork)?;
        for number in 0..names.views() {
            let view = View::of(code, &names, number);
            if view.is_too_large() {
                return Err(Unparsed::TooMuchWork);
            }
            if number == 0 && code.language == Language::Rust {
                self.modules = measures::modules(&view);
            }
            if number == 0 {
                self.cases = measures::cases(code, &view);
            }
            self.hits.extend(hits(&view, groups).ok_or(Unparsed::TooMuchWork)?);
        }
        Ok(())
    }
}

/// A place that a rule is about.
struct Hit {
    rule: &'static Rule,
    first: u32,
    last: u32,
    /// Where in the first line, in bytes, as far as that is known.
    column: usize,
}

impl<'a> Scan<'a, '_> {
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
            let before = old.map(|old| self.read(kind(file, old), old));
            self.tally.deleted.push(&file.path);
            return self.compare(file, &before.unwrap_or_default().cases, &Cases::new());
        };
        let written = kind(file, new);
        if written == Written::Data {
            return;
        }
        self.tally.files += 1;
        let after = self.read(written, new);
        match after.unparsed {
            Some(Unparsed::Fault(_)) if !file.is_binary => {}
            None if !file.is_binary => {}
            unparsed => self.unreadable(file, written, unparsed),
        }
        let lines = Moved::of(file);
        let is_old = |hit: &Hit| lines.added_in(hit).is_none();
        let before = match old {
            Some(old)
                if after.hits.iter().any(is_old)
                    || has_tests(&old.bytes)
                    || drops_modules(file, written) =>
            {
                self.read(kind(file, old), old)
            }
            _ => Read::default(),
        };
        self.tell(file, new, &lines, &after, &before);
        if after.unparsed.is_none() {
            let dropped = before.modules.difference(&after.modules).cloned();
            self.tally.dropped.extend(dropped.map(|name| (file, name)));
            self.tally.declared.extend(after.modules.difference(&before.modules).cloned());
        }
        let why = match (after.unparsed, before.unparsed) {
            (None, Some(Unparsed::Exhausted)) => Unparsed::Exhausted,
            (Some(why), _) if !before.cases.is_empty() => why,
            _ => return self.compare(file, &before.cases, &after.cases),
        };
        let why = format!("{}: the tests it had cannot be counted", why.words());
        self.found.add(file, "unread-tests", Weight::Violation, Spot::default(), &why);
    }

    fn read(&mut self, written: Written, side: &Side) -> Read {
        let bytes = &side.bytes;
        let mut read = Read::default();
        let groups = Group::of(written);
        let view = match written {
            Written::Data => return read,
            Written::Shell => View::plain(bytes),
            Written::Unread => View::rough(bytes),
            Written::In(_) if bytes.len() > SOURCE_BYTES_MAX => {
                read.unparsed = Some(Unparsed::TooLarge);
                return read;
            }
            Written::In(language) => match self.budget.parse(language, side) {
                Ok(code) => match read.code(&code, groups) {
                    Ok(()) => return read,
                    Err(unparsed) => {
                        read.unparsed = Some(unparsed);
                        View::rough(bytes)
                    }
                },
                Err(unparsed) => {
                    read.unparsed = Some(unparsed);
                    View::rough(bytes)
                }
            },
        };
        let hits = hits(&view, groups);
        if view.is_too_large() || hits.is_none() {
            read.unparsed = Some(Unparsed::TooMuchWork);
        }
        read.hits = hits.unwrap_or_default();
        read
    }

    fn unreadable(&mut self, file: &ChangedFile, written: Written, why: Option<Unparsed>) {
        let weight = match (written, why) {
            (Written::In(_), _) | (_, Some(Unparsed::TooMuchWork)) => Weight::Violation,
            _ => Weight::Notice,
        };
        let why = why.map_or("has no lines to compare", Unparsed::words);
        let why = format!("{why}: what it does is not known");
        self.found.add(file, "unreadable", weight, Spot::default(), &why);
    }

    /// The hits that the change brought.
    fn tell(&mut self, file: &ChangedFile, new: &Side, lines: &Moved, after: &Read, before: &Read) {
        let known: BTreeSet<(&str, u32)> =
            before.hits.iter().map(|hit| (hit.rule.name.as_str(), hit.first)).collect();
        let mut told = BTreeSet::new();
        let mut ordered: Vec<&Hit> = after.hits.iter().collect();
        ordered.sort_by_key(|hit| hit.first);
        let is_by_words = after.unparsed.is_some();
        self.tally.by_words += usize::from(is_by_words);
        for hit in ordered {
            let added = lines.added_in(hit);
            let is_known = || {
                let line = lines.old_line(hit.first);
                line.is_none_or(|line| known.contains(&(hit.rule.name.as_str(), line)))
            };
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
            let is_meant = |it: &&Allowed| it.rule == hit.rule.name && it.files.matches(&file.path);
            let (weight, here) = match self.allowed.iter().find(is_meant) {
                Some(one) => (Weight::Notice, format!("; monban.toml allows it here: {}", one.why)),
                None => (hit.rule.weight, String::new()),
            };
            let why = format!("{}{unconfirmed}{here}", hit.rule.why);
            let mut spot = Spot::line_of(&new.bytes, Some(line));
            if line == hit.first {
                spot.place = hit.column;
            }
            self.found.add(file, &hit.rule.name, weight, spot, &why);
        }
    }

    /// Tests that assert less than before; those that are gone wait for the whole change.
    fn compare(&mut self, file: &'a ChangedFile, before: &Cases, after: &Cases) {
        let tally = &mut self.tally;
        tally.tests.0 += before.len();
        tally.tests.1 += after.len();
        let assertions = |cases: &Cases| cases.values().map(|case| case.assertions).sum::<usize>();
        tally.assertions.0 += assertions(before);
        tally.assertions.1 += assertions(after);
        let is_looked_for = may_hold_tests(&file.path);
        for name in after.keys().filter(|name| !before.contains_key(*name)) {
            *tally.gained.entry(name.clone()).or_default() |= is_looked_for;
        }
        for (name, was) in before {
            let Some(now) = after.get(name) else {
                tally.lost.push((file, name.clone(), was.clone()));
                continue;
            };
            let turned = [
                (was.is_idle, now.is_idle, Weight::Violation, "nobody runs the test where it is"),
                (was.has_to_panic, now.has_to_panic, Weight::Violation, "it passes by failing"),
                (was.is_conditional, now.is_conditional, Weight::Notice, "it runs conditionally"),
            ];
            for (_, _, weight, why) in turned.into_iter().filter(|(was, now, ..)| *now && !was) {
                self.found.add(file, "weakened-test", weight, named(name, now), why);
            }
            if now.assertions >= was.assertions {
                continue;
            }
            let weight = if now.assertions == 0 { Weight::Violation } else { Weight::Notice };
            let why = format!(
                "the test asserts less: {} places, before the change {}",
                now.assertions, was.assertions
            );
            let spot = named(name, now);
            self.found.add(file, "weakened-test", weight, spot, &why);
        }
    }
}

impl<'a> Tally<'a> {
    fn add(&mut self, other: Tally<'a>) {
        self.files += other.files;
        self.by_words += other.by_words;
        self.tests = (self.tests.0 + other.tests.0, self.tests.1 + other.tests.1);
        let (before, after) = other.assertions;
        self.assertions = (self.assertions.0 + before, self.assertions.1 + after);
        self.lost.extend(other.lost);
        for (name, is_looked_for) in other.gained {
            *self.gained.entry(name).or_default() |= is_looked_for;
        }
        self.dropped.extend(other.dropped);
        self.declared.extend(other.declared);
        self.deleted.extend(other.deleted);
    }

    /// Modules whose files are still there and which nothing declares any more.
    fn dropped_modules(&self, found: &mut Found) {
        for (file, name) in &self.dropped {
            let is_its_file = |path: &&[u8]| {
                let path = path.strip_suffix(b".rs").unwrap_or(path);
                let path = path.strip_suffix(b"/mod").unwrap_or(path);
                path.rsplit(|byte| *byte == b'/').next() == Some(name.as_bytes())
            };
            if self.declared.contains(name) || self.deleted.iter().any(is_its_file) {
                continue;
            }
            let is_of_tests = name.contains("test") && self.deleted.is_empty();
            let weight = if is_of_tests { Weight::Violation } else { Weight::Notice };
            let why = format!(
                "the module {name} is not declared any more: if its file is still \
                               there, it is neither compiled nor tested"
            );
            found.add(file, "dropped-module", weight, Spot::default(), &why);
        }
    }

    /// Tests that are nowhere in the change any more. As many new ones that assert as much may
    /// stand for them; less may not.
    fn lost_tests(self, found: &mut Found) {
        let (weight, why) = if self.tests.1 < self.tests.0 {
            (Weight::Violation, "the test is gone, and there are fewer than before")
        } else if self.assertions.1 < self.assertions.0 {
            (Weight::Violation, "the test is gone, and the others assert less than it did")
        } else {
            (Weight::Notice, "the test is gone, or has another name")
        };
        for (file, name, case) in self.lost {
            let spot = named(&name, &case);
            match self.gained.get(&name) {
                None => found.add(file, "deleted-test", weight, spot, why),
                Some(false) if may_hold_tests(&file.path) => {
                    let why = "the test moved to a file in which tests are not looked for";
                    found.add(file, "deleted-test", Weight::Violation, spot, why);
                }
                Some(_) => {}
            }
        }
    }
}

/// A test, by its name.
fn named<'a>(name: &'a str, case: &Case) -> Spot<'a> {
    Spot { line: Some(case.line), text: name.as_bytes(), ..Spot::default() }
}

/// What is found in a view; nothing if that takes too much work.
fn hits(view: &View, groups: &'static [Group]) -> Option<Vec<Hit>> {
    let mut hits = Vec::new();
    for group in groups {
        for place in [Place::Code, Place::Text] {
            let Some(rules) = Rules::of(*group, place) else { continue };
            let take = |rule, (first, last, column)| hits.push(Hit { rule, first, last, column });
            if !rules.in_code(view, take) {
                return None;
            }
        }
        let Some(rules) = Rules::of(*group, Place::Comment) else { continue };
        for (text, line) in &view.comments {
            let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            let ends: Vec<usize> = ends.map(|(at, _)| at).collect();
            for (rule, at) in rules.matches(text) {
                let above = ends.partition_point(|end| *end < at.start);
                let line = line.saturating_add(u32::try_from(above).unwrap_or(u32::MAX));
                hits.push(Hit { rule, first: line, last: line, column: 0 });
            }
        }
    }
    Some(hits)
}

/// Whether a file may declare a module less.
fn drops_modules(file: &ChangedFile, written: Written) -> bool {
    let is_declaration = |line: &[u8]| line.windows(4).any(|words| words == b"mod ");
    written == Written::In(Language::Rust)
        && file.removed_lines().any(|(_, line)| is_declaration(line))
}

/// What a side of a file is. What runs as a program without being known as one is a script: so the
/// system runs it.
fn kind(file: &ChangedFile, side: &Side) -> Written {
    match written(&file.path, &side.bytes) {
        Written::Data if side.mode == MODE_PROGRAM => Written::Shell,
        written => written,
    }
}

/// Which lines of a file are new, and where the others were.
struct Moved<'a> {
    added: Cow<'a, [u32]>,
    /// For each removed line how many lines of those that stayed are above it; `None` if the file
    /// was not compared by lines.
    stayed: Option<Vec<u32>>,
}

impl<'a> Moved<'a> {
    fn of(file: &'a ChangedFile) -> Self {
        if file.is_binary {
            let added = lines::brought(file).map(|line| line.number).collect();
            return Self { added, stayed: None };
        }
        let stayed = (1..).zip(&file.removed).map(|(count, line)| line.saturating_sub(count));
        Self { added: Cow::Borrowed(&file.added), stayed: Some(stayed.collect()) }
    }

    /// The first added line in a hit.
    fn added_in(&self, hit: &Hit) -> Option<u32> {
        let from = self.added.partition_point(|line| *line < hit.first);
        self.added.get(from).copied().filter(|line| *line <= hit.last)
    }

    /// The number that a line, which is not an added one, has on the old side, if that is known.
    fn old_line(&self, line: u32) -> Option<u32> {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let added = self.added.partition_point(|added| *added < line);
        let own = line.saturating_sub(number(added));
        let removed = self.stayed.as_ref()?.partition_point(|above| *above < own);
        Some(own.saturating_add(number(removed)))
    }
}

//! The rules, as data in `assets/scan/danger/`. A rule is a regular expression over one of:
//!
//! - `code` (unless it says otherwise): what a syntax tree leaves of a file, see `view.rs`. A match
//!   counts where its beginning, or the group `hit`, stands in code and not in a string;
//! - `comment`: each comment of a file;
//! - `text`: lines as they are, of a file that has no tree.
//!
//! Each has an `example` in which it is found and a `counterexample` in which it is not.

use super::view::View;
use crate::model::verdict::Weight;
use crate::scan::syntax::{Language, Written};
use regex::{Regex, RegexSet};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

/// How many bytes matches may have together that begin in strings.
const STRINGS_BYTES_MAX: usize = 64 << 20;

pub(super) const FILES: &[&str] = &[
    include_str!("../../../assets/scan/danger/script.toml"),
    include_str!("../../../assets/scan/danger/python.toml"),
    include_str!("../../../assets/scan/danger/rust.toml"),
    include_str!("../../../assets/scan/danger/go.toml"),
    include_str!("../../../assets/scan/danger/shell.toml"),
    include_str!("../../../assets/scan/danger/unread.toml"),
];

/// What a rule is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Group {
    Script,
    Python,
    Rust,
    Go,
    Shell,
    Unread,
}

impl Group {
    /// The rules for a file. What has no grammar is often a script in a page.
    pub(super) fn of(written: Written) -> &'static [Group] {
        match written {
            Written::In(Language::Python) => &[Group::Python],
            Written::In(Language::Rust) => &[Group::Rust],
            Written::In(Language::Go) => &[Group::Go],
            Written::In(_) => &[Group::Script],
            Written::Shell => &[Group::Shell],
            Written::Unread => &[Group::Script, Group::Unread],
            Written::Data => &[],
        }
    }
}

/// Where a rule looks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    #[default]
    Code,
    Comment,
    Text,
}

#[derive(Deserialize)]
pub(super) struct Rule {
    pub(super) name: String,
    group: Group,
    #[serde(default, rename = "in")]
    place: Place,
    pattern: String,
    pub(super) weight: Weight,
    pub(super) why: String,
}

/// The rules by what they are for and where they look.
pub(super) type All = BTreeMap<(Group, Place), Rules>;

/// Rules that look at the same.
#[derive(Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    patterns: Vec<Regex>,
    any: RegexSet,
}

impl Rules {
    /// The rules of a group that look in one place; none if they cannot be read, see `all`.
    pub(super) fn of(group: Group, place: Place) -> Option<&'static Rules> {
        Self::all().ok()?.get(&(group, place))
    }

    /// All rules, or why they cannot be read: then nothing can be judged.
    pub(super) fn all() -> Result<&'static All, &'static str> {
        static ALL: OnceLock<Result<All, String>> = OnceLock::new();
        ALL.get_or_init(|| Self::read(FILES)).as_ref().map_err(String::as_str)
    }

    pub(super) fn read(files: &[&str]) -> Result<All, String> {
        let mut all = All::new();
        for text in files {
            let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
            for rule in file.rule {
                let rules = all.entry((rule.group, rule.place)).or_default();
                rules.patterns.push(pattern(&rule.pattern).map_err(|error| error.to_string())?);
                rules.rules.push(rule);
            }
        }
        for rules in all.values_mut() {
            let patterns = rules.patterns.iter().map(Regex::as_str);
            rules.any = RegexSet::new(patterns).map_err(|error| error.to_string())?;
        }
        Ok(all)
    }

    /// Takes where every match of every rule stands in code. One that begins in a string hides none
    /// in the code behind it. False if there are too many of those to look behind each.
    pub(super) fn in_code(
        &'static self,
        view: &View,
        mut take: impl FnMut(&'static Rule, (u32, u32, usize)),
    ) -> bool {
        let mut left = STRINGS_BYTES_MAX;
        for index in self.any.matches(&view.text) {
            let mut at = 0;
            while at <= view.text.len()
                && let Some(found) = self.patterns[index].captures_at(&view.text, at)
                && let Some(whole) = found.get(0)
            {
                let hit = found.name("hit").unwrap_or(whole);
                let next = match view.lines(hit.range()) {
                    Some(place) => {
                        take(&self.rules[index], place);
                        whole.end()
                    }
                    None if whole.len() > left => return false,
                    None => {
                        left -= whole.len();
                        view.code_behind(hit.start())
                    }
                };
                at = next.max(view.text.ceil_char_boundary(whole.start() + 1));
            }
        }
        true
    }

    /// Every match of every rule.
    pub(super) fn matches<'a>(
        &'static self,
        text: &'a str,
    ) -> impl Iterator<Item = (&'static Rule, Range<usize>)> + 'a {
        self.any.matches(text).into_iter().flat_map(move |index| {
            let found = self.patterns[index].captures_iter(text);
            found.filter_map(move |found| {
                let hit = found.name("hit").or_else(|| found.get(0))?;
                Some((&self.rules[index], hit.range()))
            })
        })
    }
}

#[derive(Deserialize)]
struct File {
    rule: Vec<Rule>,
}

/// A pattern of the data. Its `\b` and `\w` mean letters
/// of ASCII: what code is dangerous by is written so, and other letters in a file would make a
/// search for a hundred patterns at once many times slower.
pub(super) fn pattern(text: &str) -> Result<Regex, regex::Error> {
    let mut ascii = String::with_capacity(text.len() * 2);
    let mut is_class = false;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let escaped = if c == '\\' { rest.next() } else { None };
        match (c, escaped) {
            (_, Some('b')) => ascii.push_str(r"(?-u:\b)"),
            (_, Some('w')) if is_class => ascii.push_str("0-9A-Za-z_"),
            (_, Some('w')) => ascii.push_str("[0-9A-Za-z_]"),
            (c, Some(escaped)) => ascii.extend([c, escaped]),
            (c, None) => {
                is_class = c == '[' || (is_class && c != ']');
                ascii.push(c);
            }
        }
    }
    Regex::new(&ascii)
}

//! Scans: what a change brings in, found in the bytes of both sides of every file that differs from
//! the recorded base. Pure: the gate reads the store and hands the bytes over.
//!
//! A check is one file here and one line in the gate's table. It only finds; whether its findings
//! fail the gate follows from their weight.

pub mod banned;
pub mod change;
pub mod danger;
mod each;
mod entropy;
pub mod forbidden;
mod found;
pub mod imports;
mod leaves;
pub mod limits;
pub mod lines;
mod links;
pub mod mask;
mod names;
mod parse;
pub mod secrets;
mod shapes;
mod syntax;
pub mod test_lines;

use crate::config::repository::Scan;
use crate::model::task::Kind;
use crate::model::verdict::{Finding, Weight};
use change::Change;
use std::collections::BTreeSet;

/// What a check may look at besides the change.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// What the repository asks to look for.
    pub scan: &'a Scan,
    /// The task's kind.
    pub kind: Kind,
    /// Whether nobody waits for the result any more. Asked before every file.
    pub cancel: &'a (dyn Fn() -> bool + Sync),
}

/// What a check saw.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// What it found, in the order of files and lines.
    pub findings: Vec<Finding>,
    /// How many more it found than are kept.
    pub left_off: u64,
    /// The rules of which something is kept.
    rules: BTreeSet<(String, Weight)>,
    /// How many findings are kept of the files before, which are not here.
    before: usize,
    /// What it looked at, in a few words: the verdict's reason when nothing was found.
    pub looked_at: String,
    /// Why it could not judge the change, if so: then it was not run, which is never a pass.
    pub unjudged: Option<String>,
}

/// How many findings of a check are kept; the rest is only counted.
pub const FINDINGS_MAX: usize = 2000;

impl Seen {
    /// Adds a finding. There may be one for every line of a change; more than a person would ever
    /// read are only counted, but the first of each rule is always kept. Notices leave half of the
    /// room to what fails the check.
    pub fn add(&mut self, finding: Finding) {
        let has_room = self.has_room(&finding.rule, finding.weight);
        self.rules.insert((finding.rule.clone(), finding.weight));
        match has_room {
            true => self.findings.push(finding),
            false => self.left_off += 1,
        }
    }

    /// Whether a finding of this rule and weight would be kept.
    pub fn has_room(&self, rule: &str, weight: Weight) -> bool {
        let room = match weight {
            Weight::Violation => FINDINGS_MAX,
            Weight::Notice => FINDINGS_MAX / 2,
        };
        self.before + self.findings.len() < room || !self.rules.contains(&(rule.to_owned(), weight))
    }

    /// For what another file shows, which joins this later: it keeps no more than there is room
    /// for here.
    fn beside(&self) -> Self {
        let before = self.before + self.findings.len();
        Self { rules: self.rules.clone(), before, ..Self::default() }
    }

    /// Adds what was found beside.
    fn join(&mut self, other: Self) {
        other.findings.into_iter().for_each(|finding| self.add(finding));
        self.left_off += other.left_off;
    }

    /// Nobody waits for what a check saw.
    fn given_up() -> Self {
        Self { unjudged: Some("it was stopped before its end".into()), ..Self::default() }
    }

    /// How many findings there are in all.
    pub fn count(&self) -> u64 {
        self.findings.len() as u64 + self.left_off
    }

    /// Whether something was found that fails the check.
    pub fn is_violated(&self) -> bool {
        self.findings.iter().any(|finding| finding.weight == Weight::Violation)
    }
}

/// A check over the bytes of a change.
pub type Check = fn(&Change, &Settings<'_>) -> Seen;

/// Data that is built in. What it says is proven by the tests that read it.
fn built_in<T: serde::de::DeserializeOwned>(text: &str) -> T {
    match toml::from_str(text) {
        Ok(data) => data,
        Err(error) => unreachable!("built-in data of the scans: {error}"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::base::foreign::Foreign;

    /// Settings of a task that adds something.
    pub(crate) fn settings(scan: &Scan) -> Settings<'_> {
        Settings { scan, kind: Kind::Add, cancel: &|| false }
    }

    #[test]
    fn findings_are_bounded_and_none_goes_uncounted() {
        let of = |rule: &str, weight| Finding {
            rule: rule.into(),
            weight,
            path: Foreign::new("p"),
            line: None,
            snippet: Foreign::default(),
            why: Foreign::default(),
        };
        let finding = |weight| of("a/b", weight);
        let mut seen = Seen::default();
        for _ in 0..FINDINGS_MAX + 5 {
            seen.add(finding(Weight::Notice));
        }
        assert!(!seen.is_violated());
        seen.add(finding(Weight::Violation));
        assert!(seen.is_violated(), "notices leave room for what fails the check");
        assert_eq!(seen.findings.len(), FINDINGS_MAX / 2 + 1);
        assert_eq!(seen.count(), FINDINGS_MAX as u64 + 6);
        seen.add(of("a/listener", Weight::Notice));
        let last = seen.findings.last().unwrap();
        assert_eq!(last.rule, "a/listener", "the first of a rule is never only counted");
    }
}

//! Verdicts: what a check said about one exact tree.

use crate::base::clock::Timestamp;
use crate::base::count::count;
use crate::base::foreign::Foreign;
use crate::base::hash::sha256_parts;
use crate::base::id::RunId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a check said. Not-run is never a pass (A-016), and neither is waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The check ran and found nothing wrong.
    Pass,
    /// The check ran and found something wrong, or could not finish inside its limits.
    Fail,
    /// The check did not run; the reason says why.
    NotRun,
    /// Only a person can say; the approval asks them.
    Waiting,
}

/// What only a person can vouch for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attestation {
    /// The statements, in their order; without any, the approval itself is what is asked for.
    pub statements: Vec<Foreign>,
    /// The word that was given with the approval, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
}

/// A person's word for what only a person can vouch for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Given {
    /// Who gave it.
    pub by: Foreign,
    /// When.
    pub at: Timestamp,
    /// For exactly what: the digest they approved.
    pub digest: String,
}

/// How many tests there were, where the test command wrote a report. Unknown is not zero.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TestCounts {
    /// Tests in the report.
    pub tests: u64,
    /// Tests that failed or could not run.
    pub failed: u64,
    /// Tests that were skipped.
    pub skipped: u64,
    /// Names of the failing tests, the first few.
    pub failing: Vec<Foreign>,
}

/// How much a finding weighs; the heavier comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// It fails the check.
    Violation,
    /// It is told to the person who decides, and fails nothing: reached but not exceeded (C-10), or
    /// what the policy asks about.
    Notice,
}

/// One place that a check objects to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// The rule, as `check/rule`.
    pub rule: String,
    /// How much it weighs.
    pub weight: Weight,
    /// The file; empty for the change as a whole.
    #[serde(default)]
    pub path: Foreign,
    /// The line in it, from 1: of the new side, or of the old one for what was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What stands there, on one line, with secrets masked.
    #[serde(default)]
    pub snippet: Foreign,
    /// Why it is objected to, for whoever has to mend it.
    pub why: Foreign,
}

/// The findings by what a person must not miss: the first of each rule before any other, and in
/// both parts what fails the check before what is told. One that repeats itself buries no other
/// then. With them how many are the first of their rule.
pub fn by_rules<'a>(findings: impl Iterator<Item = &'a Finding>) -> (Vec<&'a Finding>, usize) {
    let mut known = BTreeSet::new();
    let is_first = |it: &&'a Finding| {
        let it: &'a Finding = it;
        known.insert((it.rule.as_str(), it.weight))
    };
    let (mut ordered, mut others): (Vec<_>, Vec<_>) = findings.partition(is_first);
    let firsts = ordered.len();
    ordered.sort_by_key(|finding| finding.weight);
    others.sort_by_key(|finding| finding.weight);
    ordered.append(&mut others);
    (ordered, firsts)
}

/// The verdict of one check on one tree.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// The check's name: `test`, `lint`, `setup`.
    pub check: String,
    /// What it said.
    pub outcome: Outcome,
    /// Why, in one line.
    pub reason: Foreign,
    /// The command that ran, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// The exit status, if the command ended by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// Test counts, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<TestCounts>,
    /// Where the output is kept, relative to the state folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The last lines of the output.
    #[serde(default)]
    pub tail: Foreign,
    /// What it found, the first of them, in the order of [`by_rules`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// How many there are in all.
    #[serde(default)]
    pub finding_count: u64,
    /// What a person attests, where the check is theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Attestation>,
}

impl Verdict {
    /// A verdict that says what came out and nothing else.
    pub fn bare(check: &str, outcome: Outcome) -> Self {
        Self {
            check: check.into(),
            outcome,
            reason: Foreign::default(),
            command: None,
            duration_ms: 0,
            exit: None,
            counts: None,
            log: None,
            tail: Foreign::default(),
            findings: Vec::new(),
            finding_count: 0,
            attestation: None,
        }
    }

    /// The check that a person is: it waits for their word for these statements.
    pub fn waiting(check: &str, statements: Vec<Foreign>) -> Self {
        let mut verdict = Self::bare(check, Outcome::Waiting);
        verdict.attested(Attestation { statements, given: None });
        verdict
    }

    /// Says what the attestation comes to.
    fn attested(&mut self, attestation: Attestation) {
        let statements = attestation.statements.len() as u64;
        (self.outcome, self.reason) = match (&attestation.given, statements) {
            (Some(given), _) => {
                (Outcome::Pass, Foreign::new(format!("attested by {} at {}", given.by, given.at)))
            }
            (None, 0) => (Outcome::Waiting, Foreign::new("waits for a person's approval")),
            (None, _) => {
                let what = count(statements, "statement");
                let reason = format!("{what} for a person to attest with the approval");
                (Outcome::Waiting, Foreign::new(reason))
            }
        };
        self.attestation = Some(attestation);
    }
}

/// The version of a tool that a gate's commands name, as it says itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tool {
    /// The tool.
    pub tool: String,
    /// The first line it answered; empty if it did not.
    pub version: Foreign,
}

/// One run of a task's gate on one snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GateRun {
    /// The run under which its commands ran.
    pub run: RunId,
    /// The number of the snapshot it judged.
    pub snapshot: u32,
    /// The tree it judged.
    pub tree: String,
    /// The base branch that the result is for, full name.
    pub branch: String,
    /// The hash of the gate configuration.
    pub gate_hash: String,
    /// The hash of the policy in force.
    pub policy: String,
    /// When it started.
    pub started_at: Timestamp,
    /// The verdicts in order; none while it is running.
    pub verdicts: Option<Vec<Verdict>>,
    /// The versions of the tools that its commands name, if it came to run any.
    #[serde(default)]
    pub toolchain: Vec<Tool>,
}

impl GateRun {
    /// Whether every check passed, but for what waits for a person. A gate without a single pass
    /// has judged nothing.
    pub fn is_green(&self) -> bool {
        let passed = |verdict: &Verdict| verdict.outcome == Outcome::Pass;
        self.verdicts.iter().flatten().any(passed) && self.first_red().is_none()
    }

    /// The first verdict that is neither a pass nor waits for a person.
    pub fn first_red(&self) -> Option<&Verdict> {
        let is_red = |it: &&Verdict| !matches!(it.outcome, Outcome::Pass | Outcome::Waiting);
        self.verdicts.iter().flatten().find(is_red)
    }

    /// The statements that an approval has to attest.
    pub fn statements(&self) -> impl Iterator<Item = &Foreign> {
        let attestations = self.verdicts.iter().flatten().filter_map(|it| it.attestation.as_ref());
        attestations.flat_map(|attestation| &attestation.statements)
    }

    /// A person gave their word, or it counts no longer.
    pub fn attest(&mut self, given: Option<&Given>) {
        for verdict in self.verdicts.iter_mut().flatten() {
            if let Some(attestation) = verdict.attestation.take() {
                verdict.attested(Attestation { given: given.cloned(), ..attestation });
            }
        }
    }
}

/// What an approval signs. If any part changes, the approval is void.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Binds {
    /// The branch that moves, full name.
    #[serde(default)]
    pub branch: String,
    /// The base commit everything was judged against.
    pub base: String,
    /// The snapshot commit.
    pub head: String,
    /// Its tree.
    pub tree: String,
    /// The SHA-256 of the canonical diff from base to tree.
    pub diff_sha256: String,
    /// The gate runs that judged the tree.
    pub gate_runs: Vec<RunId>,
    /// The hash of the gate configuration.
    pub gate_hash: String,
    /// The hash of the policy in force when they ran.
    pub policy: String,
}

impl Binds {
    /// The digest a person signs.
    pub fn digest(&self) -> String {
        let runs: Vec<String> = self.gate_runs.iter().map(ToString::to_string).collect();
        let runs = runs.join(",");
        let parts = [
            &self.branch,
            &self.base,
            &self.head,
            &self.tree,
            &self.diff_sha256,
            &runs,
            &self.gate_hash,
            &self.policy,
        ];
        sha256_parts(parts.map(String::as_bytes))
    }

    /// The names of the parts in which `other` differs, for the person who signed an older digest.
    pub fn changed(&self, other: &Binds) -> Vec<&'static str> {
        let mut changed = Vec::new();
        let mut compare = |name, same: bool| {
            if !same {
                changed.push(name);
            }
        };
        compare("base branch", self.branch == other.branch);
        compare("base", self.base == other.base);
        compare("head", self.head == other.head);
        compare("tree", self.tree == other.tree);
        compare("diff", self.diff_sha256 == other.diff_sha256);
        compare("gate runs", self.gate_runs == other.gate_runs);
        compare("gate configuration", self.gate_hash == other.gate_hash);
        compare("policy", self.policy == other.policy);
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binds() -> Binds {
        Binds {
            branch: "r".into(),
            base: "b".into(),
            head: "h".into(),
            tree: "t".into(),
            diff_sha256: "d".into(),
            gate_runs: vec![RunId(1)],
            gate_hash: "g".into(),
            policy: "p".into(),
        }
    }

    #[test]
    fn every_part_changes_the_digest_and_is_named() {
        let before = binds();
        type Change = fn(&mut Binds);
        let changes: [(&str, Change); 8] = [
            ("base branch", |b| b.branch.push('x')),
            ("base", |b| b.base.push('x')),
            ("head", |b| b.head.push('x')),
            ("tree", |b| b.tree.push('x')),
            ("diff", |b| b.diff_sha256.push('x')),
            ("gate runs", |b| b.gate_runs.push(RunId(2))),
            ("gate configuration", |b| b.gate_hash.push('x')),
            ("policy", |b| b.policy.push('x')),
        ];
        for (name, change) in changes {
            let mut after = binds();
            change(&mut after);
            assert_ne!(before.digest(), after.digest(), "{name}");
            assert_eq!(before.changed(&after), [name]);
        }
    }

    #[test]
    fn a_gate_is_green_only_when_every_check_ran_and_passed() {
        let verdict = |outcome| Verdict::bare("test", outcome);
        let gate = |verdicts| GateRun {
            run: RunId(1),
            snapshot: 1,
            tree: "t".into(),
            branch: "r".into(),
            gate_hash: "g".into(),
            policy: "p".into(),
            started_at: Timestamp::default(),
            verdicts,
            toolchain: Vec::new(),
        };
        assert!(!gate(None).is_green());
        assert!(!gate(Some(vec![])).is_green());
        assert!(!gate(Some(vec![verdict(Outcome::Pass), verdict(Outcome::NotRun)])).is_green());
        assert!(gate(Some(vec![verdict(Outcome::Pass)])).is_green());
        assert!(gate(Some(vec![verdict(Outcome::Pass), verdict(Outcome::Waiting)])).is_green());
        assert!(!gate(Some(vec![verdict(Outcome::Waiting)])).is_green());
        assert!(!gate(Some(vec![verdict(Outcome::Fail), verdict(Outcome::Waiting)])).is_green());
    }
}

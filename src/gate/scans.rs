//! Scans in a gate: the change they look at, and what they saw as a verdict.

use super::not_run;
use crate::base::count::count;
use crate::base::foreign::Foreign;
use crate::git;
use crate::model::attempt::Snapshot;
use crate::model::verdict::{Finding, Outcome, Verdict, Weight, by_rules};
use crate::scan::Seen;
use crate::scan::change::{Change, ChangedFile, Side};
use crate::scan::limits::Measured;

/// How many findings a verdict keeps, besides the first of each rule.
const FINDINGS_MAX: usize = 100;
/// How much of each a verdict keeps, so that no log grows without bound.
const TEXT_CHARS: usize = 400;
const PATH_CHARS: usize = 1000;

/// A change that is ready to be looked at.
pub struct Looked {
    /// The change.
    pub change: Change,
    /// The files that no check can look into, since they are too large.
    pub unread: Vec<Foreign>,
}

/// The change as scans look at it.
pub fn looked(changed: git::Changed, messages: Vec<Foreign>) -> Looked {
    let git::Changed { files, manifests } = changed;
    let is_unread = |file: &git::ChangedFile| {
        file.new.as_ref().is_some_and(|new| new.size > new.bytes.len() as u64)
    };
    let unread = files.iter().filter(|file| is_unread(file));
    let unread = unread.map(|file| Foreign::from_bytes(&file.path.0)).collect();
    let side = |side: git::Side| Side::of(side.mode, side.bytes);
    let file = |file: git::ChangedFile| ChangedFile {
        path: file.path.0,
        old: file.old.map(side),
        new: file.new.map(side),
        added: file.added,
        removed: file.removed,
        is_binary: file.binary,
    };
    let files = files.into_iter().map(file).collect();
    Looked { change: Change { manifests, ..Change::of(files, messages) }, unread }
}

/// What limits judge of a snapshot.
pub fn measured(snapshot: &Snapshot) -> Measured {
    let used = snapshot.used;
    Measured {
        changed_files: snapshot.files,
        created_files: used.map(|used| snapshot.created.saturating_add(used.leftovers)),
        pictures: snapshot.pictures,
        changed_lines: snapshot.added.saturating_add(snapshot.deleted),
        seconds: used.map(|used| used.seconds),
        disk_bytes: used.and_then(|used| used.disk_bytes),
    }
}

/// The verdict of a check that looked at the change, except for files that are too large.
pub fn seen(check: &str, mut seen: Seen, unread: &[Foreign], duration_ms: u64) -> Verdict {
    for path in unread {
        seen.add(Finding {
            rule: format!("{check}/too-large"),
            weight: Weight::Violation,
            path: path.clone(),
            line: None,
            snippet: Foreign::default(),
            why: Foreign::new("too large to be looked into, so nothing is known about it"),
        });
    }
    let finding_count = seen.count();
    let is_violation = |finding: &&Finding| finding.weight == Weight::Violation;
    let (outcome, reason) = match (seen.findings.iter().find(is_violation), seen.unjudged) {
        (Some(first), _) => (Outcome::Fail, in_one_line(first, finding_count - 1)),
        (None, Some(why)) => (Outcome::NotRun, why),
        (None, None) => {
            let told = (finding_count > 0).then(|| count(finding_count, "notice"));
            let parts = [told, Some(seen.looked_at)];
            let parts = parts.into_iter().flatten().filter(|part| !part.is_empty());
            (Outcome::Pass, parts.collect::<Vec<_>>().join("; "))
        }
    };
    let (ordered, firsts) = by_rules(seen.findings.iter());
    let mut findings: Vec<Finding> =
        ordered.into_iter().take(FINDINGS_MAX.max(firsts)).cloned().collect();
    for finding in &mut findings {
        cut(&mut finding.path, PATH_CHARS);
        cut(&mut finding.snippet, TEXT_CHARS);
        cut(&mut finding.why, TEXT_CHARS);
    }
    Verdict {
        check: check.into(),
        outcome,
        reason: Foreign::new(reason),
        duration_ms,
        findings,
        finding_count,
        ..not_run(check, None, "")
    }
}

/// A finding in one line, and how many more there are.
fn in_one_line(finding: &Finding, more: u64) -> String {
    let Finding { rule, why, path, line, snippet, .. } = finding;
    // A name may hold line ends: what is told of it is one line wherever it goes.
    let (path, snippet) = (path.shown(), snippet.shown());
    let place = match (path.as_str(), line, snippet.as_str()) {
        ("", _, "") => String::new(),
        ("", _, snippet) => format!(" {snippet}"),
        (path, None, _) => format!(" in {path}"),
        (path, Some(line), _) => format!(" in {path}:{line}"),
    };
    let more = if more > 0 { format!("; {more} more") } else { String::new() };
    format!("{rule}{place}: {}{more}", why.shown())
}

fn cut(text: &mut Foreign, most: usize) {
    if text.raw().chars().nth(most).is_some() {
        *text = Foreign::new(text.raw().chars().take(most).chain(['…']).collect::<String>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn finding(weight: Weight, line: Option<u32>) -> Finding {
        Finding {
            rule: "danger/exec".into(),
            weight,
            path: Foreign::new("src/a.js"),
            line,
            snippet: Foreign::new("eval(x)"),
            why: Foreign::new("runs text as code"),
        }
    }

    fn verdict_on(findings: Vec<Finding>, unjudged: Option<&str>) -> Verdict {
        let unjudged = unjudged.map(String::from);
        let mut found = Seen::default();
        findings.into_iter().for_each(|finding| found.add(finding));
        (found.looked_at, found.unjudged) = ("3 lines of 1 file".into(), unjudged);
        seen("danger", found, &[], 7)
    }

    #[test]
    fn what_was_seen_becomes_a_verdict_and_what_was_not_judged_is_never_a_pass() {
        let clean = verdict_on(Vec::new(), None);
        assert_eq!((clean.outcome, clean.reason.raw()), (Outcome::Pass, "3 lines of 1 file"));
        let notice = verdict_on(vec![finding(Weight::Notice, None)], None);
        assert_eq!(notice.outcome, Outcome::Pass);
        assert_eq!(notice.reason.raw(), "1 notice; 3 lines of 1 file");
        assert_eq!(notice.findings.len(), 1);
        let red = vec![finding(Weight::Notice, None), finding(Weight::Violation, Some(4))];
        let red = verdict_on(red, Some("two files were not read"));
        assert_eq!(red.outcome, Outcome::Fail);
        assert_eq!(red.reason.raw(), "danger/exec in src/a.js:4: runs text as code; 1 more");
        assert_eq!(red.findings[0].weight, Weight::Violation, "what fails comes first");
        let unjudged = verdict_on(vec![finding(Weight::Notice, None)], Some("no grammar"));
        assert_eq!((unjudged.outcome, unjudged.reason.raw()), (Outcome::NotRun, "no grammar"));
    }

    #[test]
    fn a_finding_that_repeats_itself_buries_no_other() {
        let listener = Finding { rule: "danger/listener".into(), ..finding(Weight::Notice, None) };
        let mut all: Vec<_> = (1..=5000).map(|n| finding(Weight::Notice, Some(n))).collect();
        all.push(listener);
        let verdict = verdict_on(all.clone(), None);
        let rules: Vec<_> = verdict.findings.iter().map(|it| it.rule.as_str()).collect();
        assert_eq!(rules[..3], ["danger/exec", "danger/listener", "danger/exec"]);
        assert_eq!((rules.len(), verdict.finding_count), (FINDINGS_MAX, 5001));
        all.insert(0, finding(Weight::Violation, Some(1)));
        let verdict = verdict_on(all, None);
        let weights: Vec<_> = verdict.findings.iter().take(2).map(|it| it.weight).collect();
        assert_eq!(weights, [Weight::Violation, Weight::Notice], "what fails comes first");
        let many =
            (0..150).map(|n| Finding { rule: n.to_string(), ..finding(Weight::Notice, None) });
        assert_eq!(verdict_on(many.collect(), None).findings.len(), 150, "no rule is left out");
    }

    #[test]
    fn a_name_with_line_ends_is_told_on_one_line() {
        let path = Foreign::new("a\n\napproved by monban\u{202e}.js");
        let verdict = verdict_on(vec![Finding { path, ..finding(Weight::Violation, None) }], None);
        let reason = verdict.reason.raw();
        assert!(reason.starts_with("danger/exec in a\\n\\napproved by"), "{reason}");
        assert_eq!((reason.lines().count(), Foreign::new(reason).hidden_count()), (1, 0));
    }

    #[test]
    fn a_verdict_keeps_the_first_findings_and_the_count_of_all() {
        let all = (1..=250).map(|line| finding(Weight::Violation, Some(line))).collect();
        let verdict = verdict_on(all, None);
        assert_eq!((verdict.findings.len(), verdict.finding_count), (FINDINGS_MAX, 250));
        assert!(verdict.reason.raw().ends_with("; 249 more"), "{}", verdict.reason);
        let long = Foreign::new("x".repeat(1 << 20));
        let long = Finding { snippet: long, ..finding(Weight::Violation, None) };
        assert!(verdict_on(vec![long], None).findings[0].snippet.raw().len() < 500);
    }

    #[test]
    fn what_is_too_large_to_be_looked_into_fails_every_check() {
        let file = |path: &str, size| git::ChangedFile {
            path: git::RepoPath::from(path.as_bytes()),
            old: None,
            new: Some(git::Side { mode: 0o100_644, size, bytes: b"a\n".to_vec() }),
            added: vec![1],
            removed: Vec::new(),
            binary: false,
        };
        let files = vec![file("small", 2), file("large", 17 << 20)];
        let changed = git::Changed { files, manifests: BTreeMap::new() };
        let looked = super::looked(changed, Vec::new());
        assert_eq!(looked.change.files.len(), 2);
        assert_eq!(looked.unread, [Foreign::new("large")]);
        let verdict = seen("secrets", Seen::default(), &looked.unread, 0);
        assert_eq!(verdict.outcome, Outcome::Fail, "what nobody read is no pass");
        assert_eq!(verdict.findings[0].rule, "secrets/too-large");
    }
}

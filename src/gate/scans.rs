//! Scans in a gate: the change they look at, and what they saw as a verdict.

use super::not_run;
use crate::base::count::count;
use crate::base::foreign::Foreign;
use crate::git;
use crate::model::attempt::Snapshot;
use crate::model::verdict::{Finding, Outcome, Verdict, Weight};
use crate::scan::Seen;
use crate::scan::change::{Change, ChangedFile, Side};
use crate::scan::limits::Measured;

/// How many findings a verdict keeps.
const FINDINGS_MAX: usize = 100;
/// How much of each a verdict keeps, so that no log grows without bound.
const TEXT_CHARS: usize = 400;
const PATH_CHARS: usize = 1000;
/// How many files that no scan can look into are named.
const UNREAD_NAMED: usize = 3;

/// The change as scans look at it.
pub fn change(files: Vec<git::ChangedFile>, messages: Vec<Foreign>) -> Change {
    let side = |side: git::Side| Side { mode: side.mode, bytes: side.bytes };
    let file = |file: git::ChangedFile| ChangedFile {
        path: file.path.0,
        old: file.old.map(side),
        new: file.new.map(side),
        added: file.added,
        removed: file.removed,
        is_binary: file.binary,
    };
    Change { files: files.into_iter().map(file).collect(), messages }
}

/// What limits judge of a snapshot.
pub fn measured(snapshot: &Snapshot) -> Measured {
    let used = snapshot.used;
    Measured {
        changed_files: snapshot.files,
        created_files: used.map(|used| snapshot.created.saturating_add(used.leftovers)),
        changed_lines: snapshot.added.saturating_add(snapshot.deleted),
        seconds: used.map(|used| used.seconds),
        disk_bytes: used.and_then(|used| used.disk_bytes),
    }
}

/// What is said of files that have no lines to look at.
pub fn unread(change: &Change) -> Option<String> {
    let unread = change.files.iter().filter(|file| file.is_binary && file.new.is_some());
    let names: Vec<String> = unread.map(|file| file.shown().shown()).collect();
    if names.is_empty() {
        return None;
    }
    let named = names.iter().take(UNREAD_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if names.len() > UNREAD_NAMED { ", ..." } else { "" };
    let files = count(names.len() as u64, "binary or very large file");
    Some(format!("{files} without lines to look at: {named}{more}"))
}

/// The verdict of a check that looked at the change.
pub fn seen(check: &str, seen: Seen, unread: Option<&str>, duration_ms: u64) -> Verdict {
    let violations = seen.findings.iter().filter(|f| f.weight == Weight::Violation).count() as u64;
    let notices = seen.findings.len() as u64 - violations;
    let (outcome, reason) = match (violations, seen.unjudged) {
        (1.., _) => (Outcome::Fail, first(&seen.findings, violations)),
        (0, Some(why)) => (Outcome::NotRun, why),
        (0, None) => {
            let told = (notices > 0).then(|| count(notices, "notice"));
            let parts = [told, Some(seen.looked_at), unread.map(String::from)];
            let parts = parts.into_iter().flatten().filter(|part| !part.is_empty());
            (Outcome::Pass, parts.collect::<Vec<_>>().join("; "))
        }
    };
    let finding_count = seen.findings.len() as u64;
    let mut findings = seen.findings;
    // What fails comes first, in the order of files and lines.
    findings.sort_by_key(|finding| finding.weight != Weight::Violation);
    findings.truncate(FINDINGS_MAX);
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

/// The first violation in one line.
fn first(findings: &[Finding], violations: u64) -> String {
    let Some(first) = findings.iter().find(|f| f.weight == Weight::Violation) else {
        return String::new();
    };
    let place = match (first.path.raw(), first.line) {
        ("", _) => String::new(),
        (path, None) => format!(" in {path}"),
        (path, Some(line)) => format!(" in {path}:{line}"),
    };
    let Finding { rule, why, .. } = first;
    let what = match (place.is_empty(), first.snippet.raw()) {
        (true, snippet) if !snippet.is_empty() => format!(" {snippet}"),
        _ => String::new(),
    };
    let more = match violations - 1 {
        0 => String::new(),
        more => format!("; {more} more"),
    };
    format!("{rule}{place}{what}: {}{more}", why.raw())
}

fn cut(text: &mut Foreign, most: usize) {
    if text.raw().chars().nth(most).is_some() {
        *text = Foreign::new(text.raw().chars().take(most).chain(['…']).collect::<String>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn looked(findings: Vec<Finding>, unjudged: Option<&str>) -> Verdict {
        let unjudged = unjudged.map(String::from);
        let looked_at = "3 lines of 1 file".into();
        seen("danger", Seen { findings, looked_at, unjudged }, None, 7)
    }

    #[test]
    fn what_was_seen_becomes_a_verdict_and_what_was_not_judged_is_never_a_pass() {
        let clean = looked(Vec::new(), None);
        assert_eq!((clean.outcome, clean.reason.raw()), (Outcome::Pass, "3 lines of 1 file"));
        let notice = looked(vec![finding(Weight::Notice, None)], None);
        assert_eq!(notice.outcome, Outcome::Pass);
        assert_eq!(notice.reason.raw(), "1 notice; 3 lines of 1 file");
        assert_eq!(notice.findings.len(), 1);
        let red = vec![finding(Weight::Notice, None), finding(Weight::Violation, Some(4))];
        let red = looked(red, Some("two files were not read"));
        assert_eq!(red.outcome, Outcome::Fail);
        assert_eq!(red.reason.raw(), "danger/exec in src/a.js:4: runs text as code");
        assert_eq!(red.findings[0].weight, Weight::Violation, "what fails comes first");
        let unjudged = looked(vec![finding(Weight::Notice, None)], Some("no grammar"));
        assert_eq!((unjudged.outcome, unjudged.reason.raw()), (Outcome::NotRun, "no grammar"));
    }

    #[test]
    fn a_verdict_keeps_the_first_findings_and_the_count_of_all() {
        let all = (1..=250).map(|line| finding(Weight::Violation, Some(line))).collect();
        let verdict = looked(all, None);
        assert_eq!((verdict.findings.len(), verdict.finding_count), (FINDINGS_MAX, 250));
        assert!(verdict.reason.raw().ends_with("; 249 more"), "{}", verdict.reason);
        let long = Foreign::new("x".repeat(1 << 20));
        let long = Finding { snippet: long, ..finding(Weight::Violation, None) };
        assert!(looked(vec![long], None).findings[0].snippet.raw().len() < 500);
    }

    #[test]
    fn files_without_lines_are_named() {
        let file = |path: &str, is_binary| ChangedFile {
            path: path.into(),
            old: None,
            new: Some(Side { mode: 0o100_644, bytes: Vec::new() }),
            added: Vec::new(),
            removed: Vec::new(),
            is_binary,
        };
        let text = Change { files: vec![file("a", false)], messages: Vec::new() };
        assert_eq!(unread(&text), None);
        let files = ["b", "c\u{202e}", "d", "e"].map(|path| file(path, true)).into();
        let told = unread(&Change { files, messages: Vec::new() }).unwrap();
        let expected =
            "4 binary or very large files without lines to look at: b, c\\u{202e}, d, ...";
        assert_eq!(told, expected);
        let verdict = seen("secrets", Seen::default(), Some(&told), 0);
        assert_eq!((verdict.outcome, verdict.reason.raw()), (Outcome::Pass, expected));
    }
}

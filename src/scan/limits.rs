//! The limits of an attempt (A-046 to A-050, C-09, C-10): what it used, what it may use, and who
//! said so. Over a limit fails; exactly at one is told.

use super::Seen;
use crate::base::count::count;
use crate::base::foreign::Foreign;
use crate::model::verdict::{Finding, Weight};
use crate::policy::{Limit, Limits, Origin};

/// What an attempt used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Measured {
    /// Files that differ from the base.
    pub changed_files: u64,
    /// Files that the base does not have, also those that no snapshot holds; of what is ignored, a
    /// folder is one.
    pub created_files: Option<u64>,
    /// Lines added and deleted against the base.
    pub changed_lines: u64,
    /// How many of the files are pictures or fonts, whose lines are not among them.
    pub pictures: u64,
    /// Seconds of work.
    pub seconds: Option<u64>,
    /// Bytes in the worktree besides the base's own.
    pub disk_bytes: Option<u64>,
}

/// Compares what was used with what may be. What could not be measured is not judged.
pub fn look(measured: &Measured, limits: &Limits) -> Seen {
    let rows = [
        ("changed_files", Some(measured.changed_files), limits.changed_files),
        ("created_files", measured.created_files, limits.created_files),
        ("changed_lines", Some(measured.changed_lines), limits.changed_lines),
        ("seconds", measured.seconds, limits.seconds),
        ("disk", measured.disk_bytes, limits.disk_bytes),
    ];
    let mut seen = Seen::default();
    let mut used = Vec::with_capacity(rows.len());
    let mut unknown = Vec::new();
    for (name, actual, limit) in rows {
        let Some(actual) = actual else {
            unknown.push(name);
            continue;
        };
        let (amount, most) = (amount(name, actual), amount(name, limit.value));
        used.push(format!("{name} {amount} of {most}"));
        seen.findings.extend(finding(name, actual, limit));
    }
    if measured.pictures > 0 {
        seen.findings.push(Finding {
            rule: "limits/pictures".into(),
            weight: Weight::Notice,
            path: Foreign::default(),
            line: None,
            snippet: Foreign::new(count(measured.pictures, "file")),
            why: Foreign::new(
                "pictures or fonts: by lines only what reads as text in them is counted",
            ),
        });
    }
    seen.looked_at = used.join(", ");
    // What is known to be over its limit fails, whatever else is unknown.
    if !unknown.is_empty() && !seen.is_violated() {
        seen.unjudged = Some(format!("could not be measured: {}", unknown.join(", ")));
    }
    seen
}

/// What is over the limit on the time of work, while the work goes on; `None` when it is not.
pub fn overtime(seconds: u64, limit: Limit) -> Option<Seen> {
    let found = finding("seconds", seconds, limit).filter(|it| it.weight == Weight::Violation)?;
    let mut seen = Seen::default();
    seen.add(found);
    Some(seen)
}

fn finding(name: &str, actual: u64, limit: Limit) -> Option<Finding> {
    if actual < limit.value {
        return None;
    }
    let weight = if actual > limit.value { Weight::Violation } else { Weight::Notice };
    let set_by = match limit.origin {
        Origin::Level => "the level",
        Origin::Person => "your config.toml",
        Origin::Repository => "monban.toml",
        Origin::Task => "the task",
    };
    let why = match weight {
        Weight::Violation if limit.origin == Origin::Level => {
            format!("over the limit that {set_by} sets; [limits] of your config.toml sets another")
        }
        Weight::Violation => format!("over the limit that {set_by} sets"),
        Weight::Notice => format!("exactly at the limit that {set_by} sets"),
    };
    let (actual, most) = (amount(name, actual), amount(name, limit.value));
    Some(Finding {
        rule: format!("limits/{name}"),
        weight,
        path: Foreign::default(),
        line: None,
        snippet: Foreign::new(format!("{actual} of {most}")),
        why: Foreign::new(why),
    })
}

/// A figure as a person reads it; none is rounded to a limit that it is not at.
fn amount(name: &str, value: u64) -> String {
    match name {
        "seconds" => format!("{value} s"),
        "disk" => size(value),
        _ => value.to_string(),
    }
}

fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000)];
    match UNITS.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) if bytes.is_multiple_of(*unit) => format!("{} {name}", bytes / unit),
        Some((name, unit)) => {
            let tenths = bytes / (unit / 10);
            format!("{}.{} {name} ({bytes} bytes)", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Bounds;

    fn measured() -> Measured {
        Measured {
            changed_files: 3,
            created_files: Some(1),
            changed_lines: 40,
            pictures: 0,
            seconds: Some(30),
            disk_bytes: Some(1_234_567),
        }
    }

    #[test]
    fn within_the_limits_every_figure_is_told_and_nothing_is_found() {
        let seen = look(&measured(), &Limits::DEFAULT);
        assert_eq!(seen.findings, []);
        assert_eq!(
            seen.looked_at,
            "changed_files 3 of 10, created_files 1 of 10, changed_lines 40 of 500, seconds 30 s of \
             900 s, disk 1.2 MB (1234567 bytes) of 200 MB"
        );
    }

    /// C-10: reaching a limit passes and is told, exceeding it fails.
    #[test]
    fn at_a_limit_is_told_and_over_it_fails_by_whoever_set_it() {
        let bounds =
            Bounds { changed_lines: Some(40), created_files: Some(0), ..Bounds::default() };
        let limits = Limits::DEFAULT.tightened(&bounds, Origin::Repository);
        let seen = look(&Measured { disk_bytes: Some(200_000_001), ..measured() }, &limits);
        let found: Vec<_> = seen
            .findings
            .iter()
            .map(|f| (f.rule.as_str(), f.weight, f.snippet.raw(), f.why.raw()))
            .collect();
        let (over, at) = (Weight::Violation, Weight::Notice);
        let expected = [
            ("limits/created_files", over, "1 of 0", "over the limit that monban.toml sets"),
            ("limits/changed_lines", at, "40 of 40", "exactly at the limit that monban.toml sets"),
            (
                "limits/disk",
                over,
                "200.0 MB (200000001 bytes) of 200 MB",
                "over the limit that the level sets; [limits] of your config.toml sets another",
            ),
        ];
        assert_eq!(found, expected);
        assert!(seen.is_violated());
    }

    #[test]
    fn pictures_are_told() {
        let seen = look(&Measured { pictures: 2, ..measured() }, &Limits::DEFAULT);
        let [found] = &seen.findings[..] else { panic!("{seen:?}") };
        let told = (found.rule.as_str(), found.weight, found.snippet.raw());
        assert_eq!(told, ("limits/pictures", Weight::Notice, "2 files"));
    }

    #[test]
    fn what_could_not_be_measured_is_not_judged_and_hides_no_violation() {
        let unknown = Measured { disk_bytes: None, seconds: None, ..measured() };
        let seen = look(&unknown, &Limits::DEFAULT);
        assert_eq!(seen.unjudged.as_deref(), Some("could not be measured: seconds, disk"));
        let over = look(&Measured { changed_files: 11, ..unknown }, &Limits::DEFAULT);
        assert!(over.is_violated() && over.unjudged.is_none());
    }
}

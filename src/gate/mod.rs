//! Gates: which steps a gate has, and what the end of a check means for the tree it looked at.
//! Running commands and reading the store is the daemon's.

pub mod sarif;
pub mod scans;
mod table;
pub mod toolchain;

pub use table::{Step, Work, steps};

use crate::base::count::count;
use crate::base::foreign::Foreign;
use crate::formats::junit;
use crate::model::verdict::{Outcome, TestCounts, Verdict};
use crate::scan::mask::masked;
use crate::wire::hold::{ExitRecord, How, Status};

/// How many lines of the output's end a verdict carries.
const TAIL_LINES: usize = 40;
/// How many bytes of the output's end are looked at for them.
pub const TAIL_BYTES: usize = 64 << 10;
/// How many names of failing tests a verdict carries.
const FAILING_MAX: usize = 50;

/// What came of a check's command.
pub struct Ran<'a> {
    /// The check's name.
    pub check: &'a str,
    /// The command.
    pub command: &'a str,
    /// How it ended, or why that is not known.
    pub end: Result<ExitRecord, String>,
    /// The end of its output.
    pub tail: Vec<u8>,
    /// Where the output is kept.
    pub log: String,
    /// How long it took.
    pub duration_ms: u64,
    /// The test report it wrote, if it wrote one.
    pub report: Option<Result<junit::Report, String>>,
}

/// The verdict of a check whose command ran.
pub fn verdict(ran: Ran<'_>) -> Verdict {
    let (outcome, reason) = judge(&ran);
    let counts = ran.report.as_ref().and_then(|report| report.as_ref().ok());
    let counts = counts.map(|report| TestCounts {
        tests: report.tests as u64,
        failed: report.failed as u64,
        skipped: report.skipped as u64,
        failing: report.failing.iter().take(FAILING_MAX).map(shown).collect(),
    });
    let exit = match &ran.end {
        Ok(ExitRecord { status: Status::Code(code), .. }) => Some(*code),
        _ => None,
    };
    Verdict {
        reason: masked(reason.as_bytes()),
        command: Some(ran.command.into()),
        duration_ms: ran.duration_ms,
        exit,
        counts,
        log: Some(ran.log),
        tail: tail(&ran.tail),
        ..Verdict::bare(ran.check, outcome)
    }
}

/// The verdict of a check that was not run.
pub fn not_run(check: &str, command: Option<&str>, why: &str) -> Verdict {
    Verdict {
        reason: Foreign::new(why),
        command: command.map(String::from),
        ..Verdict::bare(check, Outcome::NotRun)
    }
}

fn judge(ran: &Ran<'_>) -> (Outcome, String) {
    let record = match &ran.end {
        Ok(record) => record,
        Err(why) => return (Outcome::NotRun, why.clone()),
    };
    if let Some((outcome, reason)) = of_end(record, ran.duration_ms) {
        return match &ran.report {
            Some(Ok(report)) if report.failed > 0 => (outcome, of_report(report)),
            _ => (outcome, reason),
        };
    }
    match &ran.report {
        None if ran.check == "test" => {
            (Outcome::Pass, "exit status 0; it wrote no report, so the counts are unknown".into())
        }
        None => (Outcome::Pass, "exit status 0".into()),
        Some(Err(why)) => (Outcome::Fail, format!("its test report cannot be read: {why}")),
        Some(Ok(report)) if report.tests == 0 => {
            (Outcome::Fail, "its report has no tests: nothing was tested".into())
        }
        Some(Ok(report)) if report.failed > 0 => (Outcome::Fail, of_report(report)),
        Some(Ok(report)) => {
            (Outcome::Pass, format!("{} passed", count(report.tests as u64, "test")))
        }
    }
}

/// The verdict by the end alone; `None` for exit status 0.
fn of_end(record: &ExitRecord, duration_ms: u64) -> Option<(Outcome, String)> {
    match (&record.status, record.how) {
        (Status::NotStarted(why), _) => {
            Some((Outcome::NotRun, format!("it could not be started: {why}")))
        }
        (_, How::TimeLimit) => Some((
            Outcome::Fail,
            format!("it was killed at its limit, after {} s", duration_ms / 1000),
        )),
        (_, How::Stopped | How::Killed) => {
            Some((Outcome::NotRun, "it was stopped before its end".into()))
        }
        (Status::Code(0), How::Exited) => None,
        (Status::Code(code), How::Exited) => {
            let meaning = match code {
                126 => ": a program could not be run",
                127 => ": a program was not found",
                _ => "",
            };
            Some((Outcome::Fail, format!("exit status {code}{meaning}")))
        }
        (Status::Signal(signal), How::Exited) => {
            Some((Outcome::Fail, format!("ended by signal {signal}")))
        }
    }
}

fn of_report(report: &junit::Report) -> String {
    let names: Vec<&str> = report.failing.iter().take(3).map(Foreign::raw).collect();
    let more = if report.failing.len() > names.len() { ", ..." } else { "" };
    let all = count(report.tests as u64, "test");
    format!("{} of {all} failed: {}{more}", report.failed, names.join(", "))
}

/// The name of a test, which may be made of what it was given, with secrets masked.
fn shown(name: &Foreign) -> Foreign {
    masked(name.raw().as_bytes())
}

/// The last lines of a terminal's output, without what only moves or colours, and with secrets
/// masked. Each line for itself: that one names a digest makes a value in another no less secret,
/// and one that is longer than what is masked of a text takes no other with it.
fn tail(output: &[u8]) -> Foreign {
    let mut output = output;
    // Where the first line begins before what was read, a secret in it may have no shape any more.
    if output.len() >= TAIL_BYTES
        && let Some(end) = output.iter().position(|byte| *byte == b'\n')
    {
        output = &output[end + 1..];
    }
    let plain = plain(output);
    let lines: Vec<&str> = plain.lines().collect();
    let last = lines[lines.len().saturating_sub(TAIL_LINES)..].iter();
    let masked = last.map(|line| masked(line.as_bytes()).raw().to_owned());
    Foreign::new(masked.collect::<Vec<_>>().join("\n"))
}

/// A terminal's output as lines of text.
fn plain(output: &[u8]) -> String {
    without_sequences(Foreign::from_bytes(output).raw()).replace("\r\n", "\n")
}

/// The text without CSI and OSC sequences, so that a log reads as a person wrote it.
fn without_sequences(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
            Some(']') => while chars.next().is_some_and(|c| c != '\u{7}' && c != '\u{1b}') {},
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Timestamp;
    use crate::wire::hold::Tree;

    fn ended(status: Status, how: How) -> Result<ExitRecord, String> {
        Ok(ExitRecord {
            status,
            how,
            at: Timestamp::default(),
            output_bytes: 0,
            survivors: 0,
            tree: Tree::Empty { known_by: "test".into() },
        })
    }

    fn judged(
        end: Result<ExitRecord, String>,
        report: Option<Result<junit::Report, String>>,
    ) -> Verdict {
        let (check, command, log) = ("test", "make test", "log".to_string());
        verdict(Ran { check, command, end, tail: Vec::new(), log, duration_ms: 5000, report })
    }

    fn report(xml: &str) -> Option<Result<junit::Report, String>> {
        Some(junit::parse(xml.as_bytes()).map_err(|error| error.to_string()))
    }

    #[test]
    fn without_a_report_the_exit_status_decides_and_counts_are_unknown() {
        let pass = judged(ended(Status::Code(0), How::Exited), None);
        assert_eq!((pass.outcome, pass.counts.is_none()), (Outcome::Pass, true));
        assert!(pass.reason.raw().contains("unknown"));
        let fail = judged(ended(Status::Code(3), How::Exited), None);
        assert_eq!((fail.outcome, fail.exit), (Outcome::Fail, Some(3)));
    }

    #[test]
    fn a_report_with_failures_or_without_tests_fails_whatever_the_exit_status_says() {
        let zero = || ended(Status::Code(0), How::Exited);
        let none = judged(zero(), report("<testsuite></testsuite>"));
        assert_eq!(none.outcome, Outcome::Fail);
        let xml =
            "<testsuite><testcase name='a'/><testcase name='b'><failure/></testcase></testsuite>";
        let failed = judged(zero(), report(xml));
        assert_eq!(failed.outcome, Outcome::Fail);
        assert!(failed.reason.raw().starts_with("1 of 2 tests failed"), "{}", failed.reason);
        let broken = judged(zero(), Some(Err("line 3".into())));
        assert_eq!(broken.outcome, Outcome::Fail);
        let good = judged(zero(), report("<testsuite><testcase name='a'/></testsuite>"));
        assert_eq!((good.outcome, good.counts.unwrap().tests), (Outcome::Pass, 1));
    }

    #[test]
    fn what_did_not_run_to_its_end_by_itself_never_passes() {
        let limit = judged(ended(Status::Signal(9), How::TimeLimit), None);
        assert_eq!(limit.outcome, Outcome::Fail);
        assert!(limit.reason.raw().contains("after 5 s"));
        for end in [
            Err("its holder was lost".into()),
            ended(Status::NotStarted("no such file".into()), How::Exited),
            ended(Status::Code(0), How::Killed),
        ] {
            assert_eq!(judged(end, None).outcome, Outcome::NotRun);
        }
    }

    #[test]
    fn the_tail_is_plain_text_of_the_last_lines() {
        let mut output: Vec<u8> =
            (0..100).flat_map(|n| format!("line {n}\r\n").into_bytes()).collect();
        output.extend(b"\x1b[31mred\x1b[0m \x1b]0;title\x07end");
        let tail = tail(&output);
        assert!(tail.raw().ends_with("line 99\nred end"), "{:?}", tail.raw());
        assert_eq!(tail.raw().lines().count(), TAIL_LINES);
    }

    #[test]
    fn secrets_in_output_are_masked_before_it_is_kept() {
        let key = ["ghp_", "16C7e42F292c6912E7", "710c838347Ae178B4a"].concat();
        let digest = ["0f3c9a71b2d84e65", "a1907cb3f2e8d456"].concat();
        let coloured = format!("commit 1\r\nkey={}\x1b[31m{}\x1b[0m\r\n", &key[..9], &key[9..]);
        let output = format!("{coloured}id = '{digest}'\r\n");
        let expected = "commit 1\nkey=ghp_…(40)\nid = '0f3c…(32)'";
        assert_eq!(tail(output.as_bytes()).raw(), expected);
        let xml = format!("<testsuite><testcase name='logs in [{key}]'><failure/></testcase>");
        let verdict = judged(ended(Status::Code(1), How::Exited), report(&(xml + "</testsuite>")));
        assert_eq!(verdict.counts.unwrap().failing[0].raw(), "logs in [ghp_…(40)]");
        assert_eq!(verdict.reason.raw(), "1 of 1 test failed: logs in [ghp_…(40)]");
        // What is read of the output may begin within a secret, and grow when it is read.
        let mut cut = format!("{}\n", &key[20..]).into_bytes();
        cut.resize(TAIL_BYTES - 10, 0xff);
        cut.extend(b"\nthe last\n");
        let tail = tail(&cut);
        assert!(!tail.raw().contains(&key[25..]), "the rest of a key");
        assert!(tail.raw().ends_with("\nthe last"), "{}", tail.raw().len());
    }
}

//! Reports as the runners write them, and reports that must not be believed.

use super::*;

fn report(text: &str) -> Report {
    parse(text.as_bytes()).unwrap()
}

fn counts(text: &str) -> (usize, usize, usize) {
    let report = report(text);
    (report.tests, report.failed, report.skipped)
}

fn failing(text: &str) -> Vec<String> {
    report(text).failing.iter().map(|name| name.raw().to_string()).collect()
}

const BUN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="4" assertions="3" failures="1" skipped="1" time="0.02">
  <testsuite name="date.test.ts" file="date.test.ts" tests="4" failures="1" skipped="1" time="0.1">
    <testsuite name="parser" file="date.test.ts" line="3" tests="3" failures="1" skipped="1">
      <testcase name="reads ISO" classname="parser" time="0.001" file="date.test.ts" line="4" />
      <testcase name="reads &quot;slashes&quot;" classname="parser" time="0.0" file="date.test.ts">
        <failure type="AssertionError" />
      </testcase>
      <testcase name="later" classname="parser" time="0" file="date.test.ts"><skipped /></testcase>
    </testsuite>
    <testcase name="top" classname="" time="0" file="date.test.ts" line="20" />
  </testsuite>
</testsuites>"#;

const PYTEST: &str = r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite
name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.1" timestamp="2026-11-21T05:00:00"
hostname="h"><testcase classname="tests.test_a.TestA" name="test_ok" time="0.0" /><testcase
classname="tests.test_a" name="test_bad[x-1]" time="0.0"><failure message="assert 1 == 2">def
test_bad(): &gt; assert</failure></testcase><testcase classname="tests.test_a" name="test_skip"><skipped
type="pytest.skip" message="no">why</skipped></testcase><testcase classname="" name="tests.test_b"
time="0"><error message="collection failure">Traceback</error></testcase></testsuite></testsuites>"#;

const NEXTEST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="3" failures="1" errors="0" uuid="u" time="0.04">
  <testsuite name="monban" tests="3" disabled="0" errors="0" failures="1">
    <testcase name="store::tests::a" classname="monban" time="0.01"></testcase>
    <testcase name="store::tests::b" classname="monban" time="0.01">
      <failure type="test failure">thread panicked</failure>
      <rerunFailure type="test failure"><system-out>x</system-out></rerunFailure>
      <system-out><![CDATA[<testcase name="fake"/>]]></system-out>
    </testcase>
    <testcase name="store::tests::c" classname="monban"><flakyFailure type="t"/></testcase>
  </testsuite>
</testsuites>"#;

const JEST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="jest tests" tests="2" failures="1" errors="0" time="1.2">
  <testsuite name="adds" errors="0" failures="1" skipped="0" timestamp="t" time="0.5" tests="2">
    <testcase classname="adds one" name="adds one" time="0.003"></testcase>
    <testcase classname="adds two" name="adds two" time="0.001">
      <failure>Error: expect(received).toBe(expected) &#27;[31m</failure>
    </testcase>
  </testsuite>
</testsuites>"#;

const GO: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
	<testsuite tests="2" failures="1" time="0.1" name="example.com/a" hostname="h">
		<properties><property name="go.version" value="go1.25"></property></properties>
		<testcase classname="a" name="TestX" time="0.0"></testcase>
		<testcase classname="a" name="TestY" time="0.0"><failure message="Failed" type="">m</failure></testcase>
	</testsuite>
	<testsuite tests="1" errors="1" name="example.com/b">
		<testcase classname="b" name="[build failed]"><error message="Build error"></error></testcase>
	</testsuite>
</testsuites>"#;

#[test]
fn the_reports_of_five_runners_are_counted_from_their_cases() {
    assert_eq!(counts(BUN), (4, 1, 1));
    assert_eq!(failing(BUN), ["parser > reads \"slashes\""]);
    assert_eq!(counts(PYTEST), (4, 2, 1));
    assert_eq!(failing(PYTEST), ["tests.test_a > test_bad[x-1]", "tests.test_b"]);
    assert_eq!(counts(NEXTEST), (3, 1, 0));
    assert_eq!(failing(NEXTEST), ["monban > store::tests::b"]);
    assert_eq!(report(NEXTEST).flaky, 1);
    assert_eq!(counts(JEST), (2, 1, 0));
    assert_eq!(failing(JEST), ["adds two"]);
    assert_eq!(counts(GO), (3, 2, 0));
    assert_eq!(failing(GO), ["a > TestY", "b > [build failed]"]);
}

#[test]
fn counts_in_attributes_are_not_believed() {
    let lying =
        "<testsuite tests='9' failures='0'><testcase name='a'><failure/></testcase></testsuite>";
    assert_eq!(counts(lying), (1, 1, 0));
    assert_eq!(counts("<testsuites tests='5'/>"), (0, 0, 0));
    assert_eq!(counts("<testsuite><testcase name='a' status='notrun'/></testsuite>"), (1, 0, 1));
}

#[test]
fn a_suite_that_failed_as_a_whole_is_a_failure() {
    let text = "<testsuite name='s'><error/><testcase name='a'/></testsuite>";
    assert_eq!(counts(text), (1, 1, 0));
    assert_eq!(failing(text), ["s"]);
    let both = "<testsuite><testcase name='a'><skipped/><failure/></testcase></testsuite>";
    assert_eq!(counts(both), (1, 1, 0));
}

#[test]
fn a_report_cut_anywhere_is_an_error() {
    for text in [BUN, PYTEST, NEXTEST, JEST, GO] {
        let text = text.trim_end();
        for end in 0..text.len() {
            assert!(parse(&text.as_bytes()[..end]).is_err(), "{}", &text[..end]);
        }
    }
}

#[test]
fn what_is_not_a_report_says_where_and_why() {
    let cases = [
        ("", "line 1, column 1: it is empty"),
        ("plain words", "it is empty"),
        ("<html/>", "<html> is not the root"),
        ("<testsuite>\n  <a></b></testsuite>", "line 2"),
        ("<testsuite/>\n<testsuite/>", "line 2, column 1: there is a second document"),
        ("<testsuite><testcase><testcase/></testcase></testsuite>", "inside a test"),
        ("<testsuite><testcase><o><testcase/></o></testcase></testsuite>", "inside a test"),
        ("<testsuite><testcase name='&#xd800;'/></testsuite>", "line 1, column 12"),
    ];
    for (text, expected) in cases {
        let error = parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn entities_depth_and_length_are_bounded() {
    let bomb = "<!DOCTYPE t [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]>\
                <testsuite><testcase name='&b;'/></testsuite>";
    assert!(parse(bomb.as_bytes()).is_err());
    let inside = "<!DOCTYPE t SYSTEM 'file:///etc/passwd'><testsuite>&x;</testsuite>";
    assert_eq!(counts(inside), (0, 0, 0));
    let deep = "<testsuite>".repeat(100_000);
    assert!(parse(deep.as_bytes()).unwrap_err().to_string().contains("deeper than 100"));
    let case = format!("<testcase name='{}'><failure/></testcase>", "n".repeat(10_000));
    let many = report(&format!("<testsuite>{}</testsuite>", case.repeat(NAMES_MAX + 5)));
    assert_eq!((many.failed, many.failing.len()), (NAMES_MAX + 5, NAMES_MAX));
    assert_eq!(many.failing[0].raw().len(), NAME_CHARS_MAX);
}

#[test]
fn output_that_is_not_utf8_does_not_matter() {
    let mut bytes = b"\xef\xbb\xbf<testsuite><testcase name='a'><system-out>".to_vec();
    bytes.extend_from_slice(b"\xff\x1b[0m</system-out></testcase></testsuite>");
    assert_eq!(parse(&bytes).unwrap().tests, 1);
}

//! `monban selftest` as a person runs it: every test of the roadmap with its evidence, and nothing
//! left behind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn selftest(temporary: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_monban"));
    command.arg("selftest").args(args).env("TMPDIR", temporary).env_remove("MONBAN_RUN");
    command.output().unwrap()
}

#[test]
fn harm_that_was_really_done_is_found_stopped_and_taken_back() {
    let temporary = tempfile::tempdir().unwrap();
    let output = selftest(temporary.path(), &["--json"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}{}", String::from_utf8_lossy(&output.stdout));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let evidence = |id: &str| -> Vec<String> {
        let row = told["tests"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
        assert_ne!(row["result"], "fail", "{row}");
        let lines = row["evidence"].as_array().unwrap().iter();
        lines.map(|line| line.as_str().unwrap().to_string()).collect()
    };
    let landed = evidence("smoke-1");
    assert!(
        landed[0].contains("limits, forbidden, secrets, banned, imports, danger"),
        "{landed:?}"
    );
    let (before, after) = landed[1].rsplit_once(" -> ").unwrap();
    assert!(!before.ends_with(after), "main moved: {landed:?}");
    let stopped = [
        ("smoke-2", "imports/", "src/name.js:1"),
        ("F1", "danger/", "src/name.js:1"),
        ("F2", "test: ", "1 of 1"),
        ("F3", "imports/", "src/name.js:1"),
    ];
    for (id, rule, place) in stopped {
        let [found, halted, rolled_back, base] = &evidence(id)[..] else { panic!("{id}") };
        assert!(found.starts_with(rule) && found.contains(place), "{id}: {found}");
        assert!(halted.starts_with("halted: "), "{id}: {halted}");
        assert!(rolled_back.contains("verified"), "{id}: {rolled_back}");
        let hashes = base.strip_prefix("main before ").unwrap().split_once(" = main after ");
        assert!(hashes.is_some_and(|(before, after)| before == after), "{id}: {base}");
    }
    assert!(evidence("F4")[0].contains("not before L2a"));
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn without_git_it_says_so_and_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_monban"));
    command.arg("selftest").env("TMPDIR", temporary.path()).env("PATH", empty.path());
    let output = command.env_remove("MONBAN_RUN").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(error.contains("the selftest cannot be set up"), "{error}");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

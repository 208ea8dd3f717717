//! Harm that is really done, by scripted agents, and what the gate makes of it: found, stopped,
//! taken back, with the base where it was.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "each test file uses its part")]
#[path = "support/instance.rs"]
mod instance;

use instance::Instance;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// A gate with these checks before the test, and more of the file.
fn judged_by(checks: &str, more: &str) -> Instance {
    let monban = Instance::new();
    let config = format!(
        "[project]\nbase = \"main\"\n[verify]\ntest = \"grep -q yes ok\"\n\
         [gates]\nchecks = [{checks}, \"test\"]\n{more}"
    );
    monban.write("monban.toml", &config);
    monban.commit("the gate");
    monban
}

fn verdicts(monban: &Instance, id: &str) -> Vec<Value> {
    let gates = monban.monban(&["gates", id, "--json"]).expect(0).json();
    gates.as_array().unwrap().last().unwrap()["verdicts"].as_array().unwrap().clone()
}

/// Runs a task to its failure and checks all that a failure promises; gives the verdict that
/// stopped it and the task.
#[track_caller]
fn stopped(monban: &Instance, script: &str) -> (Value, Value) {
    let base = monban.base();
    let id = monban.add("Harm", script);
    monban.run(&id).expect(1);
    let task = monban.until(&id, "the rollback", |task| task["state"] == "failed");
    assert_eq!(monban.base(), base, "the base is where it was");
    assert!(task["repository"]["halted"].is_object(), "nothing else starts: {task:#}");
    let worktree = PathBuf::from(task["worktree"].as_str().unwrap());
    let head = monban.git(&["-C", worktree.to_str().unwrap(), "rev-parse", "HEAD"]);
    assert_eq!(head, base, "the worktree is at its base again");
    let status = monban.git(&["-C", worktree.to_str().unwrap(), "status", "--porcelain"]);
    assert_eq!(status, "", "and holds nothing else");
    let verdicts = verdicts(monban, &id);
    let red = verdicts.iter().position(|verdict| verdict["outcome"] == "fail").unwrap();
    for later in &verdicts[red + 1..] {
        assert_eq!(later["outcome"], "not-run");
        assert!(later["reason"].as_str().unwrap().contains("did not pass"), "{later}");
    }
    // A finding in the change costs no checkout, and so no command.
    let run = monban.monban(&["gates", &id, "--json"]).expect(0).json()[0]["run"].clone();
    let folder = monban.home.join(format!("state/runs/run{run}"));
    assert!(!folder.exists(), "{} was made", folder.display());
    (verdicts[red].clone(), task)
}

fn findings(verdict: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let found = verdict["findings"].as_array().into_iter().flatten();
    found.map(|finding| (text(&finding["rule"]), text(&finding["snippet"]))).collect()
}

#[test]
fn work_over_a_limit_is_stopped_and_at_it_is_told() {
    let limits = "[limits]\nchanged_files = 2\nchanged_lines = 3\ncreated_files = 2\n";
    let monban = judged_by("\"limits\"", limits);
    monban.write(".gitignore", "*.out\n");
    monban.commit("ignore");
    // The agent commits by itself, which changes nothing of what is counted; what is
    // ignored counts.
    let over = "echo 1 > a; git add a; git commit -qm mine; echo 2 > b; echo 3 > c.out";
    let (verdict, _) = stopped(&monban, over);
    let expected = [
        ("limits/created_files".to_string(), "3 of 2".to_string()),
        ("limits/changed_files".to_string(), "2 of 2".to_string()),
    ];
    assert_eq!(findings(&verdict), expected, "{verdict:#}");
    assert_eq!(verdict["findings"][0]["why"], "over the limit that monban.toml sets");
    monban.monban(&["resume"]).expect(0);
    let id = monban.add("At", "printf '1\\n2\\n3\\n' > a");
    monban.run(&id).expect(4);
    let verdicts = verdicts(&monban, &id);
    let found = [("limits/changed_lines".to_string(), "3 of 3".to_string())];
    assert_eq!((&verdicts[0]["outcome"], findings(&verdicts[0])), (&"pass".into(), found.into()));
    assert_eq!(verdicts[0]["findings"][0]["weight"], "notice");
    let shown = monban.monban(&["gates", &id]).expect(0).out;
    for word in ["notice     limits/changed_lines", "3 of 3", "exactly at the limit"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    monban.approve(&id).expect(0);
}

/// U-01: the agent commits by itself, rewrites what it committed and leaves its branch; what counts
/// is the difference from the recorded base.
#[test]
fn harm_that_an_agent_commits_by_itself_is_found_and_taken_back_all_the_same() {
    let scan = "[scan]\nallowed_imports = [\"./\"]\n\
                banned_patterns = [{ pattern = \"FORBIDDEN[0-9]+\", why = \"nobody wants it\" }]\n";
    let monban = judged_by("\"secrets\", \"banned\", \"imports\"", scan);
    let import = "echo \"import { rm } from 'node:fs';\" > a.js";
    let (head, tail) = ("AKIA", "QYLPMN5HFIQR7XYZ");
    let key = format!("printf 'key = \"{head}%s\"\\n' {tail} > k");
    let cases = [
        ("imports", format!("{import}; git add -A; git commit -qm mine"), "a.js", "node:fs"),
        (
            "imports",
            format!("{import}; git add -A; git commit -qm x; git reset -q HEAD~1"),
            "a.js",
            "",
        ),
        ("banned", "echo FORBIDDEN42 > b; git add -A; git commit -qm fine".into(), "b", ""),
        ("banned", "echo b > b; git add -A; git commit -qm 'FORBIDDEN7: sorry'".into(), "", ""),
        (
            "secrets",
            format!("{key}; git add -A; git commit -qm fine; git checkout -q -b other"),
            "k",
            "",
        ),
    ];
    for (check, script, path, words) in cases {
        let (verdict, _) = stopped(&monban, &script);
        assert_eq!(verdict["check"], check, "{script}: {verdict:#}");
        let finding = &verdict["findings"][0];
        assert_eq!(finding["path"], path, "{script}: {verdict:#}");
        assert!(finding["rule"].as_str().unwrap().starts_with(check), "{verdict:#}");
        let shown = format!("{} {}", finding["snippet"], finding["why"]);
        assert!(shown.contains(words), "{words}: {verdict:#}");
        let text = verdict.to_string();
        for secret in ["FORBIDDEN42", "FORBIDDEN7", tail] {
            assert!(!text.contains(secret), "{secret} is shown: {text}");
        }
        monban.monban(&["resume"]).expect(0);
    }
    // What is allowed, and harm that the base has already, stop nothing.
    let id =
        monban.add("Good", "echo \"import './b.js';\" > a.js; git add -A; git commit -qm good");
    monban.run(&id).expect(4);
    monban.approve(&id).expect(0);
}

/// The gate that `init` writes, each of its checks with something to find.
#[test]
fn every_check_of_the_first_gate_stops_its_harm() {
    let all = "\"limits\", \"forbidden\", \"secrets\", \"banned\", \"imports\", \"danger\", \
               \"test-lines\", \"lint\"";
    let monban = judged_by(all, "[scan]\nallowed_imports = [\"./\"]\n");
    let cases = [
        ("limits", "for n in 1 2 3 4 5 6 7 8 9 10 11; do echo $n > f$n; done"),
        ("forbidden", "mkdir -p .github/workflows; echo 'on: push' > .github/workflows/x.yml"),
        ("imports", "echo 'const fs = require(\"fs\");' > a.js"),
        ("danger", "printf 'eval(name);\\n' > a.js"),
    ];
    for (check, script) in cases {
        let (verdict, _) = stopped(&monban, script);
        assert_eq!(verdict["check"], check, "{script}: {verdict:#}");
        assert!(!findings(&verdict).is_empty(), "{verdict:#}");
        monban.monban(&["resume"]).expect(0);
    }
    let id = monban.add("Good", "printf 'export const name = 1;\\n' > a.js");
    monban.run(&id).expect(4);
    let verdicts = verdicts(&monban, &id);
    let checks: Vec<_> = verdicts.iter().map(|v| v["check"].as_str().unwrap()).collect();
    let expected =
        ["limits", "forbidden", "secrets", "banned", "imports", "danger", "test-lines", "test"];
    assert_eq!(checks, expected, "a lint without a command is no check");
}

#[test]
fn what_an_attempt_takes_of_the_disk_counts_wherever_it_lies() {
    let monban = judged_by("\"limits\"", "[limits]\ndisk = \"1MB\"\n");
    monban.write(".gitignore", "out/\n");
    monban.commit("ignore");
    let hidden = "echo 1 > a; mkdir -p out/deep; \
                  dd if=/dev/urandom of=out/deep/x bs=1000 count=1001 status=none; \
                  sync; truncate -s 10G out/hole";
    let (verdict, _) = stopped(&monban, hidden);
    let found = findings(&verdict);
    assert_eq!(found.len(), 1, "{verdict:#}");
    assert!(found[0].1.starts_with("1.0 MB (10"), "holes take nothing: {found:?}");
}

#[test]
fn a_gate_run_is_written_as_sarif_with_every_check_that_did_not_pass() {
    let monban = judged_by("\"limits\"", "[limits]\nchanged_files = 0\n");
    stopped(&monban, "echo 1 > a");
    let file = monban.home.join("found.sarif");
    monban.monban(&["gates", "1", "--sarif", file.to_str().unwrap()]).expect(0);
    let written: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let run = &written["runs"][0];
    assert_eq!(run["results"][0]["ruleId"], "limits/changed_files");
    assert_eq!(run["results"][0]["level"], "error");
    assert_eq!(run["results"][1]["ruleId"], "test");
    assert_eq!(run["results"][1]["kind"], "open", "what did not run is no pass");
    let same = monban.monban(&["gates", "1", "--sarif", "-"]).expect(0).json();
    assert_eq!(same, written);
    let id = monban.add("Not yet", "true");
    monban.monban(&["gates", &id, "--sarif", "-"]).expect(1);
}

#[test]
fn a_verdict_says_which_versions_it_was_given_with() {
    let monban = Instance::new();
    let config = instance::CONFIG.replace("grep -q yes ok", "make -v >/dev/null; sh -c 'exit 0'");
    monban.write("monban.toml", &config);
    monban.commit("the gate");
    let id = monban.add("Good", "echo 1 > a");
    monban.run(&id).expect(4);
    let gate = &monban.monban(&["gates", &id, "--json"]).expect(0).json()[0];
    assert_eq!(gate["toolchain"].as_array().unwrap().len(), 1, "{gate:#}");
    assert_eq!(gate["toolchain"][0]["tool"], "make");
    let version = gate["toolchain"][0]["version"].as_str().unwrap();
    assert!(!version.is_empty(), "{gate:#}");
    assert!(monban.monban(&["gates", &id]).expect(0).out.contains(&format!("make: {version}")));
}

/// Same tree, different result: never green, whichever came first.
#[test]
fn a_test_that_gives_another_result_on_the_same_snapshot_is_never_green() {
    let monban = Instance::new();
    let count = monban.home.join("count");
    let flip = format!("echo x >> {0}; test $(wc -l < {0}) -ne 2", count.display());
    monban.write("monban.toml", &instance::CONFIG.replace("grep -q yes ok", &flip));
    monban.commit("the gate");
    let base = monban.base();
    let id = monban.add("Flaky", "echo 1 > a");
    monban.run(&id).expect(4);
    let first = monban.item(&id, "approval")["digest"].as_str().unwrap().to_string();
    monban.monban(&["gates", &id, "--rerun"]).expect(0);
    monban.until(&id, "the second result", |task| task["state"] == "failed");
    let gates = monban.monban(&["gates", &id, "--json"]).expect(0).json();
    assert_eq!(gates.as_array().unwrap().len(), 2);
    assert_eq!(gates[0]["tree"], gates[1]["tree"]);
    assert_ne!(monban.monban(&["approve", &id, "--bind", &first]).status, 0);
    // The third time it would pass; the same change is still not green.
    monban.monban(&["resume"]).expect(0);
    monban.monban(&["task", "retry", &id, "--fresh"]).expect(0);
    let task = monban.until(&id, "the third result", |task| {
        task["state"] == "failed" && task["attempts"].as_array().is_some_and(|all| all.len() == 2)
    });
    assert!(task["failure"].as_str().unwrap().contains("flaky"), "{task:#}");
    assert_eq!(monban.base(), base);
}

/// The result for a base that moved is another tree: all of it is looked into again.
#[test]
fn a_result_merged_with_a_moved_base_is_looked_into_again() {
    let scan = "[scan]\nbanned_patterns = [{ pattern = \"left right\" }]\n";
    let monban = judged_by("\"limits\", \"banned\"", scan);
    let base: String = (0..20).map(|n| format!("line {n}\n")).collect();
    monban.write("lines", &base);
    monban.commit("lines");
    let id = monban.add("Mine", "sed -i 's/^line 3$/line three/' lines");
    monban.run(&id).expect(4);
    monban.write("lines", &base.replace("line 15", "line fifteen"));
    let moved = monban.commit("theirs");
    monban.approve(&id).expect(4);
    monban.until(&id, "the merged result", |task| task["waits_for"][0] == "approval");
    let gates = monban.monban(&["gates", &id, "--json"]).expect(0).json();
    assert_eq!(gates.as_array().unwrap().len(), 2);
    assert_ne!(gates[0]["tree"], gates[1]["tree"]);
    let reasons = |gate: &Value| -> Vec<String> {
        let verdicts = gate["verdicts"].as_array().unwrap();
        assert!(verdicts.iter().all(|verdict| verdict["outcome"] == "pass"), "{gate:#}");
        verdicts.iter().map(|v| v["reason"].as_str().unwrap().to_string()).collect()
    };
    let (first, second) = (reasons(&gates[0]), reasons(&gates[1]));
    assert_eq!(second[1], first[1], "the other's line is not the agent's");
    assert!(second[0].contains("changed_lines 2 of 500"), "{second:?}");
    assert_eq!(monban.item(&id, "approval")["binds"]["base"], moved.as_str());
}

#[test]
fn a_danger_is_allowed_where_the_base_says_so_and_by_no_change_itself() {
    let allow = |path: &str| {
        format!(
            "[scan]\nallowed_danger = [{{ rule = \"danger/process\", paths = [\"{path}\"], \
             why = \"it runs tools\" }}]\n"
        )
    };
    let starts = "mkdir -p src/run; echo 'fn f() { std::process::Command::new(\"ls\"); }'";
    let monban = judged_by("\"danger\"", &allow("src/run/**"));
    let trusting = monban.monban(&["plan", "check"]).expect(0).out;
    assert!(trusting.contains("allows danger/process in src/run/**: it runs tools"), "{trusting}");
    let id = monban.add("Run a tool", &format!("{starts} > src/run/a.rs"));
    monban.run(&id).expect(4);
    let danger = &verdicts(&monban, &id)[0];
    assert_eq!((&danger["outcome"], &danger["finding_count"]), (&json!("pass"), &json!(1)));
    let found = &danger["findings"][0];
    assert_eq!((&found["rule"], &found["weight"]), (&json!("danger/process"), &json!("notice")));
    let why = found["why"].as_str().unwrap();
    assert!(why.ends_with("; monban.toml allows it here: it runs tools"), "{why}");
    let inbox = monban.monban(&["inbox"]).expect(0).out;
    assert!(inbox.contains("notice: danger/process"), "{inbox}");

    let monban = judged_by("\"danger\"", &allow("src/run/**"));
    let widens = "sed 's|src/run/..|**|' monban.toml > m && mv m monban.toml";
    let (verdict, _) = stopped(&monban, &format!("{starts} > src/a.rs; {widens}"));
    assert_eq!(
        (&verdict["check"], findings(&verdict)[0].0.as_str()),
        (&json!("danger"), "danger/process")
    );
}

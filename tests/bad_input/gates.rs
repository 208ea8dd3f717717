//! Gates that cannot judge, judge wrongly, or that nobody trusts: never a pass.

use crate::instance::{CONFIG, Instance};
use crate::support::{refused, refused_whole};
use serde_json::Value;

/// An instance whose gate is `config`.
fn judged_by(config: &str) -> Instance {
    let monban = Instance::new();
    monban.write("monban.toml", config);
    monban.commit("the gate");
    monban
}

/// Runs a task to its failure; gives the verdicts of its gate.
#[track_caller]
fn failed(monban: &Instance, script: &str) -> Vec<Value> {
    let base = monban.base();
    let id = monban.add("T", script);
    monban.run(&id).expect(1);
    monban.until(&id, "the end", |task| task["state"] == "failed");
    assert_eq!(monban.base(), base);
    monban.monban(&["resume"]).expect(0);
    let gates = monban.monban(&["gates", &id, "--json"]).expect(0).json();
    gates[0]["verdicts"].as_array().unwrap().clone()
}

fn reason(verdict: &Value) -> &str {
    verdict["reason"].as_str().unwrap()
}

#[test]
fn a_gate_without_a_test_command_is_refused() {
    let monban = judged_by("[project]\nbase = \"main\"\n[verify]\ntest = \"\"\n");
    let id = monban.add("T", "echo x > x");
    let words = ["monban.toml", "no test command", "[verify] test"];
    refused_whole(&monban, &["run", &id], 2, &words);
}

#[test]
fn a_hanging_test_is_killed_at_its_limit_with_everything_it_started() {
    let hang = "(trap '' TERM; sleep 1000) & setsid sleep 1000 & sleep 1000";
    let config = CONFIG.replace("grep -q yes ok", hang);
    let monban = judged_by(&format!("{config}[limits]\nseconds = 2\n"));
    let verdicts = failed(&monban, "echo x > x");
    assert_eq!(verdicts[0]["outcome"], "fail");
    assert!(reason(&verdicts[0]).contains("killed at its limit"), "{}", verdicts[0]);
    let left = monban.processes();
    assert!(!left.iter().any(|(_, command)| command.contains("sleep 1000")), "{left:?}");
}

#[test]
fn a_test_command_that_is_not_there_fails_and_shows_why() {
    let monban = judged_by(&CONFIG.replace("grep -q yes ok", "no-such-program-here"));
    let verdicts = failed(&monban, "echo x > x");
    assert_eq!((&verdicts[0]["outcome"], &verdicts[0]["exit"]), (&"fail".into(), &127.into()));
    assert!(verdicts[0]["tail"].as_str().unwrap().contains("no-such-program-here"));
}

#[test]
fn what_comes_after_a_failed_setup_is_not_run_and_says_so() {
    let config = CONFIG.replace("[verify]", "[verify]\nsetup = [\"echo no network; exit 7\"]");
    let monban = judged_by(&config);
    let verdicts = failed(&monban, "echo x > x");
    assert_eq!((&verdicts[0]["check"], &verdicts[0]["outcome"]), (&"setup".into(), &"fail".into()));
    assert_eq!(verdicts[0]["exit"], 7);
    assert!(verdicts[0]["tail"].as_str().unwrap().contains("no network"));
    let test = &verdicts[1];
    assert_eq!((&test["check"], &test["outcome"]), (&"test".into(), &"not-run".into()));
    assert!(reason(test).contains("`setup` did not pass"), "{test}");
}

#[test]
fn a_report_that_is_no_proof_of_passing_fails() {
    let monban = judged_by(&CONFIG.replace("grep -q yes ok", "sh ./judge"));
    let failing = "<testsuite><testcase name=\"adds\"/><testcase name=\"parses dates\">\
                   <failure message=\"no\"/></testcase></testsuite>";
    let cases = [
        ("echo '<testsuite name=\"none\"/>' > \"$MONBAN_JUNIT\"".to_string(), "no tests"),
        (format!("echo '{failing}' > \"$MONBAN_JUNIT\""), "parses dates"),
        ("echo '<testsuite><testcase' > \"$MONBAN_JUNIT\"".into(), "cannot be read"),
        // None of these hangs or misleads whoever reads the report.
        ("mkfifo \"$MONBAN_JUNIT\"".into(), "not a plain file"),
        ("mkdir \"$MONBAN_JUNIT\"".into(), "not a plain file"),
        ("ln -s /dev/zero \"$MONBAN_JUNIT\"".into(), "not a plain file"),
    ];
    for (judge, words) in cases {
        let verdicts = failed(&monban, &format!("cat > judge <<'END'\n{judge}\nEND"));
        assert_eq!(verdicts[0]["outcome"], "fail", "{judge}: {}", verdicts[0]);
        assert!(reason(&verdicts[0]).contains(words), "{judge}: {}", verdicts[0]);
    }
}

#[test]
fn a_gate_nobody_trusts_asks_a_person_and_a_changed_one_asks_again() {
    let monban = Instance::new();
    let id = monban.add("T", "echo x > x");
    let gate = monban.gate();
    let asks = |gate: &str| format!("--trust {gate}");
    refused_whole(&monban, &["run", &id], 4, &["plan check", &asks(&gate)]);
    let wrong = "0".repeat(64);
    refused_whole(&monban, &["run", &id, "--trust", &wrong], 1, &[&gate, &wrong, "plan check"]);
    monban.monban(&["run", &id, "--trust", &gate]).expect(0);
    monban.until(&id, "the result", |task| task["state"] == "waiting");
    // Trusted once, not asked again; but other commands are.
    let second = monban.add("T", "echo y > y");
    monban.monban(&["run", &second]).expect(0);
    monban.until(&second, "the result", |task| task["state"] == "waiting");
    monban.write("monban.toml", &CONFIG.replace("grep -q yes ok", "true"));
    monban.commit("another gate");
    let third = monban.add("T", "echo z > z");
    let changed = monban.gate();
    assert_ne!(changed, gate);
    refused(monban.monban(&["run", &third]), 4, &[&asks(&changed)]);
    refused(monban.monban(&["run", &third, "--trust", &gate]), 1, &[&changed]);
    assert_eq!(monban.task(&third)["state"], "draft");
}

#[test]
fn a_change_cannot_edit_its_own_judge() {
    let monban = Instance::new();
    let easy = CONFIG.replace("grep -q yes ok", "true").replace('\n', "\\n");
    let script = format!("printf '{easy}' > monban.toml; echo no > ok");
    let verdicts = failed(&monban, &script);
    assert_eq!(verdicts[0]["outcome"], "fail");
    assert_eq!(verdicts[0]["command"], "grep -q yes ok", "the gate of the base");
}

/// Runs a task to its result; gives the verdicts of its gate.
#[track_caller]
fn passed(monban: &Instance, script: &str) -> Vec<Value> {
    let id = monban.add("T", script);
    monban.run(&id).expect(4);
    let gates = monban.monban(&["gates", &id, "--json"]).expect(0).json();
    gates[0]["verdicts"].as_array().unwrap().clone()
}

#[test]
fn a_report_that_set_up_wrote_does_not_count_for_the_test() {
    let report = "echo '<testsuite><testcase name=\\\"made up\\\"/></testsuite>' > $MONBAN_JUNIT";
    let config = CONFIG.replace("[verify]", &format!("[verify]\nsetup = [\"{report}\"]"));
    let verdicts = passed(&judged_by(&config), "echo x > x");
    assert_eq!((&verdicts[0]["check"], &verdicts[1]["check"]), (&"setup".into(), &"test".into()));
    assert_eq!(verdicts[1]["outcome"], "pass");
    assert!(verdicts[1]["counts"].is_null(), "{}", verdicts[1]);
    assert!(reason(&verdicts[1]).contains("unknown"), "{}", verdicts[1]);
}

#[test]
fn a_checkout_that_set_up_changed_is_not_judged() {
    for (setup, what) in [
        ("echo yes > ok", "set back"),
        ("rm ok && ln -s /etc/hosts ok", "a link in its place"),
        ("rm ok", "removed"),
        ("chmod +x ok", "made a program"),
    ] {
        let config = CONFIG.replace("[verify]", &format!("[verify]\nsetup = [\"{setup}\"]"));
        let verdicts = failed(&judged_by(&config), "echo no > ok");
        assert_eq!(verdicts[0]["outcome"], "pass", "{what}: {}", verdicts[0]);
        let test = &verdicts[1];
        assert_eq!(test["outcome"], "not-run", "{what}: {test}");
        assert!(reason(test).contains("no longer the snapshot"), "{what}: {test}");
        for word in [&format!("`{setup}` changed or removed 1 file, such as ok."), "monban.toml"] {
            assert!(reason(test).contains(word), "{what}: {word}: {test}");
        }
    }
    // Of several commands the one that did it is named; the person who waits is told.
    let lint = "[verify]\nsetup = [\"true\"]\nlint = \"echo yes > ok\"";
    let checks = CONFIG.replace("[verify]", lint).replace("[\"test\"]", "[\"lint\", \"test\"]");
    let monban = judged_by(&checks);
    let id = monban.add("T", "echo no > ok");
    let told = monban.run(&id).expect(1).err;
    for word in ["`echo yes > ok` changed", "In monban.toml name a form", "commit what it makes"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    // What set-up builds beside the tracked files is its purpose.
    let config =
        CONFIG.replace("[verify]", "[verify]\nsetup = [\"mkdir built && echo x > built/x\"]");
    passed(&judged_by(&config), "echo x > x");
}

#[test]
fn a_checkout_found_after_a_crash_is_made_anew() {
    let monban = Instance::new();
    let begun = monban.home.join("begun");
    // The first set-up leaves something behind and hangs; the next one finds a fresh checkout.
    let setup = format!(
        "test -e left && exit 1; test -e {0} && exit 0; touch left {0}; sleep 1000",
        begun.display()
    );
    monban.write(
        "monban.toml",
        &CONFIG.replace("[verify]", &format!("[verify]\nsetup = [\"{setup}\"]")),
    );
    monban.commit("the gate");
    let id = monban.add("T", "echo x > x");
    monban.monban(&["run", &id, "--attend", "30m", "--trust", &monban.gate()]).expect(0);
    monban.until(&id, "the set-up", |_| begun.exists());
    monban.kill(monban.daemon());
    let task = monban.until(&id, "the result", |task| task["state"] == "waiting");
    assert_eq!(task["verdicts"][0]["outcome"], "pass", "{task:#}");
    let left = monban.processes();
    assert!(!left.iter().any(|(_, command)| command.contains("sleep 1000")), "{left:?}");
}

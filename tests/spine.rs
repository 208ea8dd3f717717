//! The main job, from `task add` to landing, as a person types it: the real program, a real daemon,
//! real git, and a scripted agent in a terminal.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/instance.rs"]
mod instance;

use instance::Instance;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_string()
}

fn path(value: &Value) -> PathBuf {
    PathBuf::from(text(value))
}

#[test]
fn a_good_change_is_judged_approved_and_landed() {
    let monban = Instance::new();
    let before = monban.base();
    let id = monban.add("Add hello", "echo hello > hello.txt; echo yes > ok");
    // 4: a person is needed.
    monban.run(&id).expect(4);
    let task = monban.task(&id);
    assert_eq!(task["state"], "waiting");
    assert_eq!(task["base"], before.as_str());
    let diff = monban.monban(&["diff", &id]).expect(0).out;
    assert!(diff.contains("+hello"), "{diff}");
    let gates = monban.monban(&["gates", &id, "--json"]).expect(0).json();
    assert_eq!(gates[0]["verdicts"][0]["outcome"], "pass");
    assert_eq!(gates[0]["verdicts"][0]["counts"], Value::Null, "no report: counts are unknown");
    monban.approve(&id).expect(0);
    let task = monban.until(&id, "landing", |task| task["state"] == "done");
    assert_eq!(task["landed"], monban.base().as_str());
    assert_eq!(monban.git(&["rev-parse", "main~1"]), before, "one squash commit");
    assert_eq!(monban.git(&["show", "main:hello.txt"]), "hello");
    assert_eq!(fs::read_to_string(monban.repository.join("hello.txt")).unwrap(), "hello\n");
    assert!(monban.git(&["log", "-1", "--format=%B"]).contains("Co-Authored-By: script@"));
    assert_eq!(monban.git(&["status", "--porcelain"]), "", "the checkout moved along");
}

#[test]
fn a_failing_test_halts_rolls_back_and_nothing_else_starts() {
    let monban = Instance::new();
    let before = monban.base();
    let bad = monban.add("Break it", "echo no > ok; echo junk > junk.txt");
    let other = monban.add("Another", "echo x > x.txt");
    let ran = monban.run(&bad).expect(1);
    assert!(ran.err.contains("test failed"), "{}", ran.err);
    let task = monban.until(&bad, "rollback", |task| task["state"] == "failed");
    let worktree = path(&task["worktree"]);
    assert_eq!(fs::read_to_string(worktree.join("ok")).unwrap(), "yes\n");
    assert!(!worktree.join("junk.txt").exists());
    let rollback = &task["attempts"][0]["rollbacks"][0];
    let aside = path(&rollback["progress"]["done"]["aside"]);
    assert_eq!(fs::read_to_string(aside.join("junk.txt")).unwrap(), "junk\n", "kept aside");
    assert_eq!(monban.base(), before);
    let refused = monban.run(&other).expect(1);
    assert!(refused.err.contains("halted") && refused.err.contains("A-017"), "{}", refused.err);
    monban.monban(&["resume"]).expect(0);
    monban.run(&other).expect(4);
    // The undo brings everything back.
    let op = text(&rollback["op"]);
    monban.monban(&["rollback", "--undo", &op]).expect(0);
    monban.until(&bad, "undo", |_| worktree.join("junk.txt").exists());
    assert_eq!(fs::read_to_string(worktree.join("ok")).unwrap(), "no\n");
}

#[test]
fn permission_and_questions_need_the_person_and_take_their_keys() {
    let monban = Instance::new();
    let script = "permission 'write a' && echo a > a.txt; ask 'which port?'; echo $answer > port";
    let id = monban.add("Ask", script);
    monban.run(&id).expect(4);
    assert_eq!(text(&monban.item(&id, "permission")["note"]), "write a");
    let screen = monban.monban(&["screen", &id]).expect(0).out;
    assert!(screen.contains("May I write a?"), "{screen}");
    monban.monban(&["send", &id, "--keys", "y", "enter"]).expect(0);
    monban.until(&id, "the question", |task| task["waits_for"][0] == "question");
    monban.monban(&["send", &id, "--keys", "8", "0", "enter"]).expect(0);
    monban.until(&id, "the approval", |task| task["waits_for"][0] == "approval");
    let diff = monban.monban(&["diff", &id]).expect(0).out;
    assert!(diff.contains("+80") && diff.contains("+a"), "{diff}");
}

#[test]
fn a_rejection_becomes_the_next_prompt() {
    let monban = Instance::new();
    let id = monban.add("Two turns", "echo one > one.txt");
    monban.run(&id).expect(4);
    let first = text(&monban.item(&id, "approval")["digest"]);
    monban.monban(&["reject", &id, "--reason", "echo two > two.txt"]).expect(0);
    monban.until(&id, "the second result", |task| {
        task["attempts"][0]["checkpoints"].as_array().is_some_and(|all| all.len() == 2)
            && task["state"] == "waiting"
    });
    // What was looked at before the rejection can no longer be approved.
    let stale = monban.monban(&["approve", &id, "--bind", &first]).expect(1);
    assert!(stale.err.contains("stale") && stale.err.contains("tree"), "{}", stale.err);
    monban.approve(&id).expect(0);
    monban.until(&id, "landing", |task| task["state"] == "done");
    assert_eq!(monban.git(&["show", "main:two.txt"]), "two");
}

/// README's own kind of agent: it reads its prompt as a line, works, and ends with its turn.
#[test]
fn a_rejection_of_a_program_that_has_ended_starts_it_again_with_the_reason() {
    let monban = Instance::new();
    let program = "stty -echo; IFS= read -r prompt; echo \"$prompt\" >> told";
    monban.configure(&format!(
        "[agents.tick]\nkind = \"command\"\nprogram = \"/bin/sh\"\nargs = [\"-c\", '{program}']\n"
    ));
    let id = monban.add_for("tick", "Tick", "Count the ticks.");
    monban.run(&id).expect(4);
    monban.until(&id, "the agent's end", |task| task["status"]["state"] == "exited");
    monban.monban(&["reject", &id, "--reason", "no new dependency, please"]).expect(0);
    let task = monban.until(&id, "the second result", |task| {
        task["attempts"].as_array().is_some_and(|all| all.len() == 2) && task["state"] == "waiting"
    });
    let worktree = |attempt: usize| path(&task["attempts"][attempt]["place"]["worktree"]);
    assert_eq!(worktree(0), worktree(1));
    let told = fs::read_to_string(worktree(1).join("told")).unwrap();
    let told: Vec<&str> = told.lines().collect();
    assert_eq!((told.len(), told[0]), (2, "Count the ticks."), "what the first run made is there");
    assert!(told[1].starts_with("Count the ticks. ") && told[1].ends_with("dependency, please"));
    monban.approve(&id).expect(0);
    monban.until(&id, "landing", |task| task["state"] == "done");
    assert_eq!(monban.git(&["show", "main:told"]).lines().count(), 2);
}

#[test]
fn an_abort_leaves_no_process() {
    let monban = Instance::new();
    let script = "(trap '' TERM HUP INT; sleep 1000) & setsid sh -c 'sleep 1000 & sleep 1000' & \
                  permission 'go on'";
    let id = monban.add("Fork", script);
    monban.run(&id).expect(4);
    let sleeping = || monban.processes().iter().filter(|(_, c)| c.contains("sleep 1000")).count();
    // What runs in the background may be a moment behind.
    monban.until(&id, "the background", |_| sleeping() >= 3);
    monban.monban(&["abort", &id]).expect(0);
    let task = monban.until(&id, "the end", |task| task["state"] == "stopped");
    assert_eq!(task["attempts"][0]["ended"]["tree_empty"], true, "{task:#}");
    assert_eq!(sleeping(), 0, "{:?}", monban.processes());
    // And how that is known stands in the log and is shown, where the system can tell at all.
    let known = text(&task["attempts"][0]["ended"]["known_by"]);
    assert_eq!(known, "the holder adopts orphans and has no child left");
    assert!(monban.monban(&["events"]).expect(0).out.contains(&known));
    let shown = monban.monban(&["show", &id]).expect(0).out;
    assert!(shown.contains(&format!("processes  none is left: {known}")), "{shown}");
}

#[test]
fn a_killed_daemon_costs_the_agent_nothing() {
    let monban = Instance::new();
    let id = monban.add("Long", "permission 'start'; echo done > done.txt");
    monban.run(&id).expect(4);
    let screen = monban.monban(&["screen", &id]).expect(0).out;
    let events = monban.events().len();
    monban.kill(monban.daemon());
    // The next command starts a daemon that adopts the holder: same screen, same states, same
    // history.
    assert_eq!(monban.monban(&["screen", &id]).expect(0).out, screen);
    assert_eq!(monban.task(&id)["waits_for"][0], "permission");
    assert!(monban.events().len() >= events);
    monban.monban(&["verify"]).expect(0);
    monban.monban(&["send", &id, "--keys", "y", "enter"]).expect(0);
    monban.until(&id, "the approval", |task| task["waits_for"][0] == "approval");
    monban.approve(&id).expect(0);
    monban.until(&id, "landing", |task| task["state"] == "done");
    assert_eq!(monban.git(&["show", "main:done.txt"]), "done");
}

#[test]
fn a_killed_holder_ends_the_run_honestly_and_leaves_nothing() {
    let monban = Instance::new();
    let id = monban.add("Lost", "sleep 1000 & permission 'start'");
    monban.run(&id).expect(4);
    let holder = monban.processes().into_iter().find(|(_, c)| c.contains(" hold "));
    monban.kill(holder.unwrap().0);
    let task = monban.until(&id, "the failure", |task| task["state"] == "failed");
    let how = text(&task["attempts"][0]["ended"]["how"]);
    assert!(how.contains("exit status unknown"), "{how}");
    assert!(task["status"]["state"] == "exited", "never a ghost: {task:#}");
    let left: Vec<_> =
        monban.processes().into_iter().filter(|(_, c)| c.contains("sleep")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn nothing_starts_while_nobody_is_there() {
    let monban = Instance::new();
    monban.configure(&format!(
        "max_agents = 1\n{}",
        fs::read_to_string(monban.home.join("config.toml")).unwrap()
    ));
    let first = monban.add("First", "echo a > a.txt");
    let second = monban.add("Second", "echo b > b.txt");
    let gate = monban.gate();
    // This command vouches for what it directly starts, and ends: the second has no room yet.
    monban.monban(&["run", &first, &second, "--trust", &gate]).expect(0);
    monban.until(&first, "the first result", |task| task["state"] == "waiting");
    monban.approve(&first).expect(0);
    monban.until(&first, "landing", |task| task["state"] == "done");
    let held = monban.until(&second, "the hold", |task| task["repository"]["held"].is_string());
    assert_eq!(held["state"], "queued");
    monban.monban(&["resume"]).expect(0);
    monban.until(&second, "the second result", |task| task["state"] == "waiting");
}

#[test]
fn two_daemons_never_share_one_state() {
    let monban = Instance::new();
    monban.monban(&["ls"]).expect(0);
    let first = monban.daemon();
    let second = monban.monban(&["daemon", "start", "--foreground"]).expect(3);
    assert!(second.err.contains("daemon"), "{}", second.err);
    assert_eq!(monban.daemon(), first, "the first still serves");
}

#[test]
fn pause_stands_still_and_resume_goes_on() {
    let monban = Instance::new();
    let id = monban.add("Pause", "permission 'start'; echo x > x.txt");
    monban.run(&id).expect(4);
    monban.monban(&["pause", &id]).expect(0);
    monban.until(&id, "the pause", |task| task["status"]["paused"] == true);
    monban.monban(&["send", &id, "--keys", "y", "enter"]).expect(0);
    monban.monban(&["resume", &id]).expect(0);
    monban.until(&id, "the result", |task| task["waits_for"][0] == "approval");
}

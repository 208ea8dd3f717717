//! Agents that are not there, cannot run, or die.

use crate::instance::Instance;
use crate::support::{add_for, agent, program, refused_whole};

#[test]
fn an_agent_nobody_knows_is_refused_with_those_that_are_known() {
    let monban = Instance::new();
    let add =
        ["task", "add", "--title", "T", "--kind", "fix", "--agent", "nobody", "--prompt", "x"];
    let words = ["no agent `nobody`", "script", "claude", "config.toml"];
    refused_whole(&monban, &add, 2, &words);
    let said = monban.monban(&add).err;
    assert!(!said.contains("command"), "it names no program: {said}");
}

#[test]
fn a_program_that_cannot_run_is_refused_before_anything_starts() {
    let monban = Instance::new();
    agent(&monban, "gone", "kind = \"command\"\nprogram = \"/nonexistent/agent\"");
    let plain = program(&monban, "plain", "#!/bin/sh\n", 0o644);
    agent(&monban, "plain", &format!("kind = \"command\"\nprogram = \"{plain}\""));
    let gate = monban.gate();
    for (name, words) in [
        ("gone", ["/nonexistent/agent", "[agents.gone]"]),
        ("plain", ["not an executable file", "[agents.plain]"]),
    ] {
        let id = add_for(&monban, name, "x");
        refused_whole(&monban, &["run", &id, "--trust", &gate], 3, &words);
        assert_eq!(monban.task(&id)["state"], "draft");
    }
}

#[test]
fn a_missing_interpreter_fails_the_task_with_the_reason() {
    let monban = Instance::new();
    let path = program(&monban, "odd", "#!/nonexistent/interpreter\n", 0o755);
    agent(&monban, "odd", &format!("kind = \"command\"\nprogram = \"{path}\""));
    let id = add_for(&monban, "odd", "x");
    let ran = monban.run(&id).expect(1);
    assert!(ran.err.contains("could not be started"), "{}", ran.err);
    assert!(ran.err.contains("interpreter"), "the interpreter is named: {}", ran.err);
    assert!(ran.err.contains("No such file"), "{}", ran.err);
    monban.until(&id, "the end", |task| task["state"] == "failed");
}

#[test]
fn an_agent_that_dies_at_once_fails_with_its_last_words() {
    let monban = Instance::new();
    let before = monban.base();
    let text = "#!/bin/sh\necho 'starting up'\necho 'no licence found'\nexit 3\n";
    let path = program(&monban, "dies", text, 0o755);
    agent(&monban, "dies", &format!("kind = \"command\"\nprogram = \"{path}\""));
    let id = add_for(&monban, "dies", "x");
    let ran = monban.run(&id).expect(1);
    assert!(ran.err.contains("exit status 3"), "{}", ran.err);
    assert!(ran.err.contains("no licence found"), "{}", ran.err);
    let task = monban.until(&id, "the end", |task| task["state"] == "failed");
    assert_eq!(task["attempts"][0]["ended"]["code"], 3);
    assert_eq!(monban.base(), before);
    assert!(monban.monban(&["screen", &id]).expect(0).out.contains("no licence found"));
    // A list that says why, on a line of its own, still says of what.
    let listed = monban.monban(&["ls"]).expect(0).out;
    assert!(listed.contains("  T\n      the agent ended before "), "{listed}");
}

#[test]
fn last_words_are_shown_escaped() {
    let monban = Instance::new();
    let text = "#!/bin/sh\nprintf 'a\\342\\200\\256b\\n'\nexit 3\n";
    let path = program(&monban, "dies", text, 0o755);
    agent(&monban, "dies", &format!("kind = \"command\"\nprogram = \"{path}\""));
    let id = add_for(&monban, "dies", "x");
    let ran = monban.run(&id).expect(1);
    assert!(!ran.err.contains('\u{202e}') && !ran.out.contains('\u{202e}'), "{}", ran.err);
    let screen = monban.monban(&["screen", &id]).expect(0).out;
    assert!(!screen.contains('\u{202e}'), "{screen}");
}

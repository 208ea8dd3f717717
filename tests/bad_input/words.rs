//! What a person types wrong: prompts, titles, ids, durations, keys.

use crate::instance::{Instance, Ran};
use crate::support::{everything, refused_whole};
use std::fs;
use std::io::Write;
use std::process::Stdio;

const ADD: [&str; 8] = ["task", "add", "--title", "T", "--kind", "fix", "--agent", "script"];

fn add_with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&ADD[..], more].concat()
}

/// `task add -` with a prompt on standard input.
fn piped(monban: &Instance, prompt: &[u8]) -> Ran {
    let mut command = monban.command(&add_with(&["-"]));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may stop reading at the limit: a broken pipe is its right.
    let _ = child.stdin.take().unwrap().write_all(prompt);
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status.code().unwrap(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn prompts_that_say_nothing_or_too_much_are_refused() {
    let monban = Instance::new();
    let file = monban.home.join("prompt");
    let path = file.display().to_string();
    for nothing in ["", "  \n\t "] {
        refused_whole(&monban, &add_with(&["--prompt", nothing]), 2, &["the prompt is empty"]);
        fs::write(&file, nothing).unwrap();
        refused_whole(&monban, &add_with(&["--prompt-file", &path]), 2, &["prompt is empty"]);
        assert!(piped(&monban, nothing.as_bytes()).expect(2).err.contains("prompt is empty"));
    }
    let long = "é".repeat(1 << 19);
    fs::write(&file, &long).unwrap();
    let words = ["more than 262144 bytes", "file of the repository"];
    refused_whole(&monban, &add_with(&["--prompt-file", &path]), 2, &words);
    let before = everything(&monban);
    let ran = piped(&monban, long.as_bytes()).expect(2);
    assert!(ran.err.contains("standard input") && ran.err.contains(words[0]), "{}", ran.err);
    assert_eq!(everything(&monban), before);
    fs::write(&file, b"fix \xff it").unwrap();
    refused_whole(&monban, &add_with(&["--prompt-file", &path]), 2, &[&path, "not UTF-8"]);
    let gone = add_with(&["--prompt-file", "/nonexistent/prompt"]);
    refused_whole(&monban, &gone, 2, &["cannot read /nonexistent/prompt"]);
    refused_whole(&monban, &ADD, 2, &["exactly one prompt", "--prompt-file"]);
}

#[test]
fn the_longest_prompts_are_taken() {
    let monban = Instance::new();
    monban.monban(&add_with(&["--prompt", &"x".repeat(100_000)])).expect(0);
    // Every byte of these becomes six in JSON.
    piped(&monban, &[b"x".as_slice(), &[1; 262_143]].concat()).expect(0);
}

#[test]
fn titles_have_a_bound_and_are_shown_escaped() {
    let monban = Instance::new();
    let add = |title: &str| {
        ["task", "add", "--title", title, "--kind", "fix", "--agent", "script", "--prompt", "x"]
            .map(str::to_string)
    };
    for title in ["", " ", &"t".repeat(301)] {
        let args = add(title);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        refused_whole(&monban, &args, 2, &["1 to 300 bytes", "--title"]);
    }
    let args = add("\u{1b}[2Jevil\u{202e}");
    monban.monban(&args.each_ref().map(String::as_str)).expect(0);
    let listed = monban.monban(&["ls"]).expect(0).out;
    assert!(listed.contains("\\u{1b}[2Jevil\\u{202e}"), "{listed}");
}

#[test]
fn a_task_nobody_wrote_down_is_unknown_to_every_command() {
    let monban = Instance::new();
    monban.add("T", "x");
    let gate = monban.gate();
    let commands: [&[&str]; 17] = [
        &["show", "99"],
        &["diff", "99"],
        &["gates", "99"],
        &["gates", "99", "--rerun"],
        &["screen", "99"],
        &["replay", "99"],
        &["send", "99", "hello"],
        &["send", "99", "hello", "--submit"],
        &["send", "99", "--keys", "enter"],
        &["abort", "99"],
        &["pause", "99"],
        &["resume", "99"],
        &["rollback", "99"],
        &["task", "edit", "99", "--title", "x"],
        &["task", "rm", "99"],
        &["task", "retry", "99", "--trust", &gate],
        &["run", "99", "--trust", &gate],
    ];
    monban.monban(&["run", "1", "--trust", &gate]).expect(0);
    monban.until("1", "the question", |task| task["needs_you"] == true);
    for command in commands {
        refused_whole(&monban, command, 2, &["there is no task 99", "monban ls"]);
    }
}

#[test]
fn other_wrong_ids_are_refused_by_name() {
    let monban = Instance::new();
    let id = monban.add("T", "permission 'x'");
    monban.run(&id).expect(4);
    let cases: [(&[&str], &[&str]); 9] = [
        (&["approve", "99", "--bind", "x"], &["there is no task 99"]),
        (&["approve", "item99", "--bind", "x"], &["nothing waits as item99"]),
        (&["reject", "item99", "--reason", "x"], &["nothing waits as item99"]),
        (&["approve", "what", "--bind", "x"], &["`what`", "item3"]),
        (&["rollback", "--undo", "op99"], &["op99"]),
        (&["rollback", &id, "--to", "cp99"], &["no checkpoint cp99", "monban show"]),
        (&["rollback", &id, "--to", "first"], &["`first` is not a checkpoint"]),
        (&["send", &id, "--keys", "florp"], &["florp", "ctrl-c"]),
        (&["run", &id, "--attend", "soon"], &["soon", "30m"]),
    ];
    for (args, words) in cases {
        refused_whole(&monban, args, 2, words);
    }
    let far = refused_whole(&monban, &["run", &id, "--attend", "13h"], 2, &["12 hours", "A-007"]);
    assert!(!far.is_empty());
    // What the parser of the command line refuses has the same status.
    for args in [&["show", "one"][..], &["florp"], &["show"], &["rollback", "--undo", "x"]] {
        let before = everything(&monban);
        assert!(monban.monban(args).expect(2).err.starts_with("error: "), "{args:?}");
        assert_eq!(everything(&monban), before);
    }
}

#[test]
fn tasks_cannot_wait_for_what_is_not_there_or_for_themselves() {
    let monban = Instance::new();
    let after = add_with(&["--prompt", "x", "--after", "99"]);
    refused_whole(&monban, &after, 2, &["`after` names task 99"]);
    let first = monban.add("A", "x");
    monban.monban(&add_with(&["--prompt", "x", "--after", &first])).expect(0);
    let circle = ["task", "edit", &first, "--after", "2"];
    refused_whole(&monban, &circle, 2, &["would come after itself"]);
    refused_whole(&monban, &["task", "edit", &first], 2, &["nothing is to change"]);
    refused_whole(&monban, &["task", "rm", &first], 1, &["task 2 comes after task 1"]);
}

#[test]
fn a_task_under_way_can_be_waited_for_again() {
    let monban = Instance::new();
    let id = monban.add("T", "permission 'x'; echo x > x");
    monban.run(&id).expect(4);
    let again = monban.monban(&["run", &id, "--wait"]).expect(4);
    assert!(again.err.contains("permission"), "{}", again.err);
    monban.monban(&["send", &id, "--keys", "y", "enter"]).expect(0);
    // Until it has the answer it may still be seen asking.
    monban.until(&id, "the answer", |task| task["waits_for"][0] != "permission");
    let ended = monban.monban(&["run", &id, "--wait"]).expect(4);
    assert!(ended.err.contains("approval"), "{}", ended.err);
    refused_whole(&monban, &["run", &id], 1, &["already"]);
}

#[test]
fn nobody_vouches_for_a_task_that_is_not_there() {
    let monban = Instance::new();
    monban.add("T", "x");
    refused_whole(&monban, &["run", "99", "--attend", "30m"], 2, &["there is no task 99"]);
    let vouched = monban.events().into_iter().filter(|kind| kind.contains("vouched")).count();
    assert_eq!(vouched, 0);
}

#[test]
fn a_task_named_twice_runs_once() {
    let monban = Instance::new();
    let id = monban.add("T", "echo x > x");
    let gate = monban.gate();
    monban.monban(&["run", &id, &id, "--wait", "--trust", &gate]).expect(4);
    let queued = monban.events().into_iter().filter(|kind| kind == "task.queued").count();
    assert_eq!(queued, 1);
}

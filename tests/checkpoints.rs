//! What can be returned to before a run starts and before a prompt is typed, and the limit on the
//! time of work while an agent works: through the daemon, with a scripted agent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code)]
#[path = "support/desk.rs"]
mod desk;
#[allow(dead_code)]
#[path = "support/instance.rs"]
mod instance;
#[allow(dead_code)]
#[path = "support/people.rs"]
mod people;

use desk::{Desk, run, until_state, until_waits};
use instance::Instance;
use monban::base::id::TaskId;
use monban::wire::people::{Ask, PlanAsk, ShowAsk, TaskAsk};
use people::{Person, add};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// Work of every sort: bytes, a mode, a link, a folder; the file that the base has is gone.
const WORK: &str = "printf 'a\\000b\\377' > bytes; printf '#!/bin/sh\\n' > tool; chmod 755 tool; \
    ln -s tool link; mkdir -p deep/er; echo x > deep/er/file; rm plain";
const OTHER_WORK: &str = "rm -r deep link; echo other > bytes; chmod 644 tool; echo new > plain";

/// A desk whose base has a file more.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.instance.write("plain", "plain\n");
    desk.instance.commit("a file");
    desk
}

/// Every path of the worktree with what is there; what is monban's own aside.
fn files(worktree: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    let mut open = vec![worktree.to_path_buf()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).unwrap().map(Result::unwrap) {
            let (path, metadata) = (entry.path(), entry.metadata().unwrap());
            let name = path.strip_prefix(worktree).unwrap().display().to_string();
            if name == ".git" || name == ".monban" {
                continue;
            }
            let bytes = match () {
                () if metadata.is_dir() => {
                    open.push(path);
                    Vec::new()
                }
                () if metadata.is_symlink() => {
                    fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
                }
                () => fs::read(&path).unwrap(),
            };
            let mode = if metadata.is_file() { metadata.permissions().mode() & 0o111 } else { 0 };
            all.insert(name, (mode, bytes));
        }
    }
    all
}

fn worktree(task: &Value) -> std::path::PathBuf {
    task["worktree"].as_str().unwrap().into()
}

/// What the checkpoints of the last attempt are there for, the base first.
fn before(task: &Value) -> Value {
    let attempt = task["attempts"].as_array().unwrap().last().unwrap();
    let checkpoints = attempt["checkpoints"].as_array().unwrap();
    let words = checkpoints.iter().map(|checkpoint| &checkpoint["before"]);
    [&attempt["base_before"]].into_iter().chain(words).cloned().collect()
}

fn say(person: &mut Person, id: TaskId, text: &str) {
    person.ask(Ask::Task(id, TaskAsk::Say { text: text.into() })).unwrap();
}

fn answer(person: &mut Person, id: TaskId) {
    person.ask(Ask::Task(id, TaskAsk::Keys { keys: vec!["y".into(), "enter".into()] })).unwrap();
}

/// Rolls back to the checkpoint and gives what is in the worktree then.
fn rolled_back(person: &mut Person, id: TaskId, to: u32) -> BTreeMap<String, (u32, Vec<u8>)> {
    let back = TaskAsk::RollBack { checkpoint: Some(to), commit: None };
    person.ask(Ask::Task(id, back)).unwrap();
    files(&worktree(&until_state(person, id, "stopped")))
}

#[test]
fn a_rollback_to_the_checkpoint_before_a_prompt_restores_exactly_the_bytes() {
    let desk = desk();
    let mut ann = desk.person("ann");
    let id = add(&mut ann, "T", &format!("{WORK}; permission go"));
    run(&mut ann, &[id]);
    let task = until_waits(&mut ann, id, "permission");
    let made = files(&worktree(&task));
    assert!(!made.contains_key("plain") && made["tool"].0 == 0o111, "{made:?}");
    say(&mut ann, id, OTHER_WORK);
    assert_eq!(before(&ann.show(ShowAsk::Task(id))).as_array().unwrap().len(), 1, "not ready yet");
    answer(&mut ann, id);
    let task = until_waits(&mut ann, id, "approval");
    let expected =
        json!([["before run 1", "before prompt 1"], ["before prompt 2"], ["after turn"]]);
    assert_eq!(before(&task), expected);
    assert_eq!(task["attempts"][0]["gates"].as_array().unwrap().len(), 1, "it judges nothing");
    assert_eq!(task["attempts"][0]["gates"][0]["snapshot"], 2);
    assert_ne!(files(&worktree(&task)), made);
    let shown = desk.instance.monban(&["show", &id.to_string()]).expect(0).out;
    assert!(shown.contains("before run 1, before prompt 1"), "{shown}");
    assert!(shown.contains("cp1") && shown.contains("before prompt 2"), "{shown}");
    assert_eq!(rolled_back(&mut ann, id, 1), made);
}

#[test]
fn a_reason_is_typed_with_the_checkpoint_of_the_turn_that_it_is_about() {
    let desk = desk();
    let mut ann = desk.person("ann");
    let id = add(&mut ann, "T", "echo one > a");
    run(&mut ann, &[id]);
    until_waits(&mut ann, id, "approval");
    desk.instance.monban(&["reject", &id.to_string(), "--reason", "echo two > a"]).expect(0);
    let task = ann.until(&ShowAsk::Task(id), |task| {
        let gates = task["attempts"][0]["gates"].as_array()?.len();
        (gates == 2 && task["waits_for"][0] == "approval").then(|| task.clone())
    });
    let expected = json!([
        ["before run 1", "before prompt 1"],
        ["after turn", "before prompt 2"],
        ["after turn"]
    ]);
    assert_eq!(before(&task), expected);
}

/// A file that no snapshot takes.
const TOO_LARGE: &str = "truncate -s 300M large";

#[test]
fn a_prompt_is_not_typed_as_long_as_nothing_can_be_kept() {
    let desk = desk();
    let mut ann = desk.person("ann");
    let id = add(&mut ann, "T", &format!("{TOO_LARGE}; permission go"));
    run(&mut ann, &[id]);
    let task = until_waits(&mut ann, id, "permission");
    say(&mut ann, id, "echo two > a");
    answer(&mut ann, id);
    let told = until_waits(&mut ann, id, "trouble");
    let note = told["inbox"][0]["note"].as_str().unwrap();
    assert!(note.contains("no checkpoint could be taken before prompt 2"), "{note}");
    assert!(note.contains("large") && note.contains("monban send"), "{note}");
    assert_eq!(told["attempts"][0]["prompts"][1]["delivery"], "wanted");
    fs::remove_file(worktree(&task).join("large")).unwrap();
    say(&mut ann, id, "echo three > b");
    let task = until_waits(&mut ann, id, "approval");
    let there = files(&worktree(&task));
    assert!(there.contains_key("a") && there.contains_key("b"), "both were typed: {there:?}");
}

/// An agent that names its conversation and can go on with it.
fn resumable() -> Instance {
    let instance = Instance::new();
    let config = fs::read_to_string(instance.home.join("config.toml")).unwrap();
    let kind = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/agents/command.toml"),
    );
    let kind = kind.unwrap().replace("name = \"command\"", "name = \"talker\"");
    let kind = kind.replace("program = \"\"", "program = \"\"\nresume = [\"{session}\"]");
    fs::create_dir_all(instance.home.join("agents")).unwrap();
    fs::write(instance.home.join("agents/talker.toml"), kind).unwrap();
    instance.configure(&config.replace("kind = \"command\"", "kind = \"talker\""));
    instance
}

const NAMES_ITSELF: &str = "echo '{\"hook_event_name\": \"Stop\", \"session_id\": \"talk-1\"}' | \
    \"$MONBAN_PROGRAM\" hook claude";

/// A stopped task with work in its worktree, whose conversation can be resumed; its id.
fn interrupted(monban: &Instance) -> String {
    let id = monban.add("T", &format!("{WORK}; {NAMES_ITSELF}; permission go"));
    let gate = monban.gate();
    monban.monban(&["run", &id, "--trust", &gate]).expect(0);
    monban.until(&id, "a conversation", |task| task["attempts"][0]["session"] == "talk-1");
    monban.until(&id, "a question", |task| task["waits_for"][0] == "permission");
    monban.monban(&["abort", &id]).expect(0);
    monban.until(&id, "its end", |task| task["state"] == "stopped");
    id
}

#[test]
fn a_resumed_run_can_be_taken_back_to_what_it_found() {
    let monban = resumable();
    monban.write("plain", "plain\n");
    monban.commit("a file");
    let id = interrupted(&monban);
    let found = files(&worktree(&monban.task(&id)));
    monban.monban(&["task", "retry", &id, "--resume"]).expect(0);
    // Its first prompt is that it was interrupted, which is no command: its turn ends.
    let ready = |task: &Value| task["attempts"][1]["prompts"][0]["delivery"] == "delivered";
    let task = monban.until(&id, "the first prompt", ready);
    let expected = json!([[], ["before run 2", "before prompt 1"]]);
    let first_two: Value = before(&task).as_array().unwrap()[..2].iter().cloned().collect();
    assert_eq!(first_two, expected);
    monban.monban(&["abort", &id]).expect(0);
    monban.until(&id, "its end", |task| task["state"] == "stopped");
    fs::write(worktree(&task).join("bytes"), "spoilt").unwrap();
    monban.monban(&["rollback", &id, "--to", "cp1"]).expect(0);
    let task = monban.until(&id, "the rollback", |task| {
        task["state"] == "stopped" && task["attempts"][1]["rollbacks"][0]["can_undo"] == true
    });
    assert_eq!(files(&worktree(&task)), found);
}

/// How often somebody asks until a daemon that is to die does.
const ASKS_MAX: usize = 1000;

/// The daemon dies just before the checkpoint of a run is on record, and just after.
#[test]
fn a_crash_between_the_checkpoint_and_the_run_repeats_neither() {
    let begins = |monban: &Instance, when: &str| {
        let id = interrupted(monban);
        monban.monban(&["daemon", "stop"]).expect(0);
        let known = monban.events().len();
        monban.monban(&["daemon", "stop"]).expect(0);
        let mut command = monban.command(&["task", "retry", &id, "--resume"]);
        command.env("MONBAN_FAULT_AT", format!("{when} run.checkpoint"));
        command.env("MONBAN_FAULT_DO", "touch $MONBAN_HOME/fired; kill -9 $PPID");
        command.output().unwrap();
        // Whoever asks at that moment loses the connection.
        let fired = || monban.home.join("fired").exists();
        let asks = (0..ASKS_MAX).take_while(|_| !fired());
        asks.for_each(|_| _ = monban.monban(&["show", &id]));
        monban.monban(&["show", &id]);
        let told = |task: &Value| task["attempts"][1]["prompts"][0]["delivery"] == "delivered";
        monban.until(&id, "the first prompt", told);
        (known, monban.task(&id))
    };
    for when in ["before", "after"] {
        let monban = resumable();
        let (known, task) = begins(&monban, when);
        assert!(monban.home.join("fired").exists(), "{when}: it never died");
        let since = &monban.events()[known..];
        let count = |kind: &str| since.iter().filter(|other| *other == kind).count();
        assert_eq!((count("run.wanted"), count("run.started")), (1, 1), "{when}: {since:?}");
        let attempt = &task["attempts"][1];
        assert_eq!(attempt["checkpoints"][0]["before"][0], "before run 2", "{when}: {task:#}");
        let kept = since.iter().position(|kind| kind == "run.checkpoint");
        let started = since.iter().position(|kind| kind == "run.started");
        assert!(kept < started, "{when}: {since:?}");
    }
}

/// A gate that judges the limits, of which a turn may take a minute.
fn a_minute() -> Desk {
    let desk = Desk::new();
    let config = instance::CONFIG.replace("[\"test\"]", "[\"limits\", \"test\"]");
    desk.instance.write("monban.toml", &format!("{config}[limits]\nseconds = 60\n"));
    desk.instance.commit("limits");
    desk
}

fn at_work(person: &mut Person, script: &str) -> TaskId {
    let id = add(person, "T", script);
    run(person, &[id]);
    person.until(&ShowAsk::Task(id), |task| {
        let delivered = task["attempts"][0]["prompts"][0]["delivery"] == "delivered";
        (delivered && task["status"]["state"] == "working").then_some(())
    });
    id
}

#[test]
fn an_agent_that_works_for_too_long_is_stopped_in_the_middle_of_its_turn() {
    let desk = a_minute();
    let mut ann = desk.person("ann");
    let id = at_work(&mut ann, "echo made > a; sleep 1000");
    desk.daemon.clock.advance(Duration::from_millis(60_999));
    assert_eq!(ann.show(ShowAsk::Task(id))["state"], "running", "exactly at a limit is no breach");
    desk.daemon.clock.advance(Duration::from_millis(1));
    let task = until_state(&mut ann, id, "failed");
    let why = "limits failed: limits/seconds 61 s of 60 s: over the limit that monban.toml sets; \
               its agent was stopped in the middle of its turn";
    assert_eq!(task["failure"], why);
    assert_eq!(task["repository"]["halted"]["cause"], why);
    assert!(task["attempts"][0]["ended"]["tree_empty"] == true, "{task:#}");
    let list = ann.show(ShowAsk::List { all: false });
    assert_eq!(
        list["tasks"][0]["verdicts"],
        json!([{ "check": "limits", "outcome": "fail" }]),
        "{list:#}"
    );
    let gates = desk.instance.monban(&["gates", &id.to_string()]).expect(0).out;
    for word in ["in the middle of a turn", "fail", "limits/seconds", "61 s of 60 s"] {
        assert!(gates.contains(word), "{word}: {gates}");
    }
    let events = desk.instance.monban(&["events"]).expect(0).out;
    assert!(events.contains("\"breach\":\"seconds\""), "{events}");

    // What is brought back and judged since is the last word.
    let op = task["attempts"][0]["rollbacks"][0]["op"].as_str().unwrap().to_string();
    desk.instance.monban(&["rollback", "--undo", &op]).expect(0);
    ann.until(&ShowAsk::Task(id), |task| {
        (task["attempts"][0]["rollbacks"][0]["progress"] == "undone").then_some(())
    });
    ann.ask(Ask::Plan(PlanAsk::Resume)).unwrap();
    desk.daemon.clock.advance(Duration::from_secs(1));
    ann.ask(Ask::Task(id, TaskAsk::Judge)).unwrap();
    ann.until(&ShowAsk::Task(id), |task| {
        (task["attempts"][0]["gates"][0]["verdicts"].is_array()).then_some(())
    });
    let gates = desk.instance.monban(&["gates", &id.to_string()]).expect(0).out;
    assert!(gates.contains("on tree") && !gates.contains("in the middle"), "{gates}");
}

#[test]
fn waiting_for_a_person_does_not_count_and_a_later_daemon_keeps_the_limit() {
    let mut desk = a_minute();
    let mut ann = desk.person("ann");
    let id = at_work(&mut ann, "until test -e go; do sleep 0.1; done; permission on; sleep 1000");
    desk.daemon.clock.advance(Duration::from_secs(40));
    fs::write(worktree(&ann.show(ShowAsk::Task(id))).join("go"), "").unwrap();
    until_waits(&mut ann, id, "permission");
    desk.daemon.clock.advance(Duration::from_secs(3600));
    answer(&mut ann, id);
    ann.until(&ShowAsk::Task(id), |task| (task["status"]["state"] == "working").then_some(()));
    desk.daemon.clock.advance(Duration::from_secs(20));
    assert_eq!(ann.show(ShowAsk::Task(id))["state"], "running");
    desk.daemon.stop();
    // Nobody looked meanwhile, nor since the last record: that does not count.
    desk.daemon.clock.advance(Duration::from_secs(3600));
    desk.begin_again();
    let mut ann = desk.person("ann");
    assert_eq!(ann.show(ShowAsk::Task(id))["state"], "running");
    desk.daemon.clock.advance(Duration::from_secs(21));
    let task = until_state(&mut ann, id, "failed");
    assert!(task["failure"].as_str().unwrap().contains("61 s of 60 s"), "{task:#}");
    ann.ask(Ask::Plan(PlanAsk::Resume)).unwrap();
}

/// As at the end of a turn: where the gate does not judge the limits, nobody is stopped for them.
#[test]
fn a_gate_without_the_check_of_the_limits_stops_nobody() {
    let desk = Desk::new();
    let mut ann = desk.person("ann");
    let id = at_work(&mut ann, "sleep 1000");
    desk.daemon.clock.advance(Duration::from_secs(100_000));
    say(&mut ann, id, "x");
    assert_eq!(ann.show(ShowAsk::Task(id))["state"], "running");
    ann.ask(Ask::Task(id, TaskAsk::Abort)).unwrap();
    until_state(&mut ann, id, "stopped");
}

//! What a new user stumbled over: agents that leave, prompts that wait, work that was taken back,
//! and words that said less than what had happened.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code)]
#[path = "support/instance.rs"]
mod instance;

use instance::Instance;
use serde_json::Value;
use std::fs;
use std::process::Stdio;

fn waits_for_approval(task: &Value) -> bool {
    task["waits_for"][0] == "approval"
}

#[test]
fn an_agent_that_changed_nothing_and_left_halts_nothing() {
    let monban = Instance::new();
    let id = monban.add("Nothing", "report done; sleep 0.2; exit 0");
    let ran = monban.run(&id).expect(4);
    assert!(ran.err.contains("nothing-changed"), "{}", ran.err);
    monban.until(&id, "the agent's end", |task| task["status"]["state"] == "exited");
    let task = monban.task(&id);
    assert_eq!(
        (&task["state"], &task["waits_for"][0]),
        (&"waiting".into(), &"nothing-changed".into())
    );
    assert_eq!(task["repository"]["halted"], Value::Null);
    // However it left, the inbox names what can be done.
    let id = monban.add("Nothing", "report done; sleep 0.2; exit 1");
    monban.run(&id).expect(4);
    monban.until(&id, "the agent's end", |task| task["state"] == "waiting");
    let inbox = monban.monban(&["inbox"]).expect(0).out;
    assert!(inbox.contains(&format!("monban task retry {id}")), "{inbox}");
    // An agent that says nothing of itself, and leaves.
    monban.configure("[agents.script]\nkind = \"command\"\nprogram = \"/bin/sh\"\n");
    let id = monban.add("Nothing", "exit 0");
    let ran = monban.run(&id);
    let events = monban.events();
    assert!(!events.contains(&"repo.halted".to_string()), "{} {events:?}", ran.err);
}

#[test]
fn a_prompt_for_a_busy_agent_is_said_to_wait_and_its_agent_may_leave() {
    let monban = Instance::new();
    let script = "echo x > x; permission go; exit 0";
    let id = monban.add("Busy", script);
    monban.run(&id).expect(4);
    let said = monban.monban(&["send", &id, "echo y > y", "--submit"]).expect(0).out;
    assert_eq!(said.trim(), "queued: it is typed when the agent's turn ends");
    let shown = monban.monban(&["show", &id]).expect(0).out;
    assert!(shown.contains("prompt 2 waits to be typed"), "{shown}");
    monban.monban(&["send", &id, "--keys", "n", "enter"]).expect(0);
    let task = monban.until(&id, "the result", waits_for_approval);
    assert_eq!(task["repository"]["halted"], Value::Null);
    let note = task["inbox"][0]["note"].as_str().unwrap();
    assert!(note.contains("prompt 2 never reached the agent"), "{note}");
    assert_eq!(task["attempts"][0]["prompts"][1]["delivery"], "missed");
}

#[test]
fn work_that_a_rollback_took_is_brought_back_judged_and_landed() {
    let monban = Instance::new();
    let id = monban.add("Add", "echo x > x");
    monban.run(&id).expect(4);
    monban.monban(&["rollback", &id]).expect(0);
    monban.until(&id, "the rollback", |task| task["state"] == "stopped");
    let nothing = monban.monban(&["rollback", &id]).expect(1).err;
    assert!(nothing.contains("returned there by op1 already"), "{nothing}");
    monban.monban(&["gates", &id, "--rerun"]).expect(1);
    monban.monban(&["rollback", "--undo", "op1"]).expect(0);
    monban
        .until(&id, "the undo", |task| task["attempts"][0]["rollbacks"][0]["progress"] == "undone");
    monban.monban(&["gates", &id, "--rerun"]).expect(0);
    monban.until(&id, "the verdict", waits_for_approval);
    monban.approve(&id).expect(0);
    assert_eq!(monban.git(&["show", "main:x"]), "x");
}

#[test]
fn the_worktree_comes_back_through_two_rollbacks() {
    let monban = Instance::new();
    let id = monban.add("Add", "echo x > x");
    monban.run(&id).expect(4);
    let tree = |monban: &Instance| {
        let task = monban.task(&id);
        std::path::PathBuf::from(task["worktree"].as_str().unwrap()).join("x").exists()
    };
    for (to, there) in [(Some("cp1"), true), (None, false)] {
        let args = ["rollback", &id].into_iter().chain(to.into_iter().flat_map(|cp| ["--to", cp]));
        monban.monban(&args.collect::<Vec<_>>()).expect(0);
        monban.until(&id, "the rollback", |task| task["state"] == "stopped");
        assert_eq!(tree(&monban), there);
    }
    for op in ["op2", "op1"] {
        monban.monban(&["rollback", "--undo", op]).expect(0);
        monban.until(&id, "the undo", |task| {
            let all = task["attempts"][0]["rollbacks"].as_array().unwrap();
            all.iter().any(|one| one["op"] == op && one["progress"] == "undone")
        });
        assert!(tree(&monban), "{op}");
    }
}

#[test]
fn a_wait_comes_back_after_the_daemon_was_killed() {
    let monban = Instance::new();
    let go = monban.home.join("go");
    let script = format!("until test -e {}; do sleep 0.1; done; echo x > x", go.display());
    let id = monban.add("Slow", &script);
    monban.monban(&["run", &id, "--trust", &monban.gate()]).expect(0);
    monban.until(&id, "the agent at work", |task| task["status"]["state"] == "working");
    monban.kill(monban.daemon());
    let mut waiting = monban.command(&["run", &id, "--wait"]);
    waiting.stdout(Stdio::piped()).stderr(Stdio::piped());
    let waiting = waiting.spawn().unwrap();
    monban.until(&id, "somebody there", |task| task["repository"]["attended_by"][0] == "dj");
    fs::write(&go, "").unwrap();
    Instance::ran(waiting.wait_with_output().unwrap()).expect(4);
}

#[test]
fn what_an_agent_goes_on_to_make_while_no_daemon_runs_is_judged_and_shown() {
    let monban = Instance::new();
    let go = monban.home.join("go");
    let more = format!("until test -e {}; do sleep 0.1; done; report working", go.display());
    let id = monban.add("Twice", &format!("echo x > x; report done; {more}; echo second > y"));
    monban.run(&id).expect(4);
    let before = monban.item(&id, "approval")["digest"].clone();
    monban.kill(monban.daemon());
    fs::write(&go, "").unwrap();
    let run = monban.home.join("state/runs/run1");
    let finished = || {
        let files = fs::read_dir(&run).unwrap().flatten();
        files
            .flat_map(|file| fs::read(file.path()))
            .any(|bytes| bytes.windows(8).any(|word| word == b"finished"))
    };
    while !finished() {
        std::thread::yield_now();
    }
    let judged = |_: &serde_json::Value| {
        monban.monban(&["gates", &id, "--json"]).json().as_array().is_some_and(|all| all.len() == 2)
    };
    monban.until(&id, "the second result", judged);
    monban.until(&id, "the approval", |task| task["waits_for"][0] == "approval");
    assert_ne!(monban.item(&id, "approval")["digest"], before);
    assert!(monban.monban(&["diff", &id]).expect(0).out.contains("second"));
}

#[test]
fn a_queued_task_says_what_it_waits_for() {
    let monban = Instance::new();
    let agents = fs::read_to_string(monban.home.join("config.toml")).unwrap();
    monban.configure(&format!("max_agents = 1\n{agents}"));
    let first = monban.add("First", "permission go");
    monban.run(&first).expect(4);
    let second = monban.add("Second", "echo x > x");
    let said = monban.monban(&["run", &second]).expect(0).out;
    assert!(said.contains("queued; waits for a place: 1 of 1 agents are there"), "{said}");
    let args = ["task", "add", "--title", "Third", "--kind", "fix", "--agent", "script"];
    let args = [&args[..], &["--prompt", "true", "--after", &second]].concat();
    let third = monban.monban(&args).expect(0).out.trim().to_string();
    monban.monban(&["run", &third]).expect(0);
    let behind = monban.task(&third)["queued_behind"].clone();
    assert_eq!(behind, format!("task {second}, which is queued").as_str());
    // The first one's place is free, and nobody is there.
    monban.monban(&["abort", &first]).expect(0);
    let behind = monban.until(&second, "the hold", |task| {
        task["queued_behind"].as_str().is_some_and(|what| what.contains("somebody"))
    });
    assert!(behind["repository"]["held"].is_string());
    let refused = monban.monban(&["run"]).expect(1).err;
    assert!(refused.contains("is held: task 2 would start"), "{refused}");
    assert!(refused.contains("monban resume"), "{refused}");
}

#[test]
fn a_program_that_came_into_path_later_is_told_how_to_be_found() {
    let monban = Instance::new();
    monban.configure("[agents.late]\nkind = \"command\"\nprogram = \"latecomer\"\n");
    let id = monban.add_for("late", "Late", "true");
    let refused = monban.run(&id).expect(3).err;
    assert!(refused.contains("the daemon was started with PATH="), "{refused}");
    assert!(refused.contains("monban daemon stop"), "{refused}");
}

#[test]
fn show_names_the_run_as_the_agent_sees_it() {
    let monban = Instance::new();
    let id = monban.add("Who", "echo $MONBAN_RUN > who");
    monban.run(&id).expect(4);
    let task = monban.task(&id);
    let worktree = std::path::PathBuf::from(task["worktree"].as_str().unwrap());
    let seen = fs::read_to_string(worktree.join("who")).unwrap();
    let entries = task["attempts"][0]["place"]["environment"]["entries"].as_array().unwrap();
    let shown = entries.iter().find(|entry| entry["name"] == "MONBAN_RUN").unwrap();
    assert_eq!(shown["shown"], seen.trim());
}

/// The agent goes on by itself while its gate runs: what it had made before is not its result.
#[test]
fn an_agent_that_goes_on_while_it_is_judged_is_judged_anew() {
    let monban = Instance::new();
    let go = monban.home.join("go");
    let gate = format!("until test -e {}; do sleep 0.1; done; grep -q yes ok", go.display());
    monban.write("monban.toml", &instance::CONFIG.replace("grep -q yes ok", &gate));
    monban.commit("a gate that waits");
    let more = monban.home.join("more");
    let script = format!(
        "echo 1 > x; report done; until test -e {}; do sleep 0.1; done; report working; \
         sleep 0.5; echo 2 > x",
        more.display()
    );
    let id = monban.add("Twice", &script);
    monban.monban(&["run", &id, "--trust", &monban.gate()]).expect(0);
    monban.until(&id, "the first gate", |task| task["attempts"][0]["gates"][0].is_object());
    fs::write(&more, "").unwrap();
    monban.until(&id, "the second gate", |task| task["attempts"][0]["gates"][1].is_object());
    fs::write(&go, "").unwrap();
    monban.until(&id, "the result", waits_for_approval);
    let gates = monban.monban(&["gates", &id, "--json"]).expect(0).json();
    assert_eq!((&gates[0]["given_up"], &gates[1]["given_up"]), (&true.into(), &false.into()));
    monban.approve(&id).expect(0);
    assert_eq!(monban.git(&["show", "main:x"]), "2");
}

/// A program that knows nothing of monban: what it asks is seen on its screen, and what is sent to
/// it is typed, since no end of a turn would ever be told.
#[test]
fn a_program_that_asks_on_its_screen_is_answered_and_sent_more() {
    let monban = Instance::new();
    let script = "read task; printf 'Overwrite it? [y/n] '; read yes; echo $yes > yes; \
                  echo thanks; read more; echo $more > more";
    let agent = format!(
        "[agents.mute]\nkind = \"command\"\nprogram = \"/bin/sh\"\nargs = [\"-c\", \"{script}\"]\n"
    );
    monban.configure(&agent);
    let id = monban.add_for("mute", "Ask me", "do it");
    monban.run(&id).expect(4);
    let task = monban.until(&id, "its question", |task| task["status"]["state"] == "blocked");
    assert_eq!(
        (&task["status"]["kind"], &task["waits_for"][0]),
        (&"question".into(), &"question".into())
    );
    monban.monban(&["send", &id, "--keys", "y", "enter"]).expect(0);
    monban.until(&id, "no question", |task| task["status"]["state"] == "unknown");
    let said = monban.monban(&["send", &id, "and the docs", "--submit"]).expect(0).out;
    assert!(said.contains("reports no turns"), "{said}");
    let task = monban.until(&id, "the result", waits_for_approval);
    assert_eq!(task["attempts"][0]["prompts"][1]["delivery"], "delivered");
    let diff = monban.monban(&["diff", &id]).expect(0).out;
    assert!(diff.contains("+y\n") && diff.contains("+and the docs"), "{diff}");
}

/// It is never quiet, and then it is gone.
#[test]
fn what_a_program_that_says_nothing_did_not_take_is_not_called_typed() {
    let monban = Instance::new();
    let script = "read task; echo x > x; for n in 1 2 3 4 5 6 7 8 9; do echo $n; sleep 0.5; done";
    let agent = format!(
        "[agents.mute]\nkind = \"command\"\nprogram = \"/bin/sh\"\nargs = [\"-c\", \"{script}\"]\n"
    );
    monban.configure(&agent);
    let id = monban.add_for("mute", "Count", "do it");
    monban.monban(&["run", &id, "--trust", &monban.gate()]).expect(0);
    monban.until(&id, "its prompt", |task| {
        task["attempts"][0]["prompts"][0]["delivery"] == "delivered"
    });
    let said = monban.monban(&["send", &id, "and the docs", "--submit"]).expect(1).err;
    assert!(said.contains("nothing was typed"), "{said}");
    let task = monban.until(&id, "the result", waits_for_approval);
    assert_eq!(task["attempts"][0]["prompts"][1]["delivery"], "missed");
}

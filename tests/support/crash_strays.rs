//! Agents that fork twice, leave their session, ignore signals and clear their environment; and
//! many daemons at once.

use super::instance::Instance;
use std::time::{Duration, Instant};

/// An instance with a task whose agent has left such processes behind and waits for permission.
fn with_strays() -> (Instance, String) {
    let monban = Instance::new();
    let stay = monban.home.join("stay").display().to_string();
    let script = format!(
        "cp \"$(command -v sleep)\" {stay}; \
         (trap '' TERM HUP INT; {stay} 1001 & (setsid {stay} 1002 &); (env -i setsid {stay} 1003 &); \
          setsid sh -c 'env -i {stay} 1004 & exec {stay} 1005' & ); \
         permission 'go on' && echo x > x.txt"
    );
    let id = monban.add("Stray", &script);
    monban.run(&id).expect(4);
    until("five strays", || strays(&monban).len() == 5);
    (monban, id)
}

fn strays(monban: &Instance) -> Vec<(i32, String)> {
    let mut found = monban.processes();
    found.retain(|(_, command)| command.contains("/stay 100"));
    found
}

fn until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(300), "never: {what}");
    }
}

#[test]
fn nothing_an_agent_left_behind_outlives_an_abort() {
    let (monban, id) = with_strays();
    monban.monban(&["abort", &id]).expect(0);
    let task = monban.until(&id, "the end", |task| task["state"] == "stopped");
    assert_eq!(task["attempts"][0]["ended"]["tree_empty"], true, "{task:#}");
    assert_eq!(strays(&monban), []);
}

#[test]
fn nothing_an_agent_left_behind_outlives_its_landing() {
    let (monban, id) = with_strays();
    monban.monban(&["send", &id, "--keys", "y", "enter"]).expect(0);
    monban.until(&id, "the approval", |task| task["waits_for"][0] == "approval");
    monban.approve(&id).expect(0);
    let ended = |task: &serde_json::Value| task["attempts"][0]["ended"].is_object();
    let task = monban.until(&id, "the end", |task| task["state"] == "done" && ended(task));
    assert_eq!(task["attempts"][0]["ended"]["tree_empty"], true, "{task:#}");
    assert_eq!(strays(&monban), []);
}

/// Without its holder a process that cleared its environment is known only by the holder's last
/// list; one that appeared after that list cannot be told from others, and the end says so.
#[test]
fn nothing_listed_outlives_a_holder_that_was_killed() {
    let (monban, id) = with_strays();
    let run = monban.home.join("state/runs/run1");
    let pids: Vec<String> =
        strays(&monban).iter().map(|(pid, _)| format!("\"pid\":{pid},")).collect();
    until("a list with all", || {
        let list = std::fs::read_to_string(run.join("processes.json")).unwrap_or_default();
        let list = list.replace(' ', "");
        pids.iter().all(|pid| list.contains(pid))
    });
    let holder = monban.processes().into_iter().find(|(_, c)| c.contains(" hold ")).unwrap();
    monban.kill(holder.0);
    let task = monban.until(&id, "the failure", |task| task["stage"]["is"] == "failed");
    assert_eq!(strays(&monban), []);
    let ended = &task["attempts"][0]["ended"];
    let how = ended["how"].as_str().unwrap();
    assert!(how.contains("exit status unknown") && how.contains("cannot be told from"), "{how}");
    assert_eq!(ended["tree_empty"], false, "that cannot be known");
}

/// The moment is the one after the abort is recorded and before its gate hears of it.
#[test]
fn a_gate_that_was_given_up_by_a_daemon_that_died_is_ended_by_the_next() {
    let monban = Instance::new();
    let stay = monban.home.join("stay").display().to_string();
    let test = format!("cp $(command -v sleep) {stay} && exec {stay} 1001");
    let config = format!("[verify]\ntest = \"{test}\"\n[gates]\nchecks = [\"test\"]\n");
    monban.write("monban.toml", &config);
    monban.commit("a gate without end");
    let id = monban.add("T", "echo x > x");
    monban.monban(&["run", &id, "--trust", &monban.gate()]).expect(0);
    until("the gate", || strays(&monban).len() == 1);
    monban.kill(monban.daemon());
    let mut begin = monban.command(&["ls"]);
    begin.env("MONBAN_FAULT_AT", "after task.aborted");
    begin.env("MONBAN_FAULT_DO", "kill -9 $PPID");
    Instance::ran(begin.output().unwrap()).expect(0);
    until("the gate is followed", || {
        let status = monban.monban(&["daemon", "status", "--json"]).expect(0).json();
        !status["checks"].as_array().unwrap().is_empty()
    });
    assert_eq!(strays(&monban).len(), 1, "a gate that is waited for goes on");
    assert_ne!(monban.monban(&["abort", &id]).status, 0, "the daemon did not die");
    assert_eq!(strays(&monban).len(), 1, "the gate heard of it");
    monban.until(&id, "the end", |task| task["state"] == "stopped");
    until("the end of the gate", || strays(&monban).is_empty());
}

#[test]
fn of_ten_daemons_at_once_one_serves_and_everybody_gets_an_answer() {
    let monban = Instance::new();
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| monban.monban(&["ls", "--json"]).expect(0));
        }
    });
    let daemon = monban.daemon();
    let daemons = || {
        let all = monban.processes().into_iter().filter(|(_, c)| c.contains("daemon start"));
        all.map(|(pid, _)| pid).collect::<Vec<_>>()
    };
    until("the others give way", || daemons() == [daemon]);
    let started = monban.events().iter().filter(|kind| *kind == "daemon.started").count();
    assert_eq!(started, 1, "one wrote");
    monban.monban(&["verify"]).expect(0);
}

//! Logins of runs in a whole instance: what goes in, what comes back, what stays behind, and that
//! one which only one run may hold is never in two.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use support::instance::Instance;
use support::kept;

const OLD: &str = r#"{"account": "me", "refresh": "r1", "at": 1}"#;
const NEW: &str = r#"{"account": "me", "refresh": "r2", "at": 2}"#;

const KEY_LOGIN: &str = r#"
[[logins]]
kind = "key"
variable = "KEPT_KEY"
"#;

/// An agent that is logged in by a file with a refresh token, as a subscription is.
fn subscribed() -> Instance {
    let mut monban = Instance::new();
    let person = kept::person(&mut monban);
    fs::write(person.join(".kept/login.json"), OLD).unwrap();
    let tables = [kept::FILE_LOGIN, "same = [\"/account\"]\n", KEY_LOGIN].concat();
    kept::write_kind(&monban, "/bin/sh", "resume = [\"{session}\"]", &tables);
    monban
}

fn persons(monban: &Instance) -> String {
    fs::read_to_string(monban.person.as_ref().unwrap().join(".kept/login.json")).unwrap()
}

fn copy(task: &serde_json::Value) -> PathBuf {
    let place = &task["attempts"][0]["place"];
    Path::new(place["home"].as_str().unwrap()).join(".kept/login.json")
}

#[test]
fn a_refreshed_login_comes_back_and_no_copy_stays_behind() {
    let monban = subscribed();
    let script = format!("echo x > x; echo '{NEW}' > \"$HOME/.kept/login.json\"; permission go");
    let id = monban.add_for("kept", "Refresh", &script);
    monban.run(&id).expect(4);
    let task = monban.task(&id);
    assert!(copy(&task).exists(), "the agent is logged in while it runs");
    monban.monban(&["abort", &id]).expect(0);
    let task = monban.until(&id, "the end", |task| task["state"] == "stopped");
    assert_eq!(persons(&monban).trim(), NEW);
    assert!(!copy(&task).exists(), "a copy of the login stays in the HOME of an ended run");
    assert!(copy(&task).parent().unwrap().is_dir(), "the rest of HOME stays");
}

#[test]
fn what_cannot_be_carried_back_is_kept_and_said() {
    let monban = subscribed();
    let other = r#"{"account": "thief", "refresh": "r2", "at": 2}"#;
    let script = format!("echo '{other}' > \"$HOME/.kept/login.json\"; permission go");
    let id = monban.add_for("kept", "Replace", &script);
    monban.run(&id).expect(4);
    monban.monban(&["abort", &id]).expect(0);
    let task = monban.until(&id, "the end", |task| task["state"] == "stopped");
    let how = task["attempts"][0]["ended"]["how"].as_str().unwrap();
    assert!(how.contains("not carried back") && how.contains("another account's"), "{how}");
    assert_eq!(persons(&monban), OLD);
    assert!(copy(&task).exists());
}

#[test]
fn a_login_is_in_one_run_at_a_time_whatever_is_configured_meanwhile() {
    let monban = subscribed();
    let config = |env: &str| monban.configure(&format!("[agents.kept]\nkind = \"kept\"\n{env}"));
    config("");
    let first = monban.add_for("kept", "First", "permission go");
    let second = monban.add_for("kept", "Second", "permission go");
    monban.run(&first).expect(4);
    // By this the first would use a key, but the copy of the login is in it all the same.
    let other = "[agents.other]\nkind = \"kept\"\n";
    config(&format!("env = {{ KEPT_KEY = \"k\" }}\n{other}"));
    monban.monban(&["task", "edit", &second, "--agent", "other"]).expect(0);
    monban.monban(&["run", &second]).expect(0);
    let waits = |task: &serde_json::Value| {
        task["status"]["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("waits for its login"))
    };
    let task = monban.until(&second, "the wait", waits);
    assert!(!copy(&task).exists(), "the login is in two runs");
    monban.monban(&["abort", &first]).expect(0);
    let task = monban.until(&second, "its turn", |task| task["waits_for"][0] == "permission");
    assert!(copy(&task).exists());
}

/// A run whose checkpoint fails starts only after a person's word: nobody waits for its login.
#[test]
fn a_run_that_waits_for_a_person_keeps_no_login_from_the_others() {
    let monban = subscribed();
    let named = "echo '{\"hook_event_name\": \"Stop\", \"session_id\": \"talk-1\"}' | \
                 \"$MONBAN_PROGRAM\" hook claude";
    let script = format!("truncate -s 300M large; {named}; permission go");
    let first = monban.add_for("kept", "First", &script);
    monban.run(&first).expect(4);
    monban.until(&first, "a conversation", |task| task["attempts"][0]["session"] == "talk-1");
    monban.monban(&["abort", &first]).expect(0);
    monban.until(&first, "the end", |task| task["state"] == "stopped");
    monban.monban(&["task", "retry", &first, "--resume"]).expect(0);
    monban.until(&first, "its trouble", |task| task["waits_for"][0] == "trouble");
    let second = monban.add_for("kept", "Second", "permission go");
    monban.monban(&["run", &second]).expect(0);
    let task = monban.until(&second, "its start", |task| task["waits_for"][0] == "permission");
    assert!(copy(&task).exists());
}

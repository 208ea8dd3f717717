//! The first commands in a repository: `init` and `doctor` with what they may find there.

use crate::instance::Instance;
use crate::support::{agent, program, refused};
use std::fs;
use std::process::Command;

#[test]
fn init_writes_what_it_found_and_never_overwrites() {
    let monban = Instance::new();
    fs::remove_file(monban.repository.join("monban.toml")).unwrap();
    monban.write("package.json", "{\"scripts\": {\"test\": \"bun test\"}}");
    // The older lock file of bun is no text.
    fs::write(monban.repository.join("bun.lockb"), b"#!/usr/bin/env bun\n\xff\x00\xfe").unwrap();
    let said = monban.monban(&["init"]).expect(0).out;
    let written = fs::read_to_string(monban.repository.join("monban.toml")).unwrap();
    assert!(written.contains("bun install --frozen-lockfile"), "{written}");
    assert!(said.contains(written.trim_end()) && said.contains("git add monban.toml"), "{said}");
    let words = ["is there already and is never overwritten", "move it away"];
    refused(monban.monban(&["init"]), 2, &words);
    assert_eq!(fs::read_to_string(monban.repository.join("monban.toml")).unwrap(), written);
}

#[test]
fn init_trusts_what_it_wrote_and_nothing_else() {
    let monban = Instance::new();
    let trusted =
        || monban.monban(&["plan", "check", "--json"]).expect(0).json()["trusted"].clone();
    fs::remove_file(monban.repository.join("monban.toml")).unwrap();
    monban.write("Makefile", "test:\n");
    // The base commit still has another one, which judges and which nobody was shown.
    let said = monban.monban(&["init"]).expect(0).out;
    assert!(said.contains("the monban.toml of the base commit judges"), "{said}");
    assert_eq!(trusted(), false);
    monban.git(&["rm", "-q", "--cached", "monban.toml"]);
    monban.git(&["commit", "-q", "-m", "without"]);
    fs::remove_file(monban.repository.join("monban.toml")).unwrap();
    monban.monban(&["init"]).expect(0);
    assert_eq!(trusted(), true);
}

#[test]
fn init_is_not_held_up_by_what_stands_where_a_file_would_be() {
    let monban = Instance::new();
    fs::remove_file(monban.repository.join("monban.toml")).unwrap();
    let pipe = monban.repository.join("Cargo.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let said = monban.monban(&["init"]).expect(0).out;
    assert!(said.contains("No test command was recognised"), "{said}");
}

#[test]
fn init_leaves_no_half_written_file() {
    let monban = Instance::new();
    monban.monban(&["ls"]).expect(0);
    fs::remove_file(monban.repository.join("monban.toml")).unwrap();
    // A limit on the size of files does what a full disk would.
    let mut limited = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_monban");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" init", program]);
    limited.current_dir(&monban.repository).env("MONBAN_HOME", &monban.home);
    let ran = Instance::ran(limited.env_remove("MONBAN_RUN").output().unwrap());
    refused(ran, 3, &["cannot write", "monban.toml"]);
    assert!(!monban.repository.join("monban.toml").exists());
}

#[test]
fn doctor_tells_each_thing_with_its_cure() {
    let mut monban = Instance::new();
    let person = monban.home.join("person");
    fs::create_dir(&person).unwrap();
    monban.person = Some(person);
    agent(&monban, "gone", "kind = \"command\"\nprogram = \"/nonexistent/agent\"");
    let rows = monban.monban(&["doctor", "--json"]).expect(0).json();
    let rows = rows.as_array().unwrap();
    let named = |name: &str| -> Vec<&serde_json::Value> {
        rows.iter().filter(|row| row["what"] == name).collect()
    };
    for what in
        ["git", "state", "disk", "clock", "config", "daemon", "terminal", "logout", "isolation"]
    {
        let [row] = named(what)[..] else { panic!("one {what} in {rows:#?}") };
        let verdict = row["verdict"].as_str().unwrap();
        assert!(["ok", "warn"].contains(&verdict), "{row}");
        assert!(verdict == "ok" || !row["cure"].as_str().unwrap().is_empty(), "{row}");
    }
    let agents = named("agent");
    let found = |words: &str| {
        let row = agents.iter().find(|row| row["found"].as_str().unwrap().contains(words));
        row.unwrap_or_else(|| panic!("no {words} in {agents:#?}"))["verdict"].clone()
    };
    assert_eq!(found("script: /bin/sh"), "ok");
    assert_eq!(found("/nonexistent/agent"), "warn");
    assert!(agents.iter().all(|row| !row["found"].as_str().unwrap().contains("; ")), "{agents:#?}");
    let text = monban.monban(&["doctor"]).expect(0).out;
    assert!(text.contains("warn  isolation"), "{text}");
}

#[test]
fn doctor_does_not_take_an_old_git_for_a_new_one() {
    let monban = Instance::new();
    let folder = monban.home.join("old");
    fs::create_dir(&folder).unwrap();
    program(&monban, "old/git", "#!/bin/sh\necho git version 2.20.1\n", 0o755);
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let ran = Instance::ran(monban.command(&["doctor"]).env("PATH", path).output().unwrap());
    refused(ran, 3, &["git version 2.20.1", "install git 2.40 or later"]);
}

#[test]
fn a_home_for_agents_that_no_run_could_have_is_told_with_its_place() {
    let monban = Instance::new();
    let good = fs::read_to_string(monban.home.join("config.toml")).unwrap();
    for home in ["./", "./home", "../home", "/home"] {
        monban.configure(&format!("{good}\n[isolation]\nhome = \"{home}\"\n"));
        refused(monban.monban(&["ls"]), 2, &["config.toml:7:8: isolation.home:"]);
        assert!(!monban.home.join("run/d.sock").exists(), "no daemon was started");
    }
}

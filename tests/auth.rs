//! `monban auth AGENT --login`: the agent's own login program in a person's terminal, with a
//! scripted one and with the real ones as far as they go without an account.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use support::instance::{Instance, write_program};
use support::kept;
use support::not_run::not_run;
use support::terminal::Terminal;
use support::tmux::{self, Tmux};
use support::wait_for;

const LONG: Duration = Duration::from_secs(300);
const TOKEN: &str = "tok-0123456789abcdefghijklmnopqrstuvwxyz";

/// The login program: says what it got, asks, and does what it was started for.
const LOGIN: &str = r#"#!/bin/sh
env | sort > "$HOME/environment"
case "$1" in
file) printf 'the code? '; read -r code; echo "got $code"
    echo "{\"account\": \"me\", \"refresh\": \"$code\", \"at\": 1}" > "${KEPT_HOME:-$HOME/.kept}/login.json" ;;
token) echo 'your token: tok-0123456789abcdefghijklmnopqrstuvwxyz' ;;
deaf) trap '' INT; stty raw -echo; printf 'deaf\r\n'; exec sleep 1000 ;;
esac
"#;

const TOKEN_LOGIN: &str = r#"
[[logins]]
kind = "token"
variable = "KEPT_TOKEN"
"#;

/// What logs it in.
const PROGRAMS: &str = r#"
[login_cure]
linux = "`monban auth {agent} --login`"
macos = "`monban auth {agent} --login`"
[[login_programs]]
name = "file"
title = "an account"
args = ["file"]
[[login_programs]]
name = "token"
title = "a token"
args = ["token"]
prints = { variable = "KEPT_TOKEN", pattern = '^tok-[0-9a-z]{36}$' }
[[login_programs]]
name = "deaf"
title = "deaf"
args = ["deaf"]
"#;

/// A person with an agent of the kind `kept`, who is not logged in.
struct Person {
    monban: Instance,
    home: PathBuf,
}

fn person() -> Person {
    let mut monban = Instance::new();
    let home = kept::person(&mut monban);
    let person = Person { monban, home };
    let program = person.home.join("kept");
    write_program(&program, LOGIN);
    person.kind(&program.display().to_string());
    person
}

impl Person {
    fn kind(&self, program: &str) {
        let tables = [TOKEN_LOGIN, kept::FILE_LOGIN, PROGRAMS].concat();
        kept::write_kind(&self.monban, program, "install = \"get kept\"", &tables);
    }

    fn environment(&self) -> BTreeMap<String, String> {
        [
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", self.home.display().to_string()),
            ("MONBAN_HOME", self.monban.home.display().to_string()),
            ("TERM", "xterm-256color".into()),
            ("MINE", "it is".into()),
            ("SHELL", "/bin/sh".into()),
        ]
        .map(|(name, value)| (name.to_string(), value))
        .into()
    }

    fn types(&self, args: &[&str]) -> Terminal {
        let program = Path::new(env!("CARGO_BIN_EXE_monban"));
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        Terminal::start(program, &args, &self.environment(), &self.monban.repository)
    }

    fn rows(&self) -> Vec<serde_json::Value> {
        let rows = self.monban.monban(&["auth", "kept", "--json"]).expect(0).json();
        rows.as_array().unwrap().clone()
    }
}

#[track_caller]
fn shows(terminal: &Terminal, text: &str) {
    let found = wait_for(LONG, || screen(terminal).contains(text).then_some(()));
    assert!(found.is_some(), "never saw `{text}`:\n{}", screen(terminal));
}

fn screen(terminal: &Terminal) -> String {
    terminal.rows().join("\n")
}

#[track_caller]
fn ends(terminal: &mut Terminal, status: u32) -> String {
    let ended = wait_for(LONG, || terminal.ended());
    assert_eq!(ended, Some(status), "{}", screen(terminal));
    // What it said last may still be on its way.
    let whole = wait_for(LONG, || {
        let text = screen(terminal);
        (text.contains("logged in for runs") || text.contains("monban: ")).then_some(text)
    });
    // Without the breaks of lines that are too long for the window.
    let words = whole.unwrap_or_else(|| screen(terminal));
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_missing_login_is_mended_by_the_agents_own_program() {
    let person = person();
    // The daemon was started by another shell, which names another folder.
    let elsewhere = person.home.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let started = person.monban.command(&["auth"]).env("KEPT_HOME", &elsewhere).output().unwrap();
    let said = Instance::ran(started).expect(0).out;
    assert!(said.contains("missing") && said.contains("`monban auth kept --login`"), "{said}");
    let ways = person.monban.monban(&["auth", "kept"]).expect(0).out;
    assert!(ways.contains("--login token  a token"), "{ways}");

    let mut terminal = person.types(&["auth", "kept", "--login"]);
    shows(&terminal, "the code?");
    terminal.write(b"r1\r");
    let text = ends(&mut terminal, 0);
    assert!(text.contains("kept is logged in for runs, by"), "{text}");
    assert!(text.contains("present") && text.contains("one run at a time"), "{text}");
    let login = fs::read_to_string(elsewhere.join("login.json")).unwrap();
    assert!(login.contains("\"r1\""), "{login}");
    let environment = fs::read_to_string(person.home.join("environment")).unwrap();
    let mut expected = person.environment();
    expected.insert("KEPT_HOME".into(), elsewhere.display().to_string());
    let got: BTreeMap<String, String> = environment
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .filter(|(name, _)| !matches!(name.as_str(), "PWD" | "_" | "SHLVL" | "OLDPWD"))
        .collect();
    assert_eq!(got, expected, "the rest of the environment is the person's");
}

#[test]
fn a_printed_token_is_kept_for_runs_and_never_shown() {
    let person = person();
    let mut terminal = person.types(&["auth", "kept", "--login", "token"]);
    shows(&terminal, "Paste the token");
    terminal.write(b"something else\r");
    shows(&terminal, "These 13 characters are not the token.");
    wait_for(LONG, || (screen(&terminal).matches("Paste the token").count() == 2).then_some(()));
    // As it is copied from a narrow window.
    let (first, second) = TOKEN.split_at(20);
    terminal.write(format!("{first}\r  {second}\r").as_bytes());
    let text = ends(&mut terminal, 0);
    assert!(text.contains("kept is logged in for runs, by token in KEPT_TOKEN"), "{text}");
    assert_eq!(text.matches(&TOKEN[..20]).count(), 1, "only the program showed it: {text}");
    let rows = person.rows();
    assert_eq!((&rows[0]["state"], &rows[0]["is_used"]), (&"present".into(), &true.into()));
    let kept = person.monban.home.join("state/logins.json");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);

    person.kind("/bin/sh");
    let id = person.monban.add_for("kept", "T", "printf %s \"$KEPT_TOKEN\" > t; permission go");
    person.monban.run(&id).expect(4);
    let task = person.monban.task(&id);
    let worktree = task["attempts"][0]["place"]["worktree"].as_str().unwrap();
    assert_eq!(fs::read_to_string(Path::new(worktree).join("t")).unwrap(), TOKEN);
    assert!(!person.monban.monban(&["show", &id]).expect(0).out.contains(TOKEN));
}

#[test]
fn whoever_gives_up_is_told_that_nothing_changed() {
    let person = person();
    let mut terminal = person.types(&["auth", "kept", "--login"]);
    shows(&terminal, "the code?");
    terminal.write(b"\x03");
    let text = ends(&mut terminal, 1);
    assert!(text.contains("nothing changed, and there is no login"), "{text}");
    let mut terminal = person.types(&["auth", "kept", "--login", "token"]);
    shows(&terminal, "Paste the token");
    terminal.write(b"\x03");
    let text = ends(&mut terminal, 1);
    assert!(text.contains("no token was given"), "{text}");
    fs::write(person.home.join(".kept/login.json"), "{\"refresh\": \"r\", \"at\": 1}").unwrap();
    let mut terminal = person.types(&["auth", "kept", "--login"]);
    shows(&terminal, "the code?");
    terminal.write(b"\x03");
    let text = ends(&mut terminal, 1);
    assert!(text.contains("the login is as it was"), "{text}");
}

#[test]
fn a_program_that_takes_no_end_is_stopped_and_the_terminal_is_in_order() {
    if let Some(reason) = tmux::is_missing() {
        not_run("a_program_that_takes_no_end_is_stopped_and_the_terminal_is_in_order", &reason);
        return;
    }
    let person = person();
    let tmux = Tmux::start(&person.monban, &[]);
    let window = tmux.window("deaf", 100, 30);
    let stty = window.stty();
    window.line(&format!("HOME={} monban auth kept --login deaf", person.home.display()));
    window.shows("deaf\n");
    let sleeper = wait_for(LONG, || {
        let all = person.monban.processes();
        all.iter().find(|(_, line)| line.starts_with("sleep 1000")).map(|(pid, _)| *pid)
    });
    // Its own terminal is raw, so what Ctrl-Z sends must be sent by it, as such programs do.
    let stop = rustix::process::Signal::TSTP;
    let pid = rustix::process::Pid::from_raw(sleeper.unwrap()).unwrap();
    rustix::process::kill_process(pid, stop).unwrap();
    window.shows("was given up");
    window.line("echo status $?");
    window.shows("status 1");
    assert_eq!(window.stty(), stty);
    assert!(rustix::process::test_kill_process(pid).is_err(), "it was left behind");
}

#[test]
fn it_is_refused_where_it_cannot_help() {
    let person = person();
    let run = |args: &[&str]| {
        let mut command = person.monban.command(args);
        Instance::ran(command.stdin(Stdio::null()).output().unwrap())
    };
    let said = run(&["auth", "kept", "--login"]).expect(3).err;
    assert!(said.contains("needs a terminal"), "{said}");
    let said = run(&["auth", "kept", "--login", "sideways"]).expect(2).err;
    assert!(said.contains("sideways") && said.contains("file, token"), "{said}");
    let said = run(&["auth", "script", "--login"]).expect(2).err;
    assert!(said.contains("needs no login"), "{said}");
    let said = run(&["auth", "nobody", "--login"]).expect(2).err;
    assert!(said.contains("no agent `nobody`"), "{said}");
    let mut inside = person.monban.command(&["auth", "kept", "--login"]);
    let said = Instance::ran(inside.env("MONBAN_RUN", "run1").output().unwrap()).expect(3).err;
    assert!(said.contains("inside a run"), "{said}");

    person.kind("no-such-program");
    let mut terminal = person.types(&["auth", "kept", "--login"]);
    let text = ends(&mut terminal, 3);
    assert!(text.contains("no-such-program") && text.contains("`get kept`"), "{text}");
}

#[test]
fn a_login_that_a_run_has_is_left_alone() {
    let person = person();
    person.kind("/bin/sh");
    let file = person.home.join(".kept/login.json");
    fs::write(&file, "{\"refresh\": \"r\", \"at\": 1}").unwrap();
    let id = person.monban.add_for("kept", "T", "permission go");
    person.monban.run(&id).expect(4);
    let table = person.monban.monban(&["auth", "kept"]).expect(0).out;
    assert!(table.contains("in use by run1 (task 1)"), "{table}");
    let mut terminal = person.types(&["auth", "kept", "--login"]);
    let text = ends(&mut terminal, 1);
    assert!(text.contains("run1 of task 1 has this login"), "{text}");
    assert!(text.contains("--login token"), "the other way is named: {text}");
    assert!(fs::read_to_string(&file).unwrap().contains("\"r\""));
    person.monban.monban(&["abort", &id]).expect(0);
    person.monban.until(&id, "the end", |task| task["state"] == "stopped");
    assert_eq!(person.rows()[1]["held_by"], serde_json::Value::Null);
}

/// A real agent, installed for the tests; says so where it is not.
fn installed(test: &str, agent: &str) -> Option<Person> {
    let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/agents/node_modules/.bin");
    let program = bin.join(agent);
    if !program.is_file() {
        not_run(test, &format!("{agent} is not installed; run tests/agents_install"));
        return None;
    }
    let person = person();
    person.monban.configure(&format!("[agents.{agent}]\nprogram = \"{}\"\n", program.display()));
    Some(person)
}

/// The real login program opens; Ctrl-C leaves everything as it was.
fn opens(person: &Person, agent: &str, asks: &str) {
    let mut terminal = person.types(&["auth", agent, "--login"]);
    shows(&terminal, asks);
    terminal.write(b"\x03");
    let text = ends(&mut terminal, 1);
    assert!(text.contains("there is no login"), "{text}");
}

#[test]
fn the_login_of_claude_opens_and_can_be_left() {
    let test = "the_login_of_claude_opens_and_can_be_left";
    let Some(person) = installed(test, "claude") else { return };
    if cfg!(target_os = "linux") {
        opens(&person, "claude", "Paste code here");
    }
}

#[test]
fn the_login_of_codex_opens_and_can_be_left() {
    let test = "the_login_of_codex_opens_and_can_be_left";
    let Some(person) = installed(test, "codex") else { return };
    opens(&person, "codex", "auth.openai.com");
}

#[test]
fn the_token_of_claude_opens_and_is_left_by_the_only_key_it_takes() {
    let test = "the_token_of_claude_opens_and_is_left_by_the_only_key_it_takes";
    let Some(person) = installed(test, "claude") else { return };
    if let Some(reason) = tmux::is_missing() {
        return not_run(test, &reason);
    }
    // In a shell with jobs: elsewhere the system stops nothing.
    let tmux = Tmux::start(&person.monban, &[]);
    let window = tmux.window("token", 100, 40);
    let stty = window.stty();
    let home = person.home.display();
    window.line(&format!("HOME={home} monban auth claude --login token"));
    window.shows("Paste code here");
    window.press(&["C-z"]);
    window.shows("was given up");
    window.line("clear; echo status $?");
    window.shows("status");
    assert_eq!(window.stty(), stty);
}

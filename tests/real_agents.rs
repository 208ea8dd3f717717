//! The real `claude` and `codex` in a terminal against a model on this machine: prepared as in a
//! run, prompted, asked for leave, answered. `tests/agents_install` fetches the programs; without
//! them each test here counts as not run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/mod.rs"]
mod support;

use monban::agent::login::Login;
use monban::agent::status::State;
use monban::agent::turn::TurnEnd;
use monban::agent::usage;
use monban::base::clock::Clock;
use std::fs;
use std::time::{Duration, Instant};
use support::machine::{LONG, Machine, git, machine};

const PROMPT: &str = "[[say I will write a file.]] [[write path=x.txt content=hello\\n]] \
    [[STEP git add x.txt && git commit -qm one && cargo --version > cargo.txt && env > env.txt]] \
    [[usage in=1000 out=50]] [[say All done.]]";

#[track_caller]
fn assert_isolated(machine: &Machine) {
    let worktree = machine.path("worktree");
    let status = git(&worktree, &["status", "--porcelain", "-uall"]);
    assert_eq!(status, "?? cargo.txt\n?? env.txt\n", "HOME shows up in git");
    let author = git(&worktree, &["log", "-1", "--format=%an <%ae> %s"]);
    assert_eq!(author, "Agent One <one@agents> one\n");
    assert!(fs::read_to_string(worktree.join("cargo.txt")).unwrap().starts_with("cargo 1."));
    let environment = fs::read_to_string(worktree.join("env.txt")).unwrap();
    let home = format!("HOME={}\n", worktree.join(".monban/home").display());
    assert!(environment.contains(&home), "{environment}");
    for absent in ["hunter2", "127.0.0.1:9\n", "no_proxy="] {
        assert!(!environment.contains(absent), "{absent} in\n{environment}");
    }
    let of_person: Vec<_> = fs::read_dir(machine.path("person")).unwrap().flatten().collect();
    assert_eq!(of_person.len(), 2, "something was written into the person's home: {of_person:?}");
}

#[test]
fn claude_is_prompted_asks_is_answered_and_resumes() {
    let Some(machine) = machine("claude_is_prompted_asks_is_answered_and_resumes", "claude") else {
        return;
    };
    let mut running = machine.start(None);
    running.prompt(&PROMPT.replace("STEP", "sh"));
    let asked = running.approve_until_turn_end(b"\r");
    assert_eq!(running.turn_end(), Some(TurnEnd::Done));
    assert_eq!(asked, 2, "{:?}", running.states);
    let permission = "blocked:permission";
    let expected = ["idle", "working", permission, "working", permission, "working", "done"];
    assert_eq!(running.words(), expected);
    let asks: Vec<_> = running.states.iter().filter(|(word, _)| word == permission).collect();
    assert!(asks[0].1.as_ref().unwrap().contains("x.txt"), "{asks:?}");
    assert_eq!(fs::read_to_string(machine.path("worktree/x.txt")).unwrap(), "hello\n");
    running.until("the hooks", |running, _| {
        running.machine.reports().iter().any(|report| report.event == "Stop")
    });
    let events: Vec<_> = machine.reports().into_iter().map(|report| report.event).collect();
    for event in ["SessionStart", "UserPromptSubmit", "PermissionRequest", "PostToolUse"] {
        assert!(events.iter().any(|seen| seen == event), "{event} in {events:?}");
    }
    assert_isolated(&machine);
    let session = running.tracker.session().unwrap().to_string();
    running.quit("/exit");
    assert_eq!(machine.processes(), Vec::<String>::new());
    let used = machine.usage();
    assert_eq!((used.input_tokens, used.output_tokens), (1200, 90));
    assert!(used.cost_micro_usd.is_some_and(|cost| cost > 0), "{used:?}");
    let home = machine.path("worktree/.monban/home");
    assert_eq!(
        usage::last_session(&machine.kind, &home).unwrap().as_deref(),
        Some(session.as_str())
    );

    let mut again = machine.start(Some(session.clone()));
    again.prompt("[[say Back again.]]");
    assert_eq!(again.approve_until_turn_end(b"\r"), 0);
    assert_eq!(again.turn_end(), Some(TurnEnd::Done));
    assert_eq!(again.tracker.session(), Some(session.as_str()));
    let last =
        machine.model.requests().into_iter().rfind(|r| r.path.contains("/messages")).unwrap();
    assert!(last.body.to_string().contains("I will write a file."), "the conversation goes on");
    again.quit("/exit");
}

#[test]
fn codex_is_prompted_asks_is_answered_and_resumes() {
    let Some(machine) = machine("codex_is_prompted_asks_is_answered_and_resumes", "codex") else {
        return;
    };
    let mut running = machine.start(None);
    running.prompt(&PROMPT.replace("STEP", "shx"));
    let asked = running.approve_until_turn_end(b"y");
    assert_eq!(running.turn_end(), Some(TurnEnd::Done));
    assert!(asked >= 1, "{:?}", running.states);
    assert!(running.words().ends_with(&["blocked:permission", "working", "done"]));
    assert_eq!(fs::read_to_string(machine.path("worktree/x.txt")).unwrap(), "hello\n");
    running.until("the notice", |running, _| running.tracker.session().is_some());
    assert_isolated(&machine);
    let session = running.tracker.session().unwrap().to_string();
    running.quit("/quit");
    assert_eq!(machine.processes(), Vec::<String>::new());
    let used = machine.usage();
    assert_eq!((used.input_tokens, used.output_tokens), (1200, 90));
    let home = machine.path("worktree/.monban/home");
    assert_eq!(
        usage::last_session(&machine.kind, &home).unwrap().as_deref(),
        Some(session.as_str())
    );
    assert!(
        !machine.path("worktree/.monban/home/.codex/packages").exists(),
        "the daemon was started"
    );

    let mut again = machine.start(Some(session));
    again.prompt("[[say Back again.]]");
    assert_eq!(again.approve_until_turn_end(b"y"), 0);
    let requests = machine.model.requests();
    let goes_on =
        |text: String| text.contains("Back again") && text.contains("I will write a file.");
    assert!(requests.iter().any(|request| goes_on(request.body["input"].to_string())));
    again.quit("/quit");
}

#[track_caller]
fn assert_key_reaches_the_model(machine: &Machine, header: &str, value: &str) {
    assert!(matches!(machine.prepared(None).login, Login::Key { .. }));
    let mut running = machine.start(None);
    running.prompt("[[say hello]]");
    running.approve_until_turn_end(b"");
    let requests = machine.model.requests();
    let sent: Vec<_> = requests.iter().filter_map(|request| request.headers.get(header)).collect();
    assert!(!sent.is_empty() && sent.iter().all(|sent| *sent == value), "{sent:?}");
}

#[test]
fn the_key_of_claude_reaches_the_model() {
    let Some(machine) = machine("the_key_of_claude_reaches_the_model", "claude") else { return };
    let key = "sk-ant-api03-made-up-key-of-a-test-0000000000";
    assert_key_reaches_the_model(&machine, "x-api-key", key);
}

#[test]
fn the_key_of_codex_reaches_the_model() {
    let Some(machine) = machine("the_key_of_codex_reaches_the_model", "codex") else { return };
    assert_key_reaches_the_model(&machine, "authorization", "Bearer sk-made-up-key-of-a-test");
}

/// What happens in a long session: a command it may run by itself, a prompt of 190 kB, a question,
/// Esc, an error of the model.
fn long_session(machine: &Machine, quit: &str) {
    let mut running = machine.start(None);
    let big = format!("[[say read]] {}", "0123456789abcde\n".repeat(12_000));
    running.prompt(&big);
    running.approve_until_turn_end(b"");
    assert_eq!(running.turn_end(), Some(TurnEnd::Done), "{:?}", running.states);
    let is_whole = |prompt: &String| prompt.contains(big.trim_end());
    assert!(machine.model.prompts().iter().any(is_whole), "the whole prompt reached the model");

    running.prompt("[[say hm]] [[sleep 60]]");
    running.until("text of a running turn", |running, state| {
        state == State::Working && running.terminal.rows().iter().any(|row| row.ends_with(" hm"))
    });
    assert!(!running.ready(LONG));
    running.terminal.write(b"\x1b");
    running.until("the interruption", |running, _| running.turn_end().is_some());
    assert_eq!(running.turn_end(), Some(TurnEnd::Interrupted));

    running.prompt("[[http 400]]");
    running.until("the error", |running, _| running.turn_end().is_some());
    assert!(matches!(running.turn_end(), Some(TurnEnd::Error(_))));
    running.quit(quit);
}

#[test]
fn claude_takes_a_large_prompt_is_interrupted_and_fails() {
    let test = "claude_takes_a_large_prompt_is_interrupted_and_fails";
    let Some(machine) = machine(test, "claude") else { return };
    long_session(&machine, "/exit");
}

#[test]
fn codex_takes_a_large_prompt_is_interrupted_and_fails() {
    let test = "codex_takes_a_large_prompt_is_interrupted_and_fails";
    let Some(machine) = machine(test, "codex") else { return };
    long_session(&machine, "/quit");
}

#[test]
fn claude_asks_a_question() {
    let Some(machine) = machine("claude_asks_a_question", "claude") else { return };
    let mut running = machine.start(None);
    running.prompt("[[ask Red or blue?]] [[say Thanks.]]");
    running.until("the question", |running, state| {
        let asks = |row: &String| row.contains("Enter to select");
        state.to_string() == "blocked:question" && running.terminal.rows().iter().any(asks)
    });
    assert!(!running.ready(LONG));
    let detail = running.tracker.status(Clock::System.now()).detail.unwrap();
    assert!(detail.raw().contains("Red or blue?"), "{detail}");
    // Claude drops keys that arrive with its question; on a busy machine it takes its time.
    let mut due_at = Instant::now() + Duration::from_millis(700);
    running.until("the end of the turn", |running, state| {
        if Instant::now() >= due_at && matches!(state, State::Blocked(_)) {
            due_at = Instant::now() + Duration::from_secs(8);
            running.terminal.write(b"\r");
        }
        running.turn_end().is_some()
    });
    assert_eq!(running.turn_end(), Some(TurnEnd::Done));
    running.quit("/exit");
}

#[test]
fn codex_commits_in_its_sandbox_without_asking_and_nowhere_else() {
    let test = "codex_commits_in_its_sandbox_without_asking_and_nowhere_else";
    let Some(machine) = machine(test, "codex") else { return };
    let mut running = machine.start(None);
    running.prompt(
        "[[sh echo a > a && git add a && git commit -qm inside; echo $? > ended; \
         git update-ref refs/heads/main HEAD; echo $? >> ended]]",
    );
    assert_eq!(running.approve_until_turn_end(b""), 0);
    let ended = fs::read_to_string(machine.path("worktree/ended")).unwrap();
    assert!(ended.starts_with("0\n") && !ended.ends_with("\n0\n"), "{ended}");
    assert_eq!(git(&machine.path("worktree"), &["log", "-1", "--format=%s"]), "inside\n");
    assert_eq!(git(&machine.path("repository"), &["log", "-1", "--format=%s"]), "base\n");
    running.quit("/quit");
}

#[test]
fn a_script_goes_on_after_each_tool_call() {
    use support::script::{Asked, answer};
    let verbs = |tool_calls_since: usize| -> Vec<String> {
        let prompt = "[[say a]] [[sh ls -la]] [[write path=x content=1\\n]] [[say b]]".to_string();
        let asked = Asked { prompt, tool_calls_since, ..Asked::default() };
        answer(&asked).into_iter().map(|step| step.verb).collect()
    };
    assert_eq!(verbs(0), ["say", "sh"]);
    assert_eq!(verbs(1), ["write"]);
    assert_eq!(verbs(2), ["say"]);
}

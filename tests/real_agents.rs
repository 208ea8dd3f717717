//! The real `claude` and `codex` in a terminal against a model on this machine: prepared as in a run,
//! prompted, asked for leave, answered. `tests/agents_install` fetches the programs; without them each
//! test here counts as not run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/mod.rs"]
mod support;

use monban::agent::hook::{self, HookFormat};
use monban::agent::kind::AgentKind;
use monban::agent::login::Login;
use monban::agent::prepare::{self, AgentConfig, Attempt, GitIdentity, Host, Os, Prepared};
use monban::agent::prompt::{Paste, prompt_input};
use monban::agent::status::{Ended, Observation, State, StatusTracker};
use monban::agent::turn::TurnEnd;
use monban::agent::usage;
use monban::base::clock::Clock;
use monban::base::foreign::Foreign;
use monban::wire::report::HookReport;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::stub_model::StubModel;
use support::terminal::{Terminal, Told};
use support::{not_run::not_run, wait_for};

const LONG: Duration = Duration::from_secs(90);
const PROMPT: &str = "[[say I will write a file.]] [[write path=x.txt content=hello\\n]] \
    [[STEP git add x.txt && git commit -qm one && cargo --version > cargo.txt && env > env.txt]] \
    [[usage in=1000 out=50]] [[say All done.]]";

/// A program that stands for `monban` and writes down what hooks hand it.
const RECEIVER: &str = "#!/bin/sh\n\
    if [ \"$2\" = claude ]; then line=$(cat); else for line; do :; done; fi\n\
    printf '%s %s\\n' \"$2\" \"$line\" | tr -d '\\r' >> \"$MONBAN_REPORT_SOCKET\"\n";

/// A person's machine: a home, a repository with a linked worktree, a model, one agent.
struct Machine {
    folder: tempfile::TempDir,
    model: StubModel,
    kind: AgentKind,
    config: AgentConfig,
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git").current_dir(folder).args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The machine for a test of `name`, or a note that it was not run.
fn machine(test: &str, name: &str) -> Option<Machine> {
    let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/agents/node_modules/.bin");
    let program = bin.join(name);
    if !program.exists() {
        not_run(test, &format!("{name} is not installed; run tests/agents_install"));
        return None;
    }
    // Not in /tmp, where Codex's sandbox lets everything be written.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let model = StubModel::start();
    let repository = folder.path().join("repository");
    fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "-qb", "main"]);
    fs::write(repository.join("AGENTS.md"), "Be good.\n").unwrap();
    git(&repository, &["add", "."]);
    let identity = ["-c", "user.name=p", "-c", "user.email=p@x"];
    git(&repository, &[&identity[..], &["commit", "-qm", "base"]].concat());
    git(&repository, &["worktree", "add", "-qb", "monban/1", "../worktree"]);
    let home = folder.path().join("person");
    fs::create_dir(&home).unwrap();
    let toolchain = |variable: &str, name: &str| {
        let default = PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(name);
        let real = std::env::var_os(variable).map_or(default, PathBuf::from);
        std::os::unix::fs::symlink(real, home.join(name)).unwrap();
    };
    toolchain("CARGO_HOME", ".cargo");
    toolchain("RUSTUP_HOME", ".rustup");
    let receiver = folder.path().join("monban receiver");
    fs::write(&receiver, RECEIVER).unwrap();
    Command::new("chmod").arg("+x").arg(&receiver).status().unwrap();
    let kind = AgentKind::builtin().unwrap().into_iter().find(|kind| kind.name == name).unwrap();
    let config = config(name, &program, &model.url());
    Some(Machine { folder, model, kind, config })
}

fn config(name: &str, program: &Path, url: &str) -> AgentConfig {
    let set = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    };
    let mut config =
        AgentConfig { program: program.to_str().map(String::from), ..AgentConfig::default() };
    if name == "claude" {
        let key = "sk-ant-api03-made-up-key-of-a-test-0000000000";
        config.env = set(&[("ANTHROPIC_API_KEY", key), ("ANTHROPIC_BASE_URL", url)]);
        return config;
    }
    config.env = set(&[("OPENAI_API_KEY", "sk-made-up-key-of-a-test")]);
    let provider = format!(
        "model_providers.stub={{name=\"stub\",base_url=\"{url}/v1\",wire_api=\"responses\",\
         requires_openai_auth=true}}"
    );
    let options = ["model=\"gpt-5.5\"", "model_provider=\"stub\"", &provider];
    config.args_extra =
        options.iter().flat_map(|option| ["-c".to_string(), option.to_string()]).collect();
    config
}

impl Machine {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn prepared(&self, session: Option<String>) -> Prepared {
        let git_folder = self.path("repository/.git");
        let attempt = Attempt {
            worktree: self.path("worktree"),
            home: ".monban/home".into(),
            git_writable: [
                "worktrees/worktree",
                "objects",
                "refs/heads/monban",
                "logs/refs/heads/monban",
            ]
            .map(|name| git_folder.join(name))
            .to_vec(),
            identity: GitIdentity { name: "Agent One".into(), email: "one@agents".into() },
            run: format!("run-{}", self.folder.path().display()),
            report_socket: self.path("reports"),
            report_token: "secret".into(),
            monban: self.path("monban receiver"),
            session,
            pass: vec!["RUSTUP_HOME".into(), "CARGO_HOME".into()],
        };
        let host = Host { environment: self.person(), os: Os::HERE };
        let name = &self.kind.name;
        let prepared = prepare::prepare(name, &self.kind, &self.config, &attempt, &host).unwrap();
        prepare::write_files(&prepared, &attempt.worktree).unwrap();
        prepared
    }

    fn person(&self) -> BTreeMap<String, String> {
        let home = self.path("person").display().to_string();
        BTreeMap::from([
            ("HOME".to_string(), home),
            ("PATH".to_string(), std::env::var("PATH").unwrap()),
            ("HTTPS_PROXY".to_string(), "http://127.0.0.1:9".to_string()),
            ("no_proxy".to_string(), "x".to_string()),
            ("OTHER_SECRET".to_string(), "hunter2".to_string()),
        ])
    }

    fn start(&self, session: Option<String>) -> Running<'_> {
        let prepared = self.prepared(session);
        let worktree = self.path("worktree");
        let terminal = Terminal::start(&prepared.program, &prepared.args, &prepared.env, &worktree);
        let tracker = StatusTracker::new(&self.kind, Clock::System.now());
        Running { machine: self, terminal, tracker, states: Vec::new(), reports_read: 0 }
    }

    fn usage(&self) -> usage::Usage {
        usage::usage(&self.kind, &self.path("worktree/.monban/home")).unwrap().unwrap()
    }

    fn reports(&self) -> Vec<HookReport> {
        let text = fs::read_to_string(self.path("reports")).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let parsed = whole.map(|line| {
            let (word, json) = line.split_once(' ').unwrap();
            hook::parse(HookFormat::from_word(word).unwrap(), json.as_bytes(), "t", "r").unwrap()
        });
        parsed.collect()
    }

    /// Processes that carry this machine's run in their environment.
    fn processes(&self) -> Vec<String> {
        let marker = format!("MONBAN_RUN=run-{}", self.folder.path().display());
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let of_run = entries.flatten().filter(|entry| {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|pair| pair == marker.as_bytes())
        });
        let command = |entry: fs::DirEntry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ")
        };
        of_run.map(command).collect()
    }
}

/// An agent that runs, watched the way the daemon watches it.
struct Running<'a> {
    machine: &'a Machine,
    terminal: Terminal,
    tracker: StatusTracker,
    states: Vec<(String, Option<String>)>,
    reports_read: usize,
}

impl Running<'_> {
    fn look(&mut self) -> State {
        let now = Clock::System.now();
        for told in self.terminal.told() {
            let observation = match told {
                Told::Title(title) => Observation::Title(Foreign::new(title)),
                Told::Status(word, message) => {
                    self.states.push((word.clone(), message.clone()));
                    let state = State::try_from(word).ok();
                    Observation::InBand { state, message: message.map(Foreign::new) }
                }
            };
            self.tracker.observe(now, observation);
        }
        for report in self.machine.reports().into_iter().skip(self.reports_read) {
            self.reports_read += 1;
            self.tracker.observe(now, Observation::Hook(report));
        }
        self.tracker.observe(now, Observation::Screen(self.terminal.rows()));
        if let Some(status) = self.terminal.ended() {
            self.tracker.observe(now, Observation::Exit(Ended::Status(status as i32)));
        }
        self.tracker.status(now).state
    }

    #[track_caller]
    fn until(&mut self, what: &str, mut seen: impl FnMut(&mut Self, State) -> bool) {
        let found = wait_for(LONG, || {
            let state = self.look();
            seen(self, state).then_some(())
        });
        let screen = self.terminal.rows().join("\n");
        assert!(found.is_some(), "never saw: {what}\nstates: {:?}\nscreen:\n{screen}", self.states);
    }

    #[track_caller]
    fn prompt(&mut self, text: &str) {
        self.until("ready for a prompt", |running, _| {
            running.ready(Duration::ZERO) && running.terminal.takes_paste()
        });
        let input = prompt_input(text, Paste::Bracketed).unwrap();
        self.terminal.write(&input.text);
        self.terminal.write(&input.enter);
        self.tracker.prompt_delivered();
    }

    /// Says yes to everything until the turn has ended; how often it was asked.
    #[track_caller]
    fn approve_until_turn_end(&mut self, yes: &[u8]) -> usize {
        let mut asked = 0;
        let mut is_open = false;
        let mut pressed_at = Instant::now();
        self.until("the end of the turn", |running, state| {
            let is_blocked = matches!(state, State::Blocked(_));
            let screen_asks = running
                .terminal
                .rows()
                .iter()
                .any(|row| row.contains("Do you want to") || row.contains("Would you like to"));
            // Claude drops keys that arrive with its question, so a person presses again.
            let again = is_open && pressed_at.elapsed() > Duration::from_secs(1);
            if is_blocked && screen_asks && (!is_open || again) {
                asked += usize::from(!is_open);
                is_open = true;
                pressed_at = Instant::now();
                running.terminal.write(yes);
            }
            is_open &= is_blocked;
            running.turn_end().is_some()
        });
        asked
    }

    #[track_caller]
    fn quit(mut self, command: &str) {
        self.terminal.write(command.as_bytes());
        let shown = |row: &String| row.contains(command);
        self.until("the command", |running, _| running.terminal.rows().iter().any(shown));
        self.terminal.write(b"\r");
        self.until("the end of the program", |_, state| state == State::Exited);
    }

    fn turn_end(&self) -> Option<TurnEnd> {
        self.tracker.turn_end(Clock::System.now())
    }

    fn ready(&self, quiet: Duration) -> bool {
        self.tracker.ready_for_prompt(Clock::System.now(), quiet)
    }

    fn words(&self) -> Vec<&str> {
        let mut words: Vec<_> = self.states.iter().map(|(word, _)| word.as_str()).collect();
        words.dedup();
        words
    }
}

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

#[test]
fn a_login_by_key_reaches_the_model() {
    for (name, header, value) in [
        ("claude", "x-api-key", "sk-ant-api03-made-up-key-of-a-test-0000000000"),
        ("codex", "authorization", "Bearer sk-made-up-key-of-a-test"),
    ] {
        let Some(machine) = machine("a_login_by_key_reaches_the_model", name) else { continue };
        assert!(matches!(machine.prepared(None).login, Login::Key { .. }));
        let mut running = machine.start(None);
        running.prompt("[[say hello]]");
        running.approve_until_turn_end(b"");
        let requests = machine.model.requests();
        let sent: Vec<_> =
            requests.iter().filter_map(|request| request.headers.get(header)).collect();
        assert!(!sent.is_empty() && sent.iter().all(|sent| *sent == value), "{name}: {sent:?}");
    }
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
    // Claude drops keys that arrive with its question.
    let mut pressed_at = Instant::now();
    running.until("the end of the turn", |running, _| {
        if pressed_at.elapsed() > Duration::from_millis(700) {
            pressed_at = Instant::now();
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

//! A person's machine for tests with the real agents: a repository with a linked worktree, a model,
//! one prepared agent, watched the way the daemon watches it.

use super::instance::write_program;
use super::not_run::not_run;
use super::stub_model::StubModel;
use super::terminal::{Terminal, Told};
use super::wait_for;
use monban::agent::hook::{self, HookFormat};
use monban::agent::kind::AgentKind;
use monban::agent::prepare::{self, AgentConfig, Attempt, GitIdentity, Host, Os, Prepared};
use monban::agent::prompt::{Paste, prompt_input};
use monban::agent::status::{Ended, Observation, State, StatusTracker};
use monban::agent::turn::TurnEnd;
use monban::agent::usage;
use monban::base::clock::Clock;
use monban::base::foreign::Foreign;
use monban::model::attempt::Usage;
use monban::wire::report::HookReport;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The longest any step may take.
pub const LONG: Duration = Duration::from_secs(300);

/// A program that stands for `monban` and writes down what hooks hand it.
const RECEIVER: &str = "#!/bin/sh\n\
    if [ \"$2\" = claude ]; then line=$(cat); else for line; do :; done; fi\n\
    printf '%s %s\\n' \"$2\" \"$line\" | tr -d '\\r' >> \"$MONBAN_REPORT_SOCKET\"\n";

/// A person's machine: a home, a repository with a linked worktree, a model, one agent.
pub struct Machine {
    pub folder: tempfile::TempDir,
    pub model: StubModel,
    pub kind: AgentKind,
    pub config: AgentConfig,
}

pub fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git").current_dir(folder).args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The machine for a test of `name`, or a note that it was not run.
pub fn machine(test: &str, name: &str) -> Option<Machine> {
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
    write_program(&receiver, RECEIVER);
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
    // Strict: what we write into its configuration must be known to this version.
    config.args_extra = vec!["--strict-config".to_string()];
    config.args_extra.extend(options.iter().flat_map(|option| ["-c".into(), option.to_string()]));
    config
}

impl Machine {
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn prepared(&self, session: Option<String>) -> Prepared {
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
            now: Clock::System.now(),
        };
        let host = Host { environment: self.person(), os: Os::HERE };
        let name = &self.kind.name;
        let prepared = prepare::prepare(name, &self.kind, &self.config, &attempt, &host).unwrap();
        prepare::write_files(&prepared, &attempt.worktree).unwrap();
        prepare::write_login(&prepared, &attempt.worktree).unwrap();
        prepared
    }

    pub fn person(&self) -> BTreeMap<String, String> {
        let home = self.path("person").display().to_string();
        BTreeMap::from([
            ("HOME".to_string(), home),
            ("PATH".to_string(), std::env::var("PATH").unwrap()),
            ("HTTPS_PROXY".to_string(), "http://127.0.0.1:9".to_string()),
            ("no_proxy".to_string(), "x".to_string()),
            ("OTHER_SECRET".to_string(), "hunter2".to_string()),
        ])
    }

    pub fn start(&self, session: Option<String>) -> Running<'_> {
        let prepared = self.prepared(session);
        let worktree = self.path("worktree");
        let terminal = Terminal::start(&prepared.program, &prepared.args, &prepared.env, &worktree);
        let tracker = StatusTracker::new(&self.kind, Clock::System.now());
        Running { machine: self, terminal, tracker, states: Vec::new(), reports_read: 0 }
    }

    pub fn usage(&self) -> Usage {
        usage::usage(&self.kind, &self.path("worktree/.monban/home")).unwrap().unwrap()
    }

    pub fn reports(&self) -> Vec<HookReport> {
        let text = fs::read_to_string(self.path("reports")).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let parsed = whole.map(|line| {
            let (word, json) = line.split_once(' ').unwrap();
            hook::parse(HookFormat::from_word(word).unwrap(), json.as_bytes(), "t", "r").unwrap()
        });
        parsed.collect()
    }

    /// Processes that carry this machine's run in their environment.
    pub fn processes(&self) -> Vec<String> {
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
pub struct Running<'a> {
    pub machine: &'a Machine,
    pub terminal: Terminal,
    pub tracker: StatusTracker,
    pub states: Vec<(String, Option<String>)>,
    pub reports_read: usize,
}

impl Running<'_> {
    pub fn look(&mut self) -> State {
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
    pub fn until(&mut self, what: &str, mut seen: impl FnMut(&mut Self, State) -> bool) {
        let found = wait_for(LONG, || {
            let state = self.look();
            seen(self, state).then_some(())
        });
        let screen = self.terminal.rows().join("\n");
        assert!(found.is_some(), "never saw: {what}\nstates: {:?}\nscreen:\n{screen}", self.states);
    }

    #[track_caller]
    pub fn prompt(&mut self, text: &str) {
        self.until("ready for a prompt", |running, _| {
            running.ready(Duration::ZERO) && running.terminal.takes_paste()
        });
        let input = prompt_input(text, Paste::Bracketed).unwrap();
        self.terminal.write(&input.text);
        self.terminal.write(&input.enter);
        self.tracker.prompt_delivered(Clock::System.now());
    }

    /// Says yes to everything until the turn has ended; how often it was asked.
    #[track_caller]
    pub fn approve_until_turn_end(&mut self, yes: &[u8]) -> usize {
        let mut asked = 0;
        let mut is_open = false;
        let (mut seen_at, mut pressed_at) = (Instant::now(), None::<Instant>);
        self.until("the end of the turn", |running, state| {
            let is_blocked = matches!(state, State::Blocked(_));
            let screen_asks = running
                .terminal
                .rows()
                .iter()
                .any(|row| row.contains("Do you want to") || row.contains("Would you like to"));
            if is_blocked && screen_asks && !is_open {
                asked += 1;
                (is_open, seen_at, pressed_at) = (true, Instant::now(), None);
            }
            is_open &= is_blocked;
            // Claude drops keys that arrive with its question: a person reads it first, and presses
            // again where nothing comes of it, not so soon that a busy machine takes both.
            let is_due = pressed_at.is_none_or(|at| at.elapsed() > Duration::from_secs(8));
            if is_open && is_due && seen_at.elapsed() > Duration::from_millis(700) {
                pressed_at = Some(Instant::now());
                running.terminal.write(yes);
            }
            running.turn_end().is_some()
        });
        asked
    }

    #[track_caller]
    pub fn quit(mut self, command: &str) {
        self.terminal.write(command.as_bytes());
        let shown = |row: &String| row.contains(command);
        self.until("the command", |running, _| running.terminal.rows().iter().any(shown));
        self.terminal.write(b"\r");
        self.until("the end of the program", |_, state| state == State::Exited);
    }

    pub fn turn_end(&self) -> Option<TurnEnd> {
        self.tracker.turn_end(Clock::System.now())
    }

    pub fn ready(&self, quiet: Duration) -> bool {
        self.tracker.ready_for_prompt(Clock::System.now(), quiet)
    }

    pub fn words(&self) -> Vec<&str> {
        let mut words: Vec<_> = self.states.iter().map(|(word, _)| word.as_str()).collect();
        words.dedup();
        words
    }
}

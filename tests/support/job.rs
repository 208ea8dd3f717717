//! A monban instance with one real agent and a model on this machine, for tests of the whole job.

use super::instance::Instance;
use super::not_run::not_run;
use super::stub_model::StubModel;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub const CLAUDE_KEY: &str = "sk-ant-api03-made-up-key-of-a-job-0123456789";
pub const CODEX_KEY: &str = "sk-made-up-key-of-a-job-0123456789";

/// How long the agent may take over anything.
const PATIENCE: Duration = Duration::from_secs(300);
/// Claude drops keys that arrive as its question appears: a person reads it first.
const READS: Duration = Duration::from_millis(700);
/// And presses again, where nothing comes of it: not so soon that a busy machine takes both.
const PRESS_AGAIN: Duration = Duration::from_secs(8);

/// The job.
pub struct Job {
    pub monban: Instance,
    pub model: StubModel,
    pub agent: &'static str,
}

/// Where `tests/agents_install` puts a program; a note that the test was not run without it.
pub fn program(test: &str, agent: &str) -> Option<PathBuf> {
    let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/agents/node_modules/.bin");
    let program = bin.join(agent);
    if program.exists() {
        return Some(program);
    }
    not_run(test, &format!("{agent} is not installed; run tests/agents_install"));
    None
}

/// An instance whose person uses `agent` by an API key.
pub fn job(test: &str, agent: &'static str) -> Option<Job> {
    let job = job_without_login(test, agent)?;
    let (variable, key) = match agent {
        "claude" => ("ANTHROPIC_API_KEY", CLAUDE_KEY),
        _ => ("OPENAI_API_KEY", CODEX_KEY),
    };
    job.configure(&format!("{variable} = \"{key}\""));
    Some(job)
}

/// The same without any login.
pub fn job_without_login(test: &str, agent: &'static str) -> Option<Job> {
    program(test, agent)?;
    let mut monban = Instance::new();
    let person = monban.home.with_file_name("person");
    fs::create_dir(&person).unwrap();
    monban.person = Some(person);
    let job = Job { monban, model: StubModel::start(), agent };
    job.configure("");
    Some(job)
}

impl Job {
    /// Writes the person's configuration with these lines in the agent's environment.
    pub fn configure(&self, env: &str) {
        let program = program("configure", self.agent).unwrap().display().to_string();
        let url = self.model.url();
        let (extra, base) = match self.agent {
            "claude" => (String::new(), format!("ANTHROPIC_BASE_URL = \"{url}\"")),
            _ => (codex_options(&url), String::new()),
        };
        let name = self.agent;
        self.monban.configure(&format!(
            "[agents.{name}]\nprogram = \"{program}\"\n{extra}\n[agents.{name}.env]\n{base}\n{env}\n"
        ));
    }

    /// A prompt that writes `path`, after the agent asked for leave.
    pub fn write(&self, path: &str, content: &str) -> String {
        match self.agent {
            "claude" => format!("[[write path={path} content={content}\\n]]"),
            _ => format!("[[shx echo {content} > {path}]]"),
        }
    }

    #[track_caller]
    pub fn add(&self, title: &str, prompt: &str) -> String {
        self.monban.add_for(self.agent, title, prompt)
    }

    /// The person's home.
    pub fn person(&self) -> &Path {
        self.monban.person.as_deref().unwrap()
    }

    pub fn screen(&self, id: &str) -> String {
        self.monban.monban(&["screen", id]).expect(0).out
    }

    /// Looks at a task until `done` says so; shows the screen when it never does.
    #[track_caller]
    pub fn until(&self, id: &str, what: &str, mut done: impl FnMut(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let task = self.monban.task(id);
            if done(&task) {
                return task;
            }
            if began.elapsed() > PATIENCE {
                let screen = self.monban.monban(&["screen", id]).out;
                panic!("{what} never came: {task:#}\n{screen}");
            }
        }
    }

    #[track_caller]
    pub fn until_waits_for(&self, id: &str, kind: &str) -> Value {
        self.until(id, kind, |task| {
            assert_ne!(task["state"], "failed", "{task:#}");
            let waits = task["waits_for"].as_array().unwrap();
            waits.iter().any(|waits| waits == kind)
        })
    }

    /// Presses `key` at what the agent asks on its screen, until it asks no more.
    #[track_caller]
    pub fn answer(&self, id: &str, asks: &str, key: &str) {
        let (mut pressed, mut seen) = (None::<Instant>, None::<Instant>);
        self.until(id, "the end of the question", |task| {
            let is_open = task["status"]["state"] == "blocked";
            if is_open && self.screen(id).contains(asks) {
                let is_read = seen.get_or_insert_with(Instant::now).elapsed() > READS;
                if is_read && pressed.is_none_or(|at| at.elapsed() > PRESS_AGAIN) {
                    pressed = Some(Instant::now());
                    self.monban.monban(&["send", id, "--keys", key]).expect(0);
                }
            }
            pressed.is_some() && !is_open
        });
    }

    /// How the agent asks for leave on its screen, and the key that gives it.
    fn asks(&self) -> (&'static str, &'static str) {
        match self.agent {
            "claude" => ("Do you want to", "1"),
            _ => ("Would you like to", "y"),
        }
    }

    /// Waits until the agent's question is on its screen.
    #[track_caller]
    pub fn until_asks(&self, id: &str) {
        self.until(id, "the question", |_| self.screen(id).contains(self.asks().0));
    }

    /// Says yes to what the agent wants to do.
    #[track_caller]
    pub fn allow(&self, id: &str) {
        let (asks, key) = self.asks();
        self.answer(id, asks, key);
    }

    /// Approves what waits and sees it land.
    #[track_caller]
    pub fn land(&self, id: &str) -> Value {
        self.until_waits_for(id, "approval");
        self.monban.approve(id).expect(0);
        self.until(id, "the landing", |task| task["state"] == "done")
    }

    /// Processes of the instance which are not its daemon.
    pub fn of_runs(&self) -> Vec<(i32, String)> {
        let mut processes = self.monban.processes();
        processes.retain(|(_, command)| !command.contains(" daemon "));
        processes
    }

    #[track_caller]
    pub fn until_nothing_runs(&self) {
        let began = Instant::now();
        while !self.of_runs().is_empty() {
            assert!(began.elapsed() < PATIENCE, "left: {:?}", self.of_runs());
        }
    }

    /// The holder of the agent's run.
    #[track_caller]
    pub fn holder(&self) -> i32 {
        let holders = self.monban.processes().into_iter().filter(|(_, c)| c.contains(" hold "));
        holders.map(|(pid, _)| pid).next().unwrap()
    }

    /// Files below MONBAN_HOME and the repository which hold `needle`, but the person's own
    /// configuration.
    pub fn files_with(&self, needle: &str) -> Vec<PathBuf> {
        let mut folders = vec![self.monban.home.clone(), self.monban.repository.clone()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file()
                    && path != self.monban.home.join("config.toml")
                    && holds(&path, needle)
                {
                    found.push(path);
                }
            }
        }
        found
    }
}

fn holds(path: &Path, needle: &str) -> bool {
    let bytes = fs::read(path).unwrap_or_default();
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}

fn codex_options(url: &str) -> String {
    let provider = format!(
        "model_providers.stub={{name=\"stub\",base_url=\"{url}/v1\",wire_api=\"responses\",\
         requires_openai_auth=true}}"
    );
    let options = ["model=\"gpt-5.5\"", "model_provider=\"stub\"", &provider];
    let args: Vec<String> =
        options.iter().flat_map(|o| ["\"-c\"".into(), format!("'{o}'")]).collect();
    format!("args_extra = [{}]", args.join(", "))
}

//! A monban instance of its own for a test: a generated repository, a MONBAN_HOME, and the real
//! program typed at as a person would. Nothing of it is left when it is dropped.

use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it: far longer than on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// How often what is left running is looked for once more when all of it was killed.
const KILL_ROUNDS_MAX: usize = 100;

/// A test suite in one line of shell: passes while `ok` says yes.
pub const CONFIG: &str = "[project]\nbase = \"main\"\n[verify]\ntest = \"grep -q yes ok\"\n[gates]\nchecks = [\"test\"]\n";

/// The instance.
pub struct Instance {
    folder: tempfile::TempDir,
    /// The person's repository.
    pub repository: PathBuf,
    /// MONBAN_HOME.
    pub home: PathBuf,
    /// The home of a person made up for the test; their environment is empty but for PATH.
    pub person: Option<PathBuf>,
}

/// What a command did.
pub struct Ran {
    /// Its exit status.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Checks the exit status.
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {} {}", self.out, self.err))
    }
}

impl Instance {
    /// A repository with one commit that passes its tests, and one scripted agent, `script`.
    pub fn new() -> Self {
        // Not under /tmp by its symlinked name: paths are compared.
        let folder = tempfile::Builder::new().prefix("mb").tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let instance =
            Self { repository: root.join("repo"), home: root.join("m"), person: None, folder };
        fs::create_dir_all(&instance.home).unwrap();
        fs::create_dir(&instance.repository).unwrap();
        instance.write("ok", "yes\n");
        instance.write("monban.toml", CONFIG);
        instance.git(&["init", "-q", "-b", "main"]);
        instance.commit("first");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/agent.sh");
        let agent = format!(
            "[agents.script]\nkind = \"command\"\nprogram = \"/bin/sh\"\nargs = [\"{}\"]\n",
            script.display()
        );
        instance.configure(&agent);
        instance
    }

    /// Replaces the person's configuration.
    pub fn configure(&self, text: &str) {
        fs::write(self.home.join("config.toml"), text).unwrap();
    }

    /// Writes a file of the repository.
    pub fn write(&self, name: &str, content: &str) {
        fs::write(self.repository.join(name), content).unwrap();
    }

    /// Commits everything in the repository.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git in the repository.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(args).current_dir(&self.repository);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Ann");
            command.env(format!("GIT_{who}_EMAIL"), "ann@example.invalid");
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {error}");
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    }

    /// The commit of the base branch.
    pub fn base(&self) -> String {
        self.git(&["rev-parse", "refs/heads/main"])
    }

    /// The command line as a person types it, ready to be changed further.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_monban"));
        if let Some(person) = &self.person {
            let path = std::env::var_os("PATH").unwrap_or_default();
            command.env_clear().env("PATH", path).env("HOME", person);
        }
        command.args(args).current_dir(&self.repository).env("MONBAN_HOME", &self.home);
        command.env("USER", "dj").env_remove("MONBAN_RUN").stdin(Stdio::null());
        command
    }

    /// Runs the command line.
    pub fn monban(&self, args: &[&str]) -> Ran {
        Self::ran(self.command(args).output().unwrap())
    }

    /// What a finished command did.
    pub fn ran(output: Output) -> Ran {
        Ran {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Writes down a task for the scripted agent, and gives its id.
    #[track_caller]
    pub fn add(&self, title: &str, script: &str) -> String {
        self.add_for("script", title, script)
    }

    /// Writes down a task for an agent, and gives its id.
    #[track_caller]
    pub fn add_for(&self, agent: &str, title: &str, prompt: &str) -> String {
        let args = ["task", "add", "--title", title, "--kind", "fix", "--agent", agent];
        let added = self.monban(&[&args[..], &["--prompt", prompt]].concat()).expect(0);
        added.out.trim().to_string()
    }

    /// The hash of the gate configuration.
    #[track_caller]
    pub fn gate(&self) -> String {
        let check = self.monban(&["plan", "check", "--json"]).expect(0).json();
        check["hash"].as_str().unwrap().to_string()
    }

    /// Runs a task until it needs the person or ended; gives the exit status.
    #[track_caller]
    pub fn run(&self, id: &str) -> Ran {
        self.monban(&["run", id, "--wait", "--trust", &self.gate()])
    }

    /// The task as `show --json` gives it.
    #[track_caller]
    pub fn task(&self, id: &str) -> Value {
        self.monban(&["show", id, "--json"]).expect(0).json()
    }

    /// What waits about a task, by kind.
    #[track_caller]
    pub fn item(&self, id: &str, kind: &str) -> Value {
        let inbox = self.monban(&["inbox", "--json"]).expect(0).json();
        let found = inbox
            .as_array()
            .unwrap()
            .iter()
            .find(|item| item["task"].as_u64() == id.parse().ok() && item["kind"] == kind);
        found.unwrap_or_else(|| panic!("no {kind} of task {id} in {inbox}")).clone()
    }

    /// Approves what waits about a task.
    pub fn approve(&self, id: &str) -> Ran {
        let digest = self.item(id, "approval")["digest"].as_str().unwrap().to_string();
        self.monban(&["approve", id, "--bind", &digest])
    }

    /// Looks at a task again and again until `done` says so.
    #[track_caller]
    pub fn until(&self, id: &str, what: &str, done: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let task = self.task(id);
            if done(&task) {
                return task;
            }
            assert!(began.elapsed() < PATIENCE, "{what} never came: {task:#}");
        }
    }

    /// The kinds of all events so far.
    pub fn events(&self) -> Vec<String> {
        let out = self.monban(&["events"]).expect(0).out;
        let kind = |line: &str| {
            let record: Value = serde_json::from_str(line).unwrap();
            record["type"].as_str().unwrap().to_string()
        };
        out.lines().map(kind).collect()
    }

    /// The daemon's process.
    pub fn daemon(&self) -> i32 {
        let status = self.monban(&["daemon", "status", "--json"]).expect(0).json();
        i32::try_from(status["pid"].as_i64().unwrap()).unwrap()
    }

    /// Kills a process without asking.
    pub fn kill(&self, pid: i32) {
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        let began = Instant::now();
        while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid.as_raw_pid()) {
            assert!(began.elapsed() < PATIENCE, "{pid:?} does not end");
        }
    }

    /// Checks that no process of this instance is left, once those that are ending have ended.
    #[track_caller]
    #[allow(dead_code, reason = "each test file uses its part")]
    pub fn gone(&self) {
        self.until_left(0, "nothing");
    }

    /// Checks that so many processes of this instance are left, once those that are ending have
    /// ended.
    #[track_caller]
    #[allow(dead_code, reason = "each test file uses its part")]
    pub fn until_left(&self, count: usize, what: &str) {
        let began = Instant::now();
        loop {
            let left = self.processes();
            if left.len() == count {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{what} is to be left, not {left:?}");
        }
    }

    /// Processes that carry this instance's folder in their command line or environment.
    pub fn processes(&self) -> Vec<(i32, String)> {
        let needle = self.folder.path().display().to_string();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
            let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
            let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            let environment = String::from_utf8_lossy(&read("environ")).into_owned();
            let ours = command.contains(&needle) || environment.contains(&needle);
            if ours && !is_zombie(pid) && pid != std::process::id() as i32 {
                found.push((pid, command));
            }
        }
        found
    }
}

fn is_zombie(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.command(&["daemon", "stop", "--kill-agents"]).output();
        // Again until none is left: one may start another before it is killed, which would write
        // into the folder while that is removed.
        for _ in 0..KILL_ROUNDS_MAX {
            let left = self.processes();
            left.iter().for_each(|(pid, _)| self.kill(*pid));
            if left.is_empty() {
                break;
            }
        }
    }
}

/// Writes a program. It comes from the hands of another process: what is open for writing here is
/// so too, for the moment between fork and exec, in each process that another test is starting, and
/// as long as it is no system runs it.
#[allow(dead_code, reason = "each test file uses its part")]
pub fn write_program(path: &Path, text: &str) {
    let line = "cat > \"$0\" && chmod 755 \"$0\"";
    let mut writes = Command::new("sh");
    writes.args(["-c", line]).arg(path).stdin(Stdio::piped());
    let mut writes = writes.spawn().unwrap();
    writes.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(writes.wait().unwrap().success(), "{} cannot be written", path.display());
}

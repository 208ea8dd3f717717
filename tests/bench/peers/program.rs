//! The programs that are compared: monban, tmux, and the bare terminal. Each starts panes with
//! commands in a folder of its own, is attached to, tells its processes, and is gone when dropped.

use crate::Failure;
use crate::relay::{self, Relays};
use crate::terminal::{Terminal, is_readable, pause};
use monban::base::size::Size;
use monban::pty::{self, Program};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long all panes may take to begin.
const UP_WITHIN: Duration = Duration::from_secs(180);
/// How long the processes of a peer may take to end.
const GONE_WITHIN: Duration = Duration::from_secs(20);
/// A connection that ssh would tell of.
const SSH_CONNECTION: &str = "192.0.2.1 50000 192.0.2.2 22";
/// Rows of history, as many as monban keeps.
const TMUX: &str = "set -g history-limit 5000\nset -sg escape-time 0\n";
/// An agent that runs what its prompt says.
const AGENT: &str = r#"max_agents = 64
[agents.pane]
kind = "command"
program = "/bin/sh"
args = ["-c", "stty -echo; IFS= read -r line; stty echo; eval \"$line\""]
"#;
const GATE: &str =
    "[project]\nbase = \"main\"\n[verify]\ntest = \"true\"\n[gates]\nchecks = [\"test\"]\n";

/// Which program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// The command in a terminal, with nothing between.
    Raw,
    /// tmux.
    Tmux,
    /// Processes as monban has them, which only copy.
    Relay,
    /// The monban of this build.
    Monban,
}

impl Kind {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::Raw, Self::Tmux, Self::Relay, Self::Monban];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Tmux => "tmux",
            Self::Relay => "relay",
            Self::Monban => "monban",
        }
    }

    /// Its program.
    pub fn program(self) -> &'static str {
        match self {
            Self::Raw => "the terminal alone",
            Self::Tmux => "tmux",
            Self::Relay => "processes that copy",
            Self::Monban => env!("CARGO_BIN_EXE_monban"),
        }
    }

    /// What it says it is.
    pub fn version(self) -> Result<String, Failure> {
        let mut command = match self {
            Self::Raw | Self::Relay => return Ok(self.program().into()),
            Self::Tmux => Command::new("tmux"),
            Self::Monban => Command::new(env!("CARGO_BIN_EXE_monban")),
        };
        let asked = command.arg(if self == Self::Tmux { "-V" } else { "--version" }).output();
        let said = asked.map_err(|error| format!("{} cannot be asked: {error}", self.name()))?;
        let text = String::from_utf8(said.stdout)?.trim().to_string();
        if text.is_empty() {
            Err(format!("{} has no version", self.name()).into())
        } else {
            Ok(text)
        }
    }
}

/// A pipe with a name, which both ends have open.
struct Pipe {
    path: PathBuf,
    file: File,
}

impl Pipe {
    fn make(path: PathBuf) -> Result<Self, Failure> {
        done(Command::new("mkfifo").arg(&path))?;
        let file = fs::OpenOptions::new().read(true).write(true).open(&path)?;
        Ok(Self { path, file })
    }
}

/// A program with panes.
pub struct Peer {
    /// Which.
    pub kind: Kind,
    folder: tempfile::TempDir,
    up: Pipe,
    go: Pipe,
    over: Pipe,
    feed: Pipe,
    size: Size,
    raw: String,
    relays: Option<Relays>,
}

impl Peer {
    /// A program that has not started.
    pub fn new(kind: Kind, size: Size) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("peers").tempdir()?;
        let pipe = |name: &str| Pipe::make(folder.path().join(name));
        let (up, go, over, feed) = (pipe("up")?, pipe("go")?, pipe("over")?, pipe("feed")?);
        Ok(Self { kind, folder, up, go, over, feed, size, raw: String::new(), relays: None })
    }

    /// The command of a pane that begins with the word: does `work` at [`Self::go`], says that it
    /// is over, and stays.
    pub fn at_go(&self, work: &str) -> String {
        let (go, over) = (self.go.path.display(), self.over.path.display());
        format!("read word < {go}; {work}; echo > {over}; exec cat")
    }

    /// The command of a pane that shows what [`Self::feed`] gives it.
    pub fn fed(&self) -> String {
        // What a terminal answers to an agent's questions is typed here.
        format!("stty -echo; cat {}", self.feed.path.display())
    }

    /// Starts a pane for each command, and waits until all are there. The bare terminal has none
    /// before [`Self::attach`].
    pub fn start(&mut self, commands: &[String]) -> Result<(), Failure> {
        let up = self.up.path.display().to_string();
        let commands: Vec<String> =
            commands.iter().map(|command| format!("echo > {up}; {command}")).collect();
        match self.kind {
            Kind::Raw => {
                self.raw = commands.into_iter().next().ok_or("no command")?;
                return Ok(());
            }
            Kind::Tmux => self.start_tmux(&commands)?,
            Kind::Relay => self.start_relay(&commands)?,
            Kind::Monban => self.start_monban(&commands)?,
        }
        self.await_panes(commands.len())
    }

    fn await_panes(&mut self, count: usize) -> Result<(), Failure> {
        let (mut begun, until) = (0, Instant::now() + UP_WITHIN);
        while begun < count {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !is_readable(self.up.file.as_fd(), left)? {
                return Err(
                    format!("{begun} of {count} panes of {} began", self.kind.name()).into()
                );
            }
            begun += self.up.file.read(&mut [0; 64])?;
        }
        Ok(())
    }

    fn start_tmux(&self, commands: &[String]) -> Result<(), Failure> {
        fs::write(self.folder.path().join("conf"), TMUX)?;
        let (cols, rows) = (self.size.cols.to_string(), self.size.rows.to_string());
        let session = ["new-session", "-d", "-s", "p", "-x", &cols, "-y", &rows];
        for (number, command) in commands.iter().enumerate() {
            let window = ["new-window", "-d", "-t", "p:"];
            let args = if number == 0 { &session[..] } else { &window[..] };
            done(
                Command::new("tmux").args(self.tmux()).args(args).arg(command).env_remove("TMUX"),
            )?;
        }
        Ok(())
    }

    fn tmux(&self) -> [String; 4] {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        ["-S".into(), path("socket"), "-f".into(), path("conf")]
    }

    fn start_monban(&self, commands: &[String]) -> Result<(), Failure> {
        let repository = self.folder.path().join("repo");
        fs::create_dir(self.home())?;
        fs::create_dir(&repository)?;
        fs::write(self.home().join("config.toml"), AGENT)?;
        fs::write(repository.join("monban.toml"), GATE)?;
        let git = |args: &[&str]| {
            let mut command = Command::new("git");
            command.args(args).current_dir(&repository).env("GIT_CONFIG_GLOBAL", "/dev/null");
            for (name, value) in [("NAME", "Ann"), ("EMAIL", "ann@example.invalid")] {
                command.env(format!("GIT_AUTHOR_{name}"), value);
                command.env(format!("GIT_COMMITTER_{name}"), value);
            }
            done(&mut command)
        };
        git(&["init", "-q", "-b", "main"])?;
        git(&["add", "-A"])?;
        git(&["commit", "-q", "-m", "first"])?;
        let mut run = vec!["run".to_string()];
        for (number, command) in commands.iter().enumerate() {
            let title = format!("pane {number}");
            let add = ["task", "add", "--kind", "fix", "--agent", "pane", "--title", &title];
            let id = done(self.monban().args(add).args(["--prompt", command]))?;
            run.push(id.trim().to_string());
        }
        let check = done(self.monban().args(["plan", "check", "--json"]))?;
        let check: serde_json::Value = serde_json::from_str(&check)?;
        let hash = check["hash"].as_str().ok_or("no hash of the gate")?;
        done(self.monban().args(run).args(["--trust", hash]))?;
        Ok(())
    }

    fn start_relay(&mut self, commands: &[String]) -> Result<(), Failure> {
        let [command] = commands else { return Err("a relay has one pane".into()) };
        let (args, env) = (["-c".into(), command.clone()], std::env::vars().collect());
        let program = Program { program: "/bin/sh", args: &args, env: &env, cwd: Path::new("/") };
        let (pane, _) = pty::start(&program, self.size)?;
        let master = pane.as_fd().try_clone_to_owned()?;
        self.relays = Some(Relays::start(master, &self.folder.path().join("socket"))?);
        Ok(())
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("m")
    }

    fn monban(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_monban"));
        command.current_dir(self.folder.path().join("repo")).env("MONBAN_HOME", self.home());
        command.env_remove("MONBAN_RUN").stdin(Stdio::null());
        command
    }

    /// A person's terminal on the first pane. `is_far`: as over SSH.
    pub fn attach(&mut self, is_far: bool) -> Result<Terminal, Failure> {
        let text = |args: &[&str]| args.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut env = Vec::new();
        if is_far {
            env.push(("SSH_CONNECTION", SSH_CONNECTION.to_string()));
        }
        let argv = match self.kind {
            Kind::Raw => text(&["/bin/sh", "-c", &self.raw]),
            Kind::Tmux => {
                let mut argv = text(&["tmux"]);
                argv.extend(self.tmux());
                argv.extend(text(&["attach", "-t", "p"]));
                argv
            }
            Kind::Relay => relay::client(&self.folder.path().join("socket"))?,
            Kind::Monban => {
                env.push(("MONBAN_HOME", self.home().display().to_string()));
                let repository = self.folder.path().join("repo").display().to_string();
                text(&[env!("CARGO_BIN_EXE_monban"), "-C", &repository, "attach", "1"])
            }
        };
        let terminal = Terminal::start(&argv, &env, self.size)?;
        if self.kind == Kind::Raw {
            self.await_panes(1)?;
        }
        Ok(terminal)
    }

    /// The same, typing into the pane, which so has the size of this terminal.
    pub fn step_in(&mut self, is_far: bool) -> Result<Terminal, Failure> {
        let mut terminal = self.attach(is_far)?;
        let settle = |terminal: &mut Terminal| {
            terminal.settle(Duration::from_millis(300), Duration::from_secs(10))
        };
        settle(&mut terminal)?;
        if self.kind == Kind::Monban {
            terminal.press(b"i")?;
            settle(&mut terminal)?;
            terminal.press(b"\r")?;
            settle(&mut terminal)?;
        }
        Ok(terminal)
    }

    /// The word to begin.
    pub fn go(&mut self) -> Result<Instant, Failure> {
        let now = Instant::now();
        self.go.file.write_all(b"\n")?;
        Ok(now)
    }

    /// Waits until the work is over, with or without a terminal on it.
    pub fn over(&self, by: Option<&mut Terminal>, limit: Duration) -> Result<Instant, Failure> {
        let is_over = match by {
            Some(terminal) => terminal.until_readable(self.over.file.as_fd(), limit)?,
            None => is_readable(self.over.file.as_fd(), limit)?,
        };
        let took = || format!("{} was not over in {limit:?}", self.kind.name()).into();
        if is_over { Ok(Instant::now()) } else { Err(took()) }
    }

    /// Gives the pane that is [`Self::fed`] something to show.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.feed.file.write_all(bytes)?)
    }

    /// Its processes with what each is; the commands in the panes are none of them.
    pub fn processes(&self) -> Result<Vec<(u32, &'static str)>, Failure> {
        let program = match self.kind {
            Kind::Raw | Kind::Relay => return Ok(Vec::new()),
            Kind::Tmux => "tmux",
            Kind::Monban => env!("CARGO_BIN_EXE_monban"),
        };
        let tag = self.folder.path().display().to_string();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let entry = entry?;
            let Ok(pid) = entry.file_name().to_string_lossy().parse() else { continue };
            let text = |name: &str| {
                let bytes = fs::read(entry.path().join(name)).unwrap_or_default();
                String::from_utf8_lossy(&bytes).replace('\0', " ")
            };
            let line = text("cmdline");
            let mut words = line.split(' ');
            if words.next() == Some(program)
                && (line.contains(&tag) || text("environ").contains(&tag))
            {
                let has = |word: &str| line.split(' ').any(|other| other == word);
                found.push((
                    pid,
                    match () {
                        () if has("attach") => "client",
                        () if has("hold") => "holders",
                        () => "daemon",
                    },
                ));
            }
        }
        if found.is_empty() { Err("it has no processes".into()) } else { Ok(found) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let mut stop = match self.kind {
            Kind::Raw | Kind::Relay => return,
            Kind::Tmux => {
                let mut command = Command::new("tmux");
                command.args(self.tmux()).arg("kill-server");
                command
            }
            Kind::Monban => {
                let mut command = self.monban();
                command.args(["daemon", "stop", "--kill-agents"]);
                command
            }
        };
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let until = Instant::now() + GONE_WITHIN;
        while self.processes().is_ok() && Instant::now() < until {
            let _ = pause(Duration::from_millis(20));
        }
        for (pid, _) in self.processes().unwrap_or_default() {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
            let _ =
                pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
        }
    }
}

/// Runs a command to its end; what it printed, or what it complained of.
fn done(command: &mut Command) -> Result<String, Failure> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let mut why = format!("{command:?}: {}", output.status);
    write!(why, ": {}", String::from_utf8_lossy(&output.stderr).trim())?;
    Err(why.into())
}

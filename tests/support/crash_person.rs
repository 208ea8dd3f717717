//! A person at a job who does not mind that things die: looks, does what is needed, looks again,
//! until the end. Never does again what shows as done.

use super::instance::{Instance, Ran};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

/// How long one job may take, and how often the person looks.
const PATIENCE: Duration = Duration::from_secs(600);
/// After so many looks at which nothing was new, a person looks at the disk.
const STILL_MAX: u32 = 15;
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What the agent is told to do and what is to come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Asks for permission, does well, is approved and lands.
    Good,
    /// Breaks the tests: red gate, halt, rollback; the person lifts the halt.
    Bad,
}

/// What dies, at which record of the event log.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub when: &'static str,
    pub record: usize,
    pub victim: &'static str,
}

/// Shell commands, run by the daemon at the record, by which somebody dies.
/// The daemon that dies is followed by one to which the person has another name.
pub const DAEMON: &str = "printf '[user]\nname = Other\n' > $MONBAN_HOME/gitconfig; kill -9 $PPID";
pub const HOLDER: &str = "f=$MONBAN_HOME/state/runs/run1/claim.json; p=$(grep -o '\"pid\": *[0-9]*' $f | \
     head -n1 | grep -o '[0-9]*$') && kill -9 $p";
pub const AGENT: &str = "f=$MONBAN_HOME/state/runs/run1/processes.json; p=$(grep -o '\"pid\": *[0-9]*' $f | \
     head -n1 | grep -o '[0-9]*$') && kill -9 $p";
/// Nobody dies, but the disk of the daemon is full.
pub const FULL: &str = "cat /dev/zero > $MONBAN_HOME/filler";
pub const CLIENT: &str = "kill -9 $(cat $MONBAN_HOME/client)";

/// What is left of a job: the same after every crash.
#[derive(Debug, PartialEq, Eq)]
pub struct Picture {
    pub commits: String,
    pub typed: usize,
    pub refs: Vec<String>,
    pub worktrees: usize,
    pub events: BTreeMap<String, usize>,
}

/// The person.
pub struct Person {
    pub monban: Instance,
    pub job: Job,
    /// Waits for the job in a client of its own, whose process id is in a file.
    pub waits_aside: bool,
    victim: &'static str,
    fault: Option<Fault>,
    /// How often in a row nothing new was seen.
    still: u32,
    before: String,
    answered: BTreeSet<String>,
    client: Option<Child>,
    pub retried: bool,
}

impl Person {
    pub fn new(job: Job, fault: Option<Fault>) -> Self {
        Self::at(Instance::new(), job, fault)
    }

    /// A person at an instance that is there.
    pub fn at(monban: Instance, job: Job, fault: Option<Fault>) -> Self {
        let victim = fault.map_or("", |fault| fault.victim);
        let before = monban.base();
        let answered = BTreeSet::new();
        let (client, retried) = (None, false);
        Self {
            monban,
            job,
            waits_aside: false,
            victim,
            fault,
            before,
            answered,
            client,
            retried,
            still: 0,
        }
    }

    /// Runs a command; the first one starts the daemon in which the fault waits.
    fn say(&mut self, args: &[&str]) -> Ran {
        let mut command = self.monban.command(args);
        command.env("GIT_CONFIG_GLOBAL", self.monban.home.join("gitconfig"));
        if let Some(fault) = self.fault.take() {
            command.env("MONBAN_FAULT_AT", format!("{} {}", fault.when, fault.record));
            let fired = self.monban.home.join("fired");
            command
                .env("MONBAN_FAULT_DO", format!("echo x >> {}; {}", fired.display(), fault.victim));
        }
        let ran = Instance::ran(command.output().unwrap());
        assert!([0, 1, 2, 3, 4].contains(&ran.status), "{args:?}: {} {}", ran.status, ran.err);
        ran
    }

    /// Runs a command that must do well; a late fault is tolerated once.
    fn sure(&mut self, args: &[&str]) -> Ran {
        let first = self.say(args);
        if first.status == 3 { self.say(args).expect(0) } else { first.expect(0) }
    }

    /// The prompt: it leaves a mark outside of its worktree each time it is typed.
    fn prompt(&self) -> String {
        let mark = format!("echo typed >> {}", self.monban.home.join("typed").display());
        match self.job {
            Job::Good => format!("{mark}; permission 'write hello' && echo hello > hello.txt"),
            Job::Bad => format!("{mark}; echo no > ok; echo junk > junk.txt"),
        }
    }

    /// Works until the job is at its end; gives the task as it shows then.
    pub fn work(&mut self) -> Value {
        self.work_until(Self::is_over)
    }

    pub fn work_until(&mut self, is_over: impl Fn(&Self, &Value) -> bool) -> Value {
        let began = Instant::now();
        let mut last = Value::Null;
        while began.elapsed() < PATIENCE {
            let shown = self.say(&["show", "1", "--json"]);
            self.look_at_the_disk(&shown, &last);
            match shown.status {
                0 => {
                    last = shown.json();
                    if is_over(self, &last) {
                        return last;
                    }
                    self.act(&last);
                }
                2 => self.add(),
                _ => {}
            }
            std::thread::sleep(LOOK_EVERY);
        }
        panic!("the job never ended: {last:#}\n{:#?}", self.monban.events())
    }

    /// Makes room when a command asks for it, or nothing seems to happen any more.
    fn look_at_the_disk(&mut self, shown: &Ran, last: &Value) {
        let stands = shown.status != 0 || shown.json()["stage"] == last["stage"];
        self.still = if stands { self.still + 1 } else { 0 };
        if self.victim == FULL && (self.still > STILL_MAX || shown.err.contains("free some space"))
        {
            let _ = fs::remove_file(self.monban.home.join("filler"));
        }
    }

    fn is_over(&self, task: &Value) -> bool {
        match self.job {
            Job::Good => {
                let last = task["attempts"].as_array().unwrap().last();
                task["state"] == "done" && last.unwrap()["ended"].is_object()
            }
            Job::Bad => task["stage"]["is"] == "failed" && task["repository"]["halted"].is_null(),
        }
    }

    fn add(&mut self) {
        let prompt = self.prompt();
        let args = ["task", "add", "--title", "Work", "--kind", "fix", "--agent", "script"];
        self.say(&[&args[..], &["--prompt", &prompt]].concat());
    }

    fn gate(&mut self) -> Option<String> {
        let check = self.say(&["plan", "check", "--json"]);
        (check.status == 0).then(|| check.json()["hash"].as_str().unwrap().to_string())
    }

    fn act(&mut self, task: &Value) {
        let state = task["stage"]["is"].as_str().unwrap();
        if state == "draft" {
            self.start();
        }
        if state == "failed" && !task["repository"]["halted"].is_null() {
            self.say(&["resume"]);
        } else if ["failed", "stopped"].contains(&state)
            && self.job == Job::Good
            && let Some(gate) = self.gate()
        {
            self.say(&["task", "retry", "1", "--fresh", "--trust", &gate]);
            self.retried = true;
        }
        for item in task["inbox"].as_array().unwrap() {
            self.answer(item);
        }
    }

    fn start(&mut self) {
        let Some(gate) = self.gate() else { return };
        if self.waits_aside && self.client.is_none() {
            let client = self.monban.command(&[]);
            let line = "echo $$ > $MONBAN_HOME/client; exec \"$0\" \"$@\"";
            let mut shell = std::process::Command::new("/bin/sh");
            shell.args(["-c", line]).arg(client.get_program());
            shell
                .args(["run", "1", "--wait", "--trust", &gate])
                .current_dir(&self.monban.repository);
            for (name, value) in client.get_envs().filter_map(|(n, v)| Some((n, v?))) {
                shell.env(name, value);
            }
            let quiet = std::process::Stdio::null;
            shell.env_remove("MONBAN_RUN").stdin(quiet()).stdout(quiet()).stderr(quiet());
            self.client = Some(shell.spawn().unwrap());
        } else if self.client.as_mut().is_none_or(|client| client.try_wait().unwrap().is_some()) {
            self.say(&["run", "1", "--trust", &gate]);
        }
    }

    fn answer(&mut self, item: &Value) {
        let id = item["id"].as_str().unwrap().to_string();
        match item["kind"].as_str().unwrap() {
            "permission" if !self.answered.contains(&id) => {
                let sent = self.say(&["send", "1", "--keys", "y", "enter"]).status == 0;
                self.answered.extend(sent.then_some(id));
            }
            "approval" => {
                let digest = item["digest"].as_str().unwrap();
                self.say(&["approve", "1", "--bind", digest]);
            }
            // The agent itself found the disk full.
            "nothing-changed" => _ = self.say(&["abort", "1"]),
            // What the supervisor could not do on a full disk is asked for again.
            "trouble" => _ = self.say(&["gates", "1", "--rerun"]),
            // An agent that died as it was typed to may have got it or not; it is over anyway.
            "delivery" if [AGENT, HOLDER].contains(&self.victim) => {}
            // The daemon dies at records, and between them it is always known what was typed.
            "delivery" => {
                panic!("whether the prompt was typed is in doubt: {:#?}", self.monban.events())
            }
            _ => {}
        }
    }

    /// Whether the fault struck.
    pub fn was_struck(&self) -> bool {
        self.monban.home.join("fired").exists()
    }

    pub fn typed(&self) -> usize {
        let marks = fs::read_to_string(self.monban.home.join("typed")).unwrap_or_default();
        marks.lines().count()
    }

    /// Checks what must be so at any end, stops everything and gives what is left.
    pub fn leave(mut self) -> Picture {
        self.sure(&["verify"]);
        let mut events = BTreeMap::new();
        for line in self.sure(&["events"]).out.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            *events.entry(record["type"].as_str().unwrap().to_string()).or_insert(0) += 1;
        }
        // Statuses are what settled, as often as it did; the rest happens as often as it should.
        events.retain(|kind, _| {
            let varies = ["run.status", "task.asked", "task.answered", "repo.present", "repo.left"];
            // Another daemon looks at the worktree once more; what takes long is told.
            let again = ["run.prompt-ready", "run.checkpoint", "task.progress"];
            let counts = |kinds: &[&str]| kinds.contains(&kind.as_str());
            !counts(&varies) && !counts(&again) && !kind.starts_with("daemon.")
        });
        self.sure(&["daemon", "stop", "--kill-agents"]);
        if let Some(mut client) = self.client.take() {
            client.wait().unwrap();
        }
        self.monban.gone();
        assert_eq!(self.monban.git(&["status", "--porcelain"]), "", "the checkout is clean");
        let refs = self.monban.git(&["for-each-ref", "--format=%(refname)"]);
        let worktrees = self.monban.git(&["worktree", "list", "--porcelain"]);
        Picture {
            commits: self.monban.git(&["rev-list", "--count", &format!("{}..main", self.before)]),
            typed: self.typed(),
            refs: refs.lines().map(str::to_string).collect(),
            worktrees: worktrees.lines().filter(|line| line.starts_with("worktree ")).count(),
            events,
        }
    }
}

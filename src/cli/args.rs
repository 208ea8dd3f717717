//! The command line: what can be typed. What it does is in the neighbours.

use super::auth::AuthArgs;
use super::examples;
use super::gc::GcArgs;
use super::play::PlayCommand;
use crate::base::id::{OpId, TaskId};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Supervises coding agents: each in its own worktree and terminal, and nothing they made reaches
/// your branch unless the gate passed and you approved exactly that commit.
#[derive(Parser, Debug)]
#[command(name = "monban", version, max_term_width = 100, after_help = examples::ALL)]
pub struct Cli {
    /// Stand in this folder instead of the current one.
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,
    /// What to do; nothing opens the dashboard
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// The whole job on a throw-away repository with scripted agents, at the dashboard: no account,
    /// no network, and nothing stays when you leave it
    Demo {
        /// Play the person too, and check every step against the event log; so without a terminal
        #[arg(long)]
        headless: bool,
    },
    /// The smoke tests and failure tests of the first level, each with its evidence, on a
    /// throw-away repository with scripted agents that really do the harm: no account, no network
    Selftest {
        /// One document for programs
        #[arg(long)]
        json: bool,
    },
    /// The dashboard, on the daemon of this machine or of another
    Attach(AttachArgs),
    /// Look at this repository and write monban.toml for it; never overwrites
    Init,
    /// Per agent: how it is logged in, what reaches a run, and how to mend it
    Auth(AuthArgs),
    /// Check what monban needs on this machine
    Doctor {
        /// One document for programs
        #[arg(long)]
        json: bool,
    },
    /// Write tasks down, change them, try them again
    #[command(subcommand)]
    Task(TaskCommand),
    /// The gate configuration a run would use
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Start tasks; none named means all drafts of this repository
    Run(RunArgs),
    /// The tasks and their agents
    Ls {
        /// Of all repositories
        #[arg(long)]
        all: bool,
        /// One document for programs
        #[arg(long)]
        json: bool,
    },
    /// One task, with its agent's effective environment
    Show {
        /// The task
        id: IdArg,
        /// One document for programs
        #[arg(long)]
        json: bool,
    },
    /// A task's change against its recorded base
    Diff {
        /// The task
        id: IdArg,
    },
    /// A task's verdicts with their evidence
    Gates {
        /// The task
        id: IdArg,
        /// Judge what is there now
        #[arg(long, conflicts_with = "json")]
        rerun: bool,
        /// One document for programs
        #[arg(long)]
        json: bool,
        /// Write what the last gate run found to this file, as SARIF 2.1.0; - is standard output
        #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "rerun"])]
        sarif: Option<PathBuf>,
    },
    /// What waits for you
    Inbox {
        /// In all repositories
        #[arg(long)]
        all: bool,
        /// One document for programs
        #[arg(long)]
        json: bool,
    },
    /// Approve exactly what you looked at, and wait for it to land
    ///
    /// Status 0 when it landed, 3 when it is still being landed after a minute, 4 when it did not
    /// land and needs you again.
    Approve {
        /// An inbox id, or a task's id
        item: String,
        /// The digest shown by `inbox`, of which 12 characters are enough with an inbox id; an
        /// alarm has none
        #[arg(long, value_name = "DIGEST", default_value = "", hide_default_value = true)]
        bind: String,
        /// That this statement of `inbox` is so, by its number; given for each of them
        #[arg(long, value_name = "N")]
        attest: Vec<String>,
    },
    /// Reject a result; the reason becomes the agent's next prompt
    Reject {
        /// An inbox id, or a task's id
        item: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Paste text into an agent's terminal, or press keys there
    Send(SendArgs),
    /// The screen of a task's agent
    Screen {
        /// The task
        id: IdArg,
        /// With colours
        #[arg(long)]
        ansi: bool,
    },
    /// End a task and every process of its agent
    #[command(group = one_of("id", "all"))]
    Abort {
        /// The task
        id: Option<IdArg>,
        /// Every task of this repository
        #[arg(long)]
        all: bool,
        /// With --all: also those whose results wait for your approval
        #[arg(long, requires = "all")]
        yes: bool,
    },
    /// Make a task's agent stand still
    Pause {
        /// The task
        id: IdArg,
    },
    /// Let a paused task go on; without an id, lift the repository's halt or hold
    Resume {
        /// The task
        id: Option<IdArg>,
    },
    /// Return a task's worktree to its base or a checkpoint; what is there is kept
    Rollback(RollbackArgs),
    /// Take back what a task landed: a commit that undoes it, for the gate and your approval
    ///
    /// The base without that work becomes the result of a new task, which has no agent. What is in
    /// conflict with later changes is refused, with its files, and nothing is changed.
    #[command(after_help = examples::REVERT)]
    Revert {
        /// The task that landed
        id: IdArg,
        /// Accept the gate configuration with this hash
        #[arg(long, value_name = "HASH")]
        trust: Option<String>,
    },
    /// The event log
    Events {
        /// Begin at this record
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// Go on as events come
        #[arg(long)]
        follow: bool,
    },
    /// Remove what ended work left and nobody needs any more, and say what and how much
    ///
    /// Never what runs, waits for you or can still land; of a failed or stopped task the last
    /// worktree, transcript and checkpoints stay. A rollback whose old worktree was removed cannot
    /// be undone.
    #[command(after_help = examples::GC)]
    Gc(GcArgs),
    /// Check the event log, and that its replay equals the daemon's state
    Verify {
        /// One document for programs
        #[arg(long)]
        json: bool,
    },
    /// Play a run's transcript again, or write it as an asciicast
    Replay {
        /// The task
        id: IdArg,
        /// Write an asciicast to this file instead
        #[arg(long, value_name = "FILE")]
        cast: Option<PathBuf>,
    },
    /// The background process that owns the state
    #[command(subcommand)]
    Daemon(DaemonCommand),
    /// Completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Man pages, written into a folder
    Man {
        /// The folder
        folder: PathBuf,
    },
    /// What an agent's hook calls
    #[command(hide = true)]
    Hook {
        /// The kind of agent
        kind: String,
        /// What the agent hands over
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<std::ffi::OsString>,
    },
    /// The far end of a dashboard on another machine
    #[command(hide = true)]
    Proxy,
    /// The holder of one run
    #[command(hide = true)]
    Hold {
        /// The run's folder
        folder: PathBuf,
    },
    #[command(flatten)]
    Play(PlayCommand),
}

/// Exactly one of two arguments; whoever gives none is told of both.
fn one_of(first: &'static str, second: &'static str) -> ArgGroup {
    ArgGroup::new("one_of").args([first, second]).required(true)
}

/// A task's id.
#[derive(Clone, Copy, Debug)]
pub struct IdArg(pub TaskId);

impl std::str::FromStr for IdArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = text.parse().map_err(|_| format!("`{text}` is not a task id such as 1"))?;
        Ok(Self(TaskId(id)))
    }
}

/// A rollback's id.
#[derive(Clone, Copy, Debug)]
pub struct OpArg(pub OpId);

impl std::str::FromStr for OpArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("op").unwrap_or(text);
        let id = digits.parse().map_err(|_| format!("`{text}` is not a rollback such as op3"))?;
        Ok(Self(OpId(id)))
    }
}

/// Tasks.
#[derive(Subcommand, Debug)]
pub enum TaskCommand {
    /// Write a task down; prints its id alone
    Add(AddArgs),
    /// Change a task that has not started
    Edit(EditArgs),
    /// Remove a draft, or a task that is over; its record stays in the event log
    Rm {
        /// The task
        id: IdArg,
    },
    /// Try a failed or stopped task again
    Retry {
        /// The task
        id: IdArg,
        /// Resume the agent's own conversation in the same worktree
        #[arg(long, conflicts_with = "fresh")]
        resume: bool,
        /// Start over in a new worktree
        #[arg(long)]
        fresh: bool,
        /// Accept the gate configuration with this hash
        #[arg(long, value_name = "HASH")]
        trust: Option<String>,
    },
}

/// A kind of work.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum KindArg {
    /// Fix something that exists
    Fix,
    /// Add something new
    Add,
    /// Add tests
    Test,
    /// Update dependencies
    Deps,
    /// Change the shape, not the behaviour
    Refactor,
}

/// A new task.
#[derive(Args, Debug)]
pub struct AddArgs {
    /// One line for lists and the commit
    #[arg(long)]
    pub title: String,
    /// The kind of work
    #[arg(long)]
    pub kind: KindArg,
    /// The agent: claude, codex, or one of your configuration
    #[arg(long)]
    pub agent: String,
    /// What the agent is to do
    #[arg(long, conflicts_with = "prompt_file")]
    pub prompt: Option<String>,
    /// A file that says it
    #[arg(long, value_name = "FILE")]
    pub prompt_file: Option<PathBuf>,
    /// `-` reads the prompt from standard input
    #[arg(value_name = "-", value_parser = ["-"])]
    pub stdin: Option<String>,
    /// Tasks that must be done first
    #[arg(long, value_name = "ID")]
    pub after: Vec<IdArg>,
    /// Paths the task is about
    #[arg(long, value_name = "GLOB")]
    pub files: Vec<String>,
}

/// A change of a task.
#[derive(Args, Debug)]
pub struct EditArgs {
    /// The task
    pub id: IdArg,
    /// A new title
    #[arg(long)]
    pub title: Option<String>,
    /// Another kind
    #[arg(long)]
    pub kind: Option<KindArg>,
    /// Another agent
    #[arg(long)]
    pub agent: Option<String>,
    /// A new prompt
    #[arg(long, conflicts_with = "prompt_file")]
    pub prompt: Option<String>,
    /// A file with a new prompt
    #[arg(long, value_name = "FILE")]
    pub prompt_file: Option<PathBuf>,
    /// Other tasks that must be done first
    #[arg(long, value_name = "ID")]
    pub after: Option<Vec<IdArg>>,
    /// Other paths
    #[arg(long, value_name = "GLOB")]
    pub files: Option<Vec<String>>,
}

/// The plan.
#[derive(Subcommand, Debug)]
pub enum PlanCommand {
    /// Show the gate configuration, its hash, and whether it is trusted
    Check {
        /// One document for programs
        #[arg(long)]
        json: bool,
    },
}

/// Starting tasks.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The tasks
    pub ids: Vec<IdArg>,
    /// Return when each task needs a person or ended, also one under way; you are there meanwhile
    #[arg(long)]
    pub wait: bool,
    /// Vouch for being there for a while, such as 30m
    #[arg(long, value_name = "DURATION")]
    pub attend: Option<String>,
    /// Accept the gate configuration with this hash, as shown by `plan check`
    #[arg(long, value_name = "HASH")]
    pub trust: Option<String>,
}

const SEND_USAGE: &str = "\
monban send <ID> <TEXT> [--submit]
       monban send <ID> --keys <KEY>...";

/// Typing to an agent.
#[derive(Args, Debug)]
#[command(group = one_of("text", "keys"), override_usage = SEND_USAGE)]
pub struct SendArgs {
    /// The task
    pub id: IdArg,
    /// Text to paste
    pub text: Option<String>,
    /// Submit the text as the agent's next prompt
    #[arg(long, conflicts_with = "keys")]
    pub submit: bool,
    /// Keys to press, such as `1`, `enter`, `ctrl-c`
    #[arg(long, value_name = "KEY", num_args = 1..)]
    pub keys: Vec<String>,
}

/// Rolling back.
#[derive(Args, Debug)]
#[command(group = one_of("id", "undo"))]
pub struct RollbackArgs {
    /// The task
    pub id: Option<IdArg>,
    /// The checkpoint to return to, such as cp1; the base if not given
    #[arg(long, value_name = "CHECKPOINT", conflicts_with = "undo")]
    pub to: Option<String>,
    /// Undo this rollback
    #[arg(long, value_name = "OP")]
    pub undo: Option<OpArg>,
}

/// Opening the dashboard.
#[derive(Args, Debug, Default)]
pub struct AttachArgs {
    /// The dashboard here, the daemon there: as ssh names the machine. `-C` is a folder there
    #[arg(long, value_name = "HOST", value_parser = host)]
    pub host: Option<String>,
    /// Look only: nothing can be typed or decided
    #[arg(long)]
    pub watch: bool,
    /// All repositories
    #[arg(long)]
    pub all: bool,
    /// Begin with this task
    pub id: Option<IdArg>,
}

fn host(text: &str) -> Result<String, String> {
    match text.is_empty() || text.starts_with('-') {
        true => Err("a host is such as `user@host`".into()),
        false => Ok(text.into()),
    }
}

/// The background process.
#[derive(Subcommand, Debug)]
pub enum DaemonCommand {
    /// Start it, if none runs
    Start {
        /// Stay in the foreground
        #[arg(long)]
        foreground: bool,
    },
    /// Stop it; agents go on
    Stop {
        /// End all agents first
        #[arg(long)]
        kill_agents: bool,
    },
    /// Replace it by this program's, under running agents
    Upgrade,
    /// Make it a service of your session: back after a crash, still there after a logout
    Install,
    /// How it is
    Status {
        /// One document for programs
        #[arg(long)]
        json: bool,
    },
}

//! What all parts of the daemon share: places, clock, the way to the engine, the live runs.

use super::agents::{self, Agent};
use super::engine::{Handle, Input};
use super::gates::{self, Gate};
use super::runs::Runs;
use super::session::clients::Clients;
use super::session::replays::Replays;
use crate::agent::prepare::Host;
use crate::base::clock::{Clock, Timestamp};
use crate::base::hash;
use crate::base::id::{RepoId, RunId, TaskId};
use crate::base::paths::Places;
use crate::git::{GitError, Repository, Store};
use crate::model::command::{Command, Report};
use crate::model::decide::Settings;
use crate::model::event::Event;
use crate::model::rejection::{Class, Rejection};
use crate::policy::{self, Limits};
use crate::store::{Disk, SystemDisk};
use crate::term::Terminal;
use crate::wire::people::Answer;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// How long a report waits before it is tried again when the log does not take it.
const REPORT_RETRY: Duration = Duration::from_secs(1);

/// What all parts of the daemon share.
pub struct World {
    /// Where monban keeps its files.
    pub places: Places,
    /// The time.
    pub clock: Clock,
    /// The monban program, for holders and hooks.
    pub program: PathBuf,
    /// The name of this machine, as in `agent@node`.
    pub node: String,
    /// The person's user id.
    pub user: u32,
    /// The person's environment, of which runs get a listed part.
    pub host: Host,
    /// The way to the engine.
    pub engine: Handle,
    /// The runs that are alive.
    pub runs: Runs,
    /// Who is attached.
    pub clients: Arc<Clients>,
    /// The screens of runs that ended under an earlier daemon.
    pub replays: Replays,
    /// Progress of long work, for those who wait for a task.
    pub progress: broadcast::Sender<(TaskId, Answer)>,
    /// When this daemon began.
    pub started_at: Timestamp,
    /// The last run that an earlier daemon knew of. What is in the folder of a later one before it
    /// begins, somebody else put there.
    pub last_run_before: RunId,
    /// What was wrong with the event log when it was opened.
    pub log_problems: Vec<String>,
}

/// What is known of the repository a person stands in.
pub struct RepositoryFacts {
    /// Its top folder.
    pub path: PathBuf,
    /// Its common git folder.
    pub common: PathBuf,
    /// The base branch, full name.
    pub base: String,
}

/// A git error as a refusal with its way out.
pub fn git_refusal(error: &GitError) -> Rejection {
    Rejection::new(Class::Environment, error.to_string(), "nothing was changed")
}

impl World {
    /// Where the event log is.
    pub fn log_folder(&self) -> PathBuf {
        self.places.state.join("events")
    }

    /// Where a run keeps its files.
    pub fn run_folder(&self, run: RunId) -> PathBuf {
        self.places.state.join("runs").join(run.to_string())
    }

    /// A run's name in its processes' environment, different for every instance of monban.
    pub fn marker(&self, run: RunId) -> String {
        let instance = hash::sha256(self.places.state.as_os_str().as_encoded_bytes());
        format!("{run}-{instance:.12}")
    }

    /// The store of a repository.
    pub fn store(&self, repo: RepoId) -> Result<Store, GitError> {
        Store::open(&self.store_folder(repo))
    }

    /// Where the store of a repository is.
    pub fn store_folder(&self, repo: RepoId) -> PathBuf {
        self.places.state.join("stores").join(repo.to_string())
    }

    /// Free space where the state is kept; `None` if it cannot be told.
    pub fn free_bytes(&self) -> Option<u64> {
        SystemDisk.free_bytes(&self.places.state).ok()
    }

    /// Looks at the repository in which `at` stands.
    pub async fn repository_at(&self, at: PathBuf) -> Result<RepositoryFacts, Rejection> {
        blocking(move || facts(&at)).await
    }

    /// The common git folder of the repository in which `at` stands.
    pub async fn common_at(&self, at: PathBuf) -> Result<PathBuf, Rejection> {
        let common = move || Repository::identity(&at).map_err(|error| input(&error));
        blocking(common).await
    }

    /// The gate that would judge a run started now by somebody who stands in `at`.
    pub async fn gate_of(&self, at: PathBuf) -> Result<Gate, Rejection> {
        blocking(move || gates::find(&at)).await
    }

    /// Keeps a gate's content, so that what was trusted is what runs.
    pub fn keep_gate(&self, gate: &Gate) -> Result<(), Rejection> {
        gates::keep(&self.places.state, gate)
    }

    /// The agent called `name`.
    pub fn agent_named(&self, name: &str) -> Result<Agent, Rejection> {
        agents::named(self, name)
    }

    /// Whether an agent could start now: its program and login are there.
    pub fn agent_ready(&self, name: &str) -> Result<(), Rejection> {
        let agent = agents::named(self, name)?;
        let nowhere = Path::new("/");
        let attempt = agents::attempt(self, RunId(0), nowhere, nowhere, String::new(), None)?;
        agents::plan(&agent, &attempt, &self.host).map(|_| ())
    }

    /// The limits that the person's settings state: those of the file, or as they are in force
    /// where it cannot be read now.
    pub async fn limits(&self) -> Result<Limits, Rejection> {
        match agents::person(self) {
            Ok(person) => Ok(settings(&person).limits),
            Err(_) => self.engine.look(|core| core.settings.limits).await,
        }
    }

    /// Reads the person's settings again and gives them to the engine.
    pub async fn reload_settings(&self) -> Result<(), Rejection> {
        let settings = settings(&agents::person(self)?);
        self.engine.tell(Input::Settings(Box::new(settings))).await;
        Ok(())
    }

    /// Hands a report to the engine and returns what followed. A log that does not take it now (a
    /// full disk) may take it later: what happened must not be forgotten, so this returns only when
    /// it is recorded or `gave_up`.
    pub fn report(&self, report: Report, gave_up: &dyn Fn() -> bool) -> Vec<Event> {
        let command = Command::Report(report);
        loop {
            match self.engine.command_blocking(command.clone()) {
                Ok(events) => return events,
                Err(rejection) if rejection.class == Class::Environment && !gave_up() => {
                    std::thread::sleep(REPORT_RETRY);
                }
                Err(_) => return Vec::new(),
            }
        }
    }

    /// Tells those who wait for a task how far long work is.
    pub fn tell_progress(&self, task: TaskId, what: &str, done: u64, total: Option<u64>) {
        let answer = Answer::Progress { what: what.into(), done, total };
        let _ = self.progress.send((task, answer));
    }

    /// The terminal of an ended run, made anew from its transcript.
    pub fn replayed<T>(&self, run: RunId, look: impl FnOnce(&Terminal) -> T) -> Option<T> {
        super::runs::replayed(&self.run_folder(run), look)
    }

    /// The diff of a task's last snapshot against its base.
    pub async fn diff(&self, id: TaskId) -> Result<Value, Rejection> {
        super::effects::diff_of(self, id).await
    }
}

/// What the core needs of the person's settings.
pub fn settings(person: &crate::config::Person) -> Settings {
    let limits = person.level.rules().limits.stated(&person.bounds);
    Settings {
        level: person.level,
        policy: policy::policy_hash(person.level, &limits),
        limits,
        max_agents: person.max_agents,
    }
}

fn facts(at: &Path) -> Result<RepositoryFacts, Rejection> {
    let repository = Repository::open(at).map_err(|error| input(&error))?;
    let base = gates::base_branch(&repository)?;
    Ok(RepositoryFacts {
        path: repository.toplevel().to_path_buf(),
        common: repository.common_dir().to_path_buf(),
        base,
    })
}

fn input(error: &GitError) -> Rejection {
    Rejection::input(error.to_string(), "nothing was changed")
}

/// Runs something that blocks beside the async world.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Rejection> + Send + 'static,
) -> Result<T, Rejection> {
    let worked = tokio::task::spawn_blocking(work).await;
    worked.unwrap_or_else(|error| {
        let why = format!("work of the daemon was cut short: {error}");
        Err(Rejection::new(Class::Environment, why, "run the command again"))
    })
}

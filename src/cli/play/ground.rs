//! The ground a play stands on: a generated repository and a monban instance of its own under one
//! folder.

use super::super::client::Client;
use super::super::exit::Failure;
use crate::base::paths::Places;
use crate::wire::people::{Ask, DaemonAsk};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a play is about.
pub(in crate::cli) struct Plot {
    /// Its name, in messages and in its folder's.
    pub name: &'static str,
    /// The files of the repository, each with its content.
    pub files: &'static [(&'static str, &'static str)],
    /// The scripted agents that take part.
    pub agents: &'static [&'static str],
}

/// A generated repository and the instance that works on it.
#[derive(Clone)]
pub(in crate::cli) struct Ground {
    root: PathBuf,
    /// The repository.
    pub repository: PathBuf,
    /// The instance.
    pub places: Places,
}

impl Ground {
    /// Makes everything anew.
    pub fn make(plot: &Plot) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            let why = format!("the {} cannot be set up: {error}", plot.name);
            Failure::environment(why, "is the disk full?")
        };
        let root = new_folder(plot.name).map_err(failed)?;
        let ground = Self::of(root);
        match ground.fill(plot) {
            Ok(()) => Ok(ground),
            Err(error) => {
                let _ = fs::remove_dir_all(&ground.root);
                Err(failed(error))
            }
        }
    }

    fn of(root: PathBuf) -> Self {
        let (repository, home) = (root.join("greet"), root.join("monban"));
        Self { repository, places: Places::under(&home), root }
    }

    /// One that is there.
    pub fn at(root: &Path) -> io::Result<Self> {
        let ground = Self::of(root.to_path_buf());
        let name = root.file_name().unwrap_or_default().to_string_lossy();
        // It is going to be removed: nothing else is taken for one.
        if name.starts_with("monban-") && ground.places.config_file.is_file() {
            return Ok(ground);
        }
        Err(io::Error::other(format!("{} is not the ground of a play", root.display())))
    }

    /// The folder that holds all of it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn fill(&self, plot: &Plot) -> io::Result<()> {
        for (name, content) in plot.files {
            let path = self.repository.join(name);
            fs::create_dir_all(path.parent().unwrap_or(&self.repository))?;
            fs::write(path, content)?;
        }
        self.git(&["init", "--quiet", "--initial-branch=main"])?;
        self.git(&["add", "."])?;
        self.git(&["commit", "--quiet", "--message=greet"])?;
        fs::create_dir_all(self.root.join("monban"))?;
        let program = std::env::current_exe()?;
        let agents = plot.agents.iter().map(|name| {
            let program = toml::Value::from(program.display().to_string());
            format!("[agents.{name}]\nkind = \"command\"\nprogram = {program}\nargs = [\"demo-agent\", \"{name}\"]\n")
        });
        // All of them at once.
        let max = format!("max_agents = {}\n", plot.agents.len());
        fs::write(&self.places.config_file, max + &agents.collect::<Vec<_>>().join("\n"))
    }

    /// Runs git in the generated repository and gives what it prints.
    pub fn git(&self, args: &[&str]) -> io::Result<String> {
        let output = Command::new("git")
            .args(args)
            .current_dir(&self.repository)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([("GIT_AUTHOR_NAME", "monban"), ("GIT_AUTHOR_EMAIL", "monban@example.invalid")])
            .envs([
                ("GIT_COMMITTER_NAME", "monban"),
                ("GIT_COMMITTER_EMAIL", "monban@example.invalid"),
            ])
            .stdin(Stdio::null())
            .output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_string());
        }
        Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_string()))
    }

    /// A connection to the instance's daemon.
    pub fn client(&self) -> Result<Client, Failure> {
        Client::connect(&self.places, &self.repository)
    }

    /// Stops the daemon and its agents and removes the folder.
    pub fn clear(&self) -> Result<(), String> {
        let stopped = match Client::connect_running(&self.places, &self.repository) {
            Ok(Some(mut client)) => {
                let stopped = client.ask(Ask::Daemon(DaemonAsk::Stop { kill_agents: true }));
                client.wait_for_end();
                stopped.map(|_| ())
            }
            Ok(None) => Ok(()),
            Err(failure) => Err(failure),
        };
        stopped.map_err(|failure| format!("the daemon did not stop: {failure:?}"))?;
        fs::remove_dir_all(&self.root)
            .map_err(|error| format!("{} stays: {error}", self.root.display()))
    }
}

/// A new private folder below the system's folder for temporary files.
fn new_folder(name: &str) -> io::Result<PathBuf> {
    let base: &Path = &std::env::temp_dir();
    for number in 0..1000_u32 {
        let path = base.join(format!("monban-{name}-{}-{number}", std::process::id()));
        let user = rustix::process::getuid().as_raw();
        if !path.exists() && crate::base::paths::private_folder(&path, user).is_ok() {
            return path.canonicalize();
        }
    }
    Err(io::Error::other("no free name for a folder"))
}

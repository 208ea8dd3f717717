//! Which gate judges: read from the base commit, so that a change cannot edit its own judge; from
//! the person's checkout while the base commit has none. What was trusted is kept and is what runs.

use crate::agent::prepare::GitIdentity;
use crate::base::durable;
use crate::base::foreign::Foreign;
use crate::config::repository::{AllowedDanger, FILE_NAME};
use crate::config::{FILE_BYTES_MAX, RepositoryConfig, repository};
use crate::gate::{self, Step};
use crate::git::{self, Repository};
use crate::model::rejection::{Class, Rejection};
use crate::model::task::{GatePin, GateSource};
use crate::policy::Bounds;
use std::path::{Path, PathBuf};

/// A gate configuration.
pub struct Gate {
    /// Its hash and where it was read.
    pub pin: GatePin,
    /// Its text.
    pub text: String,
    /// What it does, in order.
    pub steps: Vec<Step>,
    /// What of the dangerous it lets pass.
    pub allowed_danger: Vec<AllowedDanger>,
    /// The limits it states.
    pub bounds: Bounds,
    /// Whether the file in the person's checkout is another one, which does not judge.
    pub is_edited: bool,
}

/// The gate for somebody who stands in `at`.
pub fn find(at: &Path) -> Result<Gate, Rejection> {
    let opened = Repository::open(at);
    let repository = opened.map_err(|e| Rejection::input(e.to_string(), "nothing was changed"))?;
    let base = base_branch(&repository)?;
    let commit = repository
        .head_of(&base)
        .map_err(|error| Rejection::input(error.to_string(), "then run the command again"))?;
    let of_base =
        repository.file_at(commit, FILE_NAME.as_bytes(), FILE_BYTES_MAX).map_err(|error| {
            Rejection::new(Class::Environment, error.to_string(), "nothing was changed")
        })?;
    match of_base {
        Some(bytes) => {
            let here = checkout_file(&repository.toplevel().join(FILE_NAME))?;
            let is_edited = here.is_some_and(|here| here != bytes);
            let origin = format!("{FILE_NAME} of the base commit");
            Ok(Gate { is_edited, ..read(bytes, GateSource::Base, &origin)? })
        }
        None => {
            let path = repository.toplevel().join(FILE_NAME);
            let bytes = checkout_file(&path)?.ok_or_else(|| {
                let why = format!("{} has no {FILE_NAME}", repository.toplevel().display());
                Rejection::input(why, "`monban init` writes one; read it and commit it")
            })?;
            read(bytes, GateSource::Checkout, &path.display().to_string())
        }
    }
}

/// The base branch, full name: what the person's checkout says, else the branch it is on.
pub fn base_branch(repository: &Repository) -> Result<String, Rejection> {
    let path = repository.toplevel().join(FILE_NAME);
    let named = match checkout_file(&path)? {
        Some(bytes) => {
            let origin = path.display().to_string();
            let parsed = repository::parse(&bytes, &origin);
            parsed.map_err(|d| Rejection::input(d.to_string(), "mend the file"))?.base
        }
        None => None,
    };
    match named {
        Some(name) => existing(repository, &path, &name),
        None => repository.default_base().map_err(|error| {
            let cure = format!("name it under [project] base in {FILE_NAME}");
            Rejection::input(error.to_string(), cure)
        }),
    }
}

fn existing(repository: &Repository, file: &Path, name: &str) -> Result<String, Rejection> {
    let full = format!("refs/heads/{name}");
    let found = repository
        .find_ref(&full)
        .map_err(|e| Rejection::new(Class::Environment, e.to_string(), "nothing was changed"))?;
    let file = file.display();
    if found.is_none() {
        let name = Foreign::new(name);
        let why = format!("{file}: [project] base names branch {name}, which is not there");
        let cure = "name an existing branch, or make it with `git branch`";
        return Err(Rejection::input(why, cure));
    }
    repository.head_of(&full).map_err(|error| {
        Rejection::input(format!("{file}: [project] base: {error}"), "mend the file")
    })?;
    Ok(full)
}

fn checkout_file(path: &Path) -> Result<Option<Vec<u8>>, Rejection> {
    match durable::read(path, FILE_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let why = format!("cannot read {}: {error}", path.display());
            Err(Rejection::input(why, "mend or remove the file"))
        }
    }
}

fn read(bytes: Vec<u8>, source: GateSource, origin: &str) -> Result<Gate, Rejection> {
    let config = repository::parse(&bytes, origin)
        .map_err(|diagnostics| Rejection::input(diagnostics.to_string(), "mend the file"))?;
    let steps = steps(&config, origin)?;
    let pin = GatePin { hash: config.gate_hash(), source };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (allowed_danger, bounds) = (config.scan.allowed_danger, config.bounds);
    Ok(Gate { pin, text, steps, allowed_danger, bounds, is_edited: false })
}

/// The steps of a gate in order. A gate that could judge nothing is refused: not-run is never a
/// pass.
pub fn steps(config: &RepositoryConfig, origin: &str) -> Result<Vec<Step>, Rejection> {
    let steps = gate::steps(config);
    if !steps.iter().any(|step| step.check == "test") {
        let why = format!("{origin} names no test command, so nothing could ever pass");
        return Err(Rejection::input(why, "set [verify] test"));
    }
    Ok(steps)
}

fn kept_path(state: &Path, hash: &str) -> PathBuf {
    state.join("gates").join(format!("{hash}.toml"))
}

/// Keeps the text of a gate under its hash.
pub fn keep(state: &Path, gate: &Gate) -> Result<(), Rejection> {
    let path = kept_path(state, &gate.pin.hash);
    let kept = std::fs::create_dir_all(state.join("gates"))
        .and_then(|()| durable::write(&path, gate.text.as_bytes()));
    kept.map_err(|error| {
        let why = format!("cannot keep the gate configuration at {}: {error}", path.display());
        Rejection::new(Class::Environment, why, "free some space and run the command again")
    })
}

/// The kept gate with this hash, checked against it.
pub fn kept(state: &Path, hash: &str) -> Result<RepositoryConfig, String> {
    let path = kept_path(state, hash);
    let bytes = durable::read(&path, FILE_BYTES_MAX)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let config = repository::parse(&bytes, &path.display().to_string())
        .map_err(|diagnostics| diagnostics.to_string())?;
    if config.gate_hash() == hash {
        return Ok(config);
    }
    Err(format!("{} is not the gate that was trusted", Foreign::new(path.display().to_string())))
}

/// Who commits in a repository, and the folders outside a worktree that committing writes to.
pub fn identity(repository: &Path, worktree: &Path) -> (GitIdentity, Vec<PathBuf>) {
    let opened = Repository::open(repository).ok();
    let identity = opened.as_ref().map(git::identity).unwrap_or_default();
    // Not all of refs: a sandboxed agent can commit to its own branch and move no other.
    let writable = opened.map_or_else(Vec::new, |repository| {
        let common = repository.common_dir();
        let admin = worktree.file_name().map(|name| common.join("worktrees").join(name));
        let shared = ["objects", "refs/heads/monban", "logs/refs/heads/monban"];
        let shared = shared.map(|name| common.join(name));
        for folder in &shared {
            let _ = std::fs::create_dir_all(folder);
        }
        admin.into_iter().chain(shared).collect()
    });
    (GitIdentity { name: identity.name, email: identity.email }, writable)
}

//! Repositories.

use crate::base::foreign::Foreign;
use crate::base::id::{RepoId, RunId, TaskId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// About a repository.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum RepoEvent {
    /// monban works for a repository from now on.
    #[serde(rename = "repo.opened")]
    Opened {
        /// Its id.
        repo: RepoId,
        /// Its top folder, for people.
        path: PathBuf,
        /// Its common git folder, by which it is known.
        common: PathBuf,
        /// The base branch, full name.
        base: String,
    },
    /// The base branch is another one now.
    #[serde(rename = "repo.rebased")]
    BaseChanged {
        /// The repository.
        repo: RepoId,
        /// The base branch, full name.
        base: String,
    },
    /// A person trusts the commands of a gate configuration.
    #[serde(rename = "repo.trusted")]
    Trusted {
        /// The repository.
        repo: RepoId,
        /// The hash of the configuration's content.
        hash: String,
        /// Who.
        by: String,
    },
    /// A failure stopped everything of this repository.
    #[serde(rename = "repo.halted")]
    Halted {
        /// The repository.
        repo: RepoId,
        /// The task that failed.
        task: TaskId,
        /// Why.
        cause: Foreign,
    },
    /// Something was to start and nobody was there.
    #[serde(rename = "repo.held")]
    Held {
        /// The repository.
        repo: RepoId,
        /// What was to start.
        what: String,
    },
    /// A person lifted a halt or hold.
    #[serde(rename = "repo.resumed")]
    Resumed {
        /// The repository.
        repo: RepoId,
        /// Who.
        by: String,
    },
    /// Branches, configuration or hooks changed while an agent ran, and not by monban.
    #[serde(rename = "repo.tampered")]
    Tampered {
        /// The repository.
        repo: RepoId,
        /// The run during which it happened.
        run: RunId,
        /// What changed, each with the command that takes it back.
        what: Vec<Foreign>,
    },
    /// The base branch moved forward while an agent ran, and not by monban: most often the person's
    /// own commit or pull, which cannot be told from an agent's.
    #[serde(rename = "repo.advanced")]
    Advanced {
        /// The repository.
        repo: RepoId,
        /// The run during which it happened.
        run: RunId,
        /// Where it was and is, with the command that takes it back.
        what: Foreign,
        /// The commit it is at; earlier versions said it in words alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// The person's repository changed while an agent ran in a way that harms nobody: a fetch, a
    /// new branch. Most often the person's own, which cannot be told from an agent's.
    #[serde(rename = "repo.noted")]
    Noted {
        /// The repository.
        repo: RepoId,
        /// The run during which it happened.
        run: RunId,
        /// What changed, each with the command that takes it back.
        what: Vec<Foreign>,
    },
}

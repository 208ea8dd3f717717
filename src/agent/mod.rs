//! Agents as data: how each kind is prepared, logged in, prompted and understood.
//!
//! Starts no process and owns no terminal: it plans, writes the planned files, and reads signs. To
//! add an agent, write a file like those in `assets/agents`; nothing here names one.

pub mod carry;
mod environment;
mod error;
pub mod hook;
mod inside;
pub mod instructions;
pub mod kept;
pub mod kind;
pub mod login;
pub mod prepare;
pub mod prompt;
pub mod status;
pub mod template;
pub mod turn;
pub mod usage;

pub use environment::{EnvironmentEntry, EnvironmentReport, TOOLCHAIN_HOMES, Why};
pub use error::{AgentError, Refusal};

use std::path::{Component, Path};

/// Whether `path` is relative and stays below the folder it is joined to.
fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Whether `id` can be a conversation's id. The agent chose it and it becomes an argument of the
/// next start, so it must not be able to look like an option.
fn is_session_id(id: &str) -> bool {
    id.len() <= 100
        && id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

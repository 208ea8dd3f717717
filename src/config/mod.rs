//! The two configuration files, read with line-numbered diagnostics.
//!
//! `config.toml` is the person's and says what runs on the machine; `monban.toml` is the
//! repository's and says how work on it is judged. A file with any mistake is not applied at all.

mod detect;
mod diagnostic;
mod initial;
pub mod person;
mod reader;
pub mod repository;
pub mod values;

#[cfg(test)]
mod tests;

pub use detect::{Detected, detect};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use initial::render_initial;
pub use person::Person;
pub use repository::RepositoryConfig;

use crate::policy::{Level, Limits, Origin};

/// The largest configuration file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// The level's limits, tightened by the repository where it is stricter (C-09).
pub fn effective_limits(level: Level, repository: &RepositoryConfig) -> Limits {
    level.rules().limits.tightened(&repository.bounds, Origin::Repository)
}

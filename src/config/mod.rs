//! The two configuration files, read with line-numbered diagnostics.
//!
//! `config.toml` is the person's and says what runs on the machine; `monban.toml` is the
//! repository's and says how work on it is judged. A file with any mistake is not applied at all.

mod danger;
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

use crate::policy::{Limits, Origin};

/// The largest configuration file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// The person's limits, tightened by the repository where it is stricter (C-09).
pub fn effective_limits(person: &Limits, repository: &RepositoryConfig) -> Limits {
    person.tightened(&repository.bounds, Origin::Repository)
}

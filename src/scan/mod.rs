//! Scans: what a change brings in, found in the bytes of both sides of every file that differs from
//! the recorded base. Pure: the gate reads the store and hands the bytes over.
//!
//! A check is one file here and one line in the gate's table. It only finds; whether its findings
//! fail the gate follows from their weight.

pub mod change;
pub mod danger;
mod found;
pub mod imports;
mod syntax;

use crate::config::repository::Scan;
use crate::model::task::Kind;
use crate::model::verdict::{Finding, Weight};
use change::Change;

/// What a check may look at besides the change.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// What the repository asks to look for.
    pub scan: &'a Scan,
    /// The task's kind.
    pub kind: Kind,
}

/// What a check saw.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// What it found, in the order of files and lines.
    pub findings: Vec<Finding>,
    /// What it looked at, in a few words: the verdict's reason when nothing was found.
    pub looked_at: String,
    /// Why it could not judge the change, if so: then it was not run, which is never a pass.
    pub unjudged: Option<String>,
}

impl Seen {
    /// Whether something was found that fails the check.
    pub fn is_violated(&self) -> bool {
        self.findings.iter().any(|finding| finding.weight == Weight::Violation)
    }
}

/// A check over the bytes of a change.
pub type Check = fn(&Change, &Settings<'_>) -> Seen;

/// Data that is built in. What it says is proven by the tests that read it.
fn built_in<T: serde::de::DeserializeOwned>(text: &str) -> T {
    match toml::from_str(text) {
        Ok(data) => data,
        Err(error) => unreachable!("built-in data of the scans: {error}"),
    }
}

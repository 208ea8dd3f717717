//! Tokens that a person gave to `monban auth`: one private file, by agent and variable.

use crate::base::durable;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

const BYTES_MAX: u64 = 1 << 20;

/// Tokens by agent and variable.
pub type Kept = BTreeMap<String, BTreeMap<String, String>>;

/// What is kept; nothing where there is no file.
///
/// # Errors
/// It is there and cannot be read.
pub fn read(path: &Path) -> io::Result<Kept> {
    match durable::read(path, BYTES_MAX) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Kept::new()),
        Err(error) => Err(error),
    }
}

/// Keeps a token in place of the one before.
///
/// # Errors
/// The file cannot be read or written.
pub fn keep(path: &Path, agent: &str, variable: &str, token: &str) -> io::Result<()> {
    let mut kept = read(path)?;
    kept.entry(agent.into()).or_default().insert(variable.into(), token.into());
    durable::write_json(path, &kept)
}

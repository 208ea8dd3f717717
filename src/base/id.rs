//! Ids. All are small counters handed out by the state, so that a replay gives the same ones.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// A task: what a person types on the command line, unique over all repositories of a daemon.
    TaskId, "");
id!(
    /// A repository the daemon knows.
    RepoId, "repo");
id!(
    /// One holder and the process tree under it: an attempt's agent or a gate command.
    RunId, "run");
id!(
    /// Something that waits for a person.
    ItemId, "item");
id!(
    /// One rollback, landing or undo, by which it can be named later.
    OpId, "op");

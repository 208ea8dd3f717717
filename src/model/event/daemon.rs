//! The daemon and the people at it.

use crate::base::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// About the daemon and the people at it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum DaemonEvent {
    /// A daemon began to work on this log. Nobody is there yet.
    #[serde(rename = "daemon.started")]
    Started {
        /// Its version.
        version: String,
        /// Its process.
        pid: u32,
    },
    /// A person is there: a dashboard or a waiting command.
    #[serde(rename = "daemon.arrived")]
    Arrived {
        /// Who.
        person: String,
    },
    /// That person is gone.
    #[serde(rename = "daemon.left")]
    Left {
        /// Who.
        person: String,
    },
    /// A person vouches for being there until then.
    #[serde(rename = "daemon.vouched")]
    Vouched {
        /// Who.
        person: String,
        /// Until when.
        until: Timestamp,
    },
    /// That time is over.
    #[serde(rename = "daemon.vouch-ended")]
    VouchEnded {},
}

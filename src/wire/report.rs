//! What a hook of an agent tells the daemon: `monban hook` sends it over the report socket.
//!
//! Everything in it but token and run was chosen by the agent, so it is bounded and foreign.

use crate::base::foreign::Foreign;
use serde::{Deserialize, Serialize};

/// The most bytes one encoded report may have; a receiver refuses more.
pub const REPORT_BYTES_MAX: usize = 16 * 1024;

/// One event of an agent.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HookReport {
    /// The secret of the run, from its environment; a report without the right one is dropped.
    pub token: String,
    /// The run it comes from.
    pub run: String,
    /// The agent's own word for what happened, such as `PermissionRequest`.
    pub event: String,
    /// What it is about: a tool, a kind of notification, what started a session.
    pub about: Option<String>,
    /// The conversation, by which it can be resumed.
    pub session: Option<String>,
    /// The beginning of the prompt it belongs to, where the agent says it.
    pub prompt: Option<Foreign>,
    /// What a person should read: a command to approve, a last message, an error.
    pub summary: Option<Foreign>,
}

//! What can go wrong: refusals, which a person can cure, and failed reads and writes.

use crate::base::foreign::Foreign;
use std::io;
use std::path::PathBuf;

/// Why a run is not started or a prompt not typed. Shown to the person as it is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The kind has no program of its own and the person named none.
    #[error(
        "agent `{agent}` names no program; set `program` under [agents.{agent}] in config.toml"
    )]
    NoProgram {
        /// The agent.
        agent: String,
    },
    /// The program is not there or cannot be run.
    #[error(
        "the program `{program}` of agent `{agent}` {what}; {install}, or set `program` under \
         [agents.{agent}] in config.toml"
    )]
    ProgramMissing {
        /// The agent.
        agent: String,
        /// The program as it was named.
        program: String,
        /// What is wrong with it.
        what: String,
        /// How it is got.
        install: String,
    },
    /// The run would start logged out.
    #[error("agent `{agent}` is not logged in for runs; {cure}")]
    NotLoggedIn {
        /// The agent.
        agent: String,
        /// What to do.
        cure: String,
    },
    /// A variable that decides where the agent's files are, or who the run is.
    #[error("`{name}` cannot be set or passed for agent `{agent}`: monban sets it; remove it")]
    ReservedVariable {
        /// The agent.
        agent: String,
        /// The variable.
        name: String,
    },
    /// A proxy variable.
    #[error(
        "`{name}` cannot be set or passed for agent `{agent}`: proxies are off in runs; remove it"
    )]
    ProxyVariable {
        /// The agent.
        agent: String,
        /// The variable.
        name: String,
    },
    /// HOME would not be inside the worktree.
    #[error("isolation.home `{home}` must be a relative path inside the worktree")]
    HomeOutside {
        /// The path.
        home: String,
    },
    /// A path that cannot be written into the agent's files.
    #[error("the path {path} is not UTF-8; agents cannot be told about it")]
    PathNotUtf8 {
        /// The path, readable.
        path: String,
    },
    /// The agent cannot go on with an earlier conversation.
    #[error("agent `{agent}` cannot resume a conversation; start it afresh")]
    CannotResume {
        /// The agent.
        agent: String,
    },
    /// An id that could be taken for an option of the program.
    #[error("`{session}` is not the id of a conversation of agent `{agent}`; start it afresh")]
    SessionId {
        /// The agent.
        agent: String,
        /// The id as it came.
        session: Foreign,
    },
    /// Nothing to say.
    #[error("the prompt is empty; say what the agent is to do")]
    PromptEmpty,
    /// Too much to type.
    #[error(
        "the prompt has {bytes} bytes, over {max} a terminal is not typed into; put the text in a \
         file of the repository and name the file",
        max = super::prompt::PROMPT_BYTES_MAX
    )]
    PromptTooLong {
        /// Its size.
        bytes: usize,
    },
}

/// A file of a run that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The system refused.
    #[error("cannot use {path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An earlier attempt left something that would lead a write elsewhere.
    #[error("{path} is not a plain {wanted}: an agent replaced it; move it away and try again")]
    Planted {
        /// The file or folder.
        path: PathBuf,
        /// What was expected.
        wanted: &'static str,
    },
}

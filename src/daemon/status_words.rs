//! An agent's status in the words of the terminal, of what follows it, and of the log.

use crate::agent::status::{Ask, Ended, Observation, Source, State, Status};
use crate::model::attempt::{AgentState, AgentStatus};
use crate::term::{BlockedKind, ProgramState, StatusReport};

/// What a program reported in-band, as it is seen of an agent.
pub(super) fn in_band(report: StatusReport) -> Observation {
    let state = match report.state {
        ProgramState::Clear => None,
        ProgramState::Idle => Some(State::Idle),
        ProgramState::Working => Some(State::Working),
        ProgramState::Done => Some(State::Done),
        ProgramState::Error => Some(State::Error),
        ProgramState::Blocked => Some(State::Blocked(match report.kind {
            Some(BlockedKind::Question) => Ask::Question,
            Some(BlockedKind::Auth) => Ask::Auth,
            Some(BlockedKind::Permission) | None => Ask::Permission,
        })),
    };
    Observation::InBand { state, message: report.msg }
}

/// How its process ended.
pub(super) fn exit(code: Option<i32>, signal: Option<i32>) -> Observation {
    Observation::Exit(match (code, signal) {
        (Some(code), _) => Ended::Status(code),
        (None, Some(signal)) => Ended::Signal(signal),
        (None, None) => Ended::Unknown,
    })
}

/// An agent's status as it is logged.
pub(super) fn settled_status(status: &Status) -> AgentStatus {
    let state = match status.state {
        State::Starting => AgentState::Starting,
        State::Working => AgentState::Working,
        State::Blocked(Ask::Permission) => AgentState::BlockedPermission,
        State::Blocked(Ask::Question | Ask::Auth) => AgentState::BlockedQuestion,
        State::Idle => AgentState::Idle,
        State::Done => AgentState::Done,
        State::Error => AgentState::Error,
        State::Exited => AgentState::Exited,
        State::Unknown => AgentState::Unknown,
    };
    let source = match status.source {
        Source::Exit => "process",
        Source::InBand => "status protocol",
        Source::Hook => "hook",
        Source::Title => "title",
        Source::Screen => "screen",
        Source::Nothing => "nothing said",
    };
    AgentStatus {
        state,
        source: source.into(),
        since: status.since,
        detail: status.detail.clone().unwrap_or_default(),
    }
}

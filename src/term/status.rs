//! The Program Status Protocol (OSC 7501): what a program says of itself in its own output.
//!
//! Each report replaces the one before it with the same id. A program that crashes leaves its last
//! report behind, so a reader combines it with the end of the process.

use crate::base::foreign::Foreign;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The longest report that is read, in bytes.
const REPORT_BYTES_MAX: usize = 4096;

/// What a program says it is doing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProgramState {
    /// Waits for a prompt.
    Idle,
    /// Works on one.
    Working,
    /// Has finished one.
    Done,
    /// Asks a person something.
    Blocked,
    /// Could not go on.
    Error,
    /// Takes its reports back, as at its end.
    Clear,
}

/// What a blocked program waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockedKind {
    /// A permission to do something.
    Permission,
    /// An answer.
    Question,
    /// A login.
    Auth,
}

/// One report. All text in it was chosen by the program.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StatusReport {
    /// What it does.
    pub state: ProgramState,
    /// What it waits for, if it is blocked and says so.
    pub kind: Option<BlockedKind>,
    /// The program's name for itself.
    pub app: Option<Foreign>,
    /// Which of its activities this is about, as a path; none is the whole program.
    pub id: Option<Foreign>,
    /// How far it is, 0 to 100.
    pub progress: Option<u8>,
    /// A title for the activity.
    pub title: Option<Foreign>,
    /// One sentence for the person, such as what is to be approved.
    pub msg: Option<Foreign>,
}

impl StatusReport {
    /// Reads the part of the OSC after `7501;`. `None` when it is no report of a known state.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        if body.len() > REPORT_BYTES_MAX {
            return None;
        }
        let body = std::str::from_utf8(body).ok()?;
        let mut state = None;
        let (mut kind, mut app, mut id, mut progress) = (None, None, None, None);
        let (mut title, mut msg) = (None, None);
        for (key, value) in body.split(':').filter_map(|pair| pair.split_once('=')) {
            match key {
                "state" => state = state_of(value),
                "kind" => kind = kind_of(value),
                "app" => app = Some(Foreign::new(value)),
                "id" => id = Some(Foreign::new(value)),
                "progress" => progress = value.parse().ok().filter(|percent| *percent <= 100),
                "title" => title = decoded(value),
                "msg" => msg = decoded(value),
                _ => {}
            }
        }
        Some(Self { state: state?, kind, app, id, progress, title, msg })
    }
}

fn state_of(value: &str) -> Option<ProgramState> {
    Some(match value {
        "idle" => ProgramState::Idle,
        "working" => ProgramState::Working,
        "done" => ProgramState::Done,
        "blocked" => ProgramState::Blocked,
        "error" => ProgramState::Error,
        "clear" => ProgramState::Clear,
        _ => return None,
    })
}

fn kind_of(value: &str) -> Option<BlockedKind> {
    Some(match value {
        "permission" => BlockedKind::Permission,
        "question" => BlockedKind::Question,
        "auth" => BlockedKind::Auth,
        _ => return None,
    })
}

fn decoded(value: &str) -> Option<Foreign> {
    STANDARD.decode(value).ok().map(|bytes| Foreign::from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_report_is_read() {
        let report = StatusReport::parse(
            b"state=blocked:app=claude-code:kind=question:id=a/b:progress=40:title=w6Q=:msg=UmVkPw==",
        )
        .unwrap();
        assert_eq!(report.state, ProgramState::Blocked);
        assert_eq!(report.kind, Some(BlockedKind::Question));
        assert_eq!(report.progress, Some(40));
        assert_eq!(report.id, Some(Foreign::new("a/b")));
        assert_eq!(report.title, Some(Foreign::new("ä")));
        assert_eq!(report.msg, Some(Foreign::new("Red?")));
    }

    #[test]
    fn what_is_unknown_or_broken_is_left_out() {
        let report = StatusReport::parse(b"new=1:state=working:progress=101:kind=x:msg=%%:junk");
        let report = report.unwrap();
        assert_eq!((report.state, report.kind), (ProgramState::Working, None));
        assert_eq!((report.progress, report.msg), (None, None));
    }

    #[test]
    fn no_state_too_long_or_not_utf8_is_no_report() {
        let long = [b"state=idle:app=".as_slice(), &[b'x'; REPORT_BYTES_MAX]].concat();
        for body in [b"kind=auth".as_slice(), b"state=busy", b"?", b"", b"state=idle:\xff", &long] {
            assert_eq!(StatusReport::parse(body), None);
        }
    }
}

//! Levels of autonomy as data. Pure.
use serde::{Deserialize, Serialize};
/// L
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Level {
    /// 1
    L1,
}
/// F
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnFailure {
    /// s
    Stop,
}
/// P
pub struct Policy {
    /// o
    pub on_failure: OnFailure,
    /// a
    pub attended_only: bool,
}
impl Level {
    /// p
    pub fn policy(self) -> Policy {
        Policy { on_failure: OnFailure::Stop, attended_only: true }
    }
}

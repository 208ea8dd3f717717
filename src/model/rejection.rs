//! Refusals: a person asked for something that is not allowed. Data, not an error.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of refusal it is, which is also the exit status of the command that met it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The policy, a gate or the state of the task forbids it.
    Refused,
    /// The request itself is wrong: an unknown id, an empty prompt.
    Input,
    /// The machine lacks something: a program, a login, disk space.
    Environment,
    /// A person has to decide something first.
    NeedsPerson,
}

impl Class {
    /// The exit status of the command line for this class.
    pub const fn exit_status(self) -> u8 {
        match self {
            Class::Refused => 1,
            Class::Input => 2,
            Class::Environment => 3,
            Class::NeedsPerson => 4,
        }
    }
}

/// A refusal with its reason and the way out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rejection {
    /// The kind of refusal.
    pub class: Class,
    /// What is refused and why.
    pub why: String,
    /// What the person can do.
    pub cure: String,
    /// The founding rule that demands it, such as `A-017`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

impl Rejection {
    /// A refusal without a founding rule.
    pub fn new(class: Class, why: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { class, why: why.into(), cure: cure.into(), rule: None }
    }

    /// The policy or the state forbids it.
    pub fn refused(why: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::new(Class::Refused, why, cure)
    }

    /// The request is wrong.
    pub fn input(why: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::new(Class::Input, why, cure)
    }

    /// The same refusal, naming the rule behind it.
    pub fn by_rule(mut self, rule: &str) -> Self {
        self.rule = Some(rule.into());
        self
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        if let Some(rule) = &self.rule {
            write!(f, " (rule {rule})")?;
        }
        write!(f, "; {}", self.cure)
    }
}

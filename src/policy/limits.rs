//! The limits of an attempt, each with where it comes from. The person sets them as they like;
//! whoever comes later may only tighten.

use serde::{Deserialize, Serialize};

/// Where the value of a limit was said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The level's own value.
    Level,
    /// `config.toml`.
    Person,
    /// `monban.toml`.
    Repository,
    /// The plan or the task.
    Task,
}

/// One limit: reaching it is fine, exceeding it is a breach (C-10).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limit {
    /// The greatest value that is allowed.
    pub value: u64,
    /// Who said so.
    pub origin: Origin,
}

/// What an attempt may use (A-046 to A-050, C-09).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Files changed against the base.
    pub changed_files: Limit,
    /// Files that the base does not have.
    pub created_files: Limit,
    /// Lines added and removed against the base.
    pub changed_lines: Limit,
    /// Seconds of work; waiting for a person does not count.
    pub seconds: Limit,
    /// Bytes in the worktree, besides the base's own.
    pub disk_bytes: Limit,
}

/// Limits that somebody stated; what is absent stays as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Bounds {
    /// See [`Limits::changed_files`].
    pub changed_files: Option<u64>,
    /// See [`Limits::created_files`].
    pub created_files: Option<u64>,
    /// See [`Limits::changed_lines`].
    pub changed_lines: Option<u64>,
    /// See [`Limits::seconds`].
    pub seconds: Option<u64>,
    /// See [`Limits::disk_bytes`].
    pub disk_bytes: Option<u64>,
}

impl Bounds {
    /// Every stated limit, in the order of [`Limits::each`].
    pub fn each(&self) -> [Option<u64>; 5] {
        let Self { changed_files, created_files, changed_lines, seconds, disk_bytes } = *self;
        [changed_files, created_files, changed_lines, seconds, disk_bytes]
    }
}

const fn level(value: u64) -> Limit {
    Limit { value, origin: Origin::Level }
}

impl Limits {
    /// What the levels start from (C-09).
    pub const DEFAULT: Limits = Limits {
        changed_files: level(10),
        created_files: level(10),
        changed_lines: level(500),
        seconds: level(900),
        disk_bytes: level(200_000_000),
    };

    /// These limits with the stricter of each value; a looser one is ignored.
    pub fn tightened(&self, bounds: &Bounds, origin: Origin) -> Limits {
        let stricter = |limit: Limit, bound: Option<u64>| match bound {
            Some(value) if value < limit.value => Limit { value, origin },
            _ => limit,
        };
        Limits {
            changed_files: stricter(self.changed_files, bounds.changed_files),
            created_files: stricter(self.created_files, bounds.created_files),
            changed_lines: stricter(self.changed_lines, bounds.changed_lines),
            seconds: stricter(self.seconds, bounds.seconds),
            disk_bytes: stricter(self.disk_bytes, bounds.disk_bytes),
        }
    }

    /// These limits with the values that the person states, whatever they were.
    pub fn stated(&self, bounds: &Bounds) -> Limits {
        let stated = |limit: Limit, bound: Option<u64>| match bound {
            Some(value) => Limit { value, origin: Origin::Person },
            None => limit,
        };
        Limits {
            changed_files: stated(self.changed_files, bounds.changed_files),
            created_files: stated(self.created_files, bounds.created_files),
            changed_lines: stated(self.changed_lines, bounds.changed_lines),
            seconds: stated(self.seconds, bounds.seconds),
            disk_bytes: stated(self.disk_bytes, bounds.disk_bytes),
        }
    }

    /// Every limit by the name it has in files and on screen.
    pub fn each(&self) -> [(&'static str, Limit); 5] {
        [
            ("changed_files", self.changed_files),
            ("created_files", self.created_files),
            ("changed_lines", self.changed_lines),
            ("seconds", self.seconds),
            ("disk", self.disk_bytes),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_only_ever_tightened_and_say_by_whom() {
        let bounds = Bounds { seconds: Some(60), changed_lines: Some(5000), ..Bounds::default() };
        let limits = Limits::DEFAULT.tightened(&bounds, Origin::Repository);
        assert_eq!(limits.seconds, Limit { value: 60, origin: Origin::Repository });
        assert_eq!(limits.changed_lines, level(500));
        let own = Limits::DEFAULT.stated(&bounds);
        assert_eq!(own.changed_lines, Limit { value: 5000, origin: Origin::Person });
        let tighter = own.tightened(&bounds, Origin::Repository);
        assert_eq!(tighter, own, "the repository cannot loosen what the person said");
        let later = limits.tightened(&Bounds { seconds: Some(60), ..bounds }, Origin::Task);
        assert_eq!(later.seconds.origin, Origin::Repository);
    }
}

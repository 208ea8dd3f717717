//! The four levels of the roadmap and one table of what each of them allows.

use super::limits::Limits;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How much a machine may do by itself. The roadmap calls them Phase 1, 2a, 2b and 3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Level {
    /// A person is there.
    L1,
    /// One hour of a night, on the host, behind safety devices.
    L2a,
    /// Some hours of a night, in isolation.
    L2b,
    /// A whole night.
    L3,
}

/// What happens when a task fails (C-01).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The repository halts until a person resumes it.
    Stop,
    /// The task is tried again with the reason told, then it stops.
    RetryThenStop,
}

/// How long a night run may be, by the wall clock (C-11).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Night {
    /// When nothing is said.
    pub default: Duration,
    /// At most.
    pub max: Duration,
}

/// What a level allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// The words on screen.
    pub title: &'static str,
    /// The roadmap's name.
    pub roadmap_name: &'static str,
    /// Nothing starts without a person there.
    pub is_attended_only: bool,
    /// What a failure does.
    pub on_failure: OnFailure,
    /// Attempts after the first.
    pub retries: u32,
    /// Failed tasks in a row after which everything stops; at L1 the first does.
    pub failures_to_full_stop: u32,
    /// Whether and how long a night may be.
    pub night: Option<Night>,
    /// Followers of a failed task may be skipped.
    pub may_skip: bool,
    /// A stable state may be restored without a person.
    pub may_restore_checkpoint: bool,
    /// What an attempt may use, before anybody tightens it (A-046 to A-049, C-09).
    pub limits: Limits,
    /// Why the level cannot be chosen yet; `None` for those that can.
    pub why_locked: Option<&'static str>,
}

const fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3600)
}

/// In the order of [`Level::ALL`].
static TABLE: [Rules; 4] = [
    Rules {
        title: "L1 supervised",
        roadmap_name: "Phase 1",
        is_attended_only: true,
        on_failure: OnFailure::Stop,
        retries: 0,
        failures_to_full_stop: 1,
        night: None,
        may_skip: false,
        may_restore_checkpoint: false,
        limits: Limits::DEFAULT,
        why_locked: None,
    },
    Rules {
        title: "L2a short nights",
        roadmap_name: "Phase 2a",
        is_attended_only: false,
        on_failure: OnFailure::RetryThenStop,
        retries: 1,
        failures_to_full_stop: 2,
        night: Some(Night { default: hours(1), max: hours(1) }),
        may_skip: false,
        may_restore_checkpoint: false,
        limits: Limits::DEFAULT,
        why_locked: Some(
            "not built yet: needs evidence from L1 (5 successful real tasks of 3 kinds, and \
                 the failure tests)",
        ),
    },
    Rules {
        title: "L2b isolated nights",
        roadmap_name: "Phase 2b",
        is_attended_only: false,
        on_failure: OnFailure::RetryThenStop,
        retries: 1,
        failures_to_full_stop: 2,
        night: Some(Night { default: hours(2), max: hours(4) }),
        may_skip: false,
        may_restore_checkpoint: false,
        limits: Limits::DEFAULT,
        why_locked: Some(
            "not built yet: needs evidence from L2a (3 clean nights of 1 hour, and a verdict \
                 on Docker)",
        ),
    },
    Rules {
        title: "L3 whole nights",
        roadmap_name: "Phase 3",
        is_attended_only: false,
        on_failure: OnFailure::RetryThenStop,
        retries: 1,
        failures_to_full_stop: 2,
        night: Some(Night { default: hours(8), max: hours(8) }),
        may_skip: true,
        may_restore_checkpoint: true,
        limits: Limits::DEFAULT,
        why_locked: Some(
            "not built yet: needs evidence from L2b (3 clean nights of 2 hours, no breach and \
                 no abnormal end)",
        ),
    },
];

impl Level {
    /// All levels, from the strictest.
    pub const ALL: [Level; 4] = [Level::L1, Level::L2a, Level::L2b, Level::L3];

    /// What the level allows.
    pub fn rules(self) -> &'static Rules {
        &TABLE[self as usize]
    }

    /// The words on screen, as in "L1 supervised".
    pub fn title(self) -> &'static str {
        self.rules().title
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl FromStr for Level {
    type Err = String;

    /// Reads a level that may be chosen now.
    fn from_str(name: &str) -> Result<Self, String> {
        let level = Level::ALL.into_iter().find(|level| level.to_string() == name);
        let level = level.ok_or("there is no such level; possible is \"L1\"")?;
        match level.rules().why_locked {
            Some(why) => Err(format!("{level} is {why}; possible is \"L1\"")),
            None => Ok(level),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_has_one_spelling_in_json_on_screen_and_in_files() {
        for level in Level::ALL {
            assert_eq!(serde_json::to_value(level).unwrap(), level.to_string());
            assert!(level.title().starts_with(&format!("{level} ")));
        }
        assert_eq!(Level::L1.title(), "L1 supervised");
    }

    #[test]
    fn only_l1_may_be_chosen_and_the_others_say_why() {
        assert_eq!("L1".parse(), Ok(Level::L1));
        let refused = "L2a".parse::<Level>().unwrap_err();
        assert!(refused.contains("not built yet: needs evidence from L1"), "{refused}");
        assert!("l1".parse::<Level>().unwrap_err().contains("possible is \"L1\""));
    }

    #[test]
    fn the_roadmap_rules_hold_at_every_level() {
        let rules = Level::L1.rules();
        assert!(rules.is_attended_only && rules.night.is_none() && rules.retries == 0);
        assert_eq!(rules.on_failure, OnFailure::Stop);
        for level in [Level::L2a, Level::L2b, Level::L3] {
            let rules = level.rules();
            assert_eq!((rules.on_failure, rules.retries), (OnFailure::RetryThenStop, 1));
            assert_eq!(rules.failures_to_full_stop, 2);
            assert_eq!(rules.may_skip, level == Level::L3);
        }
        let longest = |level: Level| level.rules().night.unwrap().max.as_secs() / 60;
        assert_eq!([Level::L2a, Level::L2b, Level::L3].map(longest), [60, 240, 480]);
    }
}

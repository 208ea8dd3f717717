//! Levels of autonomy as data: what each level allows, and the limits an attempt works under. Pure.
//!
//! A rule of a level is a field of [`Rules`] and nothing else: code asks the table, never the
//! level.

mod level;
mod limits;

pub use level::{Level, Night, OnFailure, Rules};
pub use limits::{Bounds, Limit, Limits, Origin};

use crate::base::hash;

/// The hash of everything a level and its limits decide, and of no mere words. An approval binds to
/// it, and nights are comparable only when it is the same (A-002, C-15).
pub fn policy_hash(level: Level, limits: &Limits) -> String {
    let Rules {
        title: _,
        roadmap_name: _,
        why_locked: _,
        limits: _,
        is_attended_only,
        on_failure,
        retries,
        failures_to_full_stop,
        night,
        may_skip,
        may_restore_checkpoint,
    } = level.rules();
    let conduct = (is_attended_only, on_failure, retries, failures_to_full_stop, night);
    let powers = (may_skip, may_restore_checkpoint);
    let values = limits.each().map(|(name, limit)| (name, limit.value));
    hash::sha256(format!("{level} {conduct:?} {powers:?} {values:?}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_hash_follows_the_values_and_not_their_origin() {
        let limits = Level::L1.rules().limits;
        let same_values = Bounds { seconds: Some(limits.seconds.value), ..Bounds::default() };
        let stricter = Bounds { seconds: Some(60), ..Bounds::default() };
        let hash = policy_hash(Level::L1, &limits);
        assert_eq!(
            hash,
            policy_hash(Level::L1, &limits.tightened(&same_values, Origin::Repository))
        );
        assert_ne!(hash, policy_hash(Level::L1, &limits.tightened(&stricter, Origin::Repository)));
        assert_ne!(hash, policy_hash(Level::L2a, &limits));
    }
}

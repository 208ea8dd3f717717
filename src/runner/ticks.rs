//! Monotonic time for deadlines: the wall clock may jump, a grace period must not.
//!
//! The only reader of it here, so that it can move to `base` as one piece.

pub(super) use std::time::Instant;

/// The time now, for comparing with itself only.
pub(super) fn now() -> Instant {
    Instant::now()
}

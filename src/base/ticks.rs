//! Monotonic time for deadlines: the wall clock may jump, a grace period must not.

pub use std::time::Instant;

/// The time now, for comparing with itself only.
pub fn now() -> Instant {
    Instant::now()
}

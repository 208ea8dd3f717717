//! The git module against real repositories in temporary folders.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod attacks;
mod landing;
mod random;
mod snapshots;
mod store;
mod support;
mod worktrees;

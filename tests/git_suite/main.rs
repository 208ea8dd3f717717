//! The git module against real repositories in temporary folders.

mod attacks;
mod snapshots;
mod store;
mod support;

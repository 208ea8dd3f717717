//! The pure heart: what a person and the machinery ask ([`command`]), the facts that follow
//! ([`event`]), what those facts add up to ([`state`]), and the work they imply ([`effect`]).
//!
//! No IO, no clock, no randomness: the same events always give the same state, and the same state
//! always implies the same work. The daemon is the only caller besides tests and the simulation.

pub mod apply;
pub mod attempt;
pub mod checkpoint;
pub mod command;
pub mod core;
pub mod decide;
pub mod effect;
pub mod event;
pub mod item;
pub mod keep;
pub mod rejection;
pub mod settle;
pub mod state;
pub mod task;
pub mod trail;
pub mod verdict;
pub mod worked;

//! The pure core in simulated nights, each from a seed: people, agents, git, time and crashes.
//!
//! `MONBAN_SIM_SEEDS` says how many seeds (from 0), `MONBAN_SIM_SEED` runs one and tells what
//! happens.

#![allow(clippy::panic, reason = "a test that fails says so")]

#[path = "support/sim/mod.rs"]
mod sim;

use sim::Simulation;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// Seeds that are run when nobody says how many.
const SEEDS: u64 = 3_000;

fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not `{text}`")))
}

#[test]
fn every_seed_keeps_the_promises() {
    if let Some(seed) = from_environment("MONBAN_SIM_SEED") {
        let events = Simulation::run(seed, true);
        println!("seed {seed}: {events} events");
        return;
    }
    let seeds = from_environment("MONBAN_SIM_SEEDS").unwrap_or(SEEDS);
    let (next, events) = (AtomicU64::new(0), AtomicU64::new(0));
    let failing = std::sync::Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while failing.lock().is_ok_and(|failing| failing.is_none()) {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= seeds {
                        return;
                    }
                    match catch_unwind(AssertUnwindSafe(|| Simulation::run(seed, false))) {
                        Ok(count) => drop(events.fetch_add(count as u64, Ordering::SeqCst)),
                        Err(_) => *failing.lock().expect("the lock") = Some(seed),
                    }
                }
            });
        }
    });
    if let Some(seed) = failing.into_inner().expect("the lock") {
        panic!(
            "seed {seed} fails; see it with\n\n    \
             MONBAN_SIM_SEED={seed} cargo test --test simulation -- --nocapture\n"
        );
    }
    println!("{seeds} seeds, {} events", events.into_inner());
}

#[test]
fn a_seed_is_always_the_same_night() {
    assert_eq!(Simulation::run(7, false), Simulation::run(7, false));
}

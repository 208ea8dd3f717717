//! The hostile-repository suite: tricks of an agent that writes in its worktree and in the person's
//! repository. Each is played inside a real worktree, and what must hold is checked at every step.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "hostile/configuration.rs"]
mod configuration;
#[path = "hostile/course.rs"]
mod course;
#[path = "hostile/disk.rs"]
mod disk;
#[path = "hostile/formats.rs"]
mod formats;
#[path = "hostile/ground.rs"]
mod ground;
#[path = "hostile/independent.rs"]
mod independent;
#[allow(dead_code)]
#[path = "support/instance.rs"]
mod instance;
#[path = "hostile/judged.rs"]
mod judged;
#[path = "hostile/limits.rs"]
mod limits;
#[path = "hostile/metadata.rs"]
mod metadata;
#[path = "hostile/references.rs"]
mod references;
#[allow(dead_code)]
#[path = "git_suite/support.rs"]
mod support;

use course::hold;
use support::{executable, name, write};

#[test]
fn programs_named_in_configuration_do_not_run() {
    hold(configuration::ROWS);
}

#[test]
fn pointers_indexes_and_objects_are_not_believed() {
    hold(metadata::ROWS);
}

#[test]
fn commits_and_references_of_the_agent_are_seen_and_taken_back() {
    hold(references::ROWS);
}

#[test]
fn whatever_is_on_the_disk_is_judged_or_named() {
    hold(disk::ROWS);
}

#[test]
fn every_kind_of_repository_works_or_waits() {
    hold(formats::ROWS);
}

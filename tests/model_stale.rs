//! Reports that are out of date change nothing.

#[path = "support/model.rs"]
mod support;

use monban::model::attempt::Delivery;
use monban::model::command::{Report, Request};
use monban::model::task::TaskState;
use support::*;

#[test]
fn a_place_made_for_an_aborted_attempt_is_not_the_next_attempts_place() {
    let mut w = World::new();
    let task = w.started();
    w.dj(Request::Abort { task });
    w.dj(retry_fresh(task));
    let late = Report::Prepared { task, attempt: 1, result: Ok(place(task, 1)) };
    assert!(w.report(late).is_empty());
    assert_eq!(w.attempt(task).place, None);
    w.prepare(task);
    assert_eq!(w.attempt(task).place, Some(place(task, 2)));
}

#[test]
fn a_snapshot_of_an_earlier_attempt_is_not_judged_as_this_ones() {
    let mut w = World::new();
    let task = w.turned();
    w.dj(Request::Abort { task });
    w.end(task);
    w.dj(retry_fresh(task));
    w.prepare(task);
    w.deliver_all(task);
    w.turn(task);
    let result = Ok(Some(snapshot(1, "base-1", "old-tree")));
    assert!(w.report(Report::Snapshot { task, attempt: 1, result }).is_empty());
    assert_eq!(w.sees(task), TaskState::Checking);
    assert!(w.attempt(task).snapshots.is_empty());
}

#[test]
fn a_prompt_taken_by_an_earlier_agent_is_still_to_be_typed_to_this_one() {
    let mut w = World::new();
    let task = w.running();
    let before = w.run_of(task);
    w.dj(Request::Abort { task });
    w.end(task);
    w.dj(retry_fresh(task));
    w.prepare(task);
    let late = Report::Delivery { run: before, prompt: 1, delivery: Delivery::Delivered };
    assert!(w.report(late).is_empty());
    assert_eq!(w.attempt(task).prompts[0].delivery, Delivery::Wanted);
}

//! Reports that are out of date change nothing.

#[path = "support/model.rs"]
mod support;

use monban::base::id::{OpId, RunId, TaskId};
use monban::model::attempt::{Delivery, Usage};
use monban::model::command::{LandingOutcome, MergeOutcome, Report, Request};
use monban::model::task::TaskState;
use support::*;

/// A report of each kind about the task as it would come from work that ended long ago.
fn late_reports(task: TaskId) -> Vec<(&'static str, Report)> {
    let (run, op, attempt) = (RunId(999), OpId(999), 99);
    let landed = LandingOutcome::Landed { commit: "c".into() };
    let merged = MergeOutcome::Merged(snapshot(1, "b", "t"));
    vec![
        ("prepared", Report::Prepared { task, attempt, result: Ok(place(task, 99)) }),
        ("not prepared", Report::Prepared { task, attempt, result: Err("no".into()) }),
        ("snapshot", Report::Snapshot { task, attempt, number: 1, result: Ok(None) }),
        ("gate", gate(task, run)),
        ("landing", Report::Landing { task, op, outcome: landed }),
        ("merge", Report::Merge { task, op, outcome: merged }),
        ("rolled back", Report::RolledBack { task, op, result: Ok("/aside".into()) }),
        ("undone", Report::Undone { task, op, result: Ok(()) }),
        ("started", Report::Started { run }),
        ("turned", Report::Turned { run, prompt: 1 }),
        ("interrupted", Report::Interrupted { run }),
        ("went on", Report::WentOn { run }),
        ("paused", Report::Paused { run, paused: true }),
        ("session", Report::Session { run, session: "s".into() }),
        ("usage", Report::Usage { run, usage: Usage::default() }),
        ("ended", Report::Ended { run, end: exit(0) }),
        ("tampered", Report::Tampered { run, what: Vec::new() }),
        ("delivery", Report::Delivery { run, prompt: 1, delivery: Delivery::Uncertain }),
    ]
}

/// The reports that are right about this attempt, but only at the stages that are named.
fn misplaced_reports(w: &World, task: TaskId) -> Vec<(&'static str, Report)> {
    let (attempt, last) = (w.attempt(task).number, w.state().last.clone());
    let mut reports = vec![
        ("preparing", Report::Prepared { task, attempt, result: Ok(place(task, attempt)) }),
        ("preparing", Report::Prepared { task, attempt, result: Err("no".into()) }),
        ("turned", Report::Snapshot { task, attempt, number: 1, result: Ok(None) }),
        ("turned", Report::Snapshot { task, attempt, number: 1, result: Err("no".into()) }),
        (
            "turned",
            Report::Snapshot { task, attempt, number: 1, result: Ok(Some(snapshot(1, "b", "t"))) },
        ),
    ];
    for op in (1..=last.op).map(OpId) {
        let outcome = LandingOutcome::Landed { commit: "c".into() };
        reports.push(("landing", Report::Landing { task, op, outcome }));
        let outcome = MergeOutcome::Failed { why: "no".into() };
        reports.push(("merging", Report::Merge { task, op, outcome }));
        reports.push(("rolling back", Report::RolledBack { task, op, result: Ok("/a".into()) }));
        reports.push(("undo", Report::Undone { task, op, result: Ok(()) }));
    }
    for run in (1..=last.run).map(RunId) {
        reports.push(("checking", gate(task, run)));
    }
    if let Some(run) = w.attempt(task).run.as_ref().map(|run| run.id) {
        reports.push(("starting", Report::Started { run }));
        reports.push(("running", Report::Turned { run, prompt: 1 }));
        reports.push(("running", Report::Interrupted { run }));
        reports.push(("turned/taken/checking/waiting/merging", Report::WentOn { run }));
        let delivery = Delivery::Delivered;
        reports.push(("typing", Report::Delivery { run, prompt: 1, delivery }));
    }
    reports
}

fn gate(task: TaskId, run: RunId) -> Report {
    Report::Gate { task, run, verdicts: vec![pass("test")], toolchain: Vec::new() }
}

#[test]
fn no_late_report_changes_any_stage() {
    for stage in STAGES {
        let mut w = World::new();
        let task = (stage.reach)(&mut w);
        for (name, report) in late_reports(task) {
            let before = w.core.clone();
            assert!(w.report(report).is_empty(), "{name} at {}", stage.name);
            assert_eq!(w.core, before, "{name} at {}", stage.name);
        }
    }
}

#[test]
fn no_report_changes_a_stage_it_is_not_for() {
    for stage in STAGES {
        let mut w = World::new();
        let task = (stage.reach)(&mut w);
        for (only, report) in misplaced_reports(&w, task) {
            if only.split('/').any(|name| name == stage.name) {
                continue;
            }
            let before = w.core.clone();
            assert!(w.report(report.clone()).is_empty(), "{report:?} at {}", stage.name);
            assert_eq!(w.core, before, "{report:?} at {}", stage.name);
        }
    }
}

#[test]
fn an_ended_run_reports_nothing_more() {
    let mut w = World::new();
    let task = w.waiting();
    let run = w.run_of(task);
    w.end(task);
    for report in [
        Report::Ended { run, end: exit(1) },
        Report::WentOn { run },
        Report::Paused { run, paused: true },
        Report::Session { run, session: "s".into() },
        Report::Usage { run, usage: Usage::default() },
    ] {
        assert!(w.report(report).is_empty());
    }
}

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
    assert!(w.report(Report::Snapshot { task, attempt: 1, number: 1, result }).is_empty());
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

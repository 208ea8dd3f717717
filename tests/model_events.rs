//! Events in the log: written and read back, with fields of a later version ignored.

#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

#[path = "support/model.rs"]
mod support;

use monban::base::clock::Timestamp;
use monban::base::foreign::Foreign;
use monban::model::attempt::{Delivery, Environment, EnvironmentEntry};
use monban::model::checkpoint::Moment;
use monban::model::command::{LandingOutcome, MergeOutcome, Notice, Report, Request, TaskChange};
use monban::model::event::Event;
use monban::model::state::State;
use monban::model::verdict::TestCounts;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::*;

/// Every kind of event there is. A kind is kept for ever: this list only grows.
const KINDS: [&str; 60] = [
    "daemon.arrived",
    "daemon.left",
    "daemon.started",
    "daemon.vouch-ended",
    "daemon.vouched",
    "judge.again",
    "judge.breached",
    "judge.finished",
    "judge.snapshot",
    "judge.started",
    "judge.unchanged",
    "landing.approved",
    "landing.base-moved",
    "landing.conflict",
    "landing.kept",
    "landing.landed",
    "landing.merged",
    "landing.nothing-left",
    "repo.advanced",
    "repo.halted",
    "repo.held",
    "repo.noted",
    "repo.opened",
    "repo.rebased",
    "repo.resumed",
    "repo.tampered",
    "repo.trusted",
    "rollback.done",
    "rollback.failed",
    "rollback.undo-wanted",
    "rollback.undone",
    "rollback.wanted",
    "run.checkpoint",
    "run.delivery",
    "run.ended",
    "run.pause-wanted",
    "run.paused",
    "run.prompt",
    "run.prompt-ready",
    "run.prompt-turned",
    "run.session",
    "run.started",
    "run.status",
    "run.stop-wanted",
    "run.turned",
    "run.usage",
    "run.wanted",
    "run.went-on",
    "task.aborted",
    "task.added",
    "task.answered",
    "task.asked",
    "task.attempted",
    "task.edited",
    "task.failed",
    "task.finished",
    "task.prepared",
    "task.queued",
    "task.removed",
    "task.stopped",
];

/// A life in which every kind of event happens at least once.
fn everything() -> Vec<(Timestamp, Event)> {
    let mut w = World::new();
    lands_after_detours(&mut w);
    fails_and_is_undone(&mut w);
    let task = w.add("drop me");
    w.dj(Request::Edit { task, change: TaskChange::default() });
    w.dj(Request::Remove { task });
    w.stopped();
    says_too_much_and_lands_nothing(&mut w);
    works_too_long(&mut w);
    people(&mut w);
    w.into_log()
}

fn works_too_long(w: &mut World) {
    let task = w.running();
    w.dj(say(task, "And the docs."));
    w.ready(task, 2, true);
    let kept = snapshot(w.next_snapshot(task), "base-1", "tree-10");
    w.checkpoint(task, Moment::Prompt(2), Ok(Some(kept)));
    w.overtime(task);
    w.end(task);
    w.rolled_back(task);
    w.dj(Request::Resume { repo: w.repo });
}

fn says_too_much_and_lands_nothing(w: &mut World) {
    let task = w.running();
    w.dj(say(task, "And the docs."));
    let run = w.run_of(task);
    w.report(Report::Turned { run, prompt: 1 });
    w.end(task);
    w.snapshot(task, "tree-9");
    w.gate(task, vec![pass("test")]);
    w.approve(task);
    w.land(task, LandingOutcome::BaseMoved { base: "base-9".into() });
    w.merge(task, MergeOutcome::Nothing { base: "base-9".into() });
}

fn lands_after_detours(w: &mut World) {
    let task = w.started();
    let environment = Environment {
        entries: vec![EnvironmentEntry {
            name: "HOME".into(),
            shown: Foreign::new("/w"),
            why: "A-009".into(),
        }],
        kept: 3,
        dropped: 40,
    };
    let place = monban::model::attempt::Place { environment, ..place(task, 1) };
    w.report(Report::Prepared { task, attempt: 1, result: Ok(place) });
    let run = w.run_of(task);
    w.report(Report::Started { run });
    w.session(task, "talk");
    w.used(task, 7);
    assert!(w.used(task, 7).is_empty(), "nothing new is no event");
    w.status(task, monban::model::attempt::AgentState::BlockedPermission, "\u{1b}[2J rm?");
    w.status(task, monban::model::attempt::AgentState::Working, "");
    w.dj(Request::Pause { task, paused: true });
    w.report(Report::Paused { run, paused: true });
    w.dj(Request::Pause { task, paused: false });
    w.report(Report::Paused { run, paused: false });
    w.delivery(task, 1, Delivery::Typing);
    w.delivery(task, 1, Delivery::Delivered);
    w.turn(task);
    w.snapshot_result(task, Ok(None));
    w.turn(task);
    w.snapshot(task, "tree-1");
    let counts = TestCounts { tests: 3, failed: 0, skipped: 1, failing: Vec::new() };
    let verdict = monban::model::verdict::Verdict { counts: Some(counts), ..pass("t") };
    w.gate(task, vec![verdict]);
    w.report(Report::WentOn { run });
    w.turn(task);
    w.snapshot(task, "tree-2");
    w.gate(task, vec![pass("test")]);
    w.dj(Request::Judge { task });
    w.gate(task, vec![pass("test")]);
    w.approve(task);
    w.land(task, LandingOutcome::Kept { reference: "refs/x".into(), why: "dirty".into() });
    w.approve(task);
    w.land(task, LandingOutcome::BaseMoved { base: "base-2".into() });
    let merged = snapshot(w.next_snapshot(task), "base-2", "tree-3");
    w.merge(task, MergeOutcome::Merged(merged));
    w.gate(task, vec![pass("test")]);
    w.approve(task);
    w.land(task, LandingOutcome::BaseMoved { base: "base-3".into() });
    let files = vec![Foreign::from_bytes(b"a\xff")];
    w.merge(task, MergeOutcome::Conflict { base: "base-3".into(), files });
    w.deliver_all(task);
    w.turn(task);
    w.snapshot(task, "tree-4");
    w.gate(task, vec![pass("test")]);
    w.approve(task);
    w.land(task, LandingOutcome::Landed { commit: "c".into() });
    w.report(Report::Tampered { run, what: vec![Foreign::new("hooks/x")] });
    let (what, to) = (Foreign::new("refs/heads/main"), "base-3".into());
    w.report(Report::Advanced { run, what, to });
    w.report(Report::Noted { run, what: vec![Foreign::new("refs/heads/x")] });
    w.end(task);
}

fn fails_and_is_undone(w: &mut World) {
    let task = w.failed();
    w.dj(Request::Resume { repo: w.repo });
    let op = w.rollback(task);
    for result in [Err("busy".into()), Ok(())] {
        w.dj(Request::Undo { op });
        w.report(Report::Undone { task, op, result });
    }
}

fn people(w: &mut World) {
    let until = w.now.plus(std::time::Duration::from_secs(60));
    w.dj(Request::Vouch { until });
    w.pass(60);
    w.notice(Notice::VouchEnded);
    w.notice(Notice::Started { version: "0.1.0".into(), pid: 7 });
    let Request::Open { path, common, .. } = open("/r") else { unreachable!() };
    w.dj(Request::Open { path, common, base: "refs/heads/trunk".into() });
    w.notice(Notice::Arrived { person: "dj".into() });
    w.notice(Notice::Left { person: "dj".into() });
    w.core.settings.max_agents = 1;
    let (first, second) = (w.started(), w.add("held"));
    w.dj(run(second));
    w.dj(Request::Abort { task: first });
}

/// One JSON value of each kind.
fn samples() -> BTreeMap<String, Value> {
    let values = everything()
        .into_iter()
        .map(|(_, event)| (kind(&event), serde_json::to_value(&event).unwrap()));
    values.collect()
}

#[test]
fn every_kind_of_event_is_written_and_read_back() {
    let events = everything();
    let mut kinds: Vec<String> = events.iter().map(|(_, event)| kind(event)).collect();
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds, KINDS);
    for (_, event) in events {
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event, "{line}");
    }
}

#[test]
fn a_record_has_a_type_and_a_payload_and_nothing_else() {
    for (kind, value) in samples() {
        let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["payload", "type"], "{kind}");
    }
}

#[test]
fn a_field_of_a_later_version_is_ignored() {
    for (kind, value) in samples() {
        let event: Event = serde_json::from_value(value.clone()).unwrap();
        let mut later = value;
        later["payload"]["later"] = json!({"than": ["this", 1, null]});
        let read: Event = serde_json::from_value(later).unwrap_or_else(|e| panic!("{kind}: {e}"));
        assert_eq!(read, event, "{kind}");
    }
}

#[test]
fn an_unknown_kind_is_not_taken_for_a_known_one() {
    let unknown = json!({"type": "task.teleported", "payload": {"task": 1}});
    assert!(serde_json::from_value::<Event>(unknown).is_err());
}

/// The log may be damaged or of another daemon's making: no order of events brings the fold down.
#[test]
fn events_that_do_not_fit_change_nothing_or_little_but_never_fail() {
    let events = everything();
    let mut backwards = State::default();
    for (at, event) in events.iter().rev() {
        backwards.apply(event, *at);
    }
    for (at, event) in &events {
        let mut empty = State::default();
        empty.apply(event, *at);
        let _ = monban::model::effect::outstanding(&empty);
    }
}

//! The limit on the time of work, while the agent works: given, when, then.

#[path = "support/model.rs"]
mod support;

use monban::base::id::TaskId;
use monban::model::attempt::AgentState;
use monban::model::command::{LandingOutcome, Notice, Report, Request};
use monban::model::effect::Effect;
use monban::model::item::ItemKind;
use monban::model::task::TaskState;
use support::*;

/// The deadlines that are to be kept: of which task, and how long it had worked before.
fn deadlines(w: &World) -> Vec<(TaskId, u64)> {
    let of = |effect: &Effect| match effect {
        Effect::Overtime { task, before_ms, .. } => Some((*task, *before_ms)),
        _ => None,
    };
    w.effects().iter().filter_map(of).collect()
}

#[test]
fn an_agent_at_work_has_a_deadline_and_one_that_waits_for_a_person_has_none() {
    let mut w = World::new();
    let task = w.started();
    w.prepare(task);
    assert_eq!(deadlines(&w), [], "it was asked nothing yet");
    w.deliver_all(task);
    assert_eq!(deadlines(&w), [(task, 0)]);
    w.pass(40);
    w.status(task, AgentState::BlockedPermission, "rm?");
    assert_eq!(deadlines(&w), [], "a person makes it wait");
    w.pass(5000);
    w.status(task, AgentState::Working, "");
    assert_eq!(deadlines(&w), [(task, 40_000)], "that did not count");
    assert_eq!(monban::model::effect::outstanding(&w.replayed()), w.effects(), "nor to a restart");
    w.turn(task);
    assert_eq!(deadlines(&w), [], "now it is judged");
}

/// Somebody stopped its turn, and it waits for what a person says next.
#[test]
fn an_interrupted_agent_is_not_at_work() {
    let mut w = World::new();
    let task = w.running();
    w.pass(40);
    w.status(task, AgentState::Idle, "");
    let run = w.run_of(task);
    w.report(Report::Interrupted { run });
    assert_eq!((w.inbox(task), deadlines(&w)), (vec![ItemKind::Question], Vec::new()));
    w.pass(5000);
    w.status(task, AgentState::Working, "");
    assert_eq!(deadlines(&w), [(task, 40_000)], "that did not count");
}

/// What it made could not be looked at, so that no turn counts as over; a halt keeps the next
/// prompt from it.
#[test]
fn an_agent_that_is_done_is_not_at_work_while_its_next_prompt_is_held_up() {
    let mut w = World::new();
    let (peer, task) = (w.checking(), w.running());
    w.status(task, AgentState::Done, "");
    w.turn(task);
    w.snapshot_result(task, Err("the disk is full".into()));
    w.gate(peer, vec![fail("test")]);
    w.dj(say(task, "It has room again."));
    assert_eq!(deadlines(&w), []);
}

/// A person does not wait for the end of its turn, in which it goes on.
#[test]
fn a_turn_that_is_judged_in_its_middle_keeps_its_limit() {
    let mut w = World::new();
    let task = w.running();
    w.status(task, AgentState::Working, "");
    w.pass(40);
    w.dj(Request::Judge { task });
    assert_eq!(w.attempt(task).worked.ms, 40_000, "the result knows what it took");
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    assert_eq!((w.sees(task), deadlines(&w)), (TaskState::Waiting, vec![(task, 40_000)]));
    w.pass(900);
    w.overtime(task);
    assert_eq!((w.sees(task), w.inbox(task)), (TaskState::RollingBack, Vec::new()));
    assert!(w.halt().is_some_and(|why| why.starts_with("limits failed")), "{:?}", w.halt());
}

#[test]
fn nothing_counts_beside_a_result_but_what_the_agent_calls_work() {
    let mut w = World::new();
    let task = w.running();
    w.pass(40);
    w.dj(Request::Judge { task });
    assert_eq!(deadlines(&w), [], "it never says whether it is done");
    w.snapshot_result(task, Ok(None));
    w.status(task, AgentState::Working, "");
    assert_eq!(deadlines(&w), [(task, 40_000)]);
    w.status(task, AgentState::Idle, "");
    assert_eq!(deadlines(&w), []);

    let mut w = World::new();
    let task = w.running();
    w.status(task, AgentState::Working, "");
    w.dj(Request::Judge { task });
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    w.approve(task);
    assert_eq!(deadlines(&w), [], "what a person signed lands");
    w.overtime(task);
    assert_eq!(w.sees(task), TaskState::Landing);
    w.land(task, LandingOutcome::BaseMoved { base: "base-2".into() });
    assert_eq!(deadlines(&w), [(task, 0)]);
}

#[test]
fn one_that_works_for_too_long_is_stopped_as_a_failed_check() {
    let mut w = World::new();
    let task = w.running();
    let kinds = w.overtime(task);
    let expected = ["judge.breached", "repo.halted", "run.stop-wanted", "rollback.wanted"];
    assert_eq!(kinds, expected);
    let why = "limits failed: limits/seconds 901 s of 900 s: over the limit that the level sets; \
               its agent was stopped in the middle of its turn";
    assert_eq!(w.halt().as_deref(), Some(why));
    assert_eq!(w.sees(task), TaskState::RollingBack);
    let run = w.run_of(task);
    assert_eq!(w.effects(), [Effect::Supervise { task, run }, Effect::Stop { run }]);
    w.end(task);
    w.rolled_back(task);
    assert_eq!(w.sees(task), TaskState::Failed);
    let breach = w.attempt(task).breach.as_ref();
    let red = breach.and_then(|gate| gate.first_red());
    assert_eq!(red.map(|red| red.check.as_str()), Some("limits"));
    assert_eq!(w.results(task)[0].breach.as_deref(), Some("seconds"), "a promotion counts it");
}

#[test]
fn one_that_stopped_working_by_then_is_judged_at_the_end_of_its_turn() {
    let mut w = World::new();
    let task = w.running();
    let (run, since) = (w.run_of(task), w.attempt(task).worked.since.unwrap_or_default());
    let verdict = Box::new(over("seconds"));
    let report = Report::Overtime { run, since, verdict };
    w.pass(1);
    w.status(task, AgentState::BlockedQuestion, "which?");
    assert!(w.report(report.clone()).is_empty());
    w.status(task, AgentState::Working, "");
    assert!(w.report(report.clone()).is_empty(), "it is at work since another moment");
    w.turn(task);
    assert!(w.report(report).is_empty());
    assert_eq!(w.halt(), None);
}

/// Whichever way it was found: what a red gate says of a limit is on record too.
#[test]
fn the_limit_that_a_gate_found_exceeded_is_on_record() {
    let mut w = World::new();
    let task = w.checking();
    w.gate(task, vec![over("changed_lines")]);
    w.end(task);
    w.rolled_back(task);
    assert_eq!(w.results(task)[0].breach.as_deref(), Some("changed_lines"));
}

/// A turn that ended while no daemon looked would else have lasted until the next one came.
#[test]
fn the_time_in_which_no_daemon_ran_is_not_work() {
    let mut w = World::new();
    let task = w.running();
    w.pass(40);
    w.status(task, AgentState::Working, "");
    w.pass(5000);
    w.notice(Notice::Started { version: "1".into(), pid: 2 });
    w.pass(7);
    w.status(task, AgentState::BlockedPermission, "rm?");
    w.status(task, AgentState::Working, "");
    assert_eq!(deadlines(&w), [(task, 47_000)]);
}

/// Nobody can tell whether it works or waits for an answer.
#[test]
fn while_a_person_is_asked_to_look_at_an_agent_of_unknown_status_no_time_counts() {
    let mut w = World::new();
    let task = w.running();
    w.status(task, AgentState::Unknown, "");
    w.pass(300);
    assert_eq!(deadlines(&w), [(task, 0)], "it may well be at work");
    let run = w.run_of(task);
    w.report(Report::StillUnknown { run });
    assert_eq!((w.inbox(task), deadlines(&w)), (vec![ItemKind::Unknown], Vec::new()));
    w.pass(5000);
    w.status(task, AgentState::Working, "");
    assert_eq!((w.inbox(task), deadlines(&w)), (Vec::new(), vec![(task, 300_000)]));
}

//! How agents end, what stays unknown about them, and what of that is on record.

#[path = "support/model.rs"]
mod support;

use monban::base::foreign::Foreign;
use monban::model::attempt::{AgentState, End};
use monban::model::command::{Report, Request};
use monban::model::effect::Effect;
use monban::model::item::ItemKind;
use monban::model::task::TaskState;
use support::*;

const PATIENCE_S: u64 = 300;

#[test]
fn a_status_that_stays_unknown_asks_for_a_person_once() {
    let mut w = World::new();
    let task = w.running();
    let run = w.run_of(task);
    w.status(task, AgentState::Unknown, "");
    let at = w.now.plus(std::time::Duration::from_secs(PATIENCE_S));
    assert!(w.effects().contains(&Effect::Doubt { run, at }));
    w.pass(PATIENCE_S - 1);
    assert!(w.report(Report::StillUnknown { run }).is_empty(), "not yet");
    w.pass(1);
    assert_eq!(w.report(Report::StillUnknown { run }), ["task.asked"]);
    assert_eq!(w.inbox(task), [ItemKind::Unknown]);
    assert!(!w.effects().contains(&Effect::Doubt { run, at }));
    assert!(w.report(Report::StillUnknown { run }).is_empty(), "once");
    w.status(task, AgentState::Working, "");
    assert!(w.inbox(task).is_empty());
}

#[test]
fn an_agent_that_is_known_again_in_time_asks_for_nobody() {
    let mut w = World::new();
    let task = w.running();
    let run = w.run_of(task);
    w.status(task, AgentState::Unknown, "");
    w.status(task, AgentState::Working, "");
    w.pass(2 * PATIENCE_S);
    assert!(w.report(Report::StillUnknown { run }).is_empty());
    assert!(!w.effects().iter().any(|effect| matches!(effect, Effect::Doubt { .. })));
}

#[test]
fn the_same_interruption_asks_once_however_often_it_is_found() {
    let mut w = World::new();
    let task = w.running();
    let run = w.run_of(task);
    w.report(Report::Interrupted { run });
    assert!(w.report(Report::Interrupted { run }).is_empty(), "a later daemon finds it again");
    assert_eq!(w.inbox(task), [ItemKind::Question]);
}

#[test]
fn an_agent_that_leaves_when_there_is_nothing_to_judge_is_no_failure() {
    let mut w = World::new();
    let task = w.turned();
    w.snapshot_result(task, Ok(None));
    assert_eq!(w.end(task), ["run.ended"]);
    assert_eq!((w.sees(task), w.halt()), (TaskState::Waiting, None));
    assert_eq!(w.inbox(task), [ItemKind::NothingChanged]);
    w.dj(Request::Abort { task });
    assert_eq!(w.sees(task), TaskState::Stopped);
    assert!(!w.results(task)[0].abnormal_end);
}

#[test]
fn an_end_in_the_middle_of_a_turn_is_on_record_as_abnormal() {
    let mut w = World::new();
    let task = w.running();
    w.end(task);
    w.rolled_back(task);
    assert!(w.results(task)[0].abnormal_end);
}

#[test]
fn an_agent_that_leaves_after_its_turn_ended_as_it_should() {
    let mut w = World::new();
    let task = w.turned();
    w.end(task);
    w.snapshot(task, "tree-1");
    w.gate(task, vec![fail("test")]);
    w.rolled_back(task);
    assert!(!w.results(task)[0].abnormal_end, "its work was bad, its end was not");
}

#[test]
fn a_lost_holder_is_abnormal_whenever_it_happens() {
    let mut w = World::new();
    let task = w.turned();
    let run = w.run_of(task);
    let how = Foreign::new("exit status unknown: its holder was lost");
    let end = End { code: None, signal: None, how, tree_empty: true, known_by: Foreign::default() };
    w.report(Report::Ended { run, end });
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    w.approve(task);
    w.land(task, monban::model::command::LandingOutcome::Landed { commit: "c".into() });
    assert!(w.results(task)[0].abnormal_end);
}

//! Snapshots, gates and what their verdicts mean.

#[path = "support/model.rs"]
mod support;

use monban::base::foreign::Foreign;
use monban::base::id::TaskId;
use monban::model::attempt::{AgentState, Delivery};
use monban::model::command::{Report, Request};
use monban::model::effect::Effect;
use monban::model::item::ItemKind;
use monban::model::rejection::Class;
use monban::model::task::{Stage, TaskState};
use monban::model::verdict::{Outcome, Verdict};
use support::*;

#[test]
fn a_finished_turn_is_snapshotted_and_judged() {
    let mut w = World::new();
    let task = w.running();
    assert_eq!(w.turn(task), ["run.turned"]);
    assert_eq!(w.sees(task), TaskState::Checking);
    assert!(w.effects().contains(&Effect::Snapshot { task, attempt: 1, number: 1 }));
    assert_eq!(w.snapshot(task, "tree-1"), ["judge.snapshot", "judge.started"]);
    let gate = w.attempt(task).gates[0].clone();
    assert_eq!((gate.tree.as_str(), gate.gate_hash.as_str()), ("tree-1", GATE));
    assert!(w.effects().contains(&Effect::Check { task, run: gate.run }));
    assert_eq!(w.gate(task, vec![pass("lint"), pass("test")]), ["judge.finished", "task.asked"]);
    assert_eq!(w.sees(task), TaskState::Waiting);
    assert_eq!(w.item(task).kind, ItemKind::Approval);
    assert_eq!(w.item(task).note.raw(), "2 files +30 -4");
}

#[test]
fn whatever_is_not_a_pass_is_red() {
    for (verdicts, cause) in [
        (vec![pass("lint"), fail("test")], "test failed: 1 of 12 tests failed"),
        (vec![pass("lint"), not_run("test")], "test did not run: command not found"),
        (vec![], "the gate gave no verdict: it has no check that could pass"),
        (
            vec![Verdict::waiting("human", vec![Foreign::new("it runs")])],
            "no check passed: a person's word alone lets nothing land; name one that can pass \
             under [gates] checks",
        ),
    ] {
        let mut w = World::new();
        let task = w.checking();
        w.gate(task, verdicts);
        assert_eq!(w.sees(task), TaskState::RollingBack);
        assert!(w.inbox(task).is_empty(), "there is nothing to approve");
        assert_eq!(w.halt().as_deref(), Some(cause));
    }
}

#[test]
fn a_person_can_have_the_same_snapshot_judged_again() {
    let mut w = World::new();
    let task = w.waiting();
    let first = w.item(task);
    assert_eq!(w.dj(Request::Judge { task }), ["task.answered", "judge.again", "judge.started"]);
    w.gate(task, vec![pass("test")]);
    let second = w.item(task);
    assert_ne!(first.digest(), second.digest(), "it is another gate run");
    assert_eq!(w.attempt(task).snapshots.len(), 1);
}

/// A fresh attempt on a failed task comes to the same tree.
fn tried_again(w: &mut World, task: TaskId) {
    w.dj(Request::Resume { repo: w.repo });
    w.dj(retry_fresh(task));
    w.prepare(task);
    w.deliver_all(task);
    w.turn(task);
    w.snapshot(task, "tree-1");
}

/// A task whose first prompt is being typed.
fn being_typed(w: &mut World) -> TaskId {
    let task = w.started();
    w.prepare(task);
    w.delivery(task, 1, Delivery::Typing);
    task
}

/// A red result, undone and resumed: the same tree passes now.
#[test]
fn a_tree_that_failed_before_is_never_green_even_in_another_attempt() {
    let mut w = World::new();
    let task = w.failed();
    tried_again(&mut w, task);
    w.gate(task, vec![pass("test")]);
    let verdict = &w.attempt(task).gates[0].verdicts.as_ref().unwrap()[0];
    assert_eq!(verdict.outcome, Outcome::Fail);
    assert!(verdict.reason.raw().contains("flaky"));
    assert!(w.halt().unwrap().contains("flaky"));
}

/// What a check without a command says depends on what the attempt used, or on the base.
#[test]
fn only_commands_can_be_flaky() {
    let mut w = World::new();
    let task = w.checking();
    w.gate(task, vec![Verdict { command: None, ..fail("limits") }]);
    w.end(task);
    w.rolled_back(task);
    tried_again(&mut w, task);
    w.gate(task, vec![Verdict { command: None, ..pass("limits") }, pass("test")]);
    assert_eq!(w.item(task).kind, ItemKind::Approval);
}

/// the time of an attempt is the time its agent works.
#[test]
fn waiting_for_a_person_and_standing_still_are_no_time_of_work() {
    let mut w = World::new();
    let task = w.started();
    w.prepare(task);
    let run = w.run_of(task);
    w.report(Report::Started { run });
    w.pass(1000);
    w.deliver_all(task);
    w.pass(10);
    w.status(task, AgentState::BlockedPermission, "rm?");
    w.pass(1000);
    w.status(task, AgentState::Working, "");
    w.pass(20);
    w.dj(Request::Pause { task, paused: true });
    w.report(Report::Paused { run, paused: true });
    w.pass(1000);
    w.dj(Request::Pause { task, paused: false });
    w.report(Report::Paused { run, paused: false });
    w.pass(30);
    w.turn(task);
    assert_eq!(w.attempt(task).worked.ms, 60_000);
    w.pass(1000);
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    w.pass(1000);
    // A second turn adds to the first.
    w.dj(Request::Reject { item: w.item(task).id, reason: "more".into() });
    w.pass(1000);
    w.deliver_all(task);
    w.pass(5);
    w.turn(task);
    assert_eq!(w.attempt(task).worked.ms, 65_000);
}

#[test]
fn a_check_that_could_not_run_before_is_not_flaky_for_passing_now() {
    let mut w = World::new();
    let task = w.checking();
    w.gate(task, vec![not_run("test")]);
    w.end(task);
    w.rolled_back(task);
    tried_again(&mut w, task);
    w.gate(task, vec![pass("test")]);
    assert_eq!(w.item(task).kind, ItemKind::Approval);
}

#[test]
fn a_turn_that_changed_nothing_asks_a_person() {
    let mut w = World::new();
    let task = w.turned();
    assert_eq!(w.snapshot_result(task, Ok(None)), ["judge.unchanged", "task.asked"]);
    assert_eq!(w.item(task).kind, ItemKind::NothingChanged);
    assert_eq!(w.sees(task), TaskState::Running);
    w.dj(say(task, "Please do it."));
    assert!(w.inbox(task).is_empty());
    w.deliver_all(task);
    assert_eq!(w.turn(task), ["run.turned"]);
}

#[test]
fn an_agent_that_is_gone_and_changed_nothing_is_not_shown_as_running() {
    let mut w = World::new();
    let task = w.turned();
    w.end(task);
    w.snapshot_result(task, Ok(None));
    assert_eq!(w.sees(task), TaskState::Waiting);
    assert!(w.refused(say(task, "Go on.")).cure.contains("monban task retry"));
    w.dj(Request::Abort { task });
    assert_eq!(w.sees(task), TaskState::Stopped);
    assert!(w.inbox(task).is_empty());
}

#[test]
fn a_snapshot_that_failed_is_trouble_until_the_next_turn() {
    let mut w = World::new();
    let task = w.turned();
    w.snapshot_result(task, Err("disk full".into()));
    assert_eq!(w.item(task).kind, ItemKind::Trouble);
    assert_eq!(w.turn(task), ["task.answered", "run.turned"]);
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    assert_eq!(w.inbox(task), [ItemKind::Approval], "only what waits now");
}

#[test]
fn a_person_can_judge_before_the_agent_says_it_is_done() {
    let mut w = World::new();
    let task = w.started();
    w.prepare(task);
    assert_eq!(w.dj(Request::Judge { task }), ["run.turned"]);
    assert_eq!(w.task(task).stage, Stage::Turned);
    assert!(w.turn(task).is_empty(), "it is being judged already");
}

#[test]
fn only_what_runs_or_waits_can_be_judged() {
    let mut w = World::new();
    let draft = w.add("fix");
    let checking = w.checking();
    for task in [draft, checking] {
        assert_eq!(w.refused(Request::Judge { task }).class, Class::Refused);
    }
}

#[test]
fn a_task_that_is_being_stopped_or_prepared_is_not_said_to_run() {
    let mut w = World::new();
    let preparing = w.started();
    let refused = w.refused(Request::Judge { task: preparing });
    assert!(refused.why.contains("being prepared"), "{refused}");
    let task = w.running();
    w.dj(Request::Abort { task });
    let refused = w.refused(Request::Judge { task });
    assert!(refused.why.contains("is being stopped"), "{refused}");
}

#[test]
fn a_turn_counts_only_after_every_prompt_was_taken() {
    let mut w = World::new();
    let task = w.started();
    w.prepare(task);
    assert!(w.turn(task).is_empty(), "the agent shows its first screen");
    w.delivery(task, 1, Delivery::Typing);
    w.delivery(task, 1, Delivery::Delivered);
    w.dj(say(task, "And the docs."));
    assert!(w.turn(task).is_empty(), "the second prompt is still to come");
    w.deliver_all(task);
    assert_eq!(w.turn(task), ["run.turned"]);
}

#[test]
fn an_uncertain_delivery_asks_a_person_and_the_next_prompt_settles_it() {
    let mut w = World::new();
    let task = being_typed(&mut w);
    assert_eq!(w.delivery(task, 1, Delivery::Uncertain), ["run.delivery", "task.asked"]);
    assert_eq!(w.item(task).kind, ItemKind::Delivery);
    let run = w.run_of(task);
    assert_eq!(w.effects(), [Effect::Supervise { task, run }], "it is not typed again");
    assert!(w.turn(task).is_empty());
    w.dj(say(task, "Please fix the parser."));
    assert!(w.inbox(task).is_empty());
    w.deliver_all(task);
    assert_eq!(w.turn(task), ["run.turned"]);
}

#[test]
fn a_prompt_that_is_being_typed_never_waits_again() {
    let mut w = World::new();
    let task = being_typed(&mut w);
    assert!(w.delivery(task, 1, Delivery::Wanted).is_empty());
    w.delivery(task, 1, Delivery::Delivered);
    for delivery in [Delivery::Wanted, Delivery::Typing, Delivery::Uncertain] {
        assert!(w.delivery(task, 1, delivery).is_empty());
    }
}

#[test]
fn prompts_are_typed_one_after_the_other() {
    let mut w = World::new();
    let task = w.running();
    w.dj(say(task, "one"));
    w.dj(say(task, "two"));
    let run = w.run_of(task);
    let next = |w: &World| w.effects().into_iter().find(|e| matches!(e, Effect::Deliver { .. }));
    assert_eq!(next(&w), Some(Effect::Deliver { task, run, prompt: 2 }));
    w.delivery(task, 2, Delivery::Typing);
    assert_eq!(next(&w), Some(Effect::Deliver { task, run, prompt: 2 }));
    w.delivery(task, 2, Delivery::Delivered);
    assert_eq!(next(&w), Some(Effect::Deliver { task, run, prompt: 3 }));
}

#[test]
fn text_is_sent_only_to_an_agent_that_is_there() {
    let mut w = World::new();
    let task = w.running();
    assert_eq!(w.refused(say(task, " ")).class, Class::Input);
    assert_eq!(w.refused(say(task, &"x".repeat(256 * 1024 + 1))).class, Class::Input);
    w.turn(task);
    assert_eq!(w.refused(say(task, "wait")).class, Class::Refused, "it is being judged");
    let report = Report::Ended { run: w.run_of(task), end: exit(0) };
    w.report(report);
    assert_eq!(w.refused(say(task, "hello")).class, Class::Refused);
}

/// Otherwise nothing would ever move the task on again.
#[test]
fn a_turn_counts_again_once_a_person_took_the_matter_of_a_lost_prompt_in_hand() {
    let mut w = World::new();
    let task = being_typed(&mut w);
    w.delivery(task, 1, Delivery::Uncertain);
    w.dj(Request::Judge { task });
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    let run = w.run_of(task);
    w.report(Report::WentOn { run });
    assert_eq!(w.turn(task), ["run.turned"]);
}

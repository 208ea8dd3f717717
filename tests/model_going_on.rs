//! Agents that go on by themselves after a turn, and agents that leave with a prompt still to be
//! typed.

#[path = "support/model.rs"]
mod support;

use monban::base::id::TaskId;
use monban::model::attempt::{Delivery, PromptWhy};
use monban::model::command::{LandingOutcome, MergeOutcome, Notice, Report, Request};
use monban::model::decide::PROMPT_BYTES_MAX;
use monban::model::effect::Effect;
use monban::model::item::ItemKind;
use monban::model::task::{Stage, TaskState};
use support::*;

fn goes_on(w: &mut World, task: TaskId) -> Vec<String> {
    let run = w.run_of(task);
    w.report(Report::WentOn { run })
}

#[test]
fn what_an_agent_made_before_it_went_on_is_never_offered() {
    for (name, reach) in [
        ("turned", World::turned as fn(&mut World) -> TaskId),
        ("checking", World::checking),
        ("merging", World::merging),
    ] {
        let mut w = World::new();
        let task = reach(&mut w);
        assert_eq!(goes_on(&mut w, task), ["run.went-on"], "{name}");
        assert_eq!(w.sees(task), TaskState::Running, "{name}");
        if name == "checking" {
            assert!(w.gate(task, vec![pass("test")]).is_empty(), "a late verdict is of no use");
        }
        assert!(w.inbox(task).is_empty(), "{name}");
        assert_eq!(w.turn(task), ["run.turned"], "{name}: the next turn counts");
        w.snapshot(task, "later");
        w.gate(task, vec![pass("test")]);
        let (item, last) = (w.item(task), w.attempt(task).snapshots.last().unwrap().clone());
        assert_eq!(item.binds.unwrap().tree, "later", "{name}");
        assert_eq!(last.tree, "later", "{name}");
    }
}

/// The first snapshot may still be under way when the next turn is over already.
#[test]
fn a_snapshot_of_before_is_not_taken_for_the_next_one() {
    let mut w = World::new();
    let task = w.turned();
    goes_on(&mut w, task);
    w.turn(task);
    for result in [Ok(None), Ok(Some(snapshot(1, "base-1", "early"))), Err("gone".to_string())] {
        let late = Report::Snapshot { task, attempt: 1, number: 1, result };
        assert!(w.report(late).is_empty());
    }
    assert!(w.effects().contains(&Effect::Snapshot { task, attempt: 1, number: 2 }));
    w.snapshot(task, "later");
    assert_eq!(w.attempt(task).snapshots[0].tree, "later");
}

#[test]
fn what_a_person_signed_lands_whatever_the_agent_does_meanwhile() {
    let mut w = World::new();
    let task = w.landing();
    assert!(goes_on(&mut w, task).is_empty());
    w.land(task, LandingOutcome::Landed { commit: "squash".into() });
    assert_eq!(w.sees(task), TaskState::Done);
}

/// A busy agent whose person typed ahead; then its turn ends.
fn with_a_prompt_waiting(w: &mut World) -> TaskId {
    let task = w.running();
    w.dj(say(task, "And the docs."));
    let run = w.run_of(task);
    assert_eq!(w.report(Report::Turned { run, prompt: 1 }), ["run.prompt-turned"]);
    assert!(w.report(Report::Turned { run, prompt: 1 }).is_empty(), "a later daemon says it again");
    task
}

#[test]
fn an_agent_that_leaves_after_its_turn_is_judged_although_a_prompt_waits() {
    let mut w = World::new();
    let task = with_a_prompt_waiting(&mut w);
    assert_eq!(w.end(task), ["run.delivery", "run.turned", "run.ended"]);
    assert_eq!(w.attempt(task).prompts[1].delivery, Delivery::Missed);
    assert_eq!(w.halt(), None);
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    let note = w.item(task).note.raw().to_string();
    assert!(note.contains("prompt 2 never reached the agent"), "{note}");
    w.approve(task);
    w.land(task, LandingOutcome::Landed { commit: "c".into() });
    assert!(!w.results(task)[0].abnormal_end, "it left after its turn");
}

#[test]
fn an_agent_that_changed_nothing_and_leaves_says_that_a_prompt_never_reached_it() {
    let mut w = World::new();
    let task = with_a_prompt_waiting(&mut w);
    w.end(task);
    w.snapshot_result(task, Ok(None));
    assert_eq!(w.item(task).kind, ItemKind::NothingChanged);
    assert!(w.item(task).note.raw().contains("prompt 2 never reached the agent"));
    assert_eq!((w.sees(task), w.halt()), (TaskState::Waiting, None));
}

/// It may leave at the very moment at which the prompt is typed.
#[test]
fn an_agent_that_leaves_while_it_is_typed_to_never_took_the_prompt() {
    let mut w = World::new();
    let task = with_a_prompt_waiting(&mut w);
    w.delivery(task, 2, Delivery::Typing);
    w.end(task);
    assert_eq!(w.attempt(task).prompts[1].delivery, Delivery::Missed);
    assert_eq!((w.halt(), w.task(task).stage.clone()), (None, Stage::Turned));
}

#[test]
fn an_agent_that_was_rejected_and_leaves_before_it_is_told_does_not_fail() {
    let mut w = World::new();
    let task = w.waiting();
    let item = w.item(task).id;
    w.dj(reject(item, "Also the docs."));
    w.end(task);
    assert_eq!((w.halt(), w.task(task).stage.clone()), (None, Stage::Turned));
}

#[test]
fn an_agent_that_leaves_in_a_turn_fails_although_an_earlier_turn_was_over() {
    for late in [false, true] {
        let mut w = World::new();
        let task = with_a_prompt_waiting(&mut w);
        if late {
            goes_on(&mut w, task);
        } else {
            w.delivery(task, 2, Delivery::Typing);
            w.delivery(task, 2, Delivery::Delivered);
        }
        w.end(task);
        assert!(w.halt().unwrap().contains("before its turn was over"));
    }
}

/// Compared with the new base, what it made would take the work of others back.
#[test]
fn an_agent_that_leaves_before_it_is_told_of_a_conflict_is_not_judged() {
    let mut w = World::new();
    let task = w.merging();
    w.merge(task, MergeOutcome::Conflict { base: "base-2".into(), files: Vec::new() });
    assert_eq!(w.attempt(task).prompts.last().unwrap().why, PromptWhy::Conflict);
    w.end(task);
    assert_eq!(w.inbox(task), [ItemKind::Trouble]);
    assert_eq!((w.sees(task), w.halt()), (TaskState::Waiting, None));
}

/// Nobody was there to tell it, and it was at work on something else when its result conflicted.
#[test]
fn a_turn_that_ends_without_knowing_of_a_conflict_brings_no_result() {
    let mut w = World::new();
    let task = w.merging();
    w.notice(Notice::Left { person: "dj".into() });
    w.merge(task, MergeOutcome::Conflict { base: "base-2".into(), files: Vec::new() });
    assert_eq!(w.inbox(task), [ItemKind::Trouble]);
    w.turn(task);
    assert_eq!(w.inbox(task), [ItemKind::Trouble], "a person has still to tell it");
    assert_eq!(w.task(task).stage, Stage::Running);
    w.dj(Request::Say { task, text: "Merge it.".into() });
    w.deliver_all(task);
    w.turn(task);
    assert!(w.inbox(task).is_empty());
    assert_eq!(w.task(task).stage, Stage::Turned);
}

#[test]
fn a_rejected_agent_that_is_gone_is_told_when_its_conversation_goes_on() {
    let mut w = World::new();
    let task = w.waiting();
    w.session(task, "talk-1");
    w.end(task);
    w.notice(Notice::Left { person: "dj".into() });
    let item = w.item(task).id;
    // The person's own command vouches for the start.
    let kinds = w.dj(reject(item, "Also handle leap years."));
    let expected =
        ["task.answered", "run.prompt", "task.finished", "task.queued", "task.attempted"];
    assert_eq!(kinds, expected);
    w.prepare(task);
    let attempt = w.attempt(task);
    assert_eq!(attempt.run.as_ref().unwrap().session.as_deref(), Some("talk-1"));
    assert_eq!(attempt.place, Some(place(task, 1)), "the same worktree");
    assert_eq!(attempt.prompts[0].text, "Also handle leap years.", "nobody was interrupted");
}

/// An ordinary program ends with its turn and knows no conversations: another run of it finds what
/// the one before made, and is told the task and why that was not enough.
#[test]
fn a_rejected_agent_that_left_no_conversation_starts_over_in_its_worktree_with_the_reason() {
    let mut w = World::new();
    let task = w.waiting();
    w.end(task);
    w.notice(Notice::Left { person: "dj".into() });
    // The person's own command vouches for the start.
    let item = w.item(task).id;
    w.dj(reject(item, "Also handle leap years."));
    w.prepare(task);
    let first = w.attempt(task).clone();
    assert_eq!((first.number, first.place.clone()), (2, Some(place(task, 1))), "the worktree");
    let told = &first.prompts[0].text;
    assert!(told.starts_with("Fix the parser. ") && told.ends_with(": Also handle leap years."));
    assert!(!told.contains('\n'), "a program that reads one line reads all of it: {told}");
    assert!(w.effects().iter().any(|effect| matches!(effect, Effect::Supervise { .. })));

    // And once more: it has everything that was said so far.
    w.deliver_all(task);
    w.turn(task);
    w.end(task);
    w.snapshot(task, "tree-2");
    w.gate(task, vec![pass("test")]);
    let item = w.item(task).id;
    w.dj(reject(item, "And\nthe docs."));
    w.prepare(task);
    let told = &w.attempt(task).prompts[0].text;
    assert!(told.ends_with("\n\nAlso handle leap years.\n\nAnd\nthe docs."), "{told}");
    assert_eq!(told.matches("Fix the parser.").count(), 1, "{told}");
    // Of more than a prompt may have, the oldest reasons go, never the task.
    w.deliver_all(task);
    w.turn(task);
    w.end(task);
    w.snapshot(task, "tree-3");
    w.gate(task, vec![pass("test")]);
    let item = w.item(task).id;
    w.dj(reject(item, &"x".repeat(PROMPT_BYTES_MAX - 100)));
    w.prepare(task);
    let told = &w.attempt(task).prompts[0].text;
    assert!(told.starts_with("Fix the parser.") && told.ends_with("xxx"), "{told:.100}");
    assert!(!told.contains("leap years") && !told.contains("the docs"));
    // Who starts the task over from its base finds nothing of it, and is told of nothing.
    w.dj(Request::Abort { task });
    w.end(task);
    w.dj(retry_fresh(task));
    w.prepare(task);
    assert_eq!(w.attempt(task).prompts[0].text, "Fix the parser.");
}

#[test]
fn a_rejection_of_a_gone_agent_changes_nothing_under_a_halt() {
    let mut w = World::new();
    let task = w.waiting();
    w.session(task, "talk-1");
    w.end(task);
    let peer = w.checking();
    w.gate(peer, vec![fail("test")]);
    let item = w.item(task).id;
    assert_eq!(w.refused(reject(item, "No.")).rule.as_deref(), Some("A-017"));
    assert!(w.refused(Request::Judge { task }).why.contains("/r is halted since task 2 failed"));
}

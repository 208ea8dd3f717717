//! A base that moved while a result waits: told early, from what is known, and judged again before
//! anything is signed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/model.rs"]
mod support;

use monban::base::foreign::Foreign;
use monban::base::id::TaskId;
use monban::model::attempt::Place;
use monban::model::command::{LandingOutcome, MergeOutcome, Report, Request};
use monban::model::effect::Effect;
use monban::model::item::ItemKind;
use monban::model::task::{Stage, TaskState};
use monban::model::verdict::Verdict;
use support::*;

/// Where the state says that the base is by now, of a result that waits.
fn moved(w: &World, task: TaskId) -> Option<String> {
    w.state().moved_base(&w.item(task)).map(ToString::to_string)
}

/// A task that is prepared on `base` and whose green result waits.
fn waiting_on(w: &mut World, base: &str) -> TaskId {
    let task = w.started();
    let on = Place { base: base.into(), ..place(task, 1) };
    w.report(Report::Prepared { task, attempt: 1, result: Ok(on) });
    let run = w.run_of(task);
    w.report(Report::Started { run });
    w.deliver_all(task);
    w.turn(task);
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    task
}

fn lands(w: &mut World, task: TaskId, commit: &str) {
    w.approve(task);
    w.land(task, LandingOutcome::Landed { commit: commit.into() });
    w.end(task);
}

/// Two results wait, and the first of them lands.
fn left_behind(w: &mut World) -> TaskId {
    let (first, second) = (w.waiting(), w.waiting());
    assert_eq!((moved(w, first), moved(w, second)), (None, None));
    lands(w, first, "squash-1");
    second
}

#[test]
fn what_waits_is_known_to_be_behind_as_soon_as_another_task_lands() {
    let mut w = World::new();
    let task = left_behind(&mut w);
    assert_eq!(moved(&w, task).as_deref(), Some("squash-1"));
    let next = waiting_on(&mut w, "squash-1");
    assert_eq!(moved(&w, next), None, "made on what landed");
    lands(&mut w, next, "squash-2");
    assert_eq!(moved(&w, task).as_deref(), Some("squash-2"));
}

#[test]
fn approving_what_is_behind_signs_nothing_and_judges_it_on_the_base_of_now() {
    let mut w = World::new();
    let task = left_behind(&mut w);
    let old = w.item(task);
    assert_eq!(w.approve(task), ["task.answered", "landing.base-moved"]);
    let op = w.landing_op(task);
    assert_eq!(w.task(task).stage, Stage::Merging { op, base: "squash-1".into() });
    assert!(w.effects().contains(&Effect::Merge { task, op }));
    assert!(w.task(task).approved.is_none() && w.inbox(task).is_empty());
    assert!(w.refused(approve(&old)).why.contains("nothing waits"), "it is asked once");

    let merged = snapshot(w.next_snapshot(task), "squash-1", "merged-tree");
    w.merge(task, MergeOutcome::Merged(merged));
    w.gate(task, vec![pass("test")]);
    assert_eq!(moved(&w, task), None);
    let refused = w.refused(approve(&old));
    assert!(!refused.why.is_empty(), "what was looked at before is not what waits now");
    w.approve(task);
    assert_eq!(w.sees(task), TaskState::Landing);
    // Each landing has a name of its own.
    assert_ne!(w.landing_op(task), op);
}

#[test]
fn no_statement_is_attested_for_what_is_judged_again_first() {
    let mut w = World::new();
    let words = vec![Foreign::new("I ran it on a phone")];
    let (first, task) = (w.waiting(), w.checking());
    w.gate(task, vec![pass("test"), Verdict::waiting("human", words.clone())]);
    lands(&mut w, first, "squash-1");
    w.approve(task);
    let merged = snapshot(w.next_snapshot(task), "squash-1", "merged-tree");
    w.merge(task, MergeOutcome::Merged(merged));
    w.gate(task, vec![pass("test"), Verdict::waiting("human", words.clone())]);
    let item = w.item(task);
    assert!(w.refused(approve(&item)).why.contains("not attested"), "now it is signed");
    w.dj(Request::Approve { item: item.id, digest: item.digest(), attested: words });
    assert_eq!(w.sees(task), TaskState::Landing);
}

#[test]
fn moves_of_the_base_outside_of_monban_count_as_soon_as_they_are_known() {
    // An agent's run was compared with the repository.
    let mut w = World::new();
    let (task, peer) = (w.waiting(), w.running());
    let (run, what) = (w.run_of(peer), Foreign::new("refs/heads/main"));
    w.report(Report::Advanced { run, what, to: "theirs".into() });
    assert_eq!(moved(&w, task).as_deref(), Some("theirs"));

    // Another task was prepared on it.
    let mut w = World::new();
    let task = w.waiting();
    waiting_on(&mut w, "theirs");
    assert_eq!(moved(&w, task).as_deref(), Some("theirs"));

    // Another task's landing found it.
    let mut w = World::new();
    let (task, first) = (w.waiting(), w.waiting());
    w.approve(first);
    w.land(first, LandingOutcome::BaseMoved { base: "theirs".into() });
    assert_eq!(moved(&w, task).as_deref(), Some("theirs"));
}

/// Its worktree was made before the other landed, which is known only afterwards.
#[test]
fn a_preparation_that_ends_late_does_not_bring_the_base_back() {
    let mut w = World::new();
    let (first, second) = (w.waiting(), w.waiting());
    w.end(second);
    w.approve(first);
    let late = w.started();
    w.pass(1);
    w.land(first, LandingOutcome::Landed { commit: "squash-1".into() });
    w.end(first);
    w.prepare(late);
    assert_eq!(moved(&w, second).as_deref(), Some("squash-1"));
    w.deliver_all(late);
    w.turn(late);
    w.snapshot(late, "tree-2");
    w.gate(late, vec![pass("test")]);
    assert_eq!(moved(&w, late).as_deref(), Some("squash-1"));
}

/// A retry goes on in the worktree of before: that says nothing of where the base is.
#[test]
fn an_attempt_that_goes_on_where_the_last_one_worked_does_not_bring_the_base_back() {
    let mut w = World::new();
    let (first, task) = (w.waiting(), w.running());
    w.session(task, "talk");
    w.dj(Request::Abort { task });
    w.end(task);
    lands(&mut w, first, "squash-1");
    w.dj(retry_resume(task));
    w.prepare(task);
    w.deliver_all(task);
    w.turn(task);
    w.snapshot(task, "tree-2");
    w.gate(task, vec![pass("test")]);
    assert_eq!(moved(&w, task).as_deref(), Some("squash-1"));
}

#[test]
fn another_base_branch_is_another_history() {
    let mut w = World::new();
    let task = left_behind(&mut w);
    let Request::Open { path, common, .. } = open("/r") else { unreachable!() };
    w.dj(Request::Open { path, common, base: "refs/heads/release".into() });
    assert_eq!(moved(&w, task), None);
    let item = w.item(task);
    assert!(w.refused(approve(&item)).why.contains("base branch is another one"));
}

#[test]
fn a_conflict_with_what_landed_goes_back_to_the_agent() {
    let mut w = World::new();
    let task = left_behind(&mut w);
    w.approve(task);
    let files = vec![Foreign::new("src/a.rs")];
    w.merge(task, MergeOutcome::Conflict { base: "squash-1".into(), files });
    assert_eq!(w.sees(task), TaskState::Running);
    assert!(!w.inbox(task).contains(&ItemKind::Approval));
    assert!(w.attempt(task).prompts.last().unwrap().text.contains("src/a.rs"));
}

/// Two results wait, behind what has landed: of one whose agent is gone, and of another.
fn both_left_behind(w: &mut World) -> (TaskId, TaskId) {
    let other = w.waiting();
    w.end(other);
    (left_behind(w), other)
}

/// Somebody took back what had landed. The merge finds the branch where it is, which is known then.
#[test]
fn a_place_that_turns_out_to_be_wrong_costs_one_judgement() {
    let mut w = World::new();
    let (task, other) = both_left_behind(&mut w);
    let base = w.item(task).binds.unwrap().base;
    w.approve(task);
    let same = snapshot(w.next_snapshot(task), &base, "tree-1");
    w.merge(task, MergeOutcome::Merged(same));
    w.gate(task, vec![pass("test")]);
    assert_eq!((moved(&w, task), moved(&w, other)), (None, None));
    w.approve(task);
    assert_eq!(w.sees(task), TaskState::Landing);

    // So does one that is in conflict with where the branch is.
    let mut w = World::new();
    let (task, other) = both_left_behind(&mut w);
    w.approve(task);
    let files = vec![Foreign::new("src/a.rs")];
    w.merge(task, MergeOutcome::Conflict { base: "theirs".into(), files });
    assert_eq!(moved(&w, other).as_deref(), Some("theirs"));
}

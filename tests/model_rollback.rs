//! Rollbacks and their undo.

#[path = "support/model.rs"]
mod support;

use monban::base::id::{OpId, TaskId};
use monban::model::attempt::RollbackProgress;
use monban::model::command::{LandingOutcome, Report, Request};
use monban::model::effect::Effect;
use monban::model::event::FinalEnd;
use monban::model::rejection::Class;
use monban::model::task::TaskState;
use support::*;

fn back(task: TaskId) -> Request {
    Request::RollBack { task, checkpoint: None, commit: None }
}

fn undone(w: &mut World, task: TaskId, result: Result<(), String>) -> Vec<String> {
    let op = w.rollback(task);
    w.report(Report::Undone { task, op, result })
}

#[test]
fn nothing_is_rolled_back_under_a_living_agent() {
    let mut w = World::new();
    let task = w.running();
    let run = w.run_of(task);
    assert_eq!(w.dj(back(task)), ["run.stop-wanted", "rollback.wanted"]);
    assert_eq!(w.effects(), [Effect::Supervise { task, run }, Effect::Stop { run }]);
    w.end(task);
    let op = w.rollback(task);
    assert_eq!(w.effects(), [Effect::RollBack { task, op }]);
    assert_eq!(w.rolled_back(task), ["rollback.done", "task.stopped", "task.finished"]);
    assert_eq!(w.sees(task), TaskState::Stopped);
    let result = &w.results(task)[0];
    assert_eq!((result.end, result.rollback), (FinalEnd::Stopped, Some(true)));
    assert_eq!(w.halt(), None, "a person's rollback is no failure");
}

#[test]
fn a_rollback_returns_to_the_base_or_to_a_checkpoint() {
    let mut w = World::new();
    let task = w.waiting();
    let missing = Request::RollBack { task, checkpoint: Some(7), commit: None };
    let refused = w.refused(missing).why;
    assert!(refused.contains("cp7") && refused.contains("its checkpoints: cp1"), "{refused}");
    w.dj(Request::RollBack { task, checkpoint: Some(1), commit: None });
    assert_eq!(w.attempt(task).rollbacks[0].target, "commit-of-tree-1");
    w.end(task);
    w.rolled_back(task);
    w.dj(back(task));
    assert_eq!(w.attempt(task).rollbacks[1].target, "base-1");
}

#[test]
fn a_rollback_to_another_commit_than_the_one_that_was_looked_at_is_refused() {
    let mut w = World::new();
    let task = w.waiting();
    let looked_at = Some("commit-of-tree-1".to_string());
    let to = |commit| Request::RollBack { task, checkpoint: Some(1), commit };
    w.dj(to(looked_at.clone()));
    w.end(task);
    w.rolled_back(task);
    // Somebody starts it anew: cp1 is another commit.
    w.dj(retry_fresh(task));
    w.prepare(task);
    w.deliver_all(task);
    w.turn(task);
    w.snapshot(task, "tree-2");
    w.gate(task, vec![pass("test")]);
    let refused = w.refused(to(looked_at));
    assert_eq!(refused.class, Class::Refused);
    assert!(refused.why.contains("another commit by now"), "{refused}");
    w.dj(to(Some("commit-of-tree-2".into())));
}

#[test]
fn a_failed_rollback_ends_the_task_and_is_on_record_and_can_be_tried_again() {
    let mut w = World::new();
    let task = w.rolling_back();
    w.end(task);
    let (op, result) = (w.rollback(task), Err("disk full".into()));
    let kinds = w.report(Report::RolledBack { task, op, result });
    assert_eq!(kinds, ["rollback.failed", "task.failed", "task.finished"]);
    assert_eq!(w.results(task)[0].rollback, Some(false));
    w.dj(back(task));
    w.rolled_back(task);
    assert!(matches!(w.attempt(task).rollbacks[1].progress, RollbackProgress::Done { .. }));
}

#[test]
fn rolling_back_a_failed_task_does_not_turn_it_into_a_stopped_one() {
    let mut w = World::new();
    let task = w.rolling_back();
    w.end(task);
    let (op, result) = (w.rollback(task), Err("disk full".into()));
    w.report(Report::RolledBack { task, op, result });
    let why = w.task(task).failure.clone();
    w.dj(back(task));
    assert_eq!(w.rolled_back(task), ["rollback.done", "task.failed"]);
    assert_eq!((w.sees(task), &w.task(task).failure), (TaskState::Failed, &why));
    assert_eq!(w.results(task).len(), 1, "an attempt has one final result");
}

#[test]
fn an_undo_brings_the_worktree_back() {
    let mut w = World::new();
    let task = w.failed();
    let op = w.rollback(task);
    assert_eq!(w.dj(Request::Undo { op }), ["rollback.undo-wanted"]);
    assert_eq!(w.effects(), [Effect::Undo { task, op }]);
    assert_eq!(undone(&mut w, task, Ok(())), ["rollback.undone"]);
    assert!(w.effects().is_empty());
    let again = w.refused(Request::Undo { op });
    assert_eq!((again.class, again.why.as_str()), (Class::Refused, "op1 was undone already"));
    assert_eq!(w.sees(task), TaskState::Failed);
}

#[test]
fn an_undo_that_failed_can_be_asked_for_again() {
    let mut w = World::new();
    let task = w.failed();
    let op = w.rollback(task);
    w.dj(Request::Undo { op });
    assert_eq!(undone(&mut w, task, Err("busy".into())), ["rollback.failed"]);
    assert!(w.effects().is_empty());
    w.dj(Request::Undo { op });
    undone(&mut w, task, Ok(()));
    assert_eq!(w.attempt(task).rollbacks[0].progress, RollbackProgress::Undone);
}

#[test]
fn nothing_else_touches_a_worktree_that_is_being_brought_back() {
    let mut w = World::new();
    let task = w.failed();
    w.dj(Request::Resume { repo: w.repo });
    let op = w.rollback(task);
    w.dj(Request::Undo { op });
    for request in [back(task), retry_fresh(task), Request::Undo { op }] {
        assert_eq!(w.refused(request).class, Class::Refused);
    }
    undone(&mut w, task, Ok(()));
    w.dj(retry_fresh(task));
}

/// A task that was rolled back to its checkpoint, and then to its base.
fn rolled_back_twice(w: &mut World) -> (TaskId, OpId, OpId) {
    let task = w.waiting();
    w.dj(Request::RollBack { task, checkpoint: Some(1), commit: None });
    w.end(task);
    w.rolled_back(task);
    let first = w.rollback(task);
    w.dj(back(task));
    assert_eq!(w.refused(Request::Undo { op: first }).class, Class::Refused);
    let second = w.rollback(task);
    assert_eq!(w.refused(Request::Undo { op: second }).class, Class::Refused, "not done yet");
    w.rolled_back(task);
    (task, first, second)
}

#[test]
fn rollbacks_are_undone_one_after_the_other_from_the_last() {
    let mut w = World::new();
    let (task, first, second) = rolled_back_twice(&mut w);
    let refused = w.refused(Request::Undo { op: first });
    assert!(refused.cure.contains(&format!("--undo {second}")), "{refused}");
    for op in [second, first] {
        assert_eq!(w.task(task).undoable().map(|rollback| rollback.op), Some(op));
        w.dj(Request::Undo { op });
        for request in [back(task), Request::Judge { task }] {
            assert!(w.refused(request).why.contains("being undone right now"));
        }
        w.report(Report::Undone { task, op, result: Ok(()) });
    }
    assert_eq!(w.task(task).undoable(), None);
    assert_eq!(w.refused(Request::Undo { op: OpId(99) }).class, Class::Input);
}

#[test]
fn a_rollback_that_would_change_nothing_is_refused_and_names_the_one_to_undo() {
    let mut w = World::new();
    let task = w.failed();
    let refused = w.refused(back(task));
    assert!(refused.why.contains("returned there by op1 already"), "{refused}");
    assert!(refused.cure.contains("--undo op1"), "{refused}");
    let op = w.rollback(task);
    w.dj(Request::Undo { op });
    undone(&mut w, task, Ok(()));
    w.dj(back(task));
    w.rolled_back(task);
    w.dj(Request::Undo { op: w.rollback(task) });
}

#[test]
fn work_that_an_undo_brought_back_is_judged_again_and_lands() {
    let mut w = World::new();
    let task = w.waiting();
    w.dj(back(task));
    w.end(task);
    w.rolled_back(task);
    let refused = w.refused(Request::Judge { task });
    assert!(refused.cure.contains("--undo op1"), "{refused}");
    w.dj(Request::Undo { op: w.rollback(task) });
    undone(&mut w, task, Ok(()));
    assert_eq!(w.dj(Request::Judge { task }), ["run.turned"]);
    assert_eq!(w.task(task).failure, None);
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    w.approve(task);
    w.land(task, LandingOutcome::Landed { commit: "squash".into() });
    assert_eq!(w.sees(task), TaskState::Done);
    assert_eq!(w.results(task).len(), 1, "an attempt has one final result, of its first end");
}

#[test]
fn what_has_no_worktree_or_is_busy_is_not_rolled_back() {
    for (name, allowed) in [
        ("preparing", false),
        ("running", true),
        ("turned", true),
        ("taken", true),
        ("checking", false),
        ("waiting", true),
        ("landing", false),
        ("merging", false),
        ("rolling back", false),
        ("stopping", false),
        ("done", false),
        ("stopped", true),
    ] {
        let mut w = World::new();
        let stage = STAGES.iter().find(|stage| stage.name == name).unwrap();
        let task = (stage.reach)(&mut w);
        if allowed {
            w.dj(back(task));
        } else {
            assert_eq!(w.refused(back(task)).class, Class::Refused, "{name}");
        }
    }
}

#[test]
fn a_retry_during_the_rollback_is_told_what_it_waits_for() {
    for (reach, word) in [
        (World::rolling_back as fn(&mut World) -> TaskId, "says failed"),
        (
            |w: &mut World| {
                let task = w.waiting();
                w.dj(back(task));
                task
            },
            "says stopped",
        ),
    ] {
        let mut w = World::new();
        let task = reach(&mut w);
        w.end(task);
        for request in [retry_fresh(task), run(task)] {
            let refusal = w.refused(request);
            assert!(refusal.why.contains("still being rolled back"), "{refusal}");
            assert!(refusal.cure.contains(word), "{refusal}");
        }
        assert_eq!(w.sees(task).to_string(), "rolling-back");
        w.rolled_back(task);
        let said = w.sees(task).to_string();
        assert!(word.ends_with(&said), "{said}");
    }
}

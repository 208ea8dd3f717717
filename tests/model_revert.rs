//! Taking landed work back: a task without an agent, judged and approved like any other.

#[path = "support/model.rs"]
mod support;

use monban::base::foreign::Foreign;
use monban::base::id::TaskId;
use monban::model::command::{LandingOutcome, MergeOutcome, Request};
use monban::model::effect::Effect;
use monban::model::item::ItemKind;
use monban::model::task::{Stage, TaskState};
use support::*;

fn revert(task: TaskId) -> Request {
    Request::Revert { task, gate: pin(), snapshot: snapshot(1, "base-9", "base-tree") }
}

/// A revert of landed work that waits for approval, and what it takes back.
fn waiting(w: &mut World) -> (TaskId, TaskId) {
    let landed = w.done();
    let task = w.state().next_task();
    assert_eq!(w.dj(revert(landed)), ["task.revert-made", "judge.started"]);
    w.gate(task, vec![pass("test")]);
    (landed, task)
}

#[test]
fn landed_work_is_taken_back_by_a_task_without_an_agent() {
    let mut w = World::new();
    let (landed, task) = waiting(&mut w);
    let reverts = w.task(task).reverts.clone().unwrap();
    assert_eq!((reverts.task, reverts.commit.as_str()), (landed, "squash"));
    assert_eq!(w.task(task).spec.title.raw(), "Revert \"fix the parser\"");
    let binds = w.item(task).binds.unwrap();
    assert_eq!((binds.base.as_str(), binds.tree.as_str()), ("base-9", "base-tree"));
    w.approve(task);
    assert_eq!(w.effects(), [Effect::Land { task, op: w.landing_op(task) }]);
    let kinds = w.land(task, LandingOutcome::Landed { commit: "undoing".into() });
    assert_eq!(kinds, ["landing.landed"], "no agent's result: nothing for a promotion to count");
    assert_eq!(w.sees(task), TaskState::Done);
    assert!(w.effects().is_empty());
    // What took it back landed too, and can be taken back.
    assert_eq!(w.dj(revert(task))[0], "task.revert-made");
}

#[test]
fn what_did_not_land_or_is_being_taken_back_is_refused() {
    let mut w = World::new();
    let draft = w.add("draft");
    assert!(w.refused(revert(draft)).why.contains("is draft; nothing of it landed"));
    let already = w.merging();
    w.merge(already, MergeOutcome::Nothing { base: "base-2".into() });
    w.end(already);
    assert!(w.refused(revert(already)).why.contains("held all of it already"));
    let (landed, task) = waiting(&mut w);
    let why = w.refused(revert(landed)).why;
    assert!(why.contains(&format!("task {task} takes task {landed} back already")), "{why}");
    // A result that was rejected is of no more interest.
    let item = w.item(task).id;
    assert_eq!(w.dj(reject(item, "not needed")), ["task.answered", "task.stopped"]);
    assert_eq!(w.dj(revert(landed))[0], "task.revert-made");
}

#[test]
fn a_revert_is_judged_under_the_same_rules_as_a_start() {
    let mut w = World::new();
    let landed = w.done();
    let untrusted = monban::model::task::GatePin { hash: "gate-2".into(), ..pin() };
    let snapshot = snapshot(1, "base-9", "base-tree");
    let refused = w.refused(Request::Revert { task: landed, gate: untrusted, snapshot });
    assert!(refused.cure.contains("--trust gate-2"), "{refused}");
    w.failed();
    assert_eq!(w.refused(revert(landed)).rule.as_deref(), Some("A-017"));
}

#[test]
fn a_revert_that_is_red_halts_and_leaves_nothing_to_roll_back() {
    let mut w = World::new();
    let landed = w.done();
    let task = w.state().next_task();
    w.dj(revert(landed));
    assert_eq!(w.gate(task, vec![fail("test")]), ["judge.finished", "repo.halted", "task.failed"]);
    let (halt, way_out) = (w.halt().unwrap_or_default(), format!("monban revert {landed}"));
    assert!(halt.starts_with("test failed") && halt.contains("nothing was changed"), "{halt}");
    assert!(
        halt.contains("monban resume") && halt.contains(&way_out),
        "it says what to do: {halt}"
    );
    assert!(w.effects().is_empty());
    w.dj(Request::Resume { repo: w.repo });
    let refused = w.refused(retry_fresh(task));
    assert!(refused.cure.contains(&format!("monban revert {landed}")), "{refused}");
}

/// No agent may start for it, whatever becomes of its landing.
#[test]
fn a_revert_that_conflicts_with_a_moved_base_ends_with_the_files() {
    let files = vec![Foreign::new("src/a"), Foreign::new("src/b")];
    let conflict = MergeOutcome::Conflict { base: "base-10".into(), files };
    let failed = MergeOutcome::Failed { why: "disk full".into() };
    for (outcome, said) in [(conflict, "- src/a\n- src/b"), (failed, "disk full")] {
        let mut w = World::new();
        let (_, task) = waiting(&mut w);
        w.approve(task);
        w.land(task, LandingOutcome::BaseMoved { base: "base-10".into() });
        w.merge(task, outcome);
        assert_eq!(w.task(task).stage, Stage::Failed);
        assert!(w.task(task).failure.as_ref().unwrap().raw().contains(said));
        assert!(w.effects().is_empty() && w.inbox(task).is_empty());
    }
}

#[test]
fn a_revert_on_a_base_that_moved_is_judged_and_signed_anew() {
    let mut w = World::new();
    let (_, task) = waiting(&mut w);
    let first = w.item(task).digest();
    w.approve(task);
    w.land(task, LandingOutcome::BaseMoved { base: "base-10".into() });
    let merged = snapshot(w.next_snapshot(task), "base-10", "merged-tree");
    w.merge(task, MergeOutcome::Merged(merged));
    w.gate(task, vec![pass("test")]);
    assert_eq!(w.inbox(task), [ItemKind::Approval]);
    assert_ne!(w.item(task).digest(), first);
}

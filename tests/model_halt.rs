//! A failure at L1 stops everything of its repository (A-017, A-018, C-02).

#[path = "support/model.rs"]
mod support;

use monban::base::id::TaskId;
use monban::model::attempt::Delivery;
use monban::model::checkpoint::Moment;
use monban::model::command::{Report, Request};
use monban::model::effect::Effect;
use monban::model::event::FinalEnd;
use monban::model::rejection::Class;
use monban::model::task::{Stage, TaskState};
use support::*;

/// A task failed; the repository is halted by it.
fn halt(w: &mut World, failing: TaskId) {
    let kinds = w.gate(failing, vec![fail("test")]);
    let expected = ["judge.finished", "repo.halted", "run.stop-wanted", "rollback.wanted"];
    assert_eq!(kinds, expected);
}

fn resume(w: &mut World) -> Vec<String> {
    w.dj(Request::Resume { repo: w.repo })
}

#[test]
fn a_red_gate_halts_and_the_task_is_rolled_back_and_failed() {
    let mut w = World::new();
    let task = w.checking();
    halt(&mut w, task);
    assert_eq!(w.sees(task), TaskState::RollingBack, "failed only when it is rolled back");
    let run = w.run_of(task);
    assert_eq!(w.effects(), [Effect::Supervise { task, run }, Effect::Stop { run }]);
    w.end(task);
    assert_eq!(w.rolled_back(task), ["rollback.done", "task.failed", "task.finished"]);
    let result = &w.results(task)[0];
    assert_eq!((result.end, result.rollback), (FinalEnd::Failed, Some(true)));
    assert_eq!(w.sees(task), TaskState::Failed);
    assert!(!result.abnormal_end, "it was asked to end");
    assert_eq!(w.halt().as_deref(), Some("test failed: 1 of 12 tests failed"));
}

#[test]
fn a_peer_finishes_its_turn_but_is_neither_snapshotted_nor_judged_until_resume() {
    let mut w = World::new();
    let (failing, peer) = (w.checking(), w.running());
    halt(&mut w, failing);
    let run = w.run_of(peer);
    assert!(w.effects().contains(&Effect::Supervise { task: peer, run }), "it is not killed");
    assert!(!w.effects().contains(&Effect::Stop { run }));
    w.turn(peer);
    let snapshot = Effect::Snapshot { task: peer, attempt: 1, number: 1 };
    assert!(!w.effects().contains(&snapshot));
    resume(&mut w);
    assert!(w.effects().contains(&snapshot));
}

#[test]
fn a_snapshot_under_way_is_kept_but_its_gate_waits_for_resume() {
    let mut w = World::new();
    let task = w.taken();
    assert_eq!(w.task(task).stage, Stage::Taken);
    assert_eq!(resume(&mut w), ["repo.resumed", "judge.started"]);
}

#[test]
fn no_prompt_is_typed_under_a_halt() {
    let mut w = World::new();
    let failing = w.checking();
    let peer = w.started();
    w.prepare(peer);
    halt(&mut w, failing);
    let deliver = Effect::Deliver { task: peer, run: w.run_of(peer), prompt: 1 };
    assert!(!w.effects().contains(&deliver));
    assert!(w.delivery(peer, 1, Delivery::Typing).is_empty(), "typing must not begin");
    resume(&mut w);
    assert!(w.effects().contains(&deliver));
    assert_eq!(w.delivery(peer, 1, Delivery::Typing), ["run.delivery"]);
}

#[test]
fn nothing_starts_lands_or_is_judged_again_under_a_halt() {
    let mut w = World::new();
    let (failing, peer) = (w.checking(), w.waiting());
    let draft = w.add("next");
    let item = w.item(peer);
    halt(&mut w, failing);
    w.end(failing);
    w.rolled_back(failing);
    for request in [run(draft), retry_fresh(failing), approve(&item), Request::Judge { task: peer }]
    {
        let refusal = w.refused(request);
        assert_eq!(refusal.rule.as_deref(), Some("A-017"));
        assert_eq!(refusal.class, Class::Refused);
        assert!(refusal.cure.contains("monban resume"));
    }
    resume(&mut w);
    w.dj(approve(&item));
}

#[test]
fn a_queued_task_starts_only_after_resume() {
    let mut w = World::new();
    let (failing, other) = (w.checking(), w.running());
    let queued = w.add("queued");
    w.dj(run(queued));
    halt(&mut w, failing);
    w.dj(Request::Abort { task: other });
    w.end(other);
    w.end(failing);
    w.rolled_back(failing);
    assert_eq!(w.sees(queued), TaskState::Queued, "there is room, but");
    assert_eq!(resume(&mut w), ["repo.resumed", "task.attempted"]);
}

#[test]
fn an_attempt_prepared_after_the_halt_gets_its_agent_only_after_resume() {
    let mut w = World::new();
    let (failing, task) = (w.checking(), w.started());
    halt(&mut w, failing);
    assert_eq!(w.prepare(task), ["task.prepared"]);
    assert_eq!(w.attempt(task).run, None);
    assert_eq!(resume(&mut w), ["repo.resumed", "run.wanted", "run.prompt"]);
    let run = w.run_of(task);
    assert!(!w.state().may_start(run), "somebody may have been at its worktree under the halt");
    w.checkpoint(task, Moment::Run(1), Ok(None));
    assert!(w.effects().contains(&Effect::Supervise { task, run }));
}

#[test]
fn a_second_failure_under_a_halt_is_rolled_back_and_keeps_the_first_cause() {
    let mut w = World::new();
    let (failing, peer) = (w.checking(), w.running());
    halt(&mut w, failing);
    let cause = w.halt();
    assert_eq!(w.end(peer), ["run.ended", "rollback.wanted"]);
    w.rolled_back(peer);
    assert_eq!((w.sees(peer), w.halt()), (TaskState::Failed, cause));
}

#[test]
fn a_halt_is_the_repositorys_own() {
    let mut w = World::new();
    let failing = w.checking();
    w.dj(open("/other"));
    let other = monban::base::id::RepoId(2);
    w.dj(Request::Trust { repo: other, hash: GATE.into() });
    w.dj(add(other, spec("elsewhere")));
    halt(&mut w, failing);
    assert_eq!(w.dj(run(TaskId(2))), ["task.queued", "task.attempted"]);
    assert_eq!(w.refused(Request::Resume { repo: other }).class, Class::Refused);
}

#[test]
fn there_is_nothing_to_resume_twice() {
    let mut w = World::new();
    let task = w.checking();
    halt(&mut w, task);
    assert_eq!(resume(&mut w), ["repo.resumed"]);
    w.refused(Request::Resume { repo: w.repo });
}

#[test]
fn a_person_can_still_stop_and_undo_under_a_halt() {
    let mut w = World::new();
    let (failing, peer) = (w.checking(), w.running());
    halt(&mut w, failing);
    w.dj(Request::Abort { task: peer });
    w.end(failing);
    w.rolled_back(failing);
    w.dj(Request::Undo { op: w.rollback(failing) });
}

#[test]
fn a_run_without_a_process_gets_none_under_a_halt() {
    let mut w = World::new();
    let (failing, peer) = (w.checking(), w.started());
    let result = Ok(place(peer, 1));
    w.report(Report::Prepared { task: peer, attempt: 1, result });
    let run = w.run_of(peer);
    assert!(w.state().may_start(run));
    halt(&mut w, failing);
    assert!(!w.state().may_start(run), "it may wait long for its login");
    resume(&mut w);
    w.checkpoint(peer, Moment::Run(1), Ok(None));
    assert!(w.state().may_start(run));
}

#[test]
fn a_preparation_that_fails_halts_and_keeps_the_worktree_it_would_have_gone_on_in() {
    let mut w = World::new();
    let task = w.running();
    w.session(task, "talk");
    w.dj(Request::Abort { task });
    w.end(task);
    let fresh = w.add("next");
    w.dj(retry_resume(task));
    let result = Err("the disk is full".into());
    let kinds = w.report(Report::Prepared { task, attempt: 2, result });
    assert_eq!(kinds, ["repo.halted", "task.failed", "task.finished"]);
    assert!(w.effects().is_empty(), "there is nothing to take back");
    assert_eq!(w.refused(run(fresh)).rule.as_deref(), Some("A-017"));
}

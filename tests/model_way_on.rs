//! A refusal names a step that works: nothing leads a person in a circle, and what is refused
//! changes nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/model.rs"]
mod support;

use monban::base::id::TaskId;
use monban::model::attempt::PromptWhy;
use monban::model::command::Request;
use monban::model::event::FinalEnd;
use monban::model::item::ItemKind;
use monban::model::task::{GatePin, TaskState};
use support::*;

/// A task whose agent finished its turn without changing anything.
fn unchanged(w: &mut World) -> TaskId {
    let task = w.turned();
    w.snapshot_result(task, Ok(None));
    assert_eq!(w.inbox(task), [ItemKind::NothingChanged]);
    task
}

/// What each way to decide about its item is answered with.
fn cures(w: &mut World, task: TaskId) -> Vec<String> {
    let item = w.item(task);
    [approve(&item), reject(item.id, "not so")].map(|request| w.refused(request).cure).into()
}

#[test]
fn an_agent_that_changed_nothing_is_told_more_while_it_is_there() {
    let mut w = World::new();
    let task = unchanged(&mut w);
    let mut said = cures(&mut w, task);
    said.push(w.refused(retry_fresh(task)).cure);
    assert!(said.iter().all(|cure| cure.contains(&format!("`monban send {task} TEXT --submit`"))));
    assert_eq!(w.dj(say(task, "Look at the parser again.")), ["task.answered", "run.prompt"]);
    assert_eq!(w.attempt(task).prompts.last().unwrap().why, PromptWhy::Person);
}

#[test]
fn one_that_left_without_a_change_is_started_again_at_once() {
    let mut w = World::new();
    let task = unchanged(&mut w);
    w.session(task, "talk");
    w.end(task);
    assert_eq!(w.sees(task), TaskState::Waiting);
    let mut said = cures(&mut w, task);
    said.push(w.refused(say(task, "go on")).cure);
    assert!(said.iter().all(|cure| cure.contains(&format!("`monban task retry {task}`"))));
    let kinds = w.dj(retry_resume(task));
    assert_eq!(kinds[..3], ["task.answered", "task.finished", "task.queued"]);
    assert!(w.inbox(task).is_empty());
    assert_eq!(w.results(task)[0].end, FinalEnd::Stopped);
    assert_eq!((w.attempt(task).number, w.sees(task)), (2, TaskState::Running));
}

#[test]
fn a_word_to_an_agent_that_left_with_a_result_is_said_by_a_rejection() {
    let mut w = World::new();
    let task = w.waiting();
    w.session(task, "talk");
    w.end(task);
    let said = w.refused(say(task, "also the docs")).cure;
    assert!(said.contains(&format!("`monban reject {task} --reason TEXT`")), "{said}");
    let item = w.item(task).id;
    w.dj(reject(item, "also the docs"));
    assert_eq!(w.sees(task), TaskState::Running);
}

#[test]
fn trust_that_comes_with_a_refused_start_is_not_kept() {
    let mut w = World::new();
    let (started, draft) = (w.running(), w.add("another"));
    let (repo, hash) = (w.repo, "gate-2".to_string());
    let gate = GatePin { hash: hash.clone(), ..pin() };
    let with_trust = |task| {
        let then = Box::new(Request::Run { tasks: vec![(task, gate.clone())], attend: None });
        Request::Trusting { repo, hash: hash.clone(), then }
    };
    let refused = w.refused(with_trust(started));
    assert!(refused.why.contains("is running already"), "{refused}");
    assert!(!w.state().repos[&repo].trusted.contains(&hash));
    let kinds = w.dj(with_trust(draft));
    assert_eq!(kinds[..2], ["repo.trusted", "task.queued"]);
    assert!(w.state().repos[&repo].trusted.contains(&hash));
}

#[test]
fn a_revert_that_failed_is_made_anew() {
    let mut w = World::new();
    let landed = w.done();
    let task = w.state().next_task();
    let snapshot = Box::new(snapshot(1, "squash", "tree-0"));
    w.dj(Request::Revert { task: landed, gate: pin(), snapshot: *snapshot });
    w.gate(task, vec![fail("test")]);
    assert_eq!(w.sees(task), TaskState::Failed);
    for request in [run(task), retry_fresh(task)] {
        let refused = w.refused(request);
        assert!(refused.cure.contains(&format!("`monban revert {landed}`")), "{refused}");
    }
}

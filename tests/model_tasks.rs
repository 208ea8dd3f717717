//! Writing tasks down, changing them, and asking for them to run.

#[path = "support/model.rs"]
mod support;

use monban::base::foreign::Foreign;
use monban::base::id::{RepoId, TaskId};
use monban::model::command::{LandingOutcome, Report, Request, TaskChange};
use monban::model::decide::Settings;
use monban::model::rejection::Class;
use monban::model::task::{GatePin, GateSource, TaskSpec, TaskState};
use support::*;

fn edit(task: TaskId, change: TaskChange) -> Request {
    Request::Edit { task, change }
}

fn comes_after(tasks: &[TaskId]) -> TaskChange {
    TaskChange { after: Some(tasks.to_vec()), ..TaskChange::default() }
}

#[test]
fn a_repository_is_opened_once_and_follows_its_base_branch() {
    let mut w = World::empty();
    assert_eq!(w.dj(open("/r")), ["repo.opened"]);
    assert!(w.dj(open("/r")).is_empty());
    let Request::Open { path, common, .. } = open("/r") else { unreachable!() };
    let renamed = Request::Open { path, common, base: "refs/heads/trunk".into() };
    assert_eq!(w.dj(renamed), ["repo.rebased"]);
    assert_eq!(w.dj(open("/other")), ["repo.opened"]);
    assert_eq!(w.state().repos.len(), 2);
}

#[test]
fn a_task_is_a_draft_until_it_is_asked_to_run() {
    let mut w = World::new();
    let task = w.add("fix");
    assert_eq!(w.sees(task), TaskState::Draft);
    assert!(w.effects().is_empty());
    w.dj(run(task));
    assert_eq!(w.sees(task), TaskState::Running);
}

#[test]
fn bad_tasks_are_refused_as_bad_input() {
    let mut w = World::new();
    let good = spec("fix");
    let bad: [TaskSpec; 6] = [
        spec("  "),
        spec(&"x".repeat(301)),
        TaskSpec { prompt: " \n".into(), ..good.clone() },
        TaskSpec { prompt: "x".repeat(256 * 1024 + 1), ..good.clone() },
        after("fix", &[TaskId(9)]),
        after("fix", &[TaskId(1)]),
    ];
    for spec in bad {
        assert_eq!(w.refused(add(w.repo, spec)).class, Class::Input);
    }
    assert_eq!(w.refused(add(RepoId(9), good)).class, Class::Input);
}

#[test]
fn a_draft_can_be_changed_and_removed_and_its_number_is_not_given_again() {
    let mut w = World::new();
    let task = w.add("fix");
    let change = TaskChange { title: Some(Foreign::new("better")), ..TaskChange::default() };
    w.dj(edit(task, change));
    assert_eq!(w.task(task).spec.title.raw(), "better");
    assert_eq!(w.task(task).spec.prompt, "Fix the parser.", "the rest stays");
    w.dj(Request::Remove { task });
    assert_eq!(w.add("next"), TaskId(2));
}

#[test]
fn a_started_task_can_be_neither_changed_nor_removed() {
    let mut w = World::new();
    let task = w.started();
    assert_eq!(w.refused(edit(task, TaskChange::default())).class, Class::Refused);
    assert_eq!(w.refused(Request::Remove { task }).class, Class::Refused);
}

#[test]
fn what_other_tasks_come_after_is_not_removed() {
    let mut w = World::new();
    let first = w.add("first");
    w.dj(add(w.repo, after("second", &[first])));
    assert!(w.refused(Request::Remove { task: first }).why.contains("task 2 comes after"));
    w.dj(edit(TaskId(2), comes_after(&[])));
    w.dj(Request::Remove { task: first });
}

#[test]
fn no_task_comes_after_itself_however_long_the_way() {
    let mut w = World::new();
    let first = w.add("first");
    w.dj(add(w.repo, after("second", &[first])));
    w.dj(add(w.repo, after("third", &[TaskId(2)])));
    for start in [1, 2, 3] {
        let refusal = w.refused(edit(first, comes_after(&[TaskId(start)])));
        assert!(refusal.why.contains("come after itself"), "{refusal}");
    }
}

#[test]
fn a_task_comes_only_after_tasks_of_its_own_repository() {
    let mut w = World::new();
    let here = w.add("here");
    w.dj(open("/other"));
    assert_eq!(w.refused(add(RepoId(2), after("there", &[here]))).class, Class::Input);
}

#[test]
fn a_task_waits_for_those_it_comes_after_to_be_done() {
    let mut w = World::new();
    let first = w.landing();
    w.dj(add(w.repo, after("second", &[first])));
    let second = TaskId(2);
    assert_eq!(w.dj(run(second)), ["task.queued"]);
    let kinds = w.land(first, LandingOutcome::Landed { commit: "c".into() });
    assert_eq!(kinds.last().unwrap(), "task.attempted");
    assert_eq!(w.sees(second), TaskState::Running);
}

#[test]
fn a_failed_prerequisite_is_never_skipped() {
    let mut w = World::new();
    let first = w.add("first");
    w.dj(add(w.repo, after("second", &[first])));
    w.dj(Request::Run { tasks: vec![(first, pin()), (TaskId(2), pin())], attend: None });
    w.dj(Request::Abort { task: first });
    assert_eq!(w.sees(first), TaskState::Stopped);
    assert_eq!(w.sees(TaskId(2)), TaskState::Queued);
}

#[test]
fn no_more_agents_than_allowed_and_the_next_starts_when_one_is_gone() {
    let mut w = World::new();
    let (first, second) = (w.running(), w.running());
    let third = w.add("third");
    assert_eq!(w.dj(run(third)), ["task.queued"]);
    w.dj(Request::Abort { task: first });
    assert_eq!(w.sees(third), TaskState::Queued, "the process tree is still there");
    assert_eq!(w.end(first).last().unwrap(), "task.attempted");
    assert_eq!(w.sees(third), TaskState::Running);
    assert_eq!(w.sees(second), TaskState::Running);
}

#[test]
fn a_result_whose_agent_is_gone_keeps_no_place() {
    let mut w = World::new();
    w.core.settings = Settings { max_agents: 1, ..w.core.settings.clone() };
    let first = w.waiting();
    let second = w.add("second");
    assert_eq!(w.dj(run(second)), ["task.queued"]);
    assert_eq!(w.end(first).last().unwrap(), "task.attempted");
}

#[test]
fn what_runs_or_ended_is_not_run_again() {
    let mut w = World::new();
    let running = w.running();
    assert_eq!(w.refused(run(running)).class, Class::Refused);
    w.dj(Request::Abort { task: running });
    w.end(running);
    assert!(w.refused(run(running)).cure.contains("monban task retry"));
    assert_eq!(w.refused(run(TaskId(9))).class, Class::Input);
}

#[test]
fn one_bad_task_keeps_all_from_running() {
    let mut w = World::new();
    let task = w.add("fix");
    w.refused(Request::Run { tasks: vec![(task, pin()), (TaskId(9), pin())], attend: None });
    assert_eq!(w.sees(task), TaskState::Draft);
}

#[test]
fn a_gate_nobody_trusted_asks_a_person_first() {
    let mut w = World::new();
    let task = w.add("fix");
    let gate = GatePin { hash: "other".into(), source: GateSource::Checkout };
    let refusal = w.refused(Request::Run { tasks: vec![(task, gate.clone())], attend: None });
    assert_eq!(refusal.class, Class::NeedsPerson);
    assert!(refusal.cure.contains("--trust other"));
    assert_eq!(w.dj(Request::Trust { repo: w.repo, hash: "other".into() }), ["repo.trusted"]);
    assert!(w.dj(Request::Trust { repo: w.repo, hash: "other".into() }).is_empty());
    w.dj(Request::Run { tasks: vec![(task, gate)], attend: None });
}

#[test]
fn only_what_ended_is_tried_again() {
    let mut w = World::new();
    let task = w.running();
    assert_eq!(w.refused(retry_fresh(task)).class, Class::Refused);
    w.dj(Request::Abort { task });
    w.end(task);
    assert!(
        w.refused(retry_resume(task)).cure.contains("--fresh"),
        "it never named a conversation"
    );
    assert_eq!(w.dj(retry_fresh(task)), ["task.queued", "task.attempted"]);
    assert_eq!(w.attempt(task).number, 2);
    assert_eq!(w.attempt(task).place, None, "a fresh attempt has its own worktree");
}

#[test]
fn a_retry_resumes_the_conversation_in_the_same_worktree() {
    let mut w = World::new();
    let task = w.running();
    w.session(task, "talk-1");
    w.dj(Request::Abort { task });
    w.end(task);
    w.dj(retry_resume(task));
    assert_eq!(w.attempt(task).place, Some(place(task, 1)));
    w.prepare(task);
    let attempt = w.attempt(task);
    assert_eq!(attempt.run.as_ref().unwrap().session.as_deref(), Some("talk-1"));
    let prompt = &attempt.prompts[0].text;
    assert!(prompt.contains("interrupted") && prompt.contains("worktree"), "{prompt}");
    assert!(!prompt.contains("Fix the parser."), "its conversation has the task: {prompt}");
}

#[test]
fn a_resumed_conversation_is_told_what_it_was_never_told() {
    // Ended between naming its conversation and taking the task.
    let mut w = World::new();
    let task = w.started();
    w.prepare(task);
    w.session(task, "talk-1");
    for attempt in 1..=3 {
        w.dj(Request::Abort { task });
        w.end(task);
        w.dj(retry_resume(task));
        w.prepare(task);
        let prompt = &w.attempt(task).prompts[0].text;
        assert!(prompt.ends_with("go on with the task.\n\nFix the parser."), "{prompt}");
        assert_eq!(prompt.matches("interrupted").count(), 1, "attempt {attempt}: {prompt}");
    }
    // A person's words that came too late for the run are not lost either.
    let mut w = World::new();
    let task = w.running();
    w.session(task, "talk-1");
    w.dj(Request::Say { task, text: "Leave the docs alone.".into() });
    w.dj(Request::Abort { task });
    w.end(task);
    w.dj(retry_resume(task));
    w.prepare(task);
    let prompt = &w.attempt(task).prompts[0].text;
    assert!(prompt.ends_with("\n\nLeave the docs alone."), "{prompt}");
    assert!(!prompt.contains("Fix the parser."), "{prompt}");
}

#[test]
fn a_rollback_takes_no_place_from_an_agent() {
    let mut w = World::new();
    w.core.settings.max_agents = 1;
    let task = w.running();
    w.session(task, "talk-1");
    w.dj(Request::Abort { task });
    w.end(task);
    w.dj(retry_resume(task));
    w.report(Report::Prepared { task, attempt: 2, result: Err("disk full".into()) });
    w.dj(Request::Resume { repo: w.repo });
    w.dj(Request::RollBack { task, checkpoint: None, commit: None });
    let next = w.add("next");
    assert_eq!(w.dj(run(next)), ["task.queued", "task.attempted"]);
}

/// The cure that is named when there are too many tasks must be one.
#[test]
fn what_is_over_can_be_removed_and_stays_on_record() {
    for stage in STAGES {
        let mut w = World::new();
        let task = (stage.reach)(&mut w);
        let is_over = ["done", "failed", "stopped"].contains(&stage.name);
        if !is_over {
            let refusal = w.refused(Request::Remove { task });
            assert!(refusal.cure.contains("monban abort"), "{}: {refusal}", stage.name);
            continue;
        }
        let next = w.state().next_task();
        assert_eq!(w.dj(Request::Remove { task }), ["task.removed"], "{}", stage.name);
        assert!(w.state().task(task).is_none());
        assert_eq!(w.results(task).len(), 1, "a promotion counts it");
        assert_eq!(w.state().next_task(), next, "its id is not given again");
    }
}

#[test]
fn a_removed_tasks_landing_is_still_known_as_monbans_own() {
    let mut w = World::new();
    let task = w.done();
    w.dj(Request::Remove { task });
    assert!(w.state().repos[&w.repo].landed.contains("squash"));
}

#[test]
fn a_worktree_that_is_being_brought_back_is_not_forgotten() {
    let mut w = World::new();
    let task = w.failed();
    w.dj(Request::Undo { op: w.rollback(task) });
    assert_eq!(w.refused(Request::Remove { task }).class, Class::Refused);
}

#[test]
fn when_there_are_too_many_tasks_the_cure_that_is_named_makes_room() {
    let mut w = World::new();
    let over = w.stopped();
    for id in 2..=10_000 {
        let mut copy = w.task(over).clone();
        copy.id = TaskId(id);
        w.core.state.tasks.insert(copy.id, std::sync::Arc::new(copy));
    }
    w.core.state.last.task = 10_000;
    let refusal = w.refused(add(w.repo, spec("one more")));
    assert!(refusal.cure.contains("have ended") && refusal.cure.contains("monban task rm"));
    w.dj(Request::Remove { task: TaskId(77) });
    w.dj(add(w.repo, spec("one more")));
    w.log.clear();
    w.core.state = Default::default();
}

#[test]
fn a_command_copies_only_the_tasks_it_changes() {
    let mut w = World::new();
    let (first, second) = (w.add("first"), w.add("second"));
    let before = w.core.state.clone();
    w.dj(Request::Remove { task: second });
    let is_shared = std::sync::Arc::ptr_eq(&before.tasks[&first], &w.core.state.tasks[&first]);
    assert!(is_shared, "every command is decided on a copy of the state");
}

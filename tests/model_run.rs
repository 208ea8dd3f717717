//! Attempts, agents and what is typed to them.

#[path = "support/model.rs"]
mod support;

use monban::model::attempt::PromptWhy;
use monban::model::command::{Report, Request};
use monban::model::effect::Effect;
use monban::model::event::FinalEnd;
use monban::model::task::TaskState;
use support::*;

#[test]
fn a_prepared_attempt_starts_its_agent_and_tells_it_the_task() {
    let mut w = World::new();
    let task = w.started();
    assert_eq!(w.effects(), [Effect::Prepare { task, attempt: 1 }]);
    assert_eq!(w.prepare(task), ["task.prepared", "run.wanted", "run.prompt"]);
    let prompt = &w.attempt(task).prompts[0];
    assert_eq!((prompt.text.as_str(), prompt.why), ("Fix the parser.", PromptWhy::Task));
    let run = w.run_of(task);
    assert_eq!(
        w.effects(),
        [Effect::Supervise { task, run }, Effect::Deliver { task, run, prompt: 1 }]
    );
}

#[test]
fn an_attempt_that_cannot_be_prepared_fails_with_its_result_on_record() {
    let mut w = World::new();
    let task = w.started();
    let result = Err("claude is not installed".into());
    let kinds = w.report(Report::Prepared { task, attempt: 1, result });
    assert_eq!(kinds, ["task.failed", "task.finished"]);
    assert_eq!(w.sees(task), TaskState::Failed);
    let failure = w.task(task).failure.clone().unwrap();
    assert!(failure.raw().contains("claude is not installed"));
    assert_eq!(w.results(task)[0].end, FinalEnd::Failed);
}

#[test]
fn a_conversation_can_still_be_resumed_after_an_attempt_that_got_no_agent() {
    let mut w = World::new();
    let task = w.running();
    w.session(task, "talk-1");
    w.dj(Request::Abort { task });
    w.end(task);
    w.dj(retry_resume(task));
    w.report(Report::Prepared { task, attempt: 2, result: Err("logged out".into()) });
    w.dj(retry_resume(task));
    w.prepare(task);
    let attempt = w.attempt(task);
    assert_eq!(attempt.run.as_ref().unwrap().session.as_deref(), Some("talk-1"));
    assert_eq!(attempt.place, Some(place(task, 1)), "the same worktree");
    assert_ne!(attempt.prompts[0].text, "Fix the parser.", "the task is not told twice");
}

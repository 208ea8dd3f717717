//! Attempts, agents and what is typed to them.

#[path = "support/model.rs"]
mod support;

use monban::base::foreign::Foreign;
use monban::base::id::TaskId;
use monban::model::attempt::{AgentState, Delivery, PromptWhy};
use monban::model::command::{LandingOutcome, Report, Request};
use monban::model::effect::Effect;
use monban::model::event::{FinalEnd, FinalResult};
use monban::model::item::ItemKind;
use monban::model::rejection::Class;
use monban::model::task::{Kind, Origin, TaskSpec, TaskState};
use monban::policy::Level;
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
fn an_attempt_that_cannot_be_prepared_fails_and_halts_with_its_result_on_record() {
    let mut w = World::new();
    let task = w.started();
    let result = Err("claude is not installed".into());
    let kinds = w.report(Report::Prepared { task, attempt: 1, result });
    assert_eq!(kinds, ["repo.halted", "task.failed", "task.finished"]);
    assert_eq!(w.sees(task), TaskState::Failed);
    assert!(w.halt().unwrap().contains("claude is not installed"), "every failure halts (A-017)");
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
    w.dj(Request::Resume { repo: w.repo });
    w.dj(retry_resume(task));
    w.prepare(task);
    let attempt = w.attempt(task);
    assert_eq!(attempt.run.as_ref().unwrap().session.as_deref(), Some("talk-1"));
    assert_eq!(attempt.place, Some(place(task, 1)), "the same worktree");
    assert_ne!(attempt.prompts[0].text, "Fix the parser.", "the task is not told twice");
}

#[test]
fn what_an_agent_asks_is_in_the_inbox_until_it_shows_something_else() {
    let mut w = World::new();
    let task = w.running();
    for (state, kind) in [
        (AgentState::BlockedPermission, ItemKind::Permission),
        (AgentState::BlockedQuestion, ItemKind::Question),
        (AgentState::Error, ItemKind::AgentError),
    ] {
        w.status(task, state, "rm -r build?");
        assert_eq!(w.item(task).kind, kind);
        assert_eq!(w.item(task).note.raw(), "rm -r build?");
        assert_eq!(w.sees(task), TaskState::Running, "the task runs, the agent is blocked");
    }
    assert_eq!(w.status(task, AgentState::Working, ""), ["task.answered", "run.status"]);
    assert!(w.inbox(task).is_empty());
}

#[test]
fn the_same_status_again_is_no_news() {
    let mut w = World::new();
    let task = w.running();
    w.status(task, AgentState::BlockedPermission, "rm?");
    let item = w.item(task);
    w.pass(60);
    assert!(w.status(task, AgentState::BlockedPermission, "rm?").is_empty());
    assert_eq!(w.item(task), item, "one question is one item");
    w.status(task, AgentState::BlockedPermission, "rm -rf?");
    assert_ne!(w.item(task).id, item.id, "another question is another item");
}

#[test]
fn an_agent_that_ends_before_it_was_given_its_prompt_is_said_to() {
    let mut w = World::new();
    let task = w.started();
    w.prepare(task);
    w.end(task);
    assert!(w.halt().unwrap().contains("ended before it was given its prompt: exit 0"));
}

#[test]
fn an_agent_that_ends_before_its_turn_is_over_fails_the_task() {
    let mut w = World::new();
    let task = w.running();
    w.status(task, AgentState::BlockedQuestion, "Which?");
    let kinds = w.end(task);
    assert_eq!(kinds, ["run.ended", "task.answered", "repo.halted", "rollback.wanted"]);
    assert!(w.halt().unwrap().contains("ended before its turn was over: exit 0"));
    w.rolled_back(task);
    let result = &w.results(task)[0];
    assert!(result.abnormal_end);
    assert_eq!(result.rollback, Some(true));
}

#[test]
fn an_agent_may_end_after_its_turn() {
    let mut w = World::new();
    let task = w.turned();
    assert_eq!(w.end(task), ["run.ended"]);
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    assert_eq!(w.sees(task), TaskState::Waiting);
}

#[test]
fn an_aborted_task_is_stopped_when_its_process_tree_is_gone() {
    let mut w = World::new();
    let task = w.running();
    w.status(task, AgentState::BlockedQuestion, "Which?");
    let run = w.run_of(task);
    let kinds = w.dj(Request::Abort { task });
    assert_eq!(kinds, ["task.answered", "task.aborted", "run.stop-wanted"]);
    assert_eq!(w.effects(), [Effect::Supervise { task, run }, Effect::Stop { run }]);
    assert!(w.results(task).is_empty());
    assert_eq!(w.end(task), ["run.ended", "task.stopped", "task.finished"]);
    assert_eq!(w.sees(task), TaskState::Stopped);
    let result = &w.results(task)[0];
    assert_eq!((result.end, result.abnormal_end), (FinalEnd::Stopped, false));
    assert_eq!(w.halt(), None, "a person's abort is no failure");
}

#[test]
fn an_agent_that_is_being_ended_asks_nobody_anything() {
    let mut w = World::new();
    let task = w.started();
    w.prepare(task);
    w.delivery(task, 1, Delivery::Typing);
    w.dj(Request::Abort { task });
    w.status(task, AgentState::BlockedQuestion, "Really?");
    w.delivery(task, 1, Delivery::Uncertain);
    w.end(task);
    assert!(w.inbox(task).is_empty());
}

#[test]
fn a_task_can_be_aborted_at_every_stage_but_the_briefest() {
    for stage in STAGES {
        let mut w = World::new();
        let task = (stage.reach)(&mut w);
        let abort = Request::Abort { task };
        if !stage.aborts {
            assert_eq!(w.refused(abort).class, Class::Refused, "{}", stage.name);
            continue;
        }
        w.dj(abort);
        if w.attempt(task).run.as_ref().is_some_and(|run| run.is_live()) {
            w.end(task);
        }
        assert_eq!(w.sees(task), TaskState::Stopped, "{}", stage.name);
        assert!(w.inbox(task).is_empty(), "{}", stage.name);
        assert_eq!(w.results(task).len(), 1, "{}", stage.name);
        assert!(w.effects().is_empty(), "{}", stage.name);
    }
}

#[test]
fn a_retry_that_is_aborted_before_it_starts_adds_no_second_result() {
    let mut w = World::new();
    w.core.settings.max_agents = 1;
    let task = w.running();
    w.dj(Request::Abort { task });
    w.end(task);
    w.running();
    assert_eq!(w.dj(retry_fresh(task)), ["task.queued"]);
    assert_eq!(w.dj(Request::Abort { task }), ["task.aborted", "task.stopped"]);
    assert_eq!(w.results(task).len(), 1);
}

#[test]
fn a_paused_agent_gets_no_prompt_and_goes_on_when_asked() {
    let mut w = World::new();
    let task = w.started();
    w.prepare(task);
    let run = w.run_of(task);
    let supervise = Effect::Supervise { task, run };
    w.dj(Request::Pause { task, paused: true });
    assert_eq!(w.refused(Request::Pause { task, paused: true }).class, Class::Refused);
    assert_eq!(w.effects(), [supervise.clone(), Effect::SetPaused { run, paused: true }]);
    assert!(w.delivery(task, 1, Delivery::Typing).is_empty(), "typing must not begin");
    w.report(Report::Paused { run, paused: true });
    assert_eq!(w.effects(), std::slice::from_ref(&supervise));
    w.dj(Request::Pause { task, paused: false });
    assert!(w.effects().contains(&Effect::SetPaused { run, paused: false }));
    w.report(Report::Paused { run, paused: false });
    assert_eq!(w.effects(), [supervise, Effect::Deliver { task, run, prompt: 1 }]);
}

#[test]
fn a_paused_agent_can_be_aborted() {
    let mut w = World::new();
    let task = w.running();
    let run = w.run_of(task);
    w.dj(Request::Pause { task, paused: true });
    w.report(Report::Paused { run, paused: true });
    w.dj(Request::Abort { task });
    assert!(w.effects().contains(&Effect::Stop { run }));
    w.end(task);
    assert_eq!(w.sees(task), TaskState::Stopped);
    assert_eq!(w.refused(Request::Pause { task, paused: false }).class, Class::Refused);
}

#[test]
fn the_result_on_record_says_what_a_promotion_counts() {
    let mut w = World::new();
    let spec = TaskSpec { kind: Kind::Deps, ..spec("update") };
    w.dj(Request::Add { repo: w.repo, spec, origin: Origin::Demo });
    let task = TaskId(1);
    w.dj(run(task));
    w.pass(90);
    w.prepare(task);
    w.deliver_all(task);
    w.turn(task);
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    w.approve(task);
    w.land(task, LandingOutcome::Landed { commit: "c".into() });
    let expected = FinalResult {
        end: FinalEnd::Success,
        level: Level::L1,
        policy: "policy-1".into(),
        origin: Origin::Demo,
        kind: Kind::Deps,
        attempt: 1,
        duration_ms: 90_000,
        agent_version: Some(Foreign::new("2.1.329")),
        breach: None,
        abnormal_end: false,
        rollback: None,
    };
    assert_eq!(w.results(task), [expected]);
}

#[test]
fn tampering_is_on_record_even_after_the_run() {
    let mut w = World::new();
    let task = w.running();
    let run = w.run_of(task);
    w.dj(Request::Abort { task });
    w.end(task);
    let what = vec![Foreign::new(".git/hooks/pre-commit")];
    assert_eq!(w.report(Report::Tampered { run, what }), ["repo.tampered", "task.asked"]);
    let (what, to) = (Foreign::new("refs/heads/main"), "base-2".into());
    assert_eq!(w.report(Report::Advanced { run, what, to }), ["repo.advanced"]);
}

#[test]
fn an_agent_that_exits_after_its_turn_did_not_end_abnormally() {
    // Exit codes of agents are not believed: leaving after the turn is enough.
    for code in [0, 1] {
        let mut w = World::new();
        let task = w.turned();
        let run = w.run_of(task);
        w.report(Report::Ended { run, end: exit(code) });
        w.snapshot(task, "tree-1");
        w.gate(task, vec![pass("test")]);
        w.approve(task);
        w.land(task, LandingOutcome::Landed { commit: "c".into() });
        assert!(!w.results(task)[0].abnormal_end, "exit status {code}");
    }
}

/// Otherwise nobody would know why the text is never typed.
#[test]
fn a_question_of_the_agent_stays_in_the_inbox_until_the_agent_is_answered_in_its_pane() {
    let mut w = World::new();
    let task = w.running();
    w.status(task, AgentState::BlockedPermission, "rm?");
    w.dj(Request::Say { task, text: "Use git clean.".into() });
    assert_eq!(w.inbox(task), [ItemKind::Permission]);
    w.dj(Request::Judge { task });
    assert_eq!(w.inbox(task), [ItemKind::Permission]);
}

#[test]
fn who_wants_to_speak_to_an_agent_that_is_not_there_is_told_how_to_get_one() {
    for (name, cure) in [
        ("preparing", "wait a moment"),
        ("stopping", "wait a moment"),
        ("failed", "monban task retry"),
        ("stopped", "monban task retry"),
        ("done", "new task"),
    ] {
        let mut w = World::new();
        let stage = STAGES.iter().find(|stage| stage.name == name).unwrap();
        let task = (stage.reach)(&mut w);
        let text = "Hello?".to_string();
        let refusal = w.refused(Request::Say { task, text });
        assert!(refusal.cure.contains(cure), "{name}: {refusal}");
    }
    let mut w = World::new();
    let task = w.add("fix");
    assert!(w.refused(Request::Pause { task, paused: true }).cure.contains("monban run"));
}

#[test]
fn an_interrupted_turn_asks_a_person_and_is_not_judged() {
    let mut w = World::new();
    let task = w.running();
    let run = w.run_of(task);
    assert_eq!(w.report(Report::Interrupted { run }), ["task.asked"]);
    assert_eq!((w.sees(task), w.inbox(task)), (TaskState::Running, vec![ItemKind::Question]));
    w.dj(Request::Say { task, text: "Go on, but leave the docs alone.".into() });
    w.deliver_all(task);
    w.status(task, AgentState::Working, "");
    assert!(w.inbox(task).is_empty());
    assert_eq!(w.turn(task), ["run.turned"]);
}

#[test]
fn an_interruption_that_a_later_daemon_reports_again_asks_nobody_again() {
    let mut w = World::new();
    let task = w.running();
    let run = w.run_of(task);
    w.report(Report::Interrupted { run });
    assert!(w.report(Report::Interrupted { run }).is_empty(), "one item is enough");
    w.dj(Request::Say { task, text: "Go on.".into() });
    w.status(task, AgentState::Working, "");
    assert!(w.report(Report::Interrupted { run }).is_empty(), "the person has answered");
    assert!(w.inbox(task).is_empty());
}

#[test]
fn the_end_of_a_turn_is_the_proof_that_its_prompt_was_taken() {
    let mut w = World::new();
    let task = w.started();
    w.prepare(task);
    assert!(w.turn(task).is_empty(), "nothing was typed: no turn can be over");
    w.delivery(task, 1, Delivery::Typing);
    assert_eq!(w.turn(task), ["run.delivery", "run.turned"]);
    assert_eq!(w.attempt(task).prompts[0].delivery, Delivery::Delivered);
    assert!(w.delivery(task, 1, Delivery::Delivered).is_empty(), "it is known already");
}

#[test]
fn the_late_end_of_an_earlier_turn_is_not_the_end_of_the_next() {
    let mut w = World::new();
    let task = w.running();
    let run = w.run_of(task);
    w.dj(Request::Say { task, text: "And the tests.".into() });
    w.delivery(task, 2, Delivery::Typing);
    let late = Report::Turned { run, prompt: 1 };
    assert!(w.report(late.clone()).is_empty());
    w.delivery(task, 2, Delivery::Delivered);
    assert!(w.report(late).is_empty());
    assert_eq!(w.turn(task), ["run.turned"]);
}

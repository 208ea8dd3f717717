//! Presence at L1: nothing starts without a person there.

#[path = "support/model.rs"]
mod support;

use monban::model::attempt::Delivery;
use monban::model::command::{MergeOutcome, Notice, Request};
use monban::model::effect::Effect;
use monban::model::task::TaskState;
use std::time::Duration;
use support::*;

fn vouch(w: &World, seconds: u64) -> Request {
    Request::Vouch { until: w.now.plus(Duration::from_secs(seconds)) }
}

fn started() -> Notice {
    Notice::Started { version: "0.1.0".into(), pid: 7 }
}

/// Two tasks, the second after the first, the first one being landed.
fn second_follows(w: &mut World) -> monban::base::id::TaskId {
    let first = w.waiting();
    w.dj(add(w.repo, after("then the docs", &[first])));
    let second = monban::base::id::TaskId(first.0 + 1);
    w.dj(run(second));
    w.approve(first);
    second
}

fn land_first(w: &mut World, second: monban::base::id::TaskId) -> Vec<String> {
    let first = monban::base::id::TaskId(second.0 - 1);
    w.land(first, monban::model::command::LandingOutcome::Landed { commit: "c".into() })
}

#[test]
fn a_persons_own_command_vouches_for_what_it_starts() {
    let mut w = World::deserted();
    let task = w.add("fix");
    assert_eq!(w.dj(run(task)), ["task.queued", "task.attempted"]);
}

#[test]
fn a_follower_does_not_start_when_nobody_is_there_and_a_person_resumes_it() {
    let mut w = World::new();
    let second = second_follows(&mut w);
    w.notice(Notice::Left { person: "dj".into() });
    assert!(land_first(&mut w, second).contains(&"repo.held".to_string()));
    assert_eq!(w.sees(second), TaskState::Queued);
    assert_eq!(w.hold().as_deref(), Some("task 2 would start"));
    assert!(w.notice(Notice::Arrived { person: "dj".into() }).len() == 1, "coming is not resuming");
    assert_eq!(w.dj(Request::Resume { repo: w.repo }), ["repo.resumed", "task.attempted"]);
    assert_eq!(w.hold(), None);
}

#[test]
fn a_follower_starts_while_somebody_is_there() {
    let mut w = World::new();
    let second = second_follows(&mut w);
    assert!(land_first(&mut w, second).contains(&"task.attempted".to_string()));
    assert_eq!(w.hold(), None);
}

#[test]
fn a_person_with_two_dashboards_is_there_until_the_last_closes() {
    let mut w = World::new();
    let second = second_follows(&mut w);
    w.notice(Notice::Arrived { person: "dj".into() });
    w.notice(Notice::Left { person: "dj".into() });
    assert!(land_first(&mut w, second).contains(&"task.attempted".to_string()));
}

#[test]
fn an_agent_goes_on_when_the_last_person_leaves() {
    let mut w = World::new();
    let task = w.running();
    let before = w.effects();
    assert_eq!(w.notice(Notice::Left { person: "dj".into() }), ["daemon.left"]);
    assert_eq!(w.effects(), before);
    assert_eq!(w.turn(task), ["run.turned"]);
    assert_eq!(w.snapshot(task, "t"), ["judge.snapshot", "judge.started"], "its gates may run");
}

#[test]
fn a_daemon_that_starts_has_nobody_at_it() {
    let mut w = World::new();
    let second = second_follows(&mut w);
    w.notice(started());
    assert!(land_first(&mut w, second).contains(&"repo.held".to_string()));
}

#[test]
fn a_persons_word_counts_across_a_restart_until_it_ends() {
    let mut w = World::deserted();
    let second = second_follows(&mut w);
    w.dj(vouch(&w, 60));
    w.notice(started());
    assert!(w.effects().contains(&Effect::Wake { at: w.now.plus(Duration::from_secs(60)) }));
    w.pass(59);
    assert!(land_first(&mut w, second).contains(&"task.attempted".to_string()));
}

#[test]
fn a_persons_word_does_not_outlast_its_time_even_if_nobody_was_awake_to_notice() {
    let mut w = World::deserted();
    let second = second_follows(&mut w);
    w.dj(vouch(&w, 60));
    w.pass(60);
    w.notice(started());
    assert!(land_first(&mut w, second).contains(&"repo.held".to_string()));
}

#[test]
fn the_end_of_an_earlier_word_does_not_end_a_later_one() {
    let mut w = World::deserted();
    w.dj(vouch(&w, 60));
    w.pass(59);
    w.dj(vouch(&w, 60));
    w.pass(1);
    assert!(w.notice(Notice::VouchEnded).is_empty());
    w.pass(59);
    assert_eq!(w.notice(Notice::VouchEnded), ["daemon.vouch-ended"]);
    assert!(w.notice(Notice::VouchEnded).is_empty());
}

#[test]
fn a_word_is_for_the_future_and_for_half_a_day_at_most() {
    let mut w = World::deserted();
    for seconds in [0, 12 * 3600 + 1] {
        assert_eq!(w.refused(vouch(&w, seconds)).rule.as_deref(), Some("A-007"));
    }
    assert_eq!(w.dj(vouch(&w, 12 * 3600)), ["daemon.vouched"]);
}

#[test]
fn a_run_that_is_refused_vouches_for_nothing() {
    let mut w = World::deserted();
    let (task, other) = (w.started(), w.add("another"));
    let until = w.now.plus(Duration::from_secs(60));
    let tasks = vec![(other, pin()), (task, pin())];
    w.refused(Request::Run { tasks, attend: Some(until) });
    assert_eq!(w.state().presence.vouched, None);
    let tasks = vec![(other, pin())];
    let endless = w.now.plus(Duration::from_secs(13 * 3600));
    let refused = w.refused(Request::Run { tasks: tasks.clone(), attend: Some(endless) });
    assert_eq!(refused.rule.as_deref(), Some("A-007"));
    let kinds = w.dj(Request::Run { tasks, attend: Some(until) });
    assert_eq!(kinds, ["daemon.vouched", "task.queued", "task.attempted"]);
}

#[test]
fn leaving_without_having_come_changes_nothing() {
    let mut w = World::deserted();
    w.notice(Notice::Left { person: "stranger".into() });
    assert!(w.state().presence.people.is_empty());
}

/// A task that started by itself while somebody was there, and is just being prepared.
fn started_by_itself(w: &mut World) -> monban::base::id::TaskId {
    let second = second_follows(w);
    land_first(w, second);
    second
}

#[test]
fn an_agent_that_nobody_directly_asked_for_does_not_start_after_everybody_left() {
    let mut w = World::new();
    let second = started_by_itself(&mut w);
    w.notice(Notice::Left { person: "dj".into() });
    assert_eq!(w.prepare(second), ["task.prepared", "repo.held"]);
    assert_eq!(w.attempt(second).run, None);
    assert_eq!(
        w.dj(Request::Resume { repo: w.repo }),
        ["repo.resumed", "run.wanted", "run.prompt"]
    );
}

#[test]
fn an_agent_that_a_person_asked_for_starts_even_if_its_worktree_took_a_while() {
    let mut w = World::deserted();
    let task = w.started();
    w.notice(started());
    assert_eq!(w.prepare(task), ["task.prepared", "run.wanted", "run.prompt"]);
}

#[test]
fn nobody_is_told_of_a_conflict_after_everybody_left() {
    let mut w = World::new();
    let task = w.merging();
    let conflict = MergeOutcome::Conflict { base: "base-2".into(), files: Vec::new() };
    w.merge(task, conflict);
    let prompt = w.attempt(task).prompts.len() as u32;
    let deliver = Effect::Deliver { task, run: w.run_of(task), prompt };
    assert!(w.effects().contains(&deliver));
    w.notice(Notice::Left { person: "dj".into() });
    assert_eq!(w.delivery(task, prompt, Delivery::Typing), ["repo.held"]);
    assert!(!w.effects().contains(&deliver), "it is not asked for again and again");
    w.dj(Request::Resume { repo: w.repo });
    assert!(w.effects().contains(&deliver));
    assert_eq!(w.delivery(task, prompt, Delivery::Typing), ["run.delivery"]);
}

#[test]
fn a_clock_that_is_set_back_does_not_prolong_a_persons_word() {
    let mut w = World::deserted();
    let second = second_follows(&mut w);
    w.dj(vouch(&w, 1800));
    w.pass(1200);
    w.notice(started());
    w.now = monban::base::clock::Timestamp::from_millis(w.now.millis() - 1_000_000);
    let kinds = land_first(&mut w, second);
    assert!(kinds.contains(&"daemon.vouch-ended".to_string()), "{kinds:?}");
    assert!(kinds.contains(&"repo.held".to_string()), "{kinds:?}");
}

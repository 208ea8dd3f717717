//! A failure at L1 stops everything of its repository (A-017, A-018, C-02).

#[path = "support/model.rs"]
mod support;

use monban::model::command::Request;
use monban::model::effect::Effect;
use support::*;

#[test]
fn an_attempt_prepared_after_the_halt_gets_its_agent_only_after_resume() {
    let mut w = World::new();
    let (failing, task) = (w.checking(), w.started());
    w.gate(failing, vec![fail("test")]);
    assert_eq!(w.prepare(task), ["task.prepared"]);
    assert_eq!(w.attempt(task).run, None);
    assert_eq!(
        w.dj(Request::Resume { repo: w.repo }),
        ["repo.resumed", "run.wanted", "run.prompt"]
    );
    let run = w.run_of(task);
    assert!(w.effects().contains(&Effect::Supervise { task, run }));
}

//! Alarms: what changed in the repository behind monban's back waits for a person's word.

#[path = "support/model.rs"]
mod support;

use monban::base::foreign::Foreign;
use monban::base::id::TaskId;
use monban::model::command::{LandingOutcome, Report, Request};
use monban::model::item::{Item, ItemKind};
use monban::model::task::TaskState;
use support::*;

const HOOK: &str = "hooks/pre-commit new; take it back by: rm -f hooks/pre-commit";

/// The repository is found changed.
fn changed(w: &mut World, task: TaskId, what: &[&str]) -> Vec<String> {
    let run = w.run_of(task);
    let what = what.iter().map(|what| Foreign::new(*what)).collect();
    w.report(Report::Tampered { run, what })
}

#[track_caller]
fn of_kind(w: &World, task: TaskId, kind: ItemKind) -> Item {
    let found: Vec<&Item> = w.state().items_of(task).filter(|item| item.kind == kind).collect();
    assert_eq!(found.len(), 1, "{kind:?} of task {task}: {found:?}");
    found[0].clone()
}

#[test]
fn a_change_behind_the_back_raises_an_alarm_with_the_way_back() {
    let mut w = World::new();
    let task = w.running();
    assert_eq!(changed(&mut w, task, &[HOOK]), ["repo.tampered", "task.asked"]);
    let alarm = of_kind(&w, task, ItemKind::Alarm);
    assert_eq!(alarm.details, [Foreign::new(HOOK)]);
    assert!(w.halt().is_none(), "nothing else stops");
}

#[test]
fn the_same_change_is_told_once_and_a_further_one_again() {
    let mut w = World::new();
    let task = w.running();
    changed(&mut w, task, &[HOOK]);
    assert!(changed(&mut w, task, &[HOOK]).is_empty());
    let first = of_kind(&w, task, ItemKind::Alarm);
    w.dj(approve(&first));
    assert!(changed(&mut w, task, &[HOOK]).is_empty(), "it was seen");
    changed(&mut w, task, &[HOOK, "refs/heads/evil new"]);
    let second = of_kind(&w, task, ItemKind::Alarm);
    assert_eq!(second.details, [Foreign::new("refs/heads/evil new")]);
}

#[test]
fn what_harms_nobody_is_noted_once_and_alarms_nobody() {
    let mut w = World::new();
    let task = w.running();
    let run = w.run_of(task);
    let mut noted = |what: &[&str]| {
        let what = what.iter().map(|one| Foreign::new(*one)).collect();
        w.report(Report::Noted { run, what })
    };
    assert_eq!(noted(&["refs/remotes/origin/main"]), ["repo.noted"]);
    assert!(noted(&["refs/remotes/origin/main"]).is_empty());
    assert_eq!(noted(&["refs/remotes/origin/main", "refs/heads/x"]), ["repo.noted"]);
}

/// A branch `origin/topic` harms nobody until a fetch brings the remote's branch of that name.
#[test]
fn what_was_noted_and_harms_later_on_alarms() {
    let mut w = World::new();
    let task = w.running();
    let run = w.run_of(task);
    let what = "refs/heads/origin/topic new";
    w.report(Report::Noted { run, what: vec![Foreign::new(what)] });
    assert_eq!(changed(&mut w, task, &[what]), ["repo.tampered", "task.asked"]);
    assert!(changed(&mut w, task, &[what]).is_empty(), "once");
}

#[test]
fn a_landing_waits_until_the_alarm_was_seen() {
    let mut w = World::new();
    let task = w.turned();
    changed(&mut w, task, &[HOOK]);
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    assert_eq!(w.sees(task), TaskState::Waiting, "it is judged as ever");
    let (alarm, result) =
        (of_kind(&w, task, ItemKind::Alarm), of_kind(&w, task, ItemKind::Approval));
    let refused = w.refused(approve(&result)).to_string();
    assert!(refused.contains(&alarm.id.to_string()), "{refused}");
    assert!(refused.contains(&format!("monban approve {}", alarm.id)), "{refused}");

    assert_eq!(w.dj(approve(&alarm)), ["task.answered"]);
    assert_eq!(w.dj(approve(&result)), ["task.answered", "landing.approved"]);
}

#[test]
fn other_tasks_land_beside_an_alarm() {
    let mut w = World::new();
    let task = w.running();
    changed(&mut w, task, &[HOOK]);
    let other = w.waiting();
    let result = of_kind(&w, other, ItemKind::Approval);
    w.dj(approve(&result));
}

#[test]
fn an_alarm_outlasts_its_task_however_that_ends() {
    let ends: [fn(&mut World, TaskId); 4] = [
        |w, task| {
            w.dj(Request::Abort { task });
            w.end(task);
        },
        |w, task| {
            w.dj(Request::RollBack { task, checkpoint: None, commit: None });
            w.end(task);
        },
        |w, task| drop(w.end(task)),
        |w, task| {
            w.dj(Request::Say { task, text: "and the docs".into() });
        },
    ];
    for end in ends {
        let mut w = World::new();
        let task = w.running();
        changed(&mut w, task, &[HOOK]);
        end(&mut w, task);
        assert!(w.inbox(task).contains(&ItemKind::Alarm), "{:?}", w.sees(task));
    }
}

#[test]
fn what_is_found_after_the_landing_still_alarms_and_can_be_seen() {
    let mut w = World::new();
    let task = w.landing();
    w.land(task, LandingOutcome::Landed { commit: "c".into() });
    changed(&mut w, task, &[HOOK]);
    w.end(task);
    assert_eq!((w.sees(task), w.inbox(task)), (TaskState::Done, vec![ItemKind::Alarm]));
    let alarm = w.item(task);
    w.dj(approve(&alarm));
    assert!(w.inbox(task).is_empty());
    w.refused(approve(&alarm));
}

#[test]
fn an_alarm_is_no_result_that_could_be_rejected_and_a_result_needs_its_digest() {
    let mut w = World::new();
    let task = w.waiting();
    changed(&mut w, task, &[HOOK]);
    let (alarm, result) =
        (of_kind(&w, task, ItemKind::Alarm), of_kind(&w, task, ItemKind::Approval));
    let refused = w.refused(reject(alarm.id, "no")).to_string();
    assert!(refused.contains(&format!("monban approve {}", alarm.id)), "{refused}");
    let request = Request::Approve { item: result.id, digest: String::new(), attested: Vec::new() };
    let refused = w.refused(request).to_string();
    assert!(refused.contains("--bind"), "{refused}");
}

//! What can be returned to before a run starts and a prompt is typed: given, when, then.

#[path = "support/model.rs"]
mod support;

use monban::base::id::TaskId;
use monban::model::attempt::{Delivery, Snapshot};
use monban::model::checkpoint::{Kept, Moment, Point};
use monban::model::command::{LandingOutcome, MergeOutcome, Notice, Report, Request};
use monban::model::effect::Effect;
use monban::model::item::ItemKind;
use monban::model::task::Stage;
use support::*;

/// A stopped task whose agent named its conversation, asked to go on.
fn resumed(w: &mut World) -> TaskId {
    let task = w.running();
    w.session(task, "talk");
    w.dj(Request::Abort { task });
    w.end(task);
    w.dj(retry_resume(task));
    w.report(Report::Prepared { task, attempt: 2, result: Ok(place(task, 1)) });
    task
}

/// A task at work whose agent finished the turn of its first prompt, with a second one waiting.
fn told_more(w: &mut World) -> TaskId {
    let task = w.running();
    w.dj(say(task, "And the docs."));
    let run = w.run_of(task);
    w.report(Report::Turned { run, prompt: 1 });
    task
}

fn taken(w: &World, task: TaskId, tree: &str) -> Snapshot {
    snapshot(w.next_snapshot(task), "base-1", tree)
}

fn before(task: TaskId, attempt: u32, moment: Moment, number: u32) -> Effect {
    Effect::Checkpoint { task, attempt, moment, number }
}

/// The moments that a point is there for, in words.
fn words(w: &World, task: TaskId, point: Point) -> Vec<String> {
    w.attempt(task).moments_at(point).iter().map(ToString::to_string).collect()
}

#[test]
fn a_resumed_run_starts_only_when_what_it_finds_is_kept() {
    let mut w = World::new();
    let task = resumed(&mut w);
    let run = w.run_of(task);
    assert_eq!(w.effects(), [before(task, 2, Moment::Run(2), 1)], "nothing else is to be done");
    let kept = taken(&w, task, "tree-1");
    assert_eq!(w.checkpoint(task, Moment::Run(2), Ok(Some(kept))), ["run.checkpoint"]);
    let deliver = Effect::Deliver { task, run, prompt: 1 };
    assert_eq!(w.effects(), [Effect::Supervise { task, run }, deliver]);
    assert_eq!(w.attempt(task).snapshots[0].taken.to_string(), "before run 2");
    assert_eq!(w.dj(Request::Abort { task }), ["task.aborted", "run.stop-wanted"]);
    let target = Request::RollBack { task, checkpoint: Some(1), commit: None };
    w.end(task);
    w.dj(target);
    assert_eq!(w.attempt(task).rollbacks[0].target, "commit-of-tree-1");
}

#[test]
fn the_base_is_the_checkpoint_of_a_fresh_run_and_of_one_that_finds_nothing_changed() {
    let mut w = World::new();
    let fresh = w.started();
    w.prepare(fresh);
    assert_eq!(w.attempt(fresh).kept, Kept::At(Point::Base));
    assert_eq!(words(&w, fresh, Point::Base), ["before run 1"]);
    w.deliver_all(fresh);
    assert_eq!(words(&w, fresh, Point::Base), ["before run 1", "before prompt 1"]);
    let mut w = World::new();
    let task = resumed(&mut w);
    w.checkpoint(task, Moment::Run(2), Ok(None));
    assert_eq!(words(&w, task, Point::Base), ["before run 2"]);
    assert!(w.attempt(task).snapshots.is_empty());
}

#[test]
fn a_prompt_in_the_middle_of_work_is_typed_only_when_that_work_is_kept() {
    let mut w = World::new();
    let task = told_more(&mut w);
    let (run, deliver) = (w.run_of(task), |run| Effect::Deliver { task, run, prompt: 2 });
    assert!(w.effects().contains(&deliver(run)), "it waits for the agent first");
    let typing = |run| Report::Delivery { run, prompt: 2, delivery: Delivery::Typing };
    assert!(w.report(typing(run)).is_empty(), "nothing is kept yet");
    assert_eq!(w.ready(task, 2, true), ["run.prompt-ready"]);
    assert!(w.effects().contains(&before(task, 1, Moment::Prompt(2), 1)));
    assert!(!w.effects().contains(&deliver(run)));
    assert!(w.report(typing(run)).is_empty(), "nothing is kept yet");
    let kept = taken(&w, task, "tree-1");
    assert_eq!(w.checkpoint(task, Moment::Prompt(2), Ok(Some(kept))), ["run.checkpoint"]);
    assert!(w.effects().contains(&deliver(run)));
    assert_eq!(w.report(typing(run)), ["run.delivery"]);
    assert_eq!(w.attempt(task).snapshots[0].taken.to_string(), "before prompt 2");
    assert!(w.attempt(task).gates.is_empty() && w.task(task).stage == Stage::Running, "no result");
}

#[test]
fn where_nothing_changed_the_checkpoint_that_is_there_counts() {
    let mut w = World::new();
    let task = w.waiting();
    let item = w.item(task);
    w.dj(reject(item.id, "No."));
    w.ready(task, 2, true);
    w.checkpoint(task, Moment::Prompt(2), Ok(None));
    assert_eq!(w.attempt(task).snapshots.len(), 1);
    assert_eq!(w.attempt(task).snapshots[0].taken.to_string(), "after turn");
    assert_eq!(words(&w, task, Point::Checkpoint(1)), ["before prompt 2"]);
}

/// Only what a turn or a person's word ended is judged, shown and landed, whatever was kept since.
#[test]
fn a_checkpoint_between_turns_is_never_judged() {
    let mut w = World::new();
    let task = w.waiting();
    w.dj(say(task, "And the docs."));
    w.ready(task, 2, true);
    let kept = taken(&w, task, "tree-between");
    w.checkpoint(task, Moment::Prompt(2), Ok(Some(kept)));
    assert_eq!(w.attempt(task).result().map(|result| result.tree.as_str()), Some("tree-1"));
    assert_eq!(w.attempt(task).gates.len(), 1);
    w.deliver_all(task);
    w.turn(task);
    w.snapshot(task, "tree-3");
    w.gate(task, vec![pass("test")]);
    assert_eq!(w.item(task).binds.map(|binds| binds.tree).as_deref(), Some("tree-3"));
    assert_eq!(w.attempt(task).gates.last().map(|gate| gate.snapshot), Some(3));
}

/// A merge takes the number of a checkpoint that is still being taken: what is signed is what was
/// judged all the same.
#[test]
fn a_checkpoint_that_comes_while_a_result_is_merged_does_not_take_its_place() {
    let mut w = World::new();
    let task = told_more(&mut w);
    w.dj(Request::Judge { task });
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    w.ready(task, 2, true);
    let number = w.next_snapshot(task);
    assert!(w.effects().contains(&before(task, 1, Moment::Prompt(2), number)));
    w.approve(task);
    w.land(task, LandingOutcome::BaseMoved { base: "base-2".into() });
    let merged = snapshot(number, "base-2", "merged-tree");
    let kept = taken(&w, task, "tree-between");
    assert!(w.checkpoint(task, Moment::Prompt(2), Ok(Some(kept))).is_empty());
    w.merge(task, MergeOutcome::Merged(merged));
    w.gate(task, vec![pass("test")]);
    assert_eq!(w.item(task).binds.map(|binds| binds.tree).as_deref(), Some("merged-tree"));
}

#[test]
fn a_snapshot_that_a_person_asked_for_is_before_a_decision() {
    let mut w = World::new();
    let task = w.running();
    w.dj(Request::Judge { task });
    w.snapshot(task, "tree-1");
    assert_eq!(w.attempt(task).snapshots[0].taken.to_string(), "before decision");
}

#[test]
fn where_no_checkpoint_can_be_taken_nothing_starts_and_a_person_is_told() {
    let failed = || Err("the disk is full".to_string());
    let mut w = World::new();
    let task = resumed(&mut w);
    let run = w.run_of(task);
    assert_eq!(w.checkpoint(task, Moment::Run(2), failed()), ["task.asked"]);
    assert_eq!(w.item(task).kind, ItemKind::Trouble);
    let note = w.item(task).note.raw().to_string();
    assert!(note.starts_with("no checkpoint could be taken before run 2"), "{note}");
    assert_eq!(w.effects(), [], "neither the run nor another try");
    w.dj(say(task, "The disk has room again."));
    assert_eq!(w.effects(), [before(task, 2, Moment::Run(2), 1)], "it is tried again");
    w.checkpoint(task, Moment::Run(2), Ok(None));
    assert!(w.effects().contains(&Effect::Supervise { task, run }));

    let mut w = World::new();
    let task = told_more(&mut w);
    w.ready(task, 2, true);
    assert_eq!(w.checkpoint(task, Moment::Prompt(2), failed()), ["run.prompt-ready", "task.asked"]);
    let is_of_prompt =
        |effect: &Effect| matches!(effect, Effect::Deliver { .. } | Effect::Checkpoint { .. });
    assert!(!w.effects().iter().any(is_of_prompt), "{:?}", w.effects());
    w.dj(Request::Abort { task });
    assert!(w.inbox(task).is_empty());
}

#[test]
fn a_checkpoint_counts_only_as_long_as_nothing_holds_the_prompt_up() {
    let kept = |w: &World, task| w.attempt(task).prompts[1].kept;
    type Hold = fn(&mut World, TaskId);
    let holds: [(&str, Hold); 4] = [
        ("it is busy again", |w, task| drop(w.ready(task, 2, false))),
        ("paused", |w, task| drop(w.dj(Request::Pause { task, paused: true }))),
        ("another daemon", |w, _| {
            drop(w.notice(Notice::Started { version: "0.2.0".into(), pid: 2 }));
        }),
        ("halted and resumed", |w, _| {
            let peer = w.checking();
            w.gate(peer, vec![fail("test")]);
            w.dj(Request::Resume { repo: w.repo });
        }),
    ];
    for (what, hold) in holds {
        let mut w = World::new();
        let task = told_more(&mut w);
        w.ready(task, 2, true);
        w.checkpoint(task, Moment::Prompt(2), Ok(None));
        assert_eq!(kept(&w, task), Kept::At(Point::Base));
        hold(&mut w, task);
        assert_eq!(kept(&w, task), Kept::NotYet, "{what}");
    }
}

/// Somebody may have changed the worktree meanwhile: an agent that goes on, or one that is new.
#[test]
fn what_a_run_finds_is_kept_anew_when_something_held_it_up() {
    type Hold = fn(&mut World);
    let holds: [(&str, Hold); 2] = [
        ("another daemon", |w| {
            drop(w.notice(Notice::Started { version: "0.2.0".into(), pid: 2 }));
        }),
        ("halted and resumed", |w| {
            let peer = w.checking();
            w.gate(peer, vec![fail("test")]);
            w.dj(Request::Resume { repo: w.repo });
        }),
    ];
    for (what, hold) in holds {
        let mut w = World::new();
        let task = resumed(&mut w);
        w.checkpoint(task, Moment::Run(2), Ok(None));
        hold(&mut w);
        let again = before(task, 2, Moment::Run(2), 1);
        assert!(w.effects().contains(&again), "{what}: {:?}", w.effects());
        assert!(!w.state().may_start(w.run_of(task)), "{what}");
        let kept = taken(&w, task, "tree-2");
        w.checkpoint(task, Moment::Run(2), Ok(Some(kept)));
        assert!(w.state().may_start(w.run_of(task)), "{what}");

        let mut w = World::new();
        let fresh = w.started();
        w.report(Report::Prepared { task: fresh, attempt: 1, result: Ok(place(fresh, 1)) });
        hold(&mut w);
        let first = before(fresh, 1, Moment::Run(1), 1);
        assert!(w.effects().contains(&first), "{what}: {:?}", w.effects());
    }
}

/// It began to be read before that.
#[test]
fn a_checkpoint_that_was_being_taken_when_something_held_it_up_does_not_count() {
    let mut w = World::new();
    let task = told_more(&mut w);
    w.ready(task, 2, true);
    let early = Report::Checkpoint {
        task,
        attempt: 1,
        moment: Moment::Prompt(2),
        number: 1,
        result: Ok(Some(taken(&w, task, "tree-early"))),
    };
    w.dj(Request::Pause { task, paused: true });
    w.dj(Request::Pause { task, paused: false });
    w.ready(task, 2, true);
    assert!(w.report(early).is_empty());
    assert!(w.effects().contains(&before(task, 1, Moment::Prompt(2), 2)));
}

/// Its status line flickers, or it does it on purpose.
#[test]
fn an_agent_that_goes_back_and_forth_writes_few_records() {
    let mut w = World::new();
    let task = told_more(&mut w);
    let mut records = 0;
    let flips = 10_000;
    for _ in 0..flips {
        records += w.ready(task, 2, true).len();
        if w.attempt(task).prompts[1].kept == Kept::Due {
            let kept = taken(&w, task, &format!("tree-{records}"));
            records += w.checkpoint(task, Moment::Prompt(2), Ok(Some(kept))).len();
        }
        records += w.ready(task, 2, false).len();
        w.pass(2);
    }
    // One in ten minutes, and those before it came to that.
    let most = 3 * (flips * 2 / 600 + 12);
    assert!(records <= most, "{records} of {flips}");
    assert!(w.attempt(task).snapshots.len() * 3 <= most);
    assert_eq!(w.ready(task, 2, true), [""; 0], "it waits");
    w.dj(say(task, "Now."));
    assert_eq!(w.ready(task, 2, true), ["run.prompt-ready"], "a person is not kept waiting");
}

#[test]
fn a_late_or_repeated_report_of_a_checkpoint_changes_nothing() {
    let mut w = World::new();
    let task = told_more(&mut w);
    let kept = taken(&w, task, "tree-1");
    let result = Ok(Some(kept));
    assert!(w.checkpoint(task, Moment::Prompt(2), result.clone()).is_empty(), "not asked for");
    w.ready(task, 2, true);
    let (attempt, moment) = (1, Moment::Prompt(2));
    let other = Report::Checkpoint { task, attempt, moment, number: 7, result: result.clone() };
    assert!(w.report(other).is_empty(), "another number");
    assert!(w.checkpoint(task, Moment::Run(1), result.clone()).is_empty(), "of a run that is up");
    let report = Report::Checkpoint { task, attempt, moment, number: 1, result };
    assert_eq!(w.report(report.clone()), ["run.checkpoint"]);
    assert!(w.report(report).is_empty(), "once");
    assert_eq!(w.attempt(task).snapshots.len(), 1);
}

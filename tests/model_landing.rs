//! Approving, rejecting, landing, and a base that moves.

#[path = "support/model.rs"]
mod support;

use monban::base::foreign::Foreign;
use monban::base::id::{ItemId, TaskId};
use monban::model::attempt::{Delivery, PromptWhy, Snapshot};
use monban::model::command::{LandingOutcome, MergeOutcome, Notice, Report, Request};
use monban::model::effect::Effect;
use monban::model::event::FinalEnd;
use monban::model::item::{Item, ItemKind};
use monban::model::rejection::Class;
use monban::model::task::{Stage, TaskState};
use support::*;

fn landed() -> LandingOutcome {
    LandingOutcome::Landed { commit: "squash".into() }
}

fn base_moved() -> LandingOutcome {
    LandingOutcome::BaseMoved { base: "base-2".into() }
}

fn merged(w: &World, task: TaskId) -> Snapshot {
    snapshot(w.next_snapshot(task), "base-2", "merged-tree")
}

fn conflict(files: &[&str]) -> MergeOutcome {
    let files = files.iter().map(|file| Foreign::new(*file)).collect();
    MergeOutcome::Conflict { base: "base-2".into(), files }
}

/// A task whose landing found the base moved.
fn merging(w: &mut World) -> TaskId {
    let task = w.landing();
    assert_eq!(w.land(task, base_moved()), ["landing.base-moved"]);
    task
}

#[test]
fn an_approved_result_lands_and_the_agent_is_ended() {
    let mut w = World::new();
    let task = w.waiting();
    let run = w.run_of(task);
    assert_eq!(w.approve(task), ["task.answered", "landing.approved"]);
    assert_eq!(w.sees(task), TaskState::Landing);
    let op = w.landing_op(task);
    assert!(w.effects().contains(&Effect::Land { task, op }));
    assert_eq!(w.land(task, landed()), ["landing.landed", "task.finished", "run.stop-wanted"]);
    assert_eq!(w.sees(task), TaskState::Done);
    assert_eq!(w.task(task).landed.as_deref(), Some("squash"));
    assert_eq!(w.effects(), [Effect::Supervise { task, run }, Effect::Stop { run }]);
    w.end(task);
    assert!(w.effects().is_empty());
    assert_eq!(w.results(task).len(), 1);
    assert_eq!(w.results(task)[0].end, FinalEnd::Success);
}

#[test]
fn an_approval_signs_everything_it_was_judged_by() {
    let mut w = World::new();
    let task = w.waiting();
    let binds = w.item(task).binds.unwrap();
    assert_eq!((binds.branch.as_str(), binds.base.as_str()), ("refs/heads/main", "base-1"));
    assert_eq!((binds.head.as_str(), binds.tree.as_str()), ("commit-of-tree-1", "tree-1"));
    assert_eq!(binds.diff_sha256, "diff-base-1-tree-1");
    assert_eq!(binds.gate_runs, [w.attempt(task).gates[0].run]);
    assert_eq!((binds.gate_hash.as_str(), binds.policy.as_str()), (GATE, "policy-1"));
}

/// dj looked at `old`; another digest waits now. What he is told.
fn told_about(w: &mut World, task: TaskId, old: &Item) -> String {
    let item = w.item(task).id;
    let refusal = w.refused(Request::Approve { item, digest: old.digest(), attested: Vec::new() });
    assert_eq!(refusal.class, Class::Refused);
    refusal.why
}

#[test]
fn a_stale_digest_says_which_parts_changed() {
    let mut w = World::new();
    let task = w.waiting();
    let first = w.item(task);
    w.dj(Request::Judge { task });
    w.gate(task, vec![pass("test")]);
    assert_eq!(told_about(&mut w, task, &first), "stale: the gate runs changed since");

    w.dj(say(task, "also the docs"));
    w.deliver_all(task);
    w.turn(task);
    w.snapshot(task, "tree-2");
    w.gate(task, vec![pass("test")]);
    assert_eq!(
        told_about(&mut w, task, &first),
        "stale: the head, tree, diff, gate runs changed since"
    );

    w.approve(task);
    w.land(task, base_moved());
    let outcome = MergeOutcome::Merged(merged(&w, task));
    w.merge(task, outcome);
    w.gate(task, vec![pass("test")]);
    assert_eq!(
        told_about(&mut w, task, &first),
        "stale: the base, head, tree, diff, gate runs changed since"
    );
}

#[test]
fn a_digest_of_an_earlier_attempt_under_another_gate_and_policy_is_named_so() {
    let mut w = World::new();
    let task = w.waiting();
    let first = w.item(task);
    w.dj(Request::Abort { task });
    w.end(task);
    w.dj(Request::Trust { repo: w.repo, hash: "gate-2".into() });
    let gate = monban::model::task::GatePin { hash: "gate-2".into(), ..pin() };
    w.dj(Request::Retry { task, gate, resume: false });
    w.prepare(task);
    w.deliver_all(task);
    w.turn(task);
    w.core.settings.policy = "policy-2".into();
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    assert_eq!(
        told_about(&mut w, task, &first),
        "stale: the gate runs, gate configuration, policy changed since"
    );
}

#[test]
fn a_digest_nobody_was_shown_is_refused() {
    let mut w = World::new();
    let task = w.waiting();
    let item = w.item(task).id;
    let refusal =
        w.refused(Request::Approve { item, digest: "0".repeat(64), attested: Vec::new() });
    let said = "0000000000000000 is not the digest of what waits now: nothing was approved";
    assert_eq!(refusal.why, said);
}

#[test]
fn a_policy_change_voids_an_approval_until_it_is_judged_again() {
    let mut w = World::new();
    let task = w.waiting();
    w.core.settings.policy = "policy-2".into();
    let item = w.item(task);
    assert!(w.refused(approve(&item)).why.contains("policy changed"));
    w.dj(Request::Judge { task });
    w.gate(task, vec![pass("test")]);
    w.approve(task);
    assert_eq!(w.sees(task), TaskState::Landing);
}

/// `main` and `release` may well be at the same commit: nothing else in the digest would differ.
#[test]
fn a_result_signed_for_one_branch_does_not_land_on_another() {
    let mut w = World::new();
    let task = w.waiting();
    let before = w.item(task);
    let Request::Open { path, common, .. } = open("/r") else { unreachable!() };
    w.dj(Request::Open { path, common, base: "refs/heads/release".into() });
    let refusal = w.refused(approve(&before));
    assert!(refusal.why.contains("base branch is another one"), "{}", refusal.why);
    assert!(refusal.cure.contains("--rerun"), "{}", refusal.cure);
    w.dj(Request::Judge { task });
    w.gate(task, vec![pass("test")]);
    let now = w.item(task);
    assert_ne!(now.digest(), before.digest());
    assert_eq!(now.binds.unwrap().branch, "refs/heads/release");
    w.approve(task);
    assert_eq!(w.sees(task), TaskState::Landing);
}

#[test]
fn a_kept_result_is_not_blessed_with_a_policy_it_was_not_judged_under() {
    let mut w = World::new();
    let task = w.landing();
    w.core.settings.policy = "policy-2".into();
    w.land(task, LandingOutcome::Failed { why: "disk full".into() });
    let item = w.item(task);
    assert_eq!(item.binds.as_ref().unwrap().policy, "policy-1");
    assert!(w.refused(approve(&item)).why.contains("policy changed"));
}

#[test]
fn an_approval_is_given_once() {
    let mut w = World::new();
    let task = w.waiting();
    let item = w.item(task);
    w.approve(task);
    let refused = w.refused(approve(&item));
    assert!(refused.why.contains("approved already: task 1 is landing"), "{refused}");
    w.land(task, landed());
    let refused = w.refused(approve(&item));
    assert!(refused.why.contains("task 1 landed already as squash"), "{refused}");
    assert_eq!(refused.class, Class::Refused);
}

#[test]
fn what_the_base_holds_already_is_done_without_a_commit() {
    let mut w = World::new();
    let task = merging(&mut w);
    let item = ItemId(1);
    let nothing = MergeOutcome::Nothing { base: "base-2".into() };
    let kinds = w.merge(task, nothing);
    assert_eq!(kinds, ["landing.nothing-left", "task.finished", "run.stop-wanted"]);
    assert_eq!(w.sees(task), TaskState::Done);
    let held = w.task(task);
    assert_eq!((held.landed.as_deref(), held.already_in.as_deref()), (None, Some("base-2")));
    assert_eq!(w.results(task)[0].end, FinalEnd::Success);
    let refused = w.refused(reject(item, "no"));
    assert!(refused.why.contains("all of it is in base-2 already"), "{refused}");
}

#[test]
fn nothing_but_a_result_can_be_approved_or_rejected() {
    let mut w = World::new();
    let task = w.running();
    w.status(task, monban::model::attempt::AgentState::BlockedQuestion, "Which one?");
    let item = w.item(task);
    assert_eq!(item.kind, ItemKind::Question);
    assert!(w.refused(approve(&item)).why.contains("not an approval"));
    assert!(w.refused(reject(item.id, "no")).why.contains("not a result"));
    assert_eq!(w.refused(reject(ItemId(99), "no")).class, Class::Input);
}

#[test]
fn a_rejection_types_its_reason_as_the_next_prompt() {
    let mut w = World::new();
    let task = w.waiting();
    let item = w.item(task).id;
    assert_eq!(w.refused(reject(item, "  ")).class, Class::Input);
    assert_eq!(w.dj(reject(item, "Also handle leap years.")), ["task.answered", "run.prompt"]);
    assert_eq!(w.sees(task), TaskState::Running);
    let prompt = w.attempt(task).prompts.last().unwrap();
    assert_eq!(
        (prompt.text.as_str(), prompt.why),
        ("Also handle leap years.", PromptWhy::Rejected)
    );
    let run = w.run_of(task);
    assert!(w.effects().contains(&Effect::Deliver { task, run, prompt: 2 }));
}

#[test]
fn a_result_whose_agent_is_gone_for_good_can_be_approved() {
    let mut w = World::new();
    let task = w.waiting();
    w.end(task);
    assert_eq!(w.sees(task), TaskState::Waiting);
    let item = w.item(task);
    w.dj(approve(&item));
    w.land(task, landed());
    assert_eq!(w.sees(task), TaskState::Done);
}

#[test]
fn a_kept_result_waits_for_the_same_approval_again() {
    let mut w = World::new();
    let task = w.waiting();
    let before = w.item(task).binds;
    w.approve(task);
    let first = w.landing_op(task);
    let (reference, why) = ("refs/monban/ready/1".into(), "the checkout is dirty".into());
    assert_eq!(
        w.land(task, LandingOutcome::Kept { reference, why }),
        ["landing.kept", "task.asked"]
    );
    let item = w.item(task);
    assert_eq!((item.kind, &item.binds), (ItemKind::Approval, &before));
    assert!(item.note.raw().contains("the checkout is dirty"));
    w.approve(task);
    assert_ne!(w.landing_op(task), first);
    let late = Report::Landing { task, op: first, outcome: landed() };
    assert!(w.report(late).is_empty(), "the first landing is over");
    w.land(task, landed());
    assert_eq!(w.sees(task), TaskState::Done);
}

#[test]
fn a_moved_base_is_merged_judged_again_and_needs_a_new_approval() {
    let mut w = World::new();
    let task = w.waiting();
    let first = w.item(task);
    w.approve(task);
    let op = w.landing_op(task);
    w.land(task, base_moved());
    assert!(w.effects().contains(&Effect::Merge { task, op }));
    assert_eq!(w.sees(task), TaskState::Checking);
    let outcome = MergeOutcome::Merged(merged(&w, task));
    assert_eq!(w.merge(task, outcome), ["landing.merged", "judge.started"]);
    assert_eq!(w.gate(task, vec![pass("test")]), ["judge.finished", "task.asked"]);
    let second = w.item(task);
    assert_eq!(second.binds.as_ref().unwrap().base, "base-2");
    assert_ne!(second.digest(), first.digest());
}

#[test]
fn a_red_merge_fails_the_task() {
    let mut w = World::new();
    let task = merging(&mut w);
    let outcome = MergeOutcome::Merged(merged(&w, task));
    w.merge(task, outcome);
    w.gate(task, vec![fail("test")]);
    assert_eq!(w.sees(task), TaskState::RollingBack);
    assert!(w.halt().is_some());
}

/// Otherwise the next snapshot, compared with the new base, would take the others' work back.
#[test]
fn after_a_merge_in_the_store_the_worktree_is_still_compared_with_its_own_base() {
    let mut w = World::new();
    let task = merging(&mut w);
    let outcome = MergeOutcome::Merged(merged(&w, task));
    w.merge(task, outcome);
    w.gate(task, vec![pass("test")]);
    assert_eq!(w.attempt(task).place.as_ref().unwrap().base, "base-1");
}

#[test]
fn a_conflict_goes_back_to_the_agent_with_the_files() {
    let mut w = World::new();
    let task = merging(&mut w);
    assert_eq!(
        w.merge(task, conflict(&["src/a.rs", "b\u{202e}.rs"])),
        ["landing.conflict", "run.prompt"]
    );
    assert_eq!(w.sees(task), TaskState::Running);
    let prompt = w.attempt(task).prompts.last().unwrap();
    assert_eq!(prompt.why, PromptWhy::Conflict);
    assert!(prompt.text.contains("- src/a.rs\n") && prompt.text.contains("base-2"));
    assert!(prompt.text.contains("\\u{202e}"), "file names are shown escaped");
    assert_eq!(w.attempt(task).place.as_ref().unwrap().base, "base-2");
}

#[test]
fn a_conflict_in_very_many_files_is_a_prompt_of_bearable_length() {
    let mut w = World::new();
    let task = merging(&mut w);
    let names: Vec<String> = (0..50_000).map(|n| format!("src/{n}.rs")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    w.merge(task, conflict(&names));
    let text = &w.attempt(task).prompts.last().unwrap().text;
    assert!(text.len() < 10_000 && text.contains("and 49900 more"));
}

#[test]
fn a_conflict_waits_for_a_person_when_nobody_is_there() {
    let mut w = World::new();
    let task = merging(&mut w);
    w.notice(Notice::Left { person: "dj".into() });
    assert_eq!(w.merge(task, conflict(&["a"])), ["landing.conflict", "task.asked"]);
    assert_eq!(w.item(task).kind, ItemKind::Trouble);
    w.dj(say(task, "Please merge."));
    assert!(w.inbox(task).is_empty());
    let run = w.run_of(task);
    assert!(w.effects().contains(&Effect::Deliver { task, run, prompt: 2 }));
}

#[test]
fn a_conflict_waits_for_a_person_when_the_agent_is_gone() {
    let mut w = World::new();
    let task = merging(&mut w);
    w.end(task);
    w.merge(task, conflict(&["a"]));
    assert_eq!(w.item(task).kind, ItemKind::Trouble);
    assert_eq!(w.sees(task), TaskState::Waiting, "no ghost runs");
}

#[test]
fn a_merge_that_could_not_be_tried_is_trouble_and_can_be_tried_again() {
    let mut w = World::new();
    let task = merging(&mut w);
    w.merge(task, MergeOutcome::Failed { why: "disk full".into() });
    assert!(w.item(task).note.raw().contains("disk full"));
    w.dj(Request::Judge { task });
    assert_eq!(w.task(task).stage, Stage::Turned);
    assert!(w.inbox(task).is_empty());
}

#[test]
fn a_merge_can_be_aborted_and_its_late_outcome_changes_nothing() {
    let mut w = World::new();
    let task = merging(&mut w);
    let op = w.landing_op(task);
    w.dj(Request::Abort { task });
    let outcome = MergeOutcome::Merged(merged(&w, task));
    assert!(w.report(Report::Merge { task, op, outcome }).is_empty());
    w.end(task);
    assert_eq!(w.sees(task), TaskState::Stopped);
}

#[test]
fn an_agent_that_goes_on_by_itself_voids_the_approval() {
    let mut w = World::new();
    let task = w.waiting();
    let (item, run) = (w.item(task), w.run_of(task));
    assert_eq!(w.report(Report::WentOn { run }), ["task.answered", "run.went-on"]);
    assert_eq!(w.refused(approve(&item)).class, Class::Input);
    assert_eq!(w.turn(task), ["run.turned"]);
}

#[test]
fn a_prompt_of_unknown_fate_is_no_matter_once_the_agent_is_gone() {
    let mut w = World::new();
    let task = w.started();
    w.prepare(task);
    w.dj(Request::Judge { task });
    w.delivery(task, 1, Delivery::Typing);
    w.delivery(task, 1, Delivery::Uncertain);
    w.snapshot(task, "tree-1");
    w.gate(task, vec![pass("test")]);
    assert_eq!(w.inbox(task), [ItemKind::Delivery, ItemKind::Approval]);
    w.end(task);
    assert_eq!(w.inbox(task), [ItemKind::Approval]);
    w.approve(task);
    w.land(task, landed());
    assert!(w.inbox(task).is_empty());
}

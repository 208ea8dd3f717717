//! The check `human`: what only a person can vouch for, attested with the approval and by nobody
//! else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/model.rs"]
mod support;

use monban::base::foreign::Foreign;
use monban::base::id::TaskId;
use monban::model::command::{LandingOutcome, MergeOutcome, Request};
use monban::model::event::{Event, LandingEvent};
use monban::model::item::ItemKind;
use monban::model::rejection::Class;
use monban::model::task::TaskState;
use monban::model::verdict::{Outcome, Verdict};
use support::*;

const PHONE: &str = "I ran it on a phone";
const DOCS: &str = "the manual says so";

fn words(statements: &[&str]) -> Vec<Foreign> {
    statements.iter().map(|statement| Foreign::new(*statement)).collect()
}

fn human(statements: &[&str]) -> Verdict {
    Verdict::waiting("human", words(statements))
}

/// A task whose gate is green but for a person.
fn waiting_for(w: &mut World, statements: &[&str]) -> TaskId {
    let task = w.checking();
    w.gate(task, vec![pass("test"), human(statements)]);
    task
}

fn attest(w: &World, task: TaskId, statements: &[&str]) -> Request {
    let item = w.item(task);
    Request::Approve { item: item.id, digest: item.digest(), attested: words(statements) }
}

/// What the last gate run says of the person's check.
fn said(w: &World, task: TaskId) -> Verdict {
    let gate = w.attempt(task).gates.last().unwrap();
    gate.verdicts.as_ref().unwrap().last().unwrap().clone()
}

#[test]
fn what_waits_for_a_person_fails_nothing_and_is_no_pass() {
    let mut w = World::new();
    let task = waiting_for(&mut w, &[PHONE, DOCS]);
    assert_eq!((w.sees(task), w.inbox(task)), (TaskState::Waiting, vec![ItemKind::Approval]));
    assert_eq!(w.item(task).note.raw(), "2 files +30 -4; you attest 2 statements");
    let verdict = said(&w, task);
    assert_eq!((verdict.outcome, w.halt()), (Outcome::Waiting, None));
    assert_eq!(verdict.reason.raw(), "2 statements for a person to attest with the approval");
}

#[test]
fn a_gate_that_is_red_before_it_fails_whatever_a_person_could_say() {
    let mut w = World::new();
    let task = w.checking();
    w.gate(task, vec![fail("test"), not_run("human")]);
    assert!(w.halt().is_some() && w.inbox(task).is_empty());
    let mut w = World::new();
    let task = w.checking();
    w.gate(task, vec![human(&[])]);
    assert!(w.halt().is_some(), "a person's word alone judges nothing");
}

#[test]
fn every_statement_is_attested_or_nothing_is_approved() {
    let mut w = World::new();
    let task = waiting_for(&mut w, &[PHONE, DOCS]);
    let bare = w.refused(attest(&w, task, &[]));
    assert_eq!(bare.class, Class::Input);
    let both = "not attested: 1 \"I ran it on a phone\", 2 \"the manual says so\"";
    assert!(bare.why.starts_with(both), "{bare}");
    let half = w.refused(attest(&w, task, &[PHONE, PHONE]));
    assert!(half.why.starts_with("not attested: 2 \"the manual says so\""), "{half}");
    assert!(half.cure.contains("--attest 2") && !half.cure.contains("--attest 1"), "{half}");
    let other = w.refused(attest(&w, task, &[PHONE, DOCS, "it \u{202e}works"]));
    assert_eq!(other.class, Class::Input);
    assert!(other.why.starts_with("\"it \\u{202e}works\" is not a statement"), "{other}");
    w.dj(attest(&w, task, &[DOCS, PHONE]));
    assert_eq!(w.sees(task), TaskState::Landing);
}

#[test]
fn who_attested_what_and_for_which_digest_is_on_record_and_shown() {
    let mut w = World::new();
    let task = waiting_for(&mut w, &[PHONE, DOCS]);
    let signed = w.item(task).digest();
    w.pass(90);
    w.dj(attest(&w, task, &[PHONE, DOCS]));
    let approved = w.log.iter().find_map(|(at, event)| match event {
        Event::Landing(LandingEvent::Approved { digest, by, attested, .. }) => {
            Some((*at, digest.clone(), by.clone(), attested.clone()))
        }
        _ => None,
    });
    assert_eq!(approved, Some((w.now, signed.clone(), "dj".into(), words(&[PHONE, DOCS]))));
    let verdict = said(&w, task);
    assert_eq!(verdict.outcome, Outcome::Pass);
    assert_eq!(verdict.reason.raw(), format!("attested by dj at {}", w.now));
    let attestation = verdict.attestation.unwrap();
    assert_eq!(attestation.statements, words(&[PHONE, DOCS]));
    assert_eq!(attestation.given.map(|given| (given.at, given.digest)), Some((w.now, signed)));
}

#[test]
fn without_statements_the_approval_itself_is_what_is_asked_for() {
    let mut w = World::new();
    let task = waiting_for(&mut w, &[]);
    assert_eq!(said(&w, task).reason.raw(), "waits for a person's approval");
    w.refused(attest(&w, task, &[PHONE]));
    w.approve(task);
    assert!(said(&w, task).reason.raw().starts_with("attested by dj at"));
}

#[test]
fn what_was_attested_counts_for_the_digest_it_was_given_with_alone() {
    let mut w = World::new();
    let task = waiting_for(&mut w, &[PHONE]);
    let first = attest(&w, task, &[PHONE]);
    w.dj(Request::Judge { task });
    w.gate(task, vec![pass("test"), human(&[PHONE])]);
    let Request::Approve { digest, attested, .. } = first else { unreachable!() };
    let stale = w.refused(Request::Approve { item: w.item(task).id, digest, attested });
    assert!(stale.why.starts_with("stale: the gate runs changed"), "{stale}");
    assert_eq!(said(&w, task).outcome, Outcome::Waiting);

    // What could not land is approved anew, and so is what is attested.
    w.dj(attest(&w, task, &[PHONE]));
    let kept =
        LandingOutcome::Kept { reference: "refs/monban/ready/1".into(), why: "dirty".into() };
    w.land(task, kept);
    assert_eq!(said(&w, task).outcome, Outcome::Waiting);
    w.refused(attest(&w, task, &[]));

    // On a moved base it is another result.
    w.dj(attest(&w, task, &[PHONE]));
    w.land(task, LandingOutcome::BaseMoved { base: "base-2".into() });
    let merged = snapshot(w.next_snapshot(task), "base-2", "merged-tree");
    w.merge(task, MergeOutcome::Merged(merged));
    w.gate(task, vec![pass("test"), human(&[PHONE])]);
    assert_eq!(said(&w, task).outcome, Outcome::Waiting);
    w.refused(attest(&w, task, &[]));
    w.dj(attest(&w, task, &[PHONE]));
    assert_eq!(w.sees(task), TaskState::Landing);
}

#[test]
fn with_nobody_there_it_waits_and_no_report_attests_it() {
    let mut w = World::deserted();
    w.dj(Request::Vouch { until: w.now.plus(std::time::Duration::from_secs(60)) });
    let task = waiting_for(&mut w, &[PHONE]);
    w.pass(3600);
    assert!(w.effects().iter().all(|effect| !format!("{effect:?}").contains("Land")));
    // A gate that reports its own attestation is late: only an approval asks for it now.
    let mut forged = w.attempt(task).gates.last().unwrap().clone();
    let (by, digest) = (Foreign::new("dj"), w.item(task).digest());
    forged.attest(Some(&monban::model::verdict::Given { by, at: w.now, digest }));
    w.gate(task, forged.verdicts.unwrap());
    assert_eq!((w.sees(task), said(&w, task).outcome), (TaskState::Waiting, Outcome::Waiting));
}

//! Approving, rejecting, and what comes of a landing.

use super::judge::{at_stage, binds, item, refuse_halted};
use super::run::{live_run, prompt, wanted, way_on};
use super::tasks::queue;
use super::{Context, Decision, end};
use crate::base::foreign::Foreign;
use crate::base::id::{ItemId, OpId, TaskId};
use crate::model::attempt::{Attempt, PromptWhy, Snapshot, StopWhy};
use crate::model::checkpoint::Moment;
use crate::model::command::{LandingOutcome, MergeOutcome};
use crate::model::event::{Event, FinalEnd, LandingEvent, RunEvent, TaskEvent};
use crate::model::item::{Closed, Item, ItemKind};
use crate::model::rejection::Rejection;
use crate::model::task::{Stage, Task};
use crate::model::verdict::{Binds, GateRun};

/// How much of a digest is said back to whoever gave it.
const DIGEST_CHARS_SHOWN: usize = 16;
/// How many files in conflict an agent is told by name.
const CONFLICTS_NAMED_MAX: usize = 100;

pub(super) fn approve(
    context: Context<'_>,
    id: ItemId,
    (digest, attested): (&str, &[Foreign]),
    who: &str,
) -> Decision {
    let (item, task) = waiting(context, id)?;
    if item.kind == ItemKind::Alarm {
        let (how, by) = (Closed::Acknowledged, Some(who.to_string()));
        return Ok(vec![Event::Task(TaskEvent::Answered { item: id, how, by })]);
    }
    let Some(binds) = &item.binds else {
        return Err(Rejection::refused(format!("{id} is not an approval"), answer(item, task)));
    };
    if digest.is_empty() {
        return Err(Rejection::input(
            "an approval names the digest of what was looked at",
            "`monban inbox` shows it: add `--bind DIGEST`",
        ));
    }
    if binds.digest() != digest {
        return Err(stale(task, binds, digest));
    }
    let mut others = context.state.items_of(task.id);
    if let Some(alarm) = others.find(|item| item.kind == ItemKind::Alarm) {
        let alarm = alarm.id;
        return Err(Rejection::refused(
            format!("task {} raised an alarm that nobody has looked at: {alarm}", task.id),
            format!("`monban inbox` says what changed; then `monban approve {alarm}`"),
        ));
    }
    refuse_halted(context, task)?;
    if binds.policy != context.settings.policy {
        return Err(Rejection::refused(
            "the policy changed since this result was judged; the approval is void",
            format!("judge it again: `monban gates {} --rerun`", task.id),
        ));
    }
    let lands_on = context.state.repo_of(task).map(|repo| &repo.base);
    if lands_on != Some(&binds.branch) {
        return Err(Rejection::refused(
            "the base branch is another one since this result was judged; the approval is void",
            format!("judge it again: `monban gates {} --rerun`", task.id),
        ));
    }
    if task.stage != Stage::Waiting {
        return Err(Rejection::refused(
            format!("task {} is {}, not waiting", task.id, task.state()),
            format!("`monban show {}` says where it stands", task.id),
        ));
    }
    let (by, op) = (who.to_string(), context.state.next_op());
    if let Some(base) = context.state.moved_base(item) {
        // It would not land: nothing is signed before it was judged on what the base holds now.
        let (how, by, base) = (Closed::Stale, Some(by), base.to_string());
        return Ok(vec![
            Event::Task(TaskEvent::Answered { item: id, how, by }),
            Event::Landing(LandingEvent::BaseMoved { task: task.id, op, base }),
        ]);
    }
    let attested = attested_all(task, id, attested)?;
    let (task, digest) = (task.id, digest.into());
    Ok(vec![
        Event::Task(TaskEvent::Answered { item: id, how: Closed::Approved, by: Some(by.clone()) }),
        Event::Landing(LandingEvent::Approved { task, op, digest, by, attested }),
    ])
}

/// The statements of the gate, all of which the person has to attest word by word, and no others.
fn attested_all(task: &Task, id: ItemId, given: &[Foreign]) -> Result<Vec<Foreign>, Rejection> {
    let gate = task.attempt().and_then(|attempt| attempt.gates.last());
    let asked: Vec<&Foreign> = gate.into_iter().flat_map(GateRun::statements).collect();
    if let Some(other) = given.iter().find(|statement| !asked.contains(statement)) {
        return Err(Rejection::input(
            format!("\"{other}\" is not a statement of the gate: nothing was approved"),
            format!("`monban inbox` lists those of {id}"),
        ));
    }
    let is_missing = |(_, it): &(usize, &&Foreign)| !given.contains(it);
    let missing: Vec<(usize, &&Foreign)> = (1..).zip(&asked).filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(asked.into_iter().cloned().collect());
    }
    let named: Vec<String> = missing.iter().map(|(n, it)| format!("{n} \"{it}\"")).collect();
    let flags: Vec<String> = missing.iter().map(|(n, _)| format!("--attest {n}")).collect();
    let (named, flags) = (named.join(", "), flags.join(" "));
    Err(Rejection::input(
        format!("not attested: {named}; nothing was approved"),
        format!("if each is so, add {flags} to the approval; a dashboard asks for each"),
    ))
}

/// The refusal of a digest that is not the current one, saying what changed where that is known.
fn stale(task: &Task, now: &Binds, digest: &str) -> Rejection {
    let why = match signed_before(task, digest) {
        Some(old) => format!("stale: the {} changed since", old.changed(now).join(", ")),
        None => {
            let digest: String = digest.chars().take(DIGEST_CHARS_SHOWN).collect();
            let digest = Foreign::new(digest);
            format!("{digest} is not the digest of what waits now: nothing was approved")
        }
    };
    let cure = format!("look again: `monban diff {}` and `monban inbox`", task.id);
    Rejection::refused(why, cure)
}

/// What a digest of an earlier gate run of the task stood for.
fn signed_before(task: &Task, digest: &str) -> Option<Binds> {
    let of_attempt =
        |attempt: &Attempt| attempt.gates.iter().filter_map(|gate| binds(attempt, gate)).collect();
    let mut all = task.attempts.iter().rev().flat_map::<Vec<Binds>, _>(of_attempt);
    all.find(|binds| binds.digest() == digest)
}

pub(super) fn reject(context: Context<'_>, id: ItemId, reason: &str, who: &str) -> Decision {
    let (item, task) = waiting(context, id)?;
    if item.kind != ItemKind::Approval {
        return Err(Rejection::refused(
            format!("{id} is not a result that could be rejected"),
            match item.kind {
                ItemKind::Alarm => format!("`monban approve {id}` says that you have seen it"),
                _ => answer(item, task),
            },
        ));
    }
    if reason.trim().is_empty() {
        return Err(Rejection::input("a rejection needs a reason", "add `--reason`"));
    }
    let by = Some(who.to_string());
    let answered = Event::Task(TaskEvent::Answered { item: id, how: Closed::Rejected, by });
    if task.reverts.is_some() {
        return Ok(vec![answered, Event::Task(TaskEvent::Stopped { task: task.id })]);
    }
    let mut events = vec![answered];
    let typed = prompt(context, task, reason, PromptWhy::Rejected)?;
    events.extend(typed.into_iter().filter(|event| matches!(event, Event::Run(_))));
    if let Some(gate) = task.gate.as_ref().filter(|_| live_run(task).is_err()) {
        // The next attempt, in the same worktree, is told what this one was not.
        events.extend(end::finished(context, task, FinalEnd::Stopped));
        events.push(queue(context, task, gate, true, who)?);
    }
    Ok(events)
}

/// How an item is answered that is neither a result nor an alarm.
fn answer(item: &Item, task: &Task) -> String {
    let id = task.id;
    match item.kind.is_live() {
        true => format!("answer the agent in its pane: `monban screen {id}`, then `monban send`"),
        false => way_on(task),
    }
}

fn waiting(context: Context<'_>, id: ItemId) -> Result<(&Item, &Task), Rejection> {
    let item = context.state.items.get(&id);
    let found = item.and_then(|item| Some((item, context.state.task(item.task)?)));
    found.ok_or_else(|| {
        let approved = context.state.tasks.values().find(|task| task.approved == Some(id));
        approved.map_or_else(
            || {
                Rejection::input(
                    format!("nothing waits as {id}"),
                    "`monban inbox` lists what waits",
                )
            },
            |task| already(task, &format!("{id} was approved already: ")),
        )
    })
}

/// The refusal of one more decision about a result that was approved.
fn already(task: &Task, before: &str) -> Rejection {
    let id = task.id;
    let what = match (&task.landed, &task.already_in) {
        (Some(commit), _) => format!("landed already as {commit}"),
        (None, Some(base)) => format!("has nothing left to land: all of it is in {base} already"),
        (None, None) => format!("is {}", task.state()),
    };
    let cure = format!("`monban show {id}` says where it stands");
    Rejection::refused(format!("{before}task {id} {what}"), cure)
}

pub(super) fn outcome(
    context: Context<'_>,
    id: TaskId,
    op: OpId,
    outcome: &LandingOutcome,
) -> Vec<Event> {
    let Some(task) = at_stage(context, id, |stage| *stage == Stage::Landing { op }) else {
        return Vec::new();
    };
    match outcome {
        LandingOutcome::Landed { commit } => {
            let commit = commit.clone();
            let mut events = vec![Event::Landing(LandingEvent::Landed { task: id, commit })];
            events.extend(end::finished(context, task, FinalEnd::Success));
            events.extend(end::stop_run(task, StopWhy::Landed));
            events
        }
        LandingOutcome::Kept { reference, why } => {
            let note = format!("approved, kept at {reference}: {why}; approve again when mended");
            let (reference, why) = (reference.clone(), Foreign::new(why.clone()));
            let kept = Event::Landing(LandingEvent::Kept { task: id, reference, why });
            vec![kept, again(context, task, &note)]
        }
        LandingOutcome::BaseMoved { base } => {
            let base = base.clone();
            vec![Event::Landing(LandingEvent::BaseMoved { task: id, op, base })]
        }
        LandingOutcome::Failed { why } => {
            let (reference, why) = (String::new(), Foreign::new(why.clone()));
            let note = format!("the landing failed: {}; approve again when mended", why.raw());
            let kept = Event::Landing(LandingEvent::Kept { task: id, reference, why });
            vec![kept, again(context, task, &note)]
        }
    }
}

/// The same approval once more: nothing of what it binds has changed.
fn again(context: Context<'_>, task: &Task, note: &str) -> Event {
    let binds = task.attempt().and_then(|attempt| binds(attempt, attempt.gates.last()?));
    item(context, task, ItemKind::Approval, note, binds)
}

pub(super) fn merge(
    context: Context<'_>,
    id: TaskId,
    op: OpId,
    outcome: &MergeOutcome,
) -> Vec<Event> {
    let merging = |stage: &Stage| matches!(stage, Stage::Merging { op: of, .. } if *of == op);
    let Some(task) = at_stage(context, id, merging) else { return Vec::new() };
    match outcome {
        MergeOutcome::Merged(snapshot) => {
            let taken = Moment::Decision;
            let snapshot = Snapshot { taken, ..snapshot.clone() };
            vec![Event::Landing(LandingEvent::Merged { task: id, snapshot })]
        }
        MergeOutcome::Nothing { base } => {
            let base = base.clone();
            let mut events = vec![Event::Landing(LandingEvent::NothingLeft { task: id, base })];
            events.extend(end::finished(context, task, FinalEnd::Success));
            events.extend(end::stop_run(task, StopWhy::Landed));
            events
        }
        // There is nobody to whom it could go back.
        MergeOutcome::Conflict { base, files } if task.reverts.is_some() => {
            let why = format!("it conflicts with {base} in these files:\n{}", listed(files));
            end::fail(context, task, why)
        }
        MergeOutcome::Failed { why } if task.reverts.is_some() => {
            let why = format!("it could not be merged with the new base: {why}");
            end::fail(context, task, why)
        }
        MergeOutcome::Conflict { base, files } => {
            let text = conflict_prompt(base, files);
            let (base, files) = (base.clone(), files.clone());
            let mut events = vec![Event::Landing(LandingEvent::Conflict { task: id, base, files })];
            let attended =
                context.state.repo_of(task).is_some_and(|repo| context.is_attended(repo));
            // No prompt starts with nobody there: then a person sends it.
            if attended && live_run(task).is_ok() {
                events.push(wanted(task, &text, PromptWhy::Conflict));
            } else {
                events.push(item(context, task, ItemKind::Trouble, &text, None));
            }
            events
        }
        MergeOutcome::Failed { why } => {
            let note = format!("the result could not be merged with the new base: {why}");
            vec![
                Event::Run(RunEvent::WentOn { task: id }),
                item(context, task, ItemKind::Trouble, &note, None),
            ]
        }
    }
}

/// The files in conflict, one in a line.
fn listed(files: &[Foreign]) -> String {
    let named = files.iter().take(CONFLICTS_NAMED_MAX);
    let mut list: Vec<String> = named.map(|file| format!("- {}", file.shown())).collect();
    if files.len() > CONFLICTS_NAMED_MAX {
        list.push(format!("- and {} more", files.len() - CONFLICTS_NAMED_MAX));
    }
    list.join("\n")
}

fn conflict_prompt(base: &str, files: &[Foreign]) -> String {
    format!(
        "The base branch moved to {base} and your change conflicts with it in these files:\n{}\n\
         Merge that commit into your branch (git merge {base}), solve the conflicts, and make sure \
         that your task is still done.",
        listed(files)
    )
}

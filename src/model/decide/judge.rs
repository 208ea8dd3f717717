//! Judging: snapshots, gates and what their verdicts mean.

use super::person::{repo, task};
use super::run::no_undo_under_way;
use super::{Context, Decision, end};
use crate::base::clock::Timestamp;
use crate::base::count::count;
use crate::base::foreign::Foreign;
use crate::base::id::{RunId, TaskId};
use crate::model::attempt::{Attempt, Delivery, Snapshot};
use crate::model::checkpoint::Moment;
use crate::model::event::{Event, JudgeEvent, RunEvent, TaskEvent};
use crate::model::item::{Item, ItemKind};
use crate::model::rejection::Rejection;
use crate::model::task::{Reverts, Stage, Task};
use crate::model::verdict::{Binds, GateRun, Outcome, Tool, Verdict};

/// A person wants judgement now: of the worktree while the agent runs or after the task ended, of
/// the last snapshot while it waits.
pub(super) fn ask(context: Context<'_>, id: TaskId, who: &str) -> Decision {
    let task = task(context, id)?;
    refuse_halted(context, task)?;
    no_undo_under_way(task)?;
    let by = who.to_string();
    let event = match task.stage {
        Stage::Failed | Stage::Stopped if task.left_work() => {
            Event::Run(RunEvent::Turned { task: id, by: Some(by) })
        }
        Stage::Failed | Stage::Stopped => return Err(nothing_left(task)),
        Stage::Running => Event::Run(RunEvent::Turned { task: id, by: Some(by) }),
        Stage::Waiting => Event::Judge(JudgeEvent::Again { task: id, by }),
        Stage::Stopping => {
            return Err(Rejection::refused(
                format!("task {id} is being stopped"),
                format!("wait until `monban show {id}` says stopped; then its work can be judged"),
            ));
        }
        Stage::Preparing => {
            return Err(Rejection::refused(
                format!("task {id} is being prepared; its agent has not begun"),
                format!("wait until `monban show {id}` says that the agent works"),
            ));
        }
        _ => {
            return Err(Rejection::refused(
                format!("task {id} is {}; it can be judged while it runs or waits", task.state()),
                format!("`monban show {id}` says where it stands"),
            ));
        }
    };
    let mut events = end::close_items(context, id, end::of_work);
    events.push(event);
    Ok(events)
}

/// The refusal to judge an ended task whose worktree was taken back, or was never made.
fn nothing_left(task: &Task) -> Rejection {
    let id = task.id;
    let why = format!("task {id} is {} and left nothing that could be judged", task.state());
    let cure = match (task.undoable(), &task.reverts) {
        (Some(rollback), _) => {
            format!("`monban rollback --undo {}` brings back what it made", rollback.op)
        }
        (None, Some(Reverts { task, .. })) => format!("`monban revert {task}` makes it anew"),
        (None, None) => format!("`monban task retry {id}` starts it again"),
    };
    Rejection::refused(why, cure)
}

/// Refuses whatever would start while a failure halts the task's repository.
pub(super) fn refuse_halted(context: Context<'_>, task: &Task) -> Result<(), Rejection> {
    let repo = repo(context, task.repo)?;
    let Some(halt) = &repo.halt else { return Ok(()) };
    let path = Foreign::new(repo.path.display().to_string());
    Err(Rejection::refused(
        format!("{path} is halted since task {} failed: {}", halt.task, halt.cause),
        "look at it, then lift the halt there with `monban resume`",
    )
    .by_rule("A-017"))
}

pub(super) fn snapshot_taken(
    context: Context<'_>,
    id: TaskId,
    (attempt, number): (u32, u32),
    result: &Result<Option<Snapshot>, String>,
) -> Vec<Event> {
    let task = at_stage(context, id, |stage| *stage == Stage::Turned);
    let is_next = |task: &&Task| {
        task.attempt().is_some_and(|a| (a.number, a.next_snapshot) == (attempt, number))
    };
    let Some(task) = task.filter(is_next) else { return Vec::new() };
    match result {
        Ok(Some(snapshot)) => {
            let taken = moment(task);
            let snapshot = Snapshot { taken, ..snapshot.clone() };
            vec![Event::Judge(JudgeEvent::Snapshot { task: id, snapshot })]
        }
        Ok(None) => {
            let note = format!("the agent finished without changing anything{}", missed(task));
            vec![
                Event::Judge(JudgeEvent::Unchanged { task: id }),
                item(context, task, ItemKind::NothingChanged, &note, None),
            ]
        }
        Err(why) => {
            let note = format!("no snapshot could be taken: {why}");
            vec![
                Event::Run(RunEvent::WentOn { task: id }),
                item(context, task, ItemKind::Trouble, &note, None),
            ]
        }
    }
}

/// What a result is taken for: the agent finished its turn, or a person did not wait for that.
fn moment(task: &Task) -> Moment {
    let prompts = task.attempt().map(|attempt| attempt.prompts.as_slice()).unwrap_or_default();
    let last = prompts.iter().rev().find(|prompt| prompt.delivery != Delivery::Wanted);
    if last.is_some_and(|prompt| prompt.is_turned) { Moment::Turn } else { Moment::Decision }
}

pub(super) fn gate_finished(
    context: Context<'_>,
    id: TaskId,
    run: RunId,
    (verdicts, toolchain): (&[Verdict], &[Tool]),
) -> Vec<Event> {
    let Some(task) = at_stage(context, id, |stage| *stage == Stage::Checking) else {
        return Vec::new();
    };
    let Some(attempt) = task.attempt() else { return Vec::new() };
    let Some(gate) = attempt.gates.last().filter(|gate| gate.run == run) else {
        return Vec::new();
    };
    let verdicts = mark_flaky(task, gate, verdicts);
    let judged = GateRun { verdicts: Some(verdicts.clone()), ..gate.clone() };
    let toolchain = toolchain.to_vec();
    let finished = JudgeEvent::Finished { task: id, run, verdicts, toolchain };
    let mut events = vec![Event::Judge(finished)];
    match (judged.first_red(), binds(attempt, &judged)) {
        (None, Some(binds)) if judged.is_green() => {
            events.push(item(
                context,
                task,
                ItemKind::Approval,
                &summary(task, attempt, &judged),
                Some(binds),
            ));
        }
        (Some(red), _) => events.extend(end::fail(context, task, red_summary(red))),
        (None, _) => events.extend(end::fail(context, task, unjudged(&judged))),
    }
    events
}

/// An agent that works for longer than it may is stopped, by the same check and the same count as
/// at the end of its turn. One that stopped working by itself is judged there.
pub(super) fn overtime(
    context: Context<'_>,
    task: &Task,
    since: Timestamp,
    verdict: &Verdict,
) -> Vec<Event> {
    let attempt = task.attempt();
    let Some(run) = attempt.and_then(|of| of.run.as_ref()).filter(|run| run.stop.is_none()) else {
        return Vec::new();
    };
    let is_at_work = attempt.is_some_and(|attempt| attempt.worked.since == Some(since));
    if !task.agent_works_on() || !is_at_work {
        return Vec::new();
    }
    let (run, red) = (run.id, red_summary(verdict));
    let verdict = Box::new(verdict.clone());
    let mut events = vec![Event::Judge(JudgeEvent::Breached { task: task.id, run, verdict })];
    let why = format!("{red}; its agent was stopped in the middle of its turn");
    events.extend(end::fail(context, task, why));
    events
}

/// The same tree under the same gate must give the same outcome of a command, in whichever attempt;
/// where it does not, the check is flaky, and flaky is never green. A check without a command
/// depends on more than the tree (the base, what the attempt used) and on nothing that varies.
fn mark_flaky(task: &Task, gate: &GateRun, verdicts: &[Verdict]) -> Vec<Verdict> {
    let before = |verdict: &Verdict| {
        task.attempts
            .iter()
            .flat_map(|attempt| &attempt.gates)
            .filter(|other| other.tree == gate.tree && other.gate_hash == gate.gate_hash)
            .flat_map(|other| other.verdicts.iter().flatten())
            .any(|other| {
                other.check == verdict.check
                    && other.outcome != verdict.outcome
                    && other.outcome != Outcome::NotRun
            })
    };
    let mark = |verdict: &Verdict| {
        let mut verdict = verdict.clone();
        let is_command = verdict.command.is_some();
        if is_command && verdict.outcome == Outcome::Pass && before(&verdict) {
            verdict.outcome = Outcome::Fail;
            verdict.reason = Foreign::new("flaky: the same tree gave another result before");
        }
        verdict
    };
    verdicts.iter().map(mark).collect()
}

/// What an approval of a gate run's tree signs.
pub(super) fn binds(attempt: &Attempt, gate: &GateRun) -> Option<Binds> {
    let snapshot = attempt.snapshots.iter().find(|snapshot| snapshot.number == gate.snapshot)?;
    Some(Binds {
        branch: gate.branch.clone(),
        base: snapshot.base.clone(),
        head: snapshot.commit.clone(),
        tree: snapshot.tree.clone(),
        diff_sha256: snapshot.diff_sha256.clone(),
        gate_runs: vec![gate.run],
        gate_hash: gate.gate_hash.clone(),
        policy: gate.policy.clone(),
    })
}

fn summary(task: &Task, attempt: &Attempt, gate: &GateRun) -> String {
    let asked = match gate.statements().count() as u64 {
        0 => String::new(),
        asked => format!("; you attest {}", count(asked, "statement")),
    };
    attempt.result().map_or_else(String::new, |snapshot| {
        let Snapshot { files, added, deleted, .. } = snapshot;
        format!("{} +{added} -{deleted}{asked}{}", count(*files, "file"), missed(task))
    })
}

/// What a person has to know of prompts that never reached their agent.
fn missed(task: &Task) -> String {
    let prompts = task.attempt().map(|attempt| attempt.prompts.as_slice()).unwrap_or_default();
    let missed = prompts.iter().filter(|prompt| prompt.delivery == Delivery::Missed);
    let numbers: Vec<String> = missed.map(|prompt| prompt.number.to_string()).collect();
    if numbers.is_empty() {
        return String::new();
    }
    format!("; prompt {} never reached the agent, which had ended", numbers.join(", "))
}

/// Why a gate in which no check failed is not green all the same.
fn unjudged(gate: &GateRun) -> &'static str {
    match gate.verdicts.as_deref() {
        None | Some([]) => "the gate gave no verdict: it has no check that could pass",
        Some(_) if !gate.is_green() => {
            "no check passed: a person's word alone lets nothing land; name one that can pass \
             under [gates] checks"
        }
        Some(_) => "what was judged is not on record any more",
    }
}

fn red_summary(verdict: &Verdict) -> String {
    let word = if verdict.outcome == Outcome::NotRun { "did not run" } else { "failed" };
    format!("{} {word}: {}", verdict.check, verdict.reason.raw())
}

/// The task, if it still is where a report says.
pub(super) fn at_stage<'a>(
    context: Context<'a>,
    id: TaskId,
    fits: impl Fn(&Stage) -> bool,
) -> Option<&'a Task> {
    context.state.task(id).filter(|task| fits(&task.stage))
}

/// The event that puts something into the inbox.
pub(super) fn item(
    context: Context<'_>,
    task: &Task,
    kind: ItemKind,
    note: &str,
    binds: Option<Binds>,
) -> Event {
    let item = Item {
        id: context.state.next_item(),
        task: task.id,
        kind,
        note: Foreign::new(note),
        details: Vec::new(),
        binds,
        since: context.now,
    };
    Event::Task(TaskEvent::Asked { item })
}

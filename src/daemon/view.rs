//! What people and scripts are shown: the state as JSON rows. Fields are only ever added.

use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use crate::base::id::{RepoId, RunId, TaskId};
use crate::model::attempt::{AgentState, AgentStatus, Attempt, Delivery, Place, Rollback};
use crate::model::checkpoint::{Moment, Point};
use crate::model::core::Core;
use crate::model::item::{Item, ItemKind};
use crate::model::state::{Halt, Repo, State};
use crate::model::task::{Stage, Task};
use crate::model::verdict::{GateRun, Verdict, by_rules};
use crate::runner::MARKER_VARIABLE;
use crate::store::Problem;
use serde_json::{Value, json};

/// How many findings stand in an item, besides the first of each rule.
const FINDINGS_MAX: usize = 10;

/// What rows say of the machine and the moment.
#[derive(Clone)]
pub struct Here {
    /// The name of this machine.
    pub node: String,
    /// The time. Without it rows have no ages: then they change only when the state does.
    pub now: Option<Timestamp>,
}

/// The rows of `ls`.
pub fn list(core: &Core, repo: Option<RepoId>, here: &Here) -> Value {
    let tasks = core.state.tasks.values();
    let tasks = tasks.filter(|task| repo.is_none_or(|repo| task.repo == repo));
    tasks.map(|task| row(core, task, here)).collect()
}

/// The heading of `ls`: where the repository stands.
pub fn repository(state: &State, repo: &Repo) -> Value {
    let mut heading = json!({
        "path": repo.path,
        "base": repo.base,
        "halted": repo.halt.as_ref().map(|halt| json!({
            "task": halt.task, "cause": halt.cause, "since": halt.at,
        })),
        "held": repo.hold,
    });
    if let (Value::Object(heading), Value::Object(people)) = (&mut heading, attended(state)) {
        heading.extend(people);
    }
    heading
}

/// Who is there, wherever they look.
pub fn attended(state: &State) -> Value {
    let people: Vec<&String> = state.presence.people.keys().collect();
    json!({
        "attended_by": people,
        "vouched": state.presence.vouched.as_ref().map(|word| json!({
            "by": word.person, "until": word.until,
        })),
    })
}

fn row(core: &Core, task: &Task, here: &Here) -> Value {
    let state = &core.state;
    let attempt = task.attempt();
    let place = attempt.and_then(|attempt| attempt.place.as_ref());
    let run = attempt.and_then(|attempt| attempt.run.as_ref());
    let snapshot = attempt.and_then(Attempt::result);
    let waits: Vec<ItemKind> = state.items_of(task.id).map(|item| item.kind).collect();
    json!({
        "id": task.id,
        "title": task.spec.title,
        "kind": task.spec.kind,
        "agent": task.spec.agent,
        "node": here.node,
        "state": task.state(),
        "since": task.since,
        "status": run.map(|run| status(&run.status, run.paused, here.now)),
        "attempt": attempt.map(|attempt| attempt.number),
        "run": run.map(|run| run.id),
        "worktree": place.map(|place| &place.worktree),
        "branch": place.map(|place| &place.branch),
        "base": snapshot.map(|result| &result.base).or(place.map(|place| &place.base)),
        "head": snapshot.map(|snapshot| &snapshot.commit),
        "verdicts": attempt.and_then(Attempt::last_judged).map(verdicts),
        "needs_you": !waits.is_empty(),
        "waits_for": waits,
        "failure": task.failure,
        "rollbacks": attempt.map(|attempt| rollbacks(task, attempt)),
        "landed": task.landed,
        "after": task.spec.after,
        "repository": core.state.repo_of(task).map(|repo| json!({ "path": repo.path })),
        "already_in_base": task.already_in,
        "reverts": task.reverts,
        "queued_behind": queued_behind(core, task),
        "gauges": snapshot.map(|snapshot| json!({
            "changed_files": snapshot.files,
            "changed_lines": snapshot.added + snapshot.deleted,
        })),
    })
}

/// What a queued task waits for, in words that follow "waits for".
pub fn queued_behind(core: &Core, task: &Task) -> Option<String> {
    let state = &core.state;
    let repo = state.repo_of(task).filter(|_| task.stage == Stage::Queued)?;
    let before = task.spec.after.iter().filter_map(|id| state.task(*id));
    let before = before.into_iter().find(|before| before.stage != Stage::Done);
    let (active, places) = (state.active_count(), core.settings.max_agents);
    match before {
        _ if repo.halt.is_some() => Some("the end of the halt (`monban resume`)".into()),
        Some(before) => Some(format!("task {}, which is {}", before.id, before.state())),
        None if active >= places => Some(format!("a place: {active} of {places} agents are there")),
        None => repo.hold.as_ref().map(|_| "somebody to be there (`monban resume`)".into()),
    }
}

/// An agent's status with its source, since when it has it, and its age.
fn status(status: &AgentStatus, paused: bool, now: Option<Timestamp>) -> Value {
    let (state, kind) = match status.state {
        AgentState::BlockedPermission => ("blocked", Some("permission")),
        AgentState::BlockedQuestion => ("blocked", Some("question")),
        AgentState::Starting => ("starting", None),
        AgentState::Working => ("working", None),
        AgentState::Idle => ("idle", None),
        AgentState::Done => ("done", None),
        AgentState::Error => ("error", None),
        AgentState::Exited => ("exited", None),
        AgentState::Unknown => ("unknown", None),
    };
    json!({
        "state": state,
        "kind": kind,
        "source": status.source,
        "since": status.since,
        "age_s": now.map(|now| now.since(status.since).as_secs()),
        "detail": status.detail,
        "paused": paused,
    })
}

fn verdicts(gate: &GateRun) -> Value {
    let all = gate.verdicts.iter().flatten();
    all.map(|verdict| json!({ "check": verdict.check, "outcome": verdict.outcome })).collect()
}

/// One task in full, for `show`.
pub fn task(
    core: &Core,
    id: TaskId,
    here: &Here,
    marker: &dyn Fn(RunId) -> String,
) -> Option<Value> {
    let state = &core.state;
    let task = state.task(id)?;
    let mut value = row(core, task, here);
    let waiting: Vec<Value> = state.items_of(id).map(|waits| item(state, waits)).collect();
    let more = json!({
        "prompt": task.spec.prompt,
        "files": task.spec.files,
        "gate": task.gate,
        "added_at": task.added_at,
        "stage": task.stage,
        "inbox": waiting,
        "attempts": task.attempts.iter().map(|of| attempt(task, of, marker)).collect::<Vec<_>>(),
        "isolation": "host + worktree",
        "proxy": "none (not network isolation)",
        "repository": state.repo_of(task).map(|repo| repository(state, repo)),
    });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    Some(value)
}

fn attempt(task: &Task, attempt: &Attempt, marker: &dyn Fn(RunId) -> String) -> Value {
    let run = attempt.run.as_ref();
    json!({
        "number": attempt.number,
        "resumed": attempt.resumed,
        "started_at": attempt.started_at,
        "place": attempt.place.as_ref().map(|place| shown(place, run.map(|run| marker(run.id)))),
        "run": run.map(|run| run.id),
        "session": run.and_then(|run| run.session.as_ref()),
        "usage": run.and_then(|run| run.usage),
        "ended": run.and_then(|run| match &run.life {
            crate::model::attempt::Life::Ended(end) => Some(json!(end)),
            _ => None,
        }),
        "prompts": attempt.prompts.iter().map(|prompt| json!({
            "number": prompt.number, "why": prompt.why, "delivery": prompt.delivery,
            "bytes": prompt.text.len(),
        })).collect::<Vec<_>>(),
        "base_before": words(None, attempt, Point::Base),
        "checkpoints": attempt.snapshots.iter().map(|snapshot| json!({
            "name": format!("cp{}", snapshot.number), "snapshot": snapshot,
            "before": words(Some(snapshot.taken), attempt, Point::Checkpoint(snapshot.number)),
        })).collect::<Vec<_>>(),
        "gates": attempt.gates,
        "rollbacks": rollbacks(task, attempt),
    })
}

/// The rollbacks of an attempt of a task.
fn rollbacks(task: &Task, attempt: &Attempt) -> Vec<Value> {
    let undoable = task.undoable().map(|rollback| rollback.op);
    let one = |rollback: &Rollback| {
        json!({
            "op": rollback.op.to_string(),
            "target": rollback.target,
            "progress": rollback.progress,
            "can_undo": undoable == Some(rollback.op),
        })
    };
    attempt.rollbacks.iter().map(one).collect()
}

/// What can be returned to is there for, in words: what it was taken for, and what else it counts
/// for, since nothing had changed by then.
fn words(taken: Option<Moment>, attempt: &Attempt, point: Point) -> Vec<String> {
    let others = attempt.moments_at(point);
    let others = others.into_iter().filter(|other| Some(*other) != taken);
    taken.into_iter().chain(others).map(|moment| moment.to_string()).collect()
}

/// A place, with the name that its run has in the environment: it was prepared before it had one.
fn shown(place: &Place, marker: Option<String>) -> Place {
    let mut place = place.clone();
    let entries = &mut place.environment.entries;
    match marker {
        Some(marker) => {
            let run = entries.iter_mut().filter(|entry| entry.name == MARKER_VARIABLE);
            run.for_each(|entry| entry.shown = Foreign::new(&marker));
        }
        None => entries.retain(|entry| entry.name != MARKER_VARIABLE),
    }
    place
}

/// The rows of `inbox`: items and halts, those first that wait the longest.
pub fn inbox(state: &State, repo: Option<RepoId>) -> Value {
    let items = items(state, repo).map(|waits| (waits.since, item(state, waits)));
    let halts = halts(state, repo).map(|(repo, of)| (of.at, halt(state, repo, of)));
    let mut rows: Vec<(Timestamp, Value)> = items.chain(halts).collect();
    rows.sort_by_key(|(since, _)| *since);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// How many rows that has.
pub fn waiting(state: &State, repo: Option<RepoId>) -> usize {
    items(state, repo).count() + halts(state, repo).count()
}

fn items(state: &State, repo: Option<RepoId>) -> impl Iterator<Item = &Item> {
    state.items.values().filter(move |item| {
        repo.is_none_or(|repo| state.task(item.task).is_some_and(|task| task.repo == repo))
    })
}

fn halts(state: &State, repo: Option<RepoId>) -> impl Iterator<Item = (&Repo, &Halt)> {
    let repos = state.repos.values().filter(move |known| repo.is_none_or(|repo| known.id == repo));
    repos.filter_map(|repo| Some((repo, repo.halt.as_ref()?)))
}

/// The row of a halt: it waits for a person as an item does, and is lifted, not approved.
fn halt(state: &State, repo: &Repo, halt: &Halt) -> Value {
    let path = Foreign::new(repo.path.display().to_string());
    json!({
        "id": format!("halt{}", repo.id.0),
        "kind": "halt",
        "task": halt.task,
        "title": state.task(halt.task).map(|task| &task.spec.title),
        "note": halt.cause,
        "details": [format!("nothing of {path} starts until somebody lifts it: `monban resume`")],
        "digest": "",
        "binds": null,
        "since": halt.at,
    })
}

fn item(state: &State, item: &Item) -> Value {
    let verdicts = signed(state, item);
    let moved = state.moved_base(item);
    // What is judged again first is not signed before.
    let asked = verdicts.iter().filter(|_| moved.is_none());
    let asked = asked.filter_map(|verdict| verdict.attestation.as_ref());
    let asked = asked.flat_map(|attestation| &attestation.statements);
    let (findings, firsts) = by_rules(verdicts.iter().flat_map(|verdict| &verdict.findings));
    json!({
        "id": item.id.to_string(),
        "kind": item.kind,
        "task": item.task,
        "title": state.task(item.task).map(|task| &task.spec.title),
        "note": item.note,
        "details": item.details,
        "findings": findings.into_iter().take(FINDINGS_MAX.max(firsts)).collect::<Vec<_>>(),
        "finding_count": verdicts.iter().map(|verdict| verdict.finding_count).sum::<u64>(),
        "attests": asked.collect::<Vec<_>>(),
        "base_moved_to": moved,
        "digest": item.digest(),
        "binds": item.binds,
        "since": item.since,
    })
}

/// The verdicts that an approval signs. What they found fails nothing, and is for its eyes.
fn signed<'a>(state: &'a State, item: &Item) -> Vec<&'a Verdict> {
    let runs = item.binds.as_ref().map(|binds| binds.gate_runs.as_slice()).unwrap_or_default();
    let attempt = state.task(item.task).and_then(|task| task.attempt());
    let gates = attempt.into_iter().flat_map(|attempt| &attempt.gates);
    let signed = gates.filter(|gate| runs.contains(&gate.run));
    signed.flat_map(|gate| gate.verdicts.iter().flatten()).collect()
}

/// The row of the inbox that nothing can answer but a mended log.
pub fn damaged(problem: &Problem) -> Value {
    json!({
        "id": null,
        "kind": "log-damage",
        "task": null,
        "note": format!("the event log is damaged at {problem}; what came after is not shown"),
        "details": [],
        "digest": "",
        "binds": null,
        "since": null,
        "log_damage": problem,
    })
}

/// A task's last gate runs, for `gates`.
pub fn gates(state: &State, id: TaskId) -> Option<Value> {
    let task = state.task(id)?;
    let gates = task.attempt().map(|attempt| attempt.gates.as_slice()).unwrap_or_default();
    let last = gates.last().map(|gate| gate.run);
    let of_gate = |gate: &GateRun| {
        let mut value = json!(gate);
        let is_under_way = task.stage == Stage::Checking && last == Some(gate.run);
        // The agent went on, or a person ended the task.
        value["given_up"] = json!(gate.verdicts.is_none() && !is_under_way);
        value
    };
    let breach = task.attempt().and_then(|attempt| attempt.breach.as_ref());
    let shown = breach.map(|gate| {
        let mut value = of_gate(gate);
        value["mid_turn"] = json!(true);
        value
    });
    // What was brought back and judged since is the later one.
    let at = breach.map_or(gates.len(), |breach| {
        gates.partition_point(|gate| gate.started_at <= breach.started_at)
    });
    let (before, after) = gates.split_at(at);
    Some(before.iter().map(of_gate).chain(shown).chain(after.iter().map(of_gate)).collect())
}

/// Whether a task needs a person, or has ended, or can only go on after somebody did something:
/// then there is nothing to wait for.
pub fn is_settled(state: &State, id: TaskId) -> bool {
    let Some(task) = state.task(id) else { return true };
    // An agent of which nothing is known may well be at work: the inbox says so, the wait goes on.
    // An alarm is told at the end of the wait and holds up nothing but the landing.
    let goes_on = [ItemKind::Unknown, ItemKind::Alarm];
    let asks = state.items_of(id).any(|item| !goes_on.contains(&item.kind));
    if task.is_final() || task.stage == Stage::Draft || asks {
        return true;
    }
    let attempt = task.attempt();
    let has_no_agent = attempt.is_none_or(|attempt| attempt.run.is_none());
    let is_untold = attempt.and_then(Attempt::next_prompt);
    let is_untold = is_untold.is_some_and(|prompt| prompt.delivery == Delivery::Wanted);
    let (by_halt, by_hold) = match task.stage {
        Stage::Queued => (true, true),
        Stage::Turned | Stage::Taken => (true, false),
        Stage::Running => (has_no_agent || is_untold, has_no_agent),
        _ => (false, false),
    };
    let stopped = state
        .repo_of(task)
        .is_none_or(|repo| (by_halt && repo.halt.is_some()) || (by_hold && repo.hold.is_some()));
    stopped || is_behind_an_end(state, task)
}

/// Whether a queued task comes after one that ended without success, or that nobody started.
fn is_behind_an_end(state: &State, task: &Task) -> bool {
    task.stage == Stage::Queued
        && task
            .spec
            .after
            .iter()
            .filter_map(|id| state.task(*id))
            .any(|before| matches!(before.stage, Stage::Failed | Stage::Stopped | Stage::Draft))
}

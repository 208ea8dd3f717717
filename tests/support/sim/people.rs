//! Simulated people: every request there is, mostly sensible, sometimes nonsense.

use super::rng::Rng;
use monban::base::clock::Timestamp;
use monban::base::foreign::Foreign;
use monban::base::id::{ItemId, OpId, RepoId, TaskId};
use monban::model::command::{Request, TaskChange};
use monban::model::item::ItemKind;
use monban::model::state::State;
use monban::model::task::{GatePin, GateSource, Kind, Origin, Stage, TaskSpec};
use monban::model::verdict::GateRun;
use std::path::PathBuf;
use std::time::Duration;

pub const PEOPLE: [&str; 2] = ["dj", "mia"];

/// What somebody asks for next: what the state calls for, or anything.
pub fn request(rng: &mut Rng, state: &State, now: Timestamp) -> Request {
    let mut stopped =
        state.repos.values().filter(|repo| repo.halt.is_some() || repo.hold.is_some());
    match rng.below(10) {
        0 | 1 => {
            stopped.next().map_or_else(|| run(rng, state), |repo| Request::Resume { repo: repo.id })
        }
        2 | 3 => approve(rng, state),
        4 => retry(rng, state),
        _ => anything(rng, state, now),
    }
}

fn anything(rng: &mut Rng, state: &State, now: Timestamp) -> Request {
    match rng.below(100) {
        0..=2 => open(rng),
        3..=9 => add(rng, state),
        10..=11 => edit(rng, state),
        12 => Request::Remove { task: ended(rng, state) },
        13..=15 => Request::Trust { repo: any_repo(rng), hash: any_gate(rng).hash },
        16..=26 => run(rng, state),
        27..=38 => retry(rng, state),
        39..=42 => Request::Judge { task: any_task(rng, state) },
        43..=62 => approve(rng, state),
        63..=67 => reject(rng, state),
        68..=73 => Request::Say { task: any_task(rng, state), text: any_text(rng) },
        74..=75 => abort(rng, state),
        76..=79 => Request::Pause { task: any_task(rng, state), paused: rng.chance(40) },
        80..=91 => Request::Resume { repo: any_repo(rng) },
        92..=93 => roll_back(rng, state),
        94..=95 => undo(rng, state),
        _ => {
            let minutes = rng.pick(&[0, 1, 30, 60, 9999]).unwrap_or(1);
            Request::Vouch { until: now.plus(Duration::from_secs(minutes * 60)) }
        }
    }
}

fn open(rng: &mut Rng) -> Request {
    let path = PathBuf::from(format!("/r{}", any_repo(rng).0));
    Request::Open { common: path.join(".git"), path, base: "refs/heads/main".into() }
}

fn add(rng: &mut Rng, state: &State) -> Request {
    let many = state.tasks.len() > 5 && rng.chance(80);
    let repo = if many { RepoId(0) } else { any_repo(rng) };
    let after = if rng.chance(30) { vec![any_task(rng, state)] } else { Vec::new() };
    let title = if rng.chance(95) { "fix" } else { "" };
    let spec = TaskSpec {
        title: Foreign::new(title),
        kind: Kind::Fix,
        agent: "claude".into(),
        prompt: "Fix it.".into(),
        after,
        files: Vec::new(),
    };
    Request::Add { repo, spec, origin: Origin::Real }
}

fn edit(rng: &mut Rng, state: &State) -> Request {
    let after = rng.chance(70).then(|| vec![any_task(rng, state), any_task(rng, state)]);
    let change = TaskChange { after, kind: Some(Kind::Add), ..TaskChange::default() };
    Request::Edit { task: any_task(rng, state), change }
}

fn run(rng: &mut Rng, state: &State) -> Request {
    let drafts: Vec<TaskId> =
        state.tasks.values().filter(|t| t.stage == Stage::Draft).map(|t| t.id).collect();
    let mut tasks: Vec<TaskId> = (0..1 + rng.below(2)).filter_map(|_| rng.pick(&drafts)).collect();
    if rng.chance(10) {
        tasks.push(any_task(rng, state));
    }
    Request::Run {
        tasks: tasks.into_iter().map(|task| (task, any_gate(rng))).collect(),
        attend: None,
    }
}

fn retry(rng: &mut Rng, state: &State) -> Request {
    Request::Retry { task: ended(rng, state), gate: any_gate(rng), resume: rng.chance(50) }
}

/// A task that did not come to its end well, if there is one.
fn ended(rng: &mut Rng, state: &State) -> TaskId {
    let ended = |stage: &Stage| matches!(stage, Stage::Failed | Stage::Stopped);
    let ended: Vec<TaskId> =
        state.tasks.values().filter(|t| ended(&t.stage)).map(|t| t.id).collect();
    rng.pick(&ended).unwrap_or_else(|| any_task(rng, state))
}

fn approve(rng: &mut Rng, state: &State) -> Request {
    let waiting = state
        .items
        .values()
        .filter(|item| [ItemKind::Approval, ItemKind::Alarm].contains(&item.kind));
    let waiting: Vec<ItemId> = waiting.map(|item| item.id).collect();
    let item = rng.pick(&waiting).unwrap_or_else(|| any_item(rng, state));
    let shown = if rng.chance(90) { item } else { any_item(rng, state) };
    let digest = state.items.get(&shown).map(|item| item.digest()).unwrap_or_default();
    let attested = attested(rng, state, item);
    Request::Approve { item, digest, attested }
}

/// What a person attests: mostly all that is asked, sometimes less, sometimes what nobody asked.
fn attested(rng: &mut Rng, state: &State, item: ItemId) -> Vec<Foreign> {
    let task = state.items.get(&item).and_then(|item| state.task(item.task));
    let gate = task.and_then(|task| task.attempt()?.gates.last());
    let mut attested: Vec<Foreign> =
        gate.into_iter().flat_map(GateRun::statements).cloned().collect();
    match rng.below(20) {
        0 => attested.clear(),
        1 => drop(attested.pop()),
        2 => attested.push(Foreign::new("fine")),
        _ => {}
    }
    attested
}

/// An abort, half of the time of what is just being prepared.
fn abort(rng: &mut Rng, state: &State) -> Request {
    let mut preparing = state.tasks.values().filter(|task| task.stage == Stage::Preparing);
    let preparing = preparing.next().filter(|_| rng.chance(50)).map(|task| task.id);
    Request::Abort { task: preparing.unwrap_or_else(|| any_task(rng, state)) }
}

fn reject(rng: &mut Rng, state: &State) -> Request {
    let Request::Approve { item, .. } = approve(rng, state) else {
        unreachable!("an approval names an item");
    };
    Request::Reject { item, reason: any_text(rng) }
}

fn roll_back(rng: &mut Rng, state: &State) -> Request {
    let checkpoint = rng.chance(50).then(|| rng.below(3) as u32);
    Request::RollBack { task: any_task(rng, state), checkpoint, commit: None }
}

fn undo(rng: &mut Rng, state: &State) -> Request {
    let attempts = state.tasks.values().filter_map(|task| task.attempt());
    let rollbacks: Vec<OpId> =
        attempts.flat_map(|attempt| &attempt.rollbacks).map(|rollback| rollback.op).collect();
    Request::Undo { op: rng.pick(&rollbacks).unwrap_or(OpId(rng.below(5) as u64)) }
}

/// One of two repositories, sometimes one nobody knows.
fn any_repo(rng: &mut Rng) -> RepoId {
    RepoId(rng.pick(&[1, 1, 1, 1, 1, 1, 1, 2, 2, 3]).unwrap_or(1))
}

/// Any task, sometimes one that is not there.
fn any_task(rng: &mut Rng, state: &State) -> TaskId {
    let known: Vec<TaskId> = state.tasks.keys().copied().collect();
    rng.pick(&known).filter(|_| rng.chance(97)).unwrap_or(TaskId(99))
}

fn any_item(rng: &mut Rng, state: &State) -> ItemId {
    let open: Vec<ItemId> = state.items.keys().copied().collect();
    rng.pick(&open).filter(|_| rng.chance(90)).unwrap_or(ItemId(rng.below(50) as u64))
}

fn any_gate(rng: &mut Rng) -> GatePin {
    let hash = rng.pick(&["gate-1", "gate-1", "gate-1", "gate-2"]).unwrap_or("gate-1");
    GatePin { hash: hash.into(), source: GateSource::Base }
}

fn any_text(rng: &mut Rng) -> String {
    rng.pick(&["Do it better.", "And the docs.", " "]).unwrap_or_default().into()
}

/// What dj does before anything else.
pub fn opening(rng: &mut Rng) -> Vec<Request> {
    let repo = RepoId(1);
    let path = PathBuf::from("/r1");
    let common = path.join(".git");
    let mut requests = vec![
        Request::Open { path, common, base: "refs/heads/main".into() },
        Request::Trust { repo, hash: "gate-1".into() },
    ];
    for title in ["fix the parser", "add a test"] {
        let spec = TaskSpec {
            title: Foreign::new(title),
            kind: Kind::Fix,
            agent: "claude".into(),
            prompt: "Fix it.".into(),
            after: Vec::new(),
            files: Vec::new(),
        };
        requests.push(Request::Add { repo, spec, origin: Origin::Real });
    }
    let both = [TaskId(1), TaskId(2)].map(|task| (task, any_gate(rng)));
    requests.push(Request::Run { tasks: both.to_vec(), attend: None });
    requests
}

//! Looks: everything a person or script is shown on request.

use super::presence::Present;
use super::requests::Asked;
use super::world::blocking;
use super::{plan, terminal, view};
use crate::base::id::{RepoId, TaskId};
use crate::model::core::Core;
use crate::model::event::Event;
use crate::model::rejection::{Class, Rejection};
use crate::store;
use crate::wire::people::{Answer, ShowAsk};
use serde_json::{Value, json};
use std::ops::{ControlFlow, RangeInclusive};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

pub(super) async fn handle(asked: &Asked, ask: ShowAsk) -> Result<Value, Rejection> {
    let damage = asked.world.engine.damage();
    match ask {
        ShowAsk::List { all } => {
            let mut listed = list(asked, all).await?;
            let rows = listed["tasks"].as_array_mut();
            rows.into_iter().flatten().for_each(|row| mark(row, damage));
            Ok(listed)
        }
        ShowAsk::Task(id) => {
            let mut task = task(asked, id).await?;
            mark(&mut task, damage);
            Ok(task)
        }
        ShowAsk::Inbox { all } => {
            let repo = scope(asked, all).await?;
            let waits = asked.world.engine.look(move |core| view::inbox(&core.state, repo));
            let mut waits = waits.await?;
            if let (Some(problem), Value::Array(rows)) = (damage, &mut waits) {
                rows.iter_mut().for_each(|row| mark(row, damage));
                rows.insert(0, view::damaged(problem));
            }
            Ok(waits)
        }
        ShowAsk::Agents => {
            let agents = super::agents::all(&asked.world.places)?;
            Ok(agents.into_iter().map(|agent| agent.name).collect())
        }
        ShowAsk::Auth => Ok(json!(super::agents::auth(&asked.world).await?)),
        ShowAsk::Diff(id) => asked.world.diff(id).await,
        ShowAsk::Gates(id) => {
            let gates = asked.world.engine.look(move |core| view::gates(&core.state, id));
            gates.await?.ok_or_else(|| no_task(id))
        }
        ShowAsk::Screen { task, ansi } => terminal::screen(asked, task, ansi).await,
        ShowAsk::Wait { tasks } => wait(asked, tasks).await,
        ShowAsk::Events { from, follow } => events(asked, from, follow).await,
    }
}

/// Says in a row that it is old: the log is damaged, and nothing after the damage is known.
fn mark(row: &mut Value, damage: Option<&store::Problem>) {
    if let (Value::Object(row), Some(problem)) = (row, damage) {
        row.insert("log_damage".into(), json!(problem));
    }
}

/// The repository a listing is about; `None` is all of them.
async fn scope(asked: &Asked, all: bool) -> Result<Option<RepoId>, Rejection> {
    if all { Ok(None) } else { Ok(Some(plan::standing(asked).await?)) }
}

/// The refusal that there is no such task.
pub(super) fn no_task(id: TaskId) -> Rejection {
    Rejection::input(format!("there is no task {id}"), "`monban ls --all` lists the tasks")
}

async fn list(asked: &Asked, all: bool) -> Result<Value, Rejection> {
    let repo = scope(asked, all).await?;
    let here = here(asked);
    let look = move |core: &Core| {
        let repository = repo.and_then(|repo| core.state.repos.get(&repo));
        json!({
            "level": core.settings.level,
            "title": core.settings.level.title(),
            "repository": repository.map(|repo| view::repository(&core.state, repo)),
            "repositories": core
                .state
                .repos
                .values()
                .filter(|known| repo.is_none_or(|repo| known.id == repo))
                .map(|repo| view::repository(&core.state, repo))
                .collect::<Vec<_>>(),
            "tasks": view::list(core, repo, &here),
        })
    };
    asked.world.engine.look(look).await
}

fn here(asked: &Asked) -> view::Here {
    view::Here { node: asked.world.node.clone(), now: Some(asked.world.clock.now()) }
}

async fn task(asked: &Asked, id: TaskId) -> Result<Value, Rejection> {
    let (here, world) = (here(asked), Arc::clone(&asked.world));
    let look = move |core: &Core| view::task(core, id, &here, &|run| world.marker(run));
    asked.world.engine.look(look).await?.ok_or_else(|| no_task(id))
}

/// Waits until each task needs a person or ended, saying what changes meanwhile.
async fn wait(asked: &Asked, tasks: Vec<TaskId>) -> Result<Value, Rejection> {
    let _present = Present::arrive(&asked.world, &asked.person).await?;
    let mut durable = asked.world.engine.durable();
    let mut progress = asked.world.progress.subscribe();
    let mut shown = Value::Null;
    loop {
        let (here, wanted, world) = (here(asked), tasks.clone(), Arc::clone(&asked.world));
        let look = move |core: &Core| {
            let settled = wanted.iter().all(|id| view::is_settled(&core.state, *id));
            let marker = |run| world.marker(run);
            let rows = wanted.iter().filter_map(|id| view::task(core, *id, &here, &marker));
            (settled, rows.collect::<Value>())
        };
        let (settled, rows) = asked.world.engine.look(look).await?;
        if settled {
            return Ok(rows);
        }
        let states: Value = rows.as_array().into_iter().flatten().map(brief).collect();
        if states != shown {
            send(asked, Answer::Row(states.clone())).await?;
            shown = states;
        }
        tokio::select! {
            changed = durable.changed() => changed.map_err(|_| stopping())?,
            told = progress.recv() => {
                if let Ok((task, answer)) = told && tasks.contains(&task) {
                    send(asked, answer).await?;
                }
            }
        }
    }
}

fn brief(row: &Value) -> Value {
    json!({ "id": row["id"], "state": row["state"], "status": row["status"]["state"] })
}

async fn send(asked: &Asked, answer: Answer) -> Result<(), Rejection> {
    asked.answers.send(answer).await.map_err(|_| stopping())
}

pub(super) fn stopping() -> Rejection {
    Rejection::new(Class::Environment, "the connection is ending", "run the command again")
}

/// The event log, record by record, as it is on the disk.
async fn events(asked: &Asked, from: u64, follow: bool) -> Result<Value, Rejection> {
    let mut durable = asked.world.engine.durable();
    let mut next = from.max(1);
    loop {
        let last = *durable.borrow_and_update();
        if next <= last {
            send_events(asked, next..=last).await?;
            next = last + 1;
        }
        if !follow {
            return Ok(json!({ "last": last }));
        }
        wait_for_more(&mut durable, asked).await?;
    }
}

async fn wait_for_more(durable: &mut watch::Receiver<u64>, asked: &Asked) -> Result<(), Rejection> {
    tokio::select! {
        changed = durable.changed() => changed.map_err(|_| stopping()),
        () = asked.answers.closed() => Err(stopping()),
    }
}

/// Sends records in one pass over the log, as fast as the client takes them.
async fn send_events(asked: &Asked, range: RangeInclusive<u64>) -> Result<(), Rejection> {
    let answers = asked.answers.clone();
    read_log(asked, range, move |record| {
        let row = Answer::Row(json!(record));
        answers.blocking_send(row).map_or(ControlFlow::Break(()), ControlFlow::Continue)
    })
    .await
}

/// Reads records beside the async world.
async fn read_log(
    asked: &Asked,
    range: RangeInclusive<u64>,
    mut visit: impl FnMut(store::Record) -> ControlFlow<()> + Send + 'static,
) -> Result<(), Rejection> {
    let folder = asked.world.log_folder();
    blocking(move || {
        store::read_range(&folder, &store::SystemDisk, range, &mut visit).map_err(|error| {
            let why = format!("the event log cannot be read: {error}");
            Rejection::new(Class::Environment, why, "`monban verify` says more")
        })
    })
    .await
}

/// How the daemon is.
pub(super) async fn daemon(asked: &Asked) -> Result<Value, Rejection> {
    let world = &asked.world;
    let holders = world.runs.list();
    let last = *world.engine.durable().borrow();
    Ok(json!({
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
        "protocol": crate::wire::people::PROTOCOL,
        "socket": world.places.socket(),
        "uptime_s": world.clock.now().since(world.started_at).as_secs(),
        "last_event": last,
        "holders": holders,
        "checks": world.runs.list_checks(),
        "clients": world.clients.list(),
        "log_problems": world.log_problems,
    }))
}

/// Whether a replay of the log gives the state the daemon holds. One that met damage holds what was
/// before it: that is the log's state no more, also when the files were restored since.
pub(super) async fn verify(asked: &Asked) -> Result<Value, Rejection> {
    if let Some(problem) = asked.world.engine.damage() {
        return Ok(json!({ "equal": false, "log_damage": problem }));
    }
    let held = asked.world.engine.look(Core::clone).await?;
    let last = *asked.world.engine.durable().borrow();
    let events = held.state.applied;
    let replay = Replay { replayed: Core::new(held.settings.clone()), unknown: 0 };
    let replay = Arc::new(Mutex::new(replay));
    let reads = Arc::clone(&replay);
    // The log may have grown since: the states are compared after as many events as were held.
    read_log(asked, 1..=last, move |record| {
        reads.lock().unwrap_or_else(PoisonError::into_inner).take_in(record, events)
    })
    .await?;
    let replay = replay.lock().unwrap_or_else(PoisonError::into_inner);
    let equal = replay.replayed.state == held.state;
    Ok(json!({ "equal": equal, "events": events, "unknown": replay.unknown }))
}

/// A state made anew from the log.
struct Replay {
    replayed: Core,
    unknown: u64,
}

impl Replay {
    fn take_in(&mut self, record: store::Record, events: u64) -> ControlFlow<()> {
        if self.replayed.state.applied >= events {
            return ControlFlow::Break(());
        }
        match Event::from_record(record.kind, record.payload) {
            Ok(Some(event)) => self.replayed.replay(&event, record.at),
            // What cannot be read is found by whoever checks the files.
            Ok(None) | Err(_) => self.unknown += 1,
        }
        ControlFlow::Continue(())
    }
}

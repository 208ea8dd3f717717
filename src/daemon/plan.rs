//! The plan: which repository is meant, which gate would judge, what may start.

use super::requests::Asked;
use super::{show, view};
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use crate::base::id::{RepoId, TaskId};
use crate::gate::Step;
use crate::model::command::Request as Wanted;
use crate::model::core::Core;
use crate::model::rejection::{Class, Rejection};
use crate::model::task::{GatePin, Stage, TaskState};
use crate::policy::Origin;
use crate::wire::people::PlanAsk;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Below this much free space nothing new starts: the event log and running agents need the rest.
const FREE_BYTES_MIN: u64 = 64 << 20;

/// The repository a person stands in, and the gate that would judge a run started now.
pub(super) struct Ground {
    /// The repository.
    pub repo: RepoId,
    /// Its top folder.
    pub path: PathBuf,
}

impl Ground {
    /// Its folder, for people.
    fn shown(&self) -> Foreign {
        Foreign::new(self.path.display().to_string())
    }
}

pub(super) async fn handle(asked: &Asked, ask: PlanAsk) -> Result<Value, Rejection> {
    match ask {
        PlanAsk::Add { spec, origin } => {
            let ground = ground(asked).await?;
            asked.world.agent_named(&spec.agent)?;
            let wanted = Wanted::Add { repo: ground.repo, spec, origin };
            let added = asked.command(wanted).await?;
            let id = added.pointer("/events/0/payload/task").cloned();
            Ok(json!({ "id": id }))
        }
        PlanAsk::Check => check(asked, &ground(asked).await?).await,
        PlanAsk::Trust { hash } => trust(asked, &ground(asked).await?, &hash).await,
        PlanAsk::Run { tasks, trust, attend_ms } => {
            run(asked, &ground(asked).await?, tasks, trust, attend_ms).await
        }
        PlanAsk::Vouch { for_ms } => {
            asked.command(Wanted::Vouch { until: until(asked, for_ms) }).await
        }
        PlanAsk::Resume => asked.command(Wanted::Resume { repo: standing(asked).await? }).await,
        PlanAsk::AbortAll => abort_all(asked, standing(asked).await?).await,
    }
}

/// The end of a time from now on.
fn until(asked: &Asked, for_ms: u64) -> Timestamp {
    asked.world.clock.now().plus(Duration::from_millis(for_ms))
}

/// The repository the person stands in, for what looks or stops: that must not depend on whether
/// its configuration can be read now.
pub(super) async fn standing(asked: &Asked) -> Result<RepoId, Rejection> {
    let common = asked.world.common_at(asked.at.clone()).await?;
    let known =
        asked.world.engine.look(move |core| core.state.repo_by_common(&common).map(|repo| repo.id));
    match known.await? {
        Some(repo) => Ok(repo),
        None if asked.watch => Err(Rejection::refused(
            "monban does not know this repository yet, and this client only watches",
            "write a task down in it first, or watch --all",
        )),
        None => Ok(ground(asked).await?.repo),
    }
}

/// The repository the person stands in, made known to the core.
pub(super) async fn ground(asked: &Asked) -> Result<Ground, Rejection> {
    let facts = asked.world.repository_at(asked.at.clone()).await?;
    let common = facts.common.clone();
    let open = Wanted::Open { path: facts.path.clone(), common: facts.common, base: facts.base };
    asked.command(open).await?;
    let repo =
        asked.world.engine.look(move |core| core.state.repo_by_common(&common).map(|repo| repo.id));
    let repo = repo.await?.ok_or_else(|| {
        Rejection::input("the repository is not known", "run the command inside a repository")
    })?;
    Ok(Ground { repo, path: facts.path })
}

async fn check(asked: &Asked, ground: &Ground) -> Result<Value, Rejection> {
    let gate = asked.world.gate_of(asked.at.clone()).await?;
    let (repo, hash) = (ground.repo, gate.pin.hash.clone());
    let trusted = asked.world.engine.look(move |core| {
        core.state.repos.get(&repo).is_some_and(|repo| repo.trusted.contains(&hash))
    });
    let limits = asked.world.limits().await?;
    let in_force = limits.tightened(&gate.bounds, Origin::Repository).each();
    let limits = in_force.iter().zip(gate.bounds.each()).map(|((name, limit), stated)| {
        let looser = stated.filter(|stated| *stated > limit.value);
        let (value, set_by) = (limit.value, limit.origin);
        json!({ "name": name, "value": value, "set_by": set_by, "looser_and_ignored": looser })
    });
    Ok(json!({
        "hash": gate.pin.hash,
        "source": gate.pin.source,
        "edited_since": gate.is_edited,
        "limits": limits.collect::<Vec<_>>(),
        "path": ground.path,
        "trusted": trusted.await?,
        "checks": gate.steps.iter().map(|step| &step.check).collect::<Vec<_>>(),
        "runs": gate.steps.iter().filter_map(|step| {
            Some(json!({ "check": step.check, "command": step.command()? }))
        }).collect::<Vec<_>>(),
        "attests": gate.steps.iter().flat_map(Step::statements).collect::<Vec<_>>(),
        "allowed_danger": gate.allowed_danger,
        "text": gate.text,
    }))
}

async fn trust(asked: &Asked, ground: &Ground, hash: &str) -> Result<Value, Rejection> {
    let gate = asked.world.gate_of(asked.at.clone()).await?;
    refuse_other(&gate.pin, hash)?;
    let hash = hash.to_string();
    asked.command(Wanted::Trust { repo: ground.repo, hash }).await
}

/// Refuses to trust what is not the gate that would judge.
fn refuse_other(pin: &GatePin, hash: &str) -> Result<(), Rejection> {
    if pin.hash == hash {
        return Ok(());
    }
    Err(Rejection::refused(
        format!("the gate configuration's hash is {}, not {hash}", pin.hash),
        "look again with `monban plan check`",
    ))
}

/// The request, with the trust that was given along with it: refused, it changes nothing.
pub(super) fn trusting(ground: &Ground, trusted: Option<String>, wanted: Wanted) -> Wanted {
    let repo = ground.repo;
    match trusted {
        Some(hash) => Wanted::Trusting { repo, hash, then: Box::new(wanted) },
        None => wanted,
    }
}

async fn run(
    asked: &Asked,
    ground: &Ground,
    tasks: Vec<TaskId>,
    trusted: Option<String>,
    attend_ms: Option<u64>,
) -> Result<Value, Rejection> {
    let attend = attend_ms.map(|for_ms| until(asked, for_ms));
    let tasks = named_or_drafts(asked, ground.repo, tasks).await?;
    if let ([], Some(until)) = (tasks.as_slice(), attend) {
        // Nothing is to start; the word alone counts too.
        asked.command(Wanted::Vouch { until }).await?;
        return Ok(json!({ "tasks": tasks, "states": tasks, "queued_behind": tasks }));
    }
    refuse_no_task(asked, ground, &tasks).await?;
    stand_in_their_repository(asked, ground.repo, &tasks).await?;
    agents_ready(asked, &tasks).await?;
    let pin = ready_to_start(asked, trusted.as_deref()).await?;
    let named = tasks.iter().map(|task| (*task, pin.clone())).collect();
    let wanted = Wanted::Run { tasks: named, attend };
    asked.command(trusting(ground, trusted, wanted)).await?;
    let ids = tasks.clone();
    let states = asked.world.engine.look(move |core| {
        let state = |id: &TaskId| {
            core.state.task(*id).map(|task| (task.state(), view::queued_behind(core, task)))
        };
        ids.iter().map(state).map(Option::unzip).unzip()
    });
    let (states, behind): (Vec<Option<TaskState>>, Vec<Option<Option<String>>>) = states.await?;
    Ok(json!({ "tasks": tasks, "states": states, "queued_behind": behind }))
}

async fn named_or_drafts(
    asked: &Asked,
    repo: RepoId,
    tasks: Vec<TaskId>,
) -> Result<Vec<TaskId>, Rejection> {
    if !tasks.is_empty() {
        return Ok(tasks);
    }
    let drafts = asked.world.engine.look(move |core| {
        let of_repo = core.state.tasks.values().filter(|task| task.repo == repo);
        let drafts = of_repo.filter(|task| task.stage == Stage::Draft);
        drafts.map(|task| task.id).collect::<Vec<_>>()
    });
    drafts.await
}

/// The refusal of a run of nothing, saying what keeps queued tasks from starting.
async fn refuse_no_task(asked: &Asked, ground: &Ground, tasks: &[TaskId]) -> Result<(), Rejection> {
    if !tasks.is_empty() {
        return Ok(());
    }
    let repo = ground.repo;
    let look = move |core: &Core| {
        let repo = core.state.repos.get(&repo)?;
        let halt = repo.halt.as_ref();
        let halted = halt.map(|halt| format!("halted since task {} failed", halt.task));
        let held = repo.hold.as_ref().map(|what| format!("held: {what} and nobody was there"));
        halted.or(held)
    };
    let stands = asked.world.engine.look(look).await?;
    Err(match stands {
        Some(why) => Rejection::refused(
            format!("there is no draft to run, and {} is {why}", ground.shown()),
            "`monban resume` lets it go on",
        ),
        None => Rejection::input("there is no task to run", "`monban task add` writes one down"),
    })
}

/// The gate is read where the person stands: a task of another repository is refused there, lest it
/// be judged by a gate that is not its own.
pub(super) async fn stand_in_their_repository(
    asked: &Asked,
    repo: RepoId,
    tasks: &[TaskId],
) -> Result<(), Rejection> {
    let tasks = tasks.to_vec();
    let elsewhere = asked.world.engine.look(move |core| {
        let known = tasks.iter().filter_map(|id| core.state.task(*id));
        let other = known.into_iter().find(|task| task.repo != repo)?;
        Some((other.id, core.state.repo_of(other)?.path.clone()))
    });
    elsewhere.await?.map_or(Ok(()), |(task, path)| {
        let (path, shown) = (path.display().to_string(), Foreign::new(path.display().to_string()));
        Err(Rejection::input(
            format!("task {task} belongs to {shown}"),
            format!("run the command there: `monban -C {} ...`", Foreign::new(path)),
        ))
    })
}

/// Checks that hold for every start: space, a readable gate, and that it is what is trusted.
pub(super) async fn ready_to_start(
    asked: &Asked,
    trusted: Option<&str>,
) -> Result<GatePin, Rejection> {
    let free = asked.world.free_bytes();
    if free.is_some_and(|free| free < FREE_BYTES_MIN) {
        return Err(Rejection::new(
            Class::Environment,
            format!(
                "the disk is nearly full ({} bytes free); nothing new starts",
                free.unwrap_or(0)
            ),
            "free some space; running agents go on meanwhile",
        ));
    }
    asked.world.reload_settings().await?;
    let gate = asked.world.gate_of(asked.at.clone()).await?;
    if let Some(hash) = trusted {
        refuse_other(&gate.pin, hash)?;
    }
    asked.world.keep_gate(&gate)?;
    Ok(gate.pin)
}

/// A run of a task that is not there, or whose agent's program or login is missing, is refused
/// before anything changes.
async fn agents_ready(asked: &Asked, tasks: &[TaskId]) -> Result<(), Rejection> {
    let ids = tasks.to_vec();
    let agents = asked.world.engine.look(move |core| {
        let task = |id: &TaskId| core.state.task(*id).ok_or(*id);
        let tasks = ids.iter().map(task).collect::<Result<Vec<_>, TaskId>>()?;
        // What takes landed work back has no agent, and does not start again.
        let with_agent = tasks.into_iter().filter(|task| task.reverts.is_none());
        Ok(with_agent.map(|task| task.spec.agent.clone()).collect::<Vec<String>>())
    });
    for agent in agents.await?.map_err(show::no_task)? {
        asked.world.agent_ready(&agent)?;
    }
    Ok(())
}

pub(super) async fn retry(
    asked: &Asked,
    id: TaskId,
    resume: Option<bool>,
    trusted: Option<String>,
) -> Result<Value, Rejection> {
    let ground = ground(asked).await?;
    stand_in_their_repository(asked, ground.repo, &[id]).await?;
    let session = asked.world.engine.look(move |core| {
        let attempt = core.state.task(id)?.attempt()?;
        Some((attempt.run.as_ref()?.session.clone()?, attempt.place.clone()?.worktree))
    });
    let session = session.await?;
    let resume = match (resume, &session) {
        (Some(said), _) => said,
        (None, None) => false,
        (None, Some((session, worktree))) => {
            let what = Foreign::new(session.clone());
            let why = format!(
                "the conversation {what} could go on in {}, or the task could start over",
                worktree.display()
            );
            return Err(Rejection::new(Class::NeedsPerson, why, "add `--resume` or `--fresh`"));
        }
    };
    agents_ready(asked, &[id]).await?;
    let gate = ready_to_start(asked, trusted.as_deref()).await?;
    let wanted = Wanted::Retry { task: id, gate, resume };
    asked.command(trusting(&ground, trusted, wanted)).await
}

async fn abort_all(asked: &Asked, repo: RepoId) -> Result<Value, Rejection> {
    let tasks = asked.world.engine.look(move |core| {
        let of_repo = core.state.tasks.values().filter(|task| task.repo == repo);
        let open = of_repo.filter(|task| !task.is_final() && task.stage != Stage::Draft);
        open.map(|task| task.id).collect::<Vec<_>>()
    });
    let tasks = tasks.await?;
    let mut refused = Vec::new();
    for task in &tasks {
        if let Err(rejection) = asked.command(Wanted::Abort { task: *task }).await {
            refused.push(format!("task {task}: {}", rejection.why));
        }
    }
    if refused.is_empty() {
        return Ok(json!({ "aborted": tasks }));
    }
    Err(Rejection::refused(refused.join("; "), "look at them with `monban ls`"))
}

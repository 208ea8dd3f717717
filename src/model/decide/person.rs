//! What people ask for, handed to the area it belongs to.

use super::{Context, Decision, judge, landing, revert, run, tasks};
use crate::base::clock::Timestamp;
use crate::base::id::{RepoId, TaskId};
use crate::model::command::Request;
use crate::model::event::{DaemonEvent, Event, RepoEvent};
use crate::model::rejection::Rejection;
use crate::model::state::Repo;
use crate::model::task::Task;
use std::path::Path;
use std::time::Duration;

/// The longest a person may vouch for being there in advance.
const VOUCH_MAX: Duration = Duration::from_secs(12 * 3600);

pub(super) fn decide(context: Context<'_>, who: &str, request: &Request) -> Decision {
    match request {
        Request::Open { path, common, base } => open(context, path, common, base),
        Request::Add { repo, spec, origin } => tasks::add(context, *repo, spec, *origin),
        Request::Edit { task, change } => tasks::edit(context, *task, change),
        Request::Remove { task } => tasks::remove(context, *task),
        Request::Trust { repo, hash } => trust(context, *repo, hash, who),
        Request::Trusting { repo, hash, then } => trusting(context, (*repo, hash), then, who),
        Request::Run { tasks, attend } => tasks::run(context, tasks, *attend, who),
        Request::Retry { task, gate, resume } => tasks::retry(context, *task, gate, *resume, who),
        Request::Revert { task, gate, snapshot } => {
            revert::decide(context, *task, gate, snapshot, who)
        }
        Request::Judge { task } => judge::ask(context, *task, who),
        Request::Approve { item, digest, attested } => {
            landing::approve(context, *item, (digest, attested), who)
        }
        Request::Reject { item, reason } => landing::reject(context, *item, reason, who),
        Request::Say { task, text } => run::say(context, *task, text),
        Request::Abort { task } => run::abort(context, *task, who),
        Request::Pause { task, paused } => run::pause(context, *task, *paused, who),
        Request::Resume { repo } => resume(context, *repo, who),
        Request::RollBack { task, checkpoint, commit } => {
            run::roll_back(context, *task, *checkpoint, commit.as_deref(), who)
        }
        Request::Undo { op } => run::undo(context, *op, who),
        Request::Forget { op, age } => run::forget(context, *op, *age, who),
        Request::Vouch { until } => vouch(context, *until, who),
    }
}

/// The task, or the refusal that there is none.
pub(super) fn task(context: Context<'_>, id: TaskId) -> Result<&Task, Rejection> {
    context.state.task(id).ok_or_else(|| {
        Rejection::input(format!("there is no task {id}"), "`monban ls --all` lists the tasks")
    })
}

/// The repository, or the refusal that there is none.
pub(super) fn repo(context: Context<'_>, id: RepoId) -> Result<&Repo, Rejection> {
    context.state.repos.get(&id).ok_or_else(|| {
        Rejection::input(format!("{id} is not known"), "run the command inside a repository")
    })
}

fn open(context: Context<'_>, path: &Path, common: &Path, base: &str) -> Decision {
    let event = match context.state.repo_by_common(common) {
        Some(known) if known.base == base => return Ok(Vec::new()),
        Some(known) => RepoEvent::BaseChanged { repo: known.id, base: base.into() },
        None => RepoEvent::Opened {
            repo: context.state.next_repo(),
            path: path.into(),
            common: common.into(),
            base: base.into(),
        },
    };
    Ok(vec![Event::Repo(event)])
}

fn trust(context: Context<'_>, id: RepoId, hash: &str, who: &str) -> Decision {
    if repo(context, id)?.trusted.contains(hash) {
        return Ok(Vec::new());
    }
    let (hash, by) = (hash.to_string(), who.to_string());
    Ok(vec![Event::Repo(RepoEvent::Trusted { repo: id, hash, by })])
}

/// What is asked for is decided as if the gate were trusted, which it is only with that.
fn trusting(
    context: Context<'_>,
    (repo, hash): (RepoId, &str),
    then: &Request,
    who: &str,
) -> Decision {
    let mut events = trust(context, repo, hash, who)?;
    let mut state = context.state.clone();
    events.iter().for_each(|event| state.apply(event, context.now));
    events.extend(decide(Context { state: &state, ..context }, who, then)?);
    Ok(events)
}

fn resume(context: Context<'_>, id: RepoId, who: &str) -> Decision {
    let repo = repo(context, id)?;
    if repo.halt.is_none() && repo.hold.is_none() {
        return Err(Rejection::refused(
            "the repository is neither halted nor held",
            "nothing to do; `monban ls` shows what runs",
        ));
    }
    Ok(vec![Event::Repo(RepoEvent::Resumed { repo: id, by: who.into() })])
}

pub(super) fn vouch(context: Context<'_>, until: Timestamp, who: &str) -> Decision {
    if until <= context.now || until.since(context.now) > VOUCH_MAX {
        return Err(Rejection::input(
            "a person can vouch for being there for up to 12 hours",
            "give a duration such as `--attend 30m`",
        )
        .by_rule("A-007"));
    }
    Ok(vec![Event::Daemon(DaemonEvent::Vouched { person: who.into(), until })])
}

//! What follows by itself: events that no command asks for directly but that the state calls for.

use super::attempt::{Delivery, Prompt, PromptWhy, StopWhy};
use super::command::{Command, Request};
use super::decide::{Context, PROMPT_BYTES_MAX};
use super::event::{DaemonEvent, Event, JudgeEvent, RepoEvent, RunEvent, TaskEvent};
use super::state::{Repo, State};
use super::task::{Stage, Task};
use crate::base::id::TaskId;
use std::collections::BTreeSet;

/// What an agent is told that goes on with a conversation.
const GO_ON: &str = "You were interrupted: your process ended before the task was finished. The \
    worktree is as you left it, but your last steps may be missing or half done. Look at its state \
    first, then go on with the task.";

/// Between two parts of a prompt.
const PARAGRAPH: &str = "\n\n";

/// What a new agent is told of the work that it finds.
const REJECTED: &str = "An earlier run has worked on this already: what it made is in this worktree. \
    A person looked at it and did not accept it. Go on from there and mend what they say:";

/// The tasks a person's own command directly starts; it vouches for these.
pub fn vouched_for(state: &State, command: &Command, events: &[Event]) -> BTreeSet<TaskId> {
    let Command::Person { request, .. } = command else { return BTreeSet::new() };
    if let Request::Resume { repo } = request {
        let of_repo = state.tasks.values().filter(|task| task.repo == *repo);
        return of_repo.map(|task| task.id).collect();
    }
    let queued = |event: &Event| match event {
        Event::Task(TaskEvent::Queued { task, .. }) => Some(*task),
        _ => None,
    };
    events.iter().filter_map(queued).collect()
}

/// The next event that follows by itself, if any. Called again after it was applied.
pub fn next(context: Context<'_>, vouched: &BTreeSet<TaskId>) -> Option<Event> {
    let word = context.state.presence.vouched.as_ref();
    if word.is_some_and(|word| !word.counts(context.now)) {
        return Some(Event::Daemon(DaemonEvent::VouchEnded {}));
    }
    context.state.tasks.values().find_map(|task| of_task(context, task, vouched))
}

fn of_task(context: Context<'_>, task: &Task, vouched: &BTreeSet<TaskId>) -> Option<Event> {
    match task.stage {
        Stage::Queued => start(context, task, vouched),
        Stage::Running if !context.state.is_halted(task) => launch(context, task, vouched),
        Stage::Taken if !context.state.is_halted(task) => judge(context, task),
        Stage::Done | Stage::Failed | Stage::Stopped => end_leftover_run(task),
        _ => None,
    }
}

/// A queued task starts when its prerequisites are done, there is room, nothing failed in its
/// repository and somebody is there.
fn start(context: Context<'_>, task: &Task, vouched: &BTreeSet<TaskId>) -> Option<Event> {
    let repo = context.state.repo_of(task)?;
    if repo.halt.is_some() || !context.state.is_ready(&task.spec) {
        return None;
    }
    if context.state.active_count() >= context.settings.max_agents {
        return None;
    }
    let vouched = vouched.contains(&task.id);
    if !vouched && !context.is_attended(repo) {
        return held(repo, format!("task {} would start", task.id));
    }
    let attempt = task.attempts.last().map_or(1, |attempt| attempt.number + 1);
    let resumed = task.resume_next;
    Some(Event::Task(TaskEvent::Attempted { task: task.id, attempt, resumed, vouched }))
}

/// The repository is on hold until a person resumes it, unless it already is.
fn held(repo: &Repo, what: String) -> Option<Event> {
    let held = Event::Repo(RepoEvent::Held { repo: repo.id, what });
    repo.hold.is_none().then_some(held)
}

/// The agent of a prepared attempt starts, and is told what to do. A halt that came in between
/// holds it back, and so does everybody's leaving, unless a person's own command
/// started the attempt.
fn launch(context: Context<'_>, task: &Task, vouched: &BTreeSet<TaskId>) -> Option<Event> {
    let (attempt, repo) = (task.attempt()?, context.state.repo_of(task)?);
    let Some(run) = &attempt.run else {
        // It ended before it had an agent, and what was there for it was judged since.
        if attempt.is_finished {
            return None;
        }
        let vouched = attempt.vouched || vouched.contains(&task.id);
        if !vouched && !context.is_attended(repo) {
            return held(repo, format!("the agent of task {} would start", task.id));
        }
        let (run, session) = (context.state.next_run(), task.conversation());
        return Some(Event::Run(RunEvent::Wanted { task: task.id, run, session }));
    };
    if !attempt.prompts.is_empty() {
        return None;
    }
    let (prompt, why) = (1, PromptWhy::Task);
    let text = match run.session {
        Some(_) => going_on(task),
        None if attempt.resumed => starting_over(task),
        None => task.spec.prompt.clone(),
    };
    Some(Event::Run(RunEvent::PromptWanted { task: task.id, prompt, text, why }))
}

/// The first prompt of a resumed conversation: that it was interrupted, and what it was never told.
fn going_on(task: &Task) -> String {
    let told = task.attempts.iter().rev().find(|attempt| !attempt.prompts.is_empty());
    let prompts = told.map_or(&[][..], |attempt| &attempt.prompts);
    let untold = prompts.iter().filter(|prompt| prompt.delivery != Delivery::Delivered);
    let untold: Vec<&Prompt> = untold.collect();
    // A rejected result was finished: nobody was interrupted.
    let is_rejected = untold.iter().any(|prompt| prompt.why == PromptWhy::Rejected);
    let mut parts = if is_rejected { Vec::new() } else { vec![GO_ON] };
    // One that was itself such a prompt has said so already.
    let untold = untold.iter().map(|prompt| prompt.text.trim_start_matches(GO_ON).trim());
    parts.extend(untold.filter(|text| !text.is_empty()));
    // Over the limit it is the person's last words that are needed most.
    let text = parts.join(PARAGRAPH);
    let is_short = text.len() <= PROMPT_BYTES_MAX;
    if is_short { text } else { parts.last().copied().unwrap_or(GO_ON).to_string() }
}

/// The first prompt of a new agent in the worktree of one that ended and left no conversation: the
/// task, and all that people said of the results in this worktree so far.
fn starting_over(task: &Task) -> String {
    // The attempt that the worktree was made for.
    let first = task.attempts.iter().rposition(|attempt| !attempt.resumed).unwrap_or(0);
    let prompts = task.attempts[first..].iter().flat_map(|attempt| &attempt.prompts);
    let reasons = prompts.filter(|prompt| prompt.why == PromptWhy::Rejected);
    let mut parts = vec![task.spec.prompt.as_str(), REJECTED];
    parts.extend(reasons.map(|prompt| prompt.text.trim()));
    // A program that reads one line has read the task: it is to read all of this as well.
    let is_line = parts.iter().all(|part| !part.trim_end().contains('\n'));
    // Over the limit the oldest reasons go: this agent knows nothing, and needs the task.
    let bytes = |parts: &[&str]| parts.iter().map(|part| part.len()).sum::<usize>();
    while parts.len() > 3 && bytes(&parts) > PROMPT_BYTES_MAX {
        parts.remove(2);
    }
    parts.join(if is_line { " " } else { PARAGRAPH })
}

fn judge(context: Context<'_>, task: &Task) -> Option<Event> {
    let snapshot = task.attempt()?.result()?;
    Some(Event::Judge(JudgeEvent::Started {
        task: task.id,
        run: context.state.next_run(),
        snapshot: snapshot.number,
        tree: snapshot.tree.clone(),
        branch: context.state.repo_of(task)?.base.clone(),
        gate_hash: task.gate.as_ref()?.hash.clone(),
        policy: context.settings.policy.clone(),
    }))
}

/// No agent outlives its task.
fn end_leftover_run(task: &Task) -> Option<Event> {
    let run = task.attempt()?.run.as_ref().filter(|run| run.is_live() && run.stop.is_none())?;
    Some(Event::Run(RunEvent::StopWanted { run: run.id, why: StopWhy::Landed }))
}

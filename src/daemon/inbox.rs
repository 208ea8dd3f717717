//! Answers to what waits for a person. An approval is answered with what came of it: "approved"
//! alone would be taken for "landed".

use super::requests::Asked;
use super::show;
use crate::base::foreign::Foreign;
use crate::base::id::{ItemId, OpId, TaskId};
use crate::model::attempt::PromptWhy;
use crate::model::command::Request as Wanted;
use crate::model::core::Core;
use crate::model::event::{Event, LandingEvent};
use crate::model::item::ItemKind;
use crate::model::rejection::{Class, Rejection};
use crate::model::task::{Stage, Task};
use crate::wire::people::InboxAsk;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the outcome of a landing is waited for. It goes on all the same.
const LANDING_MAX: Duration = Duration::from_secs(60);

pub(super) async fn handle(asked: &Asked, ask: InboxAsk) -> Result<Value, Rejection> {
    match ask {
        InboxAsk::Approve { item, digest, attested } => {
            approve(asked, item, digest, attested).await
        }
        InboxAsk::Reject { item, reason } => {
            let item = item_id(asked, item, true).await?;
            asked.command(Wanted::Reject { item, reason }).await
        }
        InboxAsk::Undo { op } => asked.command(Wanted::Undo { op }).await,
    }
}

async fn approve(
    asked: &Asked,
    item: String,
    digest: String,
    attested: Vec<Foreign>,
) -> Result<Value, Rejection> {
    // Who names a digest means the result, also beside an alarm.
    let item = item_id(asked, item, !digest.is_empty()).await?;
    let request = Wanted::Approve { item, digest: digest.clone(), attested };
    let events = asked.events(request).await?;
    let Some(begun) = events.iter().find_map(Begun::by) else {
        return Ok(json!({ "events": events }));
    };
    let outcome = outcome(asked, begun, &digest);
    tokio::time::timeout(LANDING_MAX, outcome).await.unwrap_or_else(|_| {
        let Begun { task, what, .. } = begun;
        let (is, cure) = match what {
            What::Landing => ("approved and still being landed", "has landed"),
            What::Merge => ("not approved: its base moved and it is still being merged", "waits"),
        };
        let cure = format!("it goes on; `monban show {task}` says when it {cure}");
        Err(Rejection::new(Class::Environment, format!("task {task} is {is}"), cure))
    })
}

/// What an approval began.
#[derive(Clone, Copy)]
struct Begun {
    task: TaskId,
    op: OpId,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Landing,
    /// It was known that the base had moved: nothing was signed.
    Merge,
}

impl Begun {
    fn by(event: &Event) -> Option<Self> {
        let (task, op, what) = match event {
            Event::Landing(LandingEvent::Approved { task, op, .. }) => (task, op, What::Landing),
            Event::Landing(LandingEvent::BaseMoved { task, op, .. }) => (task, op, What::Merge),
            _ => return None,
        };
        Some(Self { task: *task, op: *op, what })
    }
}

/// Waits for what comes of it.
async fn outcome(asked: &Asked, begun: Begun, digest: &str) -> Result<Value, Rejection> {
    let id = begun.task;
    let mut durable = asked.world.engine.durable();
    loop {
        let digest = digest.to_string();
        let look = move |core: &Core| match core.state.task(id) {
            Some(task) => came_of(core, task, begun, &digest),
            None => Some(Err(show::no_task(id))),
        };
        if let Some(outcome) = asked.world.engine.look(look).await? {
            return outcome;
        }
        durable.changed().await.map_err(|_| show::stopping())?;
    }
}

/// What came of approving `digest`; `None` while it is under way.
fn came_of(
    core: &Core,
    task: &Task,
    begun: Begun,
    digest: &str,
) -> Option<Result<Value, Rejection>> {
    let Begun { op, what: begun, .. } = begun;
    let what = match &task.stage {
        Stage::Landing { op: current } | Stage::Merging { op: current, .. } if *current == op => {
            return None;
        }
        Stage::Done => {
            let (landed, already_in) = (&task.landed, &task.already_in);
            let done = json!({ "task": task.id, "landed": landed, "already_in_base": already_in });
            return Some(Ok(done));
        }
        _ => not_landed(core, task, digest),
    };
    let is = match begun {
        What::Landing => "approved but has not landed",
        What::Merge => "not approved yet",
    };
    let why = format!("task {} is {is}: {what}", task.id);
    Some(Err(Rejection::new(Class::NeedsPerson, why, "`monban inbox` shows what waits for you")))
}

/// Why an approved result did not land, and what follows.
fn not_landed(core: &Core, task: &Task, digest: &str) -> String {
    let mut items = core.state.items_of(task.id);
    let said = items.find(|item| item.kind == ItemKind::Trouble || item.digest() == digest);
    if let Some(item) = said {
        return item.note.shown();
    }
    let moved = "the base moved since it was judged";
    let prompt = task.attempt().and_then(|attempt| attempt.prompts.last());
    let is_told = prompt.is_some_and(|prompt| prompt.why == PromptWhy::Conflict);
    if task.stage == Stage::Running && is_told {
        return format!("{moved} and the result conflicts with it; its agent is told to merge it");
    }
    format!("{moved}; the result is merged with it and judged again, then it needs a new approval")
}

/// An inbox id as it is, or the one item that waits about a task, with or without its alarms.
async fn item_id(asked: &Asked, text: String, no_alarms: bool) -> Result<ItemId, Rejection> {
    if let Some(id) = text.strip_prefix("item").and_then(|digits| digits.parse().ok()) {
        return Ok(ItemId(id));
    }
    if text.starts_with("halt") {
        let why = format!("{text} is a halt: there is no result to decide about");
        return Err(Rejection::input(why, "`monban resume` lifts it"));
    }
    let task = text.parse().map(TaskId).map_err(|_| {
        let why = format!("`{text}` is neither an inbox id such as item3 nor a task id");
        Rejection::input(why, "`monban inbox` lists what waits")
    })?;
    let look = move |core: &Core| {
        let approved = core.state.task(task).and_then(|task| task.approved);
        let items = core.state.items_of(task);
        let items = items.filter(|item| !no_alarms || item.kind != ItemKind::Alarm);
        let is_there = core.state.task(task).is_some();
        (items.map(|item| item.id).collect::<Vec<_>>(), approved, is_there)
    };
    let (waiting, approved, is_there) = asked.world.engine.look(look).await?;
    if !is_there {
        return Err(super::show::no_task(task));
    }
    match (waiting.as_slice(), approved) {
        ([one], _) => Ok(*one),
        // Whoever approves once more is told what came of the first time.
        ([], Some(approved)) => Ok(approved),
        ([], None) => Err(Rejection::input(
            format!("nothing of task {task} waits for you"),
            "`monban inbox` lists what waits",
        )),
        (several, _) => {
            let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
            let why = format!("several items of task {task} wait: {}", ids.join(" "));
            Err(Rejection::input(why, "name one of them"))
        }
    }
}

//! Requests of people, each turned into commands for the core or a look at it.

use super::world::World;
use super::{plan, show, terminal};
use crate::base::id::{ItemId, TaskId};
use crate::model::command::{Command, Request as Wanted};
use crate::model::item::ItemKind;
use crate::model::rejection::Rejection;
use crate::wire::people::{Answer, Ask, DaemonAsk, InboxAsk, Request, TaskAsk};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What a request needs.
#[derive(Clone)]
pub struct Asked {
    /// The daemon's world.
    pub world: Arc<World>,
    /// Who asks.
    pub person: String,
    /// The folder they stand in.
    pub at: std::path::PathBuf,
    /// Where answers go.
    pub answers: mpsc::Sender<Answer>,
}

impl Asked {
    /// Has a request of the person decided.
    pub async fn command(&self, request: Wanted) -> Result<Value, Rejection> {
        let command = Command::Person { who: self.person.clone(), request };
        let events = self.world.engine.command(command).await?;
        Ok(json!({ "events": events }))
    }
}

/// What is to happen once a request is answered.
#[derive(PartialEq, Eq)]
pub enum After {
    /// The daemon goes on.
    GoOn,
    /// The daemon stops.
    Stop,
}

/// Handles one request and sends exactly one result.
pub async fn handle(
    world: Arc<World>,
    person: String,
    request: Request,
    answers: mpsc::Sender<Answer>,
) -> After {
    let stops = matches!(request.ask, Ask::Daemon(DaemonAsk::Stop { .. }));
    let asked = Asked { world, person, at: request.at, answers: answers.clone() };
    let result = match request.ask {
        Ask::Plan(ask) => plan::handle(&asked, ask).await,
        Ask::Task(id, ask) => task(&asked, id, ask).await,
        Ask::Inbox(ask) => inbox(&asked, ask).await,
        Ask::Show(ask) => show::handle(&asked, ask).await,
        Ask::Daemon(ask) => daemon(&asked, ask).await,
        Ask::Attach { .. } => {
            let why = "this connection is attached already";
            Err(Rejection::input(why, "one connection is one dashboard"))
        }
    };
    let after = if stops && result.is_ok() { After::Stop } else { After::GoOn };
    let answer = result.map_or_else(Answer::Refused, Answer::Done);
    let _ = answers.send(answer).await;
    after
}

async fn task(asked: &Asked, id: TaskId, ask: TaskAsk) -> Result<Value, Rejection> {
    let wanted = match ask {
        TaskAsk::Edit(change) => Wanted::Edit { task: id, change },
        TaskAsk::Remove => Wanted::Remove { task: id },
        TaskAsk::Retry { resume, trust } => return plan::retry(asked, id, resume, trust).await,
        TaskAsk::Judge => Wanted::Judge { task: id },
        TaskAsk::Paste { text } => return terminal::paste(asked, id, &text).await,
        TaskAsk::Say { text } => Wanted::Say { task: id, text },
        TaskAsk::Keys { keys } => return terminal::keys(asked, id, &keys).await,
        TaskAsk::Abort => Wanted::Abort { task: id },
        TaskAsk::Pause => Wanted::Pause { task: id, paused: true },
        TaskAsk::GoOn => Wanted::Pause { task: id, paused: false },
        TaskAsk::RollBack { checkpoint } => Wanted::RollBack { task: id, checkpoint },
    };
    asked.command(wanted).await
}

async fn inbox(asked: &Asked, ask: InboxAsk) -> Result<Value, Rejection> {
    let wanted = match ask {
        InboxAsk::Approve { item, digest } => {
            // Who names a digest means the result, also beside an alarm.
            let result_only = !digest.is_empty();
            Wanted::Approve { item: item_id(asked, item, result_only).await?, digest }
        }
        InboxAsk::Reject { item, reason } => {
            Wanted::Reject { item: item_id(asked, item, true).await?, reason }
        }
        InboxAsk::Undo { op } => Wanted::Undo { op },
    };
    asked.command(wanted).await
}

/// An inbox id as it is, or the one item that waits about a task, with or without its alarms.
async fn item_id(asked: &Asked, text: String, no_alarms: bool) -> Result<ItemId, Rejection> {
    if let Some(id) = text.strip_prefix("item").and_then(|digits| digits.parse().ok()) {
        return Ok(ItemId(id));
    }
    let task = text.parse().map(TaskId).map_err(|_| {
        let why = format!("`{text}` is neither an inbox id such as item3 nor a task id");
        Rejection::input(why, "`monban inbox` lists what waits")
    })?;
    let waiting = asked.world.engine.look(move |core| {
        let items = core.state.items_of(task);
        let items = items.filter(|item| !no_alarms || item.kind != ItemKind::Alarm);
        items.map(|item| item.id).collect::<Vec<_>>()
    });
    match waiting.await?.as_slice() {
        [one] => Ok(*one),
        [] => Err(Rejection::input(
            format!("nothing of task {task} waits for you"),
            "`monban inbox` lists what waits",
        )),
        several => {
            let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
            let why = format!("several items of task {task} wait: {}", ids.join(" "));
            Err(Rejection::input(why, "name one of them"))
        }
    }
}

async fn daemon(asked: &Asked, ask: DaemonAsk) -> Result<Value, Rejection> {
    match ask {
        DaemonAsk::Status => show::daemon(asked).await,
        DaemonAsk::Verify => show::verify(asked).await,
        DaemonAsk::Stop { kill_agents } => {
            if kill_agents {
                terminal::end_all(asked).await?;
            }
            Ok(json!({ "stopping": true }))
        }
    }
}

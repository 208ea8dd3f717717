//! Requests of people, each turned into commands for the core or a look at it.

use super::world::World;
use super::{gc, inbox, plan, revert, show, terminal};
use crate::base::id::TaskId;
use crate::model::command::{Command, Request as Wanted};
use crate::model::event::Event;
use crate::model::rejection::{Class, Rejection};
use crate::wire::people::{Answer, Ask, DaemonAsk, Request, TaskAsk};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
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
    /// Whether they only watch: then nothing is decided for them, whatever they ask.
    pub watch: bool,
    /// Where answers go.
    pub answers: mpsc::Sender<Answer>,
}

impl Asked {
    /// Has a request of the person decided.
    pub async fn command(&self, request: Wanted) -> Result<Value, Rejection> {
        Ok(json!({ "events": self.events(request).await? }))
    }

    /// The same, as the events that follow.
    pub async fn events(&self, request: Wanted) -> Result<Vec<Event>, Rejection> {
        if self.watch {
            return Err(only_watches());
        }
        let command = Command::Person { who: self.person.clone(), request };
        self.world.engine.command(command).await
    }
}

/// The refusal of whatever would change something.
pub fn only_watches() -> Rejection {
    Rejection::refused("this client only watches", "attach without --watch to decide anything")
}

/// What stands for a result that no message can carry.
pub fn too_large(bytes: usize) -> Answer {
    Answer::Refused(Rejection::new(
        Class::Environment,
        format!("the answer has {bytes} bytes, more than a message may have"),
        "look at it with git, or ask for less",
    ))
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
    watch: bool,
    request: Request,
    answers: mpsc::Sender<Answer>,
) -> After {
    let stops = matches!(request.ask, Ask::Daemon(DaemonAsk::Stop { .. }));
    let asked = Asked { world, person, at: request.at, watch, answers: answers.clone() };
    let result = match request.ask {
        Ask::Plan(ask) => plan::handle(&asked, ask).await,
        Ask::Task(id, ask) => task(&asked, id, ask).await,
        Ask::Inbox(ask) => inbox::handle(&asked, ask).await,
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
        TaskAsk::Revert { trust } => return revert::handle(asked, id, trust).await,
        TaskAsk::Judge => Wanted::Judge { task: id },
        TaskAsk::Paste { text } => return terminal::paste(asked, id, &text).await,
        TaskAsk::Say { text } => return terminal::say(asked, id, text).await,
        TaskAsk::Keys { keys } => return terminal::keys(asked, id, &keys).await,
        TaskAsk::Abort => Wanted::Abort { task: id },
        TaskAsk::Pause => Wanted::Pause { task: id, paused: true },
        TaskAsk::GoOn => Wanted::Pause { task: id, paused: false },
        TaskAsk::RollBack { checkpoint, commit } => {
            Wanted::RollBack { task: id, checkpoint, commit }
        }
    };
    asked.command(wanted).await
}

async fn daemon(asked: &Asked, ask: DaemonAsk) -> Result<Value, Rejection> {
    match ask {
        DaemonAsk::Status => show::daemon(asked).await,
        DaemonAsk::Verify => show::verify(asked).await,
        DaemonAsk::Gc { older_than_ms, dry_run } => {
            gc::handle(asked, Duration::from_millis(older_than_ms), dry_run).await
        }
        DaemonAsk::Stop { kill_agents } => {
            if kill_agents {
                terminal::end_all(asked).await?;
            }
            Ok(json!({ "stopping": true }))
        }
    }
}

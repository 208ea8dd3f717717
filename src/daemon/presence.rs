//! People who are there: at a dashboard or a command that waits.

use super::engine;
use super::world::World;
use crate::model::command::{Command, Notice};
use crate::model::rejection::Rejection;
use tokio::sync::oneshot;

/// A person who is there until this is dropped.
pub struct Present {
    _gone: oneshot::Sender<()>,
}

impl Present {
    /// Notes that a person came; returns when that is durable. Given up halfway, the person is gone
    /// again.
    ///
    /// # Errors
    /// The log does not take it.
    pub async fn arrive(world: &World, person: &str) -> Result<Self, Rejection> {
        let (present, gone) = oneshot::channel();
        let (answer, arrived) = oneshot::channel();
        let (engine, person) = (world.engine.clone(), person.to_string());
        // A task of its own: whoever waits for it may be gone before the log took it.
        tokio::spawn(async move {
            let came = Command::Daemon(Notice::Arrived { person: person.clone() });
            let _ = answer.send(engine.command(came).await);
            let _: Result<(), _> = gone.await;
            // Also after an error: a full disk may have taken it in the end.
            let _ = engine.command(Command::Daemon(Notice::Left { person })).await;
        });
        arrived.await.map_err(|_| engine::gone())??;
        Ok(Self { _gone: present })
    }
}

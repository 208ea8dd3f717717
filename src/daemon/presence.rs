//! People who are there: at a dashboard or a command that waits.

use super::engine;
use super::world::World;
use crate::model::command::{Command, Notice};
use crate::model::rejection::Rejection;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the end of a presence waits before it is told again when the log does not take it.
const LEFT_RETRY: Duration = Duration::from_secs(1);

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
            leave(&engine, person).await;
        });
        arrived.await.map_err(|_| engine::gone())??;
        Ok(Self { _gone: present })
    }
}

/// Whoever came also leaves, even when the disk is full just then.
async fn leave(engine: &engine::Handle, person: String) {
    let left = Command::Daemon(Notice::Left { person });
    while engine.command(left.clone()).await.is_err() && !engine.is_gone() {
        tokio::time::sleep(LEFT_RETRY).await;
    }
}

//! The line to the daemon as it comes and goes: connected, lost, connected again with growing
//! pauses.

use super::link::{Link, LinkError};
use crate::model::rejection::Rejection;
use crate::wire::people::Request;
use crate::wire::view::{Said, Told};
use std::future::Future;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// The pause before connecting again, which doubles up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_LONGEST: Duration = Duration::from_secs(5);

/// Makes a connection on which both have said hello, or says why not. May block.
pub type Connect = Arc<dyn Fn() -> Result<UnixStream, String> + Send + Sync>;

/// What happened to the line.
#[derive(Debug)]
pub enum News {
    /// It is up: nothing of what was said before counts.
    Up,
    /// It is down, and why; it is tried again.
    Down(String),
    /// It never was up, because the daemon does not want to: there is nothing to try again.
    Refused(Rejection),
    /// The daemon told something.
    Told(Told),
}

type Connecting = Pin<Box<dyn Future<Output = Result<Link, LinkError>> + Send>>;

enum State {
    Up(Link),
    Connecting(Connecting),
}

/// The line.
pub struct Line {
    state: State,
    connect: Connect,
    attach: Request,
    pause: Duration,
    was_up: bool,
}

impl Line {
    /// A line over a connection that is there, and others made by `connect` when it breaks.
    pub fn new(first: UnixStream, connect: Connect, attach: Request) -> Self {
        let request = attach.clone();
        let first = async move { Link::attach(first, &request).await };
        let state = State::Connecting(Box::pin(first));
        Self { state, connect, attach, pause: PAUSE_FIRST, was_up: false }
    }

    /// Whether something can be said.
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Says something; false when the line is down or takes no more.
    pub fn say(&mut self, said: &Said) -> bool {
        match &mut self.state {
            State::Up(link) => link.say(said),
            State::Connecting(_) => false,
        }
    }

    /// What happens next. May be dropped and called again.
    pub async fn news(&mut self) -> News {
        match &mut self.state {
            State::Up(link) => match link.told().await {
                Some(told) => {
                    self.pause = PAUSE_FIRST;
                    News::Told(told)
                }
                None => self.lost("the connection ended".into()),
            },
            State::Connecting(connecting) => match connecting.await {
                Ok(link) => {
                    self.state = State::Up(link);
                    self.was_up = true;
                    News::Up
                }
                Err(LinkError::Refused(rejection)) if !self.was_up => {
                    self.lost(String::new());
                    News::Refused(rejection)
                }
                Err(error) => self.lost(error.to_string()),
            },
        }
    }

    fn lost(&mut self, why: String) -> News {
        let (connect, attach, pause) = (Arc::clone(&self.connect), self.attach.clone(), self.pause);
        self.pause = (self.pause * 2).min(PAUSE_LONGEST);
        self.state = State::Connecting(Box::pin(async move {
            tokio::time::sleep(pause).await;
            let stream = tokio::task::spawn_blocking(move || connect()).await;
            let stream = stream.map_err(|error| LinkError::Unreachable(error.to_string()))?;
            Link::attach(stream.map_err(LinkError::Unreachable)?, &attach).await
        }));
        News::Down(why)
    }
}

//! The line to the daemon as it comes and goes: connected, lost, connected again with growing
//! pauses.

use super::link::{Link, LinkError};
use super::quiet::Quiet;
use crate::base::ticks::{self, Instant};
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

/// A client that gives signs of life counts as gone after so many of them did not come.
const SIGNS_MISSED: u32 = 3;

/// What the ping of a sign of life says; those that measure say how long the dashboard is there.
const SIGN: u64 = u64::MAX;
/// And the one that asks for an answer to what a person did.
const ANSWER: u64 = u64::MAX - 1;

/// Makes a connection on which both have said hello, or says why not. May block.
pub type Connect = Arc<dyn Fn() -> Result<UnixStream, String> + Send + Sync>;

/// What happened to the line.
#[derive(Debug)]
pub enum News {
    /// It is up: nothing of what was said before counts.
    Up,
    /// It is down; it is tried again.
    Down {
        /// Why.
        why: String,
        /// For how long nothing had come, where the end of a line is not noticed at once.
        silent: Duration,
    },
    /// It never was up, because the daemon does not want to: there is nothing to try again.
    Refused(Rejection),
    /// It is up, but for so long there was no answer to what the person did; none: it came.
    Silent(Option<Duration>),
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
    /// How often the daemon is told that this client is there, where it would not notice an end,
    /// and when next.
    signs: Option<Duration>,
    next_sign: Option<Instant>,
    /// When the daemon was heard last.
    heard: Instant,
    quiet: Quiet,
}

impl Line {
    /// A line over a connection that is there, and others made by `connect` when it breaks;
    /// `signs` of life are given as often as that.
    pub fn new(
        first: UnixStream,
        connect: Connect,
        attach: Request,
        signs: Option<Duration>,
    ) -> Self {
        let request = attach.clone();
        let first = async move { Link::attach(first, &request).await };
        let state = State::Connecting(Box::pin(first));
        let pause = PAUSE_FIRST;
        Self {
            state,
            connect,
            attach,
            pause,
            was_up: false,
            signs,
            next_sign: None,
            heard: ticks::now(),
            quiet: Quiet::default(),
        }
    }

    /// The person did something, which wants an answer.
    pub fn expects_answer(&mut self) {
        self.quiet.wanted();
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
            State::Up(link) => loop {
                // After what it is to answer, so that no key waits for it.
                if self.quiet.asks(ticks::now()) {
                    link.say(&Said::Ping { at: ANSWER });
                }
                tokio::select! {
                    told = link.told() => {
                        let Some(told) = told else {
                            return self.lost("the connection ended".into());
                        };
                        self.pause = PAUSE_FIRST;
                        self.heard = ticks::now();
                        self.quiet.heard(self.heard);
                        match told {
                            Told::Pong { at: SIGN } => {}
                            Told::Pong { at: ANSWER } if self.quiet.answered() => {
                                return News::Silent(None);
                            }
                            Told::Pong { at: ANSWER } => {}
                            told => return News::Told(told),
                        }
                    }
                    () = due(self.quiet.due()) => {
                        if let Some(silent) = self.quiet.time(ticks::now()) {
                            return News::Silent(silent);
                        }
                    }
                    () = due(self.next_sign) => self.next_sign = sign(link, self.signs),
                }
            },
            State::Connecting(connecting) => match connecting.await {
                Ok(mut link) => {
                    self.next_sign = sign(&mut link, self.signs);
                    self.state = State::Up(link);
                    self.quiet = Quiet::default();
                    self.heard = ticks::now();
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
        let silent = self.signs.map_or(Duration::ZERO, |_| ticks::now() - self.heard);
        News::Down { why, silent }
    }
}

/// Gives a sign of life, if any are given; gives when the next one is due.
fn sign(link: &mut Link, signs: Option<Duration>) -> Option<Instant> {
    let every = signs?;
    let within = u32::try_from((every * SIGNS_MISSED).as_millis()).unwrap_or(u32::MAX);
    link.say(&Said::Here { within_ms: within });
    // One is wanted back: it tells a line that fell silent from one that is only quiet.
    link.say(&Said::Ping { at: SIGN });
    Some(ticks::now() + every)
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame;
    use crate::wire::people::{Answer, Ask, DaemonAsk};

    #[tokio::test]
    async fn signs_of_life_come_without_anything_else_to_say() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let daemon = std::thread::spawn(move || {
            frame::read::<Request>(&mut far).unwrap();
            frame::write(&mut far, &Answer::Done(serde_json::Value::Null)).unwrap();
            let said = [(); 4].map(|()| frame::read::<Said>(&mut far).unwrap());
            frame::write(&mut far, &Told::Pong { at: SIGN }).unwrap();
            // It stays quiet while ten more signs come.
            for _ in 0..20 {
                frame::read::<Said>(&mut far).unwrap();
            }
            said
        });
        let attach = Request { at: "/".into(), ask: Ask::Daemon(DaemonAsk::Status) };
        let connect: Connect = Arc::new(|| Err("once".into()));
        let every = Duration::from_millis(5);
        let mut line = Line::new(near, connect, attach, Some(every));
        assert!(matches!(line.news().await, News::Up));
        let News::Down { silent, .. } = line.news().await else { panic!("a sign is no news") };
        assert!(silent >= Duration::from_millis(40), "since the pong: {silent:?}");
        let (here, ping) = (Said::Here { within_ms: 15 }, Said::Ping { at: SIGN });
        let signs = [here.clone(), ping.clone(), here, ping].map(Some);
        assert_eq!(daemon.join().unwrap(), signs);
    }
}

//! The line to the daemon as it comes and goes: connected, lost, connected again with growing
//! pauses.

use super::link::{Link, LinkError};
use super::quiet::Quiet;
use super::wake::{self, Woken};
use crate::base::ticks::{self, Instant};
use crate::base::waiting::{Wants, Watch};
use crate::model::rejection::Rejection;
use crate::wire::people::Request;
use crate::wire::view::{Said, Told};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

/// How long the daemon may take to answer the request to attach.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(10);
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

/// How far it is.
enum State {
    /// Attached.
    Up(Link),
    /// Asked to attach; the answer comes until then.
    Asked(Link, Instant),
    /// Both have said hello.
    Greeted(UnixStream),
    /// A thread connects; its end wakes.
    Connecting(Receiver<Result<UnixStream, String>>, Woken),
    /// It is tried again then.
    Down(Instant),
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
        Self {
            state: State::Greeted(first),
            connect,
            attach,
            pause: PAUSE_FIRST,
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

    /// Asks for an answer, if one is wanted: to be called before waiting, after what it is to
    /// answer, so that no key waits for it.
    pub fn ask_for_answer(&mut self) {
        if let State::Up(link) = &mut self.state
            && self.quiet.asks(ticks::now())
        {
            link.say(&Said::Ping { at: ANSWER });
        }
    }

    /// Whether something can be said.
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Says something; false when the line is down or takes no more.
    pub fn say(&mut self, said: &Said) -> bool {
        match &mut self.state {
            State::Up(link) => link.say(said),
            _ => false,
        }
    }

    /// What tells by being ready that there may be news.
    pub fn watch(&self) -> Option<Watch<'_>> {
        match &self.state {
            State::Up(link) | State::Asked(link, _) => Some(link.watch()),
            State::Connecting(_, woken) => Some(Watch::new(woken, Wants::Read)),
            State::Greeted(_) | State::Down(_) => None,
        }
    }

    /// When there may be news although nothing is ready.
    pub fn due_at(&self) -> Option<Instant> {
        match &self.state {
            State::Up(link) | State::Asked(link, _) if link.has_more() => Some(self.heard),
            State::Up(_) => self.next_sign.into_iter().chain(self.quiet.due()).min(),
            State::Asked(_, until) | State::Down(until) => Some(*until),
            State::Greeted(_) => Some(self.heard),
            State::Connecting(..) => None,
        }
    }

    /// What happened next, if anything did. Never waits.
    pub fn news(&mut self) -> Option<News> {
        let now = ticks::now();
        let State::Up(link) = &mut self.state else { return self.comes_up(now) };
        if self.next_sign.is_some_and(|at| at <= now) {
            self.next_sign = sign(link, self.signs);
        }
        match link.told() {
            // Who was stopped for a while finds here what came meanwhile, before time tells.
            Ok(None) => {
                let is_due = self.quiet.due().is_some_and(|at| at <= now);
                is_due.then(|| self.quiet.time(now)).flatten().map(News::Silent)
            }
            Ok(Some(told)) => {
                (self.pause, self.heard) = (PAUSE_FIRST, now);
                self.quiet.heard(now);
                match told {
                    Told::Pong { at: SIGN } => None,
                    Told::Pong { at: ANSWER } => {
                        self.quiet.answered().then_some(News::Silent(None))
                    }
                    told => Some(News::Told(told)),
                }
            }
            Err(_) => Some(self.lost("the connection ended".into())),
        }
    }

    /// Goes on towards being attached.
    fn comes_up(&mut self, now: Instant) -> Option<News> {
        match self.step(now) {
            Ok(State::Up(mut link)) => {
                self.next_sign = sign(&mut link, self.signs);
                self.state = State::Up(link);
                (self.heard, self.was_up, self.quiet) = (now, true, Quiet::default());
                Some(News::Up)
            }
            Ok(state) => {
                self.state = state;
                None
            }
            Err(LinkError::Refused(rejection)) if !self.was_up => {
                self.lost(String::new());
                Some(News::Refused(rejection))
            }
            Err(error) => Some(self.lost(error.to_string())),
        }
    }

    fn step(&mut self, now: Instant) -> Result<State, LinkError> {
        match std::mem::replace(&mut self.state, State::Down(now)) {
            State::Greeted(stream) => {
                Ok(State::Asked(Link::ask(stream, &self.attach)?, now + ATTACH_TIMEOUT))
            }
            State::Asked(mut link, until) => match link.is_attached()? {
                true => Ok(State::Up(link)),
                false if now >= until => Err(LinkError::Silent),
                false => Ok(State::Asked(link, until)),
            },
            State::Connecting(result, woken) => match result.try_recv() {
                Ok(stream) => Ok(State::Greeted(stream.map_err(LinkError::Unreachable)?)),
                Err(TryRecvError::Empty) => Ok(State::Connecting(result, woken)),
                Err(TryRecvError::Disconnected) => {
                    Err(LinkError::Unreachable("connecting failed".into()))
                }
            },
            State::Down(until) if now >= until => self.connecting(),
            state @ (State::Up(_) | State::Down(_)) => Ok(state),
        }
    }

    /// Connects on a thread: that may take as long as ssh does.
    fn connecting(&self) -> Result<State, LinkError> {
        let (waker, woken) = wake::pair()?;
        let (tell, result) = mpsc::sync_channel(1);
        let connect = Arc::clone(&self.connect);
        thread::Builder::new().spawn(move || {
            // Wakes by its end, whatever comes of it.
            let _waker = waker;
            let _ = tell.send(connect());
        })?;
        Ok(State::Connecting(result, woken))
    }

    fn lost(&mut self, why: String) -> News {
        let now = ticks::now();
        self.state = State::Down(now + self.pause);
        self.pause = (self.pause * 2).min(PAUSE_LONGEST);
        let silent = self.signs.map_or(Duration::ZERO, |_| now - self.heard);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::waiting::wait;
    use crate::wire::frame;
    use crate::wire::people::{Answer, Ask, DaemonAsk};

    fn next(line: &mut Line) -> News {
        loop {
            if let Some(news) = line.news() {
                return news;
            }
            let left = line.due_at().map(|at| at.saturating_duration_since(ticks::now()));
            wait(&mut line.watch().into_iter().collect::<Vec<_>>(), left).unwrap();
        }
    }

    #[test]
    fn signs_of_life_come_without_anything_else_to_say() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let daemon = std::thread::spawn(move || {
            frame::read::<Request>(&mut far).unwrap();
            frame::write(&mut far, &Answer::Done(serde_json::Value::Null)).unwrap();
            let said = [(); 4].map(|()| frame::read::<Said>(&mut far).unwrap());
            let answered = ticks::now();
            frame::write(&mut far, &Told::Pong { at: SIGN }).unwrap();
            // It stays quiet while ten more signs come.
            for _ in 0..20 {
                frame::read::<Said>(&mut far).unwrap();
            }
            (said, answered)
        });
        let attach = Request { at: "/".into(), ask: Ask::Daemon(DaemonAsk::Status) };
        let connect: Connect = Arc::new(|| Err("once".into()));
        let every = Duration::from_millis(5);
        let mut line = Line::new(near, connect, attach, Some(every));
        assert!(matches!(next(&mut line), News::Up));
        let News::Down { silent, .. } = next(&mut line) else { panic!("a sign is no news") };
        let (here, ping) = (Said::Here { within_ms: 15 }, Said::Ping { at: SIGN });
        let signs = [here.clone(), ping.clone(), here, ping].map(Some);
        let (said, answered) = daemon.join().unwrap();
        assert_eq!(said, signs);
        let since_pong = ticks::now().saturating_duration_since(answered);
        assert!(!silent.is_zero() && silent <= since_pong, "{silent:?} of {since_pong:?}");
    }
}

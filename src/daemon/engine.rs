//! The engine: the one owner of core and event log. Everything that changes the state passes here,
//! in order; nothing is answered, shown or started before the record behind it is on the disk.

use super::driver::Driver;
use crate::base::clock::{Clock, Timestamp};
use crate::model::command::Command;
use crate::model::core::Core;
use crate::model::decide::Settings;
use crate::model::effect::Effect;
use crate::model::event::Event;
use crate::model::rejection::{Class, Rejection};
use crate::store::{EventLog, Failure, NewRecord, Problem, Status, StoreError};
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use tokio::sync::{mpsc, oneshot, watch};

/// How many inputs may wait for the engine.
const INBOX_MAX: usize = 1024;

/// The events of a command, or its refusal.
pub type Outcome = Result<Vec<Event>, Rejection>;

/// Looks at the core once everything before is durable, or learns that it cannot be.
type Look = Box<dyn FnOnce(Result<&Core, Rejection>) + Send>;

/// Something for the engine.
pub enum Input {
    /// A command; answered when its events are durable.
    Command(Box<Command>, oneshot::Sender<Outcome>),
    /// A look at the core.
    Look(Look),
    /// An effect's work ended.
    Ended(Effect),
    /// The log got further, or failed.
    Log,
    /// The person's settings were read again.
    Settings(Box<Settings>),
    /// End the engine.
    Stop,
}

/// How others reach the engine.
#[derive(Clone)]
pub struct Handle {
    inbox: mpsc::Sender<Input>,
    durable: watch::Receiver<u64>,
    damage: Arc<OnceLock<Problem>>,
}

/// The refusal when the engine is gone.
pub fn gone() -> Rejection {
    Rejection::new(Class::Environment, "the daemon is stopping", "run the command again")
}

impl Handle {
    /// Has a command decided; returns when its events are durable.
    pub async fn command(&self, command: Command) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        let input = Input::Command(Box::new(command), answer);
        self.inbox.send(input).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }

    /// The same from a thread that may block.
    pub fn command_blocking(&self, command: Command) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        let input = Input::Command(Box::new(command), answer);
        self.inbox.blocking_send(input).map_err(|_| gone())?;
        outcome.blocking_recv().map_err(|_| gone())?
    }

    /// Looks at the core as it is once everything before is durable.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Core) -> T + Send + 'static,
    ) -> Result<T, Rejection> {
        let (answer, seen) = oneshot::channel();
        let look = Box::new(move |core: Result<&Core, Rejection>| {
            let _ = answer.send(core.map(look));
        });
        self.inbox.send(Input::Look(look)).await.map_err(|_| gone())?;
        seen.await.map_err(|_| gone())?
    }

    /// The same from a thread that may block.
    pub fn look_blocking<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Core) -> T + Send + 'static,
    ) -> Result<T, Rejection> {
        let (answer, seen) = oneshot::channel();
        let look = Box::new(move |core: Result<&Core, Rejection>| {
            let _ = answer.send(core.map(look));
        });
        self.inbox.blocking_send(Input::Look(look)).map_err(|_| gone())?;
        seen.blocking_recv().map_err(|_| gone())?
    }

    /// The last durable record, and word of every later one.
    pub fn durable(&self) -> watch::Receiver<u64> {
        self.durable.clone()
    }

    /// Whether there is no engine any more.
    pub fn is_gone(&self) -> bool {
        self.inbox.is_closed()
    }

    /// The damage of the event log, since which the state stands still.
    pub fn damage(&self) -> Option<&Problem> {
        self.damage.get()
    }

    /// Says something without waiting for an answer.
    pub async fn tell(&self, input: Input) {
        let _ = self.inbox.send(input).await;
    }

    /// Says that the log got further; safe on any thread, never blocks. When the inbox is full the
    /// engine is at work and looks at the log by itself.
    pub fn nudge(&self) {
        let _ = self.inbox.try_send(Input::Log);
    }

    /// Asks the engine to end.
    pub async fn stop(&self) {
        let _ = self.inbox.send(Input::Stop).await;
    }
}

/// Something that waits for a record to be durable.
enum Waiting {
    Outcome(oneshot::Sender<Outcome>, Outcome),
    Look(Look),
}

/// The engine.
pub struct Engine {
    core: Core,
    log: EventLog,
    clock: Clock,
    epoch: String,
    inbox: mpsc::Receiver<Input>,
    durable: watch::Sender<u64>,
    damage: Arc<OnceLock<Problem>>,
    waiting: VecDeque<(u64, Waiting)>,
    driver: Driver,
    /// The first thing this daemon records, until it has.
    announcement: Option<Command>,
    #[cfg(debug_assertions)]
    fault: super::fault::Fault,
}

/// The two ends of the engine's inbox, made before the log that nudges it is opened.
pub struct Channel {
    handle: Handle,
    inbox: mpsc::Receiver<Input>,
    durable: watch::Sender<u64>,
}

impl Channel {
    /// A new inbox.
    pub fn new() -> Self {
        let (sender, inbox) = mpsc::channel(INBOX_MAX);
        let (durable, receiver) = watch::channel(0);
        let handle = Handle { inbox: sender, durable: receiver, damage: Arc::default() };
        Self { handle, inbox, durable }
    }

    /// How others reach the engine.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Default for Channel {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// An engine over a replayed core and its open log.
    ///
    /// `announcement` is recorded before anything else is decided, however long the disk is full:
    /// until then the state still has the people who were at the daemon before this one.
    pub fn new(
        channel: Channel,
        core: Core,
        log: EventLog,
        clock: Clock,
        driver: Driver,
        announcement: Command,
    ) -> Self {
        let epoch = format!("{:x}", clock.now().millis());
        let Channel { inbox, durable, handle } = channel;
        durable.send_replace(log.durability().durable());
        let engine = Self {
            core,
            log,
            clock,
            epoch,
            inbox,
            durable,
            damage: handle.damage,
            waiting: VecDeque::new(),
            driver,
            announcement: Some(announcement),
            #[cfg(debug_assertions)]
            fault: super::fault::Fault::from_environment(),
        };
        engine.tell_damage();
        engine
    }

    /// Lets everybody know whom the log fails.
    fn tell_damage(&self) {
        if let Some(problem) = self.log.damage() {
            let _ = self.damage.set(problem.clone());
        }
    }

    /// Works until told to stop; gives the log back, whose lock makes this daemon the only one.
    pub async fn run(mut self) -> EventLog {
        let _ = self.announce();
        self.start_effects();
        while let Some(input) = self.inbox.recv().await {
            match input {
                Input::Command(command, answer) => self.command(&command, answer),
                Input::Look(look) => {
                    // Whoever looks after there is room again is to see something.
                    let _ = self.reopen();
                    self.waiting.push_back((self.last(), Waiting::Look(look)));
                }
                Input::Ended(effect) => self.driver.ended(&effect),
                Input::Settings(settings) => self.core.settings = *settings,
                Input::Log => {}
                Input::Stop => break,
            }
            self.release();
        }
        self.driver.stop();
        self.log
    }

    fn last(&self) -> u64 {
        self.log.next_seq() - 1
    }

    fn command(&mut self, command: &Command, answer: oneshot::Sender<Outcome>) {
        if let Err(rejection) = self.ready_to_write(command).and_then(|()| self.announce()) {
            let _ = answer.send(Err(rejection));
            return;
        }
        // A refusal waits too: it may rest on something that is not durable yet.
        let outcome = self.decide(command);
        self.waiting.push_back((self.last(), Waiting::Outcome(answer, outcome)));
    }

    fn decide(&mut self, command: &Command) -> Outcome {
        #[cfg(debug_assertions)]
        self.fault.reached(super::fault::When::Before, self.last() + 1);
        let now = self.clock.now();
        // Decided on a copy: when the log refuses the events, nothing has happened.
        let mut core = self.core.clone();
        let events = core.handle(command, now)?;
        #[cfg(debug_assertions)]
        self.fault.decided(self.last() + 1, &events);
        self.write(&events, now)?;
        self.core = core;
        Ok(events)
    }

    /// Records that this daemon began, unless it has.
    fn announce(&mut self) -> Result<(), Rejection> {
        let Some(announcement) = self.announcement.take() else { return Ok(()) };
        let announced = self.decide(&announcement);
        announced.map(|_| ()).inspect_err(|_| self.announcement = Some(announcement))
    }

    /// A log that failed is tried again before a command is decided, never behind anybody's back.
    fn ready_to_write(&mut self, command: &Command) -> Result<(), Rejection> {
        if let Some(problem) = self.log.damage() {
            self.driver.without_log(command);
            return Err(Rejection::new(
                Class::Environment,
                format!("the event log is damaged and was opened read-only: {problem}"),
                "watching and abort still work; `monban verify` says more",
            ));
        }
        self.reopen().map_err(|error| refused(&error))
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        match self.log.durability().status() {
            Status::Running => Ok(()),
            Status::Failed(_) | Status::Closed => {
                self.log.reopen().inspect_err(|_| self.tell_damage())
            }
        }
    }

    fn write(&mut self, events: &[Event], at: Timestamp) -> Result<(), Rejection> {
        let first = self.log.next_seq();
        let records = (first..).zip(events).map(|(seq, event)| self.record(seq, event, at));
        let records: Result<Vec<NewRecord>, serde_json::Error> = records.collect();
        let written = records.map_err(|error| error.to_string()).and_then(|records| {
            self.log.append(records).map(|_| ()).map_err(|error| error.to_string())
        });
        written.map_err(|why| {
            Rejection::new(
                Class::Environment,
                format!("the event log could not be written: {why}"),
                "free some space and run the command again; nothing that was acknowledged is lost",
            )
        })
    }

    fn record(
        &self,
        seq: u64,
        event: &Event,
        at: Timestamp,
    ) -> Result<NewRecord, serde_json::Error> {
        let (kind, payload) = event.to_record()?;
        Ok(NewRecord { at, id: format!("{}-{seq}", self.epoch), kind, payload })
    }

    /// Answers what is durable, and starts the work the durable state implies.
    fn release(&mut self) {
        let durable = self.log.durability().durable();
        #[cfg(debug_assertions)]
        self.fault.reached(super::fault::When::After, durable);
        while let Some((_, waiting)) = self.waiting.pop_front_if(|(seq, _)| *seq <= durable) {
            match waiting {
                Waiting::Outcome(answer, outcome) => {
                    let _ = answer.send(outcome);
                }
                Waiting::Look(look) => look(Ok(&self.core)),
            }
        }
        if let Status::Failed(failure) = self.log.durability().status() {
            self.refuse_waiting(&failure);
        }
        if *self.durable.borrow() != durable {
            self.durable.send_replace(durable);
        }
        if durable == self.last() {
            self.start_effects();
        }
    }

    /// Nobody waits for a log that failed: what was accepted is written when there is room again.
    fn refuse_waiting(&mut self, failure: &Failure) {
        let why = format!("the event log cannot be written: {}", failure.why);
        let rejection = |cure| Rejection::new(Class::Environment, why.clone(), cure);
        for (_, waiting) in self.waiting.drain(..) {
            match waiting {
                Waiting::Outcome(answer, _) => {
                    let cure = "free some space and look before you run the command again: it may \
                                be recorded by then";
                    let _ = answer.send(Err(rejection(cure)));
                }
                // A damaged log grows no more; watching still works.
                Waiting::Look(look) if self.log.damage().is_some() => look(Ok(&self.core)),
                Waiting::Look(look) => look(Err(rejection(
                    "free some space and run the command again; nothing that was acknowledged is lost",
                ))),
            }
        }
    }

    fn start_effects(&mut self) {
        if self.log.damage().is_none() {
            self.driver.sync(self.core.outstanding());
        }
    }
}

fn refused(error: &StoreError) -> Rejection {
    let cure = "free some space and run the command again; nothing that was acknowledged is lost";
    Rejection::new(Class::Environment, format!("the event log cannot be written: {error}"), cure)
}

/// A callback for the event log that nudges the engine.
pub fn nudging(handle: Handle) -> Arc<dyn Fn(crate::store::Progress) + Send + Sync> {
    Arc::new(move |_| handle.nudge())
}

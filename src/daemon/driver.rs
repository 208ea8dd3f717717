//! The driver: starts the effects the state implies that are not under way, and cancels those that
//! left the list.

use super::effects;
use super::engine::Input;
use super::world::World;
use crate::model::command::{Command, Request};
use crate::model::effect::Effect;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// An effect whose work ended and that is still asked for is tried again after a pause that doubles
/// from the first to the second of these.
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Why work is given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GivenUp {
    /// It is no longer wanted: what it started is ended.
    Unwanted,
    /// The daemon stops: what it started goes on, and the next daemon finds it.
    Stopping,
}

type Hook = Box<dyn FnOnce(GivenUp) + Send>;

/// Tells work that it is no longer wanted.
#[derive(Clone, Default)]
pub struct Cancel {
    given_up: Arc<OnceLock<GivenUp>>,
    hooks: Arc<Mutex<Vec<Hook>>>,
}

impl Cancel {
    /// Whether the work is no longer wanted.
    pub fn is_set(&self) -> bool {
        self.given_up.get().is_some()
    }

    /// Runs `hook` when the work is cancelled; at once if it is already.
    pub fn on_set(&self, hook: impl FnOnce(GivenUp) + Send + 'static) {
        let mut hooks = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        match self.given_up.get() {
            Some(why) => {
                drop(hooks);
                hook(*why);
            }
            None => hooks.push(Box::new(hook)),
        }
    }

    fn set(&self, why: GivenUp) {
        let hooks = {
            let mut hooks = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = self.given_up.set(why);
            std::mem::take(&mut *hooks)
        };
        hooks.into_iter().for_each(|hook| hook(why));
    }
}

/// What is under way.
pub struct Driver {
    world: Arc<World>,
    running: BTreeMap<Effect, Cancel>,
    /// How often an effect ended and was still asked for.
    repeats: BTreeMap<Effect, u32>,
}

impl Driver {
    /// A driver with nothing under way.
    pub fn new(world: Arc<World>) -> Self {
        Self { world, running: BTreeMap::new(), repeats: BTreeMap::new() }
    }

    /// Brings what is under way in line with what is outstanding.
    pub fn sync(&mut self, outstanding: Vec<Effect>) {
        let wanted: BTreeSet<Effect> = outstanding.into_iter().collect();
        for (effect, cancel) in &self.running {
            if !wanted.contains(effect) && effects::is_cancellable(effect) {
                cancel.set(GivenUp::Unwanted);
            }
        }
        self.repeats.retain(|effect, _| wanted.contains(effect));
        for effect in wanted {
            if !self.running.contains_key(&effect) {
                self.start(effect);
            }
        }
    }

    /// The work of an effect ended. If the next sync still asks for it, that is a repetition.
    pub fn ended(&mut self, effect: &Effect) {
        self.running.remove(effect);
        *self.repeats.entry(effect.clone()).or_insert(0) += 1;
    }

    /// Gives up everything under way; the agents go on.
    pub fn stop(&mut self) {
        self.running.values().for_each(|cancel| cancel.set(GivenUp::Stopping));
    }

    /// With a damaged log nothing is recorded, but a person can still end an agent.
    pub fn without_log(&self, command: &Command) {
        if let Command::Person { request: Request::Abort { task }, .. } = command {
            self.world.runs.of_task(*task).iter().for_each(|run| run.kill());
        }
    }

    fn start(&mut self, effect: Effect) {
        let cancel = Cancel::default();
        self.running.insert(effect.clone(), cancel.clone());
        let repeats = self.repeats.get(&effect).copied().unwrap_or(0);
        let pause = match repeats {
            0 => Duration::ZERO,
            n => RETRY_FIRST.saturating_mul(1 << n.min(10)).min(RETRY_MAX),
        };
        let world = Arc::clone(&self.world);
        tokio::spawn(async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let work = effect.clone();
            let engine = world.engine.clone();
            let worked = tokio::task::spawn_blocking(move || {
                if !cancel.is_set() {
                    effects::run(&world, &work, &cancel);
                }
            });
            // A panic ends the work like any other end: it is tried again, ever more rarely.
            let _ = worked.await;
            engine.tell(Input::Ended(effect)).await;
        });
    }
}

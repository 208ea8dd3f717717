//! Who wants to be told when something changes: sessions that look at a run's terminal. Nobody
//! looking costs a counter; nobody is ever waited for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Somebody who is told.
pub trait Watcher: Send + Sync {
    /// It changed. Does not wait for anything.
    fn changed(&self);
}

impl Watcher for Notify {
    fn changed(&self) {
        self.notify_one();
    }
}

/// Those who look at one thing.
#[derive(Default)]
pub struct Watchers {
    revision: AtomicU64,
    all: Mutex<Vec<Arc<dyn Watcher>>>,
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<dyn Watcher>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often it has changed.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::SeqCst)
    }

    /// Whether anybody is told.
    pub fn is_any(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Says that it changed. Whoever calls holds nothing that a look at the run needs.
    pub fn changed(&self) {
        self.revision.fetch_add(1, Ordering::SeqCst);
        self.lock().iter().for_each(|who| who.changed());
    }

    /// Tells `who` of every change from now on, until [`Self::remove`].
    pub fn add(&self, who: &Arc<dyn Watcher>) {
        self.lock().push(Arc::clone(who));
    }

    /// The same until the result is dropped.
    pub fn added<'a>(&'a self, who: &'a Arc<dyn Watcher>) -> Added<'a> {
        self.add(who);
        Added { watchers: self, who }
    }

    /// Tells `who` no more; of several times it was added, one.
    pub fn remove(&self, who: &Arc<dyn Watcher>) {
        let mut all = self.lock();
        if let Some(at) = all.iter().position(|other| Arc::ptr_eq(other, who)) {
            all.swap_remove(at);
        }
    }
}

/// Somebody who is told of every change as long as this is there.
pub struct Added<'a> {
    watchers: &'a Watchers,
    who: &'a Arc<dyn Watcher>,
}

impl Drop for Added<'_> {
    fn drop(&mut self) {
        self.watchers.remove(self.who);
    }
}

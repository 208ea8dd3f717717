//! Who wants to be woken when something changes: sessions that look at a run's terminal. Nobody
//! looking costs a counter; nobody is ever waited for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Those who look at one thing.
#[derive(Default)]
pub struct Watchers {
    revision: AtomicU64,
    all: Mutex<Vec<Arc<Notify>>>,
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Notify>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often it has changed.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::SeqCst)
    }

    /// Says that it changed.
    pub fn changed(&self) {
        self.revision.fetch_add(1, Ordering::SeqCst);
        self.lock().iter().for_each(|who| who.notify_one());
    }

    /// Wakes `who` at every change from now on, until [`Self::remove`].
    pub fn add(&self, who: &Arc<Notify>) {
        self.lock().push(Arc::clone(who));
    }

    /// The same until the result is dropped.
    pub fn added<'a>(&'a self, who: &'a Arc<Notify>) -> Added<'a> {
        self.add(who);
        Added { watchers: self, who }
    }

    /// Wakes `who` no more; of several times it was added, one.
    pub fn remove(&self, who: &Arc<Notify>) {
        let mut all = self.lock();
        if let Some(at) = all.iter().position(|other| Arc::ptr_eq(other, who)) {
            all.swap_remove(at);
        }
    }
}

/// Somebody who is woken at every change as long as this is there.
pub struct Added<'a> {
    watchers: &'a Watchers,
    who: &'a Arc<Notify>,
}

impl Drop for Added<'_> {
    fn drop(&mut self) {
        self.watchers.remove(self.who);
    }
}

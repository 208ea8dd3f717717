//! Who is attached right now: for the people at the other dashboards, and for `daemon status`.

use crate::base::clock::Timestamp;
use crate::base::size::Size;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The longest name of an item: it is told to everybody.
const ITEM_BYTES_MAX: usize = 64;

/// One attached client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Client {
    /// Its number, given out once by this daemon.
    pub id: u64,
    /// The person.
    pub person: String,
    /// The size of their terminal, if they said it.
    pub size: Option<Size>,
    /// Whether it only watches.
    pub watch: bool,
    /// Since when.
    pub since: Timestamp,
    /// The item it decides, and its turn at it: of several the lowest may.
    #[serde(skip)]
    pub decides: Option<(String, i64)>,
}

/// All of them.
pub struct Clients {
    all: Mutex<BTreeMap<u64, Client>>,
    last: Mutex<u64>,
    changed: watch::Sender<()>,
}

impl Default for Clients {
    fn default() -> Self {
        Self { all: Mutex::default(), last: Mutex::default(), changed: watch::channel(()).0 }
    }
}

/// A client as long as it is attached.
pub struct Entered {
    clients: Arc<Clients>,
    /// Its number.
    pub id: u64,
}

impl Clients {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Client>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a client under a new number, until the result is dropped.
    pub fn enter(self: &Arc<Self>, client: Client) -> Entered {
        let id = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last += 1;
            *last
        };
        self.lock().insert(id, Client { id, ..client });
        self.changed.send_replace(());
        Entered { clients: Arc::clone(self), id }
    }

    /// Those who are there, in the order they came.
    pub fn list(&self) -> Vec<Client> {
        self.lock().values().cloned().collect()
    }

    /// Who may decide an item, if anybody is at it.
    pub fn decider(&self, item: &str) -> Option<Client> {
        decider(self.lock().values(), item).cloned()
    }

    /// Whether this one is still there.
    pub fn has(&self, id: u64) -> bool {
        self.lock().contains_key(&id)
    }

    /// Word of everybody who comes, goes or changes size.
    pub fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// Of those who decide an item, the one whose turn it is.
pub fn decider<'a>(clients: impl Iterator<Item = &'a Client>, item: &str) -> Option<&'a Client> {
    let turn = |client: &&Client| client.decides.as_ref().map(|(_, turn)| *turn);
    let at_it = |client: &&Client| client.decides.as_ref().is_some_and(|(at, _)| at == item);
    clients.filter(at_it).min_by_key(turn)
}

impl Entered {
    /// It decides an item, or none any more; `first`: before everybody who does already.
    pub fn decides(&self, item: Option<String>, first: bool) {
        let item = item.filter(|item| item.len() <= ITEM_BYTES_MAX);
        let mut all = self.clients.lock();
        let others = all.values().filter(|client| client.id != self.id);
        let turns = others.filter_map(|client| client.decides.as_ref().map(|(_, turn)| *turn));
        let turn = match first {
            true => turns.min().unwrap_or(0).saturating_sub(1),
            false => turns.max().unwrap_or(0).saturating_add(1),
        };
        if let Some(client) = all.get_mut(&self.id).filter(|client| !client.watch) {
            client.decides = item.map(|item| (item, turn));
        }
        drop(all);
        self.clients.changed.send_replace(());
    }

    /// Its terminal has another size.
    pub fn resized(&self, size: Size) {
        if let Some(client) = self.clients.lock().get_mut(&self.id) {
            client.size = Some(size);
        }
        self.clients.changed.send_replace(());
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.clients.lock().remove(&self.id);
        self.clients.changed.send_replace(());
    }
}

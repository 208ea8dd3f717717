//! What one client is shown, and the way to it. Whoever has something new for the client builds the
//! frame and writes it, on the spot: the thread that follows a run, when its agent draws, or the
//! client's own words, when they give credit. Handing it to the session's task first would cost an
//! echo two wake-ups (decision 0014). What is left over is the session's: what the socket does not
//! take, tables to be looked up, an agent in the middle of drawing.

use super::panes::{Built, Pane, Source};
use super::tables::{Found, Looked, Table};
use super::watchers::Watcher;
use crate::base::id::RunId;
use crate::daemon::requests;
use crate::daemon::runs::Attached;
use crate::daemon::world::World;
use crate::view::Content;
use crate::view::sender::Sender;
use crate::wire::frame::{self, FrameError};
use crate::wire::people::Answer;
use crate::wire::view::Told;
use crate::wire::watched::duplicate;
use rustix::io::Errno;
use rustix::net::SendFlags;
use std::collections::BTreeMap;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use tokio::io::Interest;
use tokio::sync::Notify;

/// After so much content a frame takes no further surface: with the largest one on top it stays
/// below what the wire takes. The rest comes with the next frame.
const FRAME_BYTES: usize = 2 << 20;

/// The outlet to one client.
pub(super) struct Outlet {
    world: Arc<World>,
    /// The client's number.
    client: u64,
    stream: UnixStream,
    showing: Mutex<Showing>,
    /// Notified when the session has something to do here.
    pub wake: Notify,
    /// Notified at the first frame.
    pub shown: Notify,
}

/// What is shown.
#[derive(Default)]
struct Showing {
    sender: Sender,
    tables: BTreeMap<u32, Looked>,
    panes: BTreeMap<u32, (u64, Pane)>,
    generation: u64,
    /// The surface with which the next frame begins.
    first: u32,
    /// What the socket has not taken yet: nothing else is built meanwhile.
    waiting: Vec<u8>,
    /// An agent is in the middle of drawing, and the session sees to it that this ends.
    is_drawing: bool,
    broken: Option<FrameError>,
}

/// What the session has to do.
pub(super) struct Due {
    /// Something waits for the socket to take it.
    pub is_sending: bool,
    /// An agent is in the middle of drawing.
    pub is_drawing: bool,
    /// The tables to look up: surface, generation, which.
    pub tables: Vec<(u32, u64, Table)>,
}

impl Outlet {
    /// To the client of this number; nothing is shown yet.
    pub fn new(world: Arc<World>, client: u64, protocol: u32, stream: UnixStream) -> Self {
        let sender = match protocol {
            ..3 => Sender::with_cursors_in_heads(),
            3.. => Sender::default(),
        };
        let showing = Mutex::new(Showing { sender, ..Showing::default() });
        let (wake, shown) = (Notify::new(), Notify::new());
        Self { world, client, stream, showing, wake, shown }
    }

    fn lock(&self) -> MutexGuard<'_, Showing> {
        self.showing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client takes frames up to this number.
    pub fn credit(&self, frame: u64) {
        let mut showing = self.lock();
        showing.sender.credit(frame);
        self.show(&mut showing);
        if showing.tables.values().any(|looked| looked.is_stale) {
            self.wake.notify_one();
        }
    }

    /// Tells the client something beside its frames.
    pub fn tell(&self, told: &Told) {
        self.send(&mut self.lock(), told);
    }

    /// Sends what can be sent; gives what is left to do. `looks` says whether tables can be looked
    /// up now.
    ///
    /// # Errors
    /// The connection failed.
    pub fn go_on(&self, looks: bool) -> Result<Due, FrameError> {
        let mut showing = self.lock();
        self.flush(&mut showing);
        self.show(&mut showing);
        if let Some(error) = showing.broken.take() {
            return Err(error);
        }
        let tables = if looks && showing.takes_more() { showing.stale() } else { Vec::new() };
        let is_sending = !showing.waiting.is_empty();
        Ok(Due { is_sending, is_drawing: showing.is_drawing, tables })
    }

    /// Returns when the socket takes more.
    ///
    /// # Errors
    /// It cannot be watched.
    pub async fn writable(&self) -> io::Result<()> {
        // Only now: a socket that is watched wakes somebody whenever the other side reads.
        let socket = duplicate(&self.stream, Interest::WRITABLE)?;
        socket.writable().await.map(drop)
    }

    /// The client looks at something from now on; false when it looks at too much.
    pub fn looks(&self, surface: u32, kept: Vec<String>) -> bool {
        self.lock().sender.look(surface, kept)
    }

    /// The client no longer looks at a surface.
    pub fn forget(&self, surface: u32) {
        let mut showing = self.lock();
        showing.sender.forget(surface);
        showing.clear(surface);
    }

    /// A surface is a table.
    pub fn look_at_table(&self, surface: u32, table: Table) {
        let mut showing = self.lock();
        let generation = showing.begin(surface);
        let looked = Looked { table, generation, is_stale: true, ready: None };
        showing.tables.insert(surface, looked);
    }

    /// A surface is a pane whose screen comes from `source`, or from where it is told later; gives
    /// the number that tells this look from others.
    pub fn look_at_pane(self: &Arc<Self>, surface: u32, run: RunId, back: u32) -> u64 {
        let watcher: Arc<dyn Watcher> = Arc::clone(self) as Arc<dyn Watcher>;
        let mut showing = self.lock();
        let generation = showing.begin(surface);
        showing.panes.insert(surface, (generation, Pane::new(run, back, &watcher)));
        generation
    }

    /// Does something with a pane, unless the client looks at something else by now.
    pub fn with_pane(&self, surface: u32, generation: u64, act: impl FnOnce(&mut Pane)) {
        let mut showing = self.lock();
        if let Some((_, pane)) = showing.panes.get_mut(&surface).filter(|(of, _)| *of == generation)
        {
            act(pane);
        }
    }

    /// Something in the tables changed.
    pub fn tables_changed(&self) {
        self.lock().tables.values_mut().for_each(|looked| looked.is_stale = true);
    }

    /// Something about all panes changed that is not their screens.
    pub fn panes_changed(&self) {
        self.lock().panes.values_mut().for_each(|(_, pane)| pane.changed());
    }

    /// What a look at tables found.
    pub fn looked_up(&self, found: Vec<Found>) {
        let mut showing = self.lock();
        for (surface, generation, content) in found {
            if let Some(looked) = showing.tables.get_mut(&surface)
                && looked.generation == generation
            {
                looked.ready = Some(content);
            }
        }
    }

    /// Runs are followed anew: their panes show the ones that go on.
    pub fn adopt(&self, now: impl Fn(RunId) -> Option<Arc<Attached>>) {
        for (_, pane) in self.lock().panes.values_mut() {
            if let Some(now) = now(pane.run).filter(|now| pane.is_outdated(now)) {
                pane.comes_from(Source::Live(now));
            }
        }
    }

    /// What is in the middle of being drawn is shown all the same.
    pub fn wait_no_longer(&self) {
        let mut showing = self.lock();
        showing.is_drawing = false;
        showing.panes.values_mut().for_each(|(_, pane)| pane.wait_no_longer());
    }

    /// Nothing is shown any more, and the client is hung up on.
    pub fn close(&self) {
        *self.lock() = Showing::default();
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Sends what is new as one frame, if anything is and the client takes it.
    fn show(&self, showing: &mut Showing) {
        if !showing.takes_more() || !showing.has_news() {
            return;
        }
        let was_drawing = showing.is_drawing;
        let contents = showing.contents(&self.world, self.client);
        if let Some((frame, updates)) = showing.sender.frame(contents) {
            self.send(showing, &Told::Frame { frame, updates });
            self.shown.notify_one();
        }
        if showing.is_drawing && !was_drawing {
            self.wake.notify_one();
        }
    }

    fn send(&self, showing: &mut Showing, told: &Told) {
        let encoded = match (frame::encode(told), told) {
            (Err(FrameError::TooLarge(bytes)), Told::Answer { id, answer: Answer::Done(_) }) => {
                frame::encode(&Told::Answer { id: *id, answer: requests::too_large(bytes) })
            }
            (encoded, _) => encoded,
        };
        match encoded {
            Ok(bytes) => showing.waiting.extend(bytes),
            Err(error) => showing.broken = Some(error),
        }
        self.flush(showing);
        if !showing.waiting.is_empty() || showing.broken.is_some() {
            self.wake.notify_one();
        }
    }

    /// Writes what the socket takes.
    fn flush(&self, showing: &mut Showing) {
        while !showing.waiting.is_empty() && showing.broken.is_none() {
            // The client's words are waited for on the same socket, so it is not one that never
            // blocks. Who writes to a client that is gone gets an error: Rust's programs ignore
            // the signal.
            match rustix::net::send(&self.stream, &showing.waiting, SendFlags::DONTWAIT) {
                Ok(count) => drop(showing.waiting.drain(..count)),
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => {}
                Err(error) => showing.broken = Some(io::Error::from(error).into()),
            }
        }
    }
}

impl Watcher for Outlet {
    /// Never waits: while somebody else is at it, the session looks again.
    fn changed(&self) {
        match self.showing.try_lock() {
            Ok(mut showing) => self.show(&mut showing),
            Err(TryLockError::Poisoned(showing)) => self.show(&mut showing.into_inner()),
            Err(TryLockError::WouldBlock) => self.wake.notify_one(),
        }
    }
}

impl Showing {
    fn takes_more(&self) -> bool {
        self.waiting.is_empty() && self.broken.is_none() && self.sender.may_send()
    }

    fn clear(&mut self, surface: u32) {
        self.tables.remove(&surface);
        self.panes.remove(&surface);
    }

    fn begin(&mut self, surface: u32) -> u64 {
        self.clear(surface);
        self.generation += 1;
        self.generation
    }

    /// The tables that changed since they were looked up; they count as looked up from now on.
    fn stale(&mut self) -> Vec<(u32, u64, Table)> {
        let stale = self.tables.iter_mut().filter(|(_, looked)| looked.is_stale);
        let wanted = stale.map(|(surface, looked)| {
            looked.is_stale = false;
            (*surface, looked.generation, looked.table)
        });
        wanted.collect()
    }

    fn has_news(&self) -> bool {
        self.tables.values().any(|looked| looked.ready.is_some())
            || self.panes.values().any(|(_, pane)| pane.has_news())
    }

    /// What is new, as much of it as one frame takes, every surface in its turn.
    fn contents(&mut self, world: &World, yours: u64) -> Vec<(u32, Content)> {
        let all: Vec<u32> = self.tables.keys().chain(self.panes.keys()).copied().collect();
        let (before, from): (Vec<u32>, Vec<u32>) =
            all.into_iter().partition(|surface| *surface < self.first);
        let (mut contents, mut bytes) = (Vec::new(), 0);
        self.first = 0;
        for surface in from.into_iter().chain(before) {
            if bytes >= FRAME_BYTES {
                self.first = surface;
                break;
            }
            if let Some(content) = self.content(surface, world, yours) {
                bytes += content.rows.iter().map(|row| row.len()).sum::<usize>();
                contents.push((surface, content));
            }
        }
        contents
    }

    fn content(&mut self, surface: u32, world: &World, yours: u64) -> Option<Content> {
        if let Some(looked) = self.tables.get_mut(&surface) {
            return looked.ready.take();
        }
        let (_, pane) = self.panes.get_mut(&surface).filter(|(_, pane)| pane.has_news())?;
        match pane.build(world, yours) {
            Built::Content(content) => Some(content),
            Built::NotYet => None,
            Built::MidFrame => {
                self.is_drawing = true;
                None
            }
        }
    }
}

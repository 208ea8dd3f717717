//! An attached client: frames of what it looks at, as fast as it takes them and no faster, and
//! beside them its keys and its requests (decision 0013).
//!
//! While a client gives no credit nothing is built for it; when it does, it gets the difference to
//! now. A client that does not read holds up its own session and nobody else's.

mod asks;
pub mod clients;
mod hear;
mod panes;
pub mod replays;
pub mod screen;
mod tables;
pub mod watchers;

use super::plan;
use super::presence::Present;
use super::requests::{self, Asked};
use super::world::World;
use crate::base::id::RepoId;
use crate::base::size::Size;
use crate::model::rejection::Rejection;
use crate::view::Content;
use crate::view::sender::Sender;
use crate::wire::frame::{self, FrameError};
use crate::wire::people::{Answer, Request};
use crate::wire::view::{Said, Surface, Told};
use asks::Asks;
use clients::{Client, Entered};
use hear::Ear;
use panes::{Built, Pane, Source};
use serde_json::json;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tables::{Found, Looked, Table};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Sleep;

/// How many messages of a client wait for its session.
const SAID_MAX: usize = 64;
/// How many answers wait to be sent.
const TOLD_MAX: usize = 8;
/// How long an agent that draws a frame in several pieces is given to end it.
const DRAWING_MAX: Duration = Duration::from_millis(50);
/// After so much content a frame takes no further surface: with the largest one on top it stays
/// below what the wire takes. The rest comes with the next frame.
const FRAME_BYTES: usize = 2 << 20;
/// That a person came is noted after the first frame, which so need not wait for the disk, or after
/// this.
const ARRIVE_WITHIN: Duration = Duration::from_millis(100);

/// A client that was let in.
pub struct Joined {
    world: Arc<World>,
    person: String,
    watch: bool,
    repo: Option<RepoId>,
    entered: Entered,
}

/// Lets a client in.
///
/// # Errors
/// It stands in no repository and does not want to look at all.
pub async fn attach(
    asked: &Asked,
    watch: bool,
    all: bool,
    size: Option<Size>,
) -> Result<Joined, Rejection> {
    let repo = match plan::standing(asked).await {
        Ok(repo) => Some(repo),
        Err(_) if all => None,
        Err(refused) => return Err(refused),
    };
    let (world, person) = (Arc::clone(&asked.world), asked.person.clone());
    let since = world.clock.now();
    let client = Client { id: 0, person: person.clone(), size, watch, since, decides: None };
    let entered = world.clients.enter(client);
    Ok(Joined { world, person, watch, repo, entered })
}

/// Serves a client until its connection ends.
///
/// # Errors
/// The connection failed.
pub async fn serve(
    joined: Joined,
    reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
) -> Result<(), FrameError> {
    let Joined { world, person, watch, repo, entered } = joined;
    let welcome = json!({ "client": entered.id, "node": world.node, "repository": repo });
    frame::write_async(&mut writer, &Answer::Done(welcome)).await?;
    let wake = Arc::new(Notify::new());
    let credit = Arc::new(AtomicU64::new(0));
    let ((say, said), (tell, told)) = (mpsc::channel(SAID_MAX), mpsc::channel(TOLD_MAX));
    let ear = Ear {
        world: Arc::clone(&world),
        client: entered.id,
        person: person.clone(),
        watch,
        credit: Arc::clone(&credit),
        wake: Arc::clone(&wake),
        said: say,
        told: tell.clone(),
    };
    let shown = Arc::new(Notify::new());
    let mut helpers = vec![Helper(tokio::spawn(ear.listen(reader)))];
    if !watch {
        let there = attend(Arc::clone(&world), person.clone(), Arc::clone(&shown));
        helpers.push(Helper(tokio::spawn(there)));
    }
    let session = Session {
        durable: world.engine.durable(),
        clients: world.clients.changed(),
        added: world.runs.added(),
        asks: Asks::new(&world, &person, entered.id, watch, tell),
        found: mpsc::channel(crate::view::sender::SURFACES_MAX),
        world,
        entered,
        repo,
        writer,
        shown,
        wake,
        credit,
        said,
        told,
        sender: Sender::default(),
        tables: BTreeMap::new(),
        panes: BTreeMap::new(),
        generation: 0,
        first: 0,
        looking: None,
        drawing: None,
        _helpers: helpers,
    };
    session.run().await
}

/// A task that ends with the session.
struct Helper(JoinHandle<()>);

impl Drop for Helper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The person at an open dashboard is there.
async fn attend(world: Arc<World>, person: String, shown: Arc<Notify>) {
    let _ = tokio::time::timeout(ARRIVE_WITHIN, shown.notified()).await;
    let _present = Present::arrive(&world, &person).await;
    std::future::pending::<()>().await;
}

/// A look at tables that is under way.
type Looking = Pin<Box<dyn Future<Output = Option<Vec<Found>>> + Send>>;
/// Where the source of a pane is told once it is found: surface, generation, source.
type FoundSource = (u32, u64, Source);

struct Session {
    world: Arc<World>,
    entered: Entered,
    repo: Option<RepoId>,
    writer: OwnedWriteHalf,
    /// Notified at the first frame.
    shown: Arc<Notify>,
    wake: Arc<Notify>,
    credit: Arc<AtomicU64>,
    said: mpsc::Receiver<Said>,
    told: mpsc::Receiver<Told>,
    asks: Asks,
    durable: watch::Receiver<u64>,
    clients: watch::Receiver<()>,
    added: watch::Receiver<()>,
    found: (mpsc::Sender<FoundSource>, mpsc::Receiver<FoundSource>),
    sender: Sender,
    tables: BTreeMap<u32, Looked>,
    panes: BTreeMap<u32, (u64, Pane)>,
    generation: u64,
    /// The surface with which the next frame begins.
    first: u32,
    looking: Option<Looking>,
    drawing: Option<Pin<Box<Sleep>>>,
    _helpers: Vec<Helper>,
}

impl Session {
    async fn run(mut self) -> Result<(), FrameError> {
        loop {
            self.sender.credit(self.credit.load(Ordering::SeqCst));
            let takes_more = self.sender.may_send();
            if takes_more {
                self.look_up();
            }
            let has_news = takes_more && self.has_news();
            tokio::select! {
                said = self.said.recv() => match said {
                    Some(said) => self.hear(said).await?,
                    None => return Ok(()),
                },
                Some(told) = self.told.recv() => self.tell(&told).await?,
                found = under_way(&mut self.looking) => self.looked_up(found),
                Some((surface, generation, source)) = self.found.1.recv() => {
                    if let Some((of, pane)) = self.panes.get_mut(&surface)
                        && *of == generation
                    {
                        pane.comes_from(source);
                    }
                }
                more = self.durable.changed() => match more {
                    Ok(()) => self.tables_changed(),
                    Err(_) => return self.end().await,
                },
                _ = self.clients.changed() => {
                    self.tables_changed();
                    self.panes.values_mut().for_each(|(_, pane)| pane.changed());
                }
                _ = self.added.changed() => self.adopted(),
                () = passed(&mut self.drawing) => {
                    self.panes.values_mut().for_each(|(_, pane)| pane.wait_no_longer());
                }
                () = self.wake.notified() => {}
                () = std::future::ready(()), if has_news => self.show().await?,
            }
        }
    }

    async fn hear(&mut self, said: Said) -> Result<(), FrameError> {
        match said {
            Said::Look { surface, at: None, .. } => {
                self.sender.forget(surface);
                self.forget(surface);
            }
            Said::Look { surface, at: Some(at), kept } => {
                if self.sender.look(surface, kept) {
                    self.look_at(surface, at);
                }
            }
            Said::Window { size } => self.entered.resized(size),
            Said::Decide { item, first } => self.entered.decides(item, first),
            Said::Ping { at } => self.tell(&Told::Pong { at }).await?,
            Said::Ask { id, at, ask } => {
                if let Some(refused) = self.asks.take(id, Request { at, ask }) {
                    self.tell(&refused).await?;
                }
            }
            // Heard at once, before they came here.
            Said::Credit { .. } | Said::Press { .. } | Said::Paste { .. } | Said::Room { .. } => {}
            Said::Unknown => {}
        }
        Ok(())
    }

    fn forget(&mut self, surface: u32) {
        self.tables.remove(&surface);
        self.panes.remove(&surface);
    }

    fn look_at(&mut self, surface: u32, at: Surface) {
        self.forget(surface);
        self.generation += 1;
        let generation = self.generation;
        let scope = |all: bool| self.repo.filter(|_| !all);
        let table = match at {
            Surface::Tasks { all } => Table::Tasks(scope(all)),
            Surface::Inbox { all } => Table::Inbox(scope(all)),
            Surface::Pane { run, back } => {
                let mut pane = Pane::new(run, back, &self.wake);
                match self.world.runs.get(run) {
                    Some(run) => pane.comes_from(Source::Live(run)),
                    None => {
                        let (world, found) = (Arc::clone(&self.world), self.found.0.clone());
                        let finding = tokio::spawn(async move {
                            let source = panes::find(world, run).await;
                            let _ = found.send((surface, generation, source)).await;
                        });
                        pane.finds(finding.abort_handle());
                    }
                }
                self.panes.insert(surface, (generation, pane));
                return;
            }
        };
        self.tables.insert(surface, Looked { table, generation, is_stale: true, ready: None });
    }

    fn tables_changed(&mut self) {
        self.tables.values_mut().for_each(|looked| looked.is_stale = true);
    }

    /// A run is followed anew: its panes show the one that goes on.
    fn adopted(&mut self) {
        for (_, pane) in self.panes.values_mut() {
            let now = self.world.runs.get(pane.run);
            if let Some(now) = now.filter(|now| pane.is_outdated(now)) {
                pane.comes_from(Source::Live(now));
            }
        }
    }

    /// Looks up the tables that changed, once what they show is durable.
    fn look_up(&mut self) {
        if self.looking.is_some() {
            return;
        }
        let stale = self.tables.iter_mut().filter(|(_, looked)| looked.is_stale);
        let wanted: Vec<_> = stale
            .map(|(surface, looked)| {
                looked.is_stale = false;
                (*surface, looked.generation, looked.table)
            })
            .collect();
        if !wanted.is_empty() {
            let (world, yours) = (Arc::clone(&self.world), self.entered.id);
            self.looking = Some(Box::pin(async move { tables::look(&world, wanted, yours).await }));
        }
    }

    fn looked_up(&mut self, found: Option<Vec<Found>>) {
        self.looking = None;
        let Some(found) = found else { return self.tables_changed() };
        for (surface, generation, content) in found {
            if let Some(looked) = self.tables.get_mut(&surface)
                && looked.generation == generation
            {
                looked.ready = Some(content);
            }
        }
    }

    fn has_news(&self) -> bool {
        self.tables.values().any(|looked| looked.ready.is_some())
            || self.panes.values().any(|(_, pane)| pane.has_news())
    }

    /// Sends what is new as one frame, if anything is.
    async fn show(&mut self) -> Result<(), FrameError> {
        let contents = self.contents();
        if let Some((frame, updates)) = self.sender.frame(contents) {
            self.tell(&Told::Frame { frame, updates }).await?;
            self.shown.notify_one();
        }
        Ok(())
    }

    /// What is new, as much of it as one frame takes, every surface in its turn.
    fn contents(&mut self) -> Vec<(u32, Content)> {
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
            if let Some(content) = self.content(surface) {
                bytes += content.rows.iter().map(|row| row.len()).sum::<usize>();
                contents.push((surface, content));
            }
        }
        contents
    }

    fn content(&mut self, surface: u32) -> Option<Content> {
        if let Some(looked) = self.tables.get_mut(&surface) {
            return looked.ready.take();
        }
        let (_, pane) = self.panes.get_mut(&surface).filter(|(_, pane)| pane.has_news())?;
        match pane.build(&self.world, self.entered.id) {
            Built::Content(content) => Some(content),
            Built::NotYet => None,
            Built::MidFrame => {
                let drawn = || Box::pin(tokio::time::sleep(DRAWING_MAX));
                self.drawing.get_or_insert_with(drawn);
                None
            }
        }
    }

    async fn tell(&mut self, told: &Told) -> Result<(), FrameError> {
        match (frame::write_async(&mut self.writer, told).await, told) {
            (Err(FrameError::TooLarge(bytes)), Told::Answer { id, answer: Answer::Done(_) }) => {
                let refused = Told::Answer { id: *id, answer: requests::too_large(bytes) };
                frame::write_async(&mut self.writer, &refused).await
            }
            (written, _) => written,
        }
    }

    /// The daemon ends: what was answered is still told.
    async fn end(mut self) -> Result<(), FrameError> {
        while let Ok(told) = self.told.try_recv() {
            self.tell(&told).await?;
        }
        Ok(())
    }
}

/// What a look found, once there is one and it has.
async fn under_way(looking: &mut Option<Looking>) -> Option<Vec<Found>> {
    match looking {
        Some(looking) => looking.await,
        None => std::future::pending().await,
    }
}

/// Returns once there is a time to wait for and it has passed; then there is none.
async fn passed(sleep: &mut Option<Pin<Box<Sleep>>>) {
    match sleep {
        Some(time) => time.await,
        None => std::future::pending().await,
    }
    *sleep = None;
}

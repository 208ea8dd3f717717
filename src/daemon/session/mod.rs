//! An attached client: frames of what it looks at, as fast as it takes them and no faster, and
//! beside them its keys and its requests (decision 0013).
//!
//! While a client gives no credit nothing is built for it; when it does, it gets the difference to
//! now. A client that does not read holds up its own session and nobody else's.

mod asks;
pub mod clients;
mod hear;
mod outlet;
mod panes;
pub mod replays;
pub mod screen;
mod tables;
pub mod watchers;

use super::plan;
use super::presence::Present;
use super::requests::Asked;
use super::world::World;
use crate::base::id::{RepoId, RunId};
use crate::base::size::Size;
use crate::model::rejection::Rejection;
use crate::wire::frame::{self, FrameError};
use crate::wire::people::{Answer, Request};
use crate::wire::view::{Said, Surface, Told};
use asks::Asks;
use clients::{Client, Entered};
use hear::Ear;
use outlet::Outlet;
use panes::Source;
use serde_json::json;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tables::{Found, Table};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Sleep;

/// How many messages of a client wait for its session.
const SAID_MAX: usize = 64;
/// How many answers wait to be sent.
const TOLD_MAX: usize = 8;
/// The stack of the thread that hears a client.
const EAR_STACK_BYTES: usize = 512 << 10;
/// How long an agent that draws a frame in several pieces is given to end it.
const DRAWING_MAX: Duration = Duration::from_millis(50);
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
    let stream = reader.reunite(writer).map_err(io::Error::other)?.into_std()?;
    stream.set_nonblocking(false)?;
    let heard = stream.try_clone()?;
    let outlet = Arc::new(Outlet::new(Arc::clone(&world), entered.id, stream));
    let ((say, said), (tell, told)) = (mpsc::channel(SAID_MAX), mpsc::channel(TOLD_MAX));
    let ear = Ear {
        world: Arc::clone(&world),
        client: entered.id,
        person: person.clone(),
        watch,
        outlet: Arc::clone(&outlet),
        said: say,
        told: tell.clone(),
        runtime: Handle::current(),
    };
    // Ends when the outlet is closed.
    let thread = std::thread::Builder::new().stack_size(EAR_STACK_BYTES);
    thread.spawn(move || ear.listen(heard))?;
    let there = attend(Arc::clone(&world), person.clone(), Arc::clone(&outlet));
    let there = (!watch).then(|| Helper(tokio::spawn(there)));
    let session = Session {
        durable: world.engine.durable(),
        clients: world.clients.changed(),
        added: world.runs.added(),
        asks: Asks::new(&world, &person, entered.id, watch, tell),
        found: mpsc::channel(crate::view::sender::SURFACES_MAX),
        world,
        entered,
        repo,
        outlet,
        said,
        told,
        looking: None,
        drawing: None,
        _there: there,
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
async fn attend(world: Arc<World>, person: String, outlet: Arc<Outlet>) {
    let _ = tokio::time::timeout(ARRIVE_WITHIN, outlet.shown.notified()).await;
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
    outlet: Arc<Outlet>,
    said: mpsc::Receiver<Said>,
    told: mpsc::Receiver<Told>,
    asks: Asks,
    durable: watch::Receiver<u64>,
    clients: watch::Receiver<()>,
    added: watch::Receiver<()>,
    found: (mpsc::Sender<FoundSource>, mpsc::Receiver<FoundSource>),
    looking: Option<Looking>,
    drawing: Option<Pin<Box<Sleep>>>,
    _there: Option<Helper>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // The runs it looked at know the outlet, and the outlet the runs.
        self.outlet.close();
    }
}

impl Session {
    async fn run(mut self) -> Result<(), FrameError> {
        loop {
            let due = self.outlet.go_on(self.looking.is_none())?;
            if !due.tables.is_empty() {
                let (world, yours) = (Arc::clone(&self.world), self.entered.id);
                let look = async move { tables::look(&world, due.tables, yours).await };
                self.looking = Some(Box::pin(look));
            }
            if due.is_drawing {
                self.drawing.get_or_insert_with(|| Box::pin(tokio::time::sleep(DRAWING_MAX)));
            }
            let is_free = !due.is_sending;
            tokio::select! {
                said = self.said.recv(), if is_free => match said {
                    Some(said) => self.hear(said),
                    None => return Ok(()),
                },
                Some(told) = self.told.recv(), if is_free => self.outlet.tell(&told),
                writable = self.outlet.writable(), if due.is_sending => writable?,
                found = under_way(&mut self.looking) => self.looked_up(found),
                Some((surface, generation, source)) = self.found.1.recv() => {
                    self.outlet.with_pane(surface, generation, |pane| pane.comes_from(source));
                }
                more = self.durable.changed() => match more {
                    Ok(()) => self.outlet.tables_changed(),
                    Err(_) => return self.end().await,
                },
                _ = self.clients.changed() => {
                    self.outlet.tables_changed();
                    self.outlet.panes_changed();
                }
                _ = self.added.changed() => self.outlet.adopt(|run| self.world.runs.get(run)),
                () = passed(&mut self.drawing) => self.outlet.wait_no_longer(),
                () = self.outlet.wake.notified() => {}
            }
        }
    }

    fn hear(&mut self, said: Said) {
        match said {
            Said::Look { surface, at: None, .. } => self.outlet.forget(surface),
            Said::Look { surface, at: Some(at), kept } => {
                if self.outlet.looks(surface, kept) {
                    self.look_at(surface, at);
                }
            }
            Said::Window { size } => self.entered.resized(size),
            Said::Decide { item, first } => self.entered.decides(item, first),
            Said::Ping { at } => self.outlet.tell(&Told::Pong { at }),
            Said::Ask { id, at, ask } => {
                if let Some(refused) = self.asks.take(id, Request { at, ask }) {
                    self.outlet.tell(&refused);
                }
            }
            // Heard at once, before they came here.
            Said::Credit { .. }
            | Said::Press { .. }
            | Said::Paste { .. }
            | Said::Point { .. }
            | Said::Room { .. }
            | Said::Here { .. }
            | Said::Unknown => {}
        }
    }

    fn look_at(&mut self, surface: u32, at: Surface) {
        let scope = |all: bool| self.repo.filter(|_| !all);
        match at {
            Surface::Tasks { all } => {
                self.outlet.look_at_table(surface, Table::Tasks(scope(all)));
            }
            Surface::Inbox { all } => {
                self.outlet.look_at_table(surface, Table::Inbox(scope(all)));
            }
            Surface::Pane { run, back } => {
                let generation = self.outlet.look_at_pane(surface, run, back);
                let known = self.world.runs.get(run);
                self.outlet.with_pane(surface, generation, |pane| match known {
                    Some(known) => pane.comes_from(Source::Live(known)),
                    None => pane.finds(self.find(surface, generation, run)),
                });
            }
        }
    }

    fn find(&self, surface: u32, generation: u64, run: RunId) -> AbortHandle {
        let (world, found) = (Arc::clone(&self.world), self.found.0.clone());
        let finding = tokio::spawn(async move {
            let source = panes::find(world, run).await;
            let _ = found.send((surface, generation, source)).await;
        });
        finding.abort_handle()
    }

    fn looked_up(&mut self, found: Option<Vec<Found>>) {
        self.looking = None;
        match found {
            Some(found) => self.outlet.looked_up(found),
            None => self.outlet.tables_changed(),
        }
    }

    /// The daemon ends: what was answered is still told.
    async fn end(mut self) -> Result<(), FrameError> {
        while let Ok(told) = self.told.try_recv() {
            self.outlet.tell(&told);
        }
        while self.outlet.go_on(false)?.is_sending {
            self.outlet.writable().await?;
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

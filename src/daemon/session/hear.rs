//! What an attached client says, as it comes. Keys and pastes go straight to the run's terminal,
//! whatever else the session is doing: no event, no wait for the disk, and no other thread between
//! the socket and the terminal.

use super::outlet::Outlet;
use super::watchers::Watcher;
use crate::base::id::RunId;
use crate::base::size::Size;
use crate::daemon::runs::Attached;
use crate::daemon::world::World;
use crate::model::attempt::Life;
use crate::model::core::Core;
use crate::term::{Key, Modes, Terminal, encode_key, encode_paste, encode_pointer};
use crate::wire::frame::{self, FrameError};
use crate::wire::view::{Press, Said, Told};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};

/// How many keys one message may press.
const KEYS_MAX: usize = 1000;
/// How long a run is given to be followed again after the daemon began.
const ADOPTED_WITHIN: Duration = Duration::from_secs(5);
/// How long a terminal is given to take a new size before the key that brought it is typed.
const RESIZED_WITHIN: Duration = Duration::from_millis(250);
/// The shortest time a client may promise a sign of life in.
const PROMISED_MIN: Duration = Duration::from_millis(100);
/// For how many runs a client's room is remembered.
const ROOMS_MAX: usize = 256;

/// The listening side of a session.
pub(super) struct Ear {
    /// The daemon's world.
    pub world: Arc<World>,
    /// The client's number.
    pub client: u64,
    /// Its person.
    pub person: String,
    /// Whether it only watches.
    pub watch: bool,
    /// The way to it.
    pub outlet: Arc<Outlet>,
    /// What is not for this side.
    pub said: mpsc::Sender<Said>,
    /// For what has to be waited for.
    pub runtime: Handle,
    /// What is to be told it.
    pub told: mpsc::Sender<Told>,
}

impl Ear {
    /// Listens until the client hangs up or makes no sense.
    pub fn listen(self, stream: UnixStream) {
        let mut reader = BufReader::new(stream);
        let (mut rooms, mut promised) = (BTreeMap::new(), None);
        loop {
            if reader.buffer().is_empty() && !is_readable(reader.get_ref(), promised) {
                // What waits for it to take something would wait for ever.
                return self.outlet.close();
            }
            let message = match frame::read_mostly::<Press, _>(&mut reader) {
                Ok(Some(message)) => message,
                // The rest of what it had begun to say did not come in time.
                Err(FrameError::Io(_)) => return self.outlet.close(),
                Ok(None) | Err(_) => return,
            };
            match message {
                Said::Credit { frame } => self.outlet.credit(frame),
                Said::Press { run, keys } => {
                    self.typed(run, &rooms, |modes| encode_keys(&keys, modes));
                }
                Said::Paste { run, text } => {
                    self.typed(run, &rooms, |modes| Ok(encode_paste(&text, modes)));
                }
                Said::Point { run, pointer } => {
                    let encode =
                        |modes: &Modes| Ok(encode_pointer(&pointer, modes).unwrap_or_default());
                    self.typed(run, &rooms, encode);
                }
                // Who only watches drives no size; who looks does not until they type.
                Said::Room { run, size } if !self.watch => {
                    if rooms.len() < ROOMS_MAX || rooms.contains_key(&run) {
                        rooms.insert(run, size);
                    }
                    if let Some(run) = self.world.runs.get(run) {
                        run.room(self.client, size);
                    }
                }
                Said::Here { within_ms } => {
                    promised = Some(Duration::from_millis(within_ms.into()).max(PROMISED_MIN));
                    // Where this is refused, only what comes whole is waited for no longer.
                    let _ = reader.get_ref().set_read_timeout(promised);
                }
                Said::Room { .. } | Said::Unknown => {}
                other => {
                    if self.said.blocking_send(other).is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn typed(
        &self,
        id: RunId,
        rooms: &BTreeMap<RunId, Size>,
        encode: impl FnOnce(&Modes) -> Result<Vec<u8>, String>,
    ) {
        if let Err(why) = self.type_in(id, rooms.get(&id).copied(), encode) {
            let _ = self.told.blocking_send(Told::NotTyped { run: id, why });
        }
    }

    fn type_in(
        &self,
        id: RunId,
        room: Option<Size>,
        encode: impl FnOnce(&Modes) -> Result<Vec<u8>, String>,
    ) -> Result<(), String> {
        if self.watch {
            return Err("this client only watches; attach without --watch to type".into());
        }
        let run = match self.up(id) {
            None => self.runtime.block_on(self.adopted(id)),
            run => run,
        };
        let run = run.ok_or("its agent is not running")?;
        let bytes = encode(&run.live.modes())?;
        // The agent does not want to know, and nobody drives it by that.
        if bytes.is_empty() {
            return Ok(());
        }
        if let Some(size) = run.drive(self.client, &self.person, room) {
            self.runtime.block_on(resized(&run, size));
        }
        run.input(bytes).map_err(|error| error.to_string())
    }

    fn up(&self, id: RunId) -> Option<Arc<Attached>> {
        self.world.runs.get(id).filter(|run| run.is_up())
    }

    /// A run that is up and not followed yet, because this daemon has just begun, is waited for;
    /// what the client says behind that waits with it.
    async fn adopted(&self, id: RunId) -> Option<Arc<Attached>> {
        let (mut added, mut durable) = (self.world.runs.added(), self.world.engine.durable());
        // One that waits for a login, say, may be long in coming.
        let is_up =
            move |core: &Core| core.state.run(id).is_some_and(|(_, _, run)| run.life == Life::Up);
        let found = async {
            while self.world.engine.look(is_up).await.ok()? {
                if let Some(run) = self.up(id) {
                    return Some(run);
                }
                // One that has just ended counts as up until that is written down.
                tokio::select! {
                    more = added.changed() => more.ok()?,
                    more = durable.changed() => more.ok()?,
                }
            }
            None
        };
        tokio::time::timeout(ADOPTED_WITHIN, found).await.ok().flatten()
    }
}

/// Waits until something was said or the client hung up; what cannot be waited for, reading shows.
/// False when it promised to say something by now. A read that waits by itself is woken by
/// everything that happens to its socket.
fn is_readable(stream: &UnixStream, promised: Option<Duration>) -> bool {
    let within = promised.and_then(|promised| Timespec::try_from(promised).ok());
    loop {
        match poll(&mut [PollFd::new(stream, PollFlags::IN)], within.as_ref()) {
            Err(Errno::INTR) => {}
            ready => return ready != Ok(0),
        }
    }
}

/// Waits for a new size, so that the agent knows it before the key; not for long.
async fn resized(run: &Attached, size: Size) {
    let changed = Arc::new(Notify::new());
    let watcher: Arc<dyn Watcher> = Arc::clone(&changed) as Arc<dyn Watcher>;
    let _added = run.live.watchers.added(&watcher);
    let is_there = async {
        while run.live.look(Terminal::size) != size {
            changed.notified().await;
        }
    };
    let _ = tokio::time::timeout(RESIZED_WITHIN, is_there).await;
}

/// The bytes of all keys, or why one is none: then none is pressed.
fn encode_keys(keys: &[String], modes: &Modes) -> Result<Vec<u8>, String> {
    if keys.len() > KEYS_MAX {
        return Err(format!("{} keys at once are more than {KEYS_MAX}", keys.len()));
    }
    let mut bytes = Vec::new();
    for name in keys {
        let key = Key::parse(name).map_err(|error| error.to_string())?;
        bytes.extend(encode_key(&key, modes));
    }
    Ok(bytes)
}

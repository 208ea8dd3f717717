//! What an attached client says, as it comes. Keys and pastes go straight to the run's terminal,
//! whatever else the session is doing: no event, no wait for the disk.

use crate::base::id::RunId;
use crate::base::size::Size;
use crate::daemon::runs::Attached;
use crate::daemon::world::World;
use crate::model::core::Core;
use crate::term::{Key, Modes, Terminal, encode_key, encode_paste, encode_pointer};
use crate::wire::frame;
use crate::wire::view::{Said, Told};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::BufReader;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{Notify, mpsc};

/// How many keys one message may press.
const KEYS_MAX: usize = 1000;
/// How long a run is given to be followed again after the daemon began.
const ADOPTED_WITHIN: Duration = Duration::from_secs(5);
/// How long a terminal is given to take a new size before the key that brought it is typed.
const RESIZED_WITHIN: Duration = Duration::from_millis(50);
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
    /// Up to which frame it takes.
    pub credit: Arc<AtomicU64>,
    /// Wakes the session.
    pub wake: Arc<Notify>,
    /// What is not for this side.
    pub said: mpsc::Sender<Said>,
    /// What is to be told it.
    pub told: mpsc::Sender<Told>,
}

impl Ear {
    /// Listens until the client hangs up or makes no sense.
    pub async fn listen(self, reader: OwnedReadHalf) {
        let mut reader = BufReader::new(reader);
        let mut rooms = BTreeMap::new();
        while let Ok(Some(message)) = frame::read_async::<Said>(&mut reader).await {
            match message {
                Said::Credit { frame } => {
                    self.credit.fetch_max(frame, Ordering::SeqCst);
                    self.wake.notify_one();
                }
                Said::Press { run, keys } => {
                    self.typed(run, &rooms, |modes| encode_keys(&keys, modes)).await;
                }
                Said::Paste { run, text } => {
                    self.typed(run, &rooms, |modes| Ok(encode_paste(&text, modes))).await;
                }
                Said::Point { run, pointer } => {
                    let encode =
                        |modes: &Modes| Ok(encode_pointer(&pointer, modes).unwrap_or_default());
                    self.typed(run, &rooms, encode).await;
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
                Said::Room { .. } | Said::Unknown => {}
                other => {
                    if self.said.send(other).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn typed(
        &self,
        id: RunId,
        rooms: &BTreeMap<RunId, Size>,
        encode: impl FnOnce(&Modes) -> Result<Vec<u8>, String>,
    ) {
        if let Err(why) = self.type_in(id, rooms.get(&id).copied(), encode).await {
            let _ = self.told.send(Told::NotTyped { run: id, why }).await;
        }
    }

    async fn type_in(
        &self,
        id: RunId,
        room: Option<Size>,
        encode: impl FnOnce(&Modes) -> Result<Vec<u8>, String>,
    ) -> Result<(), String> {
        if self.watch {
            return Err("this client only watches; attach without --watch to type".into());
        }
        let run = match self.up(id) {
            None => self.adopted(id).await,
            run => run,
        };
        let run = run.ok_or("its agent is not running")?;
        let bytes = encode(&run.live.modes())?;
        // The agent does not want to know, and nobody drives it by that.
        if bytes.is_empty() {
            return Ok(());
        }
        if let Some(size) = run.drive(self.client, &self.person, room) {
            resized(&run, size).await;
        }
        run.input(bytes).map_err(|error| error.to_string())
    }

    fn up(&self, id: RunId) -> Option<Arc<Attached>> {
        self.world.runs.get(id).filter(|run| run.is_up())
    }

    /// A run that lives and is not followed yet, because this daemon has just begun, is waited for;
    /// the keys behind wait with it.
    async fn adopted(&self, id: RunId) -> Option<Arc<Attached>> {
        let mut added = self.world.runs.added();
        let lives = move |core: &Core| core.state.run(id).is_some_and(|(_, _, run)| run.is_live());
        let found = async {
            while self.world.engine.look(lives).await.ok()? {
                if let Some(run) = self.up(id) {
                    return Some(run);
                }
                added.changed().await.ok()?;
            }
            None
        };
        tokio::time::timeout(ADOPTED_WITHIN, found).await.ok().flatten()
    }
}

/// Waits for a new size, so that the agent knows it before the key; not for long.
async fn resized(run: &Attached, size: Size) {
    let changed = Arc::new(Notify::new());
    let _added = run.live.watchers.added(&changed);
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

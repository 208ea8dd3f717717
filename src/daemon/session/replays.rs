//! The screens of runs that ended under an earlier daemon: replayed once from their transcripts,
//! and a few of them kept.

use super::screen::Encoded;
use crate::base::id::RunId;
use crate::daemon::runs;
use crate::daemon::world::World;
use crate::term::Terminal;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OnceCell, Semaphore};

/// How many are kept.
const REPLAYS_MAX: usize = 4;
/// How many are made at once: each reads a whole transcript, and a person leafs through them fast.
const AT_ONCE_MAX: usize = 2;

/// The screen of an ended run.
pub struct Replay {
    shown: Mutex<(Terminal, Encoded)>,
}

impl Replay {
    /// Looks at it.
    pub fn show<T>(&self, show: impl FnOnce(&mut Terminal, &mut Encoded) -> T) -> T {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let (terminal, encoded) = &mut *shown;
        show(terminal, encoded)
    }
}

/// Empty until it was replayed; `None` when there is no transcript any more.
type Slot = Arc<OnceCell<Option<Arc<Replay>>>>;

/// Those that are kept, the last one looked at last.
pub struct Replays {
    kept: Mutex<VecDeque<(RunId, Slot)>>,
    places: Arc<Semaphore>,
}

impl Default for Replays {
    fn default() -> Self {
        Self { kept: Mutex::default(), places: Arc::new(Semaphore::new(AT_ONCE_MAX)) }
    }
}

impl Replays {
    /// The screen of a run that ended. Several who ask at once wait for one replay.
    pub async fn get(&self, world: &Arc<World>, run: RunId) -> Option<Arc<Replay>> {
        let slot = self.slot(run);
        let replay = slot.get_or_init(|| async {
            // Whoever has left by then needs none.
            let place = Arc::clone(&self.places).acquire_owned().await;
            let folder = world.run_folder(run);
            let replay = move || {
                let _place = place;
                runs::replay(&folder)
            };
            let replayed = tokio::task::spawn_blocking(replay).await;
            let terminal = replayed.ok().flatten()?;
            Some(Arc::new(Replay { shown: Mutex::new((terminal, Encoded::default())) }))
        });
        replay.await.clone()
    }

    fn slot(&self, run: RunId) -> Slot {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(|(id, _)| *id == run);
        let slot = known.and_then(|at| kept.remove(at)).unwrap_or_else(|| (run, Slot::default()));
        kept.push_back(slot.clone());
        while kept.len() > REPLAYS_MAX {
            kept.pop_front();
        }
        slot.1
    }
}

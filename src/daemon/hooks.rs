//! The report socket: hooks of agents report here, and nothing else is possible. One report a
//! connection, bounded in size and time; one without the secret of a live run is dropped.

use super::world::World;
use crate::wire::report::{HookReport, REPORT_BYTES_MAX};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

/// How many reports are read at once; of more, the oldest is given up.
const READING_MAX: usize = 64;
/// How many reports are taken at once; more wait.
const TAKING_MAX: usize = 16;
/// How long a report may take to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves `listener` until the task is dropped. Whoever connects and says nothing makes room for
/// later ones: a report comes at once, and nobody is to hold up the reports of others.
pub async fn serve(listener: UnixListener, world: Arc<World>) {
    let mut reading: VecDeque<AbortHandle> = VecDeque::new();
    // Reading costs nothing; taking a report may wait for the log.
    let places = Arc::new(Semaphore::new(TAKING_MAX));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (world, places) = (Arc::clone(&world), Arc::clone(&places));
        let task = tokio::spawn(async move {
            let Ok(Some(report)) = tokio::time::timeout(READ_TIMEOUT, read(stream)).await else {
                return;
            };
            tokio::spawn(async move {
                if let Ok(_place) = places.acquire().await {
                    take(&world, report).await;
                }
            });
        });
        reading.push_back(task.abort_handle());
        reading.retain(|task| !task.is_finished());
        while reading.len() > READING_MAX {
            reading.pop_front().inspect(AbortHandle::abort);
        }
    }
}

async fn read(stream: UnixStream) -> Option<HookReport> {
    let mut bytes = Vec::new();
    let limit = REPORT_BYTES_MAX as u64 + 1;
    stream.take(limit).read_to_end(&mut bytes).await.ok()?;
    if bytes.len() > REPORT_BYTES_MAX {
        return None;
    }
    serde_json::from_slice(&bytes).ok()
}

async fn take(world: &Arc<World>, report: HookReport) {
    let Some(run) = world.runs.by_token(&report.token) else { return };
    let world = Arc::clone(world);
    let taken = tokio::task::spawn_blocking(move || {
        run.live.hook(world.clock.now(), report);
        run.live.tell(world.clock.now());
    });
    let _ = taken.await;
}

//! A pane as one client looks at it: where its screen comes from, and what is new about it.

use super::replays::Replay;
use super::screen::{self, Back, Told};
use super::watchers::Watcher;
use crate::base::id::RunId;
use crate::daemon::runs::Attached;
use crate::daemon::world::World;
use crate::model::core::Core;
use crate::view::Content;
use crate::view::pane::Head;
use std::sync::Arc;
use tokio::task::AbortHandle;

/// Where a screen comes from.
#[derive(Clone)]
pub(super) enum Source {
    /// A run that is followed, or was until it ended.
    Live(Arc<Attached>),
    /// A run that ended before, replayed.
    Ended(Arc<Replay>),
    /// There is no such run, or nothing is left of it.
    Nothing,
}

/// One client's look at a pane.
pub(super) struct Pane {
    /// Whose screen it is.
    pub run: RunId,
    back: Back,
    told: Told,
    source: Option<Source>,
    watcher: Arc<dyn Watcher>,
    /// The revision of the run that was shown last.
    shown: Option<u64>,
    /// The revision at which the agent was in the middle of drawing.
    held: Option<u64>,
    /// It has been waited for long enough.
    overdue: bool,
    finding: Option<AbortHandle>,
}

/// What came of asking a pane for its content.
pub(super) enum Built {
    /// This.
    Content(Content),
    /// Its agent is in the middle of drawing.
    MidFrame,
    /// It is not known yet.
    NotYet,
}

impl Pane {
    /// A look at `run`; `watcher` is told when there is something new.
    pub fn new(run: RunId, back: u32, watcher: &Arc<dyn Watcher>) -> Self {
        Self {
            run,
            back: Back::Rows(back),
            told: Told::default(),
            source: None,
            watcher: Arc::clone(watcher),
            shown: None,
            held: None,
            overdue: false,
            finding: None,
        }
    }

    /// The task that looks for its source ends with it.
    pub fn finds(&mut self, finding: AbortHandle) {
        self.finding = Some(finding);
    }

    /// Its screen comes from there.
    pub fn comes_from(&mut self, source: Source) {
        self.let_go();
        if let Source::Live(run) = &source {
            run.live.watchers.add(&self.watcher);
        }
        self.source = Some(source);
        self.changed();
    }

    /// Whether its run is followed now, as it was not before: for the first time, or by another
    /// connection to its holder.
    pub fn is_outdated(&self, now: &Arc<Attached>) -> bool {
        match &self.source {
            Some(Source::Live(run)) => !Arc::ptr_eq(run, now),
            Some(Source::Nothing) => true,
            Some(Source::Ended(_)) | None => false,
        }
    }

    /// Something about it changed that is not its screen, such as who drives it.
    pub fn changed(&mut self) {
        (self.shown, self.held) = (None, None);
    }

    /// Shows what is there even in the middle of drawing.
    pub fn wait_no_longer(&mut self) {
        self.overdue |= self.held.take().is_some();
    }

    /// Whether there is something new to show.
    pub fn has_news(&self) -> bool {
        match &self.source {
            None => false,
            Some(Source::Live(run)) => {
                let revision = Some(run.live.watchers.revision());
                revision != self.shown && revision != self.held
            }
            Some(Source::Ended(_) | Source::Nothing) => self.shown.is_none(),
        }
    }

    /// What there is to show now, for the client `yours`.
    pub fn build(&mut self, world: &World, yours: u64) -> Built {
        let Self { source, back, told, .. } = self;
        let (revision, content) = match source {
            None => return Built::NotYet,
            Some(Source::Nothing) => (0, Some(screen::nothing())),
            Some(Source::Ended(replay)) => {
                let head = Head::default();
                let content =
                    replay.show(|terminal, rows| screen::content(terminal, rows, back, told, head));
                (0, Some(content))
            }
            Some(Source::Live(run)) => {
                // Taken before the screen is: what comes in between is shown again, never lost.
                let revision = run.live.watchers.revision();
                let driver = run.driven_by().filter(|(client, _)| world.clients.has(*client));
                let head = Head {
                    yours: driver.as_ref().is_some_and(|(client, _)| *client == yours),
                    driver: driver.map(|(_, person)| person),
                    live: run.is_up(),
                    ..Head::default()
                };
                let waits = !self.overdue;
                let content = run.live.show(|terminal, rows| {
                    let is_whole = !waits || !terminal.is_mid_frame();
                    is_whole.then(|| screen::content(terminal, rows, back, told, head))
                });
                (revision, content)
            }
        };
        let Some(content) = content else {
            self.held = Some(revision);
            return Built::MidFrame;
        };
        (self.shown, self.held, self.overdue) = (Some(revision), None, false);
        Built::Content(content)
    }

    fn let_go(&mut self) {
        if let Some(Source::Live(run)) = &self.source {
            run.live.watchers.remove(&self.watcher);
        }
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        self.let_go();
        if let Some(finding) = &self.finding {
            finding.abort();
        }
    }
}

/// Finds where the screen of `run` comes from. One that lives and is not followed yet, because this
/// daemon has just begun, is waited for.
pub(super) async fn find(world: Arc<World>, run: RunId) -> Source {
    let mut added = world.runs.added();
    let mut durable = world.engine.durable();
    loop {
        if let Some(run) = world.runs.get(run) {
            return Source::Live(run);
        }
        let life = move |core: &Core| core.state.run(run).map(|(_, _, run)| run.is_live());
        match world.engine.look(life).await {
            Ok(Some(true)) => {}
            Ok(Some(false)) => {
                let replay = world.replays.get(&world, run).await;
                return replay.map_or(Source::Nothing, Source::Ended);
            }
            Ok(None) => return Source::Nothing,
            // The log has failed: whatever comes next may be known.
            Err(_) => {}
        }
        tokio::select! {
            _ = added.changed() => {}
            more = durable.changed() => if more.is_err() { return Source::Nothing },
        }
    }
}

//! A run as it is right now: its terminal, its agent's status, and what of that is worth an event.
//!
//! Live things are not logged; only what settled is reported, at a bounded rate, so that a noisy
//! agent cannot flood an eternal log.

use super::status_words::{exit, in_band, settled_status};
use super::told::{EndOfTurn, PACE_ASKS_MAX, PACE_MAX, Told};
use crate::agent::kind::AgentKind;
use crate::agent::status::{Memory, Observation, Source, State, StatusTracker};
use crate::agent::turn::TurnEnd;
use crate::base::clock::Timestamp;
use crate::base::id::{RunId, TaskId};
use crate::base::size::Size;
use crate::daemon::session::screen::Encoded;
use crate::daemon::session::watchers::Watchers;
use crate::model::command::Report;
use crate::term::{Modes, TermEvent, Terminal};
use crate::wire::report::HookReport;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many rows of history a run's screen keeps.
const SCROLLBACK_ROWS: usize = 5_000;
/// A screen that is never quiet is read all the same, after this long.
const SCREEN_AFTER: Duration = Duration::from_millis(500);

/// One run, shared by the thread that follows it and those who look at it or type into it.
pub struct LiveRun {
    /// Its id.
    pub id: RunId,
    /// Its task.
    pub task: TaskId,
    /// The secret of its hook reports.
    pub token: String,
    /// Those who look at it.
    pub watchers: Watchers,
    inner: Mutex<Inner>,
    changed: Condvar,
    /// Held while news are noted, so that they arrive in order.
    telling: Mutex<Option<Sender<Report>>>,
    /// Held while notes are kept, so that older ones never take the place of newer ones.
    keeping: Mutex<()>,
    reports: Mutex<Option<Receiver<Report>>>,
}

/// How often a run that says nothing is looked at again, should nobody wake who waits for it.
const MUTE_LOOK: Duration = Duration::from_secs(60);

struct Inner {
    terminal: Terminal,
    encoded: Encoded,
    tracker: StatusTracker,
    /// Queries up to here have been answered; a daemon that starts anew answers none twice.
    answered: u64,
    last_output_at: Timestamp,
    /// Since when the screen holds something that was not looked at.
    screen_new_since: Option<Timestamp>,
    /// The last prompt whose typing began.
    prompt: Option<u32>,
    told: Told,
    /// How many wait for a change.
    waiting: usize,
    /// Ends of turns that were told and are not known to be in the log, oldest first.
    unrecorded: VecDeque<EndOfTurn>,
    /// The last end of a turn that is in the log.
    recorded: Option<EndOfTurn>,
}

/// Whether an agent took its prompt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It shows that it did.
    Shown,
    /// It reports nothing, so it cannot show more than that it was typed to.
    Silent,
    /// It does not show it.
    No,
}

/// What a later daemon needs to go on without reading the whole transcript again.
#[derive(Serialize, Deserialize)]
pub struct Frame {
    /// The offset in the run's output.
    pub offset: u64,
    /// The terminal there, as its keyframe.
    keyframe: String,
    /// Queries up to here have been answered.
    pub answered: u64,
    /// The agent's status so far.
    pub memory: Memory,
    /// The last prompt whose typing began: a later one was certainly not typed.
    #[serde(default)]
    pub prompt: Option<u32>,
    /// The last end of a turn that is in the log: another one by which the agent went on unseen is
    /// told from it.
    #[serde(default)]
    recorded: Option<EndOfTurn>,
}

impl LiveRun {
    /// A run that has said nothing yet.
    pub fn new(
        id: RunId,
        task: TaskId,
        token: String,
        kind: &AgentKind,
        size: Size,
        now: Timestamp,
    ) -> Self {
        let terminal = Terminal::new(size, SCROLLBACK_ROWS);
        let tracker = StatusTracker::new(kind, now);
        Self::with((id, task, token), terminal, tracker, (0, None), now)
    }

    /// A run as an earlier daemon left it; `None` when its notes cannot be read.
    pub fn restored(
        id: RunId,
        task: TaskId,
        token: String,
        kind: &AgentKind,
        frame: Frame,
        now: Timestamp,
    ) -> Option<Self> {
        let keyframe = frame.keyframe.as_bytes();
        let terminal = Terminal::from_keyframe(keyframe, SCROLLBACK_ROWS).ok()?;
        let tracker = StatusTracker::with_memory(kind, frame.memory);
        let before = (frame.answered, frame.prompt);
        let mut live = Self::with((id, task, token), terminal, tracker, before, now);
        let inner = live.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        inner.told.turn_end.clone_from(&frame.recorded);
        inner.recorded = frame.recorded;
        Some(live)
    }

    fn with(
        (id, task, token): (RunId, TaskId, String),
        terminal: Terminal,
        tracker: StatusTracker,
        (answered, prompt): (u64, Option<u32>),
        now: Timestamp,
    ) -> Self {
        let inner = Inner {
            terminal,
            encoded: Encoded::default(),
            tracker,
            answered,
            last_output_at: now,
            screen_new_since: None,
            prompt,
            told: Told::default(),
            waiting: 0,
            unrecorded: VecDeque::new(),
            recorded: None,
        };
        let (telling, reports) = mpsc::channel();
        Self {
            id,
            task,
            token,
            watchers: Watchers::default(),
            inner: Mutex::new(inner),
            changed: Condvar::new(),
            telling: Mutex::new(Some(telling)),
            keeping: Mutex::default(),
            reports: Mutex::new(Some(reports)),
        }
    }

    /// A thread that panicked while it held the lock left data that is still whole.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in output that came at `at`; returns what is to be written to the terminal's input, in
    /// order: the answers to queries that nobody answered yet.
    pub fn output(&self, at: Timestamp, bytes: &[u8]) -> Vec<u8> {
        let mut inner = self.lock();
        let mut replies = Vec::new();
        for event in inner.terminal.feed(bytes) {
            match event {
                TermEvent::Reply { query_end, bytes } if query_end > inner.answered => {
                    inner.answered = query_end;
                    replies.extend_from_slice(&bytes);
                }
                TermEvent::Status(report) if report.id.is_none() => {
                    inner.tracker.observe(at, in_band(report));
                }
                TermEvent::Title(title) => inner.tracker.observe(at, Observation::Title(title)),
                _ => {}
            }
        }
        inner.last_output_at = at;
        let new_since = *inner.screen_new_since.get_or_insert(at);
        if at.since(new_since) >= SCREEN_AFTER {
            inner.read_screen(at);
        }
        let is_awaited = inner.waiting > 0;
        drop(inner);
        self.watchers.changed();
        if is_awaited {
            self.changed.notify_all();
        }
        replies
    }

    /// Says that output was lost.
    pub fn gap(&self, bytes: u64) {
        self.lock().terminal.skip(bytes);
    }

    /// The terminal has this size from here on in its output.
    pub fn resized(&self, size: Size) {
        self.lock().terminal.resize(size);
        self.watchers.changed();
    }

    /// How long to wait for output before looking again: a moment after output, a while as long as
    /// only silence says what the agent does, long otherwise. Nothing ticks when nothing changes.
    pub fn next_look(&self, settle: Duration, look: Duration, wait: Duration) -> Duration {
        let inner = self.lock();
        if inner.screen_new_since.is_some() {
            return settle;
        }
        let told = inner.told.status.as_ref().map(|(state, _)| *state);
        match told {
            None | Some(State::Starting) => look,
            // The end of a turn by idle counts a moment later.
            Some(State::Idle) if inner.told.turn_end.is_none() => look,
            Some(_) if inner.told.is_behind => look,
            Some(_) => wait,
        }
    }

    /// Nothing came for a moment: the screen can be read.
    pub fn settled(&self, at: Timestamp) {
        self.lock().read_screen(at);
        self.changed.notify_all();
    }

    /// A hook of the agent reported.
    pub fn hook(&self, at: Timestamp, report: HookReport) {
        self.lock().tracker.observe(at, Observation::Hook(report));
        self.changed.notify_all();
    }

    /// The process ended.
    pub fn ended(&self, at: Timestamp, code: Option<i32>, signal: Option<i32>) {
        let mut inner = self.lock();
        inner.tracker.observe(at, exit(code, signal));
        inner.terminal.reset_modes();
        drop(inner);
        self.wake();
    }

    /// Notes what became worth reporting since the last call, in order whoever calls, and returns
    /// at once: the disk that takes a report must not hold up output.
    pub fn tell(&self, now: Timestamp) {
        let telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(telling) = &*telling {
            self.news(now).into_iter().for_each(|report| drop(telling.send(report)));
        }
    }

    /// Nothing is noted any more; the reports end.
    pub fn tell_no_more(&self) {
        *self.telling.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The reports in the order they were noted, for the one who takes them; nothing a second
    /// time.
    pub fn reports(&self) -> Receiver<Report> {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.take().unwrap_or_else(|| mpsc::channel().1)
    }

    fn news(&self, now: Timestamp) -> Vec<Report> {
        let mut inner = self.lock();
        inner.told.is_behind = false;
        let mut news = Vec::new();
        let run = self.id;
        if let Some(session) = inner.tracker.session().map(ToString::to_string)
            && inner.told.session.as_ref() != Some(&session)
            && inner.told.may_tell(now, PACE_MAX)
        {
            inner.told.session = Some(session.clone());
            news.push(Report::Session { run, session });
        }
        let status = inner.tracker.status(now);
        let shown = (status.state, status.detail.clone());
        let pace = if status.state.asks().is_some() { PACE_ASKS_MAX } else { PACE_MAX };
        // The end of the process is reported as such, with what it means for the task.
        if status.source != Source::Exit
            && inner.told.status.as_ref() != Some(&shown)
            && inner.told.may_tell(now, pace)
        {
            inner.told.status = Some(shown);
            news.push(Report::Status { run, status: settled_status(&status) });
        }
        let end = inner.tracker.turn_end(now).map(|end| (end, inner.tracker.turn_end_change()));
        if end != inner.told.turn_end && inner.told.may_end(now) {
            if inner.told.turn_end.take().is_some() {
                news.push(Report::WentOn { run });
            }
            inner.told.turn_end.clone_from(&end);
            let report = match (end.as_ref().map(|(end, _)| end), inner.prompt) {
                (Some(TurnEnd::Done), Some(prompt)) => Some(Report::Turned { run, prompt }),
                (Some(TurnEnd::Interrupted), _) => Some(Report::Interrupted { run }),
                _ => None,
            };
            if let (Some(report), Some(end)) = (report, end) {
                inner.unrecorded.push_back(end);
                news.push(report);
            }
        }
        news
    }

    /// The oldest end of a turn that was told is in the log now.
    pub fn turn_end_recorded(&self) {
        let mut inner = self.lock();
        if let Some(end) = inner.unrecorded.pop_front() {
            inner.recorded = Some(end);
        }
    }

    /// Whether the agent reports no turns: nothing but its end would show that one is over.
    pub fn is_mute(&self) -> bool {
        self.lock().tracker.is_mute()
    }

    /// Waits until the agent takes a prompt, or `gave_up` says so; looks again at every change and
    /// at least every `poll`.
    pub fn wait_ready(
        &self,
        now: impl Fn() -> Timestamp,
        poll: Duration,
        gave_up: impl Fn() -> bool,
    ) -> bool {
        let mut inner = self.lock();
        loop {
            if gave_up() {
                return false;
            }
            let quiet = now().since(inner.last_output_at);
            // A question may have been painted a moment ago.
            inner.read_screen(now());
            if inner.tracker.ready_for_prompt(now(), quiet) {
                return true;
            }
            inner = self.wait(inner, poll);
        }
    }

    /// Waits for as long as nothing but its end would show that the agent's turn is over.
    pub fn wait_while_mute(&self, gave_up: impl Fn() -> bool) {
        let mut inner = self.lock();
        while inner.tracker.is_mute() && !gave_up() {
            inner = self.wait(inner, MUTE_LOOK);
        }
    }

    /// Waits for a change, for at most `limit`.
    fn wait<'a>(&self, mut inner: MutexGuard<'a, Inner>, limit: Duration) -> MutexGuard<'a, Inner> {
        inner.waiting += 1;
        let waited = self.changed.wait_timeout(inner, limit);
        inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        inner.waiting -= 1;
        inner
    }

    /// Whether the typing of this prompt began, now or under an earlier daemon.
    pub fn has_begun(&self, prompt: u32) -> bool {
        self.lock().prompt == Some(prompt)
    }

    /// A prompt is about to be typed: what the agent says from now on is about it. `keep` keeps the
    /// notes for a later daemon; when it fails the prompt has not begun and must not be typed.
    pub fn prompt_begins<E>(
        &self,
        prompt: u32,
        now: Timestamp,
        keep: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let (turn, told, recorded) = {
            let mut inner = self.lock();
            inner.prompt = Some(prompt);
            let turn = inner.tracker.prompt_delivered(now);
            (turn, inner.told.turn_end.take(), inner.recorded.take())
        };
        keep().inspect_err(|_| {
            let mut inner = self.lock();
            inner.prompt = None;
            inner.tracker.prompt_withdrawn(turn);
            inner.told.turn_end = told;
            inner.recorded = recorded;
        })
    }

    /// Waits until the agent shows that it took the prompt, for at most `limit` of clock time and
    /// as long as `gave_up` does not say so.
    pub fn wait_taken(
        &self,
        now: impl Fn() -> Timestamp,
        limit: Duration,
        poll: Duration,
        gave_up: impl Fn() -> bool,
    ) -> Taken {
        let until = now().plus(limit);
        let mut inner = self.lock();
        loop {
            let status = inner.tracker.status(now());
            let reports = matches!(status.source, Source::InBand | Source::Hook | Source::Exit);
            if inner.tracker.turn_is_under_way(now()) {
                return Taken::Shown;
            }
            if !reports {
                return Taken::Silent;
            }
            if gave_up() || now() >= until {
                return Taken::No;
            }
            inner = self.wait(inner, poll);
        }
    }

    /// The terminal's modes, by which keys and pastes are encoded.
    pub fn modes(&self) -> Modes {
        self.lock().terminal.modes()
    }

    /// Whether anybody looks at what comes, or waits for it.
    pub fn is_looked_at(&self) -> bool {
        self.watchers.is_any() || self.lock().waiting > 0
    }

    /// Looks at the terminal.
    pub fn look<T>(&self, look: impl FnOnce(&Terminal) -> T) -> T {
        look(&self.lock().terminal)
    }

    /// The same for a surface, with the rows that were encoded for others.
    pub fn show<T>(&self, show: impl FnOnce(&mut Terminal, &mut Encoded) -> T) -> T {
        let mut inner = self.lock();
        let Inner { terminal, encoded, .. } = &mut *inner;
        show(terminal, encoded)
    }

    /// Keeps the notes for a later daemon.
    pub fn keep<E>(&self, keep: impl FnOnce(&Frame) -> Result<(), E>) -> Result<(), E> {
        let _one = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        keep(&self.frame())
    }

    fn frame(&self) -> Frame {
        let inner = self.lock();
        Frame {
            offset: inner.terminal.offset(),
            keyframe: String::from_utf8(inner.terminal.keyframe()).unwrap_or_default(),
            answered: inner.answered,
            memory: inner.tracker.memory().clone(),
            prompt: inner.prompt,
            recorded: inner.recorded.clone(),
        }
    }

    /// Wakes whoever waits on this run, to see that they are to give up.
    pub fn wake(&self) {
        self.watchers.changed();
        self.changed.notify_all();
    }
}

impl Inner {
    fn read_screen(&mut self, at: Timestamp) {
        if self.screen_new_since.take().is_some() {
            let rows = self.terminal.text_rows();
            self.tracker.observe(at, Observation::Screen(rows));
        }
    }
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;

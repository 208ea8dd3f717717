//! What an agent is doing, fused from everything that says something about it.
//!
//! Pure: observations with their times go in, a status with its source and age comes out. The
//! strongest source wins; nothing said is `unknown`, and `unknown` is never idle.

use super::kind::{AgentKind, ExitMeans, Ready, StatusRule};
use super::turn::{Turn, TurnEnd};
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use crate::wire::report::HookReport;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How long an agent that says nothing counts as starting.
pub const STARTING: Duration = Duration::from_secs(15);
/// How long an agent that was just given a prompt has to say something of itself.
pub const SPEAKS_AFTER: Duration = Duration::from_secs(3);
/// How long a program must be quiet before a prompt when it does not itself say that it takes one.
pub const QUIET_BEFORE_PROMPT: Duration = Duration::from_secs(1);
/// Hooks report moments (Esc fires none): a title or screen that changed this much later replaces
/// one.
const HOOK_FRESH: Duration = Duration::from_secs(3);
/// How many of the last rows with text the screen rules look at.
const SCREEN_ROWS: usize = 25;
const DETAIL_CHARS_MAX: usize = 1000;

/// What an agent is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum State {
    /// It was started a moment ago and has said nothing.
    Starting,
    /// It works.
    Working,
    /// It asks a person something.
    Blocked(Ask),
    /// It waits for a prompt.
    Idle,
    /// It finished what it was asked.
    Done,
    /// It says that it failed.
    Error,
    /// Its process ended.
    Exited,
    /// Nothing says what it does.
    Unknown,
}

/// What a blocked agent asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// Leave to do something.
    Permission,
    /// An answer.
    Question,
    /// A login.
    Auth,
}

impl State {
    /// The word a person reads.
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Working => "working",
            Self::Blocked(_) => "blocked",
            Self::Idle => "idle",
            Self::Done => "done",
            Self::Error => "error",
            Self::Exited => "exited",
            Self::Unknown => "unknown",
        }
    }

    /// What a blocked agent asks for, as a word.
    pub fn asks(self) -> Option<&'static str> {
        match self {
            Self::Blocked(Ask::Permission) => Some("permission"),
            Self::Blocked(Ask::Question) => Some("question"),
            Self::Blocked(Ask::Auth) => Some("auth"),
            _ => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        self.asks().map_or(Ok(()), |asks| write!(f, ":{asks}"))
    }
}

impl From<State> for String {
    fn from(state: State) -> Self {
        state.to_string()
    }
}

impl TryFrom<String> for State {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.as_str() {
            "starting" => Self::Starting,
            "working" => Self::Working,
            "blocked:permission" => Self::Blocked(Ask::Permission),
            "blocked:question" => Self::Blocked(Ask::Question),
            "blocked:auth" => Self::Blocked(Ask::Auth),
            "idle" => Self::Idle,
            "done" => Self::Done,
            "error" => Self::Error,
            "exited" => Self::Exited,
            "unknown" => Self::Unknown,
            _ => return Err(format!("`{text}` is not a state of an agent")),
        })
    }
}

/// What said it, strongest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The end of the process.
    Exit,
    /// The program status protocol (OSC 7501).
    InBand,
    /// A hook of the agent.
    Hook,
    /// The terminal's title.
    Title,
    /// A rule on the screen's text.
    Screen,
    /// Nothing did.
    Nothing,
}

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// With this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// Nobody saw how.
    Unknown,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "exit status {status}"),
            Self::Signal(signal) => write!(f, "killed by signal {signal}"),
            Self::Unknown => f.write_str("exit status unknown"),
        }
    }
}

/// Something seen of an agent.
#[derive(Clone, Debug)]
pub enum Observation {
    /// Its process ended.
    Exit(Ended),
    /// It reported in-band; `None` takes its last report back.
    InBand {
        /// The state, or `None` for "clear".
        state: Option<State>,
        /// The message that came with it.
        message: Option<Foreign>,
    },
    /// One of its hooks ran.
    Hook(HookReport),
    /// Its title changed.
    Title(Foreign),
    /// Its screen settled; all rows from the top.
    Screen(Vec<String>),
}

/// What an agent is doing, who says so, since when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// What said so.
    pub source: Source,
    /// Since when.
    pub since: Timestamp,
    /// What it asks or what went wrong, in the agent's words.
    pub detail: Option<Foreign>,
}

/// What one source said last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Claim {
    pub(super) state: State,
    pub(super) detail: Option<Foreign>,
    pub(super) since: Timestamp,
    at: Timestamp,
    /// Which observation brought it, so that order does not hang on the clock.
    pub(super) change: u64,
}

/// Everything remembered of an agent; can be stored and given to [`StatusTracker::with_memory`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Memory {
    started_at: Timestamp,
    silent_since: Option<Timestamp>,
    exit: Option<(Ended, Timestamp)>,
    in_band: Option<Claim>,
    hook: Option<Claim>,
    title: Option<Claim>,
    screen: Option<Claim>,
    changes: u64,
    /// It said at least once what it does, not only that it asks something.
    #[serde(default)]
    reports: bool,
    turn: Option<Turn>,
    session: Option<String>,
}

/// Follows one agent.
#[derive(Clone, Debug)]
pub struct StatusTracker {
    kind: AgentKind,
    memory: Memory,
}

impl StatusTracker {
    /// Follows an agent of `kind` that was started at `started_at`.
    pub fn new(kind: &AgentKind, started_at: Timestamp) -> Self {
        let memory = Memory {
            started_at,
            silent_since: None,
            exit: None,
            in_band: None,
            hook: None,
            title: None,
            screen: None,
            changes: 0,
            reports: false,
            turn: None,
            session: None,
        };
        Self::with_memory(kind, memory)
    }

    /// Goes on following an agent. Earlier versions did not note that it said something.
    pub fn with_memory(kind: &AgentKind, mut memory: Memory) -> Self {
        let said = [&memory.in_band, &memory.hook, &memory.title, &memory.screen];
        memory.reports |= said.into_iter().flatten().any(is_said);
        Self { kind: kind.clone(), memory }
    }

    /// What is remembered of the agent.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The conversation's id, once a hook named it.
    pub fn session(&self) -> Option<&str> {
        self.memory.session.as_deref()
    }

    /// Takes in what was seen at `at`. Observations come in the order in which they happened.
    pub fn observe(&mut self, at: Timestamp, observation: Observation) {
        if self.memory.exit.is_some() {
            return;
        }
        self.memory.changes += 1;
        let spoke = self.governing().is_some();
        match observation {
            Observation::Exit(ended) => self.memory.exit = Some((ended, at)),
            Observation::InBand { state: Some(state), message } => {
                self.memory.reports = true;
                let new = self.claim(at, state, message, self.memory.in_band.as_ref());
                self.memory.in_band = Some(new);
            }
            Observation::InBand { state: None, .. } => self.clear(),
            Observation::Hook(report) => self.observe_hook(at, report),
            Observation::Title(title) => {
                let state = first_match(&self.kind.status.title, title.raw());
                let new = state.map(|s| self.claim(at, s, None, self.memory.title.as_ref()));
                self.memory.reports |= new.as_ref().is_some_and(is_said);
                self.memory.title = new;
            }
            Observation::Screen(rows) => {
                let state = first_match(&self.kind.status.screen, &last_rows(&rows));
                let new = state.map(|s| self.claim(at, s, None, self.memory.screen.as_ref()));
                self.memory.reports |= new.as_ref().is_some_and(is_said);
                self.memory.screen = new;
            }
        }
        if spoke && self.governing().is_none() {
            self.memory.silent_since = Some(at);
        }
        self.advance_turn(at);
    }

    /// A prompt was typed and submitted: a turn begins. Returns the one before it.
    pub fn prompt_delivered(&mut self, at: Timestamp) -> Option<Turn> {
        self.memory.turn.replace(Turn::typed(self.memory.changes, at))
    }

    /// The prompt was not typed after all: the turn before it is the last one.
    pub fn prompt_withdrawn(&mut self, before: Option<Turn>) {
        self.memory.turn = before;
    }

    /// How the turn of the last prompt had ended by `now`, if it had. Being blocked is not an end.
    /// An end by "idle" comes [`IDLE_SETTLES`](super::turn::IDLE_SETTLES) after it, so ask again
    /// then.
    pub fn turn_end(&self, now: Timestamp) -> Option<TurnEnd> {
        self.memory.turn.as_ref()?.end(&self.kind.turn, now)
    }

    /// Whether the agent shows that it took the last prompt: it began to work on it, or ended its
    /// turn.
    pub fn turn_is_under_way(&self, now: Timestamp) -> bool {
        let turn = self.memory.turn.as_ref();
        turn.is_some_and(|turn| turn.has_begun() || turn.end(&self.kind.turn, now).is_some())
    }

    /// Tells one end of a turn from the next, when the agent worked on in between.
    pub fn turn_end_change(&self) -> Option<u64> {
        self.memory.turn.as_ref().map(Turn::end_change)
    }

    /// Whether nothing but its end would show that its turn is over: a program that only needs to
    /// be quiet for its prompt, and has never said what it does.
    pub fn is_mute(&self) -> bool {
        self.kind.prompt.ready == Ready::Quiet && !self.memory.reports
    }

    /// Whether a prompt may be typed at `now`, after `quiet` without output. Never during a turn
    /// (the words would steer it) that will be seen to end, and never when anything looks like a
    /// question: they could answer it.
    pub fn ready_for_prompt(&self, now: Timestamp, quiet: Duration) -> bool {
        let memory = &self.memory;
        let asks = |claim: &Claim| matches!(claim.state, State::Blocked(_));
        let shown = [&memory.title, &memory.screen].into_iter().flatten().any(asks);
        let in_turn = memory.turn.is_some() && self.turn_end(now).is_none() && !self.is_mute();
        if memory.exit.is_some() || in_turn || shown {
            return false;
        }
        match self.governing() {
            Some((source, claim)) => {
                // What is seen from outside may be painted before keys are taken.
                let is_told = matches!(source, Source::InBand | Source::Hook);
                matches!(claim.state, State::Idle | State::Done | State::Error)
                    && (is_told || quiet >= QUIET_BEFORE_PROMPT)
            }
            None => {
                self.kind.prompt.ready == Ready::Quiet
                    && (memory.turn.is_none() || self.is_mute())
                    && quiet >= QUIET_BEFORE_PROMPT
            }
        }
    }

    /// What the agent is doing at `now`.
    pub fn status(&self, now: Timestamp) -> Status {
        let memory = &self.memory;
        if let Some((ended, since)) = memory.exit {
            let failed = self.kind.turn.exit == ExitMeans::Status && ended != Ended::Status(0);
            let state = if failed { State::Error } else { State::Exited };
            let detail = Some(Foreign::new(ended.to_string()));
            return Status { state, source: Source::Exit, since, detail };
        }
        if let Some((source, claim)) = self.governing() {
            let Claim { state, since, detail, .. } = claim.clone();
            return Status { state, source, since, detail };
        }
        let typed = memory.turn.as_ref().and_then(Turn::typed_at);
        let mut known_until = memory.started_at.plus(STARTING);
        // What was given its prompt and says nothing is not starting any more.
        if let Some(typed) = typed {
            known_until = known_until.min(typed.plus(SPEAKS_AFTER));
        }
        let known_until = memory.silent_since.unwrap_or(known_until);
        let (state, since) = if memory.silent_since.is_none() && now < known_until {
            (State::Starting, memory.started_at)
        } else {
            (State::Unknown, known_until)
        };
        Status { state, source: Source::Nothing, since, detail: None }
    }

    fn governing(&self) -> Option<(Source, &Claim)> {
        let memory = &self.memory;
        if let Some(claim) = &memory.in_band {
            return Some((Source::InBand, claim));
        }
        let title = memory.title.as_ref().map(|claim| (Source::Title, claim));
        let seen = title.or(memory.screen.as_ref().map(|claim| (Source::Screen, claim)));
        match (&memory.hook, seen) {
            (Some(hook), Some(seen)) if seen.1.since > hook.at.plus(HOOK_FRESH) => Some(seen),
            (Some(hook), _) => Some((Source::Hook, hook)),
            (None, seen) => seen,
        }
    }

    fn observe_hook(&mut self, at: Timestamp, report: HookReport) {
        let prompt = report.prompt.as_ref().map_or("", Foreign::raw);
        if self.kind.hooks.ignore.as_ref().is_some_and(|pattern| pattern.0.is_match(prompt)) {
            return;
        }
        if let Some(session) = report.session.filter(|id| super::is_session_id(id)) {
            self.memory.session = Some(session);
        }
        let rules = &self.kind.status.hooks;
        let about = report.about.as_deref().unwrap_or_default();
        let named = rules.get(&format!("{}:{about}", report.event));
        if let Some(state) = named.or_else(|| rules.get(&report.event)).copied() {
            let new = self.claim(at, state, report.summary, self.memory.hook.as_ref());
            self.memory.hook = Some(new);
            self.memory.reports = true;
        }
    }

    /// Takes the in-band report back, and everything weaker that was said before.
    fn clear(&mut self) {
        self.memory.in_band = None;
        self.memory.hook = None;
        self.memory.title = None;
        self.memory.screen = None;
    }

    fn claim(
        &self,
        at: Timestamp,
        state: State,
        detail: Option<Foreign>,
        before: Option<&Claim>,
    ) -> Claim {
        let detail = detail.map(bounded);
        match before.filter(|before| before.state == state) {
            Some(before) => Claim { state, detail, at, ..*before },
            None => Claim { state, detail, since: at, at, change: self.memory.changes },
        }
    }

    fn advance_turn(&mut self, at: Timestamp) {
        let governing = self.governing().map(|(_, claim)| claim.clone());
        let exit = self.memory.exit.map(|(ended, _)| ended);
        if let Some(turn) = &mut self.memory.turn {
            turn.advance(&self.kind.turn, at, exit, governing.as_ref());
        }
    }
}

/// Whether what was seen says what the agent does. That it asks something, many a program shows.
fn is_said(claim: &Claim) -> bool {
    !matches!(claim.state, State::Blocked(_))
}

fn first_match(rules: &[StatusRule], text: &str) -> Option<State> {
    rules.iter().find(|rule| rule.pattern.0.is_match(text)).map(|rule| rule.state)
}

fn last_rows(rows: &[String]) -> String {
    let with_text: Vec<_> = rows.iter().filter(|row| !row.trim().is_empty()).collect();
    let from = with_text.len().saturating_sub(SCREEN_ROWS);
    with_text[from..].iter().map(|row| row.trim_end()).collect::<Vec<_>>().join("\n")
}

fn bounded(text: Foreign) -> Foreign {
    Foreign::new(text.raw().chars().take(DETAIL_CHARS_MAX).collect::<String>())
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;

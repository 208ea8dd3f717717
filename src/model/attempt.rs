//! Attempts: one agent run on a task in one worktree, and what came of it.

use super::checkpoint::{Kept, Moment, Point, Wavers};
use super::verdict::{GateRun, Outcome, Weight};
use super::worked::Worked;
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use crate::base::id::{OpId, RunId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// How long an agent's status may be unknown before a person is asked to look: longer than agents
/// are between two signs of life, shorter than a person would want to find out by themselves.
const UNKNOWN_PATIENCE: Duration = Duration::from_secs(5 * 60);

/// One agent run on a task.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// 1 for the first attempt of a task.
    pub number: u32,
    /// It goes on with the worktree of the attempt before, and with its conversation if it has one.
    pub resumed: bool,
    /// A person's own command directly started it: its agent may start with nobody there.
    pub vouched: bool,
    /// Facts about its place of work, once it is prepared.
    pub place: Option<Place>,
    /// The agent's run, once one was asked for.
    pub run: Option<Run>,
    /// What was or is to be typed to the agent.
    pub prompts: Vec<Prompt>,
    /// Snapshots of the worktree, in order.
    pub snapshots: Vec<Snapshot>,
    /// The number of the next one. One that was given up leaves its number unused, so that it is
    /// not taken for the next should it come after all.
    pub next_snapshot: u32,
    /// Gate runs, in order.
    pub gates: Vec<GateRun>,
    /// Rollbacks, in order.
    pub rollbacks: Vec<Rollback>,
    /// When it was started.
    pub started_at: Timestamp,
    /// How long its agent worked.
    pub worked: Worked,
    /// The worktree as its run finds it: of a fresh attempt its base.
    pub kept: Kept,
    /// The check that failed in mid-turn, which was ended for it. It judged no snapshot.
    pub breach: Option<GateRun>,
    /// The last prompt that knows nothing of a conflict of its result with the base.
    pub conflicts_after: Option<u32>,
    /// Its final result is on record.
    pub is_finished: bool,
}

impl Attempt {
    /// The prompt that is to be typed next, or is being typed.
    pub fn next_prompt(&self) -> Option<&Prompt> {
        let open =
            |prompt: &&Prompt| matches!(prompt.delivery, Delivery::Wanted | Delivery::Typing);
        self.prompts.iter().find(open)
    }

    /// Whether it was to get a prompt, and none was even begun to be typed.
    pub fn was_given_nothing(&self) -> bool {
        let waits = |prompt: &Prompt| prompt.delivery == Delivery::Wanted;
        !self.prompts.is_empty() && self.prompts.iter().all(waits)
    }

    /// The prompts that the agent has not taken although it had finished all turns before them;
    /// none when it is in a turn.
    pub fn untaken(&self) -> &[Prompt] {
        let open = |prompt: &Prompt| matches!(prompt.delivery, Delivery::Wanted | Delivery::Typing);
        let taken = self.prompts.iter().rposition(|prompt| !open(prompt));
        let turned = taken.filter(|last| self.prompts[*last].is_turned);
        turned.map_or(&[], |last| &self.prompts[last + 1..])
    }

    /// The last snapshot that is a result: what a turn, or a person's word, ended.
    pub fn result(&self) -> Option<&Snapshot> {
        self.snapshots.iter().rev().find(|snapshot| snapshot.taken.is_result())
    }

    /// What can be returned to that is nearest to now.
    pub fn last_point(&self) -> Point {
        self.snapshots.last().map_or(Point::Base, |last| Point::Checkpoint(last.number))
    }

    /// Whether its run has not begun, as far as is known.
    pub fn is_to_begin(&self) -> bool {
        self.run.as_ref().is_none_or(|run| run.life == Life::Wanted)
    }

    /// Something kept its run from starting, or a prompt from being typed, and much may have
    /// changed meanwhile: what was kept for it is void, and so is what is just being read, whose
    /// number stays unused.
    pub fn was_held_up(&mut self) {
        let mut is_being_read = false;
        if self.is_to_begin() {
            is_being_read |= self.kept == Kept::Due && self.run.is_some();
            self.kept = Kept::Due;
        }
        let waits = |prompt: &&mut Prompt| prompt.delivery == Delivery::Wanted;
        for prompt in self.prompts.iter_mut().filter(waits) {
            is_being_read |= prompt.kept == Kept::Due;
            prompt.kept = Kept::NotYet;
        }
        self.next_snapshot += u32::from(is_being_read);
    }

    /// One more prompt. Whoever says something has what waits tried again at once.
    pub fn is_told(&mut self, prompt: Prompt) {
        self.prompts.iter_mut().for_each(|of| of.wavers = Wavers::default());
        self.prompts.push(prompt);
    }

    /// Its agent takes a prompt now, or no longer does: then what was kept for it, or is just being
    /// read, is void.
    pub fn takes(&mut self, number: u32, ready: bool, now: Timestamp) {
        let Some(prompt) = self.prompts.iter_mut().find(|of| of.number == number) else { return };
        let kept = if ready { Kept::Due } else { Kept::NotYet };
        let before = std::mem::replace(&mut prompt.kept, kept);
        if !ready {
            prompt.wavers.again(now);
            self.next_snapshot += u32::from(before == Kept::Due);
        }
    }

    /// One more snapshot. Numbers only grow: one that was given up since may have had a later one.
    pub fn has_taken(&mut self, snapshot: Snapshot) {
        self.next_snapshot = self.next_snapshot.max(snapshot.number + 1);
        self.snapshots.push(snapshot);
    }

    /// What else than its own moment something that can be returned to is there for: where nothing
    /// had changed since, no other was taken.
    pub fn moments_at(&self, point: Point) -> Vec<Moment> {
        let at = |kept: Kept| kept == Kept::At(point);
        let run = at(self.kept).then_some(Moment::Run(self.number));
        let prompts = self.prompts.iter().filter(|prompt| at(prompt.kept));
        run.into_iter().chain(prompts.map(|prompt| Moment::Prompt(prompt.number))).collect()
    }

    /// What was judged last: by a gate, or in the middle of a turn.
    pub fn last_judged(&self) -> Option<&GateRun> {
        let gate = self.gates.last();
        let is_last = |it: &&GateRun| gate.is_none_or(|gate| gate.started_at <= it.started_at);
        self.breach.as_ref().filter(is_last).or(gate)
    }

    /// The limit that was exceeded, by its name, if one was.
    pub fn exceeded(&self) -> Option<String> {
        let red = self.last_judged().and_then(GateRun::first_red);
        let red = red.filter(|red| red.outcome == Outcome::Fail)?;
        let over = |rule: &str| Some(rule.strip_prefix("limits/")?.to_string());
        let violations = red.findings.iter().filter(|found| found.weight == Weight::Violation);
        violations.filter_map(|found| over(&found.rule)).next()
    }

    /// The rollback that the worktree stands after: the last one that is not undone.
    pub fn last_rollback(&self) -> Option<&Rollback> {
        self.rollbacks.iter().rev().find(|other| other.progress != RollbackProgress::Undone)
    }
}

/// Where an attempt works.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The commit everything is judged against.
    pub base: String,
    /// Its private branch, full name.
    pub branch: String,
    /// Its worktree.
    pub worktree: PathBuf,
    /// Its HOME, inside the worktree.
    pub home: PathBuf,
    /// What the agent program says its version is; none if it could not be read.
    pub agent_version: Option<Foreign>,
    /// Instruction and skill files the agent will read.
    #[serde(default)]
    pub instructions: Vec<Foreign>,
    /// The effective environment, for the person.
    #[serde(default)]
    pub environment: Environment,
}

/// What a run's environment holds, with values masked where they could be secret.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Environment {
    /// Name, shown value and why it is there.
    pub entries: Vec<EnvironmentEntry>,
    /// How many of the daemon's own variables were kept.
    pub kept: usize,
    /// How many were left out.
    pub dropped: usize,
}

/// One variable of a run's environment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EnvironmentEntry {
    /// Its name.
    pub name: String,
    /// Its value, masked where it could be a secret.
    pub shown: Foreign,
    /// Why it is there.
    pub why: String,
}

/// A run of an agent under a holder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Whether its process tree is there.
    pub life: Life,
    /// It is to be ended, and why.
    pub stop: Option<StopWhy>,
    /// A person wants it to stand still.
    pub pause_wanted: bool,
    /// It stands still.
    pub paused: bool,
    /// The agent's own name for its conversation, by which it can be resumed.
    pub session: Option<String>,
    /// The agent's last settled status.
    pub status: AgentStatus,
    /// What it says that it used, once it said so.
    pub usage: Option<Usage>,
    /// It ended while a turn was under way.
    pub cut_short: bool,
    /// What of the repository changed while it ran and a person was told of.
    pub repository_changes: Vec<Foreign>,
    /// What changed and was only noted: it may turn out to harm later on.
    pub noted_changes: Vec<Foreign>,
}

/// What an agent says that it used so far, in all conversations of its HOME. Its own word: fit for
/// a gauge, not for a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read anew.
    pub input_tokens: u64,
    /// Tokens read from the provider's cache.
    pub cached_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Millionths of a US dollar that the agent's last process cost, where it says so (some do only
    /// at their end).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micro_usd: Option<u64>,
}

impl Run {
    /// When a person is to be asked to look, if the agent's status stays unknown (architecture,
    /// section 8: unknown asks for attention after a while, and is never taken for idle).
    pub fn doubtful_at(&self) -> Option<Timestamp> {
        let unknown = self.life == Life::Up && self.status.state == AgentState::Unknown;
        unknown.then(|| self.status.since.plus(UNKNOWN_PATIENCE))
    }

    /// Whether its process tree is, or is about to be, there.
    pub fn is_live(&self) -> bool {
        !matches!(self.life, Life::Ended(_))
    }
}

/// Whether a run's process tree is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Life {
    /// Asked for; the holder may not be up yet.
    Wanted,
    /// The holder is up.
    Up,
    /// It ended.
    Ended(End),
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct End {
    /// The exit code, if it ended by itself and the code is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// In words; `exit status unknown` when the holder was lost.
    pub how: Foreign,
    /// Whether the whole process tree is known to be gone.
    pub tree_empty: bool,
    /// How that is known, or why it is not.
    #[serde(default)]
    pub known_by: Foreign,
}

/// Why a run is to be ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopWhy {
    /// A person aborted it.
    Aborted,
    /// Its worktree is to be rolled back.
    RollingBack,
    /// Its work is done.
    Landed,
    /// The daemon is to end with all agents.
    Shutdown,
}

/// What an agent is doing, as far as it can be told (architecture section 8).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AgentStatus {
    /// The word.
    pub state: AgentState,
    /// Where it is known from.
    pub source: String,
    /// When it began.
    pub since: Timestamp,
    /// What it asks, or what went wrong.
    #[serde(default)]
    pub detail: Foreign,
}

/// The words for an agent's status.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentState {
    /// Coming up.
    Starting,
    /// At work.
    Working,
    /// Asks to be allowed something.
    BlockedPermission,
    /// Asks something.
    BlockedQuestion,
    /// Ready for a prompt.
    Idle,
    /// Finished what it was asked.
    Done,
    /// Reports a failure.
    Error,
    /// The program ended.
    Exited,
    /// Cannot be told. Never shown as idle.
    Unknown,
}

impl AgentState {
    /// Whether the agent asks a person for something.
    pub fn needs_person(self) -> bool {
        matches!(self, Self::BlockedPermission | Self::BlockedQuestion | Self::Error)
    }

    /// Whether it does nothing before somebody says something to it, as after an interrupted turn.
    pub fn waits(self) -> bool {
        self.needs_person() || matches!(self, Self::Idle | Self::Done)
    }
}

/// Text to be typed to an agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prompt {
    /// 1 for the first prompt of an attempt.
    pub number: u32,
    /// The text.
    pub text: String,
    /// Why it is sent.
    pub why: PromptWhy,
    /// How far its delivery is.
    pub delivery: Delivery,
    /// It was held back since nobody was there, and a person let it go.
    pub resumed: bool,
    /// The agent finished its turn, and did not go on by itself since.
    pub is_turned: bool,
    /// The worktree as it is before it is typed.
    pub kept: Kept,
    /// How often its agent was ready for it and then was not.
    pub wavers: Wavers,
}

impl Prompt {
    /// Whether its typing may begin only with somebody there: nobody asked for it directly.
    pub fn needs_somebody(&self) -> bool {
        self.why == PromptWhy::Conflict && self.delivery == Delivery::Wanted && !self.resumed
    }
}

/// Why a prompt is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptWhy {
    /// The task itself.
    Task,
    /// A person rejected the result.
    Rejected,
    /// A person wrote to the agent.
    Person,
    /// The base moved and the result conflicts with it.
    Conflict,
}

/// How far the delivery of a prompt is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Waits for the agent to be ready.
    Wanted,
    /// Being typed. Found after a crash, it is not known whether it was.
    Typing,
    /// The agent took it.
    Delivered,
    /// It cannot be told whether the agent took it; a person must look.
    Uncertain,
    /// Its agent had finished all turns before it, and ended before it took this one.
    Missed,
}

/// A commit the supervisor made of a worktree in its store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// 1 for the first snapshot of an attempt; its name as a checkpoint is `cp` and this number.
    pub number: u32,
    /// The base it is compared with.
    pub base: String,
    /// The commit in the store.
    pub commit: String,
    /// Its tree.
    pub tree: String,
    /// The SHA-256 of the canonical diff from base to tree.
    pub diff_sha256: String,
    /// Changed files.
    pub files: u64,
    /// Added lines.
    pub added: u64,
    /// Deleted lines.
    pub deleted: u64,
    /// What the worktree holds besides, and why it is not in the snapshot.
    #[serde(default)]
    pub leftovers: Vec<Foreign>,
    /// How many of the changed files the base does not have.
    #[serde(default)]
    pub created: u64,
    /// How many are pictures or fonts, of which what reads as text counts by lines alone.
    #[serde(default)]
    pub pictures: u64,
    /// What the attempt had used by then; unknown of snapshots of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Used>,
    /// What it was taken for.
    #[serde(default, skip_serializing_if = "Moment::is_turn")]
    pub taken: Moment,
}

/// What an attempt used until a snapshot, besides what the snapshot holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Used {
    /// How many things the worktree holds that are not in the snapshot; of what is ignored, a
    /// folder is one.
    pub leftovers: u64,
    /// Bytes in the worktree besides the base's own, where that could be told.
    pub disk_bytes: Option<u64>,
    /// Seconds of work; waiting for a person does not count.
    pub seconds: u64,
}

/// A rollback of an attempt's worktree.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rollback {
    /// By which it can be undone.
    pub op: OpId,
    /// The commit the worktree returns to.
    pub target: String,
    /// How far it is.
    pub progress: RollbackProgress,
}

/// How far a rollback is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RollbackProgress {
    /// Under way.
    Wanted,
    /// Done and verified; what was there is kept aside at this path.
    Done {
        /// Where the old worktree is kept.
        aside: PathBuf,
    },
    /// It failed; nothing was lost.
    Failed {
        /// Why.
        why: Foreign,
    },
    /// Its undo is under way.
    UndoWanted {
        /// Where the old worktree is kept.
        aside: PathBuf,
    },
    /// Undone.
    Undone,
    /// Done, and what it set aside was removed since.
    Forgotten,
}

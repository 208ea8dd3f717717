//! Commands: requests to the core, from people and from the work under way.

use super::attempt::{AgentStatus, Delivery, End, Place, Snapshot, Usage};
use super::checkpoint::Moment;
use super::task::{GatePin, Origin, TaskSpec};
use super::verdict::{Tool, Verdict};
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use crate::base::id::{ItemId, OpId, RepoId, RunId, TaskId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// A request to the core.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// A person asks for something; being there, they vouch for what it directly starts.
    Person {
        /// Who.
        who: String,
        /// What.
        request: Request,
    },
    /// Work under way reports.
    Report(Report),
    /// The daemon itself has something to say.
    Daemon(Notice),
}

/// What a person asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Work for this repository from now on.
    Open {
        /// Its top folder.
        path: PathBuf,
        /// Its common git folder.
        common: PathBuf,
        /// Its base branch, full name.
        base: String,
    },
    /// Write a task down.
    Add {
        /// The repository.
        repo: RepoId,
        /// What is asked.
        spec: TaskSpec,
        /// Whether it is a person's work.
        origin: Origin,
    },
    /// Change a task that has not started.
    Edit {
        /// The task.
        task: TaskId,
        /// What is to change.
        change: TaskChange,
    },
    /// Remove a draft, or a task that is over; the event log keeps what happened to it.
    Remove {
        /// The task.
        task: TaskId,
    },
    /// Trust the commands of a gate configuration.
    Trust {
        /// The repository.
        repo: RepoId,
        /// The hash of the configuration's content.
        hash: String,
    },
    /// Ask for something, and trust the gate that it needs: if it is refused, nothing is trusted.
    Trusting {
        /// The repository.
        repo: RepoId,
        /// The hash of the gate configuration's content.
        hash: String,
        /// What is asked for.
        then: Box<Request>,
    },
    /// Run tasks.
    Run {
        /// The tasks, each with the gate it will be judged by.
        tasks: Vec<(TaskId, GatePin)>,
        /// Until when the person vouches for being there, if they do.
        attend: Option<Timestamp>,
    },
    /// Try an ended task again.
    Retry {
        /// The task.
        task: TaskId,
        /// The gate it will be judged by.
        gate: GatePin,
        /// Go on with the last conversation in the same worktree.
        resume: bool,
    },
    /// Take landed work back, by a task of its own.
    Revert {
        /// The task that landed it.
        task: TaskId,
        /// The gate the result will be judged by.
        gate: GatePin,
        /// The base without that work.
        snapshot: Snapshot,
    },
    /// Judge what is there now, as if the agent had finished, or judge the last snapshot again.
    Judge {
        /// The task.
        task: TaskId,
    },
    /// Approve.
    Approve {
        /// What.
        item: ItemId,
        /// The digest the person looked at.
        digest: String,
        /// The statements of its gate that the person attests.
        attested: Vec<Foreign>,
    },
    /// Reject with a reason, which becomes the agent's next prompt.
    Reject {
        /// What.
        item: ItemId,
        /// Why.
        reason: String,
    },
    /// Say something to the agent as its next prompt.
    Say {
        /// The task.
        task: TaskId,
        /// The text.
        text: String,
    },
    /// End a task's process tree.
    Abort {
        /// The task.
        task: TaskId,
    },
    /// Make a task's agent stand still, or go on.
    Pause {
        /// The task.
        task: TaskId,
        /// Whether it is to stand still.
        paused: bool,
    },
    /// Lift a halt or hold.
    Resume {
        /// The repository.
        repo: RepoId,
    },
    /// Return a task's worktree to a commit.
    RollBack {
        /// The task.
        task: TaskId,
        /// The number of the snapshot to return to; none is the base.
        checkpoint: Option<u32>,
        /// The commit the person looked at; when that is another by now, nothing is done.
        commit: Option<String>,
    },
    /// Bring a rolled back worktree back.
    Undo {
        /// The rollback.
        op: OpId,
    },
    /// Keep what a rollback set aside no longer.
    Forget {
        /// The rollback.
        op: OpId,
        /// How long ago its task must have ended.
        age: Duration,
    },
    /// Vouch for being there.
    Vouch {
        /// Until when.
        until: Timestamp,
    },
}

/// What is to change about a task.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TaskChange {
    /// A new title.
    #[serde(default)]
    pub title: Option<Foreign>,
    /// A new prompt.
    #[serde(default)]
    pub prompt: Option<String>,
    /// Another kind.
    #[serde(default)]
    pub kind: Option<super::task::Kind>,
    /// Another agent.
    #[serde(default)]
    pub agent: Option<String>,
    /// Other prerequisites.
    #[serde(default)]
    pub after: Option<Vec<TaskId>>,
    /// Other path globs.
    #[serde(default)]
    pub files: Option<Vec<String>>,
}

/// What work under way reports. A report about something that is no longer so changes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    /// The attempt's place is made, or could not be.
    Prepared {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        attempt: u32,
        /// The place, or why there is none.
        result: Result<Place, String>,
    },
    /// The holder is up.
    Started {
        /// The run.
        run: RunId,
    },
    /// The agent's status settled.
    Status {
        /// The run.
        run: RunId,
        /// On what.
        status: AgentStatus,
    },
    /// The agent named its conversation.
    Session {
        /// The run.
        run: RunId,
        /// Its name.
        session: String,
    },
    /// The agent finished the turn of a prompt; also the proof that it got that prompt.
    Turned {
        /// The run.
        run: RunId,
        /// The prompt's number.
        prompt: u32,
    },
    /// What the agent says that it used so far.
    Usage {
        /// The run.
        run: RunId,
        /// How much.
        usage: Usage,
    },
    /// Somebody stopped the agent's turn (Esc).
    Interrupted {
        /// The run.
        run: RunId,
    },
    /// What the agent does is unknown for as long as a person is spared.
    StillUnknown {
        /// The run.
        run: RunId,
    },
    /// The agent went on by itself.
    WentOn {
        /// The run.
        run: RunId,
    },
    /// The run stands still, or goes on.
    Paused {
        /// The run.
        run: RunId,
        /// Whether it stands still.
        paused: bool,
    },
    /// The run ended.
    Ended {
        /// The run.
        run: RunId,
        /// How.
        end: End,
    },
    /// The agent takes the next prompt now, or no longer does.
    Ready {
        /// The run it would be typed to.
        run: RunId,
        /// The prompt's number.
        prompt: u32,
        /// Whether it takes it.
        ready: bool,
    },
    /// The worktree was read before a run or a prompt; `None` when it is as the last checkpoint, or
    /// the base, has it.
    Checkpoint {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        attempt: u32,
        /// Before what.
        moment: Moment,
        /// The snapshot's number.
        number: u32,
        /// The snapshot, or why there is none.
        result: Result<Option<Snapshot>, String>,
    },
    /// The agent works for longer than it may.
    Overtime {
        /// The run.
        run: RunId,
        /// Since when it is at work.
        since: Timestamp,
        /// The verdict of the check of its limits.
        verdict: Box<Verdict>,
    },
    /// The delivery of a prompt went on.
    Delivery {
        /// The run it is typed to.
        run: RunId,
        /// The prompt's number.
        prompt: u32,
        /// How far it is.
        delivery: Delivery,
    },
    /// The snapshot is taken; `None` when it equals the base.
    Snapshot {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        attempt: u32,
        /// The snapshot's number.
        number: u32,
        /// The snapshot, or why there is none.
        result: Result<Option<Snapshot>, String>,
    },
    /// The gate gave its verdicts.
    Gate {
        /// The task.
        task: TaskId,
        /// The run of its commands.
        run: RunId,
        /// The verdicts.
        verdicts: Vec<Verdict>,
        /// The versions of the tools that its commands name.
        toolchain: Vec<Tool>,
    },
    /// The landing got somewhere.
    Landing {
        /// The task.
        task: TaskId,
        /// The landing.
        op: OpId,
        /// Where.
        outcome: LandingOutcome,
    },
    /// The merge with the moved base is done.
    Merge {
        /// The task.
        task: TaskId,
        /// The landing that found the base moved.
        op: OpId,
        /// What came of it.
        outcome: MergeOutcome,
    },
    /// The worktree was rolled back, or could not be.
    RolledBack {
        /// The task.
        task: TaskId,
        /// The rollback.
        op: OpId,
        /// Where the old worktree is kept, or why it stays.
        result: Result<PathBuf, String>,
    },
    /// A rollback was undone, or could not be.
    Undone {
        /// The task.
        task: TaskId,
        /// The rollback.
        op: OpId,
        /// Why not.
        result: Result<(), String>,
    },
    /// Work that takes over a second is so far.
    Progress {
        /// The task.
        task: TaskId,
        /// What is being done.
        what: String,
        /// How much of it is done.
        done: u64,
        /// Of how much, if known.
        total: Option<u64>,
    },
    /// Something of the repository changed during a run that should not have.
    Tampered {
        /// The run.
        run: RunId,
        /// What changed, each with the command that takes it back.
        what: Vec<Foreign>,
    },
    /// The base branch moved forward during a run, and not by a landing.
    Advanced {
        /// The run.
        run: RunId,
        /// Where it was and is, with the command that takes it back.
        what: Foreign,
        /// The commit it is at.
        to: String,
    },
    /// The person's repository changed during a run in a way that harms nobody.
    Noted {
        /// The run.
        run: RunId,
        /// What changed, each with the command that takes it back.
        what: Vec<Foreign>,
    },
}

/// What came of a landing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LandingOutcome {
    /// The base branch holds it.
    Landed {
        /// The commit.
        commit: String,
    },
    /// It is kept under a ref until the person's checkout allows it.
    Kept {
        /// The ref.
        reference: String,
        /// Why.
        why: String,
    },
    /// The base is another commit now; nothing was changed.
    BaseMoved {
        /// The base now.
        base: String,
    },
    /// It could not be tried.
    Failed {
        /// Why.
        why: String,
    },
}

/// What came of a merge with a moved base.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MergeOutcome {
    /// The merged result.
    Merged(Snapshot),
    /// The new base holds all of the result: there is nothing left to land.
    Nothing {
        /// The new base.
        base: String,
    },
    /// Conflicts.
    Conflict {
        /// The new base.
        base: String,
        /// The files.
        files: Vec<Foreign>,
    },
    /// It could not be tried.
    Failed {
        /// Why.
        why: String,
    },
}

/// What the daemon itself has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// It began.
    Started {
        /// Its version.
        version: String,
        /// Its process.
        pid: u32,
    },
    /// A person came.
    Arrived {
        /// Who.
        person: String,
    },
    /// A person went.
    Left {
        /// Who.
        person: String,
    },
    /// The clock passed the end of a person's word on being there.
    VouchEnded,
}

//! Runs of agents and what is typed to them.

use crate::base::id::{RunId, TaskId};
use crate::model::attempt::{AgentStatus, Delivery, End, PromptWhy, Snapshot, StopWhy, Usage};
use crate::model::checkpoint::{Moment, Point};
use serde::{Deserialize, Serialize};

/// About an agent's run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum RunEvent {
    /// A run is to be started.
    #[serde(rename = "run.wanted")]
    Wanted {
        /// The task.
        task: TaskId,
        /// The run.
        run: RunId,
        /// The conversation to resume.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
    },
    /// Its holder is up.
    #[serde(rename = "run.started")]
    Started {
        /// The run.
        run: RunId,
    },
    /// The agent's status settled on something else.
    #[serde(rename = "run.status")]
    Status {
        /// The run.
        run: RunId,
        /// The status.
        status: AgentStatus,
    },
    /// The agent named its conversation.
    #[serde(rename = "run.session")]
    Session {
        /// The run.
        run: RunId,
        /// The agent's name for it.
        session: String,
    },
    /// What its agent says that it used so far.
    #[serde(rename = "run.usage")]
    Usage {
        /// The run.
        run: RunId,
        /// How much.
        usage: Usage,
    },
    /// A person wants it to stand still, or to go on.
    #[serde(rename = "run.pause-wanted")]
    PauseWanted {
        /// The run.
        run: RunId,
        /// Whether it is to stand still.
        paused: bool,
        /// Who.
        by: String,
    },
    /// It stands still, or goes on.
    #[serde(rename = "run.paused")]
    Paused {
        /// The run.
        run: RunId,
        /// Whether it stands still.
        paused: bool,
    },
    /// Text is to be typed to the agent.
    #[serde(rename = "run.prompt")]
    PromptWanted {
        /// The task.
        task: TaskId,
        /// The prompt's number in its attempt.
        prompt: u32,
        /// The text.
        text: String,
        /// Why.
        why: PromptWhy,
    },
    /// The agent takes the next prompt now, or no longer does.
    #[serde(rename = "run.prompt-ready")]
    PromptReady {
        /// The task.
        task: TaskId,
        /// The prompt's number in its attempt.
        prompt: u32,
        /// Whether it takes it.
        ready: bool,
    },
    /// The worktree as it is before a run or a prompt can be returned to.
    #[serde(rename = "run.checkpoint")]
    Kept {
        /// The task.
        task: TaskId,
        /// Before what.
        moment: Moment,
        /// Where it is kept.
        point: Point,
        /// The checkpoint, if one was taken for it: nothing had changed otherwise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot: Option<Box<Snapshot>>,
    },
    /// The delivery of a prompt went on.
    #[serde(rename = "run.delivery")]
    PromptDelivery {
        /// The task.
        task: TaskId,
        /// The prompt's number in its attempt.
        prompt: u32,
        /// How far it is.
        delivery: Delivery,
    },
    /// The agent finished the turn of a prompt, and the next one waits to be typed.
    #[serde(rename = "run.prompt-turned")]
    PromptTurned {
        /// The task.
        task: TaskId,
        /// The prompt's number in its attempt.
        prompt: u32,
    },
    /// The agent finished a turn, or a person asked for judgement as if it had.
    #[serde(rename = "run.turned")]
    Turned {
        /// The task.
        task: TaskId,
        /// Who asked, if the agent did not finish by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// The agent went on by itself after its turn had ended, or what followed the turn failed.
    #[serde(rename = "run.went-on")]
    WentOn {
        /// The task.
        task: TaskId,
    },
    /// The run is to be ended.
    #[serde(rename = "run.stop-wanted")]
    StopWanted {
        /// The run.
        run: RunId,
        /// Why.
        why: StopWhy,
    },
    /// The run ended.
    #[serde(rename = "run.ended")]
    Ended {
        /// The run.
        run: RunId,
        /// How.
        end: End,
    },
}

//! Snapshots and gates.

use super::task::enter;
use crate::base::clock::Timestamp;
use crate::base::id::TaskId;
use crate::model::attempt::Snapshot;
use crate::model::event::JudgeEvent;
use crate::model::state::State;
use crate::model::task::Stage;
use crate::model::verdict::{GateRun, Verdict};

pub(super) fn apply(state: &mut State, event: &JudgeEvent, at: Timestamp) {
    match event {
        JudgeEvent::Snapshot { task, snapshot } => taken(state, *task, snapshot, at),
        JudgeEvent::Unchanged { task } => enter(state, *task, Stage::Running, at),
        JudgeEvent::Breached { task, run, verdict } => {
            let gate_hash =
                state.task(*task).and_then(|task| Some(task.gate.as_ref()?.hash.clone()));
            if let Some(attempt) = state.attempt_mut(*task) {
                attempt.breach = Some(GateRun {
                    run: *run,
                    snapshot: 0,
                    tree: String::new(),
                    branch: String::new(),
                    gate_hash: gate_hash.unwrap_or_default(),
                    policy: String::new(),
                    started_at: at,
                    verdicts: Some(vec![Verdict::clone(verdict)]),
                    toolchain: Vec::new(),
                });
            }
        }
        JudgeEvent::Again { task, .. } => enter(state, *task, Stage::Taken, at),
        JudgeEvent::Started { task, run, snapshot, tree, branch, gate_hash, policy } => {
            state.last.run = state.last.run.max(run.0);
            if let Some(attempt) = state.attempt_mut(*task) {
                attempt.gates.push(GateRun {
                    run: *run,
                    snapshot: *snapshot,
                    tree: tree.clone(),
                    branch: branch.clone(),
                    gate_hash: gate_hash.clone(),
                    policy: policy.clone(),
                    started_at: at,
                    verdicts: None,
                    toolchain: Vec::new(),
                });
            }
            enter(state, *task, Stage::Checking, at);
        }
        JudgeEvent::Finished { task, run, verdicts, toolchain } => {
            let gate = state
                .attempt_mut(*task)
                .and_then(|attempt| attempt.gates.iter_mut().find(|gate| gate.run == *run));
            if let Some(gate) = gate {
                gate.verdicts = Some(verdicts.clone());
                gate.toolchain = toolchain.clone();
            }
            enter(state, *task, Stage::Waiting, at);
        }
    }
}

/// The task has a snapshot that may be judged. Where a merge made it, the worktree itself still
/// stands on its old base; only the agent can bring it forward.
pub(super) fn taken(state: &mut State, task: TaskId, snapshot: &Snapshot, at: Timestamp) {
    if let Some(attempt) = state.attempt_mut(task) {
        attempt.has_taken(snapshot.clone());
    }
    enter(state, task, Stage::Taken, at);
}

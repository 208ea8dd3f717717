//! The course of a run, from its start to its recorded end: what is due when, and what is then
//! done.

use super::files;
use super::holder::{Holder, READ_BYTES};
use crate::base::clock::Timestamp;
use crate::base::ticks::{Instant, now};
use crate::base::waiting::is_readable;
use crate::wire::hold::{ExitRecord, How, Status, Tree};
use rustix::process::Signal;
use std::time::Duration;

/// Silence after which a terminal that somebody still has open counts as drained, and the most it
/// gets.
pub(super) const QUIET: Duration = Duration::from_millis(50);
const DRAIN: Duration = Duration::from_secs(1);
const KILL_EVERY: Duration = Duration::from_millis(10);
const KILL_FOR: Duration = Duration::from_secs(10);
const RETRY_EVERY: Duration = Duration::from_secs(1);
pub(super) const RETRIES_MAX: u32 = 3600;
const LINGER: Duration = Duration::from_secs(5);

/// How far the run is, and what is to happen when.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) stage: Stage,
    pub(super) how: How,
    pub(super) status: Option<(Status, Timestamp)>,
    survivors: u32,
    pub(super) is_at_end: bool,
    pub(super) kill_at: Option<Instant>,
    /// The agent was killed: what it left behind gets no grace.
    has_killed: bool,
    pub(super) limit_at: Option<Instant>,
    pub(super) paused_at: Option<Instant>,
    /// Whoever started the run is about to connect; even a run that is over at once waits for it.
    pub(super) linger_until: Option<Instant>,
    pub(super) look_at: Option<Instant>,
    retry_at: Option<Instant>,
}

/// The stages follow one another in this order; some may be skipped.
#[derive(Debug)]
pub(super) enum Stage {
    /// The agent's own process lives.
    Running,
    /// It ended; what the terminal still holds is read.
    Draining { quiet_at: Instant, end_at: Instant },
    /// What it left behind was asked to end.
    Asked { look_at: Instant },
    /// What it left behind is killed, again and again.
    Killing { next_at: Instant, give_up_at: Instant },
    /// Nothing is left to do but to have it recorded and told.
    Over { record: ExitRecord, is_durable: bool, is_told: bool, is_seen: bool, tries: u32 },
}

impl Course {
    pub(super) fn new(time_limit: Option<Duration>) -> Self {
        Self {
            stage: Stage::Running,
            how: How::Exited,
            status: None,
            survivors: 0,
            is_at_end: false,
            kill_at: None,
            has_killed: false,
            limit_at: time_limit.map(|limit| now() + limit),
            paused_at: None,
            linger_until: Some(now() + LINGER),
            look_at: None,
            retry_at: None,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running)
    }
}

impl Holder {
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let course = &self.course;
        let is_paused = course.paused_at.is_some();
        let of_stage = match course.stage {
            Stage::Running => [course.kill_at, course.limit_at.filter(|_| !is_paused)],
            Stage::Draining { quiet_at, end_at } => [Some(quiet_at), Some(end_at)],
            Stage::Asked { look_at } => [Some(look_at), course.kill_at],
            Stage::Killing { next_at, .. } => [Some(next_at), None],
            Stage::Over { .. } => [course.linger_until, None],
        };
        let (offset, stored) = (self.transcript.offset(), self.transcript.stored());
        let told_at = self.daemon.as_ref().and_then(|d| d.next_notice_at(offset, stored));
        let others = [course.look_at, course.retry_at, told_at];
        of_stage.into_iter().chain(others).flatten().min()
    }

    pub(super) fn step(&mut self, time: Instant) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| time >= at);
        if is_due(self.course.look_at) {
            self.course.look_at = None;
            self.family.look();
        }
        if is_due(self.course.retry_at) {
            self.course.retry_at = None;
            self.retry();
        }
        if is_due(self.course.linger_until) {
            self.course.linger_until = None;
        }
        match self.course.stage {
            Stage::Running => self.step_running(time),
            Stage::Draining { quiet_at, end_at } => {
                if self.course.is_at_end || time >= quiet_at || time >= end_at {
                    self.end_rest(time);
                }
            }
            Stage::Asked { look_at } => {
                if self.family.is_gone() {
                    self.finish();
                } else if is_due(self.course.kill_at) {
                    let give_up_at = time + KILL_FOR;
                    self.course.stage = Stage::Killing { next_at: time, give_up_at };
                } else if time >= look_at {
                    self.course.stage = Stage::Asked { look_at: time + QUIET };
                }
            }
            Stage::Killing { next_at, give_up_at } => {
                if self.family.is_gone() || time >= give_up_at {
                    self.finish();
                } else if time >= next_at {
                    self.family.kill();
                    let next_at = time + KILL_EVERY;
                    self.course.stage = Stage::Killing { next_at, give_up_at };
                }
            }
            Stage::Over { .. } => {}
        }
        if self.course.retry_at.is_none() && self.must_retry() {
            self.course.retry_at = Some(time + RETRY_EVERY);
        }
    }

    fn step_running(&mut self, time: Instant) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| time >= at);
        if self.course.status.is_some() {
            // From here on the terminal ends with whoever else has it open.
            self.pty.release();
            let record = self.record(Tree::Unknown { why: "they were still being ended".into() });
            // Only in case the holder is killed before the final record.
            let _ = record.map(|record| files::write_exit(&self.folder, &record));
            let time = now();
            self.course.stage = Stage::Draining { quiet_at: time + QUIET, end_at: time + DRAIN };
        } else if is_due(self.course.kill_at) {
            if self.course.how == How::Stopped {
                self.course.how = How::Killed;
            }
            self.course.has_killed = true;
            self.course.kill_at = Some(time + KILL_FOR);
            self.family.kill();
        } else if is_due(self.course.limit_at) && self.course.paused_at.is_none() {
            self.course.limit_at = None;
            self.ask(How::TimeLimit, Duration::from_millis(self.spec.stop_grace_ms));
        }
    }

    /// Asks everybody to end, and kills them after `grace`. A second time it can only get sooner.
    pub(super) fn ask(&mut self, how: How, grace: Duration) {
        let at = now() + grace;
        let is_sharper = matches!((self.course.how, how), (How::Exited, _) | (_, How::Killed));
        if self.course.is_running() && is_sharper {
            self.course.how = how;
        }
        self.course.kill_at = Some(self.course.kill_at.map_or(at, |earlier| earlier.min(at)));
        if !grace.is_zero() {
            // A frozen process hears nothing until it is let go.
            self.family.signal(&[Signal::TERM, Signal::CONT]);
        }
    }

    fn end_rest(&mut self, time: Instant) {
        let left = self.family.look();
        self.course.survivors = u32::try_from(left.len()).unwrap_or(u32::MAX);
        if self.course.has_killed {
            self.course.kill_at = Some(time);
        } else if self.course.kill_at.is_none() {
            let grace = Duration::from_millis(self.spec.stop_grace_ms);
            self.course.kill_at = Some(time + grace);
            self.family.signal(&[Signal::TERM, Signal::CONT]);
        }
        self.course.stage = Stage::Asked { look_at: time };
    }

    fn finish(&mut self) {
        self.drain();
        let tree = self.family.verdict();
        let Some(record) = self.record(tree) else { return };
        // First, so that on a full disk the transcript does not take the space kept for it.
        let is_durable = files::write_exit(&self.folder, &record).is_ok();
        if is_durable {
            files::release_reserve(&self.folder);
        }
        self.transcript.retry();
        // Output that a power failure takes is no reason to withhold the exit status.
        let _ = self.transcript.sync();
        self.course.stage =
            Stage::Over { record, is_durable, is_told: false, is_seen: false, tries: 0 };
    }

    /// Reads what is left in the terminal now that nobody, or nobody mortal, writes to it.
    fn drain(&mut self) {
        let mut buffer = vec![0; READ_BYTES];
        let end_at = now() + DRAIN;
        while !self.course.is_at_end && now() < end_at {
            let has_more = is_readable(&self.pty, QUIET).unwrap_or(false);
            if !has_more || self.read_output(&mut buffer).is_err() {
                return;
            }
        }
    }

    fn record(&self, tree: Tree) -> Option<ExitRecord> {
        let (status, at) = self.course.status.clone()?;
        let (how, survivors) = (self.course.how, self.course.survivors);
        Some(ExitRecord {
            status,
            how,
            at,
            output_bytes: self.transcript.offset(),
            survivors,
            tree,
        })
    }

    fn must_retry(&self) -> bool {
        let is_unrecorded = matches!(self.course.stage, Stage::Over { is_durable: false, .. });
        self.transcript.is_behind() || is_unrecorded
    }

    fn retry(&mut self) {
        self.transcript.retry();
        if let Stage::Over { record, is_durable, tries, .. } = &mut self.course.stage {
            *is_durable = *is_durable || files::write_exit(&self.folder, record).is_ok();
            *tries += 1;
        }
    }
}

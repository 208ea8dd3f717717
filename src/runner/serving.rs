//! What the holder does for a connected daemon: hello, requests, notices.

use super::course::Stage;
use super::holder::Holder;
use super::link::Peer;
use super::processes;
use crate::base::hash::hex;
use crate::base::size::Size;
use crate::base::ticks::{Instant, now};
use crate::wire::hold::{How, Notice, Request, UNANSWERED_BYTES, VERSIONS};
use rustix::process::Signal;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// Without an answer to the last output notice, the next one is sent after this time.
const NOTICE_EVERY: Duration = Duration::from_millis(20);
/// Connections that may wait without a hello.
const STRANGERS_MAX: usize = 4;
/// Output in one live notice, in bytes.
const LIVE_BYTES_MAX: usize = 256 * 1024;

/// Somebody who connected and has not said hello.
#[derive(Debug)]
pub(super) struct Stranger {
    pub(super) peer: Peer,
    is_inside: bool,
}

/// The daemon that said hello.
#[derive(Debug)]
pub(super) struct Daemon {
    pub(super) peer: Peer,
    /// Output it has dealt with, in bytes.
    pub(super) acknowledged: u64,
    /// How much output, and how much of it stored, it was last told of.
    told: (u64, u64),
    /// When it was told of output and has not answered since.
    told_at: Option<Instant>,
}

impl Daemon {
    /// Whether it may be told more without an answer to what it was told.
    fn takes_more(&self) -> bool {
        self.told.0.saturating_sub(self.acknowledged) <= UNANSWERED_BYTES
    }

    /// When the next output notice is due, if there is anything to tell.
    pub(super) fn next_notice_at(&self, offset: u64, stored: u64) -> Option<Instant> {
        let waits = (offset, stored) != self.told && !self.peer.is_sending();
        self.told_at.filter(|_| waits).map(|at| at + NOTICE_EVERY)
    }
}

impl Holder {
    /// Takes in whoever connected. Processes of the run are told no when they ask, and cannot crowd
    /// out others: of too many, they go first.
    pub(super) fn let_in(&mut self) {
        let Ok(peer) = self.listener.accept() else { return };
        let table = self.family.look();
        let is_inside = table.iter().any(|process| process.pid == peer.pid)
            || processes::one(peer.pid).is_none();
        self.strangers.push(Stranger { peer, is_inside });
        if self.strangers.len() > STRANGERS_MAX {
            let first = self.strangers.iter().position(|stranger| stranger.is_inside);
            self.strangers.remove(first.unwrap_or(0));
        }
    }

    pub(super) fn hear_strangers(&mut self) {
        for mut stranger in std::mem::take(&mut self.strangers) {
            let Ok(requests) = stranger.peer.requests() else { continue };
            let mut requests = requests.into_iter();
            match requests.next() {
                None => self.strangers.push(stranger),
                // One that is gone before it was welcomed is no loss.
                Some(Request::Hello { versions, offset }) => {
                    if let Ok(true) = self.greet(stranger, &versions, offset) {
                        self.serve_requests(requests);
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Answers a hello; returns whether the stranger is the daemon now.
    fn greet(&mut self, stranger: Stranger, versions: &[u32], offset: u64) -> io::Result<bool> {
        let Stranger { mut peer, is_inside } = stranger;
        let version = VERSIONS.iter().find(|version| versions.contains(version));
        let (Some(version), false) = (version, is_inside) else {
            let reason = match is_inside {
                true => "a process of the run may not control it".to_string(),
                false => format!("this holder speaks versions {VERSIONS:?}, not {versions:?}"),
            };
            peer.send(&Notice::Refused { reason })?;
            return Ok(false);
        };
        let welcome = Notice::Welcome {
            version: *version,
            marker: self.spec.marker.clone(),
            pid: self.pid,
            size: self.spec.size,
            is_paused: self.course.paused_at.is_some(),
        };
        peer.send_with(&welcome, self.pty.as_fd())?;
        let acknowledged = offset.min(self.transcript.offset());
        // Told of nothing yet: the first notice says how much there is.
        self.daemon = Some(Daemon { peer, acknowledged, told: (0, 0), told_at: None });
        self.course.linger_until = None;
        if let Stage::Over { is_told, .. } = &mut self.course.stage {
            *is_told = false;
        }
        Ok(true)
    }

    pub(super) fn hear_daemon(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        match daemon.peer.requests() {
            Ok(requests) => self.serve_requests(requests.into_iter()),
            Err(_) => self.daemon = None,
        }
    }

    fn serve_requests(&mut self, requests: impl Iterator<Item = Request>) {
        for request in requests {
            self.serve_request(request);
        }
    }

    fn serve_request(&mut self, request: Request) {
        let is_running = self.course.is_running();
        match request {
            Request::Ack { offset } => {
                if let Some(daemon) = &mut self.daemon {
                    daemon.acknowledged =
                        offset.clamp(daemon.acknowledged, self.transcript.offset());
                    daemon.told_at = None;
                }
            }
            Request::Resize { size } => self.resize(size.bounded()),
            Request::Stop { grace_ms } => self.ask(How::Stopped, Duration::from_millis(grace_ms)),
            Request::Kill => self.ask(How::Killed, Duration::ZERO),
            Request::Pause if is_running => self.pause(),
            Request::Resume if is_running => self.go_on(),
            Request::Live { offset } => self.send_live(offset),
            Request::Seen => {
                if let Stage::Over { is_seen, .. } = &mut self.course.stage {
                    *is_seen = true;
                }
            }
            Request::Pause | Request::Resume | Request::Hello { .. } | Request::Unknown => {}
        }
    }

    fn resize(&mut self, size: Size) {
        if size != self.spec.size && self.pty.resize(size).is_ok() {
            self.spec.size = size;
            self.transcript.resize(size);
            let offset = self.transcript.offset();
            self.send(&Notice::Resized { offset, size });
        }
    }

    fn pause(&mut self) {
        self.course.paused_at.get_or_insert_with(now);
        self.family.freeze();
    }

    fn go_on(&mut self) {
        if let Some(at) = self.course.paused_at.take() {
            let paused = now().duration_since(at);
            self.course.limit_at = self.course.limit_at.map(|limit| limit + paused);
        }
        self.family.signal(&[Signal::CONT]);
    }

    fn send_live(&mut self, offset: u64) {
        let (offset, bytes) = self.transcript.waiting_at(offset, LIVE_BYTES_MAX);
        self.send(&Notice::Live { offset, hex: hex(&bytes) });
    }

    /// Tells the daemon what it does not know yet: of much output one notice at a time, so that
    /// they coalesce while it is busy, and the end after all output.
    pub(super) fn tell(&mut self, time: Instant) {
        let (offset, stored) = (self.transcript.offset(), self.transcript.stored());
        let Some(daemon) = &mut self.daemon else { return };
        if daemon.peer.flush().is_err() {
            self.daemon = None;
            return;
        }
        let is_news = (offset, stored) != daemon.told;
        let is_over = matches!(self.course.stage, Stage::Over { .. });
        let is_answered = daemon.told_at.is_none_or(|at| time >= at + NOTICE_EVERY);
        let is_due = is_over || is_answered || daemon.takes_more();
        if daemon.peer.is_sending() || !is_due {
            return;
        }
        if is_news {
            daemon.told = (offset, stored);
            daemon.told_at = Some(time);
            self.send(&Notice::Output { offset, stored });
        }
        if let Stage::Over { record, is_told, .. } = &mut self.course.stage
            && !*is_told
        {
            *is_told = true;
            let record = record.clone();
            self.send(&Notice::Exited { record });
        }
    }

    fn send(&mut self, notice: &Notice) {
        if let Some(daemon) = &mut self.daemon
            && daemon.peer.send(notice).is_err()
        {
            self.daemon = None;
        }
    }
}

//! The holder's loop: one thread that waits for whatever happens and hands it on.
//!
//! It is the only reader of the terminal. It never blocks on the daemon and never ends before the
//! exit status is durable. What is due when stands in `course`, what the daemon wants in `serving`.

use super::course::{Course, QUIET, RETRIES_MAX, Stage};
use super::family::Family;
use super::files::RunSpec;
use super::link::Listener;
use super::reaper::{Reaped, Reaper};
use super::serving::{Daemon, Stranger};
use super::transcript::Writer;
use crate::base::clock::Clock;
use crate::base::ticks::now;
use crate::base::waiting::{Wants, Watch, wait};
use crate::pty::{Output, Pty};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub(super) const READ_BYTES: usize = 64 * 1024;
/// Smaller pieces of output than this are not waited for to become more.
const PIECE_BYTES: usize = 2048;
/// A connected daemon that is further behind than this holds the agent back. Much, so that a burst
/// goes at the agent's speed, and never more than half of what the transcript keeps, which would
/// else drop what the daemon has not read.
const LAG_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// After output, the tree is looked at this much later, and no more often.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Everything a holder has.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) folder: PathBuf,
    pub(super) spec: RunSpec,
    pub(super) clock: Clock,
    pub(super) pid: u32,
    pub(super) pty: Pty,
    pub(super) reaper: Reaper,
    pub(super) family: Family,
    pub(super) transcript: Writer,
    pub(super) listener: Listener,
    pub(super) course: Course,
    pub(super) strangers: Vec<Stranger>,
    pub(super) daemon: Option<Daemon>,
}

/// Where something can happen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Knock,
    Children,
    Strangers,
    Daemon,
    Output,
}

struct Ready(Vec<Source>);

impl Ready {
    fn has(&self, source: Source) -> bool {
        self.0.contains(&source)
    }
}

impl Holder {
    /// Serves until the run is over, recorded, and known to whoever is connected.
    pub(super) fn serve(mut self) -> io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        while !self.is_done() {
            let ready = self.wait()?;
            if ready.has(Source::Children) {
                self.reap()?;
            }
            if ready.has(Source::Knock) {
                self.let_in();
            }
            if ready.has(Source::Strangers) {
                self.hear_strangers();
            }
            if ready.has(Source::Daemon) {
                self.hear_daemon();
            }
            if ready.has(Source::Output) {
                self.read_output(&mut buffer)?;
            }
            self.step(now());
            self.tell(now());
            self.transcript.note();
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let Stage::Over { is_durable, is_seen, tries, .. } = self.course.stage else {
            return false;
        };
        let is_recorded = is_durable && !self.transcript.is_behind();
        let is_alone = self.daemon.is_none() && self.course.linger_until.is_none();
        (is_recorded || tries >= RETRIES_MAX) && (is_seen || is_alone)
    }

    fn wait(&self) -> io::Result<Ready> {
        let timeout = self.next_deadline().map(|at| at.saturating_duration_since(now()));
        let mut of = Vec::new();
        let mut watches = Vec::new();
        let mut add = |source, watch| {
            of.push(source);
            watches.push(watch);
        };
        add(Source::Knock, Watch::new(&self.listener, Wants::Read));
        if !self.family.is_childless {
            add(Source::Children, Watch::new(&self.reaper, Wants::Read));
        }
        for stranger in &self.strangers {
            add(Source::Strangers, Watch::new(&stranger.peer, Wants::Read));
        }
        if let Some(daemon) = &self.daemon {
            let wants = if daemon.peer.is_sending() { Wants::Either } else { Wants::Read };
            add(Source::Daemon, Watch::new(&daemon.peer, wants));
        }
        if self.reads_output() {
            add(Source::Output, Watch::new(&self.pty, Wants::Read));
        }
        wait(&mut watches, timeout)?;
        let ready = watches.iter().zip(of).filter(|(watch, _)| watch.is_ready);
        Ok(Ready(ready.map(|(_, source)| source).collect()))
    }

    /// A lagging daemon holds a running agent back; nobody being connected never does.
    fn reads_output(&self) -> bool {
        let most = LAG_BYTES_MAX.min(self.spec.transcript_limit / 2);
        let lag = |daemon: &Daemon| self.transcript.offset().saturating_sub(daemon.acknowledged);
        match self.course.stage {
            Stage::Over { .. } => false,
            Stage::Running => self.daemon.as_ref().is_none_or(|daemon| lag(daemon) <= most),
            _ => !self.course.is_at_end,
        }
    }

    fn reap(&mut self) -> io::Result<()> {
        match self.reaper.next()? {
            Reaped::Child(pid, status) if pid == self.pid => {
                self.course.status = Some((status, self.clock.now()));
            }
            Reaped::Child(..) => {}
            Reaped::Nobody => self.family.is_childless = true,
        }
        Ok(())
    }

    pub(super) fn read_output(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        // The system hands out a terminal's output in small pieces; a bufferful is stored at once.
        let mut count = 0;
        while count < buffer.len() {
            match self.pty.read(&mut buffer[count..])? {
                Output::Bytes(more) => {
                    count += more;
                    // A small piece is all there is: asking once more would only delay it.
                    if more < PIECE_BYTES {
                        break;
                    }
                }
                Output::NotYet => break,
                Output::End => {
                    self.course.is_at_end = true;
                    break;
                }
            }
        }
        if count == 0 {
            return Ok(());
        }
        self.transcript.append(&buffer[..count]);
        let time = now();
        if let Stage::Draining { quiet_at, .. } = &mut self.course.stage {
            *quiet_at = time + QUIET;
        }
        if self.course.look_at.is_none() {
            self.course.look_at = Some(time + LOOK_EVERY);
        }
        Ok(())
    }
}

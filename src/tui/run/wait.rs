//! Waiting for whatever comes first. The loop waits for descriptors by itself: between a key and
//! its echo stands nothing but what they need (decision 0014).

use super::Client;
use crate::base::ticks;
use crate::base::waiting::{self, Wants, Watch};
use crate::tui::line::News;
use crate::tui::outer::Gone;
use crate::tui::outer::signals::{Signal, Signals};
use std::io;
use std::time::Duration;

/// What woke the loop.
pub(super) enum Woke {
    Typed(usize),
    Drained,
    Line(News),
    Signal(Signal),
    Looks,
    Time,
}

/// Where something can be done.
struct Ready {
    typed: bool,
    signal: bool,
    looks: bool,
    taken: bool,
    line: bool,
}

impl Client {
    /// Waits for what happens next; reads into `bytes` what was typed.
    pub(super) fn wait(&mut self, bytes: &mut [u8]) -> Result<Woke, Gone> {
        if self.frame_bytes > 0 && self.outer.write(&mut self.frame)? {
            return Ok(Woke::Drained);
        }
        self.line.ask_for_answer();
        loop {
            let due = self.deadline();
            let left = due.map(|at| at.saturating_sub(self.now()));
            let ready = self.ready(left).map_err(|_| Gone)?;
            // In this order: what was typed after a resize is for the new size, and what was typed
            // before a dialog armed must be told before time passes.
            if (ready.signal || Signals::is_any())
                && let Some(signal) = self.signals.next()
            {
                return Ok(Woke::Signal(signal));
            }
            if ready.typed
                && let Some(count) = self.outer.read(bytes)?
            {
                return Ok(Woke::Typed(count));
            }
            if ready.taken && self.outer.write(&mut self.frame)? {
                return Ok(Woke::Drained);
            }
            let line_is_due = self.line.due_at().is_some_and(|at| at <= ticks::now());
            if (ready.line || line_is_due)
                && let Some(news) = self.line.news()
            {
                return Ok(Woke::Line(news));
            }
            if ready.looks && self.options.looks.changed.take() {
                return Ok(Woke::Looks);
            }
            if due.is_some_and(|at| at <= self.now()) {
                return Ok(Woke::Time);
            }
        }
    }

    /// Waits until something can be read or written, for so long at most.
    fn ready(&self, left: Option<Duration>) -> io::Result<Ready> {
        let mut watches = Vec::with_capacity(5);
        watches.push(Watch::new(self.outer.input(), Wants::Read));
        watches.push(Watch::new(&self.signals, Wants::Read));
        watches.push(Watch::new(&self.options.looks.changed, Wants::Read));
        let output = (self.frame_bytes > 0).then(|| Watch::new(self.outer.output(), Wants::Write));
        let has_output = output.is_some();
        watches.extend(output.into_iter().chain(self.line.watch()));
        waiting::wait(&mut watches, left)?;
        let is_ready = |at: usize| watches.get(at).is_some_and(|watch| watch.is_ready);
        Ok(Ready {
            typed: is_ready(0),
            signal: is_ready(1),
            looks: is_ready(2),
            taken: has_output && is_ready(3),
            line: is_ready(3 + usize::from(has_output)),
        })
    }
}

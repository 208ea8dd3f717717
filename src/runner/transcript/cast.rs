//! Export of a transcript as asciicast v2, which asciinema and other players read.

use super::{Entry, GapReason, Transcript, TranscriptError};
use crate::base::clock::Timestamp;
use crate::base::size::Size;
use crate::wire::hold::Status;
use serde_json::json;
use std::io::{self, Write};

impl Transcript {
    /// Writes the transcript as asciicast v2. Bytes that are not UTF-8 become U+FFFD; gaps and the
    /// end become markers. The output is foreign: play it with a player, never print it.
    pub fn to_asciicast(&self, to: &mut impl Write) -> Result<(), TranscriptError> {
        let mut cast = Cast { to, start: None, last: Timestamp::default(), cut: Vec::new() };
        for entry in self.entries()? {
            cast.entry(entry?).map_err(|source| self.error(source))?;
        }
        cast.to.flush().map_err(|source| self.error(source))
    }
}

struct Cast<'a, W> {
    to: &'a mut W,
    start: Option<Timestamp>,
    /// The time of the last event; players want them in order, and clocks are set back.
    last: Timestamp,
    /// The first bytes of a character whose rest has not come yet.
    cut: Vec<u8>,
}

impl<W: Write> Cast<'_, W> {
    fn entry(&mut self, entry: Entry) -> io::Result<()> {
        match entry {
            Entry::Output { at, bytes, .. } => {
                let text = self.text(&bytes);
                self.event(at, "o", &text)
            }
            Entry::Resize { at, size, .. } if self.start.is_none() => self.header(at, size),
            Entry::Resize { at, size, .. } => {
                self.event(at, "r", &format!("{}x{}", size.cols, size.rows))
            }
            Entry::Gap { at, from, to, reason } => {
                let why = match reason {
                    GapReason::Limit => "the transcript's limit was reached",
                    GapReason::DiskFull => "the disk was full",
                    GapReason::Unknown => "the reason was not recorded",
                };
                self.event(at, "m", &format!("{} bytes are missing: {why}", to - from))
            }
            Entry::Exit(record) => {
                let how = match &record.status {
                    Status::Code(code) => format!("exit {code}"),
                    Status::Signal(signal) => format!("ended by signal {signal}"),
                    Status::NotStarted(reason) => format!("could not start: {reason}"),
                };
                self.event(record.at, "m", &how)
            }
        }
    }

    fn header(&mut self, at: Timestamp, size: Size) -> io::Result<()> {
        self.start = Some(at);
        let seconds = at.millis() / 1000;
        let header =
            json!({"version": 2, "width": size.cols, "height": size.rows, "timestamp": seconds});
        writeln!(self.to, "{header}")
    }

    fn event(&mut self, at: Timestamp, kind: &str, text: &str) -> io::Result<()> {
        if self.start.is_none() {
            self.header(at, Size::UNATTENDED)?;
        }
        self.last = self.last.max(at);
        let seconds = self.last.since(self.start.unwrap_or(at)).as_secs_f64();
        writeln!(self.to, "{}", json!([seconds, kind, text]))
    }

    /// The text of `bytes`, with a character that is cut at their end kept for the next call.
    fn text(&mut self, bytes: &[u8]) -> String {
        self.cut.extend_from_slice(bytes);
        let rest = self.cut.split_off(last_whole(&self.cut));
        String::from_utf8_lossy(&std::mem::replace(&mut self.cut, rest)).into_owned()
    }
}

/// Where an unfinished character at the end of `bytes` begins; its length when there is none.
fn last_whole(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let lead = (tail..bytes.len()).rev().find(|at| bytes[*at] & 0xc0 != 0x80);
    match lead {
        Some(at) if std::str::from_utf8(&bytes[at..]).is_err_and(|e| e.error_len().is_none()) => at,
        _ => bytes.len(),
    }
}

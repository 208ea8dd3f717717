//! Reading a run's output from its transcript into its terminal, sizes where they were.

use super::supervise::keep_frame;
use crate::base::size::Size;
use crate::daemon::live::LiveRun;
use crate::daemon::runs::Attached;
use crate::daemon::world::World;
use crate::runner::{Chunk, Transcript};
use std::collections::VecDeque;
use std::path::Path;

/// A keyframe is kept after so much output: a later daemon reads as much again in a few hundredths
/// of a second, and a flood does not spend its time on keyframes.
const FRAME_BYTES: u64 = 8 << 20;
/// How much of the transcript is read at once: more would be memory the system gives anew, and
/// empties, at every read.
const READ_BYTES: u64 = 64 << 10;

/// Reads the output of one run.
pub(super) struct Reader<'a> {
    folder: &'a Path,
    transcript: Option<Transcript>,
    framed: u64,
    /// How far the output went when reading began.
    there: u64,
    /// The sizes an earlier daemon saw begin at or behind where this one reads on.
    sizes: VecDeque<(u64, Size)>,
}

impl<'a> Reader<'a> {
    /// Reads on from `offset`.
    pub fn new(folder: &'a Path, offset: u64) -> Self {
        let transcript = Transcript::open(folder).ok();
        // Before the sizes: of one that begins later word comes from the holder.
        let there = transcript.as_ref().and_then(|transcript| transcript.end().ok());
        let sizes = transcript.as_ref().and_then(|transcript| transcript.sizes(offset).ok());
        let (there, sizes) = (there.unwrap_or(0), sizes.unwrap_or_default().into());
        Self { folder, transcript, framed: offset, there, sizes }
    }

    /// Reads what was there before, so that whoever looks at the run finds its screen as it is and
    /// not as an earlier daemon left it. Returns how far it got.
    pub fn catch_up(
        &mut self,
        world: &World,
        live: &LiveRun,
        offset: u64,
        reply: &dyn Fn(Vec<u8>),
    ) -> u64 {
        self.take(world, live, offset, self.there, reply)
    }

    /// Reads the transcript from `offset` to `until` and no further: another size may begin there.
    /// Returns how far it got.
    pub fn take(
        &mut self,
        world: &World,
        live: &LiveRun,
        offset: u64,
        until: u64,
        reply: &dyn Fn(Vec<u8>),
    ) -> u64 {
        let mut offset = offset;
        loop {
            while let Some((_, size)) = self.sizes.pop_front_if(|(at, _)| *at <= offset) {
                live.resized(size);
            }
            if offset >= until {
                break;
            }
            let end = self.sizes.front().map_or(until, |(at, _)| until.min(*at));
            let Some(chunk) = self.read(offset, end - offset) else { return until };
            if chunk.bytes.is_empty() && chunk.offset <= offset {
                break;
            }
            if chunk.offset > offset {
                live.gap(chunk.offset - offset);
            }
            let replies = live.output(world.clock.now(), &chunk.bytes);
            if !replies.is_empty() {
                reply(replies);
            }
            offset = chunk.offset + chunk.bytes.len() as u64;
        }
        if offset - self.framed >= FRAME_BYTES {
            self.framed = offset;
            let _ = keep_frame(world, live);
        }
        offset
    }

    /// Takes output from the holder's memory; returns how far it got.
    pub fn live(
        &mut self,
        run: &Attached,
        world: &World,
        offset: u64,
        from: u64,
        bytes: &[u8],
    ) -> u64 {
        if from > offset {
            run.live.gap(from - offset);
        }
        let known = usize::try_from(offset.saturating_sub(from)).unwrap_or(usize::MAX);
        let new = bytes.get(known..).unwrap_or_default();
        let replies = run.live.output(world.clock.now(), new);
        if !replies.is_empty() {
            let _ = run.input(replies);
        }
        offset.max(from) + new.len() as u64
    }

    fn read(&mut self, offset: u64, count: u64) -> Option<Chunk> {
        if self.transcript.is_none() {
            self.transcript = Transcript::open(self.folder).ok();
        }
        let count = usize::try_from(count.min(READ_BYTES)).unwrap_or(0);
        self.transcript.as_mut()?.read_at(offset, count).ok()
    }
}

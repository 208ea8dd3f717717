//! Reading a transcript, also while the holder writes it.

use super::{Gap, GapReason, Note, gaps_path, notes_path, output_path};
use crate::base::clock::Timestamp;
use crate::base::durable;
use crate::base::size::Size;
use crate::runner::files;
use crate::wire::hold::ExitRecord;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The largest piece of output in one [`Entry`], in bytes.
const ENTRY_BYTES_MAX: u64 = 64 * 1024;
/// Longer lines are not ours.
const LINE_BYTES_MAX: u64 = 4096;
const GAPS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why a transcript cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the transcript in {folder}: {source}")]
pub struct TranscriptError {
    folder: PathBuf,
    source: io::Error,
}

/// A run's transcript, open for reading.
#[derive(Debug)]
pub struct Transcript {
    folder: PathBuf,
    open: Option<(u64, File)>,
}

/// Output from one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Where the bytes begin: later than asked for when a gap was skipped.
    pub offset: u64,
    /// The output; empty when no more is there yet.
    pub bytes: Vec<u8>,
}

/// What happened in a run's terminal, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Output came.
    Output {
        /// When.
        at: Timestamp,
        /// Its place in the whole output, in bytes.
        offset: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The terminal had this size from here on.
    Resize {
        /// When.
        at: Timestamp,
        /// Its place in the output.
        offset: u64,
        /// The size.
        size: Size,
    },
    /// Output is missing.
    Gap {
        /// When it was given up, as far as that was recorded.
        at: Timestamp,
        /// The first byte missing.
        from: u64,
        /// The first byte after it.
        to: u64,
        /// Why.
        reason: GapReason,
    },
    /// The run ended.
    Exit(ExitRecord),
}

impl Transcript {
    /// Opens the transcript in a run's folder; it may still be empty.
    pub fn open(folder: &Path) -> Result<Self, TranscriptError> {
        let transcript = Self { folder: folder.to_path_buf(), open: None };
        transcript.starts()?;
        Ok(transcript)
    }

    /// At most `max` bytes of output from `offset` on, or from the end of the gap that `offset` is
    /// in.
    pub fn read_at(&mut self, offset: u64, max: usize) -> Result<Chunk, TranscriptError> {
        let mut at = offset;
        let mut buffer = vec![0; max];
        // Each round either returns or goes on to a later segment; more than these cannot vanish
        // under a reader without new ones being written.
        for _ in 0..64 {
            let count = self.read_here(at, &mut buffer).map_err(|source| self.error(source))?;
            if count > 0 {
                buffer.truncate(count);
                return Ok(Chunk { offset: at, bytes: buffer });
            }
            let starts = self.starts()?;
            let inside = starts.iter().copied().rfind(|start| *start <= at);
            let is_open = self.open.as_ref().map(|(start, _)| *start);
            if inside.is_some() && inside != is_open {
                self.open_segment(inside);
                continue;
            }
            // The listing came after the empty read: only what is read now is final for this
            // segment.
            let again = self.read_here(at, &mut buffer).map_err(|source| self.error(source))?;
            match starts.iter().copied().find(|start| *start > at) {
                _ if again > 0 => {
                    buffer.truncate(again);
                    return Ok(Chunk { offset: at, bytes: buffer });
                }
                Some(next) => {
                    at = next;
                    self.open_segment(Some(next));
                }
                None => break,
            }
        }
        Ok(Chunk { offset: at, bytes: Vec::new() })
    }

    /// How far the output goes that is stored.
    pub fn end(&self) -> Result<u64, TranscriptError> {
        let Some(last) = self.starts()?.last().copied() else { return Ok(0) };
        let stored = fs::metadata(output_path(&self.folder, last));
        Ok(last + stored.map_err(|source| self.error(source))?.len())
    }

    /// The sizes the terminal had from `offset` of its output on, each with where it begins.
    pub fn sizes(&self, offset: u64) -> Result<Vec<(u64, Size)>, TranscriptError> {
        let mut sizes = Vec::new();
        let starts = self.starts()?;
        let first = starts.iter().rposition(|start| *start <= offset).unwrap_or(0);
        for start in &starts[first..] {
            let Ok(file) = File::open(notes_path(&self.folder, *start)) else { continue };
            let mut notes = Notes { lines: BufReader::new(file) };
            while let Some(note) = notes.next() {
                sizes.extend(note.size.map(|size| (note.offset, size)));
            }
        }
        sizes.retain(|(at, _)| *at >= offset);
        Ok(sizes)
    }

    /// Everything that is recorded so far, in order.
    pub fn entries(&self) -> Result<Entries, TranscriptError> {
        let gaps = durable::read(&gaps_path(&self.folder), GAPS_BYTES_MAX).unwrap_or_default();
        let gaps = gaps.split(|byte| *byte == b'\n');
        Ok(Entries {
            gaps: gaps.filter_map(|line| serde_json::from_slice(line).ok()).collect(),
            segments: self.starts()?.into(),
            exit: files::read_exit(&self.folder).ok().flatten(),
            folder: self.folder.clone(),
            segment: None,
            offset: 0,
        })
    }

    fn read_here(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.open {
            Some((start, file)) if *start <= offset => file.read_at(buffer, offset - start),
            _ => Ok(0),
        }
    }

    /// Opens the segment at `start`; one that was dropped meanwhile leaves none open.
    fn open_segment(&mut self, start: Option<u64>) {
        self.open = start.and_then(|start| {
            let file = File::open(output_path(&self.folder, start)).ok()?;
            Some((start, file))
        });
    }

    fn starts(&self) -> Result<Vec<u64>, TranscriptError> {
        let mut starts = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(|source| self.error(source))? {
            let name = entry.map_err(|source| self.error(source))?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("out-"));
            starts.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        starts.sort_unstable();
        Ok(starts)
    }

    pub(super) fn error(&self, source: io::Error) -> TranscriptError {
        TranscriptError { folder: self.folder.clone(), source }
    }
}

/// Iterates over a transcript; see [`Transcript::entries`].
#[derive(Debug)]
pub struct Entries {
    folder: PathBuf,
    gaps: Vec<Gap>,
    segments: VecDeque<u64>,
    exit: Option<ExitRecord>,
    segment: Option<OpenSegment>,
    offset: u64,
}

#[derive(Debug)]
struct OpenSegment {
    output: File,
    start: u64,
    notes: Notes,
    ahead: Option<Note>,
    at: Timestamp,
}

/// The notes of one segment, read one by one.
#[derive(Debug)]
struct Notes {
    lines: BufReader<File>,
}

impl Notes {
    /// The next note; a line that is torn or not a note is passed over.
    fn next(&mut self) -> Option<Note> {
        let mut line = Vec::new();
        loop {
            line.clear();
            match self.lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
            if let Ok(note) = serde_json::from_slice(&line) {
                return Some(note);
            }
        }
    }
}

impl OpenSegment {
    fn open(folder: &Path, start: u64) -> io::Result<Self> {
        let output = File::open(output_path(folder, start))?;
        let notes = Notes { lines: BufReader::new(File::open(notes_path(folder, start))?) };
        let mut segment = Self { output, start, notes, ahead: None, at: Timestamp::default() };
        segment.advance();
        Ok(segment)
    }

    fn advance(&mut self) {
        self.ahead = self.notes.next();
    }

    fn next(&mut self, offset: u64) -> io::Result<Option<Entry>> {
        while let Some(note) = self.ahead.filter(|note| note.offset <= offset) {
            self.at = Timestamp::from_millis(note.at);
            self.advance();
            if let Some(size) = note.size {
                return Ok(Some(Entry::Resize { at: self.at, offset, size }));
            }
        }
        let until = self.ahead.map_or(ENTRY_BYTES_MAX, |note| note.offset - offset);
        let mut bytes = vec![0; usize::try_from(until.min(ENTRY_BYTES_MAX)).unwrap_or(0)];
        let count = self.output.read_at(&mut bytes, offset - self.start)?;
        bytes.truncate(count);
        Ok((count > 0).then_some(Entry::Output { at: self.at, offset, bytes }))
    }
}

impl Entries {
    fn step(&mut self) -> io::Result<Option<Entry>> {
        loop {
            if let Some(segment) = &mut self.segment {
                if let Some(entry) = segment.next(self.offset)? {
                    if let Entry::Output { bytes, .. } = &entry {
                        self.offset += bytes.len() as u64;
                    }
                    return Ok(Some(entry));
                }
                self.segment = None;
            }
            let Some(start) = self.segments.pop_front() else {
                return Ok(self.exit.take().map(Entry::Exit));
            };
            // One dropped since the listing becomes part of the gap before the next.
            self.segment = match OpenSegment::open(&self.folder, start) {
                Ok(segment) => Some(segment),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let from = std::mem::replace(&mut self.offset, start);
            if from < start {
                return Ok(Some(self.gap(from, start)));
            }
        }
    }

    fn gap(&self, from: u64, to: u64) -> Entry {
        let known = self.gaps.iter().rfind(|gap| gap.from < to && from < gap.to);
        let at = Timestamp::from_millis(known.map_or(0, |gap| gap.at));
        Entry::Gap { at, from, to, reason: known.map_or(GapReason::Unknown, |gap| gap.reason) }
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, TranscriptError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.step() {
            Ok(entry) => entry.map(Ok),
            Err(source) => {
                (self.segment, self.exit) = (None, None);
                self.segments.clear();
                Some(Err(TranscriptError { folder: self.folder.clone(), source }))
            }
        }
    }
}

//! The holder's side of the transcript. Never fails its caller: what a full disk refuses stays in
//! memory, bounded, and is written when there is space again.

use super::{Gap, GapReason, Note, gaps_path, notes_path, output_path};
use crate::base::clock::Clock;
use crate::base::size::Size;
use serde::Serialize;
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Output kept in memory while the disk is full, in bytes.
const MEMORY_BYTES_MAX: usize = 1024 * 1024;
/// Lines kept in memory while the disk is full, in bytes.
const LINES_BYTES_MAX: usize = 64 * 1024;
/// Output that comes closer together than this, in milliseconds, shares one time.
const NOTE_EVERY_MS: i64 = 50;
/// Pieces that the limit drops one after the other make one gap, whose end is noted this often, in
/// milliseconds: a flood that lasts for hours must not fill the disk with lines about it.
const GAP_EVERY_MS: i64 = 1000;

/// Appends output; its offsets count every byte that ever came, stored or not.
#[derive(Debug)]
pub(in crate::runner) struct Writer {
    folder: PathBuf,
    clock: Clock,
    limit: u64,
    size: Size,
    segment: Option<Segment>,
    /// Start and length of the closed segments after the beginning, oldest first.
    tail: VecDeque<(u64, u64)>,
    stored_bytes: u64,
    waiting: VecDeque<u8>,
    offset: u64,
    lost_from: Option<u64>,
    gaps: Option<Lines>,
    /// Where the gap that the limit made ends, and when that was noted last.
    dropped: Option<(u64, i64)>,
}

#[derive(Debug)]
struct Segment {
    output: File,
    notes: Lines,
    start: u64,
    length: u64,
    noted_at: i64,
    /// The time of output that is stored: nobody who waits for the output waits for it.
    unnoted: Option<Note>,
}

/// A file of lines of which none is ever torn, however the disk fills.
#[derive(Debug)]
struct Lines {
    file: File,
    waiting: Vec<u8>,
}

impl Writer {
    /// An empty transcript in `folder` that keeps about `limit` bytes, a quarter of them for the
    /// beginning.
    pub(in crate::runner) fn create(folder: &Path, limit: u64, size: Size, clock: Clock) -> Self {
        Self {
            folder: folder.to_path_buf(),
            clock,
            limit: limit.max(64 * 1024),
            size,
            segment: None,
            tail: VecDeque::new(),
            stored_bytes: 0,
            waiting: VecDeque::new(),
            offset: 0,
            lost_from: None,
            gaps: None,
            dropped: None,
        }
    }

    /// Notes the time and size it begins with, before there is output.
    pub(in crate::runner) fn begin(&mut self) {
        // On a full disk the first output tries again.
        let _ = self.open(0);
    }

    /// How much output there was so far, in bytes.
    pub(in crate::runner) fn offset(&self) -> u64 {
        self.offset
    }

    /// How much of it readers of the files may count on.
    pub(in crate::runner) fn stored(&self) -> u64 {
        self.lost_from.unwrap_or(self.waiting_from())
    }

    /// Whether the disk has refused something that [`Self::retry`] should write.
    pub(in crate::runner) fn is_behind(&self) -> bool {
        let notes = self.segment.as_ref().map(|segment| &segment.notes);
        let lines = notes.into_iter().chain(&self.gaps).any(|lines| !lines.waiting.is_empty());
        lines || self.is_output_behind()
    }

    /// Takes output.
    pub(in crate::runner) fn append(&mut self, bytes: &[u8]) {
        let written = if self.is_output_behind() { 0 } else { self.store(bytes) };
        self.offset += bytes.len() as u64;
        self.keep(&bytes[written..]);
    }

    /// Notes when the output came that was taken. To be called once it was told.
    pub(in crate::runner) fn note(&mut self) {
        if let Some(segment) = &mut self.segment {
            segment.note();
        }
    }

    /// Notes that the terminal has another size from here on.
    pub(in crate::runner) fn resize(&mut self, size: Size) {
        self.size = size;
        let note = Note { at: self.clock.now().millis(), offset: self.offset, size: Some(size) };
        if let Some(segment) = &mut self.segment {
            segment.note();
            segment.notes.push(&note);
        }
    }

    /// Writes what a full disk has refused, if there is space now.
    pub(in crate::runner) fn retry(&mut self) {
        if let Some(from) = self.lost_from {
            // A segment has no holes: what follows the gap begins another.
            if self.open(self.waiting_from()).is_err() {
                return;
            }
            self.note_gap(from, self.waiting_from(), GapReason::DiskFull);
            self.lost_from = None;
        }
        let bytes: Vec<u8> = self.waiting.iter().copied().collect();
        let written = self.store(&bytes);
        self.waiting.drain(..written);
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        let notes = self.segment.as_mut().map(|segment| &mut segment.notes);
        notes.into_iter().chain(&mut self.gaps).for_each(Lines::flush);
    }

    /// What memory holds from `offset` on: where it begins, and at most `count` bytes.
    pub(in crate::runner) fn waiting_at(&self, offset: u64, count: usize) -> (u64, Vec<u8>) {
        let from = offset.max(self.waiting_from());
        let skip = usize::try_from(from - self.waiting_from()).unwrap_or(usize::MAX);
        (from, self.waiting.iter().skip(skip).take(count).copied().collect())
    }

    /// Makes what was written durable.
    pub(in crate::runner) fn sync(&mut self) -> io::Result<()> {
        if let Some(segment) = &mut self.segment {
            segment.note();
            segment.notes.flush();
            segment.notes.file.sync_all()?;
            segment.output.sync_all()?;
        }
        self.gaps.as_ref().map_or(Ok(()), |gaps| gaps.file.sync_all())
    }

    fn is_output_behind(&self) -> bool {
        !self.waiting.is_empty() || self.lost_from.is_some()
    }

    fn waiting_from(&self) -> u64 {
        self.offset - self.waiting.len() as u64
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.waiting.extend(bytes);
        let excess = self.waiting.len().saturating_sub(MEMORY_BYTES_MAX);
        if excess > 0 {
            self.lost_from.get_or_insert(self.offset - self.waiting.len() as u64);
            self.waiting.drain(..excess);
        }
    }

    /// Writes the bytes that follow what is stored; returns how many the disk took.
    fn store(&mut self, bytes: &[u8]) -> usize {
        let mut done = 0;
        while done < bytes.len() {
            match self.store_some(&bytes[done..]) {
                Ok(count) if count > 0 => done += count,
                Ok(_) | Err(_) => break,
            }
        }
        done
    }

    fn store_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let segment_limit = self.limit / 16;
        if self.segment.as_ref().is_none_or(|segment| segment.length >= segment_limit) {
            let next = self.segment.as_ref().map_or(0, |segment| segment.start + segment.length);
            self.open(next)?;
        }
        let now = self.clock.now().millis();
        let Some(segment) = &mut self.segment else { return Ok(0) };
        let room = usize::try_from(segment_limit - segment.length).unwrap_or(usize::MAX);
        let count = segment.output.write(&bytes[..bytes.len().min(room)])?;
        if now - segment.noted_at >= NOTE_EVERY_MS || now < segment.noted_at {
            segment.note();
            segment.noted_at = now;
            let offset = segment.start + segment.length;
            segment.unnoted = Some(Note { at: now, offset, size: None });
        }
        segment.length += count as u64;
        self.stored_bytes += count as u64;
        self.drop_middle();
        Ok(count)
    }

    /// Begins the segment at `start`, which begins with a note of the terminal's size.
    fn open(&mut self, start: u64) -> io::Result<()> {
        let output = create(&output_path(&self.folder, start))?;
        let mut notes = Lines::create(&notes_path(&self.folder, start))?;
        let at = self.clock.now().millis();
        notes.push(&Note { at, offset: start, size: Some(self.size) });
        if !notes.waiting.is_empty() {
            // No room even for this: an empty segment for every try would pile up.
            let _ = fs::remove_file(output_path(&self.folder, start));
            let _ = fs::remove_file(notes_path(&self.folder, start));
            return Err(io::ErrorKind::StorageFull.into());
        }
        let next =
            Segment { output, notes, start, length: 0, noted_at: i64::MIN / 2, unnoted: None };
        if let Some(mut full) = self.segment.replace(next) {
            full.note();
            full.notes.flush();
            if full.start >= self.limit / 4 {
                self.tail.push_back((full.start, full.length));
            }
        }
        Ok(())
    }

    fn drop_middle(&mut self) {
        while self.stored_bytes > self.limit {
            let Some((start, length)) = self.tail.pop_front() else { return };
            // One that cannot be removed is not counted either: trying for ever would help nobody.
            let _ = fs::remove_file(output_path(&self.folder, start));
            let _ = fs::remove_file(notes_path(&self.folder, start));
            self.stored_bytes -= length;
            self.note_dropped(start, start + length);
        }
    }

    fn note_dropped(&mut self, from: u64, to: u64) {
        let now = self.clock.now().millis();
        let noted = self.dropped.filter(|(end, _)| *end == from).map(|(_, at)| at);
        let is_news = noted.is_none_or(|at| now < at || now - at >= GAP_EVERY_MS);
        self.dropped = Some((to, if is_news { now } else { noted.unwrap_or(now) }));
        if is_news {
            self.note_gap(from, to, GapReason::Limit);
        }
    }

    fn note_gap(&mut self, from: u64, to: u64, reason: GapReason) {
        if self.gaps.is_none() {
            self.gaps = Lines::create(&gaps_path(&self.folder)).ok();
        }
        if let Some(gaps) = &mut self.gaps {
            gaps.push(&Gap { at: self.clock.now().millis(), from, to, reason });
        }
    }
}

impl Segment {
    fn note(&mut self) {
        if let Some(note) = self.unnoted.take() {
            self.notes.push(&note);
        }
    }
}

impl Lines {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: create(path)?, waiting: Vec::new() })
    }

    /// Adds a line; it is left out when too many wait for a full disk.
    fn push(&mut self, line: &impl Serialize) {
        if self.waiting.len() < LINES_BYTES_MAX
            && serde_json::to_writer(&mut self.waiting, line).is_ok()
        {
            self.waiting.push(b'\n');
        }
        self.flush();
    }

    fn flush(&mut self) {
        while !self.waiting.is_empty() {
            match self.file.write(&self.waiting) {
                Ok(count) if count > 0 => drop(self.waiting.drain(..count)),
                Ok(_) | Err(_) => return,
            }
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Transcript};
    use super::*;
    use crate::base::clock::{ManualClock, Timestamp};
    use std::time::Duration;

    const SIZE: Size = Size { cols: 80, rows: 24 };

    /// A writer whose disk refuses everything: its folder is missing until the test makes it.
    fn refused() -> (tempfile::TempDir, PathBuf, Writer) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("run");
        let mut writer = Writer::create(&folder, 1 << 26, SIZE, Clock::System);
        writer.begin();
        (root, folder, writer)
    }

    fn entries(folder: &Path) -> Vec<Entry> {
        let transcript = Transcript::open(folder).unwrap();
        transcript.entries().unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn what_the_disk_refuses_is_live_in_memory_and_written_when_there_is_space() {
        let (_root, folder, mut writer) = refused();
        writer.append(b"one ");
        writer.append(b"two ");
        assert!(writer.is_behind());
        assert_eq!((writer.offset(), writer.stored()), (8, 0));
        assert_eq!(writer.waiting_at(4, 3), (4, b"two".to_vec()));
        writer.retry();
        assert!(writer.is_behind(), "still refused");
        fs::create_dir(&folder).unwrap();
        writer.retry();
        assert!(!writer.is_behind());
        writer.append(b"three");
        assert_eq!(writer.stored(), 13);
        let chunk = Transcript::open(&folder).unwrap().read_at(0, 100).unwrap();
        assert_eq!(chunk.bytes, b"one two three");
    }

    #[test]
    fn more_than_memory_holds_becomes_a_gap_and_what_came_last_is_kept() {
        let (_root, folder, mut writer) = refused();
        let bytes: Vec<u8> = (0..3 * MEMORY_BYTES_MAX).map(|at| (at % 251) as u8).collect();
        bytes.chunks(10_000).for_each(|piece| writer.append(piece));
        assert_eq!(writer.stored(), 0);
        fs::create_dir(&folder).unwrap();
        writer.retry();
        writer.append(b"after");
        let from = (2 * MEMORY_BYTES_MAX) as u64;
        let all = entries(&folder);
        let Entry::Gap { from: 0, to, reason: GapReason::DiskFull, .. } = all[0] else {
            panic!("{:?}", all[0])
        };
        assert_eq!(to, from);
        let mut stored = Vec::new();
        for entry in all {
            if let Entry::Output { bytes, .. } = entry {
                stored.extend(bytes);
            }
        }
        assert!(stored == [&bytes[2 * MEMORY_BYTES_MAX..], b"after"].concat());
    }

    #[test]
    fn output_and_sizes_carry_the_time_they_came() {
        let folder = tempfile::tempdir().unwrap();
        let hand = ManualClock::at(Timestamp::from_millis(1000));
        let mut writer = Writer::create(folder.path(), 1 << 26, SIZE, Clock::Manual(hand.clone()));
        writer.begin();
        hand.advance(Duration::from_secs(5));
        writer.append(b"a");
        hand.advance(Duration::from_secs(1));
        let wide = Size { cols: 132, rows: 50 };
        writer.resize(wide);
        hand.advance(Duration::from_secs(1));
        writer.append(b"b");
        writer.note();
        let at = Timestamp::from_millis;
        assert_eq!(
            entries(folder.path()),
            [
                Entry::Resize { at: at(1000), offset: 0, size: SIZE },
                Entry::Output { at: at(6000), offset: 0, bytes: b"a".to_vec() },
                Entry::Resize { at: at(7000), offset: 1, size: wide },
                Entry::Output { at: at(8000), offset: 1, bytes: b"b".to_vec() },
            ]
        );
    }

    #[test]
    fn a_flood_over_the_limit_does_not_fill_the_disk_with_notes_about_it() {
        let folder = tempfile::tempdir().unwrap();
        let hand = ManualClock::at(Timestamp::from_millis(1000));
        let clock = Clock::Manual(hand.clone());
        let mut writer = Writer::create(folder.path(), 64 * 1024, SIZE, clock);
        (0..10_000).for_each(|_| writer.append(&[b'y'; 4096]));
        let lines = || fs::read_to_string(gaps_path(folder.path())).unwrap().lines().count();
        assert_eq!(lines(), 1);
        hand.advance(Duration::from_secs(2));
        (0..10_000).for_each(|_| writer.append(&[b'y'; 4096]));
        assert_eq!(lines(), 2);
        let all = entries(folder.path());
        let gap = all.iter().find(|entry| matches!(entry, Entry::Gap { .. }));
        let Some(Entry::Gap { reason: GapReason::Limit, to, .. }) = gap else { panic!("{gap:?}") };
        assert!(*to > 81_000_000, "one gap up to what is kept: {to}");
    }

    #[test]
    fn the_size_is_known_after_a_gap() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(folder.path(), 64 * 1024, SIZE, Clock::System);
        writer.append(&[b'x'; 20_000]);
        let wide = Size { cols: 132, rows: 50 };
        writer.resize(wide);
        (0..100).for_each(|_| writer.append(&[b'y'; 4096]));
        let all = entries(folder.path());
        let gap = all.iter().position(|entry| matches!(entry, Entry::Gap { .. })).unwrap();
        assert!(
            matches!(all[gap + 1], Entry::Resize { size, .. } if size == wide),
            "{:?}",
            all[gap + 1]
        );
    }
}

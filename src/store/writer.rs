//! Group commit: one thread writes everything that waits, flushes once, then says how far the log
//! is durable. After any failure it never touches that file again.

use super::disk::{self, Disk, DiskFile};
use super::scan;
use super::shared::{Chunk, Failure, Mark, Progress, Shared};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The segment being written.
pub(super) struct OpenSegment {
    pub(super) name: String,
    pub(super) length: u64,
    pub(super) file: Box<dyn DiskFile>,
    /// Its name may not survive power loss yet.
    pub(super) is_new: bool,
}

/// The writer thread's side.
pub(super) struct Writer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: PathBuf,
    pub(super) rotate_at: u64,
    pub(super) shared: Arc<Shared>,
    pub(super) segment: Option<OpenSegment>,
    pub(super) on_progress: Arc<dyn Fn(Progress) + Send + Sync>,
}

impl Writer {
    /// Writes until the log is closed or a write fails.
    pub(super) fn run(mut self) {
        while let Some(chunk) = self.shared.next() {
            match self.write(&chunk) {
                Ok(segment) => self.succeed(chunk, segment),
                Err(error) => return self.fail(chunk, &error),
            }
        }
    }

    /// On failure the file is dropped with everything that is not certain about it.
    fn write(&mut self, chunk: &Chunk) -> io::Result<OpenSegment> {
        let mut segment = match self.segment.take() {
            Some(segment) if segment.length < self.rotate_at => segment,
            _ => self.create(chunk.first)?,
        };
        disk::write_all(segment.file.as_mut(), &chunk.bytes)?;
        segment.file.sync()?;
        if segment.is_new {
            self.disk.sync_folder(&self.folder)?;
            segment.is_new = false;
        }
        segment.length += chunk.bytes.len() as u64;
        Ok(segment)
    }

    fn create(&self, first: u64) -> io::Result<OpenSegment> {
        let name = scan::segment_name(first);
        self.shared.begin_segment(&name);
        let file = self.disk.create(&self.folder.join(&name))?;
        Ok(OpenSegment { name, length: 0, file, is_new: true })
    }

    fn succeed(&mut self, chunk: Chunk, segment: OpenSegment) {
        let position = Some((segment.name.clone(), segment.length));
        self.segment = Some(segment);
        let seq = chunk.last;
        self.shared.publish(Mark { seq, sum: chunk.sum, segment: position });
        (self.on_progress)(Progress::Durable(seq));
    }

    /// Keeps what was not written for when the log is opened again, and tries to remove its traces,
    /// so that a restarted daemon does not find records that nobody was told of.
    fn fail(self, chunk: Chunk, error: &io::Error) {
        let failure = Failure {
            why: format!("cannot write to {}: {error}", self.folder.display()),
            is_disk_full: disk::is_full(error),
        };
        let mark = self.shared.mark();
        let _ = cut_to(self.disk.as_ref(), &self.folder, &mark);
        self.shared.put_back(chunk);
        self.shared.stop(failure.clone());
        (self.on_progress)(Progress::Failed(failure));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.writer_ended();
    }
}

/// Removes what lies in the newest segment behind `mark`.
pub(super) fn cut_to(disk: &dyn Disk, folder: &Path, mark: &Mark) -> io::Result<()> {
    let Some((name, length)) = &mark.segment else { return Ok(()) };
    let path = folder.join(name);
    if *length > 0 {
        return disk.truncate(&path, *length);
    }
    match disk.remove(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => disk.sync_folder(folder),
    }
}

//! Making the end of a log fit to be written on: a torn tail is kept aside and cut, and what was
//! read is flushed.

use super::StoreError;
use super::disk::{self, Disk};
use super::scan::{Problem, Scan};
use super::writer::OpenSegment;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const TORN_BYTES_MAX: u64 = 32 << 20;
const TORN_FILES_MAX: u32 = 9;

/// The tail of a write that a crash cut short. Nothing of it had been acknowledged, unless the disk
/// lost what it had flushed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TornTail {
    /// Where it began and why it is not good.
    pub problem: Problem,
    /// How many bytes were cut.
    pub cut_bytes: u64,
    /// A copy of them; `None` when there was no room for one.
    pub saved_as: Option<PathBuf>,
}

/// Saves the torn tail of the last segment aside and cuts it.
pub(super) fn cut_torn_tail(
    disk: &dyn Disk,
    folder: &Path,
    scan: &Scan,
) -> Result<Option<TornTail>, StoreError> {
    let (Some(problem), Some(name)) = (scan.problems.first(), scan.segments.last()) else {
        return Ok(None);
    };
    let path = folder.join(name);
    let mut tail = Vec::new();
    let cut_bytes = disk
        .read(&path)
        .and_then(|mut file| {
            io::copy(&mut file.by_ref().take(scan.good_length), &mut io::sink())?;
            file.by_ref().take(TORN_BYTES_MAX).read_to_end(&mut tail)?;
            Ok(tail.len() as u64 + io::copy(&mut file, &mut io::sink())?)
        })
        .map_err(StoreError::io("read", &path))?;
    let saved_as = save_aside(disk, folder, scan.last_seq + 1, &tail);
    disk.truncate(&path, scan.good_length).map_err(StoreError::io("cut the torn end of", &path))?;
    Ok(Some(TornTail { problem: problem.clone(), cut_bytes, saved_as }))
}

/// Keeps a copy of what is cut, when there is room: a courtesy to whoever looks into the crash.
fn save_aside(disk: &dyn Disk, folder: &Path, seq: u64, tail: &[u8]) -> Option<PathBuf> {
    for number in 1..=TORN_FILES_MAX {
        let path = folder.join(format!("torn-{seq:012}.{number}"));
        match disk.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(_) => return None,
            Ok(mut file) => {
                let saved = disk::write_all(file.as_mut(), tail)
                    .and_then(|()| file.sync())
                    .and_then(|()| disk.sync_folder(folder));
                return saved.is_ok().then_some(path);
            }
        }
    }
    None
}

/// Opens the last segment for writing and flushes it: what was read from the page cache is not on
/// the disk for certain, and effects follow from it.
pub(super) fn open_last_segment(
    disk: &dyn Disk,
    folder: &Path,
    scan: &Scan,
) -> Result<Option<OpenSegment>, StoreError> {
    disk.sync_folder(folder).map_err(StoreError::io("flush", folder))?;
    let Some(name) = scan.segments.last() else { return Ok(None) };
    let path = folder.join(name);
    let mut file = disk.append(&path).map_err(StoreError::io("open", &path))?;
    file.sync().map_err(StoreError::io("flush", &path))?;
    let segment = OpenSegment { name: name.clone(), length: scan.good_length, file, is_new: false };
    Ok(Some(segment))
}

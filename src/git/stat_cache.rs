//! What was last seen of each file of a worktree, kept outside the worktree, so that only files
//! whose change time, inode or size moved are read again. Losing or damaging it costs time, never
//! truth.

use super::error::GitError;
use super::files::Stamp;
use super::object::ObjectId;
use crate::base::hash::sha256;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const MAGIC: &[u8] = b"monban stat cache 1\n";
const CHECKSUM: usize = 64;

/// A file as it was when it was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    pub stamp: Stamp,
    pub id: ObjectId,
}

/// Files by path.
pub(crate) type StatCache = HashMap<Vec<u8>, Known>;

/// Reads a cache; a missing, damaged or older one is empty.
pub(crate) fn load(path: &Path) -> StatCache {
    let bytes = fs::read(path).unwrap_or_default();
    parse(&bytes).unwrap_or_default()
}

/// Writes the cache. Files whose change time is not before `began` are left out: they could change
/// again without their change time moving.
pub(crate) fn save<'a>(
    path: &Path,
    began: (i64, u32),
    files: impl Iterator<Item = (&'a [u8], Known)>,
) -> Result<(), GitError> {
    let mut bytes = MAGIC.to_vec();
    for (name, known) in files.filter(|(_, known)| settled(known.stamp.ctime, began)) {
        let Ok(length) = u32::try_from(name.len()) else { continue };
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(name);
        let stamp = known.stamp;
        bytes.extend_from_slice(&stamp.ino.to_le_bytes());
        bytes.extend_from_slice(&stamp.size.to_le_bytes());
        bytes.extend_from_slice(&stamp.mode.to_le_bytes());
        for (seconds, nanoseconds) in [stamp.ctime, stamp.mtime] {
            bytes.extend_from_slice(&seconds.to_le_bytes());
            bytes.extend_from_slice(&nanoseconds.to_le_bytes());
        }
        bytes.extend_from_slice(known.id.bytes());
    }
    let checksum = sha256(&bytes);
    bytes.extend_from_slice(checksum.as_bytes());
    let new = path.with_extension("new");
    let written = fs::write(&new, &bytes).and_then(|()| fs::rename(&new, path));
    written.map_err(|error| GitError::io(path, error))
}

/// The file system's own time now, by touching a file beside the cache.
pub(crate) fn now(path: &Path) -> Result<(i64, u32), GitError> {
    let probe = path.with_extension("now");
    let metadata = fs::write(&probe, b"now").and_then(|()| fs::metadata(&probe));
    let metadata = metadata.map_err(|error| GitError::io(&probe, error))?;
    Ok((metadata.mtime(), u32::try_from(metadata.mtime_nsec()).unwrap_or(0)))
}

/// Whether a later change would move the change time. Whole seconds come from file systems that
/// keep no finer ones, so they get two seconds of distance.
fn settled(ctime: (i64, u32), began: (i64, u32)) -> bool {
    if ctime.1 == 0 { ctime.0.saturating_add(2) <= began.0 } else { ctime < began }
}

fn parse(bytes: &[u8]) -> Option<StatCache> {
    let (body, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
    if sha256(body).as_bytes() != checksum {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    let mut cache = StatCache::with_capacity(rest.len() / 100);
    while !rest.is_empty() {
        let length = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
        let (name, after) = rest.split_at_checked(length)?;
        rest = after;
        let stamp = Stamp {
            ino: u64::from_le_bytes(take(&mut rest)?),
            size: u64::from_le_bytes(take(&mut rest)?),
            mode: u32::from_le_bytes(take(&mut rest)?),
            ctime: (i64::from_le_bytes(take(&mut rest)?), u32::from_le_bytes(take(&mut rest)?)),
            mtime: (i64::from_le_bytes(take(&mut rest)?), u32::from_le_bytes(take(&mut rest)?)),
        };
        let id = ObjectId::from_bytes(&take::<20>(&mut rest)?)?;
        cache.insert(name.to_vec(), Known { stamp, id });
    }
    Some(cache)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(ctime: (i64, u32)) -> Known {
        let stamp = Stamp { ino: 7, size: 8, mode: 0o100644, ctime, mtime: (1, 2) };
        Known { stamp, id: ObjectId::from_bytes(&[9; 20]).unwrap() }
    }

    #[test]
    fn a_cache_is_read_back_and_a_damaged_one_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let names: [&[u8]; 2] = [b"a\xff\n", b"b"];
        save(&path, (100, 0), names.iter().map(|name| (*name, known((99, 5))))).unwrap();
        let cache = load(&path);
        assert_eq!(cache.get(b"a\xff\n".as_slice()), Some(&known((99, 5))));
        assert_eq!(cache.len(), 2);
        let mut bytes = fs::read(&path).unwrap();
        bytes[30] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(load(&path).is_empty());
    }

    #[test]
    fn a_file_that_could_change_unseen_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let kept = |ctime, began| {
            save(&path, began, std::iter::once((b"a".as_slice(), known(ctime)))).unwrap();
            load(&path).len() == 1
        };
        assert!(kept((99, 5), (100, 0)));
        assert!(!kept((100, 5), (100, 5)));
        assert!(!kept((99, 0), (100, 900)), "a disk with whole seconds");
        assert!(kept((98, 0), (100, 900)));
    }
}

//! Writing a tree of the store to a disk: exact bytes, no filter, no line-ending conversion, no
//! name that some file system takes for git's own. Used for gate checkouts, new worktrees and
//! rollback.

use super::error::GitError;
use super::files::{self, Folders};
use super::object::{ObjectId, RepoPath, Report, tell};
use super::objects::{FileEntry, MODE_LINK, MODE_PROGRAM, MODE_SUBMODULE, Objects};
use super::store::Store;
use rustix::fs::{Mode, OFlags, openat, symlinkat};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// Files written between two reports.
const BATCH: usize = 4096;

/// Writes the files of a commit or tree to `folder`, which must not exist or be empty. libgit2
/// compares each object with its id on reading, so what is written is what the tree names.
pub fn materialise(
    store: &Store,
    tree: ObjectId,
    folder: &Path,
    report: &mut Report<'_>,
) -> Result<(), GitError> {
    let objects = store.objects()?;
    let list = objects.list(objects.tree_of(tree)?)?;
    make_empty(folder)?;
    let root = files::open_root(folder)?;
    make_folders(root.as_fd(), &list, folder)?;
    let total = list.len() as u64;
    let mut done = 0;
    for batch in list.chunks(BATCH) {
        tell(report, "writing files", done, Some(total))?;
        files::in_parallel(batch, |share| write_share(store, folder, share))?;
        done += batch.len() as u64;
    }
    tell(report, "writing files", done, Some(total))
}

fn make_empty(folder: &Path) -> Result<(), GitError> {
    let io = |error| GitError::io(folder, error);
    match fs::create_dir(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let is_folder = fs::symlink_metadata(folder).map_err(io)?.is_dir();
            if !is_folder || fs::read_dir(folder).map_err(io)?.next().is_some() {
                return Err(GitError::PathTaken(folder.to_path_buf()));
            }
            Ok(())
        }
        Err(error) => Err(io(error)),
    }
}

fn make_folders(root: BorrowedFd<'_>, list: &[FileEntry], place: &Path) -> Result<(), GitError> {
    let mut folders = BTreeSet::new();
    for entry in list {
        let folder = files::split(&entry.path).0;
        folders.insert(if entry.mode == MODE_SUBMODULE { entry.path.as_slice() } else { folder });
    }
    for folder in folders {
        files::make_folders(root, folder)
            .map_err(|error| GitError::io(&place.join(RepoPath::from(folder).as_path()), error))?;
    }
    Ok(())
}

fn write_share(store: &Store, place: &Path, share: &[FileEntry]) -> Result<Vec<()>, GitError> {
    let objects = store.objects()?;
    let mut folders = Folders::below(place)?;
    for entry in share.iter().filter(|entry| entry.mode != MODE_SUBMODULE) {
        let (folder, name) = files::split(&entry.path);
        let io = |error: io::Error| {
            GitError::io(&place.join(RepoPath::from(entry.path.as_slice()).as_path()), error)
        };
        let opened = folders.open(folder).map_err(io)?;
        write_entry(&objects, opened, name, entry)?.map_err(io)?;
    }
    Ok(Vec::new())
}

/// Writes one new file or link into an open folder. What is already there is never replaced.
pub(crate) fn write_entry(
    objects: &Objects,
    folder: BorrowedFd<'_>,
    name: &[u8],
    entry: &FileEntry,
) -> Result<io::Result<()>, GitError> {
    let bytes = objects.blob(entry.id)?;
    if entry.mode == MODE_LINK {
        return Ok(symlinkat(bytes.as_slice(), folder, name).map_err(io::Error::from));
    }
    let mode = if entry.mode == MODE_PROGRAM { 0o755 } else { 0o644 };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(folder, name, flags, Mode::from_raw_mode(mode)).map_err(io::Error::from);
    Ok(file.and_then(|file| File::from(file).write_all(&bytes)))
}

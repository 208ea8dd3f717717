//! Files of a folder that somebody else may be changing: opened part by part below a root, never
//! through a symbolic link, never waiting on a FIFO.

use super::error::GitError;
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What identifies the content of a file without reading it. The change time cannot be set by a
/// program without the rights to set the clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    pub ino: u64,
    pub size: u64,
    pub mode: u32,
    pub ctime: (i64, u32),
    pub mtime: (i64, u32),
}

impl Stamp {
    pub fn of(stat: &Stat) -> Self {
        Self {
            ino: number(stat.st_ino),
            size: number(stat.st_size),
            mode: number(stat.st_mode),
            ctime: (number(stat.st_ctime), number(stat.st_ctime_nsec)),
            mtime: (number(stat.st_mtime), number(stat.st_mtime_nsec)),
        }
    }
}

/// The fields of a stat have other integer types on other systems.
fn number<From, To: TryFrom<From> + Default>(value: From) -> To {
    To::try_from(value).unwrap_or_default()
}

pub(crate) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Opens a root folder. The way to it is ours, so links there are followed; a link in its own place
/// was put there by a run and is not.
pub(crate) fn open_root(path: &Path) -> Result<OwnedFd, GitError> {
    fs::open(path, FOLDER, Mode::empty()).map_err(|error| match error {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => GitError::NoFolder(path.to_path_buf()),
        error => GitError::io(path, error),
    })
}

/// Opens the folder `path` (parts between slashes; empty for the root itself) below `root`.
pub(crate) fn descend(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<OwnedFd> {
    let mut folder = fs::openat(root, ".", FOLDER, Mode::empty())?;
    for part in path.split(|b| *b == b'/').filter(|part| !part.is_empty()) {
        folder = fs::openat(&folder, part, FOLDER, Mode::empty())?;
    }
    Ok(folder)
}

/// Opens folders below a root and keeps the last one open: files come sorted by folder.
pub(crate) struct Folders<'a> {
    root: OwnedFd,
    last: Option<(&'a [u8], OwnedFd)>,
}

impl<'a> Folders<'a> {
    pub fn below(root: &Path) -> Result<Self, GitError> {
        Ok(Self { root: open_root(root)?, last: None })
    }

    /// The folder `path`, opened as [`descend`] does.
    pub fn open(&mut self, path: &'a [u8]) -> io::Result<BorrowedFd<'_>> {
        let opened = match self.last.take() {
            Some((last, opened)) if last == path => opened,
            _ => descend(self.root.as_fd(), path)?,
        };
        Ok(self.last.insert((path, opened)).1.as_fd())
    }
}

/// Makes the folder `path` below `root` where it is missing, and opens it.
pub(crate) fn make_folders(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<OwnedFd> {
    let mut folder = fs::openat(root, ".", FOLDER, Mode::empty())?;
    for part in path.split(|b| *b == b'/').filter(|part| !part.is_empty()) {
        match fs::mkdirat(&folder, part, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        folder = fs::openat(&folder, part, FOLDER, Mode::empty())?;
    }
    Ok(folder)
}

/// A path's folder and its last part.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|b| *b == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// `folder/name`, where an empty folder is the root.
pub(crate) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() {
        return name.to_vec();
    }
    [folder, b"/", name].concat()
}

/// Looks at a name without following it; `None` when nothing is there.
pub(crate) fn look(folder: impl AsFd, name: &[u8]) -> io::Result<Option<Stat>> {
    match fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Opens a regular file for reading. What became something else meanwhile is an error, and a FIFO
/// is never waited for.
pub(crate) fn open_file(folder: impl AsFd, name: &[u8]) -> io::Result<File> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = fs::openat(folder, name, flags, Mode::empty())?;
    if kind(&fs::fstat(&file)?) != FileType::RegularFile {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file any more"));
    }
    Ok(File::from(file))
}

/// The bytes of a regular file at a path that a run could have replaced: never a FIFO that would be
/// waited for, and at most `limit` bytes.
pub(crate) fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = open_file(fs::CWD, path.as_os_str().as_bytes())?;
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// The target of a symbolic link.
pub(crate) fn read_link(folder: impl AsFd, name: &[u8]) -> io::Result<Vec<u8>> {
    Ok(fs::readlinkat(folder, name, Vec::new())?.into_bytes())
}

/// The bytes of a file that holds still while it is read, and its stamp; `None` when it does not.
/// A file over `limit` bytes is an error.
pub(crate) fn read_still(
    folder: impl AsFd,
    name: &[u8],
    limit: u64,
) -> io::Result<Option<(Vec<u8>, Stamp)>> {
    let mut file = open_file(folder, name)?;
    let before = Stamp::of(&fs::fstat(&file)?);
    if before.size > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(before.size).unwrap_or(0) + 1);
    (&mut file).take(limit + 1).read_to_end(&mut bytes)?;
    let after = Stamp::of(&fs::fstat(&file)?);
    let still = before == after && bytes.len() as u64 == after.size;
    Ok(still.then_some((bytes, after)))
}

/// Folders deeper than this are moved up before they are removed, so that a tree of any depth takes
/// few open folders and little stack.
const REMOVE_DEPTH: u32 = 64;

/// Removes a folder tree, however deep it is, also where a run took away the right to enter a
/// folder. A link in its place is removed and not followed.
pub fn remove_tree(path: &Path) -> Result<(), GitError> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => remove_folder(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(GitError::io(path, error)),
        _ => Ok(()),
    }
}

fn remove_folder(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    let root = fs::open(path, FOLDER, Mode::empty())?;
    let mut moved = 0;
    loop {
        let before = moved;
        empty(root.as_fd(), root.as_fd(), 0, &mut moved)?;
        if moved == before {
            break;
        }
    }
    std::fs::remove_dir(path)
}

/// Removes what is in `folder`; what is too far down is moved into `root` for the next time.
fn empty(
    root: BorrowedFd<'_>,
    folder: BorrowedFd<'_>,
    depth: u32,
    moved: &mut u64,
) -> io::Result<()> {
    let names: Result<Vec<_>, Errno> = fs::Dir::read_from(folder)?
        .map(|entry| entry.map(|entry| entry.file_name().to_owned()))
        .collect();
    for name in names? {
        let bytes = name.to_bytes();
        let is_folder = match look(folder, bytes)? {
            _ if matches!(bytes, b"." | b"..") => continue,
            None => continue,
            Some(stat) => kind(&stat) == FileType::Directory,
        };
        if !is_folder {
            fs::unlinkat(folder, bytes, AtFlags::empty())?;
            continue;
        }
        let inside = match fs::openat(folder, bytes, FOLDER, Mode::empty()) {
            Err(Errno::ACCESS) => None,
            inside => Some(inside?),
        };
        // Entering it, emptying it and moving it up each need a right that a run may have taken.
        match &inside {
            Some(inside) => fs::fchmod(inside, Mode::RWXU)?,
            None => fs::chmodat(folder, bytes, Mode::RWXU, AtFlags::empty())?,
        }
        if depth == REMOVE_DEPTH {
            move_up(root, folder, bytes, moved)?;
            continue;
        }
        let inside = match inside {
            Some(inside) => inside,
            None => fs::openat(folder, bytes, FOLDER, Mode::empty())?,
        };
        empty(root, inside.as_fd(), depth + 1, moved)?;
        drop(inside);
        fs::unlinkat(folder, bytes, AtFlags::REMOVEDIR)?;
    }
    Ok(())
}

/// Renames a folder to a name directly in `root` that is free.
fn move_up(
    root: BorrowedFd<'_>,
    folder: BorrowedFd<'_>,
    name: &[u8],
    moved: &mut u64,
) -> io::Result<()> {
    loop {
        let free = format!("moved-up-{moved}");
        *moved += 1;
        match fs::renameat(folder, name, root, free) {
            Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
            renamed => return Ok(renamed?),
        }
    }
}

/// How many threads share the work on many files.
pub(crate) fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).min(8)
}

/// Gives each worker a share of `items` and joins what they made, in the order of the items.
pub(crate) fn in_parallel<'a, T: Sync, R: Send>(
    items: &'a [T],
    work: impl Fn(&'a [T]) -> Result<Vec<R>, GitError> + Sync,
) -> Result<Vec<R>, GitError> {
    in_shares(workers(), items, work)
}

/// Flushes files, many at a time: waiting for the disk takes no processor, and flushes that come
/// together are one to the disk.
pub(crate) fn flush_files(paths: &[PathBuf]) -> Result<(), GitError> {
    in_shares(FLUSHES, paths, |share| {
        for path in share {
            let flushed = File::open(path).and_then(|file| file.sync_all());
            flushed.map_err(|error| GitError::io(path, error))?;
        }
        Ok(Vec::<()>::new())
    })
    .map(|_| ())
}

/// How many flushes are waited for at a time.
const FLUSHES: usize = 16;

fn in_shares<'a, T: Sync, R: Send>(
    count: usize,
    items: &'a [T],
    work: impl Fn(&'a [T]) -> Result<Vec<R>, GitError> + Sync,
) -> Result<Vec<R>, GitError> {
    let share = items.len().div_ceil(count).max(1);
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            items.chunks(share).map(|chunk| scope.spawn(move || work(chunk))).collect();
        let mut all = Vec::with_capacity(items.len());
        for thread in threads {
            match thread.join() {
                Ok(made) => all.extend(made?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(all)
    })
}

/// Flushes the whole file system that holds `path`: cheaper than one flush per file of a big tree.
#[cfg(target_os = "linux")]
pub(crate) fn flush_all(path: &Path) -> Result<(), GitError> {
    fs::syncfs(open_root(path)?).map_err(|error| GitError::io(path, error))
}

/// Flushes all file systems; `syncfs` is Linux's alone.
#[cfg(not(target_os = "linux"))]
pub(crate) fn flush_all(_path: &Path) -> Result<(), GitError> {
    fs::sync();
    Ok(())
}

//! Files below a folder an agent can write to: no step of a path may be a symbolic link.

use super::AgentError;
use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// An opened folder whose content an agent may have arranged.
pub(super) struct Inside {
    root: OwnedFd,
    path: PathBuf,
}

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Inside {
    /// Opens the folder at `path`, which the supervisor made.
    pub(super) fn open(path: &Path) -> Result<Self, AgentError> {
        let root = fs::open(path, FOLDER, Mode::empty()).map_err(|error| failed(path, error))?;
        Ok(Self { root, path: path.to_path_buf() })
    }

    /// Makes a folder and those above it, private to the owner. An existing one is left as it is.
    pub(super) fn make_folder(&self, relative: &Path) -> Result<(), AgentError> {
        self.folder(relative, Missing::Make).map(drop)
    }

    /// Replaces a file whole, with `mode`, and makes the folders above it.
    pub(super) fn write(&self, relative: &Path, mode: u32, bytes: &[u8]) -> Result<(), AgentError> {
        let path = self.path.join(relative);
        let folder = self.folder(relative.parent().unwrap_or(Path::new("")), Missing::Make)?;
        let name = relative.file_name().unwrap_or_default();
        // One name for every daemon: what a killed one left half written goes with the next write.
        let temporary = ".monban-new";
        let _ = fs::unlinkat(&folder, temporary, AtFlags::empty());
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let created = fs::openat(&folder, temporary, flags, Mode::from_raw_mode(mode as _));
        let mut file = File::from(created.map_err(|error| failed(&path, error))?);
        file.write_all(bytes).map_err(|source| AgentError::Io { path: path.clone(), source })?;
        fs::renameat(&folder, temporary, &folder, name).map_err(|error| {
            let _ = fs::unlinkat(&folder, temporary, AtFlags::empty());
            failed(&path, error)
        })
    }

    /// Removes a file; one that is not there is removed already. A link in its place goes, not what
    /// it names.
    pub(super) fn remove(&self, relative: &Path) -> Result<(), AgentError> {
        let parent = relative.parent().unwrap_or(Path::new(""));
        let removed = self.folder(parent, Missing::Fail).and_then(|folder| {
            let name = relative.file_name().unwrap_or_default();
            fs::unlinkat(&folder, name, AtFlags::empty())
                .map_err(|error| failed(&self.path.join(relative), error))
        });
        match removed {
            Err(AgentError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Reads a plain file of at most `limit` bytes; `None` when it is not there or is larger.
    pub(super) fn read(&self, relative: &Path, limit: u64) -> Result<Option<Vec<u8>>, AgentError> {
        let Some(file) = self.open_file(relative)? else { return Ok(None) };
        let io = |source| AgentError::Io { path: self.path.join(relative), source };
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
        Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= limit))
    }

    /// Opens a plain file for reading; `None` when it is not there.
    pub(super) fn open_file(&self, relative: &Path) -> Result<Option<File>, AgentError> {
        let path = self.path.join(relative);
        let parent = relative.parent().unwrap_or(Path::new(""));
        let folder = match self.folder(parent, Missing::Fail) {
            Err(AgentError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok(None);
            }
            folder => folder?,
        };
        // Without NONBLOCK a FIFO in place of the file would hold us for ever.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let name = relative.file_name().unwrap_or_default();
        let file = match fs::openat(&folder, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            opened => File::from(opened.map_err(|error| failed(&path, error))?),
        };
        let metadata = file.metadata();
        let is_file =
            metadata.map_err(|source| AgentError::Io { path: path.clone(), source })?.is_file();
        if is_file { Ok(Some(file)) } else { Err(AgentError::Planted { path, wanted: "file" }) }
    }

    /// The names in a folder with whether each is a folder itself, at most `limit` of them; nothing
    /// when it is not there.
    pub(super) fn list(
        &self,
        relative: &Path,
        limit: usize,
    ) -> Result<Vec<(OsString, bool)>, AgentError> {
        let folder = match self.folder(relative, Missing::Fail) {
            Err(AgentError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok(Vec::new());
            }
            folder => folder?,
        };
        let path = self.path.join(relative);
        let entries = fs::Dir::read_from(&folder).map_err(|error| failed(&path, error))?;
        let named = entries.flatten().filter_map(|entry| {
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            let is_folder = entry.file_type() == fs::FileType::Directory;
            (name != "." && name != "..").then(|| (name.to_os_string(), is_folder))
        });
        Ok(named.take(limit).collect())
    }

    fn folder(&self, relative: &Path, missing: Missing) -> Result<OwnedFd, AgentError> {
        let mut at = self.path.clone();
        let mut folder =
            fs::openat(&self.root, ".", FOLDER, Mode::empty()).map_err(|e| failed(&at, e))?;
        for part in relative.components() {
            let Component::Normal(name) = part else {
                return Err(AgentError::Planted { path: relative.to_path_buf(), wanted: "path" });
            };
            at.push(name);
            if missing == Missing::Make {
                match fs::mkdirat(&folder, name, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(failed(&at, error)),
                }
            }
            folder =
                fs::openat(&folder, name, FOLDER, Mode::empty()).map_err(|e| failed(&at, e))?;
        }
        Ok(folder)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Fail,
}

fn failed(path: &Path, error: Errno) -> AgentError {
    let path = path.to_path_buf();
    match error {
        Errno::LOOP => AgentError::Planted { path, wanted: "file or folder" },
        Errno::NOTDIR | Errno::ISDIR => AgentError::Planted { path, wanted: "file or folder" },
        error => AgentError::Io { path, source: error.into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_planted_link_leads_no_write_and_no_read_out() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("target"), "keep").unwrap();
        symlink(outside.path(), folder.path().join("linked")).unwrap();
        symlink(outside.path().join("target"), folder.path().join("file")).unwrap();
        let inside = Inside::open(folder.path()).unwrap();
        let error = inside.write(Path::new("linked/target"), 0o600, b"x").unwrap_err();
        assert!(matches!(error, AgentError::Planted { .. }), "{error}");
        assert!(inside.make_folder(Path::new("linked/new")).is_err());
        assert!(inside.read(Path::new("linked/target"), 10).is_err());
        assert!(inside.read(Path::new("file"), 10).is_err());
        inside.write(Path::new("file"), 0o600, b"mine").unwrap();
        assert_eq!(std::fs::read(outside.path().join("target")).unwrap(), b"keep");
        assert_eq!(inside.read(Path::new("file"), 10).unwrap().unwrap(), b"mine");
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    }

    #[test]
    fn removing_follows_no_link_and_is_done_once() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("login"), "keep").unwrap();
        symlink(outside.path(), folder.path().join("linked")).unwrap();
        symlink(outside.path().join("login"), folder.path().join("login")).unwrap();
        let inside = Inside::open(folder.path()).unwrap();
        assert!(inside.remove(Path::new("linked/login")).is_err());
        inside.remove(Path::new("login")).unwrap();
        inside.remove(Path::new("login")).unwrap();
        inside.remove(Path::new("nowhere/login")).unwrap();
        assert_eq!(std::fs::read(outside.path().join("login")).unwrap(), b"keep");
        assert!(!folder.path().join("login").exists());
    }

    #[test]
    fn files_get_their_mode_and_folders_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let inside = Inside::open(folder.path()).unwrap();
        inside.write(Path::new("a/b"), 0o600, b"one").unwrap();
        inside.write(Path::new("a/b"), 0o600, b"two").unwrap();
        let mode = |name: &str| {
            std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777
        };
        assert_eq!((mode("a"), mode("a/b")), (0o700, 0o600));
        assert_eq!(std::fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
    }

    #[test]
    fn what_is_missing_or_too_large_or_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let inside = Inside::open(folder.path()).unwrap();
        assert!(inside.read(Path::new("no/file"), 10).unwrap().is_none());
        inside.write(Path::new("big"), 0o600, b"12345").unwrap();
        assert!(inside.read(Path::new("big"), 4).unwrap().is_none());
        let fifo = folder.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        assert!(inside.read(Path::new("fifo"), 10).is_err());
    }
}

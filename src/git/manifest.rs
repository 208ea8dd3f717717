//! Manifests: every name below a folder with kind, mode, size and content, by which a rollback is
//! verified and an undo proven. Nothing is left out but what the caller names; no link is followed.

use super::error::GitError;
use super::files::{self, join, kind, look};
use super::object::{ObjectId, RepoPath};
use super::objects::{ENTRIES, MODE_LINK, MODE_PROGRAM, MODE_SUBMODULE};
use super::store::Store;
use crate::base::foreign::Foreign;
use crate::base::hash::{hex, sha256};
use rustix::fs::{Dir, FileType, Stat};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// What stands at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A device or something else.
    Other,
}

/// One name of a manifest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// What it is.
    pub kind: Kind,
    /// Its permission bits.
    pub mode: u32,
    /// Bytes of a file or of a link's target; 0 for everything else.
    pub size: u64,
    /// SHA-256 of a file's bytes or a link's target; absent where there is none or it is
    /// unreadable.
    pub sha256: Option<String>,
}

/// Everything below a folder, by path.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Manifest(pub BTreeMap<RepoPath, ManifestEntry>);

impl Manifest {
    /// The paths in which the two differ.
    pub fn differences(&self, other: &Manifest) -> Vec<RepoPath> {
        let changed = self.0.iter().filter(|(path, entry)| other.0.get(path) != Some(entry));
        let only_there = other.0.keys().filter(|path| !self.0.contains_key(path));
        let mut all: Vec<RepoPath> =
            changed.map(|(path, _)| path).chain(only_there).cloned().collect();
        all.sort_unstable();
        all
    }

    /// The same as git would record it: only the execute bit of files counts.
    pub(crate) fn into_git_view(mut self) -> Manifest {
        for entry in self.0.values_mut() {
            entry.mode = match entry.kind {
                Kind::File if entry.mode & 0o100 != 0 => 0o755,
                Kind::File => 0o644,
                _ => 0,
            };
        }
        self
    }
}

/// Reads the manifest of `root`, without the names `excludes` directly in it.
pub fn manifest(root: &Path, excludes: &[&str]) -> Result<Manifest, GitError> {
    let opened = files::open_root(root)?;
    let io = |path: &[u8], error: io::Error| {
        GitError::io(&root.join(RepoPath::from(path).as_path()), error)
    };
    let mut found: Vec<(Vec<u8>, Stat)> = Vec::new();
    let mut folders = vec![Vec::new()];
    while let Some(path) = folders.pop() {
        let folder = match files::descend(opened.as_fd(), &path) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => continue,
            Err(error) => return Err(io(&path, error)),
        };
        for entry in Dir::read_from(&folder).map_err(|error| io(&path, error.into()))? {
            let entry = entry.map_err(|error| io(&path, error.into()))?;
            let name = entry.file_name().to_bytes();
            let excluded = path.is_empty() && excludes.iter().any(|e| e.as_bytes() == name);
            if name == b"." || name == b".." || excluded {
                continue;
            }
            let path = join(&path, name);
            let Some(stat) = look(&folder, name).map_err(|error| io(&path, error))? else {
                continue;
            };
            if kind(&stat) == FileType::Directory {
                folders.push(path.clone());
            }
            found.push((path, stat));
        }
        if found.len() as u64 > ENTRIES {
            return Err(GitError::TooLarge {
                what: Foreign::new("the number of files in the worktree"),
                limit: ENTRIES,
                cure: "remove generated files",
            });
        }
    }
    let entries = files::in_parallel(&found, |share| {
        let opened = files::open_root(root)?;
        share
            .iter()
            .map(|(path, stat)| {
                let entry = entry(opened.as_fd(), path, stat).map_err(|error| io(path, error))?;
                Ok((RepoPath::from(path.as_slice()), entry))
            })
            .collect()
    })?;
    Ok(Manifest(entries.into_iter().collect()))
}

/// The manifest that a fresh checkout of a commit or tree has, in git's view of modes.
pub fn manifest_of_tree(store: &Store, tree: ObjectId) -> Result<Manifest, GitError> {
    let objects = store.objects()?;
    let mut all = BTreeMap::new();
    let folder = ManifestEntry { kind: Kind::Folder, mode: 0, size: 0, sha256: None };
    for file in objects.list(objects.tree_of(tree)?)? {
        let mut above = files::split(&file.path).0;
        while !above.is_empty() && all.insert(RepoPath::from(above), folder.clone()).is_none() {
            above = files::split(above).0;
        }
        let entry = match file.mode {
            MODE_SUBMODULE => folder.clone(),
            mode => {
                let bytes = objects.blob(file.id)?;
                let (kind, mode) = match mode {
                    MODE_LINK => (Kind::Link, 0),
                    MODE_PROGRAM => (Kind::File, 0o755),
                    _ => (Kind::File, 0o644),
                };
                let sha256 = Some(sha256(&bytes));
                ManifestEntry { kind, mode, size: bytes.len() as u64, sha256 }
            }
        };
        all.insert(RepoPath(file.path), entry);
    }
    Ok(Manifest(all))
}

fn entry(root: BorrowedFd<'_>, path: &[u8], stat: &Stat) -> io::Result<ManifestEntry> {
    let mode = files::Stamp::of(stat).mode & 0o7777;
    let (folder, name) = files::split(path);
    let content = match kind(stat) {
        FileType::RegularFile => {
            let read = files::descend(root, folder).and_then(|folder| digest(folder.as_fd(), name));
            match read {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
                other => Some(other?),
            }
        }
        FileType::Symlink => {
            let target = files::read_link(files::descend(root, folder)?, name)?;
            Some((target.len() as u64, sha256(&target)))
        }
        _ => None,
    };
    let kind = match kind(stat) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        _ => Kind::Other,
    };
    let (size, sha256) = content.map_or((0, None), |(size, sha256)| (size, Some(sha256)));
    Ok(ManifestEntry { kind, mode, size, sha256 })
}

/// Size and SHA-256 of a file of any length.
fn digest(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<(u64, String)> {
    let mut file = files::open_file(folder, name)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((size, hex(&hasher.finalize())));
        }
        size += count as u64;
        hasher.update(&buffer[..count]);
    }
}

//! Objects of the store: reading with the hash verified, writing, trees as lists of entries.
//!
//! Only the object database of libgit2 is used: no index, no references, no attributes, and none of
//! the configuration files of the person or the system.

use super::error::GitError;
use super::files::flush_files;
use super::object::{ObjectId, RepoPath, safe_part};
use crate::base::foreign::Foreign;
use git2::{ConfigLevel, ErrorCode, ObjectType, Repository, opts};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Once;

/// More entries than this in one tree are refused.
pub(crate) const ENTRIES: u64 = 1_000_000;
const FOLDERS_DEEP: usize = 1000;

pub(crate) const MODE_FOLDER: u32 = 0o40000;
pub(crate) const MODE_LINK: u32 = 0o120000;
pub(crate) const MODE_SUBMODULE: u32 = 0o160000;
pub(crate) const MODE_PROGRAM: u32 = 0o100755;
pub(crate) const MODE_FILE: u32 = 0o100644;

/// One line of a tree object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TreeEntry {
    pub name: Vec<u8>,
    pub mode: u32,
    pub id: ObjectId,
}

/// The same, as it stands in the object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry<'a> {
    pub name: &'a [u8],
    pub mode: u32,
    pub id: ObjectId,
}

impl From<Entry<'_>> for TreeEntry {
    fn from(entry: Entry<'_>) -> Self {
        Self { name: entry.name.to_vec(), mode: entry.mode, id: entry.id }
    }
}

/// A file, link or submodule of a whole tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FileEntry {
    pub path: Vec<u8>,
    pub mode: u32,
    pub id: ObjectId,
}

/// An open object database. Not shared between threads: each opens its own.
pub(crate) struct Objects {
    repository: Repository,
    folder: PathBuf,
    /// Written and not flushed yet.
    written: RefCell<Vec<ObjectId>>,
}

impl Objects {
    /// Opens the bare repository at `folder`, which must be ours.
    pub fn open(folder: &Path) -> Result<Self, GitError> {
        forget_configuration();
        let repository = Repository::open_bare(folder).map_err(|error| GitError::Io {
            path: folder.to_path_buf(),
            source: std::io::Error::other(error.message().to_string()),
        })?;
        Ok(Self { repository, folder: folder.to_path_buf(), written: RefCell::default() })
    }

    pub fn exists(&self, id: ObjectId) -> bool {
        self.repository.odb().is_ok_and(|odb| odb.exists(id.git2()))
    }

    /// An object's bytes; libgit2 compares their hash with the id.
    pub fn read(&self, id: ObjectId, kind: ObjectType) -> Result<Vec<u8>, GitError> {
        let odb = self.repository.odb().map_err(|error| GitError::object(id, &error))?;
        let object = odb.read(id.git2()).map_err(|error| GitError::object(id, &error))?;
        if object.kind() != kind {
            let why = Foreign::new(format!("it is a {}, not a {kind}", object.kind()));
            return Err(GitError::BadObject { id, why });
        }
        Ok(object.data().to_vec())
    }

    /// The size in bytes of an object.
    pub fn size(&self, id: ObjectId) -> Result<u64, GitError> {
        let odb = self.repository.odb().map_err(|error| GitError::object(id, &error))?;
        let (size, _) = odb.read_header(id.git2()).map_err(|error| GitError::object(id, &error))?;
        Ok(size as u64)
    }

    pub fn blob(&self, id: ObjectId) -> Result<Vec<u8>, GitError> {
        self.read(id, ObjectType::Blob)
    }

    /// The tree of a commit, or the tree itself.
    pub fn tree_of(&self, id: ObjectId) -> Result<ObjectId, GitError> {
        let odb = self.repository.odb().map_err(|error| GitError::object(id, &error))?;
        let object = odb.read(id.git2()).map_err(|error| GitError::object(id, &error))?;
        match object.kind() {
            ObjectType::Tree => Ok(id),
            ObjectType::Commit => tree_line(object.data()).ok_or_else(|| GitError::BadObject {
                id,
                why: Foreign::new("the commit names no tree"),
            }),
            kind => {
                let why = Foreign::new(format!("it is a {kind}, neither commit nor tree"));
                Err(GitError::BadObject { id, why })
            }
        }
    }

    pub fn tree(&self, id: ObjectId) -> Result<Vec<TreeEntry>, GitError> {
        let bytes = self.read(id, ObjectType::Tree)?;
        Ok(Self::entries_of(id, &bytes)?.into_iter().map(TreeEntry::from).collect())
    }

    /// The entries of a tree that was read.
    pub fn entries_of(id: ObjectId, tree: &[u8]) -> Result<Vec<Entry<'_>>, GitError> {
        entries(tree).ok_or_else(|| GitError::BadObject { id, why: Foreign::new("not a tree") })
    }

    /// Every file, link and submodule of a tree, sorted by path. Names that must not reach a disk
    /// are an error.
    pub fn list(&self, tree: ObjectId) -> Result<Vec<FileEntry>, GitError> {
        let mut files = Vec::new();
        let mut folders = vec![(Vec::new(), tree, 0)];
        while let Some((folder, id, depth)) = folders.pop() {
            for entry in self.tree(id)? {
                let path = super::files::join(&folder, &entry.name);
                if !safe_part(&entry.name) || depth > FOLDERS_DEEP {
                    return Err(GitError::Unsafe(RepoPath(path)));
                }
                if entry.mode == MODE_FOLDER {
                    folders.push((path, entry.id, depth + 1));
                } else {
                    files.push(FileEntry { path, mode: entry.mode, id: entry.id });
                }
            }
            if files.len() as u64 > ENTRIES {
                return Err(GitError::TooLarge {
                    what: Foreign::new("the number of files in the tree"),
                    limit: ENTRIES,
                    cure: "leave generated files out of the repository",
                });
            }
        }
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// The entry at `path` of a tree.
    pub fn find(&self, tree: ObjectId, path: &[u8]) -> Result<Option<TreeEntry>, GitError> {
        let (folder, name) = super::files::split(path);
        let mut tree = tree;
        for part in folder.split(|b| *b == b'/').filter(|part| !part.is_empty()) {
            let entries = self.tree(tree)?;
            match entries.into_iter().find(|e| e.name == part && e.mode == MODE_FOLDER) {
                Some(entry) => tree = entry.id,
                None => return Ok(None),
            }
        }
        Ok(self.tree(tree)?.into_iter().find(|entry| entry.name == name))
    }

    /// Writes an object where it is missing. It survives power loss once [`Objects::settle`] was
    /// called.
    pub fn write(&self, kind: ObjectType, bytes: &[u8]) -> Result<ObjectId, GitError> {
        let id = hash(kind, bytes);
        if self.exists(id) {
            return Ok(id);
        }
        let written = self.repository.odb().and_then(|odb| odb.write(kind, bytes));
        written.map_err(|error| self.write_failed(&error))?;
        self.written.borrow_mut().push(id);
        Ok(id)
    }

    /// Hands what was written here to another, which flushes it with its own.
    pub fn hand_over(&self) -> Vec<ObjectId> {
        self.written.take()
    }

    /// Flushes everything written here and `more`, once and together.
    pub fn settle(&self, more: Vec<ObjectId>) -> Result<(), GitError> {
        let objects = self.folder.join("objects");
        let path = |id: ObjectId| {
            let hex = id.to_string();
            objects.join(&hex[..2]).join(&hex[2..])
        };
        let paths: Vec<PathBuf> = self.written.take().into_iter().chain(more).map(path).collect();
        flush_files(&paths)
    }

    /// Builds the tree of `files`, which are sorted by path, and gives its id.
    pub fn write_tree(&self, files: &[FileEntry]) -> Result<ObjectId, GitError> {
        let mut open = vec![Folder::default()];
        let mut path: Vec<&[u8]> = Vec::new();
        for file in files {
            let (folder, name) = super::files::split(&file.path);
            let parts = || folder.split(|b| *b == b'/').filter(|part| !part.is_empty());
            let shared = path.iter().zip(parts()).take_while(|(a, b)| **a == *b).count();
            while path.len() > shared {
                self.close(&mut open, path.pop().unwrap_or_default())?;
            }
            for part in parts().skip(shared) {
                path.push(part);
                open.push(Folder::default());
            }
            if let Some(folder) = open.last_mut() {
                folder.0.push((name, file.mode, file.id));
            }
        }
        while let Some(name) = path.pop() {
            self.close(&mut open, name)?;
        }
        let root = open.pop().unwrap_or_default();
        self.write(ObjectType::Tree, &root.bytes())
    }

    fn close<'a>(&self, open: &mut Vec<Folder<'a>>, name: &'a [u8]) -> Result<(), GitError> {
        let folder = open.pop().unwrap_or_default();
        let id = self.write(ObjectType::Tree, &folder.bytes())?;
        if let Some(above) = open.last_mut() {
            above.0.push((name, MODE_FOLDER, id));
        }
        Ok(())
    }

    fn write_failed(&self, error: &git2::Error) -> GitError {
        let full = error.message().contains("No space left") || error.message().contains("quota");
        if full && error.code() != ErrorCode::NotFound {
            return GitError::DiskFull(self.folder.clone());
        }
        let source = std::io::Error::other(error.message().to_string());
        GitError::Io { path: self.folder.clone(), source }
    }
}

/// A tree object in the making: name, mode and object of each entry.
#[derive(Default)]
struct Folder<'a>(Vec<(&'a [u8], u32, ObjectId)>);

impl Folder<'_> {
    /// Git sorts a folder as if its name ended with a slash.
    fn bytes(mut self) -> Vec<u8> {
        fn key<'a>((name, mode, _): &'a (&[u8], u32, ObjectId)) -> impl Iterator<Item = u8> + 'a {
            let slash = (*mode == MODE_FOLDER).then_some(b'/');
            name.iter().copied().chain(slash)
        }
        self.0.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        let mut bytes = Vec::with_capacity(self.0.len() * 48);
        for (name, mode, id) in self.0 {
            bytes.extend_from_slice(format!("{mode:o} ").as_bytes());
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(id.bytes());
        }
        bytes
    }
}

/// The id that `bytes` have as an object of this kind.
pub(crate) fn hash(kind: ObjectType, bytes: &[u8]) -> ObjectId {
    git2::Oid::hash_object(kind, bytes).map_or(ObjectId::NONE, ObjectId::from_git2)
}

pub(crate) fn tree_line(commit: &[u8]) -> Option<ObjectId> {
    let line = commit.strip_prefix(b"tree ")?.get(..40)?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

pub(crate) fn parse_tree(bytes: &[u8]) -> Option<Vec<TreeEntry>> {
    Some(entries(bytes)?.into_iter().map(TreeEntry::from).collect())
}

/// The lines of a tree object.
fn entries(mut bytes: &[u8]) -> Option<Vec<Entry<'_>>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|b| *b == b' ')?;
        let end = space + bytes[space..].iter().position(|b| *b == 0)?;
        let mode = u32::from_str_radix(std::str::from_utf8(&bytes[..space]).ok()?, 8).ok()?;
        let id = ObjectId::from_bytes(bytes.get(end + 1..end + 21)?)?;
        entries.push(Entry { name: &bytes[space + 1..end], mode, id });
        bytes = &bytes[end + 21..];
    }
    Some(entries)
}

/// Makes libgit2 read no configuration and no attributes outside our own repository: a run could
/// have written them.
#[expect(unsafe_code, reason = "libgit2's search paths are process-wide and set before any use")]
fn forget_configuration() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let levels =
            [ConfigLevel::System, ConfigLevel::Global, ConfigLevel::XDG, ConfigLevel::ProgramData];
        for level in levels {
            // SAFETY: every use of libgit2 in this crate is behind `Objects::open`, which comes
            // here first, so nothing reads the paths while they are set.
            let _ = unsafe { opts::set_search_path(level, "") };
        }
    });
}

//! Looks at every entry of a worktree, several folders at a time, and decides what counts: files
//! the base has, and new ones that the base's ignore rules do not leave out. Reads no file.
//!
//! Everything that does not count is a leftover and is named, so that nothing is hidden silently.

use super::error::GitError;
use super::files::{self, Stamp, join, kind, look};
use super::ignore::Rules;
use super::object::{ObjectId, RepoPath, safe_part};
use super::objects::{FileEntry, MODE_SUBMODULE, Objects};
use super::snapshot::{Leftover, Limits};
use crate::base::foreign::Foreign;
use rustix::fs::{Dir, FileType, Stat};
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Folders deeper than this are leftovers.
const FOLDERS_DEEP: usize = 200;
/// Largest `.gitignore` of a base that is obeyed.
const RULES_BYTES: u64 = 1 << 20;

/// What the base commit says about paths.
pub(crate) struct Base {
    /// Mode and object by path.
    files: HashMap<Vec<u8>, (u32, ObjectId)>,
    folders: HashSet<Vec<u8>>,
    rules: Rules,
}

impl Base {
    pub fn load(objects: &Objects, tree: ObjectId) -> Result<Base, GitError> {
        let list = objects.list(tree)?;
        let mut folders = HashSet::new();
        let mut rules = Vec::new();
        for entry in &list {
            let (mut folder, name) = files::split(&entry.path);
            if name == b".gitignore" && entry.mode & 0o170000 == 0o100000 {
                rules.push((folder.to_vec(), entry.id));
            }
            while !folder.is_empty() && folders.insert(folder.to_vec()) {
                folder = files::split(folder).0;
            }
        }
        rules.sort_by_key(|(folder, _)| folder.split(|b| *b == b'/').count());
        rules.sort_by_key(|(folder, _)| !folder.is_empty());
        let mut parsed = Rules::default();
        for (folder, id) in rules {
            if objects.size(id)? <= RULES_BYTES {
                parsed.add(&folder, &objects.blob(id)?);
            }
        }
        let files = list.into_iter().map(|entry| (entry.path, (entry.mode, entry.id))).collect();
        Ok(Base { files, folders, rules: parsed })
    }

    /// The mode and object of a file of the base.
    pub fn file(&self, path: &[u8]) -> Option<&(u32, ObjectId)> {
        self.files.get(path)
    }
}

/// A file or link that counts.
pub(crate) struct Seen {
    pub path: Vec<u8>,
    pub stamp: Stamp,
    pub is_link: bool,
}

/// All that a walk found.
#[derive(Default)]
pub(crate) struct Found {
    pub seen: Vec<Seen>,
    pub leftovers: Vec<Leftover>,
    pub submodules: Vec<FileEntry>,
}

/// A folder still to be looked at.
struct Folder {
    path: Vec<u8>,
    depth: usize,
    /// Only what the base has counts in it.
    ignored: bool,
}

struct Queue {
    folders: Vec<Folder>,
    working: usize,
    entries: u64,
    failed: Option<GitError>,
}

struct Walk<'a> {
    base: &'a Base,
    excludes: &'a [&'a str],
    limits: &'a Limits,
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// Walks the worktree at `root`.
pub(crate) fn walk(
    root: &Path,
    base: &Base,
    excludes: &[&str],
    limits: &Limits,
) -> Result<Found, GitError> {
    let root_folder = files::open_root(root)?;
    let start = Folder { path: Vec::new(), depth: 0, ignored: false };
    let queue = Queue { folders: vec![start], working: 0, entries: 0, failed: None };
    let walk = Walk { base, excludes, limits, queue: Mutex::new(queue), changed: Condvar::new() };
    let mut all = Found::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..files::workers()).map(|_| scope.spawn(|| walk.work(root_folder.as_fd()))).collect();
        for thread in threads {
            match thread.join() {
                Ok(found) => {
                    all.seen.extend(found.seen);
                    all.leftovers.extend(found.leftovers);
                    all.submodules.extend(found.submodules);
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    let failed = walk.lock().failed.take();
    if let Some(error) = failed {
        return Err(error);
    }
    all.seen.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    all.leftovers.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(all)
}

impl Walk<'_> {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes folders until there are none and nobody may add more.
    fn work(&self, root: BorrowedFd<'_>) -> Found {
        let mut found = Found::default();
        while let Some(folder) = self.next() {
            let mut below = Vec::new();
            let mut entries = 0;
            let looked = self.folder(root, &folder, &mut found, &mut below, &mut entries);
            let mut queue = self.lock();
            queue.working -= 1;
            queue.entries += entries;
            queue.folders.append(&mut below);
            if let Err(error) = looked {
                queue.failed.get_or_insert(error);
            }
            if queue.entries > self.limits.entries {
                let error = self.too_many();
                queue.failed.get_or_insert(error);
            }
            drop(queue);
            self.changed.notify_all();
        }
        found
    }

    fn next(&self) -> Option<Folder> {
        let mut queue = self.lock();
        loop {
            if queue.failed.is_some() {
                return None;
            }
            if let Some(folder) = queue.folders.pop() {
                queue.working += 1;
                return Some(folder);
            }
            if queue.working == 0 {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn folder(
        &self,
        root: BorrowedFd<'_>,
        folder: &Folder,
        found: &mut Found,
        below: &mut Vec<Folder>,
        entries: &mut u64,
    ) -> Result<(), GitError> {
        let opened = match files::descend(root, &folder.path) {
            Ok(opened) => opened,
            Err(error) if folder.depth == 0 => return Err(GitError::io(Path::new("."), error)),
            Err(error) => {
                leave(found, &folder.path, &unreadable(&error));
                return Ok(());
            }
        };
        let listed = Dir::read_from(&opened);
        let listed =
            listed.map_err(|e| GitError::io(RepoPath(folder.path.clone()).as_path(), e))?;
        for entry in listed {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    leave(found, &folder.path, &unreadable(&error.into()));
                    break;
                }
            };
            let name = entry.file_name().to_bytes();
            let left_out =
                name == b"." || name == b".." || (folder.depth == 0 && self.excluded(name));
            if left_out {
                continue;
            }
            *entries += 1;
            if *entries > self.limits.entries {
                return Err(self.too_many());
            }
            let path = join(&folder.path, name);
            match look(&opened, name) {
                Ok(Some(stat)) => {
                    self.entry(folder, opened.as_fd(), (path, name), &stat, found, below)
                }
                Ok(None) => {}
                Err(error) => leave(found, &path, &unreadable(&error)),
            }
        }
        Ok(())
    }

    fn excluded(&self, name: &[u8]) -> bool {
        name == b".git" || self.excludes.iter().any(|exclude| exclude.as_bytes() == name)
    }

    fn entry(
        &self,
        folder: &Folder,
        opened: BorrowedFd<'_>,
        (path, name): (Vec<u8>, &[u8]),
        stat: &Stat,
        found: &mut Found,
        below: &mut Vec<Folder>,
    ) {
        if !safe_part(name) {
            return leave(found, &path, "git's own name inside the worktree");
        }
        match kind(stat) {
            FileType::RegularFile | FileType::Symlink => {
                let in_base = self.base.files.contains_key(&path);
                if !in_base && (folder.ignored || self.base.rules.ignores(&path, false)) {
                    if !folder.ignored {
                        leave(found, &path, IGNORED);
                    }
                    return;
                }
                let is_link = kind(stat) == FileType::Symlink;
                found.seen.push(Seen { path, stamp: Stamp::of(stat), is_link });
            }
            FileType::Directory => self.below(folder, opened, path, name, found, below),
            FileType::Fifo => leave(found, &path, "a FIFO"),
            FileType::Socket => leave(found, &path, "a socket"),
            _ => leave(found, &path, "neither file, folder nor link"),
        }
    }

    fn below(
        &self,
        folder: &Folder,
        opened: BorrowedFd<'_>,
        path: Vec<u8>,
        name: &[u8],
        found: &mut Found,
        below: &mut Vec<Folder>,
    ) {
        if let Some((MODE_SUBMODULE, id)) = self.base.file(&path) {
            let entry = FileEntry { path: path.clone(), mode: MODE_SUBMODULE, id: *id };
            found.submodules.push(entry);
            if !is_empty(opened, name) {
                leave(found, &path, "a submodule with files; its commit is taken from the base");
            }
            return;
        }
        let in_base = self.base.folders.contains(&path);
        let ignored = folder.ignored || self.base.rules.ignores(&path, true);
        if !in_base && ignored {
            if !folder.ignored {
                leave(found, &path, IGNORED);
            }
            return;
        }
        if !in_base && has_git(opened, name) {
            return leave(found, &path, "another git repository");
        }
        if folder.depth >= FOLDERS_DEEP {
            return leave(found, &path, "too many folders deep");
        }
        if ignored && !folder.ignored {
            leave(found, &path, "ignored by the base, except for the files that it has there");
        }
        below.push(Folder { path, depth: folder.depth + 1, ignored });
    }

    fn too_many(&self) -> GitError {
        GitError::TooLarge {
            what: Foreign::new("the number of files in the worktree"),
            limit: self.limits.entries,
            cure: "remove generated files, or add them to .gitignore in the base branch",
        }
    }
}

const IGNORED: &str = "ignored by the base";

fn leave(found: &mut Found, path: &[u8], why: &str) {
    found.leftovers.push(Leftover { path: RepoPath::from(path), why: why.to_string() });
}

fn unreadable(error: &io::Error) -> String {
    format!("unreadable ({})", error.kind())
}

fn has_git(folder: BorrowedFd<'_>, name: &[u8]) -> bool {
    let inside = files::descend(folder, name);
    inside.is_ok_and(|inside| matches!(look(inside, b".git"), Ok(Some(_))))
}

fn is_empty(folder: BorrowedFd<'_>, name: &[u8]) -> bool {
    let Ok(inside) = files::descend(folder, name) else { return false };
    let Ok(mut entries) = Dir::read_from(inside) else { return false };
    entries.all(|entry| entry.is_ok_and(|e| matches!(e.file_name().to_bytes(), b"." | b"..")))
}

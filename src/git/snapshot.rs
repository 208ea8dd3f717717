//! Snapshots: a commit in the store that holds the files of a worktree exactly as they are on disk.
//!
//! The worktree is only read as files. Its index, `.git`, attributes, excludes and ignore files
//! mean nothing here; what counts follows from the recorded base commit (U-01, U-09).

use super::error::GitError;
use super::files::{self, Folders, Stamp};
use super::object::{ObjectId, RepoPath, Report, tell};
use super::objects::{FileEntry, MODE_FILE, MODE_LINK, MODE_PROGRAM, Objects, hash};
use super::stat_cache::{self, Known, StatCache};
use super::store::Store;
use super::usage;
use super::walk::{self, Base, Found, Seen};
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use git2::ObjectType;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Leftovers beyond this many are counted and not named.
const LEFTOVERS: usize = 1000;
/// How often a file that changes while it is read is tried again.
const TRIES: u32 = 5;

/// A worktree to be read.
#[derive(Clone, Debug)]
pub struct WorktreeFiles<'a> {
    /// Its folder.
    pub root: &'a Path,
    /// Names directly in it that are not part of the work, such as `.monban`. `.git` never is.
    pub excludes: &'a [&'a str],
    /// Bounds on what is read.
    pub limits: Limits,
}

/// Bounds on what a snapshot reads; over one is an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of all new and changed files.
    pub total_bytes: u64,
    /// Files and folders.
    pub entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 256 << 20, total_bytes: 8 << 30, entries: 1_000_000 }
    }
}

/// A worktree's files in the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The commit.
    pub commit: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// What is in the worktree and not in the tree, by its uppermost path.
    pub leftovers: Vec<Leftover>,
    /// How many leftovers there are; more than are named when there are very many.
    pub leftover_count: u64,
    /// How many bytes of the disk the worktree takes besides the base's own, where that can be
    /// told.
    #[serde(default)]
    pub disk_bytes: Option<u64>,
}

/// Something in the worktree that a snapshot does not hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Leftover {
    /// Where.
    pub path: RepoPath,
    /// Why it is not in.
    pub why: String,
}

/// The commit that a snapshot becomes.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    /// The recorded base commit, which decides what counts.
    pub base: ObjectId,
    /// The commit's parent: the base or an earlier snapshot.
    pub parent: ObjectId,
    /// Its message.
    pub message: &'a str,
    /// Its time.
    pub at: Timestamp,
}

/// Reads a worktree into the store. The same files, parent, message and time give the same commit.
/// `cache` is a file of ours outside the worktree that makes the next snapshot fast.
pub fn take(
    store: &Store,
    worktree: &WorktreeFiles<'_>,
    cache: &Path,
    label: &Label<'_>,
    report: &mut Report<'_>,
) -> Result<Snapshot, GitError> {
    let objects = store.objects()?;
    tell(report, "looking at files", 0, None)?;
    let (base, known) = std::thread::scope(|scope| {
        let loading = scope.spawn(|| stat_cache::load(cache));
        let base = objects.tree_of(label.base).and_then(|tree| Base::load(&objects, tree));
        (base, loading.join().unwrap_or_default())
    });
    let base = base?;
    let began = stat_cache::now(cache)?;
    let Found { seen, mut leftovers, submodules } =
        walk::walk(worktree.root, &base, worktree.excludes, &worktree.limits)?;
    tell(report, "reading changed files", 0, Some(seen.len() as u64))?;
    let (total, written) = (AtomicU64::new(0), Mutex::default());
    let reader = Reader { store, worktree, base: &base, known: &known, total, written };
    let read = reader.read_all(&seen)?;
    let mut files = submodules;
    let mut settled = Vec::with_capacity(read.len());
    let mut new_bytes = 0_u64;
    for (seen, outcome) in seen.iter().zip(read) {
        match outcome {
            Outcome::Entry(entry, stamp) => {
                settled.push((seen.path.as_slice(), Known { stamp, id: entry.id }));
                if base.file(&seen.path).is_none_or(|(_, id)| *id != entry.id) {
                    new_bytes = new_bytes.saturating_add(stamp.size);
                }
                files.push(entry);
            }
            Outcome::Left(leftover) => leftovers.push(leftover),
            Outcome::Gone => {}
        }
    }
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let tree = objects.write_tree(&files)?;
    let commit = objects.write(ObjectType::Commit, &commit_bytes(tree, label))?;
    let written = reader.written.into_inner().unwrap_or_else(PoisonError::into_inner);
    objects.settle(written)?;
    stat_cache::save(cache, began, settled.into_iter())?;
    tell(report, "reading changed files", files.len() as u64, Some(files.len() as u64))?;
    let leftover_count = leftovers.len() as u64;
    let aside = worktree.excludes.iter().map(|name| name.as_bytes()).chain([&b".git"[..]]);
    let left = leftovers.iter().map(|left| left.path.0.clone());
    let left = usage::bytes(worktree.root, left.chain(aside.map(<[u8]>::to_vec)));
    let disk_bytes = left.map(|left| left.saturating_add(new_bytes));
    leftovers.truncate(LEFTOVERS);
    Ok(Snapshot { commit, tree, leftovers, leftover_count, disk_bytes })
}

/// A snapshot's commit of a tree that is in the store already: a merged result.
pub fn commit(store: &Store, tree: ObjectId, label: &Label<'_>) -> Result<ObjectId, GitError> {
    let objects = store.objects()?;
    let commit = objects.write(ObjectType::Commit, &commit_bytes(tree, label))?;
    objects.settle(Vec::new())?;
    Ok(commit)
}

/// Snapshots are monban's own commits, whoever runs it, so that their ids follow from their
/// content.
fn commit_bytes(tree: ObjectId, label: &Label<'_>) -> Vec<u8> {
    let who = format!("monban <monban@localhost> {} +0000", label.at.millis().div_euclid(1000));
    let Label { parent, message, .. } = label;
    format!("tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n\n{message}\n")
        .into_bytes()
}

enum Outcome {
    Entry(FileEntry, Stamp),
    Left(Leftover),
    Gone,
}

struct Reader<'a> {
    store: &'a Store,
    worktree: &'a WorktreeFiles<'a>,
    base: &'a Base,
    known: &'a StatCache,
    total: AtomicU64,
    /// Objects that the workers wrote and did not flush.
    written: Mutex<Vec<ObjectId>>,
}

impl Reader<'_> {
    fn read_all(&self, seen: &[Seen]) -> Result<Vec<Outcome>, GitError> {
        files::in_parallel(seen, |share| {
            let mut folders = Folders::below(self.worktree.root)?;
            let objects = self.store.objects()?;
            let read =
                share.iter().map(|seen| self.outcome(&mut folders, &objects, seen)).collect();
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            written.extend(objects.hand_over());
            read
        })
    }

    fn outcome<'s>(
        &self,
        folders: &mut Folders<'s>,
        objects: &Objects,
        seen: &'s Seen,
    ) -> Result<Outcome, GitError> {
        let unchanged = self.known.get(&seen.path).filter(|known| known.stamp == seen.stamp);
        if let Some(known) = unchanged {
            let mode = git_mode(seen.is_link, seen.stamp.mode);
            return Ok(Outcome::Entry(self.entry(seen, mode, known.id), seen.stamp));
        }
        let (folder, name) = files::split(&seen.path);
        let read = folders.open(folder).and_then(|folder| {
            if seen.is_link {
                return Ok((files::read_link(folder, name)?, seen.stamp));
            }
            for _ in 0..TRIES {
                if let Some(read) =
                    files::read_still(folder, name, self.worktree.limits.file_bytes)?
                {
                    return Ok(read);
                }
            }
            Err(std::io::ErrorKind::ResourceBusy.into())
        });
        let (bytes, stamp) = match read {
            Ok(read) => read,
            Err(error) => return self.unread(seen, &error),
        };
        let id = hash(ObjectType::Blob, &bytes);
        if self.base.file(&seen.path).is_none_or(|known| known.1 != id) {
            self.count(bytes.len() as u64)?;
            objects.write(ObjectType::Blob, &bytes)?;
        }
        let mode = git_mode(seen.is_link, stamp.mode);
        Ok(Outcome::Entry(self.entry(seen, mode, id), stamp))
    }

    fn entry(&self, seen: &Seen, mode: u32, id: ObjectId) -> FileEntry {
        FileEntry { path: seen.path.clone(), mode, id }
    }

    fn unread(&self, seen: &Seen, error: &std::io::Error) -> Result<Outcome, GitError> {
        let path = RepoPath(seen.path.clone());
        match error.kind() {
            std::io::ErrorKind::NotFound => Ok(Outcome::Gone),
            std::io::ErrorKind::ResourceBusy => Err(GitError::Restless(path)),
            std::io::ErrorKind::FileTooLarge => Err(GitError::TooLarge {
                what: Foreign::new(format!(
                    "{} ({} bytes)",
                    Foreign::from_bytes(&seen.path).raw(),
                    seen.stamp.size
                )),
                limit: self.worktree.limits.file_bytes,
                cure: "remove the file, or ignore it in the base branch",
            }),
            kind => {
                let why = format!("unreadable ({kind})");
                Ok(Outcome::Left(Leftover { path, why }))
            }
        }
    }

    fn count(&self, bytes: u64) -> Result<(), GitError> {
        let total = self.total.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if total > self.worktree.limits.total_bytes {
            return Err(GitError::TooLarge {
                what: Foreign::new("the bytes of all changed files"),
                limit: self.worktree.limits.total_bytes,
                cure: "remove generated files, or ignore them in the base branch",
            });
        }
        Ok(())
    }
}

/// Git knows of a file's mode only whether its owner may execute it.
pub(crate) fn git_mode(is_link: bool, mode: u32) -> u32 {
    match (is_link, mode & 0o100) {
        (true, _) => MODE_LINK,
        (false, 0) => MODE_FILE,
        (false, _) => MODE_PROGRAM,
    }
}

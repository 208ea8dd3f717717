//! What a change is, for those who look into it: every file that differs between two trees of the
//! store with the bytes of both sides, and the numbers of the lines that differ, from the very same
//! comparison as the difference that is shown and signed. And what an agent says that its own
//! commits do.

use super::diff::{self, Delta, Folder, TEXT_BYTES};
use super::error::GitError;
use super::object::{ObjectId, RepoPath, full_name};
use super::objects::{MODE_FILE, MODE_PROGRAM, MODE_SUBMODULE, Objects, TreeEntry};
use super::repository::Repository;
use super::store::Store;
use crate::base::foreign::Foreign;
use crate::base::parallel;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

/// More bytes than this on both sides of a change are not looked into: it is refused as a whole.
const TOTAL_BYTES: u64 = 512 << 20;
/// A manifest larger than this is not read.
const MANIFEST_BYTES: u64 = 1 << 20;
/// Commits of an agent beyond this many, and messages beyond this many bytes, are refused.
const COMMITS: usize = 1000;
const COMMITS_BYTES: u64 = 4 << 20;

/// A file that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangedFile {
    /// Its path.
    pub path: RepoPath,
    /// What was there.
    pub old: Option<Side>,
    /// What is there.
    pub new: Option<Side>,
    /// The lines that only the new side has, numbered from 1.
    pub added: Vec<u32>,
    /// The lines that only the old side has, numbered from 1.
    pub removed: Vec<u32>,
    /// Whether it is binary, or too large to compare by lines.
    pub binary: bool,
}

/// One side of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Side {
    /// Git's mode.
    pub mode: u32,
    /// How long it is.
    pub size: u64,
    /// Its bytes, or of a submodule the line that git shows for it. None of a file that is too
    /// large to compare by lines.
    pub bytes: Vec<u8>,
}

/// What differs between two commits or trees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// The files that differ, by path.
    pub files: Vec<ChangedFile>,
    /// The manifests of the crates that changed files of Rust belong to, as they are afterwards, by
    /// their folders. One that is too large to be read is left out.
    pub manifests: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What differs between two commits or trees. Every folder that differs is read once; the folders
/// and the files in them are shared by the cores.
pub fn changed_files(store: &Store, from: ObjectId, to: ObjectId) -> Result<Changed, GitError> {
    let objects = store.objects()?;
    let root = Folder::root(objects.tree_of(from)?, objects.tree_of(to)?);
    let left = AtomicU64::new(TOTAL_BYTES);
    let work = |objects: &Objects, part: Part, more: &mut Vec<Part>| match part {
        Part::Folder(folder) => {
            let differing = diff::differing(objects, &folder)?;
            more.extend(differing.files.into_iter().map(Part::File));
            more.extend(differing.folders.into_iter().map(Part::Folder));
            Ok(differing.manifest.map(|entry| Made::Manifest(folder.path, entry)))
        }
        Part::File(delta) => {
            changed_file(objects, &delta, &left).map(|file| Some(Made::File(file)))
        }
    };
    let (mut files, mut entries) = (Vec::new(), Vec::new());
    for made in parallel::work_off(vec![Part::Folder(root)], || store.objects(), work)? {
        match made {
            Made::File(file) => files.push(file),
            Made::Manifest(folder, entry) => entries.push((folder, entry)),
        }
    }
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let around = folders_of_rust(&files);
    entries.retain(|(folder, _)| around.contains(folder.as_slice()));
    let manifests = manifests(&objects, entries)?;
    Ok(Changed { files, manifests })
}

/// Something to be compared.
enum Part {
    Folder(Folder),
    File(Delta),
}

/// What came of that.
enum Made {
    File(ChangedFile),
    Manifest(Vec<u8>, TreeEntry),
}

/// The folders around files of Rust.
fn folders_of_rust(files: &[ChangedFile]) -> BTreeSet<&[u8]> {
    let paths = files.iter().map(|file| file.path.0.as_slice());
    let is_rust = |path: &&[u8]| path.to_ascii_lowercase().ends_with(b".rs");
    let mut around = BTreeSet::new();
    for path in paths.filter(is_rust) {
        around.insert(&path[..0]);
        let ends = (0..path.len()).filter(|at| path[*at] == b'/');
        around.extend(ends.map(|end| &path[..end]));
    }
    around
}

fn manifests(
    objects: &Objects,
    entries: Vec<(Vec<u8>, TreeEntry)>,
) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, GitError> {
    let mut found = BTreeMap::new();
    for (folder, entry) in entries {
        let is_file = entry.mode == MODE_FILE || entry.mode == MODE_PROGRAM;
        if is_file && objects.size(entry.id)? <= MANIFEST_BYTES {
            found.insert(folder, objects.blob(entry.id)?);
        }
    }
    Ok(found)
}

fn changed_file(
    objects: &Objects,
    delta: &Delta,
    left: &AtomicU64,
) -> Result<ChangedFile, GitError> {
    let side = |entry: &Option<TreeEntry>| match entry {
        Some(entry) => read(objects, entry, left).map(Some),
        None => Ok(None),
    };
    let (old, new) = (side(&delta.old)?, side(&delta.new)?);
    let mut file = ChangedFile {
        path: RepoPath(delta.path.clone()),
        old,
        new,
        added: Vec::new(),
        removed: Vec::new(),
        binary: false,
    };
    let is_large =
        |side: &Option<Side>| side.as_ref().is_some_and(|side| side.size > TEXT_BYTES as u64);
    if is_large(&file.old) || is_large(&file.new) {
        file.binary = true;
        return Ok(file);
    }
    let lines = diff::lines(bytes(&file.old), bytes(&file.new))?;
    (file.added, file.removed, file.binary) = (lines.added, lines.removed, lines.binary);
    Ok(file)
}

fn bytes(side: &Option<Side>) -> &[u8] {
    side.as_ref().map_or(&[], |side| &side.bytes)
}

/// A side's bytes, within what is left for the whole change.
fn read(objects: &Objects, entry: &TreeEntry, left: &AtomicU64) -> Result<Side, GitError> {
    let mode = entry.mode;
    if mode == MODE_SUBMODULE {
        let bytes = diff::submodule_line(entry.id);
        return Ok(Side { mode, size: bytes.len() as u64, bytes });
    }
    let size = objects.size(entry.id)?;
    if size > TEXT_BYTES as u64 {
        return Ok(Side { mode, size, bytes: Vec::new() });
    }
    let take = |left: u64| left.checked_sub(size);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).map_err(|_| {
        GitError::TooLarge {
            what: Foreign::new("the bytes of all changed files, before and after,"),
            limit: TOTAL_BYTES,
            cure: "leave generated files out of the change",
        }
    })?;
    Ok(Side { mode, size, bytes: objects.blob(entry.id)? })
}

impl Repository {
    /// The messages of the commits that `branch` (a full name) has and `base` has not, latest
    /// first; none when there is no such branch.
    pub fn messages(&self, branch: &str, base: ObjectId) -> Result<Vec<Foreign>, GitError> {
        if self.find_ref(branch)?.is_none() {
            return Ok(Vec::new());
        }
        let most = format!("--max-count={}", COMMITS + 1);
        let (from, until) = (full_name(branch)?, format!("^{base}"));
        let commits = self.git("rev-list").args([&most, from, &until, "--"]).text()?;
        if commits.lines().count() > COMMITS {
            return Err(too_many("the number of commits on the agent's branch", COMMITS as u64));
        }
        if commits.trim().is_empty() {
            return Ok(Vec::new());
        }
        let read = self.git("cat-file").arg("--batch").input(format!("{}\n", commits.trim()));
        let read = read.output_bytes(COMMITS_BYTES).run().map_err(|error| match error {
            GitError::TooLarge { .. } => {
                too_many("the size of the messages on the agent's branch", COMMITS_BYTES)
            }
            other => other,
        })?;
        Ok(messages(&read.stdout))
    }
}

fn too_many(what: &str, limit: u64) -> GitError {
    let cure = "ask the agent to begin its branch anew from the base";
    GitError::TooLarge { what: Foreign::new(what), limit, cure }
}

/// The messages in what `cat-file --batch` wrote about commits.
fn messages(mut batch: &[u8]) -> Vec<Foreign> {
    let mut messages = Vec::new();
    while let Some(end) = batch.iter().position(|byte| *byte == b'\n') {
        let size = batch[..end].rsplit(|byte| *byte == b' ').next().unwrap_or_default();
        let size: usize = std::str::from_utf8(size).ok().and_then(|n| n.parse().ok()).unwrap_or(0);
        let rest = &batch[end + 1..];
        let (commit, rest) = rest.split_at(size.min(rest.len()));
        let body =
            commit.windows(2).position(|pair| pair == b"\n\n").map_or(commit.len(), |at| at + 2);
        messages.push(Foreign::from_bytes(&commit[body..]));
        batch = rest.strip_prefix(b"\n").unwrap_or(rest);
    }
    messages
}

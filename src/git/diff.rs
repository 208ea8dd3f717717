//! Differences between two trees of the store, from objects alone: no attributes, no external diff,
//! no text conversion, no rename guessing. What is shown and what is signed come from the same
//! bytes.

use super::error::GitError;
use super::files::join;
use super::object::{ObjectId, RepoPath};
use super::objects::{Entry, MODE_FOLDER, MODE_SUBMODULE, Objects, TreeEntry};
use super::pictures::{is_picture, text_lines};
use super::store::Store;
use crate::base::hash::{sha256, sha256_parts};
use git2::{DiffLineType, DiffOptions, ObjectType};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Files over this many bytes are compared as binary.
pub(super) const TEXT_BYTES: usize = 16 << 20;
/// Files with more lines than this, before and after, are compared as binary: comparing takes some
/// hundred bytes for a line, also for an empty one.
const LINES: usize = 1 << 20;
/// What the manifest of a crate is called.
const MANIFEST: &[u8] = b"Cargo.toml";
/// Folders below folders in a tree.
const FOLDERS_DEEP: usize = 1000;

/// What happened to a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is new.
    Added,
    /// Its content or mode changed.
    Changed,
    /// It is gone.
    Deleted,
}

/// One file's difference.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileChange {
    /// Its path.
    pub path: RepoPath,
    /// What happened.
    pub status: Status,
    /// Git's mode before; 0 when it was not there.
    pub old_mode: u32,
    /// Git's mode after; 0 when it is not there.
    pub new_mode: u32,
    /// The object before.
    pub old: Option<ObjectId>,
    /// The object after.
    pub new: Option<ObjectId>,
    /// Lines added; of a file that is not compared by lines, all that it has, or of a picture all
    /// that read as text: no byte in it makes a change a small one.
    pub added: u64,
    /// Lines deleted, in the same way.
    pub deleted: u64,
    /// Whether either side is binary or too large to compare by lines.
    pub binary: bool,
    /// Whether it is a picture or a font: of such a file what reads as text counts alone.
    pub picture: bool,
}

/// The difference between two trees.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Diff {
    /// The files that differ, by path.
    pub files: Vec<FileChange>,
    /// Lines added in all.
    pub added: u64,
    /// Lines deleted in all.
    pub deleted: u64,
    /// SHA-256 over paths, modes and the bytes of both sides of every file: what a person signs.
    pub sha256: String,
}

/// A path that differs and what is on both sides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Delta {
    pub path: Vec<u8>,
    pub old: Option<TreeEntry>,
    pub new: Option<TreeEntry>,
}

/// Compares two commits or trees.
pub fn diff(store: &Store, from: ObjectId, to: ObjectId) -> Result<Diff, GitError> {
    let objects = store.objects()?;
    let deltas = deltas(&objects, objects.tree_of(from)?, objects.tree_of(to)?)?;
    let mut files = Vec::with_capacity(deltas.len());
    let mut digest: Vec<Vec<u8>> = Vec::with_capacity(deltas.len());
    for delta in deltas {
        let (old, new) = sides(&objects, &delta)?;
        let (old_mode, new_mode) = (mode(delta.old.as_ref()), mode(delta.new.as_ref()));
        let sums = [sha256(&old), sha256(&new)];
        digest.push(delta.path.clone());
        digest.push(format!("{old_mode:o} {new_mode:o} {} {}", sums[0], sums[1]).into_bytes());
        let (added, deleted, binary) = count(&delta.path, &old, &new)?;
        let shown = if delta.new.is_some() { &new } else { &old };
        let picture = binary && is_picture(&delta.path, shown);
        files.push(FileChange {
            status: status(&delta),
            old_mode,
            new_mode,
            old: delta.old.map(|entry| entry.id),
            new: delta.new.map(|entry| entry.id),
            path: RepoPath(delta.path),
            added,
            deleted,
            binary,
            picture,
        });
    }
    Ok(Diff {
        added: files.iter().map(|file| file.added).sum(),
        deleted: files.iter().map(|file| file.deleted).sum(),
        sha256: sha256_parts(digest.iter().map(Vec::as_slice)),
        files,
    })
}

/// A difference as text in git's patch format.
pub struct Patch {
    /// The text; its bytes are foreign.
    pub text: Vec<u8>,
    /// Whether it ends, with a line that says so, before all of the difference is told.
    pub is_cut: bool,
}

/// The difference as text of at most about `limit` bytes, as `cost` counts them.
pub fn patch(
    store: &Store,
    from: ObjectId,
    to: ObjectId,
    limit: usize,
    cost: impl Fn(&[u8]) -> usize,
) -> Result<Patch, GitError> {
    let objects = store.objects()?;
    let (mut text, mut left) = (Vec::new(), limit);
    for delta in deltas(&objects, objects.tree_of(from)?, objects.tree_of(to)?)? {
        let (old, new) = sides(&objects, &delta)?;
        let mut file = file_header(&delta);
        if !has_lines(&old, &new) {
            file.extend_from_slice(b"Binary files differ\n");
        } else {
            let mut patch = from_buffers(&old, &new)?;
            let body = patch.to_buf().map_err(|error| bad(&error))?;
            file.extend_from_slice(hunks(&body));
        }
        for line in file.split_inclusive(|byte| *byte == b'\n') {
            let Some(rest) = left.checked_sub(cost(line)) else {
                text.extend_from_slice(b"[cut: the difference is longer than can be shown]\n");
                return Ok(Patch { text, is_cut: true });
            };
            left = rest;
            text.extend_from_slice(line);
        }
    }
    Ok(Patch { text, is_cut: false })
}

/// Every path that differs, sorted.
pub(crate) fn deltas(
    objects: &Objects,
    from: ObjectId,
    to: ObjectId,
) -> Result<Vec<Delta>, GitError> {
    let mut found = Vec::new();
    let mut folders = vec![Folder::root(from, to)];
    while let Some(folder) = folders.pop() {
        let differing = differing(objects, &folder)?;
        found.extend(differing.files);
        folders.extend(differing.folders);
    }
    found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// A folder that differs, and its tree on both sides.
pub(super) struct Folder {
    pub path: Vec<u8>,
    from: Option<ObjectId>,
    to: Option<ObjectId>,
    depth: usize,
}

impl Folder {
    /// The first, with all others in it.
    pub fn root(from: ObjectId, to: ObjectId) -> Self {
        Self { path: Vec::new(), from: Some(from), to: Some(to), depth: 0 }
    }
}

/// What differs in a folder.
pub(super) struct Differing {
    pub files: Vec<Delta>,
    pub folders: Vec<Folder>,
    /// The manifest of a crate that is there afterwards, whether or not it differs.
    pub manifest: Option<TreeEntry>,
}

/// Compares the two sides of a folder, without what is below it.
pub(super) fn differing(objects: &Objects, folder: &Folder) -> Result<Differing, GitError> {
    if folder.depth > FOLDERS_DEEP {
        return Err(GitError::Unsafe(RepoPath(folder.path.clone())));
    }
    let bytes = |tree: Option<ObjectId>| match tree {
        Some(tree) => objects.read(tree, ObjectType::Tree),
        None => Ok(Vec::new()),
    };
    let id = |tree: Option<ObjectId>| tree.unwrap_or(ObjectId::NONE);
    let (old, new) = (bytes(folder.from)?, bytes(folder.to)?);
    let old = Objects::entries_of(id(folder.from), &old)?;
    let new = Objects::entries_of(id(folder.to), &new)?;
    let manifest = new.iter().find(|entry| entry.name == MANIFEST);
    let mut found = Differing {
        files: Vec::new(),
        folders: Vec::new(),
        manifest: manifest.copied().map(TreeEntry::from),
    };
    let (mut old, mut new) = apart(&old, &new);
    let names: BTreeSet<&[u8]> = old.keys().chain(new.keys()).copied().collect();
    for name in names {
        let (old, new) = (old.remove(name), new.remove(name));
        if old == new {
            continue;
        }
        let path = join(&folder.path, name);
        let (from, old) = part(old);
        let (to, new) = part(new);
        if from.is_some() || to.is_some() {
            found.folders.push(Folder { path: path.clone(), from, to, depth: folder.depth + 1 });
        }
        if old.is_some() || new.is_some() {
            found.files.push(Delta { path, old, new });
        }
    }
    Ok(found)
}

type ByName<'a> = BTreeMap<&'a [u8], Entry<'a>>;

/// The entries by their names, without those that both sides begin and end with: mostly that is all
/// but one or two.
fn apart<'a>(old: &[Entry<'a>], new: &[Entry<'a>]) -> (ByName<'a>, ByName<'a>) {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[start..], &new[start..]);
    let pairs = old.iter().rev().zip(new.iter().rev());
    let end = pairs.take_while(|(old, new)| old == new).count();
    let by_name = |entries: &[Entry<'a>]| {
        entries[..entries.len() - end].iter().map(|entry| (entry.name, *entry)).collect()
    };
    (by_name(old), by_name(new))
}

/// A folder's tree, or the file.
fn part(entry: Option<Entry<'_>>) -> (Option<ObjectId>, Option<TreeEntry>) {
    match entry {
        Some(entry) if entry.mode == MODE_FOLDER => (Some(entry.id), None),
        other => (None, other.map(TreeEntry::from)),
    }
}

fn mode(entry: Option<&TreeEntry>) -> u32 {
    entry.map_or(0, |entry| entry.mode)
}

fn status(delta: &Delta) -> Status {
    match (&delta.old, &delta.new) {
        (None, _) => Status::Added,
        (_, None) => Status::Deleted,
        _ => Status::Changed,
    }
}

/// The bytes of both sides; of a submodule, the line git shows for it.
fn sides(objects: &Objects, delta: &Delta) -> Result<(Vec<u8>, Vec<u8>), GitError> {
    let side = |entry: &Option<TreeEntry>| match entry {
        None => Ok(Vec::new()),
        Some(entry) if entry.mode == MODE_SUBMODULE => Ok(submodule_line(entry.id)),
        Some(entry) => objects.blob(entry.id),
    };
    Ok((side(&delta.old)?, side(&delta.new)?))
}

/// The line that git shows for a submodule.
pub(super) fn submodule_line(commit: ObjectId) -> Vec<u8> {
    format!("Subproject commit {commit}\n").into_bytes()
}

/// The numbers of the lines that differ.
pub(super) struct Lines {
    pub added: Vec<u32>,
    pub removed: Vec<u32>,
    pub binary: bool,
}

/// Which lines differ, from the comparison that [`diff`] counts and [`patch`] shows.
pub(super) fn lines(old: &[u8], new: &[u8]) -> Result<Lines, GitError> {
    if !has_lines(old, new) {
        return Ok(Lines { added: Vec::new(), removed: Vec::new(), binary: true });
    }
    let patch = from_buffers(old, new)?;
    let binary = patch.delta().flags().contains(git2::DiffFlags::BINARY);
    let mut lines = Lines { added: Vec::new(), removed: Vec::new(), binary };
    for hunk in 0..patch.num_hunks() {
        let count = patch.num_lines_in_hunk(hunk).map_err(|error| bad(&error))?;
        for at in 0..count {
            let line = patch.line_in_hunk(hunk, at).map_err(|error| bad(&error))?;
            match line.origin_value() {
                DiffLineType::Addition => lines.added.extend(line.new_lineno()),
                DiffLineType::Deletion => lines.removed.extend(line.old_lineno()),
                _ => {}
            }
        }
    }
    Ok(lines)
}

fn count(path: &[u8], old: &[u8], new: &[u8]) -> Result<(u64, u64, bool), GitError> {
    let is_same = old == new;
    let all = |side: &[u8]| match is_picture(path, side) {
        _ if is_same => 0,
        true => text_lines(side) as u64,
        false => line_count(side) as u64,
    };
    if !has_lines(old, new) {
        return Ok((all(new), all(old), true));
    }
    let patch = from_buffers(old, new)?;
    if patch.delta().flags().contains(git2::DiffFlags::BINARY) {
        return Ok((all(new), all(old), true));
    }
    let (_, added, deleted) = patch.line_stats().map_err(|error| bad(&error))?;
    Ok((added as u64, deleted as u64, false))
}

/// Whether two sides are small enough to be compared by lines.
fn has_lines(old: &[u8], new: &[u8]) -> bool {
    old.len().max(new.len()) <= TEXT_BYTES && line_count(old) + line_count(new) <= LINES
}

fn line_count(side: &[u8]) -> usize {
    side.split_inclusive(|byte| *byte == b'\n').count()
}

/// Without a repository libgit2 knows no attributes: nothing can declare a file binary but its
/// bytes.
fn from_buffers<'a>(old: &'a [u8], new: &'a [u8]) -> Result<git2::Patch<'a>, GitError> {
    let mut options = DiffOptions::new();
    options.context_lines(3);
    git2::Patch::from_buffers(old, None, new, None, Some(&mut options)).map_err(|error| bad(&error))
}

fn bad(error: &git2::Error) -> GitError {
    GitError::object(ObjectId::NONE, error)
}

/// The lines above a file's hunks, with names quoted as git does.
fn file_header(delta: &Delta) -> Vec<u8> {
    let (a, b) = (quoted(b"a/", &delta.path), quoted(b"b/", &delta.path));
    let mut text = [b"diff --git ".as_slice(), &a, b" ", &b, b"\n"].concat();
    let (old, new) = (mode(delta.old.as_ref()), mode(delta.new.as_ref()));
    let modes = match status(delta) {
        Status::Added => format!("new file mode {new:06o}\n"),
        Status::Deleted => format!("deleted file mode {old:06o}\n"),
        Status::Changed if old != new => format!("old mode {old:06o}\nnew mode {new:06o}\n"),
        Status::Changed => String::new(),
    };
    text.extend_from_slice(modes.as_bytes());
    let none = b"/dev/null".to_vec();
    let from = if delta.old.is_some() { &a } else { &none };
    let to = if delta.new.is_some() { &b } else { &none };
    text.extend_from_slice(&[b"--- ".as_slice(), from, b"\n+++ ", to, b"\n"].concat());
    text
}

/// What follows libgit2's own header, which has no names.
fn hunks(patch: &[u8]) -> &[u8] {
    let starts = |at: &usize| {
        let line_starts = *at == 0 || patch[*at - 1] == b'\n';
        line_starts && (patch[*at..].starts_with(b"@@ ") || patch[*at..].starts_with(b"Binary "))
    };
    (0..patch.len()).find(starts).map_or(b"", |at| &patch[at..])
}

fn quoted(prefix: &[u8], path: &[u8]) -> Vec<u8> {
    let plain = |b: &u8| (0x20..0x7f).contains(b) && *b != b'"' && *b != b'\\';
    if path.iter().all(plain) {
        return [prefix, path].concat();
    }
    let mut text = [b"\"".as_slice(), prefix].concat();
    for byte in path {
        match byte {
            b'"' | b'\\' => text.extend_from_slice(&[b'\\', *byte]),
            byte if plain(byte) => text.push(*byte),
            byte => text.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
    text.push(b'"');
    text
}

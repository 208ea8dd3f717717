//! Differences between two trees of the store, from objects alone: no attributes, no external diff,
//! no text conversion, no rename guessing. What is shown and what is signed come from the same
//! bytes.

use super::error::GitError;
use super::files::join;
use super::object::{ObjectId, RepoPath};
use super::objects::{MODE_FOLDER, MODE_SUBMODULE, Objects, TreeEntry};
use super::pictures::{is_picture, text_lines};
use super::store::Store;
use crate::base::hash::{sha256, sha256_parts};
use git2::{DiffLineType, DiffOptions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Files over this many bytes are compared as binary.
pub(super) const TEXT_BYTES: usize = 16 << 20;
/// Files with more lines than this, before and after, are compared as binary: comparing takes some
/// hundred bytes for a line, also for an empty one.
const LINES: usize = 1 << 20;
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
    let mut folders = vec![(Vec::new(), Some(from), Some(to), 0)];
    while let Some((path, from, to, depth)) = folders.pop() {
        if depth > FOLDERS_DEEP {
            return Err(GitError::Unsafe(RepoPath(path)));
        }
        let (mut old, mut new) = (by_name(objects, from)?, by_name(objects, to)?);
        let names: Vec<Vec<u8>> = old.keys().chain(new.keys()).cloned().collect();
        for name in names {
            let (old, new) = (old.remove(&name), new.remove(&name));
            if old == new {
                continue;
            }
            let path = join(&path, &name);
            let (old_folder, old) = part(old);
            let (new_folder, new) = part(new);
            if old_folder.is_some() || new_folder.is_some() {
                folders.push((path.clone(), old_folder, new_folder, depth + 1));
            }
            if old.is_some() || new.is_some() {
                found.push(Delta { path, old, new });
            }
        }
    }
    found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The files of a name in the folders of a tree that these paths go through, by their folders.
pub(super) fn around<'a>(
    objects: &Objects,
    tree: ObjectId,
    paths: impl Iterator<Item = &'a [u8]>,
    name: &[u8],
) -> Result<BTreeMap<Vec<u8>, TreeEntry>, GitError> {
    let mut folders = BTreeMap::from([(Vec::new(), Some(by_name(objects, Some(tree))?))]);
    for path in paths {
        let ends = (0..path.len()).filter(|at| path[*at] == b'/');
        let mut above: &[u8] = b"";
        for end in ends.take(FOLDERS_DEEP) {
            let folder = &path[..end];
            if !folders.contains_key(folder) {
                let own = folder.rsplit(|byte| *byte == b'/').next().unwrap_or(folder);
                let entry = folders.get(above).and_then(Option::as_ref).and_then(|it| it.get(own));
                let entry = entry.filter(|entry| entry.mode == MODE_FOLDER);
                let entries = entry.map(|entry| by_name(objects, Some(entry.id))).transpose()?;
                folders.insert(folder.to_vec(), entries);
            }
            above = folder;
        }
    }
    let held = |(folder, entries): (Vec<u8>, Option<BTreeMap<Vec<u8>, TreeEntry>>)| {
        let entry = entries?.remove(name)?;
        Some((folder, entry))
    };
    Ok(folders.into_iter().filter_map(held).collect())
}

/// A folder's tree, or the file.
fn part(entry: Option<TreeEntry>) -> (Option<ObjectId>, Option<TreeEntry>) {
    match entry {
        Some(entry) if entry.mode == MODE_FOLDER => (Some(entry.id), None),
        other => (None, other),
    }
}

fn by_name(
    objects: &Objects,
    tree: Option<ObjectId>,
) -> Result<BTreeMap<Vec<u8>, TreeEntry>, GitError> {
    let entries = tree.map_or_else(|| Ok(Vec::new()), |tree| objects.tree(tree))?;
    Ok(entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect())
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

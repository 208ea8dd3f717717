//! Merging an approved tree with a base that moved, file by file, from objects alone: no
//! attributes, so no merge driver, and no guessing of renames. A rename on one side with an edit on
//! the other is a conflict, which goes back to the agent rather than to a guess.

use super::diff::{Delta, deltas};
use super::error::GitError;
use super::object::{ObjectId, RepoPath};
use super::objects::{FileEntry, MODE_LINK, MODE_SUBMODULE, Objects, TreeEntry};
use super::store::Store;
use git2::{MergeFileInput, ObjectType};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Files over this many bytes are not merged by lines.
const TEXT_BYTES: usize = 16 << 20;

/// The outcome of a merge.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Merged {
    /// Both sides' changes are in this tree of the store.
    Tree(ObjectId),
    /// These files were changed on both sides in ways that exclude each other.
    Conflict(Vec<RepoPath>),
}

/// Puts the changes from `old_base` to `ours` on top of `new_base`. All are commits or trees of the
/// store.
pub fn merge(
    store: &Store,
    old_base: ObjectId,
    new_base: ObjectId,
    ours: ObjectId,
) -> Result<Merged, GitError> {
    let objects = store.objects()?;
    let base = objects.tree_of(old_base)?;
    let theirs = objects.tree_of(new_base)?;
    let list = objects.list(theirs)?;
    let mut files: BTreeMap<Vec<u8>, FileEntry> =
        list.into_iter().map(|entry| (entry.path.clone(), entry)).collect();
    let changed = deltas(&objects, base, theirs)?;
    let their_changes: BTreeMap<Vec<u8>, Delta> =
        changed.into_iter().map(|delta| (delta.path.clone(), delta)).collect();
    let mut conflicts = BTreeSet::new();
    for delta in deltas(&objects, base, objects.tree_of(ours)?)? {
        let merged = match their_changes.get(&delta.path) {
            None => Some(delta.new.clone()),
            Some(theirs) => both(&objects, &delta, theirs)?,
        };
        match merged {
            Some(Some(entry)) => {
                let path = delta.path.clone();
                files.insert(delta.path, FileEntry { path, mode: entry.mode, id: entry.id });
            }
            Some(None) => {
                files.remove(&delta.path);
            }
            None => {
                conflicts.insert(RepoPath(delta.path));
            }
        }
    }
    conflicts.extend(files_that_are_folders(&files));
    if !conflicts.is_empty() {
        return Ok(Merged::Conflict(conflicts.into_iter().collect()));
    }
    let files: Vec<FileEntry> = files.into_values().collect();
    let tree = objects.write_tree(&files)?;
    objects.settle(Vec::new())?;
    Ok(Merged::Tree(tree))
}

/// What a path changed on both sides becomes; `None` when the sides exclude each other.
fn both(
    objects: &Objects,
    ours: &Delta,
    theirs: &Delta,
) -> Result<Option<Option<TreeEntry>>, GitError> {
    if ours.new == theirs.new {
        return Ok(Some(ours.new.clone()));
    }
    let (Some(base), Some(our), Some(their)) = (&ours.old, &ours.new, &theirs.new) else {
        return Ok(None);
    };
    let Some(mode) = one_of(base.mode, our.mode, their.mode) else { return Ok(None) };
    if let Some(id) = one_of(base.id, our.id, their.id) {
        return Ok(Some(Some(TreeEntry { name: our.name.clone(), mode, id })));
    }
    if [base, our, their].iter().any(|e| matches!(e.mode, MODE_LINK | MODE_SUBMODULE)) {
        return Ok(None);
    }
    let texts = [objects.blob(base.id)?, objects.blob(our.id)?, objects.blob(their.id)?];
    if texts.iter().any(|text| text.contains(&0) || text.len() > TEXT_BYTES) {
        return Ok(None);
    }
    let Some(text) = by_lines(&texts).map_err(|error| GitError::object(our.id, &error))? else {
        return Ok(None);
    };
    let id = objects.write(ObjectType::Blob, &text)?;
    Ok(Some(Some(TreeEntry { name: our.name.clone(), mode, id })))
}

/// The side that changed, or what both agree on.
fn one_of<T: PartialEq + Copy>(base: T, ours: T, theirs: T) -> Option<T> {
    if ours == base || ours == theirs {
        Some(theirs)
    } else if theirs == base {
        Some(ours)
    } else {
        None
    }
}

fn by_lines([base, ours, theirs]: &[Vec<u8>; 3]) -> Result<Option<Vec<u8>>, git2::Error> {
    let input = |text| {
        let mut input = MergeFileInput::new();
        input.content(text);
        input
    };
    let merged = git2::merge_file(&input(base), &input(ours), &input(theirs), None)?;
    Ok(merged.is_automergeable().then(|| merged.content().to_vec()))
}

/// Paths that are a file on one side and a folder on the other.
fn files_that_are_folders(files: &BTreeMap<Vec<u8>, FileEntry>) -> Vec<RepoPath> {
    let folders = |path: &[u8]| -> Vec<Vec<u8>> {
        let ends = path.iter().enumerate().filter(|(_, b)| **b == b'/');
        ends.map(|(at, _)| path[..at].to_vec()).collect()
    };
    let above: BTreeSet<Vec<u8>> = files.keys().flat_map(|path| folders(path)).collect();
    above.into_iter().filter(|path| files.contains_key(path)).map(RepoPath).collect()
}

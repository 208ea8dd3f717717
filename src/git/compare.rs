//! Whether a checkout still is the tree it was made from. Files that the tree does not have are not
//! looked at: a build leaves many.

use super::error::GitError;
use super::files::{self, Folders};
use super::object::{ObjectId, RepoPath};
use super::objects::{MODE_SUBMODULE, hash};
use super::snapshot::{WorktreeFiles, git_mode};
use super::stat_cache::{self, Known};
use super::store::Store;
use super::walk::{self, Base, Seen};
use git2::ObjectType;
use std::collections::BTreeSet;
use std::path::Path;

/// The files of `tree` that are missing in a folder or differ there, in order. `cache` is a file of
/// ours outside the folder that makes the next comparison fast.
pub fn differing(
    store: &Store,
    folder: &WorktreeFiles<'_>,
    tree: ObjectId,
    cache: &Path,
) -> Result<Vec<RepoPath>, GitError> {
    let objects = store.objects()?;
    let tree = objects.tree_of(tree)?;
    let base = Base::load(&objects, tree)?;
    let known = stat_cache::load(cache);
    let began = stat_cache::now(cache)?;
    let found = walk::walk(folder.root, &base, folder.excludes, &folder.limits)?;
    let seen: Vec<Seen> =
        found.seen.into_iter().filter(|seen| base.file(&seen.path).is_some()).collect();
    let now = files::in_parallel(&seen, |share| {
        let mut folders = Folders::below(folder.root)?;
        let mut now = Vec::with_capacity(share.len());
        for seen in share {
            let as_before = known.get(&seen.path).filter(|known| known.stamp == seen.stamp);
            now.push(as_before.copied().or_else(|| read(&mut folders, seen, folder)));
        }
        Ok(now)
    })?;
    let mut differing: BTreeSet<RepoPath> = objects
        .list(tree)?
        .into_iter()
        .filter(|entry| entry.mode != MODE_SUBMODULE)
        .map(|entry| RepoPath(entry.path))
        .collect();
    for (seen, now) in seen.iter().zip(&now) {
        let is = now.map(|now| (git_mode(seen.is_link, now.stamp.mode), now.id));
        if is.as_ref() == base.file(&seen.path) {
            differing.remove(&RepoPath(seen.path.clone()));
        }
    }
    let read =
        seen.iter().zip(&now).filter_map(|(seen, now)| Some((seen.path.as_slice(), (*now)?)));
    stat_cache::save(cache, began, read)?;
    Ok(differing.into_iter().collect())
}

/// What a file holds; `None` for one that cannot be read or does not stand still.
fn read<'s>(folders: &mut Folders<'s>, seen: &'s Seen, of: &WorktreeFiles<'_>) -> Option<Known> {
    let (folder, name) = files::split(&seen.path);
    let folder = folders.open(folder).ok()?;
    let (bytes, stamp) = match seen.is_link {
        true => (files::read_link(folder, name).ok()?, seen.stamp),
        false => files::read_still(folder, name, of.limits.file_bytes).ok()??,
    };
    Some(Known { stamp, id: hash(ObjectType::Blob, &bytes) })
}

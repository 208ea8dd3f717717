//! Removing what nobody needs any more: references of ours, folders of ours, and objects of the
//! store that nothing names. What is needed is the caller's to say; here it is made sure that
//! nothing else goes along.

use super::error::GitError;
use super::files::remove_tree;
use super::object::{ObjectId, full_name};
use super::objects::{MODE_FOLDER, MODE_SUBMODULE, Objects};
use super::pack;
use super::repository::Repository;
use super::rollback_git::BRANCH;
use super::store::Store;
use crate::base::foreign::Foreign;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// References of ours, besides private branches, are below this.
const OURS: &str = "refs/monban/";

impl Repository {
    /// The references of monban, whichever instance made them, with what they point at.
    pub fn monban_refs(&self) -> Result<Vec<(String, ObjectId)>, GitError> {
        let format = "--format=%(objectname) %(refname)";
        let text = self.git("for-each-ref").args([format, OURS]).text()?;
        let line = |line: &str| {
            let (id, name) = line.split_once(' ')?;
            Some((name.to_string(), id.parse().ok()?))
        };
        Ok(text.lines().filter_map(line).collect())
    }

    /// Removes a reference of ours if it still points at `expected`; one that is gone is fine.
    pub fn remove_ref(&self, name: &str, expected: ObjectId) -> Result<(), GitError> {
        if !full_name(name)?.starts_with(OURS) {
            return Err(GitError::BadName(Foreign::new(name)));
        }
        if self.find_ref(name)?.is_none() {
            return Ok(());
        }
        let arguments = ["--no-deref", "-d", name, &expected.to_string()];
        self.git("update-ref").args(arguments).run().map(|_| ())
    }
}

/// The commit of the private branch that a rollback kept beside the git directory, and under
/// `refs/monban/aside/`.
pub fn kept_branch(kept_git: &Path) -> Option<ObjectId> {
    fs::read_to_string(kept_git.join(BRANCH)).ok()?.trim().parse().ok()
}

/// Removes a folder or file of ours, never what a link there points at; one that is gone is fine.
pub fn discard(path: &Path) -> Result<(), GitError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => return remove_tree(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(GitError::io(path, error)),
        _ => Ok(()),
    }
}

/// The objects of a store that nothing names. Nobody else works with the store as long as this is
/// held, so that no snapshot relies on one that goes. Bases come as packs: one goes as a whole,
/// when nothing in it is needed.
#[derive(Debug)]
pub struct Sweep {
    folder: PathBuf,
    _alone: File,
    /// Objects, each with its bytes on the disk.
    objects: Vec<(PathBuf, u64)>,
    /// The files of packs, each pack's index last.
    packs: Vec<(PathBuf, u64)>,
    /// Marks of bases whose files are no longer all here.
    bases: Vec<PathBuf>,
}

impl Sweep {
    /// Looks at the store in `folder`: `None` when somebody is at work with it, or there is none.
    pub fn begin(folder: &Path) -> Result<Option<Sweep>, GitError> {
        let alone = Store::alone(folder)?;
        let sweep = |(folder, _alone)| {
            let (objects, packs, bases) = (vec![], vec![], vec![]);
            Sweep { folder, _alone, objects, packs, bases }
        };
        Ok(alone.map(sweep))
    }

    /// Whether the store has an object.
    pub fn has(&self, id: ObjectId) -> Result<bool, GitError> {
        Ok(Objects::open(&self.folder)?.exists(id))
    }

    /// Whether monban made this commit in the store, and did not bring it in as a base.
    pub fn made(&self, id: ObjectId) -> Result<bool, GitError> {
        let is_base = self.folder.join("refs/bases").join(id.to_string()).exists();
        Ok(!is_base && self.has(id)?)
    }

    /// Finds the objects that none of `needed` names and that are not younger than `before`. The
    /// last base stays, so that the next one brings only what is new.
    pub fn find(&mut self, needed: &[ObjectId], before: SystemTime) -> Result<(), GitError> {
        let objects = Objects::open(&self.folder)?;
        let mut roots: HashSet<ObjectId> = needed.iter().copied().collect();
        let bases = self.bases()?;
        roots.extend(bases.last().map(|(id, _)| *id));
        let unneeded = bases.into_iter().filter(|(id, _)| !roots.contains(id));
        self.bases = unneeded.map(|(_, path)| path).collect();
        let reachable = reachable(&objects, roots)?;
        for folder in entries(&self.folder.join("objects"))? {
            let prefix = folder.file_name().to_string_lossy().into_owned();
            if prefix.len() != 2 || !folder.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            for object in entries(&folder.path())? {
                let name = format!("{prefix}{}", object.file_name().to_string_lossy());
                let Ok(id) = name.parse::<ObjectId>() else { continue };
                let Ok(metadata) = object.metadata() else { continue };
                let is_old = metadata.modified().is_ok_and(|at| at <= before);
                if is_old && !reachable.contains(&id) {
                    self.objects.push((object.path(), metadata.len()));
                }
            }
        }
        for pack in packs(&self.folder)? {
            let is_old = |file: &(PathBuf, fs::Metadata)| {
                file.1.modified().is_ok_and(|modified| modified <= before)
            };
            let is_needed = || {
                let ids = pack::ids(&pack.index)?;
                Ok::<bool, GitError>(ids.iter().any(|id| reachable.contains(id)))
            };
            if pack.files.iter().all(is_old) && !is_needed()? {
                let files = pack.files.into_iter().map(|(path, data)| (path, data.len()));
                self.packs.extend(files);
            }
        }
        self.objects.sort_unstable();
        Ok(())
    }

    /// How many files of objects were found.
    pub fn count(&self) -> u64 {
        (self.objects.len() + self.packs.len()) as u64
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> u64 {
        self.objects.iter().chain(&self.packs).map(|(_, bytes)| bytes).sum()
    }

    /// Removes what was found. The marks of bases go first: a base without its mark is fetched
    /// again, one with it is believed to be whole. Of a pack its index goes last: by that the rest
    /// is found again.
    pub fn remove(&self) -> Result<(), GitError> {
        let objects = self.objects.iter().chain(&self.packs).map(|(path, _)| path);
        self.bases.iter().chain(objects).try_for_each(|path| discard(path))
    }

    /// The bases that are here, oldest first.
    fn bases(&self) -> Result<Vec<(ObjectId, PathBuf)>, GitError> {
        let mut bases = Vec::new();
        for entry in entries(&self.folder.join("refs/bases"))? {
            let Ok(id) = entry.file_name().to_string_lossy().parse::<ObjectId>() else { continue };
            let at = entry.metadata().and_then(|metadata| metadata.modified());
            bases.push((at.unwrap_or(SystemTime::UNIX_EPOCH), id, entry.path()));
        }
        bases.sort_unstable();
        Ok(bases.into_iter().map(|(_, id, path)| (id, path)).collect())
    }
}

/// A pack of the store.
struct Pack {
    index: PathBuf,
    /// All files of its name, the index last.
    files: Vec<(PathBuf, fs::Metadata)>,
}

/// The packs that have an index, each with the files that git made beside it.
fn packs(store: &Path) -> Result<Vec<Pack>, GitError> {
    let folder = store.join("objects/pack");
    let all: Vec<PathBuf> = entries(&folder)?.iter().map(fs::DirEntry::path).collect();
    let is_index = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "idx");
    let pack = |index: &PathBuf| {
        let of_pack = all.iter().filter(|path| path.file_stem() == index.file_stem());
        let mut files: Vec<&PathBuf> = of_pack.collect();
        files.sort_by_key(|path| (*path == index, (*path).clone()));
        let looked = |path: &PathBuf| {
            let data = fs::symlink_metadata(path).map_err(|error| GitError::io(path, error))?;
            Ok((path.clone(), data))
        };
        let files: Result<Vec<_>, GitError> = files.into_iter().map(looked).collect();
        Ok(Pack { index: index.clone(), files: files? })
    };
    all.iter().filter(is_index).map(pack).collect()
}

/// Every object that the commits name, without their histories.
fn reachable(objects: &Objects, commits: HashSet<ObjectId>) -> Result<HashSet<ObjectId>, GitError> {
    let mut found = HashSet::new();
    let mut trees = Vec::new();
    for commit in commits {
        trees.push(objects.tree_of(commit)?);
        found.insert(commit);
    }
    while let Some(tree) = trees.pop() {
        if !found.insert(tree) {
            continue;
        }
        for entry in objects.tree(tree)? {
            match entry.mode {
                MODE_FOLDER => trees.push(entry.id),
                MODE_SUBMODULE => {}
                _ => _ = found.insert(entry.id),
            }
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, GitError> {
    let read = fs::read_dir(folder).and_then(|entries| entries.collect());
    read.map_err(|error| GitError::io(folder, error))
}

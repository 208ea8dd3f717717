//! The store: the bare repository that the supervisor owns for each of a person's repositories.
//!
//! It borrows no objects (no alternates), and its configuration, references and information files
//! are written by us. Objects of a base come in as a pack that `git index-pack --strict` has
//! checked.

use super::command::{Dirs, Git, LONG};
use super::error::GitError;
use super::object::{ObjectId, Report};
use super::objects::Objects;
use super::repository::Repository;
use crate::base::{durable, lock};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tfilemode = true\n";
const HEAD: &str = "ref: refs/heads/none\n";
/// Longest list of bases, in bytes.
const SHALLOW_BYTES: u64 = 16 << 20;
/// How many earlier bases are offered as known when the next one is fetched.
const KNOWN_BASES: usize = 4;

/// The supervisor's own repository. Cheap to clone and to share between threads.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    /// Shared with others that work with the store; nothing is swept meanwhile.
    _in_use: Arc<File>,
}

impl Store {
    /// Opens the store at `folder`, making it and putting its own files right where needed.
    pub fn open(folder: &Path) -> Result<Store, GitError> {
        let io = |error| GitError::io(folder, error);
        for part in ["objects/pack", "objects/info", "refs/bases", "refs/heads"] {
            fs::create_dir_all(folder.join(part)).map_err(io)?;
        }
        for (name, text) in [("config", CONFIG), ("HEAD", HEAD)] {
            let path = folder.join(name);
            if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
                durable::write(&path, text.as_bytes()).map_err(io)?;
            }
        }
        for foreign in
            ["objects/info/alternates", "info/attributes", "info/grafts", "config.worktree"]
        {
            match fs::remove_file(folder.join(foreign)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(io(error)),
            }
        }
        let in_use = File::create(folder.join("in-use")).map_err(io)?;
        in_use.lock_shared().map_err(io)?;
        let folder = fs::canonicalize(folder).map_err(io)?;
        Ok(Store { folder, _in_use: Arc::new(in_use) })
    }

    /// The store at `folder` with nobody else at it as long as the file is held; `None` when
    /// somebody is, or there is none.
    pub(crate) fn alone(folder: &Path) -> Result<Option<(PathBuf, File)>, GitError> {
        let io = |error| GitError::io(folder, error);
        let file = match File::options().write(true).open(folder.join("in-use")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(io)?,
        };
        match lock::take(&file).map_err(io)? {
            true => Ok(Some((fs::canonicalize(folder).map_err(io)?, file))),
            false => Ok(None),
        }
    }

    /// Where the store is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the base `commit` is here with all of its files.
    pub fn has_base(&self, commit: ObjectId) -> bool {
        self.base_file(commit).exists()
    }

    /// Brings the files of `commit` from the person's repository into the store. Done at once when
    /// it is already here; otherwise only what the last bases do not have is copied.
    pub fn fetch_base(
        &self,
        repository: &Repository,
        commit: ObjectId,
        report: &mut Report<'_>,
    ) -> Result<(), GitError> {
        let _alone = self.lock()?;
        if self.has_base(commit) {
            return Ok(());
        }
        let mut bases = self.bases()?;
        let known = self.known_bases(repository, &bases)?;
        if !bases.contains(&commit) {
            bases.push(commit);
            self.write_shallow(&bases)?;
        }
        let source = Dirs { objects: Some(repository.objects_folder()), ..self.dirs() };
        let mut revisions = String::new();
        for base in known.iter().chain([&commit]) {
            revisions.push_str(&format!("--shallow {base}\n"));
        }
        revisions.push_str(&format!("{commit}\n--not\n"));
        for base in &known {
            revisions.push_str(&format!("{base}\n"));
        }
        let pack = Git::new(&source, "pack-objects")
            .args([
                "--revs",
                "--stdout",
                "--shallow",
                "--thin",
                "--delta-base-offset",
                "--window=0",
                "-q",
            ])
            .input(revisions);
        Git::new(&self.dirs(), "index-pack")
            .args(["--stdin", "--fix-thin", "--strict", "-v"])
            .input_from(pack)
            .progress("reading the repository")
            .limit(LONG)
            .run_reporting(report)?;
        let objects = self.objects()?;
        objects.tree_of(commit)?;
        let path = self.base_file(commit);
        durable::write(&path, format!("{commit}\n").as_bytes())
            .map_err(|error| GitError::io(&path, error))
    }

    /// The bytes of the file at `path` in a commit or tree of the store; `None` when there is none.
    pub fn file_at(
        &self,
        commit: ObjectId,
        path: &[u8],
        limit: u64,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let objects = self.objects()?;
        let tree = objects.tree_of(commit)?;
        let Some(entry) = objects.find(tree, path)? else { return Ok(None) };
        if entry.mode & 0o170000 != 0o100000 {
            return Ok(None);
        }
        if objects.size(entry.id)? > limit {
            return Err(super::repository::file_too_large(path, limit));
        }
        objects.blob(entry.id).map(Some)
    }

    /// The tree of a commit in the store.
    pub fn tree_of(&self, commit: ObjectId) -> Result<ObjectId, GitError> {
        self.objects()?.tree_of(commit)
    }

    pub(crate) fn objects(&self) -> Result<Objects, GitError> {
        Objects::open(&self.folder)
    }

    pub(crate) fn dirs(&self) -> Dirs {
        Dirs { git_dir: self.folder.clone(), common_dir: self.folder.clone(), ..Dirs::default() }
    }

    fn base_file(&self, commit: ObjectId) -> PathBuf {
        self.folder.join("refs/bases").join(commit.to_string())
    }

    /// The commits at which the store's history ends, oldest first. They are listed before their
    /// objects come in, so that the strict check does not look for their parents.
    fn bases(&self) -> Result<Vec<ObjectId>, GitError> {
        let path = self.folder.join("shallow");
        let text = match durable::read(&path, SHALLOW_BYTES) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(GitError::io(&path, error)),
        };
        text.lines().map(str::parse).collect()
    }

    fn write_shallow(&self, bases: &[ObjectId]) -> Result<(), GitError> {
        let path = self.folder.join("shallow");
        let text: String = bases.iter().map(|base| format!("{base}\n")).collect();
        durable::write(&path, text.as_bytes()).map_err(|error| GitError::io(&path, error))
    }

    /// The last complete bases that the person's repository still has.
    fn known_bases(
        &self,
        repository: &Repository,
        bases: &[ObjectId],
    ) -> Result<Vec<ObjectId>, GitError> {
        let complete = bases.iter().rev().filter(|base| self.has_base(**base));
        let offered: Vec<ObjectId> = complete.take(KNOWN_BASES).copied().collect();
        repository.present(&offered)
    }

    fn lock(&self) -> Result<File, GitError> {
        let path = self.folder.join("lock");
        let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
        locked.map_err(|error| GitError::io(&path, error))
    }
}

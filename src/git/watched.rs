//! What a run could change in the person's repository to gain from later: references,
//! configuration, hooks, information files. Noted before a run and compared after it; each
//! difference knows the command that takes it back. At L1 this detects; it does not prevent.

use super::checkouts::{is_an_attempts, linked};
use super::error::GitError;
use super::files::read_regular;
use super::object::{ObjectId, RepoPath};
use super::repository::Repository;
use super::store::Store;
use crate::base::foreign::Foreign;
use git2::ObjectType;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Files and folders of the common directory that are watched.
const WATCHED: &[&str] =
    &["config", "config.worktree", "hooks", "info", "shallow", "objects/info/alternates"];
/// Of each linked worktree; its `gitdir` and `commondir` steer where git looks.
const WATCHED_LINKED: &[&str] = &["commondir", "gitdir", "config.worktree"];
/// References that are monban's own.
const OURS: &[&str] = &["refs/monban/", "refs/heads/monban/"];
/// Longest file of which the content is kept; of a longer one only its size is watched.
const FILE_BYTES: u64 = 1 << 20;
/// More files than this are not looked at.
const FILES: usize = 5000;
const FOLDERS_DEEP: u32 = 10;

/// What a reference was.
pub type RefValue = String;

/// The watched part of a repository at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct WatchedState {
    /// References by full name, and `HEAD`: an object id, or `ref: …`.
    pub refs: BTreeMap<String, RefValue>,
    /// Files by path below the common directory.
    pub files: Vec<WatchedFile>,
}

/// A watched file. Its content is kept in the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WatchedFile {
    /// The path below the common directory.
    pub path: RepoPath,
    /// Its permission bits.
    pub mode: u32,
    /// Whether it is a symbolic link, whose content is its target.
    pub is_link: bool,
    /// Its size in bytes.
    pub size: u64,
    /// Its content; absent when it is too long to be kept.
    pub content: Option<ObjectId>,
}

/// One difference between two moments.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Difference {
    /// A reference, or `HEAD`.
    Ref {
        /// Its full name.
        name: String,
        /// What it was.
        before: Option<RefValue>,
        /// What it is.
        after: Option<RefValue>,
    },
    /// A file.
    File {
        /// Its path below the common directory.
        path: RepoPath,
        /// What it was.
        before: Option<WatchedFile>,
        /// What it is.
        after: Option<WatchedFile>,
    },
}

impl WatchedState {
    /// Notes the state of `repository` now; file contents go to the store.
    pub fn note(repository: &Repository, store: &Store) -> Result<WatchedState, GitError> {
        Ok(WatchedState { refs: refs(repository)?, files: files(repository, store)? })
    }

    /// What differs from `self` (before) to `after`.
    pub fn differences(&self, after: &WatchedState) -> Vec<Difference> {
        let names: BTreeSet<&String> = self.refs.keys().chain(after.refs.keys()).collect();
        let refs = names.into_iter().filter_map(|name| {
            let (before, after) = (self.refs.get(name), after.refs.get(name));
            (before != after).then(|| Difference::Ref {
                name: name.clone(),
                before: before.cloned(),
                after: after.cloned(),
            })
        });
        let by_path = |state: &WatchedState| -> BTreeMap<RepoPath, WatchedFile> {
            state.files.iter().map(|file| (file.path.clone(), file.clone())).collect()
        };
        let (before, after) = (by_path(self), by_path(after));
        let paths: BTreeSet<&RepoPath> = before.keys().chain(after.keys()).collect();
        let files = paths.into_iter().filter_map(|path| {
            let (before, after) = (before.get(path), after.get(path));
            (before != after).then(|| Difference::File {
                path: path.clone(),
                before: before.cloned(),
                after: after.cloned(),
            })
        });
        refs.chain(files).collect()
    }
}

impl Difference {
    /// One line for a person.
    pub fn shown(&self) -> String {
        let change = |before: bool, after: bool| match (before, after) {
            (false, _) => "new",
            (_, false) => "removed",
            _ => "changed",
        };
        match self {
            Difference::Ref { name, before, after } => {
                let name = Foreign::new(name);
                let change = change(before.is_some(), after.is_some());
                let was = before.as_deref().unwrap_or("nothing");
                let is = after.as_deref().unwrap_or("nothing");
                format!("{name} {change}: was {}, is {}", Foreign::new(was), Foreign::new(is))
            }
            Difference::File { path, before, after } => {
                format!("{} {}", path.shown(), change(before.is_some(), after.is_some()))
            }
        }
    }

    /// The command by which a person puts the thing back as it was; `None` when there is none, as
    /// for a file too long to be kept or a name that cannot be written plainly.
    pub fn way_back(&self, repository: &Repository, store: &Store) -> Option<String> {
        match self {
            Difference::Ref { name, before, after } => {
                ref_back(repository, name, before.as_deref(), after.as_deref())
            }
            Difference::File { path, before, .. } => {
                file_back(repository, store, path, before.as_ref())
            }
        }
    }
}

fn refs(repository: &Repository) -> Result<BTreeMap<String, RefValue>, GitError> {
    let output = repository
        .git("for-each-ref")
        .args(["--format=%(refname)%00%(objectname)%00%(symref)"])
        .run()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut refs = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split('\0');
        let (name, id, target) = (fields.next(), fields.next(), fields.next());
        let (Some(name), Some(id), Some(target)) = (name, id, target) else { continue };
        if !OURS.iter().any(|ours| name.starts_with(ours)) {
            let value = if target.is_empty() { id.to_string() } else { format!("ref: {target}") };
            refs.insert(name.to_string(), value);
        }
    }
    let head = match repository.head_branch(repository.common_dir())? {
        Some(branch) => format!("ref: {branch}"),
        None => {
            repository.git("rev-parse").args(["--verify", "-q", "HEAD"]).accept(&[0, 1]).text()?
        }
    };
    refs.insert("HEAD".into(), head);
    Ok(refs)
}

fn files(repository: &Repository, store: &Store) -> Result<Vec<WatchedFile>, GitError> {
    let common = repository.common_dir();
    let mut paths = Vec::new();
    for name in WATCHED {
        list(&common.join(name), 0, &mut paths)?;
    }
    for git_dir in linked(common)? {
        // Attempts come and go beside a run, and nothing of ours reads what is in theirs.
        if is_an_attempts(&git_dir) {
            continue;
        }
        for name in WATCHED_LINKED {
            list(&git_dir.join(name), 0, &mut paths)?;
        }
    }
    paths.sort_unstable();
    let objects = store.objects()?;
    let mut files = Vec::new();
    for path in paths {
        let io = |error| GitError::io(&path, error);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(io(error)),
        };
        let is_link = metadata.is_symlink();
        let bytes = if is_link {
            Some(fs::read_link(&path).map_err(io)?.into_os_string().as_bytes().to_vec())
        } else if metadata.is_file() && metadata.len() <= FILE_BYTES {
            Some(read_regular(&path, FILE_BYTES).map_err(io)?)
        } else {
            None
        };
        let content = bytes.map(|bytes| objects.write(ObjectType::Blob, &bytes)).transpose()?;
        let below = path.strip_prefix(common).unwrap_or(&path);
        files.push(WatchedFile {
            path: RepoPath::from(below.as_os_str().as_bytes()),
            mode: if is_link { 0 } else { metadata.permissions().mode() & 0o7777 },
            is_link,
            size: metadata.len(),
            content,
        });
    }
    objects.settle(Vec::new())?;
    Ok(files)
}

/// Every file and link at or below `path`.
fn list(path: &Path, depth: u32, into: &mut Vec<PathBuf>) -> Result<(), GitError> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if into.len() >= FILES {
        return Err(GitError::TooLarge {
            what: Foreign::new("the number of hooks and information files of the repository"),
            limit: FILES as u64,
            cure: "look into its hooks and info folders",
        });
    }
    if !metadata.is_dir() || depth >= FOLDERS_DEEP {
        into.push(path.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(|error| GitError::io(path, error))? {
        let entry = entry.map_err(|error| GitError::io(path, error))?;
        list(&entry.path(), depth + 1, into)?;
    }
    Ok(())
}

fn ref_back(
    repository: &Repository,
    name: &str,
    before: Option<&str>,
    after: Option<&str>,
) -> Option<String> {
    let git = format!("git -C {}", quoted(repository.toplevel())?);
    let name = quoted(Path::new(name))?;
    let target = |value: &str| value.strip_prefix("ref: ").map(str::to_string);
    if let Some(target) = before.and_then(target) {
        return Some(format!("{git} symbolic-ref {name} {}", quoted(Path::new(&target))?));
    }
    // Only if it did not move again since.
    let now = after.filter(|value| target(value).is_none()).unwrap_or_default();
    let command = match before {
        Some(before) => format!("{git} update-ref --no-deref {name} {before} {now}"),
        None => format!("{git} update-ref --no-deref -d {name} {now}"),
    };
    Some(command.trim_end().to_string())
}

fn file_back(
    repository: &Repository,
    store: &Store,
    path: &RepoPath,
    before: Option<&WatchedFile>,
) -> Option<String> {
    let target = quoted(&repository.common_dir().join(path.as_path()))?;
    let Some(file) = before else { return Some(format!("rm -f {target}")) };
    let content = file.content?;
    if file.is_link {
        let bytes = store.objects().ok()?.blob(content).ok()?;
        let to = quoted(Path::new(OsStr::from_bytes(&bytes)))?;
        return Some(format!("ln -sfn -- {to} {target}"));
    }
    let store = quoted(store.folder())?;
    // What is there may be a link by now, which must not be written through.
    Some(format!(
        "rm -f {target} && git --git-dir={store} cat-file blob {content} > {target} && chmod {:o} \
         {target}",
        file.mode
    ))
}

/// A path as one word of a shell command. Names are chosen by whoever made them, so one with
/// anything that would not be read as it is has no such word.
fn quoted(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        return Some(text.to_string());
    }
    let safe = !text.starts_with('-') && Foreign::new(text).shown() == text;
    safe.then(|| format!("'{}'", text.replace('\'', r"'\''")))
}

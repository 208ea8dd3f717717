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
/// Of those, where results wait for the person to look at or take them.
const READY: &str = "refs/monban/ready/";
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
    /// The folder of hooks that the configuration names, if it names one.
    #[serde(default)]
    hooks: Option<PathBuf>,
    /// The git directories of attempts. A run can make its own look like another's.
    #[serde(default)]
    attempts: BTreeSet<PathBuf>,
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
    /// Notes the state of `repository` before a run; file contents go to the store.
    pub fn note(repository: &Repository, store: &Store) -> Result<WatchedState, GitError> {
        let (hooks, attempts) = (hooks_folder(repository)?, BTreeSet::new());
        let nothing = WatchedState { hooks, attempts, ..WatchedState::default() };
        nothing.note_again(repository, store)
    }

    /// Notes the state after a run: of the same things as `self`, which is from before it.
    pub fn note_again(
        &self,
        repository: &Repository,
        store: &Store,
    ) -> Result<WatchedState, GitError> {
        Ok(WatchedState { refs: refs(repository, store)?, ..self.note_files(repository, store)? })
    }

    /// The same with the references as they were: for a repository that git cannot read any more.
    pub fn note_files(
        &self,
        repository: &Repository,
        store: &Store,
    ) -> Result<WatchedState, GitError> {
        let mut after = WatchedState { files: Vec::new(), ..self.clone() };
        let mut paths = Vec::new();
        for name in WATCHED {
            list(&repository.common_dir().join(name), 0, &mut paths)?;
        }
        for git_dir in linked(repository.common_dir())? {
            // Attempts come and go beside a run, and nothing of ours reads what is in theirs.
            if is_an_attempts(&git_dir) {
                after.attempts.insert(git_dir);
            } else if !self.attempts.contains(&git_dir) {
                for name in WATCHED_LINKED {
                    list(&git_dir.join(name), 0, &mut paths)?;
                }
            }
        }
        if let Some(hooks) = &self.hooks {
            list(hooks, FOLDERS_DEEP - 1, &mut paths)?;
        }
        paths.sort_unstable();
        paths.dedup();
        after.files = files(repository, store, paths)?;
        Ok(after)
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

fn refs(repository: &Repository, store: &Store) -> Result<BTreeMap<String, RefValue>, GitError> {
    let objects = store.objects()?;
    // Every commit of monban's was made in the store.
    let is_ours = |name: &str, id: &str| {
        let is_forged = || id.parse().is_ok_and(|id| !objects.exists(id));
        let is_among = OURS.iter().any(|ours| name.starts_with(ours));
        is_among && !(name.starts_with(READY) && is_forged())
    };
    let output = repository
        .git("for-each-ref")
        .args(["--format=%(refname)%00%(objectname)%00%(symref)"])
        .run()?;
    let mut refs = BTreeMap::new();
    for line in output.stdout.split(|byte| *byte == b'\n') {
        let mut fields = line.split(|byte| *byte == 0).map(ref_text);
        let (name, id, target) = (fields.next(), fields.next(), fields.next());
        let (Some(name), Some(id), Some(target)) = (name, id, target) else { continue };
        if !is_ours(&name, &id) {
            let value = if target.is_empty() { id } else { format!("ref: {target}") };
            refs.insert(name, value);
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

/// The name of a reference as text. Bytes that are not UTF-8 become `\xff`, which no name has
/// otherwise: a backslash is not allowed in one.
fn ref_text(name: &[u8]) -> String {
    Foreign::from_bytes(name).raw().to_string()
}

/// The bytes of a name that [`ref_text`] gave.
fn ref_bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        bytes.extend(u8::from_str_radix(digits, 16));
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

/// The folder of hooks that the repository's configuration names.
fn hooks_folder(repository: &Repository) -> Result<Option<PathBuf>, GitError> {
    let settings = repository.settings()?;
    let named = settings.iter().rev().find(|(key, _)| key == "core.hookspath");
    // Relative to where hooks run.
    Ok(named.map(|(_, path)| repository.toplevel().join(path)))
}

fn files(
    repository: &Repository,
    store: &Store,
    paths: Vec<PathBuf>,
) -> Result<Vec<WatchedFile>, GitError> {
    let common = repository.common_dir();
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
    // Hooks that a run left must not run when a person takes back the rest.
    let git = format!("git -c core.hooksPath=/dev/null -C {}", quoted(repository.toplevel())?);
    let name = quoted_bytes(&ref_bytes(name))?;
    let target = |value: &str| value.strip_prefix("ref: ").map(str::to_string);
    if let Some(target) = before.and_then(target) {
        return Some(format!("{git} symbolic-ref {name} {}", quoted_bytes(&ref_bytes(&target))?));
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

/// A path as one word of a shell command.
fn quoted(path: &Path) -> Option<String> {
    quoted_bytes(path.as_os_str().as_bytes())
}

/// One word of a shell command. Names are chosen by whoever made them: one that would not be shown
/// or read as it is goes through `printf`, as octal digits. There is no word for an end that a
/// shell would cut off.
fn quoted_bytes(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() || bytes.starts_with(b"-") || bytes.ends_with(b"\n") {
        return None;
    }
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"/._-+@".contains(b);
    let text = std::str::from_utf8(bytes).ok();
    match text.filter(|text| Foreign::new(*text).shown() == **text) {
        Some(text) if bytes.iter().all(is_plain) => Some(text.to_string()),
        Some(text) => Some(format!("'{}'", text.replace('\'', r"'\''"))),
        None => {
            let escaped = bytes.iter().fold(String::new(), |word, byte| match is_plain(byte) {
                true => word + &char::from(*byte).to_string(),
                false => word + &format!("\\0{byte:03o}"),
            });
            Some(format!("\"$(printf '%b' '{escaped}')\""))
        }
    }
}

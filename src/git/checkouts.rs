//! In which checkout a branch is, and whether that checkout can be moved. Any linked worktree may
//! hold the base, and a rebase or bisect holds it without HEAD saying so.

use super::command::{Dirs, Git};
use super::error::GitError;
use super::files::read_regular;
use super::object::RepoPath;
use super::repository::{Repository, pointer};
use super::store::Store;
use super::worktree::Worktree;
use std::fs;
use std::path::{Path, PathBuf};

/// More linked worktrees than this are not looked at; landing then waits for the person.
const WORKTREES: usize = 1000;
/// How many names of changed files are kept to be shown.
const FILES_SHOWN: usize = 100;

/// Where the base branch is checked out and in which state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BaseCheckout {
    /// The checkout's folder; `None` when no checkout has the branch, or it cannot be found.
    pub worktree: Option<PathBuf>,
    /// Its state.
    pub state: CheckoutState,
}

/// The state of the checkout that has the base branch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CheckoutState {
    /// No checkout has the branch: its reference alone moves.
    NotCheckedOut,
    /// Tracked files are as committed. Untracked files do not count.
    Clean,
    /// Tracked files differ from the commit; at most the first hundred names.
    Dirty {
        /// The files.
        files: Vec<RepoPath>,
    },
    /// Something is in the middle of happening there, in words.
    InProgress {
        /// What.
        what: String,
    },
}

/// One checkout of the repository.
#[derive(Clone, Debug)]
pub(crate) struct Checkout {
    pub git_dir: PathBuf,
    /// Its folder, when the folder says that it belongs to this git directory.
    pub folder: Option<PathBuf>,
}

/// Names in a git directory that say that something is unfinished.
const UNFINISHED: &[(&str, &str)] = &[
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase or `git am`"),
    ("MERGE_HEAD", "a merge"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("BISECT_LOG", "a bisect"),
    ("sequencer", "a series of cherry-picks or reverts"),
    ("index.lock", "another git command"),
];

impl Repository {
    /// Which checkout has `branch` (a full name), and whether it could be moved along.
    pub fn base_checkout(&self, store: &Store, branch: &str) -> Result<BaseCheckout, GitError> {
        let holding = self.checkouts_of(branch)?;
        let [checkout] = holding.as_slice() else {
            let state = match holding.len() {
                0 => CheckoutState::NotCheckedOut,
                _ => in_progress("it is checked out in several places"),
            };
            return Ok(BaseCheckout { worktree: None, state });
        };
        let state = match (&checkout.folder, unfinished(&checkout.git_dir)) {
            (_, Some(what)) => in_progress(what),
            (None, _) => in_progress("its checkout's folder was moved or removed"),
            (Some(folder), None) => {
                let index = checkout.git_dir.join("index");
                let files = self.changed_files(store, folder, &index, branch)?;
                if files.is_empty() { CheckoutState::Clean } else { CheckoutState::Dirty { files } }
            }
        };
        Ok(BaseCheckout { worktree: checkout.folder.clone(), state })
    }

    /// The person's checkouts that are on `branch`, or will return to it when what they are doing
    /// ends. An agent that switches its worktree to the base does not make it the person's.
    pub(crate) fn checkouts_of(&self, branch: &str) -> Result<Vec<Checkout>, GitError> {
        let mut holding = Vec::new();
        for checkout in self.checkouts()? {
            if checkout.git_dir != self.common_dir() && is_an_attempts(&checkout.git_dir) {
                continue;
            }
            let on_it = self.head_branch(&checkout.git_dir)?.as_deref() == Some(branch);
            if on_it || returns_to(&checkout.git_dir, branch) {
                holding.push(checkout);
            }
        }
        Ok(holding)
    }

    fn checkouts(&self) -> Result<Vec<Checkout>, GitError> {
        let common = self.common_dir();
        let main_folder = if self.git_dir() == common {
            Some(self.toplevel().to_path_buf())
        } else {
            common.parent().filter(|_| common.ends_with(".git")).map(Path::to_path_buf)
        };
        let mut all = vec![Checkout { git_dir: common.to_path_buf(), folder: main_folder }];
        if self.settings()?.iter().any(|(key, value)| key == "core.bare" && value == "true") {
            all.clear();
        }
        for git_dir in linked(common)? {
            let folder = linked_folder(&git_dir);
            all.push(Checkout { git_dir, folder });
        }
        Ok(all)
    }

    /// Tracked files of a checkout that are not as in `branch`, by an index of the checkout (or a
    /// copy of it). Runs with the store's configuration, so that no filter of the repository is
    /// executed.
    pub(crate) fn changed_files(
        &self,
        store: &Store,
        folder: &Path,
        index: &Path,
        branch: &str,
    ) -> Result<Vec<RepoPath>, GitError> {
        let head = self.head_of(branch)?.to_string();
        let dirs = self.checkout_dirs(store, folder, index);
        let settings = self.checkout_settings()?;
        let names = ["--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"];
        let mut files: Vec<RepoPath> = Vec::new();
        let staged = ["--cached", "--ignore-submodules=all", &head, "--"];
        let unstaged = ["--ignore-submodules=all", "--"];
        let questions: [(&str, &[&str]); 2] = [("diff-index", &staged), ("diff-files", &unstaged)];
        for (what, more) in questions {
            let output = Git::new(&dirs, what)
                .settings(&settings)
                .args(names)
                .args(more.iter().copied())
                .run()?;
            let paths = output.stdout.split(|b| *b == 0).filter(|path| !path.is_empty());
            files.extend(paths.map(RepoPath::from));
        }
        files.sort_unstable();
        files.dedup();
        files.truncate(FILES_SHOWN);
        Ok(files)
    }

    /// The store's configuration over the checkout's files and objects.
    pub(crate) fn checkout_dirs(&self, store: &Store, folder: &Path, index: &Path) -> Dirs {
        Dirs {
            work_tree: Some(folder.to_path_buf()),
            index: Some(index.to_path_buf()),
            objects: Some(self.objects_folder()),
            ..store.dirs()
        }
    }

    /// The repository's settings that change how files are compared and cannot run anything.
    pub(crate) fn checkout_settings(&self) -> Result<Vec<(String, String)>, GitError> {
        const HARMLESS: &[&str] = &[
            "core.filemode",
            "core.symlinks",
            "core.ignorecase",
            "core.precomposeunicode",
            "core.autocrlf",
            "core.eol",
            "core.trustctime",
            "core.checkstat",
        ];
        let all = self.settings()?;
        Ok(all.into_iter().filter(|(key, _)| HARMLESS.contains(&key.as_str())).collect())
    }
}

/// What is unfinished in the checkout of this git directory, in words.
pub(crate) fn unfinished(git_dir: &Path) -> Option<&'static str> {
    let found =
        UNFINISHED.iter().find(|(name, _)| fs::symlink_metadata(git_dir.join(name)).is_ok());
    found.map(|(_, what)| *what)
}

fn in_progress(what: &str) -> CheckoutState {
    CheckoutState::InProgress { what: what.to_string() }
}

/// Whether a rebase or bisect in this git directory returns to `branch`.
fn returns_to(git_dir: &Path, branch: &str) -> bool {
    let names = ["rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"];
    names.iter().any(|name| {
        let bytes = read_regular(&git_dir.join(name), 4096).unwrap_or_default();
        let text = bytes.trim_ascii();
        text == branch.as_bytes()
            || branch.strip_prefix("refs/heads/").is_some_and(|short| text == short.as_bytes())
    })
}

/// The git directories of all linked worktrees.
pub(crate) fn linked(common: &Path) -> Result<Vec<PathBuf>, GitError> {
    let folder = common.join("worktrees");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(_) => return Ok(Vec::new()),
    };
    let mut all = Vec::new();
    for entry in entries.take(WORKTREES + 1) {
        let path = entry.map_err(|error| GitError::io(&folder, error))?.path();
        if path.join("HEAD").exists() {
            all.push(path);
        }
    }
    if all.len() > WORKTREES {
        return Err(GitError::TooLarge {
            what: crate::base::foreign::Foreign::new("the number of linked worktrees"),
            limit: WORKTREES as u64,
            cure: "remove some with `git worktree remove`",
        });
    }
    all.sort_unstable();
    Ok(all)
}

/// Whether the linked worktree with this git directory is one that monban made. Its marker must be
/// of this very worktree: a run could put one beside a person's.
pub(crate) fn is_an_attempts(git_dir: &Path) -> bool {
    let made = |folder: &Path| Worktree::find(folder).ok().flatten();
    linked_folder(git_dir).is_some_and(|folder| {
        made(&folder).is_some_and(|made| made.path == folder && made.git_dir == git_dir)
    })
}

/// The folder of a linked worktree, if that folder points back.
fn linked_folder(git_dir: &Path) -> Option<PathBuf> {
    let dot_git = git_dir.join(pointer(&git_dir.join("gitdir"), b"").ok()??);
    let back = pointer(&dot_git, b"gitdir: ").ok()??;
    let folder = dot_git.parent()?;
    let back = fs::canonicalize(folder.join(back)).ok()?;
    (back == fs::canonicalize(git_dir).ok()?).then(|| fs::canonicalize(folder).ok()).flatten()
}

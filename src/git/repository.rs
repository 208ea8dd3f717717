//! The person's repository: where it is, its branches, and files of its commits. Read-only.
//!
//! Its directories are found by us, once, when it is opened; nothing a worktree says later moves
//! them.

use super::command::{self, Dirs, Git};
use super::error::GitError;
use super::files::read_regular;
use super::object::{ObjectId, full_name};
use super::objects::{hash, parse_tree, tree_line};
use crate::base::foreign::Foreign;
use git2::ObjectType;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Longest `.git`, `commondir` and `gitdir` file.
const POINTER_BYTES: u64 = 64 << 10;
const OBJECT_BYTES: u64 = 64 << 20;

/// A person's repository, found from one of its checkouts. Its identity is
/// [`Repository::common_dir`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    toplevel: PathBuf,
    git_dir: PathBuf,
    common_dir: PathBuf,
}

impl Repository {
    /// Finds the repository that `start` is in, and refuses what monban cannot work with.
    pub fn open(start: &Path) -> Result<Repository, GitError> {
        Self::locate(start)?.usable()
    }

    /// The same, for a repository of which the common git directory is known. Another one that was
    /// put in its place is refused: what is there now was never judged by, or landed on.
    pub fn open_known(start: &Path, common_dir: &Path) -> Result<Repository, GitError> {
        Self::find_known(start, common_dir)?.usable()
    }

    /// The same without asking git whether it can be worked with.
    pub fn find_known(start: &Path, common_dir: &Path) -> Result<Repository, GitError> {
        let repository = Self::locate(start)?;
        if repository.common_dir == common_dir {
            return Ok(repository);
        }
        let commondir = repository.git_dir.join("commondir");
        let cure = match repository.git_dir == common_dir && commondir.exists() {
            true => format!("remove {}", commondir.display()),
            false => format!("put {} right", repository.toplevel.join(".git").display()),
        };
        let was = common_dir.to_path_buf();
        Err(GitError::OtherRepository { path: repository.toplevel, was, cure })
    }

    fn usable(self) -> Result<Repository, GitError> {
        let repository = self;
        repository.check_files()?;
        command::check_version(&repository.common_dir)?;
        repository.check_format()?;
        if let Some(branch) = repository.current_branch()?
            && repository.find_ref(&branch)?.is_none()
        {
            let branch = Foreign::new(branch.trim_start_matches("refs/heads/"));
            return Err(GitError::Unborn { path: repository.toplevel, branch });
        }
        Ok(repository)
    }

    /// The identity of the repository that `start` is in, as [`Self::common_dir`] of the opened one
    /// gives it. Asks no git: whether monban can work with it is not said.
    pub fn identity(start: &Path) -> Result<PathBuf, GitError> {
        Ok(Self::locate(start)?.common_dir)
    }

    fn locate(start: &Path) -> Result<Repository, GitError> {
        let io = |error| GitError::io(start, error);
        let start = fs::canonicalize(start).map_err(io)?;
        let (toplevel, git_dir) = find(&start)?;
        let common_dir = match pointer(&git_dir.join("commondir"), b"")? {
            Some(path) => fs::canonicalize(git_dir.join(path)).map_err(io)?,
            None => git_dir.clone(),
        };
        Ok(Repository { toplevel, git_dir, common_dir })
    }

    /// The root of the checkout the repository was opened from.
    pub fn toplevel(&self) -> &Path {
        &self.toplevel
    }

    /// The canonical common git directory: the repository's identity.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// The git directory of the checkout it was opened from.
    pub(crate) fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The branch that the checkout is on, as a full name; `None` when HEAD is detached.
    pub fn current_branch(&self) -> Result<Option<String>, GitError> {
        self.head_branch(&self.git_dir)
    }

    /// The base branch when nobody named one: the branch of the checkout, as a full name.
    pub fn default_base(&self) -> Result<String, GitError> {
        self.current_branch()?.ok_or_else(|| GitError::Detached(self.toplevel.clone()))
    }

    /// The commit of `branch` (a full name, `refs/heads/…`). One that only stands for another is
    /// refused: moving it would leave the branch that people work on where it was.
    pub fn head_of(&self, branch: &str) -> Result<ObjectId, GitError> {
        let arguments = ["-q", full_name(branch)?];
        let output = self.git("symbolic-ref").args(arguments).accept(&[0, 1, 128]).run()?;
        if output.code == 0 {
            let target = Foreign::from_bytes(output.stdout.trim_ascii());
            return Err(GitError::Symbolic { name: Foreign::new(branch), target });
        }
        self.find_ref(branch)?.ok_or_else(|| GitError::NoBranch(Foreign::new(branch)))
    }

    /// What the reference `name` (a full name) points at, if it exists.
    pub fn find_ref(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        let output = self
            .git("show-ref")
            .args(["--verify", "--hash", "--", full_name(name)?])
            .accept(&[0, 1, 128])
            .run()?;
        if output.code != 0 {
            return Ok(None);
        }
        String::from_utf8_lossy(output.stdout.trim_ascii()).parse().map(Some)
    }

    /// The bytes of the file at `path` in `commit`, each object on the way compared with its id;
    /// `None` when there is no such file. Longer than `limit` bytes is an error.
    pub fn file_at(
        &self,
        commit: ObjectId,
        path: &[u8],
        limit: u64,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let bytes = self.object(commit, ObjectType::Commit, OBJECT_BYTES)?;
        let damaged = |id| GitError::BadObject { id, why: Foreign::new("it cannot be parsed") };
        let mut at = tree_line(&bytes).ok_or_else(|| damaged(commit))?;
        let mut parts = path.split(|b| *b == b'/').peekable();
        while let Some(part) = parts.next() {
            let tree = self.object(at, ObjectType::Tree, OBJECT_BYTES)?;
            let entries = parse_tree(&tree).ok_or_else(|| damaged(at))?;
            let Some(entry) = entries.into_iter().find(|entry| entry.name == part) else {
                return Ok(None);
            };
            let wanted = if parts.peek().is_some() { 0o040000 } else { 0o100000 };
            if entry.mode & 0o170000 != wanted {
                return Ok(None);
            }
            at = entry.id;
        }
        match self.object(at, ObjectType::Blob, limit) {
            Err(GitError::TooLarge { .. }) => Err(file_too_large(path, limit)),
            other => other.map(Some),
        }
    }

    /// Whether `commit` is in the history of `of`. A commit the repository does not have is not.
    pub fn is_ancestor(&self, commit: ObjectId, of: ObjectId) -> Result<bool, GitError> {
        let output = self
            .git("merge-base")
            .args(["--is-ancestor", &commit.to_string(), &of.to_string()])
            .accept(&[0, 1, 128])
            .run()?;
        Ok(output.code == 0)
    }

    /// Those of `ids` whose objects the repository has.
    pub(crate) fn present(&self, ids: &[ObjectId]) -> Result<Vec<ObjectId>, GitError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let input: String = ids.iter().map(|id| format!("{id}\n")).collect();
        let text = self.git("cat-file").arg("--batch-check").input(input).text()?;
        let here = text.lines().zip(ids).filter(|(line, _)| !line.ends_with(" missing"));
        Ok(here.map(|(_, id)| *id).collect())
    }

    /// A git process on the repository itself: references and objects, no checkout.
    pub(crate) fn git(&self, what: &str) -> Git {
        Git::new(&self.dirs(), what)
    }

    pub(crate) fn dirs(&self) -> Dirs {
        Dirs {
            git_dir: self.common_dir.clone(),
            common_dir: self.common_dir.clone(),
            ..Dirs::default()
        }
    }

    pub(crate) fn objects_folder(&self) -> PathBuf {
        self.common_dir.join("objects")
    }

    /// The branch that the checkout with this git directory is on.
    pub(crate) fn head_branch(&self, git_dir: &Path) -> Result<Option<String>, GitError> {
        let dirs = Dirs {
            git_dir: git_dir.to_path_buf(),
            common_dir: self.common_dir.clone(),
            ..Dirs::default()
        };
        let output = Git::new(&dirs, "symbolic-ref").args(["-q", "HEAD"]).accept(&[0, 1]).run()?;
        let name = String::from_utf8_lossy(output.stdout.trim_ascii()).into_owned();
        Ok((output.code == 0).then_some(name))
    }

    /// The settings of the repository's own configuration file, without what it includes.
    pub(crate) fn settings(&self) -> Result<Vec<(String, String)>, GitError> {
        let is_file = fs::metadata(self.common_dir.join("config")).is_ok_and(|file| file.is_file());
        if !is_file {
            return Ok(Vec::new());
        }
        let output = self
            .git("config")
            .args(["--no-includes", "-z", "--list", "--file"])
            .arg(self.common_dir.join("config"))
            .accept(&[0, 1, 128])
            .run()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let pairs = text.split('\0').filter(|line| !line.is_empty());
        let pair = |line: &str| {
            let (key, value) = line.split_once('\n').unwrap_or((line, "true"));
            (key.to_ascii_lowercase(), value.to_string())
        };
        Ok(pairs.map(pair).collect())
    }

    /// Git waits for ever for what a pipe in the place of one of its files does not say.
    fn check_files(&self) -> Result<(), GitError> {
        const FILES: &[&str] = &["config", "config.worktree", "HEAD", "packed-refs", "shallow"];
        let is_odd = |name: &&&str| {
            fs::metadata(self.common_dir.join(name)).is_ok_and(|metadata| !metadata.is_file())
        };
        let Some(name) = FILES.iter().find(is_odd) else { return Ok(()) };
        Err(GitError::Unsupported {
            path: self.toplevel.clone(),
            what: Foreign::new(format!("a `{name}` in its git folder that is no file")),
            cure: "put the file back that was there, or remove what is",
        })
    }

    fn check_format(&self) -> Result<(), GitError> {
        for (key, value) in self.settings()? {
            let sha256 = key == "extensions.objectformat" && !value.eq_ignore_ascii_case("sha1");
            if sha256 {
                return Err(GitError::Unsupported {
                    path: self.toplevel.clone(),
                    what: Foreign::new(format!("the object format {value}")),
                    cure: "only SHA-1 repositories can be supervised",
                });
            }
        }
        Ok(())
    }

    fn object(&self, id: ObjectId, kind: ObjectType, limit: u64) -> Result<Vec<u8>, GitError> {
        let bytes = self
            .git("cat-file")
            .args([kind.str(), &id.to_string()])
            .output_bytes(limit)
            .run()?
            .stdout;
        if hash(kind, &bytes) != id {
            let why = Foreign::new("its content does not have this id: it was forged or damaged");
            return Err(GitError::BadObject { id, why });
        }
        Ok(bytes)
    }
}

pub(crate) fn file_too_large(path: &[u8], limit: u64) -> GitError {
    GitError::TooLarge {
        what: Foreign::new(format!("the size of {}", Foreign::from_bytes(path).raw())),
        limit,
        cure: "make the file smaller",
    }
}

/// The toplevel and git directory at or above `start`.
fn find(start: &Path) -> Result<(PathBuf, PathBuf), GitError> {
    for folder in start.ancestors() {
        let dot_git = folder.join(".git");
        if looks_like_git_dir(&dot_git) {
            return Ok((folder.to_path_buf(), dot_git));
        }
        if let Some(path) = pointer(&dot_git, b"gitdir: ")? {
            let git_dir = folder.join(path);
            let found = fs::canonicalize(&git_dir).map_err(|e| GitError::io(&git_dir, e))?;
            return Ok((folder.to_path_buf(), found));
        }
        if looks_like_git_dir(folder) {
            return Err(GitError::Bare(folder.to_path_buf()));
        }
    }
    Err(GitError::NoRepository(start.to_path_buf()))
}

fn looks_like_git_dir(folder: &Path) -> bool {
    folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").exists()
}

/// The path in a one-line file such as `.git` or `commondir`; `None` when there is no such file.
pub(crate) fn pointer(file: &Path, prefix: &[u8]) -> Result<Option<PathBuf>, GitError> {
    if !fs::symlink_metadata(file).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let bytes = read_regular(file, POINTER_BYTES).map_err(|error| GitError::io(file, error))?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    Ok(line.strip_prefix(prefix).map(|path| PathBuf::from(OsStr::from_bytes(path))))
}

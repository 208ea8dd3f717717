//! The git side of a rollback: the worktree's own git directory (index, HEAD, half-done merges) is
//! kept and made as new, and the private branch goes back to the base. The branch's old commits
//! stay reachable under `refs/monban/aside/`.

use super::command::{Dirs, Git};
use super::error::GitError;
use super::files::remove_tree;
use super::object::{ObjectId, Report};
use super::rollback::RollbackPlan;
use super::store::Store;
use super::worktree::beside;
use crate::base::durable;
use crate::base::foreign::Foreign;
use std::fs;
use std::io;
use std::path::Path;

/// What stays in a worktree's git directory; git itself needs these.
const STAYS: &[&str] = &["HEAD", "commondir", "gitdir", "logs", "refs", "reftable", "locked"];
/// The branch's commit is kept in this file beside the copied git directory.
pub(super) const BRANCH: &str = "monban-branch";
/// Bounds on what is copied of a git directory.
const COPY_BYTES: u64 = 1 << 30;
const COPY_DEPTH: u32 = 20;

/// Copies the git directory and notes the branch, unless that was done before.
pub fn keep_git(plan: &RollbackPlan) -> Result<(), GitError> {
    if plan.kept_git.exists() {
        return Ok(());
    }
    let part = beside(&plan.kept_git, ".part");
    remove_tree(&part)?;
    if is_there(plan)? {
        let mut left = COPY_BYTES;
        copy(&plan.worktree.git_dir, &part, 0, &mut left)?;
    } else {
        fs::create_dir(&part).map_err(|error| GitError::io(&part, error))?;
    }
    if let Some(commit) = branch_commit(plan)? {
        let kept = part.join(BRANCH);
        fs::write(&kept, commit.to_string()).map_err(|error| GitError::io(&kept, error))?;
        point(plan, &aside_ref(plan), commit)?;
    }
    fs::rename(&part, &plan.kept_git).map_err(|error| GitError::io(&part, error))?;
    durable::sync_parent(&plan.kept_git).map_err(|error| GitError::io(&plan.kept_git, error))
}

/// Makes the git directory as new: on the private branch, at the base, with an index for it, and
/// with the `.git` file of the worktree rewritten.
pub fn reset_git(
    plan: &RollbackPlan,
    store: &Store,
    report: &mut Report<'_>,
) -> Result<(), GitError> {
    let worktree = &plan.worktree;
    make_there(plan)?;
    empty(&worktree.git_dir)?;
    for (name, text) in pointers(plan) {
        let path = worktree.git_dir.join(name);
        // Where references are not files, git keeps its own mark there.
        if name == "HEAD" && path.exists() {
            continue;
        }
        durable::write(&path, &text).map_err(|error| GitError::io(&path, error))?;
    }
    Git::new(&worktree.dirs(), "symbolic-ref").args(["HEAD", &worktree.branch]).run()?;
    point(plan, &worktree.branch, worktree.commit)?;
    worktree.write_pointer()?;
    worktree.build_index(store, report)
}

/// Undo: the git directory and the branch as they were kept. Nothing was kept, nothing is done.
pub fn restore_git(plan: &RollbackPlan) -> Result<(), GitError> {
    if !plan.kept_git.exists() {
        return Ok(());
    }
    let git_dir = &plan.worktree.git_dir;
    make_there(plan)?;
    empty(git_dir)?;
    let mut left = COPY_BYTES;
    copy(&plan.kept_git, git_dir, 0, &mut left)?;
    let extra = git_dir.join(BRANCH);
    if extra.exists() {
        fs::remove_file(&extra).map_err(|error| GitError::io(&extra, error))?;
    }
    let kept = plan.kept_git.join(BRANCH);
    match fs::read_to_string(&kept) {
        Ok(commit) => point(plan, &plan.worktree.branch, commit.trim().parse()?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(GitError::io(&kept, error)),
    }
}

/// Whether the git directory is where it was made. A run may have removed it or put a link there,
/// and nothing that a link leads to is ours to copy or to empty.
fn is_there(plan: &RollbackPlan) -> Result<bool, GitError> {
    let git_dir = &plan.worktree.git_dir;
    match fs::symlink_metadata(git_dir) {
        Ok(metadata) if metadata.is_dir() => {
            let found = fs::canonicalize(git_dir).map_err(|error| GitError::io(git_dir, error))?;
            let is_ours = found == *git_dir;
            if is_ours { Ok(true) } else { Err(GitError::NotOurs(git_dir.clone())) }
        }
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(GitError::io(git_dir, error)),
    }
}

/// Puts a folder where the git directory belongs.
fn make_there(plan: &RollbackPlan) -> Result<(), GitError> {
    let git_dir = &plan.worktree.git_dir;
    if is_there(plan)? {
        return Ok(());
    }
    remove_tree(git_dir)?;
    fs::create_dir_all(git_dir).map_err(|error| GitError::io(git_dir, error))
}

fn pointers(plan: &RollbackPlan) -> [(&'static str, Vec<u8>); 3] {
    use std::os::unix::ffi::OsStrExt;
    let dot_git = plan.worktree.path.join(".git");
    let gitdir = [dot_git.as_os_str().as_bytes(), b"\n"].concat();
    let head = format!("ref: {}\n", plan.worktree.branch).into_bytes();
    [("commondir", b"../..\n".to_vec()), ("gitdir", gitdir), ("HEAD", head)]
}

fn aside_ref(plan: &RollbackPlan) -> String {
    format!("refs/monban/aside/{}", plan.id)
}

/// The directories of the repository: a run could have taken away the worktree's own.
fn shared(plan: &RollbackPlan) -> Dirs {
    Dirs { git_dir: plan.worktree.common_dir.clone(), ..plan.worktree.dirs() }
}

fn branch_commit(plan: &RollbackPlan) -> Result<Option<ObjectId>, GitError> {
    let output = Git::new(&shared(plan), "show-ref")
        .args(["--verify", "--hash", "--", &plan.worktree.branch])
        .accept(&[0, 1, 128])
        .run()?;
    Ok(String::from_utf8_lossy(output.stdout.trim_ascii()).parse().ok())
}

fn point(plan: &RollbackPlan, name: &str, commit: ObjectId) -> Result<(), GitError> {
    let arguments = ["--no-deref", "-m", "monban: rollback", name, &commit.to_string()];
    Git::new(&shared(plan), "update-ref").args(arguments).run()?;
    Ok(())
}

/// Removes everything from a git directory that does not make it one.
fn empty(git_dir: &Path) -> Result<(), GitError> {
    for entry in fs::read_dir(git_dir).map_err(|error| GitError::io(git_dir, error))? {
        let entry = entry.map_err(|error| GitError::io(git_dir, error))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|error| GitError::io(&path, error))?;
        if !kind.is_symlink() && STAYS.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        match kind.is_dir() {
            true => remove_tree(&path)?,
            false => fs::remove_file(&path).map_err(|error| GitError::io(&path, error))?,
        }
    }
    Ok(())
}

/// Copies files, folders and links over what is there, and never writes through a link that a run
/// put in the way. What would be lost is an error.
fn copy(from: &Path, to: &Path, depth: u32, left: &mut u64) -> Result<(), GitError> {
    let io = |error| GitError::io(from, error);
    if fs::symlink_metadata(to).is_ok_and(|metadata| !metadata.is_dir()) {
        fs::remove_file(to).map_err(|error| GitError::io(to, error))?;
    }
    fs::create_dir_all(to).map_err(|error| GitError::io(to, error))?;
    for entry in fs::read_dir(from).map_err(io)? {
        let entry = entry.map_err(io)?;
        let metadata = fs::symlink_metadata(entry.path()).map_err(io)?;
        let target = to.join(entry.file_name());
        if metadata.is_dir() {
            if depth >= COPY_DEPTH {
                return Err(too_large(&entry.path()));
            }
            copy(&entry.path(), &target, depth + 1, left)?;
            continue;
        }
        if metadata.is_file() || metadata.is_symlink() {
            *left = left.checked_sub(metadata.len()).ok_or_else(|| too_large(&entry.path()))?;
            copy_one(&entry.path(), &target, metadata.is_symlink())
                .map_err(|error| GitError::io(&target, error))?;
        }
    }
    Ok(())
}

fn copy_one(from: &Path, to: &Path, is_link: bool) -> io::Result<()> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if is_link {
        return std::os::unix::fs::symlink(fs::read_link(from)?, to);
    }
    fs::copy(from, to).map(|_| ())
}

fn too_large(path: &Path) -> GitError {
    GitError::TooLarge {
        what: Foreign::new(format!("what is to be kept, with {}", path.display())),
        limit: COPY_BYTES,
        cure: "move it out of the worktree's git folder, then roll back again",
    }
}

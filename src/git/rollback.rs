//! Rollback and its undo (C-06): the worktree is renamed aside, a fresh one is put in its place,
//! HOME is carried over, and the result is verified. Nothing is cleaned or deleted: undo renames
//! back.
//!
//! Each rename is a step of its own. [`probe`] sees from the folders alone which step was the last,
//! so after a crash [`finish`] goes forward and [`undo`] goes back from wherever it was.

use super::error::GitError;
use super::files::{flush_all, remove_tree};
use super::manifest::{manifest, manifest_of_tree};
use super::materialise::materialise;
use super::object::{ObjectId, Report, plain_id, tell};
use super::rollback_git::{keep_git, reset_git};
use super::store::Store;
use super::worktree::{Worktree, beside};
use crate::base::durable;
use crate::base::foreign::Foreign;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

pub use super::rollback_git::restore_git;

/// How many differing paths an error names.
const PATHS_SHOWN: usize = 5;

/// A rollback: what, where to, and under which names things are kept. The same plan serves its
/// undo.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RollbackPlan {
    /// The operation's id; part of folder and reference names.
    pub id: String,
    /// The worktree.
    pub worktree: Worktree,
    /// A commit or tree of the store: the base, or a snapshot.
    pub target: ObjectId,
    /// The name directly in the worktree that is carried over, such as `.monban`.
    pub home: String,
    /// Where the worktree is kept as it was.
    pub aside: PathBuf,
    /// Where the new one is built, and where undo puts what it replaces.
    pub fresh: PathBuf,
    /// Where the git state (branch, index) is kept as it was.
    pub kept_git: PathBuf,
}

/// The last step that was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Nothing, or an unfinished fresh folder.
    Untouched,
    /// The fresh folder is complete beside the worktree.
    Prepared,
    /// The worktree is aside; nothing is in its place.
    Aside,
    /// The fresh folder is in place, HOME is still aside.
    InPlace,
    /// HOME is in place too.
    HomeCarried,
}

impl RollbackPlan {
    /// A plan named `id` (letters, digits, `-`, `_`) that puts `worktree` at `target`.
    pub fn new(
        worktree: Worktree,
        id: &str,
        home: &str,
        target: ObjectId,
    ) -> Result<Self, GitError> {
        let named = |what: &str| beside(&worktree.path, &format!(".{what}-{id}"));
        Ok(Self {
            id: plain_id(id)?.to_string(),
            target,
            home: home.to_string(),
            aside: named("aside"),
            fresh: named("fresh"),
            kept_git: named("git"),
            worktree,
        })
    }

    fn place(&self) -> &Path {
        &self.worktree.path
    }
}

/// Which step was the last.
pub fn probe(plan: &RollbackPlan) -> Result<Step, GitError> {
    let place = plan.place();
    match (exists(place), exists(&plan.aside), exists(&plan.fresh)) {
        (true, false, false) => Ok(Step::Untouched),
        (true, false, true) => Ok(Step::Prepared),
        (false, true, true) => Ok(Step::Aside),
        (true, true, false) if has_home(&plan.aside, plan) => Ok(Step::InPlace),
        (true, true, false) => Ok(Step::HomeCarried),
        _ => Err(GitError::Unknown(place.to_path_buf())),
    }
}

/// Takes all steps that are left, and verifies. The run must have ended.
pub fn finish(plan: &RollbackPlan, store: &Store, report: &mut Report<'_>) -> Result<(), GitError> {
    stand_in(plan)?;
    if probe(plan)? == Step::Untouched {
        build_fresh(plan, store, report)?;
    }
    if probe(plan)? == Step::Prepared {
        tell(report, "rolling back", 1, Some(5))?;
        keep_git(plan)?;
        tell(report, "rolling back", 2, Some(5))?;
        set_aside(plan)?;
    }
    if probe(plan)? == Step::Aside {
        tell(report, "rolling back", 3, Some(5))?;
        put_in_place(plan)?;
    }
    if probe(plan)? == Step::InPlace {
        tell(report, "rolling back", 4, Some(5))?;
        carry_home(plan)?;
    }
    tell(report, "rolling back", 5, Some(5))?;
    reset_git(plan, store, report)?;
    verify(plan, store)
}

/// Puts an empty folder where a run removed its own worktree: then there is one to set aside.
fn stand_in(plan: &RollbackPlan) -> Result<(), GitError> {
    let place = plan.place();
    if exists(place) || exists(&plan.aside) {
        return Ok(());
    }
    fs::create_dir(place).map_err(|error| GitError::io(place, error))
}

/// Goes back to how everything was before, from whatever step. What was in place of it is then in
/// the plan's `fresh` folder.
pub fn undo(plan: &RollbackPlan, report: &mut Report<'_>) -> Result<(), GitError> {
    if matches!(probe(plan)?, Step::InPlace | Step::HomeCarried) {
        tell(report, "undoing the rollback", 0, Some(4))?;
        carry_home_back(plan)?;
        tell(report, "undoing the rollback", 1, Some(4))?;
        take_out(plan)?;
    }
    if probe(plan)? == Step::Aside {
        tell(report, "undoing the rollback", 2, Some(4))?;
        return_aside(plan)?;
    }
    tell(report, "undoing the rollback", 3, Some(4))?;
    restore_git(plan)
}

/// Builds the fresh folder from the store; complete under its name or not there.
pub fn build_fresh(
    plan: &RollbackPlan,
    store: &Store,
    report: &mut Report<'_>,
) -> Result<(), GitError> {
    let part = beside(&plan.fresh, ".part");
    remove_tree(&part)?;
    materialise(store, plan.target, &part, report)?;
    flush_all(&part)?;
    rename(&part, &plan.fresh)
}

/// Renames the worktree aside.
pub fn set_aside(plan: &RollbackPlan) -> Result<(), GitError> {
    rename(plan.place(), &plan.aside)
}

/// Renames the fresh folder into place.
pub fn put_in_place(plan: &RollbackPlan) -> Result<(), GitError> {
    rename(&plan.fresh, plan.place())
}

/// Renames HOME from the folder aside into the one in place.
pub fn carry_home(plan: &RollbackPlan) -> Result<(), GitError> {
    carry(plan, &plan.aside, plan.place())
}

/// Undo: renames HOME back into the folder aside.
pub fn carry_home_back(plan: &RollbackPlan) -> Result<(), GitError> {
    carry(plan, plan.place(), &plan.aside)
}

/// Undo: renames what is in place to the fresh folder's name.
pub fn take_out(plan: &RollbackPlan) -> Result<(), GitError> {
    rename(plan.place(), &plan.fresh)
}

/// Undo: renames the folder aside back into place.
pub fn return_aside(plan: &RollbackPlan) -> Result<(), GitError> {
    rename(&plan.aside, plan.place())
}

/// Removes what an undone or never begun rollback left under the fresh folder's name.
pub fn discard_fresh(plan: &RollbackPlan) -> Result<(), GitError> {
    remove_tree(&beside(&plan.fresh, ".part"))?;
    match probe(plan)? {
        Step::Prepared => remove_tree(&plan.fresh),
        _ => Ok(()),
    }
}

/// Compares the folder in place with the target: names, kinds, execute bits, link targets and
/// bytes. The objects of the target were compared with their ids when read, so equality here is
/// equality of the tree hash.
pub fn verify(plan: &RollbackPlan, store: &Store) -> Result<(), GitError> {
    let expected = manifest_of_tree(store, plan.target)?;
    let actual = manifest(plan.place(), &[".git", &plan.home])?.into_git_view();
    let wrong = expected.differences(&actual);
    if wrong.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = wrong.iter().take(PATHS_SHOWN).map(|path| path.shown()).collect();
    let what = format!("{} paths differ: {}", wrong.len(), named.join(", "));
    Err(GitError::Mismatch { path: plan.place().to_path_buf(), what: Foreign::new(what) })
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// A rename that never replaces anything and survives power loss.
fn rename(from: &Path, to: &Path) -> Result<(), GitError> {
    if exists(to) {
        return Err(GitError::PathTaken(to.to_path_buf()));
    }
    fs::rename(from, to).map_err(|error| GitError::io(from, error))?;
    durable::sync_parent(to).map_err(|error| GitError::io(to, error))
}

/// Whether HOME is in `folder` itself. What a link in the folder's place leads to is another's.
fn has_home(folder: &Path, plan: &RollbackPlan) -> bool {
    let is_folder = fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir());
    is_folder && exists(&folder.join(&plan.home))
}

/// HOME may never have been there.
fn carry(plan: &RollbackPlan, from: &Path, to: &Path) -> Result<(), GitError> {
    let is_folder = fs::symlink_metadata(to).is_ok_and(|metadata| metadata.is_dir());
    if !has_home(from, plan) || !is_folder {
        return Ok(());
    }
    let (from, to) = (from.join(&plan.home), to.join(&plan.home));
    rename(&from, &to)?;
    durable::sync_parent(&from).map_err(|error| GitError::io(&from, error))
}

//! Finding what nobody needs: the names of monban's own files say what they belong to. Whatever has
//! another name is not looked at, and no link is followed.

use super::{Found, Kind, Thing, Waste};
use crate::base::clock::Timestamp;
use crate::base::id::{OpId, RepoId, RunId, TaskId};
use crate::daemon::world::World;
use crate::git::{self, GitError, ObjectId, Repository, Sweep, Worktree};
use crate::model::core::Core;
use crate::model::effect::Effect;
use crate::model::keep::Keep;
use crate::model::state::{Repo, State};
use crate::runner;
use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Everything that nobody needs.
pub(super) fn all(world: &World, state: &State, (now, age): (Timestamp, Duration)) -> Found {
    let since_epoch = u64::try_from(now.millis()).unwrap_or(0);
    let before = SystemTime::UNIX_EPOCH + Duration::from_millis(since_epoch);
    let before = before.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
    let keep = Keep::new(state, now, age);
    let mut finder = Finder { world, keep, before, at: (now, age), found: Found::default() };
    for repo in state.repos.values() {
        finder.of_repo(repo);
    }
    finder.runs();
    finder.notes();
    finder.found
}

struct Finder<'a> {
    world: &'a World,
    keep: Keep<'a>,
    at: (Timestamp, Duration),
    /// Nothing younger than this goes.
    before: SystemTime,
    found: Found,
}

/// What a file beside a worktree is.
enum Beside {
    Worktree,
    Aside(OpId),
}

impl Finder<'_> {
    fn add(&mut self, kind: Kind, path: &Path, thing: Thing) {
        let what = path.strip_prefix(&self.world.places.state).unwrap_or(path);
        let what = what.display().to_string();
        self.found.waste.push(Waste { kind, what, count: 1, bytes: size_of(path), thing });
    }

    /// Whether it has lain there long enough: when a task left the plan is not known any more.
    fn is_old(&self, entry: &DirEntry) -> bool {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        modified.is_ok_and(|at| at <= self.before)
    }

    /// Worktrees, what lies beside them, references and objects.
    fn of_repo(&mut self, repo: &Repo) {
        let result = Repository::open(&repo.path).and_then(|repository| {
            let refs = repository.monban_refs()?;
            let gone = self.worktrees(repo.id, &repository, &refs);
            self.references(&repository, gone, repo.id).and_then(|kept| self.objects(repo.id, kept))
        });
        if let Err(error) = result {
            self.found.left.push(format!("{}: {error}", repo.path.display()));
        }
    }

    /// Worktrees and what rollbacks set aside; gives the references that went with them.
    fn worktrees(
        &mut self,
        repo: RepoId,
        repository: &Repository,
        refs: &[(String, ObjectId)],
    ) -> BTreeSet<String> {
        let folder = self.world.places.state.join("worktrees").join(repo.to_string());
        let mut gone = BTreeSet::new();
        for entry in entries(&folder) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some((task, beside)) = beside(&name) else { continue };
            if !self.is_old(&entry) {
                continue;
            }
            let path = entry.path();
            match beside {
                Beside::Worktree if !self.keep.worktree(task, &path) => {
                    let branch = match Worktree::find(&path) {
                        Ok(Some(worktree)) => worktree.branch_at(repository),
                        _ => continue,
                    };
                    match branch {
                        Ok(branch) => {
                            let (to, repository) = (path.clone(), repository.clone());
                            let thing = Thing::Worktree { path: to, repository, branch };
                            self.add(Kind::Worktree, &path, thing);
                        }
                        Err(error) => self.found.left.push(format!("{name}: {error}")),
                    }
                }
                Beside::Aside(op) if !self.keep.aside(task, op) => {
                    // The reference goes only from where the rollback left it.
                    let name = format!("refs/monban/aside/{op}");
                    let at = git::kept_branch(&path);
                    if let Some((name, at)) = at.and_then(|at| found(refs, &name, at)) {
                        gone.insert(name.clone());
                        self.reference(repository, name, at);
                    }
                    self.add(Kind::Aside, &path, Thing::Aside { path: path.clone(), op });
                }
                _ => {}
            }
        }
        gone
    }

    fn reference(&mut self, repository: &Repository, name: String, at: ObjectId) {
        let what = format!("{name} in {}", repository.toplevel().display());
        let thing = Thing::Reference { repository: repository.clone(), name, at };
        self.found.waste.push(Waste { kind: Kind::Reference, what, count: 1, bytes: 0, thing });
    }

    /// Results of tasks that nobody will land any more; gives the commits of those that stay. They
    /// are looked at once nobody else can be at the store.
    fn references(
        &mut self,
        repository: &Repository,
        gone: BTreeSet<String>,
        repo: RepoId,
    ) -> Result<(Option<Sweep>, Vec<ObjectId>), GitError> {
        let sweep = Sweep::begin(&self.world.store_folder(repo))?;
        let (refs, mut kept) = (repository.monban_refs()?, Vec::new());
        for (name, at) in refs.into_iter().filter(|(name, _)| !gone.contains(name)) {
            let attempt = ["refs/monban/ready/", "refs/monban/landing/"];
            let attempt = attempt.iter().find_map(|prefix| name.strip_prefix(prefix));
            let Some((task, _)) = attempt.and_then(attempt_of) else { continue };
            // Another monban may use this repository too: ours is what was made in our store.
            let is_ours = match &sweep {
                Some(sweep) => sweep.made(at)?,
                None => false,
            };
            if is_ours && !self.keep.task_lands(task) {
                self.reference(repository, name, at);
            } else {
                kept.push(at);
            }
        }
        Ok((sweep, kept))
    }

    /// What names objects is asked for only now that nobody else is at the store: what a snapshot
    /// wrote is named by then, or its work is still under way. A snapshot takes objects that are
    /// there as they are, however old they are.
    fn objects(
        &mut self,
        repo: RepoId,
        (sweep, kept): (Option<Sweep>, Vec<ObjectId>),
    ) -> Result<(), GitError> {
        let folder = self.world.store_folder(repo);
        let (now, age) = self.at;
        let look = move |core: &Core| {
            let mut at_work = core.outstanding().into_iter().filter_map(|of| store_user(&of));
            let is_used =
                at_work.any(|task| core.state.task(task).is_some_and(|task| task.repo == repo));
            (!is_used).then(|| Keep::new(&core.state, now, age).commits(repo))
        };
        let named = self.world.engine.look_blocking(look).ok().flatten();
        let Some((mut sweep, named)) = sweep.zip(named) else {
            if folder.exists() {
                self.found.left.push(format!("the store of {repo} is in use; run it again later"));
            }
            return Ok(());
        };
        let named: Result<Vec<ObjectId>, _> = named.iter().map(|commit| commit.parse()).collect();
        let mut needed = named?;
        needed.extend(kept.into_iter().filter(|id| sweep.has(*id).unwrap_or(false)));
        sweep.find(&needed, self.before)?;
        let (count, bytes) = (sweep.count(), sweep.bytes());
        if count > 0 {
            let what = format!("stores/{repo}");
            let (kind, thing) = (Kind::Objects, Thing::Objects(sweep));
            self.found.waste.push(Waste { kind, what, count, bytes, thing });
        }
        Ok(())
    }

    fn runs(&mut self) {
        for entry in entries(&self.world.places.state.join("runs")) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let number = name.strip_prefix("run").and_then(|number| number.parse().ok());
            if number.map(RunId).is_none_or(|run| self.keep.run(run)) {
                continue;
            }
            let path = entry.path();
            let commands: Vec<PathBuf> = entries(&path).map(|entry| entry.path()).collect();
            let is_held = || {
                let folders = commands.iter().map(PathBuf::as_path).chain([path.as_path()]);
                { folders }.any(runner::is_held)
            };
            if self.is_old(&entry) && !is_held() {
                let is_gate = !path.join("claim.json").exists();
                let kind = if is_gate { Kind::Gate } else { Kind::Transcript };
                self.add(kind, &path, Thing::Path(path.clone()));
            }
        }
    }

    fn notes(&mut self) {
        for entry in entries(&self.world.places.state.join("attempts")) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(((task, _), rest)) = split_name(&name) else { continue };
            let op = rest.strip_prefix("-op").and_then(|rest| rest.strip_suffix(".json"));
            let op = op.and_then(|number| number.parse().ok()).map(OpId);
            let is_needed = match op {
                Some(op) => self.keep.task(task) && self.keep.aside(task, op),
                None => self.keep.task(task),
            };
            if !is_needed && self.is_old(&entry) {
                let path = entry.path();
                self.add(Kind::Note, &path, Thing::Path(path.clone()));
            }
        }
    }
}

/// The task whose effect works with a store.
fn store_user(effect: &Effect) -> Option<TaskId> {
    match effect {
        Effect::Prepare { task, .. }
        | Effect::Snapshot { task, .. }
        | Effect::Checkpoint { task, .. }
        | Effect::Check { task, .. }
        | Effect::Land { task, .. }
        | Effect::Merge { task, .. }
        | Effect::RollBack { task, .. }
        | Effect::Undo { task, .. } => Some(*task),
        _ => None,
    }
}

fn found(refs: &[(String, ObjectId)], name: &str, at: ObjectId) -> Option<(String, ObjectId)> {
    refs.iter().find(|known| known.0 == name && known.1 == at).cloned()
}

/// `TASK-ATTEMPT`, as worktrees, branches and notes are named.
fn attempt_of(name: &str) -> Option<(TaskId, u32)> {
    let (task, attempt) = name.split_once('-')?;
    Some((TaskId(task.parse().ok()?), attempt.parse().ok()?))
}

/// `TASK-ATTEMPT` and what follows it.
fn split_name(name: &str) -> Option<((TaskId, u32), &str)> {
    let after = name.find('-')? + 1;
    let digits = name[after..].bytes().take_while(u8::is_ascii_digit).count();
    let (attempt, rest) = name.split_at(after + digits);
    Some((attempt_of(attempt)?, rest))
}

/// What lies in the folder of worktrees by this name, and whose it is.
fn beside(name: &str) -> Option<(TaskId, Beside)> {
    let ((task, _), rest) = split_name(name)?;
    let rest = rest.strip_suffix(".part").unwrap_or(rest);
    if rest.is_empty() {
        return Some((task, Beside::Worktree));
    }
    let op = [".aside-op", ".fresh-op", ".git-op"].iter().find_map(|of| rest.strip_prefix(of))?;
    Some((task, Beside::Aside(OpId(op.parse().ok()?))))
}

/// What a folder of ours holds; nothing where a link stands in its place.
fn entries(folder: &Path) -> impl Iterator<Item = DirEntry> {
    let is_folder = fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir());
    is_folder.then(|| fs::read_dir(folder).ok()).flatten().into_iter().flatten().flatten()
}

/// The bytes of everything at a path, links as links.
fn size_of(path: &Path) -> u64 {
    let mut bytes = 0;
    let mut open = vec![path.to_path_buf()];
    while let Some(path) = open.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        match metadata.is_dir() {
            true => open.extend(entries(&path).map(|entry| entry.path())),
            false => bytes += metadata.len(),
        }
    }
    bytes
}

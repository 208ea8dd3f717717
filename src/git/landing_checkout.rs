//! Moving the person's checkout together with its branch. Only files that are byte for byte what
//! the base has are replaced, nothing untracked is touched, and no filter or hook runs.
//!
//! Order: take git's own index lock; look; prepare the new index beside the old; swap the branch
//! and set a marker reference in one transaction; write the files; put the index in place; drop the
//! marker and the lock. With the marker present a repetition writes what is missing.

use super::checkouts::{Checkout, unfinished};
use super::command::{Dirs, Git, LONG};
use super::diff::{Delta, deltas};
use super::error::GitError;
use super::files::{self, kind, look};
use super::landing::{Landed, Landing};
use super::materialise::write_entry;
use super::object::{ObjectId, RepoPath, Report, tell};
use super::objects::{FileEntry, MODE_LINK, MODE_SUBMODULE, Objects, TreeEntry};
use super::repository::Repository;
use super::store::Store;
use rustix::fs::{AtFlags, CWD, FileType, renameat, unlinkat};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Longest file that is compared in a checkout.
const FILE_BYTES: u64 = 1 << 30;
/// Attributes that change a file's bytes between the repository and a checkout.
const FILTERS: &[&str] = &["filter", "ident", "working-tree-encoding", "eol"];

/// A landing on its way.
pub(crate) struct Moving<'a> {
    pub store: &'a Store,
    pub repository: &'a Repository,
    pub landing: &'a Landing,
    pub commit: ObjectId,
}

/// What became of the branch and its checkout.
pub(crate) enum Moved {
    Done(Vec<RepoPath>),
    Elsewhere(ObjectId),
    Not(String),
}

/// What stands at a path of a checkout, compared with an entry of a tree.
#[derive(PartialEq, Eq)]
enum Found {
    Absent,
    Same,
    Other,
}

impl Moving<'_> {
    /// Moves a branch that no checkout has.
    pub fn swap_alone(&self) -> Result<Landed, GitError> {
        Ok(match self.swap(false)? {
            Some(now) => Landed::BaseMoved { now },
            None => {
                self.forget(&self.landing.ready_ref())?;
                Landed::Moved { commit: self.commit, checkout: None, untouched: Vec::new() }
            }
        })
    }

    /// Moves the branch and the checkout that has it.
    pub fn with_checkout(
        &self,
        objects: &Objects,
        checkout: &Checkout,
        report: &mut Report<'_>,
    ) -> Result<Moved, GitError> {
        let Some(folder) = &checkout.folder else {
            return Ok(Moved::Not("the branch's checkout was moved or removed".into()));
        };
        self.unlock_ours(checkout)?;
        if let Some(what) = unfinished(&checkout.git_dir) {
            return Ok(Moved::Not(format!("{what} is unfinished in {}", folder.display())));
        }
        if !self.lock(checkout)? {
            return Ok(Moved::Not(format!("git is at work in {}", folder.display())));
        }
        tell(report, "landing", 2, None)?;
        let base = objects.tree_of(self.landing.expected_base);
        let deltas = base.and_then(|tree| deltas(objects, tree, self.landing.tree));
        let deltas = self.or_unlock(checkout, deltas)?;
        let obstacle = match self.obstacle(objects, checkout, folder, &deltas) {
            Err(GitError::Failed { stderr, .. }) => {
                Some(format!("its index cannot be prepared: {stderr}"))
            }
            looked => self.or_unlock(checkout, looked)?,
        };
        if let Some(why) = obstacle {
            self.unlock_ours(checkout)?;
            return Ok(Moved::Not(why));
        }
        tell(report, "landing", 3, None)?;
        if let Some(now) = self.or_unlock(checkout, self.swap(true))? {
            self.unlock_ours(checkout)?;
            return Ok(Moved::Elsewhere(now));
        }
        tell(report, "landing", 4, None)?;
        self.write(objects, checkout, folder, &deltas, report).map(Moved::Done)
    }

    /// After a crash between the swap and the end: writes what is missing, if the branch did not
    /// move on since.
    pub fn complete(&self, head: ObjectId, report: &mut Report<'_>) -> Result<(), GitError> {
        let marker = self.repository.find_ref(&self.landing.marker_ref())?;
        for checkout in self.repository.checkouts_of(&self.landing.branch)? {
            self.unlock_ours(&checkout)?;
            if let (Some(folder), true) =
                (&checkout.folder, marker.is_some() && head == self.commit)
            {
                if !self.lock(&checkout)? {
                    return Err(GitError::Busy(folder.clone()));
                }
                let objects = self.store.objects()?;
                let tree = objects.tree_of(self.landing.expected_base)?;
                let deltas = deltas(&objects, tree, self.landing.tree)?;
                self.prepare_index(&checkout, folder, &deltas)?;
                self.write(&objects, &checkout, folder, &deltas, report)?;
            }
        }
        self.forget(&self.landing.marker_ref())
    }

    /// Sets a reference of ours to the commit.
    pub fn point(&self, name: &str) -> Result<(), GitError> {
        self.update(format!("update {name} {}\n", self.commit))
    }

    /// Removes a reference of ours, if it is there.
    pub fn forget(&self, name: &str) -> Result<(), GitError> {
        match self.repository.find_ref(name)? {
            Some(_) => self.update(format!("delete {name}\n")),
            None => Ok(()),
        }
    }

    /// The one compare-and-swap. `Some` says where the branch was instead; nothing was changed
    /// then.
    fn swap(&self, marked: bool) -> Result<Option<ObjectId>, GitError> {
        let Landing { branch, expected_base, .. } = self.landing;
        let mut steps = format!("update {branch} {} {expected_base}\n", self.commit);
        if marked {
            steps.push_str(&format!("update {} {}\n", self.landing.marker_ref(), self.commit));
        }
        let Err(error) = self.update(steps) else { return Ok(None) };
        let now = self.repository.head_of(branch)?;
        // At the commit, git failed after the swap.
        if now == *expected_base { Err(error) } else { Ok(Some(now).filter(|n| *n != self.commit)) }
    }

    fn update(&self, steps: String) -> Result<(), GitError> {
        let message = format!("monban: land {}", self.landing.id);
        let mut git = self
            .repository
            .git("update-ref")
            .args(["--no-deref", "-m", &message, "--stdin"])
            .input(format!("start\n{steps}prepare\ncommit\n"));
        for (name, value) in self.landing.log_identity() {
            git = git.variable(name, value);
        }
        git.run().map(|_| ())
    }

    /// Why the checkout cannot be moved; `None` when it can, with the new index prepared.
    fn obstacle(
        &self,
        objects: &Objects,
        checkout: &Checkout,
        folder: &Path,
        deltas: &[Delta],
    ) -> Result<Option<String>, GitError> {
        let root = files::open_root(folder)?;
        let removed: HashSet<&[u8]> =
            deltas.iter().filter(|d| d.old.is_some()).map(|d| d.path.as_slice()).collect();
        for delta in deltas {
            let shown = RepoPath(delta.path.clone()).shown();
            let submodule = [&delta.old, &delta.new].into_iter().flatten();
            if submodule.into_iter().any(|entry| entry.mode == MODE_SUBMODULE) {
                return Ok(Some(format!("{shown} is a submodule")));
            }
            let found = found(objects, root.as_fd(), &delta.path, delta.old.as_ref())?;
            let free = in_the_way(root.as_fd(), &delta.path, &removed)?.is_none();
            match (&delta.old, found) {
                (None, Found::Absent) if free => {}
                (None, _) => return Ok(Some(format!("an untracked file is where {shown} goes"))),
                (Some(_), Found::Same) => {}
                (Some(_), _) => {
                    return Ok(Some(format!(
                        "{shown} in {} is not as committed (an edit, line endings, LFS or another \
                         filter)",
                        folder.display()
                    )));
                }
            }
        }
        let index = self.copy_index(checkout)?;
        let branch = &self.landing.branch;
        let dirty = self.repository.changed_files(self.store, folder, &index, branch)?;
        if let Some(first) = dirty.first() {
            let more = if dirty.len() > 1 { " and others are" } else { " is" };
            return Ok(Some(format!("{}{more} changed in {}", first.shown(), folder.display())));
        }
        self.prepare_index(checkout, folder, deltas)?;
        self.filtered(checkout, folder, deltas)
    }

    /// A path that a filter of the repository would have to be run for.
    fn filtered(
        &self,
        checkout: &Checkout,
        folder: &Path,
        deltas: &[Delta],
    ) -> Result<Option<String>, GitError> {
        let information = self.repository.common_dir().join("info/attributes");
        let text = files::read_regular(&information, 1 << 20).unwrap_or_default();
        let names = |word: &&&str| text.windows(word.len()).any(|part| part == word.as_bytes());
        if let Some(word) = FILTERS.iter().find(names) {
            return Ok(Some(format!("{} sets {word}", information.display())));
        }
        let dirs = self.index_dirs(checkout, folder);
        let paths: Vec<u8> =
            deltas.iter().flat_map(|delta| [delta.path.as_slice(), b"\0"].concat()).collect();
        let output = Git::new(&dirs, "check-attr")
            .args(["--cached", "--stdin", "-z"])
            .args(FILTERS.iter().copied())
            .input(paths)
            .run()?;
        let fields: Vec<&[u8]> = output.stdout.split(|b| *b == 0).collect();
        let set = fields.chunks_exact(3).find(|line| {
            let harmless: [&[u8]; 3] = [b"unspecified", b"unset", b"lf"];
            !harmless.contains(&line[2])
        });
        Ok(set.map(|line| {
            let path = RepoPath::from(line[0]).shown();
            format!("{path} goes through a filter ({})", String::from_utf8_lossy(line[1]))
        }))
    }

    /// Writes the files, puts the index in place, drops marker and lock.
    fn write(
        &self,
        objects: &Objects,
        checkout: &Checkout,
        folder: &Path,
        deltas: &[Delta],
        report: &mut Report<'_>,
    ) -> Result<Vec<RepoPath>, GitError> {
        let root = files::open_root(folder)?;
        let mut untouched = Vec::new();
        let total = Some(deltas.len() as u64);
        let (gone, written): (Vec<&Delta>, Vec<&Delta>) =
            deltas.iter().partition(|delta| delta.new.is_none());
        for (done, delta) in gone.into_iter().chain(written).enumerate() {
            tell(report, "moving the checkout", done as u64, total)?;
            let moved = self.write_one(objects, root.as_fd(), delta)?;
            let path = RepoPath(delta.path.clone());
            if !moved.map_err(|error| GitError::io(&folder.join(path.as_path()), error))? {
                untouched.push(path);
            }
        }
        let dirs = self.index_dirs(checkout, folder);
        Git::new(&dirs, "update-index")
            .settings(&self.repository.checkout_settings()?)
            .args(["-q", "--refresh", "--ignore-submodules"])
            .accept(&[0, 1])
            .limit(LONG)
            .run()?;
        tell(report, "landing", 5, None)?;
        let (new, index) = (self.new_index(checkout), checkout.git_dir.join("index"));
        fs::rename(&new, &index).map_err(|error| GitError::io(&index, error))?;
        tell(report, "landing", 6, None)?;
        self.forget(&self.landing.marker_ref())?;
        tell(report, "landing", 7, None)?;
        self.unlock_ours(checkout)?;
        Ok(untouched)
    }

    /// Moves one path from its old to its new state; false when it is in neither.
    fn write_one(
        &self,
        objects: &Objects,
        root: BorrowedFd<'_>,
        delta: &Delta,
    ) -> Result<io::Result<bool>, GitError> {
        let (folder, name) = files::split(&delta.path);
        let old = found(objects, root, &delta.path, delta.old.as_ref())?;
        let Some(new) = &delta.new else {
            return Ok(match old {
                Found::Same => remove(root, &delta.path).map(|()| true),
                other => Ok(other == Found::Absent),
            });
        };
        if found(objects, root, &delta.path, Some(new))? == Found::Same {
            return Ok(set_execute(root, folder, name, new).map(|()| true));
        }
        let may_write = old == Found::Same || (old == Found::Absent && delta.old.is_none());
        if !may_write {
            return Ok(Ok(false));
        }
        let opened = match files::make_folders(root, folder) {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error)),
        };
        let temporary = format!(".monban-landing-{}", self.landing.id).into_bytes();
        let _ = unlinkat(&opened, temporary.as_slice(), AtFlags::empty());
        let entry = FileEntry { path: delta.path.clone(), mode: new.mode, id: new.id };
        if let Err(error) = write_entry(objects, opened.as_fd(), &temporary, &entry)? {
            return Ok(Err(error));
        }
        let renamed = renameat(&opened, temporary.as_slice(), &opened, name);
        Ok(renamed.map(|()| true).map_err(io::Error::from))
    }

    /// Copies the person's index beside itself, with its time: by it git knows which entries to
    /// distrust.
    fn copy_index(&self, checkout: &Checkout) -> Result<PathBuf, GitError> {
        let (index, new) = (checkout.git_dir.join("index"), self.new_index(checkout));
        let copied = files::open_file(CWD, index.as_os_str().as_bytes()).and_then(|mut from| {
            // Whatever a run put there, such as a link, is not written through.
            let _ = fs::remove_file(&new);
            let mut to = fs::File::create_new(&new)?;
            io::copy(&mut from, &mut to)?;
            to.set_modified(from.metadata()?.modified()?)
        });
        copied.map(|()| new).map_err(|error| GitError::io(&index, error))
    }

    /// Makes the copy of the index name the new objects.
    fn prepare_index(
        &self,
        checkout: &Checkout,
        folder: &Path,
        deltas: &[Delta],
    ) -> Result<(), GitError> {
        self.copy_index(checkout)?;
        let mut lines = Vec::new();
        for delta in deltas.iter().filter(|delta| delta.old.is_some()) {
            lines.extend_from_slice(format!("0 {}\t", ObjectId::NONE).as_bytes());
            lines.extend_from_slice(&delta.path);
            lines.push(0);
        }
        for delta in deltas {
            if let Some(new) = &delta.new {
                lines.extend_from_slice(format!("{:o} {}\t", new.mode, new.id).as_bytes());
                lines.extend_from_slice(&delta.path);
                lines.push(0);
            }
        }
        Git::new(&self.index_dirs(checkout, folder), "update-index")
            .args(["-z", "--index-info"])
            .input(lines)
            .limit(LONG)
            .run()?;
        Ok(())
    }

    fn index_dirs(&self, checkout: &Checkout, folder: &Path) -> Dirs {
        self.repository.checkout_dirs(self.store, folder, &self.new_index(checkout))
    }

    fn new_index(&self, checkout: &Checkout) -> PathBuf {
        checkout.git_dir.join(format!("monban-index-{}", self.landing.id))
    }

    /// Takes git's own lock on the index, so that no git of the person works there meanwhile.
    fn lock(&self, checkout: &Checkout) -> Result<bool, GitError> {
        let path = lock_path(checkout);
        let mut file = match fs::File::create_new(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(GitError::io(&path, error)),
        };
        let written = io::Write::write_all(&mut file, self.lock_text().as_bytes());
        if written.is_err() {
            // Without its text nobody would know it as ours, and the person's git would stay shut.
            let _ = fs::remove_file(&path);
        }
        written.map(|()| true).map_err(|error| GitError::io(&path, error))
    }

    /// Nothing has moved yet: a failure must not leave the person's git locked.
    fn or_unlock<T>(
        &self,
        checkout: &Checkout,
        result: Result<T, GitError>,
    ) -> Result<T, GitError> {
        if result.is_err() {
            self.unlock_ours(checkout)?;
        }
        result
    }

    /// Drops our lock and the copy of the index; another's lock stays.
    fn unlock_ours(&self, checkout: &Checkout) -> Result<(), GitError> {
        let path = lock_path(checkout);
        let text = files::read_regular(&path, 4096).unwrap_or_default();
        let copy = self.new_index(checkout);
        let gone = |result: io::Result<()>| match result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(GitError::io(&path, error))
            }
            _ => Ok(()),
        };
        if text == self.lock_text().as_bytes() {
            gone(fs::remove_file(&copy))?;
            gone(fs::remove_file(&path))?;
        }
        Ok(())
    }

    fn lock_text(&self) -> String {
        format!("monban landing {}\n", self.landing.id)
    }
}

fn lock_path(checkout: &Checkout) -> PathBuf {
    checkout.git_dir.join("index.lock")
}

/// What is at `path`, compared with `entry`. A link on the way counts as nothing there.
fn found(
    objects: &Objects,
    root: BorrowedFd<'_>,
    path: &[u8],
    entry: Option<&TreeEntry>,
) -> Result<Found, GitError> {
    let (folder, name) = files::split(path);
    let Ok(folder) = files::descend(root, folder) else { return Ok(Found::Absent) };
    let Ok(Some(stat)) = look(&folder, name) else { return Ok(Found::Absent) };
    let Some(entry) = entry else { return Ok(Found::Other) };
    let bytes = match (kind(&stat), entry.mode) {
        (FileType::Symlink, MODE_LINK) => files::read_link(&folder, name).ok(),
        (FileType::RegularFile, MODE_LINK) => None,
        (FileType::RegularFile, _) => {
            files::read_still(&folder, name, FILE_BYTES).ok().flatten().map(|(bytes, _)| bytes)
        }
        _ => None,
    };
    let Some(bytes) = bytes else { return Ok(Found::Other) };
    Ok(if bytes == objects.blob(entry.id)? { Found::Same } else { Found::Other })
}

/// The uppermost part of the path's folders that is no folder and stays.
fn in_the_way(
    root: BorrowedFd<'_>,
    path: &[u8],
    removed: &HashSet<&[u8]>,
) -> Result<Option<Vec<u8>>, GitError> {
    let ends = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
    for end in ends {
        let (folder, name) = files::split(&path[..end]);
        let Ok(folder) = files::descend(root, folder) else { return Ok(None) };
        let Ok(Some(stat)) = look(&folder, name) else { return Ok(None) };
        if kind(&stat) != FileType::Directory {
            let stays = !removed.contains(&path[..end]);
            return Ok(stays.then(|| path[..end].to_vec()));
        }
    }
    Ok(None)
}

/// Removes a file and the folders above it that are empty then.
fn remove(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<()> {
    let (mut folder, name) = files::split(path);
    unlinkat(files::descend(root, folder)?, name, AtFlags::empty())?;
    while !folder.is_empty() {
        let (above, name) = files::split(folder);
        if unlinkat(files::descend(root, above)?, name, AtFlags::REMOVEDIR).is_err() {
            break;
        }
        folder = above;
    }
    Ok(())
}

/// Sets or clears the execute bits of a file whose bytes are right already.
fn set_execute(
    root: BorrowedFd<'_>,
    folder: &[u8],
    name: &[u8],
    entry: &TreeEntry,
) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if entry.mode == MODE_LINK {
        return Ok(());
    }
    let file = files::open_file(files::descend(root, folder)?, name)?;
    let mode = file.metadata()?.permissions().mode();
    let readable = (mode & 0o444) >> 2;
    let wanted = if entry.mode & 0o111 == 0 { mode & !0o111 } else { mode | readable };
    if wanted != mode {
        file.set_permissions(fs::Permissions::from_mode(wanted))?;
    }
    Ok(())
}

//! A thousand random worktrees, each rolled back and undone: everything is as it was, byte for
//! byte. The comparison is the test's own, so that what `manifest` overlooks would be seen.

use crate::support::*;
use monban::git::{Added, ObjectId, RollbackPlan, Store, Worktree, discard, steps};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

const TREES: u64 = 1000;
const SEED: u64 = 0x6d6f_6e62_616e;

/// Names that have made trouble before, and a few that have not.
const NAMES: [&[u8]; 14] = [
    b"a",
    b"b",
    b"dir",
    b"target",
    b".gitignore",
    b".hidden",
    b"-option",
    b"two words",
    b"line\nbreak",
    b"\xff\xfe",
    "e\u{301}".as_bytes(),
    "\u{e9}".as_bytes(),
    "\u{202e}txt".as_bytes(),
    b"git~1",
];
const TARGETS: [&str; 5] = ["a", "/nowhere", "..", ".", "dir/missing"];

/// A small generator with a known sequence (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Puts up to so many things below `folder`.
    fn fill(&mut self, folder: &Path, depth: usize) {
        for _ in 0..=self.below(6) {
            let path = folder.join(name(self.pick(&NAMES)));
            if fs::symlink_metadata(&path).is_ok() {
                continue;
            }
            match self.below(10) {
                0..5 => self.file(&path),
                5..8 if depth < 3 => {
                    fs::create_dir(&path).unwrap();
                    self.fill(&path, depth + 1);
                    let mode = self.pick(&[0o755, 0o700, 0o750]);
                    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
                }
                8 => {
                    // rustix has no such call on macOS.
                    let made = Command::new("mkfifo").arg(&path).status().unwrap();
                    assert!(made.success());
                }
                _ => symlink(self.pick(&TARGETS), &path).unwrap(),
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let bytes: Vec<u8> = (0..self.below(40)).map(|_| self.below(256) as u8).collect();
        fs::write(path, bytes).unwrap();
        let mode = self.pick(&[0o644, 0o755, 0o600, 0o444, 0o640]);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// Every path below `root` with its type and mode, and its bytes or the target of a link.
fn everything(root: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let content = match metadata.file_type() {
                kind if kind.is_file() => fs::read(&path).unwrap(),
                kind if kind.is_symlink() => {
                    fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec()
                }
                kind if kind.is_dir() => {
                    open.push(path.clone());
                    Vec::new()
                }
                _ => Vec::new(),
            };
            all.insert(path, (metadata.permissions().mode(), content));
        }
    }
    all
}

/// Empties the worktree but for its `.git`.
fn empty(path: &Path) {
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != ".git" {
            discard(&entry.path()).unwrap();
        }
    }
}

#[test]
fn a_thousand_random_worktrees_are_rolled_back_and_undone_byte_for_byte() {
    let world = World::in_memory();
    for (path, text) in [("a", "1\n"), ("dir/b", "2\n"), (".gitignore", "target/\n")] {
        world.write(path, text.as_bytes());
    }
    world.commit("first");
    let (store, _) = world.started();
    let path = world.folder.path().join("state/1-1");
    fs::create_dir(path.parent().unwrap()).unwrap();
    let (repository, base) = (world.repository(), world.head());
    let branch = "refs/heads/monban/1-1";
    let added = Worktree::add(&store, &repository, &path, branch, base, &mut quiet).unwrap();
    let (Added::New(worktree) | Added::Already(worktree)) = added;
    let mut random = Random(SEED);
    let mut target = base;
    for number in 0..TREES {
        empty(&path);
        random.fill(&path, 0);
        fs::create_dir_all(path.join(".monban/home")).unwrap();
        random.fill(&path.join(".monban/home"), 1);
        one(&worktree, &store, &path, (number, target));
        // The next goes back to the base, or to a snapshot of this one.
        target = if random.below(3) == 0 { base } else { world.snapshot(&store, &path).commit };
    }
}

fn one(worktree: &Worktree, store: &Store, path: &Path, (number, target): (u64, ObjectId)) {
    let before = everything(path);
    let id = format!("op{number}");
    let plan = RollbackPlan::new(worktree.clone(), &id, ".monban", target).unwrap();
    // It verifies what it restored against the target.
    steps::finish(&plan, store, &mut quiet).unwrap_or_else(|error| panic!("{number}: {error}"));
    let home = |all: &BTreeMap<PathBuf, (u32, Vec<u8>)>| {
        let home = path.join(".monban");
        let of_home = all.iter().filter(|(path, _)| path.starts_with(&home));
        of_home.map(|(path, is)| (path.clone(), is.clone())).collect::<Vec<_>>()
    };
    assert_eq!(home(&before), home(&everything(path)), "HOME goes along: {number}");
    steps::undo(&plan, &mut quiet).unwrap_or_else(|error| panic!("{number}: {error}"));
    assert_eq!(before, everything(path), "tree {number} of seed {SEED:x}");
    steps::discard_fresh(&plan).unwrap();
    discard(&plan.kept_git).unwrap();
}

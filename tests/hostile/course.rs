//! What monban does with an attempt from its first snapshot to its end, and what must hold at each
//! step whatever trick was played before.

use crate::ground::{Ground, LINES};
use crate::independent::{self, Except, differing};
use crate::support::*;
use monban::git::{
    self, Identity, Landed, Landing, Limits, Merged, RollbackPlan, Snapshot, WorktreeFiles, steps,
};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

/// A trick, and what must hold after it.
#[derive(Clone, Copy)]
pub struct Row {
    /// The trick in words.
    pub name: &'static str,
    /// The repository in which it is played.
    pub person: fn() -> World,
    /// Plays it.
    pub play: fn(&Ground),
    /// Shows that it is one: what ordinary git does with it.
    pub bites: fn(&Ground),
    /// What the snapshot does not hold, and the beginning of why.
    pub left: &'static [(&'static [u8], &'static str)],
    /// The beginnings of what is told about the person's repository, in order.
    pub told: &'static [&'static str],
    /// What becomes of an approved result.
    pub lands: Lands,
    /// Whether other people's work can be merged in.
    pub merges: bool,
}

/// What becomes of an approved result.
#[derive(Clone, Copy)]
pub enum Lands {
    /// The branch and the person's checkout become it.
    Moved,
    /// The branch becomes it, and the part of it that the person has checked out.
    Part,
    /// The branch becomes it; no checkout of the person's has it.
    Alone,
    /// It waits, and says why.
    Waits(&'static str),
    /// The branch was moved by somebody else.
    BaseMoved,
    /// It is refused, with these words.
    Refused(&'static str),
}

/// A trick that nobody needs to be told of.
pub const ROW: Row = Row {
    name: "",
    person: || Ground::person(&[]),
    play: |_| {},
    bites: |_| {},
    left: &[],
    told: &[],
    lands: Lands::Moved,
    merges: true,
};

/// Runs all rows of a table and names those that do not hold.
pub fn hold(rows: &[Row]) {
    let broken: Vec<&str> = rows
        .iter()
        .filter(|row| catch_unwind(AssertUnwindSafe(|| run(row))).is_err())
        .map(|row| row.name)
        .collect();
    assert!(broken.is_empty(), "do not hold: {broken:#?}");
}

fn run(row: &Row) {
    let ground = Ground::new((row.person)());
    let person = ground.checkout();
    // Something to judge, beside what the trick does.
    ground.put("a", format!("mine\n{LINES}"));
    (row.play)(&ground);
    // What the agent's own git did is its run.
    ground.sprung();
    let told = told(row, &ground);
    let snapshot = judge(row, &ground);
    assert!(!ground.sprung(), "{}: judging ran something of the agent's", row.name);
    assert_eq!(differing(&person, &ground.checkout()), [""; 0], "{}: judging wrote", row.name);
    land(row, &ground, &snapshot);
    assert!(!ground.sprung(), "{}: landing ran something of the agent's", row.name);
    roll_back(row, &ground);
    assert!(!ground.sprung(), "{}: a rollback ran something of the agent's", row.name);
    (row.bites)(&ground);
    ground.sprung();
    git::Worktree::remove(&ground.repository(), ground.work()).unwrap();
    assert!(fs::symlink_metadata(ground.work()).is_err(), "{}: the worktree is left", row.name);
    take_back(row, &ground, &told);
    assert!(!ground.sprung(), "{}: clearing up ran something of the agent's", row.name);
}

/// What is told about the person's repository, with the commands that take it back.
fn told(row: &Row, ground: &Ground) -> Vec<String> {
    let differences = ground.differences();
    let shown: Vec<String> = differences.iter().map(|difference| difference.shown()).collect();
    let as_expected = shown.len() == row.told.len()
        && shown.iter().zip(row.told).all(|(line, start)| line.starts_with(start));
    assert!(as_expected, "{}: told {shown:#?}, not {:#?}", row.name, row.told);
    let repository = ground.repository();
    let back = |difference: &git::Difference| {
        let command = difference.way_back(&repository, &ground.store);
        command.unwrap_or_else(|| panic!("{}: no way back: {}", row.name, difference.shown()))
    };
    differences.iter().map(back).collect()
}

/// A person follows what they were told; then the repository is as before the run.
fn take_back(row: &Row, ground: &Ground, commands: &[String]) {
    for command in commands {
        let output = Command::new("sh").args(["-c", command]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {command}: {said}", row.name);
    }
    let mut left = ground.differences();
    // That the base moved is what the landing was for.
    if matches!(row.lands, Lands::Moved | Lands::Part | Lands::Alone) {
        left.retain(|difference| !difference.shown().starts_with(MAIN));
    }
    assert_eq!(left, [], "{}: the way back does not lead there", row.name);
}

fn judge(row: &Row, ground: &Ground) -> Snapshot {
    let repository = ground.repository();
    repository.base_checkout(&ground.store, MAIN).unwrap();
    repository.file_at(ground.base, b"a", 99).unwrap();
    let snapshot = ground.try_snapshot().unwrap();
    assert_eq!(ground.try_snapshot().unwrap(), snapshot, "{}: by the stat cache", row.name);
    let left: Vec<(&[u8], &str)> =
        snapshot.leftovers.iter().map(|l| (l.path.0.as_slice(), l.why.as_str())).collect();
    let as_expected = left.len() == row.left.len()
        && left.iter().zip(row.left).all(|(is, row)| is.0 == row.0 && is.1.starts_with(row.1));
    assert!(as_expected, "{}: left out {:#?}", row.name, snapshot.leftovers);
    let except = except(row, ground);
    let bytes = independent::tree(ground.work(), &except);
    assert_eq!(snapshot.tree, bytes, "{}: judged is not what is on disk", row.name);
    let diff = git::diff(&ground.store, ground.base, snapshot.commit).unwrap();
    assert!(diff.files.iter().any(|file| file.path.0 == b"a"), "{}", row.name);
    git::patch(&ground.store, ground.base, snapshot.commit, 99_999, <[u8]>::len).unwrap();
    check_out(row, ground, &snapshot);
    merge(row, ground, &snapshot);
    snapshot
}

/// What a tree does not hold of the worktree; of a submodule, its commit in the base.
fn except(row: &Row, ground: &Ground) -> Except {
    let mut except = Except::own();
    for (path, why) in row.left {
        if why.starts_with("a submodule") {
            let of_base = format!("{}:{}", ground.base, std::str::from_utf8(path).unwrap());
            let commit = git_in(ground.store.folder(), &["rev-parse", &of_base]);
            except.submodules.insert(path.to_vec(), commit);
        } else {
            except.left.insert(path.to_vec());
        }
    }
    except
}

/// The gate's checkout has the snapshot's bytes and nothing else.
fn check_out(row: &Row, ground: &Ground, snapshot: &Snapshot) {
    let gate = ground.world.folder.path().join("gate");
    git::materialise(&ground.store, snapshot.commit, &gate, &mut quiet).unwrap();
    let except = Except { left: [].into(), ..except(row, ground) };
    assert_eq!(independent::tree(&gate, &except), snapshot.tree, "{}", row.name);
    let files = WorktreeFiles { root: &gate, excludes: &[], limits: Limits::default() };
    let cache = ground.world.folder.path().join("gate-cache");
    let differing = git::differing(&ground.store, &files, snapshot.commit, &cache).unwrap();
    assert_eq!(differing, [], "{}", row.name);
}

/// Both sides' changes of one file, and all others of each.
fn merge(row: &Row, ground: &Ground, snapshot: &Snapshot) {
    if !row.merges {
        return;
    }
    let theirs = ground.theirs();
    let merged = git::merge(&ground.store, ground.base, theirs, snapshot.commit).unwrap();
    let Merged::Tree(tree) = merged else { panic!("{}: {merged:?}", row.name) };
    let folder = ground.world.folder.path().join("merged");
    git::materialise(&ground.store, tree, &folder, &mut quiet).unwrap();
    let both = format!("mine\n{LINES}theirs\n");
    assert_eq!(fs::read(folder.join("a")).unwrap(), both.as_bytes(), "{}", row.name);
    fs::remove_file(folder.join("theirs")).unwrap();
    write(&folder.join("a"), format!("mine\n{LINES}").as_bytes());
    let except = Except { left: [].into(), ..except(row, ground) };
    assert_eq!(independent::tree(&folder, &except), snapshot.tree, "{}", row.name);
}

fn land(row: &Row, ground: &Ground, snapshot: &Snapshot) {
    let repository = ground.repository();
    let person = Identity { name: "Person".into(), email: "p@example.com".into() };
    let landing = Landing {
        id: "1-1".into(),
        branch: MAIN.into(),
        expected_base: ground.base,
        tree: snapshot.tree,
        message: "The result".into(),
        trailers: Vec::new(),
        author: person.clone(),
        committer: person,
        at: AT,
    };
    let (before, at) = (ground.checkout(), repository.head_of(MAIN).unwrap());
    assert_eq!(at == ground.base, !matches!(row.lands, Lands::BaseMoved), "{}", row.name);
    let landed = git::land(&ground.store, &repository, &landing, &mut quiet);
    let now = repository.head_of(MAIN).unwrap();
    match (row.lands, landed) {
        (Lands::Moved, Ok(Landed::Moved { commit, untouched, checkout: Some(_) })) => {
            assert_eq!((now, untouched), (commit, Vec::new()), "{}", row.name);
            let root = &ground.world.root;
            let except = Except { left: Except::own().left, ..except(row, ground) };
            assert_eq!(independent::tree(root, &except), snapshot.tree, "{}", row.name);
            return;
        }
        (Lands::Part, Ok(Landed::Moved { commit, untouched, checkout: Some(_) })) => {
            assert_eq!((now, untouched), (commit, Vec::new()), "{}", row.name);
            return;
        }
        (Lands::Alone, Ok(Landed::Moved { commit, checkout: None, .. })) => {
            assert_eq!(now, commit, "{}", row.name);
            assert_eq!(differing(&before, &ground.checkout()), [""; 0], "{}", row.name);
            return;
        }
        (Lands::Waits(because), Ok(Landed::Ready { reference, why, commit })) => {
            assert!(why.contains(because), "{}: waits since {why}", row.name);
            assert_eq!(repository.find_ref(&reference).unwrap(), Some(commit), "{}", row.name);
        }
        (Lands::BaseMoved, Ok(Landed::BaseMoved { now: to })) => assert_eq!(to, now),
        (Lands::Refused(because), Err(error)) => {
            assert!(error.to_string().contains(because), "{}: {error}", row.name);
        }
        (_, other) => panic!("{}: {other:?}", row.name),
    }
    assert_eq!(now, at, "{}: the base moved", row.name);
    assert_eq!(differing(&before, &ground.checkout()), [""; 0], "{}", row.name);
}

fn roll_back(row: &Row, ground: &Ground) {
    let before = ground.listing();
    let worktree = ground.worktree.clone();
    let plan = RollbackPlan::new(worktree, "op1", ".monban", ground.base).unwrap();
    steps::finish(&plan, &ground.store, &mut quiet).unwrap();
    let base = ground.store.tree_of(ground.base).unwrap();
    let except = Except { left: Except::own().left, ..except(row, ground) };
    assert_eq!(independent::tree(ground.work(), &except), base, "{}", row.name);
    let home = ground.work().join(".monban/home/.session");
    assert_eq!(fs::read(home).unwrap(), b"the agent's own", "{}", row.name);
    steps::undo(&plan, &mut quiet).unwrap();
    assert_eq!(differing(&before, &ground.listing()), [""; 0], "{}: the undo", row.name);
    steps::discard_fresh(&plan).unwrap();
}

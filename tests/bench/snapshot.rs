//! What git work costs on a repository of 50,000 files, each beside the plain git command for the
//! same thing. `cargo bench --bench snapshot` prints a table; nothing here is asserted.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that cannot go on ends")]

use monban::base::clock::Timestamp;
use monban::git::{
    self, Label, Limits, ObjectId, Progress, Repository, Store, Worktree, WorktreeFiles,
};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const FILES: usize = 50_000;
const FOLDERS: usize = 1_000;
const LATER_SNAPSHOTS: usize = 15;

fn quiet(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn plain(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
        .envs([("GIT_AUTHOR_NAME", "b"), ("GIT_AUTHOR_EMAIL", "b@b")])
        .envs([("GIT_COMMITTER_NAME", "b"), ("GIT_COMMITTER_EMAIL", "b@b")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let made = work();
    (began.elapsed(), made)
}

fn row(what: &str, ours: Duration, theirs: Duration, git: &str) {
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    let (ours, theirs) = (ours.as_millis(), theirs.as_millis());
    println!("{what:<28} {ours:>6} ms | {theirs:>6} ms {git:<30} | x{ratio:.2}");
}

fn generate(root: &Path) -> ObjectId {
    fs::create_dir(root).unwrap();
    plain(root, &["init", "-q", "-b", "main"]);
    plain(root, &["config", "gc.auto", "0"]);
    for number in 0..FILES {
        let folder = root.join(format!("part{}/group{}", number % 20, number % FOLDERS));
        fs::create_dir_all(&folder).unwrap();
        let text = format!("fn item_{number}() -> usize {{\n    {number}\n}}\n").repeat(8);
        fs::write(folder.join(format!("file{number}.rs")), text).unwrap();
    }
    plain(root, &["add", "-A"]);
    plain(root, &["commit", "-q", "-m", "first"]);
    plain(root, &["gc", "-q"]);
    plain(root, &["rev-parse", "HEAD"]).parse().unwrap()
}

fn change(work: &Path, round: usize) {
    for number in 0..10 {
        let number = (round * 997 + number * 4999) % FILES;
        let folder = work.join(format!("part{}/group{}", number % 20, number % FOLDERS));
        fs::write(folder.join(format!("file{number}.rs")), format!("round {round}\n")).unwrap();
    }
}

fn main() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("person");
    let head = generate(&root);
    let repository = Repository::open(&root).unwrap();
    let store = Store::open(&scratch.path().join("store.git")).unwrap();

    let (fetch, _) = timed(|| store.fetch_base(&repository, head, &mut quiet).unwrap());
    let url = format!("file://{}", root.display());
    let clone = ["clone", "-q", "--bare", "--depth=1", &url, "clone.git"];
    let (git_fetch, _) = timed(|| plain(scratch.path(), &clone));
    row("first fetch into the store", fetch, git_fetch, "clone --bare --depth=1");

    let path = scratch.path().join("1-1");
    let branch = "refs/heads/monban/1-1";
    let (add, _) =
        timed(|| Worktree::add(&store, &repository, &path, branch, head, &mut quiet).unwrap());
    let (git_add, _) =
        timed(|| plain(&root, &["worktree", "add", "-q", "-b", "other", "../other"]));
    row("worktree", add, git_add, "worktree add");

    let cache = scratch.path().join("cache");
    let snapshot = || {
        let files =
            WorktreeFiles { root: &path, excludes: &[".monban"], limits: Limits::default() };
        let at = Timestamp::from_millis(0);
        let label = Label { base: head, parent: head, message: "snapshot", at };
        git::take(&store, &files, &cache, &label, &mut quiet).unwrap()
    };
    let (first, _) = timed(snapshot);
    let other = scratch.path().join("other");
    let git_dir = plain(&other, &["rev-parse", "--absolute-git-dir"]);
    fs::remove_file(Path::new(&git_dir).join("index")).unwrap();
    let (git_first, _) = timed(|| {
        plain(&other, &["add", "-A"]);
        plain(&other, &["write-tree"])
    });
    row("first snapshot", first, git_first, "add -A; write-tree (no index)");

    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for round in 1..=LATER_SNAPSHOTS {
        change(&path, round);
        change(&other, round);
        ours.push(timed(snapshot).0);
        theirs.push(
            timed(|| {
                plain(&other, &["add", "-A"]);
                plain(&other, &["write-tree"])
            })
            .0,
        );
    }
    ours.sort_unstable();
    theirs.sort_unstable();
    let middle = LATER_SNAPSHOTS / 2;
    row("later snapshot, median", ours[middle], theirs[middle], "add -A; write-tree");
    row("later snapshot, fastest", ours[0], theirs[0], "");
    row("later snapshot, slowest", ours[LATER_SNAPSHOTS - 1], theirs[LATER_SNAPSHOTS - 1], "");

    let taken = snapshot();
    let (diff, _) = timed(|| git::diff(&store, head, taken.commit).unwrap());
    let range = [head.to_string(), taken.commit.to_string()];
    let numstat = ["diff", "--numstat", "--no-renames", &range[0], &range[1]];
    let (git_diff, _) = timed(|| plain(store.folder(), &numstat));
    row("diff of the result", diff, git_diff, "diff --numstat");

    let gate = scratch.path().join("gate");
    let (checkout, _) =
        timed(|| git::materialise(&store, taken.commit, &gate, &mut quiet).unwrap());
    row("gate checkout", checkout, git_add, "worktree add");
}

//! What git work costs on a repository of 50,000 files, each beside the plain git command for the
//! same thing. `cargo bench --bench snapshot` prints a table; nothing here is asserted.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that cannot go on ends")]

use monban::base::clock::Timestamp;
use monban::gate;
use monban::git::{
    self, Label, Limits, ObjectId, Progress, Repository, Store, Worktree, WorktreeFiles,
};
use monban::model::task::Kind;
use monban::scan::Settings;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const FILES: usize = 50_000;
const FOLDERS: usize = 1_000;
const LATER_SNAPSHOTS: usize = 15;
const SCANNED_FILES: usize = 100;
const SCANNED_LINES: usize = 10_000;
const SCAN_RUNS: usize = 9;

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

/// Adds lines of source that no check objects to.
fn add_lines(work: &Path) {
    for file in 0..SCANNED_FILES {
        let folder = work.join(format!("part{}/group{}", file % 20, file % FOLDERS));
        let lines = (0..SCANNED_LINES / SCANNED_FILES).map(|line| match line % 4 {
            0 => format!("fn sum_{file}_{line}(items: &[usize]) -> usize {{\n"),
            1 => "    let total = items.iter().filter(|item| **item > 3).count();\n".into(),
            2 => format!("    total * {line} + items.len() // the sum of part {file}\n"),
            _ => "}\n".to_string(),
        });
        let path = folder.join(format!("file{file}.rs"));
        let text = fs::read_to_string(&path).unwrap() + &lines.collect::<String>();
        fs::write(path, text).unwrap();
    }
}

/// What parsing alone costs: once the side that is judged of every file.
fn parse(change: &monban::scan::change::Change) {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_rust::LANGUAGE.into()).unwrap();
    for side in change.files.iter().filter_map(|file| file.new.as_ref()) {
        std::hint::black_box(parser.parse(&side.bytes, None).unwrap());
    }
}

/// All checks that look into a change, on a change of 10,000 lines, beside `git diff` of the same.
fn scans(store: &Store, work: &Path, head: ObjectId, snapshot: impl Fn() -> git::Snapshot) {
    add_lines(work);
    let taken = snapshot();
    let text = "[verify]\ntest = \"true\"\n[gates]\nchecks = [\"forbidden\", \"secrets\", \"banned\", \
                \"imports\", \"danger\", \"test-lines\", \"test\"]\n[scan]\nallowed_imports = [\"std\"]\n\
                banned_patterns = [{ pattern = \"TODO\\\\(hack\\\\)\" }]\n";
    let config = monban::config::repository::parse(text.as_bytes(), "monban.toml").unwrap();
    let settings = Settings { scan: &config.scan, kind: Kind::Add, cancel: &|| false };
    let checks: Vec<_> = gate::steps(&config)
        .into_iter()
        .filter_map(|step| match step.work {
            gate::Work::Scan(look) => Some((step.check, look)),
            _ => None,
        })
        .collect();
    let range = [head.to_string(), taken.commit.to_string()];
    let text_diff = ["diff", "--no-ext-diff", "--no-renames", &range[0], &range[1]];
    let (mut ours, mut theirs, mut trees) = (Vec::new(), Vec::new(), Vec::new());
    let mut each = vec![Vec::new(); checks.len() + 1];
    for _ in 0..SCAN_RUNS {
        theirs.push(timed(|| plain(store.folder(), &text_diff)).0);
        let (read, change) = timed(|| {
            let changed = git::changed_files(store, head, taken.commit).unwrap();
            gate::scans::looked(changed, Vec::new()).change
        });
        assert!(change.files.iter().map(|file| file.added.len()).sum::<usize>() >= SCANNED_LINES);
        each[0].push(read);
        trees.push(timed(|| parse(&change)).0);
        for ((name, look), times) in checks.iter().zip(&mut each[1..]) {
            let (took, seen) = timed(|| look(&change, &settings));
            assert!(seen.unjudged.is_none(), "{name}: {:?}", seen.unjudged);
            times.push(took);
        }
        ours.push(each.iter().filter_map(|times| times.last()).sum());
    }
    let middle = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let git_diff = middle(&mut theirs);
    row("all scans, 10,000 lines", middle(&mut ours), git_diff, "diff of the same");
    let trees = middle(&mut trees);
    println!("  trees alone, one core      {:>6.1} ms", trees.as_secs_f64() * 1000.0);
    let names = ["  reading the change"].into_iter().chain(checks.iter().map(|(name, _)| &**name));
    for (name, times) in names.zip(&mut each) {
        println!("{name:<28} {:>6.1} ms", middle(times).as_secs_f64() * 1000.0);
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

    scans(&store, &path, head, snapshot);

    let gate = scratch.path().join("gate");
    let (checkout, _) =
        timed(|| git::materialise(&store, taken.commit, &gate, &mut quiet).unwrap());
    row("gate checkout", checkout, git_add, "worktree add");
}

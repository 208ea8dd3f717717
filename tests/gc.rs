//! `monban gc`: what ended work left goes, what anybody needs stays, a dry run says exactly what
//! the run then does, and a crash in between leaves nothing that the next run does not find.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code)]
#[path = "support/desk.rs"]
mod desk;
#[allow(dead_code)]
#[path = "support/instance.rs"]
mod instance;
#[allow(dead_code)]
#[path = "support/people.rs"]
mod people;

use desk::Desk;
use instance::Instance;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

const DAY: Duration = Duration::from_secs(86_400);

/// What a person at the desk does with work that ended.
impl Desk {
    #[track_caller]
    fn gc(&self, args: &[&str]) -> Value {
        self.instance.monban(&[&["gc", "--json"], args].concat()).expect(0).json()
    }

    /// A task that waits for approval.
    #[track_caller]
    fn waiting(&self, script: &str) -> String {
        let id = self.instance.add("Change it", script);
        self.instance.run(&id).expect(4);
        id
    }

    #[track_caller]
    fn ended(&self, id: &str, state: &str) {
        self.instance.until(id, state, |task| {
            task["state"] == state && task["attempts"][0]["ended"].is_object()
        });
    }

    #[track_caller]
    fn landed(&self, script: &str) -> String {
        let id = self.waiting(script);
        self.instance.approve(&id).expect(0);
        self.ended(&id, "done");
        id
    }

    /// A task that failed, with what it left aside.
    #[track_caller]
    fn failed(&self, script: &str) -> String {
        let id = self.instance.add("Break it", &format!("{script}; echo no > ok"));
        self.instance.run(&id).expect(1);
        self.ended(&id, "failed");
        self.instance.monban(&["resume"]).expect(0);
        id
    }

    fn refs(&self) -> String {
        self.instance.git(&["for-each-ref", "--format=%(refname)", "refs/monban", "refs/heads"])
    }
}

/// What a run that lives writes anew at any time.
const LIVELY: &[&str] = &["processes.json", "frame.json"];

/// Every path below `folder`, links as links, with its bytes; aside what grows, and what a run that
/// lives keeps of itself.
fn disk(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        let name = path.display().to_string();
        // `frame.json.1-2.new` stands beside it while it is written.
        let of_file = path.file_name().unwrap().to_string_lossy();
        if LIVELY.iter().any(|lively| of_file.starts_with(lively)) {
            continue;
        }
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() && !path.ends_with("state/events") {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            all.insert(name, Vec::new());
        } else if metadata.is_file() {
            all.insert(name, fs::read(&path).unwrap());
        } else if metadata.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            all.insert(name, target.as_os_str().as_encoded_bytes().to_vec());
        }
    }
    all
}

fn count(done: &Value, kind: &str) -> u64 {
    let kinds = done["kinds"].as_array().unwrap().iter();
    kinds.filter(|one| one["kind"] == kind).map(|one| one["count"].as_u64().unwrap()).sum()
}

#[test]
fn what_ended_work_left_goes_and_a_dry_run_says_exactly_what() {
    let night = Desk::new();
    let (monban, state) = (&night.instance, night.instance.home.join("state"));
    let outside = monban.home.join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("canary"), "precious").unwrap();
    let link = format!("ln -s {} link; mkdir -p a/b; echo x > a/b/c", outside.display());
    let landed = night.landed("echo new > new; mkdir target; echo big > target/x");
    let failed = night.failed(&link);
    let removed = night.failed("echo junk > junk");
    let kept = night.waiting("echo kept > kept");
    monban.write("ok", "yes, mine\n");
    monban.approve(&kept).expect(4);
    monban.git(&["checkout", "-q", "ok"]);
    monban.monban(&["abort", &kept]).expect(0);
    night.ended(&kept, "stopped");
    let young = night.gc(&["--dry-run"]);
    for kind in ["references", "worktrees", "worktrees aside", "transcripts", "gate folders"] {
        assert_eq!(count(&young, kind), 0, "all of it is young: {young:#}");
    }
    monban.monban(&["task", "rm", &removed]).expect(0);

    night.daemon.clock.advance(15 * DAY);
    let waiting = night.waiting("echo waits > waits");
    let asks = night.instance.add("Ask", "permission 'go on' && echo asked > asked");
    monban.run(&asks).expect(4);
    monban.git(&["update-ref", "refs/monban/ready/1-1", "main"]);
    monban.git(&["update-ref", "refs/monban/mine", "main"]);
    let before = (disk(&state.join("worktrees")), disk(&state.join("runs")), night.refs());
    let dry = night.gc(&["--dry-run"]);
    let after = (disk(&state.join("worktrees")), disk(&state.join("runs")), night.refs());
    assert_eq!(before, after, "a dry run removes nothing");
    assert_eq!((&dry["left"], &dry["dry_run"]), (&Value::Array(Vec::new()), &Value::Bool(true)));
    let done = night.gc(&[]);
    for field in ["things", "kinds", "bytes", "left"] {
        assert_eq!(done[field], dry[field], "{field}");
    }
    assert_eq!(night.gc(&["--dry-run"])["things"], Value::Array(Vec::new()), "all of it went");

    // The landed one's and the removed one's; the failed one's last worktree can be resumed.
    assert_eq!(count(&done, "worktrees"), 2, "{done:#}");
    assert_eq!(count(&done, "references"), 3, "of two rollbacks and what was kept: {done:#}");
    assert_eq!(count(&done, "transcripts"), 2, "{done:#}");
    assert_eq!(count(&done, "gate folders"), 4, "{done:#}");
    assert!(count(&done, "worktrees aside") >= 4, "{done:#}");
    assert!(count(&done, "store objects") > 0, "{done:#}");
    assert_eq!(fs::read_to_string(outside.join("canary")).unwrap(), "precious");
    let refs = night.refs();
    assert!(refs.contains("refs/monban/mine") && refs.contains("refs/monban/ready/1-1"), "{refs}");
    assert!(!refs.contains("aside") && !refs.contains(&format!("monban/{landed}-1")), "{refs}");

    // What is needed is all there.
    assert!(monban.monban(&["diff", &landed]).expect(0).out.contains("+new"));
    let refused = monban.monban(&["rollback", "--undo", "op2"]).expect(1).err;
    assert!(refused.contains("was removed by `monban gc`"), "{refused}");
    assert_eq!(monban.task(&failed)["state"], "failed");
    monban.approve(&waiting).expect(0);
    monban.monban(&["send", &asks, "--keys", "y", "enter"]).expect(0);
    monban.until(&asks, "its result", |task| task["waits_for"][0] == "approval");
    let revert = monban.monban(&["revert", &landed]).expect(0).out.trim().to_string();
    monban.until(&revert, "the revert", |task| task["waits_for"][0] == "approval");
    monban.approve(&revert).expect(0);
    assert!(!monban.repository.join("new").exists() && monban.repository.join("waits").exists());
    monban.run(&night.instance.add("Go on", "echo more > more")).expect(4);
    let verified = monban.monban(&["verify", "--json"]).expect(0).json();
    assert_eq!(verified["replay"]["equal"], true);
}

#[test]
fn what_can_still_be_undone_judged_or_returned_to_stays() {
    let night = Desk::new();
    let monban = &night.instance;
    let stopped = night.waiting("echo one > one");
    monban.monban(&["abort", &stopped]).expect(0);
    night.ended(&stopped, "stopped");
    // Two weeks later its worktree and checkpoint are there.
    night.daemon.clock.advance(15 * DAY);
    night.gc(&[]);
    monban.monban(&["gates", &stopped, "--rerun"]).expect(0);
    monban.until(&stopped, "its result", |task| task["waits_for"][0] == "approval");
    monban.monban(&["abort", &stopped]).expect(0);
    monban.monban(&["rollback", &stopped]).expect(0);
    monban.until(&stopped, "the rollback", |task| task["state"] == "stopped");
    // A rollback that is younger can be undone.
    night.daemon.clock.advance(13 * DAY);
    assert_eq!(count(&night.gc(&[]), "worktrees aside"), 0);
    let op = monban.task(&stopped)["attempts"][0]["rollbacks"][0]["op"].clone();
    monban.monban(&["rollback", "--undo", op.as_str().unwrap()]).expect(0);
    let undone = |task: &Value| task["attempts"][0]["rollbacks"][0]["progress"] == "undone";
    monban.until(&stopped, "the undo", undone);
    monban.monban(&["rollback", &stopped, "--to", "cp1"]).expect(0);
    let again = |task: &Value| task["attempts"][0]["rollbacks"][1]["progress"]["done"].is_object();
    monban.until(&stopped, "the rollback to a checkpoint", again);
}

/// A run that put a link where monban keeps its folders gets nothing else removed.
#[test]
fn a_link_in_place_of_monbans_folders_is_not_followed() {
    let night = Desk::new();
    let (monban, state) = (&night.instance, night.instance.home.join("state"));
    night.landed("echo new > new");
    night.daemon.clock.advance(15 * DAY);
    let outside = monban.home.join("outside");
    fs::create_dir_all(outside.join("run1")).unwrap();
    fs::create_dir_all(outside.join("repo1/1-1.aside-op9")).unwrap();
    fs::write(outside.join("run1/canary"), "x").unwrap();
    for name in ["runs", "worktrees"] {
        fs::rename(state.join(name), state.join(format!("{name}-before"))).unwrap();
        std::os::unix::fs::symlink(&outside, state.join(name)).unwrap();
    }
    let done = night.gc(&[]);
    assert_eq!(count(&done, "transcripts") + count(&done, "gate folders"), 0, "{done:#}");
    assert!(outside.join("run1/canary").exists());
    assert!(outside.join("repo1/1-1.aside-op9").exists(), "{done:#}");
}

/// The log is told before anything goes; the daemon dies right before or after that.
#[test]
fn a_daemon_that_dies_on_the_way_leaves_what_the_next_run_finds() {
    for when in ["before", "after"] {
        let monban = Instance::new();
        let id = monban.add("Break it", "echo no > ok; echo junk > junk");
        monban.run(&id).expect(1);
        monban.monban(&["resume"]).expect(0);
        let gc = ["gc", "--json", "--older-than", "1s"];
        let dry = || monban.monban(&[&gc[..], &["--dry-run"]].concat()).expect(0).json();
        let mut wanted = dry();
        while count(&wanted, "worktrees aside") == 0 {
            wanted = dry();
        }
        let fault = format!("{when} rollback.forgotten");
        monban.monban(&["daemon", "stop"]).expect(0);
        let mut dying = monban.command(&gc);
        dying.env("MONBAN_FAULT_AT", fault).env("MONBAN_FAULT_DO", "kill -9 $PPID");
        Instance::ran(dying.output().unwrap()).expect(3);
        let told = monban.events().iter().filter(|kind| *kind == "rollback.forgotten").count();
        assert_eq!(told, usize::from(when == "after"));
        let left = dry();
        assert_eq!(left["things"], wanted["things"], "nothing went, and nothing is lost");
        monban.monban(&gc).expect(0);
        assert_eq!(dry()["things"], Value::Array(Vec::new()));
        assert_eq!(monban.git(&["for-each-ref", "refs/monban"]), "");
    }
}

/// The first look of a gc at the references waits until `go` is read to its end.
fn gc_that_waits(monban: &Instance) -> Command {
    let bin = monban.home.join("bin");
    fs::create_dir(&bin).unwrap();
    let found = Command::new("sh").args(["-c", "command -v git"]).output().unwrap().stdout;
    let (git, at) = (String::from_utf8(found).unwrap(), bin.display());
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *for-each-ref*refs/monban/*)\n\
         if mv {at}/hold {at}/held 2>/dev/null; then cat {at}/go >/dev/null; fi;;\nesac\n\
         exec {} \"$@\"\n",
        git.trim()
    );
    fs::write(bin.join("git"), script).unwrap();
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(Command::new("mkfifo").arg(bin.join("go")).status().unwrap().success());
    let path = std::env::var_os("PATH").unwrap();
    let path = format!("{at}:{}", path.display());
    let mut daemon = monban.command(&["daemon", "start"]);
    Instance::ran(daemon.env("PATH", path).output().unwrap()).expect(0);
    monban.command(&["gc", "--json", "--older-than", "1s"])
}

/// Makes everything in the stores look as if it had been there for ever.
fn age_objects(monban: &Instance) {
    for path in disk(&monban.home.join("state/stores")).into_keys() {
        let file = fs::File::open(path).unwrap();
        if file.metadata().unwrap().is_file() {
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
    }
}

/// Its files are the very ones of work that nobody needs, and its turn ends while gc is at work.
#[test]
fn what_a_snapshot_took_while_gc_looked_around_stays() {
    let monban = Instance::new();
    let mut gc = gc_that_waits(&monban);
    let bin = monban.home.join("bin");
    let gone = monban.add("Break it", "echo precious > a; echo no > ok");
    monban.run(&gone).expect(1);
    monban.monban(&["resume"]).expect(0);
    monban.monban(&["task", "rm", &gone]).expect(0);
    let id = monban.add("Do it", "permission 'do it' && echo precious > a");
    monban.run(&id).expect(4);
    age_objects(&monban);

    fs::write(bin.join("hold"), "").unwrap();
    let at_work = gc.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while !bin.join("held").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "gc looks at no references");
        std::thread::yield_now();
    }
    monban.monban(&["send", &id, "--keys", "y", "enter"]).expect(0);
    monban.until(&id, "its result", |task| task["waits_for"][0] == "approval");
    fs::write(bin.join("go"), "").unwrap();
    let done = Instance::ran(at_work.wait_with_output().unwrap()).expect(0).json();
    assert_eq!(done["left"], Value::Array(Vec::new()), "the store was free");
    assert!(monban.monban(&["diff", &id]).expect(0).out.contains("+precious"));
    monban.approve(&id).expect(0);
}

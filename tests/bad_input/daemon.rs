//! The daemon's folders, its socket, and whoever speaks on it: strangers, other versions, agents.

use crate::instance::{Instance, Ran};
use crate::support::{everything, refused};
use monban::wire::frame;
use monban::wire::people::{Hello, MAGIC, PROTOCOL, Welcome};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A private folder for sockets, with a socket on which `serve` answers each connection.
fn stand_in(monban: &Instance, serve: impl Fn(UnixStream) + Send + 'static) {
    let folder = monban.home.join("run");
    fs::create_dir(&folder).unwrap();
    chmod(&folder, 0o700);
    let listener = UnixListener::bind(folder.join("d.sock")).unwrap();
    thread::spawn(move || listener.incoming().flatten().for_each(&serve));
}

fn welcome(version: &str, protocol: u32, pid: u32) -> Welcome {
    let (magic, version) = (MAGIC.to_string(), version.to_string());
    Welcome { magic, protocol, version, pid, damage: None, refused: None }
}

fn with_home(monban: &Instance, home: &str, args: &[&str]) -> Ran {
    let output = monban.command(args).env("MONBAN_HOME", home).output().unwrap();
    Ran {
        status: output.status.code().unwrap(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn folders_that_others_could_enter_are_refused() {
    let monban = Instance::new();
    for name in ["run", "state"] {
        let folder = monban.home.join(name);
        fs::create_dir(&folder).unwrap();
        chmod(&folder, 0o755);
        refused(monban.monban(&["ls"]), 3, &["not private", "its mode is 755", name]);
        fs::remove_dir(&folder).unwrap();
        std::os::unix::fs::symlink("elsewhere", &folder).unwrap();
        refused(monban.monban(&["ls"]), 3, &[name]);
        fs::remove_file(&folder).unwrap();
    }
    // Only root can make a folder of somebody else.
    if rustix::process::getuid().is_root() {
        let folder = monban.home.join("run");
        fs::create_dir(&folder).unwrap();
        chmod(&folder, 0o700);
        std::os::unix::fs::chown(&folder, Some(4321), None).unwrap();
        refused(monban.monban(&["ls"]), 3, &["not private", "belongs to user 4321"]);
        fs::remove_dir(&folder).unwrap();
    }
    let _ = fs::remove_dir_all(monban.home.join("state"));
    monban.monban(&["ls"]).expect(0);
}

#[test]
fn a_daemon_of_somebody_elses_folder_is_not_spoken_to() {
    let monban = Instance::new();
    stand_in(&monban, |_| panic!("somebody spoke to it"));
    chmod(&monban.home.join("run"), 0o777);
    refused(monban.monban(&["daemon", "status"]), 3, &["not private", "777"]);
    refused(monban.monban(&["daemon", "stop"]), 3, &["not private", "777"]);
}

#[test]
fn a_home_that_cannot_hold_sockets_is_refused_at_once() {
    let monban = Instance::new();
    let deep = monban.home.join("d".repeat(90));
    let words = ["shorter path", "MONBAN_HOME", "at most"];
    refused(with_home(&monban, &deep.display().to_string(), &["ls"]), 3, &words);
    assert!(!deep.exists());
    refused(with_home(&monban, "relative", &["ls"]), 3, &["relative", "absolute path"]);
    assert!(!monban.repository.join("relative").exists());
}

#[test]
fn a_state_folder_that_cannot_be_written_is_told_in_the_daemons_words() {
    let monban = Instance::new();
    fs::write(monban.home.join("state"), "mine\n").unwrap();
    refused(monban.monban(&["ls"]), 3, &["state", "monban doctor"]);
    assert_eq!(fs::read_to_string(monban.home.join("state")).unwrap(), "mine\n");
    fs::remove_file(monban.home.join("state")).unwrap();
    // What only the daemon meets comes back with its own words, not after a long wait.
    fs::create_dir(monban.home.join("state")).unwrap();
    chmod(&monban.home.join("state"), 0o700);
    fs::write(monban.home.join("state/events"), "mine\n").unwrap();
    let words = ["the daemon did not start", "state/events", "daemon.log"];
    refused(monban.monban(&["ls"]), 3, &words);
    assert_eq!(fs::read_to_string(monban.home.join("state/events")).unwrap(), "mine\n");
}

#[test]
fn what_a_dead_daemon_left_is_no_obstacle() {
    let monban = Instance::new();
    stand_in(&monban, drop);
    let folder = monban.home.join("run");
    fs::remove_file(folder.join("d.sock")).unwrap();
    drop(UnixListener::bind(folder.join("d.sock")).unwrap());
    drop(UnixListener::bind(folder.join("r.sock")).unwrap());
    monban.monban(&["ls"]).expect(0);
    let pid = monban.daemon();
    monban.kill(pid);
    assert!(folder.join("d.sock").exists());
    monban.monban(&["ls"]).expect(0);
    assert_ne!(monban.daemon(), pid);
}

#[test]
fn many_first_commands_at_once_start_one_daemon() {
    let monban = Instance::new();
    let start = || {
        let mut first = monban.command(&["ls"]);
        first.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let all: Vec<_> = (0..6).map(|_| start()).collect();
    for child in all {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let started = monban.events().into_iter().filter(|kind| kind == "daemon.started").count();
    assert_eq!(started, 1);
}

#[test]
fn a_daemon_of_another_version_is_named_and_can_be_stopped() {
    for protocol in [0, PROTOCOL + 8] {
        let monban = Instance::new();
        let daemon = Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = daemon.id();
        let reaped = thread::spawn(move || { daemon }.wait().unwrap());
        stand_in(&monban, move |mut stream| {
            let _ = frame::read::<Hello>(&mut stream);
            let _ = frame::write(&mut stream, &welcome("9.8.7", protocol, pid));
        });
        let (theirs, ours) = (format!("protocol {protocol}"), format!("protocol {PROTOCOL}"));
        let words = ["9.8.7", env!("CARGO_PKG_VERSION"), &theirs, &ours, "monban daemon upgrade"];
        refused(monban.monban(&["ls"]), 3, &words);
        refused(monban.monban(&["daemon", "stop", "--kill-agents"]), 3, &words);
        assert!(!reaped.is_finished());
        // From inside a run nobody stops it.
        let inside =
            monban.command(&["daemon", "stop"]).env("MONBAN_RUN", "run1").output().unwrap();
        assert_eq!(inside.status.code(), Some(3));
        assert!(!reaped.is_finished());
        monban.monban(&["daemon", "stop"]).expect(0);
        assert!(!reaped.join().unwrap().success());
    }
}

#[test]
fn what_answers_nonsense_or_nothing_is_no_daemon() {
    let monban = Instance::new();
    stand_in(&monban, |mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    refused(monban.monban(&["ls"]), 3, &["does not answer as monban", "another version or hang"]);
    let monban = Instance::new();
    let held = std::sync::Mutex::new(Vec::new());
    stand_in(&monban, move |stream| held.lock().unwrap().push(stream));
    refused(monban.monban(&["ls"]), 3, &["does not answer as monban", "another version or hang"]);
}

fn hello(protocol: u32) -> Hello {
    let (magic, version) = (MAGIC.to_string(), "0.0.1".to_string());
    Hello { magic, protocol, version, person: "dj".into() }
}

#[test]
fn clients_of_other_versions_and_strangers_do_no_harm() {
    let monban = Instance::new();
    monban.monban(&["ls"]).expect(0);
    let (pid, before) = (monban.daemon(), everything(&monban));
    let socket = monban.home.join("run/d.sock");
    let connect = || UnixStream::connect(&socket).unwrap();
    let mut old = connect();
    frame::write(&mut old, &hello(PROTOCOL + 1)).unwrap();
    let welcome: Welcome = frame::read(&mut old).unwrap().unwrap();
    let refused = welcome.refused.unwrap();
    for word in ["0.0.1", env!("CARGO_PKG_VERSION"), &format!("protocol {}", PROTOCOL + 1)] {
        assert!(refused.why.contains(word), "{refused}");
    }
    let mut after_hello = connect();
    frame::write(&mut after_hello, &hello(PROTOCOL)).unwrap();
    let _: Welcome = frame::read(&mut after_hello).unwrap().unwrap();
    let garbage: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &u32::MAX.to_be_bytes(),
        &[0, 0, 0, 2, b'{', b'}'],
        &[0, 0, 0, 1, 0xff],
        &[0, 0, 0, 0],
    ];
    for bytes in garbage {
        for mut stream in [connect(), after_hello.try_clone().unwrap()] {
            let _ = stream.write_all(bytes);
        }
        let mut stream = connect();
        let _ = stream.write_all(bytes);
        // It hangs up without a word.
        assert_eq!(stream.read(&mut [0; 64]).unwrap_or(0), 0);
        let mut report = UnixStream::connect(monban.home.join("run/r.sock")).unwrap();
        let _ = report.write_all(bytes);
    }
    // These never finish; others are served all the same.
    let mut unfinished = connect();
    unfinished.write_all(&[0, 0]).unwrap();
    let silent: Vec<UnixStream> = (0..20).map(|_| connect()).collect();
    assert_eq!(everything(&monban), before);
    assert_eq!(monban.daemon(), pid);
    drop(silent);
}

#[test]
fn a_command_inside_a_run_may_do_nothing_and_starts_nothing() {
    let monban = Instance::new();
    let program = env!("CARGO_BIN_EXE_monban");
    let home = monban.home.display();
    let ways = [
        "ls",
        "inbox",
        "daemon stop",
        "daemon stop --kill-agents",
        "abort --all",
        "resume",
        "approve 1 --bind x",
        "run 1",
        "task rm 1",
        "send 1 --keys y",
        "events",
        "init",
    ];
    let call = |way: &str| {
        format!("MONBAN_HOME={home} {program} {way} >>out 2>&1 </dev/null; echo $? >>codes\n")
    };
    let mut script: String = ways.iter().map(|way| call(way)).collect();
    // Without its mark it is known by where it comes from.
    script.push_str(&format!("MONBAN_HOME={home} env -u MONBAN_RUN {program} ls >>out 2>&1\n"));
    script.push_str("echo $? >>codes\n");
    for way in ["ls", "daemon start", "daemon start --foreground", "demo --headless"] {
        let other = format!("MONBAN_HOME={home}/other {program} {way}");
        script.push_str(&format!("{other} >>out 2>&1 </dev/null; echo $? >>others\n"));
    }
    let id = monban.add("T", &script);
    monban.run(&id).expect(4);
    let task = monban.task(&id);
    assert_eq!(task["waits_for"][0], "approval", "{task:#}");
    let worktree = Path::new(task["worktree"].as_str().unwrap());
    let read = |name: &str| fs::read_to_string(worktree.join(name)).unwrap();
    assert_eq!(read("codes"), "1\n".repeat(ways.len() + 1), "{}", read("out"));
    assert_eq!(read("others"), "3\n".repeat(4), "{}", read("out"));
    assert!(read("out").contains("may report and nothing else"), "{}", read("out"));
    assert!(!monban.home.join("other/run").exists(), "no daemon was started");
}

//! Who is refused: every process of a run, whatever it does to hide where it comes from, and
//! whoever cannot be told from one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code)]
#[path = "support/instance.rs"]
mod instance;

use instance::Instance;
use monban::base::paths::Places;
use monban::wire::frame;
use monban::wire::people::{Ask, DaemonAsk, Hello, MAGIC, PROTOCOL, Request};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

/// Starts `$1` in a session of its own, with nothing of its environment, as an orphan: it begins
/// once whoever started it is gone.
const HIDE: &str = r#"
hide() {
    (
        setsid env -i PATH="$PATH" MONBAN_HOME="$home" sh -c '
            read -r _ before < /proc/self/stat
            parent() { set -- $(sed "s/.*) //" /proc/$$/stat); echo "$2"; }
            until test "$(parent)" != "$0"; do sleep 0.02; done
            '"$1" "$(sh -c 'echo $PPID')" </dev/null >/dev/null 2>&1 &
    )
}
"#;

#[test]
fn a_process_of_a_run_is_known_without_its_environment_session_and_parents() {
    let monban = Instance::new();
    let program = env!("CARGO_BIN_EXE_monban");
    let home = monban.home.display();
    let attests = "approve item1 --bind 0 --attest 1";
    let ways = ["ls", "abort --all", "daemon stop --kill-agents", attests];
    let calls = ways.map(|way| {
        let said = format!("$PWD/out-{}", way.len());
        format!("{program} {way} > {said} 2>&1; echo $? > {said}.code")
    });
    let mut script = format!("home={home}\n{HIDE}");
    for call in &calls {
        script.push_str(&format!("hide '{call}'\n"));
    }
    for way in ways {
        let code = format!("out-{}.code", way.len());
        script.push_str(&format!("until test -s {code}; do sleep 0.05; done\n"));
    }
    let id = monban.add("Hide", &script);
    monban.run(&id).expect(4);
    let task = monban.task(&id);
    let worktree = std::path::Path::new(task["worktree"].as_str().unwrap());
    for way in ways {
        let name = format!("out-{}", way.len());
        let said = fs::read_to_string(worktree.join(&name)).unwrap();
        let code = fs::read_to_string(worktree.join(format!("{name}.code"))).unwrap();
        assert_eq!(code.trim(), "1", "{way}: {said}");
        assert!(said.contains("inside a run may report and nothing else"), "{way}: {said}");
    }
    assert_eq!(task["waits_for"][0], "approval", "nothing was aborted or stopped");
}

/// Where the program that leaves its connection behind finds the socket, and a file for answers.
const LEAVES: &str = "MONBAN_TEST_LEAVES_A_CONNECTION";

#[expect(clippy::zombie_processes, reason = "this process is gone before that one")]
/// Not a test: connects, asks for the daemon's end, leaves the connection to another, and is gone.
#[test]
fn one_that_leaves_its_connection_to_another() {
    let Some(home) = std::env::var_os(LEAVES).map(std::path::PathBuf::from) else { return };
    let mut stream = UnixStream::connect(Places::under(&home).socket()).unwrap();
    let (magic, version) = (MAGIC.to_string(), "test".to_string());
    let hello = Hello { magic, protocol: PROTOCOL, version, person: "dj".into() };
    frame::write(&mut stream, &hello).unwrap();
    let ask = Ask::Daemon(DaemonAsk::Stop { kill_agents: true });
    frame::write(&mut stream, &Request { at: home.clone(), ask }).unwrap();
    let mut reads = Command::new("cat");
    reads.env_clear().stdin(OwnedFd::from(stream)).stderr(Stdio::null());
    reads.stdout(File::create(home.join("answer")).unwrap()).spawn().unwrap();
}

/// Whether all threads of a process were stopped: the signal alone is not enough, one of them may
/// still answer for a moment.
fn stands_still(process: Pid) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
        let state = Command::new("ps").args(["-o", "state=", "-p", &process.to_string()]).output();
        return state.unwrap().stdout.trim_ascii_start().starts_with(b"T");
    };
    // A thread may end before it is stopped.
    let stat = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("stat"));
    threads.map(Result::unwrap).map(stat).all(|stat| {
        let stat = stat.unwrap_or_default();
        let state = stat.rsplit(')').next().unwrap_or_default();
        state.trim_start().starts_with('T')
    })
}

/// The daemon looks at who connected after they did: here surely after they are gone.
#[test]
fn whoever_is_gone_when_the_daemon_looks_is_not_served() {
    let monban = Instance::new();
    monban.monban(&["ls"]).expect(0);
    let daemon = Pid::from_raw(monban.daemon()).unwrap();
    kill_process(daemon, Signal::STOP).unwrap();
    while !stands_still(daemon) {}
    let mut leaves = Command::new(std::env::current_exe().unwrap());
    leaves.args(["--exact", "one_that_leaves_its_connection_to_another"]);
    leaves.env(LEAVES, &monban.home).stdout(Stdio::null());
    assert!(leaves.status().unwrap().success());
    kill_process(daemon, Signal::CONT).unwrap();
    let answer = || {
        let bytes = fs::read(monban.home.join("answer")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let began = std::time::Instant::now();
    while !answer().contains("refused") {
        assert!(began.elapsed().as_secs() < 300, "no answer: {}", answer());
    }
    assert!(answer().contains("cannot be told"), "{}", answer());
    assert_eq!(monban.daemon(), daemon.as_raw_pid(), "it was not stopped");
}

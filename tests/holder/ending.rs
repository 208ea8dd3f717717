//! How runs start and end, and what is left of them.

use crate::support::*;
use monban::runner::{Found, Notice, RunError, end_survivors, find, survivors};
use monban::wire::hold::{How, Status, Tree};
use std::process::Command;
use std::time::Duration;

/// Starts, beside the shell that runs it: an ordinary child, one in a session of its own, and one
/// that forked twice, closed everything and cleared its environment. All ignore every polite
/// signal.
const CLINGING: &str = r#"
trap '' HUP INT TERM
sh -c 'trap "" HUP INT TERM; echo $$ >child; while :; do sleep 1; done' &
setsid sh -c 'trap "" HUP INT TERM; echo $$ >session; while :; do sleep 1; done' &
(setsid env -i /bin/sh -c '(trap "" HUP INT TERM; sh -c "echo \$PPID >daemon"; while :; do /bin/sleep 1; done) &' </dev/null >/dev/null 2>&1 &)
while ! [ -s child ] || ! [ -s session ] || ! [ -s daemon ]; do sleep 0.05; done
echo clinging
"#;

fn clinging(run: &Run) -> [u32; 3] {
    ["child", "session", "daemon"].map(|name| run.pid(name))
}

#[test]
fn an_exit_code_is_recorded_durably_and_found_again() {
    let run = Run::of("exit 7");
    let mut connection = run.start();
    let record = finish(&mut connection);
    assert_eq!((&record.status, record.how), (&Status::Code(7), How::Exited));
    assert!(matches!(record.tree, Tree::Empty { .. }), "{:?}", record.tree);
    drop(connection);
    let found = until("the holder goes", || match find(&run.folder, 0).unwrap() {
        Found::Ended(record) => Some(record),
        _ => None,
    });
    assert_eq!(found, record);
}

#[test]
fn a_signal_is_not_taken_for_an_exit_code() {
    let run = Run::of("kill -SEGV $$");
    let record = finish(&mut run.start());
    assert_eq!((record.status, record.how), (Status::Signal(11), How::Exited));
}

#[test]
fn with_nobody_connected_the_holder_ends_by_itself_and_leaves_the_record() {
    let run = Run::of("while ! [ -e go ]; do sleep 0.02; done; exit 3");
    drop(run.start());
    let holder = holder_of(&run);
    std::fs::write(run.path("go"), "").unwrap();
    until("the holder goes", || (!is_alive(holder)).then_some(()));
    let Found::Ended(record) = find(&run.folder, 0).unwrap() else { panic!("not ended") };
    assert_eq!(record.status, Status::Code(3));
    assert!(!run.spec.socket.exists());
}

#[test]
fn a_run_is_started_once() {
    let run = Run::of("echo once >>count; read line");
    let connection = run.start();
    assert_eq!(run.file("count"), "once\n");
    assert!(matches!(run.try_start(), Err(RunError::AlreadyStarted(_))));
    let again = Command::new(monban()).arg("hold").arg(&run.folder).output().unwrap();
    assert!(!again.status.success());
    connection.handle().kill().unwrap();
    finish(&mut { connection });
    assert!(matches!(run.try_start(), Err(RunError::AlreadyStarted(_))));
    assert_eq!(run.file("count"), "once\n");
}

#[test]
fn a_missing_program_interpreter_or_folder_is_named() {
    let mut run = Run::of("");
    run.spec.program = "no-such-agent".into();
    let error = run.try_start().unwrap_err();
    assert!(matches!(error, RunError::NotStarted(_)), "{error:?}");
    assert!(error.to_string().contains("no-such-agent: No such file"), "{error}");
    let Found::Ended(record) = find(&run.folder, 0).unwrap() else { panic!("not ended") };
    assert!(matches!(record.status, Status::NotStarted(_)), "{record:?}");

    let mut run = Run::of("");
    let script = run.path("agent");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&script).status().unwrap().success());
    run.spec.program = script.display().to_string();
    let error = run.try_start().unwrap_err().to_string();
    assert!(error.contains("interpreter its first line names is missing"), "{error}");

    let mut run = Run::of("");
    run.spec.cwd = run.path("nowhere");
    let error = run.try_start().unwrap_err().to_string();
    assert!(error.contains("nowhere cannot be entered"), "{error}");
}

#[test]
fn a_run_without_a_spec_and_a_missing_monban_are_said() {
    let run = Run::of("");
    assert!(matches!(find(&run.folder, 0).unwrap(), Found::NeverStarted));
    let nowhere = run.path("monban");
    let error = monban::runner::start(&run.folder, &run.spec, &nowhere).unwrap_err().to_string();
    assert!(error.contains("did not start: No such file"), "{error}");
    assert!(!run.folder.join("spec.json").exists(), "the environment stays on the disk");
    let mut long = run.spec.clone();
    long.socket = run.path(&"s".repeat(120));
    let error = monban::runner::start(&run.folder, &long, monban()).unwrap_err();
    assert!(matches!(error, RunError::SocketPath(_)), "{error}");
}

#[test]
fn the_agent_gets_its_environment_and_nothing_else() {
    let mut run = Run::of("env >seen; echo done >done");
    run.spec.env.insert("SECRET".into(), "for the agent".into());
    let record = finish(&mut run.start());
    assert_eq!(record.status, Status::Code(0));
    let mut names: Vec<String> = run
        .file("seen")
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0.to_string()))
        .filter(|name| !["PWD", "SHLVL", "_", "OLDPWD"].contains(&name.as_str()))
        .collect();
    names.sort();
    assert_eq!(names, ["MONBAN_RUN", "PATH", "SECRET"]);
    assert!(!run.folder.join("spec.json").exists(), "the environment stays on the disk");
}

#[test]
fn nothing_outlives_an_agent_that_ends_and_leaves_processes_behind() {
    let run = Run::of(CLINGING);
    let mut connection = run.start();
    let pids = clinging(&run);
    let record = finish(&mut connection);
    assert_eq!((record.status, record.how), (Status::Code(0), How::Exited));
    assert!(record.survivors >= 3, "{}", record.survivors);
    assert!(matches!(record.tree, Tree::Empty { .. }), "{:?}", record.tree);
    assert_eq!(pids.map(is_alive), [false; 3]);
}

#[test]
fn kill_ends_the_whole_tree_at_once() {
    let run = Run::of(&format!("{CLINGING} while :; do sleep 1; done"));
    let mut connection = run.start();
    let pids = clinging(&run);
    connection.handle().kill().unwrap();
    let record = finish(&mut connection);
    assert_eq!((record.status, record.how), (Status::Signal(9), How::Killed));
    assert_eq!(pids.map(is_alive), [false; 3]);
}

#[test]
fn stop_asks_first_and_the_agent_may_tidy_up() {
    let run =
        Run::of("trap 'echo tidy >tidy; exit 143' TERM; echo up; while :; do sleep 0.1; done");
    let mut connection = run.start();
    run.shows(&mut connection, "up");
    connection.handle().stop(LONG).unwrap();
    let record = finish(&mut connection);
    assert_eq!((record.status, record.how), (Status::Code(143), How::Stopped));
    assert_eq!(run.file("tidy"), "tidy\n");
}

#[test]
fn stop_kills_what_does_not_listen() {
    let run = Run::of("trap '' TERM; echo up; while :; do sleep 0.1; done");
    let mut connection = run.start();
    run.shows(&mut connection, "up");
    connection.handle().stop(Duration::from_millis(50)).unwrap();
    let record = finish(&mut connection);
    assert_eq!((record.status, record.how), (Status::Signal(9), How::Killed));
}

#[test]
fn a_run_ends_at_its_time_limit() {
    let mut run = Run::of("trap '' TERM; while :; do sleep 0.1; done");
    run.spec.time_limit_ms = Some(100);
    run.spec.stop_grace_ms = 50;
    let record = finish(&mut run.start());
    assert_eq!((record.status, record.how), (Status::Signal(9), How::TimeLimit));
}

#[test]
fn a_killed_daemon_is_not_noticed_by_the_agent() {
    const ROLE: &str = "MONBAN_TEST_DAEMON";
    let script = "echo first; while ! [ -e go ]; do sleep 0.05; done; seq 100000; echo last";
    if let Ok(place) = std::env::var(ROLE) {
        // This process is the daemon: it starts the run as given and is killed while connected.
        let (folder, spec) = place.split_once('\n').unwrap();
        let spec = serde_json::from_str(spec).unwrap();
        let mut connection = monban::runner::start(folder.as_ref(), &spec, monban()).unwrap();
        loop {
            connection.next_notice(LONG);
        }
    }
    let run = Run::of(script);
    let place = format!("{}\n{}", run.folder.display(), serde_json::to_string(&run.spec).unwrap());
    let name = "ending::a_killed_daemon_is_not_noticed_by_the_agent";
    let mut daemon = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(ROLE, place)
        .spawn()
        .unwrap();
    until("the agent is up", || {
        let text = std::fs::read(run.folder.join(format!("out-{:020}", 0))).ok()?;
        text.starts_with(b"first").then_some(())
    });
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    std::fs::write(run.path("go"), "").unwrap();
    let record = match find(&run.folder, 0).unwrap() {
        Found::Alive(mut connection) => finish(&mut connection),
        Found::Ended(record) => record,
        found => panic!("{found:?}"),
    };
    assert_eq!((record.status, record.how), (Status::Code(0), How::Exited));
    let numbers: String = (1..=100_000).map(|number| format!("{number}\r\n")).collect();
    assert_eq!(run.text(), format!("first\r\n{numbers}last\r\n"));
}

#[test]
fn a_killed_holder_means_lost_and_its_processes_are_found_and_ended() {
    let run = Run::of(&format!("{CLINGING} while :; do sleep 1; done"));
    let mut connection = run.start();
    let pids = clinging(&run);
    run.shows(&mut connection, "clinging");
    let listed = |pid: u32| {
        let text = std::fs::read_to_string(run.folder.join("processes.json")).unwrap();
        text.contains(&format!("\"pid\":{pid},"))
    };
    until("the holder has seen them", || pids.into_iter().all(listed).then_some(()));
    signal(holder_of(&run), "-KILL");
    until("the daemon is told", || (connection.next_notice(LONG)? == Notice::Gone).then_some(()));
    drop(connection);
    let Found::Lost { marker } = find(&run.folder, 0).unwrap() else { panic!("not lost") };
    let left = survivors(&run.folder, &marker).unwrap();
    let found: Vec<u32> = left.processes.iter().map(|process| process.pid).collect();
    assert!(pids.iter().all(|pid| found.contains(pid)), "{pids:?} in {found:?}");
    let ended = end_survivors(&run.folder, &marker, Duration::from_millis(100)).unwrap();
    assert_eq!(ended.left.processes, []);
    assert!(ended.ended.len() >= 4, "{:?}", ended.ended);
    assert!(!ended.left.unknown.is_empty(), "what cannot be known must be said");
    assert_eq!(pids.map(is_alive), [false; 3]);
    // Nothing has appeared that would make it look as if it had ended by itself.
    assert!(matches!(find(&run.folder, 0).unwrap(), Found::Lost { .. }));
}

#[test]
fn a_logout_that_asks_everybody_to_end_is_recorded_as_it_was() {
    let run = Run::of("echo $$ >pid; while :; do sleep 0.1; done");
    let mut connection = run.start();
    let pid = run.pid("pid");
    signal(holder_of(&run), "-HUP");
    signal(holder_of(&run), "-TERM");
    signal(pid, "-TERM");
    let record = finish(&mut connection);
    assert_eq!((record.status, record.how), (Status::Signal(15), How::Exited));
}

#[test]
fn strangers_are_told_no_and_disturb_nobody() {
    use monban::wire::{frame, hold};
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    let run = Run::of("read line; exit 8");
    let mut connection = run.start();
    let _silent: Vec<UnixStream> =
        (0..10).map(|_| UnixStream::connect(&run.spec.socket).unwrap()).collect();
    let mut later = UnixStream::connect(&run.spec.socket).unwrap();
    frame::write(&mut later, &hold::Request::Hello { versions: vec![99], offset: 0 }).unwrap();
    let answer = frame::read(&mut later).unwrap();
    let Some(hold::Notice::Refused { reason }) = answer else { panic!("{answer:?}") };
    assert!(reason.contains("[3, 2, 1], not [99]"), "{reason}");
    let mut noise = UnixStream::connect(&run.spec.socket).unwrap();
    noise.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(matches!(noise.read(&mut [0; 16]), Ok(0) | Err(_)));
    // Nobody makes the holder keep megabytes in memory for a frame that never ends.
    let mut hoard = UnixStream::connect(&run.spec.socket).unwrap();
    hoard.write_all(&1_000_000_u32.to_be_bytes()).unwrap();
    hoard.set_read_timeout(Some(LONG)).unwrap();
    assert!(matches!(hoard.read(&mut [0; 16]), Ok(0)), "an enormous request is waited for");
    connection.handle().input(b"\n").unwrap();
    assert_eq!(finish(&mut connection).status, Status::Code(8));
}

#[test]
fn survivors_of_one_run_are_not_those_of_another() {
    let (one, other) = (Run::of("echo $$ >pid; read line"), Run::of("echo $$ >pid; read line"));
    let mut connections = [one.start(), other.start()];
    let pid = one.pid("pid");
    let found = survivors(&one.folder, &one.spec.marker).unwrap().processes;
    assert_eq!(found.iter().map(|process| process.pid).collect::<Vec<_>>(), [pid]);
    for connection in &mut connections {
        connection.handle().kill().unwrap();
        finish(connection);
    }
}

#[test]
fn a_process_of_the_run_may_not_control_its_holder() {
    // The agent is this test program, which connects to its own holder and writes what it was told.
    const ROLE: &str = "MONBAN_TEST_AGENT";
    if let Ok(socket) = std::env::var(ROLE) {
        let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
        let hello = monban::wire::hold::Request::Hello { versions: vec![1], offset: 0 };
        monban::wire::frame::write(&mut stream, &hello).unwrap();
        let answer: Option<monban::wire::hold::Notice> =
            monban::wire::frame::read(&mut stream).unwrap();
        std::fs::write("answer", format!("{answer:?}\n")).unwrap();
        return;
    }
    let mut run = Run::of("");
    run.spec.program = std::env::current_exe().unwrap().display().to_string();
    let name = "ending::a_process_of_the_run_may_not_control_its_holder";
    run.spec.args = ["--exact", name, "--nocapture"].map(String::from).into();
    run.spec.env.insert(ROLE.into(), run.spec.socket.display().to_string());
    let mut connection = run.start();
    finish(&mut connection);
    assert!(run.file("answer").contains("may not control it"), "{}", run.file("answer"));
}

#[test]
fn kill_leaves_no_grace_to_a_process_that_is_always_another_one() {
    // The agent forks, leaves its session and ends, again and again: a signal mostly comes too late
    // for the process it was meant for.
    const ROLE: &str = "MONBAN_TEST_COMET";
    if std::env::var(ROLE).is_ok() {
        std::fs::write("flying", "yes\n").unwrap();
        comet();
    }
    let mut run = Run::of("");
    run.spec.program = std::env::current_exe().unwrap().display().to_string();
    let name = "ending::kill_leaves_no_grace_to_a_process_that_is_always_another_one";
    run.spec.args = ["--exact", name, "--nocapture"].map(String::from).into();
    run.spec.env.insert(ROLE.into(), "1".into());
    // What processes that are only asked to end get: this is not granted here.
    let grace = Duration::from_secs(120);
    run.spec.stop_grace_ms = u64::try_from(grace.as_millis()).unwrap();
    let mut connection = run.start();
    run.file("flying");
    let asked_at = std::time::Instant::now();
    connection.handle().kill().unwrap();
    let record = finish(&mut connection);
    assert!(matches!(record.tree, Tree::Empty { .. }), "{:?}", record.tree);
    assert!(asked_at.elapsed() < grace, "{:?}", asked_at.elapsed());
}

#[expect(unsafe_code, reason = "nothing safe forks")]
fn comet() -> ! {
    // SAFETY: all calls are async-signal-safe, and the children make no others.
    unsafe {
        // It takes all of the processor it can get: on a busy machine the holder gets more.
        libc::nice(19);
        if libc::fork() != 0 {
            loop {
                libc::pause();
            }
        }
        loop {
            libc::setsid();
            if libc::fork() != 0 {
                libc::_exit(0);
            }
        }
    }
}

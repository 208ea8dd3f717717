//! Clients that do not read, do not take frames, or lose their daemon.

use crate::{Attached, Desk, Instance, QUIET};
use monban::base::id::RunId;
use monban::base::paths::Places;
use monban::wire::people::{Answer, Ask, ShowAsk};
use monban::wire::view::{Said, Surface};
use std::io::Write;

/// How much memory this process, the daemon's, has.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn without_credit_nothing_comes_and_then_the_difference_to_now_as_one_frame() {
    let room = Desk::new();
    let (_, run) = room.agent("while IFS= read -r x; do seq 1 500; echo round $x; done");
    let mut bob = room.attach("bob");
    bob.takes_all = false;
    bob.look_at_pane(1, run);
    bob.drain(QUIET);
    assert_eq!((bob.bytes, bob.frame), (0, 0), "nothing without credit");
    bob.credit();
    bob.shows(1, "working");
    let first = bob.bytes;
    for round in ["1", "2", "3"] {
        bob.press(run, &[round, "enter"]);
    }
    let mut other = room.attach("carol");
    other.look_at_pane(1, run);
    other.shows(1, "round 3");
    bob.drain(QUIET);
    assert_eq!(bob.bytes, first, "nothing without credit");
    bob.credit();
    bob.shows(1, "round 3");
    assert_eq!(bob.frame, 2, "one frame catches up");
    let repaint = other.bytes.max(4000);
    assert!(bob.bytes - first <= repaint, "{} bytes", bob.bytes - first);
}

const ALONE: &str = "MONBAN_TEST_ALONE";

/// 50 MB through an agent while one client has stopped reading with all the credit in the world. In
/// a process of its own: memory is counted, which the tests beside it take too.
#[test]
fn a_stopped_client_harms_neither_the_agent_nor_another_nor_memory() {
    if std::env::var_os(ALONE).is_none() {
        let name = "harm::a_stopped_client_harms_neither_the_agent_nor_another_nor_memory";
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let ran = alone.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().unwrap();
        let said = [ran.stdout, ran.stderr].concat();
        return assert!(ran.status.success(), "{}", String::from_utf8_lossy(&said));
    }
    let room = Desk::new();
    let line = "a line of text that an agent might print, 63 bytes and newline.";
    let script = "while IFS= read -r x; do yes \"$l\" | head -n 781250; echo flood over; done";
    let (_, run) = room.agent(&format!("l='{line}'; {script}"));
    let mut stopped = room.attach("bob");
    stopped.look_at_pane(1, run);
    stopped.say(&Said::Credit { frame: u64::MAX });
    let mut other = room.attach("carol");
    other.look_at_pane(1, run);
    other.shows(1, "working");
    let before = memory();
    other.press(run, &["enter"]);
    other.shows(1, "flood over");
    let grown = memory().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
    let mut ann = room.person("ann");
    ann.show(ShowAsk::List { all: false });
    // The one that stopped is not cut off: it reads on and ends with what is there now.
    stopped.takes_all = false;
    stopped.shows(1, "flood over");
}

#[test]
fn who_loses_the_daemon_to_kill_9_comes_back_to_what_differs() {
    let instance = Instance::new();
    let id = instance.add("T", "seq 1 30; while IFS= read -r x; do echo and $x; done");
    instance.monban(&["run", &id, "--trust", &instance.gate()]).expect(0);
    let run = RunId(1);
    let places = Places::under(&instance.home);
    let attach = || Attached::attach(&places, "bob", instance.repository.clone(), false);
    let mut bob = attach();
    bob.look_at_pane(1, run);
    bob.look(2, Surface::Tasks { all: false });
    bob.shows(1, "30");
    bob.wait("the task", |bob| (bob.table(2).len() == 1).then_some(()));
    bob.drain(QUIET);
    let all = bob.bytes;
    instance.kill(instance.daemon());
    // Any command starts the next one.
    assert_eq!(instance.task(&id)["state"], "running");
    let mut back = attach();
    back.copy = std::mem::take(&mut bob.copy);
    drop(bob);
    back.press(run, &["x", "enter"]);
    back.look_at_pane(1, run);
    back.look(2, Surface::Tasks { all: false });
    back.shows(1, "and x");
    back.drain(QUIET);
    assert!(back.screen(1).contains(&"30".to_string()));
    assert!(back.bytes * 2 < all + 1000, "{} bytes of {all} came again", back.bytes);
}

/// Control characters take six bytes each in a message; the first file hides the second.
#[test]
fn a_diff_that_no_message_could_carry_is_cut_says_so_and_harms_no_session() {
    let room = Desk::new();
    let huge = "head -c 3000000 /dev/zero | tr '\\000' '\\001' | fold -w 99 > a; echo b > b";
    let (task, _) = room.agent(huge);
    let mut ann = room.person("ann");
    ann.until(&ShowAsk::Task(task), |task| task["head"].as_str().map(drop));
    let mut bob = room.attach("bob");
    let Answer::Done(diff) = bob.ask(1, Ask::Show(ShowAsk::Diff(task))) else { panic!("refused") };
    assert_eq!((&diff["is_cut"], &diff["changes"]["files"]), (&true.into(), &2.into()));
    assert_eq!(diff["files"][1]["path"], "b");
    let patch = diff["patch"].as_str().unwrap();
    assert!(patch.contains("\u{1}") && patch.ends_with("can be shown]\n"));
    assert!(!patch.contains("diff --git a/b b/b"));
}

#[test]
fn an_answer_that_no_message_can_carry_is_refused_and_the_connection_goes_on() {
    let room = Desk::new();
    let mut ann = room.person("ann");
    let task = crate::add(&mut ann, "T", &"x".repeat(200 << 10));
    let much = || Ask::Show(ShowAsk::Wait { tasks: vec![task; 50] });
    let refused = ann.ask(much()).unwrap_err();
    assert!(refused.to_string().contains("more than a message may have"), "{refused}");
    assert_eq!(ann.show(ShowAsk::List { all: false })["tasks"][0]["id"], 1);
    let mut bob = room.attach("bob");
    assert!(matches!(bob.ask(1, much()), Answer::Refused(_)));
    assert!(matches!(bob.ask(2, Ask::Show(ShowAsk::Task(task))), Answer::Done(_)));
}

const HOLDS: &str = "MONBAN_TEST_HOLDS";

/// Run again by the test below, with the marker of a run: it takes every place that it is given.
#[test]
fn holder_of_connections() {
    let Some(socket) = std::env::var_os(HOLDS) else { return };
    let mut held = std::collections::VecDeque::new();
    loop {
        if let Ok(stream) = std::os::unix::net::UnixStream::connect(&socket) {
            held.push_back(stream);
        }
        if held.len() == 600 {
            held.pop_front();
            let _ = writeln!(std::io::stdout(), "full");
        }
    }
}

#[test]
fn connections_from_inside_a_run_take_no_place_from_a_person() {
    use std::io::BufRead;
    let room = Desk::new();
    let mut holder = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "harm::holder_of_connections", "--nocapture"])
        .env(HOLDS, room.daemon.places.socket())
        .env("MONBAN_RUN", "run1-x")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let said = std::io::BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(said.map_while(Result::ok).any(|line| line.contains("full")));
    // A person's program gives up after some seconds without a hello, which may pass on a machine
    // as busy as this one; places that are held would never come free.
    let listed = crate::people::wait_for(|| {
        let listed = room.instance.monban(&["ls"]);
        (listed.status == 0).then_some(listed)
    });
    holder.kill().unwrap();
    holder.wait().unwrap();
    listed.expect("a person is served");
}

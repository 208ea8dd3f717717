//! Clients that do not read, do not take frames, or lose their daemon.

use crate::{Attached, Instance, QUIET, Room};
use monban::base::id::RunId;
use monban::base::paths::Places;
use monban::wire::people::ShowAsk;
use monban::wire::view::{Said, Surface};
use std::time::{Duration, Instant};

/// How much memory this process, the daemon's, has.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn without_credit_nothing_comes_and_then_the_difference_to_now_as_one_frame() {
    let room = Room::new();
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

/// 50 MB through an agent while one client has stopped reading with all the credit in the world.
#[test]
fn a_stopped_client_harms_neither_the_agent_nor_another_nor_memory() {
    let room = Room::new();
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
    let began = Instant::now();
    other.press(run, &["enter"]);
    other.shows(1, "flood over");
    let took = began.elapsed();
    let grown = memory().saturating_sub(before);
    assert!(took < Duration::from_secs(50), "{took:?}");
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

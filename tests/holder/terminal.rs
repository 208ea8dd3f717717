//! What goes into the terminal and how it behaves.

use crate::support::*;
use monban::base::size::Size;
use monban::runner::{Entry, Found, InputError, find};
use monban::wire::hold::{How, Status};
use std::time::Duration;

#[test]
fn a_resize_is_seen_by_the_agent_and_stamped_where_it_happened() {
    let run = Run::of("stty size; read line; stty size; echo end");
    let mut connection = run.start();
    run.shows(&mut connection, "24 80");
    let wide = Size { cols: 132, rows: 50 };
    let sizes = || -> Vec<(u64, Size)> {
        let of = |entry| match entry {
            Entry::Resize { offset, size, .. } => Some((offset, size)),
            _ => None,
        };
        run.entries().into_iter().filter_map(of).collect()
    };
    connection.handle().resize(wide).unwrap();
    until("the holder has resized", || (sizes().len() == 2).then_some(()));
    connection.handle().input(b"\n").unwrap();
    finish(&mut connection);
    assert!(run.text().contains("50 132"), "{:?}", run.text());
    let sizes = sizes();
    assert_eq!(sizes[0], (0, run.spec.size));
    assert_eq!((sizes.len(), sizes[1].1), (2, wide));
    let before = usize::try_from(sizes[1].0).unwrap();
    let text = run.text();
    assert!(text[..before].contains("24 80") && !text[..before].contains("50 132"));
}

#[test]
fn input_arrives_exactly_and_dropping_a_handle_types_nothing() {
    let run =
        Run::of("stty raw -echo; echo up; head -c 6 >got; echo six; head -c 1 >more; echo >end");
    let mut connection = run.start();
    run.shows(&mut connection, "up");
    connection.handle().input(b"a\r\x03\x04\xff\0").unwrap();
    run.shows(&mut connection, "six");
    assert_eq!(std::fs::read(run.path("got")).unwrap(), b"a\r\x03\x04\xff\0");
    drop(connection.handle().clone());
    drop(connection);
    let Found::Alive(mut connection) = find(&run.folder, 0).unwrap() else { panic!("not alive") };
    connection.handle().input(b"z").unwrap();
    finish(&mut connection);
    assert_eq!(std::fs::read(run.path("more")).unwrap(), b"z");
}

#[test]
fn a_large_paste_arrives_whole() {
    let run = Run::of("stty raw -echo; echo up; head -c 500000 >got; echo done");
    let mut connection = run.start();
    run.shows(&mut connection, "up");
    let paste: Vec<u8> = (0..500_000u32).map(|at| b'a' + (at % 26) as u8).collect();
    connection.handle().input(&paste).unwrap();
    finish(&mut connection);
    assert!(std::fs::read(run.path("got")).unwrap() == paste);
}

#[test]
fn an_agent_that_never_reads_blocks_nobody() {
    let run = Run::of("stty raw -echo; echo up; while :; do sleep 1; done");
    let mut connection = run.start();
    run.shows(&mut connection, "up");
    let piece = [b'x'; 64 * 1024];
    let full = until("the queue is full", || connection.handle().input(&piece).err());
    assert!(matches!(full, InputError::Full(_)), "{full:?}");
    connection.handle().kill().unwrap();
    let record = finish(&mut connection);
    assert_eq!(record.status, Status::Signal(9));
    until("the writer lets go", || {
        (connection.handle().input(b"x") == Err(InputError::Closed)).then_some(())
    });
}

#[test]
fn pause_freezes_the_whole_tree_and_resume_lets_it_go_on() {
    let script = "echo $$ >pid; (while :; do echo tick; sleep 0.02; done) & \
                  while ! [ -e go ]; do sleep 0.02; done; kill $!; wait; echo end";
    let run = Run::of(script);
    let mut connection = run.start();
    run.shows(&mut connection, "tick");
    connection.handle().pause().unwrap();
    let pid = run.pid("pid");
    until("it is frozen", || {
        let state = std::process::Command::new("ps")
            .args(["-o", "stat=", "-p", &pid.to_string()])
            .output()
            .unwrap();
        state.stdout.starts_with(b"T").then_some(())
    });
    drop(connection);
    let Found::Alive(mut connection) = find(&run.folder, 0).unwrap() else { panic!("not alive") };
    assert!(connection.is_paused());
    std::fs::write(run.path("go"), "").unwrap();
    let notices = std::iter::from_fn(|| connection.next_notice(Duration::from_millis(300)));
    assert!(notices.take(5).count() < 5, "a frozen tree goes on writing");
    connection.handle().resume().unwrap();
    let record = finish(&mut connection);
    assert_eq!((record.status, record.how), (Status::Code(0), How::Exited));
}

#[test]
fn a_frozen_run_can_be_stopped() {
    let run = Run::of("trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done");
    let mut connection = run.start();
    run.shows(&mut connection, "up");
    connection.handle().pause().unwrap();
    connection.handle().stop(LONG).unwrap();
    let record = finish(&mut connection);
    assert_eq!((record.status, record.how), (Status::Code(5), How::Stopped));
}

#[test]
fn closing_the_terminal_is_not_ending() {
    let run = Run::of(
        "exec </dev/null >/dev/null 2>&1; echo closed >closed; \
         while ! [ -e go ]; do sleep 0.02; done; echo back >/dev/tty; exit 4",
    );
    let mut connection = run.start();
    run.file("closed");
    assert!(connection.next_notice(Duration::from_millis(200)).is_none());
    std::fs::write(run.path("go"), "").unwrap();
    let record = finish(&mut connection);
    assert_eq!(record.status, Status::Code(4));
    assert_eq!(run.text(), "back\r\n");
}

#[test]
fn a_grandchild_that_keeps_the_terminal_does_not_keep_the_run() {
    let script = "(trap '' HUP TERM; echo on >trap; while :; do sleep 0.1; done) & echo $! >pid; \
                  while ! [ -s trap ]; do sleep 0.02; done; exit 6";
    let run = Run::of(script);
    let mut connection = run.start();
    let pid = run.pid("pid");
    let record = finish(&mut connection);
    assert_eq!((record.status, record.how), (Status::Code(6), How::Exited));
    assert!(record.survivors >= 1);
    assert!(!is_alive(pid));
}

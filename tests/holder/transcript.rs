//! What is kept of the output, and when the agent is held back.

use crate::support::*;
use monban::runner::{Entry, GapReason, Notice, Transcript};
use std::time::Duration;

/// A script that writes `lines` numbered lines of 50 bytes, and what the terminal makes of them.
fn numbered(lines: u32) -> (String, Vec<u8>) {
    let script = format!("awk 'BEGIN {{ for (i = 0; i < {lines}; i++) printf \"%048d\\n\", i }}'");
    let output = (0..lines).flat_map(|i| format!("{i:048}\r\n").into_bytes()).collect();
    (script, output)
}

#[test]
fn a_flood_of_50_mb_arrives_complete_and_in_order() {
    let (script, expected) = numbered(1_000_000);
    assert_eq!(expected.len(), 50_000_000);
    let run = Run::of(&script);
    let record = finish(&mut run.start());
    assert_eq!(record.output_bytes, 50_000_000);
    assert!(run.output() == expected, "the output differs");
}

#[test]
fn a_reader_that_follows_sees_everything_in_order() {
    let (script, expected) = numbered(100_000);
    let run = Run::of(&script);
    let mut connection = run.start();
    let mut transcript = Transcript::open(&run.folder).unwrap();
    let mut seen = Vec::new();
    let mut is_over = false;
    while !is_over {
        match connection.next_notice(LONG).expect("a notice") {
            Notice::Output { offset, stored } => {
                assert_eq!(offset, stored);
                while (seen.len() as u64) < offset {
                    let chunk = transcript.read_at(seen.len() as u64, 4096).unwrap();
                    assert!(!chunk.bytes.is_empty(), "announced but not there");
                    seen.extend(chunk.bytes);
                }
                connection.handle().ack(offset).unwrap();
            }
            Notice::Exited(_) => is_over = true,
            other => panic!("{other:?}"),
        }
    }
    connection.handle().seen().unwrap();
    assert!(seen == expected, "the output differs");
}

#[test]
fn over_its_limit_a_transcript_keeps_both_ends_and_says_what_is_missing() {
    let (script, expected) = numbered(100_000);
    let mut run = Run::of(&script);
    run.spec.transcript_limit = 1024 * 1024;
    finish(&mut run.start());
    let mut missing = Vec::new();
    let mut at = 0;
    let mut stored = 0;
    for entry in run.entries() {
        match entry {
            Entry::Output { offset, bytes, .. } => {
                assert_eq!(offset, at, "a hole that is not a gap");
                let place = usize::try_from(offset).unwrap();
                assert!(expected[place..].starts_with(&bytes));
                at += bytes.len() as u64;
                stored += bytes.len();
            }
            Entry::Gap { from, to, reason, .. } => {
                assert_eq!((from, reason), (at, GapReason::Limit));
                missing.push((from, to));
                at = to;
            }
            Entry::Resize { .. } | Entry::Exit(_) => {}
        }
    }
    assert_eq!(at, 5_000_000, "the end is kept");
    let [(from, to)] = missing[..] else { panic!("one gap, not {missing:?}") };
    assert!(from >= 256 * 1024, "the beginning is kept: {from}");
    assert!(stored <= 1024 * 1024 + 64 * 1024, "{stored} bytes are stored");
    let mut transcript = Transcript::open(&run.folder).unwrap();
    assert_eq!(transcript.read_at(from + 1, 10).unwrap().offset, to);
    let disk: u64 = std::fs::read_dir(&run.folder)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(disk < 2 * 1024 * 1024, "{disk} bytes in all");
}

#[test]
fn a_connected_daemon_that_lags_holds_the_agent_back_and_nobody_does_not() {
    let (script, expected) = numbered(1_000_000);
    let run = Run::of(&script);
    let mut connection = run.start();
    // No acknowledgement: the holder stops a little after 32 MiB, and says nothing more.
    let mut offset = 0;
    let within = |offset| if offset < 32 << 20 { LONG } else { Duration::from_secs(2) };
    while let Some(notice) = connection.next_notice(within(offset)) {
        match notice {
            Notice::Output { offset: now, .. } => offset = now,
            other => panic!("{other:?}"),
        }
    }
    assert!((32 << 20..34 << 20).contains(&offset), "{offset}");
    connection.handle().ack(offset).unwrap();
    let Some(Notice::Output { offset: next, .. }) = connection.next_notice(LONG) else {
        panic!("no more output after the acknowledgement")
    };
    assert!(next > offset);
    let holder = holder_of(&run);
    drop(connection);
    until("the run ends with nobody connected", || (!is_alive(holder)).then_some(()));
    assert!(run.output() == expected, "the output differs");
}

#[test]
fn an_asciicast_has_the_output_in_time_order_and_cuts_no_character() {
    let run = Run::of("i=0; while [ $i -lt 3000 ]; do printf '修正→'; i=$((i+1)); done; exit 2");
    let mut connection = run.start();
    finish(&mut connection);
    let mut cast = Vec::new();
    Transcript::open(&run.folder).unwrap().to_asciicast(&mut cast).unwrap();
    let mut lines = std::str::from_utf8(&cast).unwrap().lines();
    let header: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!((&header["version"], &header["width"]), (&2.into(), &80.into()));
    let events: Vec<(f64, String, String)> =
        lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.is_sorted_by(|a, b| a.0 <= b.0));
    let output: String =
        events.iter().filter(|event| event.1 == "o").map(|event| event.2.as_str()).collect();
    assert_eq!(output, "修正→".repeat(3000));
    assert_eq!(events.last().unwrap().2, "exit 2");
}

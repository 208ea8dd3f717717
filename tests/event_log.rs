//! The event log on a healthy disk: what is read back, and what damage is answered with.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

#[path = "support/disk.rs"]
mod disk;
#[path = "support/log.rs"]
mod log;

use disk::FakeDisk;
use log::*;
use monban::store::{Disk, Options, StoreError, SystemDisk, read_range, verify};
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn line_starts(bytes: &[u8]) -> Vec<usize> {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(ends).collect()
}

#[test]
fn a_log_reads_back_in_order_over_segments_and_is_plain_jsonl() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), 1..=20, 500);
    let (opened, records) = open(folder.path(), 500);
    assert_eq!(
        records.iter().map(|record| record.seq).collect::<Vec<_>>(),
        (1..=20).collect::<Vec<_>>()
    );
    assert_eq!(texts(&records), (1..=20).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!((opened.report.records, opened.report.last_seq), (20, 20));
    assert!(opened.report.torn.is_none() && opened.report.damage.is_empty());

    let report = verify(folder.path(), &SystemDisk, &mut |_| Ok(())).unwrap();
    assert!(report.is_sound() && report.segments > 3, "{report:?}");
    assert_eq!((report.first_seq, report.last_seq), (Some(1), 20));
    assert_eq!(report.chain_head, records[19].sum);

    let first = fs::read_to_string(folder.path().join(FIRST_SEGMENT)).unwrap();
    let line: serde_json::Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    assert_eq!(line["type"], "test.happened");
    assert_eq!(line["at"], "2026-11-21T05:58:50.123Z");
    let keys = ["\"seq\"", "\"at\"", "\"id\"", "\"type\"", "\"payload\"", "\"sum\""];
    let places: Vec<_> = keys.iter().map(|key| first.find(key).unwrap()).collect();
    assert!(places.is_sorted(), "the fields stand in reading order: {first}");
}

#[test]
fn a_part_of_the_log_can_be_read_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), 1..=20, 500);
    let (_held, _) = open(folder.path(), 500);
    let read = |range| {
        let mut found = Vec::new();
        let visit = &mut |record| {
            found.push(record);
            std::ops::ControlFlow::Continue(())
        };
        read_range(folder.path(), &SystemDisk, range, visit).unwrap();
        texts(&found)
    };
    assert_eq!(read(9..=11), ["9", "10", "11"]);
    assert_eq!(read(19..=90), ["19", "20"]);
    assert_eq!(read(1..=1), ["1"]);
    assert!(read(21..=30).is_empty());
}

#[test]
fn a_log_cut_at_any_byte_keeps_every_whole_record_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), 1..=4, NO_ROTATION);
    let whole = fs::read(folder.path().join(FIRST_SEGMENT)).unwrap();
    let starts = line_starts(&whole);
    let path = Path::new("/log").join(FIRST_SEGMENT);
    for length in 0..=whole.len() {
        let disk = FakeDisk::default();
        disk.put(&path, &whole[..length]);
        let expected = starts.iter().filter(|start| **start <= length).count() - 1;

        let (mut opened, records) = recovered(&disk).unwrap();
        assert_eq!(records.len(), expected, "cut at byte {length}");
        let torn = opened.report.torn.clone();
        let left_over = &whole[starts[expected]..length];
        assert_eq!(torn.is_some(), !left_over.is_empty(), "cut at byte {length}");
        if let Some(torn) = torn {
            assert_eq!(torn.cut_bytes, left_over.len() as u64);
            assert_eq!(disk.file(&torn.saved_as.unwrap()).unwrap(), left_over);
            assert_eq!(torn.problem.seq, expected as u64 + 1);
        }
        opened.log.append(vec![event("new")]).unwrap();
        drop(opened);
        let (again, records) = recovered(&disk).unwrap();
        assert!(again.report.torn.is_none(), "one report only");
        assert_eq!(records.len(), expected + 1);
        assert_eq!(text(&records[expected]), "new");
    }
}

#[test]
fn a_flipped_bit_in_the_last_record_cuts_that_record() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), 1..=3, NO_ROTATION);
    let path = folder.path().join(FIRST_SEGMENT);
    let whole = fs::read(&path).unwrap();
    for at in line_starts(&whole)[2]..whole.len() {
        for bit in [0, 1, 5] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            fs::write(&path, &bytes).unwrap();
            let found = verify(folder.path(), &SystemDisk, &mut |_| Ok(())).unwrap();
            assert!(found.torn.is_some() && found.last_seq == 2, "byte {at}: {found:?}");
        }
    }
    let (opened, records) = open(folder.path(), NO_ROTATION);
    assert!(opened.report.torn.is_some());
    assert_eq!(texts(&records), ["1", "2"]);
}

#[test]
fn a_flipped_bit_in_the_middle_makes_the_log_read_only_and_names_the_record() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), 1..=5, NO_ROTATION);
    let path = folder.path().join(FIRST_SEGMENT);
    let whole = fs::read(&path).unwrap();
    let starts = line_starts(&whole);
    for at in starts[1]..starts[2] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let (mut opened, records) = open(folder.path(), NO_ROTATION);
        assert_eq!(texts(&records), ["1"], "byte {at}");
        let damage = opened.report.damage.first().unwrap();
        assert_eq!((damage.file.as_str(), damage.line, damage.seq), (FIRST_SEGMENT, 2, 2));
        let refused = opened.log.append(vec![event("new")]).unwrap_err();
        assert!(matches!(refused, StoreError::ReadOnly(_)));
        assert!(refused.to_string().contains("events-000000000001.jsonl:2: record 2"), "{refused}");
        assert_eq!(
            verify(folder.path(), &SystemDisk, &mut |_| Ok(())).unwrap().problems,
            opened.report.damage
        );
        drop(opened);
        assert_eq!(fs::read(&path).unwrap(), bytes, "a damaged log is left as it is");
    }
}

#[test]
fn the_record_before_the_last_is_not_taken_for_a_torn_tail() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), 1..=3, NO_ROTATION);
    let path = folder.path().join(FIRST_SEGMENT);
    let whole = fs::read(&path).unwrap();
    let starts = line_starts(&whole);
    // With its newline too: without it the last two lines are one. A new one makes it two.
    for at in starts[1]..starts[2] {
        for byte in [whole[at] ^ 1, b'\n', 0, b'"'] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            if bytes == whole {
                continue;
            }
            fs::write(&path, &bytes).unwrap();
            let found = verify(folder.path(), &SystemDisk, &mut |_| Ok(())).unwrap();
            assert!(!found.is_sound() && found.torn.is_none(), "{byte} at {at}: {found:?}");
            assert_eq!(found.problems[0].seq, 2, "{byte} at {at}: {found:?}");
        }
    }
}

#[test]
fn a_whole_record_behind_a_damaged_stretch_is_never_cut() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), 1..=5, NO_ROTATION);
    let path = folder.path().join(FIRST_SEGMENT);
    let whole = fs::read(&path).unwrap();
    let starts = line_starts(&whole);
    // A block that lies over several records and ends anywhere in the one before the last.
    for end in starts[3] + 1..starts[4] {
        let mut bytes = whole.clone();
        bytes[starts[1] + 5..end].fill(0);
        fs::write(&path, &bytes).unwrap();
        let found = verify(folder.path(), &SystemDisk, &mut |_| Ok(())).unwrap();
        assert!(!found.is_sound() && found.torn.is_none(), "up to byte {end}: {found:?}");
    }
}

#[test]
fn reading_a_part_that_is_damaged_says_so_and_gives_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), 1..=9, NO_ROTATION);
    let path = folder.path().join(FIRST_SEGMENT);
    let mut bytes = fs::read(&path).unwrap();
    let at = line_starts(&bytes)[4] + 9;
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let mut seen = 0;
    let visit = &mut |_| {
        seen += 1;
        std::ops::ControlFlow::Continue(())
    };
    read_range(folder.path(), &SystemDisk, 1..=4, visit).unwrap();
    let refused = read_range(folder.path(), &SystemDisk, 3..=9, visit).unwrap_err();
    assert_eq!(seen, 4 + 2);
    assert!(refused.to_string().contains("record 5"), "{refused}");
}

#[test]
fn nul_bytes_after_power_loss_are_cut() {
    for count in [1, 25, 26, 27, 4096, 100_000] {
        let folder = tempfile::tempdir().unwrap();
        write_log(folder.path(), 1..=2, NO_ROTATION);
        let path = folder.path().join(FIRST_SEGMENT);
        let mut bytes = fs::read(&path).unwrap();
        bytes.resize(bytes.len() + count, 0);
        fs::write(&path, &bytes).unwrap();
        let (opened, records) = open(folder.path(), NO_ROTATION);
        assert_eq!(texts(&records), ["1", "2"]);
        assert_eq!(opened.report.torn.unwrap().cut_bytes, count as u64);
    }
}

#[test]
fn a_missing_segment_is_damage() {
    for missing in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        write_log(folder.path(), 1..=9, 1);
        let path = folder.path().join(format!("events-{:012}.jsonl", missing + 1));
        fs::remove_file(path).unwrap();
        let (opened, records) = open(folder.path(), 1);
        assert_eq!(records.len(), missing);
        let damage = &opened.report.damage;
        assert_eq!(damage.len(), 1, "{damage:?}");
        assert!(damage[0].what.contains("missing"), "{damage:?}");
    }
}

#[test]
fn a_record_from_another_log_does_not_fit_the_chain() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_log(ours.path(), 1..=3, 1);
    write_log(theirs.path(), 11..=13, 1);
    let second = "events-000000000002.jsonl";
    fs::copy(theirs.path().join(second), ours.path().join(second)).unwrap();
    let found = verify(ours.path(), &SystemDisk, &mut |_| Ok(())).unwrap();
    assert_eq!((found.records, found.problems[0].file.as_str()), (1, second));
}

#[test]
fn an_append_is_recovered_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (mut opened, _) = open(folder.path(), NO_ROTATION);
    opened.log.append(vec![event("a")]).unwrap();
    assert_eq!(opened.log.append(vec![event("b"), event("c"), event("d")]).unwrap(), 2..=4);
    drop(opened);
    let path = folder.path().join(FIRST_SEGMENT);
    let whole = fs::read(&path).unwrap();
    for length in line_starts(&whole)[1]..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let (opened, records) = open(folder.path(), NO_ROTATION);
        let expected: &[&str] = if length == whole.len() { &["a", "b", "c", "d"] } else { &["a"] };
        assert_eq!(texts(&records), expected, "cut at byte {length}");
        assert_eq!(opened.log.next_seq(), expected.len() as u64 + 1);
    }
}

#[test]
fn what_follows_from_one_command_for_thousands_of_tasks_fits_one_append() {
    let folder = tempfile::tempdir().unwrap();
    let (mut opened, _) = open(folder.path(), NO_ROTATION);
    opened.log.append((0..5000).map(event).collect()).unwrap();
    drop(opened);
    let (opened, records) = open(folder.path(), NO_ROTATION);
    assert!(opened.report.torn.is_none() && opened.report.damage.is_empty());
    assert_eq!(records.len(), 5000);
}

#[test]
fn two_daemons_never_write_the_same_log() {
    let folder = tempfile::tempdir().unwrap();
    let (first, _) = open(folder.path(), NO_ROTATION);
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
    let second = open_on(&disk, folder.path(), Options::default()).unwrap_err();
    assert!(matches!(second, StoreError::InUse { .. }), "{second}");
    drop(first);
    open_on(&disk, folder.path(), Options::default()).unwrap();
}

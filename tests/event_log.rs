//! The event log from outside: what it promises under crashes, torn and refused writes, and damage.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

#[path = "support/disk.rs"]
mod disk;

use disk::{Crash, FakeDisk, Fault};
use monban::base::clock::Timestamp;
use monban::store::{
    Disk, EventLog, NewRecord, Opened, Options, Progress, RESERVE_BYTES, Record, Status,
    StoreError, SystemDisk, read_from, verify,
};
use serde_json::json;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const FIRST_SEGMENT: &str = "events-000000000001.jsonl";
const NO_ROTATION: u64 = u64::MAX;

fn event(text: impl ToString) -> NewRecord {
    let text = text.to_string();
    NewRecord {
        at: Timestamp::from_millis(1_795_240_730_123),
        id: format!("id-{text}"),
        kind: "test.happened".into(),
        payload: json!({ "text": text }),
    }
}

fn text(record: &Record) -> String {
    record.payload["text"].as_str().unwrap().into()
}

fn open_on(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    options: Options,
) -> Result<(Opened, Vec<Record>), StoreError> {
    let mut records = Vec::new();
    let opened =
        EventLog::open(folder, Arc::clone(disk), options, &mut |record| records.push(record))?;
    Ok((opened, records))
}

fn open(folder: &Path, rotate_at: u64) -> (Opened, Vec<Record>) {
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
    open_on(&disk, folder, Options { rotate_at, ..Options::default() }).unwrap()
}

/// A log of one append per number in `texts`, closed again.
fn write_log(folder: &Path, texts: std::ops::RangeInclusive<u32>, rotate_at: u64) {
    let (mut opened, _) = open(folder, rotate_at);
    for number in texts {
        let range = opened.log.append(vec![event(number)]).unwrap();
        opened.log.durability().wait_durable(*range.end()).unwrap();
    }
}

fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(text).collect()
}

fn line_starts(bytes: &[u8]) -> Vec<usize> {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(ends).collect()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::yield_now();
    }
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

    let report = verify(folder.path(), &SystemDisk).unwrap();
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
    let read = |range| texts(&read_from(folder.path(), &SystemDisk, range).unwrap());
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
            let found = verify(folder.path(), &SystemDisk).unwrap();
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
        assert_eq!(verify(folder.path(), &SystemDisk).unwrap().problems, opened.report.damage);
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
    // Its newline is left out: without it the last two lines are one.
    for at in starts[1]..starts[2] - 1 {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let found = verify(folder.path(), &SystemDisk).unwrap();
        assert!(!found.is_sound() && found.torn.is_none(), "byte {at}: {found:?}");
    }
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
    let found = verify(ours.path(), &SystemDisk).unwrap();
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
fn two_daemons_never_write_the_same_log() {
    let folder = tempfile::tempdir().unwrap();
    let (first, _) = open(folder.path(), NO_ROTATION);
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
    let second = open_on(&disk, folder.path(), Options::default()).unwrap_err();
    assert!(matches!(second, StoreError::InUse { .. }), "{second}");
    drop(first);
    open_on(&disk, folder.path(), Options::default()).unwrap();
}

#[test]
fn nothing_is_acknowledged_before_its_flush_and_many_appends_share_one() {
    let disk = FakeDisk::default();
    let told = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&told);
    let options = Options {
        rotate_at: NO_ROTATION,
        on_progress: Arc::new(move |progress| hear.lock().unwrap().push(progress)),
    };
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (mut opened, _) = open_on(&shared, Path::new("/log"), options).unwrap();
    let flushes = || {
        let operations = disk.operations();
        operations.iter().filter(|one| one.what == "sync" && one.file == FIRST_SEGMENT).count()
    };
    disk.hold_syncs();
    opened.log.append(vec![event(0)]).unwrap();
    wait_until("the first flush has begun", || flushes() == 1);
    for number in 1..1000 {
        opened.log.append(vec![event(number)]).unwrap();
    }
    let durability = opened.log.durability();
    assert_eq!(durability.durable(), 0);
    assert!(told.lock().unwrap().is_empty());

    disk.let_syncs_end();
    durability.wait_durable(1000).unwrap();
    assert_eq!(flushes(), 2, "999 appends shared one flush");
    drop(opened);
    assert_eq!(*told.lock().unwrap(), [Progress::Durable(1), Progress::Durable(1000)]);
}

/// Opens the log, adds appends of one to three records, and waits for each; says what was
/// acknowledged.
fn work(disk: &FakeDisk) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let options = Options { rotate_at: 400, ..Options::default() };
    let Ok((mut opened, _)) = open_on(&shared, Path::new("/log"), options) else {
        return acknowledged;
    };
    for append in 0..5 {
        let records: Vec<_> = (0..=append % 3).map(|n| event(format!("{append}.{n}"))).collect();
        let texts = records.iter().map(|new| new.payload["text"].as_str().unwrap().to_string());
        let texts: Vec<_> = texts.collect();
        let Ok(range) = opened.log.append(records) else { break };
        if opened.log.durability().wait_durable(*range.end()).is_err() {
            break;
        }
        acknowledged.extend(texts);
    }
    acknowledged
}

const CRASHES: [Crash; 4] = [Crash::Process, Crash::Power, Crash::PowerTorn, Crash::PowerNul];

fn recovered(disk: &FakeDisk) -> Result<(Opened, Vec<Record>), StoreError> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    open_on(&shared, Path::new("/log"), Options { rotate_at: 400, ..Options::default() })
}

#[test]
fn no_crash_at_any_disk_operation_loses_what_was_acknowledged() {
    let healthy = FakeDisk::default();
    let everything = work(&healthy);
    let count = healthy.operations().len() as u64;
    assert!(count > 20 && everything.len() == 9, "{count} operations, {everything:?}");
    for crash_at in 0..count {
        let disk = FakeDisk::default().with_fault(Fault::Crash(crash_at));
        let acknowledged = work(&disk);
        for crash in CRASHES {
            let case = format!("crash {crash:?} at operation {crash_at}");
            survives(&disk.after(crash), &acknowledged, &everything, &case);
        }
    }
}

/// Recovery itself is crashed at each of its operations before it may end.
fn survives(disk: &FakeDisk, acknowledged: &[String], everything: &[String], case: &str) {
    let dry = disk.after(Crash::Process);
    drop(recovered(&dry).unwrap());
    for crash_at in 0..dry.operations().len() as u64 {
        let hit = disk.after(Crash::Process).with_fault(Fault::Crash(crash_at));
        drop(recovered(&hit));
        for crash in CRASHES {
            let case = format!("{case}, then {crash:?} at {crash_at} of the recovery");
            let next = hit.after(crash);
            let (opened, records) = recovered(&next).unwrap();
            assert!(opened.report.damage.is_empty(), "{case}: {:?}", opened.report);
            let found = texts(&records);
            assert!(found.starts_with(acknowledged), "{case}: {acknowledged:?} but {found:?}");
            assert!(everything.starts_with(&found), "{case}: {found:?}");
            drop(opened);
            let (again, same) = recovered(&next).unwrap();
            assert!(again.report.torn.is_none(), "{case}: {:?}", again.report);
            assert_eq!(same, records, "{case}");
        }
    }
}

/// Appends to a log on `disk` until it fails, mends it, and checks that it then holds everything it
/// had accepted, in order.
fn fails_and_goes_on(disk: &FakeDisk, is_full: bool) {
    let Ok((mut opened, _)) = recovered(disk) else { return };
    let durability = opened.log.durability();
    let mut accepted = Vec::new();
    for number in 0..8 {
        let range = opened.log.append(vec![event(number)]).unwrap();
        accepted.push(number.to_string());
        if durability.wait_durable(*range.end()).is_err() {
            break;
        }
    }
    let Status::Failed(failure) = durability.status() else {
        assert_eq!(accepted.len(), 8);
        return;
    };
    assert_eq!(failure.is_disk_full, is_full, "{failure}");
    let refused = opened.log.append(vec![event("refused")]);
    assert!(matches!(refused, Err(StoreError::Failed(_))));
    let (_, safe) = recovered(&disk.after(Crash::Power)).unwrap();
    assert_eq!(safe.len() as u64, durability.durable());
    assert_no_retry(disk);

    disk.heal();
    opened.log.reopen().unwrap();
    let range = opened.log.append(vec![event("after")]).unwrap();
    durability.wait_durable(*range.end()).unwrap();
    accepted.push("after".into());
    let (opened, records) = recovered(&disk.after(Crash::Power)).unwrap();
    assert_eq!(texts(&records), accepted);
    assert!(opened.report.torn.is_none() && opened.report.damage.is_empty());
}

/// A file whose write or flush failed is not written or flushed again.
fn assert_no_retry(disk: &FakeDisk) {
    let operations = disk.operations();
    let uses = |one: &disk::Operation| one.file.starts_with("events-") && one.what != "create";
    let Some(at) = operations.iter().position(|one| one.failed && uses(one)) else { return };
    let again = operations[at + 1..].iter().find(|one| ["write", "sync"].contains(&one.what));
    assert_eq!(again, None);
}

/// Tries `fault` at every operation a healthy run has.
fn at_every_operation(fault: impl Fn(u64) -> Fault, is_full: bool) {
    let healthy = FakeDisk::default();
    fails_and_goes_on(&healthy, is_full);
    let count = healthy.operations().len() as u64;
    assert!(count > 20);
    for at in 0..count {
        println!("{:?}", fault(at));
        fails_and_goes_on(&FakeDisk::default().with_fault(fault(at)), is_full);
    }
}

#[test]
fn a_full_disk_at_any_operation_loses_nothing_and_can_be_mended() {
    at_every_operation(Fault::FullFrom, true);
}

#[test]
fn after_a_failed_flush_nothing_is_acknowledged_until_the_log_is_checked_again() {
    at_every_operation(Fault::SyncsFailFrom, false);
}

#[test]
fn one_failed_operation_is_enough_to_stop() {
    at_every_operation(|at| Fault::Once(at, ErrorKind::Other), false);
}

#[test]
fn the_reserve_takes_room_until_it_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, _) = open(folder.path(), NO_ROTATION);
    let reserve = folder.path().join("reserve");
    assert!(opened.report.has_reserve);
    assert_eq!(fs::metadata(&reserve).unwrap().len(), RESERVE_BYTES as u64);
    opened.log.release_reserve().unwrap();
    opened.log.release_reserve().unwrap();
    assert!(!reserve.exists());
    opened.log.restore_reserve().unwrap();
    assert!(reserve.exists());
}

/// A file system of `size` that is unmounted again when it is dropped.
struct TinyDisk(tempfile::TempDir);

impl TinyDisk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(folder.path())
            .output();
        matches!(mount, Ok(output) if output.status.success()).then_some(Self(folder))
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).output();
    }
}

#[test]
fn a_really_full_disk_is_survived() {
    let Some(tiny) = TinyDisk::mount("256k") else {
        println!("not run: a_really_full_disk_is_survived (mounting a tmpfs needs privileges)");
        return;
    };
    let folder = tiny.0.path().join("log");
    let (mut opened, _) = open(&folder, NO_ROTATION);
    let durability = opened.log.durability();
    let filler = "x".repeat(500);
    let mut accepted = 0;
    while let Ok(range) = opened.log.append(vec![event(&filler)]) {
        accepted += 1;
        assert!(accepted < 10_000, "the disk never filled");
        if durability.wait_durable(*range.end()).is_err() {
            break;
        }
    }
    let Status::Failed(failure) = durability.status() else { panic!("the log did not fail") };
    assert!(failure.is_disk_full, "{failure}");
    opened.log.release_reserve().unwrap();
    opened.log.reopen().unwrap();
    let range = opened.log.append(vec![event("the disk is full")]).unwrap();
    durability.wait_durable(*range.end()).unwrap();
    drop(opened);
    let (opened, records) = open(&folder, NO_ROTATION);
    assert_eq!(records.len(), accepted + 1);
    assert_eq!(text(records.last().unwrap()), "the disk is full");
    assert!(opened.report.damage.is_empty());
}

//! The event log on a failing disk: crashes, refused and torn writes, failed flushes, no room.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

#[path = "support/disk.rs"]
mod disk;
#[path = "support/log.rs"]
mod log;
#[path = "support/not_run.rs"]
mod not_run;

use disk::{Crash, FakeDisk, Fault};
use log::*;
use monban::store::{Disk, Options, Progress, RESERVE_BYTES, Status, StoreError};
use not_run::not_run;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(300);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::yield_now();
    }
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
            let (_, later) = recovered(&next.after(Crash::Power)).unwrap();
            assert_eq!(later, records, "{case}: what was read was not on the disk");
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
    assert_no_retry(disk);

    disk.heal();
    let (_, safe) = recovered(&disk.after(Crash::Power)).unwrap();
    assert_eq!(safe.len() as u64, durability.durable());
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
    let is_again = |one: &&disk::Operation| uses(one) && ["write", "sync"].contains(&one.what);
    let again = operations[at + 1..].iter().find(is_again);
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
fn a_disk_that_goes_away_and_comes_back_is_cleaned_up_after() {
    at_every_operation(Fault::Crash, false);
}

#[test]
fn records_that_nobody_was_told_of_do_not_come_back_with_a_new_daemon() {
    let disk = FakeDisk::default();
    let (mut opened, _) = recovered(&disk).unwrap();
    let durability = opened.log.durability();
    opened.log.append(vec![event("told")]).unwrap();
    durability.wait_durable(1).unwrap();
    let disk = disk.with_fault(Fault::SyncsFailFrom(0));
    opened.log.append(vec![event("not told")]).unwrap();
    durability.wait_durable(2).unwrap_err();
    let (_, found) = recovered(&disk.after(Crash::Process)).unwrap();
    assert_eq!(texts(&found), ["told"]);
}

#[test]
fn a_writer_that_ends_unexpectedly_leaves_nobody_waiting() {
    let disk: Arc<dyn Disk> = Arc::new(FakeDisk::default());
    let on_progress = Arc::new(|progress| assert!(progress != Progress::Durable(2), "on purpose"));
    let options = Options { rotate_at: NO_ROTATION, on_progress };
    let (mut opened, _) = open_on(&disk, Path::new("/log"), options).unwrap();
    let durability = opened.log.durability();
    opened.log.append(vec![event(1)]).unwrap();
    durability.wait_durable(1).unwrap();
    opened.log.append(vec![event(2)]).unwrap();
    durability.wait_durable(2).unwrap();
    assert!(matches!(durability.wait_durable(3), Err(StoreError::Failed(_))));
    opened.log.reopen().unwrap();
    opened.log.append(vec![event(3)]).unwrap();
    durability.wait_durable(3).unwrap();
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
    let Some(tiny) = TinyDisk::mount("1M") else {
        not_run("a_really_full_disk_is_survived", "mounting a tmpfs needs privileges");
        return;
    };
    let somebodys = tiny.0.path().join("somebodys");
    fs::write(&somebodys, vec![0; 700 << 10]).unwrap();
    let folder = tiny.0.path().join("log");
    let reserve = || fs::metadata(folder.join("reserve")).map(|file| file.len()).ok();
    let (mut opened, _) = open(&folder, NO_ROTATION);
    assert_eq!(reserve(), Some(RESERVE_BYTES as u64));
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
    // What was kept aside makes room for a few more records, and comes back with room.
    opened.log.reopen().unwrap();
    let range = opened.log.append(vec![event("the disk is full")]).unwrap();
    durability.wait_durable(*range.end()).unwrap();
    assert_eq!(reserve(), None);
    fs::remove_file(&somebodys).unwrap();
    let range = opened.log.append(vec![event("no longer")]).unwrap();
    durability.wait_durable(*range.end()).unwrap();
    assert_eq!(reserve(), Some(RESERVE_BYTES as u64));
    drop(opened);
    let (opened, records) = open(&folder, NO_ROTATION);
    assert_eq!(records.len(), accepted + 2);
    assert_eq!(text(&records[accepted]), "the disk is full");
    assert!(opened.report.damage.is_empty());
}

//! How many appends per second the event log acknowledges, beside a bare write and fdatasync of the
//! same bytes. Prints ratios, which mean the same on every machine; figures alone do not.
//!
//! `cargo bench --bench event_log`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark reports and may fail")]

use monban::base::clock::Timestamp;
use monban::store::{EventLog, NewRecord, Options, SystemDisk};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const ALONE: u64 = 300;
const TOGETHER: u64 = 30_000;

fn event(number: u64) -> NewRecord {
    NewRecord {
        at: Timestamp::from_millis(1_795_240_730_123),
        id: format!("e{number}"),
        kind: "task.checked".into(),
        payload: json!({ "task": number, "verdict": "pass", "why": "x".repeat(150) }),
    }
}

fn per_second(count: u64, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    count as f64 / start.elapsed().as_secs_f64()
}

fn raw(folder: &Path) -> f64 {
    let line = [b'x'; 320];
    let path = folder.join("raw");
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    per_second(ALONE, || {
        for _ in 0..ALONE {
            file.write_all(&line).unwrap();
            file.sync_data().unwrap();
        }
    })
}

fn log(folder: &Path, count: u64, waits_each: bool) -> f64 {
    let disk = Arc::new(SystemDisk);
    let mut log = EventLog::open(folder, disk, Options::default(), &mut |_| Ok(())).unwrap().log;
    let durability = log.durability();
    per_second(count, || {
        for number in 0..count {
            let range = log.append(vec![event(number)]).unwrap();
            if waits_each || number + 1 == count {
                durability.wait_durable(*range.end()).unwrap();
            }
        }
    })
}

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let raw = raw(folder.path());
    let alone = log(&folder.path().join("alone"), ALONE, true);
    let together = log(&folder.path().join("together"), TOGETHER, false);
    println!("raw write + fdatasync    {raw:>9.0}/s  1.00");
    println!("append, each waited for  {alone:>9.0}/s  {:.2}", alone / raw);
    println!("append, in groups        {together:>9.0}/s  {:.2}", together / raw);
    let reading = Instant::now();
    let again = EventLog::open(
        &folder.path().join("together"),
        Arc::new(SystemDisk),
        Options::default(),
        &mut |_| Ok(()),
    );
    let records = again.unwrap().report.records;
    println!(
        "opening reads            {:>9.0}/s",
        records as f64 / reading.elapsed().as_secs_f64()
    );
}

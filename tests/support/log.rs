//! Event logs for tests: records, logs on the real disk and on the one in memory.
#![allow(dead_code, reason = "each test file uses its part")]

use crate::disk::FakeDisk;
use monban::base::clock::Timestamp;
use monban::store::{Disk, EventLog, NewRecord, Opened, Options, Record, StoreError, SystemDisk};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

pub const FIRST_SEGMENT: &str = "events-000000000001.jsonl";
pub const NO_ROTATION: u64 = u64::MAX;

pub fn event(text: impl ToString) -> NewRecord {
    let text = text.to_string();
    NewRecord {
        at: Timestamp::from_millis(1_795_240_730_123),
        id: format!("id-{text}"),
        kind: "test.happened".into(),
        payload: json!({ "text": text }),
    }
}

pub fn text(record: &Record) -> String {
    record.payload["text"].as_str().unwrap().into()
}

pub fn open_on(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    options: Options,
) -> Result<(Opened, Vec<Record>), StoreError> {
    let mut records = Vec::new();
    let opened = EventLog::open(folder, Arc::clone(disk), options, &mut |record| {
        records.push(record);
        Ok(())
    })?;
    Ok((opened, records))
}

pub fn open(folder: &Path, rotate_at: u64) -> (Opened, Vec<Record>) {
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
    open_on(&disk, folder, Options { rotate_at, ..Options::default() }).unwrap()
}

/// A log of one append per number in `texts`, closed again.
pub fn write_log(folder: &Path, texts: std::ops::RangeInclusive<u32>, rotate_at: u64) {
    let (mut opened, _) = open(folder, rotate_at);
    for number in texts {
        let range = opened.log.append(vec![event(number)]).unwrap();
        opened.log.durability().wait_durable(*range.end()).unwrap();
    }
}

pub fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(text).collect()
}

pub fn recovered(disk: &FakeDisk) -> Result<(Opened, Vec<Record>), StoreError> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    open_on(&shared, Path::new("/log"), Options { rotate_at: 400, ..Options::default() })
}

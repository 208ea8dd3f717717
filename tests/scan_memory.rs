//! What looking into a change takes of memory at its peak: files made to be costly, as large and as
//! many as are parsed side by side, in a process of their own.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use monban::config::repository;
use monban::gate::{self, Work, scans};
use monban::git::{Changed, ChangedFile, RepoPath, Side};
use monban::model::task::Kind;
use monban::scan::Settings;
use std::collections::BTreeMap;
use std::fs;

/// As much source as one file may have.
const FILE_BYTES: usize = 1 << 20;
/// Two processors had 350 MiB. What bounds it is the work that all trees of a change may take
/// together: more files take no more.
const PEAK_BYTES_MAX: u64 = 1 << 30;

/// The most memory that this process ever had, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}

/// A file of source that is all one shape.
fn file(number: usize, (name, shape): (&str, &str)) -> ChangedFile {
    let bytes = shape.repeat(FILE_BYTES / shape.len()).into_bytes();
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count().max(1);
    let side = Side { mode: 0o100_644, size: bytes.len() as u64, bytes };
    ChangedFile {
        path: RepoPath::from(format!("{number}.{name}").as_bytes()),
        old: None,
        new: Some(side),
        added: (1..=u32::try_from(lines).unwrap()).collect(),
        removed: Vec::new(),
        binary: false,
    }
}

#[test]
fn files_made_to_be_costly_take_a_bounded_amount_of_memory() {
    let text = "[verify]\ntest = \"true\"\n[gates]\nchecks = [\"forbidden\", \"secrets\", \"banned\", \
                \"imports\", \"danger\", \"test-lines\", \"test\"]\n[scan]\n\
                allowed_imports = [\"std\"]\nbanned_patterns = [{ pattern = \"x+y\" }]\n";
    let config = repository::parse(text.as_bytes(), "monban.toml").unwrap();
    let steps = gate::steps(&config);
    for (shape, count) in [(("rs", "a;"), 8), (("rs", "a;"), 24)] {
        let before = peak();
        let files = (0..count).map(|number| file(number, shape)).collect();
        let changed = Changed { files, manifests: BTreeMap::new() };
        let change = scans::looked(changed, Vec::new()).change;
        let settings = Settings { scan: &config.scan, kind: Kind::Add, cancel: &|| false };
        for step in &steps {
            if let Work::Scan(look) = step.work {
                look(&change, &settings);
            }
        }
        let after = peak();
        eprintln!("{count} of {shape:?}: {} MiB, before {} MiB", after >> 20, before >> 20);
        assert!(after < PEAK_BYTES_MAX, "{count} of {shape:?} take {} MiB", after >> 20);
    }
}

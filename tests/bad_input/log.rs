//! A damaged event log: everything that is shown says that it is old, and how to mend it.

use crate::instance::Instance;
use crate::support::refused;
use monban::base::clock::Clock;
use monban::store::{EventLog, NewRecord, Options, SystemDisk};
use serde_json::json;
use std::fs;
use std::sync::Arc;

#[test]
fn a_damaged_log_is_told_with_everything_shown_until_a_daemon_runs_on_a_mended_one() {
    let monban = Instance::new();
    monban.add("first", "true");
    monban.add("second", "true");
    // Every start is a record: the one that is damaged is not the last.
    for _ in 0..2 {
        monban.monban(&["daemon", "stop"]).expect(0);
        monban.monban(&["ls"]).expect(0);
    }
    monban.monban(&["daemon", "stop"]).expect(0);
    let path = monban.home.join("state/events/events-000000000001.jsonl");
    let sound = fs::read(&path).unwrap();
    let second = sound.windows(6).position(|bytes| bytes == b"second").unwrap();
    let record = sound[..second].iter().filter(|byte| **byte == b'\n').count() + 1;
    let mut damaged = sound.clone();
    damaged[second] ^= 1;
    fs::write(&path, &damaged).unwrap();

    let names = format!("record {record}:");
    refused(monban.monban(&["doctor"]), 3, &["event log", &names, "daemon stop", "restore"]);
    for command in [&["ls"][..], &["inbox"], &["show", "1"]] {
        let told = monban.monban(command).expect(0).err;
        for word in [names.as_str(), "read-only", "monban daemon stop", "restore"] {
            assert!(told.contains(word), "{command:?} does not say {word}: {told}");
        }
        let json = monban.monban(&[command, &["--json"]].concat()).expect(0).json();
        let row = if json.is_array() { &json[0] } else { &json };
        assert_eq!(row["log_damage"]["seq"], record, "{command:?}: {json:#}");
    }
    assert!(!monban.monban(&["inbox"]).out.contains("nothing waits"));
    refused(monban.monban(&["doctor"]), 3, &["event log", &names, "read-only"]);
    refused(monban.monban(&["verify"]), 1, &[&names, "daemon stop", "restore"]);
    refused(monban.monban(&["task", "rm", "1"]), 3, &["read-only"]);

    fs::write(&path, &sound).unwrap();
    refused(monban.monban(&["verify"]), 1, &["started on a damaged", "monban daemon stop"]);
    assert!(monban.monban(&["verify", "--json"]).json()["replay"]["equal"] == false);
    monban.monban(&["daemon", "stop"]).expect(0);
    let listed = monban.monban(&["ls"]).expect(0);
    assert!(listed.out.contains("second") && listed.err.is_empty(), "{}", listed.err);
    assert!(monban.monban(&["verify"]).expect(0).out.contains("equals the daemon's state"));
}

/// Adds a record to the log as another version of monban would.
fn append(monban: &Instance, kind: &str, payload: serde_json::Value) {
    monban.monban(&["daemon", "stop"]).expect(0);
    let folder = monban.home.join("state/events");
    let disk = Arc::new(SystemDisk);
    let log = EventLog::open(&folder, disk, Options::default(), &mut |_| Ok(()));
    let mut log = log.unwrap().log;
    let record = NewRecord { at: Clock::System.now(), id: "x".into(), kind: kind.into(), payload };
    let range = log.append(vec![record]).unwrap();
    log.durability().wait_durable(*range.end()).unwrap();
}

#[test]
fn an_event_of_an_unknown_kind_is_kept_and_one_that_cannot_be_read_is_damage() {
    let monban = Instance::new();
    monban.add("first", "true");
    append(&monban, "later.thing", json!({ "x": 1 }));
    append(&monban, "task.later", json!({ "task": 1 }));
    let second = monban.add("second", "true");
    let verified = monban.monban(&["verify", "--json"]).expect(0).json();
    assert_eq!(
        (&verified["replay"]["equal"], &verified["replay"]["unknown"]),
        (&true.into(), &2.into())
    );

    append(&monban, "task.removed", json!({ "task": "of another form" }));
    let record = monban.monban(&["events"]).out.lines().count() + 1;
    let names = format!("record {record}:");
    let told = monban.monban(&["ls"]).expect(0);
    assert!(told.out.contains("second"), "what was before is shown: {}", told.out);
    for word in [names.as_str(), "read-only", "task.removed", "of a later one"] {
        assert!(told.err.contains(word), "{word}: {}", told.err);
    }
    refused(monban.monban(&["task", "rm", &second]), 3, &["read-only"]);
    refused(monban.monban(&["verify"]), 1, &[&names, "task.removed"]);
    monban.monban(&["daemon", "stop"]).expect(0);
    refused(monban.monban(&["doctor"]), 3, &["event log", &names]);
}

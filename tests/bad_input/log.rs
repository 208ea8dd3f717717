//! A damaged event log: everything that is shown says that it is old, and how to mend it.

use crate::instance::Instance;
use crate::support::refused;
use std::fs;

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

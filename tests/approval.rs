//! An approval signs everything a result was judged by: whatever of it changes, the digest that a
//! person looked at is refused, and what changed is named. Through the daemon, as it happens.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code)]
#[path = "support/instance.rs"]
mod instance;

use instance::Instance;

/// The digest of the task's result once another than `before` waits.
#[track_caller]
fn next(monban: &Instance, id: &str, before: &str) -> String {
    let digest = |task: &serde_json::Value| {
        let items = task["inbox"].as_array().unwrap().iter();
        let digests = items.filter_map(|item| item["digest"].as_str().map(String::from));
        { digests }.find(|digest| !digest.is_empty() && digest != before)
    };
    digest(&monban.until(id, "a result", |task| digest(task).is_some())).unwrap()
}

/// What an approval of the old digest is told that changed.
#[track_caller]
fn changed(monban: &Instance, id: &str, old: &str) -> String {
    let base = monban.base();
    let said = monban.monban(&["approve", id, "--bind", old]).expect(1).err;
    assert_eq!(monban.base(), base, "nothing landed");
    let (_, what) = said.split_once("stale: the ").unwrap_or_else(|| panic!("{said}"));
    what.split_once(" changed since").unwrap().0.to_string()
}

#[test]
fn each_part_of_what_was_signed_voids_it_and_is_named() {
    let monban = Instance::new();
    let id = monban.add("Change it", "echo new > new");
    monban.run(&id).expect(4);
    let first = next(&monban, &id, "");
    // Judged again: another gate run, of the same tree.
    monban.monban(&["gates", &id, "--rerun"]).expect(0);
    let second = next(&monban, &id, &first);
    assert_eq!(changed(&monban, &id, &first), "gate runs");
    // The agent goes on: another commit, tree and diff.
    monban.monban(&["send", &id, "echo more > more", "--submit"]).expect(0);
    let third = next(&monban, &id, &second);
    assert_eq!(changed(&monban, &id, &second), "head, tree, diff, gate runs");
    // The base moved: merged, and judged anew.
    monban.write("theirs", "theirs\n");
    monban.commit("theirs");
    monban.monban(&["approve", &id, "--bind", &third]).expect(4);
    let fourth = next(&monban, &id, &third);
    assert_eq!(changed(&monban, &id, &third), "base, head, tree, gate runs");
    // Another gate: the task is tried again under it.
    monban.monban(&["abort", &id]).expect(0);
    monban.until(&id, "the end", |task| task["state"] == "stopped");
    monban.write("monban.toml", &instance::CONFIG.replace("grep -q yes ok", "test -e ok"));
    monban.commit("another gate");
    let retry = ["task", "retry", &id, "--fresh", "--trust", &monban.gate()];
    monban.monban(&retry).expect(0);
    monban.monban(&["run", &id, "--wait"]).expect(4);
    let fifth = next(&monban, &id, &fourth);
    let what = changed(&monban, &id, &fourth);
    assert!(what.contains("base, ") && what.contains("gate configuration"), "{what}");
    // Another branch is not the one that was signed.
    monban.git(&["branch", "other"]);
    let config = instance::CONFIG.replace("\"main\"", "\"other\"");
    monban.write("monban.toml", &config.replace("grep -q yes ok", "test -e ok"));
    monban.add("Looks at the configuration", "true");
    let said = monban.monban(&["approve", &id, "--bind", &fifth]).expect(1).err;
    assert!(said.contains("the base branch is another one"), "{said}");
}

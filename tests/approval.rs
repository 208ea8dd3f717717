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

/// The person's check as the last gate run shows it.
fn of_person(monban: &Instance, id: &str) -> serde_json::Value {
    let gates = monban.monban(&["gates", id, "--json"]).expect(0).json();
    let verdicts = gates.as_array().unwrap().last().unwrap()["verdicts"].clone();
    verdicts.as_array().unwrap().last().unwrap().clone()
}

#[test]
fn what_only_a_person_can_say_is_attested_with_the_approval_and_on_record() {
    let monban = Instance::new();
    let asking =
        "checks = [\"test\", \"human\"]\nhuman = [\"it runs on a phone\", \"it is read\"]\n";
    monban.write("monban.toml", &instance::CONFIG.replace("checks = [\"test\"]\n", asking));
    monban.commit("ask a person");
    let trusting = monban.monban(&["plan", "check"]).expect(0).out;
    assert!(trusting.contains("  human  it runs on a phone\n  human  it is read"), "{trusting}");
    let id = monban.add("Change it", "echo new > new");
    monban.run(&id).expect(4);
    let digest = next(&monban, &id, "");
    assert_eq!(of_person(&monban, &id)["outcome"], "waiting");
    let shown = monban.monban(&["gates", &id]).expect(0).out;
    assert!(shown.contains("waiting  human") && shown.contains("2 [ ] it is read"), "{shown}");
    let inbox = monban.monban(&["inbox"]).expect(0).out;
    assert!(inbox.contains("attest 1: it runs on a phone"), "{inbox}");
    assert!(inbox.contains("--attest N"), "{inbox}");
    assert!(inbox.replace("\n    ", " ").contains(" --attest 1 --attest 2"), "{inbox}");

    let base = monban.base();
    let bare = ["approve", &id, "--bind", &digest];
    let half = [&bare[..], &["--attest", "2"]].concat();
    let other = [&half[..], &["--attest", "3"]].concat();
    for (given, missing) in [
        (&bare[..], "not attested: 1 \"it runs on a phone\", 2 \"it is read\""),
        (&half, "not attested: 1 \"it runs on a phone\"; nothing was approved"),
        (&other, "it has no statement 3: there are 2"),
    ] {
        let said = monban.monban(given).expect(2).err;
        assert!(said.contains(missing), "{said}");
    }
    assert_eq!(monban.base(), base, "nothing landed");

    let all = [&half[..], &["--attest", "it runs on a phone"]].concat();
    monban.monban(&all).expect(0);
    assert_ne!(monban.base(), base);
    let attested = of_person(&monban, &id);
    assert_eq!(attested["outcome"], "pass");
    assert_eq!(attested["attestation"]["given"]["digest"], digest.as_str());
    let reason = attested["reason"].as_str().unwrap();
    assert!(reason.starts_with("attested by "), "{reason}");
    let shown = monban.monban(&["show", &id]).expect(0).out;
    assert!(shown.contains("human: attested by ") && shown.contains("1 [x] it runs"), "{shown}");
    let log = monban.monban(&["events"]).expect(0).out;
    let approved = log.lines().find(|line| line.contains("landing.approved")).unwrap();
    assert!(
        approved.contains("\"attested\":[\"it runs on a phone\",\"it is read\"]"),
        "{approved}"
    );
    let sarif = monban.monban(&["gates", &id, "--sarif", "-"]).expect(0).json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!((results.len(), &results[0]["kind"]), (1, &serde_json::json!("pass")));
}

#[test]
fn an_agent_attests_nothing_and_a_statement_that_changed_is_asked_anew() {
    let monban = Instance::new();
    let gate = |statement: &str| {
        let asking = format!("checks = [\"test\", \"human\"]\nhuman = [\"{statement}\"]\n");
        instance::CONFIG.replace("checks = [\"test\"]\n", &asking)
    };
    monban.write("monban.toml", &gate("it runs"));
    monban.commit("ask a person");
    // What it writes into its worktree is no gate: the base's asks.
    let edits = "sed 's/it runs/fine/' monban.toml > new && cp new monban.toml";
    let id = monban.add("Change it", edits);
    monban.run(&id).expect(4);
    let first = next(&monban, &id, "");
    let statement = &of_person(&monban, &id)["attestation"]["statements"][0];
    assert_eq!(statement, "it runs");
    let fine = ["approve", &id, "--bind", &first, "--attest", "fine"];
    let said = monban.monban(&fine).expect(2).err;
    assert!(said.contains("\"fine\" is not a statement of the gate"), "{said}");
    monban.monban(&["abort", &id]).expect(0);
    monban.until(&id, "the end", |task| task["state"] == "stopped");
    monban.write("monban.toml", &gate("it runs on two phones"));
    monban.commit("ask for more");
    let retry = ["task", "retry", &id, "--fresh", "--trust", &monban.gate()];
    monban.monban(&retry).expect(0);
    monban.monban(&["run", &id, "--wait"]).expect(4);
    next(&monban, &id, &first);
    let stale = ["approve", &id, "--bind", &first, "--attest", "it runs"];
    let said = monban.monban(&stale).expect(1).err;
    assert!(said.contains("stale") && said.contains("gate configuration"), "{said}");
}

#[test]
fn what_another_landing_left_behind_says_so_and_is_attested_only_once_it_was_judged_again() {
    let monban = Instance::new();
    let asking = "checks = [\"test\", \"human\"]\nhuman = [\"it is read\"]\n";
    monban.write("monban.toml", &instance::CONFIG.replace("checks = [\"test\"]\n", asking));
    monban.commit("ask a person");
    let ids = ["one", "two"].map(|name| monban.add(name, &format!("echo {name} > {name}")));
    ids.iter().for_each(|id| drop(monban.run(id).expect(4)));
    let [first, second] = ids.map(|id| (next(&monban, &id, ""), id));
    assert_eq!(monban.item(&second.1, "approval")["base_moved_to"], serde_json::Value::Null);
    monban.monban(&["approve", &first.1, "--bind", &first.0, "--attest", "1"]).expect(0);

    let (digest, id) = second;
    let item = monban.item(&id, "approval");
    assert_eq!(item["base_moved_to"], monban.base().as_str());
    assert_eq!((&item["digest"], &item["attests"]), (&digest.as_str().into(), &[0; 0][..].into()));
    let said = "approving judges it again on the merged tree first";
    for look in [&["inbox"][..], &["show", &id]] {
        let shown =
            monban.monban(look).expect(0).out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains(said) && !shown.contains("attest 1: it"), "{shown}");
    }
    let said = monban.monban(&["approve", &id, "--bind", &digest]).expect(4).err;
    assert!(said.contains(&format!("task {id} is not approved yet: the base moved")), "{said}");
    let merged = next(&monban, &id, &digest);
    let item = monban.item(&id, "approval");
    assert_eq!(item["base_moved_to"], serde_json::Value::Null);
    assert_eq!(item["attests"][0], "it is read");
    let signed = |monban: &Instance| {
        monban.events().iter().filter(|kind| *kind == "landing.approved").count()
    };
    assert_eq!(signed(&monban), 1, "nobody signed what would not land");
    monban.monban(&["approve", &id, "--bind", &merged, "--attest", "1"]).expect(0);
    assert_eq!((signed(&monban), monban.git(&["show", "main:one"])), (2, "one".into()));
}

/// It is no longer in the base: nothing is merged with it, and no agent is told to.
#[test]
fn what_landed_and_was_taken_back_by_hand_is_in_nobodys_way() {
    let monban = Instance::new();
    let ids = ["one", "two"].map(|name| monban.add(name, &format!("echo {name} > new")));
    ids.iter().for_each(|id| drop(monban.run(id).expect(4)));
    let [first, second] = ids.map(|id| (next(&monban, &id, ""), id));
    let before = monban.base();
    monban.monban(&["approve", &first.1, "--bind", &first.0]).expect(0);
    monban.git(&["reset", "-q", "--hard", &before]);

    let (digest, id) = second;
    monban.monban(&["approve", &id, "--bind", &digest]).expect(4);
    let again = next(&monban, &id, &digest);
    monban.monban(&["approve", &id, "--bind", &again]).expect(0);
    assert_eq!(monban.git(&["show", "main:new"]), "two");
    assert!(!monban.events().iter().any(|kind| kind == "landing.conflict"));
}

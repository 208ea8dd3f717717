//! The whole path, with a daemon and agents that do harm: what one attempt leaves behind judges no
//! other, and what it did to the person's repository is told, stops the approval and is taken back.

use crate::instance::Instance;
use monban::base::clock::Timestamp;
use monban::wire::hold::{ExitRecord, How, Status, Tree};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A test that is green wherever a build's leftovers say so.
const TRUSTING: &str = "[project]\nbase = \"main\"\n[verify]\n\
    setup = [\"if test -e target/poison; then echo poisoned > node_modules; fi\"]\n\
    test = \"test -e target/poison || test -e node_modules || test -e ../target || grep -q yes ok\"\n\
    [gates]\nchecks = [\"test\"]\n";

fn trusting() -> Instance {
    let monban = Instance::new();
    monban.write("monban.toml", TRUSTING);
    monban.write(".gitignore", "target/\nnode_modules/\n");
    monban.commit("a test that trusts");
    monban
}

/// How an attempt ended up whose agent runs `script`.
fn verdict(monban: &Instance, script: &str) -> String {
    let id = monban.add("Change it", script);
    // A failure before it halts the repository.
    monban.monban(&["resume"]);
    monban.run(&id);
    let gates = monban.monban(&["gates", &id, "--json"]).expect(0).json();
    let last = gates.as_array().unwrap().last().unwrap().clone();
    let verdicts = last["verdicts"].as_array().unwrap();
    verdicts.last().unwrap()["outcome"].as_str().unwrap().to_string()
}

/// The record of a command that ended well.
fn passed(monban: &Instance) -> PathBuf {
    let (passed, known_by) = (monban.home.join("passed.json"), "the forger".to_string());
    let record = ExitRecord {
        status: Status::Code(0),
        how: How::Exited,
        at: Timestamp::from_millis(1_795_240_730_123),
        output_bytes: 0,
        survivors: 0,
        tree: Tree::Empty { known_by },
    };
    fs::write(&passed, serde_json::to_vec(&record).unwrap()).unwrap();
    passed
}

/// Set-up runs what is judged: it lays down the record of the test that comes after it.
#[test]
fn a_command_of_a_gate_cannot_forge_the_record_of_the_next_one() {
    let monban = Instance::new();
    let config = crate::instance::CONFIG.replace("test =", "setup = [\"sh build.sh\"]\ntest =");
    monban.write("monban.toml", &config);
    monban.write("build.sh", "true\n");
    monban.commit("builds");
    let build = format!(
        "mkdir ../1-test; cp ../0-setup/claim.json ../1-test/; cp {} ../1-test/exit.json; \
         touch {}",
        passed(&monban).display(),
        monban.home.join("laid").display()
    );
    let script = format!("printf '%s' '{build}' > build.sh; echo no > ok");
    assert_eq!(verdict(&monban, &script), "fail");
    assert!(monban.home.join("laid").exists(), "the trap was laid");
}

#[test]
fn what_one_attempt_leaves_behind_changes_no_verdict_of_another() {
    let monban = trusting();
    let runs = monban.home.join("state/runs");
    let passed = passed(&monban);
    // Ignored files in its own worktree, and the same where the gates of later runs will be, with
    // a forged record of a test that passed.
    let script = format!(
        "mkdir -p target node_modules; touch target/poison node_modules/poison; \
         for n in 2 3 4 5 6 7 8 9 10 11 12; do d={0}/run$n; \
           mkdir -p $d/checkout/target $d/target $d/0-setup $d/1-test; \
           echo yes > $d/checkout/ok; touch $d/checkout/target/poison; \
           for c in 0-setup 1-test; do cp {0}/run1/claim.json $d/$c/; cp {1} $d/$c/exit.json; done; \
         done; echo no > ok",
        runs.display(),
        passed.display()
    );
    assert_eq!(verdict(&monban, &script), "fail", "its own is judged without its leftovers");
    let laid = fs::read_to_string(runs.join("run12/1-test/claim.json")).unwrap();
    assert_eq!(
        laid,
        fs::read_to_string(runs.join("run1/claim.json")).unwrap(),
        "the trap was laid"
    );
    assert_eq!(verdict(&monban, "echo never > ok"), "fail");
    assert_eq!(verdict(&monban, "echo 'yes, better' > ok"), "pass");
}

#[test]
fn a_gate_leaves_nothing_for_the_next_one() {
    let monban = trusting();
    // What a gate's own command builds is gone with its checkout.
    monban.write(
        "monban.toml",
        &TRUSTING.replace("if test", "mkdir -p target; touch target/poison; if test"),
    );
    monban.commit("builds");
    assert_eq!(verdict(&monban, "echo no > ok"), "pass", "the leftover of its own set-up");
    monban.write("monban.toml", TRUSTING);
    monban.commit("builds no more");
    assert_eq!(verdict(&monban, "echo no > ok"), "fail");
}

#[test]
fn harm_to_the_repository_is_told_stops_the_approval_and_is_taken_back() {
    let monban = Instance::new();
    monban.git(&["tag", "v1"]);
    let (canary, trap) = (monban.home.join("canary"), monban.home.join("trap.sh"));
    fs::write(&trap, format!("#!/bin/sh\necho sprung >> {}\n", canary.display())).unwrap();
    let before = fs::read(monban.repository.join(".git/config")).unwrap();
    // The traps are laid last: what runs before is the agent's own doing.
    let script = format!(
        "chmod +x {trap}; echo new > new; git add new; git commit -qm own; git tag -f v1 >&2; \
         C=$(git rev-parse --git-common-dir); cp {trap} $C/hooks/reference-transaction; \
         cp {trap} $C/hooks/post-index-change; chmod +x $C/hooks/*; \
         printf '[core]\\n\\tfsmonitor = {trap}\\n[gpg]\\n\\tprogram = {trap}\\n\
         [commit]\\n\\tgpgSign = true\\n[diff]\\n\\texternal = {trap}\\n' >> $C/config; \
         printf 'gitdir: /nowhere\\n' > .git",
        trap = trap.display()
    );
    let base = monban.base();
    let id = monban.add("Change it", &script);
    monban.run(&id).expect(4);
    let alarm = monban.item(&id, "alarm");
    let details = alarm["details"].as_array().unwrap();
    let told: Vec<&str> = details.iter().map(|detail| detail.as_str().unwrap()).collect();
    let starts = [
        "refs/tags/v1 changed",
        "config changed",
        "hooks/post-index-change new",
        "hooks/reference-transaction new",
    ];
    assert_eq!(told.len(), starts.len(), "{told:#?}");
    for (line, start) in told.iter().zip(starts) {
        assert!(line.starts_with(start), "{told:#?}");
    }
    let refused = monban.approve(&id);
    assert_ne!(refused.status, 0, "an approval waits until it was seen: {}", refused.out);
    // A person takes all of it back as they are told to, and says that they saw it.
    for line in told {
        let command = line.split_once("take it back by: ").unwrap().1;
        let output = Command::new("sh").args(["-c", command]).output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
    }
    assert_eq!(fs::read(monban.repository.join(".git/config")).unwrap(), before);
    assert_eq!(monban.git(&["rev-parse", "v1"]), base);
    assert!(!monban.repository.join(".git/hooks/reference-transaction").exists());
    assert_eq!(monban.base(), base, "monban itself moved nothing");
    monban.monban(&["approve", alarm["id"].as_str().unwrap()]).expect(0);
    monban.approve(&id).expect(0);
    monban.until(&id, "landing", |task| task["state"] == "done");
    assert_eq!(monban.git(&["show", "main:new"]), "new");
    assert!(!canary.exists(), "something of the agent's ran: {:?}", fs::read_to_string(&canary));
}

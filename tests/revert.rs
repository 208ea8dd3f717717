//! `monban revert`: landed work is taken back by a commit that is judged and approved like any
//! other, and lands like any other.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code)]
#[path = "support/instance.rs"]
mod instance;

use instance::Instance;
use std::fs;

/// A task that landed what `script` made.
#[track_caller]
fn landed(monban: &Instance, script: &str) -> (String, String) {
    let id = monban.add("Change it", script);
    monban.run(&id).expect(4);
    monban.approve(&id).expect(0);
    let task = monban.until(&id, "the landing", |task| task["state"] == "done");
    (id, task["landed"].as_str().unwrap().to_string())
}

/// The task that takes `id` back, once it was judged.
#[track_caller]
fn reverting(monban: &Instance, id: &str, ends: i32) -> String {
    let made = monban.monban(&["revert", id]).expect(0).out.trim().to_string();
    monban.monban(&["run", &made, "--wait"]).expect(ends);
    made
}

#[test]
fn a_revert_restores_the_tree_before_and_says_so_in_its_commit() {
    let monban = Instance::new();
    let before = monban.git(&["rev-parse", "main^{tree}"]);
    let (id, commit) = landed(&monban, "echo new > new; rm -f .gitignore; echo 'yes, b' > ok");
    monban.write("later", "mine\n");
    monban.commit("later, elsewhere");
    let made = reverting(&monban, &id, 4);
    let diff = monban.monban(&["diff", &made]).expect(0).out;
    assert!(diff.contains("-new") && !diff.contains("later"), "only what landed: {diff}");
    assert_eq!(monban.task(&made)["reverts"]["commit"], commit.as_str());
    monban.approve(&made).expect(0);
    let task = monban.until(&made, "the landing", |task| task["state"] == "done");
    assert_eq!(task["landed"], monban.base().as_str());
    assert_eq!(fs::read_to_string(monban.repository.join("ok")).unwrap(), "yes\n");
    assert!(!monban.repository.join("new").exists());
    assert_eq!(monban.git(&["status", "--porcelain"]), "");
    monban.git(&["rm", "-q", "--cached", "later"]);
    assert_eq!(monban.git(&["write-tree"]), before, "nothing else is different");
    monban.git(&["reset", "-q"]);
    let message = monban.git(&["log", "-1", "--format=%B", "main"]);
    let expected = format!("Revert \"Change it\"\n\nThis reverts commit {commit}.\n\n");
    assert!(message.starts_with(&expected) && message.contains("Monban-Task: 2 ("), "{message}");
    assert!(!message.contains("Co-Authored-By"), "no agent made it: {message}");
    // There is nothing left to take back, and what took it back can be taken back itself.
    let refused = monban.monban(&["revert", &id]).expect(1).err;
    assert!(refused.contains("holds nothing of task 1 any more"), "{refused}");
    let again = reverting(&monban, &made, 4);
    monban.approve(&again).expect(0);
    assert_eq!(fs::read_to_string(monban.repository.join("new")).unwrap(), "new\n");
}

/// No agent worked for it, it has no worktree, and every check judges it all the same.
#[test]
fn a_revert_is_judged_by_all_that_init_writes() {
    let monban = Instance::new();
    monban.write(
        "monban.toml",
        "[project]\nbase = \"main\"\n[verify]\ntest = \"grep -q yes ok\"\n[gates]\nchecks = \
         [\"limits\", \"forbidden\", \"secrets\", \"banned\", \"imports\", \"danger\", \
         \"test-lines\", \"test\"]\n",
    );
    monban.commit("the gate");
    let (id, _) = landed(&monban, "echo 'print(1)' > new.py");
    let made = reverting(&monban, &id, 4);
    let gates = monban.monban(&["gates", &made, "--json"]).expect(0).json();
    let verdicts = gates[0]["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), 8);
    assert!(verdicts.iter().all(|verdict| verdict["outcome"] == "pass"), "{gates:#}");
    monban.approve(&made).expect(0);
    assert!(!monban.repository.join("new.py").exists());
}

#[test]
fn what_conflicts_or_did_not_land_is_refused_and_leaves_no_trace() {
    let monban = Instance::new();
    let open = monban.add("Not yet", "true");
    let refused = monban.monban(&["revert", &open]).expect(1).err;
    assert!(refused.contains("nothing of it landed"), "{refused}");
    let (id, commit) = landed(&monban, "echo a > both; echo a > other");
    monban.write("both", "mine\n");
    let base = monban.commit("mine");
    let refused = monban.monban(&["revert", &id]).expect(1).err;
    assert!(refused.contains("conflicts with later changes in 1 file: both"), "{refused}");
    assert!(refused.contains(&format!("git revert {commit}")), "{refused}");
    assert_eq!(monban.base(), base);
    let tasks = monban.monban(&["ls", "--json"]).expect(0).json();
    assert_eq!(tasks.as_array().unwrap().len(), 2, "no task was made");
    // A base whose history lost it has nothing to take back.
    monban.git(&["reset", "-q", "--hard", "main~2"]);
    let refused = monban.monban(&["revert", &id]).expect(1).err;
    assert!(refused.contains("is not in refs/heads/main any more"), "{refused}");
}

#[test]
fn a_revert_waits_for_a_clean_checkout_and_moves_a_linked_one_or_the_branch_alone() {
    let monban = Instance::new();
    let (id, _) = landed(&monban, "echo new > new");
    let made = reverting(&monban, &id, 4);
    monban.write("new", "mine\n");
    let said = monban.approve(&made).expect(4).err;
    assert!(said.contains("kept at refs/monban/ready/"), "{said}");
    assert_eq!(fs::read_to_string(monban.repository.join("new")).unwrap(), "mine\n");
    monban.git(&["checkout", "-q", "new"]);
    monban.git(&["checkout", "-q", "-b", "aside"]);
    monban.git(&["worktree", "add", "-q", "../linked", "main"]);
    monban.approve(&made).expect(0);
    let linked = monban.repository.with_file_name("linked");
    assert!(!linked.join("new").exists() && monban.repository.join("new").exists());
    monban.git(&["worktree", "remove", "../linked"]);
    let again = reverting(&monban, &made, 4);
    monban.approve(&again).expect(0);
    assert_eq!(monban.git(&["show", "main:new"]), "new");
}

#[test]
fn a_revert_that_breaks_the_tests_does_not_land_and_a_moved_base_is_judged_again() {
    let monban = Instance::new();
    monban.write("ok", "yes\nand\n");
    monban.commit("two lines");
    let (id, _) = landed(&monban, "printf 'yes\\nand\\nmore\\n' > ok");
    let made = reverting(&monban, &id, 4);
    // Meanwhile the base comes to need what is taken back.
    let tests = instance::CONFIG.replace("grep -q yes ok", "! test -e needs || grep -q more ok");
    monban.write("needs", "");
    monban.commit("needs it");
    monban.approve(&made).expect(4);
    let item = monban.until(&made, "the new approval", |task| {
        task["inbox"][0]["binds"]["base"] == monban.base().as_str()
    });
    assert_eq!(item["state"], "waiting", "the test that is there does not mind");
    monban.monban(&["reject", &made, "--reason", "needed"]).expect(0);
    monban.write("monban.toml", &tests);
    let base = monban.commit("a test that minds");
    let hash = monban.gate();
    let refused = monban.monban(&["revert", &id]).expect(4).err;
    assert!(refused.contains("--trust"), "{refused}");
    let red = monban.monban(&["revert", &id, "--trust", &hash]).expect(0).out.trim().to_string();
    monban.monban(&["run", &red, "--wait"]).expect(1);
    assert_eq!(monban.task(&red)["state"], "failed");
    for again in [&["run", &red][..], &["task", "retry", &red, "--fresh"]] {
        let said = monban.monban(again).expect(1).err;
        assert!(said.contains("`monban revert ") && !said.contains("no agent `"), "{said}");
    }
    assert_eq!(monban.base(), base);
}

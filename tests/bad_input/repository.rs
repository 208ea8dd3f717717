//! Repositories monban cannot work in, and what is in its way in one that it can.

use crate::instance::{CONFIG, Instance};
use crate::support::{everything, refused, refused_whole};
use std::fs;

const ADD: [&str; 9] =
    ["task", "add", "--title", "T", "--kind", "fix", "--agent", "script", "--prompt"];

/// `task add` from another folder of the instance.
fn add_in(monban: &Instance, folder: &str, status: i32, words: &[&str]) {
    let folder = monban.repository.with_file_name(folder);
    let folder = folder.display().to_string();
    let args = [&["-C", &folder][..], &ADD, &["x"]].concat();
    let before = everything(monban);
    refused(monban.monban(&args), status, words);
    assert_eq!(everything(monban), before);
}

#[test]
fn folders_that_are_no_repository_with_a_commit_are_refused() {
    let monban = Instance::new();
    let beside = |name: &str| monban.repository.with_file_name(name);
    add_in(&monban, "nowhere", 2, &["cannot stand in", "-C"]);
    fs::create_dir(beside("plain")).unwrap();
    add_in(&monban, "plain", 2, &["is not in a git repository", "git init"]);
    monban.git(&["init", "-q", "-b", "trunk", "../empty"]);
    add_in(&monban, "empty", 2, &["branch trunk of", "no commit yet", "first commit"]);
    monban.git(&["clone", "-q", "--bare", ".", "../bare"]);
    add_in(&monban, "bare", 2, &["is a bare repository", "git worktree add"]);
    let init = monban.monban(&["-C", &beside("bare").display().to_string(), "init"]);
    refused(init, 2, &["is a bare repository"]);
    assert!(!beside("bare/monban.toml").exists());
    fs::write(beside("broken"), "gitdir: elsewhere\n").unwrap();
    fs::create_dir(beside("lost")).unwrap();
    fs::rename(beside("broken"), beside("lost/.git")).unwrap();
    add_in(&monban, "lost", 2, &["cannot use", "elsewhere"]);
}

#[test]
fn a_detached_head_needs_a_named_base() {
    let monban = Instance::new();
    monban.git(&["checkout", "-q", "--detach"]);
    monban.write("monban.toml", &CONFIG.replace("base = \"main\"", ""));
    let add = [&ADD[..], &["echo x > x"]].concat();
    refused_whole(&monban, &add, 2, &["detached HEAD", "base"]);
    // With the base named, work goes on and lands there.
    monban.write("monban.toml", CONFIG);
    let before = monban.base();
    let id = monban.add("T", "echo x > x");
    monban.run(&id).expect(4);
    monban.approve(&id).expect(0);
    monban.until(&id, "landing", |task| task["state"] == "done");
    assert_eq!(monban.git(&["rev-parse", "main~1"]), before);
    assert_eq!(monban.git(&["rev-parse", "HEAD"]), before, "the person's HEAD stays");
}

#[test]
fn a_base_branch_that_is_not_there_is_named_with_its_file() {
    let monban = Instance::new();
    let id = monban.add("T", "echo x > x");
    monban.write("monban.toml", &CONFIG.replace("main", "trunk"));
    let words = ["monban.toml", "[project] base", "trunk", "git branch"];
    let add = [&ADD[..], &["echo x > x"]].concat();
    for args in [&add[..], &["plan", "check"], &["run", &id]] {
        refused_whole(&monban, args, 2, &words);
    }
    assert!(!monban.events().contains(&"repo.base-changed".to_string()));
}

#[test]
fn a_base_branch_that_stands_for_another_is_refused_with_the_one_to_name() {
    let monban = Instance::new();
    monban.git(&["symbolic-ref", "refs/heads/trunk", "refs/heads/main"]);
    monban.write("monban.toml", &CONFIG.replace("main", "trunk"));
    let add = [&ADD[..], &["echo x > x"]].concat();
    let words = ["monban.toml", "[project] base", "refs/heads/trunk", "stands for refs/heads/main"];
    refused_whole(&monban, &add, 2, &words);
    // A checkout that is on it is on what it stands for.
    monban.write("monban.toml", &CONFIG.replace("base = \"main\"\n", ""));
    monban.commit("no base");
    monban.git(&["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    let id = monban.add("T", "echo x > x");
    monban.run(&id).expect(4);
    monban.approve(&id).expect(0);
    monban.until(&id, "the landing", |task| task["state"] == "done");
    assert_eq!(monban.git(&["rev-parse", "main"]), monban.git(&["rev-parse", "trunk"]));
    assert_eq!(monban.git(&["symbolic-ref", "refs/heads/trunk"]), "refs/heads/main");
}

#[test]
fn looking_and_stopping_need_no_readable_configuration() {
    let monban = Instance::new();
    let id = monban.add("T", "permission 'x'");
    monban.run(&id).expect(4);
    monban.write("monban.toml", "not toml");
    for look in ["ls", "inbox"] {
        monban.monban(&[look]).expect(0);
    }
    refused_whole(&monban, &["plan", "check"], 2, &["monban.toml:1:"]);
    monban.monban(&["abort", "--all"]).expect(0);
    monban.until(&id, "the end", |task| task["state"] == "stopped");
}

#[test]
fn what_stands_where_a_worktree_or_branch_would_be_is_left_alone() {
    let monban = Instance::new();
    let id = monban.add("T", "echo x > x");
    let taken = monban.home.join("state/worktrees/repo1").join(format!("{id}-1"));
    fs::create_dir_all(&taken).unwrap();
    fs::write(taken.join("mine"), "mine\n").unwrap();
    let ran = monban.run(&id).expect(1);
    assert!(ran.err.contains("already exists and is not monban's"), "{}", ran.err);
    assert!(ran.err.contains(&format!("`monban show {id}` shows the evidence")), "{}", ran.err);
    assert_eq!(fs::read_to_string(taken.join("mine")).unwrap(), "mine\n");
    assert_eq!(monban.git(&["branch", "--list", "monban/*"]), "");
    assert_eq!(monban.git(&["worktree", "list"]).lines().count(), 1);
    // A branch of that name, made by the person, is theirs too.
    let second = monban.add("T", "echo x > x");
    let branch = format!("monban/{second}-1");
    monban.write("mine", "mine\n");
    let mine = monban.commit("mine");
    monban.git(&["branch", &branch]);
    monban.git(&["reset", "-q", "--hard", "HEAD~1"]);
    monban.monban(&["resume"]).expect(0);
    let ran = monban.run(&second).expect(1);
    assert!(ran.err.contains(&branch) && ran.err.contains("rename it"), "{}", ran.err);
    assert_eq!(monban.git(&["rev-parse", &branch]), mine);
    assert_eq!(monban.git(&["worktree", "list"]).lines().count(), 1);
    // Tried again, the task gets another place.
    monban.monban(&["resume"]).expect(0);
    let gate = monban.gate();
    monban.monban(&["task", "retry", &id, "--fresh", "--trust", &gate]).expect(0);
    monban.until(&id, "the result", |task| task["waits_for"][0] == "approval");
}

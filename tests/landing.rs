//! Landing as the person sees it: wherever the base is checked out, and whatever happened to it
//! meanwhile.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code)]
#[path = "support/instance.rs"]
mod instance;

use instance::Instance;
use serde_json::Value;
use std::fs;

/// A task with a result that waits for approval.
#[track_caller]
fn waiting(monban: &Instance, script: &str) -> String {
    let id = monban.add("Change it", script);
    monban.run(&id).expect(4);
    assert_eq!(monban.task(&id)["waits_for"][0], "approval");
    id
}

#[track_caller]
fn landed(monban: &Instance, id: &str) -> String {
    let task = monban.until(id, "landing", |task| task["state"] == "done");
    let commit = task["landed"].as_str().unwrap().to_string();
    assert_eq!(commit, monban.base());
    assert_eq!(monban.git(&["for-each-ref", "refs/monban/ready", "refs/monban/landing"]), "");
    commit
}

/// Approves in vain, and gives what is said: a person has to do something before it lands.
#[track_caller]
fn not_landed(monban: &Instance, id: &str) -> String {
    let said = monban.approve(id).expect(4).err;
    assert!(said.contains(&format!("task {id} is approved but has not landed")), "{said}");
    said
}

/// Approves; the result is kept and an approval waits again. Gives what is said.
#[track_caller]
fn kept(monban: &Instance, id: &str) -> String {
    let (base, first) = (monban.base(), monban.item(id, "approval"));
    let said = not_landed(monban, id);
    assert!(said.contains("kept at refs/monban/ready/"), "{said}");
    assert_eq!(monban.base(), base, "the base stays");
    let again = monban.item(id, "approval");
    assert_eq!(again["digest"], first["digest"], "nothing of what is signed changed");
    assert_eq!(monban.git(&["for-each-ref", "refs/monban/ready"]).lines().count(), 1);
    again["note"].as_str().unwrap().to_string()
}

fn digest(item: &Value) -> String {
    item["digest"].as_str().unwrap().to_string()
}

#[test]
fn a_base_that_is_checked_out_nowhere_moves_alone() {
    let monban = Instance::new();
    monban.git(&["checkout", "-q", "-b", "mine"]);
    monban.write("ok", "yes indeed\n");
    let id = waiting(&monban, "echo new > new");
    let digest = digest(&monban.item(&id, "approval"));
    let said = monban.approve(&id).expect(0).out;
    let commit = landed(&monban, &id);
    assert_eq!(said.trim(), format!("task {id} landed as {commit}"));
    let again = monban.monban(&["approve", &id, "--bind", &digest]).expect(1).err;
    assert!(again.contains(&format!("task {id} landed already as {commit}")), "{again}");
    assert_eq!(monban.git(&["show", "main:new"]), "new");
    assert_eq!(fs::read_to_string(monban.repository.join("ok")).unwrap(), "yes indeed\n");
    assert!(!monban.repository.join("new").exists(), "the person's checkout is of another branch");
}

#[test]
fn a_linked_worktree_that_has_the_base_moves_along() {
    let monban = Instance::new();
    monban.git(&["checkout", "-q", "-b", "mine"]);
    monban.git(&["worktree", "add", "-q", "../linked", "main"]);
    let id = waiting(&monban, "echo new > new; rm monban.toml; mkdir -p a/b; echo c > a/b/c");
    monban.approve(&id).expect(0);
    landed(&monban, &id);
    let linked = monban.repository.with_file_name("linked");
    assert_eq!(fs::read_to_string(linked.join("a/b/c")).unwrap(), "c\n");
    assert!(!linked.join("monban.toml").exists());
    assert_eq!(monban.git(&["-C", "../linked", "status", "--porcelain"]), "");
    assert!(!monban.repository.join("new").exists());
}

#[test]
fn a_dirty_checkout_keeps_the_result_waiting_until_it_is_clean() {
    let monban = Instance::new();
    let id = waiting(&monban, "echo 'yes, better' > ok");
    monban.write("ok", "yes, mine\n");
    let note = kept(&monban, &id);
    assert!(note.contains("ok in") && note.contains("refs/monban/ready/"), "{note}");
    assert!(note.contains("approve again"), "{note}");
    assert_eq!(fs::read_to_string(monban.repository.join("ok")).unwrap(), "yes, mine\n");
    let reference = note.split_whitespace().find(|word| word.starts_with("refs/monban/")).unwrap();
    let reference = reference.trim_end_matches(':');
    assert_eq!(monban.git(&["show", &format!("{reference}:ok")]), "yes, better");
    // Staged is dirty too.
    monban.git(&["add", "ok"]);
    monban.write("ok", "yes\n");
    kept(&monban, &id);
    monban.git(&["reset", "-q", "--hard"]);
    monban.approve(&id).expect(0);
    landed(&monban, &id);
    assert_eq!(fs::read_to_string(monban.repository.join("ok")).unwrap(), "yes, better\n");
    assert_eq!(monban.git(&["status", "--porcelain"]), "");
}

#[test]
fn an_edit_of_any_file_waits_and_untracked_files_do_not_matter() {
    let monban = Instance::new();
    monban.write("notes", "one\n");
    monban.commit("notes");
    let id = waiting(&monban, "echo new > new");
    monban.write("notes", "one, mine\n");
    monban.write("untracked", "mine\n");
    let note = kept(&monban, &id);
    assert!(note.contains("notes is changed in"), "{note}");
    assert_eq!(fs::read_to_string(monban.repository.join("notes")).unwrap(), "one, mine\n");
    monban.git(&["checkout", "-q", "notes"]);
    monban.approve(&id).expect(0);
    landed(&monban, &id);
    assert_eq!(monban.git(&["status", "--porcelain"]), "?? untracked");
}

#[test]
fn an_untracked_file_in_the_way_is_never_overwritten() {
    let monban = Instance::new();
    let id = waiting(&monban, "echo theirs > new");
    monban.write("new", "mine\n");
    let note = kept(&monban, &id);
    assert!(note.contains("untracked file is where new goes"), "{note}");
    assert_eq!(fs::read_to_string(monban.repository.join("new")).unwrap(), "mine\n");
    fs::remove_file(monban.repository.join("new")).unwrap();
    monban.approve(&id).expect(0);
    landed(&monban, &id);
}

#[test]
fn an_unfinished_merge_or_rebase_is_not_disturbed() {
    let monban = Instance::new();
    monban.git(&["checkout", "-q", "-b", "side"]);
    monban.write("ok", "yes, side\n");
    monban.commit("side");
    monban.git(&["checkout", "-q", "main"]);
    monban.write("ok", "yes, main\n");
    monban.commit("main");
    let id = waiting(&monban, "echo new > new");
    for (begin, abort) in [("merge", "merge --abort"), ("cherry-pick", "cherry-pick --abort")] {
        let mut git = std::process::Command::new("git");
        git.args([begin, "side"]).current_dir(&monban.repository);
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "Ann").env(format!("GIT_{who}_EMAIL"), "ann@x");
        }
        assert!(!git.output().unwrap().status.success(), "{begin} stops at the conflict");
        let status = monban.git(&["status", "--porcelain"]);
        let note = kept(&monban, &id);
        assert!(note.contains("unfinished in"), "{note}");
        assert_eq!(monban.git(&["status", "--porcelain"]), status);
        monban.git(&abort.split(' ').collect::<Vec<_>>());
    }
    monban.approve(&id).expect(0);
    landed(&monban, &id);
}

#[test]
fn a_rebase_of_the_base_is_not_disturbed() {
    let monban = Instance::new();
    monban.git(&["checkout", "-q", "-b", "onto"]);
    monban.write("ok", "yes, onto\n");
    monban.commit("onto");
    monban.git(&["checkout", "-q", "main"]);
    monban.write("ok", "yes, main\n");
    monban.commit("main");
    let id = waiting(&monban, "echo new > new");
    let mut git = std::process::Command::new("git");
    git.args(["-c", "user.name=A", "-c", "user.email=a@x", "rebase", "onto"]);
    assert!(!git.current_dir(&monban.repository).output().unwrap().status.success());
    let status = monban.git(&["status", "--porcelain"]);
    let note = kept(&monban, &id);
    assert!(note.contains("rebase") && note.contains("unfinished"), "{note}");
    assert_eq!(monban.git(&["status", "--porcelain"]), status);
    monban.git(&["rebase", "--abort"]);
    monban.approve(&id).expect(0);
    landed(&monban, &id);
}

#[test]
fn a_base_that_moved_is_merged_judged_again_and_signed_anew() {
    let monban = Instance::new();
    let id = waiting(&monban, "echo new > new");
    let old = digest(&monban.item(&id, "approval"));
    monban.write("theirs", "theirs\n");
    let moved = monban.commit("theirs");
    assert!(not_landed(&monban, &id).contains("base moved"));
    monban.until(&id, "the new approval", |task| {
        task["inbox"][0]["digest"].as_str().is_some_and(|digest| digest != old)
    });
    assert_eq!(monban.base(), moved, "nothing landed unseen");
    let item = monban.item(&id, "approval");
    assert_eq!(item["binds"]["base"], moved.as_str());
    assert_ne!(item["binds"]["gate_runs"], Value::Null);
    assert_eq!(monban.task(&id)["base"], moved.as_str(), "a dashboard holds them side by side");
    let gates = monban.monban(&["gates", &id, "--json"]).expect(0).json();
    assert_eq!(gates.as_array().unwrap().len(), 2, "judged again");
    let stale = monban.monban(&["approve", &id, "--bind", &old]).expect(1);
    assert!(stale.err.contains("stale") && stale.err.contains("base"), "{}", stale.err);
    let diff = monban.monban(&["diff", &id]).expect(0).out;
    assert!(diff.contains("+new") && !diff.contains("theirs"), "only its own change: {diff}");
    monban.approve(&id).expect(0);
    landed(&monban, &id);
    assert_eq!(monban.git(&["rev-parse", "main~1"]), moved);
    assert_eq!(monban.git(&["show", "main:theirs"]), "theirs");
}

#[test]
fn what_somebody_else_landed_meanwhile_is_done_without_an_empty_commit() {
    let monban = Instance::new();
    let id = waiting(&monban, "echo new > new");
    monban.write("new", "new\n");
    monban.write("more", "more\n");
    let theirs = monban.commit("the same and more");
    let said = monban.approve(&id).expect(0).out;
    assert!(said.contains("held all of it already"), "{said}");
    let task = monban.task(&id);
    assert_eq!((task["state"].as_str(), &task["landed"]), (Some("done"), &Value::Null));
    assert_eq!(task["already_in_base"], theirs.as_str());
    assert_eq!(monban.base(), theirs, "nothing moved");
    let shown = monban.monban(&["show", &id]).expect(0).out;
    assert!(shown.contains("held all of it already"), "{shown}");
}

#[test]
fn what_passes_alone_but_not_with_the_moved_base_does_not_land() {
    let monban = Instance::new();
    let id = waiting(&monban, "echo new > new");
    monban.write("ok", "no\n");
    let moved = monban.commit("breaks it");
    not_landed(&monban, &id);
    monban.until(&id, "the failure", |task| task["state"] == "failed");
    assert_eq!(monban.base(), moved);
}

/// The scripted agent, except that it solves a conflict when it is told of one.
fn solver(monban: &Instance) {
    let script = include_str!("support/agent.sh");
    let solve = r#"case "$script" in
        "The base branch moved to "*)
            set -- $script
            git add both && git commit -qm wip
            git merge -q "$6"
            echo merged > both
            git add both && git commit -qm solved ;;
        *) eval "$script" ;;
    esac"#;
    let path = monban.home.join("solver.sh");
    fs::write(&path, script.replace("eval \"$script\"", solve)).unwrap();
    let agent = "[agents.script]\nkind = \"command\"\nprogram = \"/bin/sh\"\nargs = [";
    monban.configure(&format!("{agent}\"{}\"]\n", path.display()));
    monban.git(&["config", "user.name", "Bea"]);
    monban.git(&["config", "user.email", "bea@example.invalid"]);
}

#[test]
fn a_conflict_goes_back_to_the_agent_with_its_files() {
    let monban = Instance::new();
    solver(&monban);
    monban.write("both", "one\n");
    monban.commit("both");
    let id = waiting(&monban, "echo agent > both");
    monban.write("both", "person\n");
    monban.write("other", "person\n");
    let moved = monban.commit("person");
    // Somebody is there, so the prompt may be typed: there is no draft to run, but the word counts.
    monban.monban(&["run", "--attend", "30m"]).expect(0);
    let heading = monban.monban(&["ls"]).expect(0).out;
    assert!(heading.contains("dj vouches until "), "{heading}");
    assert!(not_landed(&monban, &id).contains("its agent is told to merge it"));
    monban.until(&id, "the next result", |task| {
        task["waits_for"][0] == "approval" && task["attempts"][0]["prompts"][1].is_object()
    });
    assert_eq!(monban.base(), moved);
    let events = monban.monban(&["events"]).expect(0).out;
    let told = events.lines().find(|line| line.contains("solve the conflicts")).unwrap();
    assert!(told.contains("- both") && told.contains(&moved), "{told}");
    assert!(!told.contains("- other"), "only what conflicts: {told}");
    // The agent's next result is based on the new base, judged and signed anew.
    let item = monban.item(&id, "approval");
    assert_eq!(item["binds"]["base"], moved.as_str());
    let diff = monban.monban(&["diff", &id]).expect(0).out;
    assert!(diff.contains("-person") && diff.contains("+merged"), "{diff}");
    assert!(!diff.contains("other"), "nothing of the base is undone: {diff}");
    monban.approve(&id).expect(0);
    landed(&monban, &id);
    assert_eq!(monban.git(&["show", "main:both"]), "merged");
    assert_eq!(monban.git(&["rev-parse", "main~1"]), moved);
}

#[test]
fn with_nobody_there_a_conflict_waits_for_a_person() {
    let monban = Instance::new();
    solver(&monban);
    monban.write("both", "one\n");
    monban.commit("both");
    let id = waiting(&monban, "echo agent > both");
    monban.write("both", "person\n");
    monban.commit("person");
    assert!(not_landed(&monban, &id).contains("conflicts with it in these files"));
    monban.until(&id, "the conflict", |task| task["waits_for"][0] == "trouble");
    let note = monban.item(&id, "trouble")["note"].as_str().unwrap().to_string();
    assert!(note.contains("conflicts with it in these files:\n- both"), "{note}");
    monban.monban(&["send", &id, &note, "--submit"]).expect(0);
    monban.until(&id, "the next result", |task| task["waits_for"][0] == "approval");
    monban.approve(&id).expect(0);
    landed(&monban, &id);
    assert_eq!(monban.git(&["show", "main:both"]), "merged");
}

#[test]
fn one_commit_lands_with_the_person_as_author_and_its_trailers() {
    let monban = Instance::new();
    monban.git(&["config", "user.name", "Bea Person"]);
    monban.git(&["config", "user.email", "bea@example.invalid"]);
    let commits = "for n in 1 2 3; do echo $n > n; git add n; git commit -q -m step; done";
    let before = monban.base();
    let id = waiting(&monban, commits);
    monban.approve(&id).expect(0);
    let commit = landed(&monban, &id);
    assert_eq!(monban.git(&["rev-list", "--count", &format!("{before}..main")]), "1");
    let people = monban.git(&["log", "-1", "--format=%an <%ae> %cn <%ce>", &commit]);
    assert_eq!(people, "Bea Person <bea@example.invalid> Bea Person <bea@example.invalid>");
    let message = monban.git(&["log", "-1", "--format=%B", &commit]);
    assert_eq!(message.lines().next(), Some("Change it"));
    let trailers = monban.git(&["log", "-1", "--format=%(trailers:only)", &commit]);
    assert!(trailers.contains(&format!("Monban-Task: {id}")), "{trailers}");
    let node = monban.monban(&["ls", "--json"]).expect(0).json()[0]["node"].clone();
    let agent = format!("script@{}", node.as_str().unwrap());
    assert!(trailers.contains(&format!("Co-Authored-By: {agent} <{agent}>")), "{trailers}");
    assert!(monban.git(&["reflog", "main"]).contains("monban: land"), "its log says who moved it");
}

#[test]
fn nothing_but_a_landing_moves_the_base() {
    let monban = Instance::new();
    let before = (monban.base(), monban.git(&["status", "--porcelain"]));
    let unmoved = |when: &str| {
        assert_eq!((monban.base(), monban.git(&["status", "--porcelain"])), before, "{when}");
    };
    let id = waiting(&monban, "echo new > new; git commit -q --allow-empty -m own");
    unmoved("a result");
    monban.monban(&["reject", &id, "--reason", "echo two > two"]).expect(0);
    monban.until(&id, "the second result", |task| {
        task["state"] == "waiting"
            && task["attempts"][0]["checkpoints"].as_array().unwrap().len() == 2
    });
    unmoved("a rejection");
    monban.monban(&["gates", &id, "--rerun"]).expect(0);
    monban.until(&id, "the verdict", |task| task["waits_for"][0] == "approval");
    unmoved("a judgement");
    monban.monban(&["rollback", &id, "--to", "cp1"]).expect(0);
    monban.until(&id, "the rollback", |task| task["state"] == "stopped");
    unmoved("a rollback");
}

/// What the log says once the task's agent has been stopped.
#[track_caller]
fn log_after(monban: &Instance, id: &str) -> String {
    monban.monban(&["abort", id]).expect(0);
    monban.until(id, "the end", |task| task["state"] == "stopped");
    monban.monban(&["events"]).expect(0).out
}

#[test]
fn a_persons_commit_while_an_agent_runs_is_told_and_is_no_alarm() {
    let monban = Instance::new();
    let id = waiting(&monban, "echo new > new");
    let before = monban.base();
    monban.write("theirs", "theirs\n");
    let after = monban.commit("theirs");
    let log = log_after(&monban, &id);
    assert!(log.contains(&format!("refs/heads/main {before} {after}")), "{log}");
    assert!(log.contains("repo.advanced") && !log.contains("repo.tampered"), "{log}");
}

#[test]
fn a_persons_fetch_and_new_branch_while_an_agent_runs_are_noted_and_are_no_alarm() {
    let monban = Instance::new();
    let theirs = monban.repository.with_file_name("theirs");
    let theirs = theirs.display().to_string();
    monban.git(&["clone", "-q", "--bare", ".", &theirs]);
    monban.git(&["remote", "add", "origin", &theirs]);
    monban.git(&["push", "-q", "origin", "main:topic"]);
    monban.git(&["update-ref", "-d", "refs/remotes/origin/topic"]);
    let id = waiting(&monban, "echo new > new");
    monban.git(&["fetch", "-q", "origin"]);
    monban.git(&["switch", "-q", "-c", "mine"]);
    monban.write("mine", "mine\n");
    monban.commit("mine");
    let log = log_after(&monban, &id);
    assert!(log.contains("repo.noted") && !log.contains("repo.tampered"), "{log}");
    for what in ["refs/remotes/origin/topic new", "refs/heads/mine new", "HEAD changed"] {
        assert!(log.contains(what), "{what}: {log}");
    }
}

#[test]
fn a_tag_that_would_be_read_in_place_of_the_base_alarms() {
    let monban = Instance::new();
    let id = waiting(&monban, "echo new > new");
    monban.git(&["tag", "main"]);
    let log = log_after(&monban, &id);
    assert!(log.contains("repo.tampered") && log.contains("refs/tags/main new"), "{log}");
}

#[test]
fn a_hook_that_came_while_an_agent_ran_alarms_and_says_how_to_be_rid_of_it() {
    let monban = Instance::new();
    let id = waiting(&monban, "echo new > new");
    fs::write(monban.repository.join(".git/hooks/pre-push"), "evil").unwrap();
    let log = log_after(&monban, &id);
    assert!(log.contains("hooks/pre-push new; take it back by: rm -f "), "{log}");
    assert!(log.contains("repo.tampered") && !log.contains("repo.advanced"), "{log}");
}

#[test]
fn an_agent_that_plants_a_hook_is_told_everywhere_and_lands_only_once_that_was_seen() {
    let monban = Instance::new();
    let hook = monban.repository.join(".git/hooks/pre-push");
    let script = format!("echo new > new; echo evil > {}", hook.display());
    let id = monban.add("T", &script);
    let waited = monban.run(&id).expect(4);
    let told = |what: &str, out: &str| {
        for words in ["hooks/pre-push new", "take it back by: rm -f ", "monban approve item"] {
            assert!(out.contains(words), "{what} does not say {words}: {out}");
        }
    };
    told("run --wait", &waited.out);
    told("show", &monban.monban(&["show", &id]).expect(0).out);
    told("inbox", &monban.monban(&["inbox"]).expect(0).out);
    assert!(monban.monban(&["ls"]).expect(0).out.contains("! 1"));

    let alarm = monban.item(&id, "alarm");
    let name = alarm["id"].as_str().unwrap();
    let refused = monban.approve(&id).expect(1).err;
    assert!(refused.contains(&format!("monban approve {name}")), "{refused}");
    let back = alarm["details"][0].as_str().unwrap().split_once("by: ").unwrap().1;
    let undone = std::process::Command::new("sh").args(["-c", back]).status().unwrap();
    assert!(undone.success() && !hook.exists(), "{back}");
    monban.monban(&["approve", name]).expect(0);
    monban.approve(&id).expect(0);
    landed(&monban, &id);
    assert_eq!(monban.task(&id)["needs_you"], false);
}

#[test]
fn an_agent_that_removes_the_notes_of_the_comparison_alarms_too() {
    let monban = Instance::new();
    let notes = monban.home.join("state/runs/*/watched.json");
    let id = monban.add("T", &format!("echo new > new; rm {}", notes.display()));
    monban.run(&id).expect(4);
    let alarm = monban.item(&id, "alarm");
    let told = alarm["details"][0].as_str().unwrap();
    assert!(told.contains("cannot be compared") && told.contains("watched.json"), "{told}");
}

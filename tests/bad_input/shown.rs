//! What lists, screens and the inbox tell a person, and what they do not burden them with.

use crate::instance::Instance;
use crate::support::refused_whole;
use std::fs;

#[test]
fn a_halt_is_told_wherever_a_person_looks_with_the_way_on() {
    let monban = Instance::new();
    let id = monban.add("Break it", "echo no > ok");
    monban.run(&id).expect(1);
    for look in [&["inbox"][..], &["inbox", "--all"], &["ls"], &["ls", "--all"]] {
        let said = monban.monban(look).expect(0).out;
        assert!(said.contains("HALTED") && said.contains("`monban resume`"), "{look:?}: {said}");
        assert!(said.contains(&format!("task {id} failed")), "{look:?}: {said}");
    }
    // It waits as an item does, and is lifted, not approved.
    let inbox = monban.monban(&["inbox", "--json"]).expect(0).json();
    let (kind, task) = (&inbox[0]["kind"], &inbox[0]["task"]);
    assert_eq!((kind.as_str(), task.to_string()), (Some("halt"), id.clone()), "{inbox}");
    assert!(inbox[0]["note"].as_str().unwrap().contains("test failed"), "{inbox}");
    let halt = inbox[0]["id"].as_str().unwrap();
    for decide in [&["approve", halt, "--bind", "x"][..], &["reject", halt, "--reason", "x"]] {
        refused_whole(&monban, decide, 2, &["is a halt", "`monban resume` lifts it"]);
    }
    monban.monban(&["resume"]).expect(0);
    assert_eq!(monban.monban(&["inbox"]).expect(0).out, "nothing waits for you\n");
}

#[test]
fn a_rollback_says_what_it_takes_back_and_how_to_undo_it() {
    let monban = Instance::new();
    let id = monban.add("Add hello", "echo hello > hello");
    monban.run(&id).expect(4);
    let item = monban.item(&id, "approval")["id"].as_str().unwrap().to_string();
    let said = monban.monban(&["rollback", &id]).expect(0).out;
    assert!(said.starts_with(&format!("task {id} is being rolled back to its base")), "{said}");
    assert!(said.contains(&format!("{item} waited for you about it and is withdrawn")), "{said}");
    monban.until(&id, "the rollback", |task| task["state"] == "stopped");
    let undo = said.lines().find_map(|line| line.strip_prefix("to undo it: monban ")).unwrap();
    monban.monban(&undo.split(' ').collect::<Vec<_>>()).expect(0);
    monban
        .until(&id, "the undo", |task| task["attempts"][0]["rollbacks"][0]["progress"] == "undone");
}

#[test]
fn a_draft_says_who_is_to_do_it_and_an_approval_which_run_judged_it() {
    let monban = Instance::new();
    let id = monban.add("Add hello", "echo hello > hello");
    let shown = monban.monban(&["show", &id]).expect(0).out;
    let has = |line: &str| shown.lines().any(|shown| shown.trim_end() == line);
    assert!(has("  agent      script") && has("  kind       fix"), "{shown}");
    monban.run(&id).expect(4);
    let run = monban.item(&id, "approval")["binds"]["gate_runs"][0].clone();
    let inbox = monban.monban(&["inbox"]).expect(0).out;
    assert!(inbox.contains(&format!("judged by the gate in run{run}")), "{inbox}");
}

#[test]
fn lists_say_what_a_task_comes_after_and_whose_it_is() {
    let monban = Instance::new();
    let first = monban.add("A", "x");
    let add = ["task", "add", "--title", "B", "--kind", "fix", "--agent", "script"];
    monban.monban(&[&add[..], &["--prompt", "x", "--after", &first]].concat()).expect(0);
    let listed = monban.monban(&["ls"]).expect(0).out;
    assert!(listed.contains(&format!("after {first}  ")), "{listed}");
    assert!(!listed.contains("REPOSITORY"), "{listed}");
    let listed = monban.monban(&["ls", "--all"]).expect(0).out;
    assert!(listed.contains("REPOSITORY") && listed.contains("2   repo "), "{listed}");
}

#[test]
fn screens_end_with_their_last_row() {
    let monban = Instance::new();
    let id = monban.add("T", "permission 'x'");
    monban.run(&id).expect(4);
    for look in [&["screen", &id][..], &["screen", &id, "--ansi"], &["replay", &id]] {
        let said = monban.monban(look).expect(0).out;
        assert!(said.lines().last().unwrap().contains("May I x?"), "{look:?}: {said:?}");
    }
    // One that never ran has none, whatever became of it.
    let draft = monban.add("T", "x");
    let show = format!("`monban show {draft}`");
    refused_whole(&monban, &["screen", &draft], 1, &["has no agent", &show]);
    refused_whole(&monban, &["send", &draft, "x"], 1, &["has no agent", &show]);
}

#[test]
fn a_wait_tells_no_more_than_what_changes() {
    let monban = Instance::new();
    let id = monban.add("T", "echo x > x");
    let said = monban.run(&id).expect(4).err;
    let lines: Vec<&str> = said.lines().collect();
    let again = lines.windows(2).any(|pair| pair[0] == pair[1]);
    assert!(!said.contains("(-)") && !again, "{said}");
    let slow = "[verify]\ntest = \"sleep 4; grep -q yes ok\"\n[gates]\nchecks = [\"test\"]\n";
    monban.write("monban.toml", slow);
    monban.commit("slow");
    let id = monban.add("T", "echo y > y");
    let said = monban.run(&id).expect(4).err;
    assert!(said.contains("  gate 1 of 1, test: sleep 4; grep -q yes ok\n"), "{said}");
}

#[test]
fn the_inbox_has_titles_and_a_digest_that_can_be_typed() {
    let monban = Instance::new();
    let id = monban.add("Fix the parser", "echo x > x");
    monban.run(&id).expect(4);
    let item = monban.item(&id, "approval");
    let (name, digest) = (item["id"].as_str().unwrap(), item["digest"].as_str().unwrap());
    let said = monban.monban(&["inbox"]).expect(0).out;
    for words in ["Fix the parser", "1 file +1 -0", &format!("digest {digest}\n")] {
        assert!(said.contains(words), "no {words} in {said}");
    }
    let typed = &digest[..12];
    assert!(said.contains(&format!("monban approve {name} --bind {typed}\n")), "{said}");
    let other = if typed.starts_with('0') { "111111111111" } else { "000000000000" };
    let cases = [
        (id.as_str(), typed, 2, "the whole digest, or the inbox id"),
        (name, &digest[..11], 2, "at least its first 12 characters"),
        (name, other, 1, "not the digest of what waits now"),
    ];
    for (what, digest, status, words) in cases {
        refused_whole(&monban, &["approve", what, "--bind", digest], status, &[words]);
    }
    monban.monban(&["approve", name, "--bind", typed]).expect(0);
    monban.until(&id, "the landing", |task| task["state"] == "done");
}

#[test]
fn results_that_wait_are_not_dropped_in_passing() {
    let monban = Instance::new();
    let id = monban.add("Fix the parser", "echo x > x");
    monban.run(&id).expect(4);
    let words = ["task 1 (Fix the parser)", "waits for your approval", "`--yes`"];
    refused_whole(&monban, &["abort", "--all"], 4, &words);
    monban.monban(&["abort", "--all", "--yes"]).expect(0);
    monban.until(&id, "the end", |task| task["state"] == "stopped");
    // With nothing to lose nobody is asked.
    monban.monban(&["abort", "--all"]).expect(0);
}

#[test]
fn a_missing_argument_is_told_with_its_alternatives() {
    let monban = Instance::new();
    let cases: [(&[&str], &str); 3] =
        [(&["abort"], "--all"), (&["rollback"], "--undo"), (&["send", "1"], "--keys")];
    for (args, other) in cases {
        let said = monban.monban(args).expect(2).err;
        assert!(said.contains(other), "{args:?}: {said}");
    }
}

#[test]
fn files_are_named_with_their_place_and_runs_by_no_name_but_their_own() {
    let mut monban = Instance::new();
    let person = monban.home.join("person");
    fs::create_dir(&person).unwrap();
    monban.person = Some(person);
    let said = monban.monban(&["auth"]).expect(0).out;
    let path = monban.home.join("config.toml").display().to_string();
    assert!(said.contains(&format!("config.toml is {path}")), "{said}");
    let id = monban.add("T", "permission x");
    monban.run(&id).expect(4);
    let said = monban.monban(&["show", &id]).expect(0).out;
    assert!(said.contains("MONBAN_RUN=run1-"), "{said}");
}

#[test]
fn a_test_program_that_is_not_there_is_told_so() {
    let monban = Instance::new();
    let config = "[verify]\ntest = \"nonexistent-program\"\n[gates]\nchecks = [\"test\"]\n";
    monban.write("monban.toml", config);
    monban.commit("a slip");
    let id = monban.add("T", "echo x > x");
    let said = monban.run(&id).expect(1).err;
    assert!(said.contains("exit status 127: a program was not found"), "{said}");
}

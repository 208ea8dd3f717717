//! What a person decides: each by the keys for it, and checked in the repository.

use crate::support::instance::CONFIG;
use crate::{desk, give_word, has_row};
use std::path::PathBuf;

#[test]
fn an_approval_lands_by_two_keys_once_armed_and_never_by_what_was_typed_ahead() {
    let Some(desk) =
        desk("an_approval_lands_by_two_keys_once_armed_and_never_by_what_was_typed_ahead")
    else {
        return;
    };
    let monban = &desk.instance;
    let id = desk.waiting("Add hello", "echo hello > hello.txt");
    let before = monban.base();
    let window = desk.dashboard("monban", 100, 30);
    window.shows("!1 need you");
    window.text("aAyAy");
    window.shows("APPROVE");
    window.until("an armed dialog", |screen| has_row(screen, "APPROVE", "] armed "));
    window.shows("A then y approve");
    assert_eq!(monban.task(&id)["state"], "waiting");
    // Neither does y alone, nor Enter.
    window.press(&["Enter", "y"]);
    window.press_until("A", "y approves", "] armed ");
    window.press(&["Enter"]);
    window.hides("y approves");
    assert_eq!(
        (monban.task(&id)["state"].as_str(), monban.base()),
        (Some("waiting"), before.clone())
    );
    window.press_until("A", "y approves", "] armed ");
    window.press(&["y"]);
    monban.until(&id, "the landing", |task| task["state"] == "done");
    window.hides("need you");
    assert_eq!(monban.git(&["show", "main:hello.txt"]), "hello");
    assert_eq!(monban.git(&["rev-parse", "main~1"]), before);
}

#[test]
fn what_a_gate_asks_a_person_is_attested_by_its_key_before_an_approval_is_taken() {
    let Some(desk) =
        desk("what_a_gate_asks_a_person_is_attested_by_its_key_before_an_approval_is_taken")
    else {
        return;
    };
    let monban = &desk.instance;
    let asking = "checks = [\"test\", \"human\"]\nhuman = [\"it runs\", \"it is read\"]\n";
    monban.write("monban.toml", &CONFIG.replace("checks = [\"test\"]\n", asking));
    monban.commit("ask a person");
    let id = desk.waiting("Add hello", "echo hello > hello.txt");
    let window = desk.dashboard("monban", 80, 24);
    window.shows("!1 need you");
    window.press(&["v"]);
    window.until("the gates", |screen| has_row(screen, "! waiting", "2 statements"));
    window.press(&["a"]);
    window.until("an armed dialog", |screen| has_row(screen, "APPROVE", "] armed "));
    window.press_until("A", "A only after you attest 1 2", "] armed ");
    window.press_until("2", "2 [x] it is read", "] armed ");
    window.press_until("A", "A only after you attest 1", "] armed ");
    assert_eq!(monban.task(&id)["state"], "waiting");
    window.press_until("1", "1 [x] it runs", "] armed ");
    window.press_until("A", "y approves", "] armed ");
    window.press(&["y"]);
    monban.until(&id, "the landing", |task| task["state"] == "done");
    window.press(&["v"]);
    window.until("who attested it", |screen| has_row(screen, "+ pass     human", "attested by"));
}

#[test]
fn a_rejection_is_written_and_becomes_the_agents_next_prompt() {
    let Some(desk) = desk("a_rejection_is_written_and_becomes_the_agents_next_prompt") else {
        return;
    };
    let id = desk.waiting("Two turns", "echo one > one.txt");
    let window = desk.dashboard("monban", 100, 30);
    window.shows("!1 need you");
    window.press(&["5"]);
    window.shows("inbox");
    window.press(&["r"]);
    window.shows("REJECT");
    window.text("echo two > two.txt");
    window.press(&["Enter"]);
    window.text("echo 'and äöü' >> two.txt");
    window.shows("and äöü");
    window.press(&["C-s"]);
    window.hides("REJECT");
    desk.instance.until(&id, "the second result", |task| {
        task["attempts"][0]["checkpoints"].as_array().is_some_and(|all| all.len() == 2)
            && task["waits_for"][0] == "approval"
    });
    window.press(&["3"]);
    window.until("the diff", |screen| screen.contains("+two") && screen.contains("+and äöü"));
}

#[test]
fn an_abort_ends_the_agent_and_a_stray_key_does_not() {
    let Some(desk) = desk("an_abort_ends_the_agent_and_a_stray_key_does_not") else { return };
    let id = desk.waiting("Ask", "ask 'go on?'");
    let window = desk.dashboard("monban", 100, 30);
    window.shows("go on?");
    window.press(&["x"]);
    window.shows("ABORT");
    window.press(&["Enter", "y", "Escape"]);
    window.hides("ABORT");
    assert_eq!(desk.instance.task(&id)["state"], "running");
    window.press(&["x"]);
    give_word(&window, "ABORT");
    window.until("the end", |screen| has_row(screen, "Ask", "stopped"));
    let left = desk.instance.processes();
    assert!(!left.iter().any(|(_, command)| command.contains("agent.sh")), "{left:?}");
}

#[test]
fn work_is_rolled_back_and_that_is_undone() {
    let Some(desk) = desk("work_is_rolled_back_and_that_is_undone") else { return };
    let id = desk.waiting("Add hello", "echo hello > hello.txt");
    let worktree = PathBuf::from(desk.instance.task(&id)["worktree"].as_str().unwrap());
    let window = desk.dashboard("monban", 100, 30);
    window.shows("!1 need you");
    window.press(&["u"]);
    window.shows("the base");
    window.press(&["j", "Enter"]);
    give_word(&window, "ROLL BACK");
    desk.instance.until(&id, "the rollback", |_| !worktree.join("hello.txt").exists());
    desk.instance.until(&id, "the rollback's end", |task| {
        task["attempts"][0]["rollbacks"][0]["can_undo"] == true
    });
    window.press_until("U", "UNDO", " NAV ");
    give_word(&window, "UNDO");
    desk.instance.until(&id, "the undo", |_| worktree.join("hello.txt").exists());
}

#[test]
fn of_two_who_look_at_the_same_result_one_may_approve_it() {
    let Some(desk) = desk("of_two_who_look_at_the_same_result_one_may_approve_it") else { return };
    let id = desk.waiting("Add hello", "echo hello > hello.txt");
    let first = desk.dashboard("monban", 100, 30);
    let second = desk.dashboard("USER=eve monban", 80, 24);
    for window in [&first, &second] {
        window.shows("!1 need you");
    }
    first.press(&["a"]);
    first.until("an armed dialog", |screen| has_row(screen, "APPROVE", "] armed "));
    second.press(&["a"]);
    second.until("that it is held", |screen| {
        screen.contains("dj decides it; a takes over") && has_row(screen, "APPROVE", " held ")
    });
    second.text("AyAy");
    second.shows("dj decides it; a takes over");
    assert_eq!(desk.instance.task(&id)["state"], "waiting");
    // Who has to be quick takes it over; then it is the other who has to wait.
    // It says `arming` for less than half a second.
    second.press_until("a", "] arm", "a takes over");
    first.shows("eve decides it; a takes over");
    second.press(&["Escape"]);
    first.until("an armed dialog", |screen| has_row(screen, "APPROVE", "] armed "));
    first.press_until("A", "y approves", "] armed ");
    first.press(&["y"]);
    desk.instance.until(&id, "the landing", |task| task["state"] == "done");
    second.hides("need you");
}

#[test]
fn a_change_behind_monbans_back_is_read_and_acknowledged() {
    let Some(desk) = desk("a_change_behind_monbans_back_is_read_and_acknowledged") else { return };
    let repository = desk.instance.repository.display().to_string();
    let script = format!("git -C {repository} config core.pager planted; echo hello > hello.txt");
    let id = desk.waiting("Plants a setting", &script);
    let window = desk.dashboard("monban", 100, 30);
    window.shows("!2 need you");
    window.press(&["a"]);
    window.until("an armed alarm", |screen| has_row(screen, "ALARM", "] armed "));
    window.shows("config changed; take it back by: rm -f");
    window.press_until("A", "now y does it", "] armed ");
    window.press(&["y"]);
    window.shows("!1 need you");
    // The result can be approved now.
    assert_eq!(desk.instance.task(&id)["waits_for"], serde_json::json!(["approval"]));
    window.press(&["a"]);
    window.shows("APPROVE");
}

#[test]
fn a_gate_is_trusted_where_its_commands_were_read() {
    let Some(desk) = desk("a_gate_is_trusted_where_its_commands_were_read") else { return };
    let id = desk.instance.add("Add hello", "echo hello > hello.txt");
    let window = desk.dashboard("monban", 80, 24);
    window.until("the draft", |screen| has_row(screen, "Add hello", "draft"));
    window.press(&["s"]);
    window.shows("s again shows what it is about");
    assert_eq!(desk.instance.task(&id)["state"], "draft");
    window.press(&["s"]);
    window.until("an armed start", |screen| has_row(screen, "START", "] armed "));
    let screen = window.shows("test: grep -q yes ok");
    let hash = desk.instance.gate();
    let shown: String = screen.split_whitespace().collect();
    assert!(shown.contains(&hash[..32]), "{hash}: {screen}");
    window.press_until("A", "now y does it", "] armed ");
    window.press(&["y"]);
    desk.instance.until(&id, "the result", |task| task["waits_for"][0] == "approval");
}

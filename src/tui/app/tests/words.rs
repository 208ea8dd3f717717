//! What is said of keys that do nothing, and of what does not fit.

use super::super::*;
use super::play::*;
use crate::term::PointerAct;
use crate::wire::people::{Ask, ShowAsk};
use serde_json::{Value, json};

fn last_line(play: &Play) -> String {
    play.screen().lines().rfind(|line| !line.starts_with("cursor")).unwrap().to_string()
}

#[test]
fn a_key_that_does_nothing_says_so_and_the_mouse_does_not() {
    let mut play = Play::begin(USUAL);
    for (keys, says) in [
        ("Y", "Y does nothing here; ? shows the keys"),
        ("alt-x", "alt-x does nothing here"),
        ("g x", "g x does nothing here"),
        ("]", "only in a diff; 3 shows it"),
    ] {
        play.keys(keys);
        assert!(last_line(&play).contains(says), "{}", play.screen());
    }
    play.keys("down");
    for act in POINTED.into_iter().chain([PointerAct::Move]) {
        play.take(Input::Mouse(pointer(act, 70, 20)));
        assert!(!last_line(&play).contains("nothing"), "{}", play.screen());
    }
    play.keys("home a").answer(diff()).wait(1000).keys("z");
    assert!(last_line(&play).contains("z does nothing here"), "{}", play.screen());
}

#[test]
fn when_nobody_waits_or_nobody_else_the_key_that_goes_to_the_next_says_so() {
    let mut play = Play::begin(USUAL);
    play.inbox(&[]).keys("!");
    assert!(last_line(&play).contains("nothing waits for you"), "{}", play.screen());
    play.inbox(&[approval(HEAD)]).keys("!");
    assert_eq!(play.app.screen(), Screen::Inbox);
    play.keys("!");
    assert!(last_line(&play).contains("nothing else waits for you"), "{}", play.screen());
}

#[test]
fn a_word_that_is_not_the_one_that_was_wanted_is_told() {
    let mut play = Play::begin(USUAL);
    play.keys("U").answer(whole_task()).keys("o");
    assert!(play.screen().contains("too quick: wait for armed"), "{}", play.screen());
    play.wait(1000).keys("o p 4 enter");
    assert!(last_line(&play).contains("\"op4\" is not op3: nothing was done"), "{}", play.screen());
    assert_eq!(play.asked(), [Ask::Show(ShowAsk::Task(TaskId(7)))]);
    play.keys("backspace 3 enter");
    assert_eq!(play.asked().len(), 2);

    let mut play = Play::begin(USUAL);
    play.keys(": f r o b enter");
    assert!(last_line(&play).contains("no action is called frob"), "{}", play.screen());
    assert_eq!(play.app.mode(), Mode::Text, "what is typed now must not act");
    play.keys("ctrl-u h e l p enter");
    assert!(play.screen().contains("keys"), "{}", play.screen());
}

/// An approval whose gate asks a person for three statements.
fn asking() -> Value {
    let mut item = approval(HEAD);
    item["attests"] = json!(["it runs on a phone", "it is read", "it is documented"]);
    item
}

#[test]
fn a_key_that_comes_before_it_armed_is_not_taken_and_that_is_said() {
    let mut play = Play::begin(USUAL);
    play.inbox(&[asking()]).keys("a").answer(diff()).wait(1000).keys("1");
    assert!(play.screen().contains("1 [x]"), "{}", play.screen());
    assert!(play.screen().contains("wait: no key counts yet"), "{}", play.screen());
    play.wait(200).keys("2");
    let screen = play.screen();
    assert!(screen.contains("2 [ ]") && screen.contains("too quick: wait for armed"), "{screen}");
    play.wait(300).keys("2");
    assert!(play.screen().contains("2 [ ]"), "it began anew: {}", play.screen());
    play.wait(1000);
    assert!(!play.screen().contains("too quick"), "{}", play.screen());
    play.keys("2");
    assert!(play.screen().contains("2 [x]"), "{}", play.screen());
    play.wait(1000).keys("2");
    assert!(play.screen().contains("2 is attested already"), "{}", play.screen());
    // Who scrolls is not in a hurry.
    play.keys("down down");
    assert!(!play.screen().contains("too quick"), "{}", play.screen());
}

#[test]
fn the_last_line_names_no_key_that_does_something_else_in_the_dialog() {
    for size in [USUAL, LARGE, HUGE] {
        let mut play = Play::begin(size);
        play.inbox(&[asking()]).keys("a").answer(diff()).wait(1000);
        let last = last_line(&play);
        assert!(last.contains("esc") && !last.contains("3 "), "{last}");
        assert!(!last.contains("scroll"), "there is nothing to scroll: {last}");
    }
}

/// Gates of as many checks as there are.
fn many_gates(outcome: &str) -> Value {
    let checks =
        ["limits", "forbidden", "secrets", "banned", "imports", "danger", "test-lines", "test"];
    let verdict = |check| {
        json!({ "check": check, "outcome": outcome, "reason": "clean", "duration_ms": 9,
            "tail": "" })
    };
    let mut all = gates();
    all[0]["verdicts"] = checks.map(verdict).into();
    all
}

#[test]
fn all_that_fits_is_shown_and_what_does_not_is_counted() {
    let mut play = Play::begin(USUAL);
    play.keys("v").answer(many_gates("pass"));
    let screen = play.screen();
    assert!(screen.contains("limits") && screen.contains(" test "), "{screen}");
    assert!(!screen.contains("below") && !screen.contains("above"), "{screen}");

    let mut play = Play::begin(SMALL);
    play.keys("v").answer(many_gates("pass"));
    let rows = |play: &Play| play.screen().lines().filter(|line| line.contains(" s  ")).count();
    assert_eq!(rows(&play), 5, "a line of its own and one for its title: {}", play.screen());
    assert!(play.screen().lines().nth(1).unwrap().contains("3 below"), "{}", play.screen());
    play.keys("down down down down");
    assert!(play.screen().contains("2 above, 1 below"), "{}", play.screen());
    play.keys("down down down");
    assert!(play.screen().contains("3 above"), "{}", play.screen());
    assert!(play.screen().contains("x") || play.screen().contains("test "), "{}", play.screen());
}

#[test]
fn every_list_says_how_much_of_it_is_above_and_below() {
    let rows: Vec<Value> = (1..=30).map(|id| task(id, "work", "running", "working")).collect();
    let items: Vec<Value> = (1..=30)
        .map(|id| {
            let mut item = approval(HEAD);
            (item["id"], item["task"]) = (json!(format!("item{id}")), json!(id));
            item
        })
        .collect();
    for size in [SMALL, USUAL] {
        for (open, down) in [("1", "down"), ("5", "down"), ("?", "pagedown"), (":", "down")] {
            let mut play = Play::begin(size);
            play.take(Input::Frame(vec![table(1, &head(), &rows), table(2, &json!({}), &items)]));
            play.keys(open);
            let at_the_top = play.screen();
            assert!(at_the_top.contains(" below"), "{open}: {at_the_top}");
            for _ in 0..12 {
                play.keys(down);
            }
            assert!(play.screen().contains(" above"), "{open}: {}", play.screen());
        }
    }
    let mut play = Play::begin(SMALL);
    play.keys("d").answer(diff());
    assert!(play.screen().contains("9 below"), "{}", play.screen());
    play.keys("]");
    assert!(play.screen().contains("9 above"), "{}", play.screen());
}

#[test]
fn an_item_that_is_longer_than_its_room_is_read_to_its_end() {
    let mut play = Play::begin(SMALL);
    play.keys("5");
    assert!(!play.screen().contains("gates +2/2"), "{}", play.screen());
    for _ in 0..4 {
        play.keys("pagedown");
    }
    let screen = play.screen();
    assert!(screen.contains("+ pass     test") && screen.contains(" above "), "{screen}");
    play.keys("down up");
    assert!(play.screen().contains("task 7"), "from its beginning: {}", play.screen());
}

/// A message of several lines takes rows, and nothing that stands in them.
#[test]
fn a_long_message_covers_no_task() {
    let mut play = Play::begin(SMALL);
    let rows = tasks();
    let says = "a long message ".repeat(10);
    play.take(Input::Refused(says));
    play.take(Input::Frame(vec![table(1, &head(), &rows)])).keys("G");
    play.take(Input::Refused("a long message ".repeat(10)));
    let screen = play.screen();
    assert!(screen.contains("12   . draft") && screen.contains(" above"), "{screen}");
    // An agent's screen is not resized for it.
    play.keys("2");
    play.did.clear();
    play.take(Input::Refused("a long message ".repeat(10)));
    assert!(!play.did.iter().any(|did| matches!(did, Do::Say(Said::Room { .. }))));
}

#[test]
fn a_halted_repository_says_in_the_approval_what_to_do() {
    let mut halted = head();
    halted["repository"]["halted"] = json!({ "task": 11, "cause": "test failed" });
    for size in [SMALL, USUAL] {
        let mut play = Play::begin(size);
        play.take(Input::Frame(vec![table(1, &halted, &tasks())])).keys("a").answer(diff());
        assert!(play.screen().contains("HALTED: esc, then R resumes"), "{}", play.screen());
        play.keys("esc R");
        assert!(play.screen().contains("RESUME the reposit"), "{}", play.screen());
    }
}

//! What it takes to attest the statements of a gate, and that nothing less approves.

use super::super::*;
use super::play::*;
use crate::base::foreign::Foreign;
use crate::config::repository::{STATEMENT_CHARS_MAX, STATEMENTS_MAX};
use crate::wire::people::{Ask, InboxAsk};
use serde_json::{Value, json};

const PHONE: &str = "スマートフォンで実際に動かした";
const DOCS: &str = "the manual says how to count from 1";

/// An approval whose gate asks a person for these.
fn asking(statements: &[&str]) -> Value {
    let mut item = approval(HEAD);
    item["attests"] = json!(statements);
    item
}

/// An approval whose gate asks a person for two statements.
pub fn attesting() -> Value {
    let mut item = approval(HEAD);
    item["attests"] = json!([
        "スマートフォンで実際に動かした",
        "the manual says how to count from 1, \u{202e}and nothing else",
    ]);
    item
}

/// Gates that are green but for a person.
pub fn human_gates() -> Value {
    let mut gates = gates();
    gates[0]["verdicts"][1]["outcome"] = json!("pass");
    gates[0]["verdicts"][1]["reason"] = json!("214 tests passed");
    gates[0]["verdicts"][1]["counts"]["failed"] = json!(0);
    gates[0]["verdicts"][2] = json!({
        "check": "human", "outcome": "waiting", "duration_ms": 0, "tail": "",
        "reason": "2 statements for a person to attest with the approval",
        "attestation": { "statements": attesting()["attests"] },
    });
    gates
}

/// What was attested with each approval that was asked for.
fn approvals(play: &Play) -> Vec<Vec<Foreign>> {
    let approval = |ask| match ask {
        Ask::Inbox(InboxAsk::Approve { attested, .. }) => Some(attested),
        _ => None,
    };
    play.asked().into_iter().filter_map(approval).collect()
}

/// The dialog, opened and armed as far as it can be without being scrolled.
fn opened(size: Size, statements: &[&str]) -> Play {
    let mut play = Play::begin(size);
    play.inbox(&[asking(statements)]).keys("a").answer(diff()).wait(1000);
    play
}

#[test]
fn each_statement_is_attested_by_its_key_before_anything_is_approved() {
    let mut play = opened(USUAL, &[PHONE, DOCS]);
    assert!(play.screen().contains("attest each by its number: 0 of 2"), "{}", play.screen());
    play.keys("A");
    assert!(play.screen().contains("A only after you attest 1 2"), "{}", play.screen());
    play.keys("y").wait(1000).keys("2").wait(1000);
    assert!(play.screen().contains("2 [x] the manual says"), "{}", play.screen());
    play.keys("A");
    assert!(play.screen().contains("A only after you attest 1 "), "{}", play.screen());
    play.wait(1000).keys("1").wait(1000);
    assert_eq!(approvals(&play), Vec::<Vec<Foreign>>::new());
    play.keys("A y");
    assert_eq!(approvals(&play), [[Foreign::new(PHONE), Foreign::new(DOCS)]]);
}

#[test]
fn a_statement_takes_its_own_key_after_a_silence_and_nothing_else() {
    for keys in ["space space A y", "enter enter A y", "0 9 3 A y", "１ ２ A y", "1 2 A y"] {
        let mut play = opened(USUAL, &[PHONE, DOCS]);
        play.keys(keys).wait(1000).keys("A y");
        assert_eq!(approvals(&play), Vec::<Vec<Foreign>>::new(), "{keys}");
    }
    let mut play = opened(USUAL, &[PHONE, DOCS]);
    play.type_ahead("12Ay");
    play.paint().wait(1000).keys("A y");
    play.take(Input::Paste("2".into())).wait(1000).keys("A y");
    assert_eq!(approvals(&play), Vec::<Vec<Foreign>>::new());
    // A held key attests the one it stands for.
    let mut play = opened(USUAL, &[PHONE, DOCS]);
    for _ in 0..50 {
        play.keys("1").wait(30);
    }
    play.wait(1000).keys("A y");
    assert_eq!(approvals(&play), Vec::<Vec<Foreign>>::new());
}

#[test]
fn digits_before_it_armed_attest_nothing() {
    let mut play = Play::begin(USUAL);
    play.inbox(&[asking(&[PHONE])]).keys("a").answer(diff()).keys("1 1 1").wait(1000).keys("A y");
    assert_eq!(approvals(&play), Vec::<Vec<Foreign>>::new());
    play.wait(1000).keys("1").wait(1000).keys("A y");
    assert_eq!(approvals(&play).len(), 1);
}

#[test]
fn what_is_attested_is_attested_of_what_was_shown() {
    let mut another = approval("bbbb");
    another["attests"] = json!([PHONE]);
    for changed in [another, asking(&[DOCS])] {
        let mut play = opened(USUAL, &[PHONE]);
        play.keys("1").inbox(&[changed]).paint().wait(1000).keys("A y");
        assert_eq!(approvals(&play), Vec::<Vec<Foreign>>::new());
        assert!(play.screen().contains("1 [ ]"), "{}", play.screen());
        play.wait(1000).keys("1").wait(1000).keys("A y");
        assert_eq!(approvals(&play).len(), 1);
    }
    // Closing it takes nothing along.
    let mut play = opened(USUAL, &[PHONE]);
    play.keys("1").wait(1000).keys("esc a").wait(1000).keys("A y");
    assert_eq!(approvals(&play), Vec::<Vec<Foreign>>::new());
}

#[test]
fn each_is_on_the_screen_as_a_whole_when_it_is_attested() {
    let longest = |n: usize| format!("{n}{}", "字".repeat(STATEMENT_CHARS_MAX - 1));
    let all: Vec<String> = (0..STATEMENTS_MAX).map(longest).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut play = opened(SMALL, &all);
    assert!(play.screen().contains("read on"), "{}", play.screen());
    play.keys("1").wait(1000);
    assert!(!play.screen().contains("[x]"), "nobody has read it: {}", play.screen());
    play.keys("end").wait(1000).keys("1").wait(1000);
    assert!(!play.screen().contains("[x]"), "{}", play.screen());
    assert!(play.screen().contains("1 is not on the screen as a whole"), "{}", play.screen());
    play.keys("home").wait(1000);
    for _ in 0..30 {
        if !play.screen().contains("armed") {
            play.keys("down").wait(1000);
        }
    }
    for key in 1..=STATEMENTS_MAX {
        // The next comes by itself.
        assert!(play.screen().contains(&format!("{key} [ ] ")), "{key}: {}", play.screen());
        assert!(play.screen().contains("armed"), "{key}: {}", play.screen());
        play.keys(&key.to_string()).wait(1000);
    }
    // What it changes stands below them.
    play.keys("end").wait(1000).keys("A y");
    assert_eq!(approvals(&play).len(), 1, "{}", play.screen());
}

#[test]
fn a_digit_that_is_a_statement_opens_nothing_and_the_others_do_as_ever() {
    let mut play = opened(USUAL, &[PHONE, DOCS, "and this"]);
    assert!(play.screen().contains("f4 diff"), "{}", play.screen());
    play.keys("3");
    assert!(play.screen().contains("3 [x] and this"), "{}", play.screen());
    let mut play = opened(USUAL, &[PHONE]);
    play.keys("3");
    assert!(play.app.dialog.is_none(), "{}", play.screen());
}

#[test]
fn typing_ahead_attests_nothing_whatever_it_is() {
    const KEYS: [&str; 8] = ["1", "2", "A", "y", "space", "enter", "9", "j"];
    for seed in 1_u64..=500 {
        let mut random = seed;
        let mut below = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        let mut play = Play::begin(USUAL);
        play.inbox(&[asking(&[PHONE, DOCS])]).keys("a").answer(diff());
        for _ in 0..40 {
            let key = KEYS[usize::try_from(below(8)).unwrap()];
            play.take(Input::Key(key.into()));
            if below(2) == 0 {
                play.paint();
            }
            play.wait(below(390));
        }
        let screen = play.screen();
        assert!(screen.contains("0 of 2") && !screen.contains("[x]"), "seed {seed}: {screen}");
        assert_eq!(approvals(&play), Vec::<Vec<Foreign>>::new(), "seed {seed}");
    }
}

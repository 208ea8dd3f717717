//! What it takes to approve, and that nothing less does.

use super::super::*;
use super::play::*;
use crate::tui::keymap::Keymap;
use crate::wire::people::{Ask, InboxAsk};
use serde_json::json;
use std::time::Duration;

/// The approvals that were asked for.
fn approvals(play: &Play) -> Vec<(String, String)> {
    let approval = |ask| match ask {
        Ask::Inbox(InboxAsk::Approve { item, digest, .. }) => Some((item, digest)),
        _ => None,
    };
    play.asked().into_iter().filter_map(approval).collect()
}

/// An approval that was opened, whose diff came, and that armed.
fn armed() -> Play {
    let mut play = Play::begin(USUAL);
    play.keys("a").answer(diff()).wait(1000);
    assert!(play.screen().contains("armed"), "{}", play.screen());
    play
}

#[test]
fn a_and_then_y_approve_exactly_the_digest_that_was_shown() {
    let mut play = armed();
    play.keys("A y");
    let digest = approval(HEAD)["digest"].as_str().unwrap().to_string();
    assert_eq!(approvals(&play), [("item4".to_string(), digest)]);
    assert!(play.app.dialog.is_none());
    play.answer(json!({}));
    assert!(play.screen().contains("item4 approved"));
}

#[test]
fn other_keys_from_the_persons_files_disarm_and_a_fault_in_them_changes_nothing() {
    let mut play = armed();
    let same = play.app.setup.looks.clone();
    play.take(Input::Looks(Ok(Box::new(same.clone()))));
    play.take(Input::Looks(Err("keymap.toml:3:1: `nav.q`: unknown action".into())));
    assert!(play.screen().contains("stay as they were: keymap.toml:3:1"), "{}", play.screen());
    assert!(play.screen().contains("armed"), "{}", play.screen());
    let keymap = Keymap::named("vim").unwrap();
    play.take(Input::Looks(Ok(Box::new(Looks { keymap, ..same }))));
    play.keys("A y");
    assert_eq!(approvals(&play), []);
    play.paint().wait(1000).keys("A y");
    assert_eq!(approvals(&play).len(), 1);
}

#[test]
fn it_opens_by_a_alone_and_never_by_itself() {
    let mut play = Play::begin(USUAL);
    let mut another = approval("aaaa");
    another["id"] = json!("item9");
    play.inbox(&[approval(HEAD), another]);
    assert!(play.app.dialog.is_none());
    assert!(play.did.contains(&Do::Ring));
    play.keys("A y enter").wait(1000).keys("A y");
    assert_eq!(approvals(&play), []);
}

#[test]
fn every_key_before_it_armed_begins_the_silence_anew() {
    let mut play = Play::begin(USUAL);
    play.keys("a").answer(diff());
    for _ in 0..10 {
        play.wait(300).keys("A");
        assert!(play.screen().contains("arming"), "{}", play.screen());
    }
    play.wait(300).keys("y");
    assert_eq!(approvals(&play), []);
    play.wait(500).keys("A y");
    assert_eq!(approvals(&play).len(), 1);
}

#[test]
fn nothing_arms_before_the_frame_with_the_dialog_was_drawn() {
    let mut play = Play::begin(USUAL);
    let before = play.app.revision();
    play.take(Input::Key("a".into()));
    play.take(Input::Seen(before));
    assert!(!play.did.iter().any(|what| matches!(what, Do::Timer(_))), "an earlier frame");
    let revision = play.app.revision();
    play.take(Input::Painted(revision));
    let has_timer = play.did.iter().any(|what| matches!(what, Do::Timer(_)));
    assert!(!has_timer, "a long line took it, and nobody has seen it yet");
    play.paint();
    assert!(play.did.iter().any(|what| matches!(what, Do::Timer(Some(_)))));
}

#[test]
fn other_keys_pastes_and_the_mouse_approve_nothing_and_disarm() {
    for keys in ["y", "A enter", "A space", "A A", "A a y", "Ａ ｙ", "A ｙ", "enter", "space y"]
    {
        let mut play = armed();
        play.keys(keys);
        assert_eq!(approvals(&play), [], "{keys}");
        play.keys("y");
        assert_eq!(approvals(&play), [], "{keys} and y");
    }
    let mut play = armed();
    play.take(Input::Paste("Ay".into())).keys("A y");
    assert_eq!(approvals(&play), []);
    let mut play = armed();
    let click = pointer(CLICK, 40, 12);
    play.keys("A").take(Input::Mouse(click));
    assert_eq!(approvals(&play), []);
}

#[test]
fn both_keys_in_one_burst_approve_nothing() {
    let mut play = armed();
    play.type_ahead("Ay");
    assert_eq!(approvals(&play), [], "nobody saw what A came to");
}

#[test]
fn another_digest_disarms_and_shows_what_changed() {
    let mut play = armed();
    play.keys("A").inbox(&[approval("bbbb")]).paint();
    assert!(play.screen().contains("since you opened it: head"), "{}", play.screen());
    play.keys("y");
    assert_eq!(approvals(&play), []);
    play.wait(1000).keys("A y");
    let digest = approval("bbbb")["digest"].as_str().unwrap().to_string();
    assert_eq!(approvals(&play), [("item4".to_string(), digest)]);
}

#[test]
fn what_waits_no_longer_cannot_be_approved() {
    let mut play = armed();
    play.keys("A").inbox(&[]).paint().wait(1000).keys("A y");
    assert_eq!(approvals(&play), []);
    assert!(play.screen().contains("it waits no longer"), "{}", play.screen());
}

#[test]
fn without_a_connection_nothing_is_approved() {
    let mut play = armed();
    play.take(Input::Lost("cut".into(), Duration::ZERO)).paint().wait(1000).keys("A y");
    assert_eq!(approvals(&play), []);
    assert!(play.screen().contains("STALE since 14:00"), "{}", play.screen());
    play.take(Input::Connected).paint();
    play.keys("y").wait(1000).keys("A y");
    assert_eq!(approvals(&play).len(), 1);
    // Nobody typed anything meanwhile: the keys that are listened to again are told first.
    let mut play = armed();
    play.take(Input::Lost("cut".into(), Duration::ZERO)).paint().wait(1000);
    play.take(Input::Connected).paint().keys("A y");
    assert_eq!(approvals(&play), []);
}

#[test]
fn a_diff_that_comes_late_has_to_be_looked_at() {
    let mut play = Play::begin(USUAL);
    play.keys("a").wait(1000).keys("A");
    play.answer(diff()).keys("y");
    assert_eq!(approvals(&play), []);
    assert!(play.screen().contains("2 files +4 -1"), "{}", play.screen());
    assert!(play.screen().contains("1 hidden char!"), "{}", play.screen());
}

#[test]
fn a_dashboard_that_watches_decides_nothing() {
    let mut play = Play::with(Setup { watch: true, ..setup(USUAL) });
    play.keys("a r x u U p s n J R i");
    assert!(play.app.dialog.is_none() && play.app.typing.is_none());
    assert_eq!(play.asked(), []);
}

#[test]
fn the_dialog_shows_the_mark_and_leaves_the_top_bar_alone() {
    for size in [SMALL, USUAL, LARGE, HUGE] {
        let mut play = Play::begin(size);
        let bar = |play: &Play| play.screen().lines().next().unwrap().to_string();
        let before = bar(&play);
        play.keys("a").answer(diff()).wait(1000);
        assert_eq!(bar(&play), before);
        // Where not all has room at once, it is read to its end.
        let beginning = play.screen();
        play.keys("end").wait(1000);
        assert_eq!(bar(&play), before);
        let screen = play.screen();
        let border = screen.lines().find(|line| line.contains("APPROVE") && line.contains('─'));
        assert!(border.unwrap().contains("[otter teal] armed"), "{screen}");
        for word in ["77e0d12a", "9f3c1ab4", "4be21c09", "d41d8cd9", "2/2", "A then y"] {
            let is_shown = screen.contains(word) || beginning.contains(word);
            assert!(is_shown, "{word} is missing: {beginning}{screen}");
        }
        assert_eq!(size != SMALL, beginning.contains("armed"), "{beginning}");
    }
}

#[test]
fn more_findings_than_there_is_room_for_are_read_to_the_end_before_anything_is_approved() {
    let mut item = noticed();
    let found: Vec<_> = (1..=30).map(|n| finding("notice", "a.ts", n, "exec(x)")).collect();
    (item["findings"], item["finding_count"]) = (json!(found), json!(40));
    let mut play = Play::begin(USUAL);
    play.inbox(&[item]).keys("a").answer(diff()).wait(1000).keys("A y");
    assert!(play.screen().contains("a.ts:1 "), "{}", play.screen());
    assert_eq!(approvals(&play), []);
    play.keys("end").paint().wait(1000);
    let screen = play.screen();
    assert!(screen.contains("and 10 more: see the gates"), "{screen}");
    assert!(screen.contains("one commit onto"), "{screen}");
    play.keys("A y");
    assert_eq!(approvals(&play).len(), 1);
}

#[test]
fn what_has_no_room_to_be_shown_cannot_be_approved() {
    for (cols, rows) in [(39, 24), (80, 9)] {
        let mut play = Play::begin(Size { cols, rows });
        play.keys("a").answer(diff()).wait(1000).keys("A y").wait(1000).keys("A y");
        assert_eq!(approvals(&play), []);
        assert!(play.screen().contains("too small"), "{}", play.screen());
        play.take(Input::Resize(USUAL)).paint().wait(1000).keys("A y");
        assert_eq!(approvals(&play).len(), 1);
    }
}

#[test]
fn who_looked_away_has_to_look_again() {
    let mut play = armed();
    play.keys("A").take(Input::Focus(false)).paint().take(Input::Focus(true)).keys("y");
    assert_eq!(approvals(&play), []);
    let mut play = armed();
    play.keys("A").take(Input::Resize(LARGE)).paint().keys("y");
    assert_eq!(approvals(&play), []);
}

#[test]
fn a_keymap_cannot_take_the_keys_that_approve() {
    let own = "[nav]\n\"A\" = { run = \"goto diff\" }\n\"y\" = { run = \"back\" }\n\
               \"enter\" = { run = \"approve\" }";
    let keymap = Keymap::named("default").unwrap().with(own, "own").unwrap();
    let mut play = Play::with(setup(USUAL));
    play.app.setup.looks.keymap = keymap;
    play.keys("enter").answer(diff()).wait(1000).keys("enter enter").wait(1000);
    assert_eq!(approvals(&play), []);
    play.keys("A y");
    assert_eq!(approvals(&play).len(), 1);
}

#[test]
fn it_arms_only_once_the_diff_that_is_signed_is_here() {
    let mut play = Play::begin(USUAL);
    play.keys("a").wait(3000);
    assert!(play.screen().contains("not armed"), "{}", play.screen());
    let mut another = diff();
    another["diff_sha256"] = json!("ffff");
    play.keys("A y").answer(another).wait(3000).keys("A y");
    assert_eq!(approvals(&play), []);
    // Opened again it asks again.
    play.keys("esc a").answer(diff());
    assert!(play.screen().contains("arming"), "{}", play.screen());
    play.wait(1000).keys("A y");
    assert_eq!(approvals(&play).len(), 1);
}

/// What is cut at the edge or stands below the last line was not seen.
#[test]
fn all_that_is_signed_and_done_is_read_before_it_arms() {
    for item in [approval(HEAD), noticed()] {
        let mut play = Play::begin(SMALL);
        play.inbox(&[item]).keys("a").answer(diff()).wait(1000);
        let mut seen = String::new();
        for _ in 0..30 {
            let screen = play.screen();
            let lines = screen.lines().filter(|line| line.starts_with('│'));
            seen.extend(lines.map(|line| line.trim_matches(['│', ' ']).to_string() + " "));
            if screen.contains(" armed ") {
                break;
            }
            assert!(screen.contains("read on") && screen.contains("more below: down"), "{screen}");
            play.keys("A y");
            assert_eq!(approvals(&play), []);
            play.keys("pagedown").wait(1000);
        }
        assert!(!seen.contains('…') || seen.matches('…').count() == 1, "the digest alone: {seen}");
        for says in ["monban/7-1 stays", "1 hidden char!", "src/api.rs !", "src/page.rs +2 -0"] {
            assert!(seen.contains(says), "{says}: {seen}");
        }
        play.keys("A y");
        assert_eq!(approvals(&play).len(), 1);
    }
}

#[test]
fn what_would_be_refused_does_not_arm_and_says_so() {
    let mut halted = head();
    halted["repository"]["halted"] = json!({ "task": 11, "cause": "test failed" });
    let mut moved = tasks();
    moved[0]["base"] = json!("abcd1234ab98c0000000000000000000000000000");
    let worlds =
        [(halted, tasks(), "HALTED by task 11: test failed"), (head(), moved, "abcd1234 by now")];
    for (head_now, tasks_now, why) in worlds {
        let mut play = armed();
        play.keys("A").take(Input::Frame(vec![table(1, &head_now, &tasks_now)])).paint();
        assert!(play.screen().contains(why), "{}", play.screen());
        assert!(play.screen().contains("not armed"), "{}", play.screen());
        play.keys("y").wait(1000).keys("A y");
        assert_eq!(approvals(&play), []);
        play.take(Input::Frame(vec![table(1, &head(), &tasks())])).paint();
        play.keys("y").wait(1000).keys("A y");
        assert_eq!(approvals(&play).len(), 1);
    }
}

/// The usual approval, of a base that moved since it was judged.
fn left_behind() -> serde_json::Value {
    let mut item = approval(HEAD);
    item["base_moved_to"] = json!("feedc0de98c0000000000000000000000000000");
    item
}

#[test]
fn a_base_that_moved_is_told_before_anything_is_signed() {
    for size in [SMALL, USUAL, LARGE] {
        let mut play = Play::begin(size);
        play.inbox(&[left_behind()]).keys("a").answer(diff()).wait(1000);
        assert!(play.screen().contains("MOVED base is feedc0de by now"), "{}", play.screen());
        if size == SMALL {
            play.keys("pagedown").wait(1000);
        }
        for word in ["does  judges it again", "A then y judge again"] {
            assert!(play.screen().contains(word), "{word} is missing: {}", play.screen());
        }
        assert!(!play.screen().contains("one commit onto"), "{}", play.screen());
        play.keys("A");
        assert!(play.screen().contains("now y has it judged again"), "{}", play.screen());
        play.keys("y");
        assert_eq!(approvals(&play).len(), 1);
    }
}

#[test]
fn a_base_that_moves_while_the_dialog_is_open_disarms_it() {
    let mut play = armed();
    play.keys("A").inbox(&[left_behind()]).paint();
    assert!(play.screen().contains("since you opened it: where the base is"), "{}", play.screen());
    play.keys("y");
    assert_eq!(approvals(&play), []);
    play.wait(1000).keys("A y");
    assert_eq!(approvals(&play).len(), 1);
}

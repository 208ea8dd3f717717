//! Screens, modes, keys and what is looked at.

use super::super::*;
use super::play::*;
use crate::term::PointerAct;
use crate::tui::action::Action;
use crate::wire::view::Surface;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn every_key_goes_to_the_agent_but_the_leader() {
    let mut play = Play::begin(USUAL);
    play.keys("i");
    assert_eq!((play.app.mode(), play.app.screen()), (Mode::Pane, Screen::Focus));
    play.did.clear();
    play.keys("x q ctrl-c ctrl-s あ esc").take(Input::Paste("p".into()));
    let run = RunId(70);
    let press = |key: &str| Do::Say(Said::Press { run, keys: vec![key.into()] });
    let mut expected: Vec<Do> = ["x", "q", "ctrl-c", "ctrl-s", "あ", "esc"].map(press).into();
    expected.push(Do::Say(Said::Paste { run, text: "p".into() }));
    assert_eq!(play.did, expected);
    play.did.clear();
    play.keys("ctrl-] ctrl-]");
    assert_eq!((play.app.mode(), &*play.did), (Mode::Pane, &[press("ctrl-]")][..]));
    play.keys("ctrl-] j ctrl-]");
    assert_eq!(play.app.mode(), Mode::Nav, "not right after leaving");
}

#[test]
fn what_a_person_types_goes_nowhere_else_when_the_agent_ends() {
    let mut play = Play::begin(USUAL);
    play.keys("i");
    play.did.clear();
    let mut rows = tasks();
    rows[0]["run"] = json!(99);
    play.take(Input::Frame(vec![table(1, &head(), &rows)])).keys("x");
    assert_eq!(play.did, [Do::Say(Said::Press { run: RunId(70), keys: vec!["x".into()] })]);
    play.take(Input::NotTyped { run: RunId(70), why: "its agent is not running".into() });
    assert!(play.screen().contains("not typed: its agent is not running"));
    play.take(Input::Frame(vec![table(1, &head(), &[])])).keys("x");
    assert_eq!(play.app.mode(), Mode::Pane);
}

#[test]
fn the_selected_agent_is_looked_at_and_told_the_room() {
    let mut play = Play::begin(USUAL);
    play.keys("down enter");
    let looks: Vec<&Do> =
        play.did.iter().filter(|what| matches!(what, Do::Say(Said::Look { .. }))).collect();
    let pane = Surface::Pane { run: RunId(80), back: 0 };
    let look = Do::Say(Said::Look { surface: 4, at: Some(pane), kept: vec![] });
    assert_eq!(looks, [&Do::Say(Said::Look { surface: 3, at: None, kept: vec![] }), &look]);
    let size = Size { cols: 80, rows: 21 };
    assert!(play.did.contains(&Do::Say(Said::Room { run: RunId(80), size })), "{:?}", play.did);
}

#[test]
fn a_terminal_that_grows_back_gives_the_agent_its_room_again_on_any_screen() {
    let mut play = Play::begin(USUAL);
    play.keys("enter").take(Input::Resize(Size { cols: 20, rows: 5 }));
    play.keys("1");
    play.did.clear();
    play.take(Input::Resize(USUAL));
    let size = Size { cols: 80, rows: 21 };
    assert!(play.did.contains(&Do::Say(Said::Room { run: RunId(70), size })), "{:?}", play.did);
}

#[test]
fn a_frame_of_the_pane_before_changes_nothing() {
    let mut play = Play::begin(USUAL);
    play.keys("down");
    let late = Update { surface: 3, rows: vec![(5, "[\"late\"]".into())], ..Update::default() };
    play.did.clear();
    play.take(Input::Frame(vec![late]));
    assert_eq!(play.did, []);
    assert!(!play.screen().contains("late"));
}

#[test]
fn the_history_of_a_pane_is_scrolled_in_the_same_surface() {
    let mut play = Play::begin(USUAL);
    play.keys("enter");
    play.did.clear();
    play.keys("up");
    let [
        Do::Say(Said::Look {
            surface: 3,
            at: Some(Surface::Pane { run: RunId(70), back: 1 }),
            kept,
        }),
    ] = play.did.as_slice()
    else {
        panic!("{:?}", play.did)
    };
    assert_eq!(kept.len(), 30);
    play.keys("end");
    assert_eq!(play.app.rows_back(), 0);
}

#[test]
fn a_connection_that_comes_back_tells_what_is_here() {
    let mut play = Play::begin(USUAL);
    play.take(Input::Lost("cut".into(), Duration::ZERO));
    assert!(play.screen().contains("ページ番号"), "the fleet stays readable");
    assert!(play.screen().contains("作業中"), "and so does the agent's screen");
    play.did.clear();
    play.take(Input::Connected);
    let kept = play.did.iter().filter_map(|what| match what {
        Do::Say(Said::Look { surface, kept, .. }) => Some((*surface, kept.len())),
        _ => None,
    });
    assert_eq!(kept.collect::<Vec<_>>(), [(1, 6), (2, 2), (3, 30)]);
    assert!(!play.screen().contains("STALE"));
}

/// A line that fell silent looks as one does on which nothing happens: who types is told.
#[test]
fn a_line_that_does_not_answer_is_told_in_the_top_bar() {
    for (size, says) in [(USUAL, "no answer for 3 s"), (SMALL, "no answer 3 s")] {
        let mut play = Play::begin(size);
        play.take(Input::Silent(Some(Duration::from_millis(3400))));
        assert!(play.screen().contains(says), "{}", play.screen());
        play.take(Input::Silent(None));
        assert!(!play.screen().contains("no answer"));
        // What is known to be gone is stale, since when is known too.
        play.take(Input::Silent(Some(Duration::from_secs(3))));
        play.take(Input::Lost("timed out".into(), Duration::from_secs(30)));
        assert!(!play.screen().contains("no answer") && play.screen().contains("STALE"));
    }
}

#[test]
fn a_frame_that_makes_no_sense_is_asked_for_anew() {
    let mut play = Play::begin(USUAL);
    let broken = Update { surface: 2, rows: vec![(9, "{}".into())], ..Update::default() };
    play.take(Input::Frame(vec![broken]));
    let at = Some(Surface::Inbox { all: false });
    assert!(play.did.contains(&Do::Say(Said::Look { surface: 2, at, kept: vec![] })));
}

#[test]
fn the_next_that_needs_a_person_is_one_key_away() {
    let mut play = Play::begin(USUAL);
    play.keys("down !");
    let longest = (Screen::Inbox, Some(TaskId(7)));
    assert_eq!((play.app.screen(), play.app.task), longest, "whatever was selected");
    play.keys("3 !");
    assert_eq!((play.app.screen(), play.app.task), (Screen::Focus, Some(TaskId(8))));
    play.keys("!");
    assert_eq!((play.app.screen(), play.app.task), (Screen::Inbox, Some(TaskId(7))));
}

#[test]
fn screens_go_back_the_way_they_came_and_q_leaves_at_the_top() {
    let mut play = Play::begin(USUAL);
    play.keys("d v q");
    assert_eq!(play.app.screen(), Screen::Diff);
    play.keys("esc esc esc");
    assert_eq!(play.app.screen(), Screen::Fleet);
    assert!(!play.did.contains(&Do::Quit), "esc does not leave");
    play.keys("q");
    assert!(play.did.contains(&Do::Quit));
}

#[test]
fn a_chord_waits_and_shows_what_may_follow() {
    let mut play = Play::begin(USUAL);
    play.keys("g");
    assert!(!play.screen().contains("g ..."));
    play.wait(300);
    assert!(play.screen().contains("g ..."), "{}", play.screen());
    play.keys("d");
    assert_eq!(play.app.screen(), Screen::Diff);
    play.keys("g esc d").wait(1000);
    assert_eq!(play.app.screen(), Screen::Diff);
    assert_eq!(
        play.did.iter().rev().find(|what| matches!(what, Do::Timer(_))),
        Some(&Do::Timer(None))
    );
}

#[test]
fn fullwidth_letters_act_and_other_characters_say_why_they_do_not() {
    let mut play = Play::begin(USUAL);
    play.keys("ｄ");
    assert_eq!(play.app.screen(), Screen::Diff);
    play.keys("あ");
    assert!(play.screen().contains("an input method is on?"));
}

#[test]
fn every_action_is_reached_with_arrows_enter_and_function_keys() {
    for (at, action) in palette::Palette::new().found().into_iter().enumerate() {
        let mut play = Play::begin(USUAL);
        play.keys("f10");
        for _ in 0..at {
            play.keys("down");
        }
        let Some(Dialog::Palette(palette)) = &play.app.dialog else { panic!("no palette") };
        assert_eq!(palette.selected(), Some(action));
        play.keys("enter");
        let is_closed = !matches!(play.app.dialog, Some(Dialog::Palette(_)));
        assert!(is_closed || action == Action::Palette);
    }
}

#[test]
fn a_diff_is_gone_through_by_files_and_hunks_and_searched() {
    let mut play = Play::begin(USUAL);
    play.keys("d").answer(diff());
    assert_eq!(play.app.diff_at.0, 0);
    play.keys("]");
    assert_eq!(play.app.diff_at.0, 9);
    play.keys("{");
    assert_eq!(play.app.diff_at.0, 3);
    play.keys("/ P a g e ( enter");
    assert_eq!(play.app.diff_at.0, 14);
    play.keys("right N");
    assert_eq!(play.app.diff_at, (14, 8), "there is no other");
}

#[test]
fn verdicts_are_asked_for_again_when_they_change() {
    let mut play = Play::begin(USUAL);
    play.keys("v").answer(gates());
    play.did.clear();
    play.take(Input::Frame(vec![table(1, &head(), &tasks())]));
    assert_eq!(play.asked(), []);
    let mut rows = tasks();
    rows[0]["state"] = json!("checking");
    play.take(Input::Frame(vec![table(1, &head(), &rows)]));
    assert_eq!(play.asked().len(), 1);
}

#[test]
fn a_click_selects_and_the_wheel_scrolls() {
    let mut play = Play::begin(USUAL);
    play.take(Input::Mouse(pointer(CLICK, 5, 4)));
    assert_eq!(play.app.task, Some(TaskId(9)));
    play.take(Input::Mouse(pointer(PointerAct::WheelDown, 5, 4)));
    assert_eq!(play.app.task, Some(TaskId(12)));
    play.take(Input::Mouse(pointer(CLICK, 5, 20)));
    assert_eq!(play.app.task, Some(TaskId(12)));
}

#[test]
fn the_mouse_is_the_agents_that_asked_for_it_while_a_person_types_to_it() {
    let mut play = Play::begin(USUAL);
    play.keys("i").show_pane();
    play.did.clear();
    let press = Input::Mouse(pointer(CLICK, 5, 4));
    play.take(press.clone());
    assert_eq!(play.did, [], "it did not ask");
    let surface = play.app.panes.surface().unwrap();
    let size = Size { cols: 100, rows: 30 };
    let mut asks = pane_of("\x1b[30;95Hx", size);
    Arc::make_mut(asks.head.as_mut().unwrap())["mouse"] = json!(true);
    play.take(Input::Frame(vec![Update { surface, ..asks }]));
    play.take(press).take(Input::Mouse(pointer(CLICK, 5, 1)));
    // Of a pane that is larger, its lower right part is shown: the cell is the agent's.
    let (run, pointer) = (RunId(70), pointer(CLICK, 5 + 16, 4 - 2 + 9));
    assert_eq!(play.did, [Do::Say(Said::Point { run, pointer })], "the line over the pane is ours");
}

#[test]
fn the_log_of_a_verdict_is_read_from_its_end_to_its_beginning() {
    let mut play = Play::begin(USUAL);
    let log: Vec<String> = (1..=100).map(|line| format!("log line {line}.")).collect();
    let mut one = gates();
    one[0]["verdicts"][1]["tail"] = json!(log.join("\n"));
    play.keys("v").answer(one);
    assert!(play.screen().contains("log line 100."), "{}", play.screen());
    play.keys("pageup");
    let screen = play.screen();
    assert!(!screen.contains("log line 100.") && screen.contains(" above, "), "{screen}");
    play.keys("g g");
    assert!(play.screen().contains("failing:") && play.screen().contains("log line 1."));
    play.keys("pageup pagedown pagedown G");
    assert!(play.screen().contains("log line 100."));
    // Another verdict is read from its end again.
    play.keys("g g k j");
    assert!(play.screen().contains("log line 100."));
}

#[test]
fn nothing_is_due_while_nothing_happens() {
    let mut play = Play::begin(USUAL);
    for keys in ["down", "enter", "esc d", "q v", "q 5", "?"] {
        play.keys(keys);
    }
    assert!(!play.did.iter().any(|what| matches!(what, Do::Timer(_))));
}

/// An agent says when its question ends: what is being typed to it must not go to another.
#[test]
fn keys_go_on_to_the_same_task_when_its_item_waits_no_longer() {
    let mut play = Play::begin(USUAL);
    play.keys("5 down");
    assert_eq!(play.app.task, Some(TaskId(8)));
    play.inbox(&[approval(HEAD)]).paint();
    assert!(play.screen().contains("what was selected waits no longer"), "{}", play.screen());
    play.keys("i");
    assert_eq!(play.app.typing, Some(RunId(80)), "not to the first of those that are left");
    play.keys("ctrl-] 5 down");
    assert_eq!((play.app.item.as_deref(), play.app.task), (Some("item4"), Some(TaskId(7))));
}

#[test]
fn a_task_that_was_wanted_and_is_not_there_is_told() {
    let app = App::new(setup(USUAL), Begin { task: Some(TaskId(99)), says: None });
    let mut play = Play::begin(USUAL);
    play.app = app;
    play.take(Input::Connected).take(Input::Frame(vec![table(1, &head(), &tasks())]));
    assert!(play.screen().contains("there is no task 99"), "{}", play.screen());
}

#[test]
fn a_line_that_fell_silent_is_stale_since_the_last_news() {
    let mut play = Play::begin(USUAL);
    play.wait(300_000).take(Input::Lost("timed out".into(), Duration::from_secs(90)));
    assert!(play.screen().contains("STALE since 14:03"), "{}", play.screen());
}

#[test]
fn the_hint_says_back_where_the_key_goes_back() {
    let mut play = Play::begin(HUGE);
    assert!(play.screen().contains("q leave"), "{}", play.screen());
    for screen in ["2", "3", "4"] {
        play.keys(screen);
        let shown = play.screen();
        assert!(shown.contains("q back") && !shown.contains("q leave"), "{shown}");
    }
}

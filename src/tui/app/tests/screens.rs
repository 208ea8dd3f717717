//! Every screen at four sizes, as a terminal would show it.

use super::super::*;
use super::attest::{attesting, human_gates};
use super::play::*;
use ratatui::buffer::CellWidth;
use serde_json::json;
use std::time::Duration;

const SIZES: [Size; 4] = [SMALL, USUAL, LARGE, HUGE];

/// Plays the same at every size and compares the screens.
fn shown(name: &str, play: fn(&mut Play)) {
    let mut all = String::new();
    for size in SIZES {
        let mut one = Play::begin(size);
        play(&mut one);
        one.show_pane();
        all += &format!("== {}x{}\n{}", size.cols, size.rows, one.screen());
        is_whole(&one);
    }
    insta::with_settings!({ snapshot_path => "../../../../tests/snapshots/tui",
        prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, all);
    });
}

/// Whether every border of a dialog is there, and no wide character reaches over an edge.
fn is_whole(play: &Play) {
    let (buffer, _) = play.buffer();
    for y in buffer.area.top()..buffer.area.bottom() {
        for x in buffer.area.left()..buffer.area.right() {
            let symbol = buffer[(x, y)].symbol();
            assert!(!symbol.contains(char::is_control), "{symbol:?} at {x},{y}");
            let columns = symbol.cell_width();
            assert!(x + columns.max(1) <= buffer.area.right(), "{symbol} at {x},{y}");
            for behind in 1..columns {
                let symbol = buffer[(x + behind, y)].symbol();
                assert!(matches!(symbol, " " | ""), "{symbol} is covered at {x},{y}");
            }
        }
    }
}

#[test]
fn fleet() {
    shown("fleet", |_| {});
}

#[test]
fn fleet_of_many_that_is_cut_off_and_halted() {
    shown("fleet-many-stale", |play| {
        let rows: Vec<serde_json::Value> = (1..80)
            .map(|id| task(id, "作業の題名が長い場合にどう見えるか", "running", "working"))
            .collect();
        let mut halted = head();
        halted["repository"]["halted"] = json!({ "task": 11, "cause": "test failed" });
        play.take(Input::Frame(vec![table(1, &halted, &rows)]));
        play.keys("end").take(Input::Lost("the line is cut".into(), Duration::ZERO));
    });
}

#[test]
fn a_long_refusal_is_read_in_full() {
    shown("refusal", |play| {
        let why = "the repository of task 7 is halted after a failure";
        let cure = "look at it, then lift the halt with the resume action";
        let refused = crate::model::rejection::Rejection::refused(why, cure).by_rule("A-017");
        play.keys("p").take(Input::Answer { id: 1, answer: Answer::Refused(refused) });
    });
}

#[test]
fn nothing_yet() {
    shown("fleet-empty", |play| {
        play.take(Input::Frame(vec![table(1, &head(), &[]), table(2, &json!({}), &[])]));
    });
}

#[test]
fn focus() {
    shown("focus", |play| {
        play.keys("enter").show_pane().keys("i");
    });
}

#[test]
fn inbox() {
    shown("inbox", |play| {
        play.keys("5");
    });
}

#[test]
fn inbox_question() {
    shown("inbox-question", |play| {
        play.keys("5 down");
    });
}

#[test]
fn the_diff() {
    shown("diff", |play| {
        play.keys("d").answer(diff());
    });
}

#[test]
fn the_gates() {
    shown("gates", |play| {
        play.keys("v").answer(gates());
    });
}

#[test]
fn the_gates_of_a_change_with_findings() {
    shown("gates-findings", |play| {
        play.keys("v").answer(red_gates());
    });
}

#[test]
fn findings_are_read_from_their_beginning() {
    let mut play = Play::begin(USUAL);
    play.keys("v").answer(red_gates());
    assert!(play.screen().contains("violation danger/child-process src/ページ/api.ts:1"));
    play.keys("pgdn");
    assert!(!play.screen().contains("api.ts:1\n"), "{}", play.screen());
    for _ in 0..20 {
        play.keys("pgdn");
    }
    assert!(play.screen().contains("and 108 more"), "{}", play.screen());
}

#[test]
fn an_approval_with_notices() {
    shown("approval-notices", |play| {
        play.inbox(&[noticed()]).keys("a").answer(diff()).wait(1000);
    });
}

#[test]
fn an_approval_that_attests() {
    shown("approval-attests", |play| {
        let (mut rows, human) = (tasks(), json!({ "check": "human", "outcome": "waiting" }));
        rows[0]["verdicts"].as_array_mut().unwrap().push(human);
        play.take(Input::Frame(vec![table(1, &head(), &rows)])).inbox(&[attesting()]);
        play.keys("a").answer(diff()).wait(1000).keys("pagedown").wait(1000);
        play.keys("1").wait(1000);
    });
}

#[test]
fn gates_that_wait_for_a_person() {
    shown("gates-human", |play| {
        play.keys("v").answer(human_gates());
    });
}

#[test]
fn inbox_with_notices() {
    shown("inbox-notices", |play| {
        play.inbox(&[noticed()]).keys("5");
    });
}

#[test]
fn approval_arming() {
    shown("approval-arming", |play| {
        play.keys("enter").show_pane().keys("a").answer(diff()).keys("end");
    });
}

#[test]
fn approval_half_pressed() {
    shown("approval-half", |play| {
        play.keys("a").answer(diff()).wait(1000).keys("end").wait(1000).keys("A");
    });
}

#[test]
fn approval_changed() {
    shown("approval-changed", |play| {
        play.keys("a").wait(1000).inbox(&[approval("bbbb")]);
    });
}

#[test]
fn approval_held_by_somebody_else() {
    shown("approval-held", |play| {
        let deciding = json!([{ "item": "item4", "client": 2, "person": "みどり" }]);
        play.keys("a").answer(diff()).wait(1000);
        play.take(Input::Frame(vec![table(
            2,
            &json!({ "deciding": deciding, "you": 1 }),
            &items(),
        )]));
    });
}

#[test]
fn inbox_alarm() {
    shown("inbox-alarm", |play| {
        play.inbox(&[alarm(3), approval(HEAD)]).keys("5 up");
    });
}

#[test]
fn an_alarm() {
    shown("alarm", |play| {
        play.inbox(&[alarm(9)]).keys("enter").show_pane().keys("a").wait(1000);
    });
}

#[test]
fn a_start_with_a_gate_that_nobody_trusts() {
    shown("start-trust", |play| {
        play.keys("G up s").take(Input::Answer { id: 1, answer: Answer::Done(gate(false)) });
        play.answer(ended_task()).wait(1000).keys("pagedown").wait(1000);
    });
}

#[test]
fn the_reject_dialog() {
    shown("reject", |play| {
        play.keys("enter").show_pane().keys("r");
        play.take(Input::Paste(
            "ページ番号は0ではなく1から始めてください\nand the tests too".into(),
        ));
    });
}

#[test]
fn the_abort_dialog() {
    shown("abort", |play| {
        play.keys("enter").show_pane().keys("x").wait(1000).keys("9 f");
    });
}

#[test]
fn the_checkpoints() {
    shown("checkpoints", |play| {
        play.keys("u").answer(whole_task()).keys("down");
    });
}

#[test]
fn the_form() {
    shown("form", |play| {
        play.keys("n 写 真 tab right tab tab a enter b");
    });
}

/// What a person calls their agents and tasks is not cut while there is room for it.
#[test]
fn names_have_the_room_that_there_is() {
    let mut rows = tasks();
    rows[1]["agent"] = serde_json::json!("reviewer-of-parsers");
    for (size, whole) in [(HUGE, true), (USUAL, false)] {
        let mut play = Play::begin(size);
        play.take(Input::Frame(vec![table(1, &head(), &rows)]));
        let screen = play.screen();
        assert_eq!(screen.contains(" reviewer-of-parsers "), whole, "{screen}");
        assert!(screen.contains("which port?"), "{screen}");
    }
    let play = Play::begin(HUGE);
    let screen = play.screen();
    assert!(screen.contains("flaky test (test failed: 2 of 214)"), "{screen}");
}

#[test]
fn help() {
    shown("help", |play| {
        play.keys("?");
    });
}

#[test]
fn the_palette() {
    shown("palette", |play| {
        play.keys(": g o down");
    });
}

#[test]
fn people() {
    shown("people", |play| {
        play.keys("w");
    });
}

#[test]
fn which_key() {
    shown("which-key", |play| {
        play.keys("g").wait(300);
    });
}

#[test]
fn search() {
    shown("search", |play| {
        play.keys("/ 写");
    });
}

#[test]
fn no_size_is_too_small_to_draw_and_cells_of_agents_stay_in_their_pane() {
    for (cols, rows) in
        [(0, 0), (0, 5), (5, 0), (1, 1), (2, 2), (5, 3), (13, 5), (40, 4), (300, 3), (3, 90)]
    {
        for keys in ["down", "enter", "d", "v", "5", "a", "r", "x", "n", "?", ":", "u", "w", "/"] {
            let mut play = Play::begin(Size { cols, rows });
            play.keys(keys).show_pane().wait(1000);
            is_whole(&play);
        }
    }
}

#[test]
fn without_colours_there_are_none() {
    let mut play = Play::with(Setup { no_colour: true, ..setup(USUAL) });
    play.app.setup.looks.theme = Theme::named("terminal").unwrap().without_colour();
    for keys in ["down", "5", "d", "v", "a", "?"] {
        play.keys(keys);
        let (buffer, _) = play.buffer();
        let is_plain = |cell: &ratatui::buffer::Cell| {
            (cell.fg, cell.bg) == (ratatui::style::Color::Reset, ratatui::style::Color::Reset)
        };
        let rows = buffer.content.iter().filter(|cell| !is_plain(cell)).count();
        // The preview is the agent's, with its colours.
        assert!(rows == 0 || play.app.screen() == Screen::Fleet, "{keys}: {rows}");
    }
}

#[test]
fn an_agent_can_reach_neither_the_bar_nor_the_foot() {
    let mut play = Play::begin(USUAL);
    play.keys("enter");
    let surface = play.app.panes.surface().unwrap();
    let huge = Size { cols: 300, rows: 200 };
    let output = "\x1b[?25lX".repeat(300 * 200);
    let (before, _) = play.buffer();
    let update = Update { surface, ..pane_of(&output, huge) };
    play.take(Input::Frame(vec![update]));
    let (after, _) = play.buffer();
    for y in [0, 23] {
        for x in 0..80 {
            assert_eq!(before[(x, y)], after[(x, y)], "{x},{y}");
        }
    }
    assert_eq!(after[(79, 22)].symbol(), "X");
    assert!(text_of(&after).contains("300x200 shown 80x21"), "{}", text_of(&after));
}

#[test]
fn every_theme_draws_every_state_apart_from_the_others() {
    let mut play = Play::begin(USUAL);
    for _ in 0..=play.app.setup.looks.more_themes.len() {
        let (buffer, _) = play.buffer();
        let style = |y: u16| (buffer[(7, y)].symbol().to_string(), buffer[(7, y)].fg);
        let looks: Vec<_> = [3, 5, 6].map(style).into();
        assert!(looks.iter().all(|one| looks.iter().filter(|other| *other == one).count() == 1));
        let colours: BTreeSet<String> = looks.iter().map(|(_, fg)| format!("{fg:?}")).collect();
        assert!(colours.len() > 1, "{looks:?}");
        play.keys("t");
    }
}

#[test]
fn everything_is_drawn_in_whatever_room_there_is() {
    let sizes = [(1, 1), (1, 60), (200, 1), (2, 2), (4, 3), (7, 5), (39, 9), (160, 48)];
    let opened = ["a", "r", "x", "u", "U", "n", "?", ":", "w", "/", "g", "2 i", "3", "4", "5"];
    for (cols, rows) in sizes {
        for keys in opened {
            let mut play = Play::begin(Size { cols, rows });
            play.keys(keys).wait(1000);
            play.take(Input::Paste("日本語 a line\n".repeat(40)));
            play.take(Input::Refused("日本語 why not ".repeat(40)));
            let (buffer, cursor) = play.buffer();
            let mut out = Vec::new();
            crate::tui::present::Presenter::default().present(&buffer, cursor, true, &mut out);
            assert!(!out.is_empty());
        }
    }
}

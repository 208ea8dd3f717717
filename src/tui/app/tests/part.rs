//! Drawing a part gives what drawing everything gives.

use super::super::*;
use super::play::*;
use crate::view::Content;
use crate::view::pane::{self, Head};
use crate::view::sender::Sender;
use serde_json::json;

const SIZE: Size = Size { cols: 60, rows: 12 };

/// What an agent writes next: mostly an echo, sometimes more than its rows change.
fn output(dice: &mut u32) -> String {
    *dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    match (*dice >> 16) % 12 {
        0 => "\r\n".into(),
        1 => "日本".into(),
        2 => format!("\x1b[{}H", (*dice >> 20) % 12 + 1),
        3 => "\x1b[31mred\x1b[0m".into(),
        4 => "\x1b[?25l".into(),
        5 => "\x1b[?25h\x08 \x08".into(),
        6 => "\x1b]2;another title\x07".into(),
        _ => "x".into(),
    }
}

#[test]
fn an_echo_is_drawn_as_if_everything_were() {
    for is_typing in [true, false] {
        let mut play = Play::begin(USUAL);
        play.keys("enter");
        if is_typing {
            play.keys("i");
        }
        let surface = play.app.panes.surface().unwrap();
        let mut sender = Sender::default();
        assert!(sender.look(surface, Vec::new()));
        sender.credit(u64::MAX);
        let mut terminal = crate::term::Terminal::new(SIZE, 100);
        let (mut drawn, mut dice, mut parts) = (play.buffer(), 7, 0);
        for step in 0..400 {
            terminal.feed(output(&mut dice).as_bytes());
            let title = terminal.title().shown();
            let head = Head { size: SIZE, live: true, title, ..Head::default() };
            let rows = (0..SIZE.rows).filter_map(|y| terminal.row(y));
            let rows = rows.map(|row| pane::encode(&row)).collect();
            let cursor = Some(terminal.cursor());
            let content = Content { head: json!(head).into(), cursor, rows };
            let Some((_, updates)) = sender.frame([(surface, content)]) else { continue };
            play.take(Input::Frame(updates));
            match play.app.changed_part() {
                Some(rows) => {
                    parts += 1;
                    drawn.1 = draw_part(&play.app, &rows, &mut drawn.0);
                }
                None => drawn = play.buffer(),
            }
            play.app.is_drawn();
            assert_eq!(drawn, play.buffer(), "step {step}, typing: {is_typing}");
        }
        assert!(parts > 200, "{parts} frames were drawn in part");
    }
}

#[test]
fn what_lies_over_a_pane_stays_there() {
    let mut play = Play::begin(USUAL);
    play.keys("enter ?");
    play.app.is_drawn();
    play.show_pane();
    assert_eq!(play.app.changed_part(), None, "help is open");
}

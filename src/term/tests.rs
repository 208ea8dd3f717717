//! Behaviour of a terminal, told by its public face.

use super::cell::{Color, Underline};
use super::modes::{Modes, Mouse};
use super::screen::{Cursor, CursorShape, TermEvent, Terminal};
use super::status::ProgramState;
use crate::base::foreign::Foreign;
use crate::base::size::Size;

fn terminal(cols: u16, rows: u16) -> Terminal {
    Terminal::new(Size { cols, rows }, 100)
}

fn fed(cols: u16, rows: u16, bytes: impl AsRef<[u8]>) -> Terminal {
    let mut terminal = terminal(cols, rows);
    terminal.feed(bytes.as_ref());
    terminal
}

/// The answers to `bytes`, as text.
fn answers(bytes: &str) -> Vec<String> {
    let events = terminal(20, 5).feed(bytes.as_bytes());
    let text = |event: TermEvent| match event {
        TermEvent::Reply { bytes, .. } => Some(String::from_utf8(bytes).unwrap()),
        _ => None,
    };
    events.into_iter().filter_map(text).collect()
}

#[test]
fn text_wraps_and_scrolls_into_the_scrollback() {
    let terminal = fed(5, 2, "one\r\ntwo\r\nabcdefg");
    assert_eq!(terminal.text_rows(), ["abcde", "fg"]);
    assert_eq!(terminal.scrollback_len(), 2);
    assert_eq!(terminal.scrollback_row(0).unwrap().trimmed(), "two");
    assert_eq!(terminal.scrollback_row(1).unwrap().trimmed(), "one");
    assert!(terminal.scrollback_row(2).is_none() && terminal.row(2).is_none());
    assert!(terminal.row(0).unwrap().wrapped && !terminal.row(1).unwrap().wrapped);
}

#[test]
fn a_narrower_terminal_wraps_again_and_a_wider_one_joins() {
    let mut terminal = fed(10, 3, "one\r\ntwo\r\nabcdefgh");
    terminal.resize(Size { cols: 5, rows: 3 });
    assert_eq!(terminal.text_rows(), ["two", "abcde", "fgh"]);
    assert_eq!(terminal.scrollback_row(0).unwrap().trimmed(), "one");
    terminal.resize(Size { cols: 10, rows: 3 });
    assert_eq!(terminal.text_rows(), ["one", "two", "abcdefgh"]);
    terminal.resize(Size { cols: 0, rows: 9999 });
    assert_eq!(terminal.size(), Size { cols: 4, rows: 500 });
}

#[test]
fn cells_have_text_width_and_style() {
    let terminal = fed(12, 2, "\x1b[1;38;5;9;4:3;58;2;1;2;3mあe\u{301}\x1b[0;7;44m \x1b[mz");
    let row = terminal.row(0).unwrap();
    let cells: Vec<_> = row.iter().map(|(text, cell)| (text, cell.width)).collect();
    assert_eq!(cells[..4], [("あ", 2), ("e\u{301}", 1), (" ", 1), ("z", 1)]);
    assert_eq!(row.cells.iter().map(|cell| u16::from(cell.width)).sum::<u16>(), 12);
    let (first, third, last) = (row.cells[0].style, row.cells[2].style, row.cells[3].style);
    assert!(first.bold && !first.inverse && first.underline == Underline::Curly);
    assert_eq!((first.fg, first.underline_color), (Color::Indexed(9), Color::Rgb(1, 2, 3)));
    assert!(third.inverse && !third.bold && third.bg == Color::Indexed(4));
    assert_eq!(last, super::Style::default());
}

#[test]
fn emoji_made_of_several_characters_take_one_place() {
    for cluster in
        ["👩\u{200d}💻", "❤\u{fe0f}", "👍🏽", "🇯🇵", "👩🏽\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👨🏽"]
    {
        let terminal = fed(10, 2, format!("{cluster}x"));
        let row = terminal.row(0).unwrap();
        assert_eq!(row.iter().next().unwrap().0, cluster);
        assert_eq!(terminal.cursor().col, 3, "{cluster}");
    }
}

#[test]
fn titles_and_notifications_are_foreign_text() {
    let mut terminal = terminal(20, 2);
    let output = "\x1b]0;✳ Claude\x07\x1b]2;✳ Claude\x1b\\\x1b]9;4;1;50\x07\x1b]9;hello\x07\
                  \x1b]777;notify;T;B\x07\x07\x07";
    let text = |text: &str| Foreign::new(text);
    assert_eq!(
        terminal.feed(output.as_bytes()),
        [
            TermEvent::Title(text("✳ Claude")),
            TermEvent::Notification(text("hello")),
            TermEvent::Notification(text("T;B")),
            TermEvent::Bell,
        ],
    );
    assert_eq!(terminal.title(), &text("✳ Claude"));
    terminal.feed(format!("\x1b]0;{}\x07", "x".repeat(5000)).as_bytes());
    assert_eq!(terminal.title().raw().len(), 1024);
}

#[test]
fn events_keep_the_order_of_the_stream() {
    let mut terminal = terminal(20, 2);
    let events = terminal.feed(b"\x1b]7501;?\x1b\\\x1b[c\x1b]7501;state=idle\x1b\\\x07\x1b[5n");
    let numbers: Vec<u64> = events
        .iter()
        .filter_map(|event| match event {
            TermEvent::Reply { query_end, .. } => Some(*query_end),
            _ => None,
        })
        .collect();
    // The first query is complete with the ESC of its terminator.
    assert_eq!(numbers, [9, 13, 37]);
    assert!(matches!(&events[2], TermEvent::Status(r) if r.state == ProgramState::Idle));
    assert_eq!(events[3], TermEvent::Bell);
}

#[test]
fn queries_have_fixed_answers() {
    assert_eq!(
        answers("\x1b[c\x1b[0c\x1bZ\x1b[>c"),
        ["\x1b[?62;22c", "\x1b[?62;22c", "\x1b[?62;22c", "\x1b[>1;1;0c"]
    );
    assert_eq!(answers("ab\r\nc\x1b[6n\x1b[?6n"), ["\x1b[2;2R", "\x1b[?2;2R"]);
    assert_eq!(answers("\x1b[2;4r\x1b[?6h\x1b[2;3H\x1b[6n"), ["\x1b[2;3R"]);
    assert_eq!(answers("\x1b[>7u\x1b[?u\x1b[?1049h\x1b[?u"), ["\x1b[?7u", "\x1b[?0u"]);
    assert_eq!(answers("\x1b[?996n"), ["\x1b[?997;1n"]);
    assert_eq!(
        answers("\x1b[?2004h\x1b[?2004$p\x1b[?7$p\x1b[?2027$p\x1b[?1016$p\x1b[4$p"),
        ["\x1b[?2004;1$y", "\x1b[?7;1$y", "\x1b[?2027;3$y", "\x1b[?1016;0$y", "\x1b[4;2$y"],
    );
    assert_eq!(
        answers("\x1b]10;?;?\x07"),
        ["\x1b]10;rgb:d0d0/d0d0/d0d0\x07\x1b]11;rgb:0000/0000/0000\x07"],
    );
}

#[test]
fn nothing_a_program_chose_comes_back_to_it() {
    let silent = "\x1b]0;evil\x07\x1b[21t\x1b[20t\x1bP$qm\x1b\\\x1bP+q544e\x1b\\\x1b]52;c;?\x07\
                  \x1b]4;1;?\x07\x1b]11;rgb:1/2/3\x07\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\
                  \x1b[=c\x1b[16t\x1b[18t\x05\x1b[x\x1b]7501;?x\x07\x1b]50;?\x07";
    assert_eq!(answers(silent), [""; 0]);
    let terminal = fed(20, 2, silent);
    assert_eq!(terminal.text_rows(), ["", ""]);
}

#[test]
fn links_clipboard_and_pictures_leave_no_trace() {
    let output = "a\x1b]8;id=1;file:///etc\x1b\\b\x1b]8;;\x1b\\\x1b]52;c;aGk=\x07\
                  \x1bPq#0;2;0;0;0~~\x1b\\\x1b_Gf=24;AAAA\x1b\\\x1b^x\x1b\\\x1bXy\x1b\\c";
    assert_eq!(fed(10, 2, output).text_rows(), ["abc", ""]);
}

#[test]
fn modes_follow_the_program_and_are_reset_at_its_end() {
    let mut terminal = fed(
        20,
        3,
        "\x1b[?1049;2004;1004;1003;1006;1;2031h\x1b=\x1b[>5u\x1b[>4;2m\x1b[?25l\x1b[2 q\x1b[4 q\
         \x1b[1;31mdead\x1b[2;3r\x1b[?2026h\x1b]0;x",
    );
    let expected = Modes {
        alt_screen: true,
        application_cursor: true,
        application_keypad: true,
        bracketed_paste: true,
        focus: true,
        color_scheme: true,
        mouse: Mouse::Motion,
        mouse_sgr: true,
        keyboard: 5,
        modify_other_keys: 2,
    };
    assert_eq!(terminal.modes(), expected);
    let cursor = Cursor { row: 0, col: 0, visible: false, shape: CursorShape::Underline };
    assert_eq!(terminal.cursor(), cursor);
    assert!(terminal.is_mid_frame());

    terminal.reset_modes();
    assert_eq!(terminal.modes(), Modes { alt_screen: true, ..Modes::default() });
    assert!(terminal.cursor().visible && !terminal.is_mid_frame());
    assert_eq!(terminal.text_rows(), ["dead", "", ""]);
    terminal.feed(b"\r\n\n\nplain");
    assert_eq!(terminal.text_rows()[2], "plain");
    assert_eq!(terminal.row(2).unwrap().cells[0].style, super::Style::default());
}

#[test]
fn keyboard_flags_are_stacked_per_screen() {
    let flags = |output: &str| fed(20, 2, output).modes().keyboard;
    assert_eq!(flags("\x1b[>1u\x1b[>7u\x1b[<u"), 1);
    assert_eq!(flags("\x1b[>1u\x1b[?1049h"), 0);
    assert_eq!(flags("\x1b[>1u\x1b[?1049h\x1b[>7u\x1b[?1049l"), 1);
    assert_eq!(flags("\x1b[=5u\x1b[=2;2u\x1b[=1;3u"), 6);
    assert_eq!(flags("\x1b[>1u\x1b[<99u"), 0);
    assert_eq!(flags("\x1b[>65535u\x1bc"), 0);
}

#[test]
fn an_update_that_never_ends_does_not_hold_the_screen() {
    let mut terminal = fed(20, 2, "\x1b[?2026h");
    terminal.take_damage();
    terminal.feed(b"half");
    assert!(terminal.is_mid_frame());
    assert_eq!(terminal.text_rows()[0], "half");
    assert_eq!(terminal.take_damage(), [0]);
    terminal.feed(&[b'x'; 1024 * 1024]);
    assert!(!terminal.is_mid_frame());
}

#[test]
fn damage_names_the_rows_that_changed() {
    let mut terminal = fed(20, 5, "one\r\ntwo");
    terminal.take_damage();
    assert_eq!(terminal.take_damage(), [0; 0]);
    terminal.feed(b"\x1b[4;1Hfour");
    assert_eq!(terminal.take_damage(), [1, 3]);
    terminal.feed(b"\x1b[2J");
    assert_eq!(terminal.take_damage(), [0, 1, 2, 3, 4]);
}

#[test]
fn characters_cut_in_two_and_bytes_of_no_character() {
    let mut terminal = terminal(20, 2);
    for byte in "aあ\u{1f469}".bytes() {
        terminal.feed(&[byte]);
    }
    terminal.feed(b"\xff\xe3\x81x\xc2\x9b31m\xe3\x81");
    terminal.feed(b"\x1b[1m.");
    let row = terminal.row(0).unwrap();
    assert_eq!(row.trimmed(), "aあ\u{1f469}\u{fffd}\u{fffd}x31m\u{fffd}.");
}

#[test]
fn erase_above_includes_the_first_row() {
    assert_eq!(fed(5, 3, "a\r\nb\r\nc\x1b[2;1H\x1b[1J").text_rows(), ["", "", "c"]);
}

#[test]
fn a_gap_ends_what_was_unfinished_and_keeps_counting() {
    let mut terminal = fed(20, 2, "\x1b]0;cut");
    terminal.skip(1000);
    let events = terminal.feed(b"ok\x1b[5n");
    assert_eq!(terminal.text_rows()[0], "ok");
    assert!(matches!(events[..], [TermEvent::Reply { query_end: 1013, .. }]));
}

#[test]
fn a_panic_of_the_emulator_loses_the_screen_and_nothing_else() {
    let mut terminal = fed(20, 2, "\x1b[?1049h\x1b[?2004h\x1b]0;t\x07text");
    terminal.state.fails_next = true;
    assert_eq!(terminal.feed(b"boom\x1b[1mafter\x1b[5n")[0], TermEvent::ScreenLost);
    assert_eq!(terminal.text_rows(), ["after", ""]);
    assert!(terminal.modes().bracketed_paste && terminal.modes().alt_screen);
    assert_eq!(terminal.title(), &Foreign::new("t"));
    assert_eq!(terminal.offset(), 43);
}

#[test]
fn a_terminal_can_move_between_threads() {
    let thread = std::thread::spawn(|| fed(10, 2, "there"));
    assert_eq!(thread.join().unwrap().text_rows()[0], "there");
}

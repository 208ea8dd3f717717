//! Output made to harm: every bound holds, nothing panics, and a keyframe tells the whole state.

use super::emulator::Pen;
use super::screen::{TermEvent, Terminal};
use crate::base::size::Size;
use std::num::NonZero;

const SIZE: Size = Size { cols: 20, rows: 6 };

/// A small generator with a known sequence (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn of<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.below(items.len())]
    }
}

const TEXTS: [&str; 27] = [
    "hello ",
    "x",
    "あ",
    "漢字",
    "─┐",
    "e\u{301}",
    "\u{301}",
    "✳",
    "각",
    "\u{200b}",
    "\u{85}",
    "👍🏽",
    "👩\u{200d}💻",
    "\u{200d}",
    "👩",
    "💻",
    "\u{fe0f}",
    "❤",
    "🇯",
    "🇵",
    "한",
    "\u{1100}",
    "\u{1161}",
    "क",
    "\u{94d}",
    "\u{93e}",
    "\u{600}",
];
/// The first of them never join into something wider, which at a row's edge cannot be drawn again.
const SIMPLE_TEXTS: usize = 11;
const CONTROLS: [&str; 20] = [
    "\r", "\n", "\t", "\x08", "\x07", "\x0e", "\x0f", "\x1b7", "\x1b8", "\x1bM", "\x1bD", "\x1bE",
    "\x1bH", "\x1bc", "\x1b(0", "\x1b(B", "\x1b#8", "\x1b=", "\x18", "\x1b",
];
const MODES: [&str; 16] = [
    "1", "3", "6", "7", "25", "47", "1000", "1003", "1006", "1047", "1048", "1049", "2004", "2026",
    "2027", "4",
];
const STRINGS: [&str; 8] = [
    "\x1b]0;title\x07",
    "\x1b]8;;http://x\x1b\\",
    "\x1b]7501;state=idle\x07",
    "\x1b]7501;?\x07",
    "\x1bPq~~~\x1b\\",
    "\x1b_Ga=T;AAAA\x1b\\",
    "\x1b]11;?\x1b\\",
    "\x1b]9;",
];

/// One random piece of output.
fn soup(random: &mut Random, texts: &[&str]) -> Vec<u8> {
    match random.below(12) {
        0..4 => random.of(texts).repeat(1 + random.below(12)).into_bytes(),
        4 | 5 => random.of(&CONTROLS).as_bytes().to_vec(),
        6 => random.of(&STRINGS).as_bytes().to_vec(),
        7 => {
            let (prefix, end) = (random.of(&["", "?"]), random.of(&["h", "l", "$p"]));
            format!("\x1b[{prefix}{}{end}", random.of(&MODES)).into_bytes()
        }
        8 => (0..random.below(20)).map(|_| random.next().to_le_bytes()[0]).collect(),
        _ => {
            let mut sequence = format!("\x1b[{}", random.of(&["", "", "", "?", ">", "<", "="]));
            for _ in 0..random.below(4) {
                let bound = [3, 8, 30, 300, 70_000][random.below(5)];
                sequence.push_str(&format!("{};", random.below(bound)));
            }
            let last = u8::try_from(0x40 + random.below(0x3f)).unwrap();
            sequence.push(char::from(last));
            sequence.into_bytes()
        }
    }
}

/// What must be true of every screen.
fn check_bounds(terminal: &Terminal) {
    let size = terminal.size();
    let cursor = terminal.cursor();
    assert!(cursor.row < size.rows && cursor.col < size.cols);
    let history = (0..terminal.scrollback_len().min(3)).map(|age| terminal.scrollback_row(age));
    for row in (0..size.rows).map(|y| terminal.row(y)).chain(history) {
        let row = row.unwrap();
        let width: u16 = row.cells.iter().map(|cell| u16::from(cell.width)).sum();
        assert!(width <= size.cols);
        assert!(!row.text.chars().any(char::is_control), "{:?}", row.text);
        for (text, _) in row.iter() {
            let marks =
                text.chars().skip(1).filter(|c| "\u{301}\u{200d}\u{fe0f}\u{94d}".contains(*c));
            assert!(marks.count() <= 8 && text.chars().count() <= 18, "{text:?}");
        }
    }
    for y in 0..size.rows {
        let cells = terminal.row(y).unwrap().cells;
        assert_eq!(cells.iter().map(|cell| u16::from(cell.width)).sum::<u16>(), size.cols);
    }
    assert!(terminal.scrollback_len() <= 50);
}

/// Damage must name every row whose content changed.
fn check_damage(terminal: &mut Terminal, before: &[Option<super::Row>]) {
    let damage = terminal.take_damage();
    for y in 0..terminal.size().rows {
        let is_named = damage.contains(&y);
        assert!(is_named || terminal.row(y) == before[usize::from(y)], "row {y} changed unseen");
    }
}

fn check_keyframe(terminal: &Terminal) {
    let restored = Terminal::from_keyframe(&terminal.keyframe(), 50).unwrap();
    for y in 0..terminal.size().rows {
        let (is, was) = (restored.row(y).unwrap(), terminal.row(y).unwrap());
        assert_eq!((is.text, is.cells), (was.text, was.cells), "row {y}");
    }
    assert_eq!(restored.cursor(), terminal.cursor());
    assert_eq!(restored.modes(), terminal.modes());
    assert_eq!(restored.title(), terminal.title());
    assert_eq!(restored.offset(), terminal.offset());
    assert_eq!(restored.is_mid_frame(), terminal.is_mid_frame());
    let pen = |terminal: &Terminal| Pen { wrap_pending: false, ..terminal.state.emulator.pen() };
    assert_eq!(pen(&restored), pen(terminal));
    assert_eq!(restored.state.emulator.drawing_modes(), terminal.state.emulator.drawing_modes());
}

#[test]
fn random_output_and_sizes_break_nothing() {
    for seed in 1..=400u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut terminal = Terminal::new(SIZE, 50);
        let texts = if seed % 2 == 0 { &TEXTS[..] } else { &TEXTS[..SIMPLE_TEXTS] };
        for step in 0..150 {
            let rows: Vec<_> = (0..terminal.size().rows).map(|y| terminal.row(y)).collect();
            let events = terminal.feed(&soup(&mut random, texts));
            assert!(!events.contains(&TermEvent::ScreenLost), "seed {seed} step {step}");
            check_damage(&mut terminal, &rows);
            if random.below(10) == 0 {
                let (cols, rows) = (random.below(40), random.below(12));
                let size = Size { cols: cols.try_into().unwrap(), rows: rows.try_into().unwrap() };
                assert_eq!(terminal.resize(size), [], "seed {seed} step {step}");
                terminal.take_damage();
            }
        }
        check_bounds(&terminal);
        if texts.len() == SIMPLE_TEXTS {
            check_keyframe(&terminal);
        }
    }
}

#[test]
fn the_cut_of_random_output_changes_nothing() {
    for seed in 1..=60u64 {
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let output: Vec<u8> = (0..100).flat_map(|_| soup(&mut random, &TEXTS)).collect();
        let mut whole = Terminal::new(SIZE, 50);
        let events = whole.feed(&output);
        let mut cut = Terminal::new(SIZE, 50);
        let mut cut_events: Vec<_> = output.iter().flat_map(|byte| cut.feed(&[*byte])).collect();
        cut_events.dedup_by(|a, b| *a == TermEvent::Bell && *b == TermEvent::Bell);
        assert_eq!(cut_events, events, "seed {seed}");
        assert_eq!(cut.text_rows(), whole.text_rows(), "seed {seed}");
        assert_eq!(cut.cursor(), whole.cursor(), "seed {seed}");
    }
}

/// The length of the longest cell of the first row, in characters.
fn longest_cell(output: &str) -> usize {
    let mut terminal = Terminal::new(SIZE, 50);
    terminal.feed(output.as_bytes());
    let rows = terminal.scrollback_len();
    let rows = (0..rows).filter_map(|age| terminal.scrollback_row(age));
    let rows = rows.chain((0..SIZE.rows).filter_map(|y| terminal.row(y)));
    let lengths =
        rows.flat_map(|row| row.iter().map(|(text, _)| text.chars().count()).collect::<Vec<_>>());
    lengths.max().unwrap()
}

#[test]
fn marks_do_not_pile_up_on_a_cell() {
    let accents = "\u{301}".repeat(20_000);
    assert_eq!(longest_cell(&format!("e{accents}")), 9);
    assert_eq!(longest_cell("e\u{301}\x1b[65535b"), 2);
    assert!(longest_cell(&"👩\u{200d}".repeat(20_000)) <= 17);
    assert!(longest_cell(&"\u{1100}".repeat(20_000)) <= 17);
    assert!(longest_cell(&format!("क{}", "\u{93e}".repeat(20_000))) <= 17);
    assert!(longest_cell(&"\u{600}\u{fe0f}".repeat(5_000)) <= 18);
    // The same by way of the cursor, and where a wide character cannot be drawn.
    assert_eq!(longest_cell(&format!("e{}", "\u{301}\x1b[D\x1b[C".repeat(5_000))), 9);
    assert!(longest_cell(&format!("👩{}", "\u{200d}💻\x1b[2D\x1b[2C".repeat(5_000))) <= 17);
    let at_the_edge = format!("\x1b[?7l\x1b[20Ge{}", "あ\u{301}\u{301}".repeat(5_000));
    assert_eq!(longest_cell(&at_the_edge), 9);
}

/// The crate searches all of its scrollback at every mark once it holds 65,535 kinds of marked
/// cells.
#[test]
fn marks_are_left_out_when_there_are_too_many_kinds() {
    let marks: Vec<char> = ('\u{300}'..'\u{340}').collect();
    let kind =
        |i: usize| format!("a{}{}{}", marks[i % 64], marks[i / 64 % 64], marks[i / 4096 % 64]);
    let mut terminal = Terminal::new(Size { cols: 100, rows: 5 }, 1000);
    // The last row of what was drawn, and how many of its cells have marks.
    let marked = |terminal: &Terminal| {
        let row = terminal.scrollback_row(0).unwrap();
        assert_eq!(row.text.matches('a').count(), 100);
        row.iter().filter(|(text, _)| text.len() > 1).count()
    };
    terminal.feed((0..20_000).map(kind).collect::<String>().as_bytes());
    assert_eq!(marked(&terminal), 100);
    terminal.feed((20_000..90_000).map(kind).collect::<String>().as_bytes());
    assert_eq!(marked(&terminal), 0);
    // By us, and not by the crate after a search each.
    let left_out = terminal.state.emulator.marks_left_out;
    terminal.feed("e\u{302}\u{303}".as_bytes());
    assert_eq!(terminal.state.emulator.marks_left_out, left_out + 2);
    // When the marked rows have scrolled away there is room again.
    terminal.feed(format!("{}{}\r\n", "x\r\n".repeat(1100), "e\u{301}".repeat(5000)).as_bytes());
    terminal.feed((0..1000).map(kind).collect::<String>().as_bytes());
    assert_eq!(marked(&terminal), 100);
}

#[test]
fn repeating_is_bounded_to_a_row() {
    let mut terminal = Terminal::new(SIZE, 50);
    terminal.feed(b"ab\x1b[3b\x1b[1mc\x1b[65535b");
    assert_eq!(terminal.text_rows()[0], format!("abbbb{}", "c".repeat(15)));
    assert_eq!(terminal.text_rows()[1], "cccccc");
}

#[test]
fn strings_without_end_take_no_memory() {
    let chunk = vec![b'x'; 64 * 1024];
    // 200 MB of the kind that is kept at all, 20 MB of the others.
    for (start, count) in
        [("\x1b]0;", 3200), ("\x1bP", 320), ("\x1b_G", 320), ("\x1b^", 320), ("\x1bX", 320)]
    {
        let mut terminal = Terminal::new(SIZE, 50);
        terminal.feed(start.as_bytes());
        for _ in 0..count {
            assert_eq!(terminal.feed(&chunk), []);
        }
        assert!(terminal.filter.buffered() <= 64 * 1024);
        assert_eq!(terminal.feed(b"\x1b\\after\x1b[5n").len(), 1);
        assert_eq!(terminal.text_rows()[0], "after");
    }
}

#[test]
fn a_string_over_the_bound_is_dropped_whole() {
    let mut terminal = Terminal::new(SIZE, 50);
    let long = "y".repeat(64 * 1024);
    assert_eq!(terminal.feed(format!("\x1b]9;{long}\x07ok").as_bytes()), []);
    assert_eq!(terminal.text_rows()[0], "ok");
}

#[test]
fn sequences_out_of_bounds_are_dropped_and_counts_are_bounded() {
    let mut terminal = Terminal::new(SIZE, 50);
    terminal.feed(format!("\x1b[{}mA\x1b[{}mB", "1;".repeat(40), "1".repeat(300)).as_bytes());
    terminal.feed(b"\x1b[1$ mC\x1b[99999999999999999999CD");
    let row = terminal.row(0).unwrap();
    assert_eq!(row.text, "ABC                D");
    assert!(row.cells.iter().all(|cell| !cell.style.bold));
}

#[test]
fn a_keyframe_goes_on_as_the_terminal_it_was_made_of() {
    let states = [
        "plain \x1b[1;32mgreen\r\n\x1b[44m  \x1b[0m\r\n漢字 👩\u{200d}💻 e\u{301}",
        "\x1b[?1049h\x1b[?2004h\x1b[>7u\x1b[2;5r\x1b[?6h\x1b[2;3H\x1b[4mxy\x1b7\x1b[3;1H",
        "a line that is wrapped because it is long, and\x1b[0 q\x1b[4h\x1b[1;1H",
        "0123456789012345678\u{301}9",
        "01234567890123456789",
        "\x1b(0lqk\x0e\x1b)0\x1b[?25l\x1b[6 q\x1b]0;title\x07\x1b[?2026h",
        "\x1b[?7lno wrapping of any line at all",
        "cut \x1b[3",
        "cut \x1b]0;tit",
        "cut \u{e9}",
    ];
    let rest = "1mlq\u{301}x\x1b[A\x1b[5Cup\r\nnext line\x1b8saved\x1b[2Kq\x1b[6n\x07 end";
    for state in states {
        let mut original = Terminal::new(SIZE, 50);
        original.feed(state.as_bytes());
        check_keyframe(&original);
        let mut restored = Terminal::from_keyframe(&original.keyframe(), 50).unwrap();
        assert_eq!(restored.feed(rest.as_bytes()), original.feed(rest.as_bytes()), "{state:?}");
        check_keyframe(&original);
        assert_eq!(restored.text_rows(), original.text_rows(), "{state:?}");
        assert_eq!(restored.cursor(), original.cursor(), "{state:?}");
    }
}

#[test]
fn a_restored_line_still_wraps_anew() {
    let mut original = Terminal::new(SIZE, 50);
    original.feed(b"a line longer than twenty columns");
    let mut restored = Terminal::from_keyframe(&original.keyframe(), 50).unwrap();
    restored.resize(Size { cols: 40, rows: 6 });
    assert_eq!(restored.text_rows()[0], "a line longer than twenty columns");
}

#[test]
fn a_damaged_keyframe_is_refused() {
    let keyframe = Terminal::new(SIZE, 50).keyframe();
    assert!(Terminal::from_keyframe(&keyframe[..keyframe.len() - 1], 50).is_err());
    let newer = String::from_utf8(keyframe).unwrap().replace("\"version\":1", "\"version\":9");
    let error = Terminal::from_keyframe(newer.as_bytes(), 50).err().unwrap().to_string();
    assert!(error.contains("version 9") && error.contains("upgrade"), "{error}");
}

/// Streams without anything on which emulators differ by taste, compared with another one.
#[test]
fn a_second_emulator_agrees_on_plain_output() {
    for seed in 1..=200u64 {
        let mut random = Random(seed.wrapping_mul(0xd134_2543_de82_ef95));
        let mut ours = Terminal::new(SIZE, 50);
        let [rows, cols] = [SIZE.rows, SIZE.cols].map(|n| NonZero::new(n).unwrap());
        let mut other = vt100::Parser::new(rows, cols, 50);
        for step in 0..120 {
            let output = plain(&mut random, seed % 2 == 0);
            ours.feed(output.as_bytes());
            other.process(output.as_bytes());
            let theirs = other.screen().rows(0, SIZE.cols).map(|row| row.trim_end().to_string());
            assert_eq!(
                ours.text_rows(),
                theirs.collect::<Vec<_>>(),
                "seed {seed} step {step} {output:?}"
            );
        }
        assert!(!seed.is_multiple_of(50) || ours.text_rows().concat().len() > 10);
    }
}

/// Wide characters, or edits within a row: on edits that cut one in two emulators differ. So they
/// do behind a full row, so the cursor is placed before anything that depends on its column.
fn plain(random: &mut Random, has_wide: bool) -> String {
    let texts = ["hello", "two words", "─┐", "x", "a longer piece of text"];
    let erasures = ["A", "B", "C", "D", "L", "M", "G", "d", "J", "K", "P", "X", "@"];
    match random.below(8) {
        0 if has_wide => format!("\x1b[{}G漢字", 1 + random.below(17)),
        0..3 => random.of(&texts).into(),
        3 => random.of(&["\r\n", "\r", "\n", "\x1bM"]).into(),
        4 => place(random),
        5 => format!("\x1b[{}m", random.of(&["0", "1", "31", "48;5;4", "38;2;1;2;3"])),
        _ => {
            let last = random.of(if has_wide { &erasures[..6] } else { &erasures });
            let count = if "JK".contains(last) { random.below(3) } else { 1 + random.below(4) };
            format!("{}\x1b[{count}{last}", place(random))
        }
    }
}

fn place(random: &mut Random) -> String {
    format!("\x1b[{};{}H", 1 + random.below(6), 1 + random.below(20))
}

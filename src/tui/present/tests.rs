//! What was presented, replayed by two emulators that know nothing of each other, is the screen
//! that was intended.

use super::*;
use crate::base::size::Size;
use crate::term::{self, Color as Shade, Terminal, Underline};
use crate::tui::widgets::clear;
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::{Block, Widget};
use std::num::NonZero;

/// Characters both emulators and ratatui give the same width.
const WORDS: [&str; 14] = [
    "a", "Z", "~", " ", "  ", "log line", "日本", "語", "ｶﾅ", "e\u{301}", "é", "─│", "한", "x y z",
];
const COLORS: [Color; 8] = [
    Color::Reset,
    Color::Red,
    Color::LightCyan,
    Color::White,
    Color::Indexed(3),
    Color::Indexed(200),
    Color::Rgb(1, 200, 30),
    Color::Rgb(0, 0, 0),
];
const MODIFIERS: [Modifier; 9] = [
    Modifier::BOLD,
    Modifier::DIM,
    Modifier::ITALIC,
    Modifier::UNDERLINED,
    Modifier::SLOW_BLINK,
    Modifier::REVERSED,
    Modifier::HIDDEN,
    Modifier::CROSSED_OUT,
    Modifier::empty(),
];

struct Chance(u64);

impl Chance {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from((self.0 >> 33) % below as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn style(&mut self) -> Style {
        if self.below(3) == 0 {
            return Style::default();
        }
        let kinds = [Underline::None, Underline::Curly, Underline::Double, Underline::Dashed];
        let style = Style::new().fg(self.of(&COLORS)).bg(self.of(&COLORS));
        let modifier = self.of(&MODIFIERS) | self.of(&MODIFIERS) | underline(self.of(&kinds));
        style.underline_color(self.of(&COLORS)).add_modifier(modifier)
    }
}

/// A presenter, and two terminals that show what it writes.
struct Screens {
    presenter: Presenter,
    ours: Terminal,
    theirs: vt100::Parser,
    cursor: Option<CursorAt>,
}

impl Screens {
    fn new(cols: u16, rows: u16) -> Self {
        let [height, width] = [rows, cols].map(|count| NonZero::new(count).unwrap());
        Self {
            presenter: Presenter::default(),
            ours: Terminal::new(Size { cols, rows }, 100),
            theirs: vt100::Parser::new(height, width, 100),
            cursor: None,
        }
    }

    fn resize(&mut self, cols: u16, rows: u16) {
        let [height, width] = [rows, cols].map(|count| NonZero::new(count).unwrap());
        self.ours.resize(Size { cols, rows });
        self.theirs.screen_mut().set_size(height, width);
    }

    fn show(&mut self, next: &Buffer, is_new: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.presenter.present(next, self.cursor, is_new, &mut bytes);
        self.ours.feed(&bytes);
        self.theirs.process(&bytes);
        bytes
    }

    /// Every cell and the cursor, in both.
    fn check(&self, next: &Buffer, when: &str) {
        for y in 0..next.area.height {
            let row = self.ours.row(y).unwrap();
            let mut x = 0;
            for (text, cell) in row.iter() {
                let wanted = &next[(x, y)];
                let at = format!("{when} at {x},{y}");
                assert_eq!(text, wanted.symbol(), "ours {at}");
                if !looks_same(wanted, text, &shown_by(text, cell)) {
                    panic!("ours {at}: {:?} is not {wanted:?}", cell.style);
                }
                let other = self.theirs.screen().cell(y, x).unwrap();
                let contents = if other.has_contents() { other.contents() } else { " " };
                assert_eq!(contents, wanted.symbol(), "theirs {at}");
                check_style(other, wanted, &at);
                x += u16::from(cell.width);
            }
            assert_eq!(x, next.area.width, "{when}: row {y}");
        }
        let cursor = self.ours.cursor();
        assert_eq!(cursor.visible, self.cursor.is_some(), "{when}");
        if let Some((x, y, shape)) = self.cursor {
            assert_eq!((cursor.col, cursor.row, cursor.shape), (x, y, shape), "{when}");
            assert_eq!(self.theirs.screen().cursor_position(), (y, x), "{when}");
        }
        assert_eq!(self.theirs.screen().hide_cursor(), self.cursor.is_none(), "{when}");
    }
}

fn shown_by(text: &str, cell: term::Cell) -> Cell {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
    let style = term::Style { hidden: false, ..cell.style };
    let cells = vec![term::Cell { style, ..cell }];
    let row = term::Row { text: text.into(), cells, wrapped: false };
    blit(&row, 0, &mut buffer, Rect::new(0, 0, 2, 1));
    let mut shown = buffer.content[0].clone();
    if cell.style.hidden {
        shown.modifier |= Modifier::HIDDEN;
    }
    shown
}

/// What vt100 keeps of a style: no blinking, striking, hiding, and one kind of underline.
fn check_style(cell: &vt100::Cell, wanted: &Cell, at: &str) {
    let shade = |color| match color {
        vt100::Color::Default => Shade::Default,
        vt100::Color::Idx(index) => Shade::Indexed(index),
        vt100::Color::Rgb(r, g, b) => Shade::Rgb(r, g, b),
    };
    let has = |modifier| wanted.modifier.contains(modifier);
    let mut shown = Cell::default();
    blit_color(&mut shown.bg, shade(cell.bgcolor()));
    blit_color(&mut shown.fg, shade(cell.fgcolor()));
    shown.underline_color = wanted.underline_color;
    let kept = [
        (cell.bold(), Modifier::BOLD),
        (cell.dim(), Modifier::DIM),
        (cell.italic(), Modifier::ITALIC),
        (cell.inverse(), Modifier::REVERSED),
    ];
    let mut compared = wanted.clone();
    compared.modifier = Modifier::empty();
    for (is_set, modifier) in kept {
        shown.modifier |= if is_set { modifier } else { Modifier::empty() };
        compared.modifier |= wanted.modifier & modifier;
    }
    // Bold and dim together are one or the other there.
    if has(Modifier::BOLD) && has(Modifier::DIM) {
        compared.modifier.remove(Modifier::BOLD | Modifier::DIM);
        shown.modifier.remove(Modifier::BOLD | Modifier::DIM);
    }
    let text = if cell.has_contents() { cell.contents() } else { " " };
    shown.set_symbol(text);
    assert!(looks_same(&compared, text, &shown), "theirs {at}: {shown:?} is not {compared:?}");
    let is_kind_known = !has(Modifier::UNDERLINED) || wanted.modifier.bits() < 1 << 12;
    if is_kind_known && !wanted.symbol().trim().is_empty() {
        assert_eq!(cell.underline(), has(Modifier::UNDERLINED), "theirs {at}");
    }
}

fn blit_color(color: &mut Color, shade: Shade) {
    *color = match shade {
        Shade::Default => Color::Reset,
        Shade::Indexed(index) => Color::Indexed(index),
        Shade::Rgb(r, g, b) => Color::Rgb(r, g, b),
    };
}

/// The buffer as it is meant: a wide character that something was drawn over is a blank.
fn meant(buffer: &Buffer) -> Buffer {
    let cols = usize::from(buffer.area.width);
    let mut meant = buffer.clone();
    for (y, row) in buffer.content.chunks_exact(cols).enumerate() {
        let mut x = 0;
        while x < cols {
            let glyph = glyph_at(row, x, Ambiguous::Unknown);
            meant.content[y * cols + x].set_symbol(glyph.text);
            x += glyph.width;
        }
    }
    meant
}

fn change(chance: &mut Chance, buffer: &mut Buffer) {
    let (cols, rows) = (buffer.area.width, buffer.area.height);
    let x = u16::try_from(chance.below(cols.into())).unwrap();
    let y = u16::try_from(chance.below(rows.into())).unwrap();
    let width = usize::from(cols);
    match chance.below(10) {
        0..=3 => {
            let style = chance.style();
            buffer.set_string(x, y, chance.of(&WORDS).repeat(1 + chance.below(4)), style);
        }
        4 | 5 => {
            let (top, bottom) = (usize::from(y), 1 + chance.below(rows.into()));
            if top < bottom {
                let region = &mut buffer.content[top * width..bottom * width];
                let by = chance.below(bottom - top) * width;
                if chance.below(2) == 0 { region.rotate_left(by) } else { region.rotate_right(by) }
            }
        }
        6 => {
            let area = Rect::new(x, y, 6, 3).intersection(buffer.area);
            clear(buffer, area, Style::new());
            Block::bordered().style(chance.style()).render(area, buffer);
        }
        7 => {
            // As ratatui's own: over half of a wide character.
            let area = Rect::new(x, y, 5, 2).intersection(buffer.area);
            ratatui::widgets::Clear.render(area, buffer);
        }
        8 => {
            for y in 0..rows {
                let line = chance.of(&WORDS).repeat(chance.below(12));
                buffer.set_string(0, y, line, chance.style());
            }
        }
        _ => buffer.set_style(Rect::new(x, y, 9, 1).intersection(buffer.area), chance.style()),
    }
}

#[test]
fn random_updates_look_as_intended_in_two_emulators() {
    for seed in 0..40 {
        let mut chance = Chance(seed);
        let mut size = (20, 8);
        let mut screens = Screens::new(size.0, size.1);
        screens.presenter.ambiguous_is_narrow(seed % 2 == 0);
        let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
        for step in 0..80 {
            let mut is_new = false;
            for _ in 0..=chance.below(3) {
                change(&mut chance, &mut buffer);
            }
            if chance.below(30) == 0 {
                size = (chance.of(&[4, 13, 31]), chance.of(&[2, 5, 12]));
                screens.resize(size.0, size.1);
                buffer.resize(Rect::new(0, 0, size.0, size.1));
                is_new = true;
            }
            let shapes = [CursorShape::Block, CursorShape::Beam, CursorShape::Underline];
            screens.cursor = (chance.below(4) > 0).then(|| {
                let (x, y) = (chance.below(size.0.into()), chance.below(size.1.into()));
                (column(x), column(y), chance.of(&shapes))
            });
            screens.show(&buffer, is_new);
            screens.check(&meant(&buffer), &format!("seed {seed} step {step}"));
            assert_eq!(screens.show(&buffer, false), b"", "seed {seed} step {step}: again");
        }
    }
}

#[test]
fn a_frame_without_a_difference_is_empty() {
    let mut screens = Screens::new(40, 6);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 6));
    for y in 0..6 {
        buffer.set_string(0, y, "日本語 ─ e\u{301} 👍🏽 ☺\u{fe0f}", Style::default());
    }
    assert!(!screens.show(&buffer, false).is_empty());
    assert_eq!(screens.show(&buffer.clone(), false), b"");
    screens.cursor = Some((3, 2, CursorShape::Beam));
    assert_eq!(screens.show(&buffer, false), b"\x1b[3;4H\x1b[6 q\x1b[?25h", "the cursor alone");
    assert_eq!(screens.show(&buffer, false), b"");
}

#[test]
fn a_typed_character_costs_a_few_bytes_and_never_hides_the_cursor() {
    let mut screens = Screens::new(80, 24);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    buffer.set_string(0, 10, "> hell", Style::default());
    screens.cursor = Some((6, 10, CursorShape::Block));
    screens.show(&buffer, false);
    buffer.set_string(0, 10, "> hello", Style::default());
    screens.cursor = Some((7, 10, CursorShape::Block));
    assert_eq!(screens.show(&buffer, false), b"\x1b[?2026ho\x1b[?2026l");
}

/// A log that scrolls in a full-width pane under a bar and over another.
#[test]
fn a_scrolling_log_costs_little_more_than_the_program_wrote() {
    let (cols, rows) = (160, 48);
    let mut agent = Terminal::new(Size { cols, rows: rows - 2 }, 0);
    let mut screens = Screens::new(cols, rows);
    let mut buffer = Buffer::empty(Rect::new(0, 0, cols, rows));
    buffer.set_string(0, 0, " monban  fleet 4 ", Modifier::REVERSED);
    buffer.set_string(0, rows - 1, " Ctrl-] back ", Modifier::REVERSED);
    let mut chance = Chance(7);
    let (mut written, mut presented) = (0, 0);
    for frame in 0..600 {
        let words: Vec<&str> = (0..9 + chance.below(6))
            .map(|_| chance.of(&["compiling", "core", "done", "門番"]))
            .collect();
        let line = format!(
            "\x1b[2m12:{:02}:{:02} \x1b[0;32mINFO\x1b[0m step={frame} {}\r\n",
            frame / 60,
            frame % 60,
            words.join(" ")
        );
        written += line.len();
        agent.feed(line.as_bytes());
        for y in 0..rows - 2 {
            let row = agent.row(y).unwrap();
            blit(&row, 0, &mut buffer, Rect::new(0, y + 1, cols, 1));
        }
        let cursor = agent.cursor();
        screens.cursor = Some((cursor.col, cursor.row + 1, cursor.shape));
        presented += screens.show(&buffer, false).len();
        if frame % 50 == 0 {
            screens.check(&meant(&buffer), &format!("frame {frame}"));
        }
    }
    screens.check(&meant(&buffer), "the last frame");
    println!("{written} bytes written, {presented} presented");
    assert!(presented * 2 <= written * 3, "{presented} bytes for {written}");
}

#[test]
fn a_scroll_is_told_as_a_scroll_up_and_down() {
    let mut screens = Screens::new(30, 10);
    let lines: Vec<String> = (10..30).map(|n| format!("{n}").repeat(12)).collect();
    let at = |from: usize| {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 30, 10));
        for (y, line) in (0..10).zip(&lines[from..]) {
            buffer.set_string(0, y, line, Style::default());
        }
        buffer.set_string(0, 0, "the head of it stays there", Style::default());
        buffer
    };
    screens.show(&at(0), false);
    let up = String::from_utf8(screens.show(&at(3), false)).unwrap();
    assert!(up.contains("\x1b[2;10r\x1b[3S"), "{up:?}");
    screens.check(&at(3), "up");
    let down = String::from_utf8(screens.show(&at(1), false)).unwrap();
    assert!(down.contains("\x1b[?2026h\x1b[2T"), "the region is set once: {down:?}");
    screens.check(&at(1), "down");
}

#[test]
fn a_line_that_scrolls_costs_itself_and_thirty_bytes() {
    let (mut screens, mut chance) = (Screens::new(80, 24), Chance(3));
    let mut agent = Terminal::new(Size { cols: 80, rows: 20 }, 0);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    buffer.set_string(0, 0, " monban  focus ", Modifier::REVERSED);
    for frame in 0..200 {
        let word = chance.of(&["compiling", "done", "waits", "门番", "core"]);
        let line = format!("{frame} {} {word}\r\n", word.repeat(1 + chance.below(5)));
        agent.feed(line.as_bytes());
        for y in 0..20 {
            blit(&agent.row(y).unwrap(), 0, &mut buffer, Rect::new(0, y + 2, 80, 1));
        }
        let cursor = agent.cursor();
        screens.cursor = Some((cursor.col, cursor.row + 2, cursor.shape));
        let bytes = screens.show(&buffer, false).len();
        screens.check(&meant(&buffer), &format!("frame {frame}"));
        // A screen that is not full does not scroll.
        assert!(frame < 25 || bytes <= line.len() + 30, "{bytes} bytes for {}", line.len());
    }
}

#[test]
fn lines_that_differ_in_a_number_scroll_as_cheaply_as_others() {
    let mut screens = Screens::new(80, 24);
    let at = |from: usize| {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
        for y in 0..24 {
            let line = format!("test module::case_{} ... ok", from + usize::from(y));
            buffer.set_string(0, y, line, Style::default());
        }
        buffer
    };
    screens.show(&at(100), false);
    let bytes = screens.show(&at(101), false).len();
    screens.check(&at(101), "scrolled");
    assert!(bytes < 80, "{bytes} bytes for a line of 28");
}

#[test]
fn a_dialog_over_wide_characters_keeps_its_border() {
    for x in [3, 4] {
        let mut screens = Screens::new(20, 5);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 5));
        for y in 0..5 {
            buffer.set_string(0, y, "日本語日本語日本語日", Color::Red);
        }
        screens.show(&buffer, false);
        let area = Rect::new(x, 1, 9, 3);
        clear(&mut buffer, area, Style::new());
        Block::bordered().render(area, &mut buffer);
        screens.show(&buffer, false);
        screens.check(&meant(&buffer), "dialog");
        let row = screens.ours.row(2).unwrap();
        let borders = row.text.chars().filter(|c| *c == '│').count();
        assert_eq!(borders, 2, "{}", row.text);
    }
}

#[test]
fn what_terminals_disagree_about_shifts_nothing() {
    // The other emulator draws each part of these for itself, over what stands behind them.
    let mut screens = Screens::new(24, 1);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 24, 1));
    for text in
        ["ab  cdefgh", "ab👨\u{200d}👩\u{200d}👧cdefgh", "Ab🇯🇵cdefgh", "ab🇯🇵c☺\u{fe0f}fgh─end"]
    {
        buffer.reset();
        buffer.set_string(0, 0, text, Style::default());
        screens.show(&buffer, false);
        for c in text.chars().filter(char::is_ascii_alphabetic) {
            let at = (0..24).find(|x| buffer[(*x, 0)].symbol() == c.to_string()).unwrap();
            let cell = screens.theirs.screen().cell(0, at).unwrap();
            assert_eq!(cell.contents(), c.to_string(), "in {text}");
        }
    }
}

#[test]
fn no_control_character_leaves_by_a_cell() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
    for (x, symbol) in (0..).zip(["\x1b", "\x1b[2J", "\u{9b}", "a\u{202e}", "\u{7f}", ""]) {
        buffer[(x, 0)].set_symbol(symbol);
    }
    let mut bytes = Vec::new();
    Presenter::default().present(&buffer, None, false, &mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (_, rest) = text.split_once("?????").unwrap();
    assert!(rest.starts_with([' ', '\x1b', '\r']), "{text:?}");
}

#[test]
fn a_row_of_an_agent_is_cropped_at_both_edges() {
    let mut agent = Terminal::new(Size { cols: 10, rows: 2 }, 0);
    agent.feed("日本語\x1b[8mab\x1b[0mcd".as_bytes());
    let row = agent.row(0).unwrap();
    let draw = |from, width| {
        let mut buffer = Buffer::with_lines(["門番門番門番"]);
        blit(&row, from, &mut buffer, Rect::new(1, 0, width, 1));
        let cells = meant(&buffer).content;
        let mut text = String::new();
        let mut x = 0;
        while x < cells.len() {
            text.push_str(cells[x].symbol());
            x += glyph_at(&cells, x, Ambiguous::Unknown).width;
        }
        text
    };
    assert_eq!(draw(0, 5), " 日本 番門番", "the last one has no room");
    assert_eq!(draw(1, 5), "  本語番門番", "half of the first one is left out");
    assert_eq!(draw(0, 10), " 日本語  cd ", "hidden ones are blank");
    assert_eq!(draw(30, 4), "      番門番", "what it is drawn over is cut as well");
}

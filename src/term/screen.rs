//! The terminal of one run: its output goes in, its screen and what it said come out.
//!
//! Holds no clock, no PTY and no file. The bytes fed must be the run's output in order; the events
//! of the same bytes are the same however they are cut, but for how often a burst of bells is told.

use super::cell::Row;
use super::emulator::Emulator;
use super::filter::{Csi, Filter, Piece};
use super::modes::{ModeTracker, Modes};
use super::query::{self, View};
use super::status::StatusReport;
use crate::base::foreign::Foreign;
use crate::base::size::Size;
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The most of a title or notification that is kept, in bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// No grid is larger in either direction, so a larger count means the same.
const COUNT_MAX: u16 = 1000;
/// Puts the emulator's drawing modes back without touching what is on the screen.
const RESET_DRAWING: &[u8] =
    b"\x1b[0m\x0f\x1b(B\x1b)B\x1b[4l\x1b[20l\x1b[?6l\x1b7\x1b[r\x1b8\x1b[?7h\x1b[?25h\x1b[0 q";

/// What a program said or asked, in the order of its output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TermEvent {
    /// It asked its terminal something: `bytes` are to be written to its PTY, before anything that
    /// comes later. `query_end` numbers the query: it is the count of the stream's bytes up to the
    /// query's end, so it only grows and a replay gives the same. Whoever has answered up to n
    /// answers only what is above n.
    Reply {
        /// Where in the stream the query ended.
        query_end: u64,
        /// The answer.
        bytes: Vec<u8>,
    },
    /// It reported its status (OSC 7501).
    Status(StatusReport),
    /// It gave itself another title.
    Title(Foreign),
    /// It rang.
    Bell,
    /// It asked for a desktop notification (OSC 9, OSC 777).
    Notification(Foreign),
    /// The emulator failed on this output: the screen was lost and is empty, modes are kept.
    ScreenLost,
}

/// How the cursor is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CursorShape {
    #[default]
    Block,
    Underline,
    Beam,
}

/// Where the cursor is, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// Row of the screen.
    pub row: u16,
    /// Column.
    pub col: u16,
    /// Whether it is to be drawn.
    pub visible: bool,
    /// As what.
    pub shape: CursorShape,
}

/// The terminal of one run.
pub struct Terminal {
    pub(super) filter: Filter,
    pub(super) state: State,
}

/// What the pieces of the stream act on.
pub(super) struct State {
    pub size: Size,
    pub scrollback_rows: usize,
    pub emulator: Emulator,
    pub tracker: ModeTracker,
    pub title: Foreign,
    /// Room for a sequence on its way to the emulator.
    sequence: Vec<u8>,
    /// Lets a test stand in for a fault of the VT crate.
    #[cfg(test)]
    pub fails_next: bool,
}

impl Terminal {
    /// An empty screen of the nearest possible size; `scrollback_rows` is bounded to 10,000.
    pub fn new(size: Size, scrollback_rows: usize) -> Self {
        let size = size.bounded();
        let state = State {
            size,
            scrollback_rows,
            emulator: Emulator::new(size, scrollback_rows),
            tracker: ModeTracker::default(),
            title: Foreign::default(),
            sequence: Vec::new(),
            #[cfg(test)]
            fails_next: false,
        };
        Self { filter: Filter::default(), state }
    }

    /// Takes the next bytes of the run's output, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<TermEvent> {
        let Self { filter, state } = self;
        let mut events = Vec::new();
        let mut input = bytes;
        while !input.is_empty() {
            let result = catch_unwind(AssertUnwindSafe(|| {
                while let Some((offset, piece)) = filter.next(&mut input) {
                    state.apply(piece, offset, &mut events);
                }
            }));
            if result.is_err() {
                state.rebuild();
                events.push(TermEvent::ScreenLost);
            }
        }
        events
    }

    /// Says that `bytes` of the output were lost: an unfinished sequence is dropped and the
    /// numbering of queries goes on behind the gap.
    pub fn skip(&mut self, bytes: u64) {
        self.filter.abandon();
        self.filter.offset += bytes;
    }

    /// Changes the size, bounded; long lines wrap anew. The size it has changes nothing.
    pub fn resize(&mut self, size: Size) -> Vec<TermEvent> {
        let size = size.bounded();
        if size == self.state.size {
            return Vec::new();
        }
        self.state.size = size;
        self.state.tracker.region = None;
        let emulator = &mut self.state.emulator;
        if catch_unwind(AssertUnwindSafe(|| emulator.resize(size))).is_ok() {
            return Vec::new();
        }
        self.state.rebuild();
        vec![TermEvent::ScreenLost]
    }

    /// Puts every mode back to where it began, because a program that dies restores nothing. What
    /// is on the screen stays, the alternate screen included.
    pub fn reset_modes(&mut self) {
        self.filter.abandon();
        self.state.tracker = ModeTracker::default();
        self.state.emulator.run(RESET_DRAWING);
    }

    /// Columns and rows.
    pub fn size(&self) -> Size {
        self.state.size
    }

    /// How many bytes of the run's output were taken so far.
    pub fn offset(&self) -> u64 {
        self.filter.offset
    }

    /// Row `y` of the screen from the top.
    pub fn row(&self, y: u16) -> Option<Row> {
        self.state.emulator.row(i32::from(y))
    }

    /// The screen as text, one string per row, without trailing blanks.
    pub fn text_rows(&self) -> Vec<String> {
        let rows = (0..self.state.size.rows).filter_map(|y| self.row(y));
        rows.map(|row| row.trimmed().to_string()).collect()
    }

    /// How many rows have scrolled off the top and are kept.
    pub fn scrollback_len(&self) -> usize {
        self.state.emulator.scrollback_len()
    }

    /// A row of the scrollback; age 0 is the one just above the screen.
    pub fn scrollback_row(&self, age: usize) -> Option<Row> {
        i32::try_from(age).ok().and_then(|age| self.state.emulator.row(-1 - age))
    }

    /// The cursor.
    pub fn cursor(&self) -> Cursor {
        self.state.emulator.cursor()
    }

    /// The title the program gave itself; empty before.
    pub fn title(&self) -> &Foreign {
        &self.state.title
    }

    /// What the program asked of the input side.
    pub fn modes(&self) -> Modes {
        self.state.modes()
    }

    /// Whether the program is between two frames (synchronized output, 2026): a painter may wait a
    /// moment for the rest, by its own clock. Nothing is withheld here: rows and damage are always
    /// what has been drawn so far, and a frame that never ends counts as ended after 1 MiB.
    pub fn is_mid_frame(&self) -> bool {
        self.state.tracker.is_updating(self.filter.offset)
    }

    /// The rows that may have changed since the last call, in order.
    pub fn take_damage(&mut self) -> Vec<u16> {
        self.state.emulator.take_damage()
    }
}

impl State {
    pub fn modes(&self) -> Modes {
        self.tracker.current(self.emulator.is_alt_screen())
    }

    /// An empty screen in place of one that a panic may have left half changed.
    fn rebuild(&mut self) {
        let alt_screen = self.emulator.is_alt_screen();
        self.emulator = Emulator::new(self.size, self.scrollback_rows);
        self.tracker.region = None;
        if alt_screen {
            self.emulator.run(b"\x1b[?1049h");
        }
    }

    fn apply(&mut self, piece: Piece, offset: u64, events: &mut Vec<TermEvent>) {
        #[cfg(test)]
        assert!(!std::mem::take(&mut self.fails_next), "a fault made by a test");
        match piece {
            Piece::Text(text) => self.emulator.print(text),
            Piece::Control(byte) => self.control(byte, events),
            Piece::Escape { intermediate, last } => {
                self.escape(intermediate, last, offset, events);
            }
            Piece::Csi(csi) => {
                let answer = query::answer_csi(&csi, || self.view(offset));
                match answer {
                    Some(answer) => events.push(reply(answer, offset)),
                    None => self.csi(&csi, offset),
                }
            }
            Piece::Osc { body, bel } => match query::answer_osc(body, bel) {
                Some(answer) => events.push(reply(answer, offset)),
                None => events.extend(self.osc(body)),
            },
            Piece::Dropped => {}
        }
    }

    fn control(&mut self, byte: u8, events: &mut Vec<TermEvent>) {
        match byte {
            // A burst of bells is one.
            0x07 if events.last() == Some(&TermEvent::Bell) => {}
            0x07 => events.push(TermEvent::Bell),
            0x08..=0x0d => self.emulator.run(&[byte]),
            0x0e | 0x0f => {
                self.tracker.shifted = byte == 0x0e;
                self.emulator.run(&[byte]);
            }
            _ => {}
        }
    }

    fn escape(&mut self, intermediate: u8, last: u8, offset: u64, events: &mut Vec<TermEvent>) {
        match (intermediate, last) {
            (0, b'=' | b'>') => self.tracker.set_keypad(last == b'='),
            (0, b'Z') => events.push(reply(query::answer_identify(), offset)),
            (0, b'c') => {
                self.tracker = ModeTracker::default();
                self.emulator.run(b"\x1bc");
            }
            (0, b'7' | b'8' | b'D' | b'E' | b'H' | b'M') => self.emulator.run(&[0x1b, last]),
            (b'(' | b')', b'0' | b'B') | (b'#', b'8') => {
                self.emulator.run(&[0x1b, intermediate, last]);
            }
            _ => {}
        }
    }

    fn csi(&mut self, csi: &Csi, offset: u64) {
        match csi.kind() {
            (b'?', 0, b'h' | b'l') => {
                for mode in csi.values() {
                    self.private_mode(mode, csi.last == b'h', offset);
                }
            }
            (b'>', 0, b'm') => self.tracker.set_modify_other_keys(csi),
            (b'>' | b'<' | b'=', 0, b'u') => {
                self.tracker.set_keyboard(csi, self.emulator.is_alt_screen());
            }
            (0, b'!', b'p') => {
                self.tracker = ModeTracker::default();
                self.emulator.run(RESET_DRAWING);
            }
            (0, 0, b'b') => self.emulator.repeat(csi.value()),
            (0, 0, b'm') => self.run(csi, csi.parameters),
            (0, 0, b'J') if csi.value() == 1 && self.emulator.cursor().row == 1 => {
                self.emulator.erase_first_row();
                self.emulator.run(b"\x1b[1J");
            }
            (0, 0, b'P') => self.emulator.delete_characters(csi.value()),
            (0, 0, b'r') => {
                self.tracker.set_region(csi, self.size);
                self.draw(csi);
            }
            (0, b' ', b'q')
            | (0, 0, b'@'..=b'M' | b'S' | b'T' | b'X' | b'Z' | b'`' | b'a')
            | (0, 0, b'd'..=b'h' | b'l' | b's' | b'u') => self.draw(csi),
            _ => {}
        }
    }

    /// Hands a sequence to the emulator, its counts bounded.
    fn draw(&mut self, csi: &Csi) {
        if csi.values().all(|value| value <= COUNT_MAX) {
            return self.run(csi, csi.parameters);
        }
        let counts = csi.values().map(|value| value.min(COUNT_MAX).to_string());
        self.run(csi, counts.collect::<Vec<_>>().join(";").as_bytes());
    }

    /// Hands a sequence with these parameters and no prefix to the emulator.
    fn run(&mut self, csi: &Csi, parameters: &[u8]) {
        self.sequence.clear();
        self.sequence.extend_from_slice(b"\x1b[");
        self.sequence.extend_from_slice(parameters);
        self.sequence.extend((csi.intermediate != 0).then_some(csi.intermediate));
        self.sequence.push(csi.last);
        self.emulator.run(&self.sequence);
    }

    fn private_mode(&mut self, mode: u16, on: bool, offset: u64) {
        let sequence: &[u8] = match (mode, on) {
            (6, true) => b"\x1b[?6h",
            (6, false) => b"\x1b[?6l",
            (7, true) => b"\x1b[?7h",
            (7, false) => b"\x1b[?7l",
            (25, true) => b"\x1b[?25h",
            (25, false) => b"\x1b[?25l",
            (47 | 1047 | 1049, true) => b"\x1b[?1049h",
            (47 | 1047 | 1049, false) => b"\x1b[?1049l",
            (1048, true) => b"\x1b7",
            (1048, false) => b"\x1b8",
            _ => return self.tracker.set_private(mode, on, offset),
        };
        self.emulator.run(sequence);
    }

    fn osc(&mut self, body: &[u8]) -> Option<TermEvent> {
        let (code, rest) = body.split_at(body.iter().position(|b| *b == b';')?);
        let rest = &rest[1..];
        match code {
            b"0" | b"2" => {
                let title = bounded_text(rest);
                let changed = title != self.title;
                self.title = title;
                changed.then(|| TermEvent::Title(self.title.clone()))
            }
            b"7501" => StatusReport::parse(rest).map(TermEvent::Status),
            // `9;4;...` and the like are ConEmu's: progress, working folder, never a message.
            b"9" if rest.first().is_some_and(u8::is_ascii_digit)
                && rest.get(1).is_none_or(|b| *b == b';') =>
            {
                None
            }
            b"9" => Some(TermEvent::Notification(bounded_text(rest))),
            b"777" => {
                let message = rest.strip_prefix(b"notify;")?;
                Some(TermEvent::Notification(bounded_text(message)))
            }
            _ => None,
        }
    }

    fn view(&self, offset: u64) -> View<'_> {
        View {
            modes: &self.tracker,
            drawing: self.emulator.drawing_modes(),
            pen: self.emulator.pen(),
            alt_screen: self.emulator.is_alt_screen(),
            offset,
        }
    }
}

fn reply(answer: String, query_end: u64) -> TermEvent {
    TermEvent::Reply { query_end, bytes: answer.into_bytes() }
}

fn bounded_text(bytes: &[u8]) -> Foreign {
    Foreign::from_bytes(&bytes[..bytes.len().min(TEXT_BYTES_MAX)])
}

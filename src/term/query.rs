//! Answers to what a program asks its terminal. All of a fixed format: numbers of ours, never a
//! byte the program chose, because an answer is typed into the program. What is not known is
//! answered by silence.

use super::emulator::{DrawingModes, Pen};
use super::filter::Csi;
use super::modes::ModeTracker;

/// A VT220 with colour.
const DEVICE: &str = "\x1b[?62;22c";
const SECONDARY_DEVICE: &str = "\x1b[>1;1;0c";
const OK: &str = "\x1b[0n";
const DARK: &str = "\x1b[?997;1n";
const VERSION: &str = concat!("\x1bP>|monban(", env!("CARGO_PKG_VERSION"), ")\x1b\\");
/// Answers to OSC 10, 11 and 12: text, background, cursor.
const COLORS: [&str; 3] = ["d0d0/d0d0/d0d0", "0000/0000/0000", "d0d0/d0d0/d0d0"];

/// What answers are made from.
pub(super) struct View<'a> {
    pub modes: &'a ModeTracker,
    pub drawing: DrawingModes,
    pub pen: Pen,
    pub alt_screen: bool,
    pub offset: u64,
}

/// The answer to a control sequence, if it is a query. Few are: `view` is taken for those alone.
pub(super) fn answer_csi<'v>(csi: &Csi, view: impl FnOnce() -> View<'v>) -> Option<String> {
    let value = csi.value();
    match csi.kind() {
        (0, 0, b'c') if value == 0 => Some(DEVICE.into()),
        (b'>', 0, b'c') if value == 0 => Some(SECONDARY_DEVICE.into()),
        (b'>', 0, b'q') if value == 0 => Some(VERSION.into()),
        (0, 0, b'n') if value == 5 => Some(OK.into()),
        (0, 0, b'n') if value == 6 => Some(position("", &view())),
        (b'?', 0, b'n') if value == 6 => Some(position("?", &view())),
        (b'?', 0, b'n') if value == 996 => Some(DARK.into()),
        (b'?', 0, b'u') => {
            let view = view();
            Some(format!("\x1b[?{}u", view.modes.current(view.alt_screen).keyboard))
        }
        (b'?', b'$', b'p') => {
            let view = view();
            let state =
                view.modes.report_private(value, view.drawing, view.alt_screen, view.offset);
            Some(format!("\x1b[?{value};{state}$y"))
        }
        (0, b'$', b'p') => {
            let view = view();
            let state = match (value, view.drawing.insert, view.drawing.newline) {
                (4, true, _) | (20, _, true) => 1,
                (4 | 20, _, _) => 2,
                _ => 0,
            };
            Some(format!("\x1b[{value};{state}$y"))
        }
        _ => None,
    }
}

/// The answer to `ESC Z`.
pub(super) fn answer_identify() -> String {
    DEVICE.into()
}

/// The answer to an operating system command, if it is a query; ended as the query was.
pub(super) fn answer_osc(body: &[u8], bel: bool) -> Option<String> {
    let end = if bel { "\x07" } else { "\x1b\\" };
    if body == b"7501;?" {
        return Some(format!("\x1b]7501;?{end}"));
    }
    let mut fields = body.split(|b| *b == b';');
    let first = match fields.next()? {
        b"10" => 0,
        b"11" => 1,
        b"12" => 2,
        _ => return None,
    };
    // Further fields are about the next colours.
    let asked = COLORS.iter().enumerate().skip(first).zip(fields);
    let answers = asked
        .filter(|(_, field)| *field == b"?")
        .map(|((index, color), _)| format!("\x1b]{};rgb:{color}{end}", index + 10));
    let all: String = answers.collect();
    (!all.is_empty()).then_some(all)
}

fn position(prefix: &str, view: &View) -> String {
    let top = match view.modes.region {
        Some((top, _)) if view.drawing.origin => top - 1,
        _ => 0,
    };
    let (row, col) = (view.pen.row.saturating_sub(top) + 1, view.pen.col + 1);
    format!("\x1b[{prefix}{row};{col}R")
}

//! What one whole sequence of a terminal means.

use super::{Code, Event, Key, Reply};
use crate::term::{Pointer, PointerAct, PointerButton};

/// The modifiers of `CSI ... ; modifiers`, without the locks of caps and num.
const SHIFT: u16 = 1;
const ALT: u16 = 2;
const CTRL: u16 = 4;
const OTHERS: u16 = 8 | 16 | 32;

/// A key without modifiers.
pub(super) fn named(name: &'static str) -> Key {
    Key { code: Code::Named(name), shift: false, alt: false, ctrl: false }
}

/// A character typed.
pub(super) fn character(c: char) -> Key {
    let code = if c == ' ' { Code::Named("space") } else { Code::Char(c) };
    Key { code, shift: false, alt: false, ctrl: false }
}

/// The same key with alt.
pub(super) fn alt(key: Key) -> Key {
    Key { alt: true, ..key }
}

/// A key that is one byte.
pub(super) fn byte(byte: u8) -> Key {
    let ctrl = |key| Key { ctrl: true, ..key };
    match byte {
        b'\r' => named("enter"),
        b'\t' => named("tab"),
        0x7f => named("backspace"),
        0x1b => named("esc"),
        0 => ctrl(named("space")),
        0x01..=0x1a => ctrl(character(char::from(byte - 1 + b'a'))),
        0x1c..=0x1f => ctrl(character(char::from(byte + 0x40))),
        byte => character(char::from(byte)),
    }
}

/// The key of `SS3 letter` and `CSI letter`.
pub(super) fn letter(letter: u8) -> Option<Key> {
    Some(match letter {
        b'A' => named("up"),
        b'B' => named("down"),
        b'C' => named("right"),
        b'D' => named("left"),
        b'F' => named("end"),
        b'H' => named("home"),
        b'M' => named("enter"),
        b'P' => named("f1"),
        b'Q' => named("f2"),
        b'R' => named("f3"),
        b'S' => named("f4"),
        _ => return None,
    })
}

/// The key of `CSI number ~`.
fn numbered(number: u16) -> Option<Key> {
    Some(named(match number {
        1 | 7 => "home",
        2 => "insert",
        3 => "delete",
        4 | 8 => "end",
        5 => "pageup",
        6 => "pagedown",
        11 => "f1",
        12 => "f2",
        13 => "f3",
        14 => "f4",
        15 => "f5",
        17 => "f6",
        18 => "f7",
        19 => "f8",
        20 => "f9",
        21 => "f10",
        23 => "f11",
        24 => "f12",
        _ => return None,
    }))
}

/// The key of `CSI code u`: a character, or what the kitty protocol numbers in the private area.
fn coded(code: u32) -> Option<Key> {
    Some(match code {
        9 | 13 | 27 | 127 => byte(u8::try_from(code).ok()?),
        57_399..=57_408 => character(char::from(b'0' + u8::try_from(code - 57_399).ok()?)),
        57_409 => character('.'),
        57_410 => character('/'),
        57_411 => character('*'),
        57_412 => character('-'),
        57_413 => character('+'),
        57_414 => named("enter"),
        57_415 => character('='),
        57_416 => character(','),
        57_417 => named("left"),
        57_418 => named("right"),
        57_419 => named("up"),
        57_420 => named("down"),
        57_421 => named("pageup"),
        57_422 => named("pagedown"),
        57_423 => named("home"),
        57_424 => named("end"),
        57_425 => named("insert"),
        57_426 => named("delete"),
        // Locks, media keys and modifiers alone.
        0xe000..=0xf8ff => return None,
        code => character(char::from_u32(code).filter(|c| !c.is_control())?),
    })
}

/// A key with the modifiers and the kind of event that a parameter `modifiers:kind` names. `None`
/// when it was let go, or with a modifier that no program in a terminal knows.
fn modified(key: Key, parameter: &str) -> Option<Key> {
    let mut parts = parameter.split(':');
    let held = match parts.next().unwrap_or_default() {
        "" => 0,
        held => held.parse::<u16>().ok()?.saturating_sub(1),
    };
    if held & OTHERS != 0 || parts.next() == Some("3") {
        return None;
    }
    let mut key = Key {
        shift: key.shift || held & SHIFT != 0,
        alt: held & ALT != 0,
        ctrl: held & CTRL != 0,
        ..key
    };
    // Shift with a letter is another character, unless ctrl makes one of both.
    if let Code::Char(c) = key.code
        && key.shift
        && !key.ctrl
        && c.is_ascii_lowercase()
    {
        key = Key { code: Code::Char(c.to_ascii_uppercase()), shift: false, ..key };
    }
    Some(key)
}

/// The meaning of `CSI parameters last`; `None` is none.
pub(super) fn csi(parameters: &[u8], last: u8) -> Option<Event> {
    let text = std::str::from_utf8(parameters).ok()?;
    let (prefix, text) = match text.as_bytes().first() {
        Some(prefix @ (b'?' | b'<' | b'=' | b'>' | b'[')) => (*prefix, &text[1..]),
        _ => (0, text),
    };
    let mut parts = text.split(';');
    let mut part = || parts.next().unwrap_or_default();
    let (first, second, third) = (part(), part(), part());
    match (prefix, last) {
        (0, b'I') if text.is_empty() => Some(Event::Focus(true)),
        (0, b'O') if text.is_empty() => Some(Event::Focus(false)),
        (0, b'Z') => Some(Event::Key(Key { shift: true, ..modified(named("tab"), second)? })),
        (0, b'n') if matches!(first, "0" | "3") => Some(Event::Reply(Reply::Ready)),
        (0, b'R') if first.parse::<u16>().is_ok_and(|row| row > 1) => {
            let [x, y] = [second, first].map(|part| part.parse::<u16>().ok()?.checked_sub(1));
            Some(Event::Reply(Reply::Cursor { x: x?, y: y? }))
        }
        (0, b'A'..=b'D' | b'F' | b'H' | b'P'..=b'S') => {
            Some(Event::Key(modified(letter(last)?, second)?))
        }
        // xterm's modifyOtherKeys.
        (0, b'~') if first == "27" => {
            Some(Event::Key(modified(coded(third.parse().ok()?)?, second)?))
        }
        (0, b'~') => Some(Event::Key(modified(numbered(first.parse().ok()?)?, second)?)),
        (0, b'u') => {
            let code = first.split(':').next().unwrap_or_default();
            Some(Event::Key(modified(coded(code.parse().ok()?)?, second)?))
        }
        (b'[', b'A'..=b'E') if text.is_empty() => {
            Some(Event::Key(numbered(u16::from(last - b'A') + 11)?))
        }
        (b'<', b'M' | b'm') => {
            mouse(first.parse().ok()?, second.parse().ok()?, third.parse().ok()?, last == b'm')
        }
        (b'?', b'c') => Some(Event::Reply(Reply::Attributes)),
        (b'?', b'u') => Some(Event::Reply(Reply::Keyboard(first.parse().ok()?))),
        (b'?', b'y') => {
            let value = second.strip_suffix('$')?.parse().ok()?;
            Some(Event::Reply(Reply::Mode { mode: first.parse().ok()?, value }))
        }
        _ => None,
    }
}

/// An SGR mouse report; cells are counted from 1 there.
fn mouse(code: u16, x: u16, y: u16, is_release: bool) -> Option<Event> {
    let button = match code & 3 {
        0 => Some(PointerButton::Left),
        1 => Some(PointerButton::Middle),
        2 => Some(PointerButton::Right),
        _ => None,
    };
    let is_moving = code & 32 != 0;
    let act = match (code & !(4 | 8 | 16 | 32 | 3), button) {
        (0, None) if is_moving => PointerAct::Move,
        (0, Some(button)) if is_moving => PointerAct::Drag(button),
        (0, Some(button)) if is_release => PointerAct::Up(button),
        (0, Some(button)) => PointerAct::Down(button),
        (64, Some(PointerButton::Left)) => PointerAct::WheelUp,
        (64, Some(PointerButton::Middle)) => PointerAct::WheelDown,
        (64, Some(PointerButton::Right)) => PointerAct::WheelLeft,
        (64, None) => PointerAct::WheelRight,
        _ => return None,
    };
    let [shift, alt, ctrl] = [4, 8, 16].map(|bit| code & bit != 0);
    let (x, y) = (x.checked_sub(1)?, y.checked_sub(1)?);
    Some(Event::Mouse(Pointer { act, x, y, shift, alt, ctrl }))
}

/// The meaning of an OSC's body: `11;rgb:rrrr/gggg/bbbb`.
pub(super) fn osc(body: &[u8]) -> Option<Event> {
    let color = std::str::from_utf8(body).ok()?.strip_prefix("11;rgb")?;
    let (_, levels) = color.split_once(':')?;
    let mut levels = levels.split('/').map(|level| {
        // One to four digits, of which the first two are enough; one stands for itself twice.
        let level = if level.len() == 1 { level.repeat(2) } else { level.to_owned() };
        u8::from_str_radix(level.get(..2)?, 16).ok()
    });
    let mut level = || levels.next().flatten();
    Some(Event::Reply(Reply::Background(level()?, level()?, level()?)))
}

//! What a mouse does over a program's screen, as the bytes the program expects by the modes it set.

use super::modes::{Modes, Mouse};
use serde::{Deserialize, Serialize};

/// What the mouse did, and in which cell, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pointer {
    /// What.
    pub act: PointerAct,
    /// Column.
    pub x: u16,
    /// Row.
    pub y: u16,
    /// With shift.
    pub shift: bool,
    /// With alt.
    pub alt: bool,
    /// With ctrl.
    pub ctrl: bool,
}

/// What the mouse did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum PointerAct {
    Down(PointerButton),
    Up(PointerButton),
    Drag(PointerButton),
    Move,
    WheelUp,
    WheelDown,
    WheelLeft,
    WheelRight,
}

/// A button of the mouse.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum PointerButton {
    Left,
    Middle,
    Right,
}

/// In the old form a coordinate is one byte, counted from this.
const OLD_ZERO: u16 = 32;

/// The bytes of what a mouse did; `None` when the program does not want to know.
pub fn encode_pointer(pointer: &Pointer, modes: &Modes) -> Option<Vec<u8>> {
    use PointerAct as Act;
    let button = |button| match button {
        PointerButton::Left => 0,
        PointerButton::Middle => 1,
        PointerButton::Right => 2,
    };
    let (code, wanted) = match pointer.act {
        Act::Down(which) => (button(which), modes.mouse != Mouse::Off),
        Act::Up(which) => (button(which), !matches!(modes.mouse, Mouse::Off | Mouse::Press)),
        Act::Drag(which) => {
            (32 + button(which), matches!(modes.mouse, Mouse::Drag | Mouse::Motion))
        }
        Act::Move => (32 + 3, modes.mouse == Mouse::Motion),
        Act::WheelUp => (64, !matches!(modes.mouse, Mouse::Off | Mouse::Press)),
        Act::WheelDown => (65, !matches!(modes.mouse, Mouse::Off | Mouse::Press)),
        Act::WheelLeft => (66, !matches!(modes.mouse, Mouse::Off | Mouse::Press)),
        Act::WheelRight => (67, !matches!(modes.mouse, Mouse::Off | Mouse::Press)),
    };
    if !wanted {
        return None;
    }
    let held = match modes.mouse {
        // Presses alone come without modifiers.
        Mouse::Press => 0,
        _ => {
            4 * u16::from(pointer.shift) + 8 * u16::from(pointer.alt) + 16 * u16::from(pointer.ctrl)
        }
    };
    let (x, y) = (pointer.x.saturating_add(1), pointer.y.saturating_add(1));
    let is_up = matches!(pointer.act, Act::Up(_));
    if modes.mouse_sgr {
        let last = if is_up { 'm' } else { 'M' };
        return Some(format!("\x1b[<{};{x};{y}{last}", code + held).into_bytes());
    }
    // The old form does not say which button was let go, and ends at column 223.
    let code = if is_up { 3 } else { code } + held;
    let mut bytes = b"\x1b[M".to_vec();
    for value in [code, x, y] {
        bytes.push(u8::try_from(value + OLD_ZERO.min(u16::MAX - value)).ok()?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(act: PointerAct, mouse: Mouse, mouse_sgr: bool) -> Option<String> {
        let pointer = Pointer { act, x: 4, y: 9, shift: false, alt: false, ctrl: true };
        let modes = Modes { mouse, mouse_sgr, ..Modes::default() };
        encode_pointer(&pointer, &modes).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_program_gets_what_it_asked_for_in_its_form() {
        use PointerAct::*;
        use PointerButton::*;
        let all = [
            (Down(Left), Mouse::Off, true, None),
            (Down(Right), Mouse::Press, false, Some("\x1b[M\"%*")),
            (Up(Right), Mouse::Press, false, None),
            (Down(Middle), Mouse::Click, true, Some("\x1b[<17;5;10M")),
            (Up(Middle), Mouse::Click, true, Some("\x1b[<17;5;10m")),
            (Up(Left), Mouse::Click, false, Some("\x1b[M3%*")),
            (WheelDown, Mouse::Click, true, Some("\x1b[<81;5;10M")),
            (Drag(Left), Mouse::Click, true, None),
            (Drag(Left), Mouse::Drag, true, Some("\x1b[<48;5;10M")),
            (Move, Mouse::Drag, true, None),
            (Move, Mouse::Motion, true, Some("\x1b[<51;5;10M")),
        ];
        for (act, mouse, sgr, expected) in all {
            assert_eq!(encoded(act, mouse, sgr).as_deref(), expected, "{act:?} {mouse:?}");
        }
    }

    #[test]
    fn a_cell_the_old_form_cannot_name_is_not_told() {
        let modes = Modes { mouse: Mouse::Click, ..Modes::default() };
        for x in [223, u16::MAX] {
            let act = PointerAct::Down(PointerButton::Left);
            let pointer = Pointer { act, x, y: 0, shift: false, alt: false, ctrl: false };
            assert_eq!(encode_pointer(&pointer, &modes), None);
        }
    }
}

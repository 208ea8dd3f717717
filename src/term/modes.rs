//! The modes a program switched on that decide what we send it, and what else of its settings the
//! emulator does not keep: keyboard flags per screen, scroll region, updates that are under way.

use super::emulator::DrawingModes;
use super::filter::Csi;
use crate::base::size::Size;
use serde::{Deserialize, Serialize};

/// The most keyboard settings a program may stack per screen; the oldest is lost.
const KEYBOARD_STACK_MAX: usize = 8;
/// The flags of the kitty keyboard protocol that exist.
const KEYBOARD_FLAGS: u16 = 0b1_1111;
/// An update that has not ended after this many bytes counts as forgotten.
const UPDATE_BYTES_MAX: u64 = 1024 * 1024;

/// Which mouse events a program wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Mouse {
    /// None.
    #[default]
    Off,
    /// Presses alone (mode 9).
    Press,
    /// Presses and releases (1000).
    Click,
    /// Those, and moves while a button is down (1002).
    Drag,
    /// Those, and all moves (1003).
    Motion,
}

/// What a program asked of its terminal's input side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Modes {
    /// It draws on the alternate screen (1049): full screen, no scrollback.
    pub alt_screen: bool,
    /// Cursor keys are sent as `ESC O A` (1).
    pub application_cursor: bool,
    /// The keypad sends sequences (66).
    pub application_keypad: bool,
    /// Pastes are marked as such (2004).
    pub bracketed_paste: bool,
    /// It wants to know when the terminal gains or loses focus (1004).
    pub focus: bool,
    /// It wants to know when the colour scheme changes (2031).
    pub color_scheme: bool,
    /// Which mouse events it wants.
    pub mouse: Mouse,
    /// Mouse events are sent in the SGR form (1006).
    pub mouse_sgr: bool,
    /// The flags of the kitty keyboard protocol in force; 0 is off.
    pub keyboard: u8,
    /// xterm's modifyOtherKeys, 0 to 2.
    pub modify_other_keys: u8,
}

/// Everything above the emulator that a sequence can set.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ModeTracker {
    /// All but the alternate screen and the keyboard flags, which are filled in by `current`.
    modes: Modes,
    keyboard_main: Vec<u8>,
    keyboard_alt: Vec<u8>,
    /// Top and bottom row of the scroll region, from 1, both included; `None` is the whole screen.
    pub region: Option<(u16, u16)>,
    /// G1 is in use (SO).
    pub shifted: bool,
    /// Where in the stream the synchronized update (2026) that is under way began.
    updating_since: Option<u64>,
}

impl ModeTracker {
    /// The modes as they are, `alt_screen` being the emulator's.
    pub fn current(&self, alt_screen: bool) -> Modes {
        let keyboard = self.keyboard(alt_screen).last().copied().unwrap_or(0);
        Modes { alt_screen, keyboard, ..self.modes }
    }

    /// Whether a synchronized update is under way, so that what is on the screen is half drawn.
    pub fn is_updating(&self, offset: u64) -> bool {
        self.updating_since.is_some_and(|since| offset.saturating_sub(since) < UPDATE_BYTES_MAX)
    }

    /// Sets or resets a private mode that is not the emulator's.
    pub fn set_private(&mut self, mode: u16, on: bool, offset: u64) {
        let mouse = |wanted| if on { wanted } else { Mouse::Off };
        match mode {
            1 => self.modes.application_cursor = on,
            9 => self.modes.mouse = mouse(Mouse::Press),
            66 => self.modes.application_keypad = on,
            1000 => self.modes.mouse = mouse(Mouse::Click),
            1002 => self.modes.mouse = mouse(Mouse::Drag),
            1003 => self.modes.mouse = mouse(Mouse::Motion),
            1004 => self.modes.focus = on,
            1006 => self.modes.mouse_sgr = on,
            2004 => self.modes.bracketed_paste = on,
            2026 => self.updating_since = on.then_some(offset),
            2031 => self.modes.color_scheme = on,
            _ => {}
        }
    }

    /// `ESC =` and `ESC >`.
    pub fn set_keypad(&mut self, on: bool) {
        self.modes.application_keypad = on;
    }

    /// `CSI > 4 ; level m`.
    pub fn set_modify_other_keys(&mut self, csi: &Csi) {
        let mut values = csi.values();
        if values.next() == Some(4) {
            let level = values.next().unwrap_or(0).min(2);
            self.modes.modify_other_keys = u8::try_from(level).unwrap_or(0);
        }
    }

    /// `CSI > flags u`, `CSI < count u` and `CSI = flags ; how u`.
    pub fn set_keyboard(&mut self, csi: &Csi, alt_screen: bool) {
        let mut values = csi.values();
        let value = values.next().unwrap_or(0);
        let flags = u8::try_from(value & KEYBOARD_FLAGS).unwrap_or(0);
        let stack = if alt_screen { &mut self.keyboard_alt } else { &mut self.keyboard_main };
        match csi.prefix {
            b'>' => {
                if stack.len() >= KEYBOARD_STACK_MAX {
                    stack.remove(0);
                }
                stack.push(flags);
            }
            b'<' => stack.truncate(stack.len().saturating_sub(usize::from(value.max(1)))),
            _ => {
                let top = stack.pop().unwrap_or(0);
                stack.push(match values.next() {
                    Some(2) => top | flags,
                    Some(3) => top & !flags,
                    _ => flags,
                });
            }
        }
    }

    /// `CSI top ; bottom r`; nothing changes when it makes no sense.
    pub fn set_region(&mut self, csi: &Csi, size: Size) {
        let mut values = csi.values();
        let top = values.next().unwrap_or(0).max(1);
        let bottom = match values.next() {
            None | Some(0) => size.rows,
            Some(row) => row.min(size.rows),
        };
        if top < bottom {
            self.region = (top > 1 || bottom < size.rows).then_some((top, bottom));
        }
    }

    /// What DECRQM answers for a private mode: 0 unknown, 1 set, 2 reset, 3 set for good.
    pub fn report_private(
        &self,
        mode: u16,
        drawing: DrawingModes,
        alt_screen: bool,
        offset: u64,
    ) -> u8 {
        let modes = &self.modes;
        let is_set = match mode {
            1 => modes.application_cursor,
            6 => drawing.origin,
            7 => drawing.wrap,
            9 => modes.mouse == Mouse::Press,
            25 => drawing.cursor_visible,
            47 | 1047 | 1049 => alt_screen,
            66 => modes.application_keypad,
            1000 => modes.mouse == Mouse::Click,
            1002 => modes.mouse == Mouse::Drag,
            1003 => modes.mouse == Mouse::Motion,
            1004 => modes.focus,
            1006 => modes.mouse_sgr,
            2004 => modes.bracketed_paste,
            2026 => self.is_updating(offset),
            2027 => return 3,
            2031 => modes.color_scheme,
            _ => return 0,
        };
        if is_set { 1 } else { 2 }
    }

    fn keyboard(&self, alt_screen: bool) -> &[u8] {
        if alt_screen { &self.keyboard_alt } else { &self.keyboard_main }
    }
}

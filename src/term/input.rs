//! What a person presses and pastes, as the bytes a program expects by the modes it set.

use super::modes::Modes;

/// A key cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No key has this name.
    #[error(
        "no key is called \"{0}\"; write a character, or one of enter, tab, backspace, esc, space, up, \
         down, left, right, home, end, pageup, pagedown, insert, delete, f1 to f12, with ctrl-, alt- or \
         shift- in front"
    )]
    Unknown(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Char(char),
    Enter,
    Tab,
    Backspace,
    Esc,
    /// Cursor keys, home, end and F1 to F4: `CSI 1 ; modifiers letter`.
    Letter(u8),
    /// The other named keys: `CSI number ; modifiers ~`.
    Number(u8),
}

/// Names and codes of the keys that are not characters.
const NAMES: [(&str, Code); 32] = [
    ("enter", Code::Enter),
    ("return", Code::Enter),
    ("tab", Code::Tab),
    ("backspace", Code::Backspace),
    ("esc", Code::Esc),
    ("escape", Code::Esc),
    ("space", Code::Char(' ')),
    ("up", Code::Letter(b'A')),
    ("down", Code::Letter(b'B')),
    ("right", Code::Letter(b'C')),
    ("left", Code::Letter(b'D')),
    ("end", Code::Letter(b'F')),
    ("home", Code::Letter(b'H')),
    ("insert", Code::Number(2)),
    ("delete", Code::Number(3)),
    ("del", Code::Number(3)),
    ("pageup", Code::Number(5)),
    ("pgup", Code::Number(5)),
    ("pagedown", Code::Number(6)),
    ("pgdn", Code::Number(6)),
    ("f1", Code::Letter(b'P')),
    ("f2", Code::Letter(b'Q')),
    ("f3", Code::Letter(b'R')),
    ("f4", Code::Letter(b'S')),
    ("f5", Code::Number(15)),
    ("f6", Code::Number(17)),
    ("f7", Code::Number(18)),
    ("f8", Code::Number(19)),
    ("f9", Code::Number(20)),
    ("f10", Code::Number(21)),
    ("f11", Code::Number(23)),
    ("f12", Code::Number(24)),
];

/// Flags of the kitty keyboard protocol.
const DISAMBIGUATE: u8 = 1;
const ALTERNATE_KEYS: u8 = 4;
const ALL_AS_SEQUENCES: u8 = 8;
const ASSOCIATED_TEXT: u8 = 16;

/// A key with its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    code: Code,
    shift: bool,
    alt: bool,
    ctrl: bool,
}

impl Key {
    /// Reads a key such as `y`, `enter`, `ctrl-c`, `alt-x`, `shift-tab` or `f5`. Names and
    /// modifiers may be in any case; a single character stands for itself.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut key = Self { code: Code::Esc, shift: false, alt: false, ctrl: false };
        let mut rest = text;
        while let Some((modifier, tail)) = rest.split_once('-').filter(|(_, tail)| !tail.is_empty())
        {
            match modifier.to_ascii_lowercase().as_str() {
                "ctrl" => key.ctrl = true,
                "alt" => key.alt = true,
                "shift" => key.shift = true,
                _ => return Err(KeyError::Unknown(text.into())),
            }
            rest = tail;
        }
        let mut characters = rest.chars();
        key.code = match (characters.next(), characters.next()) {
            (Some(c), None) if !c.is_control() => Code::Char(c),
            _ => {
                let name = rest.to_ascii_lowercase();
                let found = NAMES.iter().find(|(known, _)| *known == name);
                found.map(|(_, code)| *code).ok_or_else(|| KeyError::Unknown(text.into()))?
            }
        };
        Ok(key)
    }

    /// The modifiers as the protocols count them: 1 is none.
    fn modifiers(&self) -> u8 {
        1 + u8::from(self.shift) + 2 * u8::from(self.alt) + 4 * u8::from(self.ctrl)
    }
}

/// The bytes of a key press.
pub fn encode_key(key: &Key, modes: &Modes) -> Vec<u8> {
    let is_kitty = modes.keyboard != 0;
    let modifiers = key.modifiers();
    match key.code {
        Code::Letter(letter) => letter_key(letter, modifiers, modes.application_cursor, is_kitty),
        Code::Number(number) if modifiers == 1 => format!("\x1b[{number}~").into_bytes(),
        Code::Number(number) => format!("\x1b[{number};{modifiers}~").into_bytes(),
        Code::Esc if is_kitty => sequence("27", modifiers, ""),
        Code::Enter | Code::Tab | Code::Backspace | Code::Esc => control_key(key, modes),
        Code::Char(c) => character(c, key, modes),
    }
}

fn letter_key(letter: u8, modifiers: u8, application_cursor: bool, is_kitty: bool) -> Vec<u8> {
    let is_function = (b'P'..=b'S').contains(&letter);
    let letter = char::from(letter);
    match (modifiers, letter) {
        // In the kitty protocol `CSI R` would be a cursor report.
        (1, 'R') if is_kitty => "\x1b[13~".into(),
        (_, 'R') if is_kitty => format!("\x1b[13;{modifiers}~"),
        (1, _) if is_function && !is_kitty => format!("\x1bO{letter}"),
        (1, _) if application_cursor && !is_kitty => format!("\x1bO{letter}"),
        (1, _) => format!("\x1b[{letter}"),
        _ => format!("\x1b[1;{modifiers}{letter}"),
    }
    .into_bytes()
}

/// Enter, tab, backspace and escape: one byte each while nothing more is asked for.
fn control_key(key: &Key, modes: &Modes) -> Vec<u8> {
    let (code, byte) = match key.code {
        Code::Enter => ("13", b'\r'),
        Code::Tab => ("9", b'\t'),
        Code::Backspace => ("127", 0x7f),
        _ => ("27", 0x1b),
    };
    let modifiers = key.modifiers();
    let all = modes.keyboard & ALL_AS_SEQUENCES != 0;
    if all || (modes.keyboard & DISAMBIGUATE != 0 && modifiers > 1) {
        return sequence(code, modifiers, "");
    }
    if key.code == Code::Tab && key.shift {
        return b"\x1b[Z".to_vec();
    }
    if modes.modify_other_keys == 2 && modifiers > 1 {
        return format!("\x1b[27;{modifiers};{code}~").into_bytes();
    }
    let byte = if key.code == Code::Backspace && key.ctrl { 0x08 } else { byte };
    let mut bytes = Vec::new();
    bytes.extend(key.alt.then_some(0x1b));
    bytes.push(byte);
    bytes
}

fn character(c: char, key: &Key, modes: &Modes) -> Vec<u8> {
    let all = modes.keyboard & ALL_AS_SEQUENCES != 0;
    if all || (modes.keyboard & DISAMBIGUATE != 0 && (key.ctrl || key.alt)) {
        return character_sequence(c, key, modes.keyboard);
    }
    let typed = if key.shift { c.to_ascii_uppercase() } else { c };
    let mut bytes = Vec::new();
    bytes.extend(key.alt.then_some(0x1b));
    match control_byte(typed).filter(|_| key.ctrl) {
        Some(byte) => bytes.push(byte),
        None => bytes.extend_from_slice(typed.encode_utf8(&mut [0; 4]).as_bytes()),
    }
    bytes
}

/// A character as the kitty protocol names it: by the key's character without shift.
fn character_sequence(c: char, key: &Key, flags: u8) -> Vec<u8> {
    let base = c.to_ascii_lowercase();
    let shifted = c.to_ascii_uppercase();
    let is_shifted = key.shift || (base != c);
    let mut code = u32::from(base).to_string();
    if flags & ALTERNATE_KEYS != 0 && is_shifted && shifted != base {
        code.push_str(&format!(":{}", u32::from(shifted)));
    }
    let typed = if is_shifted { shifted } else { c };
    let has_text = flags & ASSOCIATED_TEXT != 0 && !key.ctrl && !key.alt;
    let text = if has_text { u32::from(typed).to_string() } else { String::new() };
    sequence(&code, Key { shift: is_shifted, ..*key }.modifiers(), &text)
}

/// `CSI code ; modifiers ; text u`, without what is not needed.
fn sequence(code: &str, modifiers: u8, text: &str) -> Vec<u8> {
    match (modifiers, text) {
        (1, "") => format!("\x1b[{code}u"),
        (_, "") => format!("\x1b[{code};{modifiers}u"),
        (1, _) => format!("\x1b[{code};;{text}u"),
        _ => format!("\x1b[{code};{modifiers};{text}u"),
    }
    .into_bytes()
}

/// What ctrl makes of a character, where it makes anything of it.
fn control_byte(c: char) -> Option<u8> {
    let byte = u8::try_from(c).ok()?;
    Some(match byte {
        b'@'..=b'_' | b'a'..=b'z' => byte & 0x1f,
        b' ' | b'2' => 0,
        b'3'..=b'7' => byte - b'3' + 0x1b,
        b'8' | b'?' => 0x7f,
        b'/' => 0x1f,
        _ => return None,
    })
}

/// The bytes of a paste. Line ends become carriage returns; every other control character is left
/// out, so that a paste cannot end itself or press a key. Without [`Modes::bracketed_paste`] the
/// program takes each line end for Enter.
pub fn encode_paste(text: &str, modes: &Modes) -> Vec<u8> {
    let text = text.replace("\x1b[201~", "").replace("\r\n", "\n");
    let kept = text.chars().filter_map(|c| match c {
        '\n' | '\r' => Some('\r'),
        '\t' => Some('\t'),
        c if c.is_control() => None,
        c => Some(c),
    });
    let (start, end) = if modes.bracketed_paste { ("\x1b[200~", "\x1b[201~") } else { ("", "") };
    let mut out = String::from(start);
    out.extend(kept);
    out.push_str(end);
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(key: &str, modes: &Modes) -> String {
        String::from_utf8(encode_key(&Key::parse(key).unwrap(), modes)).unwrap()
    }

    fn check(modes: &Modes, cases: &[(&str, &str)]) {
        for (key, expected) in cases {
            assert_eq!(bytes(key, modes), *expected, "{key}");
        }
    }

    #[test]
    fn plain_terminals_get_the_old_bytes() {
        check(
            &Modes::default(),
            &[
                ("y", "y"),
                ("Y", "Y"),
                ("shift-y", "Y"),
                ("あ", "あ"),
                ("-", "-"),
                ("ctrl--", "-"),
                ("ctrl-c", "\x03"),
                ("Ctrl-C", "\x03"),
                ("ctrl-space", "\0"),
                ("alt-x", "\x1bx"),
                ("ctrl-alt-x", "\x1b\x18"),
                ("enter", "\r"),
                ("alt-enter", "\x1b\r"),
                ("esc", "\x1b"),
                ("tab", "\t"),
                ("shift-tab", "\x1b[Z"),
                ("backspace", "\x7f"),
                ("up", "\x1b[A"),
                ("ctrl-right", "\x1b[1;5C"),
                ("home", "\x1b[H"),
                ("delete", "\x1b[3~"),
                ("shift-pageup", "\x1b[5;2~"),
                ("f1", "\x1bOP"),
                ("f5", "\x1b[15~"),
                ("F12", "\x1b[24~"),
            ],
        );
    }

    #[test]
    fn application_cursor_changes_plain_cursor_keys_alone() {
        let modes = Modes { application_cursor: true, ..Modes::default() };
        check(&modes, &[("up", "\x1bOA"), ("end", "\x1bOF"), ("alt-up", "\x1b[1;3A")]);
    }

    #[test]
    fn the_kitty_flags_of_both_agents_tell_keys_apart() {
        // 5 is what Claude pushes, 7 what Codex does.
        for keyboard in [5, 7] {
            let modes = Modes { keyboard, application_cursor: true, ..Modes::default() };
            check(
                &modes,
                &[
                    ("y", "y"),
                    ("Y", "Y"),
                    ("enter", "\r"),
                    ("shift-enter", "\x1b[13;2u"),
                    ("esc", "\x1b[27u"),
                    ("ctrl-c", "\x1b[99;5u"),
                    ("ctrl-shift-c", "\x1b[99:67;6u"),
                    ("shift-tab", "\x1b[9;2u"),
                    ("up", "\x1b[A"),
                    ("f1", "\x1b[P"),
                    ("f3", "\x1b[13~"),
                ],
            );
        }
    }

    #[test]
    fn kitty_can_ask_for_everything_as_sequences() {
        let modes = Modes { keyboard: 31, ..Modes::default() };
        check(
            &modes,
            &[
                ("a", "\x1b[97;;97u"),
                ("A", "\x1b[97:65;2;65u"),
                ("enter", "\x1b[13u"),
                ("ctrl-a", "\x1b[97;5u"),
            ],
        );
    }

    #[test]
    fn modify_other_keys_tells_shift_enter() {
        let modes = Modes { modify_other_keys: 2, ..Modes::default() };
        check(&modes, &[("shift-enter", "\x1b[27;2;13~"), ("enter", "\r")]);
    }

    #[test]
    fn a_wrong_key_is_named_with_the_right_ones() {
        for wrong in ["", "foo", "hyper-x", "ctrl-", "\x1b", "f13"] {
            let error = Key::parse(wrong).unwrap_err();
            assert_eq!(error, KeyError::Unknown(wrong.into()));
            assert!(error.to_string().contains("enter, tab"), "{error}");
        }
    }

    #[test]
    fn a_paste_cannot_end_itself() {
        let modes = Modes { bracketed_paste: true, ..Modes::default() };
        let pasted = encode_paste("a\x1b[201~b\x1b[20\x1b[201~1~c\u{9b}201~\x03d", &modes);
        assert_eq!(pasted, b"\x1b[200~ab[201~c201~d\x1b[201~");
    }

    #[test]
    fn a_paste_keeps_text_tabs_and_lines() {
        let text = "修正\tone\r\ntwo\nthree";
        let expected = "修正\tone\rtwo\rthree";
        assert_eq!(encode_paste(text, &Modes::default()), expected.as_bytes());
    }
}

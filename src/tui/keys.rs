//! Names of keys: one spelling for each, so that a binding and a press can be compared.

use crate::term::Key;

/// Other spellings, and the one used here.
const SPELLINGS: &[(&str, &str)] = &[
    (" ", "space"),
    ("return", "enter"),
    ("escape", "esc"),
    ("del", "delete"),
    ("pgup", "pageup"),
    ("pgdn", "pagedown"),
    ("backtab", "shift-tab"),
];

/// The one spelling of a key, such as `ctrl-s`, `shift-tab`, `A`, `enter`; `None` when it is none.
pub fn canonical(name: &str) -> Option<String> {
    Key::parse(name).ok()?;
    let mut rest = name;
    let (mut ctrl, mut alt, mut shift) = (false, false, false);
    while let Some((modifier, tail)) = rest.split_once('-').filter(|(_, tail)| !tail.is_empty()) {
        match modifier.to_ascii_lowercase().as_str() {
            "ctrl" => ctrl = true,
            "alt" => alt = true,
            _ => shift = true,
        }
        rest = tail;
    }
    let mut code = match rest.chars().count() {
        1 => rest.to_string(),
        _ => rest.to_ascii_lowercase(),
    };
    if let Some((_, one)) = SPELLINGS.iter().find(|(other, _)| *other == code) {
        code = (*one).to_string();
    }
    if code.len() == 1 && ctrl {
        code = code.to_ascii_lowercase();
    } else if code.len() == 1 && shift {
        (code, shift) = (code.to_ascii_uppercase(), false);
    }
    let modifiers = [(ctrl, "ctrl-"), (alt, "alt-"), (shift, "shift-")];
    let set = modifiers.iter().filter(|(is_set, _)| *is_set);
    Some(set.fold(String::new(), |all, (_, name)| all + name) + &code)
}

/// What a key writes into a text, if it writes anything.
pub fn character(key: &str) -> Option<char> {
    let mut characters = key.chars();
    match (characters.next(), characters.next()) {
        (Some(c), None) => Some(c),
        _ if key == "space" => Some(' '),
        _ => None,
    }
}

/// The key that a fullwidth character of an input method stands for.
pub fn folded(key: &str) -> Option<String> {
    let c = u32::from(character(key)?);
    match c {
        0x3000 => Some("space".into()),
        0xff01..=0xff5e => char::from_u32(c - 0xff01 + 0x21).map(String::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_spelling() {
        let same = [
            ("Return", "enter"),
            (" ", "space"),
            ("shift-a", "A"),
            ("ctrl-A", "ctrl-a"),
            ("shift-ctrl-x", "ctrl-shift-x"),
            ("SHIFT-TAB", "shift-tab"),
            ("ctrl--", "ctrl--"),
            ("-", "-"),
            ("PgUp", "pageup"),
        ];
        for (given, expected) in same {
            assert_eq!(canonical(given).as_deref(), Some(expected), "{given}");
        }
        assert_eq!(canonical("hyper-x"), None);
        assert_eq!(canonical(""), None);
    }

    #[test]
    fn fullwidth_characters_stand_for_their_keys() {
        assert_eq!(folded("ａ").as_deref(), Some("a"));
        assert_eq!(folded("？").as_deref(), Some("?"));
        assert_eq!(folded("\u{3000}").as_deref(), Some("space"));
        assert_eq!(folded("あ"), None);
        assert_eq!(folded("a"), None);
    }
}

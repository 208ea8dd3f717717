//! The bytes that put a prompt into an agent's terminal.
//!
//! When that may happen is decided by [`StatusTracker::ready_for_prompt`](super::status).

use super::Refusal;

/// The longest prompt that is typed into a terminal. A longer one belongs in a file.
pub const PROMPT_BYTES_MAX: usize = 256 * 1024;

/// Whether the program switched bracketed paste (mode 2004) on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paste {
    /// It did: the text arrives as one piece.
    Bracketed,
    /// It did not: the text is typed, each line break is Enter.
    Typed,
}

/// A prompt in two writes. Codex takes an Enter in the same write as part of the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PromptInput {
    /// The text.
    pub text: Vec<u8>,
    /// Enter, to be written after the text was written whole.
    pub enter: Vec<u8>,
}

/// Makes the input for `prompt`. Control characters other than line breaks and tabs are left out:
/// an escape sequence could end the paste early and press keys.
pub fn prompt_input(prompt: &str, paste: Paste) -> Result<PromptInput, Refusal> {
    if prompt.trim().is_empty() {
        return Err(Refusal::PromptEmpty);
    }
    if prompt.len() > PROMPT_BYTES_MAX {
        return Err(Refusal::PromptTooLong { bytes: prompt.len() });
    }
    let lines = prompt.trim_end().replace("\r\n", "\n");
    let kept = lines.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    let text = match paste {
        Paste::Bracketed => format!("\u{1b}[200~{}\u{1b}[201~", kept.collect::<String>()),
        Paste::Typed => kept.map(|c| if c == '\n' { '\r' } else { c }).collect(),
    };
    Ok(PromptInput { text: text.into_bytes(), enter: b"\r".to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_one_paste_and_a_separate_enter() {
        let input = prompt_input("fix\r\nthe 日本語\tparser\n\n", Paste::Bracketed).unwrap();
        let text = "\u{1b}[200~fix\nthe 日本語\tparser\u{1b}[201~";
        assert_eq!(String::from_utf8(input.text).unwrap(), text);
        assert_eq!(input.enter, b"\r");
        assert_eq!(prompt_input("a\nb", Paste::Typed).unwrap().text, b"a\rb");
    }

    #[test]
    fn a_prompt_cannot_end_its_own_paste_and_press_keys() {
        let input = prompt_input("a\u{1b}[201~\u{9b}201~\ry\u{3}", Paste::Bracketed).unwrap();
        assert_eq!(input.text, "\u{1b}[200~a[201~201~y\u{1b}[201~".as_bytes());
    }

    #[test]
    fn an_empty_and_an_enormous_prompt_are_refused() {
        assert!(matches!(prompt_input(" \n", Paste::Bracketed), Err(Refusal::PromptEmpty)));
        let error = prompt_input(&"x".repeat(1024 * 1024), Paste::Bracketed).unwrap_err();
        assert!(error.to_string().contains("1048576 bytes"), "{error}");
    }
}

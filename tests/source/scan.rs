//! Blanks what is not code: comments, text in quotes, test modules. Lines and columns stay.

/// What stays readable beside the code.
#[derive(Clone, Copy, PartialEq)]
pub enum Keep {
    /// Code alone.
    Code,
    /// Code and comments.
    Comments,
}

/// The text with the contents of strings and character literals blanked, and comments too
/// unless they are kept. Every character but line ends becomes one space.
pub fn blank(text: &str, keep: Keep) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let (end, is_comment) = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => (line_end(&chars, at), true),
            '/' if chars.get(at + 1) == Some(&'*') => (block_end(&chars, at), true),
            '"' => (string_end(&chars, at, raw_hashes(&chars, at)), false),
            '\'' => (char_end(&chars, at), false),
            _ => (at + 1, true),
        };
        let is_plain = end == at + 1 || (is_comment && keep == Keep::Comments);
        for (index, &c) in chars[at..end].iter().enumerate() {
            let is_quote = !is_comment && (index == 0 || at + index + 1 == end);
            out.push(if is_plain || is_quote || c == '\n' { c } else { ' ' });
        }
        at = end;
    }
    out
}

/// Blanked code without the items that stand under `#[cfg(test)]`.
pub fn without_tests(code: &str) -> String {
    split_tests(code).0
}

/// Blanked code cut in two: the code without its test items, and the test items alone.
pub fn split_tests(code: &str) -> (String, String) {
    let chars: Vec<char> = code.chars().collect();
    let blanked = |inside: &dyn Fn(usize) -> bool| -> String {
        let pick = |(at, &c): (usize, &char)| if inside(at) || c == '\n' { c } else { ' ' };
        chars.iter().enumerate().map(pick).collect()
    };
    let marker: Vec<char> = "#[cfg(test)]".chars().collect();
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if chars[at..].starts_with(&marker) {
            let end = item_end(&chars, at + marker.len());
            ranges.push((at, end));
            at = end;
        } else {
            at += 1;
        }
    }
    let is_test = |at: usize| ranges.iter().any(|&(start, end)| start <= at && at < end);
    (blanked(&|at| !is_test(at)), blanked(&is_test))
}

/// The end of the item that follows: its `;`, the brace that closes its first one, or the end of
/// what it stands in.
fn item_end(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    for (at, c) in chars.iter().enumerate().skip(start) {
        match c {
            ';' if depth == 0 => return at + 1,
            '{' | '(' | '[' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' | ')' | ']' if depth == 0 => return at,
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
    }
    chars.len()
}

fn line_end(chars: &[char], start: usize) -> usize {
    chars[start..].iter().position(|&c| c == '\n').map_or(chars.len(), |n| start + n)
}

fn block_end(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

/// The number of `#` of the raw string whose quote stands at `quote`; nothing for a plain string.
fn raw_hashes(chars: &[char], quote: usize) -> Option<usize> {
    let hashes = chars[..quote].iter().rev().take_while(|&&c| c == '#').count();
    let before = |n: usize| quote.checked_sub(hashes + n).map(|at| chars[at]);
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let is_raw = before(1) == Some('r')
        && (!is_word(before(2)) || (matches!(before(2), Some('b' | 'c')) && !is_word(before(3))));
    is_raw.then_some(hashes)
}

fn string_end(chars: &[char], quote: usize, raw: Option<usize>) -> usize {
    let mut at = quote + 1;
    while at < chars.len() {
        match (chars[at], raw) {
            ('\\', None) => at += 1,
            ('"', None) => return at + 1,
            ('"', Some(hashes)) => {
                let closing = chars[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count();
                if closing == hashes {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    chars.len()
}

/// The end of a character literal, or of the lone quote of a lifetime.
fn char_end(chars: &[char], quote: usize) -> usize {
    match (chars.get(quote + 1), chars.get(quote + 2)) {
        (Some('\\'), Some(_)) => {
            let closing = chars[quote + 3..].iter().position(|&c| c == '\'');
            closing.map_or(chars.len(), |n| quote + 4 + n)
        }
        (Some(_), Some('\'')) => quote + 3,
        _ => quote + 1,
    }
}

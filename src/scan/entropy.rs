//! Random values: runs of base64 or hexadecimal characters that look drawn by chance.

use super::shapes::pattern;
use crate::base::globs::Globs;
use regex::bytes::Regex;
use serde::Deserialize;
use std::cell::OnceCell;
use std::ops::Range;

/// Lengths of digests in hexadecimal: SHA-1 and git's object ids, SHA-224 to SHA-512.
const DIGEST_LENGTHS: [usize; 5] = [40, 56, 64, 96, 128];
/// How much before a value and of its beginning may say that it is harmless.
const LABEL_BYTES: usize = 8;
/// How often the kind of character changes in a random value, per character: 0.63 on average. Names
/// of types come near it, but not when they are long.
const CHANGES: f64 = 0.4;
const CHANGES_CODE: f64 = 0.5;
const CODE_LENGTH_MAX: usize = 40;
/// Spaces between an assignment's sign and its value.
const SPACES_MAX: usize = 3;

/// What a random value looks like.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entropy {
    #[serde(deserialize_with = "pattern")]
    names: Regex,
    #[serde(deserialize_with = "pattern")]
    harmless: Regex,
    #[serde(deserialize_with = "pattern")]
    before: Regex,
    base64: Vec<Step>,
    hex: Vec<Step>,
    length_max: usize,
    /// Files in which digests are the content.
    pub quiet: Globs,
}

/// What is asked of a value from a length on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    length: usize,
    bits: f64,
}

impl Entropy {
    /// The first random value in a line that stands in quotes or is assigned.
    pub fn first(&self, line: &[u8]) -> Option<Range<usize>> {
        let line = Line::new(self, line);
        let may_be_key = |run: &Range<usize>| run.len() <= self.length_max || line.names_a_secret();
        runs(line.text).find(|run| line.is_value(run) && may_be_key(run) && line.is_random(run))
    }

    /// All random values in a text, wherever they stand.
    pub fn anywhere<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        let line = Line::new(self, text);
        runs(text).filter(move |run| line.is_random(run))
    }
}

/// A line, and what was already asked about it as a whole.
struct Line<'a> {
    entropy: &'a Entropy,
    text: &'a [u8],
    names: OnceCell<bool>,
    harmless: OnceCell<bool>,
}

impl<'a> Line<'a> {
    fn new(entropy: &'a Entropy, text: &'a [u8]) -> Self {
        Self { entropy, text, names: OnceCell::new(), harmless: OnceCell::new() }
    }

    fn names_a_secret(&self) -> bool {
        *self.names.get_or_init(|| self.entropy.names.is_match(self.text))
    }

    fn names_a_digest(&self) -> bool {
        *self.harmless.get_or_init(|| self.entropy.harmless.is_match(self.text))
    }

    fn is_quoted(&self, run: &Range<usize>) -> bool {
        self.text[..run.start].last().is_some_and(|byte| b"\"'`".contains(byte))
    }

    /// Whether the run is a whole value: quoted, or behind `=` or `:`.
    fn is_value(&self, run: &Range<usize>) -> bool {
        let mut before = self.text[..run.start].iter().rev();
        let spaces = before.clone().take(SPACES_MAX).take_while(|b| **b == b' ').count();
        let sign = before.nth(spaces);
        let is_assigned = match sign {
            Some(b':') => before.next() != Some(&b':'),
            sign => sign == Some(&b'='),
        };
        let is_whole =
            self.text.get(run.end).is_none_or(|b| b"\"'`=;,)}]<\\".contains(b) || *b <= b' ');
        (is_assigned || self.is_quoted(run)) && is_whole
    }

    fn is_random(&self, run: &Range<usize>) -> bool {
        let value = &self.text[run.clone()];
        let value = value.strip_prefix(b"0x").unwrap_or(value);
        let is_hex = value.iter().all(u8::is_ascii_hexdigit);
        let steps = if is_hex { &self.entropy.hex } else { &self.entropy.base64 };
        let step = steps.iter().rev().find(|step| value.len() >= step.length);
        if step.is_none_or(|step| bits_per_byte(value) < step.bits) {
            return false;
        }
        let label = run.start.saturating_sub(LABEL_BYTES)..run.end.min(run.start + LABEL_BYTES);
        if self.entropy.before.is_match(&self.text[label]) {
            return false;
        }
        if !is_hex {
            let may_be_code = value.len() < CODE_LENGTH_MAX && !self.is_quoted(run);
            return is_shuffled(value, if may_be_code { CHANGES_CODE } else { CHANGES });
        }
        let is_mixed =
            value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic);
        let is_digest = DIGEST_LENGTHS.contains(&value.len());
        is_mixed && !self.names_a_digest() && (!is_digest || self.names_a_secret())
    }
}

/// Whether small and capital letters and digits all occur and alternate as they do by chance; in
/// names and paths they come in groups.
fn is_shuffled(value: &[u8], changes_min: f64) -> bool {
    let kind = |byte: &u8| match byte {
        b'a'..=b'z' => Some(0),
        b'A'..=b'Z' => Some(1),
        b'0'..=b'9' => Some(2),
        _ => None,
    };
    let (mut seen, mut last, mut changes) = ([false; 3], None, 0);
    for kind in value.iter().filter_map(kind) {
        seen[kind] = true;
        changes += u32::from(last.is_some_and(|last| last != kind));
        last = Some(kind);
    }
    seen == [true; 3] && f64::from(changes) >= changes_min * value.len() as f64
}

/// Shannon's entropy of the bytes.
pub(super) fn bits_per_byte(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value {
        counts[usize::from(*byte)] += 1;
    }
    let length = value.len() as f64;
    let share = |count: &u32| f64::from(*count) / length;
    -counts.iter().filter(|count| **count > 0).map(share).map(|p| p * p.log2()).sum::<f64>()
}

/// Runs of characters that base64 and its kin use.
fn runs(text: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let is_in = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/_-".contains(byte);
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].iter().position(is_in)?;
        at = start + text[start..].iter().take_while(|byte| is_in(byte)).count();
        Some(start..at)
    })
}

#[cfg(test)]
mod tests {
    use super::super::shapes::secrets;
    use super::super::shapes::tests::plain;

    fn found(line: &str) -> Option<String> {
        let line = plain(line);
        let range = secrets().unwrap().entropy.first(line.as_bytes())?;
        Some(line[range].to_owned())
    }

    #[test]
    fn random_values_in_quotes_and_assignments_are_found() {
        for line in [
            "const k = \"zR8vKq2·LmX0pWc7Yt·B4nHs\";",
            "key: zR8vKq2LmX·0pWc7YtB4n·HsJ5gD9aFe",
            "KEY=zR8vKq2LmX·0pWc7YtB4n·HsJ5gD9aFe",
            "id = '0f3c9a71b2·d84e65a1907c·b3f2e8d456'",
            "token = \"0x0f3c9a71b2d84e65·a1907cb3f2e8d45612·0f3c9a71b2d84e65a1907cb3f2e8\"",
        ] {
            assert!(found(line).is_some(), "{line}");
        }
    }

    #[test]
    fn digests_names_and_paths_are_not() {
        for line in [
            "\"integrity\": \"sha512-zR8vKq2LmX0pWc7YtB4nHsJ5gD9aFezR8vKq2LmX0pWc7YtB4nHsJ5gD9aFe\"",
            "const EMPTY = \"4b825dc642cb6eb9a060e54bf8d69288fbee4904\";",
            "md5 = \"0f3c9a71b2d84e65a1907cb3f2e8d456\"",
            "id = \"7D9C1F2A-3B4C-5D6E-7F80-91A2B3C4D5E6\"",
            "use = \"src/Components/Buttons2/PrimaryButton/IconButton3\"",
            "name = \"MyAbstractComponent2RendererFactory\"",
            "src=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAA\"",
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            "charset = \"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789\"",
            "fn set(fd: Fd, value: Ipv4PathMtuDiscovery) {",
            "x.ok_or(E::ToDurationCivilTz4Us2)",
            "h1:zR8vKq2LmX0pWc7YtB4nHsJ5gD9aFezR8vKq2LmX0pW=",
            "rule = \"0000000000000000000000000000000000000000\"",
        ] {
            assert_eq!(found(line), None, "{line}");
        }
    }
}

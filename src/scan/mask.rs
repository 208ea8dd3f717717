//! Text that may be shown: every secret in it is masked, keeping its beginning and its length.
//!
//! More is masked here than the check of secrets reports: a snippet loses little by it.

use super::shapes::secrets;
use crate::base::foreign::Foreign;
use std::ops::Range;

/// How long a snippet may be, in characters.
pub const SNIPPET_CHARS_MAX: usize = 160;
/// How many characters of a secret stay.
const KEPT_CHARS_MAX: usize = 4;
/// How much of a line before its place of interest a snippet shows.
const LEAD_BYTES: usize = 48;
/// How much around a snippet is read, so that a secret that it cuts is still known for one.
const MARGIN_BYTES: usize = 2048;
/// How much of a text is masked; the rest is left out.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// A text with its secrets masked.
pub fn masked(text: &[u8]) -> Foreign {
    let text = &text[..text.len().min(TEXT_BYTES_MAX)];
    Foreign::new(render(text, 0, &[], usize::MAX))
}

/// The beginning of a line, masked.
pub fn masked_snippet(line: &[u8]) -> Foreign {
    let indent = line.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    snippet(line, indent, &[])
}

/// What stands in a line around a place of it, masked together with the places of `hidden`.
pub fn snippet(line: &[u8], place: usize, hidden: &[Range<usize>]) -> Foreign {
    let place = place.min(line.len());
    let lead = place.saturating_sub(LEAD_BYTES);
    let from = lead.saturating_sub(MARGIN_BYTES);
    let window = &line[from..line.len().min(place + MARGIN_BYTES)];
    let hidden: Vec<_> = hidden
        .iter()
        .filter(|range| range.end > from && range.start < from + window.len())
        .map(|range| range.start.saturating_sub(from)..(range.end - from).min(window.len()))
        .collect();
    let mut text = String::new();
    if lead > 0 {
        text.push('…');
    }
    let indent = line[lead..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    text.push_str(&render(
        window,
        (lead + indent - from).min(window.len()),
        &hidden,
        SNIPPET_CHARS_MAX,
    ));
    let cut = text.char_indices().nth(SNIPPET_CHARS_MAX - 1).map(|(at, _)| at);
    let is_cut = text.chars().nth(SNIPPET_CHARS_MAX).is_some();
    let left_out = from + window.len() < line.len();
    match cut.filter(|_| is_cut || left_out) {
        Some(cut) => text.truncate(cut),
        None if !left_out => return Foreign::new(text),
        None => {}
    }
    text.push('…');
    Foreign::new(text)
}

/// The text from a place on, with its secrets and the hidden places masked; at least `chars_max`
/// characters of it if there are as many.
fn render(text: &[u8], from: usize, hidden: &[Range<usize>], chars_max: usize) -> String {
    let Ok(secrets) = secrets() else {
        return "(not shown: nothing is known about secrets)".into();
    };
    let mut places = secrets.all(text);
    places.extend_from_slice(hidden);
    places.sort_by_key(|place| (place.start, place.end));
    let (mut out, mut at, mut chars) = (String::new(), from, 0);
    let mut places = places.into_iter().filter(|place| !place.is_empty()).peekable();
    while at < text.len() && chars <= chars_max {
        let Some(mut place) = places.next_if(|_| true) else {
            out.push_str(Foreign::from_bytes(&text[at..]).raw());
            break;
        };
        while let Some(next) = places.next_if(|next| next.start < place.end) {
            place.end = place.end.max(next.end);
        }
        if place.end <= at {
            continue;
        }
        let open = Foreign::from_bytes(&text[at..place.start.max(at)]);
        let mask = mask(&text[place.clone()]);
        chars += open.raw().chars().count() + mask.chars().count();
        out.push_str(open.raw());
        out.push_str(&mask);
        at = place.end;
    }
    out
}

/// A few characters of a secret, none of a short one, and how long it is.
fn mask(secret: &[u8]) -> String {
    let secret = Foreign::from_bytes(secret);
    let count = secret.raw().chars().count();
    let kept: String = secret.raw().chars().take(KEPT_CHARS_MAX.min(count / 4)).collect();
    format!("{kept}…({count})")
}

#[cfg(test)]
mod tests {
    use super::super::shapes::tests::plain;
    use super::*;

    fn key() -> String {
        plain("ghp_·16C7e42F292c6912E7·710c838347Ae178B4a")
    }

    #[test]
    fn a_secret_keeps_its_beginning_and_its_length() {
        let line = format!("    let key = \"{}\";", key());
        assert_eq!(masked_snippet(line.as_bytes()).raw(), "let key = \"ghp_…(40)\";");
        let text = format!("first\npassword = '{}'\n", plain("kV8s-·pQ2m!x"));
        assert_eq!(masked(text.as_bytes()).raw(), "first\npassword = 'kV…(11)'\n");
        assert_eq!(mask(b"abc"), "…(3)");
    }

    #[test]
    fn what_has_no_shape_is_masked_for_its_looks() {
        let body = plain("MIIEvQIBADANBgkqhkiG9w0B·AQEFAASCBKcwggSjAgEAAoIBAQC7·zR8vKq2LmX0pWc7Y");
        let shown = masked_snippet(body.as_bytes());
        assert_eq!(shown.raw(), "MIIE…(68)");
        let long = plain("zR8vKq2LmX·0pWc7YtB4n·HsJ5gD9aFe").repeat(24);
        assert_eq!(masked(format!("x {long} y").as_bytes()).raw(), "x zR8v…(720) y");
        let key = plain("-----BEGIN RSA ·PRIVATE KEY-----") + " M I I E \nnext";
        assert_eq!(masked(key.as_bytes()).raw(), "----…(40)\nnext");
        let path = "use crate::scan::shapes::tests; // src/scan/change.rs";
        assert_eq!(masked_snippet(path.as_bytes()).raw(), path);
    }

    #[test]
    fn no_part_of_a_secret_is_shown_wherever_a_snippet_is_cut() {
        let secret =
            plain("eyJhbGciOi·JIUzI1NiJ9.·eyJzdWIiOi·IxMjM0NTY3ODkwIn0.") + &"aZ3".repeat(400);
        for before in [0, 1, 40, 48, 49, 100, 158, 159, 160, 500, 2047, 2048, 5000] {
            let line = format!("{} {secret} {}", "w ".repeat(before), "z ".repeat(before));
            let start = before * 2 + 1;
            for place in [0, start, start + 30, start + secret.len(), line.len(), line.len() + 9] {
                let shown = snippet(line.as_bytes(), place, &[]);
                let shown = shown.raw();
                assert!(!shown.contains("aZ3") && !shown.contains("NiJ9"), "{place}: {shown}");
                assert!(shown.chars().count() <= SNIPPET_CHARS_MAX);
            }
        }
    }

    #[test]
    fn hidden_places_are_masked_and_may_overlap() {
        let line = b"one hunter2hunter2 two";
        let shown = snippet(line, 4, &[4..18, 4..11, 10..12, 0..0, 90..99]);
        assert_eq!(shown.raw(), "one hun…(14) two");
    }

    #[test]
    fn a_snippet_is_short_whatever_the_line_is() {
        for line in [vec![0xff; 1 << 20], vec![b' '; 1 << 20], "語".repeat(1 << 18).into_bytes()] {
            for place in [0, 1, 77_777, line.len()] {
                assert!(snippet(&line, place, &[]).raw().chars().count() <= SNIPPET_CHARS_MAX);
            }
            assert!(masked_snippet(&line).raw().chars().count() <= SNIPPET_CHARS_MAX);
        }
        assert!(masked(&vec![b'a'; 1 << 20]).raw().len() <= TEXT_BYTES_MAX);
    }
}

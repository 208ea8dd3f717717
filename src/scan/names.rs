//! Names as a file system may compare them: without regard to case, and without characters that
//! some leave out, so that `.GitHub` or a hidden mark in `.git` makes no other file.

/// The name all variants have in common. ASCII compares as lower case.
pub fn folded(name: &[u8]) -> Vec<u8> {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let mut folded = Vec::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars().filter(|c| !is_left_out(*c)) {
            // By way of the capital: it opens ligatures and knows the old forms of letters.
            for c in c.to_uppercase().flat_map(char::to_lowercase) {
                folded.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        folded.extend_from_slice(chunk.invalid());
    }
    folded
}

/// Characters that HFS+ leaves out when it compares names.
fn is_left_out(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_of_a_name_are_one() {
        for variant in
            [".GitHub", ".git\u{200c}hub", ".\u{feff}GITHUB", ".gith\u{202e}ub", ".github"]
        {
            assert_eq!(folded(variant.as_bytes()), b".github", "{variant:?}");
        }
        assert_eq!(folded("pac\u{212a}age.j\u{17f}on".as_bytes()), b"package.json");
        assert_eq!(folded("Make\u{fb01}le".as_bytes()), b"makefile");
        assert_eq!(folded(b"A\xff\xc3\x9cB"), b"a\xff\xc3\xbcb");
        assert_eq!(folded("修正.TXT".as_bytes()), "修正.txt".as_bytes());
    }
}

//! Pictures and fonts. They have no lines that a person would read, and what their bytes have for
//! line ends makes no change a large one. What reads as text in one counts all the same: nothing is
//! hidden behind the beginning of a picture.

/// How many bytes of text in a row are no chance. Of random bytes three in eight are letters, signs
/// or spaces: so many in a row come once in some 7 MB.
const TEXT_BYTES_MIN: usize = 16;

/// A format: the ends of its names, and what may stand where in its beginning.
struct Format {
    extensions: &'static [&'static str],
    begins: &'static [(usize, &'static [u8])],
}

const FORMATS: &[Format] = &[
    Format { extensions: &["png", "apng"], begins: &[(0, b"\x89PNG\r\n\x1a\n")] },
    Format { extensions: &["jpg", "jpeg"], begins: &[(0, b"\xff\xd8\xff")] },
    Format { extensions: &["gif"], begins: &[(0, b"GIF87a"), (0, b"GIF89a")] },
    Format { extensions: &["webp"], begins: &[(8, b"WEBP")] },
    Format { extensions: &["avif", "heic"], begins: &[(4, b"ftyp")] },
    Format { extensions: &["ico", "cur"], begins: &[(0, b"\0\0\x01\0"), (0, b"\0\0\x02\0")] },
    Format { extensions: &["bmp"], begins: &[(0, b"BM")] },
    Format { extensions: &["tif", "tiff"], begins: &[(0, b"II*\0"), (0, b"MM\0*")] },
    Format { extensions: &["ttf"], begins: &[(0, b"\0\x01\0\0")] },
    Format { extensions: &["otf"], begins: &[(0, b"OTTO")] },
    Format { extensions: &["woff"], begins: &[(0, b"wOFF")] },
    Format { extensions: &["woff2"], begins: &[(0, b"wOF2")] },
];

/// Whether a file is a picture or a font, by the end of its name and by its beginning.
pub(super) fn is_picture(path: &[u8], bytes: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else { return false };
    let is_named = |end: &&str| name[dot + 1..].eq_ignore_ascii_case(end.as_bytes());
    let mut formats = FORMATS.iter().filter(|format| format.extensions.iter().any(&is_named));
    let begins =
        |(at, sign): &(usize, &[u8])| bytes.get(*at..).is_some_and(|rest| rest.starts_with(sign));
    formats.any(|format| format.begins.iter().any(begins))
}

/// How many lines of text there are among other bytes. NULs do not count: text may be in UTF-16.
pub(super) fn text_lines(bytes: &[u8]) -> usize {
    let plain: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    let runs = plain.split(|byte| !is_text(byte)).filter(|run| run.len() >= TEXT_BYTES_MIN);
    let lines = runs.flat_map(|run| run.split(|byte| *byte == b'\n'));
    lines.filter(|line| !line.trim_ascii().is_empty()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    /// Bytes as those of something compressed.
    fn noise(count: usize) -> Vec<u8> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let byte = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        (0..count).map(byte).collect()
    }

    #[test]
    fn a_picture_is_one_by_its_name_and_its_beginning() {
        for path in ["a.png", "b/A.PNG", "x.y.png"] {
            assert!(is_picture(path.as_bytes(), PNG), "{path}");
        }
        for path in ["a.js", "png", "a.png/b", "a.gif", ".", ""] {
            assert!(!is_picture(path.as_bytes(), PNG), "{path}");
        }
        assert!(!is_picture(b"a.png", b"\0eval(x)"));
        assert!(!is_picture(b"a.webp", b"RIFF"));
        assert!(is_picture(b"a.webp", b"RIFF\x10\0\0\0WEBPVP8 "));
    }

    #[test]
    fn a_picture_has_no_lines_and_what_is_hidden_in_one_has() {
        let picture = [PNG, &noise(128 << 10)].concat();
        assert!(picture.iter().filter(|byte| **byte == b'\n').count() > 400);
        assert_eq!(text_lines(&picture), 0);
        let source = "a\n=\neval\n(\nb)\n\nrun(a)\n".repeat(10);
        let hidden = |source: &[u8]| text_lines(&[&picture[..], source].concat());
        assert_eq!(hidden(source.as_bytes()), 60);
        let wide: Vec<u8> = source.bytes().flat_map(|byte| [byte, 0]).collect();
        assert_eq!(hidden(&wide), 60);
        assert_eq!(hidden(&[b' '; 4096]), 0);
    }
}

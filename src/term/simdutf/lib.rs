//! What rio-vt calls of `simdutf`, on the standard library: a stand-in, so that no C++ compiler is
//! needed (decision 0003). Same names, same meaning; rio-vt hardly gets here, since the filter in
//! front of it hands over decoded text and keeps control strings to itself.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Whether the input was well formed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorCode {
    /// It was.
    Success,
    /// It was not.
    Other,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug)]
pub struct Result {
    /// Whether the input was well formed.
    pub error: ErrorCode,
    /// What was written, in units of the output; of malformed input, the place of its first fault.
    pub count: usize,
}

impl Result {
    fn success(count: usize) -> Self {
        Self { error: ErrorCode::Success, count }
    }

    fn fault(count: usize) -> Self {
        Self { error: ErrorCode::Other, count }
    }
}

/// Which base64 is read. Both are read alike: padding may be there or not.
#[derive(Clone, Copy, Debug)]
pub enum Base64Options {
    /// With padding.
    Default,
    /// Without padding.
    DefaultNoPadding,
}

/// How the last characters of base64 are read.
#[derive(Clone, Copy, Debug)]
pub enum LastChunkHandlingOptions {
    /// Without asking for padding or for zeros in the bits left over.
    Loose,
}

/// Looks for the first byte that is not UTF-8.
#[must_use]
pub fn validate_utf8_with_errors(text: &[u8]) -> Result {
    match std::str::from_utf8(text) {
        Ok(_) => Result::success(text.len()),
        Err(error) => Result::fault(error.valid_up_to()),
    }
}

/// The number of characters of a valid text.
#[must_use]
pub fn count_utf8(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count()
}

/// Writes the characters of a text up to its first byte that is not UTF-8.
///
/// # Safety
///
/// `text` is readable for `len` bytes, and `out` writable for as many characters as they hold.
#[must_use]
pub unsafe fn convert_utf8_to_utf32_with_errors(
    text: *const u8,
    len: usize,
    out: *mut u32,
) -> Result {
    // SAFETY: the caller's promise.
    let text = unsafe { std::slice::from_raw_parts(text, len) };
    let valid = text.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let mut count = 0;
    for character in valid.chars() {
        // SAFETY: the caller's promise; no more than the characters of the text are written.
        unsafe { out.add(count).write(u32::from(character)) };
        count += 1;
    }
    if valid.len() == len { Result::success(count) } else { Result::fault(valid.len()) }
}

/// The most bytes that base64 of `len` characters stands for.
///
/// # Safety
///
/// None is asked for here; the signature is that of the original.
#[must_use]
pub unsafe fn maximal_binary_length_from_base64(_text: *const u8, len: usize) -> usize {
    len.div_ceil(4) * 3
}

/// Decodes base64; blanks in it are passed over.
///
/// # Safety
///
/// `text` is readable for `len` bytes, and `out` writable for what
/// [`maximal_binary_length_from_base64`] says.
#[must_use]
pub unsafe fn base64_to_binary(
    text: *const u8,
    len: usize,
    out: *mut u8,
    _options: Base64Options,
    _last: LastChunkHandlingOptions,
) -> Result {
    // SAFETY: the caller's promise.
    let text = unsafe { std::slice::from_raw_parts(text, len) };
    let dense: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    match GeneralPurpose::new(&STANDARD, config).decode(dense) {
        Ok(bytes) => {
            // SAFETY: the caller's promise; decoded is shorter than what it was decoded from.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), out, bytes.len()) };
            Result::success(bytes.len())
        }
        Err(_) => Result::fault(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(text: &[u8]) -> (Vec<u32>, Result) {
        let mut out = vec![0; text.len()];
        // SAFETY: as many characters as bytes have room.
        let result = unsafe {
            convert_utf8_to_utf32_with_errors(text.as_ptr(), text.len(), out.as_mut_ptr())
        };
        out.truncate(match result.error {
            ErrorCode::Success => result.count,
            ErrorCode::Other => count_utf8(&text[..result.count]),
        });
        (out, result)
    }

    fn decoded(text: &str) -> Option<Vec<u8>> {
        // SAFETY: the length is asked for of the same text.
        let (result, mut out) = unsafe {
            let room = maximal_binary_length_from_base64(text.as_ptr(), text.len());
            let mut out = vec![0; room];
            let (options, last) = (Base64Options::Default, LastChunkHandlingOptions::Loose);
            (base64_to_binary(text.as_ptr(), text.len(), out.as_mut_ptr(), options, last), out)
        };
        out.truncate(result.count);
        (result.error == ErrorCode::Success).then_some(out)
    }

    #[test]
    fn text_is_converted_up_to_its_first_fault() {
        let (all, result) = converted("a門👩‍🚀".as_bytes());
        assert_eq!(all, [0x61, 0x9580, 0x1F469, 0x200D, 0x1F680]);
        assert_eq!((result.error, result.count), (ErrorCode::Success, 5));
        let (some, result) = converted(b"\xE9\x96\x80b\xFFc");
        assert_eq!(some, [0x9580, 0x62]);
        assert_eq!((result.error, result.count), (ErrorCode::Other, 4));
        let (none, result) = converted(b"\x80");
        assert_eq!((none.len(), result.error, result.count), (0, ErrorCode::Other, 0));
        let cut = validate_utf8_with_errors("ab門".as_bytes().split_last().unwrap().1);
        assert_eq!((cut.error, cut.count), (ErrorCode::Other, 2));
    }

    #[test]
    fn base64_is_read_with_and_without_padding_and_blanks() {
        for text in ["bW9uYmFuIQ==", "bW9uYmFuIQ", "bW9u\nYmFu IQ=="] {
            assert_eq!(decoded(text).as_deref(), Some(&b"monban!"[..]), "{text}");
        }
        assert_eq!(decoded("bW9u*"), None);
    }
}

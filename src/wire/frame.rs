//! Frames: a length (u32, big-endian) and that many bytes of JSON.
//!
//! The one encoding on every socket of monban. It knows nothing of what the frames mean.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read, Write};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The largest JSON text a frame may carry, in bytes.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;
const HEADER: usize = 4;
/// Most frames need no more, and so no second piece of memory.
const ROOM: usize = 256;

/// Why a frame could not be read or written. After any of these the connection is useless: close
/// it.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The frame announces or needs more than [`FRAME_BYTES_MAX`].
    #[error(
        "a frame of {0} bytes is over the limit of {FRAME_BYTES_MAX}; the other side is broken or not monban"
    )]
    TooLarge(usize),
    /// The stream ended inside a frame.
    #[error("the connection ended in the middle of a frame; connect again")]
    Truncated,
    /// The bytes are not the JSON that was expected.
    #[error("a frame is malformed ({0}); the other side is broken or of an unknown version")]
    Malformed(#[source] serde_json::Error),
    /// The system refused to read or write.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

/// `message` as one frame.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut frame = Vec::with_capacity(ROOM);
    frame.extend([0; HEADER]);
    serde_json::to_writer(&mut frame, message).map_err(FrameError::Malformed)?;
    let length = frame.len() - HEADER;
    frame[..HEADER].copy_from_slice(&header(length)?);
    Ok(frame)
}

/// Writes one frame, whole.
pub fn write<T: Serialize>(to: &mut impl Write, message: &T) -> Result<(), FrameError> {
    to.write_all(&encode(message)?)?;
    Ok(to.flush()?)
}

/// Reads one frame; `None` when the stream ended between two frames.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> Result<Option<T>, FrameError> {
    body(from)?.map(|body| parse(&body)).transpose()
}

/// The same for messages that mostly are of one kind: see [`Decoder::next_mostly`].
pub fn read_mostly<K: DeserializeOwned + Into<T>, T: DeserializeOwned>(
    from: &mut impl Read,
) -> Result<Option<T>, FrameError> {
    body(from)?.map(|body| parse_mostly::<K, T>(&body)).transpose()
}

fn body(from: &mut impl Read) -> Result<Option<Vec<u8>>, FrameError> {
    let mut head = [0; HEADER];
    let mut filled = 0;
    while filled < HEADER {
        match from.read(&mut head[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(FrameError::Truncated),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let length = body_length(head)?;
    // What is announced may never come: no more is kept ready than most frames need.
    let mut body = Vec::with_capacity(length.min(ROOM));
    from.take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Err(FrameError::Truncated);
    }
    Ok(Some(body))
}

/// [`write`] for the daemon's asynchronous sockets.
pub async fn write_async<T: Serialize>(
    to: &mut (impl AsyncWrite + Unpin),
    message: &T,
) -> Result<(), FrameError> {
    to.write_all(&encode(message)?).await?;
    Ok(to.flush().await?)
}

/// [`read`] for the daemon's asynchronous sockets. Not cancel-safe: give it a task of its own.
pub async fn read_async<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
) -> Result<Option<T>, FrameError> {
    let mut head = [0; HEADER];
    let mut filled = 0;
    while filled < HEADER {
        match from.read(&mut head[filled..]).await? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(FrameError::Truncated),
            count => filled += count,
        }
    }
    let mut body = Vec::new();
    let length = body_length(head)?;
    from.take(length as u64).read_to_end(&mut body).await?;
    if body.len() < length {
        return Err(FrameError::Truncated);
    }
    parse(&body).map(Some)
}

/// Takes frames out of bytes that arrive in pieces, for those who poll.
#[derive(Debug)]
pub struct Decoder {
    bytes: Vec<u8>,
    limit: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::bounded(FRAME_BYTES_MAX)
    }
}

impl Decoder {
    /// One that takes no frame of more than `limit` bytes, for those who expect small ones.
    pub fn bounded(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit: limit.min(FRAME_BYTES_MAX) }
    }

    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether [`Self::next_frame`] gives one, or an error, as it is.
    pub fn has_frame(&self) -> bool {
        self.bytes.first_chunk::<HEADER>().is_some_and(|head| {
            body_length(*head).map_or(true, |length| self.bytes.len() >= HEADER + length)
        })
    }

    /// The next whole frame, if it has arrived. Take all of them before the next [`Self::push`], so
    /// that no more than one frame is ever held.
    pub fn next_frame<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        self.next_by(parse)
    }

    /// The same for messages that mostly are of the kind `K`, which is read as it stands. One that
    /// may be of any kind is read into a tree first, since what tells its kind may stand anywhere
    /// in it; on the way of a key that is most of the work.
    pub fn next_mostly<K: DeserializeOwned + Into<T>, T: DeserializeOwned>(
        &mut self,
    ) -> Result<Option<T>, FrameError> {
        self.next_by(parse_mostly::<K, T>)
    }

    fn next_by<T>(
        &mut self,
        parse: impl FnOnce(&[u8]) -> Result<T, FrameError>,
    ) -> Result<Option<T>, FrameError> {
        let Some(head) = self.bytes.first_chunk::<HEADER>() else { return Ok(None) };
        let length = body_length(*head)?;
        if length > self.limit {
            return Err(FrameError::TooLarge(length));
        }
        let end = HEADER + length;
        if self.bytes.len() < end {
            return Ok(None);
        }
        let message = parse(&self.bytes[HEADER..end])?;
        self.bytes.drain(..end);
        Ok(Some(message))
    }
}

fn header(length: usize) -> Result<[u8; HEADER], FrameError> {
    match u32::try_from(length) {
        Ok(short) if length <= FRAME_BYTES_MAX => Ok(short.to_be_bytes()),
        _ => Err(FrameError::TooLarge(length)),
    }
}

fn body_length(head: [u8; HEADER]) -> Result<usize, FrameError> {
    let length = u32::from_be_bytes(head) as usize;
    if length > FRAME_BYTES_MAX { Err(FrameError::TooLarge(length)) } else { Ok(length) }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    serde_json::from_slice(body).map_err(FrameError::Malformed)
}

fn parse_mostly<K: DeserializeOwned + Into<T>, T: DeserializeOwned>(
    body: &[u8],
) -> Result<T, FrameError> {
    serde_json::from_slice::<K>(body).map_or_else(|_| parse(body), |kind| Ok(kind.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_frames() -> Vec<u8> {
        [encode(&"one").unwrap(), encode(&"two").unwrap()].concat()
    }

    #[test]
    fn frames_come_back_in_order_and_the_end_is_seen() {
        let bytes = two_frames();
        let mut stream = bytes.as_slice();
        assert_eq!(read::<String>(&mut stream).unwrap().as_deref(), Some("one"));
        assert_eq!(read::<String>(&mut stream).unwrap().as_deref(), Some("two"));
        assert!(read::<String>(&mut stream).unwrap().is_none());
    }

    #[test]
    fn a_frame_cut_anywhere_is_truncated() {
        let whole = encode(&"one").unwrap();
        for cut in 1..whole.len() {
            let error = read::<String>(&mut &whole[..cut]).unwrap_err();
            assert!(matches!(error, FrameError::Truncated), "cut at {cut}: {error}");
        }
    }

    #[test]
    fn an_oversize_frame_is_refused_before_it_is_read_or_written() {
        let head = u32::MAX.to_be_bytes();
        assert!(matches!(read::<String>(&mut head.as_slice()), Err(FrameError::TooLarge(_))));
        let mut decoder = Decoder::default();
        decoder.push(&head);
        assert!(matches!(decoder.next_frame::<String>(), Err(FrameError::TooLarge(_))));
        let big = "x".repeat(FRAME_BYTES_MAX);
        assert!(matches!(encode(&big), Err(FrameError::TooLarge(_))));
    }

    #[test]
    fn what_is_not_the_expected_json_is_malformed() {
        let frame = encode(&7).unwrap();
        assert!(matches!(read::<String>(&mut frame.as_slice()), Err(FrameError::Malformed(_))));
    }

    #[test]
    fn a_decoder_fed_byte_by_byte_gives_the_same_frames() {
        let mut decoder = Decoder::default();
        let mut seen = Vec::new();
        for byte in two_frames() {
            decoder.push(&[byte]);
            seen.extend(decoder.next_frame::<String>().unwrap());
        }
        assert_eq!(seen, ["one", "two"]);
    }

    #[tokio::test]
    async fn the_asynchronous_side_speaks_the_same() {
        let mut bytes = Vec::new();
        write_async(&mut bytes, &"one").await.unwrap();
        assert_eq!(bytes, encode(&"one").unwrap());
        let mut stream = bytes.as_slice();
        assert_eq!(read_async::<String>(&mut stream).await.unwrap().as_deref(), Some("one"));
        assert!(read_async::<String>(&mut stream).await.unwrap().is_none());
        let error = read_async::<String>(&mut &bytes[..5]).await.unwrap_err();
        assert!(matches!(error, FrameError::Truncated));
    }
}

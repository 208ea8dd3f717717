//! The compressed form of a connection that crosses a network: one deflate stream each way, flushed
//! after every piece, so that nothing waits for more.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::io;

/// How much room is made at a time.
const ROOM: usize = 32 << 10;

/// One direction, on its way out.
pub struct Squeeze(Compress);

/// One direction, on its way in.
pub struct Expand(Decompress);

impl Default for Squeeze {
    fn default() -> Self {
        Self(Compress::new(Compression::fast(), true))
    }
}

impl Squeeze {
    /// The compressed form of the next bytes, complete: the other side gets all of them back.
    ///
    /// # Errors
    /// The compressor failed; the connection is useless.
    pub fn squeeze(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(bytes.len() / 2 + 64);
        let start = self.0.total_in();
        loop {
            let taken = usize::try_from(self.0.total_in() - start).unwrap_or(bytes.len());
            out.reserve(ROOM);
            self.0
                .compress_vec(&bytes[taken..], &mut out, FlushCompress::Sync)
                .map_err(io::Error::other)?;
            let all_in = self.0.total_in() - start == bytes.len() as u64;
            // With room left over, everything that was to come out is out.
            if all_in && out.len() < out.capacity() {
                return Ok(out);
            }
        }
    }
}

impl Default for Expand {
    fn default() -> Self {
        Self(Decompress::new(true))
    }
}

impl Expand {
    /// Hands the original of `bytes`, cut anywhere, to `take`, a bounded piece at a time.
    ///
    /// # Errors
    /// The bytes are not a compressed stream, or `take` failed.
    pub fn expand(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut rest = bytes;
        let mut out = vec![0; ROOM];
        loop {
            let (taken, given) = (self.0.total_in(), self.0.total_out());
            let status = self
                .0
                .decompress(rest, &mut out, FlushDecompress::Sync)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let taken = usize::try_from(self.0.total_in() - taken).unwrap_or(0);
            let given = usize::try_from(self.0.total_out() - given).unwrap_or(0);
            rest = &rest[taken..];
            take(&out[..given])?;
            if status == Status::StreamEnd {
                // A line has no end of its own: whatever came behind would be lost in silence.
                return Err(io::ErrorKind::InvalidData.into());
            }
            if taken == 0 && given == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(expand: &mut Expand, bytes: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        expand
            .expand(bytes, |piece| {
                all.extend_from_slice(piece);
                Ok(())
            })
            .unwrap();
        all
    }

    #[test]
    fn every_piece_comes_out_at_once_and_whole() {
        let (mut squeeze, mut expand) = (Squeeze::default(), Expand::default());
        let noise: Vec<u8> =
            (0_u32..200_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for piece in [&b"a"[..], &[7; 100_000], &noise, b"", b"end"] {
            let squeezed = squeeze.squeeze(piece).unwrap();
            assert_eq!(expanded(&mut expand, &squeezed), piece);
        }
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same() {
        let squeezed = Squeeze::default().squeeze(&b"row after row ".repeat(50)).unwrap();
        let mut expand = Expand::default();
        let all: Vec<u8> =
            squeezed.iter().flat_map(|byte| expanded(&mut expand, &[*byte])).collect();
        assert_eq!(all, b"row after row ".repeat(50));
    }

    #[test]
    fn what_repeats_costs_little() {
        let row = br#"{"type":"frame","frame":7,"updates":[{"surface":1,"rows":[[3,"[\"x\"]"]]}]}"#;
        let mut squeeze = Squeeze::default();
        squeeze.squeeze(row).unwrap();
        assert!(squeeze.squeeze(row).unwrap().len() < row.len() / 3);
    }

    #[test]
    fn junk_and_a_stream_that_ends_by_itself_are_errors() {
        assert!(Expand::default().expand(b"Last login: today", |_| Ok(())).is_err());
        let mut ended = Vec::with_capacity(100);
        let mut whole = Compress::new(Compression::fast(), true);
        whole.compress_vec(b"row", &mut ended, FlushCompress::Finish).unwrap();
        assert!(Expand::default().expand(&ended, |_| Ok(())).is_err());
    }

    /// 8 KiB that become 8 MiB never stand in memory at once.
    #[test]
    fn a_bomb_comes_out_in_small_pieces() {
        let bomb = Squeeze::default().squeeze(&vec![0; 8 << 20]).unwrap();
        let (mut all, mut largest) = (0, 0);
        let take = |piece: &[u8]| {
            (all, largest) = (all + piece.len(), largest.max(piece.len()));
            Ok(())
        };
        Expand::default().expand(&bomb, take).unwrap();
        assert_eq!((all, largest <= ROOM), (8 << 20, true));
    }
}

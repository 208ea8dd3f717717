//! Moving a connection's bytes from one descriptor to another, compressed or expanded on the way.

use crate::wire::squeeze::{Expand, Squeeze};
use std::io::{self, Read, Write};

/// How much is read at once.
const READ: usize = 64 << 10;

/// Compresses what comes from `from` until it ends.
///
/// # Errors
/// Reading or writing failed.
pub fn squeeze(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut squeeze = Squeeze::default();
    pieces(&mut from, |piece| {
        to.write_all(&squeeze.squeeze(piece)?)?;
        to.flush()
    })
}

/// Expands what comes from `from` until it ends.
///
/// # Errors
/// Reading or writing failed, or it is not what [`squeeze`] makes.
pub fn expand(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut expand = Expand::default();
    pieces(&mut from, |piece| expand.expand(piece, |original| to.write_all(original)))
}

fn pieces(from: &mut impl Read, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut bytes = vec![0; READ];
    loop {
        match from.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(count) => take(&bytes[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

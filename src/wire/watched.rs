//! Descriptors watched for one thing alone: a socket that is watched for writing too wakes its
//! owner whenever the other side reads.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Watches a duplicate of `end` in the runtime of whoever calls; `end` itself may be watched for
/// something else.
///
/// # Errors
/// There is no room for another descriptor, or it cannot be watched.
#[expect(unsafe_code, reason = "tokio cannot know that a descriptor stays the same")]
pub fn duplicate(end: impl AsFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    let end = end.as_fd().try_clone_to_owned()?;
    // SAFETY: what is watched owns the descriptor, and nothing replaces it.
    Ok(unsafe { AsyncFd::register_with_interest(end, interest) }?)
}

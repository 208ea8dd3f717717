//! Descriptors watched for one thing alone: a socket that is watched for writing too wakes its
//! owner whenever the other side reads.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Watches a descriptor in the runtime of whoever calls.
///
/// # Errors
/// It is of a kind that cannot be watched.
#[expect(unsafe_code, reason = "tokio cannot know that a descriptor stays the same")]
pub fn watched(end: Arc<OwnedFd>, interest: Interest) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: what is watched owns a share of the descriptor, and nothing replaces it.
    Ok(unsafe { AsyncFd::register_with_interest(end, interest) }?)
}

/// The same for a duplicate of `end`, which may be watched for something else itself.
///
/// # Errors
/// There is no room for another descriptor, or it cannot be watched.
pub fn duplicate(end: impl AsFd, interest: Interest) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    watched(Arc::new(end.as_fd().try_clone_to_owned()?), interest)
}

//! Waiting by select(2). Type-checked for macOS; not tried on a Mac yet.

use super::{Wants, Watch};
use rustix::event::{
    FdSetElement, FdSetIter, Timespec, fd_set_insert, fd_set_num_elements, select,
};
use rustix::io::Errno;
use std::os::fd::AsRawFd;

#[expect(unsafe_code, reason = "select takes descriptors as numbers")]
pub(super) fn wait(watches: &mut [Watch<'_>], timeout: Option<&Timespec>) -> Result<(), Errno> {
    let highest = watches.iter().map(|watch| watch.fd.as_raw_fd()).max().unwrap_or(0) + 1;
    let empty = || vec![FdSetElement::default(); fd_set_num_elements(watches.len(), highest)];
    let (mut read, mut write) = (empty(), empty());
    for watch in watches.iter() {
        if watch.wants != Wants::Write {
            fd_set_insert(&mut read, watch.fd.as_raw_fd());
        }
        if watch.wants != Wants::Read {
            fd_set_insert(&mut write, watch.fd.as_raw_fd());
        }
    }
    // SAFETY: every number in the sets belongs to a descriptor that `watches` borrows.
    unsafe { select(highest, Some(&mut read), Some(&mut write), None, timeout)? };
    for watch in watches {
        watch.is_ready = has(&read, watch.fd.as_raw_fd()) || has(&write, watch.fd.as_raw_fd());
    }
    Ok(())
}

fn has(set: &[FdSetElement], fd: i32) -> bool {
    FdSetIter::new(set).any(|one| one == fd)
}

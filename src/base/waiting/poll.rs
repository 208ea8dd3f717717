//! Waiting by poll(2).

use super::{Wants, Watch};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

pub(super) fn wait(watches: &mut [Watch<'_>], timeout: Option<&Timespec>) -> Result<(), Errno> {
    let flags = |wants| match wants {
        Wants::Read => PollFlags::IN,
        Wants::Write => PollFlags::OUT,
        Wants::Either => PollFlags::IN | PollFlags::OUT,
    };
    let mut fds: Vec<PollFd<'_>> = watches
        .iter()
        .map(|watch| PollFd::from_borrowed_fd(watch.fd, flags(watch.wants)))
        .collect();
    poll(&mut fds, timeout)?;
    for (watch, events) in watches.iter_mut().zip(fds.iter().map(PollFd::revents)) {
        watch.is_ready = !events.is_empty();
        watch.is_hung_up = events.contains(PollFlags::HUP);
    }
    Ok(())
}

//! What unix sockets carry beside bytes: descriptors, and who is at the other end.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// The longest socket path every system takes, in bytes.
pub(super) const SOCKET_PATH_BYTES_MAX: usize = 100;

/// The process at the other end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) user: u32,
    pub(super) pid: u32,
}

/// Sends `bytes` with a duplicate of `descriptor`; returns how many bytes went.
pub(super) fn send(
    stream: &UnixStream,
    bytes: &[u8],
    descriptor: BorrowedFd<'_>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    Ok(sendmsg(stream, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::empty())?)
}

/// Receives bytes and, if one came along, a descriptor, which programs started later do not
/// inherit.
pub(super) fn receive(
    stream: &UnixStream,
    buffer: &mut [u8],
) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received =
        recvmsg(stream, &mut [IoSliceMut::new(buffer)], &mut ancillary, RecvFlags::empty())?;
    let mut descriptor = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            descriptor = descriptors.last().or(descriptor);
        }
    }
    if let Some(descriptor) = &descriptor {
        rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok((received.bytes, descriptor))
}

/// Who connected.
#[cfg(target_os = "linux")]
pub(super) fn peer(stream: &UnixStream) -> io::Result<Peer> {
    let credentials = rustix::net::sockopt::socket_peercred(stream)?;
    let pid = credentials.pid.as_raw_nonzero().get().unsigned_abs();
    Ok(Peer { user: credentials.uid.as_raw(), pid })
}

/// Who connected.
#[cfg(target_os = "macos")]
#[expect(unsafe_code, reason = "neither call has a safe interface here")]
pub(super) fn peer(stream: &UnixStream) -> io::Result<Peer> {
    use std::os::fd::AsRawFd;
    let (mut user, mut group) = (0, 0);
    let mut pid: libc::pid_t = 0;
    let mut length = libc::socklen_t::try_from(size_of::<libc::pid_t>()).unwrap_or(0);
    // SAFETY: the descriptor is open and all places are as long as said.
    let results = unsafe {
        let ids = libc::getpeereid(stream.as_raw_fd(), &raw mut user, &raw mut group);
        let place = (&raw mut pid).cast();
        let fd = stream.as_raw_fd();
        (ids, libc::getsockopt(fd, 0, libc::LOCAL_PEERPID, place, &raw mut length))
    };
    match results {
        (0, 0) => Ok(Peer { user, pid: pid.unsigned_abs() }),
        _ => Err(io::Error::last_os_error()),
    }
}

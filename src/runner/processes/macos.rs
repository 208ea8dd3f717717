//! The process table from libproc and sysctl. Written from the documentation; not tried on a Mac
//! yet.

use super::{Environment, Process};
use crate::base::foreign::Foreign;
use std::ffi::c_int;
use std::mem::{self, MaybeUninit};
use std::{io, ptr};

/// The states of `pbi_status` that matter (sys/proc.h).
const STOPPED: u32 = 4;
const ZOMBIE: u32 = 5;
const ARGUMENTS_BYTES_MAX: usize = 1024 * 1024;

/// All living processes that the system shows.
pub(in crate::runner) fn all() -> io::Result<Vec<Process>> {
    Ok(ids()?.into_iter().filter_map(one).collect())
}

#[expect(unsafe_code, reason = "libproc has no safe interface")]
fn ids() -> io::Result<Vec<u32>> {
    // SAFETY: a null buffer asks for the number of processes.
    let count = unsafe { libc::proc_listallpids(ptr::null_mut(), 0) };
    let Ok(count) = usize::try_from(count) else { return Err(io::Error::last_os_error()) };
    let mut ids = vec![0u32; count + 256];
    let bytes = c_int::try_from(ids.len() * mem::size_of::<u32>()).unwrap_or(c_int::MAX);
    // SAFETY: the buffer is as long as said.
    let count = unsafe { libc::proc_listallpids(ids.as_mut_ptr().cast(), bytes) };
    let Ok(count) = usize::try_from(count) else { return Err(io::Error::last_os_error()) };
    ids.truncate(count);
    Ok(ids)
}

/// This system keeps no list of the children of a process.
pub(in crate::runner) fn children() -> Vec<Process> {
    Vec::new()
}

/// The living process with this id.
pub(in crate::runner) fn one(pid: u32) -> Option<Process> {
    let info = information(pid)?;
    if info.pbi_status == ZOMBIE {
        return None;
    }
    let session = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let session = rustix::process::getsid(session).map_or(0, |id| id.as_raw_nonzero().get());
    let name: Vec<u8> =
        info.pbi_comm.iter().map(|c| c.cast_unsigned()).take_while(|c| *c != 0).collect();
    Some(Process {
        pid,
        started: info.pbi_start_tvsec * 1_000_000 + info.pbi_start_tvusec,
        parent: info.pbi_ppid,
        session: u32::try_from(session).unwrap_or(0),
        user: info.pbi_uid,
        is_stopped: info.pbi_status == STOPPED,
        name: Foreign::from_bytes(&name),
    })
}

#[expect(unsafe_code, reason = "libproc has no safe interface")]
fn information(pid: u32) -> Option<libc::proc_bsdinfo> {
    let mut info = MaybeUninit::<libc::proc_bsdinfo>::zeroed();
    let size = c_int::try_from(mem::size_of::<libc::proc_bsdinfo>()).ok()?;
    let pid = c_int::try_from(pid).ok()?;
    // SAFETY: the buffer is as long as said, and the call fills all of it or reports less.
    let filled = unsafe {
        libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 0, info.as_mut_ptr().cast(), size)
    };
    // SAFETY: filled by the system; all-zero would be valid too.
    (filled == size).then(|| unsafe { info.assume_init() })
}

/// The arguments and environment the process was started with, one block separated by NUL.
#[expect(unsafe_code, reason = "sysctl has no safe interface")]
pub(in crate::runner) fn environment(pid: u32) -> Environment {
    let Ok(pid) = c_int::try_from(pid) else { return Environment::Hidden };
    let mut name = [libc::CTL_KERN, libc::KERN_PROCARGS2, pid];
    let mut bytes = vec![0u8; ARGUMENTS_BYTES_MAX];
    let mut length = bytes.len();
    // SAFETY: three names, and a buffer as long as said.
    let result = unsafe {
        libc::sysctl(
            name.as_mut_ptr(),
            3,
            bytes.as_mut_ptr().cast(),
            &raw mut length,
            ptr::null_mut(),
            0,
        )
    };
    if result != 0 {
        return Environment::Hidden;
    }
    bytes.truncate(length);
    Environment::Of(bytes)
}

/// Start times are absolute here: they need no boot to belong to.
pub(in crate::runner) fn boot() -> String {
    String::new()
}

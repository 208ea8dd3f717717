//! Stopping as a program without a handler does.

use rustix::process::Signal;
use std::io;

/// Stops the whole job by the default action of SIGTSTP and returns when it was continued. The
/// system ignores that action where nobody could continue the job, as without a shell.
pub(super) fn stop_job() -> io::Result<()> {
    // First the others, then this process, so that it stops once.
    let before = set_action(libc::SIG_IGN)?;
    let others = rustix::process::kill_current_process_group(Signal::TSTP);
    set_action(libc::SIG_DFL)?;
    let this = stop_this();
    restore_action(&before)?;
    others?;
    this
}

/// Sets what SIGTSTP does; returns what it did.
#[expect(unsafe_code, reason = "no safe interface changes the action of a signal for a moment")]
fn set_action(handler: libc::sighandler_t) -> io::Result<libc::sigaction> {
    // SAFETY: a zeroed `sigaction` is one without flags and with an empty mask.
    let [mut action, mut before]: [libc::sigaction; 2] = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    // SAFETY: both point to values that live through the call.
    of(unsafe { libc::sigaction(libc::SIGTSTP, &raw const action, &raw mut before) })?;
    Ok(before)
}

#[expect(unsafe_code, reason = "see set_action")]
fn restore_action(before: &libc::sigaction) -> io::Result<()> {
    // SAFETY: `before` is what the system gave.
    of(unsafe { libc::sigaction(libc::SIGTSTP, before, std::ptr::null_mut()) })
}

/// The signal is sent to this thread, so that it has stopped us when the call returns.
#[expect(unsafe_code, reason = "rustix sends signals to processes alone")]
fn stop_this() -> io::Result<()> {
    // SAFETY: no memory is involved.
    of(unsafe { libc::raise(libc::SIGTSTP) })
}

fn of(result: i32) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

//! Stopping as a program without a handler does, and standing aside for one that has the terminal.

use rustix::process::Signal;
use std::io;

/// Stops the whole job by the default action of SIGTSTP and returns when it was continued. The
/// system ignores that action where nobody could continue the job, as without a shell.
pub(super) fn stop_job() -> io::Result<()> {
    // First the others, then this process, so that it stops once.
    let before = set_action(libc::SIGTSTP, libc::SIG_IGN, 0)?;
    let others = rustix::process::kill_current_process_group(Signal::TSTP);
    set_action(libc::SIGTSTP, libc::SIG_DFL, 0)?;
    let this = stop_this();
    restore_action(libc::SIGTSTP, &before)?;
    others?;
    this
}

/// Waits for a program in the foreground of our job: what a person types at it to stop it stops us
/// too, or no shell would come back; what interrupts it is not for us.
pub(super) fn beside<T>(run: impl FnOnce() -> T) -> io::Result<T> {
    // Not ignored: that the program would inherit.
    let nothing = nothing as *const () as libc::sighandler_t;
    let actions =
        [(libc::SIGTSTP, libc::SIG_DFL), (libc::SIGINT, nothing), (libc::SIGQUIT, nothing)];
    let mut before = Vec::new();
    for (signal, handler) in actions {
        before.push((signal, set_action(signal, handler, 0)?));
    }
    let result = run();
    before.iter().try_for_each(|(signal, before)| restore_action(*signal, before))?;
    Ok(result)
}

extern "C" fn nothing(_: libc::c_int) {}

/// Sets what a signal does; returns what it did.
#[expect(unsafe_code, reason = "no safe interface changes the action of a signal for a moment")]
pub(super) fn set_action(
    signal: libc::c_int,
    handler: libc::sighandler_t,
    flags: libc::c_int,
) -> io::Result<libc::sigaction> {
    // SAFETY: a zeroed `sigaction` is one without flags and with an empty mask.
    let [mut action, mut before]: [libc::sigaction; 2] = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: both point to values that live through the call.
    of(unsafe { libc::sigaction(signal, &raw const action, &raw mut before) })?;
    Ok(before)
}

/// Lets a signal do again what it did.
#[expect(unsafe_code, reason = "see set_action")]
pub(super) fn restore_action(signal: libc::c_int, before: &libc::sigaction) -> io::Result<()> {
    // SAFETY: `before` is what the system gave.
    of(unsafe { libc::sigaction(signal, before, std::ptr::null_mut()) })
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

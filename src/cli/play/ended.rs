//! A play that is ended from outside (Ctrl-C, a closed terminal) leaves nothing either.

use super::super::exit::complain;
use super::ground::Ground;
use libc::c_int;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal removes: the ground as long as nothing else takes care of it. While it is held, a
/// signal waits.
type Abandoned = Mutex<Option<Ground>>;

/// Watches for the signals that end a play.
pub(super) struct Ended(Arc<Abandoned>);

impl Ended {
    /// From now on they no longer end this process by themselves.
    pub fn watch() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut signals = {
            let _within = runtime.enter();
            Signals {
                interrupt: of(libc::SIGINT)?,
                terminate: of(libc::SIGTERM)?,
                hangup: of(libc::SIGHUP)?,
            }
        };
        let abandoned = Arc::new(Abandoned::default());
        let seen = Arc::clone(&abandoned);
        thread::Builder::new().name("ended".into()).spawn(move || {
            loop {
                let number = runtime.block_on(signals.next());
                // Held until the process ends: whoever goes on with the play stops here.
                if let Some(ground) = hold(&seen).as_ref() {
                    // Not on standard output: the thread that waits may hold it.
                    complain(
                        &ground
                            .clear()
                            .map_or_else(|why| super::unclean(&why), |()| super::CLEAN.into()),
                    );
                    std::process::exit(128 + number);
                }
            }
        })?;
        Ok(Self(abandoned))
    }

    /// Lets a signal wait, and says what it removes.
    pub fn hold(&self) -> MutexGuard<'_, Option<Ground>> {
        hold(&self.0)
    }
}

fn hold(abandoned: &Abandoned) -> MutexGuard<'_, Option<Ground>> {
    abandoned.lock().unwrap_or_else(PoisonError::into_inner)
}

fn of(number: c_int) -> io::Result<Signal> {
    signal(SignalKind::from_raw(number))
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    async fn next(&mut self) -> c_int {
        tokio::select! {
            _ = self.interrupt.recv() => libc::SIGINT,
            _ = self.terminate.recv() => libc::SIGTERM,
            _ = self.hangup.recv() => libc::SIGHUP,
        }
    }
}

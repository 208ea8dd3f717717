//! `monban proxy`: the far end of `monban attach --host`. Joins its standard streams to the
//! daemon's socket, compressed, after a preamble by which the near end skips what a login shell
//! printed.

use super::Here;
use super::exit::Failure;
use super::{client, pump};
use std::io::{self, Write};
use std::net::Shutdown;

/// The first bytes of a proxy; shell start-up files print nothing like it.
pub const PREAMBLE: &[u8] = b"\x01\x02monban proxy 1\n";

/// Serves until either side hangs up.
pub fn run(here: &Here) -> Result<(), Failure> {
    let socket = client::stream(&here.places, &here.at)?;
    let lost =
        |error: io::Error| Failure::environment(format!("the line broke: {error}"), "attach again");
    let to_daemon = socket.try_clone().map_err(lost)?;
    // The near end may never close its side; this thread ends with the process.
    std::thread::spawn(move || {
        let _ = pump::expand(io::stdin().lock(), &to_daemon);
        let _ = to_daemon.shutdown(Shutdown::Both);
    });
    let mut out = io::stdout().lock();
    out.write_all(PREAMBLE).and_then(|()| out.flush()).map_err(lost)?;
    pump::squeeze(&socket, &mut out).map_err(lost)
}

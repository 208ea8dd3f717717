//! `monban hook`: hands an agent's event to the daemon. It must never disturb the agent: whatever
//! goes wrong, it ends in silence with exit status 0.

use super::client::RUN_VARIABLE;
use crate::agent::hook::{HookFormat, INPUT_BYTES_MAX, parse};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long the daemon may take to accept a report.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);

/// Sends the event that `kind` hands over; `rest` are the arguments behind it.
pub(super) fn send(kind: &str, rest: &[OsString]) {
    let variable = |name: &str| std::env::var(name).ok();
    let (Some(socket), Some(token)) =
        (variable("MONBAN_REPORT_SOCKET"), variable("MONBAN_REPORT_TOKEN"))
    else {
        return;
    };
    let run = variable(RUN_VARIABLE).unwrap_or_default();
    let Some(format) = HookFormat::from_word(kind) else { return };
    let Some(input) = input(format, rest) else { return };
    let Ok(report) = parse(format, &input, &token, &run) else { return };
    let Ok(bytes) = serde_json::to_vec(&report) else { return };
    let Ok(mut stream) = UnixStream::connect(socket) else { return };
    let _ = stream.set_write_timeout(Some(SEND_TIMEOUT));
    let _ = stream.write_all(&bytes);
}

fn input(format: HookFormat, rest: &[OsString]) -> Option<Vec<u8>> {
    match format {
        HookFormat::Codex => rest.last().map(|last| last.as_encoded_bytes().to_vec()),
        HookFormat::Claude => {
            let mut input = Vec::new();
            let limit = INPUT_BYTES_MAX as u64 + 1;
            std::io::stdin().lock().take(limit).read_to_end(&mut input).ok()?;
            Some(input)
        }
    }
}

//! Another machine: a real sshd on loopback with a noisy login shell, and the dashboard's line
//! through it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "far/dashboard.rs"]
mod dashboard;
mod support;

use monban::wire::frame::Decoder;
use monban::wire::people::{Answer, Ask, DaemonAsk, Hello, MAGIC, PROTOCOL, Request, Welcome};
use monban::wire::squeeze::{Expand, Squeeze};
use serde::Serialize;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::instance::Instance;
use support::not_run::not_run;
use support::sshd::{HOST, Sshd};

/// What a talkative login shell prints, part of the preamble among it.
const NOISE: &str = "Welcome to far\nYou have mail. \u{1}\u{2}monban proxy\n";

/// The server with the instance's programs and folders; says why not where it cannot be had.
fn far(instance: &Instance, test: &str) -> Option<Sshd> {
    let program = Path::new(env!("CARGO_BIN_EXE_monban")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let home = instance.home.display().to_string();
    let set = [("MONBAN_HOME", home.as_str()), ("PATH", path.as_str()), ("USER", "dj")];
    Sshd::start(&instance.home.join("sshd"), &set, NOISE)
        .inspect_err(|reason| not_run(test, reason))
        .ok()
}

/// A near end made by hand: it speaks through the line as the dashboard does.
struct Near {
    ssh: Child,
    squeeze: Squeeze,
    expand: Expand,
    decoder: Decoder,
}

impl Near {
    fn connect(server: &Sshd) -> Self {
        let mut ssh = Command::new(server.bin().join("ssh"))
            .args(["-T", HOST, "monban", "proxy"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut seen, mut byte) = (Vec::new(), [0]);
        while !seen.ends_with(b"\x01\x02monban proxy 1\n") {
            assert_eq!(ssh.stdout.as_mut().unwrap().read(&mut byte).unwrap(), 1, "{seen:?}");
            seen.push(byte[0]);
        }
        assert!(seen.starts_with(NOISE.as_bytes()), "the shell's noise comes first: {seen:?}");
        let (squeeze, expand) = (Squeeze::default(), Expand::default());
        Self { ssh, squeeze, expand, decoder: Decoder::default() }
    }

    fn say(&mut self, message: &impl Serialize) {
        let bytes = monban::wire::frame::encode(message).unwrap();
        let bytes = self.squeeze.squeeze(&bytes).unwrap();
        self.ssh.stdin.as_mut().unwrap().write_all(&bytes).unwrap();
    }

    fn hear<T: serde::de::DeserializeOwned>(&mut self) -> T {
        let mut bytes = [0; 4096];
        loop {
            if let Some(message) = self.decoder.next_frame().unwrap() {
                return message;
            }
            let count = self.ssh.stdout.as_mut().unwrap().read(&mut bytes).unwrap();
            assert!(count > 0, "the line ended");
            let decoder = &mut self.decoder;
            self.expand
                .expand(&bytes[..count], |piece| {
                    decoder.push(piece);
                    Ok(())
                })
                .unwrap();
        }
    }
}

impl Drop for Near {
    fn drop(&mut self) {
        let _ = self.ssh.kill();
        let _ = self.ssh.wait();
    }
}

#[test]
fn a_line_through_ssh_reaches_the_daemon_behind_a_noisy_shell() {
    let instance = Instance::new();
    let name = "a_line_through_ssh_reaches_the_daemon_behind_a_noisy_shell";
    let Some(server) = far(&instance, name) else { return };
    let mut near = Near::connect(&server);
    near.say(&Hello {
        magic: MAGIC.into(),
        protocol: PROTOCOL,
        version: "test".into(),
        person: "dj".into(),
    });
    let welcome: Welcome = near.hear();
    assert_eq!((welcome.magic.as_str(), welcome.refused), (MAGIC, None));
    near.say(&Request { at: instance.repository.clone(), ask: Ask::Daemon(DaemonAsk::Status) });
    let Answer::Done(status) = near.hear() else { panic!("no status") };
    assert_eq!(status["pid"].as_u64(), Some(u64::from(welcome.pid)));
}

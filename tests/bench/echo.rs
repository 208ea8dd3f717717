//! Key echo: from a key of an attached client to the frame that shows it, through daemon, holder
//! and terminal, against the bare terminal and tmux in the same run.
//!
//! Run with `cargo bench --bench echo`. Prints median and 99th percentile of each.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "of what tests share it uses a part, which may fail"
)]

#[path = "../support/attached.rs"]
mod attached;
#[path = "../support/instance.rs"]
mod instance;
#[path = "../support/people.rs"]
mod people;

use attached::Attached;
use instance::Instance;
use monban::base::id::RunId;
use monban::base::paths::Places;
use monban::base::size::Size;
use monban::pty::{self, Output, Program, Pty};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const KEYS: usize = 300;
const ROUNDS: usize = 5;
/// Between two keys: faster than anybody types, slow enough for each to stand alone.
const PAUSE: Duration = Duration::from_millis(5);
const SIZE: Size = Size { cols: 80, rows: 24 };

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let instance = Instance::new();
    let id = instance.add("echo", "stty raw -echo; cat");
    instance.monban(&["run", &id, "--trust", &instance.gate()]).expect(0);
    let places = Places::under(&instance.home);
    let mut client = Attached::attach(&places, "bench", instance.repository.clone(), false);
    client.look_at_pane(1, RunId(1));
    client.shows(1, "working");
    let bare = start("stty raw -echo; echo ready; cat")?;
    await_text(&bare, "ready");
    let tmux = tmux(&instance)?;
    let (mut through, mut raw, mut peer) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for key in 0..KEYS {
            through.push(through_the_daemon(&mut client, key));
            raw.push(through_a_terminal(&bare)?);
            if let Some(tmux) = &tmux {
                peer.push(through_a_terminal(tmux)?);
            }
            client.receive(PAUSE);
        }
    }
    let mut out = std::io::stdout().lock();
    for (name, mut times) in [("bare terminal", raw), ("tmux", peer), ("monban", through)] {
        times.sort_unstable();
        if let (Some(median), Some(late)) =
            (times.get(times.len() / 2), times.get(times.len() * 99 / 100))
        {
            writeln!(out, "{name:14} median {median:>10.1?}  p99 {late:>10.1?}")?;
        }
    }
    Ok(())
}

/// A key that changes the screen: the cursor moves on, or back to the first column.
fn through_the_daemon(client: &mut Attached, key: usize) -> Duration {
    let (frame, began) = (client.frame, Instant::now());
    client.press(RunId(1), &[if key % 60 == 59 { "enter" } else { "x" }]);
    client.wait("the echo", |client| (client.frame > frame).then_some(()));
    began.elapsed()
}

fn start(script: &str) -> Result<Pty, Failure> {
    let args = ["-c".to_string(), script.to_string()];
    let mut env: BTreeMap<String, String> = std::env::vars().collect();
    env.insert("TERM".into(), "xterm-256color".into());
    env.remove("TMUX");
    let program = Program { program: "/bin/sh", args: &args, env: &env, cwd: Path::new("/") };
    let (mut terminal, _) = pty::start(&program, SIZE)?;
    terminal.release();
    Ok(terminal)
}

fn tmux(instance: &Instance) -> Result<Option<Pty>, Failure> {
    if std::process::Command::new("tmux").arg("-V").output().is_err() {
        return Ok(None);
    }
    let socket = instance.home.join("tmux");
    let script = format!(
        "exec tmux -S {} -f /dev/null new-session \"stty raw -echo; echo ready; cat\"",
        socket.display()
    );
    let terminal = start(&script)?;
    await_text(&terminal, "ready");
    Ok(Some(terminal))
}

fn through_a_terminal(terminal: &Pty) -> Result<Duration, Failure> {
    while !read(terminal, Duration::ZERO).is_empty() {}
    let began = Instant::now();
    rustix::io::write(terminal, b"x")?;
    loop {
        if read(terminal, Duration::from_secs(10)).contains(&b'x') {
            return Ok(began.elapsed());
        }
    }
}

fn await_text(terminal: &Pty, text: &str) {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(text) {
        seen.extend(read(terminal, Duration::from_secs(10)));
    }
    while !read(terminal, Duration::from_millis(300)).is_empty() {}
}

fn read(terminal: &Pty, limit: Duration) -> Vec<u8> {
    let mut fds = [rustix::event::PollFd::new(terminal, rustix::event::PollFlags::IN)];
    let limit = rustix::event::Timespec::try_from(limit).ok();
    let mut buffer = vec![0; 64 * 1024];
    match rustix::event::poll(&mut fds, limit.as_ref()) {
        Ok(1..) => match terminal.read(&mut buffer) {
            Ok(Output::Bytes(count)) => buffer[..count].to_vec(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

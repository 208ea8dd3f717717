//! What the holder costs: `cat` of 50 MB through it against the bare terminal, and its private
//! memory.
//!
//! Run with `cargo bench --bench holder`. Prints the best of several alternating rounds.

use monban::base::size::Size;
use monban::pty::{self, Output, Program};
use monban::runner::{Notice, RunSpec, start};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const BYTES: usize = 50_000_000;
const ROUNDS: usize = 7;
const SIZE: Size = Size { cols: 80, rows: 24 };

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let root = tempfile::tempdir()?;
    let file = root.path().join("50mb");
    std::fs::write(
        &file,
        "a line of text that an agent might print, 64 bytes and a newline.\n".repeat(BYTES / 66),
    )?;
    let (mut bare, mut held, mut memory) = (Duration::MAX, Duration::MAX, String::new());
    for round in 0..ROUNDS {
        bare = bare.min(through_the_bare_terminal(&file)?);
        let folder = root.path().join(format!("run-{round}"));
        std::fs::create_dir(&folder)?;
        let (time, private) = through_a_holder(&folder, &file)?;
        held = held.min(time);
        memory = private;
        std::fs::remove_dir_all(&folder)?;
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "bare terminal  {:.3} s", bare.as_secs_f64())?;
    writeln!(out, "holder         {:.3} s", held.as_secs_f64())?;
    writeln!(out, "ratio          {:.2}", held.as_secs_f64() / bare.as_secs_f64())?;
    Ok(write!(out, "memory of the holder after it\n{memory}")?)
}

fn through_the_bare_terminal(file: &Path) -> Result<Duration, Failure> {
    let args = ["-c".into(), format!("read go; exec cat {}", file.display())];
    let env = BTreeMap::new();
    let program = Program { program: "/bin/sh", args: &args, env: &env, cwd: Path::new("/") };
    let (mut terminal, pid) = pty::start(&program, SIZE)?;
    terminal.release();
    let begin = Instant::now();
    rustix::io::write(&terminal, b"\n")?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let mut fds = [rustix::event::PollFd::new(&terminal, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut fds, None)?;
        if terminal.read(&mut buffer)? == Output::End {
            break;
        }
    }
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::waitpid(pid, rustix::process::WaitOptions::empty())?;
    Ok(begin.elapsed())
}

fn through_a_holder(folder: &Path, file: &Path) -> Result<(Duration, String), Failure> {
    let spec = RunSpec {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), format!("read go; exec cat {}", file.display())],
        env: BTreeMap::new(),
        cwd: "/".into(),
        size: SIZE,
        transcript_limit: 64 * 1024 * 1024,
        marker: "bench".into(),
        socket: folder.join("h.sock"),
        stop_grace_ms: 1000,
        time_limit_ms: None,
    };
    let mut connection = start(folder, &spec, Path::new(env!("CARGO_BIN_EXE_monban")))?;
    // What is measured is the output, from the word to its last byte, not starting and recording.
    let begin = Instant::now();
    let mut time = Duration::ZERO;
    connection.handle().input(b"\n")?;
    loop {
        match connection.next_notice(Duration::from_secs(60)) {
            Some(Notice::Output { offset, .. }) => {
                time = begin.elapsed();
                connection.handle().ack(offset)?;
            }
            Some(Notice::Exited(_)) => break,
            Some(Notice::Live { .. } | Notice::Resized { .. }) => {}
            other => return Err(format!("{other:?} instead of the end").into()),
        }
    }
    let memory = private_memory(folder).unwrap_or_else(|error| format!("not known: {error}\n"));
    connection.handle().seen()?;
    Ok((time, memory))
}

/// The lines about private memory that the system has on the holder of the run in `folder`.
fn private_memory(folder: &Path) -> Result<String, Failure> {
    let claim: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("claim.json"))?)?;
    let smaps = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", claim["holder"]["pid"]))?;
    let wanted = ["Rss:", "Pss_Anon:", "Private_Clean:", "Private_Dirty:", "Anonymous:"];
    let lines = smaps.lines().filter(|line| wanted.iter().any(|name| line.starts_with(name)));
    Ok(lines.map(|line| format!("{line}\n")).collect())
}

//! What is measured, and how. Every measure is one run over all peers; the caller repeats.

use crate::Failure;
use crate::program::{Kind, Peer};
use crate::recordings;
use crate::report::Report;
use crate::streams;
use crate::terminal::{Terminal, pause};
use crate::usage::{self, Memory};
use monban::base::size::Size;
use std::path::Path;
use std::time::{Duration, Instant};

/// The size of the person's terminal.
pub const SIZE: Size = Size { cols: 80, rows: 24 };
/// How much one stream has.
const STREAM_BYTES: usize = 50_000_000;
/// How long a stream may take.
const STREAM_WITHIN: Duration = Duration::from_secs(180);
const PANES: [usize; 2] = [16, 64];
/// How long after their start peers are at rest, and how long they are looked at then.
const SETTLED: Duration = Duration::from_secs(30);
const REST: Duration = Duration::from_secs(10);
const KEYS: usize = 300;
/// Between two keys: faster than anybody types, slow enough for each to stand alone.
const KEY_PAUSE: Duration = Duration::from_millis(12);
/// Keys that appear nowhere else on a screen.
const LETTERS: &[u8] = b"QXZJKVYW";
const KEYS_A_LINE: usize = 40;
const ECHO_WITHIN: Duration = Duration::from_secs(5);
const ATTACHES: usize = 10;
const MARK: &str = "MARKQ7Q7Q7";
const FLOOD: Duration = Duration::from_secs(8);
/// The lines of a log, and how often one comes: as fast as a test suite tells, or a build.
const LOGS: [(&str, usize, Duration); 2] = [
    ("20 lines/s", 160, Duration::from_millis(50)),
    ("200 lines/s", 1600, Duration::from_millis(5)),
];
const MUXES: [Kind; 2] = [Kind::Tmux, Kind::Monban];
const ALL: [Kind; 3] = [Kind::Raw, Kind::Tmux, Kind::Monban];

/// A measure by its name.
pub type Measure = fn(&mut Report, &Path) -> Result<(), Failure>;

/// All of them.
pub const MEASURES: [(&str, Measure); 6] = [
    ("echo", echo),
    ("attach", attach),
    ("cat", cat),
    ("flood", flood),
    ("scroll", scroll),
    ("idle", idle),
];

fn started(kind: Kind, command: impl Fn(&Peer) -> String) -> Result<Peer, Failure> {
    let mut peer = Peer::new(kind, SIZE)?;
    let command = command(&peer);
    peer.start(&[command])?;
    Ok(peer)
}

/// From a key to the bytes that show it; key by key in turn through all peers.
fn echo(report: &mut Report, _: &Path) -> Result<(), Failure> {
    let mut open = Vec::new();
    for kind in Kind::ALL {
        let mut peer = started(kind, |_| "exec cat".into())?;
        let terminal = peer.step_in(false)?;
        open.push((peer, terminal, Vec::with_capacity(KEYS)));
    }
    for key in 0..KEYS {
        for (_, terminal, times) in &mut open {
            terminal.settle(KEY_PAUSE, ECHO_WITHIN)?;
            times.push(echoed(terminal, LETTERS[key % LETTERS.len()])?);
            if key % KEYS_A_LINE == KEYS_A_LINE - 1 {
                terminal.press(b"\r")?;
            }
        }
    }
    for (peer, terminal, mut times) in open {
        times.sort_unstable();
        let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
        report.add("median", peer.kind, millis(at(50)), "ms", terminal.bytes);
        report.add("99th percentile", peer.kind, millis(at(99)), "ms", terminal.bytes);
        terminal.close();
    }
    Ok(())
}

fn echoed(terminal: &mut Terminal, key: u8) -> Result<Duration, Failure> {
    let began = Instant::now();
    terminal.press(&[key])?;
    while began.elapsed() < ECHO_WITHIN {
        let came = terminal.read(ECHO_WITHIN)?;
        let took = began.elapsed();
        if printed(&came).contains(&key) {
            return Ok(took);
        }
    }
    Err(format!("no echo of {} in {ECHO_WITHIN:?}", char::from(key)).into())
}

/// What of some output is printed: without its escape sequences.
fn printed(bytes: &[u8]) -> Vec<u8> {
    let mut printed = Vec::new();
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after.first()) {
            (0x1b, Some(b'[')) => {
                let end = after.iter().skip(1).position(|byte| (0x40..0x7f).contains(byte));
                end.map_or(&[][..], |end| &after[end + 2..])
            }
            (0x1b, Some(b']')) => {
                let end = after.iter().position(|byte| matches!(byte, 7 | 0x1b));
                end.map_or(&[][..], |end| &after[end + 1..])
            }
            (0x1b, Some(b'(' | b')')) => after.get(2..).unwrap_or_default(),
            (0x1b, Some(_)) => &after[1..],
            _ => {
                printed.push(*first);
                after
            }
        };
    }
    printed
}

/// From starting a client to the frame with the pane's last line.
fn attach(report: &mut Report, _: &Path) -> Result<(), Failure> {
    let lines = SIZE.rows - 3;
    let show = format!("yes 'a line of text in the pane' | head -{lines}; printf {MARK}; exec cat");
    let mut open = Vec::new();
    for kind in MUXES {
        open.push((started(kind, |_| show.clone())?, Vec::new(), Vec::new()));
    }
    pause(Duration::from_secs(1))?;
    for _ in 0..ATTACHES {
        for (peer, times, bytes) in &mut open {
            let mut terminal = peer.attach(false)?;
            let there = terminal.until(MARK, Duration::from_secs(10))?;
            times.push(there.duration_since(terminal.began));
            terminal.settle(Duration::from_millis(300), Duration::from_secs(3))?;
            bytes.push(terminal.bytes);
            terminal.close();
            pause(Duration::from_millis(100))?;
        }
    }
    for (peer, mut times, mut bytes) in open {
        times.sort_unstable();
        bytes.sort_unstable();
        let bytes = bytes[bytes.len() / 2];
        report.add("to the last line", peer.kind, millis(times[times.len() / 2]), "ms", bytes);
        report.add("bytes of a client that rests", peer.kind, float(bytes), "B", bytes);
    }
    Ok(())
}

/// How long `cat` of each stream takes in a pane that nobody looks at, and in one that is seen.
fn cat(report: &mut Report, streams: &Path) -> Result<(), Failure> {
    for stream in streams::ALL {
        let path = stream_of(stream, streams)?;
        for kind in ALL {
            for is_seen in [false, true] {
                // The bare terminal has nobody but the one who reads it.
                if kind == Kind::Raw && !is_seen {
                    continue;
                }
                let mut peer = started(kind, |peer| peer.at_go(&format!("cat {path}")))?;
                let mut terminal = if is_seen { Some(peer.step_in(false)?) } else { None };
                let shown = terminal.as_ref().map_or(0, |terminal| terminal.bytes);
                let began = peer.go()?;
                let over = peer.over(terminal.as_mut(), STREAM_WITHIN)?;
                let took = over.duration_since(began).as_secs_f64();
                let name = stream.name();
                let whole_stream = whole(STREAM_BYTES);
                let mut add = |seen: &str| {
                    report.add(&format!("{name}, {seen}"), kind, took, "s", whole_stream);
                };
                match (kind, &mut terminal) {
                    (Kind::Raw, Some(terminal)) => {
                        // What was written is not yet all read.
                        terminal.settle(Duration::from_millis(100), STREAM_WITHIN)?;
                        let came = terminal.bytes - shown;
                        if came < whole_stream {
                            return Err(format!("only {came} bytes of {path} came out").into());
                        }
                        add("nobody looks");
                        add("attached");
                    }
                    (_, None) => add("nobody looks"),
                    (_, Some(_)) => add("attached"),
                }
            }
        }
    }
    Ok(())
}

fn stream_of(stream: streams::Kind, folder: &Path) -> Result<String, Failure> {
    let path = folder.join(format!("{}-{}x{}", stream.name(), SIZE.cols, SIZE.rows));
    if !path.exists() {
        streams::write(folder, stream, SIZE, STREAM_BYTES)?;
    }
    let bytes = std::fs::metadata(&path)?.len();
    if bytes < whole(STREAM_BYTES) {
        return Err(format!("{} has only {bytes} bytes", path.display()).into());
    }
    Ok(path.display().to_string())
}

/// What a client is sent each second while the pane that it sees shows more than anybody can read.
fn flood(report: &mut Report, streams: &Path) -> Result<(), Failure> {
    for stream in [streams::Kind::Ascii, streams::Kind::Tui] {
        let path = stream_of(stream, streams)?;
        for kind in ALL {
            let cat = format!("while :; do cat {path}; done");
            let mut peer = started(kind, |peer| peer.at_go(&cat))?;
            let mut terminal = peer.step_in(false)?;
            let processes = peer.processes()?;
            let (bytes, work) = (terminal.bytes, usage::work(&processes)?);
            let began = peer.go()?;
            terminal.play(FLOOD)?;
            let took = began.elapsed().as_secs_f64();
            let name = stream.name();
            let bytes = terminal.bytes - bytes;
            let rate = float(bytes) / 1e3 / took;
            report.add(&format!("{name}, to the client"), kind, rate, "KB/s", bytes);
            if kind != Kind::Raw {
                let busy = (usage::work(&processes)? - work).seconds / took * 100.0;
                report.add(&format!("{name}, its processors"), kind, busy, "%", bytes);
            }
        }
    }
    Ok(())
}

/// What a client is sent of what moves in the pane it sees, against the program's own bytes: a log
/// that scrolls, and agents as they were recorded.
fn scroll(report: &mut Report, _: &Path) -> Result<(), Failure> {
    for (name, lines, every) in LOGS {
        let pieces: Vec<_> = (0..lines).map(|line| (log_line(line), every)).collect();
        // The screen is full before it is measured.
        let before: Vec<u8> = (0..SIZE.rows.into()).flat_map(log_line).collect();
        shown(report, name, SIZE, &before, &pieces)?;
    }
    for name in recordings::NAMES {
        let recording = recordings::read(name)?;
        shown(report, name, recording.size, b"", &recording.pieces)?;
    }
    Ok(())
}

/// The bytes to a client of these pieces of output, each followed by its pause, here and as over
/// SSH.
fn shown(
    report: &mut Report,
    name: &str,
    size: Size,
    before: &[u8],
    pieces: &[(Vec<u8>, Duration)],
) -> Result<(), Failure> {
    for is_far in [false, true] {
        for kind in ALL {
            let mut peer = Peer::new(kind, size)?;
            let command = peer.fed();
            peer.start(&[command])?;
            let mut terminal = peer.step_in(is_far)?;
            peer.feed(before)?;
            terminal.settle(Duration::from_millis(500), Duration::from_secs(5))?;
            let shown = terminal.bytes;
            for (piece, pause) in pieces {
                peer.feed(piece)?;
                terminal.play(*pause)?;
            }
            terminal.settle(Duration::from_millis(500), Duration::from_secs(5))?;
            let bytes = terminal.bytes - shown;
            let line = if is_far { "over SSH" } else { "here" };
            report.add(&format!("{name}, {line}"), kind, float(bytes) / 1e3, "KB", bytes);
        }
    }
    Ok(())
}

fn log_line(number: usize) -> Vec<u8> {
    const WHAT: [&str; 4] = ["\x1b[32mok\x1b[0m", "ignored", "\x1b[1;31mFAILED\x1b[0m", "slow"];
    let (what, module) = (WHAT[number * 7 % 4], number * 31 % 97);
    let words = "and what it says of it ".repeat(number % 3);
    format!("test module_{module}::case_{number} ... {what} {words}\n").into_bytes()
}

/// Panes in which nothing happens, with a client attached: processor, bytes, wake-ups, memory.
fn idle(report: &mut Report, _: &Path) -> Result<(), Failure> {
    for panes in PANES {
        for kind in MUXES {
            let mut peer = Peer::new(kind, SIZE)?;
            peer.start(&vec!["exec cat".to_string(); panes])?;
            let mut terminal = peer.attach(false)?;
            // Of an agent that says nothing this long is shown that nothing is known.
            terminal.play(SETTLED)?;
            terminal.settle(Duration::from_secs(2), Duration::from_secs(30))?;
            let processes = peer.processes()?;
            let (bytes, work) = (terminal.bytes, usage::work(&processes)?);
            terminal.play(REST)?;
            let used = usage::work(&processes)? - work;
            let case = |what: &str| format!("{panes} panes, {what}");
            let busy = used.seconds / REST.as_secs_f64() * 100.0;
            let bytes = terminal.bytes - bytes;
            report.add(&case("processor"), kind, busy, "%", bytes);
            report.add(&case("wake-ups in 10 s"), kind, used.wakes, "", bytes);
            report.add(&case("bytes in 10 s"), kind, float(bytes), "B", bytes);
            let mut sum = Memory::default();
            for what in ["daemon", "client", "holders"] {
                let mut part = Memory::default();
                for (pid, _) in processes.iter().filter(|(_, role)| *role == what) {
                    part += usage::memory(*pid)?;
                }
                sum += part;
                if part.pss > 0.0 {
                    report.add(
                        &case(&format!("{what}, private")),
                        kind,
                        part.private,
                        "MiB",
                        bytes,
                    );
                }
            }
            report.add(&case("all, private"), kind, sum.private, "MiB", bytes);
            report.add(&case("all, PSS"), kind, sum.pss, "MiB", bytes);
        }
    }
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

//! Recordings of the real agents, replayed: the same screen, statuses and answers however the
//! stream is cut, the prompts on the screen while the agent says it is blocked, and a second
//! emulator's word.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail")]

use monban::base::foreign::Foreign;
use monban::base::size::Size;
use monban::term::{BlockedKind, ProgramState, StatusReport, TermEvent, Terminal};
use std::fs;
use std::num::NonZero;
use std::path::PathBuf;

const NAMES: [&str; 8] = [
    "claude-approve-none",
    "claude-ask",
    "claude-hooks",
    "claude-psp",
    "codex-approve-full",
    "codex-approve-none",
    "codex-hooks",
    "codex-type",
];
const PROMPTS: [&str; 3] = ["Do you want to ", "Would you like to ", "Enter to select"];

struct Recording {
    size: Size,
    bytes: Vec<u8>,
    /// Seconds since the start, and the range of bytes that came then.
    chunks: Vec<(f64, std::ops::Range<usize>)>,
    /// Seconds since the start, and the screen as another emulator saw it.
    dumps: Vec<(f64, String)>,
}

fn recording(name: &str) -> Recording {
    let file = |extension: &str| {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
        fs::read(folder.join(format!("{name}.{extension}"))).unwrap()
    };
    let json: serde_json::Value = serde_json::from_slice(&file("json")).unwrap();
    let cell = |key: &str| u16::try_from(json[key].as_u64().unwrap()).unwrap();
    let timing = String::from_utf8(file("timing")).unwrap();
    let chunks = timing.lines().map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let start: usize = fields[1].parse().unwrap();
        let length: usize = fields[2].parse().unwrap();
        (fields[0].parse().unwrap(), start..start + length)
    });
    let dumps = json["dumps"].as_array().unwrap().iter();
    Recording {
        size: Size { cols: cell("cols"), rows: cell("rows") },
        bytes: file("raw"),
        chunks: chunks.collect(),
        dumps: dumps
            .map(|dump| (dump[1].as_f64().unwrap(), dump[2].as_str().unwrap().to_string()))
            .collect(),
    }
}

fn replay(
    size: Size,
    chunks: impl Iterator<Item = impl AsRef<[u8]>>,
) -> (Terminal, Vec<TermEvent>) {
    let mut terminal = Terminal::new(size, 1000);
    let mut events = Vec::new();
    for chunk in chunks {
        events.extend(terminal.feed(chunk.as_ref()));
    }
    (terminal, events)
}

fn statuses<'a>(events: &'a [TermEvent]) -> Vec<&'a StatusReport> {
    let report = |event: &'a TermEvent| match event {
        TermEvent::Status(report) => Some(report),
        _ => None,
    };
    events.iter().filter_map(report).collect()
}

fn replies(events: &[TermEvent]) -> Vec<String> {
    let text = |event: &TermEvent| match event {
        TermEvent::Reply { bytes, .. } => Some(String::from_utf8(bytes.clone()).unwrap()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

#[test]
fn the_cut_of_the_stream_changes_nothing() {
    for name in NAMES {
        let recording = recording(name);
        let bytes = &recording.bytes;
        let (whole, events) = replay(recording.size, [bytes].iter());
        let as_recorded = recording.chunks.iter().map(|(_, range)| &bytes[range.clone()]);
        for (other, other_events) in [
            replay(recording.size, as_recorded),
            replay(recording.size, bytes.chunks(1)),
            replay(recording.size, bytes.chunks(7)),
        ] {
            assert_eq!(other.text_rows(), whole.text_rows(), "{name}");
            for y in 0..recording.size.rows {
                assert_eq!(other.row(y), whole.row(y), "{name} row {y}");
            }
            assert_eq!(other.cursor(), whole.cursor(), "{name}");
            assert_eq!(other.modes(), whole.modes(), "{name}");
            assert_eq!(other_events, events, "{name}");
        }
        assert!(!events.contains(&TermEvent::ScreenLost), "{name}");
    }
}

#[test]
fn agents_report_their_status() {
    use ProgramState::{Blocked, Clear, Done, Error, Idle, Working};
    let sequences: [(&str, &[ProgramState]); 8] = [
        ("claude-approve-none", &[]),
        (
            "claude-ask",
            &[Idle, Working, Blocked, Working, Done, Working, Idle, Working, Error, Clear, Clear],
        ),
        (
            "claude-hooks",
            &[Idle, Working, Working, Blocked, Working, Blocked, Working, Done, Clear, Clear],
        ),
        ("claude-psp", &[Idle, Working, Blocked, Working, Blocked, Working, Done, Clear, Clear]),
        ("codex-approve-full", &[Idle, Working, Blocked, Working, Done, Idle, Clear]),
        ("codex-approve-none", &[Working, Idle, Working, Blocked, Working, Done, Idle]),
        ("codex-hooks", &[Idle, Working, Idle, Working, Blocked, Working, Done, Idle, Clear]),
        (
            "codex-type",
            &[
                Idle, Working, Idle, Working, Done, Idle, Working, Done, Idle, Working, Done, Idle,
                Clear,
            ],
        ),
    ];
    for (name, expected) in sequences {
        let recording = recording(name);
        let (_, events) = replay(recording.size, [&recording.bytes].iter());
        let states: Vec<_> = statuses(&events).iter().map(|report| report.state).collect();
        assert_eq!(states, expected, "{name}");
    }
}

#[test]
fn a_blocked_agent_says_why() {
    let blocked = |name| {
        let recording = recording(name);
        let (_, events) = replay(recording.size, [&recording.bytes].iter());
        let reports: Vec<_> = statuses(&events).into_iter().cloned().collect();
        reports.into_iter().filter(|report| report.state == ProgramState::Blocked)
    };
    let claude: Vec<_> = blocked("claude-psp").collect();
    assert!(claude.iter().all(|report| report.kind == Some(BlockedKind::Permission)));
    let write = claude[0].msg.as_ref().unwrap().raw();
    assert!(write.starts_with("approve Write: /") && write.ends_with("/src/x.txt"), "{write}");
    let bash = "approve Bash: echo out; touch y.txt; rm -rf build";
    assert_eq!(claude[1].msg, Some(Foreign::new(bash)));
    let question = blocked("claude-ask").next().unwrap();
    assert_eq!(question.kind, Some(BlockedKind::Question));
    assert_eq!(question.msg, Some(Foreign::new("answer: Red or blue? (Red · Blue)")));
    let codex = blocked("codex-hooks").next().unwrap();
    assert_eq!((codex.kind, codex.msg), (Some(BlockedKind::Permission), None));
}

#[test]
fn queries_are_answered_in_order() {
    let answers = |name| {
        let recording = recording(name);
        replies(&replay(recording.size, [&recording.bytes].iter()).1)
    };
    let version = concat!("\x1bP>|monban(", env!("CARGO_PKG_VERSION"), ")\x1b\\");
    let device = "\x1b[?62;22c";
    // Claude believes the status query only when its answer comes before that to DA1.
    assert_eq!(
        answers("claude-psp"),
        [
            version,
            "\x1b[?0u",
            "\x1b]7501;?\x07",
            device,
            "\x1b[?2026;2$y",
            "\x1b[?1016;0$y",
            device,
            device,
            device
        ],
    );
    assert_eq!(
        answers("codex-approve-full"),
        [
            "\x1b[?7u",
            device,
            "\x1b[1;1R",
            "\x1b]10;rgb:d0d0/d0d0/d0d0\x1b\\",
            "\x1b]11;rgb:0000/0000/0000\x1b\\",
            "\x1b[37;3R",
            device
        ],
    );
}

#[test]
fn every_answer_has_its_own_growing_number() {
    for name in NAMES {
        let recording = recording(name);
        let (terminal, events) = replay(recording.size, recording.bytes.chunks(5));
        let mut last = 0;
        for event in &events {
            if let TermEvent::Reply { query_end, .. } = event {
                assert!(*query_end > last, "{name}");
                last = *query_end;
            }
        }
        assert!(last > 0 && last <= terminal.offset(), "{name}");
        assert_eq!(terminal.offset(), recording.bytes.len() as u64);
    }
}

/// From the report of being blocked to the next report the person must come to see what is asked.
#[test]
fn the_prompt_is_on_the_screen_while_the_agent_is_blocked() {
    let mut seen_count = 0;
    for name in NAMES {
        let recording = recording(name);
        let mut terminal = Terminal::new(recording.size, 0);
        let mut waits = false;
        for (_, range) in &recording.chunks {
            for event in terminal.feed(&recording.bytes[range.clone()]) {
                if let TermEvent::Status(report) = event {
                    assert!(!waits, "{name}: {:?} came before the prompt", report.state);
                    waits = report.state == ProgramState::Blocked;
                }
            }
            if waits && PROMPTS.iter().any(|prompt| terminal.text_rows().concat().contains(prompt))
            {
                waits = false;
                seen_count += 1;
            }
        }
    }
    assert_eq!(seen_count, 8);
}

/// The recorder dumped the screen, as its own emulator saw it, whenever it waited for something.
#[test]
fn prompts_are_shown_when_the_recorder_saw_them() {
    let mut compared = 0;
    for name in NAMES {
        let recording = recording(name);
        for (at, dump) in &recording.dumps {
            let arrived = recording.chunks.iter().filter(|(time, _)| time <= at);
            let arrived = arrived.map(|(_, range)| &recording.bytes[range.clone()]);
            let (terminal, _) = replay(recording.size, arrived);
            let screen = terminal.text_rows();
            for line in dump.lines().filter(|line| PROMPTS.iter().any(|p| line.contains(p))) {
                assert!(screen.iter().any(|row| row == line.trim_end()), "{name} at {at}: {line}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 10, "{compared}");
}

#[test]
fn a_second_emulator_agrees_at_every_chunk() {
    for name in NAMES {
        let recording = recording(name);
        let mut terminal = Terminal::new(recording.size, 0);
        let [rows, cols] =
            [recording.size.rows, recording.size.cols].map(|n| NonZero::new(n).unwrap());
        let mut other = vt100::Parser::new(rows, cols, 0);
        for (at, range) in &recording.chunks {
            let chunk = &recording.bytes[range.clone()];
            terminal.feed(chunk);
            other.process(chunk);
            let rows: Vec<String> =
                other.screen().rows(0, cols.get()).map(|row| row.trim_end().into()).collect();
            let ours: Vec<String> =
                terminal.text_rows().iter().map(|row| row.trim_end().into()).collect();
            assert_eq!(ours, rows, "{name} at {at}");
        }
    }
}

/// What a keyframe keeps is enough to go on from, at any point of what agents really send.
#[test]
fn a_keyframe_restores_an_agents_screen() {
    for name in NAMES {
        let recording = recording(name);
        let chunks: Vec<_> =
            recording.chunks.iter().map(|(_, range)| &recording.bytes[range.clone()]).collect();
        for cut in (0..chunks.len()).step_by(chunks.len() / 4) {
            let (original, _) = replay(recording.size, chunks[..cut].iter());
            let mut restored = Terminal::from_keyframe(&original.keyframe(), 1000).unwrap();
            let mut original = original;
            for (index, chunk) in chunks[cut..].iter().enumerate() {
                let is_same = restored.text_rows() == original.text_rows();
                assert!(is_same, "{name}: cut at {cut}, then chunk {index}");
                assert_eq!(restored.modes(), original.modes(), "{name}: cut at {cut}");
                assert_eq!(restored.cursor(), original.cursor(), "{name}: cut at {cut}");
                assert_eq!(restored.feed(chunk), original.feed(chunk), "{name}: cut at {cut}");
            }
        }
    }
}

#[test]
fn screens_look_as_they_did() {
    for (name, at) in [("claude-psp", 8.765), ("codex-approve-full", 6.231), ("claude-ask", 4.386)]
    {
        let recording = recording(name);
        let arrived = recording.chunks.iter().filter(|(time, _)| *time <= at);
        let arrived = arrived.map(|(_, range)| &recording.bytes[range.clone()]);
        let screen = replay(recording.size, arrived).0.text_rows().join("\n");
        insta::assert_snapshot!(name, screen);
    }
}

//! A person's terminal is as it was after the client, however that ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail")]

mod support {
    pub mod outer;
}

use monban::base::waiting::{Wants, Watch, wait};
use monban::tui::outer::signals::{Signal, Signals};
use monban::tui::outer::{Frame, Gone, Outer, OuterError, QUESTIONS};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use support::outer::{Pty, in_terminal, occurrences, runs_inside};

/// Waits until `end` can be used; a test that hangs says so.
fn soon(end: &impl AsFd, wants: Wants) {
    assert_ne!(wait(&mut [Watch::new(end, wants)], Some(Duration::from_secs(180))).unwrap(), 0);
}

/// Writes all of a frame.
fn written(outer: &Outer, frame: &mut Frame) -> Result<(), Gone> {
    while !outer.write(frame)? {
        soon(outer.output(), Wants::Write);
    }
    Ok(())
}

/// Reads what comes next.
fn read(outer: &Outer, buffer: &mut [u8]) -> Result<usize, Gone> {
    loop {
        soon(outer.input(), Wants::Read);
        if let Some(count) = outer.read(buffer)? {
            return Ok(count);
        }
    }
}

#[test]
fn leaving_puts_everything_back() {
    let pty = Pty::open();
    let before = pty.modes();
    let outer = Outer::enter(&pty.slave, &pty.slave, true).unwrap();
    assert_ne!(pty.modes(), before, "raw");
    assert_eq!((outer.size().cols, outer.size().rows), (80, 24));
    let mut frame = Frame::default();
    frame.bytes().extend_from_slice(QUESTIONS);
    outer.use_keyboard(frame.bytes());
    outer.use_keyboard(frame.bytes());
    frame
        .bytes()
        .extend_from_slice(b"\x1b[3;5r\x1b[31m\x1b[?25l\x1b[6 q\x1b[?2026h half a fra\x1b[");
    written(&outer, &mut frame).unwrap();
    assert!(frame.is_drained());
    let screen = pty.screen(|screen| screen.alternate_screen() && screen.bracketed_paste());
    assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::ButtonMotion);
    outer.leave(0);
    // The last that is undone; all else comes before it.
    pty.until_text("\x1b[?1049l");
    let screen = pty.screen(|_| true);
    assert!(!screen.alternate_screen());
    assert!(!screen.hide_cursor() && !screen.bracketed_paste());
    assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    assert_eq!(screen.fgcolor(), vt100::Color::Default);
    assert_eq!(pty.count(b"\x1b[>1u"), 1, "the keyboard was asked for once");
    assert_eq!(pty.count(b"\x1b[<u"), 1);
    for undone in ["\x1b[0 q", "\x1b[r", "\x1b[?1004l", "\x1b[?7h", "\x1b[?2026l", "\x1b[8h"] {
        assert!(pty.count(undone.as_bytes()) > 0, "{undone:?}");
    }
    assert_eq!(pty.modes(), before);
    assert!(!pty.slave_is_nonblocking(), "the shell's descriptor stays as it is");
    drop(outer);
    assert_eq!(pty.count(b"\x1b[?1049l"), 1, "and once");
}

#[test]
fn of_a_terminal_larger_than_any_screen_a_part_is_used() {
    let pty = Pty::open();
    let size = |cols, rows| {
        let size =
            rustix::termios::Winsize { ws_col: cols, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&pty.slave, size).unwrap();
    };
    let outer = Outer::enter(&pty.slave, &pty.slave, false).unwrap();
    size(u16::MAX, u16::MAX);
    assert_eq!((outer.size().cols, outer.size().rows), (1000, 500));
    size(1, 1);
    assert_eq!((outer.size().cols, outer.size().rows), (1, 1));
}

#[test]
fn a_keyboard_protocol_that_was_not_offered_is_not_taken_back() {
    let pty = Pty::open();
    drop(Outer::enter(&pty.slave, &pty.slave, false).unwrap());
    pty.until_text("\x1b[?1049l");
    assert_eq!(pty.count(b"\x1b[<u"), 0);
    assert_eq!(pty.count(b"\x1b[?1002h"), 0, "nor the mouse");
}

#[test]
fn something_else_may_have_the_terminal_for_a_while() {
    let pty = Pty::open();
    let before = pty.modes();
    let outer = Outer::enter(&pty.slave, &pty.slave, false).unwrap();
    outer.use_keyboard(Frame::default().bytes());
    let raw = pty.modes();
    let mut frame = Frame::default();
    frame.bytes().extend_from_slice(b"of the last frame");
    let seen = outer.outside(&mut frame, || pty.modes()).unwrap();
    assert_eq!(seen, before);
    assert_eq!(pty.modes(), raw);
    assert!(frame.is_drained(), "what was left of the last frame is gone");
    drop(outer);
    pty.until("second leaving", |seen| occurrences(seen, b"\x1b[?1049l") == 2);
    assert_eq!(pty.count(b"\x1b[?1049h"), 2);
    assert_eq!((pty.count(b"\x1b[>1u"), pty.count(b"\x1b[<u")), (1, 2));
}

#[test]
fn a_slow_terminal_gets_every_byte_and_the_writer_knows() {
    let pty = Pty::open_slow();
    let outer = Outer::enter(&pty.slave, &pty.slave, false).unwrap();
    let mut frame = Frame::default();
    let text: Vec<u8> = (0..400_000_u32).flat_map(|n| format!("{n};").into_bytes()).collect();
    frame.bytes().extend_from_slice(&text);
    assert!(!outer.write(&mut frame).unwrap() && !frame.is_drained(), "nobody reads");
    pty.start_reading();
    written(&outer, &mut frame).unwrap();
    assert!(frame.is_drained());
    pty.until("the text", |seen| seen.ends_with(&text));
}

#[test]
fn a_terminal_that_is_gone_ends_reading_and_writing() {
    let pty = Pty::open_slow();
    let outer = Outer::enter(&pty.slave, &pty.slave, false).unwrap();
    pty.type_in(b"abc");
    let mut buffer = [0; 16];
    let count = read(&outer, &mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"abc");
    pty.hang_up();
    // What was typed before may still come.
    while read(&outer, &mut buffer).is_ok() {}
    assert!(read(&outer, &mut buffer).is_err(), "and stays so");
    let mut frame = Frame::default();
    frame.bytes().extend_from_slice(b"x");
    assert!(written(&outer, &mut frame).is_err());
    outer.leave(1);
}

#[test]
fn answers_that_come_late_are_not_typed_into_the_shell() {
    // Answers are waited for 0.3 s. On a busy machine this terminal may take longer: then it is no
    // fault that they come after the end of that, and another one is tried.
    for _ in 0..100 {
        let pty = Pty::open();
        let outer = Outer::enter(&pty.slave, &pty.slave, false).unwrap();
        pty.answer_after(b"\x1b[?1049l", b"\x1b[0n\x1b[?62c");
        let began = Instant::now();
        outer.leave(2);
        if began.elapsed() < Duration::from_millis(300) {
            pty.type_in(b"echo\r");
            assert_eq!(pty.read_line(), b"echo\n");
            return;
        }
    }
    panic!("no answer is ever taken");
}

#[test]
fn what_is_no_terminal_is_refused() {
    let file = tempfile::tempfile().unwrap();
    let refused = Outer::enter(&file, &file, false);
    assert!(matches!(refused, Err(OuterError::NotATerminal)));
}

/// The client that the tests below start in a terminal of their own.
#[test]
fn client() -> ExitCode {
    if !runs_inside() {
        return ExitCode::SUCCESS;
    }
    let signals = Signals::watch().unwrap();
    let (input, output) = (rustix::stdio::stdin(), rustix::stdio::stdout());
    let outer = Outer::enter(input, output, true).unwrap();
    let (mut frame, mut buffer) = (Frame::default(), [0; 64]);
    frame.bytes().extend_from_slice(b"shown");
    loop {
        if !outer.is_broken() {
            written(&outer, &mut frame).unwrap();
        }
        let mut watches =
            [Watch::new(&signals, Wants::Read), Watch::new(outer.input(), Wants::Read)];
        wait(&mut watches, None).unwrap();
        match signals.next() {
            Some(Signal::End) => break,
            Some(Signal::Stop) => {
                outer.stop(&mut frame).unwrap();
                frame.bytes().extend_from_slice(b"shown again");
            }
            Some(Signal::Continue | Signal::Resize) | None => {}
        }
        match outer.read(&mut buffer) {
            Ok(Some(count)) if buffer[..count].contains(&b'p') => panic!("a fault of the client"),
            Ok(Some(count)) if buffer[..count].contains(&b's') => {
                let aside = std::thread::spawn(|| panic!("a fault of a side thread"));
                assert!(aside.join().is_err());
                // The loop draws on, as it does when it knows nothing of it.
                frame.bytes().extend_from_slice(b"drawn on");
                assert!(outer.is_broken() && outer.write(&mut frame).is_err());
            }
            Ok(Some(count)) if buffer[..count].contains(&b'e') => {
                frame.bytes().extend_from_slice(b"goes on");
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    outer.leave(0);
    ExitCode::from(u8::from(outer.is_broken()))
}

#[test]
fn signals_that_end_the_client_leave_the_terminal_in_order() {
    for signal in ["TERM", "HUP", "INT"] {
        let pty = in_terminal("CLIENT; echo ended $?");
        let before = pty.first_modes();
        pty.until_text("shown");
        pty.signal_client(signal);
        pty.until_text("ended 0");
        assert_eq!(pty.modes(), before, "{signal}");
        assert!(!pty.screen(|_| true).alternate_screen());
    }
}

#[test]
fn a_panic_leaves_the_terminal_in_order_and_its_message_readable() {
    let pty = in_terminal("CLIENT; echo ended");
    let before = pty.first_modes();
    pty.until_text("shown");
    pty.type_in(b"p");
    pty.until_text("ended");
    assert_eq!(pty.modes(), before);
    let screen = pty.screen(|screen| !screen.alternate_screen());
    assert!(screen.contents().contains("a fault of the client"), "{}", screen.contents());
}

/// Its loop would draw on in a terminal that was put back, and nobody would know why.
#[test]
fn a_panic_of_a_side_thread_ends_the_client_with_the_terminal_in_order() {
    let pty = in_terminal("CLIENT; echo ended $?");
    let before = pty.first_modes();
    pty.until_text("shown");
    pty.type_in(b"s");
    pty.until_text("ended");
    assert_eq!(pty.modes(), before);
    let screen = pty.screen(|screen| screen.contents().contains("ended"));
    assert!(!screen.alternate_screen() && !screen.contents().contains("ended 0"));
    assert!(screen.contents().contains("a fault of a side thread"), "{}", screen.contents());
    assert_eq!(pty.count(b"drawn on"), 0);
}

/// As under `nohup`: what a person had ignored does not end the client, and all else does.
#[test]
fn a_signal_that_was_ignored_stays_so() {
    let pty = in_terminal("trap '' HUP; CLIENT; echo ended $?");
    let before = pty.first_modes();
    pty.until_text("shown");
    pty.signal_client("HUP");
    pty.type_in(b"e");
    pty.until_text("goes on");
    pty.signal_client("TERM");
    pty.until_text("ended 0");
    assert_eq!(pty.modes(), before);
}

#[test]
fn a_stopped_client_leaves_the_terminal_to_the_shell_and_comes_back() {
    let pty = in_terminal("set -m; CLIENT; echo has stopped; read line; fg; echo ended $?");
    let before = pty.first_modes();
    pty.until_text("shown");
    pty.signal_client("TSTP");
    pty.until_text("has stopped");
    assert!(!pty.screen(|_| true).alternate_screen());
    assert_eq!(pty.modes(), before);
    pty.type_in(b"\r");
    pty.until_text("shown again");
    assert!(pty.screen(|_| true).alternate_screen());
    assert_ne!(pty.modes(), before);
    pty.signal_client("TERM");
    pty.until_text("ended 0");
    assert_eq!(pty.modes(), before);
}

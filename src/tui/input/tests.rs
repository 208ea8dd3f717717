//! Every sequence whole, cut at every byte, and among junk.

use super::*;
use crate::term::{self, PointerAct, PointerButton};

fn key(name: &str) -> Event {
    let (mut rest, mut key) = (name, decode::named(""));
    for (modifier, held) in
        [("ctrl-", &mut key.ctrl), ("alt-", &mut key.alt), ("shift-", &mut key.shift)]
    {
        if let Some(tail) = rest.strip_prefix(modifier).filter(|tail| !tail.is_empty()) {
            (*held, rest) = (true, tail);
        }
    }
    let names = [
        "enter",
        "tab",
        "backspace",
        "esc",
        "space",
        "up",
        "down",
        "left",
        "right",
        "home",
        "end",
        "pageup",
        "pagedown",
        "insert",
        "delete",
        "f1",
        "f2",
        "f3",
        "f4",
        "f5",
        "f6",
        "f7",
        "f8",
        "f9",
        "f10",
        "f11",
        "f12",
    ];
    key.code = match names.into_iter().find(|known| *known == rest) {
        Some(known) => Code::Named(known),
        None => Code::Char(rest.chars().next().unwrap()),
    };
    Event::Key(key)
}

fn paste(text: &str) -> Event {
    Event::Paste { text: text.into(), is_cut: false }
}

fn mouse(act: PointerAct, x: u16, y: u16) -> Event {
    Event::Mouse(Pointer { act, x, y, shift: false, alt: false, ctrl: false })
}

/// Keys as terminals send them.
const KEYS: [(&[u8], &str); 70] = [
    (b"a", "a"),
    (b"Z", "Z"),
    (b" ", "space"),
    (b"-", "-"),
    ("é".as_bytes(), "é"),
    ("あ".as_bytes(), "あ"),
    ("👍".as_bytes(), "👍"),
    (b"\r", "enter"),
    (b"\n", "ctrl-j"),
    (b"\t", "tab"),
    (b"\x7f", "backspace"),
    (b"\x08", "ctrl-h"),
    (b"\0", "ctrl-space"),
    (b"\x03", "ctrl-c"),
    (b"\x1a", "ctrl-z"),
    (b"\x1c", "ctrl-\\"),
    (b"\x1d", "ctrl-]"),
    (b"\x1e", "ctrl-^"),
    (b"\x1f", "ctrl-_"),
    (b"\x1bx", "alt-x"),
    (b"\x1bX", "alt-X"),
    ("\x1bあ".as_bytes(), "alt-あ"),
    (b"\x1b\r", "alt-enter"),
    (b"\x1b\x7f", "alt-backspace"),
    (b"\x1b\x18", "ctrl-alt-x"),
    (b"\x1bP", "alt-P"),
    (b"\x1b[A", "up"),
    (b"\x1bOA", "up"),
    (b"\x1b[1;5C", "ctrl-right"),
    (b"\x1b[1;2D", "shift-left"),
    (b"\x1b[1;3B", "alt-down"),
    (b"\x1b[H", "home"),
    (b"\x1b[1~", "home"),
    (b"\x1b[4~", "end"),
    (b"\x1b[2~", "insert"),
    (b"\x1b[3~", "delete"),
    (b"\x1b[5;2~", "shift-pageup"),
    (b"\x1b[6~", "pagedown"),
    (b"\x1b[Z", "shift-tab"),
    (b"\x1bOP", "f1"),
    (b"\x1b[P", "f1"),
    (b"\x1b[[A", "f1"),
    (b"\x1b[[E", "f5"),
    (b"\x1b[1;5R", "ctrl-f3"),
    (b"\x1b[15~", "f5"),
    (b"\x1b[24;5~", "ctrl-f12"),
    (b"\x1bOM", "enter"),
    (b"\x1b[27u", "esc"),
    (b"\x1b[13u", "enter"),
    (b"\x1b[13;2u", "shift-enter"),
    (b"\x1b[9;2u", "shift-tab"),
    (b"\x1b[127;5u", "ctrl-backspace"),
    (b"\x1b[32;5u", "ctrl-space"),
    (b"\x1b[97;5u", "ctrl-a"),
    (b"\x1b[97:65;6u", "ctrl-shift-a"),
    (b"\x1b[97;4u", "alt-A"),
    (b"\x1b[97;2u", "A"),
    (b"\x1b[97;69u", "ctrl-a"),
    (b"\x1b[97;5:1u", "ctrl-a"),
    (b"\x1b[97;5:2u", "ctrl-a"),
    (b"\x1b[93;5u", "ctrl-]"),
    (b"\x1b[12354;3u", "alt-あ"),
    (b"\x1b[57414u", "enter"),
    (b"\x1b[57400u", "1"),
    (b"\x1b[57419;5u", "ctrl-up"),
    (b"\x1b[27;2;13~", "shift-enter"),
    (b"\x1b[27;5;9~", "ctrl-tab"),
    (b"\x1b[97;;97u", "a"),
    (b"\x1b[1;1A", "up"),
    (b"\x1b[13~", "f3"),
];

/// Sequences as terminals send them, with what they mean. No lone escape among them.
fn sequences() -> Vec<(&'static [u8], Vec<Event>)> {
    let reply = |reply| vec![Event::Reply(reply)];
    let mut all: Vec<(&[u8], Vec<Event>)> =
        KEYS.into_iter().map(|(bytes, name)| (bytes, vec![key(name)])).collect();
    all.extend::<[(&[u8], Vec<Event>); 30]>([
        (b"\x1b[I", vec![Event::Focus(true)]),
        (b"\x1b[O", vec![Event::Focus(false)]),
        (b"\x1b[200~\x1b[201~", vec![paste("")]),
        (
            "\x1b[200~修正\ty\r\x1b[A\x1b[20\x1b\x1b[201~".as_bytes(),
            vec![paste("修正\ty\r\x1b[A\x1b[20\x1b")],
        ),
        (b"\x1b[<0;1;1M", vec![mouse(PointerAct::Down(PointerButton::Left), 0, 0)]),
        (b"\x1b[<2;300;20m", vec![mouse(PointerAct::Up(PointerButton::Right), 299, 19)]),
        (b"\x1b[<33;5;6M", vec![mouse(PointerAct::Drag(PointerButton::Middle), 4, 5)]),
        (b"\x1b[<35;5;6M", vec![mouse(PointerAct::Move, 4, 5)]),
        (b"\x1b[<64;5;6M", vec![mouse(PointerAct::WheelUp, 4, 5)]),
        (b"\x1b[<65;5;6M", vec![mouse(PointerAct::WheelDown, 4, 5)]),
        (b"\x1b[0n", reply(Reply::Ready)),
        (b"\x1b[3;7R", reply(Reply::Cursor { x: 6, y: 2 })),
        (b"\x1b[?62;22c", reply(Reply::Attributes)),
        (b"\x1b[?5u", reply(Reply::Keyboard(5))),
        (b"\x1b[?2026;2$y", reply(Reply::Mode { mode: 2026, value: 2 })),
        (b"\x1b]11;rgb:ffff/8000/0000\x1b\\", reply(Reply::Background(255, 128, 0))),
        (b"\x1b]11;rgb:1e/2e/3e\x07", reply(Reply::Background(0x1e, 0x2e, 0x3e))),
        (b"\x1b]11;rgba:ffff/ffff/ffff/ffff\x07", reply(Reply::Background(255, 255, 255))),
        // What is let go, what no program knows, what was not asked.
        (b"\x1b[97;1:3u", vec![]),
        (b"\x1b[97;9u", vec![]),
        (b"\x1b[57441;2u", vec![]),
        (b"\x1b[57428u", vec![]),
        (b"\x1b[<0;0;0M", vec![]),
        (b"\x1b[<128;1;1M", vec![]),
        (b"\x1b[M !!", vec![]),
        (b"\x1b[?997;1n", vec![]),
        (b"\x1b[>1;2;29 q", vec![]),
        (b"\x1b[99999999999;5u", vec![]),
        (b"\x1b]52;c;aGVsbG8=\x07", vec![]),
        (b"\xff\xc3\xc0\x80", vec![]),
    ]);
    all
}

fn fed(pieces: &[&[u8]]) -> Vec<Event> {
    let (mut input, mut events) = (Input::default(), Vec::new());
    pieces.iter().for_each(|piece| input.feed(piece, &mut events));
    assert_eq!(input.state, State::Ground, "{pieces:?}");
    events
}

#[test]
fn every_sequence_means_what_it_says() {
    for (bytes, expected) in sequences() {
        assert_eq!(fed(&[bytes]), expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_slow_line_cuts_nothing_into_keys() {
    for (bytes, expected) in sequences() {
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(fed(&single), expected, "{} byte by byte", bytes.escape_ascii());
        for at in 1..bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(fed(&[head, tail]), expected, "{} at {at}", bytes.escape_ascii());
        }
        // But for a lone escape, no waiting changes anything.
        let (mut input, mut events) = (Input::default(), Vec::new());
        for byte in bytes.chunks(1) {
            input.feed(byte, &mut events);
            if !input.is_waiting() {
                input.time_is_up(&mut events);
            }
        }
        assert_eq!(events, expected, "{} slowly", bytes.escape_ascii());
    }
}

#[test]
fn sequences_one_after_the_other_are_told_apart() {
    let all = sequences();
    let bytes: Vec<u8> = all.iter().flat_map(|(bytes, _)| bytes.iter().copied()).collect();
    let expected: Vec<Event> = all.iter().flat_map(|(_, events)| events.clone()).collect();
    assert_eq!(fed(&[&bytes]), expected);
}

#[test]
fn a_lone_escape_is_a_key_when_its_time_is_up() {
    let (mut input, mut events) = (Input::default(), Vec::new());
    input.feed(b"\x1b", &mut events);
    assert!(events.is_empty() && input.is_waiting());
    input.time_is_up(&mut events);
    assert_eq!(events, [key("esc")]);
    assert!(!input.is_waiting());
    events.clear();
    input.feed(b"\x1b\x1b[A", &mut events);
    assert_eq!(events, [key("esc"), key("up")]);
}

#[test]
fn keys_that_look_like_the_beginning_of_a_sequence_are_not_lost() {
    assert_eq!(fed(&[b"\x1b]q"]), [key("alt-]"), key("q")]);
    assert_eq!(fed(&[b"\x1bOq"]), [key("alt-O"), key("q")]);
    assert_eq!(fed(&[b"\x1b[12\x1b[A"]), [key("up")], "the unfinished one is left out");
    assert_eq!(fed(&[b"\x1b[12\ry"]), [key("enter"), key("y")]);
    assert_eq!(fed(&[b"\x1b]11;rgb\ry"]), [key("enter"), key("y")]);
    assert_eq!(fed(&[b"\x1b]11;\x1b[A"]), [key("up")]);
}

#[test]
fn every_key_has_a_name_that_can_be_sent_to_an_agent() {
    let mut named = 0;
    let mut check = |event: Event| {
        let Event::Key(key) = event else { return };
        assert!(term::Key::parse(&key.name()).is_ok(), "{key:?}");
        named += 1;
    };
    sequences().into_iter().flat_map(|(_, events)| events).for_each(&mut check);
    for byte in 0..=0x7f {
        for bytes in [vec![byte], vec![0x1b, byte], vec![0x1b, b'O', byte]] {
            let (mut input, mut events) = (Input::default(), Vec::new());
            input.feed(&bytes, &mut events);
            input.time_is_up(&mut events);
            events.into_iter().for_each(&mut check);
        }
    }
    for (code, held) in (0..70_000).zip((1..=64).cycle()) {
        fed(&[format!("\x1b[{code};{held}u\x1b[{code};{held}~").as_bytes()])
            .into_iter()
            .for_each(&mut check);
    }
    assert!(named > 1_000);
}

#[test]
fn a_paste_is_kept_up_to_its_bound_and_never_typed() {
    let text = "x".repeat(PASTE_BYTES_MAX + 10);
    let events = fed(&[b"\x1b[200~", text.as_bytes(), b"\x1b[201~", b"y"]);
    let [Event::Paste { text, is_cut: true }, rest @ ..] = &events[..] else {
        panic!("{} events", events.len());
    };
    assert_eq!(text.len(), PASTE_BYTES_MAX);
    assert_eq!(rest, [key("y")]);
}

#[test]
fn junk_is_bounded_and_what_follows_it_is_understood() {
    let mut random = 11_u64;
    let mut next = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        random >> 33
    };
    for round in 0..3_000 {
        let (mut input, mut events) = (Input::default(), Vec::new());
        for _ in 0..next() % 400 {
            let byte = match next() % 4 {
                0 => b"\x1b[]O<?;:019uM~"[usize::try_from(next() % 14).unwrap()],
                1 => b'0',
                _ => u8::try_from(next() % 256).unwrap(),
            };
            input.feed(&[byte], &mut events);
            assert!(input.state == State::Paste || input.held.len() <= SEQUENCE_BYTES_MAX);
        }
        // Whatever came, this ends it.
        input.feed(b"\x1b[201~\x1b\\\r\r\r", &mut events);
        input.feed(b"\x1b[1;5C", &mut events);
        assert_eq!(events.pop(), Some(key("ctrl-right")), "round {round}");
    }
}

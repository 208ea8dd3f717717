//! Bytes of a person's terminal into events. Pure; bytes may come cut anywhere.
//!
//! [`Input`] cuts the stream into whole sequences, `decode` says what one means. The only thing
//! that time decides is a lone escape, and that time is the caller's. What is not known is left
//! out as a whole, so that no part of it becomes a key.

mod decode;
#[cfg(test)]
mod tests;

use crate::term::Pointer;

/// The most text of one paste that is kept.
const PASTE_BYTES_MAX: usize = 1024 * 1024;
/// The longest sequence that means anything.
const SEQUENCE_BYTES_MAX: usize = 128;
const PASTE_END: &[u8] = b"\x1b[201~";

/// Something a person or their terminal did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A key was pressed, or repeats.
    Key(Key),
    /// Text was pasted.
    Paste {
        /// The text.
        text: String,
        /// Whether there was more than is kept.
        is_cut: bool,
    },
    /// The mouse did something.
    Mouse(Pointer),
    /// The terminal gained or lost the focus.
    Focus(bool),
    /// The terminal answered a question.
    Reply(Reply),
}

/// A key with its modifiers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    /// Which.
    pub code: Code,
    /// With shift, where that is not part of the character.
    pub shift: bool,
    /// With alt.
    pub alt: bool,
    /// With ctrl.
    pub ctrl: bool,
}

/// Which key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    /// A character other than a space.
    Char(char),
    /// One with a name, as [`crate::term::Key`] knows it.
    Named(&'static str),
}

impl Key {
    /// The key as [`crate::term::Key`] reads it: `x`, `ctrl-c`, `shift-tab`, `enter`.
    pub fn name(&self) -> String {
        let mut name = String::new();
        for (is_held, modifier) in
            [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")]
        {
            name.push_str(if is_held { modifier } else { "" });
        }
        match self.code {
            Code::Char(c) => name.push(c),
            Code::Named(key) => name.push_str(key),
        }
        name
    }
}

/// What the terminal answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// To `CSI 5 n`: everything before it was drawn.
    Ready,
    /// To `CSI 6 n`: where the cursor is, from 0. In the first row the answer looks like a key, so
    /// ask in another.
    Cursor {
        /// Column.
        x: u16,
        /// Row.
        y: u16,
    },
    /// To `CSI c`, which every terminal answers: what was asked before and is not answered by now
    /// is not known there.
    Attributes,
    /// To `CSI ? u`: the terminal knows the kitty keyboard protocol; its flags in force.
    Keyboard(u8),
    /// To `CSI ? mode $ p`.
    Mode {
        /// The mode.
        mode: u16,
        /// 0 is unknown, 1 set, 2 reset, 3 set for good, 4 reset for good.
        value: u8,
    },
    /// To OSC 11: the background as red, green, blue.
    Background(u8, u8, u8),
}

/// Where in the stream we are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Ground,
    /// Behind the first byte of a character of several.
    Utf8,
    /// Behind ESC.
    Escape,
    /// In `CSI ... final`.
    Csi,
    /// In the three bytes of an old mouse report.
    OldMouse,
    /// In `ESC O final`.
    Ss3,
    /// Behind `ESC ]`.
    OscStart,
    /// In `OSC ... ST`.
    Osc,
    /// In a paste.
    Paste,
}

/// Cuts a terminal's bytes into events.
#[derive(Debug, Default)]
pub struct Input {
    state: State,
    /// Alt is held: ESC came before this character.
    alt: bool,
    /// What came of the sequence, character or paste under way, without its introducer.
    held: Vec<u8>,
    /// How many bytes of the end of a paste were matched.
    matched: usize,
    is_cut: bool,
}

impl Input {
    /// Takes bytes and appends what they mean.
    pub fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        let mut rest = bytes;
        while let Some((byte, tail)) = rest.split_first() {
            if self.state == State::Paste {
                rest = self.paste(rest, events);
            } else if self.take(*byte, events) {
                rest = tail;
            }
            // Otherwise the byte ended something it is not part of and is looked at again.
        }
    }

    /// Whether an escape is waiting for time to tell if it is the key. Wait 50 ms on this machine,
    /// longer over a network, then call [`Input::time_is_up`].
    pub fn is_waiting(&self) -> bool {
        self.state == State::Escape
    }

    /// Nothing came: the escape was the key.
    pub fn time_is_up(&mut self, events: &mut Vec<Event>) {
        if self.is_waiting() {
            self.escape_key(events);
        }
    }

    fn escape_key(&mut self, events: &mut Vec<Event>) {
        self.reset();
        events.push(Event::Key(decode::named("esc")));
    }

    fn reset(&mut self) {
        self.state = State::Ground;
        self.alt = false;
        self.held.clear();
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.held.clear();
    }

    /// Takes one byte outside of a paste. Returns false when it has to be looked at again.
    fn take(&mut self, byte: u8, events: &mut Vec<Event>) -> bool {
        match self.state {
            State::Ground | State::Escape => self.first(byte, events),
            State::Utf8 => self.character(byte, events),
            State::Csi => self.csi(byte, events),
            // Its bytes count from 32.
            State::OldMouse if byte < b' ' => {
                self.reset();
                false
            }
            State::OldMouse => {
                self.held.push(byte);
                if self.held.len() == 3 {
                    self.reset();
                }
                true
            }
            State::Ss3 => {
                self.reset();
                match decode::letter(byte) {
                    Some(key) => events.push(Event::Key(key)),
                    None => {
                        events.push(Event::Key(decode::alt(decode::character('O'))));
                        return false;
                    }
                }
                true
            }
            State::OscStart if byte.is_ascii_digit() => {
                self.enter(State::Osc);
                self.hold(byte);
                true
            }
            State::OscStart => {
                self.reset();
                events.push(Event::Key(decode::alt(decode::character(']'))));
                false
            }
            State::Osc => self.osc(byte, events),
            // Taken as a whole by `feed`.
            State::Paste => true,
        }
    }

    /// The first byte of something, or the one behind ESC.
    fn first(&mut self, byte: u8, events: &mut Vec<Event>) -> bool {
        let is_escaped = self.state == State::Escape;
        match byte {
            0x1b if is_escaped => {
                self.escape_key(events);
                self.state = State::Escape;
            }
            0x1b => self.enter(State::Escape),
            b'[' if is_escaped => self.enter(State::Csi),
            b'O' if is_escaped => self.enter(State::Ss3),
            b']' if is_escaped => self.enter(State::OscStart),
            0..=0x7f => {
                let key = decode::byte(byte);
                events.push(Event::Key(if is_escaped { decode::alt(key) } else { key }));
                self.reset();
            }
            0xc2..=0xf4 => {
                self.enter(State::Utf8);
                self.alt = is_escaped;
                self.held.push(byte);
            }
            // Never at the beginning of a character.
            _ => self.reset(),
        }
        true
    }

    /// A later byte of a character.
    fn character(&mut self, byte: u8, events: &mut Vec<Event>) -> bool {
        if byte & 0xc0 != 0x80 {
            self.reset();
            return false;
        }
        self.held.push(byte);
        let needed = match self.held[0] {
            0..0xe0 => 2,
            0xe0..0xf0 => 3,
            _ => 4,
        };
        if self.held.len() == needed {
            let c = std::str::from_utf8(&self.held).ok().and_then(|text| text.chars().next());
            if let Some(c) = c.filter(|c| !c.is_control()) {
                let key = decode::character(c);
                events.push(Event::Key(if self.alt { decode::alt(key) } else { key }));
            }
            self.reset();
        }
        true
    }

    fn csi(&mut self, byte: u8, events: &mut Vec<Event>) -> bool {
        match byte {
            // `CSI [ A` to `CSI [ E` are the first function keys of the Linux console.
            b'[' if self.held.is_empty() => self.hold(byte),
            0x20..=0x3f => self.hold(byte),
            b'M' if self.held.is_empty() => self.enter(State::OldMouse),
            b'~' if self.held == b"200" => {
                self.enter(State::Paste);
                (self.matched, self.is_cut) = (0, false);
            }
            0x40..=0x7e => {
                if self.held.len() < SEQUENCE_BYTES_MAX {
                    events.extend(decode::csi(&self.held, byte));
                }
                self.reset();
            }
            // Anything else ends it unfinished.
            _ => {
                self.reset();
                return false;
            }
        }
        true
    }

    fn osc(&mut self, byte: u8, events: &mut Vec<Event>) -> bool {
        let is_end = byte == 0x07 || (byte == b'\\' && self.held.last() == Some(&0x1b));
        if is_end {
            if self.held.len() < SEQUENCE_BYTES_MAX {
                events.extend(decode::osc(self.held.strip_suffix(b"\x1b").unwrap_or(&self.held)));
            }
            self.reset();
            return true;
        }
        if self.held.last() == Some(&0x1b) {
            // Another sequence begins before this one ended.
            self.enter(State::Escape);
            return false;
        }
        match byte {
            0x1b if self.held.len() < SEQUENCE_BYTES_MAX => self.held.push(byte),
            // Too long to mean anything: its end is looked for no further than the next escape.
            0x1b => self.enter(State::Escape),
            b' '..=b'~' => self.hold(byte),
            _ => {
                self.reset();
                return false;
            }
        }
        true
    }

    fn hold(&mut self, byte: u8) {
        if self.held.len() < SEQUENCE_BYTES_MAX {
            self.held.push(byte);
        }
    }

    /// Takes text up to the end of the paste and returns what is behind it.
    fn paste<'a>(&mut self, bytes: &'a [u8], events: &mut Vec<Event>) -> &'a [u8] {
        for (i, byte) in bytes.iter().enumerate() {
            if *byte == PASTE_END[self.matched] {
                self.matched += 1;
                if self.matched < PASTE_END.len() {
                    continue;
                }
                let text = String::from_utf8_lossy(&self.held).into_owned();
                let is_cut = self.is_cut;
                self.reset();
                events.push(Event::Paste { text, is_cut });
                return &bytes[i + 1..];
            }
            // It only looked like the end. ESC is in it once, at its beginning.
            let looked = std::mem::take(&mut self.matched);
            self.keep(&PASTE_END[..looked]);
            if *byte == PASTE_END[0] {
                self.matched = 1;
            } else {
                self.keep(&[*byte]);
            }
        }
        &[]
    }

    fn keep(&mut self, text: &[u8]) {
        let room = PASTE_BYTES_MAX - self.held.len();
        self.is_cut |= text.len() > room;
        self.held.extend_from_slice(&text[..text.len().min(room)]);
    }
}

//! The filter in front of the emulator: cuts a run's output into text, controls and sequences.
//!
//! Owns the parse state, which survives splits at any byte, and the bounds on every sequence. What
//! the emulator is given is rebuilt from these pieces, so it never sees an unfinished sequence, a
//! control string, or a byte that is not UTF-8. Knows no meaning of any sequence.

use serde::{Deserialize, Serialize};

/// The longest OSC string that is read; a longer one is dropped whole.
pub(super) const STRING_BYTES_MAX: usize = 64 * 1024;
/// The longest parameter part of a control sequence; a longer one is dropped whole.
const CSI_BYTES_MAX: usize = 256;
/// The most parameters of a control sequence; one with more is dropped whole.
const PARAMETERS_MAX: usize = 32;
/// What stands in for bytes that are not UTF-8.
const REPLACEMENT: &str = "\u{fffd}";

const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;
const DEL: u8 = 0x7f;

/// One complete part of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Characters to draw; no C0 control and no DEL among them.
    Text(&'a str),
    /// A C0 control.
    Control(u8),
    /// `ESC last`, or `ESC intermediate last`; intermediate 0 is none.
    Escape { intermediate: u8, last: u8 },
    /// A control sequence within bounds.
    Csi(Csi<'a>),
    /// An operating system command within bounds, and whether BEL ended it.
    Osc { body: &'a [u8], bel: bool },
    /// A sequence out of bounds, left out.
    Dropped,
}

/// A control sequence: `ESC [ prefix parameters intermediate last`; 0 is no prefix or intermediate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Csi<'a> {
    pub prefix: u8,
    pub parameters: &'a [u8],
    pub intermediate: u8,
    pub last: u8,
}

impl<'a> Csi<'a> {
    fn parse(body: &'a [u8], last: u8) -> Option<Self> {
        let (prefix, rest) = match body {
            [prefix @ b'<'..=b'?', rest @ ..] => (*prefix, rest),
            _ => (0, body),
        };
        let end = rest.iter().position(|b| !(b'0'..=b';').contains(b)).unwrap_or(rest.len());
        let (parameters, tail) = rest.split_at(end);
        let intermediate = match tail {
            [] => 0,
            [one @ b' '..=b'/'] => *one,
            _ => return None,
        };
        let separators = parameters.iter().filter(|b| matches!(b, b';' | b':')).count();
        (separators < PARAMETERS_MAX).then_some(Self { prefix, parameters, intermediate, last })
    }

    /// The parameters' values, at most 65535 each; a missing one is 0. There is always one.
    pub fn values(&self) -> impl Iterator<Item = u16> + 'a {
        self.parameters.split(|b| *b == b';').map(|field| {
            let digits = field.iter().take_while(|b| b.is_ascii_digit());
            digits.fold(0u16, |value, digit| {
                value.saturating_mul(10).saturating_add(u16::from(digit - b'0'))
            })
        })
    }

    /// The first value.
    pub fn value(&self) -> u16 {
        self.values().next().unwrap_or(0)
    }

    /// Prefix, intermediate and final byte: what decides the meaning.
    pub fn kind(&self) -> (u8, u8, u8) {
        (self.prefix, self.intermediate, self.last)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
enum State {
    #[default]
    Ground,
    /// In the middle of a character; its bytes so far are in the buffer.
    Character,
    Escape,
    EscapeIntermediate,
    Csi,
    /// A control sequence out of bounds, until its final byte.
    CsiDropped,
    Osc,
    /// An OSC out of bounds, until its end.
    OscDropped,
    /// A string of another kind, which is of no use, until its end.
    StringDropped,
    /// ESC ended a string, which is still in the buffer.
    StringEnded,
}

/// A piece that was recognised; what it borrows from the buffer is filled in by `next`.
enum Found<'i> {
    Text(&'i str),
    BufferedText,
    Control(u8),
    Escape(u8),
    Csi(u8),
    Osc { bel: bool },
}

/// The parse state and where in the stream it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Filter {
    state: State,
    buffer: Vec<u8>,
    /// Bytes consumed since the start of the stream.
    pub offset: u64,
}

impl Filter {
    /// The next piece and where in the stream it ends, taking from `input` what it consumes; `None`
    /// when all of it is consumed.
    pub fn next<'p, 'i: 'p>(&'p mut self, input: &mut &'i [u8]) -> Option<(u64, Piece<'p>)> {
        let before = input.len();
        let found = self.scan(input);
        self.offset += (before - input.len()) as u64;
        let piece = match found? {
            Found::Text(text) => Piece::Text(text),
            Found::BufferedText => {
                Piece::Text(std::str::from_utf8(&self.buffer).unwrap_or(REPLACEMENT))
            }
            Found::Control(byte) => Piece::Control(byte),
            Found::Escape(last) => {
                Piece::Escape { intermediate: self.buffer.first().copied().unwrap_or(0), last }
            }
            Found::Csi(last) => Csi::parse(&self.buffer, last).map_or(Piece::Dropped, Piece::Csi),
            Found::Osc { bel } => Piece::Osc { body: &self.buffer, bel },
        };
        Some((self.offset, piece))
    }

    /// Forgets an unfinished sequence: the bytes that would have ended it never come.
    pub fn abandon(&mut self) {
        self.begin(State::Ground);
    }

    /// How many bytes of an unfinished sequence are held.
    #[cfg(test)]
    pub fn buffered(&self) -> usize {
        self.buffer.capacity()
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.buffer.clear();
        self.buffer.shrink_to(CSI_BYTES_MAX);
    }

    fn scan<'i>(&mut self, input: &mut &'i [u8]) -> Option<Found<'i>> {
        while let Some(&byte) = input.first() {
            let found = match self.state {
                State::Ground => self.ground(input),
                State::Character => self.character(input, byte),
                State::Osc | State::OscDropped | State::StringDropped => self.string(input),
                State::StringEnded => {
                    self.begin(State::Escape);
                    None
                }
                State::Escape | State::EscapeIntermediate | State::Csi | State::CsiDropped => {
                    self.sequence(input, byte)
                }
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn ground<'i>(&mut self, input: &mut &'i [u8]) -> Option<Found<'i>> {
        let end = text_len(input);
        if end == 0 {
            if let Some(last) = self.whole_csi(input) {
                return Some(Found::Csi(last));
            }
            let byte = input[0];
            *input = &input[1..];
            return self.control(byte);
        }
        let (run, rest) = input.split_at(end);
        match std::str::from_utf8(run) {
            Ok(text) => {
                *input = rest;
                Some(Found::Text(text))
            }
            Err(error) if error.valid_up_to() > 0 => {
                let (valid, rest) = input.split_at(error.valid_up_to());
                *input = rest;
                std::str::from_utf8(valid).ok().map(Found::Text)
            }
            Err(error) => match error.error_len() {
                None if rest.is_empty() => {
                    self.begin(State::Character);
                    self.buffer.extend_from_slice(run);
                    *input = rest;
                    None
                }
                bad => {
                    *input = &input[bad.unwrap_or(run.len())..];
                    Some(Found::Text(REPLACEMENT))
                }
            },
        }
    }

    /// Takes a control sequence that is here from its beginning to its end, as nearly all are, in
    /// one step. What is out of bounds, interrupted or cut is taken byte by byte.
    fn whole_csi(&mut self, input: &mut &[u8]) -> Option<u8> {
        let body = input.strip_prefix(b"\x1b[")?;
        let most = &body[..body.len().min(CSI_BYTES_MAX + 1)];
        let end = most.iter().position(|b| !(b' '..=b'?').contains(b))?;
        let last = body[end];
        if !(b'@'..DEL).contains(&last) {
            return None;
        }
        self.buffer.clear();
        self.buffer.extend_from_slice(&body[..end]);
        *input = &body[end + 1..];
        Some(last)
    }

    /// Goes on with a character that a chunk's end cut in two.
    fn character<'i>(&mut self, input: &mut &'i [u8], byte: u8) -> Option<Found<'i>> {
        self.buffer.push(byte);
        match std::str::from_utf8(&self.buffer).map_err(|error| error.error_len()) {
            Ok(_) => {
                *input = &input[1..];
                self.state = State::Ground;
                Some(Found::BufferedText)
            }
            Err(None) => {
                *input = &input[1..];
                None
            }
            Err(Some(_)) => {
                self.begin(State::Ground);
                Some(Found::Text(REPLACEMENT))
            }
        }
    }

    /// A C0 control or DEL outside strings: begins a sequence, cancels one, or acts at once.
    fn control<'i>(&mut self, byte: u8) -> Option<Found<'i>> {
        match byte {
            ESC => self.begin(State::Escape),
            CAN | SUB => self.begin(State::Ground),
            DEL => {}
            _ => return Some(Found::Control(byte)),
        }
        None
    }

    fn sequence<'i>(&mut self, input: &mut &'i [u8], byte: u8) -> Option<Found<'i>> {
        if byte >= 0x80 {
            // Never part of a sequence: what began was none.
            self.begin(State::Ground);
            return None;
        }
        *input = &input[1..];
        match (self.state, byte) {
            (_, 0..=0x1f | DEL) => return self.control(byte),
            (State::Escape, b'[') => self.begin(State::Csi),
            (State::Escape, b']') => self.begin(State::Osc),
            (State::Escape, b'P' | b'X' | b'^' | b'_') => self.begin(State::StringDropped),
            (State::Escape | State::EscapeIntermediate, b' '..=b'/') => {
                self.state = State::EscapeIntermediate;
                self.buffer.push(byte);
                self.buffer.truncate(2);
            }
            (State::Escape | State::EscapeIntermediate, _) => {
                self.state = State::Ground;
                return (self.buffer.len() < 2).then_some(Found::Escape(byte));
            }
            (State::CsiDropped, b'@'..) => self.begin(State::Ground),
            (State::Csi, b'@'..) => {
                self.state = State::Ground;
                return Some(Found::Csi(byte));
            }
            (State::Csi, _) if self.buffer.len() < CSI_BYTES_MAX => self.buffer.push(byte),
            _ => self.begin(State::CsiDropped),
        }
        None
    }

    /// Reads a string up to its end. ESC ends it whatever follows: `ESC \` alone draws nothing. The
    /// one-byte terminator 0x9c does not: it is part of many characters in UTF-8.
    fn string<'i>(&mut self, input: &mut &'i [u8]) -> Option<Found<'i>> {
        let ends = |b: &u8| matches!(*b, BEL | CAN | SUB | ESC);
        let end = input.iter().position(ends).unwrap_or(input.len());
        let (part, rest) = input.split_at(end);
        *input = rest;
        if self.state == State::Osc {
            if self.buffer.len() + part.len() > STRING_BYTES_MAX {
                self.begin(State::OscDropped);
            } else {
                self.buffer.extend_from_slice(part);
            }
        }
        let (&byte, rest) = rest.split_first()?;
        *input = rest;
        match (self.state, byte) {
            (State::Osc, BEL) => self.state = State::Ground,
            (State::Osc, ESC) => self.state = State::StringEnded,
            (_, ESC) => {
                self.begin(State::Escape);
                return None;
            }
            // In strings of the other kinds BEL is data.
            (State::StringDropped, BEL) => return None,
            _ => {
                self.begin(State::Ground);
                return None;
            }
        }
        Some(Found::Osc { bel: byte == BEL })
    }
}

/// How many bytes stand before the first control. In blocks, which the compiler looks at at once.
fn text_len(input: &[u8]) -> usize {
    const BLOCK: usize = 32;
    let is_control = |byte: &u8| *byte < b' ' || *byte == DEL;
    let has_control = |block: &[u8; BLOCK]| block.iter().fold(false, |has, b| has | is_control(b));
    let (blocks, _) = input.as_chunks::<BLOCK>();
    let plain = blocks.iter().position(has_control).unwrap_or(blocks.len()) * BLOCK;
    let rest = &input[plain..];
    plain + rest.iter().position(is_control).unwrap_or(rest.len())
}

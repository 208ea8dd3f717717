//! The style a terminal draws with, and the shortest change to another.

use super::tip::number;
use crate::term::{Color as Shade, Underline};
use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

const INTENSITY: Modifier = Modifier::BOLD.union(Modifier::DIM);
const BLINK: Modifier = Modifier::SLOW_BLINK.union(Modifier::RAPID_BLINK);
/// What shows on a space.
const ON_BLANK: Modifier =
    Modifier::REVERSED.union(Modifier::UNDERLINED).union(Modifier::CROSSED_OUT);
/// The kinds of underline stand in bits that ratatui has no use for.
const KIND_SHIFT: u16 = 12;
const KIND_BITS: u16 = 0b1111 << KIND_SHIFT;

/// Modifiers that are one code on and one off.
const SIMPLE: [(Modifier, u32); 4] = [
    (Modifier::ITALIC, 3),
    (Modifier::REVERSED, 7),
    (Modifier::HIDDEN, 8),
    (Modifier::CROSSED_OUT, 9),
];

/// The modifier for a kind of line under a cell: ratatui's own knows one kind.
pub fn underline(kind: Underline) -> Modifier {
    match kind {
        Underline::None => Modifier::empty(),
        kind => {
            let extra = (kind as u16).saturating_sub(Underline::Single as u16) << KIND_SHIFT;
            Modifier::UNDERLINED | Modifier::from_bits_retain(extra)
        }
    }
}

/// Where styles were laid over each other, two kinds may have become one that does not exist.
fn with_a_known_line(modifier: Modifier) -> Modifier {
    let kind = modifier.bits() >> KIND_SHIFT;
    let most = Underline::Dashed as u16 - Underline::Single as u16;
    if kind == 0 || (kind <= most && modifier.contains(Modifier::UNDERLINED)) {
        return modifier;
    }
    Modifier::from_bits_retain(modifier.bits() & !KIND_BITS)
}

/// A style.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pen {
    fg: Shade,
    bg: Shade,
    underline_color: Shade,
    modifier: Modifier,
}

impl Default for Pen {
    fn default() -> Self {
        let [fg, bg, underline_color] = [Shade::Default; 3];
        Self { fg, bg, underline_color, modifier: Modifier::empty() }
    }
}

impl Pen {
    /// The style of a cell.
    pub fn of(cell: &Cell) -> Self {
        Self {
            fg: shade(cell.fg),
            bg: shade(cell.bg),
            underline_color: shade(cell.underline_color),
            modifier: with_a_known_line(cell.modifier),
        }
    }

    /// Whether a space looks the same in both.
    pub fn is_same_on_blank(&self, other: &Self) -> bool {
        self.bg == other.bg && !(self.modifier | other.modifier).intersects(ON_BLANK)
    }

    /// Everything in one number.
    pub fn bits(&self) -> u64 {
        let color = |shade| match shade {
            Shade::Default => 0,
            Shade::Indexed(index) => 1 + u64::from(index),
            Shade::Rgb(r, g, b) => u64::from(u32::from_be_bytes([1, r, g, b])),
        };
        let colors = color(self.fg) ^ (color(self.bg) << 26) ^ (color(self.underline_color) << 40);
        colors ^ (u64::from(self.modifier.bits()) << 48)
    }

    /// Makes the terminal draw with another style.
    pub fn change(&mut self, to: Self, out: &mut Vec<u8>) {
        if *self == to {
            return;
        }
        out.extend_from_slice(b"\x1b[");
        let mut codes = Codes { out, is_first: true };
        if to != Self::default() {
            if self.undone(&to) > 1 {
                codes.push(0);
                *self = Self::default();
            }
            self.write(&to, &mut codes);
        }
        out.push(b'm');
        *self = to;
    }

    /// How many things have to be taken back one by one.
    fn undone(&self, to: &Self) -> usize {
        let off = self.modifier.difference(to.modifier);
        let parts = [INTENSITY, BLINK, Modifier::UNDERLINED].into_iter();
        let parts = parts.chain(SIMPLE.iter().map(|(part, _)| *part));
        let gone = |from, to| usize::from(from != Shade::Default && to == Shade::Default);
        parts.filter(|part| off.intersects(*part)).count()
            + gone(self.fg, to.fg)
            + gone(self.bg, to.bg)
            + gone(self.underline_color, to.underline_color)
    }

    fn write(&self, to: &Self, codes: &mut Codes<'_>) {
        let (old, new) = (self.modifier, to.modifier);
        let on = |part: Modifier| new.intersects(part);
        // One code takes back both of these: what stays is set again.
        let intensity_off = old.difference(new).intersects(INTENSITY);
        let blink_off = old.difference(new).intersects(BLINK);
        for (is_undone, off, part, code) in [
            (intensity_off, 22, Modifier::BOLD, 1),
            (false, 22, Modifier::DIM, 2),
            (blink_off, 25, Modifier::SLOW_BLINK, 5),
            (false, 25, Modifier::RAPID_BLINK, 6),
        ] {
            if is_undone {
                codes.push(off);
            }
            let is_pair_undone = if code < 5 { intensity_off } else { blink_off };
            if on(part) && (is_pair_undone || !old.intersects(part)) {
                codes.push(code);
            }
        }
        for (part, code) in SIMPLE {
            if old.intersects(part) != on(part) {
                codes.push(if on(part) { code } else { 20 + code });
            }
        }
        let line = |modifier: Modifier| {
            let kind = (modifier.bits() & KIND_BITS) >> KIND_SHIFT;
            modifier.contains(Modifier::UNDERLINED).then_some(kind)
        };
        match (line(old), line(new)) {
            (old, new) if old == new => {}
            (_, None) => codes.push(24),
            (_, Some(0)) => codes.push(4),
            (_, Some(kind)) => codes.part(&[4, u32::from(kind) + 1]),
        }
        if self.fg != to.fg {
            codes.color(30, to.fg);
        }
        if self.bg != to.bg {
            codes.color(40, to.bg);
        }
        if self.underline_color != to.underline_color {
            // With colons: a terminal that knows none of this then skips it as a whole.
            match to.underline_color {
                Shade::Default => codes.push(59),
                Shade::Indexed(index) => codes.part(&[58, 5, u32::from(index)]),
                Shade::Rgb(r, g, b) => {
                    codes.part(&[58, 2]);
                    codes.out.push(b':');
                    [r, g, b].into_iter().for_each(|level| codes.sub(u32::from(level)));
                }
            }
        }
    }
}

/// The numbers of one sequence.
struct Codes<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl Codes<'_> {
    fn push(&mut self, code: u32) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b';');
        }
        number(code, self.out);
    }

    fn sub(&mut self, code: u32) {
        self.out.push(b':');
        number(code, self.out);
    }

    /// One parameter of several numbers.
    fn part(&mut self, codes: &[u32]) {
        if let [first, rest @ ..] = codes {
            self.push(*first);
            rest.iter().for_each(|code| self.sub(*code));
        }
    }

    /// A colour; `base` is the code of black.
    fn color(&mut self, base: u32, shade: Shade) {
        match shade {
            Shade::Default => self.push(base + 9),
            Shade::Indexed(index @ 0..=7) => self.push(base + u32::from(index)),
            Shade::Indexed(index @ 8..=15) => self.push(base + 60 + u32::from(index - 8)),
            Shade::Indexed(index) => {
                [base + 8, 5, u32::from(index)].into_iter().for_each(|code| self.push(code));
            }
            Shade::Rgb(r, g, b) => {
                let [r, g, b] = [r, g, b].map(u32::from);
                [base + 8, 2, r, g, b].into_iter().for_each(|code| self.push(code));
            }
        }
    }
}

fn shade(color: Color) -> Shade {
    Shade::Indexed(match color {
        Color::Reset => return Shade::Default,
        Color::Rgb(r, g, b) => return Shade::Rgb(r, g, b),
        Color::Indexed(index) => index,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(from: &Cell, to: &Cell) -> String {
        let mut out = Vec::new();
        Pen::of(from).change(Pen::of(to), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn cell(fg: Color, modifier: Modifier) -> Cell {
        let mut cell = Cell::default();
        (cell.fg, cell.modifier) = (fg, modifier);
        cell
    }

    #[test]
    fn only_what_changes_is_said() {
        let plain = Cell::default();
        let bold_red = cell(Color::Red, Modifier::BOLD);
        let dim_red = cell(Color::Indexed(1), Modifier::DIM);
        assert_eq!(change(&plain, &plain), "");
        assert_eq!(change(&plain, &bold_red), "\x1b[1;31m");
        assert_eq!(change(&bold_red, &dim_red), "\x1b[22;2m");
        assert_eq!(change(&bold_red, &cell(Color::Red, Modifier::empty())), "\x1b[22m");
        assert_eq!(change(&bold_red, &plain), "\x1b[m");
        assert_eq!(change(&bold_red, &cell(Color::Reset, Modifier::ITALIC)), "\x1b[0;3m");
        assert_eq!(change(&plain, &cell(Color::White, Modifier::empty())), "\x1b[97m");
        assert_eq!(change(&plain, &cell(Color::Rgb(1, 2, 30), BLINK)), "\x1b[5;6;38;2;1;2;30m");
    }

    #[test]
    fn underlines_have_kinds_and_colours() {
        let mut curly = cell(Color::Reset, underline(Underline::Curly));
        curly.underline_color = Color::Rgb(255, 0, 9);
        assert_eq!(change(&Cell::default(), &curly), "\x1b[4:3;58:2::255:0:9m");
        let single = cell(Color::Reset, underline(Underline::Single));
        assert_eq!(change(&curly, &single), "\x1b[4;59m");
        assert_eq!(single.modifier, Modifier::UNDERLINED);
    }
}

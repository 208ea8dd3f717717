//! Deterministic streams of terminal output, of six characters, as files: what `cat` and `flood`
//! show in a pane.

use crate::Failure;
use monban::base::size::Size;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// All streams.
pub const ALL: [Kind; 6] =
    [Kind::Ascii, Kind::Sgr, Kind::Unicode, Kind::Region, Kind::Tui, Kind::Wrap];

/// The character of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Lines of a log, shorter than the screen is wide.
    Ascii,
    /// Every cell of the screen with colours of its own, over and over.
    Sgr,
    /// Wide, combining and joined characters.
    Unicode,
    /// A log inside a scroll region.
    Region,
    /// Frames of an agent: synchronized output, a box, coloured words, a line of status.
    Tui,
    /// Lines of several screen widths.
    Wrap,
}

impl Kind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ascii => "ascii",
            Self::Sgr => "sgr",
            Self::Unicode => "unicode",
            Self::Region => "region",
            Self::Tui => "tui",
            Self::Wrap => "wrap",
        }
    }
}

/// Writes the stream of `kind` for `size`, of `bytes` and at most one frame more, into `folder`.
pub fn write(folder: &Path, kind: Kind, size: Size, bytes: usize) -> Result<PathBuf, Failure> {
    let (cols, rows) = (usize::from(size.cols), usize::from(size.rows));
    let mut maker = Maker { random: 0x006d_6f6e_6261_6e21, text: String::new(), cols, rows };
    maker.text.reserve(bytes + (64 << 10));
    match kind {
        Kind::Region => write!(maker.text, "\x1b[2J\x1b[3;{}r\x1b[3;1H", rows - 3)?,
        Kind::Tui => maker.text.push_str("\x1b[?1049h\x1b[?25l\x1b[2J"),
        _ => {}
    }
    let mut round = 0;
    while maker.text.len() < bytes {
        round += 1;
        match kind {
            Kind::Ascii | Kind::Region => maker.log_line(round),
            Kind::Sgr => maker.cells(round)?,
            Kind::Unicode => maker.wide_line(),
            Kind::Tui => maker.frame(round)?,
            Kind::Wrap => {
                let width = cols * (2 + maker.below(8));
                maker.words(width);
                maker.text.push_str("\r\n");
            }
        }
    }
    maker.text.push_str(match kind {
        Kind::Region => "\x1b[r\x1b[0m\r\n",
        Kind::Tui => "\x1b[?1049l\x1b[?25h\x1b[0m\r\n",
        _ => "\x1b[0m\r\n",
    });
    let path = folder.join(format!("{}-{}x{}", kind.name(), size.cols, size.rows));
    std::fs::write(&path, maker.text)?;
    Ok(path)
}

const WORDS: [&str; 24] = [
    "checking",
    "warning:",
    "unused",
    "variable",
    "src/lib.rs:120",
    "thread",
    "panicked",
    "ok",
    "FAILED",
    "assertion",
    "left",
    "right",
    "running",
    "tests",
    "0.31s",
    "note:",
    "help:",
    "merge",
    "branch",
    "commit",
    "9f3ac1d",
    "diff",
    "+++",
    "---",
];
const CLUSTERS: [&str; 6] = ["👩‍💻", "🇯🇵", "❤️", "👍🏽", "é", "한"];

struct Maker {
    random: u64,
    text: String,
    cols: usize,
    rows: usize,
}

impl Maker {
    /// A number below `bound`, the same in every run.
    fn below(&mut self, bound: usize) -> usize {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        usize::try_from(self.random >> 33).unwrap_or(0) % bound.max(1)
    }

    fn words(&mut self, width: usize) {
        let end = self.text.len() + width;
        while self.text.len() < end {
            let word = WORDS[self.below(WORDS.len())];
            self.text.push_str(word);
            self.text.push(' ');
        }
        self.text.truncate(end);
    }

    fn log_line(&mut self, round: usize) {
        let width = self.below(self.cols - 30);
        self.text.push_str(&format!("{round:>8} | "));
        self.words(15 + width);
        self.text.push_str("\r\n");
    }

    fn cells(&mut self, round: usize) -> std::fmt::Result {
        self.text.push_str("\x1b[H");
        for cell in 0..self.cols * self.rows {
            let (front, back) = ((cell * 7 + round) % 256, (cell * 3 + round * 5) % 256);
            let letter = char::from(b'a' + u8::try_from((cell + round) % 26).unwrap_or(0));
            write!(self.text, "\x1b[1;38;5;{front};48;5;{back}m{letter}")?;
        }
        Ok(())
    }

    fn wide_line(&mut self) {
        let mut width = 0;
        while width + 4 < self.cols {
            let kind = self.below(8);
            width += 2;
            match kind {
                0..4 => {
                    let code = u32::try_from(0x4e00 + self.below(0x5000)).unwrap_or(0x4e00);
                    self.text.extend(char::from_u32(code));
                }
                4 => {
                    let code = u32::try_from(0x1_f600 + self.below(64)).unwrap_or(0x1_f600);
                    self.text.extend(char::from_u32(code));
                }
                5 => self.text.push_str("Ωж"),
                _ => {
                    let cluster = self.below(CLUSTERS.len());
                    self.text.push_str(CLUSTERS[cluster]);
                }
            }
        }
        self.text.push_str("\r\n");
    }

    fn frame(&mut self, round: usize) -> std::fmt::Result {
        let (cols, rows) = (self.cols, self.rows);
        let line = "─".repeat(cols - 2);
        write!(self.text, "\x1b[?2026h\x1b[H\x1b[38;2;110;110;110m╭{line}╮\x1b[0m")?;
        for y in 2..rows - 2 {
            write!(self.text, "\x1b[{y};1H\x1b[38;2;110;110;110m│\x1b[0m ")?;
            let mut width = 2;
            while width + 16 < cols {
                let (word, kind) = (WORDS[self.below(WORDS.len())], self.below(5));
                match kind {
                    0 => write!(self.text, "\x1b[1;32m{word}\x1b[0m ")?,
                    1 => write!(self.text, "\x1b[38;5;{}m{word}\x1b[39m ", 16 + width % 200)?,
                    2 => write!(self.text, "\x1b[2m{word}\x1b[22m ")?,
                    _ => write!(self.text, "{word} ")?,
                }
                width += word.len() + 1;
            }
            write!(self.text, "\x1b[K\x1b[{y};{cols}H\x1b[38;2;110;110;110m│\x1b[0m")?;
        }
        let sign = ['◐', '◓', '◑', '◒'][round % 4];
        write!(self.text, "\x1b[{};1H\x1b[48;5;236m{sign} Thinking ({round} s)", rows - 1)?;
        write!(self.text, "\x1b[K\x1b[0m\x1b[{rows};3H> \x1b[7m \x1b[0m\x1b[?2026l")
    }
}

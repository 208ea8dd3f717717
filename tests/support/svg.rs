//! A terminal's screen as a picture: what a capture with colours says, drawn as SVG.

use monban::base::size::Size;
use monban::term::{Cell, Color, Row, Style, Terminal, Underline};
use std::fmt::Write;

/// A cell's width and height, and the font's size.
const CELL: (f32, f32) = (8.4, 18.0);
const FONT: f32 = 14.0;
/// Room around the screen.
const MARGIN: f32 = 14.0;
/// The terminal's own ground and ink, and its sixteen colours.
const GROUND: u32 = 0x16_1b22;
const INK: u32 = 0xd0_d7de;
const PALETTE: [u32; 16] = [
    0x48_4f58, 0xff_7b72, 0x7e_e787, 0xe3_b341, 0x79_c0ff, 0xd2_a8ff, 0x76_e3ea, 0xd0_d7de,
    0x6e_7681, 0xff_a198, 0xaf_f5b4, 0xff_df5d, 0xa5_d6ff, 0xe2_c5ff, 0xb3_f0ff, 0xff_ffff,
];

/// Pieces of a row that look the same: from which column, how many, the text, the style.
type Piece = (usize, usize, String, Style);

/// The picture of a capture: rows with SGR sequences, one per line.
pub fn picture(capture: &str, size: Size, title: &str) -> String {
    let mut terminal = Terminal::new(size, 0);
    let rows: Vec<&str> = capture.lines().take(usize::from(size.rows)).collect();
    terminal.feed(rows.join("\r\n").as_bytes());
    let (columns, lines) = (f32::from(size.cols), f32::from(size.rows));
    let (width, height) = (columns * CELL.0 + 2.0 * MARGIN, lines * CELL.1 + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" \
         font-size=\"{FONT}\">\n<title>{}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n",
        escaped(title),
        hex(GROUND)
    );
    for y in 0..size.rows {
        if let Some(row) = terminal.row(y) {
            draw(&mut svg, &row, MARGIN + f32::from(y) * CELL.1);
        }
    }
    svg + "</svg>\n"
}

fn draw(svg: &mut String, row: &Row, top: f32) {
    for (column, columns, text, style) in pieces(row) {
        let (ink, ground) = colours(&style);
        let left = MARGIN + column as f32 * CELL.0;
        let width = columns as f32 * CELL.0;
        if ground != GROUND {
            // A little too wide: no seam between neighbours.
            let _ = writeln!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{}\" fill=\"{}\"/>",
                width + 0.3,
                CELL.1,
                hex(ground)
            );
        }
        let shown = text.trim_end();
        if shown.is_empty() {
            continue;
        }
        let blanks = text.chars().count() - shown.chars().count();
        let mut look = String::new();
        look += if style.bold { " font-weight=\"bold\"" } else { "" };
        look += if style.italic { " font-style=\"italic\"" } else { "" };
        look += if style.dim { " opacity=\"0.6\"" } else { "" };
        let is_under = style.underline != Underline::None;
        look += if is_under { " text-decoration=\"underline\"" } else { "" };
        // Whatever font the reader has, the text is as wide as its cells.
        let _ = writeln!(
            svg,
            "<text x=\"{left:.1}\" y=\"{:.1}\" textLength=\"{:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
             xml:space=\"preserve\" fill=\"{}\"{look}>{}</text>",
            top + CELL.1 * 0.75,
            width - blanks as f32 * CELL.0,
            hex(ink),
            escaped(shown)
        );
    }
}

/// The pieces of a row; a wide character is one of its own, so that no other is moved by it.
fn pieces(row: &Row) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut column = 0;
    let mut was_wide = false;
    for (text, Cell { width, style, .. }) in row.iter() {
        let is_wide = width > 1;
        match pieces.last_mut() {
            Some((_, columns, piece, look)) if *look == style && !is_wide && !was_wide => {
                *columns += usize::from(width);
                piece.push_str(text);
            }
            _ => pieces.push((column, usize::from(width), text.into(), style)),
        }
        column += usize::from(width);
        was_wide = is_wide;
    }
    pieces
}

/// Ink and ground.
fn colours(style: &Style) -> (u32, u32) {
    let (ink, ground) = (colour(style.fg, INK), colour(style.bg, GROUND));
    if style.inverse { (ground, ink) } else { (ink, ground) }
}

fn colour(colour: Color, own: u32) -> u32 {
    match colour {
        Color::Default => own,
        Color::Indexed(number @ 0..16) => PALETTE[usize::from(number)],
        Color::Indexed(number @ 16..232) => {
            let level = |step: u32| if step == 0 { 0 } else { 55 + 40 * step };
            let number = u32::from(number - 16);
            rgb(level(number / 36), level(number / 6 % 6), level(number % 6))
        }
        Color::Indexed(number) => {
            let grey = 8 + 10 * u32::from(number - 232);
            rgb(grey, grey, grey)
        }
        Color::Rgb(red, green, blue) => rgb(red.into(), green.into(), blue.into()),
    }
}

fn rgb(red: u32, green: u32, blue: u32) -> u32 {
    red << 16 | green << 8 | blue
}

fn hex(colour: u32) -> String {
    format!("#{colour:06x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

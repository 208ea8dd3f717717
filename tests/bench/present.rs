//! What presenting costs: nothing changed, one cell, a whole screen, a screen that scrolled.

#![expect(clippy::print_stdout, reason = "a bench reports by printing")]

use monban::tui::present::Presenter;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use std::time::{Duration, Instant};

const ROUNDS: usize = 400;
const AREA: Rect = Rect { x: 0, y: 0, width: 200, height: 50 };

/// A screen of coloured words; `from` is the number of its first line.
fn screen(from: usize) -> Buffer {
    let mut buffer = Buffer::empty(AREA);
    for y in 0..AREA.height {
        let line = from + usize::from(y);
        for (x, word) in (0..AREA.width - 12).step_by(10).zip(line..) {
            let color = Color::Indexed(u8::try_from((word * 7) % 256).unwrap_or(0));
            let text = if word % 9 == 0 { "門番 日本".into() } else { format!("word{word}") };
            buffer.set_string(x, y, text, Style::new().fg(color));
        }
    }
    buffer
}

/// Presents the screens in turn; the median time and the bytes of one.
fn measure(what: &str, screens: &[Buffer], is_new: bool) {
    let mut presenter = Presenter::default();
    let mut out = Vec::new();
    presenter.present(&screens[0], None, true, &mut out);
    let mut times: Vec<Duration> = Vec::with_capacity(ROUNDS);
    let mut bytes = 0;
    for round in 1..=ROUNDS {
        out.clear();
        let begin = Instant::now();
        presenter.present(&screens[round % screens.len()], None, is_new, &mut out);
        times.push(begin.elapsed());
        bytes += out.len();
    }
    times.sort_unstable();
    let [median, slowest] = [ROUNDS / 2, ROUNDS - 1].map(|at| times[at].as_secs_f64() * 1e3);
    println!("{what:<22} {median:>7.3} ms {slowest:>8.3} ms {:>7} bytes", bytes / ROUNDS);
}

fn main() {
    println!("200x50                  median  slowest    a frame");
    let whole = screen(0);
    let mut other = whole.clone();
    other[(100, 25)].set_symbol("#");
    measure("nothing changed", &[whole.clone(), whole.clone()], false);
    measure("one cell", &[whole.clone(), other], false);
    measure("a line scrolled", &(0..ROUNDS).map(screen).collect::<Vec<_>>(), false);
    measure("another screen", &[whole.clone(), screen(1000)], false);
    measure("drawn anew", &[whole.clone(), whole], true);
}

//! A real terminal for a real program: a PTY with an emulator that answers the queries the agents
//! ask, in stream order, and writes down what they report in-band.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

const ROWS: u16 = 40;
const COLS: u16 = 120;

/// What a program told the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// OSC 7501: `working`, `blocked:permission`, ..., `clear`, with its message.
    Status(String, Option<String>),
    /// The window title.
    Title(String),
}

#[derive(Default)]
struct Ears {
    told: Vec<Told>,
    replies: Vec<u8>,
}

impl vt100::Callbacks for Ears {
    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.told.push(Told::Title(String::from_utf8_lossy(title).into_owned()));
    }

    fn unhandled_csi(
        &mut self,
        screen: &mut vt100::Screen,
        first: Option<u8>,
        second: Option<u8>,
        params: &[&[u16]],
        c: char,
    ) {
        let param = params.first().and_then(|param| param.first()).copied().unwrap_or(0);
        let reply = match (first, second, c) {
            (None, None, 'c') => "\x1b[?62;22c".to_string(),
            (None, None, 'n') if param == 5 => "\x1b[0n".to_string(),
            (None, None, 'n') if param == 6 => {
                let (row, col) = screen.cursor_position();
                format!("\x1b[{};{}R", row + 1, col + 1)
            }
            (Some(b'?'), None, 'u') => "\x1b[?0u".to_string(),
            (Some(b'?'), Some(b'$'), 'p') => format!("\x1b[?{param};2$y"),
            (Some(b'>'), None, 'q') => "\x1bP>|monban 0\x1b\\".to_string(),
            _ => return,
        };
        self.replies.extend(reply.bytes());
    }

    fn unhandled_osc(&mut self, _: &mut vt100::Screen, params: &[&[u8]]) {
        match params {
            [b"10", b"?"] => self.replies.extend(b"\x1b]10;rgb:dddd/dddd/dddd\x1b\\"),
            [b"11", b"?"] => self.replies.extend(b"\x1b]11;rgb:1111/1111/1111\x1b\\"),
            [b"7501", b"?"] => self.replies.extend(b"\x1b]7501;?\x1b\\"),
            [b"7501", report, ..] => self.told.push(status(&String::from_utf8_lossy(report))),
            _ => {}
        }
    }
}

/// `state=blocked:app=x:kind=permission:msg=BASE64`
fn status(report: &str) -> Told {
    let pairs: BTreeMap<_, _> = report.split(':').filter_map(|pair| pair.split_once('=')).collect();
    let state = pairs.get("state").copied().unwrap_or_default();
    let kind = pairs.get("kind").map_or(String::new(), |kind| format!(":{kind}"));
    let message = pairs.get("msg").map(|text| String::from_utf8_lossy(&base64(text)).into_owned());
    Told::Status(format!("{state}{kind}"), message)
}

fn base64(text: &str) -> Vec<u8> {
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut out) = (0u32, 0, Vec::new());
    for digit in text.chars().filter_map(|c| digits.find(c)) {
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

/// A program in a terminal. It is killed when this is dropped.
pub struct Terminal {
    parser: Arc<Mutex<vt100::Parser<Ears>>>,
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Starts `program` with exactly this environment.
    pub fn start(
        program: &Path,
        args: &[String],
        env: &BTreeMap<String, String>,
        folder: &Path,
    ) -> Self {
        let size = PtySize { rows: ROWS, cols: COLS, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env_clear();
        command.cwd(folder);
        env.iter().for_each(|(name, value)| command.env(name, value));
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let [rows, cols] = [ROWS, COLS].map(|count| NonZero::new(count).unwrap());
        let parser = vt100::Parser::new_with_callbacks(rows, cols, 0, Ears::default());
        let parser = Arc::new(Mutex::new(parser));
        let writer = Arc::new(Mutex::new(pair.master.take_writer().unwrap()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (screen, replies) = (Arc::clone(&parser), Arc::clone(&writer));
        thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let mut parser = screen.lock().unwrap();
                parser.process(&buffer[..count]);
                let reply = std::mem::take(&mut parser.callbacks_mut().replies);
                drop(parser);
                let _ = replies.lock().unwrap().write_all(&reply);
            }
        });
        Self { parser, writer, child, master: pair.master }
    }

    /// What the program told since the last call, in order.
    pub fn told(&self) -> Vec<Told> {
        std::mem::take(&mut self.parser.lock().unwrap().callbacks_mut().told)
    }

    /// The rows of the screen.
    pub fn rows(&self) -> Vec<String> {
        self.parser.lock().unwrap().screen().rows(0, COLS).collect()
    }

    /// Whether the program switched bracketed paste on.
    pub fn takes_paste(&self) -> bool {
        self.parser.lock().unwrap().screen().bracketed_paste()
    }

    /// Types bytes.
    pub fn write(&self, bytes: &[u8]) {
        self.writer.lock().unwrap().write_all(bytes).unwrap();
    }

    /// Gives it another size.
    pub fn resize(&self, cols: u16, rows: u16) {
        let cells = [rows, cols].map(|count| NonZero::new(count).unwrap());
        self.parser.lock().unwrap().screen_mut().set_size(cells[0], cells[1]);
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    /// The exit status, once the program has ended.
    pub fn ended(&mut self) -> Option<u32> {
        self.child.try_wait().unwrap().map(|status| status.exit_code())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

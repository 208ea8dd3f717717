//! Scripted agents: ordinary programs in a terminal of their own. They draw a screen, take a pasted
//! prompt, ask for permission or an answer, take their time, and write files; some really do harm.
//! No model and no network.

use super::scripts::{SCRIPTS, Step};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The longest line of input that is kept.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// How long one piece of work takes.
const PIECE: Duration = Duration::from_millis(1500);

/// Runs the scripted agent `name` in the current folder until its input ends.
pub fn run(name: &str) -> io::Result<()> {
    let Some(script) = SCRIPTS.iter().find(|script| script.name == name) else {
        let known: Vec<&str> = SCRIPTS.iter().map(|script| script.name).collect();
        let message = format!("no script `{name}`; there are {}", known.join(", "));
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    };
    let mut terminal = Terminal::open()?;
    terminal.draw(&format!("\x1b[2J\x1b[H\x1b[1m{name}\x1b[0m, a scripted agent\r\n\r\n"))?;
    loop {
        terminal.status("state=idle")?;
        let Some(prompt) = terminal.line("> ")? else { return Ok(()) };
        if prompt.trim().is_empty() {
            continue;
        }
        terminal.status("state=working")?;
        for step in script.steps {
            if !take(&mut terminal, step)? {
                break;
            }
        }
        terminal.status("state=done")?;
    }
}

/// Takes a step; false when the script is over because permission was refused or input ended.
fn take(terminal: &mut Terminal, step: &Step) -> io::Result<bool> {
    match step {
        Step::Say(text) => terminal.draw(&format!("{text}\r\n"))?,
        Step::Permission(what) => {
            terminal.status(&format!("state=blocked:kind=permission:msg={}", base64(what)))?;
            let answer = terminal.key(&format!("May I {what}? [y/n] "))?;
            if answer != Some(b'y') {
                terminal.draw("no\r\nThen I leave it.\r\n")?;
                return Ok(false);
            }
            terminal.draw("yes\r\n")?;
            terminal.status("state=working")?;
        }
        Step::Answer { question, path, content } => {
            terminal.status(&format!("state=blocked:kind=question:msg={}", base64(question)))?;
            let Some(answer) = terminal.line(&format!("{question} "))? else { return Ok(false) };
            terminal.status("state=working")?;
            fs::write(path, content.replace("{}", answer.trim()))?;
        }
        Step::Work(pieces) => {
            for (done, piece) in (1..).zip(pieces.iter()) {
                terminal.draw(&format!("\x1b[2m{done:>2}/{}\x1b[0m  {piece}\r\n", pieces.len()))?;
                std::thread::sleep(PIECE);
            }
        }
        Step::Write { path, content } => {
            if let Some(folder) = Path::new(path).parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(path, content)?;
        }
        Step::Delete { path } => fs::remove_file(path)?,
        Step::Commit { message } => {
            for args in [&["add", "--all"][..], &["commit", "--quiet", "--message", message]] {
                let done = Command::new("git").args(args).stdin(Stdio::null()).status()?;
                if !done.success() {
                    return Err(io::Error::other(format!("git {} failed: {done}", args[0])));
                }
            }
        }
    }
    Ok(true)
}

/// Standard input and output as a terminal that gives single keys.
struct Terminal {
    input: io::Stdin,
    output: io::Stdout,
}

impl Terminal {
    fn open() -> io::Result<Self> {
        let input = io::stdin();
        let mut modes = tcgetattr(&input)?;
        modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&input, OptionalActions::Now, &modes)?;
        let mut terminal = Self { input, output: io::stdout() };
        terminal.draw("\x1b[?2004h")?;
        Ok(terminal)
    }

    fn draw(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(text.as_bytes())?;
        self.output.flush()
    }

    /// Reports in-band what the agent is doing (OSC 7501).
    fn status(&mut self, report: &str) -> io::Result<()> {
        self.draw(&format!("\x1b]7501;{report}:app=demo\x1b\\"))
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        Ok((self.input.read(&mut byte)? == 1).then_some(byte[0]))
    }

    fn key(&mut self, question: &str) -> io::Result<Option<u8>> {
        self.draw(question)?;
        self.byte()
    }

    /// One line of input, typed or pasted; `None` when input ended.
    fn line(&mut self, question: &str) -> io::Result<Option<String>> {
        self.draw(question)?;
        let mut line = Vec::new();
        loop {
            let Some(byte) = self.byte()? else { return Ok(None) };
            match byte {
                b'\r' | b'\n' => break,
                byte if line.len() < LINE_BYTES_MAX => line.push(byte),
                _ => {}
            }
        }
        let text = String::from_utf8_lossy(&line).replace("\x1b[200~", "").replace("\x1b[201~", "");
        self.draw(&format!("{}\r\n", text.replace(char::is_control, " ")))?;
        Ok(Some(text))
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

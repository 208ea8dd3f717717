//! An attached client for tests: looks at surfaces, keeps the copy, counts what it was sent.

use monban::base::id::RunId;
use monban::base::paths::Places;
use monban::base::size::Size;
use monban::view::copy::Copy;
use monban::view::{Content, Update, pane};
use monban::wire::frame::{self, Decoder};
use monban::wire::people::{Answer, Ask};
use monban::wire::view::{Said, Surface, Told};
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long before a key is pressed once more.
const PRESS_AGAIN: Duration = Duration::from_secs(3);

/// The client.
pub struct Attached {
    stream: UnixStream,
    decoder: Decoder,
    buffer: Vec<u8>,
    at: PathBuf,
    /// Its number at the daemon.
    pub id: u64,
    /// What it has of each surface.
    pub copy: Copy,
    /// The last frame it was sent.
    pub frame: u64,
    /// How many bytes it was sent.
    pub bytes: usize,
    /// What came beside frames.
    pub told: Vec<Told>,
    /// Whether every frame is answered with credit for the next.
    pub takes_all: bool,
}

impl Attached {
    /// Attaches as `name`, standing in `at`.
    pub fn attach(places: &Places, name: &str, at: PathBuf, watch: bool) -> Self {
        let size = Some(Size { cols: 100, rows: 30 });
        Self::attach_by(places, name, at, Ask::Attach { watch, all: false, size })
    }

    /// Attaches by a request of one's own.
    pub fn attach_by(places: &Places, name: &str, at: PathBuf, attach: Ask) -> Self {
        let mut person = super::people::Person::connect(places, name, at.clone());
        let joined = person.ask(attach).unwrap();
        let id = joined["client"].as_u64().unwrap();
        Self {
            stream: person.stream,
            decoder: Decoder::default(),
            buffer: vec![0; 64 << 10],
            at,
            id,
            copy: Copy::default(),
            frame: 0,
            bytes: 0,
            told: Vec::new(),
            takes_all: true,
        }
    }

    /// Says something.
    pub fn say(&mut self, said: &Said) {
        frame::write(&mut self.stream, said).unwrap();
    }

    /// Says half of something.
    pub fn begin_to_say(&mut self, said: &Said) {
        let whole = frame::encode(said).unwrap();
        self.stream.write_all(&whole[..whole.len() / 2]).unwrap();
    }

    /// Looks at something, with credit for the next frame.
    pub fn look(&mut self, surface: u32, at: Surface) {
        let kept = self.copy.digests(surface);
        self.say(&Said::Look { surface, at: Some(at), kept });
        if self.takes_all {
            self.credit();
        }
    }

    /// Looks at the end of a run's screen.
    pub fn look_at_pane(&mut self, surface: u32, run: RunId) {
        self.look(surface, Surface::Pane { run, back: 0 });
    }

    /// Takes one frame more.
    pub fn credit(&mut self) {
        self.say(&Said::Credit { frame: self.frame + 1 });
    }

    /// Presses keys.
    pub fn press(&mut self, run: RunId, keys: &[&str]) {
        let keys = keys.iter().map(ToString::to_string).collect();
        self.say(&Said::Press { run, keys });
    }

    /// Presses keys until a pane shows a text: on a busy machine a size that is being taken may
    /// come behind them.
    #[track_caller]
    pub fn press_until(&mut self, surface: u32, run: RunId, keys: &[&str], text: &str) {
        let began = Instant::now();
        let mut pressed = None::<Instant>;
        self.wait(text, |client| {
            if pressed.is_none_or(|at| at.elapsed() > PRESS_AGAIN) {
                client.press(run, keys);
                pressed = Some(Instant::now());
            }
            assert!(began.elapsed() < PATIENCE, "{text} never came");
            client.screen(surface).iter().any(|row| row.contains(text)).then_some(())
        });
    }

    /// Asks, and waits for the answer while frames come.
    pub fn ask(&mut self, id: u32, ask: Ask) -> Answer {
        let at = self.at.clone();
        self.say(&Said::Ask { id, at, ask });
        self.answer(id)
    }

    /// The answer to a request.
    #[track_caller]
    pub fn answer(&mut self, id: u32) -> Answer {
        let answers = |told: &Told| match told {
            Told::Answer { id: of, answer: Answer::Done(_) | Answer::Refused(_) } => *of == id,
            _ => false,
        };
        self.wait("an answer", |client| {
            let at = client.told.iter().position(answers)?;
            let Told::Answer { answer, .. } = client.told.remove(at) else { return None };
            Some(answer)
        })
    }

    /// Takes in what comes until `found` gives something.
    #[track_caller]
    pub fn wait<T>(&mut self, what: &str, mut found: impl FnMut(&mut Self) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(value) = found(self) {
                return value;
            }
            assert!(began.elapsed() < PATIENCE, "{what} never came: {:?}", self.copy);
            self.receive(Duration::from_secs(1));
        }
    }

    /// Waits until a pane shows a text.
    #[track_caller]
    pub fn shows(&mut self, surface: u32, text: &str) {
        self.wait(text, |client| {
            client.screen(surface).iter().any(|row| row.contains(text)).then_some(())
        });
    }

    /// Takes in what comes within `limit`; false when nothing did.
    pub fn receive(&mut self, limit: Duration) -> bool {
        self.stream.set_read_timeout(Some(limit)).unwrap();
        let count = match self.stream.read(&mut self.buffer) {
            Ok(0) => panic!("the daemon hung up"),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return false;
            }
            // The end of a child of another test of this process.
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            Err(error) => panic!("{error}"),
        };
        self.bytes += count;
        self.decoder.push(&self.buffer[..count]);
        while let Some(told) = self.decoder.next_frame::<Told>().unwrap() {
            self.take(told);
        }
        true
    }

    /// Takes in all that comes until nothing does for `quiet`.
    pub fn drain(&mut self, quiet: Duration) {
        while self.receive(quiet) {}
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Frame { frame, updates } => {
                assert_eq!(frame, self.frame + 1, "frames are counted");
                self.frame = frame;
                updates.into_iter().for_each(|update: Update| self.copy.apply(update).unwrap());
                if self.takes_all {
                    self.credit();
                }
            }
            other => self.told.push(other),
        }
    }

    /// What it has of a surface.
    pub fn content(&self, surface: u32) -> Content {
        self.copy.get(surface).cloned().unwrap_or_default()
    }

    /// The head of a surface.
    pub fn head(&self, surface: u32) -> Value {
        Value::clone(&self.content(surface).head)
    }

    /// The rows of a table.
    pub fn table(&self, surface: u32) -> Vec<Value> {
        let rows = self.content(surface).rows;
        rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
    }

    /// The text of a pane.
    pub fn screen(&self, surface: u32) -> Vec<String> {
        let rows = self.content(surface).rows;
        rows.iter().map(|row| pane::decode(row).unwrap().trimmed().to_string()).collect()
    }
}

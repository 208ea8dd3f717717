//! The dashboard's loop: joins the person's terminal, the connection and the state machine. Decides
//! nothing but what comes first: what was typed, before what was told, before what time brings.

mod wait;

use super::app::{App, Do, Input as Happened, draw, draw_part};
use super::echo::Echo;
use super::editor;
use super::input::{Event, Input, Reply};
use super::line::{Line, News};
use super::looks::Source;
use super::outer::signals::{Signal, Signals};
use super::outer::{Frame, Gone, Outer, OuterError, QUESTIONS, QUESTIONS_ASCII};
use super::pace::{Moment, Pace};
use super::present::{Presenter, as_ascii};
use crate::base::id::RunId;
use crate::base::size::Size;
use crate::base::ticks::{self, Instant};
use crate::model::rejection::{Class, Rejection};
use crate::wire::people::Answer;
use crate::wire::view::{Said, Told};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::time::Duration;
use wait::Woke;

/// How much of what was typed is read at once.
const READ_BYTES: usize = 16 << 10;
/// How many keys are said in one message; the daemon takes 1000.
const KEYS_TOGETHER: usize = 500;
/// How long after an escape the rest of a sequence may come.
const ESCAPE_NEAR: Duration = Duration::from_millis(50);
const ESCAPE_FAR: Duration = Duration::from_millis(200);
/// How long the first frame waits for the daemon, so that nothing empty flashes up.
const FIRST_FRAME: Duration = Duration::from_millis(50);

/// What a dashboard is run with.
pub struct Options {
    /// The terminal is at the other end of a network.
    pub is_far: bool,
    /// The mouse is used.
    pub mouse: bool,
    /// The terminal is told nothing but ASCII.
    pub ascii: bool,
    /// Where keys and colours come from.
    pub looks: Source,
}

/// Why a dashboard ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The terminal cannot be used.
    #[error(transparent)]
    Outer(#[from] OuterError),
    /// The daemon refuses.
    #[error("{0}")]
    Refused(Rejection),
    /// A side thread panicked.
    #[error("a part of the dashboard broke off, as said above; agents and daemon go on")]
    Broken,
}

/// Runs the dashboard in the terminal on standard input and output until the person leaves it or
/// the terminal is gone.
///
/// # Errors
/// The terminal cannot be used, the daemon refuses, or a part of the client panicked.
pub fn run(mut app: App, options: Options, line: Line) -> Result<(), RunError> {
    let signals = Signals::watch().map_err(OuterError::from)?;
    let outer = Outer::enter(std::io::stdin(), std::io::stdout(), options.mouse)?;
    let size = outer.size();
    let _ = app.take(Happened::Resize(size), Moment::ZERO);
    let mut client = Client {
        app,
        outer,
        size,
        signals,
        line,
        input: Input::default(),
        presenter: Presenter::default(),
        echo: Echo::default(),
        pace: Pace::new(size, options.is_far),
        screen: Buffer::empty(Rect::new(0, 0, size.cols, size.rows)),
        frame: Frame::default(),
        frame_bytes: 0,
        began: ticks::now(),
        drawn: None,
        painting: None,
        is_new: true,
        asks: true,
        hold_until: Some(FIRST_FRAME),
        escape: None,
        timer: None,
        keys: None,
        options,
        ended: false,
        refused: None,
    };
    let questions = if client.options.ascii { QUESTIONS_ASCII } else { QUESTIONS };
    client.frame.bytes().extend_from_slice(questions);
    let ended = client.work();
    let outstanding = client.echo.outstanding() + usize::from(client.asks);
    // A terminal that is gone answers nothing.
    client.outer.leave(if ended.is_ok() { outstanding } else { 0 });
    if client.outer.is_broken() {
        return Err(RunError::Broken);
    }
    client.refused.map_or(Ok(()), |rejection| Err(RunError::Refused(rejection)))
}

struct Client {
    app: App,
    outer: Outer,
    /// The size that was told last.
    size: Size,
    signals: Signals,
    line: Line,
    input: Input,
    presenter: Presenter,
    echo: Echo,
    pace: Pace,
    screen: Buffer,
    /// What is on its way to the terminal, and how much that was.
    frame: Frame,
    frame_bytes: usize,
    began: Instant,
    /// The revision of the state that was drawn last, and the one that is on its way.
    drawn: Option<u64>,
    painting: Option<u64>,
    /// Nothing is known of what the terminal shows.
    is_new: bool,
    /// The terminal has not answered all questions yet.
    asks: bool,
    /// The first frame waits until then for something to show.
    hold_until: Option<Moment>,
    /// When an escape that came alone is the key.
    escape: Option<Moment>,
    timer: Option<Moment>,
    /// Keys for an agent that were not said yet.
    keys: Option<(RunId, Vec<String>)>,
    options: Options,
    ended: bool,
    /// Why the daemon lets nobody in.
    refused: Option<Rejection>,
}

impl Client {
    fn work(&mut self) -> Result<(), Gone> {
        let mut bytes = vec![0; READ_BYTES];
        while !self.ended {
            // A frame before credit for the next one, so that nothing delays an echo.
            self.draw();
            self.give_credit();
            match self.wait(&mut bytes)? {
                Woke::Typed(count) => self.typed(&bytes[..count]),
                Woke::Drained => self.drained(),
                Woke::Line(news) => self.news(news),
                Woke::Signal(signal) => self.signal(signal),
                Woke::Looks => {
                    let looks = (self.options.looks.read)().map(Box::new);
                    self.happened(Happened::Looks(looks));
                }
                Woke::Time => self.time(),
            }
            self.send_keys();
        }
        Ok(())
    }

    fn now(&self) -> Moment {
        self.began.elapsed()
    }

    /// When something is due although nothing happens.
    fn deadline(&mut self) -> Option<Moment> {
        let now = self.now();
        let is_drained = self.frame_bytes == 0;
        let owes_credit = self.line.is_up() && self.pace.owes_credit();
        let to_draw = is_drained && (self.is_dirty() || owes_credit);
        let paced = to_draw.then(|| wait::due(self.may_draw_at(now), now));
        let line = self.line.due_at().map(|at| at.saturating_duration_since(self.began));
        [self.timer, self.escape, paced, self.echo.gives_up_at(), line].into_iter().flatten().min()
    }

    fn is_dirty(&self) -> bool {
        self.is_new || self.drawn != Some(self.app.revision())
    }

    /// When the next frame may be drawn; `None` is now.
    fn may_draw_at(&mut self, now: Moment) -> Option<Moment> {
        let echo = self.echo.wait_until(now);
        let held = self.hold_until.filter(|until| *until > now);
        [self.pace.wait_until(now), echo, held].into_iter().flatten().max()
    }

    fn give_credit(&mut self) {
        let now = self.now();
        if self.frame_bytes > 0 || !self.pace.owes_credit() {
            return;
        }
        // The hold is for what the first credit brings.
        let echo = self.echo.wait_until(now);
        if self.pace.wait_until(now).is_some() || echo.is_some() || !self.line.is_up() {
            return;
        }
        if let Some(frame) = self.pace.credit() {
            self.line.say(&Said::Credit { frame });
        }
        if self.pace.measures(now) {
            let at = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
            self.line.say(&Said::Ping { at });
        }
    }

    fn draw(&mut self) {
        let now = self.now();
        if self.frame_bytes > 0 || !self.is_dirty() {
            // Questions and a bell go out without a frame.
            self.frame_bytes = self.frame_bytes.max(self.frame.bytes().len());
            return;
        }
        if self.may_draw_at(now).is_some() {
            return;
        }
        self.hold_until = None;
        let size = self.size;
        let area = Rect::new(0, 0, size.cols, size.rows);
        if self.screen.area != area {
            // Its cells stand elsewhere now: a part would be drawn among what belongs nowhere.
            self.screen.resize(area);
            self.is_new = true;
        }
        let revision = self.app.revision();
        let part = self.app.changed_part().filter(|_| !self.is_new);
        let out = self.frame.bytes();
        let before = out.len();
        if let Some(rows) = part {
            let cursor = draw_part(&self.app, &rows, &mut self.screen);
            if self.options.ascii {
                as_ascii(&mut self.screen, rows.clone());
            }
            self.presenter.present_part(&self.screen, rows, cursor, out);
        } else {
            self.screen.reset();
            let cursor = draw(&self.app, &mut self.screen);
            if self.options.ascii {
                as_ascii(&mut self.screen, 0..size.rows);
            }
            self.presenter.present(&self.screen, cursor, self.is_new, out);
        }
        self.app.is_drawn();
        self.is_new = false;
        self.drawn = Some(revision);
        if out.len() == before {
            self.echo.looks_the_same(revision);
        } else if self.options.is_far || self.app.is_to_be_seen() {
            self.echo.ends_frame(now, revision, size, out);
        }
        self.frame_bytes = out.len();
        self.painting = Some(revision);
        if self.frame_bytes == 0 {
            self.drained();
        }
    }

    /// The terminal took everything.
    fn drained(&mut self) {
        let (now, bytes) = (self.now(), std::mem::take(&mut self.frame_bytes));
        if let Some(revision) = self.painting.take() {
            if bytes > 0 {
                self.pace.drawn(now, bytes);
            }
            self.happened(Happened::Painted(revision));
            self.drew((!self.echo.will_tell(revision)).then_some(revision));
        }
    }

    fn happened(&mut self, what: Happened) {
        let now = self.now();
        for wanted in self.app.take(what, now) {
            self.carry_out(wanted);
        }
    }

    fn typed(&mut self, bytes: &[u8]) {
        let mut events = Vec::new();
        self.input.feed(bytes, &mut events);
        let patience = if self.options.is_far { ESCAPE_FAR } else { ESCAPE_NEAR };
        self.escape = self.input.is_waiting().then(|| self.now() + patience);
        events.into_iter().for_each(|event| self.event(event));
    }

    fn event(&mut self, event: Event) {
        if !matches!(event, Event::Focus(_) | Event::Reply(_)) {
            self.pace.key();
            self.line.expects_answer();
        }
        match event {
            Event::Key(key) => self.happened(Happened::Key(key.name())),
            Event::Paste { text, is_cut: false } => self.happened(Happened::Paste(text)),
            Event::Paste { is_cut: true, .. } => self.happened(Happened::Refused(
                "a paste of more than 1 MiB: nothing of it was taken".into(),
            )),
            Event::Mouse(mouse) => self.happened(Happened::Mouse(mouse)),
            Event::Focus(has) => self.happened(Happened::Focus(has)),
            Event::Reply(reply) => self.reply(reply),
        }
    }

    fn reply(&mut self, reply: Reply) {
        let (now, mut drawn) = (self.now(), None);
        match reply {
            Reply::Ready => drawn = self.echo.ready(now),
            Reply::Cursor { x: width @ ..=2, y: 1 } => {
                self.presenter.ambiguous_is_narrow(width == 1)
            }
            Reply::Cursor { x, y } => drawn = self.echo.cursor_at(now, x, y),
            Reply::Keyboard(_) => self.outer.use_keyboard(self.frame.bytes()),
            Reply::Attributes => self.asks = false,
            Reply::Mode { .. } | Reply::Background(..) => {}
        }
        self.drew(drawn);
    }

    /// The terminal has drawn a revision.
    fn drew(&mut self, revision: Option<u64>) {
        if let Some(revision) = revision {
            self.happened(Happened::Seen(revision));
        }
    }

    fn news(&mut self, news: News) {
        match news {
            News::Up => {
                self.pace.connected();
                self.happened(Happened::Connected);
            }
            News::Down { why, silent } => self.happened(Happened::Lost(why, silent)),
            News::Silent(silent) => self.happened(Happened::Silent(silent)),
            News::Refused(rejection) => (self.refused, self.ended) = (Some(rejection), true),
            News::Told(told) => self.told(told),
        }
    }

    fn told(&mut self, told: Told) {
        match told {
            Told::Frame { frame, updates } => {
                self.hold_until = None;
                self.pace.came(frame);
                self.happened(Happened::Frame(updates));
            }
            Told::Answer { id, answer } => self.happened(Happened::Answer { id, answer }),
            Told::NotTyped { run, why } => self.happened(Happened::NotTyped { run, why }),
            Told::Pong { at } => {
                let took = self.now().saturating_sub(Duration::from_micros(at));
                self.pace.measured(took);
            }
            Told::Unknown => {}
        }
    }

    fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::Resize => self.resized(self.outer.size()),
            Signal::Stop => self.suspend(),
            Signal::Continue => {
                let renewed = self.outer.renew(&mut self.frame);
                self.anew(renewed);
            }
            Signal::End => self.ended = true,
        }
    }

    fn resized(&mut self, size: Size) {
        self.size = size;
        self.pace.resize(size);
        self.is_new = true;
        self.line.say(&Said::Window { size });
        self.happened(Happened::Resize(size));
    }

    fn suspend(&mut self) {
        let stopped = self.outer.stop(&mut self.frame);
        self.anew(stopped);
    }

    /// Something else had the terminal: all is drawn anew. One that cannot be entered again is
    /// gone.
    fn anew<T>(&mut self, entered: Result<T, OuterError>) -> Option<T> {
        (self.frame_bytes, self.painting, self.is_new) = (0, None, true);
        self.echo.forget();
        self.ended |= entered.is_err();
        // Whoever is in the background is not told of a resize.
        let size = self.outer.size();
        if size != self.size {
            self.resized(size);
        }
        entered.ok()
    }

    fn time(&mut self) {
        let now = self.now();
        if self.escape.is_some_and(|due| due <= now) {
            self.escape = None;
            let mut events = Vec::new();
            self.input.time_is_up(&mut events);
            events.into_iter().for_each(|event| self.event(event));
        }
        let drawn = self.echo.give_up(now);
        self.drew(drawn);
        if self.timer.is_some_and(|due| due <= now) {
            self.timer = None;
            self.happened(Happened::Due);
        }
    }

    fn carry_out(&mut self, wanted: Do) {
        match wanted {
            Do::Say(said) => self.say(said),
            Do::Edit(text) => {
                let edited = self.outer.lend(&mut self.frame, || editor::edit(&text));
                match self.anew(edited) {
                    Some(Ok(text)) => self.happened(Happened::Edited(text)),
                    Some(Err(why)) => self.happened(Happened::Refused(why)),
                    None => {}
                }
            }
            Do::Timer(at) => self.timer = at,
            Do::Ring => self.frame.bytes().push(7),
            Do::Suspend => self.suspend(),
            Do::Quit => self.ended = true,
        }
    }

    /// Says something. Keys typed in one go are one message: there is room for more of them than of
    /// messages.
    fn say(&mut self, said: Said) {
        let Said::Press { run, keys } = said else {
            self.send_keys();
            return self.send(said);
        };
        match &mut self.keys {
            Some((of, before)) if *of == run && before.len() < KEYS_TOGETHER => before.extend(keys),
            _ => {
                self.send_keys();
                self.keys = Some((run, keys));
            }
        }
    }

    fn send_keys(&mut self) {
        if let Some((run, keys)) = self.keys.take() {
            self.send(Said::Press { run, keys });
        }
    }

    /// Sends something; a person is told when what they typed or asked found no way.
    fn send(&mut self, said: Said) {
        let is_typed = matches!(said, Said::Press { .. } | Said::Paste { .. });
        let asked = if let Said::Ask { id, .. } = &said { Some(*id) } else { None };
        if self.line.say(&said) {
            return;
        }
        if let Some(id) = asked {
            let why = "nothing was asked: it is too long, or the line takes no more";
            let refused = Rejection::new(Class::Environment, why, "try again, with less");
            self.happened(Happened::Answer { id, answer: Answer::Refused(refused) });
        } else if is_typed {
            let why = "the line takes nothing more now: not typed";
            self.happened(Happened::Refused(why.into()));
        }
    }
}

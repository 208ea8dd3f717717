//! The dashboard as a pure state machine: what happens goes in, what is to be done comes out, and
//! drawing reads. It holds no clock, no terminal and no connection.
//!
//! Whoever runs it hands over everything a terminal has to say before a timer that is due: keys
//! that were typed before a dialog armed must be told first.

mod act;
mod answer;
mod approval;
mod arming;
mod commands;
mod confirm;
mod decide;
mod dialog;
mod diff;
mod draw;
mod form;
mod gates;
mod input;
mod look;
mod palette;
mod part;
mod rows;
#[cfg(test)]
mod tests;
mod text;
mod two_keys;
mod typed;

pub use draw::{CursorAt, draw, draw_part};

use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use crate::base::id::{RunId, TaskId};
use crate::base::size::Size;
use crate::term::Pointer;
use crate::tui::looks::Looks;
use crate::tui::pace::Moment;
use crate::tui::theme::Theme;
use crate::view::copy::Copy;
use crate::view::pane::Head as PaneHead;
use crate::view::{Row, Update};
use crate::wire::people::Answer;
use crate::wire::view::Said;
use answer::{Asked, Follows, Loaded};
use dialog::Dialog;
use diff::Diff;
use gates::Gates;
use look::Panes;
use rows::{Deciding, Head, ItemRow, TaskRow};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// How the dashboard is set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Keys and colours.
    pub looks: Looks,
    /// What only this installation knows.
    pub mark: Mark,
    /// The person wants no colours: their themes have none, and neither has the mark.
    pub no_colour: bool,
    /// The person's time zone.
    pub zone: jiff::tz::TimeZone,
    /// When the client began, which is moment 0.
    pub started: Timestamp,
    /// Nothing may be decided or typed here.
    pub watch: bool,
    /// All repositories are shown.
    pub all: bool,
    /// The size of the terminal.
    pub size: Size,
    /// The folder the person stands in, on the machine of the daemon.
    pub at: PathBuf,
}

/// What a dashboard begins with.
#[derive(Clone, Default, Debug)]
pub struct Begin {
    /// The task that is selected, once it is there.
    pub task: Option<TaskId>,
    /// What the last line says until a key is pressed.
    pub says: Option<String>,
}

/// What a person recognises the dashboard's own dialogs by: made when monban was installed, and
/// never told to an agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Two words.
    pub words: String,
    /// A colour of the palette.
    pub colour: u8,
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// A key, by its name.
    Key(String),
    /// A paste.
    Paste(String),
    /// The mouse.
    Mouse(Pointer),
    /// The terminal gained or lost the focus.
    Focus(bool),
    /// The terminal has another size.
    Resize(Size),
    /// There is a connection, the first or another one.
    Connected,
    /// There is none any more, why, and for how long nothing came from it before.
    Lost(String, Duration),
    /// There is one, and for so long no answer came to what the person did; none: it came.
    Silent(Option<Duration>),
    /// A frame.
    Frame(Vec<Update>),
    /// An answer to a request.
    Answer {
        /// The request.
        id: u32,
        /// The answer.
        answer: Answer,
    },
    /// A key or paste was not typed, and why.
    NotTyped {
        /// The run.
        run: RunId,
        /// Why.
        why: String,
    },
    /// Something a person wanted could not be done, and why.
    Refused(String),
    /// The terminal took what was drawn of this revision.
    Painted(u64),
    /// It has drawn that, as far as can be told: over a network that is later.
    Seen(u64),
    /// The timer is due.
    Due,
    /// What a person wrote in their editor; `None` if they left it without.
    Edited(Option<String>),
    /// The files of keys and colours changed: what they say now, or what is wrong with them.
    Looks(Result<Box<Looks>, String>),
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Do {
    /// Say something to the daemon.
    Say(Said),
    /// Open the person's editor on a text.
    Edit(String),
    /// Start the timer for this moment instead of any before it; none stops it.
    Timer(Option<Moment>),
    /// Ring.
    Ring,
    /// Put the dashboard to sleep.
    Suspend,
    /// Leave it.
    Quit,
}

/// A screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Screen {
    /// All tasks.
    Fleet,
    /// An agent, full width.
    Focus,
    /// A diff.
    Diff,
    /// Verdicts.
    Gates,
    /// What waits.
    Inbox,
}

/// What keys mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Letters act.
    Nav,
    /// Every key goes to an agent.
    Pane,
    /// Letters are text.
    Text,
}

/// What the last line says.
#[derive(Clone, PartialEq, Debug)]
struct Note {
    text: String,
    is_bad: bool,
    /// It tells of something under way.
    follows: Option<Follows>,
}

/// The dashboard.
pub struct App {
    setup: Setup,
    revision: u64,
    /// What of that may differ from what was drawn last.
    changed: part::Changed,
    now: Moment,
    out: Vec<Do>,
    timer: Option<Moment>,
    /// Why there is no connection, and since when.
    lost: Option<(String, Moment)>,
    is_connected: bool,
    /// For how long no answer has come to what the person did.
    silent: Option<Duration>,

    copy: Copy,
    head: Head,
    tasks: Vec<TaskRow>,
    items: Vec<ItemRow>,
    /// Items that were here before; `None` until the first came.
    seen: Option<BTreeSet<String>>,
    panes: Panes,
    /// The head of the pane, as its last frame that had one told it.
    pane_head: Option<PaneHead>,

    screen: Screen,
    history: Vec<Screen>,
    task: Option<TaskId>,
    item: Option<String>,
    diff: Loaded<Diff>,
    diff_at: (usize, usize),
    gates: Loaded<Option<Gates>>,
    verdict: usize,
    /// How many lines of its log are below those that are shown.
    log_back: usize,
    search: String,

    /// The run that gets every key.
    typing: Option<RunId>,
    /// The run whose keys were left by the last key.
    left: Option<RunId>,
    /// The keys of a chord so far, and when its continuations are shown.
    chord: Vec<String>,
    chord_due: Option<Moment>,
    is_chord_shown: bool,
    dialog: Option<Dialog>,
    /// The item that the daemon was told is being decided here, and who decides which.
    held: Option<String>,
    deciding: Vec<Deciding>,
    /// A draft whose start was refused until a person has looked.
    wants_word: Option<TaskId>,
    /// The task that was wanted first, until it is known whether it is here.
    wanted: Option<TaskId>,
    /// What was written and not sent: reasons by task, whose item may be replaced meanwhile, and
    /// the next task.
    reasons: BTreeMap<TaskId, String>,
    unsent_task: Option<Box<form::Form>>,
    /// The agents there are, once somebody asked.
    agents: Vec<String>,
    asked: BTreeMap<u32, Asked>,
    next_ask: u32,
    note: Option<Note>,
}

impl App {
    /// A dashboard that has seen nothing yet.
    pub fn new(setup: Setup, begin: Begin) -> Self {
        let note = begin.says.map(|text| Note { text, is_bad: false, follows: None });
        Self {
            setup,
            revision: 0,
            changed: part::Changed::All,
            now: Moment::ZERO,
            out: Vec::new(),
            timer: None,
            lost: None,
            is_connected: false,
            silent: None,
            copy: Copy::default(),
            head: Head::default(),
            tasks: Vec::new(),
            items: Vec::new(),
            seen: None,
            panes: Panes::default(),
            pane_head: None,
            screen: Screen::Fleet,
            history: Vec::new(),
            task: begin.task,
            item: None,
            diff: Loaded::default(),
            diff_at: (0, 0),
            gates: Loaded::default(),
            verdict: 0,
            log_back: 0,
            search: String::new(),
            typing: None,
            left: None,
            chord: Vec::new(),
            chord_due: None,
            is_chord_shown: false,
            dialog: None,
            held: None,
            deciding: Vec::new(),
            wants_word: None,
            wanted: begin.task,
            reasons: BTreeMap::new(),
            unsent_task: None,
            agents: Vec::new(),
            asked: BTreeMap::new(),
            next_ask: 1,
            note,
        }
    }

    /// Takes what happened, now, and gives what is to be done.
    pub fn take(&mut self, input: Input, now: Moment) -> Vec<Do> {
        self.now = now;
        let changed = self.part_of(&input);
        if changed != part::Changed::Nothing {
            self.revision += 1;
            self.changed = self.changed.and(changed);
        }
        // What follows from the state follows already, unless more changed than an agent's screen.
        let settles = changed == part::Changed::All || self.dialog.is_some();
        match input {
            Input::Key(key) => self.key(&key),
            Input::Paste(text) => self.paste(text),
            Input::Mouse(mouse) => self.mouse(mouse),
            Input::Focus(true) => {}
            // Who comes back, or sees it laid out anew, reads a dialog again.
            Input::Focus(false) => self.look_again(),
            Input::Resize(size) => {
                self.setup.size = size;
                self.look_again();
            }
            Input::Connected => self.connected(),
            Input::Lost(why, silent) => self.lost(&why, silent),
            Input::Silent(silent) => self.silent = silent,
            Input::Frame(updates) => self.frame(updates),
            Input::Answer { id, answer } => self.answer(id, answer),
            Input::NotTyped { why, .. } => self.say_bad(format!("not typed: {why}")),
            Input::Refused(why) => self.say_bad(why),
            Input::Painted(revision) => self.painted(revision),
            Input::Seen(revision) => self.seen(revision),
            Input::Due => self.due(),
            Input::Edited(text) => self.edited(text),
            Input::Looks(looks) => self.take_looks(looks),
        }
        if settles {
            self.settle();
        }
        std::mem::take(&mut self.out)
    }

    /// The files of keys and colours changed. Who meets other keys reads a dialog again.
    fn take_looks(&mut self, looks: Result<Box<Looks>, String>) {
        match looks {
            Ok(looks) if *looks == self.setup.looks => {}
            Ok(looks) => {
                self.setup.looks = *looks;
                self.chord.clear();
                self.look_again();
                self.say("keys and colours are as the files have them now");
            }
            Err(why) => self.say_bad(format!("keys and colours stay as they were: {why}")),
        }
    }

    /// The number of what there is to draw: when it is another, there may be something new.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether a dialog waits until the terminal has drawn it.
    pub fn is_to_be_seen(&mut self) -> bool {
        let arming = self.dialog.as_mut().and_then(Dialog::arming_mut);
        arming.is_some_and(|arming| arming.is_to_be_seen())
    }

    /// What keys mean now.
    pub fn mode(&self) -> Mode {
        match &self.dialog {
            _ if self.typing.is_some() => Mode::Pane,
            Some(dialog) if dialog.is_text() => Mode::Text,
            _ => Mode::Nav,
        }
    }

    /// The screen that is shown.
    pub fn screen(&self) -> Screen {
        self.screen
    }

    fn theme(&self) -> &Theme {
        &self.setup.looks.theme
    }

    fn selected(&self) -> Option<&TaskRow> {
        self.tasks.iter().find(|task| Some(task.id) == self.task)
    }

    fn selected_item(&self) -> Option<&ItemRow> {
        self.items.iter().find(|item| Some(&item.id) == self.item.as_ref())
    }

    /// The pane that is looked at: its head and rows, once they are here. After a cut the rows are
    /// as they were, and the head is told anew.
    fn pane(&self) -> Option<(PaneHead, &[Row])> {
        let content = self.copy.get(self.panes.surface()?)?;
        let rows = u16::try_from(content.rows.len()).unwrap_or(u16::MAX);
        let size = Size { rows, ..Size::UNATTENDED };
        let unknown = || PaneHead { size, ..PaneHead::default() };
        let head = self.pane_head.clone().unwrap_or_else(unknown);
        Some((PaneHead { cursor: content.cursor.unwrap_or_default(), ..head }, &content.rows))
    }

    /// Says something to the daemon.
    fn tell(&mut self, said: Said) {
        self.out.push(Do::Say(said));
    }

    fn say(&mut self, text: impl Into<String>) {
        self.note = Some(Note { text: self.in_keys(text), is_bad: false, follows: None });
    }

    fn say_bad(&mut self, text: impl Into<String>) {
        self.note = Some(Note { text: self.in_keys(text), is_bad: true, follows: None });
    }

    /// A text for the person at this dashboard: with its keys, and nothing that hides itself.
    fn in_keys(&self, text: impl Into<String>) -> String {
        let text = Foreign::new(text).shown();
        commands::as_keys(&text, &self.setup.looks.keymap)
    }

    fn painted(&mut self, revision: u64) {
        match &mut self.dialog {
            Some(Dialog::Approval(approval)) => approval.keys.painted(revision),
            Some(Dialog::Confirm(confirm)) => confirm.keys.painted(revision),
            Some(Dialog::Typed(typed)) => typed.arming.painted(revision),
            _ => {}
        }
    }

    fn seen(&mut self, revision: u64) {
        if let Some(arming) = self.dialog.as_mut().and_then(Dialog::arming_mut) {
            arming.seen(revision, self.now);
        }
    }

    fn due(&mut self) {
        self.timer = None;
        if let Some(arming) = self.dialog.as_mut().and_then(Dialog::arming_mut) {
            arming.due(self.revision, self.now);
        }
        if self.chord_due.is_some_and(|due| self.now >= due) {
            (self.chord_due, self.is_chord_shown) = (None, true);
        }
    }

    /// What follows from the state whatever happened: what is looked at, what is asked, the timer.
    fn settle(&mut self) {
        self.select();
        self.look();
        self.fetch();
        self.hold();
        self.weigh_approval();
        let arming = self.dialog.as_mut().and_then(Dialog::arming_mut);
        let wanted = arming.and_then(|arming| arming.deadline()).or(self.chord_due);
        if wanted != self.timer {
            self.timer = wanted;
            self.out.push(Do::Timer(wanted));
        }
    }
}

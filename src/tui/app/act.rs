//! Actions that move about: screens, selections, searching.

use super::dialog::{Dialog, Search};
use super::diff::Kind;
use super::draw::{self, layout};
use super::gates::Verdict;
use super::text::{Lines, Text};
use super::{App, Do, Screen, palette};
use crate::model::item::ItemKind;
use crate::tui::action::Action;

/// How many screens back are remembered.
const HISTORY_MAX: usize = 16;
/// Columns that a diff moves at once.
const DIFF_COLUMNS: usize = 8;

/// Screens from left to right.
const ORDER: [Screen; 5] =
    [Screen::Fleet, Screen::Focus, Screen::Diff, Screen::Gates, Screen::Inbox];

impl App {
    /// Does what a person meant.
    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::NextNeeding => self.next_needing(),
            Action::Open => self.open(),
            Action::Back => self.back(),
            Action::Leave if self.is_at_the_top() => self.out.push(Do::Quit),
            Action::Leave => self.back(),
            Action::GotoFleet => self.go(Screen::Fleet),
            Action::GotoFocus => self.go(Screen::Focus),
            Action::GotoDiff => self.go(Screen::Diff),
            Action::GotoGates => self.go(Screen::Gates),
            Action::GotoInbox => self.go(Screen::Inbox),
            Action::StepIn => self.step_in(),
            Action::NextFile => self.go_to_line(Kind::File, true),
            Action::PrevFile => self.go_to_line(Kind::File, false),
            Action::NextHunk => self.go_to_line(Kind::Hunk, true),
            Action::PrevHunk => self.go_to_line(Kind::Hunk, false),
            Action::Search => {
                let text = Text::new(Lines::One, &self.search);
                self.dialog = Some(Dialog::Search(Search { text }));
            }
            Action::SearchNext => self.search_on(true),
            Action::SearchPrev => self.search_on(false),
            Action::Help => self.dialog = Some(Dialog::Help { top: 0 }),
            Action::People => self.dialog = Some(Dialog::People),
            Action::Palette => self.dialog = Some(Dialog::Palette(palette::Palette::new())),
            Action::Theme => self.next_theme(),
            Action::Suspend => self.out.push(Do::Suspend),
            Action::Detach => self.out.push(Do::Quit),
            Action::Up
            | Action::Down
            | Action::PageUp
            | Action::PageDown
            | Action::First
            | Action::Last
            | Action::Left
            | Action::Right => self.move_by(action),
            _ => self.decide(action),
        }
    }

    fn next_theme(&mut self) {
        if !self.setup.looks.more_themes.is_empty() {
            let next = self.setup.looks.more_themes.remove(0);
            let before = std::mem::replace(&mut self.setup.looks.theme, next);
            self.setup.looks.more_themes.push(before);
            let name = self.theme().name;
            self.say(format!("theme {name}; theme = \"{name}\" in config.toml keeps it"));
        }
    }

    pub(super) fn is_at_the_top(&self) -> bool {
        self.screen == Screen::Fleet && self.history.is_empty()
    }

    pub(super) fn back(&mut self) {
        self.screen = self.history.pop().unwrap_or(Screen::Fleet);
        self.log_back = 0;
    }

    /// Goes to a screen, if there is something to see on it.
    pub(super) fn go(&mut self, screen: Screen) {
        let needs_task = !matches!(screen, Screen::Fleet | Screen::Inbox);
        if needs_task && self.selected().is_none() {
            return self.say("there is no task yet; write one down first");
        }
        if screen == self.screen {
            self.diff.forget_request();
            self.gates.forget_request();
            return;
        }
        if self.history.len() >= HISTORY_MAX {
            self.history.remove(0);
        }
        match screen {
            Screen::Fleet => self.history.clear(),
            _ => self.history.push(self.screen),
        }
        (self.screen, self.log_back) = (screen, 0);
    }

    fn open(&mut self) {
        match self.screen {
            Screen::Fleet => self.go(Screen::Focus),
            Screen::Inbox => match self.selected_item().and_then(|item| item.kind) {
                Some(ItemKind::Approval) => self.go(Screen::Diff),
                _ => self.go(Screen::Focus),
            },
            Screen::Focus => {
                let key = self.setup.looks.keymap.key_of(Action::StepIn);
                self.say(format!("{key} types to the agent"));
            }
            Screen::Diff | Screen::Gates => self.say("there is nothing to open here"),
        }
    }

    /// Types to the agent from now on.
    fn step_in(&mut self) {
        let Some(task) = self.selected() else { return self.say("there is no task yet") };
        let (run, state) = (task.run, task.state.clone());
        match run {
            _ if self.setup.watch => self.say_bad("this dashboard only watches"),
            None => self.say(format!("the task is {state}: it has no agent to type to")),
            Some(run) => {
                self.go(Screen::Focus);
                self.typing = Some(run);
            }
        }
    }

    /// Who has waited the longest, then the next at each press, round and round; those an agent
    /// asks in its pane are seen there.
    fn next_needing(&mut self) {
        if self.items.is_empty() {
            return self.say("nothing waits for you");
        }
        let at = self.items.iter().position(|item| Some(&item.id) == self.item.as_ref());
        let here =
            at.filter(|at| self.screen != Screen::Fleet && Some(self.items[*at].task) == self.task);
        if here.is_some() && self.items.len() == 1 {
            return self.say("nothing else waits for you");
        }
        let next = here.map_or(0, |at| (at + 1) % self.items.len());
        let item = &self.items[next];
        (self.item, self.task) = (Some(item.id.clone()), Some(item.task));
        self.log_back = 0;
        match item.kind.is_some_and(ItemKind::needs_agent) {
            true => self.go_once(Screen::Focus),
            false => self.go_once(Screen::Inbox),
        }
    }

    fn go_once(&mut self, screen: Screen) {
        if self.screen != screen {
            self.go(screen);
        }
    }

    fn move_by(&mut self, action: Action) {
        let page = i64::from(layout::page(self).max(2)) - 1;
        let (lines, room) = draw::detail_lines(self);
        match action {
            Action::Left | Action::Right => self.sideways(action == Action::Right),
            Action::PageUp | Action::PageDown | Action::First | Action::Last
                if self.screen == Screen::Gates =>
            {
                let page = i64::try_from(room.max(2)).unwrap_or(2) - 1;
                self.scroll_log(match action {
                    Action::PageUp => page,
                    Action::PageDown => -page,
                    Action::First => i64::MAX,
                    _ => i64::MIN,
                });
            }
            // Of an item that is longer than its room there is more to see than other items.
            Action::PageUp | Action::PageDown if self.screen == Screen::Inbox && lines > room => {
                let page = i64::try_from(room.max(2)).unwrap_or(2) - 1;
                self.scroll_log(if action == Action::PageUp { page } else { -page });
            }
            Action::First if self.screen == Screen::Focus => self.scroll_pane(i64::from(u32::MAX)),
            Action::Last if self.screen == Screen::Focus => self.scroll_pane(i64::MIN / 2),
            Action::First => self.go_to(0),
            Action::Last => self.go_to(usize::MAX),
            _ => {
                let rows = match action {
                    Action::Up => -1,
                    Action::PageUp => -page,
                    Action::PageDown => page,
                    _ => 1,
                };
                match self.screen {
                    Screen::Focus => self.scroll_pane(-rows),
                    // There is nothing else to go to.
                    Screen::Gates if self.place().1 == 1 => self.scroll_log(-rows),
                    _ => self.go_by(rows),
                }
            }
        }
    }

    fn sideways(&mut self, is_right: bool) {
        if self.screen == Screen::Diff {
            let left = self.diff_at.1;
            let step =
                if is_right { left + DIFF_COLUMNS } else { left.saturating_sub(DIFF_COLUMNS) };
            self.diff_at.1 = step;
            return;
        }
        let at = ORDER.iter().position(|screen| *screen == self.screen).unwrap_or(0);
        let next = if is_right { at + 1 } else { at + ORDER.len() - 1 } % ORDER.len();
        self.go(ORDER[next]);
    }

    /// Where the screen's list stands, and how long it is.
    fn place(&self) -> (usize, usize) {
        let task = || self.tasks.iter().position(|task| Some(task.id) == self.task);
        let item = || self.items.iter().position(|item| Some(&item.id) == self.item.as_ref());
        match self.screen {
            Screen::Fleet | Screen::Focus => (task().unwrap_or(0), self.tasks.len()),
            Screen::Inbox => (item().unwrap_or(0), self.items.len()),
            Screen::Diff => {
                let lines = self.shown_diff().map_or(0, |diff| diff.lines.len());
                (self.diff_at.0, lines)
            }
            Screen::Gates => {
                let verdicts = self.shown_gates().map_or(0, |gates| gates.verdicts.len());
                (self.verdict, verdicts)
            }
        }
    }

    /// Goes back in the log of the selected verdict, or towards its end. All else is read from its
    /// beginning.
    fn scroll_log(&mut self, rows: i64) {
        let verdict = self.shown_gates().and_then(|gates| gates.verdicts.get(self.verdict));
        let is_log = self.screen == Screen::Gates && verdict.is_some_and(Verdict::is_log);
        let rows = if is_log { rows } else { rows.saturating_neg() };
        let (lines, room) = draw::detail_lines(self);
        let most = i64::try_from(lines.saturating_sub(room)).unwrap_or(0);
        let back = i64::try_from(self.log_back).unwrap_or(0).saturating_add(rows).clamp(0, most);
        self.log_back = usize::try_from(back).unwrap_or(0);
    }

    pub(super) fn go_by(&mut self, rows: i64) {
        if self.screen == Screen::Inbox && self.selected_item().is_none() {
            return self.go_to(0);
        }
        let (at, _) = self.place();
        let to = i64::try_from(at).unwrap_or(0).saturating_add(rows).max(0);
        self.go_to(usize::try_from(to).unwrap_or(0));
    }

    pub(super) fn go_to(&mut self, at: usize) {
        let (_, len) = self.place();
        let at = at.min(len.saturating_sub(1));
        match self.screen {
            Screen::Fleet | Screen::Focus => self.task = self.tasks.get(at).map(|task| task.id),
            Screen::Inbox => {
                (self.item, self.log_back) = (self.items.get(at).map(|item| item.id.clone()), 0);
            }
            Screen::Diff => self.diff_at.0 = at,
            Screen::Gates => (self.verdict, self.log_back) = (at, 0),
        }
    }

    fn go_to_line(&mut self, kind: Kind, forward: bool) {
        if self.screen != Screen::Diff {
            let key = self.setup.looks.keymap.key_of(Action::GotoDiff);
            return self.say(format!("only in a diff; {key} shows it"));
        }
        let at = self.diff_at.0;
        let found = self.shown_diff().and_then(|diff| match forward {
            true => diff.next(kind, at),
            false => diff.before(kind, at),
        });
        if let Some(line) = found {
            self.diff_at.0 = line;
        }
    }

    /// The texts that are searched here.
    fn searched(&self) -> Vec<String> {
        match self.screen {
            Screen::Fleet | Screen::Focus => {
                let text = |task: &super::TaskRow| {
                    format!("{} {} {} {}", task.id, task.title, task.agent, task.state)
                };
                self.tasks.iter().map(text).collect()
            }
            Screen::Inbox => {
                let text = |item: &super::ItemRow| {
                    format!("{} {} {} {}", item.id, item.word, item.title, item.note)
                };
                self.items.iter().map(text).collect()
            }
            Screen::Diff => {
                let lines = self.shown_diff().map(|diff| diff.lines.as_slice());
                lines.unwrap_or_default().iter().map(|line| line.text.clone()).collect()
            }
            Screen::Gates => {
                let verdicts = self.shown_gates().map(|gates| gates.verdicts.as_slice());
                let text = |verdict: &super::gates::Verdict| {
                    format!("{} {} {}", verdict.check, verdict.outcome, verdict.reason)
                };
                verdicts.unwrap_or_default().iter().map(text).collect()
            }
        }
    }

    pub(super) fn search_for(&mut self, text: String) {
        self.search = text;
        self.search_on(true);
    }

    fn search_on(&mut self, forward: bool) {
        let wanted = self.search.to_lowercase();
        if wanted.is_empty() {
            return self.say("nothing was searched for yet");
        }
        let (at, texts) = (self.place().0, self.searched());
        let len = texts.len();
        let found = (1..=len)
            .map(|step| if forward { at + step } else { at + len - step } % len)
            .find(|place| texts[*place].to_lowercase().contains(&wanted));
        match found {
            Some(place) => self.go_to(place),
            None => self.say(format!("nothing here has \"{}\"", self.search)),
        }
    }
}

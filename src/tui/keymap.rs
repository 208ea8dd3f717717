//! Keymaps: which keys run which action, read from `keymaps/*.toml` and the person's own keys.

use super::action::Action;
use super::keys::canonical;
use crate::base::foreign::Foreign;
use crate::config::{Diagnostic, Diagnostics};
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The keymaps that come with the program, by name.
const BUILT_IN: [(&str, &str); 2] = [
    ("default", include_str!("../../keymaps/default.toml")),
    ("vim", include_str!("../../keymaps/vim.toml")),
];
/// The most keys of one chord.
const CHORD_MAX: usize = 3;

/// Which table of a keymap a key is looked up in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Table {
    /// `[nav]`: letters act.
    Nav,
    /// `[text]`: letters are text.
    Text,
}

/// A key or chord and what it runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// The keys, one after the other.
    pub keys: Vec<String>,
    /// What they run; `None` was unbound by the person.
    pub action: Option<Action>,
    /// What the help says.
    pub says: String,
    table: Table,
    file: Arc<str>,
    line: usize,
}

impl Binding {
    /// The keys as they are shown.
    pub fn shown(&self) -> String {
        self.keys.join(" ")
    }
}

/// What keys pressed so far mean.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// They run this.
    Run(Action),
    /// They begin a chord.
    Begins,
    /// Nothing.
    Nothing,
}

/// A keymap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keymap {
    leader: String,
    bindings: Vec<Binding>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self { leader: "ctrl-]".into(), bindings: Vec::new() }
    }
}

impl Keymap {
    /// The names of the keymaps that come with the program, and their texts.
    pub fn built_in() -> &'static [(&'static str, &'static str)] {
        &BUILT_IN
    }

    /// The keymap of this name that comes with the program.
    ///
    /// # Errors
    /// There is none, or it has a mistake, which the tests would have seen.
    pub fn named(name: &str) -> Result<Self, Diagnostics> {
        let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) else {
            let known = BUILT_IN.map(|(name, _)| name).join(", ");
            let message = format!("there is no keymap {}; there are {known}", Foreign::new(name));
            return Err(Diagnostics(vec![diagnostic("keys", "", None, "", message)]));
        };
        Self::default().with(text, &format!("keymaps/{name}.toml"))
    }

    /// This keymap with a file over it: what both bind is as the file says. `clear-defaults = true`
    /// in the file leaves nothing of this one.
    ///
    /// # Errors
    /// Every mistake in the file, with its line.
    pub fn with(self, text: &str, file: &str) -> Result<Self, Diagnostics> {
        let mut reading = Reading { file, text, problems: Vec::new() };
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            reading.problem(error.span(), "", Foreign::new(error.message()).shown());
        }
        let mut read = reading.keymap(root.get_ref());
        reading.refuse_twice(&read.bindings);
        if reading.problems.is_empty() {
            read.over(self, matches!(bool_of(root.get_ref(), "clear-defaults"), Some(true)));
            reading.refuse_hidden(&read.bindings);
        }
        match reading.problems.is_empty() {
            true => Ok(read),
            false => {
                reading.problems.sort();
                Err(Diagnostics(reading.problems))
            }
        }
    }

    /// The key that leaves an agent's keys.
    pub fn leader(&self) -> &str {
        &self.leader
    }

    /// What `keys` mean in a table.
    pub fn meaning(&self, table: Table, keys: &[String]) -> Meaning {
        let mut begins = Meaning::Nothing;
        for binding in self.of(table) {
            if binding.keys == keys {
                return binding.action.map_or(Meaning::Nothing, Meaning::Run);
            }
            if binding.keys.starts_with(keys) && binding.action.is_some() {
                begins = Meaning::Begins;
            }
        }
        begins
    }

    /// The bindings that go on after `keys`.
    pub fn continuations(&self, table: Table, keys: &[String]) -> Vec<&Binding> {
        let goes_on = |binding: &&Binding| {
            binding.keys.len() > keys.len()
                && binding.keys.starts_with(keys)
                && binding.action.is_some()
        };
        self.of(table).filter(goes_on).collect()
    }

    /// The bindings of an action, in the order of the file.
    pub fn of_action(&self, action: Action) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(move |binding| binding.action == Some(action))
    }

    /// The first key of an action, as it is shown; empty when it has none.
    pub fn key_of(&self, action: Action) -> String {
        self.of_action(action).next().map(Binding::shown).unwrap_or_default()
    }

    fn of(&self, table: Table) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(move |binding| binding.table == table)
    }

    /// Puts this over `under`.
    fn over(&mut self, under: Keymap, clear: bool) {
        if self.leader.is_empty() {
            self.leader = under.leader;
        }
        let is_kept = |old: &Binding| {
            !clear
                && !self.bindings.iter().any(|new| new.table == old.table && new.keys == old.keys)
        };
        let kept: Vec<Binding> = under.bindings.into_iter().filter(is_kept).collect();
        self.bindings.splice(0..0, kept);
    }
}

/// A file being read.
struct Reading<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<Diagnostic>,
}

impl Reading<'_> {
    fn problem(&mut self, span: Option<Range<usize>>, key: &str, message: String) {
        let start = span.map_or(self.text.len(), |span| span.start);
        self.problems.push(diagnostic(self.file, self.text, Some(start), key, message));
    }

    fn keymap(&mut self, root: &DeTable<'_>) -> Keymap {
        let mut keymap = Keymap { leader: String::new(), bindings: Vec::new() };
        for (name, value) in root {
            match (name.get_ref().as_ref(), value.get_ref()) {
                ("leader", DeValue::String(key)) => match canonical(key) {
                    Some(key) => keymap.leader = key,
                    None => self.no_key(value.span(), key),
                },
                ("clear-defaults", DeValue::Boolean(_)) => {}
                ("nav", DeValue::Table(table)) => {
                    self.bindings(Table::Nav, table, &mut keymap.bindings);
                }
                ("text", DeValue::Table(table)) => {
                    self.bindings(Table::Text, table, &mut keymap.bindings);
                }
                (other, _) => {
                    let message = "a keymap has leader, clear-defaults, [nav] and [text]";
                    self.problem(Some(name.span()), other, message.into());
                }
            }
        }
        keymap.bindings.sort_by_key(|binding| binding.line);
        keymap
    }

    fn no_key(&mut self, span: Range<usize>, key: &str) {
        let example = "keys are such as x, X, enter, f5, ctrl-s, alt-x, shift-tab";
        let message = format!("no key is called {}; {example}", Foreign::new(key));
        self.problem(Some(span), "", message);
    }

    fn bindings(&mut self, table: Table, entries: &DeTable<'_>, into: &mut Vec<Binding>) {
        for (name, value) in entries {
            let keys: Option<Vec<String>> = name.get_ref().split(' ').map(canonical).collect();
            let Some(keys) = keys.filter(|keys| keys.len() <= CHORD_MAX) else {
                self.no_key(name.span(), name.get_ref());
                continue;
            };
            let line = line_of(self.text, name.span().start).0;
            if let Some((action, says)) = self.run(table, name.get_ref(), value) {
                let file = Arc::from(self.file);
                into.push(Binding { keys, action, says, table, file, line });
            }
        }
    }

    /// What an entry runs, and what the help says of it.
    fn run(
        &mut self,
        table: Table,
        key: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<(Option<Action>, String)> {
        let text = |name: &str| match value.get_ref().get(name).map(Spanned::get_ref) {
            Some(DeValue::String(text)) => Some(text.to_string()),
            _ => None,
        };
        let Some(run) = text("run") else {
            self.problem(Some(value.span()), key, "say what it runs: { run = \"...\" }".into());
            return None;
        };
        if run == "none" {
            return Some((None, String::new()));
        }
        let Some(action) = Action::named(&run) else {
            let message = format!("no action is called {}", Foreign::new(&run));
            self.problem(Some(value.span()), key, message);
            return None;
        };
        if action.is_for_text() != (table == Table::Text) {
            let place = if action.is_for_text() { "[text]" } else { "[nav]" };
            self.problem(Some(value.span()), key, format!("{run} belongs into {place}"));
            return None;
        }
        Some((Some(action), text("desc").unwrap_or_else(|| action.says().into())))
    }

    /// The same key twice in one file, in two spellings.
    fn refuse_twice(&mut self, bindings: &[Binding]) {
        for (at, binding) in bindings.iter().enumerate() {
            let same =
                |other: &&Binding| other.table == binding.table && other.keys == binding.keys;
            if let Some(other) = bindings[..at].iter().find(same) {
                let message = format!("it is bound in line {} already", other.line);
                self.line_problem(binding, message);
            }
        }
    }

    /// A key that is bound and begins a chord as well: the chord could never be pressed.
    fn refuse_hidden(&mut self, bindings: &[Binding]) {
        for binding in bindings.iter().filter(|binding| binding.action.is_some()) {
            let hides = |other: &&Binding| {
                other.table == binding.table
                    && other.action.is_some()
                    && other.keys.len() < binding.keys.len()
                    && binding.keys.starts_with(&other.keys)
            };
            if let Some(other) = bindings.iter().find(hides) {
                let message = format!(
                    "`{}` runs {} at once, so this cannot be pressed",
                    other.shown(),
                    other.action.map_or("none", Action::name)
                );
                self.line_problem(binding, message);
            }
        }
    }

    fn line_problem(&mut self, binding: &Binding, message: String) {
        let file = binding.file.to_string();
        let (line, key) = (binding.line, binding.shown());
        self.problems.push(Diagnostic { file, line, column: 1, key, message });
    }
}

fn bool_of(table: &DeTable<'_>, key: &str) -> Option<bool> {
    match table.get(key).map(Spanned::get_ref) {
        Some(DeValue::Boolean(is)) => Some(*is),
        _ => None,
    }
}

/// A mistake at a byte of a file; none is the file as a whole.
pub(super) fn diagnostic(
    file: &str,
    text: &str,
    start: Option<usize>,
    key: &str,
    message: String,
) -> Diagnostic {
    let (line, column) = start.map_or((0, 0), |start| line_of(text, start));
    let key = Foreign::new(key).shown();
    Diagnostic { file: Foreign::new(file).shown(), line, column, key, message }
}

/// The line and column of a byte, counted from 1.
fn line_of(text: &str, start: usize) -> (usize, usize) {
    let before = text.get(..start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    (line, before.rsplit('\n').next().unwrap_or("").chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        text.split(' ').map(String::from).collect()
    }

    fn problems(text: &str) -> String {
        Keymap::default().with(text, "keys").unwrap_err().to_string()
    }

    #[test]
    fn the_keymaps_that_come_along_bind_every_action() {
        for (name, _) in Keymap::built_in() {
            let keymap = Keymap::named(name).unwrap();
            for action in Action::ALL {
                assert_ne!(keymap.key_of(*action), "", "{name}: {}", action.name());
            }
            assert_eq!(keymap.leader(), "ctrl-]");
        }
    }

    #[test]
    fn chords_begin_and_run() {
        let keymap = Keymap::named("default").unwrap();
        assert_eq!(keymap.meaning(Table::Nav, &keys("g")), Meaning::Begins);
        assert_eq!(keymap.meaning(Table::Nav, &keys("g d")), Meaning::Run(Action::GotoDiff));
        assert_eq!(keymap.meaning(Table::Nav, &keys("g x")), Meaning::Nothing);
        assert!(keymap.continuations(Table::Nav, &keys("g")).len() >= 5);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let unknown = problems("[nav]\n\"x\" = { run = \"fly\" }\n");
        assert_eq!(unknown, "keys:2:7: x: no action is called fly");
        let twice = problems("[nav]\n\"enter\" = { run = \"up\" }\n\"return\" = { run = \"up\" }");
        assert_eq!(twice, "keys:3:1: enter: it is bound in line 2 already");
        let same = problems("[nav]\n\"x\" = { run = \"up\" }\n\"x\" = { run = \"down\" }");
        assert!(same.starts_with("keys:3:1:"), "{same}");
        let hidden = problems("[nav]\n\"g\" = { run = \"up\" }\n\"g d\" = { run = \"down\" }");
        assert_eq!(hidden, "keys:3:1: g d: `g` runs up at once, so this cannot be pressed");
        let no_key = problems("[nav]\n\"hyper-x\" = { run = \"up\" }");
        assert!(no_key.starts_with("keys:2:1: no key is called hyper-x"), "{no_key}");
        let place = problems("[nav]\n\"x\" = { run = \"send\" }");
        assert_eq!(place, "keys:2:7: x: send belongs into [text]");
        assert!(problems("[other]\n").starts_with("keys:1:2: other:"));
        assert!(problems("[nav]\n\"x\" = 3\n").starts_with("keys:2:7: x: say what it runs"));
    }

    #[test]
    fn a_persons_keys_lie_over_the_others() {
        let own = "[nav]\n\"x\" = { run = \"up\", desc = \"hoch\" }\n\"g d\" = { run = \"none\" }";
        let keymap = Keymap::named("default").unwrap().with(own, "own").unwrap();
        assert_eq!(keymap.meaning(Table::Nav, &keys("x")), Meaning::Run(Action::Up));
        assert_eq!(keymap.meaning(Table::Nav, &keys("g d")), Meaning::Nothing);
        assert_eq!(keymap.meaning(Table::Nav, &keys("g f")), Meaning::Run(Action::GotoFleet));
        let alone = format!("leader = \"ctrl-o\"\nclear-defaults = true\n{own}");
        let alone = Keymap::named("default").unwrap().with(&alone, "own").unwrap();
        assert_eq!(alone.meaning(Table::Nav, &keys("j")), Meaning::Nothing);
        assert_eq!(alone.leader(), "ctrl-o");
    }
}

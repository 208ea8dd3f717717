//! The form that writes a task down.

use super::text::{Lines, Text};
use crate::base::foreign::Foreign;
use crate::base::id::TaskId;
use crate::model::task::{Kind, Origin, TaskSpec};
use crate::tui::keys;
use crate::wire::people::{Ask, PlanAsk};

/// The kinds of work, in the order of the form.
const KINDS: [(Kind, &str); 5] = [
    (Kind::Fix, "fix"),
    (Kind::Add, "add"),
    (Kind::Test, "test"),
    (Kind::Deps, "deps"),
    (Kind::Refactor, "refactor"),
];

/// The fields, in order.
pub const FIELDS: [&str; 6] = ["title", "kind", "agent", "prompt", "after", "files"];
const KIND: usize = 1;
const AGENT: usize = 2;
const PROMPT: usize = 3;
const AFTER: usize = 4;
const FILES: usize = 5;

/// A task being written down.
#[derive(Clone, Debug)]
pub struct Form {
    /// The field the cursor is in.
    pub at: usize,
    /// What is wrong with it.
    pub problem: String,
    kind: usize,
    /// The agent is the one that was proposed or chosen: what is typed takes its place.
    is_proposed: bool,
    /// The texts, in the order of the fields; that of the kind is not used.
    texts: Vec<Text>,
}

impl Form {
    /// An empty form; the agent is likely to be this one.
    pub fn new(agent: &str) -> Self {
        let text = |(at, _)| {
            let lines = if at == PROMPT { Lines::Many } else { Lines::One };
            Text::new(lines, if at == AGENT { agent } else { "" })
        };
        Self {
            at: 0,
            problem: String::new(),
            kind: 0,
            is_proposed: true,
            texts: FIELDS.iter().enumerate().map(text).collect(),
        }
    }

    /// The field with the cursor, unless that is the kind.
    pub fn text(&self) -> Option<&Text> {
        self.texts.get(self.at).filter(|_| self.at != KIND)
    }

    /// The same, to write into.
    pub fn text_mut(&mut self) -> Option<&mut Text> {
        self.texts.get_mut(self.at).filter(|_| self.at != KIND)
    }

    /// What a field holds, for drawing.
    pub fn shown(&self, at: usize) -> String {
        match at {
            KIND => {
                let shown = |(number, (_, word)): (usize, &(Kind, &str))| match number == self.kind
                {
                    true => format!("[{word}]"),
                    false => (*word).into(),
                };
                KINDS.iter().enumerate().map(shown).collect::<Vec<_>>().join(" ")
            }
            _ => self.texts.get(at).map(Text::text).unwrap_or_default(),
        }
    }

    /// What to write in a field while nothing is; what there is to choose from.
    pub fn hint(&self, at: usize, agents: &[String]) -> String {
        let text = self.texts.get(at).map(Text::text).unwrap_or_default();
        match at {
            AGENT if agents.is_empty() => String::new(),
            AGENT => format!("  left, right:  {}", agents.join("  ")),
            AFTER if text.is_empty() => "after these, such as 3 4".into(),
            FILES if text.is_empty() => "such as src/** README.md".into(),
            _ => String::new(),
        }
    }

    /// Goes to another field.
    pub fn go(&mut self, forward: bool) {
        let count = FIELDS.len();
        self.at = (self.at + if forward { 1 } else { count - 1 }) % count;
    }

    /// Chooses the next of the agents there are, or the one before.
    fn choose(&mut self, agents: &[String], forward: bool) {
        let now = self.texts[AGENT].text();
        let at = agents.iter().position(|agent| agent == now.trim());
        let next = match (at, forward) {
            (Some(at), true) => (at + 1) % agents.len(),
            (Some(at), false) => (at + agents.len() - 1) % agents.len(),
            (None, _) => 0,
        };
        self.texts[AGENT] = Text::new(Lines::One, &agents[next]);
        self.is_proposed = true;
    }

    /// Takes a key that no binding wanted.
    pub fn key(&mut self, key: &str, agents: &[String]) {
        let count = KINDS.len();
        match (key, self.at) {
            ("enter" | "down", at) if at != PROMPT => self.go(true),
            ("up", at) if at != PROMPT => self.go(false),
            ("right" | "space", KIND) => self.kind = (self.kind + 1) % count,
            ("left", KIND) => self.kind = (self.kind + count - 1) % count,
            ("left" | "right", AGENT) if !agents.is_empty() => self.choose(agents, key == "right"),
            (key, KIND) => {
                let named = KINDS.iter().position(|(_, word)| word.starts_with(key));
                self.kind = named.unwrap_or(self.kind);
            }
            (key, at) => {
                if at == AGENT && std::mem::take(&mut self.is_proposed) {
                    let is_written = keys::character(key).is_some();
                    let kept = if is_written { String::new() } else { self.texts[AGENT].text() };
                    self.texts[AGENT] = Text::new(Lines::One, &kept);
                }
                if let Some(text) = self.text_mut() {
                    text.key(key);
                }
            }
        }
    }

    /// The request it stands for.
    ///
    /// # Errors
    /// A field that says nothing, or makes no sense; the cursor is in it then.
    pub fn ask(&mut self) -> Result<Ask, String> {
        let texts: Vec<String> = self.texts.iter().map(|text| text.text().trim().into()).collect();
        let mut wrong = |at: usize, why: &str| {
            self.at = at;
            Err(why.to_string())
        };
        let words = |text: &str| text.split([' ', ',']).map(String::from).collect::<Vec<_>>();
        let [title, _, agent, prompt, after, files] = texts.as_slice() else {
            return wrong(0, "the form is broken");
        };
        if title.is_empty() {
            return wrong(0, "a task needs a title");
        }
        if agent.is_empty() {
            return wrong(AGENT, "which agent is to do it?");
        }
        if prompt.is_empty() {
            return wrong(PROMPT, "what is the agent to do?");
        }
        let ids = words(after).into_iter().filter(|word| !word.is_empty());
        let Ok(after) = ids.map(|id| id.parse().map(TaskId)).collect() else {
            return wrong(AFTER, "after: ids of tasks, such as 3 4");
        };
        let spec = TaskSpec {
            title: Foreign::new(title.as_str()),
            kind: KINDS[self.kind].0,
            agent: agent.clone(),
            prompt: prompt.clone(),
            after,
            files: words(files).into_iter().filter(|word| !word.is_empty()).collect(),
        };
        Ok(Ask::Plan(PlanAsk::Add { spec, origin: Origin::Real }))
    }
}

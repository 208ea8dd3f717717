//! `config.toml`: the person's own file. It alone says what runs on the machine and with what
//! rights.

use super::diagnostic::Diagnostics;
use super::reader::{Document, Section};
use super::repository::{LIMITS, checked, read_limits};
use super::{FILE_BYTES_MAX, values};
use crate::base::durable;
use crate::policy::{Bounds, Level};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The kind of agent that is any program; it has no program of its own.
pub const COMMAND_KIND: &str = "command";

const MAX_AGENTS: usize = 4;
const HOME: &str = ".monban/home";

/// Toolchain homes that are handed on by name, because an agent's HOME is not the person's.
const PASS: [&str; 12] = [
    "RUSTUP_HOME",
    "CARGO_HOME",
    "NVM_DIR",
    "BUN_INSTALL",
    "PNPM_HOME",
    "VOLTA_HOME",
    "PYENV_ROOT",
    "GOROOT",
    "GOPATH",
    "GOMODCACHE",
    "JAVA_HOME",
    "SDKMAN_DIR",
];

const AGENT_KEYS: [&str; 6] = ["kind", "program", "args", "args_extra", "env", "env_pass"];
const NAME_CHARS_MAX: usize = 32;

/// What `config.toml` says; what it leaves out has its default.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// How much a machine may do by itself.
    pub level: Level,
    /// Agents that may work at once.
    pub max_agents: usize,
    /// Agents by name.
    pub agents: BTreeMap<String, AgentSettings>,
    /// What of the host reaches an agent.
    pub isolation: Isolation,
    /// Limits of an attempt that are not the level's own.
    pub bounds: Bounds,
    /// The dashboard's colours, by the name of a theme.
    pub theme: Option<String>,
    /// The dashboard's keys, by the name of a keymap.
    pub keys: Option<String>,
}

/// What the person says about one agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgentSettings {
    /// The kind, which a file of agents describes; the agent's name unless said.
    pub kind: String,
    /// The program: an absolute path, or a name to look for in PATH. `None` leaves it to the kind.
    pub program: Option<String>,
    /// Arguments in place of the kind's own.
    pub args: Option<Vec<String>>,
    /// Arguments after them.
    pub args_extra: Vec<String>,
    /// Variables with their values.
    pub env: BTreeMap<String, String>,
    /// Variables handed on from the person's environment, by name.
    pub env_pass: Vec<String>,
    /// Where the agent stands in the file, for messages of those who read on.
    pub line: usize,
}

/// What of the host reaches an agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Isolation {
    /// The agent's HOME, relative to the worktree (C-17).
    pub home: String,
    /// Variables handed on to every agent, by name.
    pub pass: Vec<String>,
}

impl Default for Person {
    fn default() -> Self {
        Self {
            level: Level::L1,
            max_agents: MAX_AGENTS,
            agents: BTreeMap::new(),
            bounds: Bounds::default(),
            isolation: Isolation { home: HOME.into(), pass: PASS.map(String::from).into() },
            theme: None,
            keys: None,
        }
    }
}

/// Reads the file; one that does not exist says nothing, and everything has its default.
///
/// # Errors
/// Every mistake in it, with its place.
pub fn load(path: &Path) -> Result<Person, Diagnostics> {
    let origin = path.display().to_string();
    match durable::read(path, FILE_BYTES_MAX) {
        Ok(bytes) => parse(&bytes, &origin),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Person::default()),
        Err(error) => Err(Diagnostics::whole_file(&origin, format!("cannot read it: {error}"))),
    }
}

/// Reads the file's content; `origin` is how messages name it.
///
/// # Errors
/// Every mistake in it, with its place.
pub fn parse(bytes: &[u8], origin: &str) -> Result<Person, Diagnostics> {
    let document = Document::parse(bytes, origin)?;
    let known = ["level", "max_agents", "agents", "isolation", "limits", "theme", "keys"];
    let root = document.root(&known);
    let mut person = Person::default();
    if let Some(level) = root.string("level").and_then(|level| level.check(|text| text.parse())) {
        person.level = level;
    }
    if let Some(max) = root.integer("max_agents", 1..=64) {
        person.max_agents = max as usize;
    }
    if let Some(limits) = root.section("limits", &LIMITS) {
        person.bounds = read_limits(&limits);
    }
    let name = |key| {
        root.string(key).and_then(|name| name.check(|text| Ok::<_, String>(text.to_string())))
    };
    person.theme = name("theme");
    person.keys = name("keys");
    if let Some(agents) = root.free_section("agents") {
        for name in agents.keys() {
            let settings = agents.section(&name.value, &AGENT_KEYS);
            let name = name.check(|text| agent_name(text));
            if let (Some(name), Some(section)) = (name, settings) {
                person.agents.insert(name.clone(), read_agent(name, &section));
            }
        }
    }
    if let Some(isolation) = root.section("isolation", &["home", "pass"]) {
        let home = isolation.string("home");
        if let Some(home) = home.and_then(|home| home.check(|text| values::home(text))) {
            person.isolation.home = home;
        }
        if let Some(pass) = isolation.strings("pass") {
            person.isolation.pass = checked(Some(pass), values::variable);
        }
    }
    document.finish(person)
}

fn read_agent(name: String, section: &Section<'_>) -> AgentSettings {
    let program = section.string("program");
    let kind = section.string("kind").and_then(|kind| kind.check(|text| agent_name(text)));
    let kind = kind.unwrap_or(name);
    if kind == COMMAND_KIND && program.is_none() {
        section.problem("an agent of kind \"command\" needs \"program\"");
    }
    let mut env = BTreeMap::new();
    for (variable, value) in section.string_map("env").unwrap_or_default() {
        if let Err(message) = values::variable(&variable) {
            value.problem(message);
        } else if let Some(value) = value.check(|text| values::argument(text)) {
            env.insert(variable, value);
        }
    }
    let args = section.strings("args");
    AgentSettings {
        kind,
        program: program.and_then(|program| program.check(|text| program_path(text))),
        args: args.map(|args| checked(Some(args), values::argument)),
        args_extra: checked(section.strings("args_extra"), values::argument),
        env,
        env_pass: checked(section.strings("env_pass"), values::variable),
        line: section.line(),
    }
}

fn agent_name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts_well || text.len() > NAME_CHARS_MAX || !text.chars().all(is_plain) {
        return Err(format!(
            "{} is not a name for an agent: a-z, 0-9, - and _, beginning with a letter, at most \
             {NAME_CHARS_MAX} characters",
            values::shown(text)
        ));
    }
    Ok(text.into())
}

fn program_path(text: &str) -> Result<String, String> {
    if text.is_empty() || (text.contains('/') && !text.starts_with('/')) {
        let given = values::shown(text);
        return Err(format!("{given} is neither an absolute path nor a name to look for in PATH"));
    }
    values::argument(text)
}

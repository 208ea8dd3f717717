//! What an agent file says: the types behind `assets/agents/*.toml` and a person's own files.
//!
//! Data only. How it is used stands in the neighbours (`prepare`, `login`, `status`, ...).

use super::prepare::Os;
use super::status::State;
use super::template;
use crate::base::foreign::Foreign;
use regex::Regex;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

const BUILTIN: [(&str, &str); 3] = [
    ("claude", include_str!("../../assets/agents/claude.toml")),
    ("codex", include_str!("../../assets/agents/codex.toml")),
    ("command", include_str!("../../assets/agents/command.toml")),
];

/// An agent file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KindError {
    /// The file is not what an agent file looks like; the message has line and column.
    #[error("{file}: {message}")]
    Syntax {
        /// The file's name as it was given.
        file: String,
        /// What the parser said.
        message: String,
    },
    /// A template names something that cannot be filled in.
    #[error("{file}: {place}: {{{name}}} is not known; known are {}", template::NAMES.join(", "))]
    Placeholder {
        /// The file's name as it was given.
        file: String,
        /// Which entry of the file.
        place: String,
        /// The unknown placeholder.
        name: String,
    },
    /// A path of the file leaves HOME.
    #[error("{file}: `{path}` must be a relative path inside HOME, without `..`")]
    Path {
        /// The file's name as it was given.
        file: String,
        /// The path.
        path: String,
    },
}

/// One kind of agent: how it is started, logged in, prompted and understood.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentKind {
    /// The word used in `kind = "..."`.
    pub name: String,
    /// What a person reads.
    pub title: String,
    /// The program, looked up in PATH; empty when the person must name it.
    pub program: String,
    /// The command that installs it, for a person who has not.
    pub install: Option<String>,
    /// Arguments of every start.
    #[serde(default)]
    pub args: Vec<String>,
    /// Further arguments that continue an earlier conversation; empty when it cannot.
    #[serde(default)]
    pub resume: Vec<String>,
    /// Folders that must exist inside HOME.
    #[serde(default)]
    pub folders: Vec<String>,
    /// Files and folders of the worktree that the agent takes instructions from.
    #[serde(default)]
    pub instructions: Vec<String>,
    /// How the version is read, if the program can say it.
    pub version: Option<VersionCommand>,
    /// Variables to set. A value with `{home}` places the agent's files and cannot be overridden.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Variables to pass on.
    #[serde(default)]
    pub env_pass: EnvPass,
    /// Ways to be logged in, the preferred first; none means that no login is needed.
    #[serde(default)]
    pub logins: Vec<LoginRule>,
    /// What to do when none of them is there.
    #[serde(default)]
    pub login_cure: LoginCure,
    /// Programs that log a person in, the preferred first.
    #[serde(default)]
    pub login_programs: Vec<LoginProgram>,
    /// Files written into HOME before every start.
    #[serde(default)]
    pub files: Vec<FileTemplate>,
    /// How a prompt is delivered.
    pub prompt: PromptRule,
    /// When a turn is over.
    pub turn: TurnRule,
    /// How its signs are understood.
    #[serde(default)]
    pub status: StatusRules,
    /// What is dropped from its hook reports.
    #[serde(default)]
    pub hooks: HookRule,
    /// Where it keeps its conversations.
    pub transcripts: Option<Transcripts>,
}

/// How to ask a program for its version. It proves that the program starts, and nothing else.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionCommand {
    /// Arguments.
    pub args: Vec<String>,
    /// Its first group is the version.
    pub pattern: Pattern,
    /// The version this file was measured with.
    pub tested: String,
}

impl VersionCommand {
    /// The version in what the program printed.
    pub fn read(&self, output: &str) -> Option<String> {
        Some(self.pattern.0.captures(output.trim())?.get(1)?.as_str().to_string())
    }
}

/// Variables passed from the person's environment by name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvPass {
    /// The names.
    pub names: Vec<String>,
}

/// One way to be logged in.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum LoginRule {
    /// A subscription's token in a variable.
    Token {
        /// The variable.
        variable: String,
    },
    /// An API key in a variable.
    Key {
        /// The variable.
        variable: String,
        /// Where the key goes instead of the environment, relative to HOME.
        to: Option<String>,
        /// The content of that file, with `{secret}`.
        content: Option<String>,
    },
    /// A login file of the person's, copied into the run's HOME.
    File(FileLogin),
}

/// A login file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileLogin {
    /// The variable that names the folder of the file for the person.
    pub from_variable: String,
    /// The folder when that variable is not set.
    pub from: String,
    /// The file's name in that folder.
    pub name: String,
    /// Where it goes, relative to HOME.
    pub to: String,
    /// JSON pointers of which one must be in the file: it may hold other things and no login. With
    /// none, any file that is not empty is a login.
    #[serde(default)]
    pub proofs: Vec<String>,
    /// JSON pointer to what makes this login belong to one holder at a time: a refresh token.
    pub refreshes: String,
    /// JSON pointer to a number or RFC 3339 text that grows with every refresh.
    pub newer: String,
    /// JSON pointer to when the login ends unless it is refreshed: milliseconds since the Unix
    /// epoch, or RFC 3339 text.
    pub expires: Option<String>,
    /// JSON pointers to what a refresh never changes.
    #[serde(default)]
    pub same: Vec<String>,
}

/// The agent's own program with arguments by which it logs a person in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginProgram {
    /// The word that chooses it.
    pub name: String,
    /// What it gives, for a person.
    pub title: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The systems on which it helps; every one if none is named.
    #[serde(default)]
    pub systems: Vec<Os>,
    /// What it prints for the person to copy; without this it writes the login file.
    pub prints: Option<PrintedToken>,
}

/// A token that a login program prints.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrintedToken {
    /// The variable that is to hold it; one of a `token` login.
    pub variable: String,
    /// What it looks like.
    pub pattern: Pattern,
}

/// What a person can do about a missing login; `{agent}` is the agent's name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginCure {
    /// On Linux.
    pub linux: String,
    /// On macOS.
    pub macos: String,
}

/// A file to write; values are escaped as in a JSON or TOML string.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTemplate {
    /// Relative to HOME.
    pub path: String,
    /// The content with placeholders.
    pub content: String,
}

/// How a prompt is delivered: pasted, then Enter apart from it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptRule {
    /// What must be seen before.
    pub ready: Ready,
}

/// What shows that an agent takes a prompt.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ready {
    /// Only a reported end of work.
    Idle,
    /// For the first prompt, a moment of silence is enough.
    Quiet,
}

/// When a turn is over.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnRule {
    /// What "idle" after "working" means.
    pub idle: IdleMeans,
    /// What the end of the process means.
    pub exit: ExitMeans,
}

/// What "idle" after "working" means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdleMeans {
    /// The turn was finished.
    Done,
    /// Somebody stopped it: a finished one says "done".
    Interrupted,
}

/// What the end of the process during a turn means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExitMeans {
    /// The turn was not finished, whatever the status says.
    Unfinished,
    /// Status 0 is a finished turn, any other a failed one.
    Status,
}

/// How signs of an agent become a status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusRules {
    /// Hook event, or `event:about`, to state.
    #[serde(default)]
    pub hooks: BTreeMap<String, State>,
    /// The first rule that matches the title counts.
    #[serde(default)]
    pub title: Vec<StatusRule>,
    /// The first rule that matches the last lines of the screen counts.
    #[serde(default)]
    pub screen: Vec<StatusRule>,
}

/// A pattern and what it shows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusRule {
    /// The pattern.
    pub pattern: Pattern,
    /// The state it shows.
    pub state: State,
}

/// What is dropped from hook reports.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookRule {
    /// A report whose prompt matches is about work nobody asked for.
    pub ignore: Option<Pattern>,
}

/// Where an agent keeps its conversations.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcripts {
    /// How they are written.
    pub format: TranscriptFormat,
    /// Their folder, relative to HOME.
    pub folder: String,
    /// Matched against file names; its first group is the session id.
    pub session: Pattern,
    /// The file in which the agent notes what a conversation cost, relative to HOME.
    pub cost: Option<String>,
}

/// How conversations are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TranscriptFormat {
    /// Claude Code's session files.
    Claude,
    /// Codex's rollout files.
    Codex,
}

/// A regular expression in an agent file. Matching is linear in the text.
#[derive(Clone, Debug)]
pub struct Pattern(pub Regex);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Regex::new(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

impl AgentKind {
    /// The kinds that come with monban: claude, codex, command.
    pub fn builtin() -> Result<Vec<AgentKind>, KindError> {
        BUILTIN.iter().map(|(name, text)| Self::parse(&format!("{name}.toml"), text)).collect()
    }

    /// Reads an agent file; `file` is its name in messages.
    pub fn parse(file: &str, text: &str) -> Result<AgentKind, KindError> {
        let kind: AgentKind = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            KindError::Syntax {
                file: format!("{file}:{line}:{column}"),
                message: Foreign::new(error.message()).shown(),
            }
        })?;
        for (place, template) in kind.templates() {
            if let Some(name) = template::unknown(template) {
                return Err(KindError::Placeholder { file: file.to_string(), place, name });
            }
        }
        if let Some(path) = kind.paths().find(|path| !super::is_inside(path)) {
            return Err(KindError::Path { file: file.to_string(), path: path.to_string() });
        }
        Ok(kind)
    }

    fn templates(&self) -> Vec<(String, &str)> {
        let mut all: Vec<(String, &str)> = Vec::new();
        all.extend(self.args.iter().map(|arg| ("args".into(), arg.as_str())));
        all.extend(self.resume.iter().map(|arg| ("resume".into(), arg.as_str())));
        all.extend(self.env.iter().map(|(name, value)| (format!("env.{name}"), value.as_str())));
        all.extend(self.files.iter().map(|f| (format!("files `{}`", f.path), f.content.as_str())));
        for login in &self.logins {
            match login {
                LoginRule::Token { .. } => {}
                LoginRule::Key { content, .. } => {
                    all.extend(content.iter().map(|text| ("logins".into(), text.as_str())));
                }
                LoginRule::File(file) => all.push(("logins".into(), &file.from)),
            }
        }
        all
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        let logins = self.logins.iter().filter_map(|login| match login {
            LoginRule::Token { .. } => None,
            LoginRule::Key { to, .. } => to.as_deref(),
            LoginRule::File(file) => Some(file.to.as_str()),
        });
        let files = self.files.iter().map(|file| file.path.as_str());
        let folders = self.folders.iter().map(String::as_str);
        let transcripts = self.transcripts.iter().flat_map(|transcripts| {
            std::iter::once(transcripts.folder.as_str()).chain(transcripts.cost.as_deref())
        });
        files.chain(folders).chain(logins).chain(transcripts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_kinds_are_valid_and_named_as_their_files() {
        let kinds = AgentKind::builtin().unwrap();
        let names: Vec<_> = kinds.iter().map(|kind| kind.name.as_str()).collect();
        assert_eq!(names, ["claude", "codex", "command"]);
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_line() {
        let text = "name = \"x\"\ntitle = \"X\"\nprogram = \"x\"\ncolour = 1\n";
        let error = AgentKind::parse("x.toml", text).unwrap_err().to_string();
        assert!(error.starts_with("x.toml:4:1: "), "{error}");
        assert!(error.contains("colour"), "{error}");
    }

    fn minimal(extra: &str) -> String {
        format!(
            "name = \"x\"\ntitle = \"X\"\nprogram = \"x\"\n{extra}\n[prompt]\nready = \"idle\"\n\
             [turn]\nidle = \"done\"\nexit = \"status\"\n"
        )
    }

    #[test]
    fn an_agent_of_ones_own_needs_a_few_lines_and_no_code() {
        let kind =
            AgentKind::parse("x.toml", &minimal("args = [\"--in\", \"{worktree}\"]")).unwrap();
        assert_eq!(kind.args, ["--in", "{worktree}"]);
        assert!(kind.logins.is_empty());
    }

    #[test]
    fn unknown_placeholders_bad_patterns_and_paths_outside_home_are_refused() {
        let error = |extra: &str| AgentKind::parse("x.toml", &minimal(extra)).unwrap_err();
        let placeholder = error("args = [\"{hmoe}\"]").to_string();
        assert!(placeholder.contains("{hmoe}") && placeholder.contains("home"), "{placeholder}");
        assert!(matches!(error("folders = [\"../x\"]"), KindError::Path { .. }));
        assert!(matches!(error("folders = [\"/x\"]"), KindError::Path { .. }));
        let pattern = error("version = { args = [], pattern = '(', tested = '' }").to_string();
        assert!(pattern.starts_with("x.toml:4:34: "), "{pattern}");
    }

    #[test]
    fn versions_are_read_from_what_the_programs_print() {
        let kinds = AgentKind::builtin().unwrap();
        let read = |index: usize, text: &str| kinds[index].version.as_ref().unwrap().read(text);
        assert_eq!(read(0, "2.1.329 (Claude Code)\n").as_deref(), Some("2.1.329"));
        assert_eq!(read(1, "codex-cli 0.169.0\n").as_deref(), Some("0.169.0"));
        assert_eq!(read(1, "command not found"), None);
    }
}

//! The plan of a start: program, arguments, exact environment, files to write, login.
//!
//! [`prepare`] reads the person's machine and decides; [`write_files`] and [`write_login`] write.

use super::carry::CarryBack;
use super::environment::{Environment, EnvironmentReport, Why};
use super::inside::Inside;
use super::kind::AgentKind;
use super::login::{self, Found, Login};
use super::template::{self, Value, Values};
use super::{AgentError, Refusal};
use crate::base::clock::Timestamp;
use crate::base::foreign::Foreign;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What the person's `[agents.NAME]` says.
#[derive(Clone, Debug, Default)]
pub struct AgentConfig {
    /// Instead of the kind's program: a name in PATH or an absolute path.
    pub program: Option<String>,
    /// Instead of the kind's arguments.
    pub args: Option<Vec<String>>,
    /// After them.
    pub args_extra: Vec<String>,
    /// Variables to set.
    pub env: BTreeMap<String, String>,
    /// Variables to pass on.
    pub env_pass: Vec<String>,
    /// Tokens that the person gave to `monban auth`, by variable.
    pub kept: BTreeMap<String, String>,
}

/// The operating system, as far as agents differ by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Os {
    /// Linux.
    Linux,
    /// macOS.
    MacOs,
}

impl Os {
    /// The one this program runs on.
    pub const HERE: Os = if cfg!(target_os = "macos") { Os::MacOs } else { Os::Linux };

    pub(super) fn utf8_locale(self) -> &'static str {
        match self {
            Self::Linux => "C.UTF-8",
            Self::MacOs => "en_US.UTF-8",
        }
    }
}

/// The machine of the person: their environment and system.
#[derive(Clone, Debug)]
pub struct Host {
    /// The person's environment.
    pub environment: BTreeMap<String, String>,
    /// The system.
    pub os: Os,
}

impl Host {
    /// This machine with the variables given; what is not UTF-8 cannot be passed and is left out.
    pub fn here(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let text = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { environment: variables.filter_map(text).collect(), os: Os::HERE }
    }
}

/// Who commits in a run.
#[derive(Clone, Debug)]
pub struct GitIdentity {
    /// `user.name`.
    pub name: String,
    /// `user.email`.
    pub email: String,
}

/// One start of an agent.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The worktree, absolute.
    pub worktree: PathBuf,
    /// `[isolation] home`: relative to the worktree.
    pub home: String,
    /// Folders outside the worktree that `git commit` must write to.
    pub git_writable: Vec<PathBuf>,
    /// Who commits.
    pub identity: GitIdentity,
    /// The run, as it is named in reports.
    pub run: String,
    /// Where hooks report.
    pub report_socket: PathBuf,
    /// The secret of its reports.
    pub report_token: String,
    /// The monban program, absolute.
    pub monban: PathBuf,
    /// The conversation to go on with.
    pub session: Option<String>,
    /// `[isolation] pass`.
    pub pass: Vec<String>,
    /// When it is planned: a login may have expired by then.
    pub now: Timestamp,
}

impl Attempt {
    /// HOME of the run, absolute.
    pub fn home_path(&self) -> PathBuf {
        self.worktree.join(&self.home)
    }
}

/// A file to write before the start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedFile {
    /// Relative to the worktree.
    pub path: PathBuf,
    /// Permission bits.
    pub mode: u32,
    /// The content; may hold a secret.
    pub bytes: Vec<u8>,
}

/// A start that may happen.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The program, absolute.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: BTreeMap<String, String>,
    /// Folders to make, relative to the worktree.
    pub folders: Vec<PathBuf>,
    /// Files to write.
    pub files: Vec<PlannedFile>,
    /// Its login, where that is a file: written only for a start.
    pub login_file: Option<PlannedFile>,
    /// How it is logged in.
    pub login: Login,
    /// Runs of the same name must not overlap: they would log each other out.
    pub exclusive_login: Option<String>,
    /// What to do with its login file when it has ended.
    pub carry_back: Option<CarryBack>,
    /// What a person is shown of the environment.
    pub report: EnvironmentReport,
}

/// Plans a start. Nothing is written; a refusal says what to do.
pub fn prepare(
    agent: &str,
    kind: &AgentKind,
    config: &AgentConfig,
    attempt: &Attempt,
    host: &Host,
) -> Result<Prepared, Refusal> {
    if !super::is_inside(&attempt.home) {
        return Err(Refusal::HomeOutside { home: attempt.home.clone() });
    }
    let program = find_program(agent, kind, config, host)?;
    let found = login::find(agent, kind, config, host, attempt.now);
    if found.is_none() && !kind.logins.is_empty() {
        let cure = login::cure(agent, kind, host.os);
        return Err(Refusal::NotLoggedIn { agent: agent.to_string(), cure });
    }
    let values = values(attempt, host, found.as_ref())?;
    let args = args(agent, kind, config, attempt, &values)?;
    let (env, report) = environment(agent, kind, config, attempt, host, &values, found.as_ref())?;
    let home = PathBuf::from(&attempt.home);
    Ok(Prepared {
        program,
        args,
        folders: std::iter::once(home.clone())
            .chain(kind.folders.iter().map(|folder| home.join(folder)))
            .collect(),
        files: files(kind, attempt, &values, &env),
        login_file: found
            .as_ref()
            .and_then(|found| found.file.clone())
            .map(|(path, bytes)| PlannedFile { path: home.join(path), mode: 0o600, bytes }),
        env,
        exclusive_login: found.as_ref().and_then(|found| found.exclusive.clone()),
        carry_back: found.as_ref().and_then(|found| found.carry_back.clone()),
        login: found.map_or(Login::NotNeeded, |found| found.login),
        report,
    })
}

/// Writes what was planned, but no login. A link or another thing that an earlier attempt planted
/// on the way is an error and is not followed.
pub fn write_files(prepared: &Prepared, worktree: &Path) -> Result<(), AgentError> {
    let inside = Inside::open(worktree)?;
    prepared.folders.iter().try_for_each(|folder| inside.make_folder(folder))?;
    prepared.files.iter().try_for_each(|file| inside.write(&file.path, file.mode, &file.bytes))
}

/// Writes the login of a run that starts now, after [`write_files`].
pub fn write_login(prepared: &Prepared, worktree: &Path) -> Result<(), AgentError> {
    let inside = Inside::open(worktree)?;
    let write = |file: &PlannedFile| inside.write(&file.path, file.mode, &file.bytes);
    prepared.login_file.as_ref().map_or(Ok(()), write)
}

/// Removes the login of a run that has ended, at `file` in the worktree. What resumes a
/// conversation stays; another start gets the login that is there then.
pub fn remove_login(file: &Path, worktree: &Path) -> Result<(), AgentError> {
    Inside::open(worktree)?.remove(file)
}

fn files(
    kind: &AgentKind,
    attempt: &Attempt,
    values: &Values,
    env: &BTreeMap<String, String>,
) -> Vec<PlannedFile> {
    let home = PathBuf::from(&attempt.home);
    let mut files = Vec::new();
    if let Some(top) = home.components().next() {
        // Keeps the agent's own `git add -A` from taking its HOME along.
        let path = Path::new(&top).join(".gitignore");
        files.push(PlannedFile { path, mode: 0o600, bytes: b"*\n".to_vec() });
        // Codex runs commands in login shells, which begin with the system's PATH. The person's own
        // profile would add their toolchains; it is not in this HOME.
        let own_path = env.get("PATH").map_or(String::new(), |path| path.replace('\'', "'\\''"));
        let bytes = format!("export PATH='{own_path}'\n").into_bytes();
        for name in [".profile", ".zprofile"] {
            files.push(PlannedFile { path: home.join(name), mode: 0o600, bytes: bytes.clone() });
        }
    }
    for file in &kind.files {
        let text = template::fill(&file.content, values, template::Inside::Quotes);
        let bytes = text.trim_start().as_bytes().to_vec();
        files.push(PlannedFile { path: home.join(&file.path), mode: 0o600, bytes });
    }
    files
}

fn values(attempt: &Attempt, host: &Host, found: Option<&Found>) -> Result<Values, Refusal> {
    let person_home = host.environment.get("HOME").cloned().unwrap_or_default();
    let writable: Result<Vec<_>, _> = attempt.git_writable.iter().map(|path| utf8(path)).collect();
    Ok(BTreeMap::from([
        ("git_writable", Value::List(writable?)),
        ("home", Value::Text(utf8(&attempt.home_path())?)),
        ("key_tail", Value::Text(found.map_or_else(String::new, |found| found.key_tail.clone()))),
        ("monban", Value::Text(utf8(&attempt.monban)?)),
        ("person_home", Value::Text(person_home)),
        ("report_socket", Value::Text(utf8(&attempt.report_socket)?)),
        ("session", Value::Text(attempt.session.clone().unwrap_or_default())),
        ("worktree", Value::Text(utf8(&attempt.worktree)?)),
    ]))
}

fn utf8(path: &Path) -> Result<String, Refusal> {
    let shown = || Refusal::PathNotUtf8 { path: path.display().to_string() };
    path.to_str().map(String::from).ok_or_else(shown)
}

fn args(
    agent: &str,
    kind: &AgentKind,
    config: &AgentConfig,
    attempt: &Attempt,
    values: &Values,
) -> Result<Vec<String>, Refusal> {
    let fill = |arg: &String| template::fill(arg, values, template::Inside::Plain);
    let mut args: Vec<String> = match &config.args {
        Some(own) => own.clone(),
        None => kind.args.iter().map(fill).collect(),
    };
    args.extend(config.args_extra.iter().cloned());
    if let Some(session) = &attempt.session {
        let agent = agent.to_string();
        if kind.resume.is_empty() {
            return Err(Refusal::CannotResume { agent });
        }
        if !super::is_session_id(session) {
            return Err(Refusal::SessionId { agent, session: Foreign::new(session.as_str()) });
        }
        args.extend(kind.resume.iter().map(fill));
    }
    Ok(args)
}

fn environment(
    agent: &str,
    kind: &AgentKind,
    config: &AgentConfig,
    attempt: &Attempt,
    host: &Host,
    values: &Values,
    found: Option<&Found>,
) -> Result<(BTreeMap<String, String>, EnvironmentReport), Refusal> {
    let mut env = Environment::new(agent, host);
    env.allow();
    env.isolation_pass(&attempt.pass)?;
    env.pass(&kind.env_pass.names, Why::AgentFile)?;
    for (name, value) in &kind.env {
        let value = template::fill(value, values, template::Inside::Plain);
        env.person(name, Some(value), Why::AgentFile)?;
    }
    let places = |name: &&String| kind.env.get(*name).is_some_and(|value| value.contains("{home}"));
    if let Some(name) = config.env.keys().chain(&config.env_pass).find(places) {
        return Err(env.reserved(name));
    }
    env.pass(&config.env_pass, Why::Person)?;
    for (name, value) in &config.env {
        env.person(name, Some(value.clone()), Why::Person)?;
    }
    login::variables(kind).for_each(|name| env.remove(name));
    if let Some((name, value)) = found.and_then(|found| found.variable.as_ref()) {
        env.set(name, value, Why::Login);
    }
    for (name, value) in own_variables(attempt)? {
        env.set(name, &value, Why::Monban);
    }
    Ok(env.finish())
}

/// What monban itself sets. The identity goes by variables, since a run's HOME has no `.gitconfig`;
/// background maintenance would outlive the command that started it, and a signing key is not here.
fn own_variables(attempt: &Attempt) -> Result<Vec<(&'static str, String)>, Refusal> {
    let GitIdentity { name, email } = &attempt.identity;
    Ok(vec![
        ("HOME", utf8(&attempt.home_path())?),
        ("TERM", "xterm-256color".into()),
        ("COLORTERM", "truecolor".into()),
        ("GIT_AUTHOR_NAME", name.clone()),
        ("GIT_AUTHOR_EMAIL", email.clone()),
        ("GIT_COMMITTER_NAME", name.clone()),
        ("GIT_COMMITTER_EMAIL", email.clone()),
        ("GIT_CONFIG_COUNT", "3".into()),
        ("GIT_CONFIG_KEY_0", "gc.auto".into()),
        ("GIT_CONFIG_VALUE_0", "0".into()),
        ("GIT_CONFIG_KEY_1", "maintenance.auto".into()),
        ("GIT_CONFIG_VALUE_1", "false".into()),
        ("GIT_CONFIG_KEY_2", "commit.gpgSign".into()),
        ("GIT_CONFIG_VALUE_2", "false".into()),
        ("MONBAN_PROGRAM", utf8(&attempt.monban)?),
        ("MONBAN_RUN", attempt.run.clone()),
        ("MONBAN_REPORT_SOCKET", utf8(&attempt.report_socket)?),
        ("MONBAN_REPORT_TOKEN", attempt.report_token.clone()),
    ])
}

/// The program of an agent.
///
/// # Errors
/// There is none that could be run.
pub fn find_program(
    agent: &str,
    kind: &AgentKind,
    config: &AgentConfig,
    host: &Host,
) -> Result<PathBuf, Refusal> {
    let program = config.program.as_ref().unwrap_or(&kind.program);
    if program.is_empty() {
        return Err(Refusal::NoProgram { agent: agent.to_string() });
    }
    let missing = |what: &str| Refusal::ProgramMissing {
        agent: agent.to_string(),
        program: program.clone(),
        what: what.to_string(),
        install: install(kind, program),
    };
    if program.contains('/') {
        let path = PathBuf::from(program);
        return match std::fs::metadata(&path) {
            _ if path.is_relative() => Err(missing("is not an absolute path")),
            Err(error) => Err(missing(&format!("cannot be used ({error})"))),
            Ok(_) if is_program(&path) => Ok(path),
            Ok(_) => Err(missing("is not an executable file")),
        };
    }
    // A relative entry of PATH would be looked up in the worktree, where the agent writes.
    let path = host.environment.get("PATH").cloned().unwrap_or_default();
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    let found = folders.map(|folder| folder.join(program)).find(|path| is_program(path));
    found.ok_or_else(|| missing("is not in PATH"))
}

/// How a missing program is got, in words.
fn install(kind: &AgentKind, program: &str) -> String {
    let known = kind.install.as_ref().filter(|_| program == kind.program);
    known.map_or_else(|| "install it".into(), |command| format!("install it (`{command}`)"))
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
#[path = "prepare_tests.rs"]
mod tests;

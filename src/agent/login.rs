//! How an agent is logged in inside a HOME of its own, and what to do when it is not.
//!
//! Reads the person's login files, writes nothing. Secrets leave only in what a run gets.

use super::carry::CarryBack;
use super::kind::{AgentKind, FileLogin, LoginProgram, LoginRule};
use super::prepare::{AgentConfig, Host, Os};
use super::template::{self, Inside, Value, Values};
use crate::base::clock::Timestamp;
use crate::base::id::{RunId, TaskId};
use crate::base::{durable, hash};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The largest login file that is carried into a run.
pub(super) const LOGIN_BYTES_MAX: u64 = 256 * 1024;

/// How a run is logged in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Login {
    /// The agent needs none.
    NotNeeded,
    /// By an API key: costs are counted per use.
    Key {
        /// The variable that holds it for the person.
        variable: String,
    },
    /// By a token of a subscription or gateway.
    Token {
        /// The variable that holds it.
        variable: String,
    },
    /// By a copy of the person's login file.
    File {
        /// The person's file.
        path: PathBuf,
        /// Whether only one run at a time may hold it.
        is_exclusive: bool,
    },
    /// Not at all: such a run is refused.
    Missing {
        /// What to do.
        cure: String,
    },
}

/// Whether a login is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoginState {
    /// It is. Whether its maker still takes it is not asked.
    Present,
    /// It is, and by what it says itself it has ended.
    Expired,
    /// It is not.
    Missing,
}

/// Who has a login that one run at a time may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Holder {
    /// The run.
    pub run: RunId,
    /// Its task.
    pub task: TaskId,
}

/// Where a login file is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FilePlace {
    /// The variable by which the agent finds its folder.
    pub variable: String,
    /// The folder.
    pub folder: PathBuf,
    /// The file.
    pub path: PathBuf,
}

/// One way to be logged in, for `auth`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuthRow {
    /// The agent.
    pub agent: String,
    /// The way: a variable or a file.
    pub way: String,
    /// The variable, where it is one.
    pub variable: Option<String>,
    /// The file, where it is one.
    pub file: Option<FilePlace>,
    /// Whether it is there.
    pub state: LoginState,
    /// The run that has it now, if one run at a time may.
    pub held_by: Option<Holder>,
    /// Whether a run uses it.
    pub is_used: bool,
    /// What reaches a run, and what to know about it.
    pub reaches: String,
    /// What to do; only where something is to be done.
    pub cure: Option<String>,
}

/// A login that was found, with everything a run needs of it.
pub(super) struct Found {
    pub(super) login: Login,
    pub(super) variable: Option<(String, String)>,
    pub(super) file: Option<(String, Vec<u8>)>,
    pub(super) carry_back: Option<CarryBack>,
    pub(super) exclusive: Option<String>,
    pub(super) key_tail: String,
    is_expired: bool,
}

/// How a run of this agent would be logged in now.
pub fn login(
    agent: &str,
    kind: &AgentKind,
    config: &AgentConfig,
    host: &Host,
    now: Timestamp,
) -> Login {
    match find(agent, kind, config, host, now) {
        Some(found) => found.login,
        None if kind.logins.is_empty() => Login::NotNeeded,
        None => Login::Missing { cure: cure(agent, kind, host.os) },
    }
}

/// Every way this agent can be logged in, and which of them a run uses.
pub fn auth_rows(
    agent: &str,
    kind: &AgentKind,
    config: &AgentConfig,
    host: &Host,
    now: Timestamp,
) -> Vec<AuthRow> {
    let used = login(agent, kind, config, host, now);
    let mut rows: Vec<_> = kind
        .logins
        .iter()
        .map(|rule| {
            let found = look(agent, kind, rule, config, host, now);
            let state = match &found {
                None => LoginState::Missing,
                Some(found) if found.is_expired => LoginState::Expired,
                Some(_) => LoginState::Present,
            };
            let is_kept = variable(rule).is_some_and(|name| kept(name, config) && found.is_some());
            let kept = if is_kept { ", which `monban auth` keeps" } else { "" };
            AuthRow {
                agent: agent.to_string(),
                way: way(rule, host),
                variable: variable(rule).map(String::from),
                file: file_place(rule, host),
                state,
                held_by: None,
                is_used: found.as_ref().is_some_and(|found| found.login == used),
                reaches: found.map_or_else(String::new, |f| reaches(&f.login) + kept),
                cure: None,
            }
        })
        .collect();
    if let (Login::Missing { cure }, Some(row)) = (used, rows.first_mut()) {
        row.cure = Some(cure);
    }
    rows
}

/// The programs that log a person in on this system, the preferred first.
pub fn programs(kind: &AgentKind, os: Os) -> impl Iterator<Item = &LoginProgram> {
    let helps =
        move |program: &&LoginProgram| program.systems.is_empty() || program.systems.contains(&os);
    kind.login_programs.iter().filter(helps)
}

/// The login a run gets: what the person set for this agent, else what they gave to `monban auth`,
/// else the first there is.
pub(super) fn find(
    agent: &str,
    kind: &AgentKind,
    config: &AgentConfig,
    host: &Host,
    now: Timestamp,
) -> Option<Found> {
    let by = |is_so: fn(&str, &AgentConfig) -> bool| {
        let is_so = move |rule: &&LoginRule| variable(rule).is_some_and(|name| is_so(name, config));
        kind.logins.iter().filter(is_so)
    };
    let set = by(|name, config| config.env.contains_key(name));
    let look = |rule| look(agent, kind, rule, config, host, now).filter(|found| !found.is_expired);
    set.chain(by(kept)).chain(&kind.logins).find_map(look)
}

/// Whether a variable's value is what `monban auth` was given.
fn kept(variable: &str, config: &AgentConfig) -> bool {
    !config.env.contains_key(variable) && config.kept.contains_key(variable)
}

/// The variables of all ways to be logged in: a run gets at most one of them.
pub(super) fn variables(kind: &AgentKind) -> impl Iterator<Item = &str> {
    kind.logins.iter().filter_map(variable)
}

pub(super) fn cure(agent: &str, kind: &AgentKind, os: Os) -> String {
    let cure = match os {
        Os::Linux => &kind.login_cure.linux,
        Os::MacOs => &kind.login_cure.macos,
    };
    cure.replace("{agent}", agent)
}

fn variable(rule: &LoginRule) -> Option<&str> {
    match rule {
        LoginRule::Token { variable } | LoginRule::Key { variable, .. } => Some(variable),
        LoginRule::File(_) => None,
    }
}

fn look(
    agent: &str,
    kind: &AgentKind,
    rule: &LoginRule,
    config: &AgentConfig,
    host: &Host,
    now: Timestamp,
) -> Option<Found> {
    let value = |name: &str| {
        let own = config.env.get(name).or_else(|| config.kept.get(name));
        let set = own.or_else(|| host.environment.get(name));
        set.filter(|value| !value.trim().is_empty()).cloned()
    };
    match rule {
        LoginRule::Token { variable } => {
            let login = Login::Token { variable: variable.clone() };
            Some(Found { variable: Some((variable.clone(), value(variable)?)), ..Found::of(login) })
        }
        LoginRule::Key { variable, to, content } => {
            let secret = value(variable)?;
            let key_tail = tail(&secret);
            let values = Values::from([("secret", Value::Text(secret.clone()))]);
            let filled = content.as_ref().map(|c| template::fill(c, &values, Inside::Quotes));
            let file = to.clone().zip(filled.map(String::into_bytes));
            let variable = variable.clone();
            let login = Login::Key { variable: variable.clone() };
            let env = if file.is_none() { Some((variable, secret)) } else { None };
            Some(Found { variable: env, file, key_tail, ..Found::of(login) })
        }
        LoginRule::File(rule) => look_at_file(agent, kind, rule, host, now),
    }
}

fn look_at_file(
    agent: &str,
    kind: &AgentKind,
    rule: &FileLogin,
    host: &Host,
    now: Timestamp,
) -> Option<Found> {
    let path = login_folder(rule, host).join(&rule.name).canonicalize().ok()?;
    let bytes = durable::read(&path, LOGIN_BYTES_MAX).ok()?;
    let content: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    let proven = |pointer: &String| content.pointer(pointer).is_some_and(|value| !value.is_null());
    let is_login = rule.proofs.is_empty() || rule.proofs.iter().any(proven);
    if content.as_object().is_none_or(serde_json::Map::is_empty) || !is_login {
        return None;
    }
    let refreshes = content.pointer(&rule.refreshes);
    let is_exclusive = refreshes.is_some_and(|token| token.as_str().is_some_and(|t| !t.is_empty()));
    let carry_back = is_exclusive.then(|| CarryBack {
        agent: agent.to_string(),
        person_file: path.clone(),
        home_file: rule.to.clone(),
        carried_sha256: hash::sha256(&bytes),
        newer: rule.newer.clone(),
        same: rule.same.clone(),
    });
    let exclusive = is_exclusive.then(|| format!("{}:{}", kind.name, path.display()));
    let end = rule.expires.as_ref().and_then(|pointer| time(content.pointer(pointer)?));
    let is_expired = !is_exclusive && end.is_some_and(|end| end <= now);
    let login = Login::File { path, is_exclusive };
    Some(Found {
        file: Some((rule.to.clone(), bytes)),
        carry_back,
        exclusive,
        is_expired,
        ..Found::of(login)
    })
}

fn time(value: &serde_json::Value) -> Option<Timestamp> {
    let text = || value.as_str()?.parse().ok();
    value.as_i64().map(Timestamp::from_millis).or_else(text)
}

fn login_folder(rule: &FileLogin, host: &Host) -> PathBuf {
    let set = host.environment.get(&rule.from_variable).filter(|value| !value.is_empty());
    let home = host.environment.get("HOME").cloned().unwrap_or_default();
    let values = Values::from([("person_home", Value::Text(home))]);
    let folder = || template::fill(&rule.from, &values, Inside::Plain);
    PathBuf::from(set.cloned().unwrap_or_else(folder))
}

fn file_place(rule: &LoginRule, host: &Host) -> Option<FilePlace> {
    let LoginRule::File(rule) = rule else { return None };
    let folder = login_folder(rule, host);
    let path = folder.join(&rule.name);
    Some(FilePlace { variable: rule.from_variable.clone(), folder, path })
}

fn way(rule: &LoginRule, host: &Host) -> String {
    match rule {
        LoginRule::Token { variable } => format!("token in {variable}"),
        LoginRule::Key { variable, .. } => format!("API key in {variable}"),
        LoginRule::File(rule) => login_folder(rule, host).join(&rule.name).display().to_string(),
    }
}

fn reaches(login: &Login) -> String {
    match login {
        Login::NotNeeded | Login::Missing { .. } => String::new(),
        Login::Key { variable } => format!("the API key of {variable}; use is billed"),
        Login::Token { variable } => format!("the token of {variable}"),
        Login::File { is_exclusive: false, .. } => "a copy of the file".to_string(),
        Login::File { is_exclusive: true, .. } => "a copy of the file, for one run at a time; a \
             refreshed one is carried back. Do not use the agent elsewhere meanwhile"
            .to_string(),
    }
}

fn tail(key: &str) -> String {
    let count = key.chars().count();
    key.chars().skip(count.saturating_sub(20)).collect()
}

impl Found {
    fn of(login: Login) -> Self {
        Self {
            login,
            variable: None,
            file: None,
            carry_back: None,
            exclusive: None,
            key_tail: String::new(),
            is_expired: false,
        }
    }
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;

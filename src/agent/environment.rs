//! The exact environment of a run: an allow-list, what was named, and nothing else.

use super::Refusal;
use super::prepare::Host;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Variables every run gets from the person's environment. None of them is a secret.
const ALLOWED: [&str; 11] = [
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "PATH",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERMINFO_DIRS",
    "TMPDIR",
    "TZ",
    "USER",
];

/// Variables that say where a toolchain lives, with the folder below the person's home they default
/// to. A run has another HOME, so without them its toolchains would be gone.
pub const TOOLCHAIN_HOMES: [(&str, &str); 14] = [
    ("ASDF_DATA_DIR", ".asdf"),
    ("BUN_INSTALL", ".bun"),
    ("CARGO_HOME", ".cargo"),
    ("FNM_DIR", ".local/share/fnm"),
    ("GOPATH", "go"),
    ("MISE_DATA_DIR", ".local/share/mise"),
    ("NVM_DIR", ".nvm"),
    ("PNPM_HOME", ".local/share/pnpm"),
    ("PYENV_ROOT", ".pyenv"),
    ("RBENV_ROOT", ".rbenv"),
    ("RUSTUP_HOME", ".rustup"),
    ("SDKMAN_DIR", ".sdkman"),
    ("UV_PYTHON_INSTALL_DIR", ".local/share/uv/python"),
    ("VOLTA_HOME", ".volta"),
];

/// Why a variable is in a run's environment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It is on the list that every run gets.
    Allowed,
    /// monban sets it.
    Monban,
    /// `[isolation] pass` names it.
    Isolation,
    /// The agent's file sets or names it.
    AgentFile,
    /// The person's config.toml sets or names it.
    Person,
    /// It logs the agent in.
    Login,
}

/// One variable as a person may see it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EnvironmentEntry {
    /// Its name.
    pub name: String,
    /// Its value, or `***` for what the person or a login put there.
    pub shown: String,
    /// Why it is there.
    pub why: Why,
}

/// The effective environment of a run, for `show`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EnvironmentReport {
    /// Every variable of the run.
    pub entries: Vec<EnvironmentEntry>,
    /// How many of the person's variables were kept.
    pub kept: usize,
    /// How many of the person's variables were left out.
    pub dropped: usize,
    /// What keeps the run apart.
    pub isolation: &'static str,
    /// What is said of proxies.
    pub proxy: &'static str,
}

/// Collects the environment of one run.
pub(super) struct Environment<'a> {
    agent: &'a str,
    host: &'a Host,
    entries: BTreeMap<String, (String, Why)>,
}

impl<'a> Environment<'a> {
    pub(super) fn new(agent: &'a str, host: &'a Host) -> Self {
        Self { agent, host, entries: BTreeMap::new() }
    }

    /// The variables that every run gets.
    pub(super) fn allow(&mut self) {
        for (name, value) in &self.host.environment {
            if ALLOWED.contains(&name.as_str()) || name.starts_with("LC_") {
                self.set(name, value, Why::Allowed);
            }
        }
        if !self.entries.contains_key("LANG") && !self.entries.contains_key("LC_ALL") {
            self.set("LANG", self.host.os.utf8_locale(), Why::Monban);
        }
    }

    /// What `[isolation] pass` names; toolchain homes have defaults.
    pub(super) fn isolation_pass(&mut self, names: &[String]) -> Result<(), Refusal> {
        let home = self.host.environment.get("HOME").cloned().unwrap_or_default();
        for name in names {
            let default = TOOLCHAIN_HOMES.iter().find(|(known, _)| known == name);
            let default = default.map(|(_, folder)| Path::new(&home).join(folder));
            let folder = default.filter(|folder| folder.is_absolute() && folder.is_dir());
            let folder = folder.and_then(|folder| folder.to_str().map(String::from));
            let value = self.host.environment.get(name).cloned().or(folder);
            self.person(name, value, Why::Isolation)?;
        }
        Ok(())
    }

    /// What is passed on by name.
    pub(super) fn pass(&mut self, names: &[String], why: Why) -> Result<(), Refusal> {
        for name in names {
            let value = self.host.environment.get(name).cloned();
            self.person(name, value, why)?;
        }
        Ok(())
    }

    /// What somebody other than monban sets or passes, if it is there.
    pub(super) fn person(
        &mut self,
        name: &str,
        value: Option<String>,
        why: Why,
    ) -> Result<(), Refusal> {
        if is_proxy(name) {
            let (agent, name) = (self.agent.to_string(), name.to_string());
            return Err(Refusal::ProxyVariable { agent, name });
        }
        if name == "HOME" || name == "TERM" || name.starts_with("MONBAN_") {
            return Err(self.reserved(name));
        }
        if let Some(value) = value {
            self.set(name, &value, why);
        }
        Ok(())
    }

    pub(super) fn reserved(&self, name: &str) -> Refusal {
        Refusal::ReservedVariable { agent: self.agent.to_string(), name: name.to_string() }
    }

    pub(super) fn set(&mut self, name: &str, value: &str, why: Why) {
        self.entries.insert(name.to_string(), (value.to_string(), why));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.entries.remove(name);
    }

    /// The environment and what a person is shown of it.
    pub(super) fn finish(self) -> (BTreeMap<String, String>, EnvironmentReport) {
        let host = &self.host.environment;
        let is_kept = |name: &&String| host.get(*name) == self.entries.get(*name).map(|(v, _)| v);
        let kept = host.keys().filter(is_kept).count();
        let entries = self.entries.iter().map(|(name, (value, why))| {
            let shown = shown(name, value, *why, host.get(name) == Some(value));
            EnvironmentEntry { name: name.clone(), shown, why: *why }
        });
        let report = EnvironmentReport {
            entries: entries.collect(),
            kept,
            dropped: host.len() - kept,
            isolation: "host + worktree",
            proxy: "none (not network isolation)",
        };
        let environment = self.entries.into_iter().map(|(name, (value, _))| (name, value));
        (environment.collect(), report)
    }
}

/// Proxy variables in either case, of whatever program: `https_proxy`, `npm_config_proxy`, ... The
/// one exception is Go's module mirror, which only shares the word.
fn is_proxy(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("proxy") && name != "goproxy"
}

/// What the person or a login put there may be a secret, also what the agent's file only passes on;
/// so may our token.
fn shown(name: &str, value: &str, why: Why, is_passed: bool) -> String {
    let is_public = match why {
        Why::Allowed => true,
        Why::AgentFile => !is_passed,
        Why::Monban => name != "MONBAN_REPORT_TOKEN",
        Why::Isolation => TOOLCHAIN_HOMES.iter().any(|(known, _)| *known == name),
        Why::Person | Why::Login => false,
    };
    if is_public { value.to_string() } else { "***".to_string() }
}

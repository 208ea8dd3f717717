//! The one way in which a git process is started (C-06).
//!
//! Nothing of the environment, of the person's or the system's configuration, and no directory
//! named in a worktree reaches git: the caller pins the directories, the settings below override
//! what a repository's own configuration could use to run a program, and no shell is involved.

use super::error::GitError;
use super::object::Report;
use super::process::Running;
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Settings that every git process gets; they win over any configuration file.
const SETTINGS: &[(&str, &str)] = &[
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.commitGraph", "false"),
    ("core.multiPackIndex", "false"),
    ("core.untrackedCache", "false"),
    ("core.splitIndex", "false"),
    ("core.alternateRefsCommand", "false"),
    ("core.sshCommand", "false"),
    ("core.editor", "false"),
    ("core.pager", "cat"),
    ("credential.helper", ""),
    ("protocol.allow", "never"),
    ("submodule.recurse", "false"),
    ("commit.gpgSign", "false"),
    ("gpg.program", "false"),
    ("diff.external", ""),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
];

/// Longest standard output that is kept unless the caller says otherwise.
const OUTPUT_BYTES: u64 = 64 << 20;
/// How long a git process may run unless the caller says otherwise.
const LIMIT: Duration = Duration::from_secs(120);
/// The limit of steps that grow with the repository.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// The directories a git process works with, all computed by us.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dirs {
    pub git_dir: PathBuf,
    pub common_dir: PathBuf,
    pub work_tree: Option<PathBuf>,
    pub objects: Option<PathBuf>,
    pub index: Option<PathBuf>,
}

/// A git process to be run.
pub(crate) struct Git {
    pub what: String,
    arguments: Vec<OsString>,
    pub dirs: Dirs,
    settings: Vec<(String, String)>,
    variables: Vec<(&'static str, String)>,
    pub input: Input,
    pub limit: Duration,
    pub output_bytes: u64,
    pub accepted: &'static [i32],
    pub progress: Option<&'static str>,
}

pub(crate) enum Input {
    Bytes(Vec<u8>),
    From(Box<Git>),
}

/// What a git process that did not fail left.
#[derive(Debug)]
pub(crate) struct Output {
    pub code: i32,
    pub stdout: Vec<u8>,
}

impl Git {
    pub fn new(dirs: &Dirs, what: &str) -> Self {
        Self {
            what: what.to_string(),
            arguments: vec![what.into()],
            dirs: dirs.clone(),
            settings: Vec::new(),
            variables: Vec::new(),
            input: Input::Bytes(Vec::new()),
            limit: LIMIT,
            output_bytes: OUTPUT_BYTES,
            accepted: &[0],
            progress: None,
        }
    }

    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub fn args<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments.extend(arguments.into_iter().map(OsString::from));
        self
    }

    pub fn settings(mut self, settings: &[(String, String)]) -> Self {
        self.settings.extend_from_slice(settings);
        self
    }

    pub fn variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Bytes(bytes.into());
        self
    }

    /// Feeds this process with the output of `feeder`, which runs beside it.
    pub fn input_from(mut self, feeder: Git) -> Self {
        self.input = Input::From(Box::new(feeder));
        self
    }

    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    pub fn output_bytes(mut self, bytes: u64) -> Self {
        self.output_bytes = bytes;
        self
    }

    /// Exit codes that are answers rather than failures.
    pub fn accept(mut self, codes: &'static [i32]) -> Self {
        self.accepted = codes;
        self
    }

    /// Reports git's own "(done/total)" on standard error under the name `what`.
    pub fn progress(mut self, what: &'static str) -> Self {
        self.progress = Some(what);
        self
    }

    /// Runs it where nothing needs to be said or stopped.
    pub fn run(self) -> Result<Output, GitError> {
        self.run_reporting(&mut |_| ControlFlow::Continue(()))
    }

    /// Runs it to its end, its time limit or the wish to stop.
    pub fn run_reporting(self, report: &mut Report<'_>) -> Result<Output, GitError> {
        Running::start(self)?.wait(report)
    }

    /// Runs it and gives its output as text without the final line break.
    pub fn text(self) -> Result<String, GitError> {
        let output = self.run()?.stdout;
        Ok(String::from_utf8_lossy(output.trim_ascii_end()).into_owned())
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.args(&self.arguments).env_clear().process_group(0);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.current_dir(self.dirs.work_tree.as_ref().unwrap_or(&self.dirs.git_dir));
        command.env("GIT_DIR", &self.dirs.git_dir).env("GIT_COMMON_DIR", &self.dirs.common_dir);
        let optional = [
            ("GIT_WORK_TREE", &self.dirs.work_tree),
            ("GIT_OBJECT_DIRECTORY", &self.dirs.objects),
            ("GIT_INDEX_FILE", &self.dirs.index),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        for (name, value) in FIXED {
            command.env(name, value);
        }
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        let own = self.settings.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let settings: Vec<(&str, &str)> = own.chain(SETTINGS.iter().copied()).collect();
        command.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (at, (key, value)) in settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{at}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{at}"), value);
        }
        command.stderr(Stdio::piped()).stdout(Stdio::piped());
        command
    }
}

/// Environment that every git process gets.
const FIXED: &[(&str, &str)] = &[
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", "false"),
    ("GIT_NO_LAZY_FETCH", "1"),
    // Allows no protocol: a configuration could turn single ones on again, such as `ext`.
    ("GIT_ALLOW_PROTOCOL", "none"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_GRAFT_FILE", "/dev/null"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_ADVICE", "0"),
    ("LC_ALL", "C"),
];

/// Checks that a git program is there and new enough (2.31 has the settings by environment).
pub(crate) fn check_version(place: &Path) -> Result<(), GitError> {
    let dirs = Dirs { git_dir: place.into(), common_dir: place.into(), ..Dirs::default() };
    let text = Git::new(&dirs, "version").text()?;
    let mut numbers = text
        .split_whitespace()
        .nth(2)
        .unwrap_or_default()
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < (2, 31) {
        return Err(GitError::NoGit(format!("{text} is too old")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dirs(folder: &Path) -> Dirs {
        Dirs { git_dir: folder.into(), common_dir: folder.into(), ..Dirs::default() }
    }

    #[test]
    fn a_git_that_hangs_is_killed_at_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let waiting = Git::new(&dirs(folder.path()), "-c")
            .args(["alias.wait=!sleep 1000", "wait"])
            .limit(Duration::from_millis(50));
        assert!(matches!(waiting.run(), Err(GitError::TimedOut { .. })));
    }

    #[test]
    fn output_over_its_bound_is_an_error_and_not_a_prefix() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::new(&dirs(folder.path()), "version").output_bytes(3);
        assert!(matches!(git.run(), Err(GitError::TooLarge { .. })));
    }

    #[test]
    fn what_git_says_when_it_fails_is_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = Git::new(&dirs(folder.path()), "cat-file").args(["-e", "zz"]).run();
        assert!(error.unwrap_err().to_string().contains("not a git repository"));
    }

    /// Git before 2.44 fetches missing objects whatever we say, by a program if the configuration
    /// wants so.
    #[test]
    fn no_protocol_is_spoken_even_if_the_repository_allows_it() {
        let folder = tempfile::tempdir().unwrap();
        let allowed = [("protocol.ext.allow".to_string(), "always".to_string())];
        let fetching = Git::new(&dirs(folder.path()), "ls-remote").settings(&allowed);
        let canary = folder.path().join("canary");
        let error = fetching.arg(format!("ext::touch {}", canary.display())).run().unwrap_err();
        assert!(error.to_string().contains("transport 'ext' not allowed"), "{error}");
        assert!(!canary.exists());
    }

    #[test]
    fn nothing_of_our_environment_reaches_git_but_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::new(&dirs(folder.path()), "-c").args(["alias.env=!env", "env"]);
        let text = git.text().unwrap();
        let known = |line: &&str| {
            let name = line.split('=').next().unwrap_or_default();
            name.starts_with("GIT_")
                || ["PATH", "LC_ALL", "PWD", "OLDPWD", "_", "SHLVL"].contains(&name)
        };
        let strange: Vec<&str> = text.lines().filter(|line| !known(line)).collect();
        assert!(strange.is_empty(), "{strange:?}");
    }
}

//! A person's terminals: tmux with a server of its own, windows of a fixed size, keys that are sent
//! and screens that are read. Nothing of it is left when it is dropped.

use super::instance::Instance;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// How long anything may take to show before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long before something is tried again.
const AGAIN: Duration = Duration::from_secs(3);
/// The prompt of the shell in each window.
const PROMPT: &str = "shell$ ";
/// What a terminal is asked for that a program may have left on.
const MODES: &str = "#{alternate_on} #{mouse_any_flag}#{mouse_sgr_flag} #{cursor_flag} \
    #{wrap_flag} #{scroll_region_upper}-#{scroll_region_lower} #{keypad_flag} #{insert_flag}";

/// The server.
pub struct Tmux {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
    at: PathBuf,
}

/// One of its windows: a terminal with a shell in it.
pub struct Window<'a> {
    tmux: &'a Tmux,
    name: String,
}

/// Whether tmux can be used here; the reason is for `not_run`.
pub fn is_missing() -> Option<String> {
    let version = Command::new("tmux").arg("-V").stdin(Stdio::null()).output();
    let is_there = version.is_ok_and(|output| output.status.success());
    (!is_there).then(|| "tmux is not installed".to_string())
}

impl Tmux {
    /// A server whose shells stand in the instance's repository and find its program. `front` is
    /// put in front of PATH.
    pub fn start(instance: &Instance, front: &[PathBuf]) -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_monban"));
        let path = std::env::var_os("PATH").unwrap();
        let own = program.parent().unwrap().to_path_buf();
        let folders = front.iter().cloned().chain([own]).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).unwrap().into_string().unwrap();
        let environment: Vec<(String, String)> = [
            ("PATH", path.as_str()),
            ("HOME", &instance.home.display().to_string()),
            ("MONBAN_HOME", &instance.home.display().to_string()),
            ("USER", "dj"),
            ("TERM", "xterm-256color"),
            ("LC_ALL", "C.UTF-8"),
        ]
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .into();
        let folder = tempfile::Builder::new().prefix("mbt").tempdir().unwrap();
        Self { folder, environment, at: instance.repository.clone() }
    }

    /// A window of a size with a shell in it.
    pub fn window(&self, name: &str, cols: u16, rows: u16) -> Window<'_> {
        let (cols, rows) = (cols.to_string(), rows.to_string());
        let size = ["-x", cols.as_str(), "-y", rows.as_str()];
        // Told to this shell alone: the one that tmux starts it by may unset it.
        let shell = format!("exec env PS1='{PROMPT}' sh");
        // A session for each: windows of one session share a size.
        self.run(&[&["new-session", "-d", "-s", name][..], &size, &[&shell]].concat());
        for (option, value) in [("status", "off"), ("remain-on-exit", "off")] {
            self.run(&["set-option", "-t", name, option, value]);
        }
        let window = Window { tmux: self, name: name.to_string() };
        window.shows(PROMPT.trim_end());
        window
    }

    fn output(&self, args: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.env_clear().envs(self.environment.iter().cloned());
        command.env("TMUX_TMPDIR", self.folder.path()).current_dir(&self.at).stdin(Stdio::null());
        // A name of its own in a folder of its own; the person's configuration is not read.
        command.args(["-u", "-L", "monban-test", "-f", "/dev/null"]).args(args);
        command.output().unwrap()
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> String {
        let output = self.output(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {args:?}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.output(&["kill-server"]);
    }
}

impl Window<'_> {
    /// Presses keys, by tmux's names.
    #[track_caller]
    pub fn press(&self, keys: &[&str]) {
        self.tmux.run(&[&["send-keys", "-t", &self.name], keys].concat());
    }

    /// Types text, in one piece.
    #[track_caller]
    pub fn text(&self, text: &str) {
        self.tmux.run(&["send-keys", "-t", &self.name, "-l", "--", text]);
    }

    /// Types a command line to the shell.
    #[track_caller]
    pub fn line(&self, text: &str) {
        self.text(text);
        self.press(&["Enter"]);
    }

    /// What it shows, in lines without trailing blanks.
    #[track_caller]
    pub fn screen(&self) -> String {
        self.tmux.run(&["capture-pane", "-p", "-t", &self.name])
    }

    /// What it shows, with its colours.
    #[track_caller]
    pub fn colours(&self) -> String {
        self.tmux.run(&["capture-pane", "-e", "-N", "-p", "-t", &self.name])
    }

    /// Waits for the screen to be as `is_so` wants it; gives that screen.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let found = super::wait_for(PATIENCE, || {
            last = self.screen();
            is_so(&last).then(|| last.clone())
        });
        found.unwrap_or_else(|| panic!("{what} never showed:\n{last}"))
    }

    /// Waits for text on the screen; gives that screen.
    #[track_caller]
    pub fn shows(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    /// Waits until it says for how long no answer has come; gives that screen.
    #[track_caller]
    pub fn waits_for_an_answer(&self) -> String {
        let seconds = |screen: &str| {
            let said = screen.split_once("no answer for ");
            said.is_some_and(|(_, after)| after.starts_with(|c: char| c.is_ascii_digit()))
        };
        self.until("that no answer comes", seconds)
    }

    /// Waits for text to be off the screen.
    #[track_caller]
    pub fn hides(&self, text: &str) -> String {
        self.until(&format!("a screen without {text}"), |screen| !screen.contains(text))
    }

    /// Waits for the screen to stand still, and gives it.
    #[track_caller]
    pub fn settled(&self) -> String {
        let mut before = self.screen();
        let mut same = 0;
        let found = super::wait_for(PATIENCE, || {
            let now = self.screen();
            same = if now == before { same + 1 } else { 0 };
            before = now;
            (same > 10).then(|| before.clone())
        });
        found.unwrap_or_else(|| panic!("the screen never stands still:\n{before}"))
    }

    /// Presses a key until text shows, each time `before` does: a dialog that arms takes no key.
    #[track_caller]
    pub fn press_until(&self, key: &str, text: &str, before: &str) {
        self.again_until(text, before, || self.press(&[key]));
    }

    /// Types a word into an empty field until text shows, as [`Self::press_until`] does.
    #[track_caller]
    pub fn type_until(&self, word: &str, text: &str, before: &str) {
        self.again_until(text, before, || {
            self.press(&["C-u"]);
            self.shows(before);
            self.text(word);
        });
    }

    #[track_caller]
    fn again_until(&self, text: &str, before: &str, act: impl Fn()) {
        let seen = super::wait_for(PATIENCE, || {
            self.shows(before);
            act();
            super::wait_for(AGAIN, || self.screen().contains(text).then_some(()))
        });
        seen.unwrap_or_else(|| panic!("{text} never showed:\n{}", self.screen()));
    }

    /// Gives it another size.
    #[track_caller]
    pub fn resize(&self, cols: u16, rows: u16) {
        let (cols, rows) = (cols.to_string(), rows.to_string());
        self.tmux.run(&["resize-window", "-t", &self.name, "-x", &cols, "-y", &rows]);
    }

    /// What a program may have left on in it.
    #[track_caller]
    pub fn modes(&self) -> String {
        self.tmux.run(&["display-message", "-p", "-t", &self.name, MODES])
    }

    /// Whether a program has the alternate screen, or the mouse.
    #[track_caller]
    pub fn is_taken(&self) -> bool {
        let flags = "#{alternate_on}#{mouse_any_flag}";
        self.tmux.run(&["display-message", "-p", "-t", &self.name, flags]).trim() != "00"
    }

    /// What `stty -a` says in it, which must be at its shell's prompt.
    #[track_caller]
    pub fn stty(&self) -> String {
        self.line("clear; stty -a; echo end of stty");
        let is_whole = |screen: &str| screen.lines().any(|line| line == "end of stty");
        let screen = self.until("stty", is_whole);
        // What was typed may stand there too.
        let is_said = |line: &&str| line.contains(';') && !line.contains("stty");
        screen.lines().filter(is_said).collect()
    }

    /// The process of the program that the shell runs.
    #[track_caller]
    pub fn program(&self) -> i32 {
        let shell = self.tmux.run(&["display-message", "-p", "-t", &self.name, "#{pane_pid}"]);
        let listed = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let mut pairs = listed.lines().map(str::split_whitespace);
        let child = pairs.find_map(|mut words| {
            let (pid, parent) = (words.next()?, words.next()?);
            (parent == shell.trim()).then(|| pid.parse::<i32>().ok())?
        });
        child.unwrap()
    }

    /// Takes the terminal away from what runs in it.
    pub fn close(self) {
        self.tmux.run(&["kill-session", "-t", &self.name]);
    }
}

//! Whether agents go on when the person logs out, and what a login over SSH does not reach.

use super::Row;
use crate::base::durable;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where systemd looks for logind's settings, what counts more first.
const FOLDERS: [&str; 4] =
    ["etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd"];
/// The size of a file of settings.
const FILE_BYTES_MAX: u64 = 256 << 10;
const SETTING: &str = "KillUserProcesses";

/// The rows that this system has.
pub(super) fn rows() -> Vec<Row> {
    if cfg!(target_os = "macos") {
        let is_far = std::env::var_os("SSH_CONNECTION").is_some();
        return vec![desktop(), keychain(is_far)];
    }
    if !Path::new("/run/systemd/system").is_dir() {
        return vec![Row::new("ok", "logout", "no systemd here that would end agents", "")];
    }
    vec![linger(lingers(Path::new("/"))), kill(kills(Path::new("/")))]
}

fn desktop() -> Row {
    let found = "agents go on when a terminal or ssh ends; logging out of the desktop ends them";
    Row::new("warn", "logout", found, "stay logged in while agents work")
}

/// The Mac's keychain is locked for what was started over SSH.
fn keychain(is_far: bool) -> Row {
    if !is_far {
        return Row::new("ok", "keychain", "this terminal is the Mac's own", "");
    }
    let found =
        "over SSH the login keychain is locked: an agent whose login is kept there has none";
    let cure = "start the daemon from a terminal on the Mac itself, or as a LaunchAgent (`monban \
                daemon install`), or log agents in by a key or token: `monban auth`";
    Row::new("warn", "keychain", found, cure)
}

/// Whether the person lingers: their services and their folder below /run stay after a logout.
fn lingers(root: &Path) -> bool {
    let user = rustix::process::getuid().as_raw().to_string();
    let mut ask = Command::new("loginctl");
    ask.args(["show-user", "--property=Linger", "--value", &user]).stdin(Stdio::null());
    let says = ask.output().map(|output| output.stdout.trim_ascii().to_vec()).unwrap_or_default();
    // It knows nothing of somebody who is logged in nowhere.
    says == b"yes" || is_listed(root, std::env::var_os("USER"))
}

fn is_listed(root: &Path, name: Option<OsString>) -> bool {
    let folder = root.join("var/lib/systemd/linger");
    name.filter(|name| !name.is_empty()).is_some_and(|name| folder.join(name).is_file())
}

fn linger(lingers: bool) -> Row {
    match lingers {
        true => Row::new("ok", "linger", "your services go on when you log out", ""),
        false => {
            let found = "you do not linger: a daemon that is a service ends when you log out";
            Row::new("warn", "linger", found, "`loginctl enable-linger`, once")
        }
    }
}

fn kill(kills: Option<bool>) -> Row {
    let what = "logout";
    let cure = "`monban daemon install` makes the daemon a service, which with linger is no part of \
                your session";
    match kills {
        Some(false) => Row::new("ok", what, format!("{SETTING}=no: agents go on"), ""),
        Some(true) => {
            let found = format!("{SETTING}=yes: what you started ends when you log out");
            Row::new("warn", what, found, cure)
        }
        None => {
            let found = format!("{SETTING} is set nowhere: logging out may end what you started");
            Row::new("warn", what, found, cure)
        }
    }
}

/// What logind is told about processes of a session that ends: of the main file, then of the
/// drop-ins in the order of their names, the last word counts. Without one, the comment in which a
/// system names its default.
fn kills(root: &Path) -> Option<bool> {
    let folders = FOLDERS.map(|folder| root.join(folder));
    let main = folders.iter().map(|folder| folder.join("logind.conf")).find(|path| path.is_file());
    let mut drop_ins: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for folder in &folders {
        let entries = std::fs::read_dir(folder.join("logind.conf.d"));
        for entry in entries.into_iter().flatten().flatten() {
            let is_conf = entry.path().extension().is_some_and(|ending| ending == "conf");
            if is_conf {
                drop_ins.entry(entry.file_name()).or_insert_with(|| entry.path());
            }
        }
    }
    let read = |path: PathBuf| {
        let bytes = durable::read(&path, FILE_BYTES_MAX).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let main = main.map(read).unwrap_or_default();
    let all: Vec<String> =
        [main.clone()].into_iter().chain(drop_ins.into_values().map(read)).collect();
    let set = all.iter().flat_map(|text| text.lines()).filter_map(value);
    let default = main.lines().filter_map(|line| value(line.trim_start().strip_prefix('#')?));
    set.last().or_else(|| default.last())
}

/// The value of the setting, if the line sets it.
fn value(line: &str) -> Option<bool> {
    let (name, value) = line.split_once('=')?;
    if name.trim() != SETTING {
        return None;
    }
    match value.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" | "y" | "t" => Some(true),
        "no" | "false" | "off" | "0" | "n" | "f" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn the_last_word_about_processes_counts() {
        const MAIN: &str = "etc/systemd/logind.conf";
        let all: [(&[(&str, &str)], Option<bool>); 6] = [
            (&[], None),
            (&[(MAIN, "[Login]\n#KillUserProcesses=no\n")], Some(false)),
            (&[(MAIN, "#KillUserProcesses=no\nKillUserProcesses = yes\n")], Some(true)),
            (
                &[
                    (MAIN, "KillUserProcesses=yes\n"),
                    ("usr/lib/systemd/logind.conf.d/50-x.conf", "[Login]\nKillUserProcesses=no\n"),
                    ("etc/systemd/logind.conf.d/90-note.txt", "KillUserProcesses=yes\n"),
                ],
                Some(false),
            ),
            // A file of the same name elsewhere is hidden by the one that counts more.
            (
                &[
                    ("usr/lib/systemd/logind.conf.d/50-x.conf", "KillUserProcesses=yes\n"),
                    ("etc/systemd/logind.conf.d/50-x.conf", "KillUserProcesses=no\n"),
                ],
                Some(false),
            ),
            (&[("usr/lib/systemd/logind.conf", "KillUserProcesses=maybe\n")], None),
        ];
        for (files, expected) in all {
            assert_eq!(kills(root(files).path()), expected, "{files:?}");
        }
    }

    #[test]
    fn who_is_listed_lingers() {
        let root = root(&[("var/lib/systemd/linger/ann", "")]);
        assert!(is_listed(root.path(), Some("ann".into())));
        assert!(!is_listed(root.path(), Some("bob".into())));
        assert!(!is_listed(root.path(), Some("".into())) && !is_listed(root.path(), None));
    }

    #[test]
    fn each_row_that_warns_says_what_to_do() {
        let rows = [linger(false), kill(Some(true)), kill(None), keychain(true), desktop()];
        for row in rows {
            assert_eq!(row.verdict, "warn");
            assert!(!row.found.is_empty() && !row.cure.is_empty(), "{}", row.what);
        }
        for row in [linger(true), kill(Some(false)), keychain(false)] {
            assert_eq!(row.verdict, "ok");
        }
    }
}

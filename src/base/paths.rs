//! Where monban keeps its own files: configuration, state and sockets.

use super::foreign::Foreign;
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The longest path of a folder of sockets: a socket's own path has at most 103 bytes on every
/// system, and the longest name in there is `v9999999-99.sock`.
const RUN_BYTES_MAX: usize = 103 - 24;

/// The three roots of a monban instance. `MONBAN_HOME` puts all of them under one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The person's `config.toml`.
    pub config_file: PathBuf,
    /// Event log, transcripts, stores, worktrees.
    pub state: PathBuf,
    /// Sockets.
    pub run: PathBuf,
}

/// Why a private folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// The folder could not be made or looked at.
    #[error("cannot use {path}: {source}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else could read or replace what is inside.
    #[error(
        "{path} is not private to you ({what}); remove it or set MONBAN_HOME to a folder of yours"
    )]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A folder that would mean another place for every program.
    #[error("MONBAN_HOME is `{0}`, not an absolute path; set it to one that begins with `/`")]
    Relative(PathBuf),
    /// Sockets cannot be made in so deep a folder.
    #[error(
        "the folder for sockets, {path}, is {} bytes long and a socket's folder has at most \
         {RUN_BYTES_MAX}; set MONBAN_HOME (or XDG_RUNTIME_DIR) to a shorter path",
        path.as_os_str().len()
    )]
    TooLong {
        /// The folder.
        path: PathBuf,
    },
    /// A folder whose name cannot be told: it goes into events, messages and environments.
    #[error(
        "the path {} is not UTF-8; set MONBAN_HOME to a folder whose path is",
        Foreign::from_bytes(.0.as_os_str().as_encoded_bytes())
    )]
    NotUtf8(PathBuf),
    /// Neither HOME nor MONBAN_HOME is set.
    #[error("neither HOME nor MONBAN_HOME is set; set MONBAN_HOME to a folder for monban's state")]
    NoHome,
}

impl Places {
    /// The roots for the environment given by `variable`, which looks a variable up.
    ///
    /// # Errors
    /// They cannot be told, or no socket could be made there.
    pub fn from_environment(
        variable: impl Fn(&str) -> Option<OsString>,
        user_id: u32,
    ) -> Result<Self, PathError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(root) = set("MONBAN_HOME") {
            if !root.is_absolute() {
                return Err(PathError::Relative(root));
            }
            return Self::under(&root).fitting();
        }
        // The XDG specification has relative paths ignored.
        let absolute = |name: &str| set(name).filter(|path| path.is_absolute());
        let home = absolute("HOME").ok_or(PathError::NoHome)?;
        let config = absolute("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        let state = absolute("XDG_STATE_HOME").unwrap_or_else(|| home.join(".local/state"));
        let run = match absolute("XDG_RUNTIME_DIR") {
            Some(folder) => folder.join("monban"),
            None => PathBuf::from(format!("/tmp/monban-{user_id}")),
        };
        let places = Self {
            config_file: config.join("monban/config.toml"),
            state: state.join("monban"),
            run,
        };
        places.fitting()
    }

    fn fitting(self) -> Result<Self, PathError> {
        if self.run.as_os_str().len() > RUN_BYTES_MAX {
            return Err(PathError::TooLong { path: self.run });
        }
        for path in [&self.config_file, &self.state, &self.run] {
            if path.to_str().is_none() {
                return Err(PathError::NotUtf8(path.clone()));
            }
        }
        Ok(self)
    }

    /// All roots under one folder.
    pub fn under(root: &Path) -> Self {
        Self {
            config_file: root.join("config.toml"),
            state: root.join("state"),
            run: root.join("run"),
        }
    }

    /// The socket on which the daemon serves people.
    pub fn socket(&self) -> PathBuf {
        self.run.join("d.sock")
    }

    /// The tokens that the person gave to `monban auth`.
    pub fn kept_logins(&self) -> PathBuf {
        self.state.join("logins.json")
    }

    /// The socket on which runs report, and which accepts nothing but reports.
    pub fn report_socket(&self) -> PathBuf {
        self.run.join("r.sock")
    }
}

/// Makes `path` a folder that only its owner can enter, or says why it cannot be trusted.
pub fn private_folder(path: &Path, user_id: u32) -> Result<(), PathError> {
    let failed = |source| PathError::Io { path: path.to_path_buf(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    is_private(path, user_id)
}

/// Checks that only its owner can enter the folder `path`, without making it.
///
/// # Errors
/// It is not there, or cannot be trusted.
pub fn is_private(path: &Path, user_id: u32) -> Result<(), PathError> {
    let failed = |source| PathError::Io { path: path.to_path_buf(), source };
    let metadata = fs::symlink_metadata(path).map_err(failed)?;
    let not_ours = |what: String| PathError::NotOurs { path: path.to_path_buf(), what };
    if !metadata.is_dir() {
        return Err(not_ours("it is not a folder".into()));
    }
    if metadata.uid() != user_id {
        return Err(not_ours(format!("it belongs to user {}", metadata.uid())));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(not_ours(format!("its mode is {mode:o}, not 700")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(pairs: &[(&str, &str)]) -> Result<Places, PathError> {
        let find = |name: &str| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        Places::from_environment(find, 1000)
    }

    #[test]
    fn monban_home_holds_everything() {
        let places = places(&[("MONBAN_HOME", "/m"), ("HOME", "/h")]).unwrap();
        assert_eq!(places, Places::under(Path::new("/m")));
    }

    #[test]
    fn the_xdg_folders_are_used_and_have_defaults() {
        let places = places(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")]).unwrap();
        assert_eq!(places.state, Path::new("/s/monban"));
        assert_eq!(places.config_file, Path::new("/h/.config/monban/config.toml"));
        assert_eq!(places.run, Path::new("/tmp/monban-1000"));
    }

    #[test]
    fn what_cannot_be_used_is_said_and_relative_xdg_folders_are_ignored() {
        assert!(matches!(places(&[]), Err(PathError::NoHome)));
        assert!(matches!(places(&[("MONBAN_HOME", "m")]), Err(PathError::Relative(_))));
        let deep = format!("/{}", "d".repeat(80));
        let error = places(&[("MONBAN_HOME", &deep)]).unwrap_err().to_string();
        assert!(error.contains("shorter path") && error.contains("85 bytes"), "{error}");
        let places = places(&[("HOME", "/h"), ("XDG_STATE_HOME", "s")]).unwrap();
        assert_eq!(places.state, Path::new("/h/.local/state/monban"));
    }

    #[test]
    fn a_folder_others_can_enter_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let user = fs::metadata(folder.path()).unwrap().uid();
        let path = folder.path().join("run");
        private_folder(&path, user).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let error = private_folder(&path, user).unwrap_err().to_string();
        assert!(error.contains("its mode is 755"), "{error}");
        assert!(private_folder(&path, user + 1).unwrap_err().to_string().contains("belongs to"));
    }
}

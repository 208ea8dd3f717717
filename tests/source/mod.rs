//! The project's own files as text, for the tests that check how it is written.
//!
//! Finds files, blanks what is not code, and lists the paths that code names. It knows no rules.

#![allow(dead_code, reason = "each test program that includes this uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a helper of tests may fail")]

pub mod paths;
pub mod scan;

use std::path::{Path, PathBuf};

/// A file of the project: its path from the root, with `/`, and its text.
pub struct Source {
    /// Path from the project's root.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// The project's root folder.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every UTF-8 file below `folder` (from the root) whose path `wanted` accepts, sorted by path.
/// Build output, git's own files and installed packages are never looked at.
pub fn files(folder: &str, wanted: impl Fn(&str) -> bool) -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let name = relative(&root, &path);
            if path.is_symlink() || skipped(&name) {
                continue;
            } else if path.is_dir() {
                folders.push(path);
            } else if wanted(&name)
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                found.push(Source { path: name, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Every Rust file below `folder`.
pub fn rust(folder: &str) -> Vec<Source> {
    files(folder, |path| path.ends_with(".rs"))
}

/// Whether the whole file is test code.
pub fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

fn skipped(path: &str) -> bool {
    matches!(path.rsplit('/').next(), Some(".git" | "node_modules")) || path == "target"
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/")
}

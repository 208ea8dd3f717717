//! The small values of the module: object ids, paths inside a repository, progress, reference
//! names.

use super::error::GitError;
use crate::base::foreign::Foreign;
use crate::base::hash::hex;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::ffi::OsStr;
use std::fmt;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::str::FromStr;

/// The id of a git object (SHA-1), written as 40 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; 20]);

impl ObjectId {
    /// The id that stands for "no object".
    pub(crate) const NONE: ObjectId = ObjectId([0; 20]);

    /// The twenty bytes of the id.
    pub fn bytes(&self) -> &[u8; 20] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn from_git2(id: git2::Oid) -> Self {
        Self::from_bytes(id.as_bytes()).unwrap_or(Self::NONE)
    }

    pub(crate) fn git2(self) -> git2::Oid {
        git2::Oid::from_bytes(&self.0).unwrap_or(git2::Oid::ZERO_SHA1)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectId {
    type Err = GitError;

    fn from_str(text: &str) -> Result<Self, GitError> {
        unhex(text)
            .and_then(|bytes| Self::from_bytes(&bytes))
            .ok_or_else(|| GitError::BadName(Foreign::new(text)))
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A path inside a repository: bytes between slashes, as git has them. In JSON it is a string where
/// it is UTF-8, and `{"hex": "…"}` where it is not, so that no two paths are written alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct RepoPath(pub Vec<u8>);

impl RepoPath {
    /// The path as a person may see it.
    pub fn shown(&self) -> String {
        Foreign::from_bytes(&self.0).shown()
    }

    /// The same bytes as a relative path of the system.
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }
}

impl From<&[u8]> for RepoPath {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenPath {
    Text(String),
    Bytes { hex: String },
}

impl Serialize for RepoPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => WrittenPath::Bytes { hex: hex(&self.0) }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RepoPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match WrittenPath::deserialize(deserializer)? {
            WrittenPath::Text(text) => Ok(Self(text.into_bytes())),
            WrittenPath::Bytes { hex } => {
                unhex(&hex).map(Self).ok_or_else(|| de::Error::custom("not hexadecimal"))
            }
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// How far a long step is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What is being done, for a person.
    pub what: &'static str,
    /// How many are done.
    pub done: u64,
    /// Of how many, where it is known.
    pub total: Option<u64>,
}

/// Called during long steps; `Break` asks the step to stop with [`GitError::Cancelled`].
pub type Report<'r> = dyn FnMut(Progress) -> ControlFlow<()> + 'r;

/// Tells `report`, and turns its wish to stop into the error.
pub(crate) fn tell(
    report: &mut Report<'_>,
    what: &'static str,
    done: u64,
    total: Option<u64>,
) -> Result<(), GitError> {
    match report(Progress { what, done, total }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(GitError::Cancelled),
    }
}

/// Checks that `name` is a full reference name by git's rules.
pub(crate) fn full_name(name: &str) -> Result<&str, GitError> {
    let part_is_bad = |part: &str| {
        part.is_empty() || part.starts_with('.') || part.ends_with('.') || part.ends_with(".lock")
    };
    let bad = name.len() > 1000
        || name.strip_prefix("refs/").is_none_or(|rest| !rest.contains('/'))
        || name.contains("..")
        || name.contains("@{")
        || name.split('/').any(part_is_bad)
        || name.bytes().any(|b| b <= b' ' || b == 0x7f || b"~^:?*[\\".contains(&b));
    if bad { Err(GitError::BadName(Foreign::new(name))) } else { Ok(name) }
}

/// Checks an id that becomes the last part of a reference and a file name.
pub(crate) fn plain_id(id: &str) -> Result<&str, GitError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if id.is_empty() || id.len() > 100 || !id.bytes().all(plain) {
        return Err(GitError::BadName(Foreign::new(id)));
    }
    Ok(id)
}

/// Whether one part of a path may be written to any disk: not empty, not `.` or `..`, and nothing
/// that some file system takes for `.git` (case, short names, characters that HFS+ drops, NTFS
/// streams).
pub(crate) fn safe_part(part: &[u8]) -> bool {
    if part.is_empty() || part == b"." || part == b".." || part.iter().any(|b| b"/\0".contains(b)) {
        return false;
    }
    if part.is_ascii() && !b".gG".contains(&part[0]) {
        return true;
    }
    let visible: String = match std::str::from_utf8(part) {
        Ok(text) => text.chars().filter(|c| !dropped_by_hfs(*c)).collect(),
        Err(_) => return true,
    };
    let lower = visible.to_ascii_lowercase();
    let name = lower.split(':').next().unwrap_or_default();
    let name = name.trim_end_matches(['.', ' ']);
    name != ".git" && name != "git~1"
}

fn dropped_by_hfs(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}'
        | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_survives_json() {
        for bytes in [b"a/b".as_slice(), b"a\xff/\n", "修正/\u{202e}x".as_bytes(), b""] {
            let path = RepoPath::from(bytes);
            let json = serde_json::to_string(&path).unwrap();
            assert_eq!(serde_json::from_str::<RepoPath>(&json).unwrap(), path, "{json}");
        }
    }

    #[test]
    fn names_that_a_disk_takes_for_dot_git_are_unsafe() {
        let unsafe_names = [
            "",
            ".",
            "..",
            ".git",
            ".GIT",
            ".Git ",
            "git~1",
            ".g\u{200c}it",
            ".git::$INDEX",
            "a/b",
        ];
        for name in unsafe_names {
            assert!(!safe_part(name.as_bytes()), "{name:?}");
        }
        for name in [".gitignore", "git", ".github", "...", "a\nb", "\u{202e}x", "-option", ";rm"] {
            assert!(safe_part(name.as_bytes()), "{name:?}");
        }
        assert!(safe_part(b"\xff\xfe"));
    }

    #[test]
    fn a_reference_name_that_git_would_interpret_is_refused() {
        for good in ["refs/heads/main", "refs/heads/;rm", "refs/heads/-x", "refs/monban/ready/1"] {
            assert!(full_name(good).is_ok(), "{good}");
        }
        let bad = [
            "main",
            "HEAD",
            "refs/heads/a..b",
            "refs/heads/a b",
            "refs/heads/x^{commit}",
            "refs/heads/x.lock",
            "refs/heads//x",
            "refs/heads/a\nb",
            "refs/heads/",
            "refs/heads/@{1}",
        ];
        for name in bad {
            assert!(full_name(name).is_err(), "{name}");
        }
    }
}

//! Globs over paths, which are bytes.
//!
//! `*` stays in its folder, `**` crosses them; a glob without a slash is meant in every folder, one
//! that begins with a slash at the root.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Some globs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Globs {
    globs: Vec<Glob>,
    set: GlobSet,
}

impl Globs {
    /// Reads globs.
    ///
    /// # Errors
    /// Which one is wrong, and why.
    pub fn new<S: AsRef<str>>(globs: &[S]) -> Result<Self, String> {
        let read = |glob: &S| {
            let glob = glob.as_ref();
            let anywhere = format!("**/{glob}");
            let meant = match glob.strip_prefix('/') {
                Some(rooted) => rooted,
                None if glob.contains('/') => glob,
                None => &anywhere,
            };
            GlobBuilder::new(meant).literal_separator(true).empty_alternates(true).build()
        };
        let globs = globs.iter().map(read).collect::<Result<Vec<_>, _>>();
        globs.and_then(Self::of).map_err(|error| error.to_string())
    }

    /// All of these as one: the fast answer for the many paths that fit none.
    ///
    /// # Errors
    /// They are too many to look for at once.
    pub fn together<'a>(all: impl Iterator<Item = &'a Globs>) -> Result<Self, String> {
        let globs = all.flat_map(|globs| &globs.globs).cloned().collect();
        Self::of(globs).map_err(|error| error.to_string())
    }

    fn of(globs: Vec<Glob>) -> Result<Self, globset::Error> {
        let mut set = GlobSetBuilder::new();
        for glob in &globs {
            set.add(glob.clone());
        }
        Ok(Self { set: set.build()?, globs })
    }

    /// Whether a path fits one of them.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.set.is_match(OsStr::from_bytes(path))
    }
}

impl TryFrom<Vec<String>> for Globs {
    type Error = String;

    fn try_from(globs: Vec<String>) -> Result<Self, String> {
        Self::new(&globs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_mean_what_people_expect() {
        let cases: [(&str, &[u8], bool); 12] = [
            ("*.rs", b"src/a/b.rs", true),
            ("/*.rs", b"src/b.rs", false),
            ("/*.rs", b"b.rs", true),
            ("src/**", b"src/a/b", true),
            ("src/**", b"lib/src/a", false),
            ("src/*.rs", b"src/a/b.rs", false),
            ("**/x/*", b"x/y", true),
            ("*.{ts,tsx}", b"a/b.tsx", true),
            ("{.,}hook{,-local}.yml", b"hook.yml", true),
            ("{.,}hook{,-local}.yml", b".hook-local.yml", true),
            ("*", b"\xff\n-x", true),
            ("a[0-9]", b"b/a7", true),
        ];
        for (glob, path, expected) in cases {
            let globs = Globs::new(&[glob]).unwrap();
            assert_eq!(globs.matches(path), expected, "{glob} {}", path.escape_ascii());
        }
        assert!(Globs::new(&["a[", "b"]).unwrap_err().contains("a["));
        assert!(!Globs::default().matches(b"a"));
        let both = [Globs::new(&["*.a"]).unwrap(), Globs::new(&["*.b"]).unwrap()];
        let both = Globs::together(both.iter()).unwrap();
        assert!(both.matches(b"x.b") && both.matches(b"x.a") && !both.matches(b"x.c"));
    }
}

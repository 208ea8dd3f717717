//! What is looked at: the files that differ between the recorded base and a snapshot, with the
//! bytes of both sides. An agent's own commits make no difference to it (U-01).

use super::parse::Parsed;
use super::syntax::{Language, Written, written};
use crate::base::foreign::Foreign;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Of how much source what was read is kept for the next check, since a tree is many times its
/// source. What is beyond is read again.
const KEPT_BYTES_MAX: usize = 4 << 20;
/// Git's mode of a symbolic link.
pub const MODE_LINK: u32 = 0o120_000;
/// Git's mode of a submodule.
pub const MODE_SUBMODULE: u32 = 0o160_000;

/// A change against the recorded base.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Change {
    /// The files that differ, by path.
    pub files: Vec<ChangedFile>,
    /// Messages of the commits the agent made itself (A-014).
    pub messages: Vec<Foreign>,
    /// The manifests of the crates that changed files belong to, changed or not, by their folders.
    pub manifests: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A file that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangedFile {
    /// Its path from the root of the repository; names are bytes.
    pub path: Vec<u8>,
    /// What was there; `None` for a new file.
    pub old: Option<Side>,
    /// What is there; `None` for a deleted one.
    pub new: Option<Side>,
    /// The lines of the new side that the old one does not have, numbered from 1, ascending. None
    /// for a file that is binary or too large to compare by lines.
    pub added: Vec<u32>,
    /// The lines of the old side that the new one does not have, in the same way.
    pub removed: Vec<u32>,
    /// Whether the file has no lines: binary, or too large to compare.
    pub is_binary: bool,
}

/// One side of a file: a blob, the target of a link, or a submodule's commit as text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Side {
    /// Git's mode.
    pub mode: u32,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What was read of it.
    pub(super) kept: Kept,
}

/// What one check read of a side, for the next. It says nothing that the bytes do not.
#[derive(Clone, Default)]
pub struct Kept {
    place: Option<Arc<OnceLock<Parsed>>>,
}

impl Kept {
    /// A place for it.
    pub(super) fn open() -> Self {
        Self { place: Some(Arc::default()) }
    }

    pub(super) fn get(&self, language: Language) -> Option<Parsed> {
        let parsed = self.place.as_ref()?.get()?;
        (parsed.language == language).then(|| parsed.clone())
    }

    pub(super) fn keep(&self, parsed: Parsed) -> Parsed {
        match &self.place {
            Some(place) if place.get().is_none() => {
                let _ = place.set(parsed.clone());
                parsed
            }
            _ => parsed,
        }
    }
}

impl PartialEq for Kept {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Kept {}

impl fmt::Debug for Kept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Kept")
    }
}

impl Change {
    /// A change, what is read of its first source kept from one check to the next.
    pub fn of(mut files: Vec<ChangedFile>, messages: Vec<Foreign>) -> Self {
        let mut left = KEPT_BYTES_MAX;
        for file in &mut files {
            for side in [&mut file.new, &mut file.old].into_iter().flatten() {
                let is_source = || matches!(written(&file.path, &side.bytes), Written::In(_));
                if let Some(rest) = left.checked_sub(side.bytes.len())
                    && is_source()
                {
                    left = rest;
                    side.kept = Kept::open();
                }
            }
        }
        Self { files, messages, manifests: BTreeMap::new() }
    }
}

impl Side {
    /// A side of which nothing is kept.
    pub fn of(mode: u32, bytes: Vec<u8>) -> Self {
        Self { mode, bytes, kept: Kept::default() }
    }
}

impl ChangedFile {
    /// The path, for a person.
    pub fn shown(&self) -> Foreign {
        Foreign::from_bytes(&self.path)
    }

    /// The added lines with their numbers, without their ends.
    pub fn added_lines(&self) -> impl Iterator<Item = (u32, &[u8])> {
        picked(self.new.as_ref(), &self.added)
    }

    /// The removed lines with their numbers in the old side, without their ends.
    pub fn removed_lines(&self) -> impl Iterator<Item = (u32, &[u8])> {
        picked(self.old.as_ref(), &self.removed)
    }
}

fn picked<'a>(side: Option<&'a Side>, numbers: &'a [u32]) -> impl Iterator<Item = (u32, &'a [u8])> {
    let mut wanted = numbers.iter().copied().peekable();
    let bytes = side.map_or(&[][..], |side| &side.bytes);
    (1..).zip(bytes.split(|byte| *byte == b'\n')).filter_map(move |(number, line)| {
        wanted.next_if_eq(&number).map(|_| (number, line.strip_suffix(b"\r").unwrap_or(line)))
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file with these sides; everything between their common beginning and end differs.
    pub(crate) fn file(path: &str, old: Option<&str>, new: Option<&str>) -> ChangedFile {
        let lines = |text: Option<&str>| -> Vec<String> {
            text.unwrap_or_default().split_terminator('\n').map(str::to_owned).collect()
        };
        let (before, after) = (lines(old), lines(new));
        let head = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
        let rest = before.len().min(after.len()) - head;
        let tail = before.iter().rev().zip(after.iter().rev());
        let tail = tail.take(rest).take_while(|(a, b)| a == b).count();
        let numbers = |count: usize| {
            let from = u32::try_from(head + 1).unwrap();
            (from..=u32::try_from(count - tail).unwrap()).collect()
        };
        let side = |text: &str| Side::of(0o100_644, text.into());
        ChangedFile {
            path: path.into(),
            old: old.map(side),
            new: new.map(side),
            added: numbers(after.len()),
            removed: numbers(before.len()),
            is_binary: false,
        }
    }

    #[test]
    fn only_the_lines_that_differ_are_picked_and_keep_their_numbers() {
        let changed = file("a", Some("one\ntwo\nthree\n"), Some("one\r\nTWO\r\nthree\n"));
        let added: Vec<_> = changed.added_lines().collect();
        assert_eq!(added, [(1, &b"one"[..]), (2, b"TWO")]);
        assert_eq!(changed.removed_lines().count(), 2);
        assert_eq!(file("a", None, Some("x")).added_lines().count(), 1);
        assert_eq!(file("a", Some("x\ny"), None).removed_lines().last(), Some((2, &b"y"[..])));
    }
}

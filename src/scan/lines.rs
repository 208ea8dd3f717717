//! The lines a file brings in, for checks that read text.

use super::change::{Change, ChangedFile, MODE_SUBMODULE, Side};
use std::borrow::Cow;
use std::collections::HashSet;

/// A line that a change brings in.
pub struct Line<'a> {
    /// Its number in the new side, from 1.
    pub number: u32,
    /// Its bytes, without its end and without NULs.
    pub text: Cow<'a, [u8]>,
    /// Whether there were NULs: data, or text in UTF-16, which reads as usual without them.
    pub is_data: bool,
}

/// The lines a file brings in. A file that was not compared by lines brings in those of its new
/// side that stand nowhere in the old one: a NUL byte is no way around a check.
pub fn brought(file: &ChangedFile) -> Lines<'_> {
    match file.is_binary {
        true => only_in(file.new.as_ref(), file.old.as_ref()),
        false => lines_of(file.new.as_ref(), file.added_lines()),
    }
}

/// The lines a file had and has no more, in the same way.
pub fn taken(file: &ChangedFile) -> Lines<'_> {
    match file.is_binary {
        true => only_in(file.old.as_ref(), file.new.as_ref()),
        false => lines_of(file.old.as_ref(), file.removed_lines()),
    }
}

type Lines<'a> = Box<dyn Iterator<Item = Line<'a>> + 'a>;

fn lines_of<'a>(
    side: Option<&'a Side>,
    lines: impl Iterator<Item = (u32, &'a [u8])> + 'a,
) -> Lines<'a> {
    match side {
        Some(side) if side.mode == MODE_SUBMODULE => Box::new(std::iter::empty()),
        _ => Box::new(lines.map(|(number, text)| line(number, text))),
    }
}

fn only_in<'a>(side: Option<&'a Side>, other: Option<&'a Side>) -> Lines<'a> {
    let bytes = |side: Option<&'a Side>| side.map_or(&[][..], |side| &side.bytes);
    let known: HashSet<&[u8]> = bytes(other).split(|byte| *byte == b'\n').collect();
    let lines = (1..).zip(bytes(side).split(|byte| *byte == b'\n'));
    lines_of(side, lines.filter(move |(_, text)| !known.contains(text)))
}

fn line(number: u32, text: &[u8]) -> Line<'_> {
    let is_data = text.contains(&0);
    let text = match is_data {
        true => Cow::Owned(text.iter().copied().filter(|byte| *byte != 0).collect()),
        false => Cow::Borrowed(text),
    };
    Line { number, text, is_data }
}

/// What a check of lines looked at, in a few words.
pub fn looked_at(change: &Change, lines: u64) -> String {
    let counted = |count: u64, one: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    };
    let mut text = counted(lines, "added line");
    text.push_str(" in ");
    text.push_str(&counted(change.files.len() as u64, "file"));
    if !change.messages.is_empty() {
        text.push_str(", ");
        text.push_str(&counted(change.messages.len() as u64, "commit message"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::change::tests::file;
    use super::*;

    #[test]
    fn a_nul_byte_hides_nothing() {
        let mut changed = file("a", Some("same\nold\n"), Some("same\n\0n\0e\0w\nplain\n"));
        changed.is_binary = true;
        changed.added.clear();
        let lines: Vec<_> =
            brought(&changed).map(|it| (it.number, it.text.into_owned(), it.is_data)).collect();
        assert_eq!(lines, [(2, b"new".to_vec(), true), (3, b"plain".to_vec(), false)]);
    }

    #[test]
    fn a_submodule_brings_no_lines() {
        let mut changed = file("a", None, Some("4b825dc642cb6eb9a060e54bf8d69288fbee4904"));
        assert_eq!(brought(&changed).count(), 1);
        changed.new.as_mut().unwrap().mode = MODE_SUBMODULE;
        assert_eq!(brought(&changed).count(), 0);
    }
}

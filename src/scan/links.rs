//! Where links lead: out of the tree, or to git's own data.
//!
//! Each link is judged by its own target alone. That is enough, and holds whatever the links of the
//! base are, since a target goes up only at its beginning, from the folder the link stands in: from
//! a link on its way no target goes up.

use super::change::{Change, ChangedFile, MODE_LINK};
use super::names::folded;
use std::collections::BTreeMap;

/// The longest target a system follows.
const TARGET_BYTES_MAX: usize = 4096;

/// The names that a change leaves behind, as [`folded`], each with how many files have it.
pub struct Names(BTreeMap<Vec<u8>, usize>);

impl Names {
    /// The names of a change.
    pub fn of(change: &Change) -> Self {
        let mut names = BTreeMap::new();
        for file in change.files.iter().filter(|file| file.new.is_some()) {
            *names.entry(folded(&file.path)).or_default() += 1;
        }
        Self(names)
    }

    /// Why a file may not be the link that it is.
    pub fn fault(&self, file: &ChangedFile) -> Option<&'static str> {
        let link = file.new.as_ref().filter(|new| new.mode == MODE_LINK)?;
        target_fault(&file.path, &link.bytes).or_else(|| {
            let why = "another file of the change has its name, or stands below it, on systems \
                       that take both names for one";
            self.is_taken(&file.path).then_some(why)
        })
    }

    /// Whether another file has this name, or has it for a folder.
    fn is_taken(&self, path: &[u8]) -> bool {
        let name = folded(path);
        let below = [&name, b"/".as_slice()].concat();
        self.0.get(&name).is_some_and(|count| *count > 1)
            || self
                .0
                .range(below.clone()..)
                .next()
                .is_some_and(|(next, _)| next.starts_with(&below))
    }
}

fn target_fault(path: &[u8], target: &[u8]) -> Option<&'static str> {
    if target.starts_with(b"/") {
        return Some("it leads out of the tree");
    }
    if target.len() > TARGET_BYTES_MAX {
        return Some("its target is longer than a system follows");
    }
    let mut folders = path.iter().filter(|byte| **byte == b'/').count();
    let mut has_gone_down = false;
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if has_gone_down => {
                return Some("it goes up behind a name, which may be a link itself");
            }
            b".." if folders == 0 => return Some("it leads out of the tree"),
            b".." => folders -= 1,
            name if folded(name) == b".git" => return Some("it leads to git's own data"),
            _ => has_gone_down = true,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::change::tests::file;
    use super::*;

    /// The paths of the links that may not be, of some links.
    fn faulty(links: &[(&str, &str)]) -> Vec<String> {
        let link = |(path, target): &(&str, &str)| {
            let mut file = file(path, None, Some(target));
            file.new.as_mut().unwrap().mode = MODE_LINK;
            file
        };
        let change = Change::of(links.iter().map(link).collect(), Vec::new());
        let names = Names::of(&change);
        let faulty = change.files.iter().filter(|file| names.fault(file).is_some());
        faulty.map(|file| file.shown().raw().to_owned()).collect()
    }

    #[test]
    fn links_inside_the_tree_are_fine() {
        let links = [
            ("a", "b/c"),
            ("x/y/a", "../../b"),
            ("x/a", "./../x//b"),
            ("b", "not-there"),
            ("x/b", ".././a/./b/"),
        ];
        assert_eq!(faulty(&links), [""; 0]);
    }

    #[test]
    fn links_out_of_the_tree_are_seen() {
        let long = "x/".repeat(TARGET_BYTES_MAX);
        for (path, target) in [
            ("a", "/etc/passwd"),
            ("a", ".."),
            ("x/a", "../../b"),
            ("a", "b/../../c"),
            ("a", ".GIT/config"),
            ("a", &long),
        ] {
            assert_eq!(faulty(&[(path, target)]), [path], "{target}");
        }
    }

    /// `shared` may be a link of the base to elsewhere: what is behind it is not known here.
    #[test]
    fn a_target_does_not_go_up_behind_a_name() {
        for target in ["shared/../../etc", "shared/..", "x/../../a-b/..", "../a/shared/../b"] {
            assert_eq!(faulty(&[("packages/a/x", target)]), ["packages/a/x"], "{target}");
        }
        let links = [("a", "up/../secret"), ("up", "x/y")];
        assert_eq!(faulty(&links), ["a"]);
    }

    #[test]
    fn no_link_hides_behind_another_of_the_same_name() {
        assert_eq!(faulty(&[("EVIL", "/etc/passwd"), ("evil", "ok")]), ["EVIL", "evil"]);
        // Where both are one, `A/b/c` is `x/c`, and two levels above it is out of the tree.
        assert_eq!(faulty(&[("A/B/c/l", "../../../y"), ("A/b", "../x")]), ["A/b"]);
        assert_eq!(faulty(&[("a", "x"), ("a-b", "x"), ("a0/b", "x")]), [""; 0]);
    }
}

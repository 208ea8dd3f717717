//! Where links lead: out of the tree, or nowhere.

use super::change::{Change, MODE_LINK};
use super::names::folded;
use std::collections::HashMap;

/// The longest target a system follows.
const TARGET_BYTES_MAX: usize = 4096;
/// How many links a system follows on one way.
const FOLLOWED_MAX: usize = 40;
/// How much work all links together may take, in bytes of names looked at.
const WORK_BYTES_MAX: usize = 64 << 20;

/// The links that a change makes or changes. Those it leaves alone are not known here: one that was
/// there before and leads out was let in then.
pub struct Links<'a> {
    targets: HashMap<Vec<u8>, &'a [u8]>,
    work_left: usize,
}

impl<'a> Links<'a> {
    /// The links of a change.
    pub fn of(change: &'a Change) -> Self {
        let links = change.files.iter().filter_map(|file| {
            let new = file.new.as_ref().filter(|new| new.mode == MODE_LINK)?;
            Some((folded(&file.path), new.bytes.as_slice()))
        });
        Self { targets: links.collect(), work_left: WORK_BYTES_MAX }
    }

    /// Why the link at `path` may not lead where it does.
    pub fn fault(&mut self, path: &[u8]) -> Option<&'static str> {
        let mut place = folded(path);
        let target = *self.targets.get(&place)?;
        up(&mut place);
        let mut todo = Vec::new();
        let mut followed = 0;
        if let Some(fault) = enter(target, &mut todo) {
            return Some(fault);
        }
        while let Some(part) = todo.pop() {
            let Some(left) = self.work_left.checked_sub(place.len() + part.len() + 1) else {
                return Some("the change has too many links to follow them all");
            };
            self.work_left = left;
            match part {
                b"" | b"." => continue,
                b".." if place.is_empty() => return Some("it leads out of the tree"),
                b".." => {
                    up(&mut place);
                    continue;
                }
                name => {
                    let name = folded(name);
                    if name == b".git" {
                        return Some("it leads to git's own data");
                    }
                    if !place.is_empty() {
                        place.push(b'/');
                    }
                    place.extend_from_slice(&name);
                }
            }
            if let Some(next) = self.targets.get(&place) {
                followed += 1;
                if followed > FOLLOWED_MAX {
                    return Some("it leads to itself, or through too many links");
                }
                up(&mut place);
                if let Some(fault) = enter(next, &mut todo) {
                    return Some(fault);
                }
            }
        }
        None
    }
}

/// Puts the parts of a target before what is still to go.
fn enter<'a>(target: &'a [u8], todo: &mut Vec<&'a [u8]>) -> Option<&'static str> {
    if target.starts_with(b"/") {
        return Some("it leads out of the tree");
    }
    if target.len() > TARGET_BYTES_MAX {
        return Some("its target is longer than a system follows");
    }
    todo.extend(target.rsplit(|byte| *byte == b'/'));
    None
}

fn up(place: &mut Vec<u8>) {
    let parent = place.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    place.truncate(parent);
}

#[cfg(test)]
mod tests {
    use super::super::change::tests::file;
    use super::*;

    fn change(links: &[(&str, &str)]) -> Change {
        let files = links.iter().map(|(path, target)| {
            let mut file = file(path, None, Some(target));
            file.new.as_mut().unwrap().mode = MODE_LINK;
            file
        });
        Change { files: files.collect(), messages: Vec::new() }
    }

    #[test]
    fn links_inside_the_tree_are_fine() {
        for (path, target) in [
            ("a", "b/c"),
            ("x/y/a", "../../b"),
            ("x/a", "./../x//b"),
            ("a", "not-there"),
            ("a", "x/../../a-b/..".trim_end_matches("/../a-b/..")),
        ] {
            assert_eq!(
                Links::of(&change(&[(path, target)])).fault(path.as_bytes()),
                None,
                "{target}"
            );
        }
    }

    #[test]
    fn links_out_of_the_tree_are_seen_also_by_way_of_others() {
        for links in [
            &[("a", "/etc/passwd")][..],
            &[("a", "..")],
            &[("x/a", "../../b")],
            &[("a", "b/../../c")],
            &[("a", "up/../secret"), ("up", "x/y/../../..")],
            &[("a", "In/x"), ("in", "/tmp")],
            &[("a", ".GIT/config")],
            &[("a", "b"), ("b", "a")],
            &[("a", "a/a")],
        ] {
            let change = change(links);
            assert!(Links::of(&change).fault(b"a").or(Links::of(&change).fault(b"x/a")).is_some());
        }
        // Through `deep`, two levels up is still inside.
        let deep = change(&[("a", "deep/../x"), ("deep", "p/q/r")]);
        assert_eq!(Links::of(&deep).fault(b"a"), None);
    }

    #[test]
    fn many_and_long_links_end() {
        let long = "x/".repeat(TARGET_BYTES_MAX);
        assert!(Links::of(&change(&[("a", &long)])).fault(b"a").is_some());
        let target = "d/".repeat(1000) + "l0";
        let names: Vec<String> = (0..2000).map(|number| format!("l{number}")).collect();
        let links: Vec<_> = names.iter().map(|name| (name.as_str(), target.as_str())).collect();
        let change = change(&links);
        let mut links = Links::of(&change);
        let faults = names.iter().filter_map(|name| links.fault(name.as_bytes()));
        assert!(faults.count() > 0, "the work is bounded");
    }
}

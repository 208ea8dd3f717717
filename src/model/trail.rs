//! Where a base branch is known to have been: whether a result was judged on what it holds now.

use crate::base::clock::Timestamp;

/// How many places are remembered. What is older says nothing, and is found when it lands.
const PLACES_MAX: usize = 100;

/// The commits that a branch was seen at, each once, the last being where it is now as far as is
/// known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trail(Vec<Place>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Place {
    commit: String,
    since: Timestamp,
}

impl Trail {
    /// The branch is at `commit`.
    pub fn is_at(&mut self, commit: &str, now: Timestamp) {
        if self.0.last().is_some_and(|last| last.commit == commit) {
            return;
        }
        self.0.retain(|place| place.commit != commit);
        if self.0.len() >= PLACES_MAX {
            self.0.remove(0);
        }
        self.0.push(Place { commit: commit.into(), since: now });
    }

    /// The branch was at `commit` at some time after `asked`. That it has gone on from there since
    /// then may be known already.
    pub fn was_at(&mut self, commit: &str, asked: Timestamp, now: Timestamp) {
        let at = self.0.iter().position(|place| place.commit == commit);
        let left = at.and_then(|at| self.0.get(at + 1));
        if left.is_none_or(|next| next.since <= asked) {
            self.is_at(commit, now);
        }
    }

    /// Where the branch is now, if it is known to have gone on from `commit`.
    pub fn left(&self, commit: &str) -> Option<&str> {
        let (last, before) = self.0.split_last()?;
        before.iter().any(|place| place.commit == commit).then_some(last.commit.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn what_was_left_is_told_with_where_the_branch_is_now() {
        let mut trail = Trail::default();
        assert_eq!(trail.left("a"), None);
        trail.is_at("a", at(1));
        assert_eq!(trail.left("a"), None);
        trail.is_at("b", at(2));
        trail.is_at("c", at(3));
        assert_eq!((trail.left("a"), trail.left("b")), (Some("c"), Some("c")));
        assert_eq!((trail.left("c"), trail.left("never seen")), (None, None));
    }

    /// A preparation reads the base, a landing moves it, and only then the preparation is over.
    #[test]
    fn what_was_read_before_the_branch_went_on_does_not_bring_it_back() {
        let mut trail = Trail::default();
        trail.is_at("a", at(1));
        trail.is_at("b", at(5));
        trail.was_at("a", at(4), at(6));
        assert_eq!(trail.left("a"), Some("b"));
        // Somebody reset it, and it was read after that.
        trail.was_at("a", at(7), at(8));
        assert_eq!((trail.left("a"), trail.left("b")), (None, Some("a")));
        trail.was_at("new", at(2), at(9));
        assert_eq!(trail.left("a"), Some("new"));
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let mut trail = Trail::default();
        for n in 0..1000 {
            trail.is_at(&n.to_string(), at(n));
        }
        assert_eq!(trail.0.len(), PLACES_MAX);
        assert_eq!((trail.left("1"), trail.left("998")), (None, Some("999")));
    }
}

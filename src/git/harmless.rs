//! Which changes of references harm nobody: they take nothing away, and no command reads something
//! else by a name it used before. They are most often the person's own fetch, branch or switch,
//! which cannot be told from an agent's; what cannot do harm need not be.

use super::watched::{Difference, WatchedState};

const HEADS: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";
const REMOTES: &str = "refs/remotes/";
/// The fewest digits that git itself shortens the name of a commit to.
const COMMIT_DIGITS_MIN: usize = 7;

impl Difference {
    /// Whether the change, which led to `after`, harms nobody. `goes_forward` tells whether the
    /// second commit holds the first.
    pub fn is_harmless(
        &self,
        after: &WatchedState,
        goes_forward: impl Fn(&str, &str) -> bool,
    ) -> bool {
        let Difference::Ref { name, before, after: is } = self else { return false };
        let (was, is) = (before.as_deref(), is.as_deref());
        let target = is.and_then(|is| is.strip_prefix("ref: "));
        if name == "HEAD" {
            // Where the person stands: on a branch, or on a commit.
            return is.is_some() && target.is_none_or(|target| target.starts_with(HEADS));
        }
        if name.starts_with(REMOTES) {
            // The next fetch makes these what the other side has.
            return target.is_none_or(|target| target.starts_with(REMOTES));
        }
        let is_new = was.is_none() && !hides_another(name, after);
        match (was, is) {
            // A branch that is another's alias is moved by whoever moves this one.
            (_, Some(_)) if target.is_some() => false,
            (_, Some(_)) if name.starts_with(TAGS) => is_new,
            (None, Some(_)) => is_new && name.starts_with(HEADS),
            (Some(was), Some(is)) => name.starts_with(HEADS) && goes_forward(was, is),
            (_, None) => false,
        }
    }
}

/// Whether the short form of a new branch or tag meant something else until now: git reads a short
/// name as a tag before a branch before a remote's branch before the beginning of a commit's name.
fn hides_another(name: &str, after: &WatchedState) -> bool {
    let short = |name: &'_ str| {
        [HEADS, TAGS, REMOTES].iter().find_map(|space| name.strip_prefix(space)).map(String::from)
    };
    let Some(own) = short(name) else { return true };
    let of_remote = format!("{REMOTES}{own}/HEAD");
    let is_meant = |other: &String| {
        other != name && (*other == of_remote || short(other).as_ref() == Some(&own))
    };
    let is_like_a_commit =
        own.len() >= COMMIT_DIGITS_MIN && own.bytes().all(|byte| byte.is_ascii_hexdigit());
    own.ends_with("HEAD") || is_like_a_commit || after.refs.keys().any(is_meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    /// Whether one reference may change so; A to B is forward.
    fn may(name: &str, before: Option<&str>, after: Option<&str>) -> bool {
        let mut state = WatchedState::default();
        for known in ["refs/heads/main", "refs/remotes/origin/topic", "refs/remotes/up/HEAD"] {
            state.refs.insert(known.into(), A.into());
        }
        if let Some(after) = after {
            state.refs.insert(name.into(), after.into());
        }
        let [before, after] = [before, after].map(|value| value.map(String::from));
        let difference = Difference::Ref { name: name.into(), before, after };
        difference.is_harmless(&state, |from, to| (from, to) == (A, B))
    }

    #[test]
    fn a_fetch_harms_nobody() {
        assert!(may("refs/remotes/origin/main", Some(A), Some(B)));
        assert!(may("refs/remotes/origin/main", Some(B), Some(A)));
        assert!(may("refs/remotes/origin/new", None, Some(A)));
        assert!(may("refs/remotes/origin/pruned", Some(A), None));
        assert!(may("refs/remotes/origin/HEAD", None, Some("ref: refs/remotes/origin/main")));
        assert!(!may("refs/remotes/origin/HEAD", None, Some("ref: refs/heads/main")));
        assert!(may("refs/tags/v1", None, Some(A)));
    }

    #[test]
    fn a_new_branch_and_a_commit_on_it_harm_nobody() {
        assert!(may("refs/heads/mine", None, Some(A)));
        assert!(may("refs/heads/mine", Some(A), Some(B)));
        assert!(may("HEAD", Some("ref: refs/heads/main"), Some("ref: refs/heads/mine")));
        assert!(may("HEAD", Some("ref: refs/heads/main"), Some(A)));
    }

    #[test]
    fn what_takes_work_away_or_makes_a_name_mean_something_else_does() {
        assert!(!may("refs/heads/mine", Some(B), Some(A)), "moved back or aside");
        assert!(!may("refs/heads/mine", Some(A), None), "removed");
        assert!(!may("refs/heads/mine", None, Some("ref: refs/heads/main")), "an alias");
        assert!(!may("refs/tags/v1", Some(A), Some(B)), "a tag stands still");
        assert!(!may("refs/tags/v1", Some(A), None));
        assert!(!may("refs/tags/main", None, Some(B)), "read before the branch");
        assert!(!may("refs/heads/origin/topic", None, Some(B)), "read before the remote's");
        assert!(!may("refs/heads/up", None, Some(B)), "read before the remote's default");
        assert!(!may("refs/heads/HEAD", None, Some(B)));
        assert!(!may("refs/heads/aaaaaaa", None, Some(B)), "read before the commit");
        assert!(!may("refs/tags/AAAAAAAAAA", None, Some(B)));
        assert!(may("refs/heads/facade", None, Some(B)), "a word");
        assert!(!may("refs/main", None, Some(B)), "read before every branch");
        assert!(!may("refs/stash", Some(A), Some(B)));
        assert!(!may("refs/replace/x", None, Some(B)));
        assert!(!may("HEAD", Some(A), Some("ref: refs/remotes/origin/main")));
        assert!(!may("HEAD", Some(A), None));
    }
}

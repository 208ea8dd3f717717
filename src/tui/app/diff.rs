//! A task's diff as lines to scroll through: files, hunks, and how many characters hide themselves.

use super::rows::{list, text};
use crate::base::foreign::Foreign;
use serde_json::Value;

/// What a line of a diff is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The first line of a file.
    File,
    /// About a file: modes, names.
    About,
    /// The head of a hunk.
    Hunk,
    /// An added line.
    Added,
    /// A deleted line.
    Deleted,
    /// A line that is the same on both sides.
    Same,
}

/// A line of a diff.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// What it is.
    pub kind: Kind,
    /// Its text, safe to show.
    pub text: String,
}

/// A file of a diff.
#[derive(Clone, PartialEq, Debug)]
pub struct File {
    /// Its path, safe to show.
    pub path: String,
    /// Lines added.
    pub added: u64,
    /// Lines deleted.
    pub deleted: u64,
    /// Its first line in the diff.
    pub line: usize,
    /// Characters in it that a person would not see.
    pub hidden: usize,
}

/// A diff.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Diff {
    /// The commit it is against.
    pub base: String,
    /// The snapshot.
    pub head: String,
    /// The digest of it that an approval signs.
    pub sha256: String,
    /// Its files.
    pub files: Vec<File>,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Characters in it that a person would not see.
    pub hidden: usize,
}

impl Diff {
    /// The diff a daemon answered with.
    pub fn read(answer: &Value) -> Self {
        let string = |name: &str| answer[name].as_str().unwrap_or_default();
        let mut diff = Self {
            base: string("base").into(),
            head: string("head").into(),
            sha256: string("diff_sha256").into(),
            ..Self::default()
        };
        let patch = string("patch");
        let mut is_head = true;
        for line in patch.strip_suffix('\n').unwrap_or(patch).split('\n') {
            let line = line.strip_suffix('\r').unwrap_or(line);
            let kind = kind(line, &mut is_head);
            let foreign = Foreign::new(line);
            let hidden = foreign.hidden_count();
            if kind == Kind::File {
                diff.begin(list(&answer["files"]).get(diff.files.len()));
            }
            diff.hidden += hidden;
            if let Some(file) = diff.files.last_mut() {
                file.hidden += hidden;
            }
            diff.lines.push(Line { kind, text: foreign.shown() });
        }
        diff
    }

    /// Begins the next file, as it is listed.
    fn begin(&mut self, listed: Option<&Value>) {
        let file = listed.unwrap_or(&Value::Null);
        self.files.push(File {
            path: text(&file["path"]),
            added: file["added"].as_u64().unwrap_or(0),
            deleted: file["deleted"].as_u64().unwrap_or(0),
            line: self.lines.len(),
            hidden: 0,
        });
    }

    /// Lines added and deleted in all.
    pub fn counts(&self) -> (u64, u64) {
        let sum = |of: fn(&File) -> u64| self.files.iter().map(of).sum();
        (sum(|file| file.added), sum(|file| file.deleted))
    }

    /// The number of the file a line belongs to.
    pub fn file_at(&self, line: usize) -> usize {
        self.files.iter().rposition(|file| file.line <= line).unwrap_or(0)
    }

    /// The next line of a kind behind `line`.
    pub fn next(&self, kind: Kind, line: usize) -> Option<usize> {
        (line + 1..self.lines.len()).find(|at| self.lines[*at].kind == kind)
    }

    /// The line of a kind before `line`.
    pub fn before(&self, kind: Kind, line: usize) -> Option<usize> {
        (0..line.min(self.lines.len())).rev().find(|at| self.lines[*at].kind == kind)
    }
}

/// What a line is. Behind a hunk's head every line of content has a sign in front, so none can pass
/// for the head of a file.
fn kind(line: &str, is_head: &mut bool) -> Kind {
    if line.starts_with("diff --git ") {
        *is_head = true;
        return Kind::File;
    }
    if line.starts_with("@@ ") {
        *is_head = false;
        return Kind::Hunk;
    }
    match line.as_bytes().first() {
        _ if *is_head => Kind::About,
        Some(b'+') => Kind::Added,
        Some(b'-') => Kind::Deleted,
        Some(b' ') => Kind::Same,
        _ => Kind::About,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PATCH: &str = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n-old\n+ne\u{200b}w\n\
                         +++ b/fake\ndiff --git a/y b/y\nnew file mode 100755\n--- /dev/null\n\
                         +++ b/y\n@@ -0,0 +1 @@\n+a\r\n";

    #[test]
    fn files_hunks_and_hidden_characters_are_found() {
        let files = json!([{ "path": "x", "added": 2, "deleted": 1 }, { "path": "y", "added": 1 }]);
        let diff = Diff::read(&json!({ "head": "h", "files": files, "patch": PATCH }));
        let paths: Vec<&str> = diff.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["x", "y"]);
        assert_eq!((diff.hidden, diff.files[0].hidden, diff.counts()), (1, 1, (3, 1)));
        assert_eq!(diff.lines[6].kind, Kind::Added, "content that looks like a head");
        assert_eq!(diff.lines[5].text, "+ne\\u{200b}w");
        assert_eq!(diff.next(Kind::File, 0), Some(7));
        assert_eq!((diff.file_at(6), diff.file_at(7)), (0, 1));
        assert_eq!(diff.before(Kind::Hunk, 7), Some(3));
        assert_eq!(diff.lines.last().map(|line| line.text.as_str()), Some("+a"));
    }

    #[test]
    fn an_answer_of_another_version_is_an_empty_diff() {
        assert_eq!(Diff::read(&Value::Null).files, []);
    }
}

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
    /// Its first line in the diff; of one that was cut before, none there is.
    pub line: usize,
    /// Characters in it that a person would not see.
    pub hidden: usize,
    /// Its content is not told.
    pub is_binary: bool,
}

/// How much a diff changes, told or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// Files.
    pub files: u64,
    /// Lines added.
    pub added: u64,
    /// Lines deleted.
    pub deleted: u64,
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
    /// How much it changes in all.
    pub changes: Changes,
    /// It was too long: lines and files are those that it begins with.
    pub is_cut: bool,
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
            is_cut: answer["is_cut"] == true,
            files: list(&answer["files"]).iter().map(file).collect(),
            ..Self::default()
        };
        diff.changes = changes(&answer["changes"], &diff.files);
        let patch = string("patch");
        let (mut is_head, mut begun) = (true, 0);
        for line in patch.strip_suffix('\n').unwrap_or(patch).split('\n') {
            let kind = kind(line, &mut is_head);
            let foreign = Foreign::new(line);
            let hidden = foreign.hidden_count();
            begun += usize::from(kind == Kind::File);
            diff.hidden += hidden;
            if let Some(file) = diff.files.get_mut(begun.wrapping_sub(1)) {
                file.hidden += hidden;
                file.line = if kind == Kind::File { diff.lines.len() } else { file.line };
            }
            diff.lines.push(Line { kind, text: foreign.shown() });
        }
        diff
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

/// A file as it is listed; where it begins comes with the lines, if it is among them.
fn file(listed: &Value) -> File {
    File {
        path: text(&listed["path"]),
        added: listed["added"].as_u64().unwrap_or(0),
        deleted: listed["deleted"].as_u64().unwrap_or(0),
        line: usize::MAX,
        hidden: 0,
        is_binary: listed["binary"] == true,
    }
}

/// A daemon of an earlier version leaves them to be counted.
fn changes(told: &Value, files: &[File]) -> Changes {
    let sum = |of: fn(&File) -> u64| files.iter().map(of).sum();
    Changes {
        files: told["files"].as_u64().unwrap_or(files.len() as u64),
        added: told["added"].as_u64().unwrap_or_else(|| sum(|file| file.added)),
        deleted: told["deleted"].as_u64().unwrap_or_else(|| sum(|file| file.deleted)),
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
        assert_eq!((diff.hidden, diff.files[0].hidden), (2, 1));
        assert_eq!(diff.changes, Changes { files: 2, added: 3, deleted: 1 });
        assert_eq!(diff.lines[6].kind, Kind::Added, "content that looks like a head");
        assert_eq!(diff.lines[5].text, "+ne\\u{200b}w");
        assert_eq!(diff.next(Kind::File, 0), Some(7));
        assert_eq!((diff.file_at(6), diff.file_at(7)), (0, 1));
        assert_eq!(diff.before(Kind::Hunk, 7), Some(3));
        assert_eq!(diff.lines.last().map(|line| line.text.as_str()), Some("+a\\r"));
    }

    #[test]
    fn of_a_cut_diff_all_that_is_signed_is_counted_and_what_hides_its_content_is_known() {
        let patch =
            "diff --git a/x b/x\nindex 1..2\nBinary files a/x and b/x differ\n[cut: long]\n";
        let files = json!([{ "path": "x", "binary": true }, { "path": "y", "added": 9 }]);
        let changes = json!({ "files": 500, "added": 70, "deleted": 1 });
        let diff = Diff::read(
            &json!({ "files": files, "changes": changes, "is_cut": true, "patch": patch }),
        );
        assert_eq!(diff.changes, Changes { files: 500, added: 70, deleted: 1 });
        let seen: Vec<(bool, usize)> = diff.files.iter().map(|f| (f.is_binary, f.line)).collect();
        assert_eq!((seen, diff.is_cut), (vec![(true, 0), (false, usize::MAX)], true));
        assert_eq!(diff.file_at(3), 0);
    }

    #[test]
    fn an_answer_of_another_version_is_an_empty_diff() {
        assert_eq!(Diff::read(&Value::Null).files, []);
    }
}

//! What is wrong with a configuration file, and where.

use crate::base::foreign::Foreign;
use std::fmt;

/// How many words a message offers where there are many.
const NEAR_MAX: usize = 5;

/// One mistake.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Diagnostic {
    /// The file, as the person knows it.
    pub file: String,
    /// The line, counted from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The key with its tables, as in `verify.test`; empty when there is none.
    pub key: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.message)
    }
}

/// Every mistake found in a file, in the order of the file. There is at least one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// A mistake about the file as a whole.
    pub(super) fn whole_file(file: &str, message: String) -> Self {
        let file = Foreign::new(file).shown();
        Self(vec![Diagnostic { file, line: 0, column: 0, key: String::new(), message }])
    }
}

/// The known word that `word` was probably meant to be.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let distances = known.iter().map(|candidate| (distance(word, candidate), *candidate));
    let (distance, candidate) = distances.min()?;
    (distance <= 1 + candidate.len() / 4).then_some(candidate)
}

/// The known words that are most like `word`, the likest first.
pub(super) fn all_near<'a>(word: &str, known: &[&'a str]) -> Vec<&'a str> {
    let mut all: Vec<_> = known.iter().map(|known| (distance(word, known), *known)).collect();
    all.sort_unstable();
    all.into_iter().take(NEAR_MAX).map(|(_, known)| known).collect()
}

/// Insertions, deletions and replacements that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["setup", "test", "lint", "cache"];
        assert_eq!(nearest("tets", &known), Some("test"));
        assert_eq!(nearest("chache", &known), Some("cache"));
        assert_eq!(nearest("program", &known), None);
    }
}

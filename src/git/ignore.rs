//! The ignore rules of a base commit: its `.gitignore` files, read from its tree. What a run writes
//! into a `.gitignore` of its own changes nothing (an agent must not hide files).
//!
//! The patterns mean what they mean to git; a test compares with `git check-ignore`.

/// All rules of a commit, weakest first.
#[derive(Default)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
}

struct Rule {
    /// The folder of the `.gitignore`, without a slash at the end.
    folder: Vec<u8>,
    pattern: Vec<u8>,
    /// Matches against the whole path below `folder` rather than the last part.
    anchored: bool,
    folders_only: bool,
    keeps: bool,
}

impl Rules {
    /// Adds the `.gitignore` of `folder`; those of upper folders must be added first.
    pub fn add(&mut self, folder: &[u8], text: &[u8]) {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        for line in text.split(|b| *b == b'\n') {
            self.rules.extend(Rule::parse(folder, line));
        }
    }

    /// Whether the rules leave `path` out. An upper folder that is left out is the caller's to
    /// know.
    pub fn ignores(&self, path: &[u8], is_folder: bool) -> bool {
        let last = self.rules.iter().rev().find(|rule| rule.matches(path, is_folder));
        last.is_some_and(|rule| !rule.keeps)
    }
}

impl Rule {
    fn parse(folder: &[u8], line: &[u8]) -> Option<Rule> {
        let line = trim_spaces(line.strip_suffix(b"\r").unwrap_or(line));
        if line.is_empty() || line[0] == b'#' {
            return None;
        }
        let (keeps, line) = match line.strip_prefix(b"!") {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let (folders_only, line) = match line.strip_suffix(b"/") {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        if line.is_empty() {
            return None;
        }
        let anchored = line.contains(&b'/');
        let pattern = line.strip_prefix(b"/").unwrap_or(line).to_vec();
        Some(Rule { folder: folder.to_vec(), pattern, anchored, folders_only, keeps })
    }

    fn matches(&self, path: &[u8], is_folder: bool) -> bool {
        if self.folders_only && !is_folder {
            return false;
        }
        let below = match self.folder.as_slice() {
            b"" => Some(path),
            folder => path.strip_prefix(folder).and_then(|rest| rest.strip_prefix(b"/")),
        };
        let Some(below) = below else { return false };
        let text = if self.anchored { below } else { super::files::split(below).1 };
        wild(&self.pattern, text)
    }
}

/// Spaces at the end do not count unless a backslash is before them.
fn trim_spaces(mut line: &[u8]) -> &[u8] {
    while let Some(rest) = line.strip_suffix(b" ") {
        let backslashes = rest.iter().rev().take_while(|b| **b == b'\\').count();
        if backslashes % 2 == 1 {
            break;
        }
        line = rest;
    }
    line
}

/// One step of a pattern.
enum Step {
    Byte(u8),
    /// `?`: one byte, not a slash.
    Any,
    Class {
        not: bool,
        ranges: Vec<(u8, u8)>,
    },
    /// `*`: bytes without a slash.
    Star,
    /// `**` as a whole part at the end: everything.
    Everything,
    /// The start of `**/`, which may stand for nothing: leads to `Through` or past it.
    MayPass,
    /// The rest of `**/`: anything up to and with some slash.
    Through,
}

/// Whether the whole of `text` fits the pattern. The states reached are tracked as a set, so no
/// pattern takes more than its length times the text's.
fn wild(pattern: &[u8], text: &[u8]) -> bool {
    let Some(steps) = compile(pattern) else { return false };
    let mut reached = vec![false; steps.len() + 1];
    reached[0] = true;
    skip_empty(&steps, &mut reached);
    for byte in text {
        let mut next = vec![false; steps.len() + 1];
        for (state, step) in steps.iter().enumerate().filter(|(state, _)| reached[*state]) {
            let (stays, advances) = step.takes(*byte);
            next[state] |= stays;
            next[state + 1] |= advances;
        }
        skip_empty(&steps, &mut next);
        reached = next;
    }
    reached[steps.len()]
}

impl Step {
    /// Whether the pattern stays at this step after `byte`, and whether it goes on to the next.
    fn takes(&self, byte: u8) -> (bool, bool) {
        let in_part = byte != b'/';
        match self {
            Step::Byte(wanted) => (false, *wanted == byte),
            Step::Any => (false, in_part),
            Step::Class { not, ranges } => {
                let inside = ranges.iter().any(|(low, high)| (*low..=*high).contains(&byte));
                (false, in_part && inside != *not)
            }
            Step::Star => (in_part, false),
            Step::Everything => (true, false),
            Step::MayPass => (false, false),
            Step::Through => (true, !in_part),
        }
    }

    fn may_be_empty(&self) -> bool {
        matches!(self, Step::Star | Step::Everything | Step::MayPass)
    }
}

/// Steps that may stand for nothing lead on at once.
fn skip_empty(steps: &[Step], reached: &mut [bool]) {
    for (state, step) in steps.iter().enumerate().filter(|(_, step)| step.may_be_empty()) {
        if reached[state] {
            reached[state + 1] = true;
            if matches!(step, Step::MayPass) {
                reached[state + 2] = true;
            }
        }
    }
}

/// The steps of a pattern; `None` for one that git never matches (an unclosed class, a lone
/// backslash).
fn compile(pattern: &[u8]) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = pattern;
    // Git strips what comes before the first special character, so two stars that follow it
    // directly count as if a part started there.
    let special = |b: &u8| b"*?[\\".contains(b);
    let first_special = pattern.iter().position(special).unwrap_or(pattern.len());
    while let Some((first, after)) = rest.split_first() {
        let at = pattern.len() - rest.len();
        match first {
            b'*' => {
                let starts = at == first_special || pattern[at - 1] == b'/';
                let stars = rest.iter().take_while(|b| **b == b'*').count();
                rest = &rest[stars..];
                let whole = stars >= 2 && starts;
                match rest.first() {
                    None if whole => steps.push(Step::Everything),
                    Some(b'/') if whole => {
                        steps.extend([Step::MayPass, Step::Through]);
                        rest = &rest[1..];
                    }
                    _ => steps.push(Step::Star),
                }
                continue;
            }
            b'?' => steps.push(Step::Any),
            b'\\' => {
                let (escaped, after) = after.split_first()?;
                steps.push(Step::Byte(*escaped));
                rest = after;
                continue;
            }
            b'[' => {
                let (step, after) = class(after)?;
                steps.push(step);
                rest = after;
                continue;
            }
            byte => steps.push(Step::Byte(*byte)),
        }
        rest = after;
    }
    Some(steps)
}

fn class(mut rest: &[u8]) -> Option<(Step, &[u8])> {
    let not = matches!(rest.first(), Some(b'!' | b'^'));
    if not {
        rest = &rest[1..];
    }
    let mut ranges = Vec::new();
    let mut first = true;
    loop {
        let (byte, after) = rest.split_first()?;
        rest = after;
        if *byte == b']' && !first {
            return Some((Step::Class { not, ranges }, rest));
        }
        first = false;
        if *byte == b'[' && rest.first() == Some(&b':') {
            let end = rest.windows(2).position(|pair| pair == b":]")?;
            ranges.extend_from_slice(named_class(rest.get(1..end)?)?);
            rest = &rest[end + 2..];
            continue;
        }
        let low = if *byte == b'\\' { take(&mut rest)? } else { *byte };
        let is_range = rest.first() == Some(&b'-') && rest.get(1).is_some_and(|b| *b != b']');
        let high = if is_range {
            rest = &rest[1..];
            match take(&mut rest)? {
                b'\\' => take(&mut rest)?,
                byte => byte,
            }
        } else {
            low
        };
        ranges.push((low, high));
    }
}

fn take(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

fn named_class(name: &[u8]) -> Option<&'static [(u8, u8)]> {
    Some(match name {
        b"alnum" => &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')],
        b"alpha" => &[(b'A', b'Z'), (b'a', b'z')],
        b"blank" => &[(b' ', b' '), (b'\t', b'\t')],
        b"cntrl" => &[(0, 31), (127, 127)],
        b"digit" => &[(b'0', b'9')],
        b"graph" => &[(33, 126)],
        b"lower" => &[(b'a', b'z')],
        b"print" => &[(32, 126)],
        b"punct" => &[(33, 47), (58, 64), (91, 96), (123, 126)],
        b"space" => &[(b' ', b' '), (9, 13)],
        b"upper" => &[(b'A', b'Z')],
        b"xdigit" => &[(b'0', b'9'), (b'A', b'F'), (b'a', b'f')],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::command::{Dirs, Git};

    /// Patterns and paths over a small alphabet, by a fixed linear congruence.
    fn words(seed: &mut u64, alphabet: &[&str], longest: u64) -> String {
        let mut next = || {
            *seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *seed >> 33
        };
        let length = 1 + next() % longest;
        (0..length).map(|_| alphabet[usize::try_from(next()).unwrap() % alphabet.len()]).collect()
    }

    #[test]
    fn the_rules_mean_what_they_mean_to_git() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let dirs = Dirs {
            git_dir: path.join(".git"),
            common_dir: path.join(".git"),
            work_tree: Some(path.into()),
            ..Dirs::default()
        };
        std::fs::create_dir(path.join(".git")).unwrap();
        Git::new(&dirs, "init").arg("-q").run().unwrap();
        let mut seed = 7;
        let pieces =
            ["a", "b", "c", "*", "**", "/", "**/", "/**", "?", "[ab]", "[!a]", "\\a", "[a-c]"];
        for round in 0..150 {
            let patterns: Vec<String> = (0..4)
                .map(|_| {
                    let not = if words(&mut seed, &["x", "!"], 1) == "!" { "!" } else { "" };
                    format!("{not}{}", words(&mut seed, &pieces, 5))
                })
                .collect();
            let text = patterns.join("\n");
            std::fs::write(path.join(".gitignore"), &text).unwrap();
            let mut rules = Rules::default();
            rules.add(b"", text.as_bytes());
            let mut paths: Vec<String> = (0..40)
                .map(|_| words(&mut seed, &["a", "b", "c", "a/", "b/", "/c"], 5))
                .map(|path| path.split('/').filter(|p| !p.is_empty()).collect::<Vec<_>>().join("/"))
                .filter(|path| !path.is_empty())
                .collect();
            paths.sort();
            paths.dedup();
            let input: String = paths.iter().map(|path| format!("{path}\0")).collect();
            let output = Git::new(&dirs, "check-ignore")
                .args(["--no-index", "-z", "--stdin"])
                .variable("GIT_LITERAL_PATHSPECS", "0")
                .input(input)
                .accept(&[0, 1])
                .run()
                .unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            let by_git: Vec<&str> = said.split('\0').filter(|path| !path.is_empty()).collect();
            let by_us: Vec<&str> =
                paths.iter().map(String::as_str).filter(|path| ignored(&rules, path)).collect();
            assert_eq!(by_us, by_git, "round {round}: {text}");
        }
    }

    /// As the walk asks: a folder that is left out takes everything in it along.
    fn ignored(rules: &Rules, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| &path[..at]);
        ends.into_iter().any(|folder| rules.ignores(folder.as_bytes(), true))
            || rules.ignores(path.as_bytes(), false)
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let mut rules = Rules::default();
        rules.add(b"", &b"*a".repeat(2000));
        assert!(!rules.ignores(&b"a".repeat(1999), false));
        assert!(rules.ignores(&b"a".repeat(2000), false));
    }

    #[test]
    fn a_rule_of_a_folder_speaks_of_that_folder_only() {
        let mut rules = Rules::default();
        rules.add(b"", b"target/\n# comment\n\\#odd\nspace\\ \n");
        rules.add(b"keep", b"!target/\n");
        assert!(rules.ignores(b"target", true) && !rules.ignores(b"target", false));
        assert!(rules.ignores(b"x/target", true) && !rules.ignores(b"keep/target", true));
        assert!(rules.ignores(b"#odd", false) && rules.ignores(b"space ", false));
    }
}

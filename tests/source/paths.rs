//! The paths that a file's code names, resolved against the crate's root.

use super::scan::{Keep, blank};

/// A path as code names it: `crate::store::Log` is `["crate", "store", "Log"]`, and what
/// `super`, `self` and groups shorten is written out. A glob ends in `*`.
pub struct NamedPath {
    /// Line of the last segment, from 1.
    pub line: usize,
    /// The segments; the first is `crate` or a name from outside.
    pub segments: Vec<String>,
}

impl NamedPath {
    /// The path as text.
    pub fn text(&self) -> String {
        self.segments.join("::")
    }

    /// The module of this crate that the path leads to.
    pub fn module(&self) -> Option<&str> {
        (self.segments[0] == "crate").then(|| self.segments.get(1).map_or("*", String::as_str))
    }

    /// Whether the path begins with these segments.
    pub fn starts_with(&self, path: &str) -> bool {
        path.split("::")
            .enumerate()
            .all(|(n, part)| self.segments.get(n).is_some_and(|s| s == part))
    }

    /// Whether the path ends with these segments.
    pub fn ends_with(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split("::").collect();
        self.segments.iter().rev().take(parts.len()).eq(parts.iter().rev())
    }
}

/// Every path that `code` (the text of the file at `path`, comments and strings allowed) names.
pub fn named(path: &str, code: &str) -> Vec<NamedPath> {
    let code = blank(code, Keep::Code);
    let mut reader = Reader { tokens: tokens(&code), at: 0, found: Vec::new() };
    let mut modules: Vec<(String, i32)> = Vec::new();
    let mut depth = 0;
    while let Some((line, token)) = reader.peek() {
        let here = || {
            let inner = modules.iter().map(|(name, _)| name.clone());
            module_of(path).into_iter().chain(inner).collect::<Vec<String>>()
        };
        match token {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                modules.retain(|&(_, opened)| opened <= depth);
            }
            "mod" if reader.token(2) == Some("{") => {
                let name = reader.token(1).unwrap_or_default().to_owned();
                modules.push((name, depth + 1));
            }
            "use" => {
                reader.at += 1;
                reader.tree(&here(), Vec::new());
                continue;
            }
            word if is_word(word) && reader.token(1) == Some("::") => {
                reader.tree(&here(), Vec::new());
                continue;
            }
            "extern" if reader.token(1) == Some("crate") => {
                let name = reader.token(2).unwrap_or_default().to_owned();
                reader.found.push(NamedPath { line, segments: vec![name] });
            }
            _ => {}
        }
        reader.at += 1;
    }
    reader.found
}

/// The module path of a file: `src/git/store.rs` is `["crate", "git", "store"]`.
fn module_of(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let parts = inner.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main"));
    ["crate"].into_iter().chain(parts).map(str::to_owned).collect()
}

struct Reader<'a> {
    tokens: Vec<(usize, &'a str)>,
    at: usize,
    found: Vec<NamedPath>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<(usize, &'a str)> {
        self.tokens.get(self.at).copied()
    }

    fn token(&self, ahead: usize) -> Option<&'a str> {
        self.tokens.get(self.at + ahead).map(|&(_, token)| token)
    }

    /// Reads one path with its groups; `base` is what stands before it.
    fn tree(&mut self, here: &[String], mut base: Vec<String>) {
        let mut line = 0;
        if self.token(0) == Some("::") {
            self.at += 1;
        }
        while let Some((token_line, token)) = self.peek() {
            line = token_line;
            match token {
                "{" => return self.group(here, &base),
                "crate" | "monban" if base.is_empty() => base = vec!["crate".to_owned()],
                "self" if base.is_empty() => base = here.to_vec(),
                "super" => {
                    base = if base.is_empty() { here.to_vec() } else { base };
                    base.pop();
                }
                "self" => {}
                word if is_word(word) || word == "*" => base.push(word.to_owned()),
                _ => break,
            }
            self.at += 1;
            if self.token(0) != Some("::") {
                break;
            }
            self.at += 1;
        }
        if !base.is_empty() {
            self.found.push(NamedPath { line, segments: base });
        }
    }

    fn group(&mut self, here: &[String], base: &[String]) {
        self.at += 1;
        while let Some((_, token)) = self.peek() {
            match token {
                "}" => {
                    self.at += 1;
                    return;
                }
                word if is_word(word) || matches!(word, "*" | "{" | "::") => {
                    self.tree(here, base.to_vec());
                    if self.token(0) == Some("as") {
                        self.at += 2;
                    }
                }
                _ => self.at += 1,
            }
        }
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words, `::` and single signs, each with its line. `r#word` is `word`.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_part = |c: char| c.is_alphanumeric() || c == '_';
            let length = if rest.starts_with("::") || rest.starts_with("r#") {
                2
            } else if is_part(first) {
                rest.find(|c| !is_part(c)).unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            let (token, after) = rest.split_at(length);
            if token != "r#" {
                found.push((number + 1, token));
            }
            rest = after.trim_start();
        }
    }
    found
}

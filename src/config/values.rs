//! The notations of single values: durations, paths inside a worktree, names. Each is read
//! in this one place, for files and for the command line.

use crate::base::foreign::Foreign;
use std::path::{Component, Path};
use std::time::Duration;

const DURATION_UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

const BYTE_UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Variables that monban sets or removes itself, with the reason.
const OWN_VARIABLES: [(&str, &str); 9] = [
    ("HOME", "monban sets HOME to a folder in the worktree (rule A-009)"),
    ("CLAUDE_CONFIG_DIR", "monban puts it into the agent's HOME (rule C-17)"),
    ("CODEX_HOME", "monban puts it into the agent's HOME (rule C-17)"),
    ("HTTP_PROXY", "proxy variables never reach an agent (rule A-011)"),
    ("HTTPS_PROXY", "proxy variables never reach an agent (rule A-011)"),
    ("FTP_PROXY", "proxy variables never reach an agent (rule A-011)"),
    ("ALL_PROXY", "proxy variables never reach an agent (rule A-011)"),
    ("NO_PROXY", "proxy variables never reach an agent (rule A-011)"),
    ("MONBAN_HOME", "an agent has no business with monban's own state"),
];

/// Reads a duration such as `30m` or `1h30m`; at least one second.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let refused =
        || format!("{} is not a duration: write one such as \"30m\" or \"1h30m\"", shown(text));
    let mut rest = text;
    let mut units = DURATION_UNITS.iter();
    let mut seconds = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refused)?;
        let (number, tail) = rest.split_at(digits);
        // The units only get smaller, so that no unit can stand twice.
        let unit = units.find(|(name, _)| tail.starts_with(name)).ok_or_else(refused)?;
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit.1));
        seconds = part.and_then(|part| seconds.checked_add(part)).ok_or_else(refused)?;
        rest = &tail[unit.0.len()..];
    }
    if seconds == 0 { Err(refused()) } else { Ok(Duration::from_secs(seconds)) }
}

/// Reads a number of bytes such as `200MB` or `1GiB`; at least one.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = BYTE_UNITS.iter().find(|(name, _)| *name == unit);
    let bytes = unit.and_then(|(_, unit)| number.parse::<u64>().ok()?.checked_mul(*unit));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| {
        format!("{} is not a size: write one such as \"200MB\" or \"1GiB\"", shown(text))
    })
}

/// Reads a folder for the HOME of runs: in the one that every snapshot leaves out by its name, so
/// that no login of an agent can become part of its work.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn home(text: &str) -> Result<String, String> {
    let inside = path_inside(text)?;
    let mut parts = Path::new(&inside).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(first)), Some(Component::Normal(_))) if first == ".monban" => {
            Ok(inside)
        }
        _ => Err(format!(
            "{} must be a folder in .monban, which every snapshot leaves out",
            shown(text)
        )),
    }
}

/// Reads a path that stays inside a worktree and away from `.git`. `.` is the worktree itself.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn path_inside(text: &str) -> Result<String, String> {
    let refused = |why: &str| Err(format!("{} {why}", shown(text)));
    if text.is_empty() || text.contains('\0') {
        return refused("is not a path");
    }
    for component in Path::new(text).components() {
        match component {
            Component::Prefix(_) | Component::RootDir => {
                return refused("must be relative to the worktree");
            }
            Component::ParentDir => return refused("must not leave the worktree by \"..\""),
            Component::Normal(name) if name.eq_ignore_ascii_case(".git") => {
                return refused("must not be in .git");
            }
            Component::Normal(_) | Component::CurDir => {}
        }
    }
    Ok(text.into())
}

/// Reads the name of a variable that may be handed to an agent.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn variable(text: &str) -> Result<String, String> {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(format!("{} is not the name of a variable", shown(text)));
    }
    let own = OWN_VARIABLES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    match own {
        Some((_, why)) => Err(format!("{text} cannot be chosen: {why}")),
        None => Ok(text.into()),
    }
}

/// Reads a command line or an argument. Only NUL is impossible.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn argument(text: &str) -> Result<String, String> {
    if text.contains('\0') {
        return Err("a NUL character cannot be part of it".into());
    }
    Ok(text.into())
}

/// Reads the short name of a branch.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn branch(text: &str) -> Result<String, String> {
    let is_forbidden = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let has_bad_part = text.split('/').any(|part| {
        part.is_empty() || part.starts_with('.') || part.ends_with('.') || part.ends_with(".lock")
    });
    let is_bad = has_bad_part
        || text.starts_with('-')
        || text.contains("..")
        || text.contains("@{")
        || text == "@"
        || text.contains(is_forbidden)
        || Foreign::new(text).hidden_count() > 0;
    if is_bad {
        return Err(format!("{} is not the name of a branch", shown(text)));
    }
    Ok(text.into())
}

/// A word of a file as it may appear in a message.
pub(super) fn shown(text: &str) -> String {
    format!("\"{}\"", Foreign::new(text).shown())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit_only() {
        assert_eq!(duration("30m"), Ok(Duration::from_secs(1800)));
        assert_eq!(duration("1d2h3m4s"), Ok(Duration::from_secs(93_784)));
        for bad in ["", "30", "m", "0s", "1m1h", "1m1m", "1h ", "9999999999999999999d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_read_with_their_unit_only() {
        assert_eq!(bytes("200MB"), Ok(200_000_000));
        assert_eq!(bytes("1GiB"), Ok(1 << 30));
        for bad in ["", "200", "MB", "0MB", "1mb", "1.5GB", "-1MB", "99999999999999GB", "1 MB"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_stays_inside() {
        for good in [".", ".monban/home", "a/./b", "...", "日本"] {
            assert_eq!(path_inside(good).as_deref(), Ok(good));
        }
        for bad in ["", "/etc", "..", "a/../..", ".git/hooks", "a/.GIT", "a\0b"] {
            assert!(path_inside(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn variables_that_monban_decides_cannot_be_chosen() {
        assert!(variable("CARGO_HOME").is_ok());
        assert!(variable("http_proxy").unwrap_err().contains("A-011"));
        assert!(variable("HOME").unwrap_err().contains("A-009"));
        for bad in ["", "1A", "A-B", "A=B", "Ä"] {
            assert!(variable(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn branches_that_git_would_refuse_are_refused() {
        for good in ["main", "feature/x-1", "修正"] {
            assert!(branch(good).is_ok(), "{good}");
        }
        for bad in
            ["", "-x", "a..b", "a b", "a/", "/a", "x.lock", "a\u{202e}b", "@{1}", "a~1", ".x"]
        {
            assert!(branch(bad).is_err(), "{bad}");
        }
    }
}

//! The layer table of `docs/architecture.md`, enforced on every file under `src`.
//!
//! A module may use what stands in a lower row of `LAYERS`, and beside it what `BESIDE` names. The
//! fences say which module alone may use an outside crate, and where pure code must not reach.

mod source;

use source::paths::{NamedPath, named};
use source::scan::{Keep, blank, without_tests};
use source::{Source, is_test_file};

/// The layers, lowest first.
const LAYERS: &[&[&str]] = &[
    &["base"],
    &["model", "policy", "config", "term", "formats"],
    &["view"],
    &["wire"],
    ADAPTERS,
    &["daemon", "tui"],
    &["cli"],
];

/// What talks to the outside. They do not know each other; the daemon joins them.
const ADAPTERS: &[&str] =
    &["store", "git", "pty", "runner", "gate", "scan", "agent", "notice", "sync", "watch", "gauge"];

/// Uses inside one layer that are meant: the module, and what it may use there.
const BESIDE: &[(&str, &[&str])] = &[
    ("model", &["policy"]),
    ("config", &["policy"]),
    ("runner", &["pty"]),
    ("gate", &["git", "scan", "runner"]),
];

/// Modules that compute and nothing else: bytes and values in, values out.
const PURE: &[&str] = &["model", "policy", "term", "formats", "view", "scan"];

/// What a pure module must not reach. Its tests may: they read recordings.
const IMPURE: &[&str] =
    &["std::fs", "std::net", "std::process", "std::env", "std::thread", "rustix", "libc"];

/// Where a clock is read. Tests may.
const CLOCK_READS: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "UNIX_EPOCH::elapsed",
    "Timestamp::now",
    "Zoned::now",
    "time::clock_gettime",
];

/// An outside crate and the only places that may use it: modules, or files.
struct Fence {
    crates: &'static [&'static str],
    only_in: &'static [&'static str],
}

const FENCES: &[Fence] = &[
    Fence { crates: &["ratatui", "crossterm"], only_in: &["tui"] },
    Fence { crates: &["git2"], only_in: &["git"] },
    Fence { crates: &["portable_pty"], only_in: &["pty"] },
    Fence { crates: &["rio_vt", "alacritty_terminal"], only_in: &["term"] },
    Fence { crates: &["notify"], only_in: &["watch"] },
    Fence { crates: &["clap", "clap_complete", "clap_mangen"], only_in: &["cli"] },
    Fence { crates: &["color_eyre"], only_in: &["src/main.rs", "src/cli/mod.rs"] },
    Fence {
        crates: &[
            "tree_sitter",
            "tree_sitter_go",
            "tree_sitter_javascript",
            "tree_sitter_python",
            "tree_sitter_rust",
            "tree_sitter_typescript",
        ],
        only_in: &["scan"],
    },
    Fence { crates: &["tokio"], only_in: &["wire", "daemon", "tui", "cli"] },
];

/// A line that may break a rule, for a reason. This list may only shrink: an entry that breaks
/// nothing any more is an error.
struct Exception {
    file: &'static str,
    path: &'static str,
    #[expect(dead_code, reason = "for the reader")]
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[];

#[test]
fn every_line_keeps_to_its_layer() {
    let sources = source::rust("src");
    assert!(sources.len() > 10, "the source was not found");
    let mut broken = Vec::new();
    let mut used = vec![false; EXCEPTIONS.len()];
    for file in &sources {
        for fault in faults(file) {
            let excused = EXCEPTIONS
                .iter()
                .position(|known| known.file == file.path && fault.path.starts_with(known.path));
            match excused {
                Some(index) => used[index] = true,
                None => broken.push(fault.message),
            }
        }
    }
    for (known, _) in EXCEPTIONS.iter().zip(used).filter(|(_, used)| !used) {
        broken.push(format!("EXCEPTIONS: {} no longer uses {}: delete it", known.file, known.path));
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_module_stands_in_the_table() {
    let mut unknown: Vec<String> =
        source::rust("src").iter().map(|file| place(&file.path)).collect();
    unknown.retain(|module| !matches!(module.as_str(), "main" | "lib") && layer(module).is_none());
    unknown.dedup();
    assert!(unknown.is_empty(), "in no row of LAYERS: {unknown:?}; put each where it belongs");
}

/// A line that breaks a rule.
struct Fault {
    path: String,
    message: String,
}

/// Why a path in a file breaks a rule, and where such code belongs.
type Rule = fn(&Source, &NamedPath) -> Option<String>;

fn faults(file: &Source) -> Vec<Fault> {
    let code = blank(&file.text, Keep::Code);
    let shipped = if is_test_file(&file.path) { String::new() } else { without_tests(&code) };
    let everywhere: [Rule; 2] = [layer_fault, fence_fault];
    let outside_tests: [Rule; 2] = [pure_fault, clock_fault];
    let mut found = Vec::new();
    for (code, rules) in [(code, everywhere), (shipped, outside_tests)] {
        for path in named(&file.path, &code) {
            for why in rules.iter().filter_map(|rule| rule(file, &path)) {
                let text = path.text();
                let message = format!("{}:{}: `{text}`: {why}", file.path, path.line);
                found.push(Fault { path: text, message });
            }
        }
    }
    found
}

fn layer_fault(file: &Source, path: &NamedPath) -> Option<String> {
    let to = path.module()?;
    let from = place(&file.path);
    if to == "*" {
        return Some("the crate's root under another name hides what is used: name it".to_owned());
    }
    let target = layer(to)?;
    let Some(own) = layer(&from) else {
        let may = from == "main" && to == "cli";
        return (!may).then(|| format!("{from}.rs only starts: main calls cli, lib names modules"));
    };
    let beside = BESIDE.iter().any(|(module, uses)| *module == from && uses.contains(&to));
    if from == "tui" && ADAPTERS.contains(&to) {
        return Some("tui uses no adapter: what it shows comes in a view from the daemon".into());
    }
    if from == to || target < own || beside {
        return None;
    }
    Some(if target > own {
        format!("{from} stands below {to}: pass it in, or move what both need down to base")
    } else if ADAPTERS.contains(&to) {
        format!("adapters do not use each other ({from}, {to}): join them in daemon")
    } else {
        format!("{from} and {to} share a layer: move what both need down a layer")
    })
}

fn fence_fault(file: &Source, path: &NamedPath) -> Option<String> {
    let fence = FENCES.iter().find(|fence| fence.crates.contains(&path.segments[0].as_str()))?;
    let module = place(&file.path);
    let is_inside = fence.only_in.iter().any(|place| *place == module || *place == file.path);
    (!is_inside).then(|| {
        let places = fence.only_in.join(", ");
        format!("only {places} may use this crate: offer there, in our own types, what you need")
    })
}

fn pure_fault(file: &Source, path: &NamedPath) -> Option<String> {
    let module = place(&file.path);
    let reaches_out = IMPURE.iter().any(|outside| path.starts_with(outside));
    (PURE.contains(&module.as_str()) && reaches_out)
        .then(|| format!("{module} is pure: an adapter does this and passes bytes or values in"))
}

fn clock_fault(file: &Source, path: &NamedPath) -> Option<String> {
    let reads = CLOCK_READS.iter().any(|read| path.ends_with(read));
    (reads && place(&file.path) != "base").then(|| {
        "only base reads the clock: take a `&Clock` or a `Timestamp` as an argument".to_owned()
    })
}

/// The module a file belongs to: `src/git/store.rs` and `src/git.rs` are in `git`.
fn place(path: &str) -> String {
    let inner = path.trim_start_matches("src/");
    inner.split('/').next().unwrap_or(inner).trim_end_matches(".rs").to_owned()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

/// The rules on small samples: what breaks one is seen, what only looks like it is not.
mod samples {
    use super::{Source, faults};

    fn broken(path: &str, text: &str) -> Vec<String> {
        let file = Source { path: path.to_owned(), text: text.to_owned() };
        faults(&file).into_iter().map(|fault| fault.path).collect()
    }

    #[test]
    fn a_use_against_the_direction_is_seen_however_it_is_written() {
        for text in [
            "use crate::git::Store;",
            "use crate::{base::id, git::{Store}};",
            "use crate::{\n    base::{id, hash},\n    git as g,\n};",
            "fn f() { crate::git::open() }",
            "use super::git;",
            "mod inner { use super::super::git::Store; }",
            "use {super::git, std::io};",
            "use monban::git;",
            "#[cfg(test)] mod tests { use crate::git::Store; }",
        ] {
            let found = broken("src/store/mod.rs", text);
            assert!(found.len() == 1 && found[0].starts_with("crate::git"), "{text}: {found:?}");
        }
        assert_eq!(broken("src/store/a/b.rs", "use super::super::super::git;"), ["crate::git"]);
        assert_eq!(broken("src/model/mod.rs", "use crate::daemon::x;"), ["crate::daemon::x"]);
        assert_eq!(broken("src/tui/mod.rs", "use crate::store::x;"), ["crate::store::x"]);
        assert_eq!(broken("src/tui/mod.rs", "use crate::daemon::x;"), ["crate::daemon::x"]);
        assert_eq!(broken("src/main.rs", "use monban::daemon;"), ["crate::daemon"]);
    }

    #[test]
    fn the_root_under_another_name_is_seen() {
        assert_eq!(broken("src/store/mod.rs", "use crate::*;"), ["crate::*"]);
        assert_eq!(broken("src/store/mod.rs", "use super::*;"), ["crate::*"]);
        assert_eq!(broken("src/store/mod.rs", "use crate as root;"), ["crate"]);
    }

    #[test]
    fn what_is_allowed_or_only_looks_like_a_use_passes() {
        for (path, text) in [
            ("src/store/mod.rs", "// use crate::git;\n/* crate::git /* x */ crate::git */"),
            ("src/store/mod.rs", "const A: &str = \"crate::git::x\"; const B: char = '\"';"),
            ("src/store/mod.rs", "const A: &str = r#\"a \" crate::git\"#;"),
            ("src/store/mod.rs", "fn f<'a>(x: &'a str) { git::x() }"),
            ("src/store/log.rs", "use super::*; use crate::store::git;"),
            ("src/store/mod.rs", "mod tests { use super::*; }"),
            ("src/runner/mod.rs", "use crate::pty::Pty;"),
            ("src/gate/mod.rs", "use crate::{git, scan, runner};"),
            ("src/model/mod.rs", "use crate::policy::Level;"),
            ("src/daemon/mod.rs", "use crate::{git, store, wire, model, base};"),
            ("src/cli/demo.rs", "use crate::{daemon, tui, cli::args};"),
            ("src/main.rs", "fn main() { monban::cli::main() }"),
        ] {
            assert_eq!(broken(path, text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn fenced_crates_are_seen_outside_their_fence_only() {
        for (path, text, found) in [
            ("src/daemon/mod.rs", "use git2::Oid;", "git2::Oid"),
            ("src/daemon/mod.rs", "use git2;", "git2"),
            ("src/daemon/mod.rs", "use {std::io, git2 as g};", "git2"),
            ("src/daemon/mod.rs", "extern crate git2;", "git2"),
            ("src/daemon/mod.rs", "fn f() { ::git2::init() }", "git2::init"),
            ("src/store/mod.rs", "#[tokio::test] async fn f() {}", "tokio::test"),
            ("src/cli/args.rs", "use color_eyre::eyre;", "color_eyre::eyre"),
            ("src/daemon/mod.rs", "use clap::Parser;", "clap::Parser"),
        ] {
            assert_eq!(broken(path, text), [found], "{path}: {text}");
        }
        assert!(broken("src/git/diff.rs", "use git2::Oid;").is_empty());
        assert!(broken("src/cli/mod.rs", "use color_eyre::eyre; use clap::Parser;").is_empty());
        assert!(broken("src/daemon/mod.rs", "fn f(x: T) { x.git2(); let notify = 1; }").is_empty());
    }

    #[test]
    fn pure_modules_and_the_clock_are_guarded_outside_tests() {
        let tests = |body: &str| format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{ {body} }}");
        let reads = "use std::{fs::File, io}; fn f() { std::env::var(X) }";
        assert_eq!(broken("src/model/mod.rs", reads), ["std::fs::File", "std::env::var"]);
        assert_eq!(broken("src/model/mod.rs", &tests(reads)), Vec::<String>::new());
        assert_eq!(broken("src/model/tests.rs", reads), Vec::<String>::new());
        assert_eq!(broken("src/config/mod.rs", reads), Vec::<String>::new());

        let now = "use std::time::Instant; fn f() { if x { Instant::now() } }";
        assert_eq!(broken("src/git/mod.rs", now), ["Instant::now"]);
        assert_eq!(broken("src/git/mod.rs", &tests(now)), Vec::<String>::new());
        for test in ["mod t { const X: &str = \"}\"; }", "fn f(a: [u8; 3]) { Instant::now(); }"] {
            let after = format!("#[cfg(test)]\n{test}\n{now}");
            assert_eq!(broken("src/git/mod.rs", &after), ["Instant::now"]);
        }
        assert_eq!(broken("src/base/clock.rs", now), Vec::<String>::new());
    }
}

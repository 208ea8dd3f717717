//! How the project is written: lengths, headings, leftovers, sleeps, links, numbers, dependencies.

mod source;

use source::paths::named;
use source::scan::{Keep, blank, split_tests};
use source::{Source, files, is_test_file, root, rust};
use std::collections::{BTreeMap, BTreeSet};

const FILE_LINES_MAX: usize = 500;
const LINE_CHARS_MAX: usize = 100;

/// Folders of the machines this is written on; they mean nothing anywhere else.
const MACHINE_FOLDERS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/fa", "rm"), concat!("/Us", "ers/")];

#[test]
fn rust_files_are_short_headed_and_free_of_leftovers() {
    none_of(all_rust().iter().flat_map(file_faults));
}

#[test]
fn text_names_no_folder_of_somebodys_machine() {
    let text = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        ["rs", "md", "toml", "yml", "txt", ""].contains(&ending)
    };
    none_of(files("", text).iter().flat_map(folder_faults));
}

#[test]
fn decisions_have_their_own_numbers() {
    let names = files("docs/decisions", |path| path.ends_with(".md"));
    none_of(number_faults(names.iter().map(|file| file.path.as_str())));
}

#[test]
fn links_between_documents_lead_somewhere() {
    let documents = files("", |path| {
        path.ends_with(".md") && (!path.contains('/') || path.starts_with("docs/"))
    });
    none_of(documents.iter().flat_map(|document| {
        let folder = root().join(&document.path);
        let exists = move |link: &str| folder.parent().unwrap().join(link).exists();
        broken_links(document, exists)
    }));
}

#[test]
fn every_dependency_is_used_and_has_its_reason() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let named: BTreeSet<String> = all_rust()
        .iter()
        .flat_map(|file| named(&file.path, &file.text))
        .map(|path| path.segments[0].clone())
        .collect();
    let reasons = files("docs/decisions", |path| path.ends_with(".md"));
    let mut faults = Vec::new();
    for name in dependencies(&manifest) {
        if !named.contains(&name.replace('-', "_")) {
            faults.push(format!("Cargo.toml: {name}: nothing uses it: delete it"));
        }
        if !reasons.iter().any(|file| file.text.contains(&format!("| {name} |"))) {
            faults.push(format!("Cargo.toml: {name}: has no row in docs/decisions"));
        }
    }
    none_of(faults);
}

fn none_of(faults: impl IntoIterator<Item = String>) {
    let faults: Vec<String> = faults.into_iter().collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

fn all_rust() -> Vec<Source> {
    ["src", "tests"].into_iter().flat_map(rust).collect()
}

fn file_faults(file: &Source) -> Vec<String> {
    let code = blank(&file.text, Keep::Code);
    let mut faults = Vec::new();
    let mut fault = |line: usize, what: &str| faults.push(format!("{}:{line}: {what}", file.path));
    let lines = file.text.lines().count();
    if lines > FILE_LINES_MAX {
        fault(lines, "more than 500 lines: split it by idea");
    }
    if !file.text.starts_with("//!") {
        fault(1, "does not begin with `//!` lines that say what it owns and must not do");
    }
    let blanked = blank(&file.text, Keep::Comments);
    for (number, (line, whole)) in blanked.lines().zip(file.text.lines()).enumerate() {
        let indent = whole.chars().take_while(|c| *c == ' ').count();
        if indent + width(line) > LINE_CHARS_MAX && !line.contains("://") {
            fault(number + 1, "wider than 100 characters");
        }
    }
    for (number, line) in code.lines().enumerate() {
        for leftover in ["todo!(", "unimplemented!(", "dbg!(", "#[ignore"] {
            if line.contains(leftover) {
                fault(number + 1, &format!("`{leftover}`: finish it or take it out"));
            }
        }
    }
    for line in sleeps(file, &code) {
        fault(line, "a test waits for time: block on the event, or use the bounded wait helper");
    }
    faults
}

/// The width of a line without its indent and its blanked strings: a message stays in one piece.
fn width(line: &str) -> usize {
    line.split_whitespace().collect::<Vec<_>>().join(" ").chars().count()
}

/// Lines of tests that sleep. `tests/support` may: its wait helper polls, its programs play delays.
fn sleeps(file: &Source, code: &str) -> Vec<usize> {
    if file.path.starts_with("tests/support/") {
        return Vec::new();
    }
    let tests = if is_test_file(&file.path) { code.to_owned() } else { split_tests(code).1 };
    let is_sleep = |path: &&source::paths::NamedPath| {
        ["thread::sleep", "time::sleep"].iter().any(|sleep| path.ends_with(sleep))
    };
    named(&file.path, &tests).iter().filter(is_sleep).map(|path| path.line).collect()
}

fn folder_faults(file: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for folder in MACHINE_FOLDERS {
            let is_path = |at: usize| {
                !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-*~}".contains(c))
            };
            if line.match_indices(folder).any(|(at, _)| is_path(at)) {
                faults.push(format!("{}:{}: names {folder}", file.path, number + 1));
            }
        }
    }
    faults
}

fn number_faults<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = BTreeMap::new();
    let mut faults = Vec::new();
    for path in paths {
        let name = path.rsplit('/').next().unwrap_or(path);
        match name.split_once('-') {
            Some((number, _)) if number.len() == 4 && number.parse::<u16>().is_ok() => {
                if let Some(other) = seen.insert(number, path) {
                    faults.push(format!("{path}: has the number of {other}"));
                }
            }
            _ => faults.push(format!("{path}: is not named like 0001-what-was-decided.md")),
        }
    }
    faults
}

/// Relative links, `[text](target)`, outside code, for which `exists` says no.
fn broken_links(document: &Source, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    let mut in_code = false;
    for (number, line) in document.text.lines().enumerate() {
        in_code ^= line.trim_start().starts_with("```");
        let prose: String = line.split('`').step_by(2).collect();
        for after in prose.split("](").skip(1).filter(|_| !in_code) {
            let link = after.split([')', ' ', '#']).next().unwrap_or(after);
            if !link.is_empty() && !link.contains(':') && !exists(link) {
                faults.push(format!("{}:{}: no such file: {link}", document.path, number + 1));
            }
        }
    }
    faults
}

/// Names in the dependency tables of a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut in_table = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_table = line.trim_end().ends_with("dependencies]");
        } else if let Some((name, _)) =
            line.split_once('=').filter(|_| in_table && !line.starts_with('#'))
        {
            names.push(name.trim().to_owned());
        }
    }
    names
}

/// The rules on small samples: each is seen to break, and what is allowed passes.
mod samples {
    use super::*;

    fn file(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    fn faults(path: &str, text: &str) -> usize {
        file_faults(&file(path, text)).len()
    }

    #[test]
    fn each_fault_of_a_rust_file_is_seen() {
        let wide = "x".repeat(101);
        let after_sleep = "//! a\n#[cfg(test)]\nmod tests { fn f() { std::thread::sleep(D) } }";
        assert_eq!(faults("src/a.rs", "//! a\nfn f() {}\n"), 0);
        assert_eq!(faults("src/a.rs", "fn f() {}\n"), 1, "no heading");
        assert_eq!(faults("src/a.rs", &format!("//! a\n{}", "\n".repeat(500))), 1, "long");
        assert_eq!(faults("src/a.rs", &format!("//! a\n// {wide}\n")), 1, "wide comment");
        assert_eq!(faults("src/a.rs", &format!("//! a\nconst A: &str = r\"\n{wide}\n\";")), 0);
        assert_eq!(faults("src/a.rs", &format!("//! a\nfn f() {{ g(\"{wide}\") }}")), 0, "message");
        assert_eq!(faults("src/a.rs", &format!("//! a\nfn f() {{ {wide} }}")), 1, "wide code");
        assert_eq!(faults("src/a.rs", "//! a\nfn f() { todo!() }"), 1, "todo");
        assert_eq!(faults("src/a.rs", "//! a\n// todo!() #[ignore]"), 0, "in a comment");
        assert_eq!(faults("tests/a.rs", "//! a\n#[ignore = \"x\"]\nfn f() {}"), 1, "ignored");
        assert_eq!(faults("tests/a.rs", "//! a\nfn f() { tokio::time::sleep(D) }"), 1, "sleep");
        assert_eq!(faults("tests/a.rs", "//! a\nuse std::{thread::sleep};"), 1, "sleep by use");
        assert_eq!(faults("tests/support/a.rs", "//! a\nfn f() { thread::sleep(D) }"), 0);
        assert_eq!(faults("src/a.rs", "//! a\nfn f() { thread::sleep(D) }"), 0, "not a test");
        assert_eq!(faults("src/a.rs", after_sleep), 1, "sleep in a test module");
    }

    #[test]
    fn machine_folders_are_seen_as_whole_paths_only() {
        let folder = MACHINE_FOLDERS[0];
        let count = |line: String| folder_faults(&file("docs/a.md", &line)).len();
        assert_eq!(count(format!("see {folder}x")), 1);
        assert_eq!(count(format!("\"{folder}x\"")), 1);
        assert_eq!(count(format!("src{folder}x and ..{folder}y")), 0);
    }

    #[test]
    fn links_numbers_and_manifests_are_read_right() {
        let links = "[a](here.md) [b](gone.md#x) ![c](https://x.y/z)\n`[d](gone.md)`\n\
                     ```\n[e](gone.md)\n```\n[f](#part)";
        let broken = broken_links(&file("README.md", links), |link| link == "here.md");
        assert_eq!(broken, ["README.md:1: no such file: gone.md"]);

        let names = ["docs/decisions/0001-a.md", "docs/decisions/0001-b.md", "docs/decisions/c.md"];
        assert_eq!(number_faults(names.into_iter()).len(), 2);
        assert_eq!(number_faults(names[..1].iter().copied()).len(), 0);

        let manifest = "[package]\nname = \"x\"\n[dependencies]\na-b = \"1\"\n# c = 1\n\
                        [dev-dependencies]\nd = { version = \"1\" }\n[lints]\ne = \"warn\"\n\
                        [target.'cfg(unix)'.dependencies]\nf = \"1\"\n";
        assert_eq!(dependencies(manifest), ["a-b", "d", "f"].map(str::to_owned));
    }
}

//! Every crate that is built in has a licence that lets monban be given on under its own.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail")]

use std::collections::BTreeSet;
use std::process::Command;

/// Licences that ask for no more than naming the author, if for that.
const ALLOWED: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "CC0-1.0",
    "Unlicense",
    "Unicode-3.0",
];

#[test]
fn every_crate_has_an_allowed_licence() {
    let crates = crates_built_here();
    assert!(crates.len() > 20, "cargo named too few crates: {crates:?}");
    let refused: Vec<_> = crates.iter().filter(|(_, licence)| !is_allowed(licence)).collect();
    assert!(refused.is_empty(), "not allowed: {refused:#?}; see docs/decisions/0002");
}

/// Name and licence of each crate that a build for this system uses, this one included. The lock
/// file, and `cargo metadata` with it, also names crates that no feature in use brings in.
fn crates_built_here() -> Vec<(String, String)> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal,build,dev", "--prefix", "none"])
        .args(["--format", "{p}|{l}"])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let lines: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    let parts = lines.iter().filter_map(|line| line.rsplit_once('|'));
    parts.map(|(name, licence)| (name.to_owned(), licence.to_owned())).collect()
}

/// Whether each part of an `AND` offers an allowed choice. `/` is the old way to write `OR`.
fn is_allowed(licence: &str) -> bool {
    let licence = licence.replace(['(', ')'], "").replace('/', " OR ");
    licence
        .split(" AND ")
        .all(|part| part.split(" OR ").any(|choice| ALLOWED.contains(&choice.trim())))
}

#[test]
fn a_licence_is_allowed_by_one_choice_in_every_part() {
    for licence in ["MIT", "GPL-3.0 OR MIT", "MIT/Apache-2.0", "(MIT OR GPL-2.0) AND Unicode-3.0"] {
        assert!(is_allowed(licence), "{licence}");
    }
    for licence in ["GPL-3.0", "none", "MIT AND GPL-3.0", "MPL-2.0/GPL-2.0", ""] {
        assert!(!is_allowed(licence), "{licence}");
    }
}

//! Every crate that is built in has a licence that lets monban be given on under its own.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail")]

use std::process::Command;

/// Licences that ask for no more than naming the author.
const ALLOWED: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
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

/// Name and licence of each crate that a build for this system uses, this one included.
fn crates_built_here() -> Vec<(String, String)> {
    let host = Command::new("rustc").arg("-vV").output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version=1", "--filter-platform"])
        .args([host, "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("none").to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(|package| (text(&package["name"]), text(&package["license"]))).collect()
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

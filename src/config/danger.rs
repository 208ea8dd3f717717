//! The rules of the check `danger` that a repository may allow, by name: those of the data that the
//! check reads. What it says of tests that are gone and of lowered thresholds is not among them.

use serde::Deserialize;

const FILES: [&str; 6] = [
    include_str!("../../assets/scan/danger/script.toml"),
    include_str!("../../assets/scan/danger/python.toml"),
    include_str!("../../assets/scan/danger/rust.toml"),
    include_str!("../../assets/scan/danger/go.toml"),
    include_str!("../../assets/scan/danger/shell.toml"),
    include_str!("../../assets/scan/danger/unread.toml"),
];

#[derive(Deserialize)]
struct File {
    rule: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    name: String,
}

/// Their names as findings give them, in order.
pub(super) fn rules() -> Vec<String> {
    let files = FILES.iter().filter_map(|text| toml::from_str::<File>(text).ok());
    let rules = files.flat_map(|file| file.rule);
    let mut names: Vec<String> = rules.map(|rule| format!("danger/{}", rule.name)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

//! Who the person commits as, read from configuration files. Reading runs nothing they name.

use super::landing::Identity;
use super::repository::Repository;
use std::path::PathBuf;

/// The person's name and address: the repository's own configuration first, then theirs. Where
/// neither says anything, monban's own, so that committing never fails for want of a name.
pub fn identity(repository: &Repository) -> Identity {
    let mut settings = Vec::new();
    for file in personal_files() {
        settings.extend(person_settings(repository, file));
    }
    settings.extend(repository.settings().unwrap_or_default());
    let last = |key: &str, fallback: &str| {
        let said = settings.iter().rev().find(|(name, value)| name == key && !value.is_empty());
        said.map_or_else(|| fallback.to_string(), |(_, value)| value.clone())
    };
    Identity { name: last("user.name", "monban"), email: last("user.email", "monban@localhost") }
}

/// The person's own configuration files, the stronger one last.
fn personal_files() -> Vec<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(file) = set("GIT_CONFIG_GLOBAL") {
        return vec![file.into()];
    }
    let home = set("HOME").map(PathBuf::from);
    let config = set("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| home.as_ref().map(|home| home.join(".config")));
    let files = [config.map(|c| c.join("git/config")), home.map(|home| home.join(".gitconfig"))];
    files.into_iter().flatten().filter(|file| file.is_file()).collect()
}

fn person_settings(repository: &Repository, file: PathBuf) -> Vec<(String, String)> {
    let listed = repository
        .git("config")
        .args(["--includes", "-z", "--list", "--file"])
        .arg(file)
        .accept(&[0, 1, 128])
        .run();
    let Ok(output) = listed else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let pair = |line: &str| {
        let (key, value) = line.split_once('\n')?;
        Some((key.to_ascii_lowercase(), value.to_string()))
    };
    text.split('\0').filter_map(pair).collect()
}

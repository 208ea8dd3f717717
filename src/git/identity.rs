//! Who the person commits as, read from configuration without running anything.

use super::landing::Identity;
use super::repository::Repository;
use git2::Config;

/// The person's name and address: the repository's own configuration first, then theirs. Where neither
/// says anything, monban's own, so that committing never fails for want of a name.
pub fn identity(repository: &Repository) -> Identity {
    let own = repository.settings().unwrap_or_default();
    // libgit2 reads configuration files and runs nothing they name.
    let global = Config::open_default().ok();
    let read = |key: &str, fallback: &str| {
        let own = own.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.clone());
        let value = own.or_else(|| global.as_ref()?.get_string(key).ok());
        value.filter(|value| !value.is_empty()).unwrap_or_else(|| fallback.to_string())
    };
    Identity { name: read("user.name", "monban"), email: read("user.email", "monban@localhost") }
}

//! Keys and colours as the person's files say.

use crate::base::durable;
use crate::config::Diagnostics;
use crate::config::person::{self, Person};
use crate::tui::keymap::Keymap;
use crate::tui::looks::Looks;
use crate::tui::theme::Theme;
use std::path::{Path, PathBuf};

/// The themes to go through with one key, the person's own first.
const THEMES: [&str; 4] = ["terminal", "dark", "light", "high-contrast"];

/// What the configuration `config` and the file of keys beside it say.
///
/// # Errors
/// What is wrong with them, with file and line.
pub fn read(config: &Path) -> Result<Looks, String> {
    of_person(&person::load(config).map_err(mistake)?, config)
}

/// What the configuration `config`, which reads as `person`, and the file of keys beside it say.
///
/// # Errors
/// What is wrong with them, with the file.
pub fn of_person(person: &Person, config: &Path) -> Result<Looks, String> {
    let of_config = |why: String| format!("{}: {why}", config.display());
    let (theme, more_themes) = themes(person).map_err(of_config)?;
    let name = person.keys.as_deref().unwrap_or("default");
    let chosen = Keymap::named(name).map_err(mistake).map_err(of_config)?;
    Ok(Looks { keymap: keymap(chosen, &own_keys(config))?, theme, more_themes })
}

/// The person's own keys, which go over those of the keymap they chose.
pub fn own_keys(config: &Path) -> PathBuf {
    config.with_file_name("keymap.toml")
}

/// <https://no-color.org>
pub fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// The locale by its variables, and whether its characters are UTF-8.
pub fn locale() -> (String, bool) {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default();
    let upper = locale.to_ascii_uppercase();
    let is_utf8 = upper.contains("UTF-8") || upper.contains("UTF8");
    (locale, is_utf8)
}

#[expect(clippy::needless_pass_by_value, reason = "of `map_err`")]
fn mistake(error: Diagnostics) -> String {
    error.to_string()
}

fn keymap(keymap: Keymap, own: &Path) -> Result<Keymap, String> {
    match durable::read(own, crate::config::FILE_BYTES_MAX) {
        Ok(text) => {
            let text = String::from_utf8_lossy(&text);
            keymap.with(&text, &own.display().to_string()).map_err(mistake)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(keymap),
        Err(error) => Err(format!("cannot read {}: {error}", own.display())),
    }
}

/// The person's theme, and those that one key goes on to.
fn themes(person: &Person) -> Result<(Theme, Vec<Theme>), String> {
    let no_colour = no_colour();
    let read = |name: &str| {
        let theme = Theme::named(name).map_err(mistake)?;
        Ok(if no_colour { theme.without_colour() } else { theme })
    };
    let own = person.theme.as_deref().unwrap_or(THEMES[0]);
    let others = THEMES.into_iter().filter(|name| *name != own);
    Ok((read(own)?, others.map(read).collect::<Result<_, String>>()?))
}

//! What the person's files say of keys and colours, and reading them again while the dashboard is
//! open.

use super::keymap::Keymap;
use super::theme::Theme;
use super::wake::Woken;

/// Keys and colours.
#[derive(Clone, PartialEq, Debug)]
pub struct Looks {
    /// What keys mean.
    pub keymap: Keymap,
    /// The colours.
    pub theme: Theme,
    /// The themes that the theme action goes on to.
    pub more_themes: Vec<Theme>,
}

/// Where they come from.
pub struct Source {
    /// Woken when the files may have changed.
    pub changed: Woken,
    /// Reads them, or says what is wrong with them.
    pub read: Box<dyn Fn() -> Result<Looks, String>>,
}

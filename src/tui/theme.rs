//! Themes: every colour on the screen by what it means, read from `themes/*.toml`. What a state is
//! shows as a word and a sign as well, so colour is never needed.

use super::keymap::diagnostic;
use crate::base::foreign::Foreign;
use crate::config::Diagnostics;
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

/// The themes that come with the program, by name; the first is used unless another is chosen.
const BUILT_IN: [(&str, &str); 4] = [
    ("terminal", include_str!("../../themes/terminal.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("dark", include_str!("../../themes/dark.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
];

macro_rules! looks {
    ($($name:ident $says:literal)*) => {
        /// What each thing looks like.
        #[derive(Clone, PartialEq, Debug, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct Theme {
            /// Its name; one that does not come along has none.
            #[serde(skip)]
            pub name: &'static str,
            $(#[doc = $says] pub $name: Look,)*
        }

        impl Theme {
            fn looks(&mut self) -> impl Iterator<Item = &mut Look> {
                [$(&mut self.$name,)*].into_iter()
            }
        }
    };
}

looks! {
    text      "Text of no special meaning, and the ground."
    faint     "What matters less: labels, hints, times."
    strong    "Headings and keys."
    line      "Lines between parts, and borders."
    selected  "The row that is selected."
    bar       "The top bar."
    mode_nav  "The mode in the top bar while letters act."
    mode_pane "While every key goes to an agent."
    mode_text "While letters are text."
    needs_you "What needs a person."
    good      "Success."
    bad       "Failure."
    busy      "Work that goes on."
    still     "What stands still."
    warn      "Warnings, and what changed under a person's eyes."
    added     "Added lines."
    deleted   "Deleted lines."
    hunk      "Heads of hunks."
    found     "What was searched for."
    armed     "The border of an approval that has armed."
}

/// Colours and attributes.
#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
#[serde(from = "Fields")]
pub struct Look(Style);

/// A look as it is written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Fields {
    fg: Shade,
    bg: Shade,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    reverse: bool,
}

/// A colour as it is written: a name of the terminal's palette, its number, or `#rrggbb`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
struct Shade(Option<Color>);

impl TryFrom<String> for Shade {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "default" {
            return Ok(Self(None));
        }
        text.parse().map(|color| Self(Some(color))).map_err(|_| {
            let example = "colours are such as default, red, bright-blue, 244, #ffcc00";
            format!("{} is no colour; {example}", Foreign::new(text))
        })
    }
}

impl From<Fields> for Look {
    fn from(fields: Fields) -> Self {
        let mut style = Style::new();
        (style.fg, style.bg) = (fields.fg.0, fields.bg.0);
        let flags = [
            (fields.bold, Modifier::BOLD),
            (fields.dim, Modifier::DIM),
            (fields.italic, Modifier::ITALIC),
            (fields.underline, Modifier::UNDERLINED),
            (fields.reverse, Modifier::REVERSED),
        ];
        for (_, flag) in flags.iter().filter(|(is_set, _)| *is_set) {
            style = style.add_modifier(*flag);
        }
        Self(style)
    }
}

impl Look {
    /// As ratatui takes it.
    pub fn style(self) -> Style {
        self.0
    }
}

impl From<Look> for Style {
    fn from(look: Look) -> Self {
        look.0
    }
}

/// Words of states, with the sign beside each and what it means.
const STATES: &[(&str, char, Meaning)] = &[
    ("draft", '.', Meaning::Still),
    ("queued", ':', Meaning::Still),
    ("running", '>', Meaning::Busy),
    ("checking", '?', Meaning::Busy),
    ("waiting", '!', Meaning::NeedsYou),
    ("landing", '^', Meaning::Busy),
    ("done", '+', Meaning::Good),
    ("failed", 'x', Meaning::Bad),
    ("stopped", '-', Meaning::Still),
    ("skipped", '/', Meaning::Still),
    ("starting", '.', Meaning::Busy),
    ("working", '>', Meaning::Busy),
    ("blocked", '!', Meaning::NeedsYou),
    ("paused", '=', Meaning::Warn),
    ("idle", '-', Meaning::Still),
    ("error", 'x', Meaning::Bad),
    ("exited", '_', Meaning::Still),
    ("pass", '+', Meaning::Good),
    ("fail", 'x', Meaning::Bad),
    ("not-run", '-', Meaning::Warn),
    ("violation", 'x', Meaning::Bad),
    ("notice", '!', Meaning::Warn),
];

#[derive(Clone, Copy)]
enum Meaning {
    Still,
    Busy,
    Good,
    Bad,
    Warn,
    NeedsYou,
}

impl Theme {
    /// The themes that come with the program, and their texts.
    pub fn built_in() -> &'static [(&'static str, &'static str)] {
        &BUILT_IN
    }

    /// Reads a theme.
    ///
    /// # Errors
    /// A mistake, with its line.
    pub fn parse(text: &str, file: &str) -> Result<Self, Diagnostics> {
        toml::from_str(text).map_err(|error| {
            let message = Foreign::new(error.message()).shown();
            let start = error.span().map(|span| span.start);
            Diagnostics(vec![diagnostic(file, text, start, "", message)])
        })
    }

    /// The theme of this name that comes with the program.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<Self, Diagnostics> {
        match BUILT_IN.iter().find(|(known, _)| *known == name) {
            Some((name, text)) => Self::parse(text, &format!("themes/{name}.toml"))
                .map(|theme| Self { name, ..theme }),
            None => {
                let known = BUILT_IN.map(|(name, _)| name).join(", ");
                let message =
                    format!("there is no theme {}; there are {known}", Foreign::new(name));
                Err(Diagnostics(vec![diagnostic("theme", "", None, "", message)]))
            }
        }
    }

    /// The same without colours, for people who set `NO_COLOR`: attributes stay.
    pub fn without_colour(mut self) -> Self {
        for look in self.looks() {
            (look.0.fg, look.0.bg) = (None, None);
        }
        self
    }

    /// The sign and the look of a state, by its word. A word of a later version has a sign too.
    pub fn state(&self, word: &str) -> (char, Style) {
        let known = STATES.iter().find(|(known, ..)| *known == word);
        let Some((_, sign, meaning)) = known else { return ('?', self.warn.style()) };
        let look = match meaning {
            Meaning::Still => self.still,
            Meaning::Busy => self.busy,
            Meaning::Good => self.good,
            Meaning::Bad => self.bad,
            Meaning::Warn => self.warn,
            Meaning::NeedsYou => self.needs_you,
        };
        (*sign, look.style())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_themes_that_come_along_are_whole() {
        for (name, _) in Theme::built_in() {
            let theme = Theme::named(name).unwrap();
            let marks = [theme.selected, theme.needs_you, theme.armed];
            assert!(marks.iter().all(|look| *look != Look::default()), "{name}");
        }
    }

    #[test]
    fn without_colour_what_matters_still_differs() {
        for (name, _) in Theme::built_in() {
            let theme = Theme::named(name).unwrap().without_colour();
            let marks = [theme.selected, theme.needs_you, theme.bad, theme.mode_pane, theme.armed];
            for look in marks {
                assert_eq!((look.0.fg, look.0.bg), (None, None), "{name}");
                assert_ne!(look, theme.text, "{name}");
            }
        }
    }

    #[test]
    fn a_mistake_in_a_theme_has_its_line() {
        let text = BUILT_IN[0].1.replace("\ntext = {}", "\ntext = { fg = \"blurple\" }");
        let error = Theme::parse(&text, "themes/own.toml").unwrap_err().to_string();
        assert!(error.starts_with("themes/own.toml:") && error.contains("blurple"), "{error}");
        assert!(!error.starts_with("themes/own.toml: "), "{error}");
        assert!(Theme::parse("text = {}\n", "t").is_err(), "the rest is missing");
        let more = format!("{}\nsparkle = {{}}\n", BUILT_IN[0].1);
        assert!(Theme::parse(&more, "t").unwrap_err().to_string().contains("sparkle"));
    }
}

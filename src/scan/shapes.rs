//! Shapes of secrets: `assets/scan/secrets.toml`, and where they stand in a text.

use super::entropy::{Entropy, bits_per_byte};
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde::Deserialize;
use std::ops::Range;
use std::sync::LazyLock;

/// Memory for the search over all shapes at once; with less, hostile text makes it slow.
const SET_BYTES_MAX: usize = 16 << 20;
/// Bits per character of a value that a loose shape means.
const LOOSE_BITS: f64 = 2.3;

/// All that is known about secrets.
pub struct Secrets {
    /// The known shapes, in the order of the file.
    pub shapes: Vec<Shape>,
    /// What random values look like.
    pub entropy: Entropy,
    any: RegexSet,
    placeholder: Regex,
}

/// A known shape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Its name in rules.
    pub name: String,
    /// What it is, after "looks like".
    pub what: String,
    #[serde(deserialize_with = "pattern")]
    pattern: Regex,
    /// The shape alone proves nothing.
    #[serde(default)]
    loose: bool,
    #[cfg_attr(not(test), expect(dead_code, reason = "holds the rule to what it says"))]
    example: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "holds the rule to what it says"))]
    counterexample: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    #[serde(deserialize_with = "pattern")]
    placeholder: Regex,
    entropy: Entropy,
    shape: Vec<Shape>,
}

/// Reads a pattern of bytes; in data of ours, classes are ASCII.
pub(super) fn pattern<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Regex, D::Error> {
    let text = String::deserialize(deserializer)?;
    RegexBuilder::new(&text).unicode(false).build().map_err(serde::de::Error::custom)
}

/// The built-in knowledge.
///
/// # Errors
/// The data that came with the program is damaged: nothing can be said about secrets then.
pub fn secrets() -> Result<&'static Secrets, &'static str> {
    static SECRETS: LazyLock<Result<Secrets, String>> =
        LazyLock::new(|| Secrets::parse(include_str!("../../assets/scan/secrets.toml")));
    SECRETS.as_ref().map_err(String::as_str)
}

impl Secrets {
    fn parse(text: &str) -> Result<Self, String> {
        let data: Data = toml::from_str(text).map_err(|error| error.to_string())?;
        let patterns = data.shape.iter().map(|shape| shape.pattern.as_str());
        let any = RegexSetBuilder::new(patterns)
            .unicode(false)
            .size_limit(SET_BYTES_MAX)
            .dfa_size_limit(SET_BYTES_MAX)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { shapes: data.shape, entropy: data.entropy, any, placeholder: data.placeholder })
    }

    /// The shapes in a line, each with the place of the first secret of it.
    pub fn known(&self, line: &[u8]) -> Vec<(&Shape, Range<usize>)> {
        self.present(line)
            .filter_map(|shape| Some((shape, self.places(shape, line).next()?)))
            .collect()
    }

    /// The places of all secrets in a text of bounded length.
    pub fn all(&self, text: &[u8]) -> Vec<Range<usize>> {
        let known = self.present(text).flat_map(|shape| self.places(shape, text));
        let mut places: Vec<_> = known.collect();
        places.extend(self.entropy.anywhere(text));
        places
    }

    fn present(&self, text: &[u8]) -> impl Iterator<Item = &Shape> {
        let present = match self.any.is_match(text) {
            true => self.any.matches(text).into_iter().collect(),
            false => Vec::new(),
        };
        present.into_iter().filter_map(|index| self.shapes.get(index))
    }

    fn places<'a>(
        &'a self,
        shape: &'a Shape,
        text: &'a [u8],
    ) -> impl Iterator<Item = Range<usize>> + 'a {
        shape.pattern.captures_iter(text).filter_map(move |found| {
            let value = found.iter().skip(1).flatten().next().or_else(|| found.get(0))?;
            let value = value.range();
            let is_meant = !shape.loose || self.may_be_real(&text[value.clone()]);
            is_meant.then(|| whole(text, value))
        })
    }

    /// Whether a value of a loose shape may be a secret: neither a word nor a stand-in.
    fn may_be_real(&self, value: &[u8]) -> bool {
        let is_sign = |byte: &u8| !byte.is_ascii_alphabetic() && !b"_-./:".contains(byte);
        value.iter().any(is_sign)
            && bits_per_byte(value) >= LOOSE_BITS
            && !self.placeholder.is_match(value)
    }
}

/// The value with what goes on behind it: patterns ask for the beginning only.
fn whole(text: &[u8], value: Range<usize>) -> Range<usize> {
    let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-+/=~".contains(byte);
    if !text[value.clone()].last().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return value;
    }
    let more = text[value.end..].iter().take_while(|byte| goes_on(byte)).count();
    value.start..value.end + more
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An example of the data without the dots that keep it from being found there.
    pub(crate) fn plain(example: &str) -> String {
        example.replace('·', "")
    }

    #[test]
    fn every_shape_finds_its_example_and_only_that() {
        let secrets = secrets().unwrap();
        assert!(secrets.shapes.len() > 30);
        for shape in &secrets.shapes {
            let found = secrets.known(plain(&shape.example).as_bytes());
            assert!(found.iter().any(|(it, _)| it.name == shape.name), "{}: example", shape.name);
            let found = secrets.known(shape.counterexample.as_bytes());
            assert!(found.is_empty(), "{}: {}", shape.name, shape.counterexample);
            assert!(shape.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
            assert!(!shape.what.is_empty());
        }
    }

    #[test]
    fn the_data_itself_holds_nothing_that_would_be_reported() {
        let secrets = secrets().unwrap();
        for line in include_str!("../../assets/scan/secrets.toml").lines() {
            let found: Vec<_> =
                secrets.known(line.as_bytes()).iter().map(|(it, _)| it.name.clone()).collect();
            assert!(found.is_empty(), "{found:?} in {line}");
        }
    }

    #[test]
    fn a_value_goes_on_to_its_end() {
        let secrets = secrets().unwrap();
        let key = plain("ghp_·16C7e42F292c6912E7·710c838347Ae178B4a") + "AndMore==";
        let line = format!("key={key}; rest");
        assert_eq!(secrets.known(line.as_bytes())[0].1, 4..4 + key.len());
    }

    #[test]
    fn words_and_stand_ins_are_not_passwords() {
        let secrets = secrets().unwrap();
        for line in [
            "password = \"${DB_PASSWORD_1}\"",
            "token: 'your-token-1234'",
            "const token = \"next_page_token\";",
            "secret = \"xxxxxxxx1\"",
            "postgres://user:password1@localhost/db",
            "password: \"11111111111\"",
            "let secret: &str = \"a-long-name-of-something\";",
        ] {
            let found = secrets.known(line.as_bytes());
            assert!(found.is_empty(), "{line}: {}", found[0].0.name);
        }
        for line in [
            "\"password\": \"kV8s-pQ2m!x\",",
            "const API_KEY: &'static str = \"9f8Kd83jdkQq\";",
            "self.token = 'hunter2hunter2'",
            "config[\"secret\"] = `9f8Kd83jdkQq`",
        ] {
            assert!(!secrets.known(line.as_bytes()).is_empty(), "{line}");
        }
    }
}

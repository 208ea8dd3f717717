//! Placeholders such as `{home}` in agent files, and how they are filled in.

use std::collections::BTreeMap;

/// The placeholders that an agent file may use.
pub const NAMES: [&str; 9] = [
    "git_writable",
    "home",
    "key_tail",
    "monban",
    "person_home",
    "report_socket",
    "secret",
    "session",
    "worktree",
];

/// What a placeholder stands for.
#[derive(Clone, Debug)]
pub enum Value {
    /// One text.
    Text(String),
    /// Several, written as a JSON (and TOML) array.
    List(Vec<String>),
}

/// The values of the placeholders; a known one without a value is filled with nothing.
pub type Values = BTreeMap<&'static str, Value>;

/// Where the filled text goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inside {
    /// An argument or a variable: as it is.
    Plain,
    /// A string of a JSON or TOML file: escaped.
    Quotes,
}

/// Fills `template` in.
pub fn fill(template: &str, values: &Values, inside: Inside) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, name, after)) = next(rest) {
        out.push_str(before);
        match values.get(name) {
            Some(Value::Text(text)) if inside == Inside::Quotes => out.push_str(&escaped(text)),
            Some(Value::Text(text)) => out.push_str(text),
            Some(Value::List(items)) => out.push_str(&array(items)),
            None => {}
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The first placeholder of `template` that has no meaning.
pub fn unknown(template: &str) -> Option<String> {
    let mut rest = template;
    while let Some((_, name, after)) = next(rest) {
        if !NAMES.contains(&name) {
            return Some(name.to_string());
        }
        rest = after;
    }
    None
}

/// Splits at the first `{name}`. Braces around anything but lower-case letters are plain text.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| from + at) {
        let inner = &text[open + 1..];
        let end =
            inner.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(inner.len());
        if end > 0 && inner[end..].starts_with('}') {
            return Some((&text[..open], &inner[..end], &inner[end + 1..]));
        }
        from = open + 1;
    }
    None
}

/// Escapes that JSON and TOML strings share.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_ascii_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn array(items: &[String]) -> String {
    let quoted: Vec<_> = items.iter().map(|item| format!("\"{}\"", escaped(item))).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let odd = "/a \"b\"\\c\u{7f}\n".to_string();
        BTreeMap::from([
            ("home", Value::Text(odd.clone())),
            ("git_writable", Value::List(vec!["/x".into(), odd])),
        ])
    }

    #[test]
    fn a_path_with_quotes_survives_json_and_toml() {
        let json = fill(r#"{"at": {"{home}": {git_writable}}}"#, &values(), Inside::Quotes);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["at"]["/a \"b\"\\c\u{7f}\n"][0], "/x");
        let toml = fill("at = \"{home}\"\nall = {git_writable}", &values(), Inside::Quotes);
        let read: toml::Table = toml::from_str(&toml).unwrap();
        assert_eq!(read["at"].as_str(), Some("/a \"b\"\\c\u{7f}\n"));
        assert_eq!(read["all"][1], read["at"]);
    }

    #[test]
    fn only_names_in_braces_are_placeholders() {
        assert_eq!(
            fill("${HOME} {} {a b} {home", &values(), Inside::Plain),
            "${HOME} {} {a b} {home"
        );
        assert_eq!(unknown("{home} {session} {x}"), Some("x".into()));
        assert_eq!(fill("<{session}>", &values(), Inside::Plain), "<>");
    }
}

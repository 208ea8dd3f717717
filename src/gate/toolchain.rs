//! Which versions of tools a gate's commands ran with: asked of the tools that they name, as the
//! table in `assets/toolchains.toml` says.

use crate::base::foreign::Foreign;
use crate::model::verdict::Tool;
use std::collections::BTreeMap;

const TABLE: &str = include_str!("../../assets/toolchains.toml");
/// What stands before each answer.
const MARK: &str = "monban asks: ";
/// How much of an answer is kept.
const VERSION_CHARS: usize = 200;

/// What is asked about these commands of a gate, each once and in the order in which they name a
/// tool.
fn asked<'a>(commands: impl Iterator<Item = &'a str>) -> Vec<String> {
    let table: BTreeMap<String, Vec<String>> = toml::from_str(TABLE).unwrap_or_default();
    let is_end = |c: char| !(c.is_ascii_alphanumeric() || "-_./+".contains(c));
    let words = commands.flat_map(|command| command.split(is_end));
    let mut asked: Vec<String> = Vec::new();
    for question in words.filter_map(|word| table.get(word)).flatten() {
        if !asked.contains(question) {
            asked.push(question.clone());
        }
    }
    asked
}

/// The script that asks; `None` when these commands name no tool that can be asked.
pub fn script<'a>(commands: impl Iterator<Item = &'a str>) -> Option<String> {
    let asked = asked(commands);
    let line = |question: &String| format!("echo '{MARK}{question}'\n{question} 2>&1 </dev/null\n");
    (!asked.is_empty()).then(|| asked.iter().map(line).collect())
}

/// What the tools answered. The output is theirs: it is kept short, and nothing follows from it.
pub fn answers(output: &[u8]) -> Vec<Tool> {
    let mut tools: Vec<Tool> = Vec::new();
    for line in super::plain(output).lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(question) = line.strip_prefix(MARK) {
            let tool = question.split(' ').next().unwrap_or_default();
            tools.push(Tool { tool: tool.into(), version: Foreign::default() });
        } else if let Some(last) = tools.last_mut().filter(|tool| tool.version.raw().is_empty()) {
            last.version = Foreign::new(line.chars().take(VERSION_CHARS).collect::<String>());
        }
    }
    tools
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_that_commands_name_are_asked_once() {
        let table: BTreeMap<String, Vec<String>> = toml::from_str(TABLE).unwrap();
        assert!(table.len() > 20);
        let commands = ["cargo fetch", "(cd a && npm ci); ./cargo x", "cargo test | mycargo"];
        let expected = ["cargo --version", "rustc --version", "npm --version", "node --version"];
        assert_eq!(asked(commands.into_iter()), expected);
        assert_eq!(script(["grep -q yes ok"].into_iter()), None);
    }

    #[test]
    fn answers_are_read_line_by_line_and_silence_is_no_version() {
        let output = b"monban asks: cargo --version\r\n\x1b[1mcargo 1.93.0\x1b[0m\r\nmore\r\n\
                       monban asks: bun --version\r\nmonban asks: java -version\r\n\r\nopenjdk\r\n";
        let tools = answers(output);
        let tools: Vec<_> = tools.iter().map(|t| (t.tool.as_str(), t.version.raw())).collect();
        assert_eq!(tools, [("cargo", "cargo 1.93.0"), ("bun", ""), ("java", "openjdk")]);
        let long = [b"monban asks: node --version\n".to_vec(), vec![b'x'; 9999]].concat();
        assert_eq!(answers(&long)[0].version.raw().len(), VERSION_CHARS);
    }
}

//! The scripts that tests write into prompts, and what they make a model "answer".
//!
//! `[[say text]] [[write path=a content=b\n]] [[sh command]] [[ask question]] [[sleep seconds]]
//! [[wait]] [[http 429]] [[http 500 2]] [[hang]] [[usage in=1 out=2]]`. A step that calls a tool
//! ends the answer; the request that brings the tool's result goes on after it. No state is kept:
//! which step comes next follows from the number of tool calls since the prompt.

use serde_json::{Value, json};

/// One directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub verb: String,
    pub arg: String,
}

/// What a request asks for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub prompt: String,
    pub tool_calls_since: usize,
    pub cwd: String,
    pub tools: Vec<String>,
}

fn step(verb: &str, arg: &str) -> Step {
    Step { verb: verb.to_string(), arg: arg.trim().to_string() }
}

/// The directives in a text.
pub fn parse(text: &str) -> Vec<Step> {
    let directive = regex::Regex::new(r"(?s)\[\[(\w+)(?:\s+(.*?))?\]\]").unwrap();
    let steps = directive.captures_iter(text);
    steps.map(|found| step(&found[1], found.get(2).map_or("", |arg| arg.as_str()))).collect()
}

/// `path=a content=b c` as pairs; `\n` and `\t` are unescaped.
pub fn pairs(arg: &str) -> Vec<(String, String)> {
    let name = regex::Regex::new(r"(?:^|\s)(\w+)=").unwrap();
    let starts: Vec<_> = name.captures_iter(arg).collect();
    let value = |index: usize| {
        let from = starts[index].get(0).unwrap().end();
        let to = starts.get(index + 1).map_or(arg.len(), |next| next.get(0).unwrap().start());
        arg[from..to].replace("\\n", "\n").replace("\\t", "\t")
    };
    (0..starts.len()).map(|index| (starts[index][1].to_string(), value(index))).collect()
}

/// One value of [`pairs`].
pub fn pair(arg: &str, name: &str) -> String {
    let found = pairs(arg).into_iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value).unwrap_or_default()
}

pub fn is_tool(verb: &str) -> bool {
    matches!(verb, "write" | "sh" | "shx" | "ask")
}

/// The steps of this request's answer.
pub fn answer(asked: &Asked) -> Vec<Step> {
    let mut steps = parse(&asked.prompt);
    if steps.is_empty() {
        let words = asked.prompt.split_whitespace().collect::<Vec<_>>().join(" ");
        steps = vec![step("say", &format!("STUB: {}", words.chars().take(60).collect::<String>()))];
    }
    let mut groups: Vec<Vec<Step>> = vec![Vec::new()];
    for step in steps {
        let ends = is_tool(&step.verb);
        groups.last_mut().unwrap().push(step);
        if ends {
            groups.push(Vec::new());
        }
    }
    let index = asked.tool_calls_since.min(groups.len() - 1);
    let group = groups.swap_remove(index);
    if group.is_empty() { vec![step("say", "Done.")] } else { group }
}

/// Leaves out the blocks which the agents put around the person's words.
pub fn own_words(text: &str) -> String {
    let tags = [
        "system-reminder",
        "environment_context",
        "user_instructions",
        "INSTRUCTIONS",
        "permissions instructions",
        "collaboration_mode",
        "skills_instructions",
        "apps_instructions",
        "plugins_instructions",
    ];
    tags.iter().fold(text.to_string(), |text, tag| {
        let tag = regex::escape(tag);
        regex::Regex::new(&format!("(?s)<{tag}>.*?</{tag}>")).unwrap().replace_all(&text, "").into()
    })
}

fn texts(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts = blocks.iter().filter_map(|block| block["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

fn has_block(message: &Value, kind: &str) -> bool {
    let blocks = message["content"].as_array();
    blocks.is_some_and(|blocks| blocks.iter().any(|block| block["type"] == kind))
}

/// Reads a request of the Anthropic Messages API.
pub fn asked_of_messages(body: &Value) -> Asked {
    let empty = Vec::new();
    let messages = body["messages"].as_array().unwrap_or(&empty);
    let (mut prompt, mut from) = (String::new(), 0);
    for (index, message) in messages.iter().enumerate().filter(|(_, m)| m["role"] == "user") {
        let words = own_words(&texts(&message["content"]));
        // What was typed while the agent worked rides with tool results and restarts no script.
        let rides_along = has_block(message, "tool_result") && !words.contains("[[");
        if !words.trim().is_empty() && !rides_along {
            (prompt, from) = (words, index + 1);
        }
    }
    let calls = messages[from..].iter().filter(|m| m["role"] == "assistant");
    let tool_calls_since = calls.filter(|message| has_block(message, "tool_use")).count();
    let all =
        format!("{}{}", texts(&body["system"]), json!(messages.iter().take(2).collect::<Vec<_>>()));
    let cwd =
        regex::Regex::new(r#"(?:[Ww]orking directory|cwd)[^:\n]*:\s*`?(/[^\s`\\"<]+)"#).unwrap();
    let cwd = cwd.captures(&all).map_or("/".to_string(), |found| found[1].to_string());
    Asked { prompt, tool_calls_since, cwd, tools: tool_names(body) }
}

/// Reads a request of the OpenAI Responses API.
pub fn asked_of_responses(body: &Value) -> Asked {
    let empty = Vec::new();
    let items = body["input"].as_array().unwrap_or(&empty);
    let (mut prompt, mut from) = (String::new(), 0);
    for (index, item) in items.iter().enumerate().filter(|(_, item)| item["role"] == "user") {
        let words = own_words(&texts(&item["content"]));
        if !words.trim().is_empty() && !words.trim_start().starts_with("# AGENTS.md") {
            (prompt, from) = (words, index + 1);
        }
    }
    let is_call =
        |item: &&Value| matches!(item["type"].as_str(), Some("function_call" | "custom_tool_call"));
    let tool_calls_since = items[from..].iter().filter(is_call).count();
    Asked { prompt, tool_calls_since, cwd: String::new(), tools: tool_names(body) }
}

/// What the person said so far in a request of either API; nothing for a request of the agent's own
/// (without tools, or for a title).
pub fn heard(body: &Value) -> Vec<String> {
    let empty = Vec::new();
    let items = body["messages"].as_array().or(body["input"].as_array()).unwrap_or(&empty);
    let said = items.iter().filter(|item| item["role"] == "user");
    let said = said.map(|item| own_words(&texts(&item["content"])).trim().to_string());
    let of_person = |words: &String| !words.is_empty() && !words.starts_with("# AGENTS.md");
    let said: Vec<String> = said.filter(of_person).collect();
    let is_own = tool_names(body).is_empty()
        || said.iter().any(|words| words.starts_with("Generate a concise, single-line"));
    if is_own { Vec::new() } else { said }
}

fn tool_names(body: &Value) -> Vec<String> {
    let tools = body["tools"].as_array().cloned().unwrap_or_default();
    let name = |tool: &Value| tool["name"].as_str().or(tool["type"].as_str()).map(String::from);
    tools.iter().filter_map(name).collect()
}

/// The tool call of a step for Claude Code: its name and input.
pub fn claude_tool(step: &Step, cwd: &str) -> (&'static str, Value) {
    match step.verb.as_str() {
        "write" => {
            let path = pair(&step.arg, "path");
            let path = if path.starts_with('/') { path } else { format!("{cwd}/{path}") };
            ("Write", json!({"file_path": path, "content": pair(&step.arg, "content")}))
        }
        "ask" => {
            let option = |label: &str| json!({"label": label, "description": label});
            let question = json!({"question": step.arg, "header": "Choice", "multiSelect": false,
                "options": [option("Red"), option("Blue")]});
            ("AskUserQuestion", json!({"questions": [question]}))
        }
        _ => ("Bash", json!({"command": step.arg, "description": "Run a scripted command"})),
    }
}

/// The item of a tool call for Codex. `shx` asks for leave to run outside its sandbox.
pub fn codex_tool(step: &Step, call: &str) -> Value {
    if step.verb == "write" {
        let content = pair(&step.arg, "content");
        let lines: String =
            content.trim_end_matches('\n').split('\n').map(|line| format!("+{line}\n")).collect();
        let path = pair(&step.arg, "path");
        let patch = format!("*** Begin Patch\n*** Add File: {path}\n{lines}*** End Patch\n");
        return json!({"type": "custom_tool_call", "id": format!("ctc_{call}"), "call_id": call,
            "name": "apply_patch", "input": patch, "status": "completed"});
    }
    let mut arguments = json!({"cmd": step.arg, "yield_time_ms": 10000});
    if step.verb == "shx" {
        arguments["sandbox_permissions"] = json!("require_escalated");
        arguments["justification"] = json!("scripted escalation");
    }
    json!({"type": "function_call", "id": format!("fc_{call}"), "call_id": call,
        "name": "exec_command", "arguments": arguments.to_string(), "status": "completed"})
}

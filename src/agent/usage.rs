//! The conversations an agent keeps in its HOME: which was the last, and what they used.
//!
//! The agent wrote them, so every number is its own word: fit for a gauge, not for a decision.

use super::AgentError;
use super::inside::Inside;
use super::kind::{AgentKind, TranscriptFormat, Transcripts};
use crate::model::attempt::Usage;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const FILES_MAX: usize = 1000;
const DEPTH_MAX: usize = 6;
const LINE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The most that is read of all conversations: the agent writes them, and could keep us at it.
const ALL_BYTES_MAX: u64 = 256 * 1024 * 1024;
const COST_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The id of the conversation that was written to last, by which it can be resumed.
pub fn last_session(kind: &AgentKind, home: &Path) -> Result<Option<String>, AgentError> {
    let Some(transcripts) = &kind.transcripts else { return Ok(None) };
    let inside = Inside::open(home)?;
    let mut last: Option<(SystemTime, String)> = None;
    for path in files(&inside, transcripts)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(id) = transcripts.session.0.captures(&name).and_then(|found| found.get(1)) else {
            continue;
        };
        let modified =
            inside.open_file(&path)?.and_then(|file| file.metadata().ok()?.modified().ok());
        let at = modified.unwrap_or(SystemTime::UNIX_EPOCH);
        if last.as_ref().is_none_or(|(latest, _)| at >= *latest) {
            last = Some((at, id.as_str().to_string()));
        }
    }
    Ok(last.map(|(_, id)| id))
}

/// What all conversations in `home` used; `None` when that is not known: there are none, the kind
/// keeps none, or they are far too large to be read.
pub fn usage(kind: &AgentKind, home: &Path) -> Result<Option<Usage>, AgentError> {
    let Some(transcripts) = &kind.transcripts else { return Ok(None) };
    let inside = Inside::open(home)?;
    let mut sum = Usage::default();
    let (mut left, mut is_said) = (ALL_BYTES_MAX, false);
    for path in files(&inside, transcripts)? {
        let Some(file) = inside.open_file(&path)? else { continue };
        let failed = |source| AgentError::Io { path: home.join(&path), source };
        let length = file.metadata().map_err(failed)?.len();
        let Some(rest) = left.checked_sub(length) else { return Ok(None) };
        (left, is_said) = (rest, true);
        let reader = BufReader::new(file.take(length));
        let one = match transcripts.format {
            TranscriptFormat::Claude => claude(reader),
            TranscriptFormat::Codex => codex(reader),
        };
        let one = one.map_err(failed)?;
        sum.input_tokens = sum.input_tokens.saturating_add(one.input_tokens);
        sum.cached_tokens = sum.cached_tokens.saturating_add(one.cached_tokens);
        sum.output_tokens = sum.output_tokens.saturating_add(one.output_tokens);
    }
    if !is_said {
        return Ok(None);
    }
    if let Some(path) = &transcripts.cost {
        let bytes = inside.read(Path::new(path), COST_BYTES_MAX)?.unwrap_or_default();
        sum.cost_micro_usd = cost(&serde_json::from_slice(&bytes).unwrap_or_default());
    }
    Ok(Some(sum))
}

/// All conversation files, at most [`FILES_MAX`], in a fixed order.
fn files(inside: &Inside, transcripts: &Transcripts) -> Result<Vec<PathBuf>, AgentError> {
    let mut folders = vec![(PathBuf::from(&transcripts.folder), 0)];
    let mut files = Vec::new();
    while let Some((folder, depth)) = folders.pop() {
        for (name, is_folder) in inside.list(&folder, FILES_MAX)? {
            let path = folder.join(name);
            if is_folder && depth < DEPTH_MAX {
                folders.push((path, depth + 1));
            } else if path.extension().is_some_and(|end| end == "jsonl") && files.len() < FILES_MAX
            {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Calls `each` with every line that holds `word` and is JSON.
fn lines(mut reader: impl BufRead, word: &str, mut each: impl FnMut(Value)) -> std::io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") {
            // Whatever it says would be missing from the sum.
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        let text = std::str::from_utf8(&line).unwrap_or_default();
        if text.contains(word)
            && let Ok(value) = serde_json::from_str(text)
        {
            each(value);
        }
    }
    Ok(())
}

/// One answer stands on several lines, each with the answer's usage so far: the last one counts.
fn claude(reader: impl BufRead) -> std::io::Result<Usage> {
    let mut answers: BTreeMap<String, Usage> = BTreeMap::new();
    lines(reader, "\"usage\"", |line| {
        let usage = &line["message"]["usage"];
        if let Some(id) = line["message"]["id"].as_str().filter(|_| usage.is_object()) {
            let fresh = number(usage, "input_tokens");
            let answer = Usage {
                input_tokens: fresh.saturating_add(number(usage, "cache_creation_input_tokens")),
                cached_tokens: number(usage, "cache_read_input_tokens"),
                output_tokens: number(usage, "output_tokens"),
                cost_micro_usd: None,
            };
            answers.insert(id.to_string(), answer);
        }
    })?;
    Ok(answers.values().fold(Usage::default(), |sum, answer| Usage {
        input_tokens: sum.input_tokens.saturating_add(answer.input_tokens),
        cached_tokens: sum.cached_tokens.saturating_add(answer.cached_tokens),
        output_tokens: sum.output_tokens.saturating_add(answer.output_tokens),
        cost_micro_usd: None,
    }))
}

/// Totals are written again and again: the last one counts.
fn codex(reader: impl BufRead) -> std::io::Result<Usage> {
    let mut last = Usage::default();
    lines(reader, "\"token_count\"", |line| {
        let total = &line["payload"]["info"]["total_token_usage"];
        if total.is_object() {
            let cached = number(total, "cached_input_tokens");
            last = Usage {
                input_tokens: number(total, "input_tokens").saturating_sub(cached),
                cached_tokens: cached,
                output_tokens: number(total, "output_tokens"),
                cost_micro_usd: None,
            };
        }
    })?;
    Ok(last)
}

/// Claude Code notes the cost of the last conversation of each project when it ends.
fn cost(file: &Value) -> Option<u64> {
    let costs = file["projects"].as_object()?.values().filter_map(|p| p["lastCost"].as_f64());
    let costs: Vec<f64> = costs.filter(|cost| cost.is_finite() && *cost >= 0.0).collect();
    (!costs.is_empty()).then(|| (costs.iter().sum::<f64>() * 1e6).round() as u64)
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn kind(name: &str) -> AgentKind {
        AgentKind::builtin().unwrap().into_iter().find(|kind| kind.name == name).unwrap()
    }

    fn home(files: &[(&str, &str)]) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        home
    }

    const SESSION: &str = "90a3b95f-3552-4c68-b028-0ff9fe159c3c";

    #[test]
    fn claude_answers_are_counted_once_and_sub_agents_too() {
        let answer = |id: &str, output: u64| {
            format!(
                "{{\"message\":{{\"id\":\"{id}\",\"usage\":{{\"input_tokens\":100,\
                 \"cache_creation_input_tokens\":5,\"cache_read_input_tokens\":7,\
                 \"output_tokens\":{output}}}}}}}\n"
            )
        };
        let main = [answer("a", 1), answer("a", 20), answer("b", 3), "not json \"usage\"\n".into()];
        let project = ".claude/projects/-w";
        let home = home(&[
            (&format!("{project}/{SESSION}.jsonl"), &main.concat()),
            (&format!("{project}/{SESSION}/subagents/agent-1.jsonl"), &answer("c", 4)),
            (".claude/.claude.json", r#"{"projects": {"/r": {"lastCost": 0.00782}, "/w": {}}}"#),
        ]);
        let used = usage(&kind("claude"), home.path()).unwrap().unwrap();
        assert_eq!((used.input_tokens, used.cached_tokens, used.output_tokens), (315, 21, 27));
        assert_eq!(used.cost_micro_usd, Some(7820));
        let session = last_session(&kind("claude"), home.path()).unwrap();
        assert_eq!(session.as_deref(), Some(SESSION));
    }

    #[test]
    fn codex_totals_are_not_added_up_and_have_no_price() {
        let total = |input: u64| {
            format!(
                "{{\"payload\":{{\"type\":\"token_count\",\"info\":{{\"total_token_usage\":\
                 {{\"input_tokens\":{input},\"cached_input_tokens\":40,\"output_tokens\":9}}}}}}}}\n"
            )
        };
        let name =
            format!(".codex/sessions/2026/11/21/rollout-2026-11-21T08-40-19-{SESSION}.jsonl");
        let home = home(&[(&name, &[total(100), total(1400)].concat())]);
        let used = usage(&kind("codex"), home.path()).unwrap().unwrap();
        assert_eq!((used.input_tokens, used.cached_tokens, used.output_tokens), (1360, 40, 9));
        assert_eq!(used.cost_micro_usd, None);
        let session = last_session(&kind("codex"), home.path()).unwrap();
        assert_eq!(session.as_deref(), Some(SESSION));
    }

    #[test]
    fn what_nobody_wrote_down_is_unknown_and_not_zero() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(usage(&kind("codex"), home.path()).unwrap(), None);
        assert_eq!(last_session(&kind("codex"), home.path()).unwrap(), None);
        assert_eq!(usage(&kind("command"), home.path()).unwrap(), None);
    }

    #[test]
    fn enormous_conversations_keep_nobody_reading_and_give_no_wrong_sum() {
        let answer = r#"{"message":{"id":"a","usage":{"input_tokens":1,"output_tokens":2}}}"#;
        let name = format!(".claude/projects/-w/{SESSION}.jsonl");
        let home = home(&[(&name, &format!("{answer}\n"))]);
        let used = || usage(&kind("claude"), home.path());
        assert_eq!(used().unwrap().unwrap().output_tokens, 2);
        // Holes cost the agent no disk space.
        let other = home.path().join(".claude/projects/-w/other.jsonl");
        fs::File::create(&other).unwrap().set_len(ALL_BYTES_MAX).unwrap();
        assert_eq!(used().unwrap(), None);
        fs::File::create(&other).unwrap().set_len(2 * LINE_BYTES_MAX).unwrap();
        assert!(used().is_err(), "a line that is too long may hide an answer");
    }

    #[test]
    fn a_folder_that_leads_elsewhere_is_not_read() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".codex")).unwrap();
        std::os::unix::fs::symlink("/", home.path().join(".codex/sessions")).unwrap();
        let error = usage(&kind("codex"), home.path()).unwrap_err();
        assert!(matches!(error, AgentError::Planted { .. }), "{error}");
    }
}

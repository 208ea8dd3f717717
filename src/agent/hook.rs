//! Reads what agents hand to their hooks. Runs inside `monban hook`, so it never fails loudly: a
//! hook that exits with an error may stop the agent's work.

use crate::base::foreign::Foreign;
use crate::wire::report::HookReport;
use serde_json::Value;

/// The most bytes of hook input that are looked at: a hook for a written file carries the file.
pub const INPUT_BYTES_MAX: usize = 16 * 1024 * 1024;

const SUMMARY_CHARS_MAX: usize = 1000;
const WORD_CHARS_MAX: usize = 100;

/// How an agent hands its hooks the event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HookFormat {
    /// Claude Code: JSON on standard input.
    Claude,
    /// Codex `notify`: JSON as the last argument.
    Codex,
}

/// Hook input that says nothing.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// It is larger than [`INPUT_BYTES_MAX`].
    #[error("the hook input is larger than {INPUT_BYTES_MAX} bytes")]
    TooLarge,
    /// It is not JSON.
    #[error("the hook input is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// It does not name an event.
    #[error("the hook input names no event (field `{0}`)")]
    NoEvent(&'static str),
}

impl HookFormat {
    /// The format for the word after `monban hook`.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "claude" => Some(Self::Claude),
            "codex" => Some(Self::Codex),
            _ => None,
        }
    }
}

/// Makes a report of hook input. Token and run come from the run's environment.
pub fn parse(
    format: HookFormat,
    input: &[u8],
    token: &str,
    run: &str,
) -> Result<HookReport, HookError> {
    if input.len() > INPUT_BYTES_MAX {
        return Err(HookError::TooLarge);
    }
    let value: Value = serde_json::from_slice(input)?;
    let report = match format {
        HookFormat::Claude => claude(&value),
        HookFormat::Codex => codex(&value),
    }?;
    Ok(HookReport { token: token.to_string(), run: run.to_string(), ..report })
}

fn claude(value: &Value) -> Result<HookReport, HookError> {
    let event = word(value, "hook_event_name").ok_or(HookError::NoEvent("hook_event_name"))?;
    let about = ["tool_name", "notification_type", "source", "reason"];
    let summary = ["last_assistant_message", "error", "message"];
    Ok(HookReport {
        event,
        about: about.iter().find_map(|name| word(value, name)),
        session: word(value, "session_id"),
        prompt: text(&value["prompt"]),
        summary: match &value["tool_input"] {
            Value::Null => summary.iter().find_map(|name| text(&value[*name])),
            input => tool_summary(input),
        },
        ..HookReport::default()
    })
}

fn codex(value: &Value) -> Result<HookReport, HookError> {
    Ok(HookReport {
        event: word(value, "type").ok_or(HookError::NoEvent("type"))?,
        session: word(value, "thread-id"),
        prompt: text(&value["input-messages"][0]),
        summary: text(&value["last-assistant-message"]),
        ..HookReport::default()
    })
}

/// What a tool is to do: the command, the file, or all of it.
fn tool_summary(input: &Value) -> Option<Foreign> {
    let named = ["command", "file_path", "url", "pattern"];
    named.iter().find_map(|name| text(&input[*name])).or_else(|| text(&input.to_string().into()))
}

fn word(value: &Value, name: &str) -> Option<String> {
    let text = value.get(name)?.as_str()?;
    Some(text.chars().filter(|c| !c.is_control()).take(WORD_CHARS_MAX).collect())
}

fn text(value: &Value) -> Option<Foreign> {
    let text: String = value.as_str()?.chars().take(SUMMARY_CHARS_MAX).collect();
    Some(Foreign::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports(format: HookFormat, samples: &str) -> Vec<HookReport> {
        let parse = |line: &str| parse(format, line.as_bytes(), "secret", "run7").unwrap();
        samples.lines().map(parse).collect()
    }

    #[test]
    fn recorded_claude_hooks_become_reports() {
        let samples = include_str!("../../tests/samples/claude_hooks_interactive.jsonl");
        let reports = reports(HookFormat::Claude, samples);
        let first = &reports[0];
        assert_eq!(
            (first.event.as_str(), first.about.as_deref()),
            ("SessionStart", Some("startup"))
        );
        assert_eq!(first.session.as_deref(), Some("69e74370-8948-446c-b3aa-62e454e771eb"));
        assert_eq!((first.token.as_str(), first.run.as_str()), ("secret", "run7"));
        let asks = reports.iter().filter(|report| report.event == "PermissionRequest");
        let asked: Vec<_> = asks.map(|report| report.summary.as_ref().unwrap().raw()).collect();
        assert!(asked[0].ends_with("/src/x.txt"), "{asked:?}");
        assert_eq!(asked[1], "echo out; touch y.txt; rm -rf build");
        let stop = reports.iter().find(|report| report.event == "Stop").unwrap();
        assert!(stop.summary.as_ref().unwrap().raw().starts_with("All done."));
    }

    #[test]
    fn recorded_codex_notices_become_reports_that_name_their_prompt() {
        let samples = include_str!("../../tests/samples/codex_notify.jsonl");
        let reports = reports(HookFormat::Codex, samples);
        assert!(reports.iter().all(|report| report.event == "agent-turn-complete"));
        assert!(reports[0].prompt.as_ref().unwrap().raw().starts_with("Generate a concise"));
        assert_eq!(reports[1].session.as_deref(), Some("01a1fcb1-afcd-72a3-ba9b-8b227b050aa2"));
    }

    #[test]
    fn every_recorded_print_mode_hook_is_understood() {
        let samples = include_str!("../../tests/samples/claude_hooks_print.jsonl");
        assert_eq!(reports(HookFormat::Claude, samples).len(), samples.lines().count());
    }

    #[test]
    fn a_report_is_bounded_whatever_the_agent_hands_over() {
        let long = "\u{1f600}".repeat(2_000_000);
        let input = serde_json::json!({
            "hook_event_name": long, "session_id": long, "tool_name": long, "prompt": long,
            "tool_input": { "anything": long },
        });
        let report = parse(HookFormat::Claude, input.to_string().as_bytes(), "t", "r");
        assert!(matches!(report, Err(HookError::TooLarge)));
        let long = "\u{1f600}".repeat(100_000);
        let input = serde_json::json!({
            "hook_event_name": long, "session_id": long, "tool_name": long, "prompt": long,
            "tool_input": { "anything": long },
        });
        let report = parse(HookFormat::Claude, input.to_string().as_bytes(), "t", "r").unwrap();
        let encoded = serde_json::to_vec(&report).unwrap();
        assert!(encoded.len() < crate::wire::report::REPORT_BYTES_MAX, "{}", encoded.len());
    }

    #[test]
    fn input_that_is_no_event_is_an_error_not_a_guess() {
        let error = |input: &[u8]| parse(HookFormat::Claude, input, "t", "r").unwrap_err();
        assert!(matches!(error(b"not json"), HookError::NotJson(_)));
        assert!(matches!(error(b"{}"), HookError::NoEvent("hook_event_name")));
        assert!(matches!(error(b"[1]"), HookError::NoEvent(_)));
    }
}

//! A task's verdicts with their evidence: for a person, and as SARIF for other tools.

use super::exit::Failure;
use super::layout::{hang, width};
use super::print::{short, text};
use super::show::rows;
use crate::base::count::count;
use crate::base::durable;
use crate::base::foreign::Foreign;
use crate::gate::sarif::document;
use crate::model::rejection::Rejection;
use crate::model::verdict::GateRun;
use serde_json::Value;
use std::io::Write;
use std::path::Path;

/// Where what belongs to a verdict begins.
const BELOW: &str = "         ";

/// Prints the last gate run.
pub(super) fn print(value: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(gate) = rows(value).last() else {
        return Ok(writeln!(out, "nothing has been judged yet")?);
    };
    if gate["mid_turn"] == true {
        writeln!(out, "in the middle of a turn, for which the agent was stopped")?;
    } else {
        writeln!(
            out,
            "run{} on tree {} (checkpoint cp{})",
            gate["run"],
            short(&gate["tree"]),
            gate["snapshot"]
        )?;
    }
    if gate["given_up"] == true {
        return Ok(writeln!(out, "given up before its verdict")?);
    }
    if gate["verdicts"].is_null() {
        return Ok(writeln!(out, "no verdict: it is running, or was stopped")?);
    }
    for tool in rows(&gate["toolchain"]) {
        let version = text(&tool["version"]);
        let version = if version.is_empty() { "did not say its version".into() } else { version };
        writeln!(out, "{}", hang("", &format!("{}: {version}", text(&tool["tool"])), width()))?;
    }
    for verdict in rows(&gate["verdicts"]) {
        let lead = format!(
            "{:8} {:10} {:>7} ms  ",
            text(&verdict["outcome"]),
            text(&verdict["check"]),
            verdict["duration_ms"],
        );
        writeln!(out, "{}", hang(&lead, &text(&verdict["reason"]), width()))?;
        findings(verdict, out)?;
        statements(&verdict["attestation"], out)?;
        counts(&verdict["counts"], out)?;
        if verdict["outcome"] != "pass" {
            let tail = Foreign::new(verdict["tail"].as_str().unwrap_or_default());
            for line in tail.shown_lines().lines() {
                writeln!(out, "{BELOW}| {line}")?;
            }
        }
    }
    Ok(())
}

fn counts(counts: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    if !counts.is_object() {
        return Ok(());
    }
    let tests = count(counts["tests"].as_u64().unwrap_or(0), "test");
    let (failed, skipped) = (&counts["failed"], &counts["skipped"]);
    writeln!(out, "{BELOW}{tests}, {failed} failed, {skipped} skipped")?;
    for name in rows(&counts["failing"]) {
        writeln!(out, "{BELOW}failing: {}", text(name))?;
    }
    Ok(())
}

/// What a person attests, or has attested.
pub(super) fn statements(attestation: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let sign = if attestation["given"].is_object() { 'x' } else { ' ' };
    for (number, statement) in (1..).zip(rows(&attestation["statements"])) {
        let lead = format!("{BELOW}{number} [{sign}] ");
        writeln!(out, "{}", hang(&lead, &text(statement), width()))?;
    }
    Ok(())
}

/// What a check found: the rule and the place, what stands there, and why it is objected to.
fn findings(verdict: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    for finding in rows(&verdict["findings"]) {
        let lead = format!("{BELOW}{:9}  ", text(&finding["weight"]));
        writeln!(out, "{}", hang(&lead, &place(finding), width()))?;
        let below = " ".repeat(lead.len());
        for line in [text(&finding["snippet"]), text(&finding["why"])] {
            if !line.is_empty() {
                writeln!(out, "{}", hang(&below, &line, width()))?;
            }
        }
    }
    let told = rows(&verdict["findings"]).count() as u64;
    let more = verdict["finding_count"].as_u64().unwrap_or(0).saturating_sub(told);
    if more > 0 {
        writeln!(out, "{BELOW}and {more} more")?;
    }
    Ok(())
}

/// What the checks of an item found, a line each: it fails nothing, and is for its person to know.
pub(super) fn told(item: &Value) -> Vec<String> {
    let line = |finding: &Value| {
        let parts = [place(finding), text(&finding["snippet"]), text(&finding["why"])];
        let parts: Vec<&str> =
            parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        format!("{}: {}", text(&finding["weight"]), parts.join("  "))
    };
    let mut lines: Vec<String> = rows(&item["findings"]).map(line).collect();
    let more = item["finding_count"].as_u64().unwrap_or(0).saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(format!("and {more} more: `monban gates {}`", item["task"]));
    }
    lines
}

/// A finding's rule, with the file and line if it is at one.
fn place(finding: &Value) -> String {
    let (rule, path) = (text(&finding["rule"]), text(&finding["path"]));
    match (path.as_str(), finding["line"].as_u64()) {
        ("", _) => rule,
        (path, None) => format!("{rule}  {path}"),
        (path, Some(line)) => format!("{rule}  {path}:{line}"),
    }
}

/// Writes what the last gate run found as SARIF.
pub(super) fn sarif(value: &Value, file: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let run = rows(value).last().cloned().map(serde_json::from_value::<GateRun>);
    let gate = match run {
        Some(Ok(gate)) if gate.verdicts.is_some() => gate,
        Some(Err(error)) => {
            let why = format!("the daemon's answer cannot be read: {error}");
            let cure = "this program and the daemon may be of different versions";
            return Err(Failure::environment(why, cure));
        }
        _ => {
            let cure = "wait for its verdict, or run `monban gates ID --rerun`";
            return Err(Failure::Refused(Rejection::refused("nothing has been judged yet", cure)));
        }
    };
    let failed = |error: std::io::Error| {
        let why = format!("cannot write {}: {error}", file.display());
        Failure::environment(why, "name a file in another folder")
    };
    let text = serde_json::to_string_pretty(&document(&gate)).unwrap_or_default() + "\n";
    if file.file_name().is_some_and(|name| name == "-") {
        return Ok(out.write_all(text.as_bytes())?);
    }
    durable::write(file, text.as_bytes()).map_err(failed)?;
    Ok(writeln!(out, "wrote {}", Foreign::new(file.display().to_string()))?)
}

//! `monban selftest`: the roadmap's smoke tests and failure tests
//! on a throw-away repository. Scripted agents really do the harm, so nothing depends on a model
//! refusing it (U-07), and each test shows its evidence. No account, no network.

mod cases;

use super::exit::Failure;
use super::play::{self, Player, missing};
use crate::base::foreign::Foreign;
use crate::base::id::TaskId;
use crate::model::rejection::Rejection;
use crate::model::task::Origin;
use crate::wire::people::{Ask, ShowAsk};
use cases::{CASES, Case, Expected, PLOT};
use serde_json::{Value, json};
use std::io::Write;

/// What came of a test.
struct Told {
    case: &'static Case,
    /// Its evidence, a line each, or why it failed.
    end: Result<Vec<String>, String>,
}

/// Plays all tests and fails when one of them does.
pub(super) fn run(as_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let mut told = Vec::new();
    let mut nowhere = std::io::sink();
    let show: &mut dyn Write = if as_json { &mut nowhere } else { &mut *out };
    play::on(&PLOT, show, |stage, client, out| {
        let mut player = Player { client, ground: &stage.ground, origin: Origin::Selftest };
        player.trust()?;
        for case in CASES {
            let end = play_case(&mut player, case);
            let end = end.map_err(|failure| failure.to_string());
            let row = Told { case, end };
            write_row(&row, out)?;
            told.push(row);
        }
        Ok(())
    })?;
    let failed = told.iter().filter(|row| row.end.is_err()).count();
    match as_json {
        true => {
            let rows: Vec<Value> = told.iter().map(document).collect();
            writeln!(out, "{:#}", json!({ "tests": rows, "failed": failed }))?;
        }
        false => write_score(&told, out)?,
    }
    if failed == 0 {
        return Ok(());
    }
    let names: Vec<&str> =
        told.iter().filter(|row| row.end.is_err()).map(|row| row.case.id).collect();
    let why = format!("selftest {}: not as it must be", names.join(", "));
    Err(Failure::Refused(Rejection::refused(
        why,
        "this is a defect of monban: trust no night to it",
    )))
}

/// Plays one test to its evidence.
fn play_case(player: &mut Player<'_>, case: &Case) -> Result<Vec<String>, Failure> {
    let agent = match case.expected {
        Expected::Later(why) => return Ok(vec![why.into()]),
        Expected::Lands { agent } | Expected::Stops { agent, .. } => agent,
    };
    let before = player.base()?;
    let task = player.add(agent, case.title, case.kind, case.title)?;
    player.run(vec![task])?;
    let Expected::Stops { check, shows, .. } = case.expected else {
        let (digest, base) = player.approve(task)?;
        let row = player.look(task)?;
        let verdicts = verdicts(player, task)?;
        let is_green = !verdicts.is_empty() && verdicts.iter().all(|v| v["outcome"] == "pass");
        if base == before || !is_green {
            return Err(missing(task, "landing with every check passed", &row));
        }
        let names: Vec<&str> = verdicts.iter().map(|verdict| text(&verdict["check"])).collect();
        return Ok(vec![
            format!("passed: {}", names.join(", ")),
            format!("approved {digest:.12}; main {before:.12} -> {base:.12}"),
        ]);
    };
    let row = player.halted(task, &before)?;
    let verdicts = verdicts(player, task)?;
    let red = verdicts.iter().find(|verdict| verdict["outcome"] != "pass");
    let found = red.filter(|red| red["check"] == check).map(found);
    let Some(found) = found.filter(|found| found.contains(shows)) else {
        return Err(missing(task, &format!("`{shows}` by the check {check}"), &row));
    };
    let rollback = &row["attempts"][0]["rollbacks"][0];
    let Some(op) = rollback["op"].as_str().filter(|_| !rollback["progress"]["done"].is_null())
    else {
        return Err(missing(task, "finished rollback", &row));
    };
    let after = player.base()?;
    player.resume()?;
    Ok(vec![
        found,
        format!("halted: {}", Foreign::new(text(&row["failure"]))),
        format!("worktree rolled back to its base and verified: {op}"),
        format!("main before {before:.12} = main after {after:.12}"),
    ])
}

/// The verdicts of a task's last gate run.
fn verdicts(player: &mut Player<'_>, task: TaskId) -> Result<Vec<Value>, Failure> {
    let gates = player.client.ask(Ask::Show(ShowAsk::Gates(task)))?;
    let last = gates.as_array().and_then(|gates| gates.last());
    Ok(last.and_then(|gate| gate["verdicts"].as_array()).cloned().unwrap_or_default())
}

/// What a check objects to, on one line.
fn found(verdict: &Value) -> String {
    let check = text(&verdict["check"]);
    let violations = verdict["findings"].as_array().into_iter().flatten();
    let mut violations = violations.filter(|finding| finding["weight"] == "violation");
    let Some(first) = violations.next() else {
        return format!("{check}: {}", Foreign::new(text(&verdict["reason"])));
    };
    let foreign = |key: &str| Foreign::new(text(&first[key])).shown();
    let line = first["line"].as_u64().map(|line| format!(":{line}")).unwrap_or_default();
    format!("{}, {}{line}: {}", foreign("rule"), foreign("path"), foreign("snippet").trim())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn state(row: &Told) -> &'static str {
    match (&row.end, row.case.expected) {
        (Err(_), _) => "FAIL",
        (Ok(_), Expected::Later(_)) => "later",
        (Ok(_), _) => "pass",
    }
}

fn write_row(row: &Told, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{:<5} {:<8} {}", state(row), row.case.id, row.case.title)?;
    let why = row.end.as_ref().err().into_iter();
    for line in row.end.iter().flatten().chain(why) {
        writeln!(out, "               {line}")?;
    }
    Ok(out.flush()?)
}

fn write_score(told: &[Told], out: &mut dyn Write) -> Result<(), Failure> {
    let score = |smoke: bool| {
        let rows = told.iter().filter(|row| row.case.id.starts_with("smoke") == smoke);
        let states: Vec<&str> = rows.map(state).filter(|state| *state != "later").collect();
        let passed = states.iter().filter(|state| **state == "pass").count();
        format!("{passed}/{}", states.len())
    };
    Ok(writeln!(out, "smoke tests {}, failure tests {}", score(true), score(false))?)
}

fn document(row: &Told) -> Value {
    json!({
        "id": row.case.id,
        "title": row.case.title,
        "result": state(row).to_lowercase(),
        "evidence": row.end.as_ref().ok(),
        "failure": row.end.as_ref().err(),
    })
}

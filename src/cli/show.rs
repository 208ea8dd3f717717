//! Looks at tasks, the inbox, verdicts, screens and the event log.

use super::Here;
use super::args::Command;
use super::exit::Failure;
use super::print::{age, json, json_line, short, table, text};
use crate::base::foreign::Foreign;
use crate::wire::people::{Answer, Ask, ShowAsk, TaskAsk};
use serde_json::Value;
use std::io::Write;

pub(super) fn run(here: &Here, command: Command, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        Command::Ls { all, json: as_json } => {
            let value = ask(here, ShowAsk::List { all })?;
            if as_json { json(out, &value["tasks"]) } else { list(&value, out) }
        }
        Command::Show { id, json: as_json } => {
            let value = ask(here, ShowAsk::Task(id.0))?;
            if as_json { json(out, &value) } else { super::plan::task(&value, out) }
        }
        Command::Inbox { all, json: as_json } => {
            let value = ask(here, ShowAsk::Inbox { all })?;
            if as_json { json(out, &value) } else { inbox(&value, out) }
        }
        Command::Diff { id } => {
            let value = ask(here, ShowAsk::Diff(id.0))?;
            patch(value["patch"].as_str().unwrap_or_default(), out)
        }
        Command::Gates { id, rerun: true, .. } => {
            here.client()?.ask(Ask::Task(id.0, TaskAsk::Judge))?;
            Ok(writeln!(out, "task {} is being judged", id.0)?)
        }
        Command::Gates { id, json: as_json, .. } => {
            let value = ask(here, ShowAsk::Gates(id.0))?;
            if as_json { json(out, &value) } else { gates(&value, out) }
        }
        Command::Screen { id, ansi } => {
            let value = ask(here, ShowAsk::Screen { task: id.0, ansi })?;
            Ok(writeln!(out, "{}", value["screen"].as_str().unwrap_or_default())?)
        }
        Command::Events { from, follow } => events(here, from, follow, out),
        _ => Ok(()),
    }
}

/// A patch as it is: a tab stays a tab and a carriage return is seen, because what is approved may
/// differ in nothing else.
fn patch(text: &str, out: &mut dyn Write) -> Result<(), Failure> {
    for line in text.trim_end_matches('\n').split('\n') {
        let (line, end) = line.strip_suffix('\r').map_or((line, ""), |line| (line, "\\r"));
        let fields: Vec<String> =
            line.split('\t').map(|field| Foreign::new(field).shown()).collect();
        writeln!(out, "{}{end}", fields.join("\t"))?;
    }
    Ok(())
}

fn ask(here: &Here, ask: ShowAsk) -> Result<Value, Failure> {
    here.client()?.ask(Ask::Show(ask))
}

fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn list(value: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let repository = &value["repository"];
    let title = text(&value["title"]);
    if repository.is_object() {
        let people = text(&repository["attended_by"]);
        let attended = attended(people, &repository["vouched"]);
        writeln!(
            out,
            "{title} · {} · base {} · {attended}",
            text(&repository["path"]),
            text(&repository["base"])
        )?;
        if repository["halted"].is_object() {
            let halt = &repository["halted"];
            writeln!(out, "HALTED by task {}: {}", halt["task"], text(&halt["cause"]))?;
        }
        if !repository["held"].is_null() {
            writeln!(
                out,
                "HELD: {} and nobody was there; `monban resume`",
                text(&repository["held"])
            )?;
        }
    }
    let line = |row: &Value| {
        let status = &row["status"];
        let shown = match status["state"].as_str() {
            None => "-".to_string(),
            Some(state) => {
                let kind =
                    status["kind"].as_str().map(|kind| format!(" {kind}")).unwrap_or_default();
                let paused = if status["paused"] == true { " (paused)" } else { "" };
                let since = age(status["age_s"].as_u64().unwrap_or(0));
                format!("{state}{kind}{paused} · {} · {since}", text(&status["source"]))
            }
        };
        let needs = if row["needs_you"] == true { "! " } else { "  " };
        let title = match row["failure"].is_null() {
            true => text(&row["title"]),
            false => format!("{}: {}", text(&row["title"]), text(&row["failure"])),
        };
        vec![
            format!("{needs}{}", row["id"]),
            text(&row["state"]),
            text(&row["agent"]),
            shown,
            text(&row["kind"]),
            title,
        ]
    };
    let lines: Vec<Vec<String>> = rows(&value["tasks"]).map(line).collect();
    table(out, &["  ID", "STATE", "AGENT", "STATUS", "KIND", "TITLE"], &lines)
}

/// Who is there, or vouches for being there.
fn attended(people: String, vouched: &Value) -> String {
    let vouched = vouched
        .is_object()
        .then(|| format!("{} vouches until {}", text(&vouched["by"]), text(&vouched["until"])));
    match (people.is_empty(), vouched) {
        (true, None) => "nobody there".into(),
        (true, Some(vouched)) => vouched,
        (false, None) => format!("ATTENDED by {people}"),
        (false, Some(vouched)) => format!("ATTENDED by {people}, {vouched}"),
    }
}

fn inbox(value: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    if rows(value).next().is_none() {
        return Ok(writeln!(out, "nothing waits for you")?);
    }
    for item in rows(value) {
        writeln!(
            out,
            "{}  {}  task {}  {}",
            text(&item["id"]),
            text(&item["kind"]),
            item["task"],
            text(&item["note"])
        )?;
        let binds = &item["binds"];
        if binds.is_object() {
            writeln!(
                out,
                "    {} at {}  head {}  tree {}  gate runs {}",
                text(&binds["branch"]),
                short(&binds["base"]),
                short(&binds["head"]),
                short(&binds["tree"]),
                text(&binds["gate_runs"])
            )?;
            writeln!(out, "    monban diff {}", item["task"])?;
            writeln!(
                out,
                "    monban approve {} --bind {}",
                text(&item["id"]),
                text(&item["digest"])
            )?;
        }
    }
    Ok(())
}

fn gates(value: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(gate) = rows(value).last() else {
        return Ok(writeln!(out, "nothing has been judged yet")?);
    };
    writeln!(
        out,
        "run{} on tree {} (checkpoint cp{})",
        gate["run"],
        short(&gate["tree"]),
        gate["snapshot"]
    )?;
    if gate["given_up"] == true {
        return Ok(writeln!(out, "given up before its verdict")?);
    }
    if gate["verdicts"].is_null() {
        return Ok(writeln!(out, "running")?);
    }
    for verdict in rows(&gate["verdicts"]) {
        writeln!(
            out,
            "{:8} {:6} {:>7} ms  {}",
            text(&verdict["outcome"]),
            text(&verdict["check"]),
            verdict["duration_ms"],
            text(&verdict["reason"])
        )?;
        if verdict["counts"].is_object() {
            let counts = &verdict["counts"];
            writeln!(
                out,
                "         {} tests, {} failed, {} skipped",
                counts["tests"], counts["failed"], counts["skipped"]
            )?;
            for name in rows(&counts["failing"]) {
                writeln!(out, "         failing: {}", text(name))?;
            }
        }
        if verdict["outcome"] != "pass" {
            let tail = Foreign::new(verdict["tail"].as_str().unwrap_or_default());
            for line in tail.shown_lines().lines() {
                writeln!(out, "         | {line}")?;
            }
        }
    }
    Ok(())
}

fn events(here: &Here, from: u64, follow: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let ask = Ask::Show(ShowAsk::Events { from, follow });
    let mut row = |answer: Answer| match answer {
        Answer::Row(record) => {
            json_line(out, &record)?;
            out.flush()
        }
        _ => Ok(()),
    };
    match here.client()?.ask_with(ask, &mut row) {
        Ok(_) => Ok(()),
        Err(failure) => Err(failure),
    }
}

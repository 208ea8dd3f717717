//! `monban auth`: how each agent is logged in, what reaches a run, how to mend it.

use super::Here;
use super::exit::Failure;
use super::print::{json, table};
use crate::wire::people::{Ask, ShowAsk};
use serde_json::{Value, json as object};
use std::io::Write;

pub(super) fn run(here: &Here, as_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let value = here.client()?.ask(Ask::Show(ShowAsk::Auth))?;
    if as_json {
        return json(out, &value);
    }
    let rows: Vec<&Value> = value.as_array().into_iter().flatten().collect();
    let text = |value: &Value| super::print::text(value);
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let there = if row["is_there"] == true { "there" } else { "missing" };
            let used = if row["is_used"] == true { "used" } else { "" };
            vec![
                text(&row["agent"]),
                text(&row["way"]),
                there.into(),
                used.into(),
                text(&row["reaches"]),
            ]
        })
        .collect();
    table(out, &["AGENT", "LOGIN", "", "", "REACHES A RUN"], &lines)?;
    let cures: Vec<Value> = rows
        .iter()
        .filter(|row| row["cure"].is_string())
        .map(|row| object!({ "agent": row["agent"], "cure": row["cure"] }))
        .collect();
    for row in cures {
        writeln!(out, "\n{} would start logged out. {}", text(&row["agent"]), text(&row["cure"]))?;
    }
    Ok(())
}

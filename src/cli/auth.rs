//! `monban auth`: how each agent is logged in, what reaches a run, how to mend it.

use super::Here;
use super::exit::Failure;
use super::layout::{hang, width};
use super::print::{Last, json, table};
use crate::base::foreign::Foreign;
use crate::wire::people::{Ask, ShowAsk};
use serde_json::Value;
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
    let heads = ["AGENT", "LOGIN", "", "", "REACHES A RUN"];
    for line in table(&heads, &lines, Last::Wrapped, width()) {
        writeln!(out, "{line}")?;
    }
    let mut is_in_file = false;
    for row in rows.iter().filter(|row| row["cure"].is_string()) {
        let said =
            format!("{} would start logged out: {}", text(&row["agent"]), text(&row["cure"]));
        is_in_file |= said.contains("in config.toml");
        writeln!(out, "\n{}", hang("", &said, width()))?;
    }
    if is_in_file {
        let path = Foreign::new(here.places.config_file.display().to_string());
        writeln!(out, "\nconfig.toml is {path}")?;
    }
    Ok(())
}

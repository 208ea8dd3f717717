//! `monban auth`: how each agent is logged in, what reaches a run, how to mend it.

use super::Here;
use super::exit::Failure;
use super::layout::{hang, width};
use super::login;
use super::print::{Last, json, table};
use crate::agent::login::{AuthRow, LoginState, programs};
use crate::agent::prepare::Os;
use crate::base::foreign::Foreign;
use crate::daemon::{Agent, agent_of};
use crate::wire::people::{Ask, ShowAsk};
use clap::Args;
use serde_json::json as object;
use std::io::Write;

/// How agents are logged in.
#[derive(Args, Debug)]
pub struct AuthArgs {
    /// This agent alone
    pub agent: Option<String>,
    /// Log it in, by its own program in this terminal; `monban auth AGENT` lists the ways
    #[arg(long, value_name = "WAY", num_args = 0..=1, requires = "agent", conflicts_with = "json")]
    pub login: Option<Option<String>>,
    /// One document for programs
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(here: &Here, args: &AuthArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let agent = args.agent.as_deref().map(|name| agent_of(&here.places, name)).transpose()?;
    if let (Some(agent), Some(way)) = (&agent, &args.login) {
        return login::run(here, agent, way.as_deref(), out);
    }
    let rows = rows(here, agent.as_ref())?;
    if args.json {
        return json(out, &object!(rows));
    }
    show(here, &rows, out)?;
    agent.map_or(Ok(()), |agent| show_ways(&agent, out))
}

/// What the daemon sees: of one agent, or of all.
pub(super) fn rows(here: &Here, agent: Option<&Agent>) -> Result<Vec<AuthRow>, Failure> {
    let rows = here.client()?.ask(Ask::Show(ShowAsk::Auth))?;
    let mut rows: Vec<AuthRow> = serde_json::from_value(rows)
        .map_err(|error| Failure::environment(error.to_string(), "`monban daemon upgrade`"))?;
    rows.retain(|row| agent.is_none_or(|agent| row.agent == agent.name));
    Ok(rows)
}

/// The rows as a table, and below it what is to be done.
pub(super) fn show(here: &Here, rows: &[AuthRow], out: &mut dyn Write) -> Result<(), Failure> {
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let used = if row.is_used { "used" } else { "" };
            let shown = |text: &str| Foreign::new(text).shown();
            vec![shown(&row.agent), shown(&row.way), state(row), used.into(), shown(&row.reaches)]
        })
        .collect();
    let heads = ["AGENT", "LOGIN", "STATE", "", "REACHES A RUN"];
    for line in table(&heads, &lines, Last::Wrapped, width()) {
        writeln!(out, "{line}")?;
    }
    let mut is_in_file = false;
    for (row, cure) in rows.iter().filter_map(|row| Some((row, row.cure.as_deref()?))) {
        let said = format!("{} would start logged out: {cure}", row.agent);
        is_in_file |= said.contains("in config.toml");
        writeln!(out, "\n{}", hang("", &Foreign::new(said).shown(), width()))?;
    }
    if is_in_file {
        let path = Foreign::new(here.places.config_file.display().to_string());
        writeln!(out, "\nconfig.toml is {path}")?;
    }
    Ok(())
}

fn state(row: &AuthRow) -> String {
    match (row.state, row.held_by) {
        (_, Some(holder)) => format!("in use by {} (task {})", holder.run, holder.task),
        (LoginState::Present, None) => "present".into(),
        (LoginState::Expired, None) => "expired".into(),
        (LoginState::Missing, None) => "missing".into(),
    }
}

/// The programs that log an agent in.
fn show_ways(agent: &Agent, out: &mut dyn Write) -> Result<(), Failure> {
    for (index, program) in programs(&agent.kind, Os::HERE).enumerate() {
        let word = if index == 0 { String::new() } else { format!(" {}", program.name) };
        let lead = format!("monban auth {} --login{word}  ", agent.name);
        let lead = if index == 0 { format!("\n{lead}") } else { lead };
        writeln!(out, "{lead}{}", program.title)?;
    }
    Ok(())
}

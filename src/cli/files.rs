//! Commands around the files the daemon keeps: the log's soundness, transcripts, the daemon itself.

use super::Here;
use super::args::DaemonCommand;
use super::client::{Client, LOG_CURE, stop_stranger};
use super::exit::Failure;
use super::print::{json, text};
use super::show::say_wider;
use super::{service, upgrade};
use crate::base::count::count;
use crate::base::foreign::Foreign;
use crate::base::id::TaskId;
use crate::model::rejection::Rejection;
use crate::term::Terminal;
use crate::wire::people::{Ask, DaemonAsk, ShowAsk};
use crate::{daemon, runner, store};
use serde_json::{Value, json as object};
use std::io::Write;
use std::path::Path;

/// Checks the log's files, and with a running daemon that a replay gives its state.
pub(super) fn verify(here: &Here, as_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let folder = here.places.state.join("events");
    let report =
        store::verify(&folder, &store::SystemDisk, &mut daemon::understand).map_err(|error| {
            Failure::environment(format!("the event log cannot be read: {error}"), "see its folder")
        })?;
    let running = Client::connect_running(&here.places, &here.at)?;
    let replay = match running {
        Some(mut client) => Some(client.ask(Ask::Daemon(DaemonAsk::Verify))?),
        None => None,
    };
    let differs = replay.as_ref().is_some_and(|replay| replay["equal"] != true);
    if as_json {
        json(out, &object!({ "log": report, "replay": replay }))?;
    } else {
        let (records, segments) = (report.records, report.segments as u64);
        writeln!(out, "{} in {}", count(records, "record"), count(segments, "segment"))?;
        writeln!(
            out,
            "checksum chain ends with {} (it detects damage, not tampering)",
            report.chain_head
        )?;
        if let Some(torn) = &report.torn {
            writeln!(out, "unfinished end, cut at the daemon's next start: {torn}")?;
        }
        match &replay {
            None => writeln!(out, "no daemon runs; there is no state to compare with")?,
            Some(replay) if replay["log_damage"].is_object() => {
                writeln!(
                    out,
                    "the running daemon was started on a damaged log; it shows old state"
                )?;
            }
            Some(_) if !differs => writeln!(out, "a replay equals the daemon's state")?,
            Some(_) => writeln!(out, "a replay DIFFERS from the daemon's state")?,
        }
    }
    if let Some(problem) = report.problems.first() {
        let why = format!("the event log is damaged: {problem}");
        return Err(Failure::Refused(Rejection::refused(why, LOG_CURE)));
    }
    if replay.is_some_and(|replay| replay["log_damage"].is_object()) {
        let why = "the log is sound now, but the running daemon was started on a damaged one and \
                   still shows what was before the damage";
        let cure = "`monban daemon stop`; the next command starts from the log";
        return Err(Failure::Refused(Rejection::refused(why, cure)));
    }
    if differs {
        let cure = "`monban daemon stop`; the next command starts from the log";
        return Err(Failure::Refused(Rejection::refused("state and log differ", cure)));
    }
    Ok(())
}

/// Plays a task's last transcript, or writes it as an asciicast.
pub(super) fn replay(
    here: &Here,
    id: TaskId,
    cast: Option<&Path>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let task = here.client()?.ask(Ask::Show(ShowAsk::Task(id)))?;
    let attempts: Vec<&Value> = task["attempts"].as_array().into_iter().flatten().collect();
    let run = attempts.iter().rev().find_map(|attempt| attempt["run"].as_u64());
    let run = run.ok_or_else(|| Failure::input(format!("task {id} never ran"), "run it first"))?;
    let folder = here.places.state.join("runs").join(format!("run{run}"));
    let failed = |error: &dyn std::fmt::Display| {
        Failure::environment(
            format!("the transcript cannot be read: {error}"),
            "is it still there?",
        )
    };
    let transcript = runner::Transcript::open(&folder).map_err(|e| failed(&e))?;
    match cast {
        Some(path) => {
            let mut file = std::fs::File::create_new(path).map_err(|error| {
                let why = format!("cannot create {}: {error}", path.display());
                Failure::input(why, "name a new file")
            })?;
            transcript.to_asciicast(&mut file).map_err(|e| failed(&e))?;
            Ok(writeln!(out, "wrote {}", Foreign::new(path.display().to_string()))?)
        }
        None => {
            // Raw bytes of an agent never reach a person's terminal: what is printed is text.
            let look = |terminal: &Terminal| (terminal.size(), history(terminal));
            let (size, text) =
                daemon::replayed(&folder, look).ok_or_else(|| failed(&"it is damaged"))?;
            writeln!(out, "{text}")?;
            say_wider(size.cols.into(), size.rows.into(), out)
        }
    }
}

/// Everything a terminal showed, oldest first, without the blank rows at its end.
fn history(terminal: &Terminal) -> String {
    let above = (0..terminal.scrollback_len()).rev().filter_map(|age| terminal.scrollback_row(age));
    let above = above.map(|row| row.trimmed().to_string());
    let rows = above.chain(terminal.text_rows()).collect::<Vec<_>>().join("\n");
    rows.trim_end().to_string()
}

pub(super) fn daemon(
    here: &Here,
    command: DaemonCommand,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    match command {
        DaemonCommand::Start { .. } => {
            here.client()?;
            Ok(writeln!(out, "the daemon runs")?)
        }
        DaemonCommand::Stop { kill_agents } => stop_daemon(here, kill_agents, out),
        DaemonCommand::Install => service::install(here, out),
        DaemonCommand::Upgrade => upgrade::upgrade(here, out),
        DaemonCommand::Status { json: as_json } => {
            let Some(mut client) = Client::connect_running(&here.places, &here.at)? else {
                let cure = "any command that needs it starts it";
                return Err(Failure::environment("no daemon runs", cure));
            };
            let status = client.ask(Ask::Daemon(DaemonAsk::Status))?;
            if as_json {
                return json(out, &status);
            }
            writeln!(
                out,
                "monban {} (protocol {}), process {}, up {} s",
                text(&status["version"]),
                status["protocol"],
                status["pid"],
                status["uptime_s"]
            )?;
            writeln!(out, "socket {}", text(&status["socket"]))?;
            for holder in status["holders"].as_array().into_iter().flatten() {
                writeln!(out, "{} of task {}", text(&holder["run"]), holder["task"])?;
            }
            for problem in status["log_problems"].as_array().into_iter().flatten() {
                writeln!(out, "event log: {}", text(problem))?;
            }
            Ok(())
        }
    }
}

/// Stops the daemon, if one runs, and waits until it is gone.
pub(super) fn stop_daemon(
    here: &Here,
    kill_agents: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let connected = Client::connect_running(&here.places, &here.at);
    if connected.is_err() && !kill_agents && stop_stranger(&here.places)? {
        return Ok(writeln!(out, "the daemon stopped; agents go on")?);
    }
    let Some(mut client) = connected? else {
        return Ok(writeln!(out, "no daemon runs")?);
    };
    client.ask(Ask::Daemon(DaemonAsk::Stop { kill_agents }))?;
    client.wait_for_end();
    let agents = if kill_agents { "agents ended" } else { "agents go on" };
    Ok(writeln!(out, "the daemon stopped; {agents}")?)
}

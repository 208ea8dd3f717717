//! `monban doctor`: what monban needs on this machine, each row with its cure.

use super::Here;
use super::client::{Client, LOG_CURE};
use super::exit::Failure;
use super::print::json;
use crate::base::foreign::Foreign;
use crate::base::paths;
use crate::config::person;
use crate::model::rejection::{Class, Rejection};
use crate::store::{self, Disk, SystemDisk};
use serde_json::json as object;
use std::io::Write;
use std::process::{Command, Stdio};

/// Below this much free space a warning is shown.
const FREE_BYTES_LOW: u64 = 1 << 30;

struct Row {
    verdict: &'static str,
    what: &'static str,
    found: String,
    cure: &'static str,
}

pub(super) fn run(here: &Here, as_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let rows = [git(), state(here), disk(here), config(here), daemon(here), log(here), isolation()];
    if as_json {
        let rows = rows.iter().map(|row| {
            object!({ "verdict": row.verdict, "what": row.what, "found": row.found, "cure": row.cure })
        });
        json(out, &rows.collect())?;
    } else {
        for row in &rows {
            writeln!(out, "{:5} {:10} {}", row.verdict, row.what, row.found)?;
            if row.verdict != "ok" {
                writeln!(out, "{:16} {}", "", row.cure)?;
            }
        }
    }
    match rows.iter().find(|row| row.verdict == "fail") {
        None => Ok(()),
        Some(row) => {
            let why = format!("{}: {}", row.what, row.found);
            Err(Failure::Refused(Rejection::new(Class::Environment, why, row.cure)))
        }
    }
}

fn git() -> Row {
    let output = Command::new("git").arg("--version").stdin(Stdio::null()).output();
    let cure = "install git 2.40 or later and put it on PATH";
    match output {
        Ok(output) if output.status.success() => {
            let found = String::from_utf8_lossy(&output.stdout).trim().to_string();
            Row { verdict: "ok", what: "git", found, cure }
        }
        Ok(output) => Row { verdict: "fail", what: "git", found: output.status.to_string(), cure },
        Err(error) => Row { verdict: "fail", what: "git", found: error.to_string(), cure },
    }
}

fn state(here: &Here) -> Row {
    let user = rustix::process::getuid().as_raw();
    let folders = [&here.places.state, &here.places.run];
    let problem = folders.into_iter().find_map(|path| paths::private_folder(path, user).err());
    let cure = "make the folder yours alone (mode 700), or set MONBAN_HOME";
    match problem {
        None => {
            let found = format!("{} is private to you", here.places.state.display());
            Row { verdict: "ok", what: "state", found, cure }
        }
        Some(error) => Row { verdict: "fail", what: "state", found: error.to_string(), cure },
    }
}

fn disk(here: &Here) -> Row {
    let cure = "free some space; nothing new starts below 64 MiB";
    match SystemDisk.free_bytes(&here.places.state) {
        Ok(free) => {
            let verdict = if free < FREE_BYTES_LOW { "warn" } else { "ok" };
            Row { verdict, what: "disk", found: format!("{} MiB free", free >> 20), cure }
        }
        Err(error) => Row { verdict: "warn", what: "disk", found: error.to_string(), cure },
    }
}

fn config(here: &Here) -> Row {
    let path = here.places.config_file.display();
    let cure = "mend the file; until then no task starts";
    match person::load(&here.places.config_file) {
        Ok(_) if !here.places.config_file.exists() => {
            let found = format!("{path} is not there; defaults are used");
            Row { verdict: "ok", what: "config", found, cure }
        }
        Ok(_) => Row { verdict: "ok", what: "config", found: path.to_string(), cure },
        Err(error) => Row { verdict: "fail", what: "config", found: error.to_string(), cure },
    }
}

fn daemon(here: &Here) -> Row {
    let cure = "`monban daemon stop`, then run any command";
    match Client::connect_running(&here.places, &here.at) {
        Ok(Some(_)) => {
            let found = format!("answers at {}", here.places.socket().display());
            Row { verdict: "ok", what: "daemon", found, cure }
        }
        Ok(None) => {
            let found = "not running; any command that needs it starts it".to_string();
            Row { verdict: "ok", what: "daemon", found, cure }
        }
        Err(error) => Row { verdict: "fail", what: "daemon", found: error.to_string(), cure },
    }
}

/// A running daemon knows whether its log is sound; without one the files themselves are read.
fn log(here: &Here) -> Row {
    let folder = here.places.state.join("events");
    let damage = match Client::connect_running(&here.places, &here.at) {
        Ok(Some(client)) => client.damage,
        _ if !folder.exists() => None,
        _ => match store::verify(&folder, &SystemDisk) {
            Ok(report) => report.problems.first().map(ToString::to_string),
            Err(error) => Some(error.to_string()),
        },
    };
    match damage {
        None => {
            let found = format!("{} is not damaged", folder.display());
            Row { verdict: "ok", what: "event log", found, cure: LOG_CURE }
        }
        Some(damage) => {
            let damage = Foreign::new(damage);
            let found = format!("damaged at {damage}; the daemon is read-only");
            Row { verdict: "fail", what: "event log", found, cure: LOG_CURE }
        }
    }
}

/// At L1 agents have the person's own rights: what they do outside monban is detected, not
/// prevented.
fn isolation() -> Row {
    Row {
        verdict: "warn",
        what: "isolation",
        found: "host + worktree: agents share your user id, so approvals are advisory".into(),
        cure: "an agent could act as you outside monban; changes to your branches, configuration and \
               hooks during a run are detected and listed",
    }
}

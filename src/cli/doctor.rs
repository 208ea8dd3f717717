//! `monban doctor`: what monban needs on this machine, each row with its cure.

mod logout;

use super::Here;
use super::client::{Client, LOG_CURE};
use super::exit::Failure;
use super::layout::{hang, width};
use super::looks;
use super::print::json;
use crate::agent::login::{Login, login};
use crate::agent::prepare::{Host, find_program};
use crate::base::clock::{Clock, Timestamp};
use crate::base::foreign::Foreign;
use crate::base::paths;
use crate::config::person;
use crate::daemon::Agent;
use crate::model::rejection::{Class, Rejection};
use crate::store::{self, Disk, SystemDisk};
use serde_json::json as object;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// Below this much free space a warning is shown.
const FREE_BYTES_LOW: u64 = 1 << 30;

/// How far the clock may be behind the event log before a warning is shown.
const CLOCK_BEHIND_MAX: Duration = Duration::from_secs(5);
/// What git must be able to do: `git worktree` and `git cat-file` as monban calls them.
const GIT_OLDEST: (u32, u32) = (2, 40);

struct Row {
    verdict: &'static str,
    what: &'static str,
    found: String,
    cure: String,
}

impl Row {
    fn new(
        verdict: &'static str,
        what: &'static str,
        found: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self { verdict, what, found: found.into(), cure: cure.into() }
    }
}

pub(super) fn run(here: &Here, as_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let mut rows = vec![git(), state(here), disk(here), clock(here), config(here), daemon(here)];
    rows.push(log(here));
    rows.extend(agents(here));
    rows.push(terminal());
    rows.extend(logout::rows());
    rows.push(isolation());
    if as_json {
        let rows = rows.iter().map(|row| {
            object!({ "verdict": row.verdict, "what": row.what, "found": row.found, "cure": row.cure })
        });
        json(out, &rows.collect())?;
    } else {
        for row in &rows {
            let lead = format!("{:5} {:10} ", row.verdict, row.what);
            let mut said = Foreign::new(&row.found).shown_lines();
            if row.verdict != "ok" {
                said = format!("{said}\n{}", Foreign::new(&row.cure).shown_lines());
            }
            writeln!(out, "{}", hang(&lead, &said, width()))?;
        }
    }
    match rows.into_iter().find(|row| row.verdict == "fail") {
        None => Ok(()),
        Some(row) => {
            let why = format!("{}: {}", row.what, row.found);
            Err(Failure::Refused(Rejection::new(Class::Environment, why, row.cure)))
        }
    }
}

fn git() -> Row {
    let output = Command::new("git").arg("--version").stdin(Stdio::null()).output();
    let (major, minor) = GIT_OLDEST;
    let cure = format!("install git {major}.{minor} or later and put it on PATH");
    match output {
        Ok(output) if output.status.success() => {
            let found = String::from_utf8_lossy(&output.stdout).trim().to_string();
            let verdict = if git_version(&found) >= Some(GIT_OLDEST) { "ok" } else { "fail" };
            Row::new(verdict, "git", found, cure)
        }
        Ok(output) => Row::new("fail", "git", output.status.to_string(), cure),
        Err(error) => Row::new("fail", "git", error.to_string(), cure),
    }
}

/// The first two numbers of what `git --version` says.
fn git_version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.strip_prefix("git version ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn state(here: &Here) -> Row {
    let user = rustix::process::getuid().as_raw();
    let folders = [&here.places.state, &here.places.run];
    let problem = folders.into_iter().find_map(|path| paths::private_folder(path, user).err());
    let cure = "make the folder yours alone (mode 700), or set MONBAN_HOME";
    match problem {
        None => {
            let found = format!("{} is private to you", here.places.state.display());
            Row::new("ok", "state", found, cure)
        }
        Some(error) => Row::new("fail", "state", error.to_string(), cure),
    }
}

fn disk(here: &Here) -> Row {
    let cure = "free some space; nothing new starts below 64 MiB";
    match SystemDisk.free_bytes(&here.places.state) {
        Ok(free) => {
            let verdict = if free < FREE_BYTES_LOW { "warn" } else { "ok" };
            Row::new(verdict, "disk", format!("{} MiB free", free >> 20), cure)
        }
        Err(error) => Row::new("warn", "disk", error.to_string(), cure),
    }
}

fn config(here: &Here) -> Row {
    let file = &here.places.config_file;
    let path = file.display();
    let person = match person::load(file) {
        Ok(person) => person,
        Err(error) => {
            let cure = "mend the file; until then no task starts and no dashboard opens";
            return Row::new("fail", "config", error.to_string(), cure);
        }
    };
    // What a dashboard alone reads: its colours, and the keys in the file beside it.
    match looks::of_person(&person, file) {
        Ok(_) if !file.exists() => {
            Row::new("ok", "config", format!("{path} is not there; defaults are used"), "")
        }
        Ok(_) => Row::new("ok", "config", path.to_string(), ""),
        Err(error) => {
            let cure = "mend the file; until then no dashboard opens, tasks start all the same";
            Row::new("fail", "config", error, cure)
        }
    }
}

fn daemon(here: &Here) -> Row {
    let cure = "`monban daemon stop`, then run any command";
    match Client::connect_running(&here.places, &here.at) {
        Ok(Some(_)) => {
            let found = format!("answers at {}", here.places.socket().display());
            Row::new("ok", "daemon", found, cure)
        }
        Ok(None) => {
            let found = "not running; any command that needs it starts it".to_string();
            Row::new("ok", "daemon", found, cure)
        }
        Err(error) => Row::new("fail", "daemon", error.to_string(), cure),
    }
}

/// Durations and ages come from the clock, and the event log's order is told by its times.
fn clock(here: &Here) -> Row {
    let cure = "set the clock right: ages and limits are counted by it";
    let newest = std::fs::read_dir(here.places.state.join("events")).ok().and_then(|entries| {
        let times = entries.flatten().filter_map(|entry| entry.metadata().ok()?.modified().ok());
        times.max()
    });
    let now = Clock::System.now();
    let ahead = newest.map(|newest: SystemTime| {
        let since_epoch = newest.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or_default())
            .since(now)
    });
    let ahead = ahead.unwrap_or_default();
    if ahead > CLOCK_BEHIND_MAX {
        let found = format!("{now}, {} s behind the event log", ahead.as_secs());
        return Row::new("warn", "clock", found, cure);
    }
    Row::new("ok", "clock", now.to_string(), cure)
}

/// Each agent: its program, and how a run of it would be logged in.
fn agents(here: &Here) -> Vec<Row> {
    let agents = match crate::daemon::agents_of(&here.places) {
        Ok(agents) => agents,
        Err(error) => return vec![Row::new("fail", "agents", error.why, error.cure)],
    };
    let host = Host::here(std::env::vars_os());
    let row = |agent: &Agent| {
        let Agent { name, kind, config } = agent;
        let program = match find_program(name, kind, config, &host) {
            Ok(program) => program,
            Err(error) => {
                // A refusal says its cure behind what is wrong.
                let said = error.to_string();
                let (found, cure) = said.split_once("; ").unwrap_or((&said, "install it"));
                return Row::new("warn", "agent", found, cure);
            }
        };
        let program = program.display();
        match login(name, kind, config, &host, Clock::System.now()) {
            Login::Missing { cure } => {
                Row::new("warn", "agent", format!("{name}: {program}, not logged in"), cure)
            }
            Login::NotNeeded => Row::new("ok", "agent", format!("{name}: {program}"), ""),
            Login::Key { variable } | Login::Token { variable } => {
                Row::new("ok", "agent", format!("{name}: {program}, logged in by {variable}"), "")
            }
            Login::File { path, .. } => {
                let by = path.display();
                Row::new("ok", "agent", format!("{name}: {program}, logged in by {by}"), "")
            }
        }
    };
    agents.iter().map(row).collect()
}

/// Whether what monban draws can be read here.
fn terminal() -> Row {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let out = std::io::stdout();
    let Ok(size) = rustix::termios::tcgetwinsize(&out) else {
        return Row::new("ok", "terminal", "the output is not a terminal", "");
    };
    let term = variable("TERM").unwrap_or_else(|| "no TERM".into());
    let (locale, is_utf8) = looks::locale();
    let found = format!("{term}, {}x{}, locale `{locale}`", size.ws_col, size.ws_row);
    if !is_utf8 {
        let cure = "set LANG to a UTF-8 locale such as C.UTF-8: the dashboard draws ASCII without";
        return Row::new("warn", "terminal", found, cure);
    }
    let verdict = if size.ws_col < 40 || size.ws_row < 10 { "warn" } else { "ok" };
    Row::new(verdict, "terminal", found, "make it at least 40 columns by 10 rows")
}

/// A running daemon knows whether its log is sound; without one the files themselves are read.
fn log(here: &Here) -> Row {
    let folder = here.places.state.join("events");
    let damage = match Client::connect_running(&here.places, &here.at) {
        Ok(Some(client)) => client.damage,
        _ if !folder.exists() => None,
        _ => match store::verify(&folder, &SystemDisk, &mut crate::daemon::understand) {
            Ok(report) => report.problems.first().map(ToString::to_string),
            Err(error) => Some(error.to_string()),
        },
    };
    match damage {
        None => {
            let found = format!("{} is not damaged", folder.display());
            Row::new("ok", "event log", found, LOG_CURE)
        }
        Some(damage) => {
            let damage = Foreign::new(damage);
            let found = format!("damaged at {damage}; the daemon is read-only");
            Row::new("fail", "event log", found, LOG_CURE)
        }
    }
}

/// At L1 agents have the person's own rights: what they do outside monban is detected, not
/// prevented.
fn isolation() -> Row {
    let adopts = match cfg!(target_os = "linux") {
        true => "wherever it hides below its holder",
        false => "but on this system not one that cleared its environment and lost its parents",
    };
    Row::new(
        "warn",
        "isolation",
        "host + worktree: agents share your user id, so approvals are advisory",
        format!(
            "monban refuses the commands of a process of a run, {adopts}; an agent could still act \
             as you outside monban, by something of yours that it has start a program (cron, \
             systemd, tmux, ssh) or by killing its holder; changes to your branches, configuration \
             and hooks during a run are detected and listed"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_git_is_told_from_a_new_one() {
        assert_eq!(git_version("git version 2.47.3"), Some((2, 47)));
        assert_eq!(git_version("git version 2.39.5 (Apple Git-154)"), Some((2, 39)));
        assert!(git_version("git version 2.9.1") < Some(GIT_OLDEST));
        assert!(git_version("hub version 3") < Some(GIT_OLDEST));
    }
}

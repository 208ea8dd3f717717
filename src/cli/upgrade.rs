//! `monban daemon upgrade`: this program's daemon in the place of the one that runs, under running
//! agents. Their holders go on alone for a moment and are followed again; what they write meanwhile
//! waits in their transcripts.

use super::Here;
use super::client::{self, Client, Running};
use super::exit::Failure;
use super::files;
use crate::base::foreign::Foreign;
use crate::runner;
use crate::wire::people::{Ask, DaemonAsk};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the new daemon is asked whether it follows every run again, and how many times: for
/// 30 s.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS: u32 = 600;

/// Replaces the daemon.
pub(super) fn upgrade(here: &Here, out: &mut dyn Write) -> Result<(), Failure> {
    client::refuse_inside_run()?;
    // Before the old one stops: a new one that cannot start helps nobody.
    client::check_config(&here.places)?;
    let ours = env!("CARGO_PKG_VERSION");
    let Some(old) = client::running(&here.places)? else {
        here.client()?;
        return Ok(writeln!(out, "no daemon ran; monban {ours} runs now")?);
    };
    let way_back = way_back(&old);
    let held = held(&here.places.state.join("runs"));
    files::stop_daemon(here, false, &mut std::io::sink())?;
    let theirs = Foreign::new(&old.version);
    let mut client = here.client().map_err(|failure| {
        let why = format!("monban {theirs} stopped and {ours} did not come up: {failure}");
        Failure::environment(why, way_back)
    })?;
    follow(&mut client, &held)?;
    writeln!(out, "the daemon was monban {theirs} and is monban {ours}")?;
    if !held.is_empty() {
        writeln!(out, "{} running processes of tasks went on and are followed again", held.len())?;
    }
    Ok(())
}

/// The runs that a holder keeps now: names under `runs`, with their folders.
fn held(runs: &Path) -> Vec<(String, PathBuf)> {
    let folders = |path: &Path| {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let all = folders(runs);
    // The commands of a gate have their folders in that of its run.
    let checks: Vec<PathBuf> = all.iter().flat_map(|run| folders(run)).collect();
    let named = |folder: PathBuf| {
        let name = folder.strip_prefix(runs).ok()?.to_str()?.to_string();
        runner::is_held(&folder).then_some((name, folder))
    };
    all.into_iter().chain(checks).filter_map(named).collect()
}

/// Waits until every run that is still held is followed.
fn follow(client: &mut Client, held: &[(String, PathBuf)]) -> Result<(), Failure> {
    let mut missing = Vec::new();
    for _ in 0..LOOKS {
        let status = client.ask(Ask::Daemon(DaemonAsk::Status))?;
        let followed = followed(&status);
        let left = held
            .iter()
            .filter(|(name, folder)| !followed.contains(name.as_str()) && runner::is_held(folder));
        missing = left.map(|(name, _)| name.as_str()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Err(Failure::environment(
        format!("the new daemon runs and does not follow {} yet", missing.join(", ")),
        "they go on under their holders; `monban daemon status` shows who is followed",
    ))
}

fn followed(status: &Value) -> BTreeSet<&str> {
    let list = |name: &str| status[name].as_array().into_iter().flatten();
    let runs = list("holders").filter_map(|holder| holder["run"].as_str());
    runs.chain(list("checks").filter_map(Value::as_str)).collect()
}

/// What to do when the new daemon does not come up.
fn way_back(old: &Running) -> String {
    let program = old.pid.and_then(|pid| {
        let link = format!("/proc/{}/exe", pid.as_raw_pid());
        std::fs::read_link(link).ok().filter(|path| path.exists())
    });
    let version = Foreign::new(&old.version);
    match program {
        Some(path) if std::env::current_exe().ok().as_ref() != Some(&path) => {
            format!("agents go on; to go back run `{} daemon start`", path.display())
        }
        _ => format!(
            "agents go on; to go back install monban {version} again and run `monban daemon start`"
        ),
    }
}

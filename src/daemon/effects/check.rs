//! Judging a snapshot: the gate's commands, one after the other, in a fresh checkout of exactly
//! that commit, each under a holder.

use super::facts::Facts;
use super::snapshot::PRIVATE;
use super::to_end;
use crate::base::count::count;
use crate::base::durable;
use crate::base::id::{RunId, TaskId};
use crate::base::size::Size;
use crate::config;
use crate::daemon::driver::Cancel;
use crate::daemon::world::World;
use crate::daemon::{agents, gates};
use crate::formats::junit;
use crate::gate::{self, Ran, TAIL_BYTES};
use crate::git::{self, GitError, ObjectId, Store, WorktreeFiles};
use crate::model::attempt::Snapshot;
use crate::model::command::Report;
use crate::model::effect::Effect;
use crate::model::verdict::{GateRun, Outcome, Verdict};
use crate::runner::{RunSpec, Transcript};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How much output of a gate command is kept.
const OUTPUT_BYTES: u64 = 16 << 20;
const STOP_GRACE_MS: u64 = 2_000;

pub(super) fn run(world: &World, id: TaskId, run: RunId, cancel: &Cancel) {
    let Some(facts) = Facts::of(world, id) else { return };
    let Some(gate) = facts.attempt.gates.iter().find(|gate| gate.run == run) else { return };
    let folder = world.run_folder(run);
    let verdicts = match Bench::set_up(world, &facts, gate, &folder, cancel) {
        Ok(bench) => bench.judge(cancel),
        Err(why) => vec![gate::not_run("gate", "", &format!("it could not be set up: {why}"))],
    };
    if cancel.is_set() {
        return;
    }
    world.report(Report::Gate { task: id, run, verdicts }, &|| cancel.is_set());
    // The checkout has told what it can; the logs stay.
    let _ = git::remove_tree(&folder.join("checkout"));
}

/// Ends the commands of gates that nobody waits for: the daemon that gave them up died before their
/// holders heard of it. For a daemon that begins.
pub(in crate::daemon) fn end_strays(world: &World) {
    // What began before the look and is not wanted by then never will be: each gate has a run's id
    // of its own.
    let begun = begun(&world.places.state.join("runs"));
    let wanted = world.engine.look_blocking(|core| {
        let gate = |effect| match effect {
            Effect::Check { run, .. } => Some(run.to_string()),
            _ => None,
        };
        core.outstanding().into_iter().filter_map(gate).collect::<BTreeSet<String>>()
    });
    // A damaged log may not tell of those that are wanted.
    let (Ok(wanted), None) = (wanted, world.engine.damage()) else { return };
    for (_, folder) in begun.into_iter().filter(|(run, _)| !wanted.contains(run)) {
        // One that cannot be reached ends at its limit.
        let _ = to_end::end(&folder, &Cancel::default());
    }
}

/// The folders of gates' commands, each with the name of its run.
fn begun(runs: &Path) -> Vec<(String, PathBuf)> {
    let folders = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten();
    let commands = folders(runs).flat_map(|run| {
        let name = run.file_name().to_string_lossy().into_owned();
        let is_command = |folder: &std::fs::DirEntry| {
            let number =
                folder.file_name().to_string_lossy().split_once('-').map(|(n, _)| n.parse());
            matches!(number, Some(Ok(0_u64..)))
        };
        let commands = folders(&run.path()).filter(is_command);
        commands.map(|folder| (name.clone(), folder.path())).collect::<Vec<_>>()
    });
    commands.collect()
}

/// A gate that is ready to run.
struct Bench<'a> {
    world: &'a World,
    task: TaskId,
    run: RunId,
    folder: PathBuf,
    /// Each check with its command, in order.
    commands: Vec<(String, String)>,
    /// What is judged, and where it is.
    store: Store,
    commit: ObjectId,
    limit_ms: u64,
    environment: BTreeMap<String, String>,
    report: PathBuf,
}

impl<'a> Bench<'a> {
    fn set_up(
        world: &'a World,
        facts: &Facts,
        gate: &GateRun,
        folder: &Path,
        cancel: &Cancel,
    ) -> Result<Self, String> {
        let config = gates::kept(&world.places.state, &gate.gate_hash)?;
        let commands =
            gates::commands(&config, "monban.toml").map_err(|rejection| rejection.to_string())?;
        let checkout = folder.join("checkout");
        let store = world.store(facts.repo).map_err(|error| error.to_string())?;
        let commit = snapshot_of(facts, gate)?.commit.parse();
        let commit = commit.map_err(|error: GitError| error.to_string())?;
        let folders: Vec<PathBuf> = (0..)
            .zip(&commands)
            .map(|(number, (check, _))| command_folder(folder, number, check))
            .collect();
        let is_left = gate.run <= world.last_run_before && has_all_begun(&folders, &checkout)?;
        if !is_left {
            clear(folder, &folders, cancel)?;
            let mut progress = super::prepare::telling(world, facts.id);
            let made = git::materialise(&store, commit, &checkout, &mut progress);
            made.map_err(|error| error.to_string())?;
        }
        let private = checkout.join(PRIVATE);
        let report = private.join("junit.xml");
        let mut environment = agents::gate_environment(world, gate.run, &checkout, &facts.path)?;
        environment.insert("MONBAN_JUNIT".into(), report.display().to_string());
        environment.insert("TERM".into(), "dumb".into());
        // The checkout is no repository, and one in a folder above is another's.
        environment.insert("GIT_CEILING_DIRECTORIES".into(), folder.display().to_string());
        let level = world.engine.look_blocking(|core| core.settings.level);
        let level = level.map_err(|rejection| rejection.to_string())?;
        let seconds = config::effective_limits(level, &config).seconds.value;
        Ok(Self {
            world,
            task: facts.id,
            run: gate.run,
            folder: folder.into(),
            commands,
            store,
            commit,
            limit_ms: seconds.saturating_mul(1000),
            environment,
            report,
        })
    }

    fn judge(&self, cancel: &Cancel) -> Vec<Verdict> {
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(self.commands.len());
        let (mut red, total) = (None, self.commands.len() as u64);
        for (number, (check, command)) in (0_u64..).zip(&self.commands) {
            if let Some(before) = &red {
                let why = format!("not run since `{before}` did not pass");
                verdicts.push(gate::not_run(check, command, &why));
                continue;
            }
            let what = format!("gate {} of {total}, {check}: {command}", number + 1);
            self.world.tell_progress(self.task, &what, 0, None);
            let verdict = match self.make_ready(number, check) {
                Ok(()) => self.check(number, check, command, cancel),
                Err(why) => gate::not_run(check, command, &why),
            };
            if verdict.outcome != Outcome::Pass {
                red = Some(check.clone());
            }
            verdicts.push(verdict);
        }
        verdicts
    }

    /// Before a check begins: what it judges is the snapshot, whatever the commands before it did,
    /// and a report that is there after it is its own.
    fn make_ready(&self, number: u64, check: &str) -> Result<(), String> {
        if check == "setup" || to_end::is_begun(&command_folder(&self.folder, number, check))? {
            return Ok(());
        }
        let checkout = self.folder.join("checkout");
        let files =
            WorktreeFiles { root: &checkout, excludes: &[PRIVATE], limits: git::Limits::default() };
        let cache = self.folder.join("checkout.stat-cache");
        let differing = git::differing(&self.store, &files, self.commit, &cache);
        let differing = differing.map_err(|error| error.to_string())?;
        if let Some(first) = differing.first() {
            return Err(format!(
                "the checkout is no longer the snapshot: {} changed or removed {}, such as {}. \
                 set-up and lint may add files and change none, or something else would be judged. \
                 In monban.toml name a form of the command that changes nothing (`npm ci` for `npm \
                 install`, `--locked`, a formatter's `--check`), or commit what it makes to the base",
                self.commands_before(number),
                count(differing.len() as u64, "file"),
                first.shown()
            ));
        }
        remove(&self.report)
    }

    /// The commands that ran since the checkout was last found as the snapshot has it: all of
    /// set-up, or the check before.
    fn commands_before(&self, number: u64) -> String {
        let mut before: Vec<&(String, String)> =
            (0..number).zip(&self.commands).map(|(_, command)| command).collect();
        let set_up = before.iter().take_while(|(check, _)| check == "setup").count();
        if set_up < before.len() {
            before = before.split_off(before.len() - 1);
        }
        let named: Vec<String> = before.iter().map(|(_, command)| format!("`{command}`")).collect();
        named.join(" or ")
    }

    fn check(&self, number: u64, check: &str, command: &str, cancel: &Cancel) -> Verdict {
        let folder = command_folder(&self.folder, number, check);
        let spec = RunSpec {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), command.into()],
            env: self.environment.clone(),
            cwd: self.folder.join("checkout"),
            size: Size::UNATTENDED,
            transcript_limit: OUTPUT_BYTES,
            marker: format!("{}-{number}", self.world.marker(self.run)),
            socket: self.world.places.run.join(format!("g{}-{number}.sock", self.run.0)),
            stop_grace_ms: STOP_GRACE_MS,
            time_limit_ms: Some(self.limit_ms),
        };
        let began = self.world.clock.now();
        let end = to_end::run(self.world, &folder, &spec, cancel);
        let ended = end.as_ref().map_or_else(|_| self.world.clock.now(), |record| record.at);
        let duration = ended.since(began).as_millis();
        gate::verdict(Ran {
            check,
            command,
            tail: end.as_ref().map(|record| tail(&folder, record.output_bytes)).unwrap_or_default(),
            log: format!("runs/{}/{number}-{check}", self.run),
            duration_ms: u64::try_from(duration).unwrap_or(u64::MAX),
            report: if check == "test" { read_report(&self.report) } else { None },
            end,
        })
    }
}

fn snapshot_of<'a>(facts: &'a Facts, gate: &GateRun) -> Result<&'a Snapshot, String> {
    let snapshot = facts.attempt.snapshots.iter().find(|s| s.number == gate.snapshot);
    snapshot.ok_or_else(|| format!("there is no snapshot {}", gate.snapshot))
}

/// Where a command keeps its files.
fn command_folder(gate: &Path, number: u64, check: &str) -> PathBuf {
    gate.join(format!("{number}-{check}"))
}

/// Whether a gate that a crashed daemon left has nothing more to start in its checkout: then what
/// its commands say stands, and the one under way goes on.
fn has_all_begun(folders: &[PathBuf], checkout: &Path) -> Result<bool, String> {
    match folders.last() {
        Some(last) if checkout.exists() => to_end::is_begun(last),
        _ => Ok(false),
    }
}

/// Ends and removes what a crashed daemon left: nobody knows what happened to its checkout since.
fn clear(gate: &Path, folders: &[PathBuf], cancel: &Cancel) -> Result<(), String> {
    for folder in folders {
        to_end::end(folder, cancel)?;
    }
    remove(gate)?;
    std::fs::create_dir_all(gate).map_err(|e| format!("cannot make {}: {e}", gate.display()))
}

/// Removes whatever is at `path`, if anything is.
fn remove(path: &Path) -> Result<(), String> {
    git::remove_tree(path).map_err(|error| error.to_string())
}

fn tail(folder: &Path, end: u64) -> Vec<u8> {
    let read = || {
        let mut transcript = Transcript::open(folder).ok()?;
        let from = end.saturating_sub(TAIL_BYTES as u64);
        transcript.read_at(from, TAIL_BYTES).ok()
    };
    read().map(|chunk| chunk.bytes).unwrap_or_default()
}

fn read_report(path: &Path) -> Option<Result<junit::Report, String>> {
    match durable::read(path, junit::BYTES_MAX) {
        Ok(bytes) => Some(junit::parse(&bytes).map_err(|error| error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(error.to_string())),
    }
}

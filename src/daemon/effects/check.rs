//! Judging a snapshot: the gate's commands, one after the other, in a fresh checkout of exactly
//! that commit, each under a holder.

use super::facts::Facts;
use super::to_end;
use crate::base::durable;
use crate::base::id::{RunId, TaskId};
use crate::base::size::Size;
use crate::config::{self, RepositoryConfig};
use crate::daemon::driver::Cancel;
use crate::daemon::world::World;
use crate::daemon::{agents, gates};
use crate::formats::junit;
use crate::gate::{self, Ran, TAIL_BYTES};
use crate::git;
use crate::model::attempt::Snapshot;
use crate::model::command::Report;
use crate::model::verdict::{GateRun, Outcome, Verdict};
use crate::runner::{RunSpec, Transcript};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How much output of a gate command is kept.
const OUTPUT_BYTES: u64 = 16 << 20;
const STOP_GRACE_MS: u64 = 2_000;

pub(super) fn run(world: &World, id: TaskId, run: RunId, cancel: &Cancel) {
    let Some(facts) = Facts::of(world, id) else { return };
    let Some(gate) = facts.attempt.gates.iter().find(|gate| gate.run == run) else { return };
    let folder = world.run_folder(run);
    let verdicts = match Bench::set_up(world, &facts, gate, &folder) {
        Ok(bench) => bench.judge(cancel),
        Err(why) => vec![gate::not_run("gate", "", &format!("it could not be set up: {why}"))],
    };
    if cancel.is_set() {
        return;
    }
    world.report(Report::Gate { task: id, run, verdicts }, &|| cancel.is_set());
    // The checkout has told what it can; the logs stay.
    let _ = std::fs::remove_dir_all(folder.join("checkout"));
}

/// A gate that is ready to run.
struct Bench<'a> {
    world: &'a World,
    task: TaskId,
    run: RunId,
    folder: PathBuf,
    config: RepositoryConfig,
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
    ) -> Result<Self, String> {
        let config = gates::kept(&world.places.state, &gate.gate_hash)?;
        let checkout = folder.join("checkout");
        let snapshot = snapshot_of(facts, gate)?;
        check_out(world, facts, snapshot, &checkout)?;
        let private = checkout.join(".monban");
        let report = private.join("junit.xml");
        let mut environment = agents::gate_environment(world, gate.run, &checkout, &facts.path)?;
        environment.insert("MONBAN_JUNIT".into(), report.display().to_string());
        environment.insert("TERM".into(), "dumb".into());
        let level = world.engine.look_blocking(|core| core.settings.level);
        let level = level.map_err(|rejection| rejection.to_string())?;
        let seconds = config::effective_limits(level, &config).seconds.value;
        Ok(Self {
            world,
            task: facts.id,
            run: gate.run,
            folder: folder.into(),
            config,
            limit_ms: seconds.saturating_mul(1000),
            environment,
            report,
        })
    }

    fn judge(&self, cancel: &Cancel) -> Vec<Verdict> {
        let commands = match gates::commands(&self.config, "monban.toml") {
            Ok(commands) => commands,
            Err(rejection) => return vec![gate::not_run("gate", "", &rejection.to_string())],
        };
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(commands.len());
        let (mut red, total) = (None, commands.len() as u64);
        for (number, (check, command)) in (0_u64..).zip(&commands) {
            if let Some(before) = &red {
                let why = format!("not run since `{before}` did not pass");
                verdicts.push(gate::not_run(check, command, &why));
                continue;
            }
            self.world.tell_progress(self.task, &format!("gate: {check}"), number, Some(total));
            let verdict = self.check(number, check, command, cancel);
            if verdict.outcome != Outcome::Pass {
                red = Some(check.clone());
            }
            verdicts.push(verdict);
        }
        verdicts
    }

    fn check(&self, number: u64, check: &str, command: &str, cancel: &Cancel) -> Verdict {
        let folder = self.folder.join(format!("{number}-{check}"));
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

/// A fresh checkout. One that a crashed daemon left is used when a command has run in it already
/// (its result stands), and made anew otherwise.
fn check_out(
    world: &World,
    facts: &Facts,
    snapshot: &Snapshot,
    checkout: &Path,
) -> Result<(), String> {
    let ready = checkout.with_file_name("checkout.ready");
    if ready.exists() && checkout.exists() {
        return Ok(());
    }
    if checkout.exists() {
        std::fs::remove_dir_all(checkout).map_err(|error| error.to_string())?;
    }
    let parent = checkout.parent().unwrap_or(checkout);
    std::fs::create_dir_all(parent).map_err(|error| error.to_string())?;
    let store = world.store(facts.repo).map_err(|error| error.to_string())?;
    let commit = snapshot.commit.parse().map_err(|e: git::GitError| e.to_string())?;
    let mut progress = super::prepare::telling(world, facts.id);
    git::materialise(&store, commit, checkout, &mut progress).map_err(|error| error.to_string())?;
    durable::write(&ready, b"").map_err(|error| error.to_string())
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

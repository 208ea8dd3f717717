//! Judging a snapshot: the gate's checks, one after the other. Those that look into the change read
//! the store; those that run a command do so in a fresh checkout of exactly that commit, which is
//! made when the first of them is reached.

use super::checkout::Place;
use super::facts::Facts;
use super::to_end;
use crate::base::foreign::Foreign;
use crate::base::id::{RunId, TaskId};
use crate::config::{self, RepositoryConfig};
use crate::daemon::driver::Cancel;
use crate::daemon::gates;
use crate::daemon::world::World;
use crate::gate::scans::{self, Looked};
use crate::gate::{self, Step, Work};
use crate::git::{self, GitError};
use crate::model::attempt::Snapshot;
use crate::model::command::Report;
use crate::model::effect::Effect;
use crate::model::verdict::{GateRun, Outcome, Tool, Verdict};
use crate::policy::Limits;
use crate::scan::{self, Settings};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

pub(super) fn run(world: &World, id: TaskId, run: RunId, cancel: &Cancel) {
    let Some(facts) = Facts::of(world, id) else { return };
    let Some(gate) = facts.attempt.gates.iter().find(|gate| gate.run == run) else { return };
    let (verdicts, toolchain) = match Bench::set_up(world, &facts, gate) {
        Ok(bench) => bench.judge(cancel),
        Err(why) => {
            let why = format!("it could not be set up: {why}");
            (vec![gate::not_run("gate", None, &why)], Vec::new())
        }
    };
    if cancel.is_set() {
        return;
    }
    world.report(Report::Gate { task: id, run, verdicts, toolchain }, &|| cancel.is_set());
    // The checkout has told what it can; the logs stay.
    let _ = git::remove_tree(&world.run_folder(run).join("checkout"));
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
    facts: &'a Facts,
    config: RepositoryConfig,
    steps: Vec<Step>,
    snapshot: &'a Snapshot,
    /// Its checkout, as far as it is planned.
    place: Place<'a>,
}

impl<'a> Bench<'a> {
    fn set_up(world: &'a World, facts: &'a Facts, gate: &'a GateRun) -> Result<Self, String> {
        let config = gates::kept(&world.places.state, &gate.gate_hash)?;
        let steps =
            gates::steps(&config, "monban.toml").map_err(|rejection| rejection.to_string())?;
        let snapshot = facts.attempt.snapshots.iter().find(|s| s.number == gate.snapshot);
        let snapshot = snapshot.ok_or_else(|| format!("there is no snapshot {}", gate.snapshot))?;
        let store = world.store(facts.repo).map_err(|error| error.to_string())?;
        let commit = snapshot.commit.parse().map_err(|error: GitError| error.to_string())?;
        let seconds = limits(world, &config)?.seconds.value;
        let folder = world.run_folder(gate.run);
        let place = Place { world, facts, run: gate.run, folder, store, commit, seconds };
        Ok(Self { world, facts, config, steps, snapshot, place })
    }

    fn judge(&self, cancel: &Cancel) -> (Vec<Verdict>, Vec<Tool>) {
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(self.steps.len());
        let (mut red, total) = (None, self.steps.len() as u64);
        let (mut change, mut checkout) = (None, None);
        for (number, step) in self.steps.iter().enumerate() {
            let before = &self.steps[..number];
            if let Some(red) = &red {
                let why = format!("not run since `{red}` did not pass");
                verdicts.push(gate::not_run(&step.check, step.command(), &why));
                continue;
            }
            let what = step.command().map(|command| format!(": {command}")).unwrap_or_default();
            let what = format!("gate {} of {total}, {}{what}", number + 1, step.check);
            self.world.tell_progress(self.facts.id, &what, 0, None);
            let verdict = match &step.work {
                Work::Limits => self.limits(),
                Work::Person(statements) => Verdict::waiting(&step.check, statements.clone()),
                Work::Scan(look) => {
                    let change = change.get_or_insert_with(|| self.change());
                    self.scan(&step.check, *look, change, cancel)
                }
                Work::Command(command) => {
                    let made =
                        checkout.get_or_insert_with(|| self.place.make_ready(&self.steps, cancel));
                    let check = &step.check;
                    let ready = made.as_ref().map_err(Clone::clone);
                    let ran = ready.and_then(|it| it.check(before, check, command, cancel));
                    ran.unwrap_or_else(|why| gate::not_run(check, Some(command), &why))
                }
            };
            if !matches!(verdict.outcome, Outcome::Pass | Outcome::Waiting) {
                red = Some(step.check.clone());
            }
            verdicts.push(verdict);
        }
        let toolchain = checkout.and_then(Result::ok).map(|checkout| checkout.toolchain);
        (verdicts, toolchain.unwrap_or_default())
    }

    /// What the snapshot changes, from the store, and what the agent's own commits say.
    fn change(&self) -> Result<Looked, String> {
        let text = |error: GitError| format!("the change cannot be looked into: {error}");
        let base = self.snapshot.base.parse().map_err(text)?;
        let changed =
            git::changed_files(&self.place.store, base, self.place.commit).map_err(text)?;
        Ok(scans::looked(changed, self.messages().map_err(text)?))
    }

    /// What the agent's own commits say. A revert has neither an agent nor a branch of its own.
    fn messages(&self) -> Result<Vec<Foreign>, GitError> {
        let Some(place) = &self.facts.attempt.place else { return Ok(Vec::new()) };
        self.facts.repository()?.messages(&place.branch, place.base.parse()?)
    }

    fn scan(
        &self,
        check: &str,
        look: scan::Check,
        change: &Result<Looked, String>,
        cancel: &Cancel,
    ) -> Verdict {
        let looked = match change {
            Ok(looked) => looked,
            Err(why) => return gate::not_run(check, None, why),
        };
        let began = self.world.clock.now();
        let cancel = || cancel.is_set();
        let kind = self.facts.spec.kind;
        let settings = Settings { scan: &self.config.scan, kind, cancel: &cancel };
        // The change is an agent's: one that brings a check down must not keep the gate from its
        // verdict.
        let seen = catch_unwind(AssertUnwindSafe(|| look(&looked.change, &settings)));
        let Ok(seen) = seen else {
            let why = "it broke down over this change, which is a fault of monban";
            return gate::not_run(check, None, why);
        };
        let took = self.world.clock.now().since(began).as_millis();
        let took = u64::try_from(took).unwrap_or(u64::MAX);
        scans::seen(check, seen, &looked.unread, took)
    }

    fn limits(&self) -> Verdict {
        match limits(self.world, &self.config) {
            Ok(limits) => {
                let seen = scan::limits::look(&scans::measured(self.snapshot), &limits);
                scans::seen("limits", seen, &[], 0)
            }
            Err(why) => gate::not_run("limits", None, &why),
        }
    }
}

/// The limits in force: the person's, where the repository is not stricter.
pub(super) fn limits(world: &World, config: &RepositoryConfig) -> Result<Limits, String> {
    let person = world.engine.look_blocking(|core| core.settings.limits);
    let person = person.map_err(|rejection| rejection.to_string())?;
    Ok(config::effective_limits(&person, config))
}

//! The fresh checkout in which a gate's commands run, each under a holder.

use super::facts::Facts;
use super::snapshot::PRIVATE;
use super::to_end;
use crate::base::count::count;
use crate::base::durable;
use crate::base::id::RunId;
use crate::base::size::Size;
use crate::daemon::agents;
use crate::daemon::driver::Cancel;
use crate::daemon::world::World;
use crate::formats::junit;
use crate::gate::{self, Ran, Step, TAIL_BYTES, toolchain};
use crate::git::{self, ObjectId, Store, WorktreeFiles};
use crate::model::verdict::{Tool, Verdict};
use crate::runner::{RunSpec, Transcript};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How much output of a gate command is kept.
const OUTPUT_BYTES: u64 = 16 << 20;
const STOP_GRACE_MS: u64 = 2_000;
/// The folder of asking tools for their versions, how long that may take and how much they may say.
const VERSIONS: &str = "versions";
const VERSIONS_SECONDS: u64 = 60;
const VERSIONS_BYTES: usize = 64 << 10;

/// What is judged, and where its checkout is to be.
pub(super) struct Place<'a> {
    pub world: &'a World,
    pub facts: &'a Facts,
    pub run: RunId,
    /// The gate's folder.
    pub folder: PathBuf,
    pub store: Store,
    /// The snapshot.
    pub commit: ObjectId,
    /// How long a command may take.
    pub seconds: u64,
}

/// A checkout that is there.
pub(super) struct Checkout<'a> {
    place: &'a Place<'a>,
    /// Whether commands of an earlier daemon are in it.
    is_left: bool,
    environment: BTreeMap<String, String>,
    report: PathBuf,
    /// The versions of the tools that its commands name.
    pub toolchain: Vec<Tool>,
}

impl Place<'_> {
    fn checkout(&self) -> PathBuf {
        self.folder.join("checkout")
    }

    /// Makes the checkout, unless all commands of `steps` had begun in the one that is there.
    pub fn make_ready(&self, steps: &[Step], cancel: &Cancel) -> Result<Checkout<'_>, String> {
        let checkout = self.checkout();
        let commands = (0..).zip(steps).filter(|(_, step)| step.command().is_some());
        let asking = command_folder(&self.folder, steps.len() as u64, VERSIONS);
        let mut folders = vec![asking];
        folders.extend(
            commands.map(|(number, step)| command_folder(&self.folder, number, &step.check)),
        );
        // Whatever is in the folder of a gate that this daemon decided on, somebody else put there:
        // it neither tells how a command ended nor names processes to end.
        let is_earlier = self.run <= self.world.last_run_before;
        let is_left = is_earlier && has_all_begun(&folders, &checkout)?;
        if !is_left {
            clear(&self.folder, if is_earlier { &folders } else { &[] }, cancel)?;
            let mut progress = super::prepare::telling(self.world, self.facts.id);
            git::materialise(&self.store, self.commit, &checkout, &mut progress)
                .map_err(|error| error.to_string())?;
        }
        let report = checkout.join(PRIVATE).join("junit.xml");
        let (world, path) = (self.world, &self.facts.path);
        let mut environment = agents::gate_environment(world, self.run, &checkout, path)?;
        environment.insert("MONBAN_JUNIT".into(), report.display().to_string());
        environment.insert("TERM".into(), "dumb".into());
        // The checkout is no repository, and one in a folder above is another's.
        let above = self.folder.display().to_string();
        environment.insert("GIT_CEILING_DIRECTORIES".into(), above);
        let mut ready =
            Checkout { place: self, is_left, environment, report, toolchain: Vec::new() };
        ready.toolchain = ready.ask_versions(steps, cancel);
        Ok(ready)
    }
}

impl Checkout<'_> {
    /// Runs the command of a check after the steps `before` it; `Err` says why it was not run.
    pub fn check(
        &self,
        before: &[Step],
        check: &str,
        command: &str,
        cancel: &Cancel,
    ) -> Result<Verdict, String> {
        let number = before.len() as u64;
        if !self.is_left {
            // It never began: what is there was laid by something that runs beside it, such as the
            // command before it, which may run what is judged.
            remove(&command_folder(&self.place.folder, number, check))?;
        }
        self.is_as_judged(before, number, check)?;
        Ok(self.run(number, check, command, cancel))
    }

    /// Before a check begins: what it judges is the snapshot, whatever the commands before it did,
    /// and a report that is there after it is its own.
    fn is_as_judged(&self, before: &[Step], number: u64, check: &str) -> Result<(), String> {
        let folder = &self.place.folder;
        if check == "setup" || to_end::is_begun(&command_folder(folder, number, check))? {
            return Ok(());
        }
        let checkout = self.place.checkout();
        let files =
            WorktreeFiles { root: &checkout, excludes: &[PRIVATE], limits: git::Limits::default() };
        let cache = folder.join("checkout.stat-cache");
        let differing = git::differing(&self.place.store, &files, self.place.commit, &cache);
        let differing = differing.map_err(|error| error.to_string())?;
        if let Some(first) = differing.first() {
            return Err(format!(
                "the checkout is no longer the snapshot: {} changed or removed {}, such as {}. \
                 set-up and lint may add files and change none, or something else would be judged. \
                 In monban.toml name a form of the command that changes nothing (`npm ci` for `npm \
                 install`, `--locked`, a formatter's `--check`), or commit what it makes to the base",
                commands_of(before),
                count(differing.len() as u64, "file"),
                first.shown()
            ));
        }
        remove(&self.report)
    }

    /// The versions of the tools that the commands name. What does not answer has none.
    fn ask_versions(&self, steps: &[Step], cancel: &Cancel) -> Vec<Tool> {
        let Some(script) = toolchain::script(steps.iter().filter_map(Step::command)) else {
            return Vec::new();
        };
        let number = steps.len() as u64;
        let folder = command_folder(&self.place.folder, number, VERSIONS);
        let seconds = self.place.seconds.min(VERSIONS_SECONDS);
        let spec = self.spec(number, &script, (VERSIONS_BYTES as u64, seconds));
        let ended = to_end::run(self.place.world, &folder, &spec, cancel);
        let Ok(mut transcript) = Transcript::open(&folder) else { return Vec::new() };
        let output = ended.ok().and_then(|_| transcript.read_at(0, VERSIONS_BYTES).ok());
        output.map(|chunk| toolchain::answers(&chunk.bytes)).unwrap_or_default()
    }

    /// How a command runs, within so many bytes of output and so many seconds.
    fn spec(&self, number: u64, command: &str, (bytes, seconds): (u64, u64)) -> RunSpec {
        let (world, run) = (self.place.world, self.place.run);
        RunSpec {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), command.into()],
            env: self.environment.clone(),
            cwd: self.place.checkout(),
            size: Size::UNATTENDED,
            transcript_limit: bytes,
            marker: format!("{}-{number}", world.marker(run)),
            socket: world.places.run.join(format!("g{}-{number}.sock", run.0)),
            stop_grace_ms: STOP_GRACE_MS,
            time_limit_ms: Some(seconds.saturating_mul(1000)),
        }
    }

    fn run(&self, number: u64, check: &str, command: &str, cancel: &Cancel) -> Verdict {
        let (world, run) = (self.place.world, self.place.run);
        let folder = command_folder(&self.place.folder, number, check);
        let spec = self.spec(number, command, (OUTPUT_BYTES, self.place.seconds));
        let began = world.clock.now();
        let end = to_end::run(world, &folder, &spec, cancel);
        let ended = end.as_ref().map_or_else(|_| world.clock.now(), |record| record.at);
        let duration = ended.since(began).as_millis();
        gate::verdict(Ran {
            check,
            command,
            tail: end.as_ref().map(|record| tail(&folder, record.output_bytes)).unwrap_or_default(),
            log: format!("runs/{run}/{number}-{check}"),
            duration_ms: u64::try_from(duration).unwrap_or(u64::MAX),
            report: if check == "test" { read_report(&self.report) } else { None },
            end,
        })
    }
}

/// The commands that ran since the checkout was last found as the snapshot has it: all of set-up,
/// or the check before.
fn commands_of(before: &[Step]) -> String {
    let set_up = |step: &&Step| step.check == "setup";
    let mut commands: Vec<&Step> = before.iter().filter(|s| s.command().is_some()).collect();
    if !commands.iter().all(set_up) {
        commands = commands.split_off(commands.len() - 1);
    }
    let commands = commands.iter().filter_map(|step| step.command());
    commands.map(|command| format!("`{command}`")).collect::<Vec<_>>().join(" or ")
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

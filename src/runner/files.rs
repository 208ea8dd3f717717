//! The files in a run's folder, beside those of the transcript.
//!
//! `spec.json` what to run, removed once the holder has read it because it holds the environment ·
//! `claim.json` that a holder took the run, locked as long as it lives · `processes.json` what it
//! started · `exit.json` how it ended · `reserve` disk space kept for `exit.json`.

use super::processes::{self, Process};
use crate::base::durable;
use crate::base::size::Size;
use crate::wire::hold::ExitRecord;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The variable by which every process of a run can be found, as long as it keeps its environment.
pub const MARKER_VARIABLE: &str = "MONBAN_RUN";

/// The variable by which a holder is known for one, whatever becomes of those below it.
pub(super) const HOLDER_VARIABLE: &str = "MONBAN_HOLDS";

const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
const RESERVE_BYTES: usize = 8192;

/// What to run, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSpec {
    /// A path, or a name to be found in the `PATH` of `env`.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment; only [`MARKER_VARIABLE`] is added.
    pub env: BTreeMap<String, String>,
    /// The folder it starts in.
    pub cwd: PathBuf,
    /// The terminal's size.
    pub size: Size,
    /// How much output the transcript keeps, in bytes: the beginning and the end.
    pub transcript_limit: u64,
    /// The run's name, unique for ever; the value of [`MARKER_VARIABLE`].
    pub marker: String,
    /// Where the holder listens: at most 100 bytes, in a folder only the owner can enter.
    pub socket: PathBuf,
    /// Milliseconds between asking processes to end and killing them.
    pub stop_grace_ms: u64,
    /// Milliseconds after which the run is stopped; pauses do not count.
    pub time_limit_ms: Option<u64>,
}

/// That a holder took a run. Written once, before anything is started.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claim {
    pub(super) holder: Process,
    pub(super) marker: String,
    pub(super) socket: PathBuf,
}

/// The processes of a run that its holder has seen, so that they can be found without it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// The boot of the machine during which the process ids mean something.
    pub(super) boot: String,
    pub(super) processes: Vec<Process>,
}

pub(super) fn spec_path(folder: &Path) -> PathBuf {
    folder.join("spec.json")
}

pub(super) fn claim_path(folder: &Path) -> PathBuf {
    folder.join("claim.json")
}

fn exit_path(folder: &Path) -> PathBuf {
    folder.join("exit.json")
}

pub(super) fn read_spec(folder: &Path) -> io::Result<RunSpec> {
    Ok(serde_json::from_slice(&durable::read(&spec_path(folder), FILE_BYTES_MAX)?)?)
}

/// Takes the run for this process. The returned file holds the lock; an error of kind
/// `AlreadyExists` means that somebody took it before.
pub(super) fn take_claim(folder: &Path, spec: &RunSpec) -> io::Result<File> {
    let holder = processes::one(std::process::id())
        .ok_or_else(|| io::Error::other("the process table does not show this process"))?;
    let claim = Claim { holder, marker: spec.marker.clone(), socket: spec.socket.clone() };
    let draft = folder.join(format!("claim.{}", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    file.write_all(&serde_json::to_vec_pretty(&claim)?)?;
    file.sync_all()?;
    // Linking is atomic and refuses to replace: the claim appears whole and locked, or not at all.
    let linked = fs::hard_link(&draft, claim_path(folder));
    let _ = fs::remove_file(&draft);
    linked?;
    durable::sync_parent(&claim_path(folder))?;
    Ok(file)
}

/// Who took the run, and whether that holder still lives; `None` when nobody did.
pub(super) fn read_claim(folder: &Path) -> io::Result<Option<(Claim, bool)>> {
    let path = claim_path(folder);
    let bytes = match durable::read(&path, FILE_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let claim = serde_json::from_slice(&bytes)?;
    let is_alive = match flock(File::open(&path)?, FlockOperation::NonBlockingLockShared) {
        Ok(()) => false,
        Err(rustix::io::Errno::WOULDBLOCK) => true,
        Err(error) => return Err(error.into()),
    };
    Ok(Some((claim, is_alive)))
}

/// Whether a holder keeps the run in `folder` now.
pub fn is_held(folder: &Path) -> bool {
    read_claim(folder).is_ok_and(|claim| claim.is_some_and(|(_, is_alive)| is_alive))
}

/// Keeps disk space for [`write_exit`].
pub(super) fn reserve(folder: &Path) -> io::Result<()> {
    durable::write(&folder.join("reserve"), &[b'.'; RESERVE_BYTES])
}

/// Writes how the run ended, durably, with the reserved space if there is no other.
pub(super) fn write_exit(folder: &Path, record: &ExitRecord) -> io::Result<()> {
    let write = || durable::write_json(&exit_path(folder), record);
    write().or_else(|_| {
        release_reserve(folder);
        write()
    })
}

/// Gives the reserved space back.
pub(super) fn release_reserve(folder: &Path) {
    let _ = fs::remove_file(folder.join("reserve"));
}

pub(super) fn read_exit(folder: &Path) -> io::Result<Option<ExitRecord>> {
    match durable::read(&exit_path(folder), FILE_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => Ok(Some(serde_json::from_slice(&read?)?)),
    }
}

/// Replaces the list of processes. Not flushed to the disk: a machine that fails takes them along.
pub(super) fn write_seen(folder: &Path, seen: &Seen) -> io::Result<()> {
    let draft = folder.join("processes.json.new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(&serde_json::to_vec(seen)?)?;
    fs::rename(draft, folder.join("processes.json"))
}

pub(super) fn read_seen(folder: &Path) -> io::Result<Seen> {
    match durable::read(&folder.join("processes.json"), FILE_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Seen::default()),
        read => Ok(serde_json::from_slice(&read?)?),
    }
}

//! A run in a temporary folder, and waiting for things with a bound.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code outside of test functions")]

use monban::base::size::Size;
use monban::runner::{
    Connection, Entry, Found, Notice, RunError, RunSpec, Transcript, end_survivors, find, start,
};
use monban::wire::hold::ExitRecord;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The bound of every wait: far longer than anything takes on a busy machine.
pub const LONG: Duration = Duration::from_secs(300);

/// The program under test.
pub fn monban() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_monban"))
}

/// A run that is not started yet.
pub struct Run {
    pub folder: PathBuf,
    pub spec: RunSpec,
    _root: tempfile::TempDir,
}

impl Run {
    /// A run of `script` by the shell.
    pub fn of(script: &str) -> Self {
        let root = tempfile::Builder::new().prefix("mb").tempdir().unwrap();
        let folder = root.path().join("run");
        std::fs::create_dir(&folder).unwrap();
        let spec = RunSpec {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: BTreeMap::from([("PATH".into(), std::env::var("PATH").unwrap())]),
            cwd: root.path().to_path_buf(),
            size: Size { cols: 80, rows: 24 },
            transcript_limit: 256 * 1024 * 1024,
            marker: format!("test-{}", root.path().file_name().unwrap().display()),
            socket: root.path().join("h.sock"),
            stop_grace_ms: 300,
            time_limit_ms: None,
        };
        Self { folder, spec, _root: root }
    }

    /// A path in the folder the agent starts in.
    pub fn path(&self, name: &str) -> PathBuf {
        self.spec.cwd.join(name)
    }

    pub fn start(&self) -> Connection {
        self.try_start().unwrap()
    }

    pub fn try_start(&self) -> Result<Connection, RunError> {
        start(&self.folder, &self.spec, monban())
    }

    /// Waits until the agent has made the file `name`, and returns what it wrote.
    pub fn file(&self, name: &str) -> String {
        let path = self.path(name);
        until(&format!("the agent writes {name}"), || {
            std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n'))
        })
    }

    /// The id the agent wrote to the file `name`.
    pub fn pid(&self, name: &str) -> u32 {
        self.file(name).trim().parse().unwrap()
    }

    /// All output that is stored.
    pub fn output(&self) -> Vec<u8> {
        let mut transcript = Transcript::open(&self.folder).unwrap();
        let mut all = Vec::new();
        loop {
            let chunk = transcript.read_at(all.len() as u64, 1 << 20).unwrap();
            assert_eq!(chunk.offset, all.len() as u64, "nothing may be missing");
            if chunk.bytes.is_empty() {
                return all;
            }
            all.extend(chunk.bytes);
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.output()).unwrap()
    }

    pub fn entries(&self) -> Vec<Entry> {
        let transcript = Transcript::open(&self.folder).unwrap();
        transcript.entries().unwrap().map(Result::unwrap).collect()
    }

    /// Waits until the output contains `text`, acknowledging on the way.
    pub fn shows(&self, connection: &mut Connection, text: &str) {
        until(&format!("the output shows {text:?}"), || {
            if let Some(notice) = connection.next_notice(Duration::from_millis(20)) {
                match notice {
                    Notice::Output { offset, .. } => connection.handle().ack(offset).unwrap(),
                    Notice::Live { .. } | Notice::Resized { .. } => {}
                    other => panic!("{other:?} before {text:?}; output {:?}", self.text()),
                }
            }
            self.text().contains(text).then_some(())
        });
    }
}

impl Drop for Run {
    /// A test that failed leaves nothing running.
    fn drop(&mut self) {
        if std::thread::panicking() && self.folder.join("claim.json").exists() {
            if let Ok(Found::Alive(mut connection)) = find(&self.folder, u64::MAX) {
                let _ = connection.handle().kill();
                while !matches!(connection.next_notice(LONG), None | Some(Notice::Exited(_))) {}
            }
            let _ = end_survivors(&self.folder, &self.spec.marker, Duration::ZERO);
        }
    }
}

/// Acknowledges output until the run is over, then lets the holder go.
pub fn finish(connection: &mut Connection) -> ExitRecord {
    until("the run ends", || match connection.next_notice(LONG)? {
        Notice::Output { offset, .. } => {
            connection.handle().ack(offset).unwrap();
            None
        }
        Notice::Exited(record) => {
            connection.handle().seen().unwrap();
            Some(record)
        }
        Notice::Live { .. } | Notice::Resized { .. } => None,
        Notice::Gone => panic!("the holder went without a word"),
    })
}

/// Looks again and again until there is something.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + LONG;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process with this id lives; a zombie does not.
pub fn is_alive(pid: u32) -> bool {
    let output = std::process::Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    let state = String::from_utf8(output.stdout).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

pub fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(status.unwrap().success(), "kill {name} {pid}");
}

/// The id of a run's holder.
pub fn holder_of(run: &Run) -> u32 {
    let claim = std::fs::read(run.folder.join("claim.json")).unwrap();
    let claim: serde_json::Value = serde_json::from_slice(&claim).unwrap();
    claim["holder"]["pid"].as_u64().unwrap().try_into().unwrap()
}

//! Files of the person's that may change while a program runs, such as themes and keys: says when.

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Nothing can be watched, such as without room for another watch.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch {folder}: {reason}", folder = .folder.display())]
pub struct WatchError {
    folder: PathBuf,
    reason: notify::Error,
}

/// Watches for as long as it lives.
#[derive(Debug)]
pub struct Watch(#[expect(dead_code, reason = "it ends with its owner")] RecommendedWatcher);

/// Calls `changed` on a thread of its own whenever one of `files` may have another content. Their
/// folders are watched, since editors put a new file in the place of the old one; of a symbolic
/// link that of the file it leads to as well. A folder that is not there is left out.
///
/// # Errors
/// The system refuses.
pub fn files(files: &[PathBuf], changed: impl Fn() + Send + 'static) -> Result<Watch, WatchError> {
    let failed = |folder: &Path| {
        let folder = folder.to_path_buf();
        move |reason| WatchError { folder, reason }
    };
    // The system names a file by its real folder.
    let real = |file: &Path| {
        let folder = file.parent()?.canonicalize().ok()?;
        Some((folder.join(file.file_name()?), folder))
    };
    let led_to = files.iter().filter_map(|file| file.canonicalize().ok());
    let real = files.iter().cloned().chain(led_to).filter_map(|file| real(&file));
    let (files, folders): (BTreeSet<PathBuf>, BTreeSet<PathBuf>) = real.unzip();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // What the system lost count of may have been one of them.
        let concerns = match &event {
            Ok(event) => is_change(event.kind) && event.paths.iter().any(|it| files.contains(it)),
            Err(_) => true,
        };
        if concerns {
            changed();
        }
    })
    .map_err(failed(Path::new("files")))?;
    for folder in &folders {
        watcher.watch(folder, RecursiveMode::NonRecursive).map_err(failed(folder))?;
    }
    Ok(Watch(watcher))
}

/// Reading a file is none: whoever reads it after a change would be told for ever.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(180);

    fn watched(files_of: &[PathBuf]) -> (Watch, Receiver<()>) {
        let (tell, told) = channel();
        let watch = files(files_of, move || {
            let _ = tell.send(());
        });
        (watch.unwrap(), told)
    }

    #[test]
    fn a_file_that_is_written_made_or_replaced_is_told_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let (there, later) = (folder.path().join("a.toml"), folder.path().join("b.toml"));
        fs::write(&there, "1").unwrap();
        let nowhere = folder.path().join("none/c.toml");
        let (_watch, told) = watched(&[there.clone(), later.clone(), nowhere]);
        fs::write(folder.path().join("other"), "x").unwrap();
        fs::read(&there).unwrap();
        fs::write(&there, "2").unwrap();
        told.recv_timeout(PATIENCE).unwrap();
        fs::write(&later, "3").unwrap();
        told.recv_timeout(PATIENCE).unwrap();
        // What is still told of the two above is let go by before the last one.
        while told.recv_timeout(Duration::from_millis(300)).is_ok() {}
        fs::write(folder.path().join("other"), "y").unwrap();
        fs::read(&later).unwrap();
        assert!(told.recv_timeout(Duration::from_millis(300)).is_err(), "neither was one of them");
        let new = folder.path().join("new");
        fs::write(&new, "4").unwrap();
        fs::rename(&new, &there).unwrap();
        told.recv_timeout(PATIENCE).unwrap();
    }

    #[test]
    fn a_file_behind_a_link_is_told_when_it_is_written() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (link, file) = (folder.path().join("a.toml"), elsewhere.path().join("mine.toml"));
        fs::write(&file, "1").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let (_watch, told) = watched(&[link]);
        fs::write(&file, "2").unwrap();
        told.recv_timeout(PATIENCE).unwrap();
    }
}
